//! Entropic optimal transport.

mod entropic;
mod sinkhorn;

pub use entropic::Entropic;
pub use sinkhorn::Sinkhorn;
