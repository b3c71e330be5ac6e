//! Integrals of functions of one variable.
//!
//! [`gauss_legendre`] for smooth integrands and a fixed number of nodes, [`integrate`] where the integrand decides.

mod adaptive;
mod gauss_legendre;

pub use adaptive::{Unresolved, integrate};
pub use gauss_legendre::{Rule, gauss_legendre};
