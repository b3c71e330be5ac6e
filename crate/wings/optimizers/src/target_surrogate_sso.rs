//! A gradient can be expensive for a reason that has nothing to do with the model: it needs a simulation, an opponent, a
//! rollout. Write the loss as $\ell(z)$ of the *targets* $z=f(\theta)$, here $z=X\theta$. One expensive call gives
//! $\nabla\ell(z_t)$, and with it the surrogate
//!
//! $$g_t(\theta)=\ell(z_t)+\langle\nabla\ell(z_t),d\rangle+\tfrac1{2\eta}\|d\|^2,$$
//! $$d=f(\theta)-z_t,$$
//!
//! on which $m$ inner steps cost no further call. With $\eta\le1/L$, where $L$ is the smoothness of $\ell$ *in $z$*,
//! the surrogate lies above the loss, so whatever lowers it lowers the loss. One inner step is plain gradient descent;
//! infinitely many are a gradient step in target space, projected onto what the model can express.
//!
//! The first picture counts expensive calls. Gradient descent is slow because $X$ has condition number 30, and its error is
//! measured in $\theta$; in $z$ nothing is badly conditioned. Twenty inner steps save a factor of about twenty, because
//! so many steps on the surrogate go nearly as far as on the loss.
//!
//! **Try** the exact solver: some ten calls are left, and they no longer depend on $\kappa$. That is the floor, what
//! $\ell$ itself costs. Make $\kappa=1$: one inner step already minimises the surrogate, and $m$ does nothing. Set
//! $\eta L$ to 3: the surrogate in the second picture dips below the loss. (It may be the faster for it; the guarantee is
//! gone, and for some seeds the run circles for ever.) Make a call as cheap as an inner step: with many inner steps the
//! calls are still saved, but the bill is higher.
//!
//! **Imitation** is the second task: a cart with position and velocity, an expert that is linear in both, and a loss on the
//! states that *our own* policy visits, so that each target gradient needs 20 rollouts. Its loss is quadratic, and with
//! $\eta L=1$ surrogate and loss are the same: the exact solver has imitated the expert after one call.
//!
//! **Where it stops.** With batches below 400 the step in $z$ falls as $1/\sqrt t$, which is SSO; then noise decides, and
//! more inner steps fit a batch more closely than it deserves. The model is linear, so that inner steps
//! need only $X^\top X$: 400 multiplications against 16 000 of a call, which is about the default price of 50. A
//! trial of the line search asks for $\ell$ and counts as a call. Adam has the rate 0.05.

use crate::curves::Curves;
use crate::linear_model::{LinearModel, Loss};
use crate::plane::{Field, Window, path};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, View, gram, inner, matvec, ridge};
use orrery_kernels::math::{log_spaced, sigmoid, softplus};
use orrery_kernels::optim::{Adam, Optimizer, armijo};
use orrery_kernels::random::{normals, orthonormal};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "target-surrogate-sso",
    title: "Target-based Surrogates for Stochastic Optimization",
    year: 2023,
    lists: &[1, 4],
    claim: "One expensive gradient, taken in target space, feeds many cheap steps: a twentieth of the calls will do.",
    algorithms: &[
        "target optimization",
        "SSO",
        "majorization-minimization",
        "surrogate",
        "Armijo line search",
        "Adam",
        "imitation learning",
        "projected gradient in function space",
    ],
    contenders: &[
        Contender::paper("sso", "surrogate, m steps"),
        Contender::baseline("one", "m = 1: gradient descent"),
        Contender::baseline("armijo", "descent with Armijo"),
        Contender::baseline("adam", "Adam"),
    ],
};

/// How the surrogate is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Inner {
    /// $m$ steps of $\eta/\|X\|^2$.
    #[choice("GD, fixed step")]
    Fixed,
    /// $m$ steps, each ten times as long at first and halved until the surrogate decreases enough.
    #[choice("GD with Armijo")]
    Armijo,
    /// All the way.
    #[choice("exact least squares")]
    Exact,
}

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Task {
    /// 400 rows, 20 weights.
    #[choice("logistic regression")]
    Logistic,
    /// 20 rollouts of 20 steps, 2 weights.
    #[choice("imitation of a controller")]
    Imitation,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Steps on each surrogate.
    #[control(label = "inner steps m", range = 1..=200, log, default = 20, when = ("solver", ["fixed", "armijo"]))]
    pub steps: usize,
    /// The step in target space, in units of what the smoothness of the loss allows.
    #[control(label = "target step η·L", range = 0.1..=3.0, default = 1.0)]
    pub eta: f64,
    /// The greatest singular value of X over the least.
    #[control(label = "condition number of X", range = 1.0..=300.0, log, default = 30.0)]
    pub condition: f64,
    /// Rows of each call. 400 are all.
    #[control(label = "batch size", range = 1..=400, default = 400)]
    pub batch: usize,
    /// How the surrogate is minimised.
    #[control(label = "inner solver", default = Inner::Fixed)]
    pub solver: Inner,
    /// What a call costs, in inner steps.
    #[control(label = "price of a call", range = 1.0..=1000.0, log, default = 50.0)]
    pub price: f64,
    /// What is learnt.
    #[control(label = "task", default = Task::Logistic)]
    pub task: Task,
}

const ROWS: usize = 400;

/// The most calls a run may have.
const CALLS: usize = 6000;

/// Calls of each run in a step.
const TOGETHER: usize = 60;

/// The share of the first gap that is to be reached, and the one at which a run ends.
const GOAL: f64 = 1e-3;
const DONE: f64 = 1e-7;

/// $\ell(z)$: the mean loss over rows, each with its label.
#[derive(Clone, Copy, PartialEq)]
enum Targets {
    /// $\log(1+e^{-bz})$.
    Logistic,
    /// $\tfrac12(z-b)^2$.
    Square,
}

impl Targets {
    fn value(self, z: &[f64], labels: &[f64]) -> f64 {
        let loss = |(&z, &b): (&f64, &f64)| match self {
            Self::Logistic => softplus(-b * z),
            Self::Square => 0.5 * (z - b) * (z - b),
        };
        z.iter().zip(labels).map(loss).sum::<f64>() / z.len() as f64
    }

    fn gradient(self, z: &[f64], labels: &[f64]) -> Vec<f64> {
        let share = 1.0 / z.len() as f64;
        let slope = |(&z, &b): (&f64, &f64)| match self {
            Self::Logistic => -b * sigmoid(-b * z) * share,
            Self::Square => (z - b) * share,
        };
        z.iter().zip(labels).map(slope).collect()
    }

    /// $L$ for so many rows.
    fn smoothness(self, rows: usize) -> f64 {
        let row = if self == Self::Logistic { 0.25 } else { 1.0 };
        row / rows as f64
    }
}

/// $X$ and the labels, of the rows that a call is about.
#[derive(Clone)]
struct Design {
    targets: Targets,
    columns: usize,
    x: Vec<f64>,
    labels: Vec<f64>,
    /// $X^\top X$ and its greatest eigenvalue.
    gram: Vec<f64>,
    norm: f64,
}

impl Design {
    fn new(targets: Targets, columns: usize, x: Vec<f64>, labels: Vec<f64>) -> Self {
        let gram = gram(View::by_rows(&x, labels.len(), columns).t());
        let (mut v, mut norm) = (vec![1.0; columns], 1.0);
        for _ in 0..40 {
            v = matvec(View::by_rows(&gram, columns, columns), &v);
            norm = inner(&v, &v).sqrt();
            if norm == 0.0 {
                break;
            }
            v.iter_mut().for_each(|v| *v /= norm);
        }
        Self { targets, columns, x, labels, gram, norm: norm.max(1e-12) }
    }

    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn view(&self) -> View<'_, f64> {
        View::by_rows(&self.x, self.rows(), self.columns)
    }

    fn value(&self, theta: &[f64]) -> f64 {
        self.targets.value(&matvec(self.view(), theta), &self.labels)
    }

    fn pick(&self, rows: &[usize]) -> Self {
        let x = rows.iter().flat_map(|&i| self.x[i * self.columns..(i + 1) * self.columns].iter().copied());
        Self::new(self.targets, self.columns, x.collect(), rows.iter().map(|&i| self.labels[i]).collect())
    }
}

/// $g_t$ in $\delta=\theta-\theta_t$: $\ell(z_t)+\langle b,\delta\rangle+\frac1{2\eta}\delta^\top X^\top X\delta$ with
/// $b=X^\top\nabla\ell(z_t)$.
#[derive(Clone)]
struct Surrogate {
    design: Rc<Design>,
    theta: Vec<f64>,
    height: f64,
    by_z: Vec<f64>,
    b: Vec<f64>,
    eta: f64,
}

impl Surrogate {
    /// What one call gives.
    fn new(design: Rc<Design>, theta: &[f64], eta_l: f64) -> Self {
        let z = matvec(design.view(), theta);
        let by_z = design.targets.gradient(&z, &design.labels);
        let eta = eta_l / design.targets.smoothness(design.rows());
        let (b, height) = (matvec(design.view().t(), &by_z), design.targets.value(&z, &design.labels));
        Self { theta: theta.to_vec(), height, by_z, b, eta, design }
    }

    fn curved(&self, delta: &[f64]) -> Vec<f64> {
        let d = self.design.columns;
        matvec(View::by_rows(&self.design.gram, d, d), delta)
    }

    fn value(&self, delta: &[f64]) -> f64 {
        self.height + inner(&self.b, delta) + 0.5 / self.eta * inner(delta, &self.curved(delta))
    }

    fn gradient(&self, delta: &[f64]) -> Vec<f64> {
        self.b.iter().zip(self.curved(delta)).map(|(b, curved)| b + curved / self.eta).collect()
    }

    /// $\theta_{t+1}-\theta_t$.
    fn minimise(&self, solver: Inner, steps: usize) -> Vec<f64> {
        let d = self.design.columns;
        let mut delta = vec![0.0; d];
        if solver == Inner::Exact {
            return self.exact();
        }
        for _ in 0..steps {
            let slope = self.gradient(&delta);
            let step = match solver {
                // δ ← δ - η/‖X‖² ∇g
                Inner::Fixed => self.eta / self.design.norm,
                _ => {
                    let (square, curved) = (inner(&slope, &slope), inner(&slope, &self.curved(&slope)));
                    let along = |t: f64| 0.5 / self.eta * curved * t * t - square * t;
                    let found = armijo(along, 0.0, -square, 10.0 * self.eta / self.design.norm, 0.5, 0.1);
                    found.map_or(0.0, |(t, _)| t)
                }
            };
            delta.iter_mut().zip(&slope).for_each(|(delta, slope)| *delta -= step * slope);
        }
        delta
    }

    /// $\delta=-\eta X^+\nabla\ell(z_t)$, through the smaller of $X^\top X$ and $XX^\top$.
    fn exact(&self) -> Vec<f64> {
        let (design, d, n) = (&self.design, self.design.columns, self.design.rows());
        let solved = if n < d {
            let outer = gram(design.view());
            matvec(design.view().t(), &ridge(&outer, 0.0, &self.by_z, n, 1))
        } else {
            ridge(&design.gram, 0.0, &self.b, d, 1)
        };
        solved.iter().map(|solved| -self.eta * solved).collect()
    }

    /// $g_t-\ell$ at $\theta_t+\delta$: the loss is that of the same rows.
    fn margin(&self, delta: &[f64]) -> f64 {
        let theta: Vec<f64> = self.theta.iter().zip(delta).map(|(theta, delta)| theta + delta).collect();
        self.value(delta) - self.design.value(&theta)
    }
}

/// The cart's time step, the expert's feedback, and where a cart is held.
const DT: f64 = 0.1;
const EXPERT: [f64; 2] = [-1.0, -1.5];
const FAR: f64 = 20.0;

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    /// All rows; in imitation, the states that the expert visits.
    whole: Rc<Design>,
    /// Where the carts begin, and the factor on the velocity that the policy sees.
    begins: Vec<[f64; 2]>,
    scale: f64,
    least: f64,
    first: f64,
    best: Vec<f64>,
    /// The steepest and the flattest direction, and their singular values over $\sqrt n$.
    axes: [Vec<f64>; 2],
    spread: [f64; 2],
    field: Field,
}

impl Fixed {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let kappa = setting.condition;
        let (mut begins, mut scale) = (Vec::new(), 1.0);
        let (whole, best, least) = match setting.task {
            Task::Logistic => {
                const COLUMNS: usize = 20;
                let u = orthonormal(ROWS, COLUMNS, rng);
                let v = orthonormal(COLUMNS, COLUMNS, rng);
                let singular = log_spaced(1.0, 1.0 / kappa, COLUMNS);
                let root = (ROWS as f64).sqrt();
                // By rows, X is the transpose in nalgebra's order.
                let stretched = DMatrix::from_fn(COLUMNS, ROWS, |k, i| root * singular[k] * u[(i, k)]);
                let x = orrery_kernels::linalg::product(&v, &stretched).as_slice().to_vec();
                // Every direction of the targets matters as much as every other.
                let truth = normals(COLUMNS, rng);
                let size = 2.0 * root / inner(&truth, &truth).sqrt();
                let logit = |i: usize| (0..COLUMNS).map(|k| u[(i, k)] * truth[k] * size).sum::<f64>();
                let label = |i: usize, draw: f64| if draw < sigmoid(logit(i)) { 1.0 } else { -1.0 };
                let labels: Vec<f64> = (0..ROWS).map(|i| label(i, rng.random::<f64>())).collect();
                let (design, targets) = (x.clone(), labels.clone());
                let (best, least) = LinearModel { loss: Loss::Logistic, design, targets, ridge: 0.0 }.solution();
                (Design::new(Targets::Logistic, COLUMNS, x, labels), best, least)
            }
            Task::Imitation => {
                let numbers = normals(ROWS / 10, rng);
                begins = numbers.chunks_exact(2).map(|s| [2.0 * s[0], s[1]]).collect();
                let seen = rollouts(&begins, EXPERT, 1.0);
                let size = |k: usize| seen.x.iter().skip(k).step_by(2).map(|s| s * s).sum::<f64>().sqrt();
                scale = size(0) / (size(1) * kappa);
                (rollouts(&begins, [EXPERT[0], EXPERT[1] / scale], scale), vec![EXPERT[0], EXPERT[1] / scale], 0.0)
            }
        };
        let d = whole.columns;
        let eigen = DMatrix::from_row_slice(d, d, &whole.gram).symmetric_eigen();
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let axis = |k: usize| eigen.eigenvectors.column(k).iter().copied().collect::<Vec<f64>>();
        let axes = [axis(order[0]), axis(order[d - 1])];
        let spread = [order[0], order[d - 1]].map(|k| (eigen.eigenvalues[k].max(0.0) / ROWS as f64).sqrt().max(1e-9));
        let place = |k: usize| -spread[k] * inner(&axes[k], &best);
        let half = 1.25 * place(0).abs().max(place(1).abs()).max(0.1);
        let field = Field::new(Window::square(half), |at| {
            let theta = best.iter().zip(&axes[0]).zip(&axes[1]);
            let theta = theta.map(|((t, a), b)| t + at[0] / spread[0] * a + at[1] / spread[1] * b);
            whole.value(&theta.collect::<Vec<f64>>())
        });
        let first = whole.value(&vec![0.0; d]) - least;
        let (setting, whole) = (setting.clone(), Rc::new(whole));
        Self { setting, whole, begins, scale, least, first, best, axes, spread, field }
    }

    /// The rows that a call at $\theta$ is about.
    fn rows(&self, theta: &[f64], rng: &mut Rng) -> Rc<Design> {
        let all = match self.setting.task {
            Task::Logistic => Rc::clone(&self.whole),
            Task::Imitation => Rc::new(rollouts(&self.begins, [theta[0], theta[1]], self.scale)),
        };
        if self.setting.batch >= ROWS {
            return all;
        }
        let rows: Vec<usize> = (0..self.setting.batch).map(|_| rng.random_range(0..ROWS as u32) as usize).collect();
        Rc::new(all.pick(&rows))
    }

    /// $\eta L$ of the call numbered `t` from zero.
    fn eta(&self, t: usize) -> f64 {
        if self.setting.batch < ROWS { self.setting.eta / ((t + 1) as f64).sqrt() } else { self.setting.eta }
    }

    fn gap(&self, theta: &[f64]) -> f64 {
        (self.whole.value(theta) - self.least) / self.first
    }

    fn place(&self, theta: &[f64]) -> [f64; 2] {
        let away: Vec<f64> = theta.iter().zip(&self.best).map(|(t, b)| t - b).collect();
        [0, 1].map(|k| self.spread[k] * inner(&self.axes[k], &away))
    }
}

/// The states that a policy meets, with what the expert would do in each.
fn rollouts(begins: &[[f64; 2]], policy: [f64; 2], scale: f64) -> Design {
    let (mut x, mut labels) = (Vec::with_capacity(2 * ROWS), Vec::with_capacity(ROWS));
    for &[mut position, mut velocity] in begins {
        for _ in 0..ROWS / begins.len() {
            let seen = [position, scale * velocity];
            x.extend(seen);
            labels.push(EXPERT[0] * position + EXPERT[1] * velocity);
            let force = policy[0] * seen[0] + policy[1] * seen[1];
            position = (position + DT * velocity).clamp(-FAR, FAR);
            velocity = (velocity + DT * force).clamp(-FAR, FAR);
        }
    }
    Design::new(Targets::Square, 2, x, labels)
}

#[derive(Clone)]
enum Rule {
    /// So many inner steps.
    Surrogate(usize, Inner),
    /// With the step of the last search.
    Armijo(f64),
    Adam(Adam),
}

/// A contender on its way.
#[derive(Clone)]
struct Run {
    rule: Rule,
    theta: Vec<f64>,
    rng: Rng,
    /// Turns, calls and inner steps so far.
    turns: usize,
    calls: usize,
    inner: usize,
    /// The gap that was measured last, and after how many calls.
    gap: f64,
    seen: usize,
    /// Calls and inner steps when the goal was reached.
    reached: Option<[usize; 2]>,
    path: Series,
    /// The last turn that is worth measuring, and the last that is worth drawing.
    last: Option<(Surrogate, Vec<f64>)>,
    drawn: Option<(Surrogate, Vec<f64>)>,
}

impl Run {
    fn new(rule: Rule, columns: usize, rng: &Rng) -> Self {
        Self {
            rule,
            theta: vec![0.0; columns],
            rng: rng.clone(),
            turns: 0,
            calls: 0,
            inner: 0,
            gap: 1.0,
            seen: 0,
            reached: None,
            path: Series::new(),
            last: None,
            drawn: None,
        }
    }

    fn over(&self) -> bool {
        self.calls >= CALLS || self.gap <= DONE || self.gap > 1e6
    }

    /// Takes down the gap where the run stands.
    fn note(&mut self, gap: f64) {
        (self.gap, self.seen) = (if gap.is_finite() { gap.min(1e7) } else { 1e7 }, self.calls);
        if self.gap <= GOAL && self.reached.is_none() {
            self.reached = Some([self.calls, self.inner]);
        }
    }

    fn advance(&mut self, fixed: &Fixed) {
        let design = fixed.rows(&self.theta, &mut self.rng);
        let whole = Rc::ptr_eq(&design, &fixed.whole);
        let surrogate = Surrogate::new(design, &self.theta, fixed.eta(self.turns));
        if whole {
            // The call says the loss where it is made.
            self.note((surrogate.height - fixed.least) / fixed.first);
            if self.over() {
                return;
            }
        }
        self.turns += 1;
        self.calls += 1;
        match &mut self.rule {
            Rule::Surrogate(steps, solver) => {
                let delta = surrogate.minimise(*solver, *steps);
                self.theta.iter_mut().zip(&delta).for_each(|(theta, delta)| *theta += delta);
                // The multiplications of an exact solution are about those of d steps.
                self.inner += if *solver == Inner::Exact { surrogate.design.columns } else { *steps };
                if self.gap > 0.3 || self.drawn.is_none() {
                    self.drawn = Some((surrogate.clone(), delta.clone()));
                }
                if self.gap > 1e-5 {
                    self.last = Some((surrogate, delta));
                }
            }
            Rule::Armijo(last) => {
                let (b, mut trials) = (&surrogate.b, 0);
                let moved = |t: f64| self.theta.iter().zip(b).map(|(x, b)| x - t * b).collect::<Vec<f64>>();
                let along = |t: f64| {
                    trials += 1;
                    surrogate.design.value(&moved(t))
                };
                if let Some((t, _)) = armijo(along, surrogate.height, -inner(b, b), 2.0 * *last, 0.5, 0.1) {
                    (self.theta, *last) = (moved(t), t.min(1e6));
                }
                self.calls += trials;
                self.inner += 1;
            }
            Rule::Adam(adam) => {
                adam.step(&mut self.theta, &surrogate.b);
                self.inner += 1;
            }
        }
        if !self.theta.iter().all(|theta| theta.abs() < 1e9) {
            self.note(1e7);
        } else if !whole && (fixed.whole.columns == 2 || self.turns.is_multiple_of(5)) {
            self.note(fixed.gap(&self.theta));
        }
    }

    fn spent(&self) -> [usize; 2] {
        self.reached.unwrap_or([self.calls, self.inner])
    }
}

/// The curves, in the order of the runs.
const IDS: [&str; 6] = ["sso", "one", "five", "hundred", "armijo", "adam"];

/// The exhibit.
#[derive(Clone)]
pub struct TargetSurrogate {
    fixed: Rc<Fixed>,
    rng: Rng,
    frames: usize,
    runs: Vec<Run>,
    gaps: Curves,
    /// The least $g_t-\ell$ that was met, and how often it was looked at.
    margin: f64,
    looks: usize,
}

impl TargetSurrogate {
    const FRAMES: usize = CALLS / TOGETHER;

    fn over(&self) -> bool {
        self.runs.iter().all(Run::over)
    }

    /// Looks whether the surrogate of the last turn lies above the loss: along the way taken, and in random directions.
    fn look(&mut self) {
        let Some((surrogate, delta)) = &self.runs[0].last else { return };
        let away = surrogate.design.norm.sqrt();
        let length = (inner(delta, &surrogate.curved(delta))).sqrt() / away;
        let mut worst = f64::INFINITY;
        for factor in [0.5, 1.0, 2.0] {
            let near: Vec<f64> = delta.iter().map(|delta| factor * delta).collect();
            let aside: Vec<f64> = normals(delta.len(), &mut self.rng).iter().map(|n| factor * length * n).collect();
            worst = worst.min(surrogate.margin(&near)).min(surrogate.margin(&aside));
        }
        self.margin = self.margin.min(worst);
        self.looks += 6;
    }

    /// The cost of a run so far, or until it reached the goal: in calls, and in all.
    fn costs(&self, run: usize) -> [f64; 2] {
        let [calls, inner] = self.runs[run].spent();
        let calls = calls as f64 * self.fixed.setting.price;
        [calls, calls + inner as f64]
    }
}

impl Exhibit for TargetSurrogate {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let fixed = Fixed::new(setting, rng);
        let d = fixed.whole.columns;
        let start = 1.0 / (fixed.whole.norm * fixed.whole.targets.smoothness(ROWS));
        let rules = [
            Rule::Surrogate(setting.steps, setting.solver),
            Rule::Surrogate(1, Inner::Fixed),
            Rule::Surrogate(5, Inner::Fixed),
            Rule::Surrogate(100, Inner::Fixed),
            Rule::Armijo(start),
            Rule::Adam(Adam::new(d, 0.05, [0.9, 0.999])),
        ];
        let mut gaps = Curves::new(&IDS, DONE);
        let mut runs: Vec<Run> = rules.into_iter().map(|rule| Run::new(rule, d, rng)).collect();
        for (run, id) in runs.iter_mut().zip(IDS) {
            gaps.push(id, 1.0, 1.0);
            let [a, b] = fixed.place(&run.theta);
            run.path.push(a, b);
        }
        let rng = rng.clone();
        Ok(Self { fixed: Rc::new(fixed), rng, frames: 0, runs, gaps, margin: f64::INFINITY, looks: 0 })
    }

    fn length(&self) -> usize {
        Self::FRAMES
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        self.frames += 1;
        let until = self.frames * TOGETHER;
        for (k, id) in IDS.iter().enumerate() {
            while self.runs[k].calls < until && !self.runs[k].over() {
                self.runs[k].advance(&fixed);
                let run = &mut self.runs[k];
                // Evenly on a logarithmic axis, once there are many.
                if run.turns.is_multiple_of((run.turns / 40).max(1)) || run.over() {
                    self.gaps.push(id, (run.seen + 1) as f64, run.gap);
                    let [a, b] = fixed.place(&run.theta);
                    run.path.push(a, b);
                }
                if k == 0 && (run.turns < 60 || run.turns.is_multiple_of(20)) {
                    self.look();
                }
            }
        }
        if self.over() || self.frames >= Self::FRAMES { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &self.fixed;
        let price = fixed.setting.price;
        let caption = "Each call is one gradient in target space. The dashed line is a thousandth of the first gap.";
        let mut gap = figures.figure("gap", "The gap against expensive calls", caption);
        gap.x(Axis::log("calls, plus one").domain(1.0, CALLS as f64));
        gap.y(Axis::log("gap / first gap").domain(DONE, 10.0));
        gap.rule_y([GOAL]).dashed();
        for (k, id) in IDS.iter().enumerate() {
            let Some(curve) = self.gaps.of(id) else { continue };
            let curve = || curve.iter().filter(|p| p[1] <= 10.0);
            let line = gap.line(curve().map(|p| p[0]), curve().map(|p| p[1]));
            match k {
                2 => line.ink(Ink::Tone(0.35)).label("m = 5").dashed(),
                3 => line.ink(Ink::Tone(0.8)).label("m = 100").dashed(),
                _ => line.of(id),
            };
        }

        let caption = "Along the way of an early turn, which goes from 0 to 1. The surrogate is to stay above.";
        let mut slice = figures.figure("slice", "Loss and surrogate", caption);
        slice.x(Axis::linear("share of the turn").domain(-2.0, 6.0)).y(Axis::linear("change of the loss"));
        if let Some((surrogate, delta)) = &self.runs[0].drawn {
            let shares: Vec<f64> = (0..=40).map(|k| f64::from(k) / 5.0 - 2.0).collect();
            let at = |share: f64| delta.iter().map(|delta| share * delta).collect::<Vec<f64>>();
            let above: Vec<f64> = shares.iter().map(|&s| surrogate.value(&at(s)) - surrogate.height).collect();
            let loss = shares.iter().zip(&above).map(|(&s, above)| above - surrogate.margin(&at(s)));
            slice.line(&shares, loss).ink(Ink::Strong).label("loss");
            slice.line(&shares, &above).of("sso").label("surrogate");
            slice.rule_x([0.0, 1.0]).dashed();
        }

        let caption =
            "The steepest and the flattest direction of X, in the units of the targets, where the loss is round.";
        let Window { x: [left, right], y: [low, high] } = fixed.field.window;
        let mut paths = figures.figure("paths", "Paths, seen in the targets", caption);
        paths.x(Axis::linear("along the steepest direction").domain(left, right));
        paths.y(Axis::linear("along the flattest").domain(low, high)).equal();
        fixed.field.contours(&mut paths, "loss");
        for k in [1, 5, 4, 0] {
            path(&mut paths, IDS[k], &self.runs[k].path);
        }

        let dear = if price == 1.0 { "one inner step".to_owned() } else { format!("{price} inner steps") };
        let caption = format!(
            "Until the gap is a thousandth or the run has diverged, or so far. A call costs {dear}; pale: the inner steps."
        );
        let names = ["yours", "1", "5", "100", "Armijo", "Adam"];
        let mut cost = figures.figure("cost", "The bill", caption);
        cost.x(Axis::categories("inner steps m, or method", names)).y(Axis::linear("cost in inner steps"));
        for (k, id) in IDS.iter().enumerate() {
            let [calls, all] = self.costs(k);
            for (height, pale) in [(all, true), (calls, false)] {
                let bar = cost.bar([k as f64], [height]);
                match k {
                    2 => bar.ink(Ink::Tone(0.35)),
                    3 => bar.ink(Ink::Tone(0.8)),
                    _ => bar.of(id),
                };
                if pale {
                    bar.faint();
                }
            }
        }
    }

    fn claim(&self) -> Claim {
        let [ours, one] = [&self.runs[0], &self.runs[1]];
        let settled = |run: &Run| run.reached.is_some() || run.over();
        let open = !(settled(ours) && settled(one)) && self.frames < Self::FRAMES;
        // A run that never gets there counts with the calls it had: the other's share is then a bound from above.
        let share = (!open).then(|| {
            let share = ours.spent()[0] as f64 / one.spent()[0] as f64;
            if ours.reached.is_some() { share } else { share.max(1.0) }
        });
        let bill = (!open).then(|| self.costs(0)[1] / self.costs(1)[1]);
        let margin = (self.looks > 0).then_some(self.margin);
        let text = if !open && ours.reached.is_none() {
            "It does not come to a thousandth of the gap: all its calls count as {value} of those of gradient descent, at \
             most {high}."
        } else {
            "To a thousandth of the gap it takes {value} of the calls of gradient descent, at most {high}."
        };
        Claim::new(vec![
            Clause::at_most(text, share, 0.2),
            Clause::at_least(
                "Wherever it was looked at, the surrogate is above the loss by {value} or more, at least {low}.",
                margin,
                -1e-12,
            )
            .holds_only_after(open),
            Clause::at_most("The bill is {value} of that of gradient descent, at most {high}.", bill, 1.0),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds("default", "m = 20", "One gradient, twenty steps.", default.clone()),
            Scenario::holds(
                "exact",
                "To the end",
                "Projected gradient descent in target space: some ten calls, whatever the condition number.",
                Setting { solver: Inner::Exact, condition: 100.0, ..default.clone() },
            ),
            Scenario::holds(
                "imitation",
                "The cart",
                "Each call is 20 rollouts of the policy at hand.",
                Setting { task: Task::Imitation, ..default.clone() },
            ),
            Scenario::fails(
                "round",
                "κ = 1",
                "The first inner step already finds the minimum of the surrogate: nothing is left to gain.",
                Setting { condition: 1.0, ..default.clone() },
            ),
            Scenario::fails(
                "bold",
                "ηL = 3",
                "The surrogate is too flat and dips below the loss.",
                Setting { eta: 3.0, ..default.clone() },
            ),
            Scenario::fails(
                "cheap",
                "Cheap calls",
                "Where a call costs no more than an inner step, a hundred of them cost more than the calls they save.",
                Setting { price: 1.0, condition: 5.0, steps: 100, ..default.clone() },
            ),
            Scenario::fails(
                "noise",
                "Twenty rows",
                "With small batches noise sets the pace, and no number of inner steps reaches the goal in time.",
                Setting { batch: 20, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{difference, list, number, numbers, vectors, whole, word};
    use proptest::prelude::{prop_assert, proptest};

    fn at(setting: Setting, seed: u64) -> (Fixed, Rng) {
        let mut rng = Rng::seed_from_u64(seed);
        (Fixed::new(&setting, &mut rng), rng)
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
        #[test]
        fn the_surrogate_touches_the_loss_and_stays_above(seed in 0_u64..50, eta in 0.1_f64..1.0, length in 0.01_f64..3.0) {
            for (task, batch) in [(Task::Logistic, 400), (Task::Logistic, 13), (Task::Imitation, 400)] {
                let (fixed, mut rng) = at(Setting { task, batch, ..Setting::default() }, seed);
                let theta: Vec<f64> = normals(fixed.whole.columns, &mut rng);
                let surrogate = Surrogate::new(fixed.rows(&theta, &mut rng), &theta, eta);
                let zero = vec![0.0; theta.len()];
                prop_assert!(surrogate.margin(&zero).abs() < 1e-13 * (1.0 + surrogate.height));
                let aside: Vec<f64> = normals(theta.len(), &mut rng).iter().map(|n| length * n).collect();
                prop_assert!(surrogate.margin(&aside) > -1e-12 * (1.0 + surrogate.value(&aside)));
                // The same slope where they touch.
                let h = 1e-6;
                let tiny: Vec<f64> = aside.iter().map(|a| h * a).collect();
                let back: Vec<f64> = tiny.iter().map(|a| -a).collect();
                let loss = |d: &[f64]| surrogate.value(d) - surrogate.margin(d);
                let slope = (loss(&tiny) - loss(&back)) / (2.0 * h);
                let size = 1.0 + inner(&surrogate.b, &surrogate.b).sqrt() * inner(&aside, &aside).sqrt();
                prop_assert!((slope - inner(&surrogate.b, &aside)).abs() < 1e-6 * size);
            }
        }

        #[test]
        fn many_steps_come_to_the_exact_solution(seed in 0_u64..20) {
            for batch in [400, 7] {
                let (fixed, mut rng) = at(Setting { condition: 2.0, batch, ..Setting::default() }, seed);
                let theta = vec![0.0; 20];
                let surrogate = Surrogate::new(fixed.rows(&theta, &mut rng), &theta, 1.0);
                let exact = surrogate.minimise(Inner::Exact, 1);
                let many = surrogate.minimise(Inner::Fixed, 2000);
                let size = exact.iter().map(|e| e.abs()).fold(0.0, f64::max);
                prop_assert!(exact.iter().zip(&many).all(|(e, m)| (e - m).abs() < 1e-5 * size), "{batch}");
            }
        }
    }

    #[test]
    fn one_inner_step_is_gradient_descent() {
        let (fixed, mut rng) = at(Setting::default(), 3);
        let theta = normals(20, &mut rng);
        let surrogate = Surrogate::new(fixed.rows(&theta, &mut rng), &theta, 1.0);
        let step = 1.0 / (surrogate.design.targets.smoothness(ROWS) * surrogate.design.norm);
        let delta = surrogate.minimise(Inner::Fixed, 1);
        assert!(delta.iter().zip(&surrogate.b).all(|(delta, b)| (delta + step * b).abs() < 1e-14 * step));
    }

    #[test]
    fn the_expert_is_the_exact_solution_after_one_call() {
        let (fixed, mut rng) = at(Setting { task: Task::Imitation, ..Setting::default() }, 1);
        let zero = vec![0.0; 2];
        let delta = Surrogate::new(fixed.rows(&zero, &mut rng), &zero, 1.0).minimise(Inner::Exact, 1);
        assert!(delta.iter().zip(&fixed.best).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs()), "{delta:?}");
    }

    #[test]
    fn the_design_has_the_condition_number_that_was_asked_for() {
        let (fixed, _) = at(Setting::default(), 4);
        assert!((fixed.spread[0] - 1.0).abs() < 1e-10 && (fixed.spread[0] / fixed.spread[1] - 30.0).abs() < 1e-7);
        assert!((fixed.whole.norm / ROWS as f64 - 1.0).abs() < 1e-3, "{}", fixed.whole.norm);
    }

    // `tests/reference/target_surrogate.py` keeps the surrogate in the targets, and has NumPy's least squares.
    #[test]
    fn surrogates_lead_where_numpys_do() {
        let vectors = vectors(include_str!("../../../../tests/reference/target_surrogate.json"));
        let (x, labels) = (numbers(&vectors["x"]), numbers(&vectors["b"]));
        let begins: Vec<[f64; 2]> =
            list(&vectors["begins"]).iter().map(|begin| [number(&begin[0]), number(&begin[1])]).collect();
        let mut whole_design = Design::new(Targets::Logistic, x.len() / labels.len(), x, labels);
        // Power iteration has come near; NumPy knows the norm to the last digit.
        let norm = number(&vectors["norm"]);
        assert!((whole_design.norm / norm - 1.0).abs() < 1e-2);
        whole_design.norm = norm;
        let whole_design = Rc::new(whole_design);
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 8);
        for case in cases {
            let (task, solver, batch) = (word(&case["task"]), word(&case["solver"]), whole(&case["batch"]));
            let inner = match solver {
                "fixed" => Inner::Fixed,
                "armijo" => Inner::Armijo,
                _ => Inner::Exact,
            };
            let (eta, steps, rows) = (number(&case["eta"]), whole(&case["steps"]), whole_design.rows());
            let mut theta = vec![0.0; if task == "logistic" { whole_design.columns } else { 2 }];
            let (mut t, mut worst) = (0, 0.0_f64);
            for expected in list(&case["path"]) {
                for _ in 0..40 {
                    let (design, eta) = if task == "imitation" {
                        (Rc::new(rollouts(&begins, [theta[0], theta[1]], 1.0)), eta)
                    } else if batch == rows {
                        (Rc::clone(&whole_design), eta)
                    } else {
                        let picked: Vec<usize> = (0..batch).map(|j| (11 * t + 7 * j) % rows).collect();
                        (Rc::new(whole_design.pick(&picked)), eta / ((t + 1) as f64).sqrt())
                    };
                    let delta = Surrogate::new(design, &theta, eta).minimise(inner, steps);
                    theta.iter_mut().zip(&delta).for_each(|(theta, delta)| *theta += delta);
                    t += 1;
                }
                worst = worst.max(difference(&theta, &numbers(expected)));
            }
            println!("{task}, {solver}, {batch} rows: {worst:e} after {t} calls");
            assert!(t == 200 && worst < 1e-10, "{task}, {solver}, {batch} rows: {worst:e}");
        }
    }
}
