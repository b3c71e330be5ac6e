//! `orrery manifest`: what the web side is built from. The same exhibits give the same bytes.

use crate::essay;
use crate::frame_json::WebFrame;
use crate::native::{advance, guarded, open};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::source;
use orrery_core::claim::Verdict;
use orrery_core::control::{Settings, Spec};
use orrery_core::exhibit::{Card, Scenario};
use orrery_core::registry::Entry;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Manifest {
    wings: Vec<WingLine>,
    exhibits: Vec<CardLine>,
}

#[derive(Serialize)]
struct WingLine {
    slug: &'static str,
    title: &'static str,
}

/// What the gallery needs of an exhibit.
#[derive(Clone, Serialize)]
struct CardLine {
    #[serde(flatten)]
    card: Card,
    wing: &'static str,
    verdict: Json,
}

/// What an exhibit's page needs.
#[derive(Serialize)]
struct Page {
    #[serde(flatten)]
    card: CardLine,
    specs: Vec<Spec>,
    scenarios: Vec<ScenarioLine>,
    essay: String,
    source: String,
    frame: WebFrame,
}

#[derive(Serialize)]
struct ScenarioLine {
    id: &'static str,
    label: &'static str,
    note: &'static str,
    settings: Settings,
    expect: Verdict,
}

/// What changed on disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Exhibits that were run.
    pub run: usize,
    /// Files whose content changed.
    pub written: usize,
    /// Files that belonged to no exhibit any more.
    pub removed: usize,
}

/// Writes `manifest.json`, `exhibit/<slug>.json` and `poster/<slug>.json` into `folder`. `chosen` are run, and those that
/// `folder` does not hold; the others stay as they are.
///
/// # Errors
/// An exhibit that breaks at its defaults, or a file that cannot be written.
pub fn write(registry: &Registry, chosen: &[&'static Entry], folder: &Path) -> Result<Written, Refusal> {
    let old = verdicts(folder);
    let mut cards = BTreeMap::new();
    let mut run = Vec::new();
    for entry in registry.entries() {
        let slug = entry.card.slug;
        let wanted = chosen.iter().any(|chosen| chosen.card.slug == slug);
        let there = ["exhibit", "poster"].iter().all(|kind| file(folder, kind, slug).exists());
        match old.get(slug).filter(|_| there && !wanted) {
            Some(verdict) => {
                cards.insert(slug, CardLine { card: entry.card, wing: entry.wing, verdict: verdict.clone() });
            }
            None => run.push(entry),
        }
    }
    let made: Vec<(CardLine, usize)> =
        run.par_iter().with_max_len(1).map(|entry| one(entry, folder)).collect::<Result<_, _>>()?;
    let mut written = made.iter().map(|(_, changed)| changed).sum::<usize>();
    cards.extend(made.into_iter().map(|(card, _)| (card.card.slug, card)));

    let removed = ["exhibit", "poster"].iter().map(|kind| remove_others(&folder.join(kind), &cards)).sum();
    let exhibits: Vec<CardLine> = registry.entries().filter_map(|entry| cards.get(entry.card.slug).cloned()).collect();
    let hung: BTreeSet<&str> = exhibits.iter().map(|card| card.wing).collect();
    let wings = registry.wings().iter().filter(|wing| hung.contains(wing.slug));
    let wings = wings.map(|wing| WingLine { slug: wing.slug, title: wing.title }).collect();
    written += usize::from(put(&folder.join("manifest.json"), &Manifest { wings, exhibits })?);
    Ok(Written { run: run.len(), written, removed })
}

fn file(folder: &Path, kind: &str, slug: &str) -> PathBuf {
    folder.join(kind).join(format!("{slug}.json"))
}

/// Runs `entry` at its defaults to the end and writes its two files; says how many changed.
fn one(entry: &Entry, folder: &Path) -> Result<(CardLine, usize), Refusal> {
    let broke = |fault| Refusal::new(format!("{}: {fault}", entry.card.slug));
    let scenarios = guarded(entry.scenarios).map_err(broke)?;
    let mut session = open(entry, &Settings::new(), 0)?;
    guarded(|| advance(session.as_mut(), usize::MAX)).map_err(broke)?;
    let (frame, poster) = guarded(|| (session.frame(), WebFrame::poster(session.as_ref()))).map_err(broke)?;

    let verdict = serde_json::json!(frame.claim.verdict);
    let card = CardLine { card: entry.card, wing: entry.wing, verdict };
    let line =
        |Scenario { id, label, note, controls, expect }| ScenarioLine { id, label, note, settings: controls, expect };
    let page = Page {
        card: card.clone(),
        specs: (entry.specs)(),
        scenarios: scenarios.into_iter().map(line).collect(),
        essay: essay::html(entry.source),
        source: source::whole(entry)?,
        frame: WebFrame::of(session.as_ref()),
    };
    let changed = put(&file(folder, "exhibit", entry.card.slug), &page)?;
    let poster_changed = put(&file(folder, "poster", entry.card.slug), &poster)?;
    Ok((card, usize::from(changed) + usize::from(poster_changed)))
}

/// Writes `value` as JSON if the file does not hold it yet, so that what is built from it stays as it is.
fn put(path: &Path, value: &impl Serialize) -> Result<bool, Refusal> {
    let failed = |fault: &dyn std::fmt::Display| Refusal::new(format!("{} cannot be written: {fault}", path.display()));
    let bytes = serde_json::to_vec(value).map_err(|fault| failed(&fault))?;
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|fault| failed(&fault))?;
    }
    fs::write(path, bytes).map_err(|fault| failed(&fault))?;
    Ok(true)
}

/// The verdicts of the manifest that is there.
fn verdicts(folder: &Path) -> BTreeMap<String, Json> {
    let old = fs::read(folder.join("manifest.json")).unwrap_or_default();
    let old: Json = serde_json::from_slice(&old).unwrap_or_default();
    let exhibits = old.get("exhibits").and_then(Json::as_array).cloned().unwrap_or_default();
    let pair = |card: &Json| Some((card.get("slug")?.as_str()?.to_owned(), card.get("verdict")?.clone()));
    exhibits.iter().filter_map(pair).collect()
}

/// Removes the JSON files of `folder` that belong to none of `cards`.
fn remove_others(folder: &Path, cards: &BTreeMap<&str, CardLine>) -> usize {
    let Ok(files) = fs::read_dir(folder) else { return 0 };
    let paths = files.flatten().map(|file| file.path());
    let other = |path: &PathBuf| {
        let slug = path.file_stem().and_then(|stem| stem.to_str());
        path.extension().is_some_and(|ending| ending == "json") && slug.is_none_or(|slug| !cards.contains_key(slug))
    };
    paths.filter(other).filter(|path| fs::remove_file(path).is_ok()).count()
}
