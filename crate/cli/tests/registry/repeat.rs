//! The same seed and controls give the same frame: in another run, after seeking, and after live controls were moved.

use crate::settings::{ends, needed, samples};
use crate::watched::Watched;
use crate::{Verdict, seeds};
use orrery_core::control::Settings;
use orrery_core::registry::Entry;
use std::time::Duration;

const LONG: Duration = Duration::from_millis(40);
const SHORT: Duration = Duration::from_millis(15);

/// Runs every scenario and some random settings twice, and seeks in them.
pub fn same_frame(entry: &Entry) -> Verdict {
    let scenarios = (entry.scenarios)().into_iter().map(|scenario| (scenario.controls, LONG));
    let random = samples(entry, 6).into_iter().map(|settings| (settings, SHORT));
    for (settings, budget) in scenarios.chain(random) {
        twice(entry, &settings, budget).map_err(|fault| format!("{fault}, at {settings:?}"))?;
    }
    Ok(())
}

fn hash_at(watched: &mut Watched, step: usize) -> Result<u64, String> {
    watched.seek(step)?;
    Ok(watched.frame()?.hash())
}

fn twice(entry: &Entry, settings: &Settings, budget: Duration) -> Verdict {
    let seed = 3;
    let Ok(mut first) = Watched::open(entry, settings, seed)? else { return Ok(()) };
    first.advance(usize::MAX, budget * seeds())?;
    let end = first.step();
    let expected = first.frame()?.hash();
    let mut second = Watched::begin(entry, settings, seed)?;
    let stops = [end, end / 3, 0, end / 2, end];
    for (index, stop) in stops.into_iter().enumerate() {
        let found = hash_at(&mut second, stop)?;
        let expected = if stop == end { expected } else { hash_at(&mut Watched::begin(entry, settings, seed)?, stop)? };
        if found != expected {
            let how = if index == 0 { "run again" } else { "sought" };
            return Err(format!("step {stop}, {how}, is another frame than the first run's"));
        }
    }
    Ok(())
}

/// Moves each live control to each of its ends while a run goes on: what is shown must be what a run shows that had
/// this setting from the start, then and later, and moving it back must undo it.
pub fn live_controls(entry: &Entry) -> Verdict {
    let specs = (entry.specs)();
    for spec in specs.iter().filter(|spec| spec.live) {
        let before = needed(spec, &specs);
        for value in ends(&spec.kind) {
            let mut after = before.clone();
            after.insert(spec.name.clone(), value);
            retuned(entry, &before, &after).map_err(|fault| format!("{fault}, at {after:?}"))?;
        }
    }
    Ok(())
}

fn retuned(entry: &Entry, usual: &Settings, settings: &Settings) -> Verdict {
    let seed = 0;
    let mut run = Watched::begin(entry, usual, seed)?;
    run.advance(usize::MAX, SHORT * seeds())?;
    let (step, ended) = (run.step() / 2, run.done());
    let before = hash_at(&mut run, step)?;
    run.retune(settings)?;
    let mut fresh = Watched::begin(entry, settings, seed)?;
    for step in [step, 2 * step, step / 2] {
        run.seek(step)?;
        fresh.seek(step)?;
        let same_state = (run.step(), run.done()) == (fresh.step(), fresh.done());
        // A run that has seen its end knows how long it is, and a fresh one only how long at most.
        let length = if ended { run.length() <= fresh.length() } else { run.length() == fresh.length() };
        if !same_state || !length || run.frame()?.hash() != fresh.frame()?.hash() {
            return Err(format!("set while it runs, a live control shows another step {step} than set from the start"));
        }
    }
    run.seek(step)?;
    run.retune(usual)?;
    run.seek(step)?;
    if run.frame()?.hash() != before {
        return Err("moved there and back, a live control has left its mark".to_owned());
    }
    Ok(())
}
