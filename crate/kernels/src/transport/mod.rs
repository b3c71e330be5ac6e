//! Optimal transport.

mod entropic;
mod error;
mod lanes;
mod scalar;
mod scaling;
mod sinkhorn;

pub use entropic::Entropic;
pub use error::Error;
pub use scalar::Scalar;
pub use scaling::Scaling;
pub use sinkhorn::Sinkhorn;
