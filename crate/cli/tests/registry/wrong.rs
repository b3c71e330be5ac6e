//! The harness itself: a right exhibit passes, and each kind of wrong one is caught.

use crate::heron::HeronRoots;
use crate::{Verdict, at_best, random_controls, repeat, scenarios, schema, trial};
use libtest_mimic::Trial;
use orrery_core::Rng;
use orrery_core::claim::{Claim, Clause};
use orrery_core::control::{Controls, Settings, Spec};
use orrery_core::error::{Error, Result};
use orrery_core::exhibit::{Card, Contender, Exhibit, Progress, Scenario};
use orrery_core::figure::{Axis, Figures, Scale};
use orrery_core::prelude::Compute;
use orrery_core::registry::Entry;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static HERON: Entry = Entry::of::<HeronRoots>("antiquity", include_str!("../specimen/heron.rs"));

const NONE: u8 = 0;
const NAN_LATE: u8 = 1;
const SLOW_STEP: u8 = 2;
const PANIC_AT_AN_END: u8 = 3;
const WRONG_VERDICT: u8 = 4;
const NAMELESS_REFUSAL: u8 = 5;
const UNSEEDED: u8 = 6;
const SHARED_STATE: u8 = 7;
const LIVE_CHANGES_THE_RUN: u8 = 8;
const SLOW_FIGURES: u8 = 9;
const SLOW_BEGINNING: u8 = 10;
const VERDICT_TAKEN_BACK: u8 = 11;
const ZERO_ON_LOG_AXIS: u8 = 12;
const WRONG_CONTENDER: u8 = 13;
const FORGETS_RETUNING: u8 = 14;
const PANIC_SOMEWHERE: u8 = 15;
const PANIC_WHERE_WOKEN: u8 = 16;
const SLOW_TWICE: u8 = 17;

#[derive(Clone, Debug, Controls)]
struct Setting {
    /// A rate.
    #[control(label = "rate", range = 0.0..=1.0, default = 0.5)]
    rate: f64,
    /// How the run is judged.
    #[control(label = "bound", range = 0.0..=1.0, default = 0.5, live)]
    bound: f64,
    /// Something else.
    #[control(label = "size", range = 1..=1000, default = 3)]
    size: usize,
    /// Whether to use the extra.
    #[control(label = "with extra", default = false)]
    with_extra: bool,
    /// Counts only where it is used.
    #[control(label = "extra", range = 0.0..=1.0, default = 0.5, when = ("with-extra", "true"))]
    extra: f64,
}

/// A counter with one fault.
#[derive(Clone)]
struct Counter<const FAULT: u8> {
    setting: Setting,
    k: usize,
    shared: Rc<Cell<usize>>,
    noise: u32,
}

static UNSEEDED_NOISE: AtomicU32 = AtomicU32::new(0);
/// Of the counter that is slow twice.
static SLOW_STEPS: AtomicU32 = AtomicU32::new(0);

fn work_for(milliseconds: u64) {
    let start = cpu_time::ThreadTime::now();
    while start.elapsed() < Duration::from_millis(milliseconds) {}
}

impl<const FAULT: u8> Exhibit for Counter<FAULT> {
    const CARD: Card = Card {
        slug: "counter",
        title: "Counting",
        year: 2026,
        lists: &[0],
        claim: "it counts",
        algorithms: &["counting"],
        contenders: &[Contender::paper("counter", "counter"), Contender::baseline("nobody", "nobody")],
    };
    type Controls = Setting;

    fn new(setting: &Setting, _: &mut Rng) -> Result<Self> {
        if FAULT == SLOW_BEGINNING && setting.size == 1000 {
            work_for(520);
        }
        if FAULT == NAMELESS_REFUSAL && setting.rate == 0.0 {
            return Err(Error::new("zero will not do"));
        }
        let noise = if FAULT == UNSEEDED { UNSEEDED_NOISE.fetch_add(1, Ordering::Relaxed) } else { 0 };
        Ok(Self { setting: setting.clone(), k: 0, shared: Rc::default(), noise })
    }

    fn length(&self) -> usize {
        100
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.k += 1;
        self.shared.set(self.shared.get() + 1);
        let slow =
            FAULT == SLOW_STEP || FAULT == SLOW_TWICE && self.k == 7 && SLOW_STEPS.fetch_add(1, Ordering::Relaxed) < 2;
        if slow && self.k == 7 {
            work_for(110);
        }
        assert!(!(FAULT == PANIC_AT_AN_END && self.setting.rate == 1.0 && self.k == 9), "rate too high");
        assert!(!(FAULT == PANIC_SOMEWHERE && self.setting.size > 500 && self.setting.rate > 0.7), "in the corner");
        let Setting { with_extra, extra, .. } = self.setting;
        assert!(!(FAULT == PANIC_WHERE_WOKEN && with_extra && extra == 1.0), "the extra is too much");
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        if FAULT == SLOW_FIGURES {
            work_for(22);
        }
        let mut figure = figures.figure("count", "Count", "It rises.");
        let y = if FAULT == ZERO_ON_LOG_AXIS { Axis::log("count") } else { Axis::linear("count").or(Scale::Log) };
        figure.x(Axis::linear("step")).y(y);
        let nan = FAULT == NAN_LATE && self.k > 60;
        let mut count = if nan { f64::NAN } else { self.k as f64 + f64::from(self.noise) };
        if FAULT == SHARED_STATE {
            count = self.shared.get() as f64;
        }
        figure.line([self.k as f64], [count]).of(if FAULT == WRONG_CONTENDER { "somebody" } else { "counter" });
    }

    fn claim(&self) -> Claim {
        let mut share = self.setting.rate;
        if FAULT == VERDICT_TAKEN_BACK && self.k < 50 {
            share = 1.0;
        }
        let clause = Clause::at_most("{value} is at most {high}", Some(share), self.setting.bound);
        Claim::new(vec![clause])
    }

    fn retune(&mut self, setting: &Setting) {
        match FAULT {
            FORGETS_RETUNING => {}
            LIVE_CHANGES_THE_RUN => {
                self.k += 1;
                self.setting.bound = setting.bound;
            }
            _ => self.setting.bound = setting.bound,
        }
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let fast = Setting { rate: if FAULT == WRONG_VERDICT { 0.4 } else { 0.9 }, ..Setting::default() };
        vec![
            Scenario::holds("default", "slow", "Slow enough.", Setting::default()),
            Scenario::fails("fast", "fast", "Too fast.", fast),
        ]
    }
}

const fn counter<const FAULT: u8>() -> Entry {
    Entry::of::<Counter<FAULT>>("antiquity", include_str!("../specimen/heron.rs"))
}

/// Everything the harness checks, at seed 0.
fn everything(entry: &Entry) -> Verdict {
    schema::check(entry)?;
    for (index, scenario) in (entry.scenarios)().iter().enumerate() {
        scenarios::check(entry, scenario, index == 0, 0)?;
    }
    repeat::live_controls(entry)?;
    repeat::same_frame(entry)?;
    random_controls::at_ends(entry)?;
    random_controls::random(entry)
}

fn caught(entry: &Entry, check: fn(&Entry) -> Verdict, says: &str) -> Verdict {
    match check(entry) {
        Ok(()) => Err(format!("passed, and should have been told: {says}")),
        Err(fault) if fault.contains(says) => Ok(()),
        Err(fault) => Err(format!("was told {fault:?}, and should have been told: {says}")),
    }
}

fn every_scenario(entry: &Entry) -> Verdict {
    (entry.scenarios)().iter().try_for_each(|scenario| scenarios::check(entry, scenario, true, 0))
}

fn slow_each_time(entry: &Entry) -> Verdict {
    at_best(|| every_scenario(entry))
}

fn slow_twice() -> Verdict {
    at_best(|| every_scenario(&counter::<SLOW_TWICE>()))
}

fn wrong_once() -> Verdict {
    let tries = Cell::new(0);
    let found = at_best(|| {
        tries.set(tries.get() + 1);
        every_scenario(&counter::<WRONG_VERDICT>())
    });
    if found.is_err() && tries.get() == 1 { Ok(()) } else { Err(format!("{found:?} in {} tries", tries.get())) }
}

fn with_card(change: impl FnOnce(&mut Card)) -> Entry {
    let mut entry = HERON;
    change(&mut entry.card);
    entry
}

/// One test for each way to be wrong.
pub fn trials() -> Vec<Trial> {
    let right = |name: &str, entry: Entry| trial(format!("harness/passes-{name}"), move || everything(&entry));
    let wrong = |name: &str, entry: Entry, check: fn(&Entry) -> Verdict, says: &'static str| {
        trial(format!("harness/catches-{name}"), move || caught(&entry, check, says))
    };
    let schema = schema::check as fn(&Entry) -> Verdict;
    vec![
        right("a-right-exhibit", HERON),
        right("a-counter-without-fault", counter::<NONE>()),
        trial("harness/passes-a-step-slow-twice".to_owned(), slow_twice),
        trial("harness/tries-a-wrong-verdict-once".to_owned(), wrong_once),
        wrong("nan-late-in-a-run", counter::<NAN_LATE>(), every_scenario, "at step 64, NaN at index 0 in y of line"),
        wrong("nan-at-random-controls", counter::<NAN_LATE>(), random_controls::random, "NaN at index 0"),
        wrong("a-slow-step", counter::<SLOW_STEP>(), slow_each_time, "step 7 took 11"),
        wrong("a-slow-step-at-random", counter::<SLOW_STEP>(), random_controls::at_ends, "step 7 took 11"),
        wrong("slow-figures", counter::<SLOW_FIGURES>(), every_scenario, "drawing step 0 took 2"),
        wrong("a-slow-beginning", counter::<SLOW_BEGINNING>(), random_controls::at_ends, "beginning took 52"),
        wrong("a-panic-at-an-end", counter::<PANIC_AT_AN_END>(), random_controls::at_ends, "rate too high"),
        wrong("a-panic-in-a-corner", counter::<PANIC_SOMEWHERE>(), random_controls::random, "in the corner"),
        wrong(
            "a-panic-behind-a-toggle",
            counter::<PANIC_WHERE_WOKEN>(),
            random_controls::at_ends,
            "the extra is too much",
        ),
        wrong(
            "a-wrong-verdict",
            counter::<WRONG_VERDICT>(),
            every_scenario,
            "scenario fast at seed 0: Holds, and not Fails",
        ),
        wrong("a-verdict-taken-back", counter::<VERDICT_TAKEN_BACK>(), every_scenario, "the verdict was Fails"),
        wrong("a-nameless-refusal", counter::<NAMELESS_REFUSAL>(), random_controls::at_ends, "names no control"),
        wrong("chance-without-seed", counter::<UNSEEDED>(), repeat::same_frame, "run again, is another frame"),
        wrong("state-outside-the-clone", counter::<SHARED_STATE>(), repeat::same_frame, "sought, is another frame"),
        wrong(
            "a-live-control-that-moves-the-run",
            counter::<LIVE_CHANGES_THE_RUN>(),
            repeat::live_controls,
            "live control",
        ),
        wrong("a-live-control-forgotten", counter::<FORGETS_RETUNING>(), repeat::live_controls, "set while it runs"),
        wrong("zero-on-a-log-axis", counter::<ZERO_ON_LOG_AXIS>(), schema, "puts 0 on a logarithmic axis"),
        wrong("a-mark-of-nobody", counter::<WRONG_CONTENDER>(), schema, "who is no contender"),
        wrong("a-bad-slug", with_card(|card| card.slug = "Heron_roots"), schema, "not lower-case words"),
        wrong("no-claim", with_card(|card| card.claim = ""), schema, "the claim is empty"),
        wrong("no-reading-list", with_card(|card| card.lists = &[]), schema, "no reading list"),
        wrong("an-arena-in-a-list", with_card(|card| card.year = Card::ARENA), schema, "it is no paper"),
        wrong(
            "no-baseline",
            with_card(|card| card.contenders = HERON.card.contenders.split_at(1).0),
            schema,
            "no baseline",
        ),
        wrong("no-essay", Entry { source: "use std;\n//! Late.\n", ..HERON }, schema, "the essay has 0 words"),
        wrong("a-control-called-hide", Entry { specs: hiding, ..HERON }, schema, "may not be called hide"),
        wrong("no-failing-scenario", Entry { scenarios: one_scenario, ..HERON }, schema, "no scenario fails"),
        wrong("defaults-elsewhere", Entry { scenarios: turned_round, ..HERON }, schema, "changes the defaults"),
    ]
}

fn one_scenario() -> Vec<Scenario<Settings>> {
    (HERON.scenarios)().into_iter().take(1).collect()
}

fn turned_round() -> Vec<Scenario<Settings>> {
    (HERON.scenarios)().into_iter().rev().collect()
}

fn hiding() -> Vec<Spec> {
    (HERON.specs)().into_iter().map(|spec| Spec { name: "hide".to_owned(), ..spec }).take(1).collect()
}
