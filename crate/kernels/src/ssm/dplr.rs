//! LegS as a normal matrix minus one of rank one, diagonal in its own basis: S4, and the S4D-LegS that drops the rank-one
//! part.
//!
//! A. Gu, K. Goel, C. Ré, "Efficiently Modeling Long Sequences with Structured State Spaces", 2021, and the paper of
//! [`Diagonal`].

use super::cauchy::cauchy_homogeneous;
use super::scan::matrix_power;
use super::{Diagonal, Rule, System, discretise, legs};
use crate::fft::{RealFft, Roots, Spectrum};
use crate::linalg::{Complex, DMatrix, DVector};

/// `A = V (Λ − p p*) V*` and `B = V b`, with unitary `V`: `A + P Pᵀ` is normal for `P_n = √(n + ½)`, and its eigenvalues
/// are `−½ + iω`, in the order of `ω`.
#[derive(Clone, Debug)]
pub struct Dplr {
    /// `A` and `B` themselves.
    pub system: System,
    /// `Λ`.
    pub lambda: Vec<Complex<f64>>,
    /// `p = V* P`.
    pub p: Vec<Complex<f64>>,
    /// `b = V* B`.
    pub b: Vec<Complex<f64>>,
    /// `V`.
    pub v: DMatrix<Complex<f64>>,
}

impl Dplr {
    /// LegS of `n` states.
    pub fn legs(n: usize) -> Self {
        let system = legs(n);
        let p = DVector::from_fn(n, |i, _| (i as f64 + 0.5).sqrt());
        // A + P Pᵀ + I/2 is skew-symmetric; −i times it is Hermitian, with the frequencies for eigenvalues.
        let skew = |i: usize, j: usize| match i.cmp(&j) {
            std::cmp::Ordering::Greater => -p[i] * p[j],
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Less => p[i] * p[j],
        };
        let eigen = DMatrix::from_fn(n, n, |i, j| Complex::new(0.0, -skew(i, j))).symmetric_eigen();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[i].total_cmp(&eigen.eigenvalues[j]));
        let lambda = order.iter().map(|&i| Complex::new(-0.5, eigen.eigenvalues[i])).collect();
        let v = eigen.eigenvectors.select_columns(&order);
        let turned = |x: &DVector<f64>| (v.adjoint() * x.map(|x| Complex::new(x, 0.0))).as_slice().to_vec();
        let (p, b) = (turned(&p), turned(&system.b));
        Self { system, lambda, p, b, v }
    }

    /// The kernel `K_l = cᵀ Ā^l B̄`, `l = 0 .. length`, of the bilinear recurrence, in `O((N + log L) L)` operations beside
    /// the power `Ā^L`; None where the power does not exist.
    ///
    /// The truncated generating function `Σ_l K_l z^l = c̃ᵀ (I − Āz)⁻¹ B̄`, `c̃ᵀ = cᵀ (I − Ā^L)`, at the roots of unity is four
    /// Cauchy sums and Woodbury's identity; its values are the Fourier transform of the kernel. With
    /// `α = (1 − z)/Δ`, `β = (1 + z)/2` and `k(x, y) = Σ_n x_n* y_n / (α − β λ_n)` it is
    /// `k(c̃*, b) − β k(c̃*, p) k(p, b) / (1 + β k(p, p))`.
    ///
    /// # Panics
    /// If `c` has not N entries.
    pub fn kernel(&self, c: &DVector<f64>, step: f64, length: usize) -> Option<Vec<f64>> {
        if length == 0 {
            return Some(Vec::new());
        }
        let discrete = discretise(&self.system, step, Rule::Bilinear)?;
        let rest = c - matrix_power(&discrete.a, length).tr_mul(c);
        let c = self.v.tr_mul(&rest.map(|x| Complex::new(x, 0.0)));
        let weights = |x: &dyn Fn(usize) -> Complex<f64>, y: &[Complex<f64>]| -> Vec<_> {
            y.iter().enumerate().map(|(n, y)| x(n) * y).collect()
        };
        let (read, turn) = (|n: usize| c[n], |n: usize| self.p[n].conj());
        let (cb, cp) = (weights(&read, &self.b), weights(&read, &self.p));
        let (pb, pp) = (weights(&turn, &self.b), weights(&turn, &self.p));
        let roots = Roots::new(length);
        let node = |k: usize| {
            let z = roots.at(-(k as i64));
            ((1.0 - z) / step, 0.5 * (1.0 + z))
        };
        let nodes: Vec<_> = (0..=length / 2).map(node).collect();
        let [cb, cp, pb, pp] = cauchy_homogeneous([&cb, &cp, &pb, &pp], &self.lambda, &nodes);
        let value = |k: usize| {
            let beta = nodes[k].1;
            let value = cb[k] - beta * cp[k] * pb[k] / (1.0 + beta * pp[k]);
            (value.re, value.im)
        };
        let (re, im) = (0..nodes.len()).map(value).unzip();
        Some(RealFft::new(length).samples(&Spectrum { re, im }))
    }

    /// S4D-LegS: the normal part alone with half the input, `(Λ, b/2)`, which tends to LegS as N grows; and the read-out
    /// of each state of LegS, a row of N x modes.
    pub fn diagonal(&self) -> (Diagonal, DMatrix<Complex<f64>>) {
        // Conjugate pairs by the one above the real axis; an odd N leaves the real −½, in the middle, with half a weight.
        let n = self.lambda.len();
        let kept: Vec<usize> = (n / 2..n).collect();
        let weight = |i: usize| if n % 2 == 1 && i == n / 2 { 0.25 } else { 0.5 };
        let a = kept.iter().map(|&i| self.lambda[i]).collect();
        let b = kept.iter().map(|&i| self.b[i] * weight(i)).collect();
        (Diagonal { a, b }, self.v.select_columns(&kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::expm;

    #[test]
    fn the_parts_make_legs() {
        for n in [1, 2, 3, 8, 33, 64] {
            let s4 = Dplr::legs(n);
            let lambda = DMatrix::from_diagonal(&DVector::from_vec(s4.lambda.clone()));
            let p = DVector::from_vec(s4.p.clone());
            let a = &s4.v * (lambda - &p * p.adjoint()) * s4.v.adjoint();
            let apart = |x: &DMatrix<Complex<f64>>, y: &DMatrix<f64>| {
                x.iter().zip(y.iter()).map(|(x, y)| (x - y).norm_sqr().sqrt()).fold(0.0, f64::max)
            };
            assert!(apart(&a, &s4.system.a) < 1e-14 * (n * n * n) as f64);
            assert!(apart(&(&s4.v * s4.v.adjoint()), &DMatrix::identity(n, n)) < 1e-13);
        }
    }

    #[test]
    fn the_cauchy_kernel_is_that_of_powers() {
        for (n, length, step) in [(1, 1, 0.1), (2, 7, 0.2), (16, 100, 0.01), (64, 1000, 0.02), (64, 999, 0.003)] {
            let s4 = Dplr::legs(n);
            let c = DVector::from_fn(n, |i, _| 1.0 / (1.0 + i as f64));
            let found = s4.kernel(&c, step, length).unwrap();
            let expected = discretise(&s4.system, step, Rule::Bilinear).unwrap().kernel(&c, length);
            assert_eq!(found.len(), length);
            let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-11, "N = {n}: {apart}");
        }
    }

    /// The theorem of the S4D paper: the basis `e^{tA} B` of (A_N, B/2) tends to that of (A, B).
    #[test]
    fn the_normal_part_with_half_the_input_tends_to_legs() {
        let error = |n: usize| {
            let s4 = Dplr::legs(n);
            let (diagonal, reads) = s4.diagonal();
            let first: Vec<_> = reads.row(0).iter().copied().collect();
            let found = diagonal.discretise(0.02, Rule::ZeroOrderHold).kernel(&first, 200);
            let exact = discretise(&s4.system, 0.02, Rule::ZeroOrderHold).unwrap();
            let exact = exact.kernel(&DVector::from_fn(n, |i, _| if i == 0 { 1.0 } else { 0.0 }), 200);
            let sum = |f: &dyn Fn(f64, f64) -> f64| found.iter().zip(&exact).map(|(a, b)| f(*a, *b)).sum::<f64>();
            (sum(&|a, b| (a - b) * (a - b)) / sum(&|_, b| b * b)).sqrt()
        };
        let errors = [16, 32, 64, 128].map(error);
        assert!(errors.windows(2).all(|pair| pair[1] < pair[0] / 1.6), "{errors:?}");
    }

    /// The diagonal part is the matrix `A + P Pᵀ` in other coordinates, for odd sizes too.
    #[test]
    fn the_diagonal_part_is_the_normal_matrix() {
        for n in [1, 6, 7] {
            let s4 = Dplr::legs(n);
            let (diagonal, reads) = s4.diagonal();
            let p = DVector::from_fn(n, |i, _| (i as f64 + 0.5).sqrt());
            let normal = &s4.system.a + &p * p.transpose();
            let state = expm(&(&normal * 0.3)).unwrap() * &s4.system.b * 0.5;
            let step = diagonal.discretise(0.3, Rule::ZeroOrderHold);
            for i in 0..n {
                let modes = (0..diagonal.a.len()).map(|m| 2.0 * reads[(i, m)] * step.a[m] * diagonal.b[m]);
                let found: Complex<f64> = modes.sum();
                assert!((found.re - state[i]).abs() < 1e-13);
            }
        }
    }
}
