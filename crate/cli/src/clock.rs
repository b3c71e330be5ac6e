//! How long things took. Shown beside results, and never part of one.
#![allow(clippy::disallowed_types)]

use std::time::Instant;

/// Runs `work`; also gives the seconds it took on the wall.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}
