//! Data for exhibits to learn from: small real sets with their source and licence, and generated ones.
//!
//! Real sets lie beside this file; a program that does not call [`digits`], say, does not carry them. Generated ones
//! take the size and the noise, and a generator that makes them the same everywhere.
//!
//! ```
//! use orrery_kernels::data;
//!
//! let mut irises = data::iris();
//! assert_eq!((irises.rows(), irises.columns, irises.classes), (150, 4, 3));
//! irises.standardise();
//! ```

mod cloud;
mod glyph;
mod linear;
mod plane;
mod real;
mod sequence;
mod signal;
mod table;

pub use cloud::{Shape, cloud};
pub use glyph::{Stroke, glyph, glyphs};
pub use linear::{half_spaces, measurements, sparse};
pub use plane::{blobs, moons, ring_of_centres, rings, spirals, swiss_roll};
pub use real::{alice, breast_cancer, digits, iris, wine};
pub use sequence::{Group, Sequence, copying};
pub use signal::{lorenz, noise, pendulum, steps, trajectory, van_der_pol};
pub use table::Table;
