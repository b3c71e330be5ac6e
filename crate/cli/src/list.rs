//! `orrery list`: what there is.

use crate::registry::Registry;
use orrery_core::claim::Verdict;
use orrery_core::control::Spec;
use orrery_core::exhibit::Card;
use orrery_core::registry::Entry;
use serde::Serialize;
use serde_json::json;

/// An exhibit as a script wants it.
#[derive(Serialize)]
struct Listed {
    wing: &'static str,
    #[serde(flatten)]
    card: Card,
    controls: Vec<Spec>,
    scenarios: Vec<ListedScenario>,
}

#[derive(Serialize)]
struct ListedScenario {
    id: &'static str,
    label: &'static str,
    expect: Verdict,
}

fn listed(entry: &Entry) -> Listed {
    let scenarios = (entry.scenarios)().into_iter();
    let scenarios = scenarios.map(|s| ListedScenario { id: s.id, label: s.label, expect: s.expect }).collect();
    Listed { wing: entry.wing, card: entry.card, controls: (entry.specs)(), scenarios }
}

/// All exhibits as JSON, with their controls and scenarios.
pub fn json(registry: &Registry) -> String {
    let exhibits: Vec<Listed> = registry.entries().map(listed).collect();
    format!("{:#}\n", json!(exhibits))
}

/// All exhibits by wing, a line each.
pub fn text(registry: &Registry) -> String {
    let width = registry.entries().map(|entry| entry.card.slug.len()).max().unwrap_or(0);
    let mut out = String::new();
    for wing in registry.wings() {
        out += &format!("{} ({})\n", wing.title, wing.slug);
        for Entry { card, .. } in wing.exhibits {
            out += &format!("  {:width$}  {}\n", card.slug, card.listed());
        }
    }
    out
}
