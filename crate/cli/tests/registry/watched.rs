//! A run under watch: no panic, no step that takes long, no number in a picture that is not finite.

use crate::watchdog::Guard;
use cpu_time::ThreadTime;
use orrery_core::compute::Compute;
use orrery_core::control::Settings;
use orrery_core::error::Error;
use orrery_core::figure::{Axis, Channel, Colors, Figures, Geometry, Ink, Layout};
use orrery_core::frame::Frame;
use orrery_core::registry::Entry;
use orrery_core::session::Session;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The most that beginning a run may take. All times are the processor's, so that a busy machine fails nobody.
pub const BEGINNING: Duration = Duration::from_millis(500);
/// The most that a step may take.
pub const STEP: Duration = Duration::from_millis(100);
/// The most that drawing all figures may take.
pub const DRAWING: Duration = Duration::from_millis(20);

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    static LATE: Cell<bool> = const { Cell::new(false) };
}

/// A fault of time.
pub fn late(fault: String) -> String {
    LATE.set(true);
    fault
}

/// Whether there was a fault of time since this was last asked.
pub fn was_late() -> bool {
    LATE.take()
}

/// Has panics remembered, with where they happened, rather than printed: a check that fails reports its own.
pub fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string().replace('\n', " ");
        LAST_PANIC.with_borrow_mut(|last| *last = message);
    }));
}

/// What `work` gives, or how it panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| LAST_PANIC.with_borrow(|last| format!("it {last}")))
}

/// A run under watch.
pub struct Watched {
    session: Box<dyn Session>,
    compute: Compute,
    _guard: Guard,
    /// Processor time spent on this run.
    pub spent: Duration,
}

impl Watched {
    /// Begins a run. The inner error is the exhibit's honest refusal of the settings.
    pub fn open(entry: &Entry, settings: &Settings, seed: u64) -> Result<Result<Self, Error>, String> {
        let name = serde_json::to_string(settings).unwrap_or_default();
        let guard = Guard::of(format!("{} at {name}, seed {seed}", entry.card.slug));
        let start = ThreadTime::now();
        let opened = caught(|| (entry.open)(settings, seed)).map_err(|fault| format!("beginning, {fault}"))?;
        let spent = start.elapsed();
        if spent > BEGINNING {
            return Err(late(format!("beginning took {} ms", spent.as_millis())));
        }
        Ok(opened.map(|session| Self { session, compute: orrery_gpu::cpu(), _guard: guard, spent }))
    }

    /// Begins a run at settings that must work.
    pub fn begin(entry: &Entry, settings: &Settings, seed: u64) -> Result<Self, String> {
        Self::open(entry, settings, seed)?.map_err(|error| format!("it refuses: {error}"))
    }

    /// Steps run.
    pub fn step(&self) -> usize {
        self.session.step()
    }

    /// The steps of the whole run, as far as is known.
    pub fn length(&self) -> usize {
        self.session.length()
    }

    /// Whether the run is over.
    pub fn done(&self) -> bool {
        self.session.done()
    }

    /// Runs until `step`, the end, or until `budget` of processor time is spent in all.
    pub fn advance(&mut self, step: usize, budget: Duration) -> Result<(), String> {
        let Self { session, compute, spent, .. } = self;
        let (start, before) = (ThreadTime::now(), *spent);
        let (mut asked, mut slowest) = (Duration::ZERO, Duration::ZERO);
        let mut go_on = || {
            let now = start.elapsed();
            slowest = slowest.max(now - asked);
            asked = now;
            *spent = before + now;
            slowest <= STEP && *spent < budget
        };
        let advanced = caught(|| pollster::block_on(session.advance(compute, step, &mut go_on)));
        advanced.map_err(|fault| format!("after step {}, {fault}", session.step()))?;
        if slowest > STEP {
            return Err(late(format!("step {} took {} ms", session.step(), slowest.as_millis())));
        }
        Ok(())
    }

    /// Goes back to `step` and forward again to exactly it.
    pub fn seek(&mut self, step: usize) -> Result<(), String> {
        caught(|| self.session.rewind(step)).map_err(|fault| format!("going back to step {step}, {fault}"))?;
        self.advance(step, Duration::MAX)
    }

    /// Takes over live controls.
    pub fn retune(&mut self, settings: &Settings) -> Result<(), String> {
        match caught(|| self.session.retune(settings)).map_err(|fault| format!("retuning, {fault}"))? {
            Ok(true) => Ok(()),
            Ok(false) => Err("live controls were not taken over while it runs".to_owned()),
            Err(error) => Err(format!("a live control was refused: {error}")),
        }
    }

    /// The moment reached, looked through.
    pub fn frame(&mut self) -> Result<Frame, String> {
        let start = ThreadTime::now();
        let step = self.step();
        let drawn = || caught(|| self.session.frame()).map_err(|fault| format!("drawing step {step}, {fault}"));
        let frame = drawn()?;
        let mut quickest = start.elapsed();
        self.spent += quickest;
        for _ in 0..2 {
            if quickest > DRAWING {
                let again = ThreadTime::now();
                drawn()?;
                quickest = quickest.min(again.elapsed());
            }
        }
        if quickest > DRAWING {
            return Err(late(format!("drawing step {step} took {} ms", quickest.as_millis())));
        }
        look_through(&frame.figures).map_err(|fault| format!("at step {step}, {fault}"))?;
        Ok(frame)
    }
}

fn look_through(figures: &Figures) -> Result<(), String> {
    for layout in figures.layouts() {
        for (index, mark) in layout.marks.iter().enumerate() {
            let (name, channels) = mark.geometry.named_channels();
            let place = |channel: &str| format!("{channel} of {name} (mark {index}) in figure {}", layout.id);
            for (channel, numbers) in channels {
                all_finite(figures, numbers).map_err(|fault| format!("{fault} in {}", place(&channel)))?;
            }
            well_formed(&mark.geometry).map_err(|fault| format!("{} is {fault}", place("the shape")))?;
            if let Ink::Tone(tone) = mark.ink
                && !(0.0..=1.0).contains(&tone)
            {
                return Err(format!("the tone {tone} is not from 0 to 1: {}", place("ink")));
            }
        }
        axes(layout)?;
    }
    Ok(())
}

fn all_finite(figures: &Figures, channel: Channel) -> Result<(), String> {
    let numbers = figures.channel(channel);
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(format!("{} at index {at}", numbers[at])),
        None => Ok(()),
    }
}

fn well_formed(geometry: &Geometry) -> Result<(), String> {
    let grid = |values: &Channel, columns: usize, x: &[f64; 2], y: &[f64; 2]| {
        let whole = if columns == 0 { values.len == 0 } else { values.len.is_multiple_of(columns) };
        if !whole {
            return Err(format!("no grid: {} values in {columns} columns", values.len));
        }
        ordered(x)?;
        ordered(y)
    };
    match geometry {
        Geometry::Raster { values, columns, x, y, colors } => {
            grid(values, *columns, x, y)?;
            color_range(colors)
        }
        Geometry::Contour { values, columns, x, y, colors, .. } => {
            grid(values, *columns, x, y)?;
            colors.as_ref().map_or(Ok(()), color_range)
        }
        Geometry::Dot { colors: Some(colors), .. } => color_range(colors),
        Geometry::Text { x, words, .. } if x.len != words.len() => {
            Err(format!("{} words at {} places", words.len(), x.len))
        }
        _ => Ok(()),
    }
}

fn ordered(range: &[f64; 2]) -> Result<(), String> {
    let [low, high] = range;
    let fine = low.is_finite() && high.is_finite() && low < high;
    if fine { Ok(()) } else { Err(format!("a range from {low} to {high}")) }
}

fn color_range(colors: &Colors) -> Result<(), String> {
    colors.domain.as_ref().map_or(Ok(()), ordered).map_err(|fault| format!("{fault} of colours"))
}

fn axes(layout: &Layout) -> Result<(), String> {
    for axis in [&layout.x, &layout.y].into_iter().flatten() {
        let Axis { label, domain, .. } = axis;
        let range = domain.as_ref().map_or(Ok(()), ordered);
        range.map_err(|fault| format!("the axis {label:?} of figure {} has {fault}", layout.id))?;
    }
    Ok(())
}
