//! Each scenario gives its verdict.

use crate::Verdict as Checked;
use crate::watched::{Watched, late};
use orrery_core::claim::Verdict;
use orrery_core::control::Settings;
use orrery_core::exhibit::Scenario;
use orrery_core::registry::Entry;
use std::time::Duration;

/// The most processor time that the default scenario may take natively, so that the browser, which computes about 1.3
/// times as long, shows its verdict within ten seconds.
const DEFAULT_RUN: Duration = Duration::from_secs(7);

/// Runs a scenario to its end: it gives its verdict, takes no verdict back, and measures numbers.
pub fn check(entry: &Entry, scenario: &Scenario<Settings>, default: bool, seed: u64) -> Checked {
    let tell = |fault: String| format!("scenario {} at seed {seed}: {fault}", scenario.id);
    run(entry, scenario, default, seed).map_err(tell)
}

fn run(entry: &Entry, scenario: &Scenario<Settings>, default: bool, seed: u64) -> Checked {
    let mut watched = Watched::begin(entry, &scenario.controls, seed)?;
    let mut decided = None;
    let mut next = 0;
    let frame = loop {
        watched.advance(next, Duration::MAX)?;
        let frame = watched.frame()?;
        let (step, verdict) = (frame.step, frame.claim.verdict);
        if let Some((earlier, was)) = decided
            && was != verdict
        {
            return Err(format!("the verdict was {was:?} at step {earlier} and is {verdict:?} at step {step}"));
        }
        if verdict != Verdict::Pending {
            decided = decided.or(Some((step, verdict)));
        }
        if watched.done() {
            break frame;
        }
        next = (2 * next).max(1);
    };
    for clause in &frame.claim.clauses {
        // Where a contender diverged there may be no number; the sentence then says so, and shows none.
        let shown = clause.text.contains("{value}");
        if shown && clause.value.is_some_and(|value| !value.is_finite()) {
            return Err(format!("a sentence shows what is not a finite number: {clause:?}"));
        }
    }
    if frame.claim.verdict != scenario.expect {
        let (found, expected) = (frame.claim.verdict, scenario.expect);
        let measured: Vec<String> = frame.claim.clauses.iter().map(orrery_cli::number::sentence).collect();
        return Err(format!("{found:?}, and not {expected:?}: {}", measured.join("; ")));
    }
    if default && watched.spent > DEFAULT_RUN {
        return Err(late(format!("the default run takes {:.1} s", watched.spent.as_secs_f64())));
    }
    Ok(())
}
