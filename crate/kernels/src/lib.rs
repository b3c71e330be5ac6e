//! Numerics that several exhibits share, one module a field.

pub mod autodiff;
pub mod linalg;
pub mod math;
