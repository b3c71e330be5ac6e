//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Complex, DMatrix, DVector};

mod matmul;
mod regression;

pub use matmul::matmul_f32;
pub use regression::LineFit;
