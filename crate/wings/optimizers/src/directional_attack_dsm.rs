//! A trained network $\Phi$ stands in for something dear, a design or a patient, and we want the input that is best by
//! it: $\max_x f(\Phi(x))$ with $c(\Phi(x))\le0$, in a box. It is well known how to move an output with a tiny change
//! of the input: one attacks the network. The paper takes that weapon for a search direction. From $x$, with $d=\nabla
//! f(\Phi(x))$, the attack
//! $$x+r\,\mathrm{sign}\bigl(J_\Phi(x)^\top d\bigr)$$
//! is tried first; where it fails, a direct search polls.
//!
//! Each iteration tries the attack and, if it is feasible and better, takes it and doubles $r$; otherwise $r$ is
//! halved. Then a point of the neighbourhood that is far from all tried before is tested (the covering step, which is
//! what the convergence proof needs where $c$ jumps), and then $x\pm\delta q$ for the columns $q$ of a random
//! Householder matrix, until one gains $10^{-4}\delta^2$: then $\delta$ doubles, else it is halved. Points that break
//! the constraint count for nothing; only values are compared.
//!
//! You see a glyph turned, within $\pm0.3$ in each pixel, into what the network takes for the target digit, while a
//! third digit's probability must stay small. A backpropagation counts as an evaluation.
//!
//! **Try** painting a glyph, another target, or a radius at which you would not notice. Switch the polling off: the
//! attack alone is as fast, and promises nothing.
//!
//! **Where it stops.** The attack's gain is that of a gradient in 144 dimensions, where polling must feel its way pixel
//! by pixel. With ten inputs and an active constraint it points straight into what is forbidden and is halved to
//! nothing: the hybrid needs as many evaluations as polling alone, or more, and can end in a slightly lower place; so
//! it can where the third digit is allowed one part in a thousand. In the plane what is forbidden lies before the
//! higher hill.
//!
//! All three networks are trained before your eyes, with 600 glyphs or 400 random examples. Scaled down: the paper's
//! networks are large and partly black boxes; ours can be differentiated. CMA-ES has a diagonal covariance, as 144
//! dimensions ask for. "Arrived" means nine tenths of the greatest gain that anyone made.

use orrery_core::prelude::*;
use orrery_kernels::data::{Stroke, glyph, glyphs};
use orrery_kernels::linalg::{View, inner, matvec};
use orrery_kernels::math::{TAU, exp, log, log_sum_exp, pow, sin, tanh};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::direction;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "directional-attack-dsm",
    title: "Optimization by Directional Attacks: Solving Problems with Neural Network Surrogates",
    year: 2025,
    lists: &[4],
    claim: "An attack on a network is an ascent direction: with a direct search behind it, it is fast and safe.",
    algorithms: &[
        "directional attack",
        "FGSM",
        "PGD attack",
        "direct search",
        "cDSM",
        "derivative-free optimisation",
        "CMA-ES",
        "extreme barrier",
        "counterfactual",
    ],
    contenders: &[
        Contender::paper("hybrid", "attack and poll"),
        Contender::baseline("search", "direct search"),
        Contender::baseline("attack", "attack alone"),
        Contender::baseline("random", "random local search"),
        Contender::baseline("cma", "CMA-ES, diagonal"),
    ],
};

/// What is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// An image that the network takes for another digit.
    #[choice("counterfactual glyph")]
    Glyph,
    /// Ten inputs, three outputs, an active constraint.
    #[choice("surrogate design")]
    Design,
    /// Two inputs, two outputs.
    #[choice("2-D toy")]
    Toy,
}

/// How the network is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Attack {
    /// Along the signs of the gradient.
    #[choice("FGSM")]
    Fgsm,
    /// Along the gradient, as far in all as FGSM goes.
    #[choice("ℓ₂")]
    L2,
    /// Five steps along signs, each a fifth as far.
    #[choice("PGD-5")]
    Pgd,
    /// Not at all.
    #[choice("off")]
    Off,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is to be found.
    #[control(label = "task", default = Problem::Glyph)]
    pub task: Problem,
    /// The digit that the network shall see.
    #[control(label = "target class", range = 0..=9, default = 3, when = ("task", "glyph"))]
    pub target: usize,
    /// How far each pixel may change.
    #[control(label = "ball radius", range = 0.02..=1.0, log, default = 0.3, when = ("task", "glyph"))]
    pub radius: f64,
    /// How the network is attacked.
    #[control(label = "attack", default = Attack::Fgsm)]
    pub attack: Attack,
    /// Whether the hybrid polls where an attack fails.
    #[control(label = "polling", default = true)]
    pub polling: bool,
    /// How many evaluations of the network each contender has.
    #[control(label = "evaluation budget", range = 100..=20_000, log, default = 4000)]
    pub budget: usize,
    /// What the third class's probability, or the constrained output, may be at most.
    #[control(label = "constraint level", range = 0.001..=0.5, log, default = 0.05)]
    pub level: f64,
    /// The glyph to begin with. Paint one.
    #[control(label = "glyph", size = (12, 12), default = eight(), when = ("task", "glyph"))]
    pub glyph: Image,
}

/// Pixels along a side.
const SIDE: usize = 12;

fn eight() -> Image {
    let pixels = glyph(8, SIDE, &Stroke::UPRIGHT).iter().map(|grey| (grey * 100.0).round() / 100.0).collect();
    Image { width: SIDE, height: SIDE, pixels }
}

/// Layers `h ← tanh(h W + b)`, no tanh after the last, as the trained [`Mlp`] has them.
#[derive(Clone)]
struct Surrogate {
    /// Inputs and outputs of each layer, its weights and biases.
    layers: Vec<(usize, usize, Vec<f64>, Vec<f64>)>,
}

impl Surrogate {
    fn new(network: &Mlp, theta: &[f64]) -> Self {
        let layers = network.parameters.matrices().chunks_exact(2).map(|pair| {
            let [w, b] = [&pair[0], &pair[1]].map(|matrix| theta[matrix.range()].to_vec());
            (pair[0].rows, pair[0].columns, w, b)
        });
        Self { layers: layers.collect() }
    }

    /// What every layer gives, the network's output last.
    fn forward(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let mut given: Vec<Vec<f64>> = Vec::with_capacity(self.layers.len());
        for (rows, columns, w, b) in &self.layers {
            let h = match given.last_mut() {
                None => x,
                Some(z) => {
                    z.iter_mut().for_each(|z| *z = tanh(*z));
                    &*z
                }
            };
            let mut z = matvec(View::by_rows(w, *rows, *columns).t(), h);
            z.iter_mut().zip(b).for_each(|(z, b)| *z += b);
            given.push(z);
        }
        given
    }

    fn outputs(&self, x: &[f64]) -> Vec<f64> {
        self.forward(x).pop().unwrap_or_default()
    }

    /// $\Phi(x)$ and $J_\Phi(x)^\top d$ with $d=$ `toward`$(\Phi(x))$.
    fn pull_back(&self, x: &[f64], toward: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let given = self.forward(x);
        let mut d = given.last().map(|outputs| toward(outputs)).unwrap_or_default();
        for (layer, (rows, columns, w, _)) in self.layers.iter().enumerate().rev() {
            d = matvec(View::by_rows(w, *rows, *columns), &d);
            if layer > 0 {
                d.iter_mut().zip(&given[layer - 1]).for_each(|(d, h)| *d *= 1.0 - h * h);
            }
        }
        d
    }
}

/// A network on its way to being trained.
#[derive(Clone)]
struct Training {
    network: Rc<Mlp>,
    examples: Rc<Examples>,
    theta: Vec<f64>,
    adam: Adam,
    rng: Rng,
}

struct Examples {
    columns: usize,
    features: Vec<f64>,
    answers: Answers,
}

enum Answers {
    Classes(Vec<usize>),
    /// By rows, so many columns.
    Values(usize, Vec<f64>),
}

/// Adam's steps, how many examples each sees, and how many are taken in one step of the exhibit.
const LESSONS: usize = 400;
const BATCH: usize = 40;
const AT_ONCE: usize = 8;

impl Training {
    fn new(hidden: &[usize], rate: f64, examples: Examples, rng: &mut Rng) -> Self {
        let outputs = match &examples.answers {
            Answers::Classes(_) => 10,
            Answers::Values(columns, _) => *columns,
        };
        let sizes = [&[examples.columns], hidden, &[outputs]].concat();
        let network = Mlp::new(&sizes, Activation::Tanh, Initialization::Glorot);
        let theta = network.parameters.initial(rng);
        let adam = Adam::new(theta.len(), rate, [0.9, 0.999]);
        let rng = Rng::seed_from_u64(rng.random());
        Self { network: Rc::new(network), examples: Rc::new(examples), theta, adam, rng }
    }

    fn step(&mut self) {
        let Examples { columns, features, answers } = &*self.examples;
        let count = (features.len() / columns) as u32;
        let rows: Vec<usize> = (0..BATCH).map(|_| self.rng.random_range(0..count) as usize).collect();
        let x = rows.iter().flat_map(|&row| &features[row * columns..][..*columns]).copied().collect();
        let mut gradient = vec![0.0; self.theta.len()];
        self.network.parameters.gradient(&self.theta, &mut gradient, |graph, p| {
            let x = graph.leaf(BATCH, *columns, x);
            let outputs = self.network.apply(graph, p, x);
            match answers {
                Answers::Classes(labels) => {
                    let labels: Vec<usize> = rows.iter().map(|&row| labels[row]).collect();
                    graph.cross_entropy(outputs, &labels)
                }
                Answers::Values(width, values) => {
                    let y = rows.iter().flat_map(|&row| &values[row * width..][..*width]).copied().collect();
                    let y = graph.leaf(BATCH, *width, y);
                    graph.mean_squared_error(outputs, y)
                }
            }
        });
        self.adam.step(&mut self.theta, &gradient);
    }

    fn surrogate(&self) -> Surrogate {
        Surrogate::new(&self.network, &self.theta)
    }

    /// The share of the glyphs that are told right.
    fn accuracy(&self) -> Option<f64> {
        let Examples { columns, features, answers } = &*self.examples;
        let Answers::Classes(labels) = answers else { return None };
        let surrogate = self.surrogate();
        let told = features.chunks_exact(*columns).map(|x| greatest(&surrogate.outputs(x)));
        let right = told.zip(labels).filter(|(told, label)| told == *label).count();
        Some(right as f64 / labels.len() as f64)
    }
}

fn greatest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, k| if values[k] > values[best] { k } else { best })
}

fn shares(logits: &[f64]) -> Vec<f64> {
    let top = log_sum_exp(logits);
    logits.iter().map(|z| exp(z - top)).collect()
}

/// What the toy's network learns: two hills, and a third before the higher one, which must not be climbed.
fn toy_truth([x, y]: [f64; 2]) -> [f64; 2] {
    let hill = |a: f64, b: f64, width: f64| exp(-((x - a) * (x - a) + (y - b) * (y - b)) / width);
    [hill(0.75, 0.55, 0.25) + 0.6 * hill(0.2, 0.75, 0.05), 0.9 * hill(0.55, 0.45, 0.08) - 0.3]
}

/// What the design's network learns: performance, load, and a coupling.
fn design_truth(x: &[f64], best: &[f64]) -> [f64; 3] {
    let n = x.len() as f64;
    let far: f64 = x.iter().zip(best).map(|(x, b)| (x - b) * (x - b)).sum();
    let load = x.iter().sum::<f64>() / n - 0.6 + 0.03 * sin(TAU * x[0]);
    [1.0 - 4.0 * far / n, load, x[1] * x[2] - x[3] * x[4]]
}

fn toy_examples(rng: &mut Rng) -> Examples {
    let features: Vec<f64> = (0..800).map(|_| rng.random()).collect();
    let values = features.chunks_exact(2).flat_map(|x| toy_truth([x[0], x[1]])).collect();
    Examples { columns: 2, features, answers: Answers::Values(2, values) }
}

fn design_examples(rng: &mut Rng) -> Examples {
    let best: Vec<f64> = (0..INPUTS).map(|_| rng.random_range(0.6..1.0)).collect();
    let features: Vec<f64> = (0..400 * INPUTS).map(|_| rng.random()).collect();
    let values = features.chunks_exact(INPUTS).flat_map(|x| design_truth(x, &best)).collect();
    Examples { columns: INPUTS, features, answers: Answers::Values(3, values) }
}

/// Inputs of the design.
const INPUTS: usize = 10;

/// $f$ and $c$.
#[derive(Clone, Copy)]
enum Aim {
    /// $f=\log p_\text{target}$, $c=p_\text{third}-\text{level}$.
    Class { target: usize, third: usize },
    /// $f=y_1+y_3/10$ (or $y_1$, of two outputs), $c=y_2-\text{level}$.
    Output,
}

/// One problem: a network, what is wanted of it, and a box.
struct Task {
    network: Rc<Surrogate>,
    aim: Aim,
    level: f64,
    start: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    /// Half of the box, on the average.
    radius: f64,
}

impl Task {
    /// $f(\Phi(x))$ and $c(\Phi(x))$.
    fn judge(&self, x: &[f64]) -> (f64, f64) {
        let y = self.network.outputs(x);
        match self.aim {
            Aim::Class { target, third } => {
                let top = log_sum_exp(&y);
                (y[target] - top, exp(y[third] - top) - self.level)
            }
            Aim::Output => (y[0] + y.get(2).map_or(0.0, |y| 0.1 * y), y[1] - self.level),
        }
    }

    /// $J_\Phi(x)^\top\nabla f(\Phi(x))$.
    fn ascent(&self, x: &[f64]) -> Vec<f64> {
        self.network.pull_back(x, |y| match self.aim {
            // ∇ log p_t = e_t - p
            Aim::Class { target, .. } => {
                let mut d: Vec<f64> = shares(y).iter().map(|p| -p).collect();
                d[target] += 1.0;
                d
            }
            Aim::Output => (0..y.len()).map(|k| [1.0, 0.0, 0.1][k]).collect(),
        })
    }

    fn clip(&self, x: &mut [f64]) {
        for ((x, low), high) in x.iter_mut().zip(&self.low).zip(&self.high) {
            *x = x.clamp(*low, *high);
        }
    }

    /// The attack from `x` with radius `r`, and how many evaluations it takes to make.
    fn attack(&self, x: &[f64], r: f64, attack: Attack) -> (Vec<f64>, usize) {
        let mut y = x.to_vec();
        let rounds = if attack == Attack::Pgd { 5 } else { 1 };
        for _ in 0..rounds {
            let g = self.ascent(&y);
            // x + r sign(Jᵀd), or x + r √n Jᵀd / ‖Jᵀd‖
            let length = inner(&g, &g).sqrt();
            let scale = if length > 0.0 { (x.len() as f64).sqrt() / length } else { 0.0 };
            for (y, g) in y.iter_mut().zip(&g) {
                let part = if attack == Attack::L2 {
                    g * scale
                } else if *g == 0.0 {
                    0.0
                } else {
                    g.signum()
                };
                *y += r / f64::from(rounds) * part;
            }
            self.clip(&mut y);
        }
        (y, rounds as usize)
    }
}

/// The paper's iteration, or parts of it.
#[derive(Clone)]
struct Hybrid {
    attack: Attack,
    polling: bool,
    /// The attack's radius, and the poll's step.
    r: f64,
    delta: f64,
    /// Points tried of late, for the covering step.
    tried: Vec<Vec<f64>>,
}

/// CMA-ES with a diagonal covariance (Ros and Hansen, "A simple modification in CMA-ES achieving linear time and space
/// complexity", 2008).
#[derive(Clone)]
struct Cma {
    mean: Vec<f64>,
    sigma: f64,
    variances: Vec<f64>,
    path: Vec<f64>,
    path_sigma: Vec<f64>,
    generation: f64,
}

#[derive(Clone)]
enum Method {
    Hybrid(Hybrid),
    /// Normal steps of this size: a half longer after a success, a little shorter after a failure.
    Random(f64),
    Cma(Cma),
}

/// What a tried point was.
#[derive(Clone, Copy, PartialEq)]
enum Tried {
    Attack,
    Poll,
}

/// A contender on a task.
#[derive(Clone)]
struct Run {
    method: Method,
    rng: Rng,
    x: Vec<f64>,
    /// The best feasible value.
    best: Option<f64>,
    evaluations: usize,
    budget: usize,
    stopped: bool,
    /// Evaluations and best value, at every gain.
    gains: Vec<[f64; 2]>,
    /// Where it has been and what it tried, in the plane.
    path: Series,
    points: Vec<([f64; 2], Tried)>,
}

/// Points that the covering step chooses from.
const COVERING: usize = 12;

/// Below this a radius or a step is nothing.
const NOTHING: f64 = 1e-9;

impl Run {
    fn new(method: Method, task: &Task, budget: usize, rng: &mut Rng) -> Self {
        let mut run = Self {
            method,
            rng: Rng::seed_from_u64(rng.random()),
            x: task.start.clone(),
            best: None,
            evaluations: 0,
            budget,
            stopped: false,
            gains: Vec::new(),
            path: Series::new(),
            points: Vec::new(),
        };
        run.offer(task, task.start.clone(), 0.0);
        run
    }

    /// Evaluates a point; whether it is feasible and better by `margin`, in which case it is taken.
    fn offer(&mut self, task: &Task, x: Vec<f64>, margin: f64) -> bool {
        let (f, c) = task.judge(&x);
        self.evaluations += 1;
        let better = c <= 0.0 && self.best.is_none_or(|best| f > best + margin);
        if better {
            self.best = Some(f);
            self.gains.push([self.evaluations as f64, f]);
            self.path.push(x[0], x[1]);
            self.x = x;
        }
        better
    }

    fn spent(&self) -> bool {
        self.stopped || self.evaluations >= self.budget
    }

    fn note(&mut self, x: &[f64], what: Tried) {
        if x.len() == 2 && self.points.len() < 400 {
            self.points.push(([x[0], x[1]], what));
        }
    }

    fn iterate(&mut self, task: &Task) {
        // Taken out while it runs, so that it may use the rest of the run.
        match std::mem::replace(&mut self.method, Method::Random(0.0)) {
            Method::Hybrid(mut hybrid) => {
                // Displacements for the covering step, and a direction for the poll.
                let around = |rng: &mut Rng, n: usize| {
                    (0..COVERING).map(|_| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()).collect()
                };
                self.search(task, &mut hybrid, around, |rng, n| direction(n, rng));
                self.method = Method::Hybrid(hybrid);
            }
            Method::Random(size) => {
                let mut x: Vec<f64> =
                    self.x.iter().map(|x| x + size * self.rng.sample::<f64, _>(StandardNormal)).collect();
                task.clip(&mut x);
                let better = self.offer(task, x, 0.0);
                self.method = Method::Random(if better { 1.5 * size } else { 0.95 * size });
                self.stopped = size < NOTHING;
            }
            Method::Cma(mut cma) => {
                self.generation(task, &mut cma);
                self.method = Method::Cma(cma);
            }
        }
    }

    /// Attack, cover, poll. What is drawn at random is drawn only where it is needed.
    fn search(
        &mut self,
        task: &Task,
        hybrid: &mut Hybrid,
        around: impl FnOnce(&mut Rng, usize) -> Vec<Vec<f64>>,
        direction: impl FnOnce(&mut Rng, usize) -> Vec<f64>,
    ) {
        if hybrid.attack != Attack::Off && hybrid.r > NOTHING {
            let (x, cost) = task.attack(&self.x, hybrid.r, hybrid.attack);
            self.evaluations += cost;
            if self.spent() {
                return;
            }
            self.note(&x, Tried::Attack);
            let better = self.offer(task, x, 0.0);
            // r ← 2r or r/2
            hybrid.r = if better { (2.0 * hybrid.r).min(2.0 * task.radius) } else { 0.5 * hybrid.r };
            if better {
                return;
            }
        }
        if !hybrid.polling {
            self.stopped = hybrid.attack == Attack::Off || hybrid.r <= NOTHING;
            return;
        }
        let n = self.x.len();
        if self.spent() {
            return;
        }
        let around = around(&mut self.rng, n);
        if self.cover(task, hybrid, &around) {
            return;
        }
        // x ± δ q, with q the columns of I - 2vvᵀ
        let v = direction(&mut self.rng, n);
        for poll in 0..2 * n {
            if self.spent() {
                return;
            }
            let (column, sign) = (poll / 2, if poll % 2 == 0 { 1.0 } else { -1.0 });
            let q = |k: usize| if k == column { 1.0 - 2.0 * v[k] * v[column] } else { -2.0 * v[k] * v[column] };
            let mut x: Vec<f64> = self.x.iter().enumerate().map(|(k, x)| x + sign * hybrid.delta * q(k)).collect();
            task.clip(&mut x);
            self.note(&x, Tried::Poll);
            hybrid.remember(&x);
            // f(x + δq) > f(x) + 10⁻⁴ δ²: δ ← 2δ, else δ/2
            if self.offer(task, x, 1e-4 * hybrid.delta * hybrid.delta) {
                hybrid.delta = (2.0 * hybrid.delta).min(2.0 * task.radius);
                // The attack has a new place to start from.
                hybrid.r = hybrid.r.max(hybrid.delta.min(task.radius));
                return;
            }
        }
        hybrid.delta *= 0.5;
        self.stopped = hybrid.delta < NOTHING;
    }

    /// Of some random points around $x$, the one farthest from all that were tried of late.
    fn cover(&mut self, task: &Task, hybrid: &mut Hybrid, around: &[Vec<f64>]) -> bool {
        let mut far: Option<(f64, Vec<f64>)> = None;
        for away in around {
            let mut x: Vec<f64> = self.x.iter().zip(away).map(|(x, a)| x + 0.5 * task.radius * a).collect();
            task.clip(&mut x);
            let square = |y: &Vec<f64>| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
            let distance = hybrid.tried.iter().map(square).fold(f64::INFINITY, f64::min);
            if far.as_ref().is_none_or(|(most, _)| distance > *most) {
                far = Some((distance, x));
            }
        }
        let Some((_, x)) = far else { return false };
        self.note(&x, Tried::Poll);
        hybrid.remember(&x);
        self.offer(task, x, 0.0)
    }

    /// A generation of CMA-ES; points outside the box are moved onto it, those that break the constraint come last.
    fn generation(&mut self, task: &Task, cma: &mut Cma) {
        let n = self.x.len() as f64;
        let lambda = 4 + (3.0 * log(n)) as usize;
        let mu = lambda / 2;
        let weights: Vec<f64> = (1..=mu).map(|k| log(mu as f64 + 0.5) - log(k as f64)).collect();
        let sum: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
        let effective = 1.0 / inner(&weights, &weights);
        let cs = (effective + 2.0) / (n + effective + 5.0);
        let damping = 1.0 + cs + 2.0 * (((effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0);
        let cc = (4.0 + effective / n) / (n + 4.0 + 2.0 * effective / n);
        // A diagonal has n unknowns and not n²: it may learn (n + 2)/3 times as fast.
        let faster = (n + 2.0) / 3.0;
        let c1 = (faster * 2.0 / ((n + 1.3) * (n + 1.3) + effective)).min(0.5);
        let cmu = faster * 2.0 * (effective - 2.0 + 1.0 / effective) / ((n + 2.0) * (n + 2.0) + effective);
        let cmu = cmu.min(1.0 - c1);

        let mut born: Vec<(f64, Vec<f64>)> = Vec::with_capacity(lambda);
        for _ in 0..lambda {
            if self.spent() {
                return;
            }
            let parts = cma.mean.iter().zip(&cma.variances);
            let mut x: Vec<f64> =
                parts.map(|(m, v)| m + cma.sigma * v.sqrt() * self.rng.sample::<f64, _>(StandardNormal)).collect();
            task.clip(&mut x);
            let (f, c) = task.judge(&x);
            self.offer(task, x.clone(), 0.0);
            // Among those that break the constraint, the less the better.
            born.push((if c <= 0.0 { f } else { -1e6 - c }, x));
        }
        born.sort_by(|a, b| b.0.total_cmp(&a.0));
        let old = cma.mean.clone();
        let y = |x: &[f64], k: usize| (x[k] - old[k]) / cma.sigma;
        let step: Vec<f64> =
            (0..old.len()).map(|k| born.iter().zip(&weights).map(|((_, x), w)| w * y(x, k)).sum()).collect();
        let mut length = 0.0;
        for (k, step) in step.iter().enumerate() {
            let keep = (cs * (2.0 - cs) * effective).sqrt();
            cma.path_sigma[k] = (1.0 - cs) * cma.path_sigma[k] + keep * step / cma.variances[k].sqrt();
            length += cma.path_sigma[k] * cma.path_sigma[k];
        }
        let length = length.sqrt();
        let expected = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        cma.generation += 1.0;
        let fresh = (1.0 - pow(1.0 - cs, 2.0 * cma.generation)).sqrt();
        let steady = length / fresh < (1.4 + 2.0 / (n + 1.0)) * expected;
        for (k, step) in step.iter().enumerate() {
            let push = if steady { (cc * (2.0 - cc) * effective).sqrt() * step } else { 0.0 };
            cma.path[k] = (1.0 - cc) * cma.path[k] + push;
            let rank: f64 = born.iter().zip(&weights).map(|((_, x), w)| w * y(x, k) * y(x, k)).sum();
            let variance = (1.0 - c1 - cmu) * cma.variances[k] + c1 * cma.path[k] * cma.path[k] + cmu * rank;
            cma.variances[k] = variance.max(1e-20);
        }
        let sigma = cma.sigma;
        cma.mean.iter_mut().zip(&step).for_each(|(m, step)| *m += sigma * step);
        cma.sigma = (sigma * exp(cs / damping * (length / expected - 1.0))).clamp(1e-12, task.radius);
        self.stopped = cma.sigma < NOTHING;
    }
}

impl Hybrid {
    fn new(attack: Attack, polling: bool, radius: f64) -> Self {
        Self { attack, polling, r: radius, delta: radius, tried: Vec::new() }
    }

    fn remember(&mut self, x: &[f64]) {
        if self.tried.len() == 30 {
            self.tried.remove(0);
        }
        self.tried.push(x.to_vec());
    }
}

/// The contenders, in the order of the card.
fn contenders(task: &Task, setting: &Setting, rng: &mut Rng) -> Vec<Run> {
    let n = task.start.len();
    let alone = if setting.attack == Attack::Off { Attack::Fgsm } else { setting.attack };
    let sigma = 0.3 * task.radius;
    let cma = Cma {
        mean: task.start.clone(),
        sigma,
        variances: vec![1.0; n],
        path: vec![0.0; n],
        path_sigma: vec![0.0; n],
        generation: 0.0,
    };
    let methods = [
        Method::Hybrid(Hybrid::new(setting.attack, setting.polling, task.radius)),
        Method::Hybrid(Hybrid::new(Attack::Off, true, task.radius)),
        Method::Hybrid(Hybrid::new(alone, false, task.radius)),
        Method::Random(sigma),
        Method::Cma(cma),
    ];
    methods.into_iter().map(|method| Run::new(method, task, setting.budget, rng)).collect()
}

/// Evaluations, of all contenders together, in one step of the exhibit.
const SHARE: usize = 800;

/// Tasks that everything is measured on.
const REPEATS: usize = 6;

/// The exhibit.
#[derive(Clone)]
pub struct DirectionalAttack {
    setting: Setting,
    rng: Rng,
    pixels: Rc<Vec<f64>>,
    lesson: usize,
    /// The network of the task, and the toy's, which is always there to be seen.
    training: Training,
    toy_training: Training,
    /// With the trained networks: the tasks and their contenders; the toy and its contenders.
    tasks: Rc<Vec<Task>>,
    runs: Vec<Vec<Run>>,
    toy: Option<Rc<Toy>>,
    toy_runs: Vec<Run>,
    accuracy: Option<f64>,
}

/// The toy, with $f$ and $c$ on a grid.
struct Toy {
    task: Task,
    f: Vec<f64>,
    c: Vec<f64>,
}

/// Cells along a side of the toy's picture.
const CELLS: usize = 48;

impl DirectionalAttack {
    fn trained(&self) -> bool {
        self.lesson >= LESSONS
    }

    fn toy_task(&self, network: &Rc<Surrogate>, start: Vec<f64>) -> Task {
        let (low, high) = (vec![0.0; 2], vec![1.0; 2]);
        Task { network: Rc::clone(network), aim: Aim::Output, level: self.setting.level, start, low, high, radius: 0.3 }
    }

    /// Six tasks for the trained network: the first is the visitor's.
    fn begin(&mut self) {
        let network = Rc::new(self.training.surrogate());
        let setting = self.setting.clone();
        let mut tasks = Vec::new();
        for repeat in 0..REPEATS {
            tasks.push(match setting.task {
                Problem::Glyph => {
                    let start = if repeat == 0 {
                        self.pixels.to_vec()
                    } else {
                        let digit = (setting.target + 2 * repeat - 1) % 10;
                        glyph(digit, SIDE, &Stroke::random(1.0, &mut self.rng))
                    };
                    // The third class: the likeliest of those that are neither the target nor what is seen, and allowed.
                    let p = shares(&network.outputs(&start));
                    let seen = greatest(&p);
                    let allowed = |k: &usize| ![seen, setting.target].contains(k) && p[*k] <= setting.level;
                    let likelier = |best: usize, k: usize| if p[k] > p[best] { k } else { best };
                    let third = (0..10).filter(allowed).reduce(likelier);
                    let third = third.unwrap_or((setting.target + 1) % 10);
                    let low = start.iter().map(|x| (x - setting.radius).max(0.0)).collect();
                    let high = start.iter().map(|x| (x + setting.radius).min(1.0)).collect();
                    let aim = Aim::Class { target: setting.target, third };
                    let (network, level, radius) = (Rc::clone(&network), setting.level, setting.radius);
                    Task { network, aim, level, start, low, high, radius }
                }
                Problem::Design => {
                    let start: Vec<f64> = (0..INPUTS).map(|_| self.rng.random_range(0.1..0.5)).collect();
                    let (low, high) = (vec![0.0; INPUTS], vec![1.0; INPUTS]);
                    let (network, level) = (Rc::clone(&network), setting.level);
                    Task { network, aim: Aim::Output, level, start, low, high, radius: 0.3 }
                }
                Problem::Toy => {
                    let start = if repeat == 0 {
                        vec![0.15, 0.15]
                    } else {
                        vec![self.rng.random_range(0.05..0.35), self.rng.random_range(0.05..0.35)]
                    };
                    self.toy_task(&network, start)
                }
            });
        }
        self.runs = tasks.iter().map(|task| contenders(task, &setting, &mut self.rng)).collect();
        self.accuracy = self.training.accuracy();
        self.tasks = Rc::new(tasks);

        let network = Rc::new(self.toy_training.surrogate());
        let task = self.toy_task(&network, vec![0.15, 0.15]);
        let place = |k: usize| (2 * k + 1) as f64 / (2 * CELLS) as f64;
        let judged = (0..CELLS * CELLS).map(|k| task.judge(&[place(k % CELLS), place(k / CELLS)]));
        let (f, c) = judged.unzip();
        self.toy_runs = contenders(&task, &Setting { budget: setting.budget.min(400), ..setting }, &mut self.rng);
        self.toy = Some(Rc::new(Toy { task, f, c }));
    }

    fn over(&self) -> bool {
        self.trained() && !self.runs.is_empty() && self.runs.iter().flatten().all(Run::spent)
    }

    /// Evaluations until a contender had nine tenths of the greatest gain anyone has made on a task.
    fn arrival(&self, task: usize, contender: usize) -> f64 {
        let runs = &self.runs[task];
        let first = runs.first().and_then(|run| run.gains.first()).map_or(0.0, |gain| gain[1]);
        let best = runs.iter().filter_map(|run| run.best).fold(first, f64::max);
        let wanted = first + 0.9 * (best - first);
        let reached = runs[contender].gains.iter().find(|[_, value]| *value >= wanted);
        reached.map_or(self.setting.budget as f64, |[evaluations, _]| *evaluations)
    }

    fn arrivals(&self, contender: usize) -> Vec<f64> {
        (0..self.runs.len()).map(|task| self.arrival(task, contender)).collect()
    }

    fn draw_images(&self, figures: &mut Figures) {
        let network_says = |x: &[f64]| match self.tasks.first() {
            Some(task) => {
                let p = shares(&task.network.outputs(x));
                let seen = greatest(&p);
                format!("{seen} ({:.0}%)", 100.0 * p[seen])
            }
            None => "not yet seen".to_owned(),
        };
        let now = self.runs.first().map_or(&*self.pixels, |runs| &runs[0].x);
        let caption = match self.accuracy {
            None => format!("The network is being trained: step {} of {LESSONS}.", self.lesson),
            Some(share) => format!(
                "A glyph, what the search adds, and the sum; below, what each is taken for. The network tells {:.1}% of its 600 glyphs right.",
                100.0 * share
            ),
        };
        let mut figure = figures.figure("images", "A glyph and its counterfactual", caption);
        figure.x(Axis::linear("pixel").domain(0.0, 38.0)).y(Axis::linear("pixel").domain(-4.0, 13.0)).equal();
        // Rasters begin at the low end of y; images at the top.
        let upright = |image: &[f64]| image.chunks_exact(SIDE).rev().flatten().copied().collect::<Vec<f64>>();
        let change: Vec<f64> = now.iter().zip(self.pixels.iter()).map(|(now, was)| now - was).collect();
        let grey = || Colors::sequential("ink").domain(0.0, 1.0);
        let radius = self.setting.radius;
        let signed = Colors::diverging("change").domain(-radius, radius);
        for (k, (image, colors)) in [(&*self.pixels, grey()), (&change, signed), (now, grey())].into_iter().enumerate()
        {
            let left = 13.0 * k as f64;
            let values = upright(image);
            figure.raster(Grid { values: &values, columns: SIDE, x: [left, left + 12.0], y: [0.0, 12.0] }, colors);
        }
        let words = [network_says(&self.pixels), "change".to_owned(), network_says(now)];
        // So far down that the words, which stand above their points, clear the images where these are small.
        figure.text(&[[6.0, -3.4], [19.0, -3.4], [32.0, -3.4]], words);
    }

    fn draw_toy(&self, figures: &mut Figures) {
        let tried = match (self.setting.attack == Attack::Off, self.setting.polling) {
            (false, true) => "Crosses are attacks, small dots are polls; the line joins what was taken.",
            (false, false) => "Crosses are attacks; the line joins what was taken.",
            (true, true) => "Small dots are polls; the line joins what was taken.",
            (true, false) => "Without attack and polling the first contender stays where it is.",
        };
        let caption = format!("A network of two inputs. The accent line bounds what is forbidden. {tried}");
        let mut figure = figures.figure("toy", "In the plane", caption);
        figure.x(Axis::linear("x₁").domain(0.0, 1.0)).y(Axis::linear("x₂").domain(0.0, 1.0)).equal();
        let Some(toy) = &self.toy else { return };
        let Toy { task, f, c } = &**toy;
        let grid = |values| Grid { values, columns: CELLS, x: [0.0, 1.0], y: [0.0, 1.0] };
        let levels: Vec<f64> = (0..12).map(|k| 0.1 * f64::from(k)).collect();
        figure.contour(grid(f), &levels, Some(Colors::sequential("f(Φ(x))"))).faint();
        figure.contour(grid(c), &[0.0], None).ink(Ink::Accent).label("c(Φ(x)) = 0");
        for (run, id) in self.toy_runs.iter().zip(["hybrid", "search", "attack"]).rev() {
            figure.line(run.path.xs(), run.path.ys()).of(id);
            figure.dot([run.x[0]], [run.x[1]]).of(id).radius(5.0);
        }
        if let Some(run) = self.toy_runs.first() {
            for (what, symbol, size) in [(Tried::Poll, Symbol::Disc, 1.5), (Tried::Attack, Symbol::Cross, 4.0)] {
                let points: Vec<[f64; 2]> = run.points.iter().filter(|p| p.1 == what).map(|p| p.0).collect();
                let (xs, ys) = (points.iter().map(|p| p[0]), points.iter().map(|p| p[1]));
                figure.dot(xs, ys).ink(Ink::Strong).symbol(symbol).radius(size);
            }
        }
        figure.dot([task.start[0]], [task.start[1]]).symbol(Symbol::Ring).radius(7.0).label("start");
    }
}

impl Exhibit for DirectionalAttack {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let Image { width, height, pixels } = &setting.glyph;
        if *width == 0 || *height == 0 {
            return Err(Error::of("glyph", "the image has no pixels; paint one of 12 × 12"));
        }
        let pixel = |k: usize| pixels[k / SIDE * height / SIDE * width + k % SIDE * width / SIDE];
        let pixels = Rc::new((0..SIDE * SIDE).map(pixel).collect());
        let training = match setting.task {
            Problem::Glyph => {
                let table = glyphs(600, SIDE, 1.0, rng);
                let answers = Answers::Classes(table.labels);
                Training::new(
                    &[64, 64],
                    0.005,
                    Examples { columns: SIDE * SIDE, features: table.features, answers },
                    rng,
                )
            }
            Problem::Design => Training::new(&[24, 24], 0.005, design_examples(rng), rng),
            Problem::Toy => Training::new(&[16, 16], 0.02, toy_examples(rng), rng),
        };
        let toy_training = Training::new(&[16, 16], 0.02, toy_examples(rng), rng);
        Ok(Self {
            setting: setting.clone(),
            rng: rng.clone(),
            pixels,
            lesson: 0,
            training,
            toy_training,
            tasks: Rc::new(Vec::new()),
            runs: Vec::new(),
            toy: None,
            toy_runs: Vec::new(),
            accuracy: None,
        })
    }

    fn length(&self) -> usize {
        // Each step spends what is asked for, unless all are at their end.
        LESSONS / AT_ONCE + 2 + (REPEATS * 5 * self.setting.budget).div_ceil(SHARE) + 4 * REPEATS * 5
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if !self.trained() {
            for _ in 0..AT_ONCE {
                self.training.step();
                self.toy_training.step();
            }
            self.lesson += AT_ONCE;
            if self.trained() {
                self.begin();
            }
            return Progress::Running;
        }
        let tasks = Rc::clone(&self.tasks);
        let mut left = SHARE;
        while left > 0 && !self.over() {
            for (task, runs) in tasks.iter().zip(&mut self.runs) {
                // Those behind first, so that all go on together.
                let Some(run) = runs.iter_mut().filter(|run| !run.spent()).min_by_key(|run| run.evaluations) else {
                    continue;
                };
                let before = run.evaluations;
                run.iterate(task);
                left = left.saturating_sub((run.evaluations - before).max(1));
            }
        }
        if let Some(toy) = &self.toy {
            for run in self.toy_runs.iter_mut().filter(|run| !run.spent()) {
                run.iterate(&toy.task);
            }
        }
        if self.over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.setting;
        if setting.task == Problem::Glyph {
            self.draw_images(figures);
        } else {
            self.draw_toy(figures);
        }

        let caption = "The best feasible value so far, on the first of the six tasks.";
        let mut objective = figures.figure("objective", "What an evaluation buys", caption);
        objective.x(Axis::log("evaluations of the network").domain(1.0, setting.budget as f64));
        objective.y(Axis::linear(if setting.task == Problem::Glyph { "log p(target)" } else { "f(Φ(x))" }));
        if let Some(runs) = self.runs.first() {
            for (run, contender) in runs.iter().zip(CARD.contenders).rev() {
                // Steps: a value stays until the next gain.
                let (mut xs, mut ys) = (Vec::new(), Vec::new());
                let stride = run.gains.len().div_ceil(300).max(1);
                for [x, y] in run.gains.iter().step_by(stride).chain(run.gains.last()) {
                    if let Some(last) = ys.last().copied() {
                        xs.push(*x);
                        ys.push(last);
                    }
                    xs.push(*x);
                    ys.push(*y);
                }
                if let Some(last) = ys.last().copied() {
                    xs.push((run.evaluations as f64).max(1.0));
                    ys.push(last);
                }
                objective.line(xs, ys).of(contender.id);
            }
        }

        let caption =
            "Evaluations until nine tenths of the greatest gain on each of six tasks; at the top, the budget.";
        let mut arrivals = figures.figure("arrivals", "Evaluations needed", caption);
        arrivals.x(Axis::categories("task", (1..=REPEATS).map(|k| k.to_string())).domain(-0.5, REPEATS as f64 - 0.5));
        arrivals.y(Axis::log("evaluations").domain(1.0, 1.2 * setting.budget as f64));
        for (k, contender) in CARD.contenders.iter().enumerate().rev() {
            let known: Vec<f64> = if self.runs.is_empty() { Vec::new() } else { self.arrivals(k) };
            arrivals.dot((0..known.len()).map(|k| k as f64), &known).of(contender.id).radius(5.0);
        }

        let glyph = setting.task == Problem::Glyph;
        let (names, caption): (Vec<String>, String) = if glyph {
            let third = match self.tasks.first().map(|task| task.aim) {
                Some(Aim::Class { third, .. }) => format!(", {third},"),
                _ => String::new(),
            };
            let caption =
                format!("What the network sees, before and now; the third class{third} must stay below the line.");
            ((0..10).map(|k: usize| k.to_string()).collect(), caption)
        } else {
            let outputs: &[&str] =
                if setting.task == Problem::Design { &["y₁", "y₂", "y₃"] } else { &["y₁", "y₂"] };
            let names = outputs.iter().map(|name| (*name).to_owned()).collect();
            (names, "The outputs, before and now; the second must stay below the line.".to_owned())
        };
        let mut outputs = figures.figure("outputs", if glyph { "Probabilities" } else { "Outputs" }, caption);
        let count = names.len();
        outputs.x(Axis::categories(if glyph { "class" } else { "output" }, names).domain(-0.5, count as f64 - 0.5));
        outputs.y(if glyph { Axis::linear("probability").domain(0.0, 1.05) } else { Axis::linear("value") });
        if let (Some(task), Some(runs)) = (self.tasks.first(), self.runs.first()) {
            let seen = |x: &[f64]| {
                let y = task.network.outputs(x);
                if glyph { shares(&y) } else { y }
            };
            let places: Vec<f64> = (0..count).map(|k| k as f64).collect();
            outputs.bar(&places, seen(&runs[0].x)).of("hybrid");
            outputs
                .dot(&places, seen(&task.start))
                .ink(Ink::Strong)
                .symbol(Symbol::Ring)
                .radius(5.0)
                .label("at the start");
        }
        outputs.rule_y([setting.level]).ink(Ink::Accent).dashed().label("constraint");

        if glyph {
            self.draw_toy(figures);
        }
    }

    fn claim(&self) -> Claim {
        let over = self.over();
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            0.5 * (values[(values.len() - 1) / 2] + values[values.len() / 2])
        };
        let ratio = over.then(|| median(self.arrivals(0)) / median(self.arrivals(1)));
        let least = over.then(|| {
            let last = |run: &Run| run.best.unwrap_or(-1e6);
            self.runs.iter().map(|runs| last(&runs[0]) - last(&runs[1])).fold(f64::INFINITY, f64::min)
        });
        Claim::new(vec![
            Clause::at_most(
                "To nine tenths of the greatest gain the hybrid needs {value} of direct search's evaluations, at most \
                 {high} (medians of six).",
                ratio,
                0.05,
            ),
            Clause::at_least(
                "Its final value leads direct search's by {value} at the least, and by no less than {low}.",
                least,
                0.0,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A counterfactual",
                "One or two attacks do what polling does pixel by pixel.",
                default.clone(),
            ),
            Scenario::fails(
                "design",
                "An active constraint",
                "The attack points into what is forbidden, and polling has to do the work.",
                Setting { task: Problem::Design, ..default.clone() },
            ),
            Scenario::fails(
                "no-attack",
                "Attack off",
                "Without the attack the hybrid is the direct search.",
                Setting { attack: Attack::Off, budget: 2000, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::autodiff::Graph;
    use orrery_reference::{difference, drawn, list, number, numbers, vectors, whole, wholes, word};
    use proptest::prelude::{prop_assert, proptest};

    fn design(seed: u64) -> (Training, Task) {
        let mut rng = Rng::seed_from_u64(seed);
        let mut training = Training::new(&[12, 8], 0.005, design_examples(&mut rng), &mut rng);
        (0..50).for_each(|_| training.step());
        let network = Rc::new(training.surrogate());
        let (low, high) = (vec![0.0; INPUTS], vec![1.0; INPUTS]);
        let start = (0..INPUTS).map(|_| rng.random_range(0.1..0.5)).collect();
        (training, Task { network, aim: Aim::Output, level: 0.5, start, low, high, radius: 0.3 })
    }

    proptest! {
        // Our passes are those of the graph that the network was trained in.
        #[test]
        fn the_surrogate_is_the_trained_network(seed in 0_u64..200) {
            let (training, task) = design(seed);
            let x = task.start.clone();
            let mut graph = Graph::new();
            let p = training.network.parameters.leaves(&mut graph, &training.theta);
            let leaf = graph.leaf(1, INPUTS, x.clone());
            let outputs = training.network.apply(&mut graph, &p, leaf);
            let weights = graph.leaf(1, 3, vec![1.0, 0.0, 0.1]);
            let weighted = graph.mul(outputs, weights);
            let f = graph.sum(weighted);
            let [gradient] = graph.gradient(f, [leaf]);
            let ours = task.network.outputs(&x);
            prop_assert!(ours.iter().zip(graph.value(outputs)).all(|(a, b)| (a - b).abs() < 1e-12));
            let ours = task.ascent(&x);
            prop_assert!(ours.iter().zip(graph.value(gradient)).all(|(a, b)| (a - b).abs() < 1e-12));
        }

        // An attack stays within its radius and the box, and climbs when it is small.
        #[test]
        fn attacks_keep_their_radius_and_climb(seed in 0_u64..200, r in 1e-6_f64..0.4) {
            let (_, task) = design(seed);
            for attack in [Attack::Fgsm, Attack::L2, Attack::Pgd] {
                let (x, _) = task.attack(&task.start, r, attack);
                prop_assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
                let change: Vec<f64> = x.iter().zip(&task.start).map(|(x, s)| x - s).collect();
                let size = if attack == Attack::L2 {
                    (inner(&change, &change) / INPUTS as f64).sqrt()
                } else {
                    change.iter().fold(0.0, |most: f64, c| most.max(c.abs()))
                };
                prop_assert!(size <= r * (1.0 + 1e-9));
                let (small, _) = task.attack(&task.start, 1e-5, attack);
                prop_assert!(task.judge(&small).0 > task.judge(&task.start).0);
            }
        }

        // Extreme barrier: what is held is feasible, and its value never falls.
        #[test]
        fn what_is_held_is_feasible_and_never_worse(seed in 0_u64..50) {
            let (_, task) = design(seed);
            let mut rng = Rng::seed_from_u64(seed);
            for mut run in contenders(&task, &Setting { budget: 300, ..Setting::default() }, &mut rng) {
                while !run.spent() {
                    run.iterate(&task);
                }
                prop_assert!(run.evaluations <= 300 + 5);
                prop_assert!(run.best.is_none() || task.judge(&run.x).1 <= 0.0);
                prop_assert!(run.gains.windows(2).all(|pair| pair[1][1] > pair[0][1]));
            }
        }
    }

    // On a network that is one linear layer, maximising y₁ in a box has its answer in a corner.
    #[test]
    fn all_that_poll_find_the_corner_of_a_linear_network() {
        let weights = vec![1.0, 0.0, -2.0, 0.0, 0.5, 0.0];
        let network = Rc::new(Surrogate { layers: vec![(3, 2, weights, vec![0.0, 0.0])] });
        let (low, high) = (vec![0.0; 3], vec![1.0; 3]);
        let task = Task { network, aim: Aim::Output, level: 0.1, start: vec![0.4; 3], low, high, radius: 0.3 };
        for mut run in contenders(&task, &Setting { budget: 3000, ..Setting::default() }, &mut Rng::seed_from_u64(4)) {
            while !run.spent() {
                run.iterate(&task);
            }
            assert!((run.best.unwrap_or(0.0) - 1.5).abs() < 1e-3, "{:?}", run.best);
        }
    }

    // `tests/reference/directional_attack.py`: JAX finds the direction. Iterations are followed until rounding decides.
    #[test]
    fn iterations_are_those_of_jax_and_numpy() {
        let vectors = vectors(include_str!("../../../../tests/reference/directional_attack.json"));
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 6);
        let mut most = 0;
        for case in cases {
            let sizes = wholes(&case["sizes"]);
            let layers = list(&case["weights"]).iter().zip(list(&case["biases"])).zip(sizes.windows(2));
            let layers = layers.map(|((w, b), size)| (size[0], size[1], numbers(w), numbers(b))).collect();
            let aim = if case["aim"].is_null() {
                Aim::Output
            } else {
                Aim::Class { target: whole(&case["aim"]["target"]), third: whole(&case["aim"]["third"]) }
            };
            let task = Task {
                network: Rc::new(Surrogate { layers }),
                aim,
                level: number(&case["level"]),
                start: numbers(&case["start"]),
                low: numbers(&case["low"]),
                high: numbers(&case["high"]),
                radius: number(&case["radius"]),
            };
            let attack = match word(&case["attack"]) {
                "fgsm" => Attack::Fgsm,
                "l2" => Attack::L2,
                "pgd" => Attack::Pgd,
                _ => Attack::Off,
            };
            let mut hybrid = Hybrid::new(attack, true, task.radius);
            let mut run = Run::new(Method::Random(0.0), &task, usize::MAX, &mut Rng::seed_from_u64(0));
            let (mut t, mut worst) = (0, 0.0_f64);
            for kept in list(&case["path"]) {
                let expected = numbers(kept);
                while t < expected[0] as usize {
                    let around = |_: &mut Rng, n: usize| -> Vec<Vec<f64>> {
                        (0..COVERING).map(|j| (0..n).map(|i| drawn(211 * j, i, t)).collect()).collect()
                    };
                    let along = |_: &mut Rng, n: usize| -> Vec<f64> {
                        let v: Vec<f64> = (0..n).map(|i| drawn(5000, i, t)).collect();
                        let length = inner(&v, &v).sqrt();
                        v.iter().map(|v| v / length).collect()
                    };
                    run.search(&task, &mut hybrid, around, along);
                    t += 1;
                }
                // Where it is, what that is worth, and the two radii.
                let found = [&run.x[..], &[run.best.expect("feasible")]].concat();
                let (place, radii) = expected[1..].split_at(found.len());
                worst = worst.max(difference(&found, place));
                assert_eq!(radii, [hybrid.r, hybrid.delta]);
            }
            println!("{attack:?}, {} inputs: {worst:e} after {t} iterations", sizes[0]);
            assert!(worst < 1e-10, "{attack:?}, {} inputs: {worst:e} after {t}", sizes[0]);
            most = most.max(t);
        }
        assert_eq!(most, 240);
    }
}
