//! Theory likes to return the *average* of all iterates of stochastic gradient descent; practice returns the last one.
//! With the usual steps $\eta/\sqrt t$ or $\eta/\sqrt T$ the last iterate is truly worse, by a factor $\log T$: Harvey,
//! Liaw, Plan and Randhawa built a function for which it happens,
//! $$f(x)=\max_{i\le T+1}\langle h_i,x\rangle,\qquad h_{ij}=\frac1{8(T-j+1)}\ (j<i),\qquad h_{ii}=-\frac{\sqrt i}{2\sqrt T}.$$
//! Its oracle answers with the first piece that attains the maximum, and every answer drags one more coordinate away
//! from the minimum at zero. Liu and Zhou prove in one argument, for any domain, mirror map and composite term, and
//! without bounded noise, that the last iterate has the best rate $1/\sqrt T$ if the steps fall linearly to zero,
//! $$\eta_t=\eta\,\frac{T-t+1}{T^{3/2}},$$
//! in expectation and, with a factor $\log(1/\delta)$, with probability $1-\delta$.
//!
//! The first picture is the experiment: $\sqrt T$ times the last gap. It is flat where the rate is $1/\sqrt T$ and
//! climbs as $\log T$ where it is not. The third shows how: the coordinates of the last iterate.
//!
//! **Try** the regression with noise: the histogram shows 500 runs. Under Gaussian noise the quantile stays below
//! $1+\tfrac12\log(1/\delta)$ times the mean, which at $\delta=0.05$ is 2.5, and the last iterate is about as good as
//! the average. Change the mirror map on the simplex. Stop a run early: linear decay has then not come to rest, and its
//! last iterate loses to the average of the same run.
//!
//! **Where it stops:** the horizon $T$ must be known. On the worst case the run *starts* at the minimum, so the average
//! stays better than any last iterate by a constant factor; only the $\log T$ goes away. Student's noise with 1.5
//! degrees of freedom has no variance; steps $T^{-1/2}$ are then too long (the paper takes $T^{-1/p}$), and the far
//! quantiles run away from the mean. With little noise the mean itself falls far below $1/\sqrt T$, as the regression's
//! minimum is sharp: then no multiple of the mean bounds the quantile, though the theorem's own bound holds.
//!
//! All minima are known: residuals in pairs for the regression, a skew-symmetric game for the simplex. For the lasso,
//! whose loss is smooth, no step is longer than $1/2L$, and the minimum comes from coordinate descent.

use orrery_core::prelude::*;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::{exp, log, pow};
use orrery_kernels::random::{direction, normals, student_t};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "last-iterate-sgd",
    title: "Revisiting the Last-Iterate Convergence of Stochastic Gradient Methods",
    year: 2023,
    lists: &[3, 4],
    claim: "If the steps fall linearly to zero, the last iterate of SGD needs no averaging and pays no log T.",
    algorithms: &[
        "stochastic gradient descent",
        "last iterate",
        "linear learning-rate decay",
        "composite mirror descent",
        "exponentiated gradient",
        "p-norm algorithm",
        "iterate averaging",
        "heavy-tailed noise",
    ],
    contenders: &[
        Contender::paper("linear", "last, linear decay"),
        Contender::baseline("root", "last, η/√t"),
        Contender::baseline("constant", "last, η/√T"),
        Contender::baseline("average", "average"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// A maximum of T + 1 linear functions in T dimensions.
    #[choice("worst case")]
    Worst,
    /// Mean absolute residual, 20 dimensions.
    #[choice("ℓ₁ regression")]
    L1,
    /// A symmetric game's loss on the simplex of 50 strategies.
    #[choice("game on the simplex")]
    Simplex,
    /// Least squares with an ℓ₁ penalty, 20 dimensions.
    #[choice("lasso")]
    Lasso,
}

/// How the steps fall.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Schedule {
    /// The paper's.
    #[choice("linear decay")]
    Linear,
    /// Good at any time.
    #[choice("η/√t")]
    Root,
    /// The same all along.
    #[choice("η/√T")]
    Constant,
}

/// The law of the noise on each component of each gradient.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Law {
    /// Exact gradients.
    #[choice("none")]
    None,
    /// Light tails.
    #[choice("Gaussian")]
    Gaussian,
    /// No variance.
    #[choice("Student-t, 1.5")]
    Student15,
    /// A variance, but no fourth moment.
    #[choice("Student-t, 3")]
    Student3,
}

/// The geometry of a step.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Mirror {
    /// ψ = ½‖x‖².
    #[choice("Euclidean")]
    Euclidean,
    /// ψ = Σ x log x, on the simplex.
    #[choice("entropy")]
    Entropy,
    /// ψ = ½‖x‖ₚ² with p near 1.
    #[choice("p-norm")]
    PNorm,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The function.
    #[control(label = "problem", default = Problem::Worst)]
    pub problem: Problem,
    /// Whose average, and whose repeated runs under noise, are shown. All three run.
    #[control(label = "schedule", default = Schedule::Linear)]
    pub schedule: Schedule,
    /// The horizon: the steps that the schedules are made for. The first picture runs from T/16 to T.
    #[control(label = "horizon T", range = 32..=4096, log, default = 1024)]
    pub horizon: usize,
    /// The factor in all steps.
    #[control(label = "step η", range = 0.05..=5.0, log, default = 1.0)]
    pub eta: f64,
    /// The law of the gradients' noise.
    #[control(label = "noise", default = Law::None)]
    pub law: Law,
    /// The scale of the noise on each component.
    #[control(label = "noise level σ", range = 0.0..=3.0, default = 1.0, when = ("law", ["gaussian", "student15", "student3"]))]
    pub noise: f64,
    /// The probability δ with which a run may do worse than the quantile.
    #[control(label = "failure probability δ", range = 0.001..=0.5, log, default = 0.05, when = ("law", ["gaussian", "student15", "student3"]))]
    pub delta: f64,
    /// The geometry of a step. The entropy needs the simplex; the p-norm needs a problem without constraint.
    #[control(label = "mirror map", default = Mirror::Euclidean)]
    pub mirror: Mirror,
    /// The share of the horizon after which every run is stopped.
    #[control(label = "stop at this share of T", range = 0.1..=1.0, default = 1.0)]
    pub stop: f64,
}

const SCHEDULES: [Schedule; 3] = [Schedule::Linear, Schedule::Root, Schedule::Constant];

impl Schedule {
    /// $\eta_t/\eta$, for $t$ from 1.
    fn at(self, t: usize, horizon: usize) -> f64 {
        let [t, horizon] = [t as f64, horizon as f64];
        match self {
            Self::Root => 1.0 / t.sqrt(),
            Self::Constant => 1.0 / horizon.sqrt(),
            Self::Linear => (horizon - t + 1.0) / (horizon * horizon.sqrt()),
        }
    }
}

/// Dimensions and pairs of rows of the regressions.
const D: usize = 20;
const ROWS: usize = 20;
/// The weight of the lasso's penalty.
const PENALTY: f64 = 0.05;

/// A function with a known minimum, 0, and its subgradients.
enum Task {
    Worst {
        horizon: usize,
    },
    /// Rows $a_i$ twice, with residuals $\pm r_i$ at the minimum.
    L1 {
        rows: Vec<f64>,
        best: Vec<f64>,
        residuals: Vec<f64>,
    },
    /// $\max_i(Mx)_i$ with $M^\top=-M$.
    Game {
        matrix: Vec<f64>,
        n: usize,
    },
    Lasso {
        rows: Vec<f64>,
        targets: Vec<f64>,
        least: f64,
        smoothness: f64,
    },
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn soft(x: f64, threshold: f64) -> f64 {
    sign(x) * (x.abs() - threshold).max(0.0)
}

impl Task {
    fn new(problem: Problem, horizon: usize, rng: &mut Rng) -> Self {
        let unit_rows = |rng: &mut Rng| (0..ROWS).flat_map(|_| direction(D, rng)).collect::<Vec<f64>>();
        match problem {
            Problem::Worst => Self::Worst { horizon },
            Problem::L1 => {
                let rows = unit_rows(rng);
                let best = direction(D, rng).into_iter().map(|x| 2.0 * x).collect();
                Self::L1 { rows, best, residuals: normals(ROWS, rng).iter().map(|r| 0.5 * r.abs()).collect() }
            }
            Problem::Simplex => {
                let n = 50;
                let mut matrix = vec![0.0; n * n];
                for i in 0..n {
                    for j in 0..i {
                        let entry = rng.random_range(-1.0..1.0);
                        (matrix[i * n + j], matrix[j * n + i]) = (entry, -entry);
                    }
                }
                Self::Game { matrix, n }
            }
            Problem::Lasso => {
                let rows = unit_rows(rng);
                let truth: Vec<f64> = (0..D).map(|j| if j < 4 { 1.0 } else { 0.0 }).collect();
                let noise = normals(ROWS, rng);
                let targets = rows.chunks_exact(D).zip(noise).map(|(a, z)| inner(a, &truth) + 0.1 * z).collect();
                // The rows have length one: the mean of a aᵀ has no eigenvalue above its trace, 1.
                let mut task = Self::Lasso { rows, targets, least: 0.0, smoothness: 1.0 };
                let found = task.coordinate_descent();
                let value = task.gap(&found);
                if let Self::Lasso { least, .. } = &mut task {
                    *least = value;
                }
                task
            }
        }
    }

    fn coordinate_descent(&self) -> Vec<f64> {
        let mut x = vec![0.0; D];
        if let Self::Lasso { rows, targets, .. } = self {
            let mut residuals = targets.clone();
            for _ in 0..3000 {
                for (j, x) in x.iter_mut().enumerate() {
                    let column = || rows.iter().skip(j).step_by(D);
                    let square: f64 = column().map(|a| a * a).sum();
                    let along: f64 = column().zip(&residuals).map(|(a, r)| a * r).sum();
                    // argmin over x_j of |residual|²/2n + λ|x_j|
                    let next = soft(along + square * *x, PENALTY * ROWS as f64) / square;
                    residuals.iter_mut().zip(column()).for_each(|(r, a)| *r -= a * (next - *x));
                    *x = next;
                }
            }
        }
        x
    }

    fn start(&self) -> Vec<f64> {
        match self {
            Self::Worst { horizon } => vec![0.0; *horizon],
            Self::L1 { .. } | Self::Lasso { .. } => vec![0.0; D],
            Self::Game { n, .. } => vec![1.0 / *n as f64; *n],
        }
    }

    /// About how many operations an evaluation takes.
    fn cost(&self) -> usize {
        match self {
            Self::Worst { horizon } => 6 * horizon + 200,
            Self::L1 { .. } | Self::Lasso { .. } => 2 * D * ROWS,
            Self::Game { n, .. } => n * n,
        }
    }

    /// $f(x)-\min f$, and a subgradient of $f$ (of its smooth part, for the lasso) in `g`.
    fn evaluate(&self, x: &[f64], g: &mut [f64]) -> f64 {
        match self {
            Self::Worst { horizon } => {
                let size = *horizon as f64;
                let slope = |j: usize| 1.0 / (8.0 * (size - j as f64));
                let fall = |j: usize| (j as f64 + 1.0).sqrt() / (2.0 * size.sqrt());
                // ⟨h_i, x⟩ is a running sum up to i, less one term; the first of the greatest is the oracle's answer.
                let (mut sum, mut greatest, mut first) = (0.0, f64::NEG_INFINITY, 0);
                for (j, x) in x.iter().enumerate() {
                    let value = sum - fall(j) * x;
                    if value > greatest {
                        (greatest, first) = (value, j);
                    }
                    sum += slope(j) * x;
                }
                if sum > greatest {
                    (greatest, first) = (sum, *horizon);
                }
                for (j, g) in g.iter_mut().enumerate() {
                    *g = if j < first {
                        slope(j)
                    } else if j == first {
                        -fall(j)
                    } else {
                        0.0
                    };
                }
                greatest
            }
            Self::L1 { rows, best, residuals } => {
                g.fill(0.0);
                let mut value = 0.0;
                for (a, r) in rows.chunks_exact(D).zip(residuals) {
                    let u: f64 = a.iter().zip(x.iter().zip(best)).map(|(a, (x, b))| a * (x - b)).sum();
                    // The mean of |u - r| and |u + r|, less r.
                    value += (0.5 * ((u - r).abs() + (u + r).abs()) - r) / ROWS as f64;
                    let slope = 0.5 * (sign(u - r) + sign(u + r)) / ROWS as f64;
                    g.iter_mut().zip(a).for_each(|(g, a)| *g += slope * a);
                }
                value
            }
            Self::Game { matrix, n } => {
                let mut greatest = f64::NEG_INFINITY;
                for row in matrix.chunks_exact(*n) {
                    let value = inner(row, x);
                    if value > greatest {
                        greatest = value;
                        g.copy_from_slice(row);
                    }
                }
                greatest
            }
            Self::Lasso { rows, targets, least, .. } => {
                g.fill(0.0);
                let mut value = 0.0;
                for (a, target) in rows.chunks_exact(D).zip(targets) {
                    let u = inner(a, x) - target;
                    value += 0.5 * u * u / ROWS as f64;
                    g.iter_mut().zip(a).for_each(|(g, a)| *g += u / ROWS as f64 * a);
                }
                value + PENALTY * x.iter().map(|x| x.abs()).sum::<f64>() - least
            }
        }
    }

    fn gap(&self, x: &[f64]) -> f64 {
        self.evaluate(x, &mut vec![0.0; x.len()]).max(0.0)
    }

    /// $x\leftarrow\arg\min_y\{h(y)+\langle g,y\rangle+D_\psi(y,x)/\eta\}$
    fn mirror_step(&self, mirror: Mirror, x: &mut [f64], g: &[f64], eta: f64) {
        let threshold = if matches!(self, Self::Lasso { .. }) { eta * PENALTY } else { 0.0 };
        match mirror {
            Mirror::Euclidean => {
                // y = prox(x - ηg)
                x.iter_mut().zip(g).for_each(|(x, g)| *x = soft(*x - eta * g, threshold));
                if matches!(self, Self::Game { .. }) {
                    onto_simplex(x);
                }
            }
            Mirror::Entropy => {
                // y ∝ x e^{-ηg}, shifted so that the greatest factor is 1.
                let least = g.iter().copied().fold(f64::INFINITY, f64::min);
                x.iter_mut().zip(g).for_each(|(x, g)| *x *= exp(-eta * (g - least)));
                let sum: f64 = x.iter().sum();
                x.iter_mut().for_each(|x| *x = (*x / sum).max(1e-300));
            }
            Mirror::PNorm => {
                // ∇ψ(y) = ∇ψ(x) - ηg; the penalty shortens it, as the signs of y and ∇ψ(y) agree.
                let p = 1.0 + 1.0 / log(x.len() as f64).max(1.0);
                norm_gradient(x, p);
                x.iter_mut().zip(g).for_each(|(x, g)| *x = soft(*x - eta * g, threshold));
                norm_gradient(x, p / (p - 1.0));
            }
        }
    }
}

/// Turns `x` into the gradient of $\tfrac12\|x\|_p^2$; with the conjugate exponent, that undoes it.
fn norm_gradient(x: &mut [f64], p: f64) {
    let greatest = x.iter().fold(0.0, |greatest: f64, x| greatest.max(x.abs()));
    if greatest > 0.0 {
        let norm = pow(x.iter().map(|x| pow(x.abs() / greatest, p)).sum(), 1.0 / p);
        // sign(x) |x|^{p-1} ‖x‖^{2-p}
        x.iter_mut().for_each(|x| *x = sign(*x) * pow(x.abs() / greatest / norm, p - 1.0) * greatest * norm);
    }
}

/// The nearest point of the simplex.
pub(crate) fn onto_simplex(x: &mut [f64]) {
    let mut sorted = x.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (k, value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (k as f64 + 1.0);
        if *value > candidate {
            shift = candidate;
        }
    }
    x.iter_mut().for_each(|x| *x = (*x - shift).max(0.0));
}

fn draw(law: Law, rng: &mut Rng) -> f64 {
    match law {
        Law::None => 0.0,
        Law::Gaussian => rng.sample(StandardNormal),
        Law::Student15 => student_t(1.5, rng),
        Law::Student3 => student_t(3.0, rng),
    }
}

/// One run of one schedule.
#[derive(Clone)]
struct Run {
    /// Which of the horizons, and of the schedules.
    size: usize,
    schedule: Schedule,
    repetition: usize,
    t: usize,
    x: Vec<f64>,
    sum: Vec<f64>,
    rng: Rng,
}

/// What the runs of one schedule at one horizon gave.
#[derive(Clone, Default)]
struct Tally {
    runs: usize,
    last: f64,
    average: f64,
    finals: Vec<f64>,
}

struct Fixed {
    setting: Setting,
    sizes: Vec<usize>,
    tasks: Vec<Task>,
    /// Runs still to do, the last first: horizon, schedule, repetition.
    jobs: Vec<(usize, Schedule, usize)>,
    seed: Rng,
    length: usize,
    small: [Vec<[f64; 2]>; 3],
    small_best: [f64; 2],
}

/// The exhibit.
#[derive(Clone)]
pub struct LastIterate {
    fixed: Rc<Fixed>,
    done: usize,
    run: Option<Run>,
    tallies: Vec<[Tally; 3]>,
    /// The gap along the first run at the horizon, of the last iterate and of the average.
    along: [[Series; 2]; 3],
    ends: [Vec<f64>; 3],
}

/// Operations in one step of the exhibit, and in a whole run.
const WORK: usize = 500_000;
const ALL: usize = 1_500_000_000;

impl Fixed {
    fn cost(&self, size: usize) -> usize {
        iteration_cost(&self.tasks[size], &self.setting)
    }

    fn stop(&self, size: usize) -> usize {
        stop(self.sizes[size], self.setting.stop)
    }
}

fn stop(horizon: usize, share: f64) -> usize {
    ((share * horizon as f64).ceil() as usize).clamp(1, horizon)
}

/// About how many operations an iteration takes.
fn iteration_cost(task: &Task, setting: &Setting) -> usize {
    let dimension = task.start().len();
    let noise = match setting.law {
        Law::None => 0,
        Law::Gaussian => 15,
        _ => 250,
    };
    let step = match setting.mirror {
        Mirror::Euclidean if setting.problem == Problem::Simplex => 40,
        Mirror::Euclidean => 3,
        Mirror::Entropy => 20,
        Mirror::PNorm => 250,
    };
    task.cost() + dimension * (noise + step)
}

/// Rock, paper and scissors that win unequally: the entropic map on a triangle.
const SMALL: [f64; 9] = [0.0, -1.0, 0.6, 1.0, 0.0, -0.8, -0.6, 0.8, 0.0];

impl LastIterate {
    fn begin(&mut self) -> Option<Run> {
        let (size, schedule, repetition) = *self.fixed.jobs.get(self.done)?;
        let x = self.fixed.tasks[size].start();
        let mut rng = self.fixed.seed.clone();
        // Every schedule meets the same noise.
        rng.set_stream(repetition as u64 + 1);
        rng.set_word_pos(0);
        Some(Run { size, schedule, repetition, t: 0, sum: vec![0.0; x.len()], x, rng })
    }

    fn is_recorded(&self, run: &Run) -> bool {
        run.repetition == 0 && run.size + 1 == self.fixed.sizes.len()
    }

    fn iterate(&mut self, run: &mut Run, g: &mut Vec<f64>) {
        let fixed = Rc::clone(&self.fixed);
        let Setting { eta, law, noise, mirror, .. } = fixed.setting;
        let (task, horizon) = (&fixed.tasks[run.size], fixed.sizes[run.size]);
        g.resize(run.x.len(), 0.0);
        let gap = task.evaluate(&run.x, g).max(0.0);
        run.t += 1;
        run.sum.iter_mut().zip(&run.x).for_each(|(sum, x)| *sum += x);
        if self.is_recorded(run) {
            let every = (horizon / 256).max(1);
            if run.t.is_multiple_of(every) || run.t < 16 {
                let average: Vec<f64> = run.sum.iter().map(|sum| sum / run.t as f64).collect();
                let [last, mean] = &mut self.along[run.schedule as usize];
                last.push(run.t as f64, gap);
                mean.push(run.t as f64, task.gap(&average));
            }
        }
        if law != Law::None && noise > 0.0 {
            g.iter_mut().for_each(|g| *g += noise * draw(law, &mut run.rng));
        }
        let mut step = eta * run.schedule.at(run.t, horizon);
        if let Task::Lasso { smoothness, .. } = task {
            step = step.min(0.5 / smoothness);
        }
        task.mirror_step(mirror, &mut run.x, g, step);
    }

    fn finish(&mut self, run: Run) {
        let fixed = Rc::clone(&self.fixed);
        let task = &fixed.tasks[run.size];
        let average: Vec<f64> = run.sum.iter().map(|sum| sum / run.t as f64).collect();
        let (last, mean) = (task.gap(&run.x), task.gap(&average));
        let tally = &mut self.tallies[run.size][run.schedule as usize];
        tally.runs += 1;
        tally.last += last;
        tally.average += mean;
        tally.finals.push(last);
        if self.is_recorded(&run) {
            self.ends[run.schedule as usize] = run.x;
        }
        self.done += 1;
    }

    /// $\sqrt T$ times the mean gap, of the last iterate or of the average.
    fn scaled(&self, schedule: Schedule, average: bool) -> Vec<[f64; 2]> {
        let points = self.fixed.sizes.iter().zip(&self.tallies).filter_map(|(&size, tallies)| {
            let tally = &tallies[schedule as usize];
            let gap = if average { tally.average } else { tally.last } / tally.runs as f64;
            (tally.runs > 0).then_some([size as f64, gap * (size as f64).sqrt()])
        });
        points.collect()
    }

    /// The runs of the chosen schedule at the horizon.
    fn chosen(&self) -> &Tally {
        let none = &self.tallies[0][0];
        self.tallies.last().map_or(none, |tallies| &tallies[self.fixed.setting.schedule as usize])
    }

    fn quantile(&self) -> Option<f64> {
        let mut finals = self.chosen().finals.clone();
        finals.sort_by(f64::total_cmp);
        let rank = ((1.0 - self.fixed.setting.delta) * finals.len() as f64).ceil() as usize;
        finals.get(rank.max(1) - 1).copied()
    }

    fn is_noisy(&self) -> bool {
        self.fixed.setting.law != Law::None && self.fixed.setting.noise > 0.0
    }
}

fn xs(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[x, _]| *x)
}

fn ys(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[_, y]| *y)
}

fn id(schedule: Schedule) -> &'static str {
    schedule.name()
}

impl Exhibit for LastIterate {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let simplex = setting.problem == Problem::Simplex;
        if setting.mirror == Mirror::Entropy && !simplex {
            return Err(Error::of("mirror", "the entropy needs positive coordinates: choose the game on the simplex"));
        }
        if setting.mirror == Mirror::PNorm && simplex {
            return Err(Error::of(
                "mirror",
                "the p-norm is for problems without constraint: choose Euclidean or entropy",
            ));
        }
        let sizes: Vec<usize> = (0..5).map(|k| setting.horizon >> (4 - k)).collect();
        let seed = rng.clone();
        let tasks: Vec<Task> = sizes.iter().map(|&size| Task::new(setting.problem, size, &mut rng.clone())).collect();
        let costs: Vec<usize> = tasks
            .iter()
            .zip(&sizes)
            .map(|(task, &size)| stop(size, setting.stop) * iteration_cost(task, setting) + 2 * task.cost())
            .collect();
        // One run tells all where there is no chance.
        let noisy = setting.law != Law::None && setting.noise > 0.0;
        let top = costs.last().copied().unwrap_or(1);
        let most = if noisy { (ALL / top / 2).clamp(20, 500) } else { 1 };
        let few = most.div_ceil(5);
        let mut jobs = Vec::new();
        let last = sizes.len() - 1;
        jobs.extend(SCHEDULES.map(|schedule| (last, schedule, 0)));
        for (size, repetition) in (0..=last).flat_map(|size| (0..few).map(move |repetition| (size, repetition))) {
            jobs.extend(SCHEDULES.map(|schedule| (size, schedule, repetition)));
        }
        jobs.drain(3..)
            .filter(|job| *job != (last, job.1, 0))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|job| jobs.push(job));
        jobs.extend((few..most).map(|repetition| (last, setting.schedule, repetition)));
        let total: usize = jobs.iter().map(|job| costs[job.0]).sum();

        let game = Task::Game { matrix: SMALL.to_vec(), n: 3 };
        let small = SCHEDULES.map(|schedule| {
            let (mut x, mut g) = ([0.85, 0.1, 0.05], [0.0; 3]);
            let mut path = vec![[x[0], x[1]]];
            for t in 1..=stop(setting.horizon, setting.stop) {
                game.evaluate(&x, &mut g);
                game.mirror_step(Mirror::Entropy, &mut x, &g, setting.eta * schedule.at(t, setting.horizon));
                path.push([x[0], x[1]]);
            }
            path
        });
        let fixed = Fixed {
            setting: setting.clone(),
            sizes,
            tasks,
            jobs,
            seed,
            length: total.div_ceil(WORK).max(1),
            small,
            small_best: [0.8 / 2.4, 0.6 / 2.4],
        };
        let tallies = vec![<[Tally; 3]>::default(); fixed.sizes.len()];
        Ok(Self {
            fixed: Rc::new(fixed),
            done: 0,
            run: None,
            tallies,
            along: Default::default(),
            ends: Default::default(),
        })
    }

    fn length(&self) -> usize {
        self.fixed.length
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let (mut spent, mut g) = (0, Vec::new());
        while spent < WORK {
            let Some(mut run) = self.run.take().or_else(|| self.begin()) else { return Progress::Done };
            let cost = fixed.cost(run.size);
            while spent < WORK && run.t < fixed.stop(run.size) {
                self.iterate(&mut run, &mut g);
                spent += cost;
            }
            if run.t == fixed.stop(run.size) {
                spent += 2 * fixed.tasks[run.size].cost();
                self.finish(run);
            } else {
                self.run = Some(run);
            }
        }
        if self.done == fixed.jobs.len() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.fixed.setting;
        let chosen = setting.schedule;
        let caption = "The gap times √T. Flat: the best rate, 1/√T. Climbing: the last iterate pays a factor log T.";
        let mut scaled = figures.figure("scaled", "The price of the last iterate", caption);
        let ends = [self.fixed.sizes[0], setting.horizon].map(|size| size as f64);
        scaled.x(Axis::log("horizon T").domain(ends[0] / 1.1, ends[1] * 1.1)).y(Axis::linear("√T · gap"));
        let average = self.scaled(chosen, true);
        scaled.line(xs(&average), ys(&average)).of("average").dashed();
        for schedule in SCHEDULES.into_iter().rev() {
            let points = self.scaled(schedule, false);
            scaled.line(xs(&points), ys(&points)).of(id(schedule));
            scaled.dot(xs(&points), ys(&points)).of(id(schedule));
        }
        // The axis begins at zero.
        scaled.rule_y([0.0]).faint();

        let caption = format!(
            "One run at T = {}. Linear decay comes to rest as its steps end; the average is that of {}.",
            setting.horizon,
            chosen.label()
        );
        let mut along = figures.figure("along", "The gap along one run", caption);
        along.x(Axis::log("step t").domain(1.0, setting.horizon as f64)).y(Axis::log("gap f(x) − min f"));
        let positive = |series: &Series| series.iter().filter(|[_, y]| *y > 1e-12).collect::<Vec<_>>();
        let average = positive(&self.along[chosen as usize][1]);
        along.line(xs(&average), ys(&average)).of("average").dashed();
        for schedule in SCHEDULES.into_iter().rev() {
            let points = positive(&self.along[schedule as usize][0]);
            along.line(xs(&points), ys(&points)).of(id(schedule));
        }

        if self.is_noisy() {
            let tally = self.chosen();
            let mean = tally.last / tally.runs.max(1) as f64;
            let quantile = self.quantile().unwrap_or(0.0);
            let limit = mean * (1.0 - 0.5 * log(setting.delta));
            let caption = format!(
                "The last gaps of {} runs of {}. The rule is the quantile that a run passes with probability δ.",
                tally.runs,
                chosen.label()
            );
            let mut finals = figures.figure("finals", "The last gap, run by run", caption);
            let top = (1.5 * quantile.max(limit)).max(1e-12);
            let bins = 40;
            let mut counts = vec![0.0; bins];
            for gap in &tally.finals {
                let bin = (gap / top * bins as f64) as usize;
                if bin < bins {
                    counts[bin] += 1.0;
                }
            }
            finals.x(Axis::linear("gap of the last iterate").domain(0.0, top)).y(Axis::linear("runs"));
            finals.bar((0..bins).map(|k| top * (k as f64 + 0.5) / bins as f64), &counts).of(id(chosen));
            if tally.runs > 0 {
                finals.rule_x([mean]).ink(Ink::Strong).label("mean");
                finals.rule_x([quantile]).ink(Ink::Accent).label("1 − δ quantile");
                finals.rule_x([limit]).ink(Ink::Muted).dashed().label("(1 + ½ log 1/δ) · mean");
            }
        } else {
            let caption = "The coordinates at which each schedule ends.";
            let mut ends = figures.figure("finals", "The last iterate", caption);
            let count = self.fixed.tasks.last().map_or(2, |task| task.start().len());
            ends.x(Axis::linear("coordinate j").domain(1.0, count as f64)).y(Axis::linear("coordinate of the last x"));
            for schedule in SCHEDULES.into_iter().rev() {
                let x = &self.ends[schedule as usize];
                ends.line((1..=x.len()).map(|j| j as f64), x).of(id(schedule));
            }
        }

        let caption = "Three strategies, entropic map, exact gradients: steps that end come to rest at the equilibrium, \
                       others circle it.";
        let mut simplex = figures.figure("simplex", "Rock, paper, scissors", caption);
        simplex.x(Axis::linear("rock").domain(0.0, 1.0)).y(Axis::linear("paper").domain(0.0, 1.0)).simplex();
        for schedule in SCHEDULES.into_iter().rev() {
            let path = &self.fixed.small[schedule as usize];
            simplex.line(xs(path), ys(path)).of(id(schedule));
        }
        for schedule in SCHEDULES.into_iter().rev() {
            let end = self.fixed.small[schedule as usize].last().copied().unwrap_or_default();
            simplex.dot([end[0]], [end[1]]).of(id(schedule));
        }
        let [rock, paper] = self.fixed.small_best;
        simplex.dot([rock], [paper]).symbol(Symbol::Cross).radius(6.0).label("equilibrium");
    }

    fn claim(&self) -> Claim {
        let open = self.done < self.fixed.jobs.len();
        let Setting { problem, delta, .. } = self.fixed.setting;
        if problem == Problem::Worst && !self.is_noisy() {
            let points = SCHEDULES.map(|schedule| self.scaled(schedule, false));
            let complete = |points: &[[f64; 2]]| points.len() == self.fixed.sizes.len();
            let spread = ys(&points[0]).fold(0.0, f64::max) / ys(&points[0]).fold(f64::INFINITY, f64::min) - 1.0;
            let growth = |points: &[[f64; 2]]| {
                let (first, last) = (points.first()?[1], points.last()?[1]);
                (complete(points) && first > 0.0).then_some(last / first - 1.0)
            };
            return Claim::new(vec![
                Clause::at_most(
                    "From T/16 to T the last gap under linear decay, times √T, varies by {value}, at most {high}: flat.",
                    complete(&points[0]).then_some(spread).filter(|spread| spread.is_finite()),
                    0.1,
                )
                .pending_while(open),
                Clause::at_least("Under η/√t it grows by {value}, at least {low}.", growth(&points[1]), 0.4)
                    .pending_while(open),
                Clause::at_least("Under η/√T it grows by {value}, at least {low}.", growth(&points[2]), 0.4)
                    .pending_while(open),
            ]);
        }
        let tally = self.chosen();
        let mean = tally.last / tally.runs.max(1) as f64;
        let average = tally.average / tally.runs.max(1) as f64;
        let ratio = |value: f64, by: f64| (tally.runs > 0 && by > 0.0).then(|| value / by);
        let mut clauses = vec![
            Clause::at_most(
                "The last iterate's mean gap is {value} times that of the average of the same runs, at most {high}.",
                ratio(mean, average),
                1.5,
            )
            .pending_while(open),
        ];
        if self.is_noisy() {
            clauses.push(
                Clause::at_most(
                    "With probability 1 − δ the last gap is at most {value} times its mean; the bound, 1 + ½ log(1/δ), is \
                     {high}.",
                    self.quantile().and_then(|quantile| ratio(quantile, mean)),
                    1.0 - 0.5 * log(delta),
                )
                .pending_while(open),
            );
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let noisy = Setting { problem: Problem::L1, law: Law::Gaussian, noise: 1.0, horizon: 512, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "The worst case",
                "On the function built against it, the last iterate pays log T under both usual steps, and nothing under \
                 linear decay.",
                default.clone(),
            ),
            Scenario::holds(
                "regression",
                "Noisy ℓ₁ regression",
                "500 runs under Gaussian noise: the last iterate keeps up with the average, and few runs are far worse \
                 than the mean.",
                noisy.clone(),
            ),
            Scenario::fails(
                "stopped-early",
                "Stopped early",
                "Steps three times as long, stopped at 30 % of the horizon: they have not come down yet, the last iterate is \
                 restless, and the average is better.",
                Setting { stop: 0.3, eta: 3.0, ..noisy.clone() },
            ),
            Scenario::fails(
                "heavy-tails",
                "Noise without variance",
                "Student's noise with 1.5 degrees of freedom: one run in a hundred ends far beyond log(1/δ) times the mean.",
                Setting { law: Law::Student15, noise: 0.3, delta: 0.01, horizon: 256, ..noisy.clone() },
            ),
            Scenario::fails(
                "constant",
                "Constant steps",
                "With steps η/√T all along, the last iterate is as restless at the end as in the middle.",
                Setting { schedule: Schedule::Constant, ..noisy },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn task(problem: Problem) -> Task {
        Task::new(problem, 24, &mut Rng::seed_from_u64(5))
    }

    #[test]
    fn minima_are_where_they_are_said_to_be() {
        let l1 = task(Problem::L1);
        let Task::L1 { best, .. } = &l1 else { unreachable!() };
        assert_eq!(l1.gap(best), 0.0);
        let lasso = task(Problem::Lasso);
        let found = lasso.coordinate_descent();
        // A step from the minimum stays there.
        let (mut x, mut g) = (found.clone(), vec![0.0; D]);
        lasso.evaluate(&x, &mut g);
        lasso.mirror_step(Mirror::Euclidean, &mut x, &g, 0.3);
        assert!(x.iter().zip(&found).all(|(x, y)| (x - y).abs() < 1e-12));
    }

    #[test]
    fn the_worst_case_keeps_every_coordinate_that_it_took() {
        // Harvey et al.: with steps 1/√t every coordinate of the last iterate is at least 1/(4√T).
        let horizon = 64;
        let task = Task::Worst { horizon };
        let (mut x, mut g) = (task.start(), vec![0.0; horizon]);
        for t in 1..=horizon {
            task.evaluate(&x, &mut g);
            assert!(g[t - 1] < 0.0 && g[t..].iter().all(|g| *g == 0.0), "step {t} takes coordinate {t}");
            task.mirror_step(Mirror::Euclidean, &mut x, &g, Schedule::Root.at(t, horizon));
        }
        assert!(x.iter().all(|x| *x >= 1.0 / (4.0 * (horizon as f64).sqrt())));
        assert!(task.gap(&x) >= log(horizon as f64) / (32.0 * (horizon as f64).sqrt()));
    }

    proptest! {
        #[test]
        fn subgradients_lie_under_the_function(
            x in prop::collection::vec(-1.0_f64..1.0, 24), y in prop::collection::vec(-1.0_f64..1.0, 24),
        ) {
            for problem in [Problem::Worst, Problem::L1, Problem::Lasso] {
                let task = task(problem);
                let n = task.start().len();
                let (x, y) = (&x[..n], &y[..n]);
                let mut g = vec![0.0; n];
                let at = |x: &[f64], g: &mut [f64]| {
                    let penalty: f64 = if problem == Problem::Lasso { x.iter().map(|x| PENALTY * x.abs()).sum() } else { 0.0 };
                    task.evaluate(x, g) - penalty
                };
                let (above, here) = (at(y, &mut g), at(x, &mut g));
                let along: f64 = g.iter().zip(x.iter().zip(y)).map(|(g, (x, y))| g * (y - x)).sum();
                prop_assert!(above >= here + along - 1e-13, "{:?}", problem);
                prop_assert!(task.evaluate(x, &mut g) >= -1e-13);
            }
        }

        #[test]
        fn the_gradients_of_dual_norms_undo_each_other(x in prop::collection::vec(-3.0_f64..3.0, 1..12), p in 1.2_f64..2.0) {
            let mut y = x.clone();
            norm_gradient(&mut y, p);
            norm_gradient(&mut y, p / (p - 1.0));
            prop_assert!(x.iter().zip(&y).all(|(x, y)| (x - y).abs() < 1e-10));
        }

        #[test]
        fn a_projection_onto_the_simplex_is_the_nearest_point(
            x in prop::collection::vec(-1.0_f64..2.0, 6), z in prop::collection::vec(0.01_f64..1.0, 6),
        ) {
            let mut y = x.clone();
            onto_simplex(&mut y);
            let sum: f64 = z.iter().sum();
            let product: f64 = (0..6).map(|i| (x[i] - y[i]) * (z[i] / sum - y[i])).sum();
            prop_assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-12 && product < 1e-12, "{}", product);
        }
    }
}
