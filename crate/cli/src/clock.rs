//! How long things took. Shown beside results, and never part of one.
#![allow(clippy::disallowed_types)]

use std::time::Instant;

/// A clock that has been started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds on the wall since then.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Runs `work`; also gives the seconds it took on the wall.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let clock = Stopwatch::start();
    let result = work();
    (result, clock.seconds())
}
