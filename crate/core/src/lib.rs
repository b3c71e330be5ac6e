//! The contract between an exhibit and everything that shows it.
//!
//! An [`Exhibit`] is one paper: its [`Controls`], its algorithm, its [`Figures`], its [`Claim`] and its [`Scenario`]s.
//! A [`Session`] runs one from a seed, and an [`Entry`] is an exhibit whose type has been forgotten, so that the
//! command line, the tests and the browser treat all of them alike. There are no numerics here.

pub mod claim;
pub mod compute;
pub mod control;
pub mod error;
pub mod exhibit;
pub mod figure;
pub mod frame;
pub mod numerals;
pub mod registry;
pub mod series;
pub mod session;

pub use rand;
pub use rand_distr;
pub use serde_json;

/// The one source of randomness: seeded, and the same stream on every platform.
///
/// Draw with `rng.random::<f64>()`, `rng.random_range(0..n as u32)` (never a `usize` range: its width differs between
/// the browser and a native run) and `rng.sample(StandardNormal)`.
pub use rand_chacha::ChaCha8Rng as Rng;

/// What an exhibit's file imports.
pub mod prelude {
    pub use crate::Rng;
    pub use crate::claim::{Claim, Clause, Verdict};
    pub use crate::compute::Compute;
    pub use crate::control::{Choice, Controls, Curve, Formula, Image, Points, Set, Table, Text};
    pub use crate::error::{Error, Result};
    pub use crate::exhibit::{Card, Contender, Exhibit, Progress, Scenario};
    pub use crate::figure::{Axis, Colors, Figures, Grid, Ink, Scale, Symbol, true_color};
    pub use crate::series::Series;
    pub use rand::seq::SliceRandom;
    pub use rand::{RngExt, SeedableRng};
    pub use rand_distr::StandardNormal;
}

// The exhibit in the README must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
