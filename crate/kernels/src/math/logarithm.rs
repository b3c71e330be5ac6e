//! The logarithm of many numbers at once.

const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The bits of √½: a mantissa from there to √2 belongs to the nearest power of two.
const ROOT_HALF: u64 = 0x3fe6_a09e_0000_0000;
const ONE: u64 = 0x3ff0_0000_0000_0000;
/// 2^52, in whose low bits a whole number becomes a floating one.
const WHOLE: u64 = 0x4330_0000_0000_0000;

/// The natural logarithm, the same to the bit as [`log`](super::log) and without a branch, so that a loop over it runs
/// in SIMD registers: minus infinity at zero, not a number below.
///
/// With `x = 2^k (1 + f)`, `√½ <= 1 + f < √2` and `s = f / (2 + f)`: `log(1 + f) = f - f²/2 + s (f²/2 + R(s²))`, R the
/// polynomial of FreeBSD's msun (`e_log.c`).
#[inline(always)]
pub fn log_wide(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let normal = if tiny { x * 18_014_398_509_481_984.0 } else { x };
    // The exponent with 1023 added stands in the upper bits.
    let bits = normal.to_bits().wrapping_add(ONE - ROOT_HALF);
    let exponent = f64::from_bits(WHOLE | bits >> 52) - (4_503_599_627_370_496.0 + 1023.0);
    let k = exponent - if tiny { 54.0 } else { 0.0 };
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let (z, half) = (s * s, 0.5 * f * f);
    let w = z * z;
    let odd = w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let even = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1 + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let value = s * (half + (even + odd)) + k * LN_2_LOW - half + f + k * LN_2_HIGH;
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    let value = if x == f64::INFINITY { x } else { value };
    if x >= 0.0 { value } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::log;
    use proptest::prelude::*;

    #[test]
    fn the_ends_and_the_special() {
        assert_eq!(log_wide(0.0), f64::NEG_INFINITY);
        assert_eq!(log_wide(-0.0), f64::NEG_INFINITY);
        assert_eq!(log_wide(f64::INFINITY), f64::INFINITY);
        assert!(log_wide(-1.0).is_nan() && log_wide(f64::NAN).is_nan() && log_wide(f64::NEG_INFINITY).is_nan());
        assert_eq!(log_wide(1.0).to_bits(), 0);
        for x in [f64::MIN_POSITIVE, 5e-324, 1e-310, f64::MAX, 0.5_f64.sqrt(), 2.0_f64.sqrt()] {
            assert_eq!(log_wide(x).to_bits(), log(x).to_bits(), "{x}");
        }
    }

    #[test]
    fn a_million_arguments_have_the_bits_of_libm() {
        for i in 0..1_000_000_u32 {
            let x = f64::from(i + 1) * 3.1e-6;
            assert_eq!(log_wide(x).to_bits(), log(x).to_bits(), "{x}");
        }
    }

    proptest! {
        #[test]
        fn any_positive_number_has_the_bits_of_libm(bits in 0_u64..0x7ff0_0000_0000_0000) {
            let x = f64::from_bits(bits);
            prop_assert_eq!(log_wide(x).to_bits(), log(x).to_bits());
        }
    }
}
