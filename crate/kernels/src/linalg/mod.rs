//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Complex, DMatrix, DVector};

mod cg;
mod complex_eigen;
mod dot;
mod hermitian;
mod matmul;
mod regression;
mod select;
mod sparse;

pub use cg::ConjugateGradient;
pub use complex_eigen::ComplexEigen;
pub use dot::dot;
pub use hermitian::SmallestEigenvalue;
pub use matmul::matmul_f32;
pub use regression::LineFit;
pub use select::kth_largest;
pub use sparse::Sparse;
