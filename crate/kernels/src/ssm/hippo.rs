//! The HiPPO systems: those whose state is a list of coefficients of the input's history in an orthonormal basis.
//!
//! A. Gu, I. Johnson, A. Timalsina, A. Rudra, C. Ré, "How to Train Your HiPPO: State Space Models with Generalized
//! Orthogonal Basis Projections", 2022. Indices run from zero; `s` is how long ago, in timescales.

use super::System;
use crate::linalg::{DMatrix, DVector};
use crate::math::{TAU, cos, sin};

fn root(n: usize) -> f64 {
    ((2 * n + 1) as f64).sqrt()
}

/// LegS: exponentially warped Legendre polynomials `√(2n+1) P_n(2e^{−s} − 1)`, orthonormal in the weight `e^{−s}`.
///
/// `A_nk = −√(2n+1)√(2k+1)` for n > k, `−(n+1)` for n = k, 0 above; `B_n = √(2n+1)`.
pub fn legs(n: usize) -> System {
    let entry = |row: usize, column: usize| match row.cmp(&column) {
        std::cmp::Ordering::Greater => -root(row) * root(column),
        std::cmp::Ordering::Equal => -(row as f64 + 1.0),
        std::cmp::Ordering::Less => 0.0,
    };
    System { a: DMatrix::from_fn(n, n, entry), b: DVector::from_fn(n, |row, _| root(row)) }
}

/// LegT: Legendre polynomials `√(2n+1) P_n(1 − 2s)` of a sliding window, `s` in [0, 1]. What leaves the window is taken
/// from the polynomial itself, so that it is exact only as N grows.
///
/// `A_nk = −√(2n+1)√(2k+1)`, times `(−1)^{n−k}` above the diagonal; `B_n = √(2n+1)`.
pub fn legt(n: usize) -> System {
    let sign = |row: usize, column: usize| if column > row && (column - row) % 2 == 1 { 1.0 } else { -1.0 };
    let entry = |row: usize, column: usize| sign(row, column) * root(row) * root(column);
    System { a: DMatrix::from_fn(n, n, entry), b: DVector::from_fn(n, |row, _| root(row)) }
}

/// FouT: the Fourier basis 1, √2 cos 2πms, √2 sin 2πms of a sliding window, `s` in [0, 1], in the order of [`fourier`].
///
/// With `b` the basis at s = 0: `A` is the rotation that differentiates the basis minus `2 b bᵀ`, and `B = 2b`, since the
/// series gives the mean of the window's two ends at either; the delay it makes is exact up to an error of order 1/N. A cosine without its sine, which an even N leaves over, is
/// kept idle.
pub fn fout(n: usize) -> System {
    let mut b = DVector::zeros(n);
    fourier(0.0, b.as_mut_slice());
    let mut a = &b * b.transpose() * -2.0;
    for sine in (2..n).step_by(2) {
        let frequency = TAU * (sine / 2) as f64;
        a[(sine - 1, sine)] = -frequency;
        a[(sine, sine - 1)] = frequency;
    }
    System { a, b: b * 2.0 }
}

/// The Fourier basis at `s`: 1, √2 cos 2πs, √2 sin 2πs, √2 cos 4πs, …; zero for a last cosine without its sine.
pub fn fourier(s: f64, values: &mut [f64]) {
    let n = values.len();
    for (index, value) in values.iter_mut().enumerate() {
        let angle = TAU * index.div_ceil(2) as f64 * s;
        *value = match index {
            0 => 1.0,
            _ if index % 2 == 0 => 2.0_f64.sqrt() * sin(angle),
            _ if index + 1 == n => 0.0,
            _ => 2.0_f64.sqrt() * cos(angle),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legendre::orthonormal_legendre;
    use crate::linalg::expm;
    use crate::math::exp;
    use crate::ssm::{Rule, discretise};

    /// The theorem of the paper: `[e^{tA} B]_n = √(2n+1) e^{−t} P_n(2e^{−t} − 1)`.
    #[test]
    fn the_legs_basis_is_warped_legendre() {
        for n in [1, 7, 32, 64] {
            let system = legs(n);
            for t in [0.0, 0.1, 0.7, 2.0, 5.0] {
                let basis = expm(&(&system.a * t)).unwrap() * &system.b;
                let mut formula = vec![0.0; n];
                orthonormal_legendre(2.0 * exp(-t) - 1.0, &mut formula);
                for (k, p) in basis.iter().zip(formula) {
                    assert!((k - exp(-t) * p).abs() < 1e-11, "N = {n}, t = {t}");
                }
            }
        }
    }

    /// A constant that has filled the window is its own first coefficient, and is at rest.
    #[test]
    fn a_constant_input_is_at_rest() {
        for system in [legs(9), legt(9), fout(9)] {
            let mut x = DVector::zeros(9);
            x[0] = 1.0;
            assert!((&system.a * x + &system.b).amax() < 1e-12);
        }
    }

    /// What went in half a window ago comes out of the Fourier coefficients, with an error that falls like 1/N.
    #[test]
    fn a_fourier_window_delays() {
        let worst = |n: usize| {
            let discrete = discretise(&fout(n), 1e-3, Rule::ZeroOrderHold).unwrap();
            let mut basis = vec![0.0; n];
            fourier(0.5, &mut basis);
            let input = |k: f64| sin(0.01 * k);
            let (mut x, mut worst) = (DVector::zeros(n), 0.0_f64);
            for k in 0..3000 {
                x = &discrete.a * x + &discrete.b * input(f64::from(k));
                if k >= 2000 {
                    let delayed: f64 = basis.iter().zip(x.iter()).map(|(p, x)| p * x).sum();
                    worst = worst.max((delayed - input(f64::from(k) - 499.5)).abs());
                }
            }
            worst
        };
        let (coarse, fine) = (worst(17), worst(65));
        assert!(fine < 0.035 && (3.5..4.5).contains(&(coarse / fine)), "{coarse} {fine}");
    }
}
