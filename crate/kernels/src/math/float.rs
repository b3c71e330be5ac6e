//! The numbers that kernels of either precision compute with.

use super::wide::{erf_f32, erf_f64, tanh_f32};
use crate::linalg::Real;
use crate::math;
use std::ops::{Div, Neg, Sub};

/// A real number with the functions that networks and transforms use. Mapped over many numbers they run in SIMD registers, but
/// for the logarithm of an `f32`.
pub trait Float: Real + Sub<Output = Self> + Div<Output = Self> + Neg<Output = Self> + PartialOrd {
    /// The nearest number of this kind.
    fn of(x: f64) -> Self;
    /// `e^x`.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn log(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
}

impl Float for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp_wide(self)
    }
    #[inline(always)]
    fn log(self) -> Self {
        math::log_wide(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        math::tanh_wide(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        erf_f64(self)
    }
}

impl Float for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp_wide_f32(self)
    }
    #[inline(always)]
    fn log(self) -> Self {
        libm::logf(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        tanh_f32(self)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        erf_f32(self)
    }
}
