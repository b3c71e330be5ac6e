//! Data.
mod real;
mod table;
pub use real::{alice, breast_cancer, digits, iris, wine};
pub use table::Table;
