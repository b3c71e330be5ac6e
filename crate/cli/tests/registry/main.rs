//! Every exhibit of the registry against everything that an exhibit promises: each exhibit and check is a test of its
//! own, named `wing/exhibit/check`.
//!
//! `cargo test -p orrery-cli --test registry lion-lyapunov` runs what bears that name; `ORRERY_ONLY=optimizers,dynamics`
//! takes exactly those wings (or exhibits); `ORRERY_SEEDS=5` runs each scenario at five seeds, and gives every other
//! run five times as long.

mod random_controls;
mod repeat;
mod scenarios;
mod schema;
mod settings;
mod watchdog;
mod watched;
mod wrong;

#[path = "../specimen/heron.rs"]
mod heron;

use libtest_mimic::{Arguments, Failed, Trial};
use orrery_cli::registry::REGISTRY;
use orrery_core::registry::Entry;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// What is wrong with an exhibit, in a sentence.
type Verdict = Result<(), String>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    watched::remember_panics();
    watchdog::start();
    let only = std::env::var("ORRERY_ONLY").unwrap_or_default();
    let only: Vec<String> = only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let entries = match REGISTRY.select(&only) {
        Ok(entries) => entries,
        Err(refusal) => {
            eprintln!("ORRERY_ONLY: {refusal}");
            return ExitCode::from(2);
        }
    };
    let mut trials: Vec<Trial> = entries.into_iter().flat_map(trials_of).collect();
    trials.push(trial("registry/every-slug-is-used-once".to_owned(), slugs_are_unique));
    trials.extend(wrong::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// How thorough to be: at how many seeds each scenario runs.
fn seeds() -> u32 {
    std::env::var("ORRERY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1).max(1)
}

fn trial(name: String, check: impl FnOnce() -> Verdict + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(Failed::from))
}

/// Tries a check that was late twice more: what else the machine does makes a run slower, and never quicker.
fn at_best(check: impl Fn() -> Verdict) -> Verdict {
    let again = |fault| if watched::was_late() { check() } else { Err(fault) };
    // Whether another check was late says nothing of this one.
    watched::was_late();
    check().or_else(again).or_else(again)
}

fn trials_of(entry: &'static Entry) -> Vec<Trial> {
    let name = |check: &str| format!("{}/{}/{check}", entry.wing, entry.card.slug);
    let mut trials = vec![
        trial(name("schema"), || schema::check(entry)),
        trial(name("every-end-of-every-control"), || at_best(|| random_controls::at_ends(entry))),
        trial(name("random-controls"), || at_best(|| random_controls::random(entry))),
        trial(name("same-seed-same-frame"), || repeat::same_frame(entry)),
        trial(name("live-controls"), || repeat::live_controls(entry)),
    ];
    // A list of scenarios that panics is the schema's to report.
    for (index, scenario) in watched::caught(entry.scenarios).unwrap_or_default().into_iter().enumerate() {
        trials.push(trial(name(&format!("scenario-{}", scenario.id)), move || {
            let at = |seed| at_best(|| scenarios::check(entry, &scenario, index == 0, seed));
            (0..u64::from(seeds())).try_for_each(at)
        }));
    }
    trials
}

fn slugs_are_unique() -> Verdict {
    let mut seen = BTreeSet::new();
    let wings = REGISTRY.wings().iter().map(|wing| wing.slug);
    for slug in REGISTRY.entries().map(|entry| entry.card.slug).chain(wings) {
        if !seen.insert(slug) {
            return Err(format!("{slug} is used twice"));
        }
    }
    Ok(())
}
