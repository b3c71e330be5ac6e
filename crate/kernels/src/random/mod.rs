//! Draws from a seeded generator that are the same to the bit on every platform.
//!
//! The generator is the caller's (`orrery_core::Rng`, a ChaCha8: its `set_stream` gives as many independent generators
//! of one seed as there are members of a population). Uniform numbers come from `rand`, normal ones from `rand_distr`'s
//! `StandardNormal`; what is here is what those leave out, or compute with a platform's functions in some builds.

mod distribution;
mod low_discrepancy;
mod matrix;
mod order;
mod sphere;

pub use distribution::{student_t, zipf};
pub use low_discrepancy::{additive_recurrence, halton};
pub use matrix::{normal_matrix, orthonormal, symmetric, with_singular_values};
pub use order::{Batches, permutation, shuffle};
pub use sphere::{direction, reflect, von_mises_fisher};

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// `count` independent standard normal numbers.
pub fn normals(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}
