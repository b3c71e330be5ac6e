//! `--set name=value`: a value as one types it, read by the kind of its control.

use crate::data_files;
use crate::refusal::Refusal;
use crate::registry::nearest;
use orrery_core::control::{Kind, Settings, Spec};
use orrery_core::registry::Entry;
use serde_json::{Value as Json, json};
use std::path::Path;

/// Reads every `name=value` of `assignments` into settings; whether the values fit shows when the exhibit is begun.
///
/// # Errors
/// No `=`, an unknown control, a file that cannot be read, or a value that is none of its kind.
pub fn read(entry: &Entry, assignments: &[String]) -> Result<Settings, Refusal> {
    let specs = (entry.specs)();
    let mut settings = Settings::new();
    for assignment in assignments {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| Refusal::new(format!("--set takes name=value, not {assignment:?}")))?;
        let spec = specs.iter().find(|spec| spec.name == name).ok_or_else(|| unknown(entry, &specs, name))?;
        let value = match value.strip_prefix('@') {
            Some(path) => data_files::read(&spec.kind, Path::new(path)),
            None => typed(&spec.kind, value),
        };
        settings.insert(name.to_owned(), value.map_err(|fault| Refusal::new(format!("{name}: {fault}")))?);
    }
    Ok(settings)
}

fn unknown(entry: &Entry, specs: &[Spec], name: &str) -> Refusal {
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let near = nearest(name, names.iter().copied());
    let slug = entry.card.slug;
    let then = if near.is_empty() { "; it" } else { " It" };
    Refusal::new(format!("{slug} has no control {name:?}{near}{then} has {}", names.join(", ")))
}

/// A typed value. What is no number is passed on as it stands, so that the control itself says what it takes.
fn typed(kind: &Kind, value: &str) -> Result<Json, String> {
    let as_json = || serde_json::from_str(value).map_err(|fault| format!("{value:?} is not JSON: {fault}"));
    let looks_like_json = value.starts_with(['[', '{']);
    match kind {
        Kind::Number(_) | Kind::Integer(_) => Ok(number(value).unwrap_or_else(|| json!(value))),
        Kind::Toggle(_) => Ok(match value {
            "true" | "1" => json!(true),
            "false" | "0" => json!(false),
            _ => json!(value),
        }),
        Kind::Choice(_) | Kind::Formula(_) | Kind::Text(_) => Ok(json!(value)),
        Kind::Set(_) | Kind::Points(_) | Kind::Curve(_) if looks_like_json => as_json(),
        Kind::Set(_) => Ok(split(value, ',').map(|name| json!(name)).collect()),
        Kind::Points(_) => split(value, ';').map(|pair| numbers(pair).map(|pair| json!(pair))).collect(),
        Kind::Curve(spec) => numbers(value).and_then(|values| data_files::curve(&values, spec.samples)),
        Kind::Image(_) if looks_like_json => as_json(),
        Kind::Image(_) => Err("takes an image from a file: @image.png".to_owned()),
        Kind::Table(_) if looks_like_json => as_json(),
        Kind::Table(_) => Err("takes a table from a file: @table.csv".to_owned()),
    }
}

fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    text.split(at).map(str::trim).filter(|part| !part.is_empty())
}

fn number(text: &str) -> Option<Json> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| json!(number))
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let parse = |part: &str| part.parse::<f64>().ok().filter(|number| number.is_finite());
    split(text, ',').map(|part| parse(part).ok_or_else(|| format!("{part:?} is not a number"))).collect()
}
