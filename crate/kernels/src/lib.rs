//! Numerics that several exhibits share, one module a field.

pub mod expression;
pub mod fft;
pub mod linalg;
pub mod math;
pub mod optim;
