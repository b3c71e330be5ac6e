//! Scalar functions that are the same to the bit on every platform.
//!
//! The platform's `f64::exp` and its kin differ between machines; these are `libm`'s, compiled like any other code.
//! `sqrt`, `abs`, `floor` and the four operations are exact everywhere and need no wrapper.

mod exponential;
mod float;
mod logarithm;
mod logistic;
mod normal;
mod wide;

pub use exponential::{exp_wide, exp_wide_f32};
pub use float::Float;
pub use libm::{
    acos, acosh, asin, asinh, atan, atan2, atanh, cbrt, cos, cosh, erf, erfc, exp, exp2, expm1, hypot, lgamma, log,
    log1p, log2, log10, pow, sin, sincos, sinh, tan, tanh, tgamma,
};

pub use logarithm::log_wide;
pub use logistic::{sigmoid, sigmoid_wide, softplus, tanh_wide};
pub use normal::{normal_cdf, normal_quantile};

/// π.
pub const PI: f64 = std::f64::consts::PI;

/// Euler's number.
pub const E: f64 = std::f64::consts::E;

/// 2π.
pub const TAU: f64 = std::f64::consts::TAU;

/// `x` to a whole power, by repeated squaring.
pub fn powi(x: f64, n: i32) -> f64 {
    let (mut base, mut power, mut left) = (x, 1.0, n.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            power *= base;
        }
        base *= base;
        left >>= 1;
    }
    if n < 0 { 1.0 / power } else { power }
}

/// `count` numbers from `from` to `to`, both positive, each the same multiple of the one before: a spectrum with a
/// condition number, or the places of a sweep. A single one is `from`.
pub fn log_spaced(from: f64, to: f64, count: usize) -> Vec<f64> {
    let (first, last) = (log(from), log(to));
    let share = |k: usize| k as f64 / (count - 1) as f64;
    let value = |k: usize| match k {
        0 => from,
        k if k + 1 == count => to,
        k => exp(first + (last - first) * share(k)),
    };
    (0..count).map(value).collect()
}

/// `log(Σ exp(x_i))`, shifted by the greatest term so that it neither overflows nor vanishes. Minus infinity for none.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if greatest == f64::NEG_INFINITY {
        return greatest;
    }
    greatest + log(x.iter().map(|x| exp(x - greatest)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn logarithmic_steps_are_even_and_their_ends_exact() {
        let x = log_spaced(1e-3, 10.0, 5);
        assert_eq!((x[0], x[4]), (1e-3, 10.0));
        assert!(x.windows(2).all(|pair| (pair[1] / pair[0] - 10.0).abs() < 1e-13), "{x:?}");
        assert_eq!((log_spaced(2.0, 3.0, 1), log_spaced(2.0, 3.0, 0)), (vec![2.0], vec![]));
    }

    proptest! {
        #[test]
        fn whole_powers_agree_with_real_ones(x in 0.1_f64..10.0, n in -20_i32..20) {
            let expected = pow(x, f64::from(n));
            prop_assert!((powi(x, n) - expected).abs() <= 1e-13 * expected);
        }

        #[test]
        fn log_sum_exp_is_invariant_under_shifts(x in prop::collection::vec(-5.0_f64..5.0, 1..20), shift in -900.0_f64..900.0) {
            let direct = log(x.iter().map(|x| exp(*x)).sum());
            let shifted: Vec<f64> = x.iter().map(|x| x + shift).collect();
            prop_assert!((log_sum_exp(&shifted) - shift - direct).abs() <= 1e-12 * (1.0 + shift.abs()));
        }
    }
}
