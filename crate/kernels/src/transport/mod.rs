//! Optimal transport.

mod assignment;
mod barycentre;
mod entropic;
mod error;
mod exact;
mod gaussian;
mod lanes;
mod line;
mod scalar;
mod scaling;
mod semidiscrete;
mod sinkhorn;

pub use assignment::Assignment;
pub use barycentre::{Barycentre, ScalingBarycentre};
pub use entropic::Entropic;
pub use error::Error;
pub use exact::Exact;
pub use gaussian::{Gaussian, bures_wasserstein_squared, square_root};
pub use line::{line_cost, project, quantile_coupling, sliced_wasserstein};
pub use scalar::Scalar;
pub use scaling::Scaling;
pub use semidiscrete::SemiDiscrete;
pub use sinkhorn::Sinkhorn;

/// Masses as parts of their sum.
#[cfg(test)]
fn share(masses: &[f64]) -> Vec<f64> {
    let sum: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / sum).collect()
}
