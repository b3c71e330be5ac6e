//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Cholesky, Complex, DMatrix, DVector, Dyn};

mod expm;
mod matmul;
mod product;
mod regression;

pub use expm::expm;
pub use matmul::matmul_f32;
pub use product::product;
pub use regression::LineFit;
