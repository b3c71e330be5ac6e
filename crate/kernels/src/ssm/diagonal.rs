//! Diagonal systems: complex modes that do not know of each other.

use super::Rule;
use super::blocked::blocked;
use super::vandermonde::{power, powers, vandermonde};
use crate::linalg::Complex;
use crate::math::{PI, exp, expm1, sin, sincos};

/// `x' = diag(a) x + b u`, or the recurrence `x_k = diag(a) x_{k−1} + b u_k`, of complex modes that each stand for
/// themselves and for their conjugates: the output with a read-out `c` is `2 Re Σ_n c_n x_n`. A real mode, which has no
/// conjugate, has half the `b` that it would have alone.
///
/// A. Gu, A. Gupta, K. Goel, C. Ré, "On the Parameterization and Initialization of Diagonal State Space Models", 2022.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagonal {
    /// The eigenvalues.
    pub a: Vec<Complex<f64>>,
    /// The input weights, as many.
    pub b: Vec<Complex<f64>>,
}

impl Diagonal {
    /// S4D-Lin: `a_n = −½ + iπn`, `b_n = 1`, the frequencies of a Fourier series.
    pub fn lin(modes: usize) -> Self {
        Self::damped(modes, |n| PI * n as f64)
    }

    /// S4D-Inv: `a_n = −½ + i N/π (N/(2n+1) − 1)`, `b_n = 1`, `N = 2 · modes`: close to the spectrum of S4D-LegS.
    pub fn inv(modes: usize) -> Self {
        let size = 2.0 * modes as f64;
        Self::damped(modes, |n| size / PI * (size / (2 * n + 1) as f64 - 1.0))
    }

    /// S4D-Real: `a_n = −(n + 1)`, which stand alone: `b_n = ½`.
    pub fn real(modes: usize) -> Self {
        let a = (0..modes).map(|n| Complex::new(-(n as f64 + 1.0), 0.0)).collect();
        Self { a, b: vec![Complex::new(0.5, 0.0); modes] }
    }

    fn damped(modes: usize, frequency: impl Fn(usize) -> f64) -> Self {
        let a = (0..modes).map(|n| Complex::new(-0.5, frequency(n))).collect();
        Self { a, b: vec![Complex::new(1.0, 0.0); modes] }
    }

    /// The recurrence of steps of length Δ, as [`discretise`](super::discretise) makes it: `ā = (1 + Δa/2) / (1 − Δa/2)`,
    /// `b̄ = Δb / (1 − Δa/2)` (bilinear); `e^{Δa}`, `b (e^{Δa} − 1) / a` (zero-order hold); `1 + Δa`, `Δb` (Euler).
    /// Infinite where the bilinear rule divides by zero, at `Δa = 2`.
    pub fn discretise(&self, step: f64, rule: Rule) -> Self {
        let (a, b) = self.a.iter().zip(&self.b).map(|(a, b)| mode(*a * step, *b * step, rule)).unzip();
        Self { a, b }
    }

    /// The kernel `K_l = 2 Re Σ_n c_n b_n a_n^l` of a recurrence, `l = 0 .. length`: the output is its convolution with
    /// the input.
    ///
    /// # Panics
    /// If there are not as many read-out weights as modes.
    pub fn kernel(&self, c: &[Complex<f64>], length: usize) -> Vec<f64> {
        vandermonde(&self.weights(c), &self.a, length)
    }

    /// The output `2 Re Σ_n c_n x_n` of a recurrence after each input in turn, from rest.
    ///
    /// # Panics
    /// If there are not as many read-out weights as modes.
    pub fn recur(&self, c: &[Complex<f64>], u: &[f64]) -> Vec<f64> {
        // Eight modes at a time stay in registers for the whole of the input.
        const LANES: usize = 8;
        let weights = self.weights(c);
        let mut y = vec![0.0; u.len()];
        for (a, weights) in self.a.chunks(LANES).zip(weights.chunks(LANES)) {
            let lanes = |of: &[Complex<f64>]| {
                let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
                for (n, z) in of.iter().enumerate() {
                    (re[n], im[n]) = (z.re, z.im);
                }
                (re, im)
            };
            let ((a_re, a_im), (w_re, w_im)) = (lanes(a), lanes(weights));
            let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
            for (y, u) in y.iter_mut().zip(u) {
                let mut out = [0.0; LANES];
                for n in 0..LANES {
                    let next = a_re[n] * re[n] - a_im[n] * im[n] + u;
                    im[n] = a_re[n] * im[n] + a_im[n] * re[n];
                    re[n] = next;
                    out[n] = w_re[n] * re[n] - w_im[n] * im[n];
                }
                let [o, p, q, r] = std::array::from_fn(|n| out[n] + out[n + 4]);
                *y += (o + q) + (p + r);
            }
        }
        y
    }

    /// The same output by a parallel scan: blocks of the input each from rest, the states at their ends carried on from
    /// block to block, and what each carried state adds; all but the carrying in products of matrices.
    ///
    /// # Panics
    /// If there are not as many read-out weights as modes.
    pub fn scan(&self, c: &[Complex<f64>], u: &[f64]) -> Vec<f64> {
        const BLOCK: usize = 64;
        let (weights, width) = (self.weights(c), 2 * self.a.len());
        let leaps: Vec<_> = self.a.iter().map(|a| power(*a, BLOCK)).collect();
        // A state is the real and imaginary part of each mode, with b left to the weights.
        let (mut ends, mut reads) = (vec![0.0; BLOCK * width], vec![0.0; width * BLOCK]);
        for (n, (a, weight)) in self.a.iter().zip(&weights).enumerate() {
            let (mut re, mut im) = ([0.0; BLOCK], [0.0; BLOCK]);
            powers(*a, &mut re, &mut im);
            for j in 0..BLOCK {
                let last = BLOCK - 1 - j;
                (ends[j * width + 2 * n], ends[j * width + 2 * n + 1]) = (re[last], im[last]);
                let read = weight * a * Complex::new(re[j], im[j]);
                (reads[2 * n * BLOCK + j], reads[(2 * n + 1) * BLOCK + j]) = (read.re, -read.im);
            }
        }
        let kernel = vandermonde(&weights, &self.a, BLOCK);
        blocked(u, &kernel, &ends, &reads, |x, end| {
            for ((x, end), leap) in x.as_chunks_mut::<2>().0.iter_mut().zip(end.as_chunks::<2>().0).zip(&leaps) {
                let next = Complex::new(x[0], x[1]) * leap + Complex::new(end[0], end[1]);
                *x = [next.re, next.im];
            }
        })
    }

    /// `2 c_n b_n`.
    fn weights(&self, c: &[Complex<f64>]) -> Vec<Complex<f64>> {
        assert_eq!(c.len(), self.a.len(), "a read-out weight for each mode");
        self.b.iter().zip(c).map(|(b, c)| 2.0 * b * c).collect()
    }
}

/// `ā` and `b̄` of one mode, from `z = Δa` and `Δb`.
fn mode(z: Complex<f64>, b: Complex<f64>, rule: Rule) -> (Complex<f64>, Complex<f64>) {
    match rule {
        Rule::Bilinear => {
            let solve = Complex::new(1.0, 0.0) / (1.0 - 0.5 * z);
            ((1.0 + 0.5 * z) * solve, b * solve)
        }
        Rule::ZeroOrderHold => {
            let less_one = expm1_complex(z);
            let mean = if z.norm_sqr() > 0.0 { less_one / z } else { Complex::new(1.0, 0.0) };
            let (sin, cos) = sincos(z.im);
            (Complex::new(cos, sin) * exp(z.re), b * mean)
        }
        Rule::Euler => (1.0 + z, b),
    }
}

/// `e^z − 1`, without cancellation near zero: `e^x cos y − 1 = (e^x − 1) cos y − 2 sin² (y/2)`.
fn expm1_complex(z: Complex<f64>) -> Complex<f64> {
    let ((sine, cosine), half) = (sincos(z.im), sin(0.5 * z.im));
    Complex::new(expm1(z.re) * cosine - 2.0 * half * half, exp(z.re) * sine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fft::convolve;
    use crate::linalg::{DMatrix, DVector};
    use crate::ssm::{System, discretise};
    use proptest::prelude::*;

    fn complex(re: std::ops::Range<f64>, im: f64) -> impl Strategy<Value = Complex<f64>> {
        (re, -im..im).prop_map(|(re, im)| Complex::new(re, im))
    }

    /// A stable system, and its read-out.
    fn systems() -> impl Strategy<Value = (Diagonal, Vec<Complex<f64>>)> {
        prop::collection::vec((complex(-2.0..-0.01, 20.0), complex(-1.0..1.0, 1.0), complex(-1.0..1.0, 1.0)), 0..20)
            .prop_map(|modes| {
                let c = modes.iter().map(|mode| mode.2).collect();
                let (a, b) = modes.into_iter().map(|mode| (mode.0, mode.1)).unzip();
                (Diagonal { a, b }, c)
            })
    }

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    const RULES: [Rule; 3] = [Rule::Bilinear, Rule::ZeroOrderHold, Rule::Euler];

    proptest! {
        #[test]
        fn recurrence_scan_and_convolution_agree(
            (system, c) in systems(), u in prop::collection::vec(-1.0_f64..1.0, 0..400), step in 0.001_f64..0.2,
        ) {
            for rule in [Rule::Bilinear, Rule::ZeroOrderHold] {
                let system = system.discretise(step, rule);
                let y = system.recur(&c, &u);
                prop_assert!(apart(&y, &system.scan(&c, &u)) < 1e-11);
                let mut by_kernel = convolve(&system.kernel(&c, u.len()), &u);
                by_kernel.truncate(u.len());
                prop_assert!(apart(&y, &by_kernel) < 1e-11);
            }
        }

        // A mode a = p + iq is the real system [[p, −q], [q, p]].
        #[test]
        fn each_rule_is_that_of_dense_systems(
            a in complex(-3.0..0.0, 9.0), b in complex(-1.0..1.0, 1.0), step in 1e-9_f64..0.2,
        ) {
            let dense = System {
                a: DMatrix::from_row_slice(2, 2, &[a.re, -a.im, a.im, a.re]), b: DVector::from_row_slice(&[b.re, b.im]),
            };
            for rule in RULES {
                let dense = discretise(&dense, step, rule).unwrap();
                let found = Diagonal { a: vec![a], b: vec![b] }.discretise(step, rule);
                prop_assert!((found.a[0].re - dense.a[(0, 0)]).abs() + (found.a[0].im - dense.a[(1, 0)]).abs() < 1e-13);
                prop_assert!((found.b[0].re - dense.b[0]).abs() + (found.b[0].im - dense.b[1]).abs() < 1e-13 * step);
            }
        }
    }

    #[test]
    fn an_integrator_adds_up() {
        let still = Diagonal { a: vec![Complex::new(0.0, 0.0)], b: vec![Complex::new(0.5, 0.0)] };
        for rule in RULES {
            let y = still.discretise(0.25, rule).recur(&[Complex::new(1.0, 0.0)], &[1.0, 2.0, -1.0]);
            assert_eq!(y, [0.25, 0.75, 0.5]);
        }
    }
}
