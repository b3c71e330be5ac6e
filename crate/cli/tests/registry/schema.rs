//! What an exhibit says of itself: names, words and defaults.

use crate::Verdict;
use crate::watched::Watched;
use orrery_core::claim::{Claim, Verdict as Found};
use orrery_core::control::{Kind, Settings, Spec};
use orrery_core::exhibit::Card;
use orrery_core::figure::{Axis, Channel, Figures, Geometry, Layout, Mark, Scale};
use orrery_core::registry::Entry;
use pulldown_cmark::{Event, Parser};
use std::collections::BTreeSet;
use std::time::Duration;

/// The most letters of a control's label: what fits beside a figure.
const LABEL: usize = 30;

/// Checks everything that can be read without a long run.
pub fn check(entry: &Entry) -> Verdict {
    card(&entry.card)?;
    let words = words(entry.source);
    ensure((150..=400).contains(&words), || format!("the essay has {words} words, and not 150 to 400"))?;
    controls(entry)?;
    scenarios(entry)?;
    let mut run = Watched::begin(entry, &Settings::new(), 0)?;
    let mut ids = None;
    for step in [0, 1, usize::MAX] {
        run.advance(step, Duration::from_millis(300))?;
        let frame = run.frame()?;
        figures(entry, &frame.figures).map_err(|fault| format!("{fault} (at step {})", frame.step))?;
        claim(&frame.claim)?;
        let now: Vec<&str> = frame.figures.layouts().iter().map(|layout| layout.id).collect();
        let before = ids.get_or_insert_with(|| now.clone());
        ensure(*before == now, || format!("the figures change during the run, from {before:?} to {now:?}"))?;
    }
    Ok(())
}

fn ensure(fine: bool, fault: impl FnOnce() -> String) -> Verdict {
    if fine { Ok(()) } else { Err(fault()) }
}

fn said(what: &str, text: &str) -> Verdict {
    ensure(!text.trim().is_empty(), || format!("{what} is empty"))
}

/// Lower-case words joined by hyphens.
fn is_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.split('-').all(word)
}

/// Each is a name, and each is used once.
fn names<'a>(what: &str, names: impl IntoIterator<Item = &'a str>) -> Verdict {
    let mut seen = BTreeSet::new();
    for name in names {
        ensure(is_name(name), || format!("{what} {name:?} is not lower-case words joined by hyphens"))?;
        ensure(seen.insert(name), || format!("{what} {name:?} is used twice"))?;
    }
    Ok(())
}

fn card(card: &Card) -> Verdict {
    names("the slug", [card.slug])?;
    said("the title", card.title)?;
    said("the claim", card.claim)?;
    if card.is_arena() {
        ensure(card.lists.is_empty(), || "a reading list holds it, and it is no paper".to_owned())?;
        ensure(card.contenders.len() > 1, || "an arena needs two contenders".to_owned())?;
    } else {
        ensure((1800..=2100).contains(&card.year), || format!("{} is no year", card.year))?;
        ensure(!card.lists.is_empty(), || "no reading list holds it".to_owned())?;
        let paper = card.contenders.first().is_some_and(|contender| !contender.baseline);
        ensure(paper, || "the first contender is not the paper's".to_owned())?;
        let baseline = card.contenders.iter().any(|contender| contender.baseline);
        ensure(baseline, || "there is no baseline".to_owned())?;
    }
    ensure(card.lists.iter().all(|list| *list <= 4), || format!("lists are 0 to 4, not {:?}", card.lists))?;
    ensure(!card.algorithms.is_empty(), || "no algorithm is named for the search".to_owned())?;
    let contenders = card.contenders;
    names("the contender", contenders.iter().map(|contender| contender.id))?;
    contenders.iter().try_for_each(|contender| said("a contender's label", contender.label))
}

/// The words of the essay; formulas are not words.
fn words(source: &str) -> usize {
    let markdown = orrery_cli::essay::markdown(source);
    let text = |event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.to_string()),
        Event::InlineMath(_) | Event::SoftBreak | Event::HardBreak | Event::End(_) => Some(" ".to_owned()),
        _ => None,
    };
    let text: String = Parser::new_ext(&markdown, orrery_cli::essay::options()).filter_map(text).collect();
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

/// Attributes of `<orrery-exhibit>` that mean something else.
const TAKEN: [&str; 11] = ["seed", "name", "base", "hide", "page", "embed", "title", "id", "class", "style", "slot"];

fn controls(entry: &Entry) -> Verdict {
    let specs = (entry.specs)();
    for spec in &specs {
        ensure(!TAKEN.contains(&spec.name.as_str()), || format!("a control may not be called {}", spec.name))?;
    }
    names("the control", specs.iter().map(|spec| spec.name.as_str()))?;
    for spec in &specs {
        control(spec, &specs).map_err(|fault| format!("control {}: {fault}", spec.name))?;
    }
    let defaults = specs.into_iter().map(|spec| (spec.name, spec.default)).collect();
    Watched::begin(entry, &defaults, 0).map(|_| ()).map_err(|fault| format!("the defaults, said aloud: {fault}"))
}

fn control(spec: &Spec, specs: &[Spec]) -> Verdict {
    said("its label", spec.label)?;
    ensure(spec.label.chars().count() <= LABEL, || format!("its label has more than {LABEL} letters"))?;
    said("its help", &spec.help)?;
    match &spec.kind {
        Kind::Number(number) => {
            ensure(number.min < number.max, || "its range is empty".to_owned())?;
            ensure(!number.log || number.min > 0.0, || "a logarithmic range begins above zero".to_owned())?;
            ensure(number.step.is_none_or(|step| step > 0.0), || "its grid has no width".to_owned())?;
        }
        Kind::Integer(integer) => {
            ensure(integer.min < integer.max, || "its range is empty".to_owned())?;
            ensure(!integer.log || integer.min > 0, || "a logarithmic range begins above zero".to_owned())?;
        }
        Kind::Choice(choice) | Kind::Set(choice) => {
            names("the option", choice.options.iter().map(|option| option.0))?;
            choice.options.iter().try_for_each(|option| said("an option's label", option.1))?;
            ensure(choice.options.len() > 1, || "there is nothing to choose from".to_owned())?;
        }
        _ => {}
    }
    let Some((name, values)) = spec.when else { return Ok(()) };
    let other = specs.iter().find(|other| other.name == name);
    let known = |value: &str| {
        other.is_some_and(|other| match &other.kind {
            Kind::Choice(choice) | Kind::Set(choice) => choice.options.iter().any(|option| option.0 == value),
            Kind::Toggle(_) => value == "true" || value == "false",
            _ => false,
        })
    };
    ensure(!values.is_empty() && values.iter().all(|value| known(value)), || {
        format!("it waits for {name} = {}, which cannot be", values.join(" or "))
    })
}

fn scenarios(entry: &Entry) -> Verdict {
    let scenarios = (entry.scenarios)();
    names("the scenario", scenarios.iter().map(|scenario| scenario.id))?;
    for scenario in &scenarios {
        said("a scenario's label", scenario.label)?;
        said("a scenario's note", scenario.note)?;
    }
    let changed = scenarios.first().map(|first| &first.controls);
    ensure(changed.is_some_and(Settings::is_empty), || {
        format!("the first scenario changes the defaults: {changed:?}")
    })?;
    let some = |verdict| scenarios.iter().any(|scenario| scenario.expect == verdict);
    ensure(some(Found::Holds), || "no scenario holds".to_owned())?;
    ensure(some(Found::Fails), || "no scenario fails".to_owned())
}

fn claim(claim: &Claim) -> Verdict {
    ensure(!claim.clauses.is_empty(), || "the claim has no clause".to_owned())?;
    for clause in &claim.clauses {
        let text = &clause.text;
        ensure(text.contains("{value}"), || format!("a clause does not say {{value}}: {text}"))?;
        for (place, bound) in [("{low}", clause.low), ("{high}", clause.high)] {
            ensure(!text.contains(place) || bound.is_some(), || format!("a clause has no {place}: {text}"))?;
        }
    }
    Ok(())
}

fn figures(entry: &Entry, figures: &Figures) -> Verdict {
    ensure(!figures.layouts().is_empty(), || "there is no figure".to_owned())?;
    names("the figure", figures.layouts().iter().map(|layout| layout.id))?;
    for layout in figures.layouts() {
        figure(entry, figures, layout).map_err(|fault| format!("figure {}: {fault}", layout.id))?;
    }
    Ok(())
}

fn figure(entry: &Entry, figures: &Figures, layout: &Layout) -> Verdict {
    said("its title", &layout.title)?;
    said("its caption", &layout.caption)?;
    ensure(layout.x.is_some() == layout.y.is_some(), || "it has one axis alone".to_owned())?;
    for axis in [&layout.x, &layout.y].into_iter().flatten() {
        said("an axis' label", &axis.label)?;
    }
    for mark in &layout.marks {
        let known = mark.of.is_none_or(|of| entry.card.contenders.iter().any(|contender| contender.id == of));
        ensure(known, || format!("a mark is of {:?}, who is no contender", mark.of))?;
        drags(entry, mark)?;
        positive(figures, layout, mark)?;
    }
    Ok(())
}

fn drags(entry: &Entry, mark: &Mark) -> Verdict {
    let Some(name) = mark.drags else { return Ok(()) };
    let specs = (entry.specs)();
    let spec = specs.iter().find(|spec| spec.name == name && matches!(spec.kind, Kind::Points(_)));
    let spec = spec.ok_or_else(|| format!("{name:?} is dragged, and is no control of points"))?;
    let points = spec.default.as_array().map_or(0, Vec::len);
    match &mark.geometry {
        Geometry::Dot { x, .. } if x.len == points => Ok(()),
        _ => Err(format!("dragging {name:?} needs a dot for each of its {points} points")),
    }
}

/// A logarithmic axis shows positive numbers alone.
fn positive(figures: &Figures, layout: &Layout, mark: &Mark) -> Verdict {
    let is_log = |axis: &Option<Axis>| axis.as_ref().is_some_and(|axis| axis.scale == Scale::Log);
    let (name, channels) = mark.geometry.named_channels();
    let on_axis = |channel: &str| match channel {
        "x" | "x1" | "x2" => is_log(&layout.x),
        "y" | "y1" | "y2" | "low" | "high" => is_log(&layout.y),
        _ => false,
    };
    let below = |channel: &Channel| figures.channel(*channel).iter().find(|number| **number <= 0.0);
    for (channel, numbers) in channels.iter().filter(|(channel, _)| name != "table" && on_axis(channel)) {
        if let Some(number) = below(numbers) {
            return Err(format!("{channel} of a {name} puts {number} on a logarithmic axis"));
        }
    }
    Ok(())
}
