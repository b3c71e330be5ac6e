//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Complex, DMatrix, DVector};

mod cg;
mod matmul;
mod select;
mod sparse;

pub use cg::ConjugateGradient;
pub use matmul::matmul_f32;
pub use select::kth_largest;
pub use sparse::Sparse;
