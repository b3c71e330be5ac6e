//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Complex, DMatrix, DVector};

mod complex_eigen;
mod dot;
mod hermitian;
mod matmul;
mod newton_schulz;
mod ridge;

pub use complex_eigen::ComplexEigen;
pub use dot::dot;
pub use hermitian::SmallestEigenvalue;
pub use matmul::matmul_f32;
pub use newton_schulz::{newton_schulz_step, normalize};
pub use ridge::ridge;
