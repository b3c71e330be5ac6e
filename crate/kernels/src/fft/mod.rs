//! Fourier analysis with `libm`'s sines: the same to the bit everywhere.

use crate::linalg::Complex;
use crate::math::{TAU, sincos};

/// The `n`-th roots of unity `e^{2πik/n}`, in the order of `k`.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Complex<f64>>);

impl Roots {
    /// All `n` of them.
    pub fn new(n: usize) -> Self {
        let root = |k| {
            let (sin, cos) = sincos(TAU * k as f64 / n as f64);
            Complex::new(cos, sin)
        };
        Self((0..n).map(root).collect())
    }

    /// `e^{2πik/n}` for any whole `k`.
    pub fn at(&self, k: i64) -> Complex<f64> {
        self.0[k.rem_euclid(self.0.len() as i64) as usize]
    }

    /// The Fourier coefficient `Σ_j x_j e^{-2πijk/n}`.
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

    /// The power of a real signal at each frequency `0 ..= n/2`, summed with that of the opposite frequency; over all
    /// frequencies it is `n Σ_j x_j²` (Parseval).
    pub fn power(&self, x: &[f64]) -> Vec<f64> {
        let n = self.0.len();
        let power = |k: usize| {
            let once = self.coefficient(x.iter().map(|x| Complex::new(*x, 0.0)), k as i64).norm_sqr();
            if k == 0 || 2 * k == n { once } else { 2.0 * once }
        };
        (0..=n / 2).map(power).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn power_is_kept(x in prop::collection::vec(-1.0_f64..1.0, 1..40)) {
            let n = x.len();
            let power: f64 = Roots::new(n).power(&x).iter().sum();
            let squares: f64 = x.iter().map(|x| x * x).sum();
            prop_assert!((power - n as f64 * squares).abs() < 1e-10);
        }

        #[test]
        fn a_wave_has_one_coefficient(n in 2_i64..30, frequency in 0_i64..30, k in -40_i64..40) {
            let roots = Roots::new(n as usize);
            let found = roots.coefficient((0..n).map(|j| roots.at(j * frequency)), k);
            let expected = if (k - frequency) % n == 0 { n as f64 } else { 0.0 };
            prop_assert!((found - expected).norm_sqr().sqrt() < 1e-11);
        }
    }
}
