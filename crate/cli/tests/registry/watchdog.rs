//! A run that never comes back is named, rather than hold up the tests for ever.

use orrery_cli::clock::Stopwatch;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The most seconds on the wall that one run may take.
const LONGEST: f64 = 300.0;

struct Run {
    number: u64,
    name: String,
    since: Stopwatch,
}

static RUNS: Mutex<Vec<Run>> = Mutex::new(Vec::new());
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn with_runs(change: impl FnOnce(&mut Vec<Run>)) {
    change(&mut RUNS.lock().unwrap_or_else(PoisonError::into_inner));
}

/// A run that is being watched, until it is dropped.
pub struct Guard(u64);

impl Guard {
    /// Begins to watch.
    pub fn of(name: String) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        with_runs(|runs| runs.push(Run { number, name, since: Stopwatch::start() }));
        Self(number)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        with_runs(|runs| runs.retain(|run| run.number != self.0));
    }
}

/// Ends the process with the name of the run that takes too long.
pub fn start() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            with_runs(|runs| {
                if let Some(run) = runs.iter().find(|run| run.since.seconds() > LONGEST) {
                    eprintln!("after {LONGEST} s this run has not come back: {}", run.name);
                    std::process::exit(101);
                }
            });
        }
    });
}
