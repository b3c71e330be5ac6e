//! Linear state-space models `x'(t) = A x(t) + B u(t)` of one input.

use crate::linalg::{DMatrix, DVector};

mod discretise;
mod hippo;
mod readout;
mod scan;

pub use discretise::{Rule, discretise};
pub use hippo::{fourier, fout, legs, legt};
pub use readout::MinNorm;
pub use scan::BlockScan;

/// `A` and `B`: of a differential equation, or of a recurrence `x_k = A x_{k−1} + B u_k`.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// The state matrix, N x N.
    pub a: DMatrix<f64>,
    /// The input vector, N.
    pub b: DVector<f64>,
}
