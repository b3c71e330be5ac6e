//! Linear state-space models `x'(t) = A x(t) + B u(t)` of one input, and selective ones.

mod associative;
mod blocked;
mod cauchy;
mod diagonal;
mod discretise;
mod dplr;
mod hippo;
mod readout;
mod scan;
mod selective;
mod spectral;
mod system;
mod vandermonde;

pub use associative::associative_scan;
pub use cauchy::cauchy;
pub use diagonal::Diagonal;
pub use discretise::{Rule, discretise};
pub use dplr::Dplr;
pub use hippo::{fourier, fout, legs, legt};
pub use readout::MinNorm;
pub use scan::BlockScan;
pub use selective::{Selective, SelectiveGradient};
pub use spectral::SpectralFilters;
pub use system::System;
pub use vandermonde::{vandermonde, vandermonde_gradient};
