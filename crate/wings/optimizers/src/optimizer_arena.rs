//! Not a paper but a race track: every update rule of this wing on one objective, with the same start, the same noise
//! and the same number of gradients. Choose the contenders; choose what they descend: a classical function, a formula of
//! your own, a quadratic of chosen spectrum, logistic regression or a small network on real handwritten digits, or a
//! table of yours whose last column holds classes.
//!
//! A race says little as long as somebody else chose the learning rates. So each rule runs twice: at the rate its package
//! comes with, and then at every rate of one common grid, from which its best is taken. The table ranks both. Rules that
//! find their own step (DoG, Prodigy, Polyak and kin) have nothing to tune and run once; Polyak's are told the least
//! value, or zero where nobody knows it. A rule that looks twice in a step, such as SAM, takes half as many steps.
//!
//! What could be wrong with a race is the contenders themselves. Therefore every one is shadowed by a second formulation
//! of its rule, which gets the same gradients: a corrected mean such as Adam's
//! $$\hat m_t=\frac{(1-\beta)\sum_i\beta^{t-i}g_i}{1-\beta^t}$$
//! is there the weighted mean $\sum_i\beta^{t-i}g_i/\sum_i\beta^{t-i}$; momentum is a displacement $x_t-x_{t-1}$;
//! sums are taken anew from the whole history. Before each step the shadow is put where the contender stands, so that a
//! difference is one of rules and not of chaos. The claim is that no step differs by more than $10^{-10}$ of the point's
//! size. (That both formulations are the published rule is tested elsewhere, against stored paths of optax and of the
//! authors' packages.)
//!
//! **Try** giving Adam no bias correction, or everybody single precision: the shadows notice at the first step. Raise
//! the condition number and watch momentum pull away from SGD. Turn the long valley into a formula with an axis of its
//! own: Adam, which scales each coordinate, likes it better upright than tilted.
//!
//! **Where it stops:** a best rate is the best of a grid, on one seed, for one budget; the ranking changes with all
//! three, and a rule whose best lies at the grid's end could do better still. Weight decay in AdamW and Lion (0.01) moves
//! the minimum they seek. Methods without gradients, and those with line searches, do not run here: a gradient is not
//! their currency.

mod restated;
mod rule;

use crate::plane::{self, Classic, Field, Plane, Window};
use crate::problems::Classifier;
use crate::sweep::{Sweep, rates};
use orrery_core::figure::Figure;
use orrery_core::numerals::powers_of_ten;
use orrery_core::prelude::*;
use orrery_kernels::data;
use orrery_kernels::math::pow;
use orrery_kernels::optim::{Lbfgs, Method};
use orrery_kernels::random::symmetric;
use restated::Restated;
use rule::{Racer, Rule, Shape};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "optimizer-arena",
    title: "Optimizers, side by side",
    year: Card::ARENA,
    lists: &[],
    claim: "Each rule takes, step for step, the path of its other formulation, at whatever rate it runs.",
    algorithms: &[
        "SGD",
        "momentum",
        "Nesterov",
        "Adam",
        "AdamW",
        "AMSGrad",
        "RMSProp",
        "AdaGrad",
        "Adafactor",
        "Lion",
        "AdaBelief",
        "diffGrad",
        "SAM",
        "schedule-free",
        "DoG",
        "D-Adaptation",
        "Prodigy",
        "Polyak step",
        "learning rate sweep",
    ],
    contenders: &CONTENDERS,
};

const CONTENDERS: [Contender; Rule::OPTIONS.len()] = {
    let mut all = [Contender::paper("", ""); Rule::OPTIONS.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] = Contender::paper(Rule::OPTIONS[place].1, Rule::OPTIONS[place].2);
        place += 1;
    }
    all
};

/// What is descended.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// A classical function of the plane.
    #[choice("classical function")]
    Function,
    /// The visitor's own, in the plane.
    #[choice("typed formula")]
    Formula,
    /// A quadratic in many dimensions.
    #[choice("quadratic")]
    Quadratic,
    /// Logistic regression on real digits.
    #[choice("digits, logistic regression")]
    Logistic,
    /// A small network on real digits.
    #[choice("digits, network of 16 units")]
    Network,
    /// The visitor's data.
    #[choice("your table")]
    Table,
}

/// How curvatures are spread.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Spectrum {
    /// As many in each decade.
    #[choice("even in the logarithm")]
    Logarithmic,
    /// Evenly.
    #[choice("even")]
    Even,
    /// Half at each end.
    #[choice("two clusters")]
    Clusters,
}

/// What is done wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Fault {
    /// Nothing.
    #[choice("as published")]
    Nothing,
    /// Adam and AMSGrad leave their means uncorrected.
    #[choice("no bias correction")]
    Uncorrected,
    /// Parameters are rounded to 32 bits.
    #[choice("single precision")]
    Single,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Who races.
    #[control(
        label = "contenders",
        default = Set::of(&[Rule::Adam, Rule::Momentum, Rule::Lion, Rule::Dog, Rule::Sgd, Rule::AdaBelief])
    )]
    pub contenders: Set<Rule>,
    /// What they descend.
    #[control(label = "problem", default = Problem::Function)]
    pub problem: Problem,
    /// A function that first-order methods are tried on.
    #[control(label = "function", default = Classic::Rosenbrock, when = ("problem", "function"))]
    pub function: Classic,
    /// A function of x and y.
    #[control(
        label = "f(x, y)", variables = ["x", "y"], when = ("problem", "formula"),
        default = "x^2/2 + 4 y^2 + sin(3x) cos(2y)".into(),
        examples = [
            ("ripples", "x^2/2 + 4 y^2 + sin(3x) cos(2y)"),
            ("upright valley", "x^2/100 + y^2"),
            ("tilted valley", "(x + y)^2/200 + (x - y)^2/2"),
            ("kinks", "abs(x - 2) + 2 abs(y + x/2)"),
        ]
    )]
    pub formula: Formula,
    /// Where all of them start. Drag it.
    #[control(
        label = "start", count = 1..=1, domain = [[-10.0, 10.0], [-10.0, 10.0]], default = [[-1.5, 2.5]].into(),
        when = ("problem", ["function", "formula"])
    )]
    pub start: Points,
    /// How many parameters.
    #[control(label = "dimension", range = 2..=100, default = 30, when = ("problem", "quadratic"))]
    pub dimension: usize,
    /// The greatest curvature over the least; the greatest is 1.
    #[control(label = "condition number", range = 1.0..=1e6, log, default = 1e3, when = ("problem", "quadratic"))]
    pub condition: f64,
    /// How the curvatures between lie.
    #[control(label = "spectrum", default = Spectrum::Logarithmic, when = ("problem", "quadratic"))]
    pub spectrum: Spectrum,
    /// Examples in one gradient.
    #[control(label = "batch", range = 1..=256, log, default = 32, when = ("problem", ["logistic", "network", "table"]))]
    pub batch: usize,
    /// Columns of numbers with names; the last holds the class of each row, as a whole number.
    #[control(label = "table", columns = 2..=33, rows = 2000, default = irises(), when = ("problem", "table"))]
    pub table: Table,
    /// Standard deviation of the noise on each component of each gradient.
    #[control(label = "gradient noise σ", range = 0.0..=3.0, default = 0.0)]
    pub noise: f64,
    /// Gradients that each may look at.
    #[control(label = "budget", range = 20..=3000, log, default = 1500)]
    pub budget: usize,
    /// Rates from 10⁻⁵ to 10 that each rule is tried at.
    #[control(label = "rates in the grid", range = 3..=25, default = 19)]
    pub rates: usize,
    /// What the contenders, and not their other formulations, do wrongly.
    #[control(label = "arithmetic", default = Fault::Nothing)]
    pub fault: Fault,
}

/// The irises, with their class in the last column.
fn irises() -> Table {
    let data = data::iris();
    let names = ["sepal length", "sepal width", "petal length", "petal width", "class"];
    let row = |k: usize| data.row(k).iter().copied().chain([data.labels[k] as f64]).collect();
    Table { columns: names.map(str::to_owned).to_vec(), rows: (0..data.rows()).map(row).collect() }
}

/// A table's last column as classes.
fn classes(table: &Table) -> Result<data::Table> {
    let wrong = |message: &str| Error::of("table", message);
    let columns = table.columns.len().saturating_sub(1);
    if columns == 0 || table.rows.len() < 4 {
        return Err(wrong("needs at least four rows, with a column of numbers and a column of classes"));
    }
    let mut kinds: Vec<f64> = table.rows.iter().map(|row| row[columns]).collect();
    if table.rows.iter().flatten().any(|entry| entry.abs() >= 1e12) {
        return Err(wrong("holds a number that is too large"));
    }
    kinds.sort_by(f64::total_cmp);
    kinds.dedup();
    if kinds.iter().any(|kind| kind.fract() != 0.0) || !(2..=20).contains(&kinds.len()) {
        return Err(wrong("the last column holds classes: from 2 to 20 different whole numbers"));
    }
    let class = |row: &Vec<f64>| kinds.iter().position(|kind| *kind == row[columns]).unwrap_or(0);
    let labels = table.rows.iter().map(class).collect();
    let features = table.rows.iter().flat_map(|row| &row[..columns]).copied().collect();
    let mut data = data::Table { columns, features, labels, classes: kinds.len() };
    data.standardise();
    Ok(data)
}

enum Objective {
    Plane(Plane),
    /// $\tfrac12x^\top Ax$.
    Quadratic(Vec<f64>),
    Classes(Classifier, usize),
}

/// $\tfrac12x^\top Ax$, with $Ax$ written into `g`.
fn quadratic(a: &[f64], x: &[f64], g: &mut [f64]) -> f64 {
    let dot = |a: &[f64]| a.iter().zip(x).map(|(a, x)| a * x).sum();
    g.iter_mut().zip(a.chunks_exact(x.len())).for_each(|(g, row)| *g = dot(row));
    0.5 * g.iter().zip(x).map(|(g, x)| g * x).sum::<f64>()
}

/// What does not change during a run.
struct Fixed {
    objective: Objective,
    shape: Shape,
    x: Vec<f64>,
    rng: Rng,
    noise: f64,
    budget: usize,
    fault: Fault,
    /// Gradients to a step of the exhibit.
    chunk: usize,
    /// Gradients between two records of the loss.
    every: usize,
    field: Option<Field>,
    minima: &'static [[f64; 2]],
    start: [f64; 2],
    chosen: Vec<Rule>,
}

impl Fixed {
    /// What a contender sees at a point: the value and the gradient, over a batch and with noise.
    fn look(&self, x: &[f64], g: &mut [f64], rng: &mut Rng) -> f64 {
        let value = match &self.objective {
            Objective::Plane(f) => f.value_and_gradient(x, g),
            Objective::Quadratic(a) => quadratic(a, x, g),
            Objective::Classes(f, batch) => {
                let rows = f.batch(*batch, rng);
                f.value_and_gradient(x, &rows, g)
            }
        };
        if self.noise > 0.0 {
            g.iter_mut().for_each(|g| *g += self.noise * rng.sample::<f64, _>(StandardNormal));
        }
        value
    }

    /// The height above the least value known.
    fn loss(&self, x: &[f64]) -> f64 {
        let value = match &self.objective {
            Objective::Plane(f) => f.value(x),
            Objective::Quadratic(a) => quadratic(a, x, &mut vec![0.0; x.len()]),
            Objective::Classes(f, _) => f.value(x),
        };
        value - self.shape.least
    }
}

/// Losses below are drawn there.
const FLOOR: f64 = 1e-16;

/// Beyond this a contender has diverged.
const FAR: f64 = 1e8;

/// The grid's ends.
const RATES: [f64; 2] = [1e-5, 10.0];

/// One rule on its way, at one rate.
#[derive(Clone)]
struct Lane {
    rule: Rule,
    rate: f64,
    racer: Box<dyn Racer>,
    x: Vec<f64>,
    rng: Rng,
    spent: usize,
    losses: Series,
    path: Series,
    stopped: bool,
}

/// A contender's shadow: its rule in the other formulation.
#[derive(Clone)]
struct Shadow {
    rule: Restated,
    differences: Series,
    worst: f64,
    compared: usize,
}

/// The greatest difference of two points, in units of the second's greatest entry.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    let size = b.iter().fold(0.0, |most: f64, b| most.max(b.abs()));
    let off = a.iter().zip(b).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
    if size > 0.0 { off / size } else { off }
}

impl Lane {
    fn new(rule: Rule, rate: f64, fixed: &Fixed) -> Self {
        let racer = rule.fresh(rate, &fixed.shape, fixed.fault != Fault::Uncorrected);
        let (x, rng) = (fixed.x.clone(), fixed.rng.clone());
        let (losses, path) = (Series::new(), Series::new());
        let mut lane = Self { rule, rate, racer, x, rng, spent: 0, losses, path, stopped: false };
        lane.record(fixed);
        lane.path.push(lane.x[0], lane.x[1]);
        lane
    }

    fn record(&mut self, fixed: &Fixed) {
        self.losses.push(self.spent as f64, fixed.loss(&self.x).max(FLOOR));
    }

    fn done(&self, fixed: &Fixed) -> bool {
        self.stopped || self.spent >= fixed.budget
    }

    /// The loss that it ended with; none if it diverged.
    fn end(&self) -> Option<f64> {
        self.losses.last().map(|[_, loss]| loss).filter(|_| !self.stopped)
    }

    /// One update, which the shadow follows from the same point with the same gradients.
    fn update(&mut self, fixed: &Fixed, shadow: Option<&mut Shadow>) {
        let before = self.x.clone();
        let (spent, shadowed) = (self.spent, shadow.is_some());
        let mut looks: Vec<(Vec<f64>, f64, Vec<f64>)> = Vec::new();
        let mut sane = true;
        let Self { racer, x, rng, spent: count, .. } = self;
        racer.advance(x, &mut |at, g| {
            let value = fixed.look(at, g, rng);
            *count += 1;
            sane = sane && value.is_finite() && g.iter().all(|g| g.is_finite());
            if shadowed {
                looks.push((at.to_vec(), value, g.to_vec()));
            }
            value
        });
        if fixed.fault == Fault::Single {
            self.x.iter_mut().for_each(|x| *x = f64::from(*x as f32));
        }
        if !(sane && self.x.iter().all(|x| x.abs() < FAR)) {
            (self.x, self.stopped) = (before, true);
            return;
        }
        if let Some(shadow) = shadow {
            let (mut x, mut looks, mut worst) = (before, looks.iter(), 0.0_f64);
            shadow.rule.advance(&mut x, &mut |at, g| match looks.next() {
                Some((there, value, slope)) => {
                    worst = worst.max(difference(at, there));
                    g.copy_from_slice(slope);
                    *value
                }
                None => f64::NAN,
            });
            worst = worst.max(difference(&x, &self.x));
            // A rule that took another number of looks, or none at a number, is not the same rule.
            let worst = if worst.is_finite() && looks.next().is_none() { worst } else { 1.0 };
            shadow.worst = shadow.worst.max(worst);
            shadow.compared += 1;
            shadow.differences.push(self.spent as f64, shadow.worst.max(1e-17));
        }
        self.path.push(self.x[0], self.x[1]);
        if spent / fixed.every != self.spent / fixed.every || self.spent >= fixed.budget {
            self.record(fixed);
        }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct OptimizerArena {
    fixed: Rc<Fixed>,
    /// At their packages' rates, each with its shadow.
    race: Vec<(Lane, Shadow)>,
    /// How many gradients everybody in the race has had.
    raced: usize,
    sweep: Sweep,
    /// The rules that have a rate to tune, and the best run of each so far.
    tuned: Vec<Rule>,
    best: Vec<Option<Lane>>,
    now: Option<Lane>,
}

impl OptimizerArena {
    fn stride(&self) -> usize {
        (self.fixed.chunk / self.race.len().max(1)).clamp(1, self.fixed.budget.div_ceil(60).max(1))
    }

    /// The best run of a rule: the one at its own rate until the sweep has a better.
    fn champion<'a>(&'a self, lane: &'a Lane) -> &'a Lane {
        let place = self.tuned.iter().position(|rule| *rule == lane.rule);
        let swept = place.and_then(|place| self.best[place].as_ref());
        match (swept, swept.and_then(Lane::end), lane.end()) {
            (Some(swept), Some(a), Some(b)) if a < b => swept,
            (Some(swept), Some(_), None) => swept,
            _ => lane,
        }
    }

    /// The race at the packages' rates, and after it the grid.
    fn go_on(&mut self) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        if self.raced < fixed.budget {
            self.raced = (self.raced + self.stride()).min(fixed.budget);
            for (lane, shadow) in &mut self.race {
                while !lane.stopped && lane.spent < self.raced {
                    lane.update(&fixed, Some(shadow));
                }
            }
        } else {
            self.go_on_sweeping();
        }
        let open = self.raced < fixed.budget || self.sweep.done() < self.sweep.runs();
        if open { Progress::Running } else { Progress::Done }
    }

    /// The axis of losses: from the least shown to somewhat above the start's, so that what diverges leaves the picture.
    fn heights(&self, label: String, shown: impl Iterator<Item = f64>) -> Axis {
        let start = self.race.first().and_then(|(lane, _)| lane.losses.iter().next()).map_or(1.0, |[_, loss]| loss);
        Axis::log(label).domain(0.5 * shown.fold(start, f64::min), 5.0 * start)
    }

    fn go_on_sweeping(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let mut left = fixed.chunk;
        while let Some((place, rate)) = self.sweep.next() {
            let lane = self.now.get_or_insert_with(|| Lane::new(self.tuned[place], rate, &fixed));
            while left > 0 && !lane.done(&fixed) {
                let before = lane.spent;
                lane.update(&fixed, None);
                left = left.saturating_sub((lane.spent - before).max(1));
            }
            if !lane.done(&fixed) {
                return;
            }
            let end = lane.end();
            self.sweep.put(end);
            let held = self.best[place].as_ref().and_then(Lane::end);
            if end.is_some_and(|end| held.is_none_or(|held| end < held)) {
                self.best[place] = self.now.take();
            }
            self.now = None;
            if left == 0 {
                return;
            }
        }
    }
}

/// A contender's line. There are nine colours: those of the second nine are dashed, and those of the third have squares.
fn line(figure: &mut Figure<'_>, rule: Rule, points: &[[f64; 2]]) {
    let place = Rule::OPTIONS.iter().position(|option| option.0 == rule).unwrap_or(0);
    let mark = figure.line(points.iter().map(|p| p[0]), points.iter().map(|p| p[1])).of(rule.name());
    if place / 9 == 1 {
        mark.dashed();
    }
    if place / 9 == 2 {
        let some: Vec<[f64; 2]> = points.iter().step_by((points.len() / 10).max(1)).copied().collect();
        let dots = figure.dot(some.iter().map(|p| p[0]), some.iter().map(|p| p[1])).of(rule.name());
        dots.symbol(Symbol::Square).radius(2.5);
    }
}

impl Exhibit for OptimizerArena {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let chosen: Vec<Rule> = setting.contenders.iter().collect();
        if chosen.is_empty() {
            return Err(Error::of("contenders", "choose at least one"));
        }
        let start = setting.start.0.first().copied().unwrap_or([0.0, 0.0]);
        let in_plane = |f: Plane, window: Window, least: Option<f64>, name: &str| {
            if !f.value(&start).is_finite() {
                return Err(Error::of(name, "f is not finite at the start; move the start or change f"));
            }
            let reach = |ends: [f64; 2], at: f64| [ends[0].min(at - 0.5), ends[1].max(at + 0.5)];
            let window = Window { x: reach(window.x, start[0]), y: reach(window.y, start[1]) };
            let field = Field::new(window, |x| f.value(&x));
            let least = least.unwrap_or_else(|| lowest(&f, &field));
            Ok((Objective::Plane(f), vec![(1, 2)], least, start.to_vec(), Some(field)))
        };
        let classified = |f: Classifier, rng: &mut Rng| {
            let x = f.initial(rng);
            let shapes = f.shapes();
            (Objective::Classes(f, setting.batch), shapes, 0.0, x, None)
        };
        let (objective, matrices, least, x, field) = match setting.problem {
            Problem::Function => {
                let f = setting.function;
                in_plane(Plane::classic(f), f.window(), Some(0.0), "start")?
            }
            Problem::Formula => {
                in_plane(Plane::formula("formula", &setting.formula)?, Window::square(4.0), None, "formula")?
            }
            Problem::Quadratic => {
                let n = setting.dimension;
                let share = |k: usize| k as f64 / (n - 1) as f64;
                let least = 1.0 / setting.condition;
                let curvature = |k: usize| match setting.spectrum {
                    Spectrum::Logarithmic => pow(least, share(k)),
                    Spectrum::Even => 1.0 - (1.0 - least) * share(k),
                    Spectrum::Clusters => {
                        if 2 * k < n {
                            1.0
                        } else {
                            least
                        }
                    }
                };
                let curvatures: Vec<f64> = (0..n).map(curvature).collect();
                let a = symmetric(&curvatures, rng).as_slice().to_vec();
                let x = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
                (Objective::Quadratic(a), vec![(1, n)], 0.0, x, None)
            }
            Problem::Logistic => classified(Classifier::digits(400, &[], rng), rng),
            Problem::Network => classified(Classifier::digits(400, &[16], rng), rng),
            Problem::Table => {
                let data = classes(&setting.table)?;
                let rows = data.rows();
                classified(Classifier::new(data, rows, &[], rng), rng)
            }
        };
        // About 4 ms a step.
        let (chunk, every) = match &objective {
            Objective::Plane(_) => (1500, setting.budget.div_ceil(400)),
            Objective::Quadratic(_) => ((1_500_000 / (x.len() * x.len() + 2000)).max(20), setting.budget.div_ceil(400)),
            Objective::Classes(f, batch) => {
                let every = setting.budget.div_ceil(40);
                let record = f.examples() / every + batch;
                ((1_500_000 / ((record + 8) * f.count())).clamp(1, 100), every)
            }
        };
        let fixed = Fixed {
            shape: Shape { n: x.len(), matrices, least },
            x,
            rng: rng.clone(),
            noise: setting.noise,
            budget: setting.budget,
            fault: setting.fault,
            chunk,
            every,
            field,
            minima: if setting.problem == Problem::Function { setting.function.minima() } else { &[] },
            start,
            chosen,
            objective,
        };
        let race = fixed.chosen.iter().map(|&rule| {
            let rate = rule.rate().unwrap_or(1.0);
            let shadow = rule.restated(rate, &fixed.shape);
            let shadow = Shadow { rule: shadow, differences: Series::new(), worst: 0.0, compared: 0 };
            (Lane::new(rule, rate, &fixed), shadow)
        });
        let race = race.collect();
        let tuned: Vec<Rule> = fixed.chosen.iter().copied().filter(|rule| rule.rate().is_some()).collect();
        let names: Vec<&'static str> = tuned.iter().map(|rule| rule.name()).collect();
        let sweep = Sweep::new(&names, rates(RATES[0], RATES[1], setting.rates));
        let best = vec![None; tuned.len()];
        Ok(Self { race, raced: 0, sweep, tuned, best, now: None, fixed: Rc::new(fixed) })
    }

    fn length(&self) -> usize {
        let runs = self.sweep.runs() * (self.fixed.budget + 1);
        self.fixed.budget.div_ceil(self.stride()) + runs.div_ceil(self.fixed.chunk) + 1
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.go_on()
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let (done, runs) = (self.sweep.done(), self.sweep.runs());
        let progress =
            if done < runs { format!(" {done} of {runs} runs of the grid are done.") } else { String::new() };
        let loss = match (&fixed.objective, fixed.minima.is_empty()) {
            (Objective::Classes(..), _) => "cross-entropy, all examples",
            (Objective::Plane(_), true) => "f − least value known",
            _ => "f − least value",
        };
        let champions: Vec<&Lane> = self.race.iter().map(|(lane, _)| self.champion(lane)).collect();

        if let Some(field) = &fixed.field {
            let caption = format!("Each at its best rate so far. Drag the start.{progress}");
            let mut path = field.figure(figures, "path", "The paths", caption, ["x", "y", "f"]);
            plane::minima(&mut path, fixed.minima, "minimum");
            for lane in &champions {
                line(&mut path, lane.rule, &lane.path.iter().collect::<Vec<_>>());
                let end: Vec<[f64; 2]> = lane.path.last().into_iter().collect();
                path.dot(end.iter().map(|p| p[0]), end.iter().map(|p| p[1])).of(lane.rule.name()).radius(5.0);
            }
            plane::start(&mut path, fixed.start, "start");
        }

        let gradients = || Axis::linear("gradients").domain(0.0, fixed.budget as f64);
        let caption = format!("Each at its best rate so far, after as many gradients.{progress}");
        let mut best = figures.figure("best", "At the best rates", caption);
        best.x(gradients()).y(self.heights(loss.to_owned(), champions.iter().flat_map(|lane| lane.losses.ys())));
        for lane in &champions {
            line(&mut best, lane.rule, &lane.losses.iter().collect::<Vec<_>>());
        }

        let caption =
            "The same at the rates that their packages come with. A line that ends or leaves upwards diverges.";
        let mut default = figures.figure("default", "As they come", caption);
        let ys = self.race.iter().flat_map(|(lane, _)| lane.losses.ys());
        default.x(gradients()).y(self.heights(loss.to_owned(), ys));
        for (lane, _) in &self.race {
            line(&mut default, lane.rule, &lane.losses.iter().collect::<Vec<_>>());
        }

        let caption = format!(
            "Where each ends at every rate of the grid, with a dot at its best; a gap is a run that diverged. Rules without \
             a rate are level.{progress}"
        );
        let mut grid = figures.figure("grid", "The learning-rate grid", caption);
        let ends = champions.iter().filter_map(|lane| lane.end());
        grid.x(Axis::log("learning rate").domain(RATES[0], RATES[1]));
        grid.y(self.heights(format!("{loss}, at the end"), ends));
        for (place, rule) in self.tuned.iter().enumerate() {
            line(&mut grid, *rule, &self.sweep.of(place).collect::<Vec<_>>());
            if let Some([rate, end]) = self.sweep.best(place) {
                grid.dot([rate], [end]).of(rule.name()).radius(4.0);
            }
        }
        for (lane, _) in self.race.iter().filter(|(lane, _)| lane.rule.rate().is_none()) {
            if let Some(end) = lane.end() {
                line(&mut grid, lane.rule, &[[RATES[0], end], [RATES[1], end]]);
            }
        }

        let caption = "How far a step of a contender has been at most from its other formulation's, taken from the same \
                       point with the same gradients, in units of the point's size. Zero is drawn at 10⁻¹⁷.";
        let mut shadows = figures.figure("shadows", "Against the other formulation", caption);
        shadows.x(gradients()).y(Axis::log("greatest relative difference so far"));
        for (lane, shadow) in &self.race {
            line(&mut shadows, lane.rule, &shadow.differences.iter().collect::<Vec<_>>());
        }
        shadows.rule_y([BOUND]).label("bound").dashed();

        let caption = format!("By the loss after {} gradients at the best rate of the grid.{progress}", fixed.budget);
        let mut table = figures.figure("ranking", "The ranking", caption);
        let mut order: Vec<(f64, usize)> =
            champions.iter().enumerate().map(|(k, lane)| (lane.end().unwrap_or(f64::INFINITY), k)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let ranked = || order.iter().map(|(_, k)| (champions[*k], &self.race[*k]));
        let number = |x: Option<f64>| x.map_or_else(|| "diverged".to_owned(), three_digits);
        let rate = |lane: &Lane| if lane.rule.rate().is_some() { three_digits(lane.rate) } else { "none".to_owned() };
        table
            .table()
            .words("contender", ranked().map(|(lane, _)| lane.rule.label()))
            .words("at its best", ranked().map(|(lane, _)| number(lane.end())))
            .words("best rate", ranked().map(|(lane, _)| rate(lane)))
            .words("as it comes", ranked().map(|(_, (lane, _))| number(lane.end())))
            .words("its rate", ranked().map(|(_, (lane, _))| rate(lane)));
    }

    fn claim(&self) -> Claim {
        let open = self.raced < self.fixed.budget && self.race.iter().any(|(lane, _)| !lane.stopped);
        let compared: usize = self.race.iter().map(|(_, shadow)| shadow.compared).sum();
        let worst = self.race.iter().fold(0.0, |worst: f64, (_, shadow)| worst.max(shadow.worst));
        Claim::new(vec![
            Clause::at_most(
                format!(
                    "Of {compared} steps the one that is farthest from its rule's other formulation, given the same \
                     gradients at the same point, is {{value}} of the point's size away; {{high}} is allowed."
                ),
                (compared > 0).then_some(worst),
                BOUND,
            )
            .holds_only_after(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let everybody = Set::all();
        vec![
            Scenario::holds(
                "default",
                "Six in the valley",
                "As they come, most hardly leave the start; at their best rates they tell apart.",
                default.clone(),
            ),
            Scenario::holds(
                "everybody",
                "Everybody",
                "All rules in the four-bottomed bowl of Himmelblau: who starts on a ridge may end anywhere.",
                Setting {
                    contenders: everybody,
                    function: Classic::Himmelblau,
                    start: [[-0.3, -1.0]].into(),
                    budget: 200,
                    rates: 9,
                    ..default.clone()
                },
            ),
            Scenario::holds(
                "conditioned",
                "A long quadratic",
                "Thirty turned dimensions, condition 1000: with momentum they arrive, plain SGD does not.",
                Setting { problem: Problem::Quadratic, budget: 500, rates: 13, ..default.clone() },
            ),
            Scenario::holds(
                "digits",
                "Real digits",
                "Logistic regression on minibatches of real digits. DoG, whose first step is a millionth, has hardly left \
                 the start when the budget is spent.",
                Setting { problem: Problem::Logistic, budget: 120, rates: 7, batch: 16, ..default.clone() },
            ),
            Scenario::fails(
                "uncorrected",
                "Adam without its correction",
                "Its first step is three times as long as published, and the other formulation notices at once.",
                Setting { fault: Fault::Uncorrected, rates: 5, ..default.clone() },
            ),
            Scenario::fails(
                "single",
                "In single precision",
                "Rounding to 32 bits changes each step by some 10⁻⁸ of the point's size.",
                Setting { fault: Fault::Single, rates: 5, ..default },
            ),
        ]
    }
}

/// The relative difference that rounding may make in a step.
const BOUND: f64 = 1e-10;

/// The least value that a search finds: down from the lowest cell.
fn lowest(f: &Plane, field: &Field) -> f64 {
    let (at, value) = field.lowest();
    let (mut x, mut search) = (at.to_vec(), Lbfgs::new(5));
    for _ in 0..100 {
        match search.step(&mut x, |x: &[f64], g: &mut [f64]| f.value_and_gradient(x, g)) {
            Ok(step) if step.slope > 1e-12 => {}
            _ => break,
        }
    }
    let found = f.value(&x);
    if found < value { found } else { value }
}

/// A number for a table of words.
fn three_digits(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    if (1e-2..1e3).contains(&x.abs()) {
        let places = if x.abs() < 0.1 {
            4
        } else if x.abs() < 1.0 {
            3
        } else {
            2
        };
        return format!("{x:.places$}");
    }
    powers_of_ten(&format!("{x:.2e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(setting: &Setting) -> OptimizerArena {
        let mut arena = OptimizerArena::new(setting, &mut Rng::seed_from_u64(1)).expect("a setting that runs");
        for _ in 0..arena.length() {
            if arena.go_on() == Progress::Done {
                break;
            }
        }
        arena
    }

    #[test]
    fn every_rule_meets_its_other_formulation_on_every_kind_of_problem() {
        for &(problem, ..) in Problem::OPTIONS {
            let setting =
                Setting { contenders: Set::all(), problem, budget: 60, rates: 3, noise: 0.1, ..Setting::default() };
            let arena = run(&setting);
            for (lane, shadow) in &arena.race {
                println!("{problem:?} {:?}: {:.1e} in {} steps", lane.rule, shadow.worst, shadow.compared);
                assert!(shadow.worst < BOUND, "{problem:?} {:?}: {:e}", lane.rule, shadow.worst);
            }
            assert_eq!(arena.sweep.done(), arena.sweep.runs());
        }
    }

    #[test]
    fn gradient_descent_on_a_quadratic_is_best_just_below_two_over_the_greatest_curvature() {
        let contenders = Set::of(&[Rule::Sgd]);
        let arena =
            run(&Setting { contenders, problem: Problem::Quadratic, budget: 300, rates: 25, ..Setting::default() });
        let [rate, loss] = arena.sweep.best(0).expect("a best rate");
        assert!(rate > 1.0 && rate < 2.0, "{rate}");
        assert!(loss < arena.race[0].0.end().expect("it does not diverge"));
    }

    #[test]
    fn a_table_without_classes_is_explained() {
        let table = Table { columns: vec!["a".into(), "b".into()], rows: vec![vec![1.0, 0.5]; 6] };
        let setting = Setting { problem: Problem::Table, table, ..Setting::default() };
        let wrong = OptimizerArena::new(&setting, &mut Rng::seed_from_u64(1)).err().expect("an error");
        assert_eq!(wrong.control.as_deref(), Some("table"));
    }
}
