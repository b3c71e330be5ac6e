//! Whatever a visitor sets: no panic, no number that is not finite, no long step, and a refusal that helps.

use crate::settings::{any, ends, needed, runner};
use crate::watched::Watched;
use crate::{Verdict, seeds};
use orrery_core::control::{Settings, Spec};
use orrery_core::error::Error;
use orrery_core::registry::Entry;
use proptest::test_runner::{TestCaseError, TestError};
use std::cell::Cell;
use std::time::Duration;

/// Processor time for one setting.
const CASE: Duration = Duration::from_millis(20);
/// Processor time for all random settings of an exhibit.
const ALL: Duration = Duration::from_secs(1);

/// Every control alone at each of its ends; the others are at their defaults, but for the one it waits for.
pub fn at_ends(entry: &Entry) -> Verdict {
    let specs = (entry.specs)();
    for spec in &specs {
        for value in ends(&spec.kind) {
            let mut settings = needed(spec, &specs);
            settings.insert(spec.name.clone(), value);
            case(entry, &specs, &settings).map_err(|fault| format!("{fault}, at {}", shown(&settings)))?;
        }
    }
    Ok(())
}

/// Controls at random, all together.
pub fn random(entry: &Entry) -> Verdict {
    let specs = (entry.specs)();
    let (spent, run) = (Cell::new(Duration::ZERO), Cell::new(0));
    let one = |settings: Settings| {
        if spent.get() < ALL * seeds() {
            let took = case(entry, &specs, &settings).map_err(TestCaseError::fail)?;
            spent.set(spent.get() + took.unwrap_or_default());
            run.set(run.get() + usize::from(took.is_some()));
        }
        Ok(())
    };
    match runner(entry).run(&any(&specs), one) {
        Err(TestError::Fail(fault, settings)) => Err(format!("{fault}, at {}", shown(&settings))),
        Err(TestError::Abort(reason)) => Err(reason.to_string()),
        Ok(()) if run.get() == 0 => Err("it refuses every random setting".to_owned()),
        Ok(()) => Ok(()),
    }
}

fn shown(settings: &Settings) -> String {
    let text = serde_json::to_string(settings).unwrap_or_default();
    if text.len() < 2000 { text } else { format!("{}…", text.chars().take(2000).collect::<String>()) }
}

/// Runs one setting for a while, looking at powers of two; gives the time it took, or nothing if it was refused.
fn case(entry: &Entry, specs: &[Spec], settings: &Settings) -> Result<Option<Duration>, String> {
    let mut run = match Watched::open(entry, settings, 1)? {
        Err(error) => return helpful(&error, specs).map(|()| None),
        Ok(run) => run,
    };
    run.frame()?;
    let mut next = 1;
    let budget = CASE * seeds();
    while !run.done() && run.spent < budget {
        run.advance(next, budget)?;
        run.frame()?;
        next *= 2;
    }
    Ok(Some(run.spent))
}

fn helpful(error: &Error, specs: &[Spec]) -> Verdict {
    if error.message.trim().is_empty() {
        return Err(format!("a refusal says nothing: {error:?}"));
    }
    let known = |name: &String| specs.iter().any(|spec| spec.name == *name);
    if error.control.as_ref().is_some_and(known) {
        return Ok(());
    }
    Err(format!("a refusal names no control of the exhibit: {error:?}"))
}
