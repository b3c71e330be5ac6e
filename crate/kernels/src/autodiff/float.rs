//! The numbers a graph computes with.

use crate::linalg::Real;
use crate::math;
use std::ops::{Div, Neg, Sub};

/// A real number with the functions that networks use.
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
    fn of(x: f64) -> Self {
        x
    }
    fn exp(self) -> Self {
        math::exp(self)
    }
    fn log(self) -> Self {
        math::log(self)
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn tanh(self) -> Self {
        math::tanh(self)
    }
    fn erf(self) -> Self {
        math::erf(self)
    }
}

impl Float for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn exp(self) -> Self {
        libm::expf(self)
    }
    fn log(self) -> Self {
        libm::logf(self)
    }
    fn sqrt(self) -> Self {
        self.sqrt()
    }
    fn tanh(self) -> Self {
        libm::tanhf(self)
    }
    fn erf(self) -> Self {
        libm::erff(self)
    }
}
