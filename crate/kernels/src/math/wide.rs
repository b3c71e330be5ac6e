//! Functions of many numbers at once: without a branch, so that loops over them run in SIMD registers, and without fused
//! operations, so that they give the same bits everywhere. The polynomials are those of Moshier's Cephes library.

use crate::math::{exp_wide, exp_wide_f32};
use std::f32::consts::FRAC_2_SQRT_PI;
// An `if` might compute only what it needs, in a branch.
use std::hint::select_unpredictable as choose;

/// `(…(a x + b) x + …) x + z`, written out: a loop over the coefficients would stand in the way of one over the numbers.
macro_rules! horner {
    ($x:expr, [$first:expr, $($next:expr),+ $(,)?] $(,)?) => {{
        let sum = $first;
        $(let sum = sum * $x + $next;)+
        sum
    }};
}

/// `tanh x`: a polynomial near zero, `1 - 2/(e^2|x| + 1)` elsewhere.
#[inline(always)]
pub(super) fn tanh_f32(x: f32) -> f32 {
    let (size, z) = (x.abs(), x * x);
    let p = horner!(z, [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328e-1]);
    let near = size + size * z * p;
    let far = 1.0 - 2.0 / (exp_wide_f32(2.0 * size) + 1.0);
    choose(size < 0.625, near, far).copysign(x)
}

/// `erf x`: `x p(x²)` near zero, elsewhere `1 - e^(-x²) p(1/x²)/|x|`.
#[inline(always)]
pub(super) fn erf_f32(x: f32) -> f32 {
    let (size, z) = (x.abs(), x * x);
    let near = size
        * horner!(
            z,
            [
                7.853_861_4e-5,
                -8.010_194e-4,
                5.188_327_8e-3,
                -2.685_381_2e-2,
                1.128_358_5e-1,
                -3.761_262_6e-1,
                FRAC_2_SQRT_PI,
            ],
        );
    // Beyond 4, erf x rounds to one.
    let limited = choose(size < 4.0, size, 4.0);
    let inverse = 1.0 / limited;
    let y = inverse * inverse;
    let middle = horner!(
        y,
        [
            2.326_82e-2,
            -1.387_039_4e-1,
            3.687_424_6e-1,
            -5.824_733e-1,
            6.210_004_7e-1,
            -4.944_515_3e-1,
            3.404_88e-1,
            -2.741_127e-1,
            5.638_259_4e-1,
        ],
    );
    let outer = horner!(
        y,
        [
            -1.047_766_4e1,
            1.297_72e1,
            -7.495_518_7,
            2.921_019,
            -1.015_265_3,
            4.218_463_4e-1,
            -2.820_767_4e-1,
            5.641_895e-1,
        ],
    );
    let far = 1.0 - exp_wide_f32(-limited * limited) * inverse * choose(size < 2.0, middle, outer);
    choose(x.is_nan(), x, choose(size < 1.0, near, far)).copysign(x)
}

/// The same in double precision, with rational functions.
#[inline(always)]
pub(super) fn erf_f64(x: f64) -> f64 {
    let (size, z) = (x.abs(), x * x);
    let p = horner!(
        z,
        [
            9.604_973_739_870_516,
            9.002_601_972_038_427e1,
            2.232_005_345_946_843e3,
            7.003_325_141_128_051e3,
            5.559_230_130_103_949e4,
        ],
    );
    let q = horner!(
        z,
        [
            1.0,
            3.356_171_416_475_031e1,
            5.213_579_497_801_527e2,
            4.594_323_829_709_801e3,
            2.262_900_006_138_909e4,
            4.926_739_426_086_359e4,
        ],
    );
    let near = size * (p / q);
    // Beyond 6, erf x rounds to one.
    let limited = choose(size < 6.0, size, 6.0);
    let p = horner!(
        limited,
        [
            2.461_969_814_735_305e-10,
            5.641_895_648_310_688e-1,
            7.463_210_564_422_699,
            4.863_719_709_856_814e1,
            1.965_208_329_560_771e2,
            5.264_451_949_954_773e2,
            9.345_285_271_719_576e2,
            1.027_551_886_895_157e3,
            5.575_353_353_693_993e2,
        ],
    );
    let q = horner!(
        limited,
        [
            1.0,
            1.322_819_511_547_45e1,
            8.670_721_408_859_897e1,
            3.549_377_788_878_199e2,
            9.757_085_017_432_055e2,
            1.823_909_166_879_097_4e3,
            2.246_337_608_187_109_8e3,
            1.656_663_091_941_613_5e3,
            5.575_353_408_177_277e2,
        ],
    );
    let far = 1.0 - exp_wide(-limited * limited) * (p / q);
    choose(x.is_nan(), x, choose(size < 1.0, near, far)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{erf, tanh};

    fn worst_f32(wide: fn(f32) -> f32, exact: fn(f64) -> f64, reach: f32) -> u32 {
        let apart = |x: f32| wide(x).to_bits().abs_diff((exact(f64::from(x)) as f32).to_bits());
        (-500_000..500_000).map(|i| apart(i as f32 * reach / 500_000.0)).max().unwrap()
    }

    fn worst_f64(wide: fn(f64) -> f64, exact: fn(f64) -> f64, reach: f64) -> u64 {
        let apart = |x: f64| wide(x).to_bits().abs_diff(exact(x).to_bits());
        (-500_000..500_000).map(|i| apart(f64::from(i) * reach / 500_000.0)).max().unwrap()
    }

    #[test]
    fn they_are_within_units_in_the_last_place_of_their_scalar_twins() {
        for reach in [0.7, 12.0] {
            assert!(worst_f32(tanh_f32, tanh, reach) <= 2);
            assert!(worst_f32(erf_f32, erf, reach) <= 2);
            assert!(worst_f64(erf_f64, erf, reach.into()) <= 4);
        }
    }

    #[test]
    fn at_their_ends_they_keep_to_their_limits() {
        let ends = [f32::NEG_INFINITY, -1e30, 0.0, 1e30, f32::INFINITY];
        for wide in [tanh_f32, erf_f32] {
            assert_eq!(ends.map(wide), [-1.0, -1.0, 0.0, 1.0, 1.0]);
            assert!(wide(f32::NAN).is_nan());
        }
        assert_eq!(ends.map(f64::from).map(erf_f64), [-1.0, -1.0, 0.0, 1.0, 1.0]);
        assert!(erf_f64(f64::NAN).is_nan());
    }
}
