//! The logistic function and its relatives.

use super::{exp, exp_wide, log1p};

/// The logistic function `1 / (1 + e^-x)`.
pub fn sigmoid(x: f64) -> f64 {
    // Neither branch overflows, and each keeps its relative accuracy.
    if x >= 0.0 { 1.0 / (1.0 + exp(-x)) } else { exp(x) / (1.0 + exp(x)) }
}

/// `log(1 + e^x)`, the integral of [`sigmoid`].
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + log1p(exp(-x.abs()))
}

/// [`sigmoid`] to within two units in the last place and without a branch, so that a loop over it runs in SIMD
/// registers. Zero below -709.
#[inline(always)]
pub fn sigmoid_wide(x: f64) -> f64 {
    1.0 / (1.0 + exp_wide(-x))
}

/// The hyperbolic tangent to within two units in the last place and without a branch, so that a loop over it runs in
/// SIMD registers: near zero the rational function of Moshier's Cephes (`tanh.c`), elsewhere `1 - 2 / (e^2|x| + 1)`.
#[inline(always)]
pub fn tanh_wide(x: f64) -> f64 {
    let size = x.abs();
    let z = x * x;
    let p = (-9.643_991_794_250_523e-1 * z - 9.928_772_310_019_185e1) * z - 1.614_687_684_417_084_5e3;
    let q = ((z + 1.128_116_784_916_329_3e2) * z + 2.235_488_390_601_004_4e3) * z + 4.844_063_053_251_255e3;
    let near = size + size * z * (p / q);
    let far = 1.0 - 2.0 / (exp_wide(2.0 * size) + 1.0);
    (if size < 0.625 { near } else { far }).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::tanh;
    use proptest::prelude::*;

    fn units_apart(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn the_ends_and_the_special() {
        assert_eq!((sigmoid(0.0), sigmoid_wide(0.0), tanh_wide(0.0)), (0.5, 0.5, 0.0));
        assert_eq!((sigmoid(800.0), sigmoid(-800.0), softplus(-800.0), softplus(800.0)), (1.0, 0.0, 0.0, 800.0));
        assert_eq!((sigmoid_wide(f64::INFINITY), sigmoid_wide(f64::NEG_INFINITY)), (1.0, 0.0));
        assert_eq!((tanh_wide(f64::INFINITY), tanh_wide(f64::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((tanh_wide(1e300), tanh_wide(-1e300), tanh_wide(-1e-300)), (1.0, -1.0, -1e-300));
        assert_eq!(tanh_wide(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert!(tanh_wide(f64::NAN).is_nan() && sigmoid_wide(f64::NAN).is_nan());
    }

    /// Each errs by at most two units (`tests/reference/functions.py` has the exact values).
    #[test]
    fn a_million_arguments_differ_from_the_scalar_twins_by_four_units_at_most() {
        let places = || (0..1_000_000).map(|i| -25.0 + f64::from(i) * 5e-5 + 1e-9);
        let worst = places().map(|x| units_apart(sigmoid_wide(x), sigmoid(x))).max();
        assert!(worst <= Some(4), "{worst:?}");
        let worst = places().map(|x| units_apart(tanh_wide(x), tanh(x))).max();
        assert!(worst <= Some(4), "{worst:?}");
        let worst = places().map(|x| units_apart(tanh_wide(0.03 * x), tanh(0.03 * x))).max();
        assert!(worst <= Some(4), "{worst:?}");
    }

    proptest! {
        #[test]
        fn they_belong_together(x in -30.0_f64..30.0) {
            prop_assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() < 3e-16);
            prop_assert!((2.0 * sigmoid(2.0 * x) - 1.0 - tanh_wide(x)).abs() < 4e-16);
            prop_assert!((softplus(x) - softplus(-x) - x).abs() < 1e-14);
            prop_assert_eq!(tanh_wide(-x), -tanh_wide(x));
        }
    }
}
