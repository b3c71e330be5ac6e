//! Roots of unity.

use crate::linalg::Complex;
use crate::math::{PI, sincos};
use std::cmp::Ordering;
use std::f64::consts::FRAC_1_SQRT_2;

/// The `n`-th roots of unity `e^{2πik/n}`, in the order of `k`, to within rounding and with their symmetries exact.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Complex<f64>>);

impl Roots {
    /// All `n` of them.
    pub fn new(n: usize) -> Self {
        Self((0..n).map(|k| root(k, n)).collect())
    }

    /// `e^{2πik/n}` for any whole `k`.
    pub fn at(&self, k: i64) -> Complex<f64> {
        self.0[k.rem_euclid(self.0.len() as i64) as usize]
    }

    /// The Fourier coefficient `Σ_j x_j e^{-2πijk/n}`: one of them, where [`Fft`](super::Fft) gives all.
    pub fn coefficient(&self, x: impl IntoIterator<Item = Complex<f64>>, k: i64) -> Complex<f64> {
        let n = self.0.len();
        let stride = k.rem_euclid(n as i64) as usize;
        let (mut sum, mut index) = (Complex::new(0.0, 0.0), 0);
        for x in x {
            sum += x * self.0[index].conj();
            index += stride;
            if index >= n {
                index -= n;
            }
        }
        sum
    }
}

/// `e^{2πik/n}`, `k < n`: a whole number of quarter turns, and an angle of at most an eighth of a turn from its end.
fn root(k: usize, n: usize) -> Complex<f64> {
    let (quarters, rest) = (4 * k / n, 4 * k % n);
    let angle = |part: usize| 0.5 * PI * part as f64 / n as f64;
    let (sin, cos) = match (2 * rest).cmp(&n) {
        Ordering::Less => sincos(angle(rest)),
        Ordering::Equal => (FRAC_1_SQRT_2, FRAC_1_SQRT_2),
        Ordering::Greater => {
            let (sin, cos) = sincos(angle(n - rest));
            (cos, sin)
        }
    };
    match quarters {
        0 => Complex::new(cos, sin),
        1 => Complex::new(-sin, cos),
        2 => Complex::new(-cos, -sin),
        _ => Complex::new(sin, -cos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wave_has_one_coefficient(n in 2_i64..30, frequency in 0_i64..30, k in -40_i64..40) {
            let roots = Roots::new(n as usize);
            let found = roots.coefficient((0..n).map(|j| roots.at(j * frequency)), k);
            let expected = if (k - frequency) % n == 0 { n as f64 } else { 0.0 };
            prop_assert!((found - expected).norm_sqr().sqrt() < 1e-11);
        }

        #[test]
        fn roots_multiply_by_adding_their_indices(n in 1_i64..5000, j in 0_i64..5000, k in 0_i64..5000) {
            let roots = Roots::new(n as usize);
            let apart = roots.at(j) * roots.at(k) - roots.at(j + k);
            prop_assert!(apart.norm_sqr().sqrt() < 4.0 * f64::EPSILON);
            prop_assert_eq!(roots.at(-k), roots.at(k).conj());
        }
    }
}
