//! Heron of Alexandria found square roots by a rule so good that we still use it: guess, divide, and take the mean.
//! To find the root of $a$, begin anywhere above zero and repeat
//!
//! $$ x_{k+1} = \tfrac12 \left( x_k + \frac{a}{x_k} \right). $$
//!
//! This is Newton's iteration for $x^2 - a$, and near the root each step doubles the number of correct digits. The
//! baseline halves an interval that holds the root, and gains one binary digit a step, no more and no less. This file
//! stands in for a paper while the command line is tested: it has one control of every kind, and it uses each of them
//! in some small way, so that a value that is lost on its way from the command line shows in the figures.
//!
//! **What you see.** The error of both methods against the step, on a logarithmic axis. Heron's line falls off a cliff
//! after a few steps; the bisection's is a straight slope. The second figure is a table of the two estimates.
//!
//! **What to try.** Raise the noise: each step of Heron's rule is then multiplied by a random factor a little above
//! one, and the digits stop coming, because the rule corrects what the last step did and not what the next one will
//! do. The claim then fails, as it should. Move the starting point far away, and the rule first needs some steps to
//! come back, halving the distance each time, before the digits double. The tolerance only changes how the run is
//! judged.
//!
//! **Where it ends.** Below the rounding of double precision nothing can be said: both lines end there.

use orrery_core::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Rule {
    #[choice("Heron's mean")]
    Heron,
    #[choice("bisection")]
    Bisection,
}

#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The number whose root is sought.
    #[control(label = "a", range = 0.5..=1e3, log, default = 2.0)]
    pub a: f64,
    /// How many steps to run.
    #[control(label = "steps", range = 1..=500, default = 60)]
    pub steps: usize,
    /// Which of the two is put in front.
    #[control(label = "in front", default = Rule::Heron)]
    pub front: Rule,
    /// Which are drawn.
    #[control(label = "drawn", default = Set::all(), live)]
    pub drawn: Set<Rule>,
    /// The largest random factor, above one.
    #[control(label = "noise", range = 0.0..=1.0, default = 0.0)]
    pub noise: f64,
    /// The largest error that counts as found.
    #[control(label = "tolerance", range = 1e-16..=1.0, log, default = 1e-9, live)]
    pub tolerance: f64,
    /// Where both begin.
    #[control(label = "start", count = 1..=3, domain = [[0.0, 9.0], [0.0, 9.0]], default = [[1.0, 2.0]].into())]
    pub start: Points,
    /// What is added to the estimate before it is drawn: `x`, or a number.
    #[control(label = "offset", variables = ["x"], examples = [("none", "0")], default = "0".into())]
    pub offset: Formula,
    /// A drawing.
    #[control(label = "signal", samples = 5, range = -1.0..=1.0, default = Curve(vec![0.0; 5]))]
    pub signal: Curve,
    /// A picture.
    #[control(label = "image", size = (4, 4), default = Image { width: 1, height: 1, pixels: vec![0.0] })]
    pub image: Image,
    /// Words.
    #[control(label = "text", longest = 40, default = "hello".into())]
    pub text: Text,
    /// Numbers with names.
    #[control(label = "table", columns = 0..=2, rows = 3, default = Table::default())]
    pub table: Table,
    /// Whether the error is relative.
    #[control(label = "relative", default = false, when = ("front", "heron"))]
    pub relative: bool,
}

#[derive(Clone)]
pub struct HeronRoots {
    setting: Setting,
    rng: Rng,
    k: usize,
    x: f64,
    interval: [f64; 2],
    errors: [Series; 2],
}

impl HeronRoots {
    fn error(&self, x: f64) -> f64 {
        let error = (x * x - self.setting.a).abs();
        if self.setting.relative { error / self.setting.a } else { error }
    }
}

impl Exhibit for HeronRoots {
    const CARD: Card = Card {
        slug: "heron-roots",
        title: "Metrica",
        year: 1896,
        lists: &[0],
        claim: "The mean of guess and quotient doubles the digits at each step",
        algorithms: &["Newton's method", "bisection"],
        contenders: &[Contender::paper("heron", "Heron"), Contender::baseline("bisection", "bisection")],
    };
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let offset = &setting.offset.0;
        if offset != "x" && !offset.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Error::of("offset", "is x or a number").at(0));
        }
        let x = setting.start.0[0][0].max(1e-3);
        let interval = [0.0, setting.a.max(1.0)];
        let errors = [Series::new(), Series::new()];
        Ok(Self { setting: setting.clone(), rng: rng.clone(), k: 0, x, interval, errors })
    }

    fn length(&self) -> usize {
        self.setting.steps
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let a = self.setting.a;
        // x ← ½ (x + a / x), kicked
        self.x = 0.5 * (self.x + a / self.x) * (1.0 + self.setting.noise * self.rng.random::<f64>());
        let middle = 0.5 * (self.interval[0] + self.interval[1]);
        let side = usize::from(middle * middle > a);
        self.interval[side] = middle;
        self.k += 1;
        for (index, x) in [self.x, middle].into_iter().enumerate() {
            let error = self.error(x);
            self.errors[index].push(self.k as f64, error.max(1e-17));
        }
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.setting;
        let mut error = figures.figure("error", "Error", "Heron's error falls off a cliff.");
        error.x(Axis::linear("step")).y(Axis::log("|x² − a|"));
        for (rule, id, errors) in
            [(Rule::Heron, "heron", &self.errors[0]), (Rule::Bisection, "bisection", &self.errors[1])]
        {
            if setting.drawn.contains(rule) {
                error.line(errors.xs(), errors.ys()).of(id);
            }
        }
        let mut data = figures.figure("data", "Data", "What came in, as it came in.");
        data.x(Axis::linear("x")).y(Axis::linear("y"));
        let (xs, ys) = (setting.start.0.iter().map(|p| p[0]), setting.start.0.iter().map(|p| p[1]));
        data.dot(xs, ys).drags("start");
        data.line((0..5).map(f64::from), &setting.signal.0);
        let Image { width, pixels, .. } = &setting.image;
        if *width > 0 && !pixels.is_empty() {
            let (x, y) = ([0.0, 1.0], [0.0, 1.0]);
            data.raster(Grid { values: pixels, columns: *width, x, y }, Colors::sequential("brightness"));
        }
        let mut found = figures.figure("found", "Estimates", "The two estimates.");
        let mut table = found.table().numbers("x", [self.x, self.interval[0]]).words("of", ["Heron", &setting.text.0]);
        for (index, name) in setting.table.columns.iter().enumerate() {
            table = table.numbers(name, setting.table.rows.iter().map(|row| row[index]));
        }
    }

    fn claim(&self) -> Claim {
        let open = self.k < self.setting.steps;
        let text = "Heron's error is {value}, at most {high}";
        let clause = Clause::at_most(text, Some(self.error(self.x)), self.setting.tolerance);
        Claim::new(vec![clause.fails_only_after(open)])
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting.tolerance = setting.tolerance;
        self.setting.drawn = setting.drawn.clone();
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let noisy = Setting { noise: 0.5, ..Setting::default() };
        vec![
            Scenario::holds("default", "Heron", "The digits double.", Setting::default()),
            Scenario::fails("noise", "kicked", "Noise keeps it away.", noisy),
        ]
    }
}
