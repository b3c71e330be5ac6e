//! A run of an exhibit: from a seed, for a while, to a step, and back.

use crate::Rng;
use crate::compute::{Compute, Local};
use crate::control::{Controls, Settings, read};
use crate::error::Result;
use crate::exhibit::{Exhibit, Progress};
use crate::figure::Figures;
use crate::frame::Frame;
use rand::SeedableRng;

/// A session whose exhibit's type has been forgotten.
pub trait Session {
    /// Steps run.
    fn step(&self) -> usize;

    /// Steps the run takes at most; once it has been over, the steps it took.
    fn length(&self) -> usize;

    /// Whether the run is over.
    fn done(&self) -> bool;

    /// Runs until `step` is reached, the run is over, or `go_on`, asked after each step, says no.
    fn advance<'a>(
        &'a mut self,
        compute: &'a Compute,
        step: usize,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Local<'a, ()>;

    /// Goes back to the latest kept moment at or before `step` (the start is always kept); [`advance`](Self::advance)
    /// covers the rest. A `step` still to come is left to `advance` alone.
    fn rewind(&mut self, step: usize);

    /// Takes over changed settings if only live controls changed; says whether it could.
    ///
    /// # Errors
    /// A setting that is not one of the exhibit's, or out of its range.
    fn retune(&mut self, settings: &Settings) -> Result<bool>;

    /// The moment reached.
    fn frame(&self) -> Frame;
}

/// How many moments a session keeps to rewind to, besides the start.
const MOMENTS: usize = 12;

struct Running<E: Exhibit> {
    controls: E::Controls,
    now: Moment<E>,
    start: Moment<E>,
    kept: Vec<Moment<E>>,
    stride: usize,
    /// The step at which the run was over, once it has been there.
    end: Option<usize>,
}

#[derive(Clone)]
struct Moment<E> {
    step: usize,
    done: bool,
    exhibit: E,
}

/// Begins a run of `E` at `settings`; what they leave out is at its default.
///
/// # Errors
/// An unknown control, a value out of range, or a setting that the exhibit cannot run.
pub fn open<E: Exhibit>(settings: &Settings, seed: u64) -> Result<Box<dyn Session>> {
    let controls: E::Controls = read(settings)?;
    let exhibit = E::new(&controls, &mut Rng::seed_from_u64(seed))?;
    let start = Moment { step: 0, done: exhibit.length() == 0, exhibit };
    Ok(Box::new(Running { controls, now: start.clone(), start, kept: Vec::new(), stride: 1, end: None }))
}

impl<E: Exhibit> Running<E> {
    fn keep(&mut self) {
        let newer = self.kept.last().is_none_or(|last| last.step < self.now.step);
        if newer && self.now.step.is_multiple_of(self.stride) {
            self.kept.push(self.now.clone());
            if self.kept.len() > MOMENTS {
                self.stride *= 2;
                let stride = self.stride;
                self.kept.retain(|moment| moment.step.is_multiple_of(stride));
            }
        }
    }
}

impl<E: Exhibit> Session for Running<E> {
    fn step(&self) -> usize {
        self.now.step
    }

    fn length(&self) -> usize {
        self.end.unwrap_or_else(|| self.now.exhibit.length())
    }

    fn done(&self) -> bool {
        self.now.done
    }

    fn advance<'a>(
        &'a mut self,
        compute: &'a Compute,
        step: usize,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Local<'a, ()> {
        Box::pin(async move {
            while !self.now.done && self.now.step < step {
                let progress = self.now.exhibit.step(compute).await;
                self.now.step += 1;
                self.now.done = progress == Progress::Done || self.now.step >= self.now.exhibit.length();
                if self.now.done {
                    self.end = Some(self.now.step);
                }
                self.keep();
                if !go_on() {
                    break;
                }
            }
        })
    }

    fn rewind(&mut self, step: usize) {
        if step < self.now.step {
            let kept = self.kept.iter().rfind(|moment| moment.step <= step);
            self.now = kept.unwrap_or(&self.start).clone();
            self.now.exhibit.retune(&self.controls);
        }
    }

    fn retune(&mut self, settings: &Settings) -> Result<bool> {
        let controls: E::Controls = read(settings)?;
        let specs = E::Controls::specs();
        let values = self.controls.values().into_iter().zip(controls.values());
        let live = specs.iter().zip(values).all(|(spec, (old, new))| spec.live || old == new);
        if live {
            self.now.exhibit.retune(&controls);
            self.controls = controls;
        }
        Ok(live)
    }

    fn frame(&self) -> Frame {
        let mut figures = Figures::new();
        self.now.exhibit.figures(&mut figures);
        Frame { step: self.now.step, done: self.now.done, figures, claim: self.now.exhibit.claim() }
    }
}
