//! Eigenvalues and eigenvectors of a general complex matrix, in slices.
//!
//! Householder reduction to Hessenberg form, the single-shift QR iteration with Wilkinson's shifts, and back
//! substitution in the Schur form (Golub and Van Loan, *Matrix Computations*, 7.4 to 7.6). It is written so that it
//! can stop after a while and go on later: a page must not wait for a matrix.

use super::{Complex, dot};

const ZERO: Complex<f64> = Complex { re: 0.0, im: 0.0 };
const ONE: Complex<f64> = Complex { re: 1.0, im: 0.0 };

/// An eigenproblem being solved: `A = Q T Q*`, with `T` on its way to triangular.
#[derive(Clone, Debug)]
pub struct ComplexEigen {
    n: usize,
    /// `T`, by rows.
    t: Vec<Complex<f64>>,
    /// The columns of `Q`, one after the other.
    q: Vec<Complex<f64>>,
    /// The largest entry of `A`: what rounding is measured against.
    scale: f64,
    stage: Stage,
    vectors: Vec<Vec<Complex<f64>>>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Clearing column `.0` below the subdiagonal.
    Reduce(usize),
    /// Rows from `last + 1` on are triangular; `tries` sweeps went into row `last`.
    Iterate {
        last: usize,
        tries: usize,
    },
    /// Vectors up to here are found.
    Vectors,
    Done,
}

impl ComplexEigen {
    /// The problem for the `n` x `n` matrix `a`, by rows.
    pub fn new(a: Vec<Complex<f64>>, n: usize) -> Self {
        let mut q = vec![ZERO; n * n];
        for i in 0..n {
            q[i * n + i] = ONE;
        }
        let scale = a.iter().map(|entry| entry.norm_sqr()).fold(0.0, f64::max).sqrt();
        Self { n, t: a, q, scale, stage: Stage::Reduce(0), vectors: Vec::with_capacity(n) }
    }

    /// Works for about `work` complex multiplications (at least one slice of some n² of them); says whether it is done.
    pub fn advance(&mut self, work: u32) -> bool {
        let mut left = i64::from(work);
        loop {
            left -= match self.stage {
                Stage::Reduce(k) if k + 2 < self.n => self.reduce(k),
                Stage::Reduce(_) => {
                    self.stage = Stage::Iterate { last: self.n.saturating_sub(1), tries: 0 };
                    0
                }
                Stage::Iterate { last, tries } => self.iterate(last, tries),
                Stage::Vectors if self.vectors.len() < self.n => self.substitute(self.vectors.len()),
                Stage::Vectors => {
                    self.stage = Stage::Done;
                    0
                }
                Stage::Done => return true,
            };
            if left <= 0 && !matches!(self.stage, Stage::Done) {
                return false;
            }
        }
    }

    /// Every eigenvalue with its unit eigenvector; empty before [`advance`](Self::advance) has said that it is done.
    pub fn pairs(self) -> Vec<(Complex<f64>, Vec<Complex<f64>>)> {
        if !matches!(self.stage, Stage::Done) {
            return Vec::new();
        }
        let n = self.n;
        let values = (0..n).map(|i| self.t[i * n + i]);
        values.zip(self.vectors).collect()
    }

    /// `T ← P T P`, `Q ← Q P` with the Householder reflection `P = I - 2 v v*` that clears column `k` below the
    /// subdiagonal.
    fn reduce(&mut self, k: usize) -> i64 {
        let n = self.n;
        self.stage = Stage::Reduce(k + 1);
        let mut v: Vec<_> = (k + 1..n).map(|i| self.t[i * n + k]).collect();
        let below: f64 = v[1..].iter().map(|entry| entry.norm_sqr()).sum();
        if below <= (f64::EPSILON * f64::EPSILON * f64::EPSILON) * self.scale * self.scale {
            return n as i64;
        }
        let head = v[0].norm_sqr().sqrt();
        let length = (head * head + below).sqrt();
        let phase = if head > 0.0 { v[0] / head } else { ONE };
        v[0] += phase * length;
        let norm = v.iter().map(|entry| entry.norm_sqr()).sum::<f64>().sqrt();
        v.iter_mut().for_each(|entry| *entry /= norm);

        let mut row = vec![ZERO; n];
        for (i, v) in v.iter().enumerate() {
            axpy(&mut row, v.conj(), &self.t[(k + 1 + i) * n..(k + 2 + i) * n]);
        }
        for (i, v) in v.iter().enumerate() {
            axpy(&mut self.t[(k + 1 + i) * n..(k + 2 + i) * n], -2.0 * v, &row);
        }
        let conjugate: Vec<_> = v.iter().map(|entry| entry.conj()).collect();
        for i in 0..n {
            let part = &mut self.t[i * n + k + 1..(i + 1) * n];
            let along = dot(&conjugate, part);
            axpy(part, -2.0 * along, &conjugate);
        }
        let mut along = vec![ZERO; n];
        for (i, v) in v.iter().enumerate() {
            axpy(&mut along, *v, &self.q[(k + 1 + i) * n..(k + 2 + i) * n]);
        }
        for (i, v) in v.iter().enumerate() {
            axpy(&mut self.q[(k + 1 + i) * n..(k + 2 + i) * n], -2.0 * v.conj(), &along);
        }
        for i in k + 2..n {
            self.t[i * n + k] = ZERO;
        }
        6 * (n * (n - k)) as i64
    }

    /// One QR sweep of the last block that has not split, or its deflation.
    fn iterate(&mut self, last: usize, tries: usize) -> i64 {
        let n = self.n;
        // A subdiagonal entry that rounding would drown counts as zero.
        let mut first = last;
        while first > 0 {
            let (above, here) = (self.t[(first - 1) * n + first - 1], self.t[first * n + first]);
            let beside = above.norm_sqr().sqrt() + here.norm_sqr().sqrt();
            let small = f64::EPSILON * if beside > 0.0 { beside } else { self.scale };
            let entry = &mut self.t[first * n + first - 1];
            if entry.norm_sqr() <= small * small {
                *entry = ZERO;
                break;
            }
            first -= 1;
        }
        if first == last || tries > 60 {
            if last > 0 {
                self.t[last * n + last - 1] = ZERO;
            }
            self.stage = if last == 0 { Stage::Vectors } else { Stage::Iterate { last: last - 1, tries: 0 } };
            return 1;
        }
        let shift = if tries % 10 == 9 {
            // An exceptional shift, should the iteration run in a circle.
            self.t[last * n + last] + self.t[last * n + last - 1].norm_sqr().sqrt()
        } else {
            self.wilkinson(last)
        };
        let (mut x, mut y) = (self.t[first * n + first] - shift, self.t[(first + 1) * n + first]);
        for k in first..last {
            // [c s; -s* c] takes (x, y) to (r, 0).
            let (norm_x, r) = (x.norm_sqr().sqrt(), (x.norm_sqr() + y.norm_sqr()).sqrt());
            let (c, s) = match () {
                () if r == 0.0 => (1.0, ZERO),
                () if norm_x == 0.0 => (0.0, y.conj() / r),
                () => (norm_x / r, x / norm_x * y.conj() / r),
            };
            let from = if k > first { k - 1 } else { first };
            let (upper, lower) = self.t.split_at_mut((k + 1) * n);
            rotate(&mut upper[k * n + from..], &mut lower[from..n], c, s);
            for i in 0..=(k + 2).min(last) {
                let (a, b) = (self.t[i * n + k], self.t[i * n + k + 1]);
                self.t[i * n + k] = a * c + b * s.conj();
                self.t[i * n + k + 1] = b * c - a * s;
            }
            let (left, right) = self.q.split_at_mut((k + 1) * n);
            rotate(&mut left[k * n..], &mut right[..n], c, s.conj());
            if k > first {
                self.t[(k + 1) * n + k - 1] = ZERO;
            }
            if k + 1 < last {
                x = self.t[(k + 1) * n + k];
                y = self.t[(k + 2) * n + k];
            }
        }
        self.stage = Stage::Iterate { last, tries: tries + 1 };
        (5 * (last - first) * n) as i64
    }

    /// The eigenvalue of the last two rows' block that is closer to its last entry.
    fn wilkinson(&self, last: usize) -> Complex<f64> {
        let n = self.n;
        let at = |i: usize, j: usize| self.t[i * n + j];
        let (a, b, c, d) = (at(last - 1, last - 1), at(last - 1, last), at(last, last - 1), at(last, last));
        let half = (a - d) * 0.5;
        let root = square_root(half * half + b * c);
        let root = if (half.conj() * root).re < 0.0 { -root } else { root };
        let divisor = half + root;
        if divisor.norm_sqr() > 0.0 { d - b * c / divisor } else { d }
    }

    /// Solves `(T - t_jj I) x = 0` with `x_j = 1` from below, and turns it back: `g = Q x`.
    fn substitute(&mut self, j: usize) -> i64 {
        let n = self.n;
        let value = self.t[j * n + j];
        let smallest = f64::EPSILON * if self.scale > 0.0 { self.scale } else { 1.0 };
        let mut x = vec![ZERO; j + 1];
        x[j] = ONE;
        for i in (0..j).rev() {
            let sum: Complex<f64> =
                self.t[i * n + i + 1..i * n + j + 1].iter().zip(&x[i + 1..]).map(|(t, x)| t * x).sum();
            let gap = self.t[i * n + i] - value;
            // A defective matrix has too few eigenvectors: neighbours get the same one, to rounding.
            let gap = if gap.norm_sqr() < smallest * smallest { Complex::new(smallest, 0.0) } else { gap };
            x[i] = -sum / gap;
            if x[i].norm_sqr() > 1e100 {
                x.iter_mut().for_each(|x| *x *= 1e-50);
            }
        }
        let mut g = vec![ZERO; n];
        for (k, x) in x.iter().enumerate() {
            axpy(&mut g, *x, &self.q[k * n..(k + 1) * n]);
        }
        let norm = g.iter().map(|entry| entry.norm_sqr()).sum::<f64>().sqrt();
        g.iter_mut().for_each(|entry| *entry /= norm);
        self.vectors.push(g);
        (2 * n * (j + 1)) as i64
    }
}

/// The square root with a real part that is not negative, by square roots of real numbers alone.
fn square_root(z: Complex<f64>) -> Complex<f64> {
    let size = z.norm_sqr().sqrt();
    let re = (0.5 * (size + z.re)).max(0.0).sqrt();
    let im = (0.5 * (size - z.re)).max(0.0).sqrt();
    Complex::new(re, if z.im < 0.0 { -im } else { im })
}

/// `y ← y + a x`.
fn axpy(y: &mut [Complex<f64>], a: Complex<f64>, x: &[Complex<f64>]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// `(a, b) ← (c a + s b, c b - s* a)`.
fn rotate(a: &mut [Complex<f64>], b: &mut [Complex<f64>], c: f64, s: Complex<f64>) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (*a * c + *b * s, *b * c - *a * s.conj());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn solve(a: &[Complex<f64>], n: usize, work: u32) -> Vec<(Complex<f64>, Vec<Complex<f64>>)> {
        let mut eigen = ComplexEigen::new(a.to_vec(), n);
        while !eigen.advance(work) {}
        eigen.pairs()
    }

    fn largest_residual(a: &[Complex<f64>], n: usize, pairs: &[(Complex<f64>, Vec<Complex<f64>>)]) -> f64 {
        let residual = |(value, g): &(Complex<f64>, Vec<Complex<f64>>)| {
            let entry = |i: usize| {
                let image: Complex<f64> = a[i * n..(i + 1) * n].iter().zip(g).map(|(a, g)| a * g).sum();
                (image - value * g[i]).norm_sqr()
            };
            (0..n).map(entry).sum::<f64>().sqrt()
        };
        pairs.iter().map(residual).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn every_pair_satisfies_its_equation_and_the_trace_is_kept(
            n in 1_usize..24,
            entries in prop::collection::vec((-1.0_f64..1.0, -1.0_f64..1.0), 24 * 24),
            work in 1_u32..5000,
        ) {
            let a: Vec<_> = entries[..n * n].iter().map(|(re, im)| Complex::new(*re, *im)).collect();
            let pairs = solve(&a, n, work);
            prop_assert_eq!(pairs.len(), n);
            prop_assert!(largest_residual(&a, n, &pairs) < 1e-11);
            let trace: Complex<f64> = (0..n).map(|i| a[i * n + i]).sum();
            let sum: Complex<f64> = pairs.iter().map(|pair| pair.0).sum();
            prop_assert!((trace - sum).norm_sqr().sqrt() < 1e-11);
        }
    }

    #[test]
    fn the_eigenvalues_of_a_cyclic_shift_are_the_roots_of_unity() {
        let n = 12;
        let mut a = vec![ZERO; n * n];
        for i in 0..n {
            a[(i + 1) % n * n + i] = ONE;
        }
        let pairs = solve(&a, n, u32::MAX);
        assert_eq!(pairs.len(), n);
        for (value, _) in &pairs {
            let power = (0..n).fold(ONE, |power, _| power * value);
            assert!((power - ONE).norm_sqr().sqrt() < 1e-12, "{value}");
        }
        let sum: Complex<f64> = pairs.iter().map(|pair| pair.0).sum();
        assert!(sum.norm_sqr().sqrt() < 1e-12);
    }

    #[test]
    fn a_nilpotent_shift_has_nothing_but_zero() {
        let n = 11;
        let mut a = vec![ZERO; n * n];
        for i in 0..n - 1 {
            a[(i + 1) * n + i] = ONE;
        }
        let pairs = solve(&a, n, 7);
        assert_eq!(pairs.len(), n);
        assert!(largest_residual(&a, n, &pairs) < 1e-14);
        assert!(pairs.iter().all(|(value, g)| value.norm_sqr() < 1e-2 && g.iter().all(|g| g.re.is_finite())));
    }
}
