//! `orrery hashes`: what the browser's frames are compared with.

use crate::native::{advance, guarded, open};
use crate::refusal::Refusal;
use orrery_core::control::Settings;
use orrery_core::registry::Entry;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A frame of seed 0, by its hash.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hashed {
    /// The scenario that was run.
    pub scenario: &'static str,
    /// What it changes of the defaults.
    pub settings: Settings,
    /// The step reached.
    pub step: usize,
    /// The frame's hash, hexadecimal.
    pub hash: String,
}

/// For each exhibit: the default scenario at step 1, at a twentieth and at a tenth of its length, and the next
/// scenario at a twentieth.
///
/// # Errors
/// An exhibit that breaks.
pub fn hashes(entries: &[&'static Entry]) -> Result<BTreeMap<&'static str, Vec<Hashed>>, Refusal> {
    let one = |entry: &&'static Entry| Ok((entry.card.slug, of(entry)?));
    entries.par_iter().with_max_len(1).map(one).collect()
}

fn of(entry: &Entry) -> Result<Vec<Hashed>, Refusal> {
    let scenarios = (entry.scenarios)();
    let mut all = Vec::new();
    for (scenario, parts) in scenarios.iter().zip([&[usize::MAX, 20, 10][..], &[20]]) {
        let mut session = open(entry, &scenario.controls, 0)?;
        let length = session.length();
        for part in parts {
            let hash = || {
                let step = length.div_ceil(*part).max(1);
                advance(session.as_mut(), step);
                format!("{:016x}", session.frame().hash())
            };
            let hash = guarded(hash).map_err(|fault| Refusal::new(format!("{}: {fault}", entry.card.slug)))?;
            let (id, settings) = (scenario.id, scenario.controls.clone());
            all.push(Hashed { scenario: id, settings, step: session.step(), hash });
        }
    }
    all.dedup();
    Ok(all)
}
