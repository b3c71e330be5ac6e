//! Frames as JSON: compact for the web, plain for people and scripts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orrery_core::claim::Claim;
use orrery_core::figure::{Figures, Layout};
use orrery_core::session::Session;
use serde::Serialize;
use serde_json::{Value as Json, json};

/// A frame as the web side reads it: descriptions as JSON, all numbers as one array of little-endian `f32`, in base64.
#[derive(Serialize)]
pub struct WebFrame {
    step: usize,
    length: usize,
    done: bool,
    layout: Vec<Layout>,
    claim: Claim,
    data: String,
}

impl WebFrame {
    /// The moment `session` has reached, whole.
    pub fn of(session: &dyn Session) -> Self {
        Self::with(session, |figures| figures)
    }

    /// The moment `session` has reached, with its first figure alone.
    pub fn poster(session: &dyn Session) -> Self {
        Self::with(session, |figures| figures.lead())
    }

    fn with(session: &dyn Session, choose: impl FnOnce(Figures) -> Figures) -> Self {
        let frame = session.frame();
        let figures = choose(frame.figures);
        // What f32 cannot hold stays finite: it lies at the edge of any picture.
        let single = |number: &f64| (*number as f32).clamp(f32::MIN, f32::MAX);
        let bytes: Vec<u8> = figures.data().iter().flat_map(|number| single(number).to_le_bytes()).collect();
        Self {
            step: frame.step,
            length: session.length(),
            done: frame.done,
            layout: figures.layouts().to_vec(),
            claim: frame.claim,
            data: STANDARD.encode(bytes),
        }
    }
}

/// The figures with each channel replaced by its numbers.
pub fn plain(figures: &Figures) -> Json {
    let mut layouts = json!(figures.layouts());
    fill(&mut layouts, figures.data());
    layouts
}

fn fill(value: &mut Json, data: &[f64]) {
    match value {
        Json::Object(fields) => {
            let channel = |fields: &serde_json::Map<String, Json>| {
                let index = |name| fields.get(name).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
                let (from, len) = (index("from")?, index("len")?);
                data.get(from..from.checked_add(len)?).filter(|_| fields.len() == 2)
            };
            match channel(fields) {
                Some(numbers) => *value = json!(numbers),
                None => fields.values_mut().for_each(|field| fill(field, data)),
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| fill(item, data)),
        _ => {}
    }
}
