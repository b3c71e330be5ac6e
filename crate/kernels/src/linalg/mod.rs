//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Cholesky, Complex, DMatrix, DVector, Dyn};

mod cg;
mod complex_eigen;
mod dot;
mod expm;
mod hermitian;
mod matmul;
mod newton_schulz;
mod product;
mod regression;
mod ridge;
mod select;
mod sparse;

pub use cg::ConjugateGradient;
pub use complex_eigen::ComplexEigen;
pub use dot::dot;
pub use expm::expm;
pub use hermitian::SmallestEigenvalue;
pub use matmul::{Real, View, matmul, matmul_add};
pub use newton_schulz::{newton_schulz_step, normalize};
pub use product::product;
pub use regression::LineFit;
pub use ridge::ridge;
pub use select::kth_largest;
pub use sparse::Sparse;
