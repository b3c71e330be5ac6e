//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Complex, DMatrix, DVector};

mod matmul;

pub use matmul::{Real, View, matmul, matmul_add};
