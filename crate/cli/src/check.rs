//! `orrery check`: whether every scenario gives its verdict.

use crate::clock::timed;
use crate::native::{advance, guarded};
use crate::number::{bound, sentence, significant, word};
use orrery_core::claim::{Clause, Verdict};
use orrery_core::control::Settings;
use orrery_core::exhibit::Scenario;
use orrery_core::registry::Entry;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;

/// One scenario at one seed, run to its end.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The exhibit.
    pub slug: &'static str,
    /// The scenario.
    pub scenario: &'static str,
    /// The seed.
    pub seed: u64,
    /// What the scenario says.
    pub expect: Verdict,
    /// What was found; nothing where the run broke off.
    pub verdict: Option<Verdict>,
    /// Whether it is what the scenario says.
    pub agrees: bool,
    /// Why the run broke off, if it did.
    pub error: Option<String>,
    /// Steps run.
    pub steps: usize,
    /// Seconds on the wall.
    pub seconds: f64,
    /// What was measured.
    pub clauses: Vec<Clause>,
}

/// Runs every scenario of `entries` at the seeds from 0 to `seeds - 1`, in parallel.
pub fn check(entries: &[&'static Entry], seeds: u64) -> Vec<Outcome> {
    let scenarios = entries.iter().flat_map(|entry| (entry.scenarios)().into_iter().map(move |s| (*entry, s)));
    let runs: Vec<_> = scenarios.flat_map(|(entry, s)| (0..seeds).map(move |seed| (entry, s.clone(), seed))).collect();
    // Each is taken up singly: their lengths differ by orders of magnitude.
    runs.into_par_iter().with_max_len(1).map(|(entry, scenario, seed)| outcome(entry, &scenario, seed)).collect()
}

/// Runs one scenario at one seed to its end.
pub fn outcome(entry: &Entry, scenario: &Scenario<Settings>, seed: u64) -> Outcome {
    let run = || -> Result<_, String> {
        let mut session = (entry.open)(&scenario.controls, seed).map_err(|error| error.to_string())?;
        advance(session.as_mut(), usize::MAX);
        let frame = session.frame();
        Ok((frame.step, frame.claim))
    };
    let (result, seconds) = timed(|| guarded(run).and_then(|result| result));
    let &Scenario { id, expect, .. } = scenario;
    let begun = Outcome {
        slug: entry.card.slug,
        scenario: id,
        seed,
        expect,
        verdict: None,
        agrees: false,
        error: None,
        steps: 0,
        seconds,
        clauses: Vec::new(),
    };
    match result {
        Ok((steps, claim)) => {
            let (verdict, agrees) = (Some(claim.verdict), claim.verdict == expect);
            Outcome { verdict, agrees, steps, clauses: claim.clauses, ..begun }
        }
        Err(error) => Outcome { error: Some(error), ..begun },
    }
}

/// The outcomes for scripts.
pub fn json(outcomes: &[Outcome]) -> String {
    format!("{:#}\n", json!(outcomes))
}

/// The outcomes as a table: a row a clause.
pub fn text(outcomes: &[Outcome]) -> String {
    let header = ["exhibit", "scenario", "seed", "verdict", "time", "steps", "measured", "bound", "clause"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(outcomes.iter().flat_map(rows_of));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    let wrong = outcomes.iter().filter(|outcome| !outcome.agrees).count();
    let runs = outcomes.len();
    out += &match wrong {
        0 => format!("\n{runs} runs, each as its scenario says\n"),
        _ => format!("\n{wrong} of {runs} runs are not what their scenario says\n"),
    };
    out
}

fn rows_of(outcome: &Outcome) -> Vec<Vec<String>> {
    let verdict = match outcome.verdict {
        Some(found) if outcome.agrees => word(found).to_owned(),
        Some(found) => format!("{}, NOT {}", word(found), word(outcome.expect)),
        None => format!("BROKE OFF, not {}", word(outcome.expect)),
    };
    let mut first = vec![
        outcome.slug.to_owned(),
        outcome.scenario.to_owned(),
        outcome.seed.to_string(),
        verdict,
        format!("{:.2} s", outcome.seconds),
        outcome.steps.to_string(),
    ];
    if let Some(error) = &outcome.error {
        return vec![[first, vec![String::new(), String::new(), error.replace('\n', " ")]].concat()];
    }
    let mut rows = Vec::new();
    for clause in &outcome.clauses {
        let measured = clause.value.map_or_else(|| "…".to_owned(), significant);
        let clause = vec![measured, bound(clause), format!("{}: {}", word(clause.verdict), sentence(clause))];
        rows.push([first.clone(), clause].concat());
        first.fill(String::new());
    }
    rows
}
