//! The numbers that transport computes with.

use crate::math::Float;
use crate::math::{exp_wide, exp_wide_f32};
use std::ops::{Mul, Sub};

/// `f32` or `f64`, with an exponential that runs in SIMD registers.
pub trait Scalar: Float + Into<f64> + Mul<Output = Self> + Sub<Output = Self> {
    /// A sum of exponentials below this, or above its inverse, has lost digits.
    const TINY: Self;
    /// Where [`Scalar::exp_wide`] begins to give zero.
    const LEAST_EXPONENT: f64;
    /// How far the masses of the two sides may differ, relative to their size.
    const BALANCE: f64;
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// `e^x`, without a branch.
    fn exp_wide(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// Neither infinite nor not a number.
    fn is_finite(self) -> bool;
}

impl Scalar for f64 {
    const TINY: f64 = 1e-250;
    const LEAST_EXPONENT: f64 = -708.0;
    const BALANCE: f64 = 1e-9;
    const EPSILON: f64 = f64::EPSILON;
    #[inline(always)]
    fn exp_wide(self) -> f64 {
        exp_wide(self)
    }
    #[inline(always)]
    fn abs(self) -> f64 {
        self.abs()
    }
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Scalar for f32 {
    const TINY: f32 = 1e-27;
    const LEAST_EXPONENT: f64 = -87.0;
    const BALANCE: f64 = 1e-5;
    const EPSILON: f64 = f32::EPSILON as f64;
    #[inline(always)]
    fn exp_wide(self) -> f32 {
        exp_wide_f32(self)
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        self.abs()
    }
    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

/// Whether a sum of exponentials has all its digits, and its inverse too.
pub(super) fn usable<T: Scalar>(sum: T) -> bool {
    sum > T::TINY && sum < T::of(1.0) / T::TINY
}
