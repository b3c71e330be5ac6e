//! The exponential of many numbers at once.

/// `log2(e)`, and `ln(2)` in two parts, the first with zeros at its end so that its multiples are exact.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Adding it rounds to a whole number, which then stands in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Below this the result, less than 3.4e-308, counts as zero; above the other it is infinite.
const LEAST: f64 = -708.0;
const GREATEST: f64 = 709.0;

/// `e^x` to within one unit in the last place and without a branch, so that a loop over it runs in SIMD registers, on
/// every machine with the same bits (no fused operations). `exp(x)` is zero below -708 and infinite above 709.
///
/// With `x = k ln 2 + r`, `|r| <= ln 2 / 2`: `e^x = 2^k (1 + r + r² q(r))`, `q` the Taylor polynomial of degree 11.
#[inline(always)]
pub fn exp_wide(x: f64) -> f64 {
    let shifted = x * LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let r2 = r * r;
    let r4 = r2 * r2;
    // Pairs of terms first (Estrin): shorter chains than Horner's rule.
    let a = 1.0 / 2.0 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
    let b = 1.0 / 720.0 + r * (1.0 / 5_040.0) + r2 * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let c = 1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0) + r2 * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let q = a + r4 * (b + r4 * c);
    let mantissa = 1.0 + (r + r2 * q);
    // 2^k, its exponent made from the low bits.
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let value = mantissa * scale;
    let value = if x < LEAST { 0.0 } else { value };
    if x > GREATEST { f64::INFINITY } else { value }
}

/// The same for `f32`: `log2(e)`, `ln(2)` in two parts, rounding, and the range.
const LN_2_HIGH_F32: f32 = 355.0 / 512.0;
const LN_2_LOW_F32: f32 = -2.121_944_4e-4;
const ROUND_F32: f32 = 12_582_912.0;
const LEAST_F32: f32 = -87.0;
const GREATEST_F32: f32 = 88.0;

/// [`exp_wide`] for `f32`, to within one unit in the last place: zero below -87 and infinite above 88. Here `q` is the
/// Taylor polynomial of degree 5.
#[inline(always)]
pub fn exp_wide_f32(x: f32) -> f32 {
    let shifted = x * std::f32::consts::LOG2_E + ROUND_F32;
    let k = shifted - ROUND_F32;
    let r = (x - k * LN_2_HIGH_F32) - k * LN_2_LOW_F32;
    let r2 = r * r;
    let a = 1.0 / 2.0 + r * (1.0 / 6.0);
    let b = 1.0 / 24.0 + r * (1.0 / 120.0);
    let c = 1.0 / 720.0 + r * (1.0 / 5_040.0);
    let q = a + r2 * (b + r2 * c);
    let mantissa = 1.0 + (r + r2 * q);
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let value = mantissa * scale;
    let value = if x < LEAST_F32 { 0.0 } else { value };
    if x > GREATEST_F32 { f32::INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;
    use proptest::prelude::*;

    fn units_apart(x: f64) -> u64 {
        exp_wide(x).to_bits().abs_diff(exp(x).to_bits())
    }

    #[test]
    fn the_ends_and_the_special() {
        assert_eq!(exp_wide(0.0), 1.0);
        assert_eq!(exp_wide(-0.0), 1.0);
        assert_eq!(exp_wide(-708.5), 0.0);
        assert_eq!(exp_wide(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp_wide(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp_wide(1e300), f64::INFINITY);
        assert_eq!(exp_wide(-1e300), 0.0);
        assert!(exp_wide(f64::NAN).is_nan());
        assert!(units_apart(-708.0) <= 1 && units_apart(709.0) <= 1);
    }

    #[test]
    fn two_million_arguments_err_by_at_most_one_unit() {
        let worst = (0..2_000_000).map(|i| units_apart(-708.0 + f64::from(i) * 7.085e-4)).max();
        assert!(worst <= Some(1), "{worst:?}");
        let worst = (0..2_000_000).map(|i| units_apart(-0.4 + f64::from(i) * 4e-7)).max();
        assert!(worst <= Some(1), "{worst:?}");
    }

    /// The rounded `e^x`, taken in `f64`.
    fn units_apart_f32(x: f32) -> u32 {
        exp_wide_f32(x).to_bits().abs_diff((exp(f64::from(x)) as f32).to_bits())
    }

    #[test]
    fn the_f32_twin_errs_by_at_most_one_unit_too() {
        let worst = (0..2_000_000_u32).map(|i| units_apart_f32(-87.0 + i as f32 * 8.75e-5)).max();
        assert!(worst <= Some(1), "{worst:?}");
        let worst = (0..2_000_000_u32).map(|i| units_apart_f32(-0.4 + i as f32 * 4e-7)).max();
        assert!(worst <= Some(1), "{worst:?}");
        assert_eq!([0.0, -0.0].map(exp_wide_f32), [1.0, 1.0]);
        assert_eq!([-87.5, -1e30, f32::NEG_INFINITY].map(exp_wide_f32), [0.0; 3]);
        assert_eq!([88.5, 1e30, f32::INFINITY].map(exp_wide_f32), [f32::INFINITY; 3]);
        assert!(exp_wide_f32(f32::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn the_twins_agree(x in -87.0_f32..88.0) {
            let (single, double) = (f64::from(exp_wide_f32(x)), exp_wide(f64::from(x)));
            prop_assert!((single - double).abs() <= 1.2e-7 * double);
        }

        #[test]
        fn it_agrees_with_libm(x in -708.0_f64..709.0) {
            prop_assert!(units_apart(x) <= 1);
        }
    }
}
