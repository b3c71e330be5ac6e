//! One paper, running.

use crate::Rng;
use crate::claim::{Claim, Verdict};
use crate::compute::Compute;
use crate::control::Controls;
use crate::error::Result;
use crate::figure::Figures;
use serde::Serialize;
use std::future::Future;

/// What the gallery and the page say of an exhibit before anything runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Card {
    /// The exhibit's name in links: lower-case words joined by hyphens.
    pub slug: &'static str,
    /// The paper's title.
    pub title: &'static str,
    /// The year it appeared; [`Card::ARENA`] where there is no paper.
    #[serde(skip_serializing_if = "no_paper")]
    pub year: u16,
    /// The reading lists that hold it, 0 to 4. No list holds an arena.
    pub lists: &'static [u8],
    /// The claim in one line, for the gallery.
    pub claim: &'static str,
    /// What runs here, for the search: algorithms and ideas by the names the field uses.
    pub algorithms: &'static [&'static str],
    /// The paper's algorithm first, then its baselines; in an arena, all of equal rank. Each keeps one colour in all figures.
    pub contenders: &'static [Contender],
}

fn no_paper(year: &u16) -> bool {
    *year == Card::ARENA
}

impl Card {
    /// In the place of a year, of an arena: a wing's workbench, its methods side by side on the visitor's own problem. It
    /// is no paper's, so the page shows no year, looks for no paper, and its contenders need not be paper and baseline.
    pub const ARENA: u16 = 0;

    /// Whether this is an arena.
    pub fn is_arena(&self) -> bool {
        no_paper(&self.year)
    }

    /// The title with what stands behind it in lists: the year, or that it is an arena.
    pub fn listed(&self) -> String {
        if self.is_arena() { format!("{} (arena)", self.title) } else { format!("{} ({})", self.title, self.year) }
    }
}

/// An algorithm that runs in an exhibit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Contender {
    /// Its name in marks (`.of("lion")`).
    pub id: &'static str,
    /// Its name on the page.
    pub label: &'static str,
    /// Whether it is here to be compared with.
    pub baseline: bool,
}

impl Contender {
    /// The paper's own algorithm.
    pub const fn paper(id: &'static str, label: &'static str) -> Self {
        Self { id, label, baseline: false }
    }

    /// An algorithm the paper is measured against.
    pub const fn baseline(id: &'static str, label: &'static str) -> Self {
        Self { id, label, baseline: true }
    }
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    Running,
    /// The run has reached its end: nothing changes any more.
    Done,
}

/// A named setting of the controls with the verdict it must give.
#[derive(Clone, Debug)]
pub struct Scenario<C> {
    /// Its name in links and in the command line: lower-case words joined by hyphens.
    pub id: &'static str,
    /// What its button says.
    pub label: &'static str,
    /// What to see in it, and why, in a sentence.
    pub note: &'static str,
    /// The setting.
    pub controls: C,
    /// The verdict it gives, at every seed.
    pub expect: Verdict,
}

impl<C> Scenario<C> {
    /// A setting at which the paper's claim holds.
    pub fn holds(id: &'static str, label: &'static str, note: &'static str, controls: C) -> Self {
        Self { id, label, note, controls, expect: Verdict::Holds }
    }

    /// A setting at which it does not.
    pub fn fails(id: &'static str, label: &'static str, note: &'static str, controls: C) -> Self {
        Self { id, label, note, controls, expect: Verdict::Fails }
    }
}

/// One paper: its algorithm beside its baselines, on controls the visitor moves, with its claim measured.
///
/// The clone is how a session keeps places to seek back to; it must hold all of the run's state.
pub trait Exhibit: Clone + 'static {
    /// What the gallery says.
    const CARD: Card;
    /// What the visitor moves.
    type Controls: Controls;

    /// A run before its first step. A setting that cannot be run is an error that names the control, never a panic.
    fn new(controls: &Self::Controls, rng: &mut Rng) -> Result<Self>;

    /// How many steps the run takes at most until it is [`Progress::Done`]; it may end earlier.
    fn length(&self) -> usize;

    /// One iteration of every contender, in well under a frame (8 ms): longer work is cut into smaller steps.
    fn step(&mut self, compute: &Compute) -> impl Future<Output = Progress>;

    /// Draws what is known so far. Every number is finite.
    fn figures(&self, figures: &mut Figures);

    /// What was measured so far.
    fn claim(&self) -> Claim;

    /// Takes over the controls marked *live* while the run goes on. Such a control changes how the run is shown or
    /// judged and never the run itself, so that a link needs no history.
    fn retune(&mut self, _controls: &Self::Controls) {}

    /// The named settings; the first is the default one, and at least one fails.
    fn scenarios() -> Vec<Scenario<Self::Controls>>;
}
