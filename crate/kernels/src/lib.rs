//! Numerics that several exhibits share, one module a field.

pub mod legendre;
pub mod linalg;
pub mod math;
pub mod ssm;
