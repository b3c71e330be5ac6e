//! `orrery run`: one exhibit, to its end or to a step.

use crate::frame_json::plain;
use crate::native::{advance, guarded, open};
use crate::number::{sentence, significant, word};
use crate::refusal::Refusal;
use crate::settings;
use orrery_core::control::Settings;
use orrery_core::figure::{Column, Figures, Geometry, Layout, Mark};
use orrery_core::frame::Frame;
use orrery_core::registry::Entry;
use serde_json::{Value as Json, json};

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A scenario to start from instead of the defaults.
    pub scenario: Option<String>,
    /// `name=value`, each.
    pub set: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// Steps to run; all where none is told.
    pub steps: Option<usize>,
}

/// A run that has reached its step.
pub struct Reached {
    entry: Entry,
    settings: Settings,
    seed: u64,
    length: usize,
    frame: Frame,
}

/// Runs `entry` as wanted.
///
/// # Errors
/// A scenario that is not there, or a setting that cannot be run.
pub fn run(entry: &Entry, wanted: &Wanted) -> Result<Reached, Refusal> {
    let mut chosen = match &wanted.scenario {
        Some(id) => scenario(entry, id)?,
        None => Settings::new(),
    };
    chosen.extend(settings::read(entry, &wanted.set)?);
    let mut session = open(entry, &chosen, wanted.seed)?;
    let reach = || {
        advance(session.as_mut(), wanted.steps.unwrap_or(usize::MAX));
        (session.length(), session.frame())
    };
    let (length, frame) = guarded(reach).map_err(|fault| Refusal::new(format!("{}: {fault}", entry.card.slug)))?;
    Ok(Reached { entry: *entry, settings: chosen, seed: wanted.seed, length, frame })
}

fn scenario(entry: &Entry, id: &str) -> Result<Settings, Refusal> {
    let scenarios = (entry.scenarios)();
    let ids: Vec<&str> = scenarios.iter().map(|scenario| scenario.id).collect();
    let found = scenarios.iter().find(|scenario| scenario.id == id).map(|scenario| scenario.controls.clone());
    found.ok_or_else(|| {
        let slug = entry.card.slug;
        Refusal::new(format!("{slug} has no scenario {id:?}; it has {}", ids.join(", ")))
    })
}

impl Reached {
    /// Everything, for scripts. The hash is the one the browser computes of the same frame.
    pub fn json(&self) -> String {
        let Frame { step, done, figures, claim } = &self.frame;
        let mut measured = json!(claim);
        if let Some(clauses) = measured.get_mut("clauses").and_then(Json::as_array_mut) {
            for (clause, shown) in claim.clauses.iter().zip(clauses) {
                shown["sentence"] = json!(sentence(clause));
            }
        }
        let all = json!({
            "slug": self.entry.card.slug, "wing": self.entry.wing, "settings": self.settings, "seed": self.seed,
            "step": step, "length": self.length, "done": done, "hash": format!("{:016x}", self.frame.hash()),
            "verdict": claim.verdict, "claim": measured, "figures": plain(figures),
        });
        format!("{all}\n")
    }

    /// The figures, then the claim, for people; `brief` shortens long arrays.
    pub fn text(&self, brief: bool) -> String {
        let Frame { step, figures, claim, .. } = &self.frame;
        let card = &self.entry.card;
        let mut out = format!("{}\n{}\n", card.listed(), self.where_it_stands(*step));
        for layout in figures.layouts() {
            out += &figure(layout, figures, brief);
        }
        out += &format!("\nclaim: {}\n", card.claim);
        for clause in &claim.clauses {
            out += &format!("  {}: {}\n", word(clause.verdict), sentence(clause));
        }
        out += &format!("verdict: {}\nhash: {:016x}\n", word(claim.verdict), self.frame.hash());
        out
    }

    fn where_it_stands(&self, step: usize) -> String {
        let over = if self.frame.done && step < self.length { ", over" } else { "" };
        let settings = self.settings.iter().map(|(name, value)| format!(", {name} = {}", short(value)));
        let settings: String = settings.collect();
        format!("{}: step {step} of {}{over}, seed {}{settings}", self.entry.card.slug, self.length, self.seed)
    }
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain(['…']).collect() }
}

fn figure(layout: &Layout, figures: &Figures, brief: bool) -> String {
    let mut out = format!("\n{}: {}\n", layout.id, layout.title);
    for (name, axis) in [("x", &layout.x), ("y", &layout.y)] {
        if let Some(axis) = axis {
            let unit = axis.unit.as_ref().map_or(String::new(), |unit| format!(" ({unit})"));
            out += &format!("  {name}: {}{unit}\n", axis.label);
        }
    }
    layout.marks.iter().for_each(|shown| out += &mark(shown, figures, brief));
    out
}

fn mark(mark: &Mark, figures: &Figures, brief: bool) -> String {
    let (name, channels) = mark.geometry.named_channels();
    let of = mark.of.map_or(String::new(), |of| format!(" of {of}"));
    let label = mark.label.as_ref().map_or(String::new(), |label| format!(" {label:?}"));
    let mut out = format!("  {name}{of}{label}\n");
    for (name, channel) in channels {
        let numbers: Vec<String> = figures.channel(channel).iter().map(|&number| shown(number, brief)).collect();
        out += &array(&name, &numbers, brief);
    }
    match &mark.geometry {
        Geometry::Text { words, .. } => out += &array("words", words, brief),
        Geometry::Table { headers, columns } => {
            for (header, column) in headers.iter().zip(columns) {
                if let Column::Words(words) = column {
                    out += &array(header, words, brief);
                }
            }
        }
        _ => {}
    }
    out
}

fn shown(number: f64, brief: bool) -> String {
    if brief {
        return significant(number);
    }
    // In full, with an exponent where there would be a row of zeros.
    let full = format!("{number:?}");
    full.strip_suffix(".0").map_or(full.clone(), str::to_owned)
}

fn array(name: &str, items: &[String], brief: bool) -> String {
    let all = items.join(", ");
    if !brief || items.len() <= 10 {
        return format!("    {name}: [{all}]\n");
    }
    let (first, last) = (items[..5].join(", "), items[items.len() - 2..].join(", "));
    format!("    {name}: [{first}, … {last}] ({} in all)\n", items.len())
}
