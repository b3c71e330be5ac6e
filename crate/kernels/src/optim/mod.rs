//! Optimisers that several exhibits train with.

mod adam;

pub use adam::Adam;
