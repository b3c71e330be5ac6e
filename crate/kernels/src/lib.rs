//! Numerics that several exhibits share, one module a field.

pub mod expression;
pub mod fft;
pub mod linalg;
pub mod math;
pub mod ode;
pub mod transport;
pub mod legendre;
pub mod ssm;
pub mod optim;
