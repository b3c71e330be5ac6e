//! Dense linear algebra: nalgebra for decompositions, our own products.

pub use nalgebra::{Cholesky, Complex, DMatrix, DVector, Dyn};

mod cg;
mod complex_eigen;
mod dot;
mod expm;
mod hermitian;
mod lanczos;
mod lyapunov;
mod matmul;
mod matvec;
mod newton_schulz;
mod pencil;
mod product;
mod randomized_svd;
mod real;
mod regression;
mod ridge;
mod select;
mod sparse;
mod symmetric;
mod view;

pub use cg::ConjugateGradient;
pub use complex_eigen::ComplexEigen;
pub use dot::{dot, inner};
pub use expm::expm;
pub use hermitian::SmallestEigenvalue;
pub use lanczos::{Lanczos, RitzPair};
pub use lyapunov::lyapunov;
pub use matmul::{gram, matmul, matmul_add};
pub use matvec::{matvec, matvec_add, outer_add};
pub use newton_schulz::{newton_schulz_step, normalize};
pub use pencil::{Eigenpair, pencil_eigen};
pub use product::product;
pub use randomized_svd::{TruncatedSvd, randomized_svd};
pub use real::Real;
pub use regression::LineFit;
pub use ridge::ridge;
pub use select::Largest;
pub use sparse::Sparse;
pub use symmetric::{polar, symmetric_function};
pub use view::View;
