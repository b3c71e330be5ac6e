//! A stage of the tests: what runs, what it counted, how long it took.

use crate::project::shown;
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Test cases that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    pub passed: usize,
    pub failed: usize,
}

impl Count {
    /// What a stage that is a single test counts.
    pub fn one(passed: bool) -> Self {
        Self { passed: usize::from(passed), failed: usize::from(!passed) }
    }

    /// A command that fails without saying which test did counts as one failure.
    pub fn after(self, success: bool) -> Self {
        if !success && self.failed == 0 { Self { failed: 1, ..self } } else { self }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The stages that ran.
#[derive(Default)]
pub struct Stages(Vec<(String, Count, Duration)>);

impl Stages {
    /// Runs a stage, says whether all of it passed, and goes on in any case.
    pub fn run(&mut self, name: &str, stage: impl FnOnce() -> Result<Count>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let count = stage().unwrap_or_else(|error| {
            eprintln!("{error:#}");
            Count::one(false)
        });
        self.0.push((name.to_owned(), count, start.elapsed()));
        count.failed == 0
    }

    /// Prints one line a stage, and the sum as the last line.
    pub fn summarise(&self) -> Count {
        let mut sum = Count::default();
        println!();
        for (name, count, time) in &self.0 {
            sum.add(*count);
            let Count { passed, failed } = count;
            println!("{name:24} {passed:6} passed {failed:4} failed {:8.1} s", time.as_secs_f64());
        }
        println!("{} passed, {} failed", sum.passed, sum.failed);
        sum
    }
}

/// Runs a command that is one test.
pub fn check(command: &mut Command) -> Result<Count> {
    let status = command.status().with_context(|| format!("{} does not start", shown(command)))?;
    if !status.success() {
        eprintln!("failed: {}", shown(command));
    }
    Ok(Count::one(status.success()))
}

/// Runs a command that runs Rust tests, passes its output on, and counts what it reports.
pub fn rust_tests(command: &mut Command) -> Result<Count> {
    command.stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{} does not start", shown(command)))?;
    let mut count = Count::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(std::io::stdout(), "{line}")?;
            if let Some(result) = results_of(&line) {
                count.add(result);
            }
        }
    }
    Ok(count.after(child.wait()?.success()))
}

/// Reads `test result: ok. 5 passed; 0 failed; …`.
fn results_of(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |part: &str, word: &str| part.trim().strip_suffix(word)?.trim().parse().ok();
    let mut parts = numbers.split(';');
    Some(Count { passed: number(parts.next()?, "passed")?, failed: number(parts.next()?, "failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_of_rust_tests_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(results_of(line), Some(Count { passed: 12, failed: 3 }));
        assert_eq!(results_of("test session::tests::result ... ok"), None);
    }

    #[test]
    fn a_failure_nobody_counted_is_one_failure() {
        assert_eq!(Count { passed: 4, failed: 0 }.after(false), Count { passed: 4, failed: 1 });
        assert_eq!(Count { passed: 4, failed: 2 }.after(false), Count { passed: 4, failed: 2 });
        assert_eq!(Count { passed: 4, failed: 0 }.after(true), Count { passed: 4, failed: 0 });
    }
}
