//! Numerics that several exhibits share, one module a field.

pub mod autodiff;
pub mod data;
pub mod expression;
pub mod fft;
pub mod legendre;
pub mod linalg;
pub mod math;
pub mod networks;
pub mod ode;
pub mod optim;
pub mod quadrature;
pub mod random;
pub mod ssm;
pub mod transport;
