//! Where a model can fit every example, the noise of a stochastic gradient dies out with the gradient itself. *Strong
//! growth* says how: $\mathbb E\|g(w)\|^2\le\rho\,\|\nabla f(w)\|^2$. Then descent with a fixed step $\eta=1/\rho L$
//! converges, in a number of steps that grows as $\rho L/\mu$. Nesterov's acceleration takes the root of the condition
//! number $L/\mu$, but earlier analyses left $\rho$ outside the root. Mishkin, Pilanci and Schmidt bring it inside: any
//! step that makes enough progress on average can be accelerated, at the rate $1-\sqrt{\mu/\rho L}$. With
//! $\alpha=\sqrt{\eta\mu}$,
//! $$y=\frac{w+\alpha v}{1+\alpha},\qquad w^+=y-\eta\,g(y),\qquad v^+=(1-\alpha)v+\alpha y-\frac\alpha\mu\,d .$$
//!
//! What is $d$? The argument by estimating sequences needs the full gradient there (driver A): only $w$ is noisy. With
//! $d=g$ (driver B) this is Nesterov's momentum with stochastic gradients throughout, the method one would like to run;
//! the proof does not cover it, for the noise then enters multiplied by $\alpha/\mu=\sqrt{\eta/\mu}$. The earlier
//! method is B with $\alpha$ smaller by $\sqrt\rho$.
//!
//! The noise laws here have exactly the constant that $\rho$ says. The second picture counts iterations to the target:
//! slope one half for A, about one for the earlier method.
//!
//! **Try** driver B with $\rho=8$: it diverges. The map shows how much damping, $\alpha/\rho^a$, would save it:
//! $a=\tfrac12$ is the earlier method. At $\rho=1$ all accelerated methods are the same.
//!
//! **Where it stops:** an iteration of A costs a full gradient besides the stochastic one, so its square root is not a
//! saving in gradients; it shows what is provable, and where noise may enter. With *skip* noise, $g=\rho\nabla f$ once
//! in $\rho$ times and zero otherwise, only $k/\rho$ gradients carry information, and no fully stochastic method can
//! need fewer than $\rho$ times as many iterations: a root of $\rho$ is out of reach for B by any tuning.
//!
//! The quadratic has 50 dimensions and a logarithmic spectrum. In least squares (200 examples, 10 dimensions, labels
//! that fit) $\rho$ is computed as an eigenvalue, and the batch size, 1 to 16, moves it. Its $\rho$ exceeds the
//! condition number, so the bounds, and the steps, are small. Runs end after 60 000 iterations.

use crate::plane::{self, Field, Plane, Window};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, LineFit, inner};
use orrery_kernels::math::{log, log_spaced, log10, pow};
use orrery_kernels::random::{direction, normals, with_singular_values};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "stochastic-agd-interpolation",
    title: "Faster Convergence of Stochastic Accelerated Gradient Descent under Interpolation",
    year: 2024,
    lists: &[1],
    claim: "Under interpolation, acceleration needs only √ρ times the iterations, if the momentum is kept free of noise.",
    algorithms: &[
        "accelerated stochastic gradient descent",
        "Nesterov acceleration",
        "estimating sequences",
        "strong growth condition",
        "interpolation",
        "stochastic gradient descent",
    ],
    contenders: &[
        Contender::paper("new", "accelerated SGD"),
        Contender::baseline("earlier", "earlier accelerated SGD"),
        Contender::baseline("sgd", "SGD"),
        Contender::baseline("nesterov", "Nesterov, full gradients"),
    ],
};

/// The noise of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Law {
    /// In a random direction, in proportion to the gradient's length.
    #[choice("isotropic")]
    Isotropic,
    /// On each component, in proportion to it.
    #[choice("sign")]
    Sign,
    /// ρ times the gradient, or nothing.
    #[choice("skip")]
    Skip,
    /// Least squares that fits, one example a step.
    #[choice("single sample")]
    SingleSample,
}

/// Which gradient moves the auxiliary sequence.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Driver {
    /// As in the proof.
    #[choice("A: full gradient in v")]
    Full,
    /// The same noisy one.
    #[choice("B: fully stochastic")]
    Stochastic,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The strong-growth constant of the runs in the first picture.
    #[control(label = "ρ", range = 1.0..=64.0, log, default = 4.0, when = ("law", ["isotropic", "sign", "skip"]))]
    pub rho: f64,
    /// How the gradient is disturbed.
    #[control(label = "noise law", default = Law::Isotropic)]
    pub law: Law,
    /// Which gradient moves the auxiliary sequence v.
    #[control(label = "momentum driver", default = Driver::Full)]
    pub driver: Driver,
    /// L/μ.
    #[control(label = "condition number", range = 10.0..=1e5, log, default = 1000.0)]
    pub condition: f64,
    /// The step, in units of 1/ρL.
    #[control(label = "step multiplier", range = 0.1..=2.0, default = 1.0)]
    pub multiplier: f64,
    /// The new method takes α/ρᵃ. One half, with driver B, is the earlier method.
    #[control(label = "momentum damping a", range = 0.0..=0.5, default = 0.0)]
    pub damping: f64,
    /// The share of f at the start that is to be reached.
    #[control(label = "target accuracy", range = 1e-14..=1e-2, log, default = 1e-8)]
    pub target: f64,
}

/// The most iterations of a run.
const MOST: usize = 60_000;
/// The constants, or the batch sizes, at which iterations are counted.
const SCALES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
/// Iterations in one step of the exhibit.
const WORK: usize = 1500;

/// $f(w)=\tfrac12w^\top Hw$ with $L=1$: the distance to the minimum is the variable.
struct Problem {
    law: Law,
    /// By rows; the quadratic's is diagonal, and only its diagonal is kept.
    hessian: Vec<f64>,
    dimension: usize,
    mu: f64,
    /// Examples of the least squares, by rows, and its constant for batches of one.
    rows: Vec<f64>,
    rho: f64,
}

impl Problem {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let law = setting.law;
        let mu = 1.0 / setting.condition;
        let (n, d) = (200, 10);
        if law != Law::SingleSample {
            let hessian = log_spaced(mu, 1.0, 50);
            return Self { law, hessian, dimension: 50, mu, rows: Vec::new(), rho: setting.rho };
        }
        let values: Vec<f64> = log_spaced(mu, 1.0, d).iter().map(|value| (value * n as f64).sqrt()).collect();
        let a = with_singular_values(n, d, &values, rng);
        let h = a.transpose() * &a / n as f64;
        // E‖g‖² = eᵀMe with M = mean of ‖a‖² a aᵀ, and ‖∇f‖² = eᵀH²e.
        let mut m = DMatrix::zeros(d, d);
        for row in a.row_iter() {
            m += row.transpose() * row * (row.norm_squared() / n as f64);
        }
        let rho = h.clone().try_inverse().map_or(f64::INFINITY, |inverse| {
            let ratio = &inverse * m * &inverse;
            // Symmetric but for rounding.
            ((&ratio + ratio.transpose()) * 0.5).symmetric_eigenvalues().max()
        });
        let rows = a.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<f64>>()).collect();
        Self { law, hessian: h.as_slice().to_vec(), dimension: d, mu, rows, rho }
    }

    /// The strong-growth constant at a place of the sweep: itself, or that of a batch size.
    fn growth(&self, scale: f64) -> f64 {
        if self.law == Law::SingleSample { 1.0 + (self.rho - 1.0) / scale } else { scale }
    }

    /// $\nabla f(w)$; gives $f(w)$.
    fn gradient(&self, w: &[f64], gradient: &mut [f64]) -> f64 {
        if self.law == Law::SingleSample {
            for (g, row) in gradient.iter_mut().zip(self.hessian.chunks_exact(self.dimension)) {
                *g = inner(row, w);
            }
        } else {
            gradient.iter_mut().zip(self.hessian.iter().zip(w)).for_each(|(g, (h, w))| *g = h * w);
        }
        0.5 * inner(gradient, w)
    }

    /// A stochastic gradient where the full one is `full`: $\mathbb Eg=\nabla f$, $\mathbb E\|g\|^2\le\rho\|\nabla f\|^2$, with
    /// equality but for the single samples.
    fn noisy(&self, scale: f64, w: &[f64], full: &[f64], g: &mut [f64], rng: &mut Rng) {
        let spread = (scale - 1.0).max(0.0).sqrt();
        match self.law {
            Law::Isotropic => {
                // g = ∇f + √(ρ-1) ‖∇f‖ z, with z on the unit sphere
                let length = spread * inner(full, full).sqrt();
                let z = direction(full.len(), rng);
                g.iter_mut().zip(full.iter().zip(&z)).for_each(|(g, (f, z))| *g = f + length * z);
            }
            Law::Sign => {
                // g_i = (1 ± √(ρ-1)) ∇_i f
                let bits = rng.random::<u64>();
                for (i, (g, f)) in g.iter_mut().zip(full).enumerate() {
                    let sign = if bits >> (i % 64) & 1 == 1 { 1.0 } else { -1.0 };
                    *g = (1.0 + spread * sign) * f;
                }
            }
            Law::Skip => {
                // g = ρ∇f with probability 1/ρ, else 0
                let kept = if rng.random::<f64>() * scale < 1.0 { scale } else { 0.0 };
                g.iter_mut().zip(full).for_each(|(g, f)| *g = kept * f);
            }
            Law::SingleSample => {
                // g = mean of a (aᵀw) over a batch
                g.fill(0.0);
                let count = (self.rows.len() / self.dimension) as u32;
                for _ in 0..scale as usize {
                    let at = rng.random_range(0..count) as usize * self.dimension;
                    let a = &self.rows[at..at + self.dimension];
                    let along = inner(a, w) / scale;
                    g.iter_mut().zip(a).for_each(|(g, a)| *g += along * a);
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    New,
    Earlier,
    Sgd,
    Nesterov,
}

const METHODS: [Method; 4] = [Method::New, Method::Earlier, Method::Sgd, Method::Nesterov];

impl Method {
    fn id(self) -> &'static str {
        ["new", "earlier", "sgd", "nesterov"][self as usize]
    }
}

/// A method at a place of the sweep.
#[derive(Clone, Copy, Debug)]
struct Plan {
    method: Method,
    scale: f64,
    driver: Driver,
    damping: f64,
}

#[derive(Clone)]
struct Run {
    plan: Plan,
    w: Vec<f64>,
    v: Vec<f64>,
    k: usize,
    /// $f(w)$ over its value at the start.
    share: f64,
    rng: Rng,
}

impl Run {
    fn new(plan: Plan, start: &[f64], rng: &Rng) -> Self {
        Self { plan, w: start.to_vec(), v: start.to_vec(), k: 0, share: 1.0, rng: rng.clone() }
    }

    fn iterate(&mut self, problem: &Problem, multiplier: f64, first: f64, buffer: &mut [Vec<f64>; 3]) {
        let Plan { method, scale, driver, damping } = self.plan;
        let [y, full, g] = buffer;
        for vector in [&mut *y, &mut *full, &mut *g] {
            vector.resize(self.w.len(), 0.0);
        }
        let (mu, growth) = (problem.mu, problem.growth(scale));
        let rho = if method == Method::Nesterov { 1.0 } else { growth };
        // η = 1/(ρL)
        let eta = multiplier / rho;
        let alpha = match method {
            Method::Sgd => 0.0,
            // α = √(ημ), damped
            Method::New => (eta * mu).sqrt() / pow(rho, damping),
            // α = √(ημ/ρ), which is √(μ/L)/ρ
            Method::Earlier => (eta * mu / rho).sqrt(),
            Method::Nesterov => (eta * mu).sqrt(),
        };
        // y = (w + αv)/(1 + α)
        for (y, (w, v)) in y.iter_mut().zip(self.w.iter().zip(&self.v)) {
            *y = (w + alpha * v) / (1.0 + alpha);
        }
        problem.gradient(y, full);
        if method == Method::Nesterov {
            g.copy_from_slice(full);
        } else {
            problem.noisy(scale, y, full, g, &mut self.rng);
        }
        // w ← y - ηg
        self.w.iter_mut().zip(y.iter().zip(&*g)).for_each(|(w, (y, g))| *w = y - eta * g);
        if method != Method::Sgd {
            let clean = method == Method::New && driver == Driver::Full;
            let d = if clean { &*full } else { &*g };
            // v ← (1-α)v + αy - (α/μ)d
            for (v, (y, d)) in self.v.iter_mut().zip(y.iter().zip(d)) {
                *v = (1.0 - alpha) * *v + alpha * y - alpha / mu * d;
            }
        }
        self.k += 1;
        self.share = problem.gradient(&self.w, full) / first;
    }

    fn has_diverged(&self) -> bool {
        self.share.is_nan() || self.share >= 1e9
    }

    fn is_over(&self, target: f64) -> bool {
        self.share <= target || self.has_diverged() || self.k >= MOST
    }
}

/// The map: constants across, dampings up.
const COLUMNS: usize = 13;
const ROWS: usize = 11;
/// Iterations of a cell.
const CELL: usize = 1000;
/// Iterations in the plane.
const PLANE: usize = 100;

struct Fixed {
    setting: Setting,
    problem: Problem,
    start: Vec<f64>,
    first: f64,
    seed: Rng,
    records: Vec<usize>,
    /// Runs of which only the count matters, then the cells of the map.
    plans: Vec<Plan>,
    counted: usize,
    plane: InThePlane,
}

/// The exhibit.
#[derive(Clone)]
pub struct StochasticAgd {
    fixed: Rc<Fixed>,
    step: usize,
    runs: Vec<Run>,
    curves: Vec<Series>,
    job: Option<Run>,
    counts: Vec<Option<usize>>,
    cells: Vec<f64>,
    buffer: [Vec<f64>; 3],
}

impl Fixed {
    fn scale(&self) -> f64 {
        if self.setting.law == Law::SingleSample { 1.0 } else { self.setting.rho }
    }
}

/// The bowl, the path of each method in it, and where single noisy steps from the start lead.
struct InThePlane {
    field: Field,
    paths: [Vec<[f64; 2]>; METHODS.len()],
    cloud: Vec<[f64; 2]>,
}

/// The methods in the plane, with the same law (isotropic in place of single samples).
fn in_the_plane(setting: &Setting, seed: &Rng) -> InThePlane {
    let mu = 0.04;
    let law = if setting.law == Law::SingleSample { Law::Isotropic } else { setting.law };
    let problem = Problem { law, hessian: vec![mu, 1.0], dimension: 2, mu, rows: Vec::new(), rho: setting.rho };
    let bowl = Plane::bowl([mu, 1.0], 0.0, [0.0, 0.0]);
    let start = [-2.4, 1.2];
    let mut buffer = [Vec::new(), Vec::new(), Vec::new()];
    let paths = METHODS.map(|method| {
        let plan = Plan { method, scale: setting.rho, driver: setting.driver, damping: setting.damping };
        let mut run = Run::new(plan, &start, seed);
        let mut path = vec![start];
        for _ in 0..PLANE {
            run.iterate(&problem, setting.multiplier, 1.0, &mut buffer);
            if run.w.iter().any(|w| w.is_nan() || w.abs() > 30.0) {
                break;
            }
            path.push([run.w[0], run.w[1]]);
        }
        path
    });
    let (mut rng, mut g) = (seed.clone(), [0.0; 2]);
    let full = [mu * start[0], start[1]];
    let eta = setting.multiplier / setting.rho;
    let cloud = (0..150).map(|_| {
        problem.noisy(setting.rho, &start, &full, &mut g, &mut rng);
        [start[0] - eta * g[0], start[1] - eta * g[1]]
    });
    let field = Field::new(Window { x: [-3.0, 3.0], y: [-2.0, 2.0] }, |x| bowl.value(&x));
    InThePlane { field, paths, cloud: cloud.collect() }
}

impl StochasticAgd {
    fn work(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Setting { multiplier, target, .. } = fixed.setting;
        let mut budget = WORK;
        while budget > 0 {
            let done = self.counts.len() + self.cells.len();
            let Some(plan) = fixed.plans.get(done) else { return };
            let cell = done >= fixed.counted;
            let mut run = self.job.take().unwrap_or_else(|| Run::new(*plan, &fixed.start, &fixed.seed));
            let is_over = |run: &Run| run.is_over(target) || cell && run.k >= CELL;
            while budget > 0 && !is_over(&run) {
                run.iterate(&fixed.problem, multiplier, fixed.first, &mut self.buffer);
                budget -= 1;
            }
            if !is_over(&run) {
                self.job = Some(run);
            } else if cell {
                let share = if run.has_diverged() { 1e9 } else { run.share.max(1e-9) };
                self.cells.push(log10(share).clamp(-8.0, 8.0));
            } else {
                self.counts.push((run.share <= target).then_some(run.k));
            }
        }
    }

    fn is_over(&self) -> bool {
        let main = self.runs.iter().all(|run| run.is_over(self.fixed.setting.target));
        main && self.counts.len() + self.cells.len() == self.fixed.plans.len()
    }

    /// Iterations of a method at each place of the sweep that is done: constant and count.
    fn counted(&self, method: Method) -> Vec<(f64, Option<usize>)> {
        let plans = self.fixed.plans.iter().zip(&self.counts).filter(|(plan, _)| plan.method == method);
        plans.map(|(plan, count)| (self.fixed.problem.growth(plan.scale), *count)).collect()
    }

    fn reached(&self, method: Method) -> Vec<[f64; 2]> {
        let counted = self.counted(method).into_iter();
        counted.filter_map(|(rho, count)| Some([rho, count? as f64])).collect()
    }

    /// The exponent of ρ in the count, if every run reached the target.
    fn slope(&self, method: Method) -> Option<f64> {
        let points = self.reached(method);
        let logs: Vec<[f64; 2]> = points.iter().map(|[x, y]| [log(*x), log(*y)]).collect();
        (points.len() == SCALES.len()).then(|| LineFit::through(logs)).flatten().map(|fit| fit.slope)
    }
}

impl Exhibit for StochasticAgd {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let problem = Problem::new(setting, rng);
        if !problem.rho.is_finite() {
            return Err(Error::of("condition", "the examples are dependent to working precision; take a smaller one"));
        }
        let start = normals(problem.dimension, rng);
        let first = problem.gradient(&start, &mut vec![0.0; problem.dimension]);
        let seed = rng.clone();
        let Setting { driver, damping, .. } = *setting;
        let plan = |method, scale| Plan { method, scale, driver, damping };
        let mut plans = Vec::new();
        for scale in SCALES {
            plans.extend([Method::New, Method::Earlier, Method::Sgd].map(|method| plan(method, scale)));
        }
        plans.push(plan(Method::Nesterov, 1.0));
        let counted = plans.len();
        for row in 0..ROWS {
            // At the middle of each cell.
            let damping = 0.5 * (row as f64 + 0.5) / ROWS as f64;
            let scales = (0..COLUMNS).map(|column| {
                let scale = pow(64.0, (column as f64 + 0.5) / COLUMNS as f64);
                // A batch has a whole number of examples.
                if setting.law == Law::SingleSample { scale.round() } else { scale }
            });
            plans.extend(scales.map(|scale| Plan { method: Method::New, scale, driver: Driver::Stochastic, damping }));
        }
        let mut records = vec![0];
        for wanted in log_spaced(1.0, MOST as f64, 200) {
            let wanted = wanted.round() as usize;
            let mut last = records.last().copied().unwrap_or(0);
            while wanted > last {
                last = wanted.min(last + WORK / 4);
                records.push(last);
            }
        }
        let plane = in_the_plane(setting, &seed);
        let fixed = Fixed { setting: setting.clone(), problem, start, first, seed, records, plans, counted, plane };
        let scale = fixed.scale();
        let runs: Vec<Run> =
            METHODS.map(|method| Run::new(plan(method, scale), &fixed.start, &fixed.seed)).into_iter().collect();
        Ok(Self {
            fixed: Rc::new(fixed),
            step: 0,
            runs,
            curves: vec![Series::new(); METHODS.len()],
            job: None,
            counts: Vec::new(),
            cells: Vec::new(),
            buffer: [Vec::new(), Vec::new(), Vec::new()],
        })
    }

    fn length(&self) -> usize {
        let cells = self.fixed.plans.len() - self.fixed.counted;
        (self.fixed.records.len() - 1).max((self.fixed.counted * MOST + cells * CELL).div_ceil(WORK))
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let Setting { multiplier, target, .. } = fixed.setting;
        self.step += 1;
        if let Some(&end) = fixed.records.get(self.step) {
            for (run, curve) in self.runs.iter_mut().zip(&mut self.curves) {
                if run.is_over(target) {
                    continue;
                }
                while run.k < end && !run.is_over(target) {
                    run.iterate(&fixed.problem, multiplier, fixed.first, &mut self.buffer);
                }
                curve.push(run.k as f64, run.share.clamp(1e-16, 1e9));
            }
        }
        self.work();
        if self.is_over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let Setting { driver, target, law, .. } = fixed.setting;
        let xs = |points: &[[f64; 2]]| points.iter().map(|p| p[0]).collect::<Vec<f64>>();
        let ys = |points: &[[f64; 2]]| points.iter().map(|p| p[1]).collect::<Vec<f64>>();
        let single = law == Law::SingleSample;

        let name = match driver {
            Driver::Full => "full gradients in v",
            Driver::Stochastic => "stochastic gradients throughout",
        };
        let mut counts = figures.figure(
            "counts",
            "Iterations, by the strength of the noise",
            format!(
                "To the target accuracy; accelerated SGD has {name}. Dashed: slopes ½ and 1. A run that did not get there \
                 has no dot."
            ),
        );
        let ends = if single { [fixed.problem.growth(16.0), fixed.problem.growth(1.0)] } else { [1.0, 16.0] };
        counts.x(Axis::log("strong-growth constant ρ").domain(ends[0] / 1.1, ends[1] * 1.1));
        counts.y(Axis::log("iterations to the target"));
        let new = self.reached(Method::New);
        let anchor = new.iter().copied().min_by(|a, b| a[0].total_cmp(&b[0]));
        if let Some([x, y]) = anchor {
            for power in [0.5, 1.0] {
                counts.line([x, ends[1]], [y, y * pow(ends[1] / x, power)]).ink(Ink::Muted).dashed();
            }
        }
        if let Some([_, y]) = self.reached(Method::Nesterov).first() {
            counts.line(ends, [*y, *y]).of("nesterov");
        }
        for method in [Method::Sgd, Method::Earlier, Method::New] {
            let points = self.reached(method);
            counts.line(xs(&points), ys(&points)).of(method.id());
            counts.dot(xs(&points), ys(&points)).of(method.id());
        }

        let rho = fixed.problem.growth(fixed.scale());
        let rho = if rho < 100.0 { format!("{rho:.2}") } else { format!("{rho:.0}") };
        // 4 rather than 4.00, and 640 as it is.
        let rho = if rho.contains('.') { rho.trim_end_matches('0').trim_end_matches('.') } else { rho.as_str() };
        let caption =
            format!("At ρ = {rho}. Noise and gradient die out together, so a fixed step converges to the end.");
        let mut loss = figures.figure("loss", "The loss", caption);
        loss.x(Axis::log("iteration k").domain(1.0, MOST as f64)).y(Axis::log("f(w) / f(start)"));
        loss.rule_y([target]).ink(Ink::Muted).dashed();
        for (method, curve) in METHODS.iter().zip(&self.curves).rev() {
            loss.line(curve.xs(), curve.ys()).of(method.id());
        }

        let mut values = self.cells.clone();
        values.resize(COLUMNS * ROWS, 0.0);
        let caption = format!(
            "log₁₀ of the loss, over its start, after {CELL} iterations of driver B: above zero it has grown. More damping \
             saves it, at the price of speed."
        );
        let mut map = figures.figure("map", "How much damping saves the stochastic driver", caption);
        let across = if single { "batch size" } else { "strong-growth constant ρ" };
        map.x(Axis::log(across).domain(1.0, 64.0)).y(Axis::linear("momentum damping a").domain(0.0, 0.5));
        let grid = Grid { values: &values, columns: COLUMNS, x: [1.0, 64.0], y: [0.0, 0.5] };
        map.raster(grid, Colors::diverging("log₁₀ f/f(start)").domain(-8.0, 8.0));

        let shown = self.runs.iter().map(|run| run.k).max().unwrap_or(0).min(PLANE);
        let caption = "The same methods in two dimensions. Grey dots: where one noisy step from the start may land.";
        let mut plane = fixed.plane.field.figure(figures, "plane", "In the plane", caption, ["w₁", "w₂", "f"]);
        plane.dot(xs(&fixed.plane.cloud), ys(&fixed.plane.cloud)).ink(Ink::Muted).radius(1.5).label("noisy steps");
        for (method, path) in METHODS.iter().zip(&fixed.plane.paths).rev() {
            let path = &path[..path.len().min(shown + 1)];
            plane.line(xs(path), ys(path)).of(method.id());
        }
        plane::minima(&mut plane, &[[0.0, 0.0]], "minimum");
    }

    fn claim(&self) -> Claim {
        let open = !self.is_over();
        let all = |method| self.reached(method).len() == SCALES.len();
        // What did not reach the target has no exponent: a failure, in words.
        let exponent = |method: Method, text: &'static str, missing: &'static str| {
            let slope = self.slope(method);
            let failed = !open && !all(method);
            (if failed { missing } else { text }, if failed { Some(f64::NEG_INFINITY) } else { slope })
        };
        let (text, value) = exponent(
            Method::New,
            "Accelerated SGD's iterations grow as ρ to the power {value} ({low} to {high}).",
            "Accelerated SGD does not reach the target at every ρ: there is no exponent between {low} and {high}.",
        );
        let new = Clause::within(text, value, 0.4, 0.6);
        let (text, value) = exponent(
            Method::Earlier,
            "The earlier method's grow as ρ to the power {value}, at least {low}.",
            "The earlier method does not reach the target at every ρ.",
        );
        let earlier = Clause::at_least(text, value, 0.85);
        // A run that stopped short of the target needs more than it took.
        let pairs = self.counted(Method::New).into_iter().zip(self.counted(Method::Sgd));
        let ratio = |(new, sgd): ((f64, Option<usize>), (f64, Option<usize>))| {
            new.1.map(|new| new as f64 / sgd.1.unwrap_or(MOST) as f64)
        };
        let worst = pairs.map(ratio).try_fold(0.0, |worst: f64, ratio| Some(worst.max(ratio?)));
        let worst = worst.filter(|_| self.counts.len() >= 3);
        let faster = match worst {
            None if !open => Clause::at_most(
                "At some ρ accelerated SGD has no count to compare with SGD's.",
                Some(f64::INFINITY),
                1.0,
            ),
            worst => Clause::at_most(
                "It takes at most {value} of SGD's iterations at every ρ; the bound is {high}.",
                worst,
                1.0,
            ),
        };
        Claim::new([new, earlier, faster].into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Noise in w only",
                "With full gradients in the momentum the iterations grow as the root of ρ; the earlier method's grow as ρ.",
                default.clone(),
            ),
            Scenario::holds(
                "sign",
                "Multiplicative noise",
                "Each component is disturbed in proportion to itself: the same laws.",
                Setting { law: Law::Sign, ..default.clone() },
            ),
            Scenario::fails(
                "stochastic",
                "Noise in the momentum",
                "Driver B, the method one would like to run: fine for little noise, divergent from ρ = 8 or so.",
                Setting { driver: Driver::Stochastic, rho: 8.0, ..default.clone() },
            ),
            Scenario::fails(
                "skip",
                "Skipped gradients",
                "Only one gradient in ρ carries information: no fully stochastic method can need fewer than ρ times as many \
                 iterations.",
                Setting { law: Law::Skip, driver: Driver::Stochastic, ..default.clone() },
            ),
            Scenario::fails(
                "single-sample",
                "One example a step",
                "Least squares that fits, condition 10: driver B on single examples and small batches.",
                Setting { law: Law::SingleSample, driver: Driver::Stochastic, condition: 10.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn laws() -> impl Iterator<Item = Law> {
        Law::OPTIONS.iter().map(|option| option.0)
    }

    #[test]
    fn every_law_is_unbiased_and_has_its_growth_constant() {
        for law in laws() {
            let setting = Setting { law, condition: 10.0, ..Setting::default() };
            let mut rng = Rng::seed_from_u64(7);
            let problem = Problem::new(&setting, &mut rng);
            let w = normals(problem.dimension, &mut rng);
            let (mut full, mut g) = (w.clone(), w.clone());
            problem.gradient(&w, &mut full);
            let (mut mean, mut square) = (vec![0.0; w.len()], 0.0);
            let (count, scale) = (40_000, 4.0);
            for _ in 0..count {
                problem.noisy(scale, &w, &full, &mut g, &mut rng);
                mean.iter_mut().zip(&g).for_each(|(mean, g)| *mean += g / f64::from(count));
                square += inner(&g, &g) / f64::from(count);
            }
            let ratio = square / inner(&full, &full);
            let off: f64 = mean.iter().zip(&full).map(|(m, f)| (m - f) * (m - f)).sum();
            // The mean of n draws is off by about the deviation over √n.
            assert!(off < 9.0 * square / f64::from(count), "{law:?}: {off}");
            let rho = problem.growth(scale);
            if law == Law::SingleSample {
                assert!(ratio <= rho * 1.02 && ratio > 1.0, "{ratio} {rho}");
            } else {
                assert!((ratio / rho - 1.0).abs() < 0.05, "{law:?}: {ratio} {rho}");
            }
        }
    }

    #[test]
    fn without_noise_all_accelerated_methods_are_nesterovs() {
        let setting = Setting { rho: 1.0, ..Setting::default() };
        let mut rng = Rng::seed_from_u64(1);
        let problem = Problem::new(&setting, &mut rng);
        let start = normals(problem.dimension, &mut rng);
        let first = problem.gradient(&start, &mut start.clone());
        let mut buffer = [Vec::new(), Vec::new(), Vec::new()];
        let ends: Vec<f64> = [Method::New, Method::Earlier, Method::Nesterov]
            .map(|method| {
                let plan = Plan { method, scale: 1.0, driver: Driver::Stochastic, damping: 0.0 };
                let mut run = Run::new(plan, &start, &rng);
                (0..300).for_each(|_| run.iterate(&problem, 1.0, first, &mut buffer));
                run.share
            })
            .into();
        assert!(ends.iter().all(|end| (end / ends[0] - 1.0).abs() < 1e-9), "{ends:?}");
        // Nesterov's bound: f(w_k) - f* ≤ (1 - √(μ/L))^k (f(w_0) - f* + μ/2 |w_0|²), at most twice f(w_0).
        assert!(ends[0] <= 2.0 * pow(1.0 - (problem.mu).sqrt(), 300.0));
    }

    proptest! {
        #[test]
        fn driver_b_is_nesterovs_momentum(seed in 0_u64..50, scale in 1.0_f64..3.0) {
            // y⁺ = w⁺ + (1-α)/(1+α) (w⁺ - w), with the same draws.
            let mut rng = Rng::seed_from_u64(seed);
            let problem = Problem::new(&Setting::default(), &mut rng);
            let start = normals(problem.dimension, &mut rng);
            let mut buffer = [Vec::new(), Vec::new(), Vec::new()];
            let plan = Plan { method: Method::New, scale, driver: Driver::Stochastic, damping: 0.0 };
            let mut run = Run::new(plan, &start, &rng);
            let (eta, mut draws) = (1.0 / scale, rng.clone());
            let alpha = (eta * problem.mu).sqrt();
            let (mut w, mut y) = (start.clone(), start.clone());
            let (mut full, mut g) = (start.clone(), start.clone());
            for _ in 0..40 {
                run.iterate(&problem, 1.0, 1.0, &mut buffer);
                problem.gradient(&y, &mut full);
                problem.noisy(scale, &y, &full, &mut g, &mut draws);
                for (w, (y, g)) in w.iter_mut().zip(y.iter_mut().zip(&g)) {
                    let next = *y - eta * g;
                    *y = next + (1.0 - alpha) / (1.0 + alpha) * (next - *w);
                    *w = next;
                }
            }
            let size = w.iter().fold(1.0, |size: f64, w| size.max(w.abs()));
            prop_assert!(run.w.iter().zip(&w).all(|(a, b)| (a - b).abs() < 1e-8 * size));
        }
    }
}
