//! The plain list of wings, and how an exhibit or a wing is found by its name.

use crate::refusal::Refusal;
use orrery_core::registry::{Entry, Wing};

/// Every wing, in the order of the gallery.
pub static REGISTRY: Registry = Registry(&[
    &orrery_optimizers::WING,
    &orrery_training_dynamics::WING,
    &orrery_low_rank::WING,
    &orrery_transport::WING,
    &orrery_state_space::WING,
    &orrery_dynamics::WING,
]);

/// A list of wings.
#[derive(Clone, Copy)]
pub struct Registry(pub &'static [&'static Wing]);

impl Registry {
    /// The wings.
    pub fn wings(&self) -> &'static [&'static Wing] {
        self.0
    }

    /// Every exhibit, wing by wing.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        self.0.iter().flat_map(|wing| wing.exhibits)
    }

    /// The exhibit `slug`.
    ///
    /// # Errors
    /// There is none; the line names those whose slugs come nearest.
    pub fn find(&self, slug: &str) -> Result<&'static Entry, Refusal> {
        self.entries().find(|entry| entry.card.slug == slug).ok_or_else(|| {
            let near = nearest(slug, self.entries().map(|entry| entry.card.slug));
            Refusal::new(format!("there is no exhibit {slug:?}{near}"))
        })
    }

    /// The exhibits named by `names`, each an exhibit or a wing; all of them where nothing is named. In the order of
    /// the registry, each once.
    ///
    /// # Errors
    /// A name that is neither.
    pub fn select(&self, names: &[String]) -> Result<Vec<&'static Entry>, Refusal> {
        for name in names {
            if !self.entries().any(|entry| is(entry, name)) && !self.0.iter().any(|wing| wing.slug == name) {
                let wings = self.0.iter().map(|wing| wing.slug);
                let near = nearest(name, self.entries().map(|entry| entry.card.slug).chain(wings));
                return Err(Refusal::new(format!("there is no exhibit or wing {name:?}{near}")));
            }
        }
        let chosen = |entry: &&Entry| names.is_empty() || names.iter().any(|name| is(entry, name));
        Ok(self.entries().filter(chosen).collect())
    }
}

fn is(entry: &Entry, name: &str) -> bool {
    entry.card.slug == name || entry.wing == name
}

/// "; did you mean …?" with the names that come nearest to `name`, or nothing where none is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let name = name.to_lowercase();
    let likeness = |known: &str| {
        let part = known.split('-').map(|word| strsim::jaro_winkler(&name, word)).fold(0.0, f64::max);
        strsim::jaro_winkler(&name, known).max(0.95 * part)
    };
    let mut near: Vec<(f64, &str)> = known.into_iter().map(|known| (likeness(known), known)).collect();
    near.retain(|(likeness, _)| *likeness > 0.75);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, known)| known).collect();
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}
