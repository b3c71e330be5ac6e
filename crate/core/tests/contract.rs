//! The contract, seen from an exhibit's side: Newton's iteration for a square root, from settings to frames.

use orrery_core::claim::Verdict;
use orrery_core::compute::{Answer, CPU, Compute, Engine, Local, Plan};
use orrery_core::control::{Controls as _, Settings, read, write_changed};
use orrery_core::figure::Geometry;
use orrery_core::prelude::*;
use orrery_core::registry::Entry;
use orrery_core::serde_json::json;
use orrery_core::session::Session;
use proptest::prelude::{prop, prop_assert_eq, proptest};
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Choice)]
enum Method {
    #[choice("Newton")]
    Newton,
    #[choice("bisection by halves")]
    PlainBisection,
}

#[derive(Clone, Debug, Controls)]
struct Setting {
    /// The number whose root is sought.
    #[control(label = "a", range = 0.5..=1e3, log, default = 2.0, unit = "m²")]
    a: f64,
    /// Steps to run.
    #[control(label = "steps", range = 1..=5000, default = 100)]
    steps: usize,
    /// How the root is found.
    #[control(label = "method", default = Method::Newton)]
    method: Method,
    /// Which to show.
    #[control(label = "shown", default = Set::all())]
    shown: Set<Method>,
    /// Random kick at each step.
    #[control(label = "noise", range = 0.0..=1.0, default = 0.0)]
    noise: f64,
    /// Largest error that counts as found.
    #[control(label = "tolerance", range = 1e-16..=1.0, log, default = 1e-12, live)]
    tolerance: f64,
    /// The error at which it stops.
    #[control(label = "goal", range = 0.0..=1.0, default = 0.0)]
    goal: f64,
    /// Where it starts.
    #[control(label = "start", count = 1..=2, domain = [[0.0, 9.0], [0.0, 9.0]], default = [[1.0, 2.0]].into())]
    start: Points,
    /// A formula.
    #[control(label = "f", variables = ["x"], default = "x^2".into())]
    f: Formula,
    /// A drawing.
    #[control(label = "curve", samples = 3, range = -1.0..=1.0, default = Curve(vec![0.0; 3]))]
    curve: Curve,
    /// A picture.
    #[control(label = "image", size = (4, 4), default = Image::default())]
    image: Image,
    /// Words.
    #[control(label = "text", longest = 5, default = "hello".into())]
    text: Text,
    /// Numbers.
    #[control(label = "table", columns = 0..=2, rows = 3, default = Table::default())]
    table: Table,
    /// A switch.
    #[control(label = "absolute", when = ("method", "newton"), default = false)]
    absolute: bool,
}

#[derive(Clone)]
struct Root {
    a: f64,
    x: f64,
    steps: usize,
    noise: f64,
    tolerance: f64,
    goal: f64,
    rng: Rng,
    error: Series,
}

impl Exhibit for Root {
    const CARD: Card = Card {
        slug: "root",
        title: "On Square Roots",
        year: 1669,
        lists: &[],
        claim: "Newton finds the root",
        algorithms: &[],
        contenders: &[Contender::paper("newton", "Newton")],
    };
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.method == Method::PlainBisection {
            return Err(Error::of("method", "only Newton's method is built; choose that"));
        }
        let &Setting { a, steps, noise, tolerance, goal, .. } = setting;
        let x = setting.start.0[0][0];
        Ok(Self { a, x, steps, noise, tolerance, goal, rng: rng.clone(), error: Series::new() })
    }

    fn length(&self) -> usize {
        self.steps
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.x = 0.5 * (self.x + self.a / self.x) * (1.0 + self.noise * self.rng.random::<f64>());
        let error = (self.x * self.x - self.a).abs();
        self.error.push(self.error.iter().count() as f64, error);
        if error < self.goal { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let mut figure = figures.figure("error", "Error", "The error falls.");
        figure.x(Axis::linear("step")).y(Axis::log("|x² - a|"));
        figure.line(self.error.xs(), self.error.ys()).of("newton");
    }

    fn claim(&self) -> Claim {
        let error = (self.x * self.x - self.a).abs();
        Claim::new(vec![Clause::at_most("{value} is at most {high}", Some(error), self.tolerance)])
    }

    fn retune(&mut self, setting: &Setting) {
        self.tolerance = setting.tolerance;
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let noisy = Setting { noise: 0.5, ..Setting::default() };
        vec![
            Scenario::holds("default", "Newton", "Quadratic.", Setting::default()),
            Scenario::fails("noise", "Kicked", "Noise keeps it away.", noisy),
        ]
    }
}

struct Nothing;

impl Engine for Nothing {
    fn run<'a>(&'a self, _: &'a Plan) -> Local<'a, Answer> {
        Box::pin(async { Answer { entries: Vec::new(), by: CPU.into() } })
    }
}

const ENTRY: Entry = Entry::of::<Root>("test", "");

fn settings(value: serde_json::Value) -> Settings {
    value.as_object().cloned().unwrap_or_default()
}

fn open(value: serde_json::Value, seed: u64) -> Box<dyn Session> {
    (ENTRY.open)(&settings(value), seed).expect("a valid setting")
}

fn run_to(session: &mut Box<dyn Session>, step: usize) {
    session.rewind(step);
    pollster::block_on(session.advance(&Compute::new(Rc::new(Nothing)), step, &mut || true));
}

#[test]
fn the_schema_tells_the_page_all_it_needs() {
    let specs = serde_json::to_value((ENTRY.specs)()).unwrap();
    assert_eq!(
        specs[0],
        json!({"name": "a", "label": "a", "help": "The number whose root is sought.", "unit": "m²", "live": false,
               "kind": "number", "min": 0.5, "max": 1e3, "log": true, "default": 2.0})
    );
    assert_eq!(specs[2]["options"], json!([["newton", "Newton"], ["plain-bisection", "bisection by halves"]]));
    assert_eq!(specs[3]["default"], json!(["newton", "plain-bisection"]));
    assert_eq!(specs[5]["live"], json!(true));
    assert_eq!(specs[13]["when"], json!(["method", ["newton"]]));
}

#[test]
fn only_what_differs_from_the_defaults_is_written_and_it_reads_back() {
    let setting = Setting { a: 3.0, shown: Set::of(&[Method::Newton]), ..Setting::default() };
    let changed = write_changed(&setting);
    assert_eq!(serde_json::Value::Object(changed.clone()), json!({"a": 3.0, "shown": ["newton"]}));
    assert_eq!(read::<Setting>(&changed).unwrap().values(), setting.values());
    assert!(write_changed(&Setting::default()).is_empty());
}

#[test]
fn what_a_control_does_not_take_is_an_error_that_names_it() {
    for (value, control) in [
        (json!({"nonsense": 1}), "nonsense"),
        (json!({"a": 0.1}), "a"),
        (json!({"a": "two"}), "a"),
        (json!({"a": null}), "a"),
        (json!({"steps": 1.5}), "steps"),
        (json!({"steps": -1}), "steps"),
        (json!({"steps": 1e300}), "steps"),
        (json!({"method": "euler"}), "method"),
        (json!({"method": "plain-bisection"}), "method"),
        (json!({"shown": ["newton", 7]}), "shown"),
        (json!({"start": [[1, 2, 3]]}), "start"),
        (json!({"start": []}), "start"),
        (json!({"start": [[1, 99]]}), "start"),
        (json!({"f": "x".repeat(501)}), "f"),
        (json!({"curve": [0, 0]}), "curve"),
        (json!({"curve": [0, 0, 2]}), "curve"),
        (json!({"image": {"width": 2, "height": 2, "pixels": [0, 0, 0]}}), "image"),
        (json!({"image": {"width": 5, "height": 1, "pixels": [0, 0, 0, 0, 0]}}), "image"),
        (json!({"text": "longer"}), "text"),
        (json!({"table": {"columns": ["a"], "rows": [[1, 2]]}}), "table"),
        (json!({"absolute": 1}), "absolute"),
    ] {
        let Err(error) = (ENTRY.open)(&settings(value.clone()), 0) else { panic!("{value} was taken") };
        assert_eq!(error.control.as_deref(), Some(control), "{error}");
    }
}

#[test]
fn the_scenarios_give_their_verdicts() {
    for scenario in (ENTRY.scenarios)() {
        let mut session = (ENTRY.open)(&scenario.controls, 0).unwrap();
        run_to(&mut session, usize::MAX);
        assert!(session.done());
        assert_eq!(session.frame().claim.verdict, scenario.expect, "{}", scenario.id);
    }
    assert_eq!((ENTRY.scenarios)()[1].expect, Verdict::Fails);
}

#[test]
fn a_run_that_ended_early_is_as_long_as_it_was_even_after_going_back() {
    let mut session = open(json!({"steps": 300, "goal": 1e-9}), 0);
    assert_eq!(session.length(), 300);
    run_to(&mut session, usize::MAX);
    let end = session.step();
    assert!(end < 300 && session.length() == end);
    run_to(&mut session, 1);
    assert_eq!((session.step(), session.length()), (1, end));
}

#[test]
fn a_slice_ends_when_its_owner_says_so() {
    let mut session = open(json!({}), 0);
    let mut left = 7;
    let mut go_on = || {
        left -= 1;
        left > 0
    };
    pollster::block_on(session.advance(&Compute::new(Rc::new(Nothing)), 1000, &mut go_on));
    assert_eq!(session.step(), 7);
    assert!(!session.done());
}

#[test]
fn a_live_control_changes_the_verdict_and_not_the_run() {
    let mut session = open(json!({"noise": 0.5}), 3);
    run_to(&mut session, 50);
    let before = session.frame();
    assert_eq!(before.claim.verdict, Verdict::Fails);
    assert!(!session.retune(&settings(json!({"noise": 0.4}))).unwrap());
    assert!(session.retune(&settings(json!({"noise": 0.5, "tolerance": 1.0}))).unwrap());
    let after = session.frame();
    assert_eq!(after.figures, before.figures);
    let mut fresh = open(json!({"noise": 0.5, "tolerance": 1.0}), 3);
    run_to(&mut fresh, 50);
    assert_eq!(fresh.frame().hash(), after.hash());
    run_to(&mut session, 7);
    run_to(&mut fresh, 7);
    assert_eq!(fresh.frame().hash(), session.frame().hash());
}

#[test]
fn a_line_names_its_numbers() {
    let mut session = open(json!({}), 0);
    run_to(&mut session, 5);
    let frame = session.frame();
    let Geometry::Line { y, .. } = frame.figures.layouts()[0].marks[0].geometry else { panic!("a line was drawn") };
    assert_eq!(frame.figures.channel(y).len(), 5);
}

proptest! {
    #[test]
    fn seeking_anywhere_gives_the_frame_of_a_fresh_run(
        steps in 1_usize..4000, stops in prop::collection::vec(0_usize..4000, 1..8), seed in 0_u64..100,
    ) {
        let setting = json!({"noise": 0.3, "steps": steps});
        let mut session = open(setting.clone(), seed);
        for stop in stops {
            run_to(&mut session, stop);
            let mut fresh = open(setting.clone(), seed);
            run_to(&mut fresh, stop);
            prop_assert_eq!(session.step(), stop.min(steps));
            prop_assert_eq!(session.frame().hash(), fresh.frame().hash());
        }
    }
}
