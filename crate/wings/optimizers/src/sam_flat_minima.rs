//! Two places may have the same training loss, one at the bottom of a gorge, one on a plain. Foret, Kleiner, Mobahi and
//! Neyshabur ask for the plain: minimise the greatest loss within $\rho$, $\min_w\max_{\|\epsilon\|\le\rho}L(w+\epsilon)$.
//! The inner maximum is replaced by one step up the slope,
//! $$\hat\epsilon(w)=\rho\,\frac{\nabla L(w)}{\|\nabla L(w)\|},$$
//! $$w\leftarrow w-\eta\,\nabla L(w)\big|_{w+\hat\epsilon},$$
//! and how $\hat\epsilon$ depends on $w$ is ignored. A step of SAM needs two gradients, so SGD may take twice as many steps here.
//!
//! A network of two hidden layers learns which of two moons a hundred points belong to, with three labels in ten
//! turned over. SGD bends its boundary around the wrong labels, as they are in the data; every such bay needs large weights and
//! leaves a sharp minimum. SAM's boundary stays near the truth. The fourth picture has the largest eigenvalues of the Hessian,
//! found by Lanczos iteration with exact products; the last one walks from the end of each training run up the
//! slope, as far as SAM looks, and on.
//!
//! **Try** raising $\rho$: the boundary lets go of one wrong label after the other, then of the moons. Compute
//! $\hat\epsilon$ on batches of one ($m$) and its effect grows, as single examples have steeper slopes. With the largest-entry norm
//! $\hat\epsilon=\rho\,\mathrm{sign}(\nabla L)$ moves every weight, so that $\rho=0.01$ is much already.
//!
//! **Where it stops.** With $\rho=1$ nothing can be fitted. With clean labels and two thousand points there is
//! nothing to be protected from: both are right nearly always. With $\rho=0.005$ SAM is SGD. And flatness has a
//! rival: the weight decay that runs beside it (0.005, first seed only) ends less flat and yet, as a rule, tells more
//! of the clean points right. Random steps of length $\rho$ leave the minimum as sharp as SGD's; they save some five
//! points of accuracy, half of what SAM saves.
//!
//! Scaled down: two hidden layers of 32 rather than 64, 2000 steps of rate 0.2 rather than 4000 of 0.1; the paper trains
//! image classifiers. Ratios of eigenvalues scatter from 0.14 to 0.23 with the data, about 0.18 in the mean, so that a quarter
//! is asked of the single draw. Accuracy is on a thousand points with true labels. Eigenvalues are of the loss over at most 200 of
//! the training points. The rectifier has no curvature of its own, so they measure how much outputs change with weights.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::{self, Table};
use orrery_kernels::linalg::{Lanczos, inner};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::random::normals;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "sam-flat-minima",
    title: "Sharpness-Aware Minimization for Efficiently Improving Generalization",
    year: 2020,
    lists: &[1],
    claim: "Step up before you step down, and you end where the ground is flat and wrong labels are ignored.",
    algorithms: &[
        "SAM",
        "sharpness-aware minimisation",
        "SGD",
        "weight decay",
        "random weight perturbation",
        "m-sharpness",
        "Lanczos iteration",
        "Hessian eigenvalues",
    ],
    contenders: &[
        Contender::paper("sam", "SAM"),
        Contender::baseline("sgd", "SGD, twice the steps"),
        Contender::baseline("decay", "SGD with weight decay"),
        Contender::baseline("random", "random perturbation"),
    ],
};

/// Where the points come from.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shapes {
    /// Two half circles, one in the arm of the other.
    #[choice("two moons")]
    Moons,
    /// A circle in a circle.
    #[choice("circles")]
    Circles,
    /// Two spirals.
    #[choice("spirals")]
    Spirals,
}

/// The ball in which the loss is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Ball {
    /// Euclidean.
    #[choice("2")]
    Two,
    /// A cube: every weight by at most ρ.
    #[choice("∞")]
    Infinite,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How far up SAM looks; also the length of the random perturbation.
    #[control(label = "radius ρ", range = 0.005..=1.0, log, default = 0.2)]
    pub rho: f64,
    /// The rate η of all.
    #[control(label = "learning rate η", range = 0.01..=0.5, log, default = 0.2)]
    pub rate: f64,
    /// The share of training labels that are turned over.
    #[control(label = "label noise", range = 0.0..=0.45, default = 0.3)]
    pub noise: f64,
    /// In which norm the step up has length ρ.
    #[control(label = "norm p", default = Ball::Two)]
    pub norm: Ball,
    /// Examples on which one step up is computed. SAM takes as many whole groups of these as 20 holds: with 11 its batch is 11.
    #[control(label = "m, batch of the ascent", range = 1..=20, default = 20)]
    pub m: usize,
    /// Hidden units in each of two layers.
    #[control(label = "width", range = 8..=64, log, default = 32)]
    pub width: usize,
    /// Steps of SAM; the others take two for each.
    #[control(label = "steps", range = 500..=8000, log, default = 2000)]
    pub steps: usize,
    /// Training points.
    #[control(label = "training points", range = 50..=2000, log, default = 100)]
    pub points: usize,
    /// Where the points come from.
    #[control(label = "data", default = Shapes::Moons)]
    pub data: Shapes,
}

const BATCH: usize = 20;
const SEEDS: usize = 5;
const TEST: usize = 1000;
/// Of the weight decay's baseline.
const DECAY: f64 = 5e-3;
/// Gradients that each run takes in one step of the exhibit.
const SHARE: usize = 10;
/// Steps between two entries of the curves, at least, and entries at most.
const EVERY: usize = 5;
const ENTRIES: usize = 80;
const LANCZOS: usize = 24;
const EIGENVALUES: usize = 5;
/// Points of the Hessian's loss, at most.
const CURVED: usize = 200;
/// Cells along a side of the pictures' grid.
const SIDE: usize = 36;

/// `ε̂ = ρ sign(g) |g|^(q-1) / (‖g‖_q^q)^(1/p)`, where `1/p + 1/q = 1`.
fn ascent(g: &[f64], rho: f64, norm: Ball) -> Vec<f64> {
    match norm {
        // p = q = 2
        Ball::Two => {
            let length = inner(g, g).sqrt();
            let scale = if length > 0.0 { rho / length } else { 0.0 };
            g.iter().map(|g| scale * g).collect()
        }
        // p = ∞, q = 1
        Ball::Infinite => {
            let sign = |g: &f64| {
                if *g > 0.0 {
                    rho
                } else if *g < 0.0 {
                    -rho
                } else {
                    0.0
                }
            };
            g.iter().map(sign).collect()
        }
    }
}

/// One step: for each of `parts` of the batch `look(part, w, g)` writes the gradient of its mean loss; all are of one size.
pub fn sam_step(
    w: &mut [f64],
    eta: f64,
    rho: f64,
    norm: Ball,
    parts: usize,
    mut look: impl FnMut(usize, &[f64], &mut [f64]),
) {
    let mut g = vec![0.0; w.len()];
    let mut total = vec![0.0; w.len()];
    for part in 0..parts {
        look(part, w, &mut g);
        let up: Vec<f64> = w.iter().zip(ascent(&g, rho, norm)).map(|(w, e)| w + e).collect();
        look(part, &up, &mut g);
        total.iter_mut().zip(&g).for_each(|(total, g)| *total += g / parts as f64);
    }
    // w ← w - η ∇L(w)|_(w + ε̂)
    w.iter_mut().zip(&total).for_each(|(w, g)| *w -= eta * g);
}

/// One training set, the places of its wrong labels, and test points.
struct Sample {
    learnt: Table,
    wrong: Vec<bool>,
    test: Table,
    theta: Vec<f64>,
}

struct Fixed {
    setting: Setting,
    network: Mlp,
    samples: Vec<Sample>,
    /// Centres of the cells of the picture's grid, its left and right, its low and high end.
    grid: Vec<f64>,
    x: [f64; 2],
    y: [f64; 2],
}

impl Fixed {
    fn sample(setting: &Setting, network: &Mlp, rng: &mut Rng) -> Sample {
        let draw = |count: usize, rng: &mut Rng| match setting.data {
            Shapes::Moons => data::moons(count, 0.1, rng),
            Shapes::Circles => data::rings(count, &[0.5, 1.2], 0.1, rng),
            Shapes::Spirals => {
                let mut spirals = data::spirals(count, 2, 1.0, 0.03, rng);
                spirals.features.iter_mut().for_each(|x| *x *= 2.0);
                spirals
            }
        };
        let (mut learnt, test) = (draw(setting.points, rng), draw(TEST, rng));
        let wrong: Vec<bool> = (0..setting.points).map(|_| rng.random::<f64>() < setting.noise).collect();
        learnt.labels.iter_mut().zip(&wrong).filter(|(_, wrong)| **wrong).for_each(|(label, _)| *label = 1 - *label);
        let theta = network.parameters.initial(rng);
        Sample { learnt, wrong, test, theta }
    }

    /// `mean log(1 + e^z) - y z`
    fn loss(&self, graph: &mut Graph<f64>, p: &[Node], table: &Table) -> Node {
        let rows = table.rows();
        let x = graph.leaf(rows, 2, table.features.clone());
        let z = self.network.apply(graph, p, x);
        let y = graph.leaf(rows, 1, table.labels.iter().map(|&label| label as f64).collect());
        let (softplus, own) = (graph.softplus(z), graph.mul(y, z));
        let terms = graph.sub(softplus, own);
        let sum = graph.sum(terms);
        graph.scale(sum, 1.0 / rows as f64)
    }

    fn gradient(&self, w: &[f64], table: &Table, g: &mut [f64]) {
        self.network.parameters.gradient(w, g, |graph, p| self.loss(graph, p, table));
    }

    fn value(&self, w: &[f64], table: &Table) -> f64 {
        self.network.parameters.value(w, |graph, p| self.loss(graph, p, table))
    }

    /// The outputs `z`; class 1 is told where they are positive.
    fn outputs(&self, w: &[f64], features: &[f64]) -> Vec<f64> {
        let mut graph = Graph::new();
        let p = self.network.parameters.leaves(&mut graph, w);
        let x = graph.leaf(features.len() / 2, 2, features.to_vec());
        let z = self.network.apply(&mut graph, &p, x);
        graph.value(z).to_vec()
    }

    /// The share of a table's chosen rows that are told as they are labelled; nothing if none is chosen.
    fn agreement(&self, w: &[f64], table: &Table, chosen: impl Fn(usize) -> bool) -> Option<f64> {
        let told = self.outputs(w, &table.features);
        let rows = told.iter().zip(&table.labels).enumerate().filter(|(row, _)| chosen(*row));
        let right: Vec<bool> = rows.map(|(_, (z, label))| usize::from(*z > 0.0) == *label).collect();
        let count = right.iter().filter(|right| **right).count();
        (!right.is_empty()).then(|| count as f64 / right.len() as f64)
    }
}

/// One method on one sample.
#[derive(Clone)]
struct Run {
    method: usize,
    seed: usize,
    w: Vec<f64>,
    rng: Rng,
    /// Gradients taken.
    taken: usize,
    lanczos: Option<Lanczos>,
}

const IDS: [&str; 4] = ["sam", "sgd", "decay", "random"];

impl Run {
    fn batch(&mut self, table: &Table, size: usize) -> Table {
        let rows: Vec<usize> = (0..size).map(|_| self.rng.random_range(0..table.rows() as u32) as usize).collect();
        table.pick(&rows)
    }

    /// One step; of SAM it counts as two gradients.
    fn step(&mut self, fixed: &Fixed) {
        let Setting { rho, rate, norm, m, .. } = fixed.setting;
        let learnt = &fixed.samples[self.seed].learnt;
        if self.method == 0 {
            // As many whole parts of m as a batch of 20 has.
            let parts = (BATCH / m).max(1);
            let batches: Vec<Table> = (0..parts).map(|_| self.batch(learnt, m)).collect();
            sam_step(&mut self.w, rate, rho, norm, parts, |part, w, g| fixed.gradient(w, &batches[part], g));
            self.taken += 2;
            return;
        }
        let batch = self.batch(learnt, BATCH);
        let mut g = vec![0.0; self.w.len()];
        if self.method == 3 {
            let up = ascent(&normals(self.w.len(), &mut self.rng), rho, norm);
            let at: Vec<f64> = self.w.iter().zip(up).map(|(w, e)| w + e).collect();
            fixed.gradient(&at, &batch, &mut g);
        } else {
            fixed.gradient(&self.w, &batch, &mut g);
        }
        // w ← w - η (∇L + λw)
        let decay = if self.method == 2 { DECAY } else { 0.0 };
        self.w.iter_mut().zip(&g).for_each(|(w, g)| *w -= rate * (g + decay * *w));
        self.taken += 1;
    }

    /// One step, unless it leads out of all bounds: what would diverge stays where it last was.
    fn advance(&mut self, fixed: &Fixed) {
        let before = self.w.clone();
        self.step(fixed);
        if !self.w.iter().all(|w| w.abs() < 1e4) {
            self.w = before;
        }
    }
}

/// What is known of a run at its end.
#[derive(Clone, Debug)]
struct End {
    method: usize,
    eigenvalues: Vec<f64>,
    accuracy: f64,
    fitted: Option<f64>,
}

/// The exhibit.
#[derive(Clone)]
pub struct SamFlatMinima {
    fixed: Rc<Fixed>,
    rng: Rng,
    runs: Vec<Run>,
    k: usize,
    accuracy: Curves,
    loss: Curves,
    /// The outputs over the picture, of SAM and of SGD.
    regions: [Vec<f64>; 2],
    ends: Vec<End>,
    /// The loss along the slope, by distance.
    slices: Vec<Vec<[f64; 2]>>,
}

impl SamFlatMinima {
    fn gradients(&self) -> usize {
        2 * self.fixed.setting.steps
    }

    fn training(&self) -> usize {
        self.gradients().div_ceil(SHARE)
    }

    /// Takes down where the first seed's runs are.
    fn record(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let sample = &fixed.samples[0];
        for run in self.runs.iter().filter(|run| run.seed == 0) {
            let id = IDS[run.method];
            self.loss.push(id, run.taken as f64, fixed.value(&run.w, &sample.learnt));
            if let Some(right) = fixed.agreement(&run.w, &sample.test, |_| true) {
                self.accuracy.push(id, run.taken as f64, right);
            }
            if run.method < 2 {
                self.regions[run.method] = fixed.outputs(&run.w, &fixed.grid);
            }
        }
    }

    /// One more Lanczos iteration of the Hessian where a run ended, and what is known of it when that is done.
    fn curve(&mut self, place: usize) {
        let fixed = Rc::clone(&self.fixed);
        let run = &mut self.runs[place];
        let sample = &fixed.samples[run.seed];
        let few: Vec<usize> = (0..sample.learnt.rows().min(CURVED)).collect();
        let table = sample.learnt.pick(&few);
        if run.lanczos.is_none() {
            run.lanczos = Some(Lanczos::new(normals(run.w.len(), &mut self.rng)));
        }
        let Some(lanczos) = &mut run.lanczos else { return };
        let multiply = |v: &[f64], out: &mut [f64]| {
            fixed.network.parameters.hessian_vector(&run.w, v, out, |graph, p| fixed.loss(graph, p, &table));
        };
        let exhausted = lanczos.advance(multiply, 1);
        if (lanczos.steps() < LANCZOS && !exhausted) || self.ends.len() > place {
            return;
        }
        let eigenvalues = lanczos.largest(EIGENVALUES).iter().map(|pair| pair.value).collect();
        let accuracy = fixed.agreement(&run.w, &sample.test, |_| true).unwrap_or(0.0);
        let fitted = fixed.agreement(&run.w, &sample.learnt, |row| sample.wrong[row]);
        self.ends.push(End { method: run.method, eigenvalues, accuracy, fitted });
        if run.seed == 0 {
            let mut g = vec![0.0; run.w.len()];
            fixed.gradient(&run.w, &table, &mut g);
            let up = ascent(&g, 1.0, Ball::Two);
            let at = |t: f64| {
                let w: Vec<f64> = run.w.iter().zip(&up).map(|(w, e)| w + t * e).collect();
                [t, fixed.value(&w, &table).clamp(0.0, 1e6)]
            };
            self.slices.push((-20..=20).map(|k| at(0.05 * f64::from(k))).collect());
        }
    }

    /// The mean over the seeds, once all of a method's runs have ended.
    fn mean(&self, method: usize, of: impl Fn(&End) -> Option<f64>) -> Option<f64> {
        let ends = self.ends.iter().filter(|end| end.method == method);
        let found: Vec<f64> = ends.filter_map(of).collect();
        (found.len() == SEEDS).then(|| found.iter().sum::<f64>() / SEEDS as f64)
    }

    fn largest(&self, method: usize) -> Option<f64> {
        // Where the Hessian was not finite, nothing is sharper.
        self.mean(method, |end| end.eigenvalues.first().copied().or(Some(1e12)))
    }
}

impl Exhibit for SamFlatMinima {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let sizes = [2, setting.width, setting.width, 1];
        let network = Mlp::new(&sizes, Activation::Relu, Initialization::He);
        let samples: Vec<Sample> = (0..SEEDS).map(|_| Fixed::sample(setting, &network, rng)).collect();
        let (x, y) = match setting.data {
            Shapes::Moons => ([-1.6, 2.6], [-1.2, 1.7]),
            Shapes::Circles => ([-1.7, 1.7], [-1.7, 1.7]),
            Shapes::Spirals => ([-2.3, 2.3], [-2.3, 2.3]),
        };
        let share = |k: usize| (k as f64 + 0.5) / SIDE as f64;
        let cell = |k: usize| [x[0] + (x[1] - x[0]) * share(k % SIDE), y[0] + (y[1] - y[0]) * share(k / SIDE)];
        let grid = (0..SIDE * SIDE).flat_map(cell).collect();
        // The first seed with all methods, the others with those that the claim compares.
        let methods = |seed: usize| if seed == 0 { 4 } else { 2 };
        let mut runs = Vec::new();
        for (seed, sample) in samples.iter().enumerate() {
            for method in 0..methods(seed) {
                let rng = Rng::seed_from_u64(rng.random::<u64>());
                runs.push(Run { method, seed, w: sample.theta.clone(), rng, taken: 0, lanczos: None });
            }
        }
        let mut exhibit = Self {
            fixed: Rc::new(Fixed { setting: setting.clone(), network, samples, grid, x, y }),
            rng: rng.clone(),
            runs,
            k: 0,
            accuracy: Curves::new(&["random", "decay", "sgd", "sam"], 0.0),
            loss: Curves::new(&["random", "decay", "sgd", "sam"], 1e-6),
            regions: Default::default(),
            ends: Vec::new(),
            slices: Vec::new(),
        };
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.training() + self.runs.len() * LANCZOS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        if self.k < self.training() {
            let goal = ((self.k + 1) * SHARE).min(self.gradients());
            for run in &mut self.runs {
                while run.taken < goal {
                    run.advance(&fixed);
                }
            }
            let every = self.training().div_ceil(ENTRIES).max(EVERY);
            if self.k.is_multiple_of(every) || goal == self.gradients() {
                self.record();
            }
        } else {
            self.curve((self.k - self.training()) / LANCZOS);
        }
        self.k += 1;
        if self.k == self.length() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let sample = &fixed.samples[0];
        let caption =
            "The training points of the first seed, wrong labels ringed, and where each network changes its mind.";
        let mut map = figures.figure("boundary", "Around the wrong labels, or past them", caption);
        map.x(Axis::linear("x₁").domain(fixed.x[0], fixed.x[1]));
        map.y(Axis::linear("x₂").domain(fixed.y[0], fixed.y[1])).equal();
        let points: Vec<[f64; 2]> = sample.learnt.features.as_chunks::<2>().0.to_vec();
        let of_class = |class: usize| {
            let rows = points.iter().zip(&sample.learnt.labels).filter(move |(_, label)| **label == class);
            rows.map(|(point, _)| *point).collect::<Vec<[f64; 2]>>()
        };
        // A crowd of points in small print.
        let [small, large] = if points.len() > 400 { [1.5, 3.0] } else { [3.0, 6.0] };
        for (class, symbol, ink) in [(0, Symbol::Disc, Ink::Muted), (1, Symbol::Square, Ink::Strong)] {
            let list = of_class(class);
            let dots = map.dot(list.iter().map(|p| p[0]), list.iter().map(|p| p[1])).symbol(symbol).radius(small);
            dots.ink(ink).label(format!("labelled {class}"));
        }
        let wrong: Vec<[f64; 2]> =
            points.iter().zip(&sample.wrong).filter(|(_, wrong)| **wrong).map(|(p, _)| *p).collect();
        let rings = map.dot(wrong.iter().map(|p| p[0]), wrong.iter().map(|p| p[1])).symbol(Symbol::Ring).radius(large);
        rings.ink(Ink::Accent).label("wrong label");
        for method in [1, 0] {
            let values = &self.regions[method];
            let grid = Grid { values, columns: SIDE, x: fixed.x, y: fixed.y };
            map.contour(grid, &[0.0], None).of(IDS[method]);
        }

        let caption = "The share of a thousand points with true labels that are told right; first seed.";
        let mut accuracy = figures.figure("accuracy", "On clean points", caption);
        let across = || Axis::linear("gradients taken").domain(0.0, self.gradients() as f64);
        accuracy.x(across()).y(Axis::linear("accuracy").domain(0.4, 1.0));
        self.accuracy.draw(&mut accuracy);

        let caption = "The loss over the training points, wrong labels and all. Lower is not better.";
        let mut loss = figures.figure("loss", "What is learnt by heart", caption);
        loss.x(across()).y(Axis::linear("training loss").or(Scale::Log));
        self.loss.draw(&mut loss);

        let caption = "The largest eigenvalues of the Hessian where training ended. Lines: of SAM and SGD the means over five \
                       seeds, of the others the first seed's.";
        let mut spectrum = figures.figure("spectrum", "How sharp the minimum is", caption);
        let names = (1..=EIGENVALUES).map(|k| format!("λ{k}"));
        spectrum.x(Axis::categories("in order", names)).y(Axis::log("eigenvalue"));
        for method in [3, 2, 1, 0] {
            let ends: Vec<&End> = self.ends.iter().filter(|end| end.method == method).collect();
            let all = ends.iter().flat_map(|end| end.eigenvalues.iter().enumerate()).filter(|(_, value)| **value > 0.0);
            let all: Vec<[f64; 2]> = all.map(|(k, value)| [k as f64, *value]).collect();
            spectrum.dot(all.iter().map(|p| p[0]), all.iter().map(|p| p[1])).of(IDS[method]).radius(2.0);
            let mean = |k: usize| {
                let values = ends.iter().filter_map(|end| end.eigenvalues.get(k));
                values.sum::<f64>() / ends.len().max(1) as f64
            };
            let means: Vec<[f64; 2]> = (0..EIGENVALUES).map(|k| [k as f64, mean(k)]).filter(|p| p[1] > 0.0).collect();
            spectrum.line(means.iter().map(|p| p[0]), means.iter().map(|p| p[1])).of(IDS[method]);
        }

        let caption = match fixed.setting.norm {
            Ball::Two => {
                "The training loss along the slope from each run's end (first seed). SAM looks as far as the rule."
            }
            Ball::Infinite => "The training loss along the slope from each run's end (first seed).",
        };
        let mut slice = figures.figure("slice", "Up the slope", caption);
        slice
            .x(Axis::linear("distance along the gradient").domain(-1.0, 1.0))
            .y(Axis::linear("training loss").or(Scale::Log));
        if fixed.setting.norm == Ball::Two {
            slice.rule_x([fixed.setting.rho]).dashed();
        }
        for (id, line) in IDS.iter().zip(&self.slices) {
            slice.line(line.iter().map(|p| p[0]), line.iter().map(|p| p[1].max(1e-6))).of(id);
        }
    }

    fn claim(&self) -> Claim {
        let ratio = self.largest(0).zip(self.largest(1)).map(|(ours, theirs)| ours / theirs.max(1e-300));
        let accuracy = |method| self.mean(method, |end| Some(end.accuracy));
        let fitted = |method| self.mean(method, |end| Some(end.fitted.unwrap_or(0.0)));
        let more = accuracy(0).zip(accuracy(1)).map(|(ours, theirs)| ours - theirs);
        let less = fitted(0).zip(fitted(1)).map(|(ours, theirs)| theirs - ours);
        Claim::new(vec![
            Clause::at_most("SAM's largest eigenvalue is {value} of SGD's, at most {high}.", ratio, 0.25),
            Clause::at_least("SAM tells {value} more of the clean points right than SGD, at least {low}.", more, 0.0),
            Clause::at_least("It fits {value} fewer of the wrong labels, at least {low}.", less, 0.0),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Three labels in ten are wrong",
                "SGD's boundary has a bay for each wrong label that it could reach; SAM's passes them by.",
                default.clone(),
            ),
            Scenario::fails(
                "too-far",
                "ρ = 1",
                "Looking so far that nothing is ever good there, SAM learns next to nothing.",
                Setting { rho: 1.0, ..default.clone() },
            ),
            Scenario::fails(
                "near",
                "ρ = 0.005",
                "SAM is SGD, with half of its steps.",
                Setting { rho: 0.005, ..default.clone() },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::optim::{Method, Sam, Sgd};
    use proptest::prelude::{prop, prop_assert, proptest};

    proptest! {
        #[test]
        fn the_step_up_has_length_rho_and_climbs_most(
            g in prop::collection::vec(-2.0_f64..2.0, 6), other in prop::collection::vec(-1.0_f64..1.0, 6), rho in 0.01_f64..2.0,
        ) {
            proptest::prop_assume!(inner(&g, &g) > 1e-3 && inner(&other, &other) > 1e-3);
            for norm in [Ball::Two, Ball::Infinite] {
                let length = |x: &[f64]| match norm {
                    Ball::Two => inner(x, x).sqrt(),
                    Ball::Infinite => x.iter().fold(0.0, |most: f64, x| most.max(x.abs())),
                };
                let up = ascent(&g, rho, norm);
                prop_assert!((length(&up) - rho).abs() < 1e-12);
                let scale = rho / length(&other);
                prop_assert!(inner(&g, &up) >= scale * inner(&g, &other) - 1e-12);
            }
        }
    }

    #[test]
    fn in_one_part_it_is_the_kernels_sam() {
        let look = |w: &[f64], g: &mut [f64]| {
            g[0] = 4.0 * w[0] + w[1];
            g[1] = w[0] + 2.0 * w[1] * w[1];
        };
        let (mut mine, mut theirs) = ([1.0, -0.7], [1.0, -0.7]);
        let mut sam = Sam { base: Sgd::new(2, 0.05, 0.0), radius: 0.3 };
        for _ in 0..20 {
            sam_step(&mut mine, 0.05, 0.3, Ball::Two, 1, |_, w, g| look(w, g));
            sam.advance(&mut theirs, &mut |w, g| {
                look(w, g);
                0.0
            });
        }
        assert!(mine.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-13), "{mine:?} {theirs:?}");
    }

    // Sharp or flat parabola: SAM's step is that of gradient descent from ρ further out, so it cannot rest within ηaρ/2.
    #[test]
    fn where_curvature_is_high_sam_is_kept_from_the_bottom() {
        let rest = |a: f64| {
            let mut w = [0.3];
            (0..500).for_each(|_| sam_step(&mut w, 0.1, 0.2, Ball::Two, 1, |_, w, g| g[0] = a * w[0]));
            w[0].abs()
        };
        // On ½aw² it jumps to and fro: w = -w', w - ηa(w + ρ) = -w gives w = ηaρ/(2 - ηa).
        for a in [0.5, 2.0, 8.0] {
            assert!(rest(a) <= 0.1 * a * 0.2 / (2.0 - 0.1 * a) + 0.1 * a * 0.2, "{a}: {}", rest(a));
        }
        assert!(rest(8.0) > 5.0 * rest(0.5));
    }

    #[test]
    fn gradients_are_limits_of_differences() {
        let mut rng = Rng::seed_from_u64(6);
        let exhibit = SamFlatMinima::new(&Setting { width: 8, ..Setting::default() }, &mut rng).unwrap();
        let (fixed, sample) = (&exhibit.fixed, &exhibit.fixed.samples[1]);
        let (mut w, mut g) = (sample.theta.clone(), vec![0.0; sample.theta.len()]);
        fixed.gradient(&w, &sample.learnt, &mut g);
        for k in [3, 40, g.len() - 1] {
            let (h, here) = (1e-6, w[k]);
            w[k] = here + h;
            let up = fixed.value(&w, &sample.learnt);
            w[k] = here - h;
            let slope = (up - fixed.value(&w, &sample.learnt)) / (2.0 * h);
            w[k] = here;
            assert!((slope - g[k]).abs() < 1e-6, "{k}: {slope} {}", g[k]);
        }
    }
}
