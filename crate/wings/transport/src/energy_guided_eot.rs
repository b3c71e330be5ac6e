//! Entropic transport carries a point $x$ not to one place but to a law $\pi(y|x)$: it may hesitate, and $\varepsilon$
//! says how much. With $c=\frac12|x-y|^2$ its dual has one unknown function,
//! $$\sup_f\int f^C\,d\mu+\int f\,d\nu,\qquad f^C(x)=-\varepsilon\log\int e^{(f(y)-c(x,y))/\varepsilon}dy,$$
//! and the plan is $\pi_f(y|x)\propto e^{(f(y)-c(x,y))/\varepsilon}$: an energy-based model for every $x$. So one may
//! train it as such models are. The gradient is contrastive,
//! $$E_{y\sim\nu}\,\partial_\theta f(y)-E_{x\sim\mu}E_{y\sim\pi_f(\cdot|x)}\,\partial_\theta f(y),$$
//! and the second $y$ come from Langevin chains, $y\leftarrow y+\frac\eta{2\varepsilon}\nabla_y(f-c)+\sqrt\eta\,\xi$.
//! The same chain then transports new points.
//!
//! **What you see.** A normal cloud becomes a Swiss roll. The ring is one source point; its cloud is where chains from
//! it end, over the density that the energy claims. Sinkhorn's plan beside it knows its samples only. For Gaussian
//! targets the truth is in closed form.
//!
//! **Try** larger $\varepsilon$, and drag the ring. For the Gaussian, choose five steps: the points nearly match the
//! target, but the pairs are wrong, and the objective stays near a half where it ought to reach zero: an energy that
//! must do all in five steps is too steep.
//!
//! **What we found.** One might expect chains not to mix at small $\varepsilon$. At fixed $\eta$ it is the other way
//! round: the pull $\eta/2\varepsilon$ grows, chains overshoot, clouds become too wide, and from twice the least slope
//! of the optimal map on they run away. And in the usual measure, the distance of the pairs' law from the truth in
//! percent of variance, a map without entropy is only 3.7% off. Hence our bound of two, and the clause about the
//! variance of $y$ for given $x$.
//!
//! **Where it stops.** For Gaussians transported points are as near the target as fresh samples are, within chance,
//! which alone doubles an energy distance now and then. The Swiss roll comes within three times that in 400
//! iterations, and mostly within two. Narrower targets (eight Gaussians, moons) are learned less well;
//! verdicts may fall either way. In the plane Sinkhorn is cheaper.
//!
//! Ours: 32 hidden units instead of hundreds, batches of 128, a quadratic part beside the network, 30 steps. Beside
//! Sinkhorn only conditional means and variances can be judged. For a replay buffer, whose chains are long, transport
//! runs $8K$ steps.

use crate::energy_distance::Yardstick;
use crate::potential::{Network, mean, potential};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data;
use orrery_kernels::linalg::{DMatrix, DVector, symmetric_function};
use orrery_kernels::math::{PI, exp, exp_wide, sincos};
use orrery_kernels::transport::{Entropic, Gaussian, Sinkhorn};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "energy-guided-eot",
    title: "Energy-guided Entropic Neural Optimal Transport",
    year: 2023,
    lists: &[1],
    claim: "An energy network, trained by Langevin chains alone, samples the entropic transport plan of each point.",
    algorithms: &[
        "entropic optimal transport",
        "energy-based model",
        "weak dual",
        "contrastive divergence",
        "unadjusted Langevin",
        "replay buffer",
        "Sinkhorn in the log domain",
        "Schrödinger bridge of Gaussians",
    ],
    contenders: &[Contender::paper("energy", "energy-guided"), Contender::baseline("sinkhorn", "Sinkhorn on samples")],
};

/// Where the mass goes.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Target {
    /// A Gaussian, in any dimension: the plan is known.
    #[choice("Gaussian")]
    Gaussian,
    /// A spiral band.
    #[choice("Swiss roll")]
    SwissRoll,
    /// Eight Gaussians on a circle.
    #[choice("8 Gaussians")]
    EightGaussians,
    /// Two half circles.
    #[choice("moons")]
    Moons,
    /// Blots around points of your own.
    #[choice("drawn")]
    Drawn,
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Start {
    /// At the point that is to be transported.
    #[choice("x")]
    Source,
    /// At a normal variable with the target's mean and deviations.
    #[choice("noise")]
    Noise,
    /// Where a chain of the same point was left earlier in training.
    #[choice("replay buffer")]
    Buffer,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The weight of the entropy: how far from deterministic the optimal plan is.
    #[control(label = "entropy ε", range = 0.005..=2.0, log, default = 0.1)]
    pub epsilon: f64,
    /// Where the standard normal source is carried.
    #[control(label = "target", default = Target::SwissRoll)]
    pub target: Target,
    /// Langevin steps of a chain, in training and in transport. (With a replay buffer, transport takes eight times as
    /// many.)
    #[control(label = "Langevin steps K", range = 5..=300, log, default = 30)]
    pub steps: usize,
    /// The length of a Langevin step: noise of variance η.
    #[control(label = "Langevin step η", range = 1e-4..=0.1, log, default = 0.01)]
    pub eta: f64,
    /// Where chains begin.
    #[control(label = "chain start", default = Start::Source)]
    pub start: Start,
    /// How often the network learns.
    #[control(label = "training iterations", range = 0..=2000, default = 400)]
    pub iterations: usize,
    /// The dimension of the Gaussians. (The other targets lie in the plane.)
    #[control(label = "dimension", range = 2..=8, default = 2, when = ("target", "gaussian"))]
    pub dimension: usize,
    /// The point whose conditional cloud is shown. Drag it.
    #[control(label = "input point", count = 1..=1, domain = [[-3.0, 3.0], [-3.0, 3.0]], default = [[0.0, 0.0]].into())]
    pub input: Points,
    /// Centres of blots of equal weight and deviation 0.2.
    #[control(
        label = "your target", count = 1..=200, domain = [[-3.0, 3.0], [-3.0, 3.0]], when = ("target", "drawn"),
        default = [[-1.5, 1.5], [-0.75, 1.5], [0.0, 1.5], [0.75, 1.5], [1.5, 1.5], [0.0, 0.75], [0.0, 0.0],
            [0.0, -0.75], [0.0, -1.5]].into()
    )]
    pub drawn: Points,
}

/// Chains of one training iteration.
const BATCH: usize = 128;

/// Units in each of the two hidden layers.
const WIDTH: usize = 32;

/// The learning rate at first; it falls in a straight line to a fiftieth of that.
const RATE: f64 = 1e-2;

/// Langevin updates of single points in one step of the run.
const WORK: usize = 3200;

/// Pairs in the replay buffer, and the share of a batch that is begun anew.
const BUFFER: usize = 1024;
const REFRESHED: f64 = 0.05;

/// Points of each side that Sinkhorn's iteration sees, its rows in one step, and the most iterations.
const SAMPLES: usize = 1024;
const ROWS: usize = 256;
const BALANCED: f64 = 1e-4;
const SINKHORN: usize = 400;

/// Source points of the test; the first `TWINS` of them are transported twice.
const TEST: usize = 1024;
const TWINS: usize = 512;

/// Chains of the clicked point, and the iterations between two shows.
const SHOWN: usize = 128;
const EVERY: usize = 25;

/// Test chains run on until so many times K.
const LONG: usize = 8;

/// Beyond this a chain has run away.
const FAR: f32 = 1e3;

/// The plan between $N(0,I)$ and $N(b,B)$, a Gaussian on pairs.
struct Closed {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
    /// $C=(B+\frac{\varepsilon^2}4I)^{1/2}-\frac\varepsilon2I$, the covariance of $x$ and $y$.
    cross: DMatrix<f64>,
    /// $B-C^2$, which is $\varepsilon C$: the covariance of $y$ for given $x$.
    conditional: DMatrix<f64>,
}

impl Closed {
    fn new(mean: DVector<f64>, covariance: DMatrix<f64>, epsilon: f64) -> Option<Self> {
        let cross = symmetric_function(&covariance, |b| (b + 0.25 * epsilon * epsilon).sqrt() - 0.5 * epsilon)?;
        let conditional = &covariance - &cross * &cross;
        Some(Self { mean, covariance, cross, conditional })
    }

    /// $E[y|x]=b+Cx$.
    fn at(&self, x: &[f32]) -> Vec<f64> {
        let x = DVector::from_iterator(x.len(), x.iter().map(|&x| f64::from(x)));
        (&self.mean + &self.cross * x).as_slice().to_vec()
    }

    /// The law of pairs with this covariance of $x$ and $y$.
    fn joint(&self, cross: &DMatrix<f64>) -> Option<Gaussian> {
        let d = self.mean.len();
        let mean = DVector::from_fn(2 * d, |i, _| if i < d { 0.0 } else { self.mean[i - d] });
        let covariance = DMatrix::from_fn(2 * d, 2 * d, |i, j| match (i < d, j < d) {
            (true, true) => f64::from(u8::from(i == j)),
            (true, false) => cross[(i, j - d)],
            (false, true) => cross[(j, i - d)],
            (false, false) => self.covariance[(i - d, j - d)],
        });
        Gaussian::new(mean, covariance).ok()
    }

    /// $100\,W_2^2/\frac12\mathrm{Var}$ between a law of pairs and the plan, both as Gaussians, in percent.
    fn unexplained(&self, law: &Gaussian) -> Option<f64> {
        let plan = self.joint(&self.cross)?;
        Some(200.0 * plan.distance_squared(law) / plan.covariance().trace())
    }

    /// The same of a cloud of pairs.
    fn unexplained_by(&self, x: &[f32], y: &[f32]) -> Option<f64> {
        let d = self.mean.len();
        let pairs = || {
            let pair = |(x, y): (&[f32], &[f32])| -> Vec<f64> { x.iter().chain(y).map(|&x| f64::from(x)).collect() };
            x.chunks_exact(d).zip(y.chunks_exact(d)).map(pair)
        };
        let (count, mut mean) = ((x.len() / d) as f64, DVector::zeros(2 * d));
        pairs().for_each(|pair| mean += DVector::from_vec(pair) / count);
        let mut covariance = DMatrix::zeros(2 * d, 2 * d);
        for pair in pairs() {
            let away = DVector::from_vec(pair) - &mean;
            covariance += &away * away.transpose() / count;
        }
        self.unexplained(&Gaussian::new(mean, covariance).ok()?)
    }
}

/// Deviation of a mode of the eight, and of a blot.
const SPREAD: f64 = 0.2;

/// Where samples come from.
enum Law {
    Normal { mean: Vec<f64>, root: DMatrix<f64> },
    Blots(Vec<[f64; 2]>),
    SwissRoll,
    Moons,
}

impl Law {
    fn sample(&self, count: usize, rng: &mut Rng) -> Vec<f32> {
        let numbers: Vec<f64> = match self {
            Self::Normal { mean, root } => {
                let mut point = |_| -> Vec<f64> {
                    let xi = DVector::from_fn(mean.len(), |_, _| rng.sample::<f64, _>(StandardNormal));
                    (root * xi).iter().zip(mean).map(|(x, mean)| x + mean).collect()
                };
                (0..count).flat_map(&mut point).collect()
            }
            Self::Blots(centres) => {
                let mut point = |_| {
                    let centre = centres[rng.random_range(0..centres.len() as u32) as usize];
                    centre.map(|c| c + SPREAD * rng.sample::<f64, _>(StandardNormal))
                };
                (0..count).flat_map(&mut point).collect()
            }
            Self::SwissRoll => data::swiss_roll(count, 0.04, rng).features.iter().map(|x| 2.2 * x).collect(),
            Self::Moons => {
                // Classes take turns there; here each is as likely for every point.
                let both = data::moons(2 * count, 0.07, rng).features;
                let mut point = |i: usize| {
                    let row = 2 * i + usize::from(rng.random::<bool>());
                    [1.6 * (both[2 * row] - 0.5), 1.6 * (both[2 * row + 1] - 0.25)]
                };
                (0..count).flat_map(&mut point).collect()
            }
        };
        numbers.iter().map(|&x| x as f32).collect()
    }
}

/// The problem, which does not change.
struct Problem {
    setting: Setting,
    d: usize,
    law: Law,
    closed: Option<Closed>,
    /// Mean and deviation of each coordinate of the target, for the network's inputs.
    centre: Vec<f32>,
    scale: Vec<f32>,
    /// What Sinkhorn's iteration sees: its atoms, and the problem between them and samples of the source.
    atoms: Vec<f32>,
    entropic: Entropic,
    yardstick: Yardstick,
    /// Source points of the test, the twins at the end.
    test: Vec<f32>,
}

impl Problem {
    /// The potential $f_\theta$ at each row of `y`.
    fn potential(&self, network: &Network, g: &mut Graph<f32>, p: &[Node], y: Node) -> Node {
        let centre = g.leaf(1, self.d, self.centre.clone());
        let shrink = g.leaf(1, self.d, self.scale.iter().map(|scale| scale.recip()).collect());
        let away = g.sub(y, centre);
        let z = g.mul(away, shrink);
        potential(&network.mlp, g, p, z)
    }

    /// One Langevin step of the chains of `x`; the mean length of $\nabla_y(f-c)$.
    fn langevin(&self, network: &Network, x: &[f32], y: &mut [f32], rng: &mut Rng) -> f64 {
        let (d, &Setting { epsilon, eta, .. }) = (self.d, &self.setting);
        let mut g = Graph::new();
        let p = network.leaves(&mut g);
        let node = g.leaf(y.len() / d, d, y.to_vec());
        let f = self.potential(network, &mut g, &p, node);
        let f = g.sum(f);
        let [slope] = g.gradient(f, [node]);
        let (pull, noise) = ((0.5 * eta / epsilon) as f32, eta.sqrt() as f32);
        let mut length = 0.0;
        for ((y, x), slope) in y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(g.value(slope).chunks_exact(d)) {
            let mut square = 0.0;
            for ((y, x), slope) in y.iter_mut().zip(x).zip(slope) {
                // y ← y + η/2ε ∇(f(y) - c(x, y)) + √η ξ with c = ½|x - y|²
                let slope = slope - (*y - x);
                square += slope * slope;
                *y += pull * slope + noise * rng.sample::<f32, _>(StandardNormal);
            }
            length += f64::from(square.sqrt());
        }
        length * d as f64 / y.len() as f64
    }

    /// Sinkhorn's plan of any $x$: the share of each atom, $\propto e^{v_j-c(x,y_j)/\varepsilon}$.
    fn shares(&self, v: &[f64], x: &[f32]) -> Vec<f64> {
        let exponent = |(v, y): (&f64, &[f32])| {
            let square: f32 = y.iter().zip(x).map(|(y, x)| (y - x) * (y - x)).sum();
            v - 0.5 * f64::from(square) / self.setting.epsilon
        };
        let exponents: Vec<f64> = v.iter().zip(self.atoms.chunks_exact(self.d)).map(exponent).collect();
        let most = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = exponents.iter().map(|exponent| exp_wide(exponent - most)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// An atom drawn by its share.
    fn pick(&self, shares: &[f64], rng: &mut Rng) -> &[f32] {
        let mut left: f64 = rng.random();
        let passed = |share: &&f64| {
            left -= **share;
            left >= 0.0
        };
        let atom = shares.iter().take_while(passed).count().min(SAMPLES - 1);
        &self.atoms[atom * self.d..][..self.d]
    }

    fn reach(&self) -> f64 {
        if self.d > 2 || self.closed.is_some() { 4.5 } else { 3.5 }
    }
}

/// What a batch of chains is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The cloud of the clicked point.
    Show,
    /// The negatives of one training iteration.
    Train,
    /// Sinkhorn's iteration has to be waited for.
    Balance,
    /// The measurement.
    Test,
    End,
}

/// What is known of the plan at the test points, from Sinkhorn's iteration and in closed form.
struct Truth {
    /// $E[y|x]$ of the twins.
    means: Vec<f64>,
    /// $E\,\mathrm{Var}(y|x)$, and the variance of the means.
    hesitation: f64,
    moved: f64,
    /// Sinkhorn's own energy distance in units of fresh samples', and its plan error.
    sinkhorn: [f64; 2],
    /// Plan errors of an independent pair, of the map without entropy, and of samples of the plan itself.
    trivial: Vec<(&'static str, f64)>,
}

/// What the chains of the test are.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    /// Energy distance to the target, in units of fresh samples'.
    energy: f64,
    /// $E\,\mathrm{Var}(y|x)$ in units of the truth's.
    hesitation: f64,
    /// Variance unexplained: of the pairs' law in closed form, or of the conditional means beside Sinkhorn's; percent.
    plan: f64,
}

/// The exhibit.
#[derive(Clone)]
pub struct EnergyGuidedEot {
    problem: Rc<Problem>,
    rng: Rng,
    network: Network,
    sinkhorn: Sinkhorn,
    violation: f64,
    phase: Phase,
    iteration: usize,
    /// The chains at work: where from, where they are, steps taken.
    x: Rc<Vec<f32>>,
    y: Vec<f32>,
    k: usize,
    slope: f64,
    /// Numbers of the pairs taken from the buffer.
    taken: Vec<usize>,
    buffer: Rc<[Vec<f32>; 2]>,
    /// The clicked point's cloud, and pairs to draw.
    cloud: Rc<Vec<f32>>,
    pairs: Rc<[Vec<f32>; 2]>,
    objective: Series,
    slopes: Series,
    truth: Option<Rc<Truth>>,
    /// By the length of test chains.
    course: Rc<Vec<(usize, Measured)>>,
    measured: Option<Measured>,
    broken: bool,
}

impl EnergyGuidedEot {
    /// Steps of the chains at work.
    fn goal(&self) -> usize {
        let Setting { steps, start, .. } = self.problem.setting;
        match self.phase {
            Phase::Train => steps,
            Phase::Show => judged(steps, start),
            Phase::Test => LONG * steps,
            Phase::Balance | Phase::End => 0,
        }
    }

    /// Where chains of `x` begin.
    fn beginnings(&mut self, x: &[f32]) -> Vec<f32> {
        if self.problem.setting.start != Start::Noise {
            return x.to_vec();
        }
        let (d, Problem { centre, scale, .. }) = (self.problem.d, &*self.problem);
        let rng = &mut self.rng;
        (0..x.len()).map(|i| centre[i % d] + scale[i % d] * rng.sample::<f32, _>(StandardNormal)).collect()
    }

    fn begin(&mut self, phase: Phase) {
        (self.phase, self.k) = (phase, 0);
        let problem = Rc::clone(&self.problem);
        let d = problem.d;
        let x = match phase {
            Phase::Train => normals(BATCH * d, &mut self.rng),
            Phase::Show => {
                let [x1, x2] = problem.setting.input.0[0];
                let one = (0..d).map(|i| if i < 2 { [x1, x2][i] as f32 } else { 0.0 });
                one.cycle().take(SHOWN * d).collect()
            }
            Phase::Test => problem.test.clone(),
            Phase::Balance | Phase::End => return,
        };
        self.y = self.beginnings(&x);
        self.x = Rc::new(x);
        if phase == Phase::Train && problem.setting.start == Start::Buffer {
            // A pair stays together; some are begun anew at a fresh x.
            let x = Rc::make_mut(&mut self.x);
            self.taken.clear();
            for i in 0..BATCH {
                let pair = (BUFFER / BATCH * i) + self.rng.random_range(0..(BUFFER / BATCH) as u32) as usize;
                self.taken.push(pair);
                if self.rng.random::<f64>() >= REFRESHED {
                    let [from, to] = &*self.buffer;
                    x[i * d..][..d].copy_from_slice(&from[pair * d..][..d]);
                    self.y[i * d..][..d].copy_from_slice(&to[pair * d..][..d]);
                }
            }
        }
    }

    /// One step up for the potential, by $E_{y\sim\nu}\partial_\theta f-E_{y\sim\pi_f}\partial_\theta f$.
    fn learn(&mut self) {
        let problem = Rc::clone(&self.problem);
        let (d, total) = (problem.d, problem.setting.iterations);
        let target = problem.law.sample(BATCH, &mut self.rng);
        let rate = RATE * (1.0 - 0.98 * self.iteration as f64 / total as f64);
        let (mut network, mut objective) = (self.network.clone(), 0.0);
        let finite = network.descend(rate, |g, p| {
            let target = g.leaf(BATCH, d, target);
            let negative = g.leaf(BATCH, d, self.y.clone());
            let seen = problem.potential(&self.network, g, p, target);
            let seen = mean(g, seen);
            let dreamt = problem.potential(&self.network, g, p, negative);
            let dreamt = mean(g, dreamt);
            let loss = g.sub(dreamt, seen);
            objective = -f64::from(g.scalar(loss));
            loss
        });
        self.network = network;
        self.broken |= !finite;
        self.iteration += 1;
        self.objective.push(self.iteration as f64, objective);
        self.slopes.push(self.iteration as f64, self.slope);
        if problem.setting.start == Start::Buffer {
            let [from, to] = Rc::make_mut(&mut self.buffer);
            for (i, &pair) in self.taken.iter().enumerate() {
                from[pair * d..][..d].copy_from_slice(&self.x[i * d..][..d]);
                to[pair * d..][..d].copy_from_slice(&self.y[i * d..][..d]);
            }
        }
        self.pairs = Rc::new([self.x.to_vec(), self.y.clone()]);
    }

    /// What follows when chains have reached their goal.
    fn follow(&mut self) {
        let total = self.problem.setting.iterations;
        match self.phase {
            Phase::Show => {
                self.cloud = Rc::new(self.y.clone());
                self.begin(if self.iteration < total { Phase::Train } else { Phase::Balance });
            }
            Phase::Train => {
                self.learn();
                self.begin(if self.iteration.is_multiple_of(EVERY) || self.iteration == total {
                    Phase::Show
                } else {
                    Phase::Train
                });
            }
            Phase::Balance => {
                if self.balanced() {
                    self.know();
                    self.begin(Phase::Test);
                }
            }
            Phase::Test => self.begin(Phase::End),
            Phase::End => {}
        }
    }

    fn balanced(&self) -> bool {
        self.violation < BALANCED || self.sinkhorn.iterations() >= SINKHORN
    }

    /// The truth at the test points, when Sinkhorn's iteration has ended.
    fn know(&mut self) {
        let problem = Rc::clone(&self.problem);
        let (d, rng) = (problem.d, &mut self.rng);
        let x = &problem.test[..TEST * d];
        let (mut means, mut hesitation, mut drawn) = (Vec::new(), 0.0, Vec::new());
        for (number, x) in x.chunks_exact(d).enumerate() {
            let shares = problem.shares(&self.sinkhorn.v, x);
            drawn.extend_from_slice(problem.pick(&shares, rng));
            if number < TWINS {
                let (mut mean, mut square) = (vec![0.0; d], 0.0);
                for (share, y) in shares.iter().zip(problem.atoms.chunks_exact(d)) {
                    for (mean, &y) in mean.iter_mut().zip(y) {
                        *mean += share * f64::from(y);
                        square += share * f64::from(y) * f64::from(y);
                    }
                }
                hesitation += (square - mean.iter().map(|m| m * m).sum::<f64>()) / TWINS as f64;
                means.extend(mean);
            }
        }
        let (mut trivial, mut plan) = (Vec::new(), 0.0);
        if let Some(closed) = &problem.closed {
            means = x.chunks_exact(d).take(TWINS).flat_map(|x| closed.at(x)).collect();
            hesitation = closed.conditional.trace();
            plan = closed.unexplained_by(x, &drawn).unwrap_or(f64::INFINITY);
            let map = symmetric_function(&closed.covariance, f64::sqrt);
            let mut add = |name, cross: &DMatrix<f64>| {
                let error = closed.joint(cross).and_then(|law| closed.unexplained(&law));
                trivial.extend(error.map(|error| (name, error)));
            };
            add("independent", &DMatrix::zeros(d, d));
            map.iter().for_each(|map| add("ε = 0", map));
            if let Some(root) = closed.conditional.clone().cholesky().map(|root| root.l()) {
                let mut own = |x: &[f32]| -> Vec<f32> {
                    let xi = &root * DVector::from_fn(d, |_, _| rng.sample::<f64, _>(StandardNormal));
                    closed.at(x).iter().zip(xi.iter()).map(|(mean, xi)| (mean + xi) as f32).collect()
                };
                let own: Vec<f32> = x.chunks_exact(d).flat_map(&mut own).collect();
                trivial.extend(closed.unexplained_by(x, &own).map(|error| ("truth, sampled", error)));
            }
        }
        let mut moved = 0.0;
        for i in 0..d {
            let column = || means.iter().skip(i).step_by(d);
            let centre = column().sum::<f64>() / TWINS as f64;
            moved += column().map(|m| (m - centre) * (m - centre)).sum::<f64>() / TWINS as f64;
        }
        let energy = problem.yardstick.distance(&drawn) / problem.yardstick.fresh;
        self.truth = Some(Rc::new(Truth { means, hesitation, moved, sinkhorn: [energy, plan], trivial }));
    }

    /// The test chains as they are now.
    fn measure(&self, truth: &Truth) -> Option<Measured> {
        let (problem, d) = (&*self.problem, self.problem.d);
        let (cloud, twins) = self.y.split_at(TEST * d);
        let (mut variance, mut away) = (0.0, 0.0);
        for ((y, twin), mean) in cloud.iter().zip(twins).zip(&truth.means) {
            let (y, twin) = (f64::from(*y), f64::from(*twin));
            // Var = ½ E(y - y')² and (E y - m)² = E (y - m)(y' - m): without bias from the noise of either.
            variance += 0.5 * (y - twin) * (y - twin) / TWINS as f64;
            away += (y - mean) * (twin - mean) / TWINS as f64;
        }
        let plan = match &problem.closed {
            Some(closed) => closed.unexplained_by(&problem.test[..TEST * d], cloud)?,
            None => 100.0 * away.max(0.0) / (truth.moved + truth.hesitation),
        };
        let energy = problem.yardstick.distance(cloud) / problem.yardstick.fresh;
        let all = [energy, variance, plan].iter().all(|number| number.is_finite());
        all.then_some(Measured { energy, hesitation: variance / truth.hesitation, plan })
    }

    /// Whether the test looks at the chains now: K/16, K/8, ..., 8K steps.
    fn looks(&self) -> bool {
        let steps = self.problem.setting.steps;
        (0..=7).any(|power| self.k == (steps << power).div_ceil(16))
    }

    fn density(&self, x: [f64; 2]) -> Vec<f64> {
        let (reach, mut g) = (self.problem.reach(), Graph::new());
        let place = |i: usize| reach * ((2 * i + 1) as f64 / SIDE as f64 - 1.0);
        let grid: Vec<[f64; 2]> = (0..SIDE * SIDE).map(|i| [place(i % SIDE), place(i / SIDE)]).collect();
        let p = self.network.leaves(&mut g);
        let y = g.leaf(SIDE * SIDE, 2, grid.iter().flatten().map(|&y| y as f32).collect());
        let f = self.problem.potential(&self.network, &mut g, &p, y);
        // (f(y) - c(x, y))/ε
        let cost = |y: &[f64; 2]| 0.5 * ((y[0] - x[0]) * (y[0] - x[0]) + (y[1] - x[1]) * (y[1] - x[1]));
        let exponents =
            g.value(f).iter().zip(&grid).map(|(&f, y)| (f64::from(f) - cost(y)) / self.problem.setting.epsilon);
        let exponents: Vec<f64> = exponents.map(|e| if e.is_finite() { e } else { -1e300 }).collect();
        let most = exponents.iter().copied().fold(-1e300, f64::max);
        exponents.iter().map(|e| exp(e - most)).collect()
    }
}

/// Steps of a chain that transports.
fn judged(steps: usize, start: Start) -> usize {
    if start == Start::Buffer { LONG * steps } else { steps }
}

fn normals(count: usize, rng: &mut Rng) -> Vec<f32> {
    (0..count).map(|_| rng.sample::<f32, _>(StandardNormal)).collect()
}

impl Exhibit for EnergyGuidedEot {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let d = if setting.target == Target::Gaussian { setting.dimension } else { 2 };
        let mut closed = None;
        let law = match setting.target {
            Target::Gaussian => {
                let mean = DVector::from_fn(d, |i, _| [1.0, -0.5, 0.5, -1.0][i % 4]);
                let mut axes = DMatrix::identity(d, d);
                let (sin, cos) = sincos(PI / 6.0);
                (axes[(0, 0)], axes[(0, 1)], axes[(1, 0)], axes[(1, 1)]) = (cos, -sin, sin, cos);
                let deviations = DVector::from_fn(d, |i, _| [1.5, 0.5, 1.0, 0.7][i % 4]);
                let root = &axes * DMatrix::from_diagonal(&deviations);
                closed = Closed::new(mean.clone(), &root * root.transpose(), setting.epsilon);
                Law::Normal { mean: mean.as_slice().to_vec(), root }
            }
            Target::SwissRoll => Law::SwissRoll,
            Target::EightGaussians => {
                let centres = data::ring_of_centres(8, 2.0);
                Law::Blots(centres.chunks_exact(2).map(|c| [c[0], c[1]]).collect())
            }
            Target::Moons => Law::Moons,
            Target::Drawn => Law::Blots(setting.drawn.0.clone()),
        };
        let (from, atoms) = (normals(SAMPLES * d, rng), law.sample(SAMPLES, rng));
        let count = SAMPLES as f32;
        let centre: Vec<f32> = (0..d).map(|i| atoms.iter().skip(i).step_by(d).sum::<f32>() / count).collect();
        let square = |i: usize| atoms.iter().skip(i).step_by(d).map(|y| (y - centre[i]) * (y - centre[i])).sum::<f32>();
        let scale = (0..d).map(|i| (square(i) / count).sqrt().max(0.05)).collect();
        let square = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from((x - y) * (x - y))).sum::<f64>();
        let row = |x| atoms.chunks_exact(d).map(move |y| 0.5 * square(x, y));
        let cost: Vec<f64> = from.chunks_exact(d).flat_map(row).collect();
        let even = vec![1.0 / SAMPLES as f64; SAMPLES];
        let entropic = Entropic::new(&cost, 1.0 / setting.epsilon, even.clone(), even)
            .map_err(|error| Error::of("epsilon", error.to_string()))?;
        let sinkhorn = Sinkhorn::new(&entropic);
        let mut test = normals(TEST * d, rng);
        test.extend_from_within(..TWINS * d);
        let yardstick = Yardstick::new(d, || law.sample(TEST, rng));
        let network = Network::potential(d, WIDTH, rng);
        let buffer = normals(BUFFER * d, rng);
        let setting = setting.clone();
        let problem = Problem { setting, d, law, closed, centre, scale, atoms, entropic, yardstick, test };
        let mut run = Self {
            problem: Rc::new(problem),
            network,
            sinkhorn,
            violation: f64::INFINITY,
            phase: Phase::Show,
            iteration: 0,
            x: Rc::default(),
            y: Vec::new(),
            k: 0,
            slope: 0.0,
            taken: Vec::new(),
            buffer: Rc::new([buffer.clone(), buffer]),
            cloud: Rc::default(),
            pairs: Rc::default(),
            objective: Series::new(),
            slopes: Series::new(),
            truth: None,
            course: Rc::default(),
            measured: None,
            broken: false,
            rng: rng.clone(),
        };
        run.begin(Phase::Show);
        Ok(run)
    }

    fn length(&self) -> usize {
        let Setting { steps, start, iterations, .. } = self.problem.setting;
        let slices = |goal: usize, rows: usize| goal.div_ceil((WORK / rows).max(1));
        let shows = iterations / EVERY + 2;
        iterations * slices(steps, BATCH)
            + shows * slices(judged(steps, start), SHOWN)
            + slices(LONG * steps, TEST + TWINS)
            + 8
            + SINKHORN * SAMPLES.div_ceil(ROWS)
            + 2
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let problem = Rc::clone(&self.problem);
        if !self.balanced() {
            // Balanced at once by zero iterations it would be only where rows come first.
            if let Some(violation) = self.sinkhorn.advance(&problem.entropic, ROWS) {
                let first = self.sinkhorn.iterations() == 1;
                self.violation = if first { f64::INFINITY } else { violation };
            }
        }
        let (goal, rows) = (self.goal(), self.y.len() / problem.d);
        for _ in 0..(WORK / rows).max(1) {
            if self.k == goal {
                break;
            }
            let x = Rc::clone(&self.x);
            self.slope = problem.langevin(&self.network, &x, &mut self.y, &mut self.rng);
            self.k += 1;
            if self.phase == Phase::Test && self.looks() {
                break;
            }
        }
        if !self.y.iter().all(|y| y.abs() < FAR) {
            self.broken = true;
        }
        if let (Phase::Test, false, true, Some(truth)) = (self.phase, self.broken, self.looks(), &self.truth) {
            if let Some(measured) = self.measure(truth) {
                let k = self.k;
                Rc::make_mut(&mut self.course).push((k, measured));
                if k == judged(problem.setting.steps, problem.setting.start) {
                    self.measured = Some(measured);
                    self.pairs = Rc::new([problem.test.clone(), self.y.clone()]);
                }
            } else {
                self.broken = true;
            }
        }
        if !self.broken && self.k == goal {
            self.follow();
        }
        if self.broken || self.phase == Phase::End { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_transport(figures);
        self.draw_conditional(figures);
        self.draw_training(figures);
        self.draw_course(figures);
        self.draw_errors(figures);
    }

    fn claim(&self) -> Claim {
        let of = |part: fn(Measured) -> f64| self.measured.map(part);
        let known = self.problem.closed.is_some();
        let mut clauses = vec![
            Clause::at_most(
                "Energy distance to the target: {value} times that of as many fresh samples, at most {high}.",
                of(|m| m.energy),
                if known { 2.0 } else { 4.0 },
            ),
            Clause::within(
                "The mean variance of y for given x is {value} times the optimal plan's, between {low} and {high}.",
                of(|m| m.hesitation),
                0.8,
                1.25,
            ),
        ];
        let (text, bound) = if known {
            ("The law of pairs (x, y) leaves {value}% of the closed form's variance unexplained, at most {high}%.", 2.0)
        } else {
            ("The conditional means differ from Sinkhorn's by {value}% of the target's variance, at most {high}%.", 5.0)
        };
        clauses.push(Clause::at_most(text, of(|m| m.plan), bound));
        if self.broken {
            clauses.push(Clause::at_most("Chains ran away: the Langevin step is too long for this ε.", Some(1.0), 0.0));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let gaussian = Setting { target: Target::Gaussian, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "Swiss roll",
                "Chains from one point spread over as much of the roll as the optimal plan allows.",
                default,
            ),
            Scenario::holds(
                "gaussian",
                "Gaussian",
                "Here the optimal plan is known: chains from the input point fill its two ellipses.",
                gaussian.clone(),
            ),
            Scenario::holds(
                "eight-dimensions",
                "Eight dimensions",
                "The same network and batches; samples alone leave Sinkhorn's plan further from the truth.",
                Setting { dimension: 8, ..gaussian.clone() },
            ),
            Scenario::fails(
                "five-steps",
                "Five steps",
                "The points nearly match the target, yet the pairs are not the plan's.",
                Setting { steps: 5, ..gaussian.clone() },
            ),
            Scenario::fails(
                "small-epsilon",
                "Small ε",
                "At ε = 0.005 the same step is too long: chains overshoot, farther each time, and run away.",
                Setting { epsilon: 0.005, ..gaussian },
            ),
        ]
    }
}

/// Cells along a side of the heat map.
const SIDE: usize = 64;

impl EnergyGuidedEot {
    /// The first two coordinates of the points that lie in the picture.
    fn seen(&self, cloud: &[f32], count: usize) -> [Vec<f64>; 2] {
        let reach = self.problem.reach();
        let points = cloud.chunks_exact(self.problem.d).take(count).map(|y| [f64::from(y[0]), f64::from(y[1])]);
        points.filter(|y| y[0].abs() <= reach && y[1].abs() <= reach).map(|[x, y]| (x, y)).unzip().into()
    }

    fn draw_transport(&self, figures: &mut Figures) {
        let (problem, d, reach) = (&*self.problem, self.problem.d, self.problem.reach());
        let caption = "Source points carried by Langevin chains, some with their way, over the target. Drag the input \
                       point: its cloud is where chains from it end.";
        let mut scatter = figures.figure("transport", "Where chains carry the source", caption);
        scatter.x(Axis::linear("y₁").domain(-reach, reach)).y(Axis::linear("y₂").domain(-reach, reach)).equal();
        let [x, y] = self.seen(&problem.atoms, 512);
        scatter.dot(x, y).ink(Ink::Muted).faint().radius(1.6).label("target");
        let [from, to] = &*self.pairs;
        let inside = |x: &[f32]| f64::from(x[0].abs().max(x[1].abs())) <= reach;
        let place = |x: &[f32]| [f64::from(x[0]), f64::from(x[1])];
        let ways = from.chunks_exact(d).zip(to.chunks_exact(d)).take(64).filter(|(x, y)| inside(x) && inside(y));
        let (tails, heads): (Vec<_>, Vec<_>) = ways.map(|(x, y)| (place(x), place(y))).unzip();
        scatter.link(&tails, &heads, None).ink(Ink::Muted).faint().label("from x to y");
        let [x, y] = self.seen(to, 512);
        scatter.dot(x, y).of("energy").radius(2.0).label("transported");
        let [x, y] = self.seen(&self.cloud, SHOWN);
        scatter.dot(x, y).ink(Ink::Accent).radius(2.0).label("from the input point");
        self.draw_input(&mut scatter);
    }

    fn draw_input(&self, figure: &mut orrery_core::figure::Figure<'_>) {
        let input = &self.problem.setting.input.0;
        let mark = figure.dot(input.iter().map(|x| x[0]), input.iter().map(|x| x[1]));
        mark.ink(Ink::Accent).symbol(Symbol::Ring).radius(8.0).label("input point").drags("input");
    }

    fn draw_conditional(&self, figures: &mut Figures) {
        let (problem, d, reach) = (&*self.problem, self.problem.d, self.problem.reach());
        let input = problem.setting.input.0[0];
        let caption = if d == 2 {
            "The density that the energy gives to y for the input point, and where chains from it end."
        } else {
            "The first two coordinates of chains from the input point, and the optimal plan's law of them."
        };
        let axes = || (Axis::linear("y₁").domain(-reach, reach), Axis::linear("y₂").domain(-reach, reach));
        let mut learned = figures.figure("conditional", "What the energy says of one point", caption);
        learned.x(axes().0).y(axes().1).equal();
        if d == 2 {
            let density = self.density(input);
            let grid = Grid { values: &density, columns: SIDE, x: [-reach, reach], y: [-reach, reach] };
            learned.raster(grid, Colors::sequential("density / greatest").domain(0.0, 1.0));
        }
        let [x, y] = self.seen(&self.cloud, SHOWN);
        learned.dot(x, y).of("energy").radius(1.8);
        if let Some(closed) = &problem.closed {
            let x: Vec<f32> = (0..d).map(|i| if i < 2 { input[i] as f32 } else { 0.0 }).collect();
            let (mean, s) = (closed.at(&x), &closed.conditional);
            let determinant = s[(0, 0)] * s[(1, 1)] - s[(0, 1)] * s[(0, 1)];
            let place = |i: usize| reach * ((2 * i + 1) as f64 / SIDE as f64 - 1.0);
            let values: Vec<f64> = (0..SIDE * SIDE)
                .map(|i| {
                    let (u, v) = (place(i % SIDE) - mean[0], place(i / SIDE) - mean[1]);
                    exp(-0.5 * (s[(1, 1)] * u * u - 2.0 * s[(0, 1)] * u * v + s[(0, 0)] * v * v) / determinant)
                })
                .collect();
            let grid = Grid { values: &values, columns: SIDE, x: [-reach, reach], y: [-reach, reach] };
            // One and two deviations.
            learned.contour(grid, &[exp(-2.0), exp(-0.5)], None).ink(Ink::Strong).label("closed form");
        }
        self.draw_input(&mut learned);

        let caption = "Sinkhorn's plan for the same point: a share for each of its 1,024 target samples.";
        let mut theirs = figures.figure("sinkhorn", "What Sinkhorn says of it", caption);
        theirs.x(axes().0).y(axes().1).equal();
        let x: Vec<f32> = (0..d).map(|i| if i < 2 { input[i] as f32 } else { 0.0 }).collect();
        let shares = problem.shares(&self.sinkhorn.v, &x);
        let most = shares.iter().copied().fold(1e-300, f64::max);
        let atoms = problem.atoms.chunks_exact(d).zip(&shares);
        let atoms = atoms.filter(|(y, _)| f64::from(y[0].abs().max(y[1].abs())) <= reach);
        let mut atoms: Vec<[f64; 3]> =
            atoms.map(|(y, share)| [f64::from(y[0]), f64::from(y[1]), share / most]).collect();
        atoms.sort_by(|a, b| a[2].total_cmp(&b[2]));
        let column = |i: usize| atoms.iter().map(move |atom| atom[i]);
        theirs
            .colored_dot(column(0), column(1), column(2), Colors::sequential("share / greatest").domain(0.0, 1.0))
            .radius(2.5);
        self.draw_input(&mut theirs);
    }

    fn draw_training(&self, figures: &mut Figures) {
        let caption = "The objective, E f(target) − E f(chains), and the mean length of ∇(f − c) where chains end. An \
                       objective near zero says nothing of the plan.";
        let mut training = figures.figure("training", "What training sees", caption);
        let last = self.problem.setting.iterations.max(1) as f64;
        training.x(Axis::linear("training iteration").domain(0.0, last)).y(Axis::linear("objective, gradient"));
        training.line(self.slopes.xs(), self.slopes.ys()).ink(Ink::Muted).label("chain gradient norm");
        training.line(self.objective.xs(), self.objective.ys()).of("energy").label("contrastive objective");
        training.rule_y([0.0]).faint();
    }

    fn draw_course(&self, figures: &mut Figures) {
        let Setting { steps, eta, epsilon, .. } = self.problem.setting;
        let unseen = if self.broken { " Not measured here: chains ran away." } else { "" };
        let caption = format!(
            "Test chains run on to 8K, in ratios to the truth. K steps last Kη/2ε = {:.2} times as long as the cost \
             alone takes to forget its start.{unseen}",
            0.5 * steps as f64 * eta / epsilon
        );
        let mut course = figures.figure("course", "If chains ran longer", caption);
        let first = steps.div_ceil(16) as f64;
        course.x(Axis::log("Langevin steps").domain(first, (LONG * steps) as f64)).y(Axis::log("ratio to the truth"));
        let k = || self.course.iter().map(|(k, _)| *k as f64);
        course.rule_x([judged(steps, self.problem.setting.start) as f64]).dashed().label("transport");
        course.rule_y([1.0]).faint();
        let energy = self.course.iter().map(|(_, m)| m.energy.clamp(1e-2, 1e4));
        course.line(k(), energy).of("energy").label("energy distance / fresh");
        let hesitation = self.course.iter().map(|(_, m)| m.hesitation.clamp(1e-2, 1e4));
        course.line(k(), hesitation).ink(Ink::Accent).label("variance for given x");
    }

    fn draw_errors(&self, figures: &mut Figures) {
        let known = self.problem.closed.is_some();
        let caption = if self.broken {
            "Not measured here: chains ran away."
        } else if known {
            "Bures-Wasserstein distance of the pairs' law from the closed form. Pairs drawn independently or without \
             entropy, and samples of the truth, are there to compare."
        } else {
            "Conditional means beside Sinkhorn's, and how much of the target's variance these means carry: the error \
             of independent pairs."
        };
        let mut errors = figures.figure("errors", "How wrong the plan is", caption);
        let mut bars: Vec<(&str, Option<&'static str>, f64)> = Vec::new();
        if let Some(truth) = &self.truth {
            if known {
                bars.push(("Sinkhorn", Some("sinkhorn"), truth.sinkhorn[1]));
                bars.extend(truth.trivial.iter().map(|(name, error)| (*name, None, *error)));
            } else {
                let share = truth.moved / (truth.moved + truth.hesitation);
                bars.push(("independent", None, 100.0 * share));
            }
        }
        if let Some(measured) = self.measured {
            bars.insert(0, ("energy-guided", Some("energy"), measured.plan));
        }
        errors.x(Axis::categories("plan", bars.iter().map(|bar| bar.0)).domain(-0.5, (bars.len().max(1)) as f64 - 0.5));
        errors.y(Axis::linear("unexplained variance").unit("%"));
        for (place, (_, contender, error)) in bars.iter().enumerate() {
            let bar = errors.bar([place as f64], [error.min(1e3)]);
            if let Some(contender) = contender {
                bar.of(contender);
            } else {
                bar.ink(Ink::Muted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::Rng;
    use proptest::prelude::*;

    fn run(setting: &Setting, seed: u64) -> EnergyGuidedEot {
        EnergyGuidedEot::new(setting, &mut Rng::seed_from_u64(seed)).expect("a run")
    }

    proptest! {
        // The plan is the one whose conditional precision, (I - F)/ε with f quadratic, is that of an energy: S = εC.
        #[test]
        fn the_closed_form_is_an_energy(a in prop::collection::vec(-1.0_f64..1.0, 9), epsilon in 0.01_f64..2.0) {
            let a = DMatrix::from_row_slice(3, 3, &a);
            let b = &a * a.transpose() + DMatrix::identity(3, 3) * 0.1;
            let closed = Closed::new(DVector::zeros(3), b, epsilon).expect("a plan");
            prop_assert!((&closed.conditional - &closed.cross * epsilon).amax() < 1e-10);
        }
    }

    #[test]
    fn sinkhorn_on_a_grid_finds_the_closed_form() {
        // N(0, 1) to N(0.3, 0.49) on a line of 201 points.
        let (epsilon, n) = (0.2, 201);
        let place = |i: usize| (i as f64 - 100.0) / 20.0;
        let masses = |mean: f64, s: f64| -> Vec<f64> {
            let masses: Vec<f64> =
                (0..n).map(|i| exp(-0.5 * (place(i) - mean) * (place(i) - mean) / (s * s))).collect();
            let sum: f64 = masses.iter().sum();
            masses.iter().map(|mass| mass / sum).collect()
        };
        let cost: Vec<f64> =
            (0..n * n).map(|k| 0.5 * (place(k / n) - place(k % n)) * (place(k / n) - place(k % n))).collect();
        let entropic = Entropic::new(&cost, 1.0 / epsilon, masses(0.0, 1.0), masses(0.3, 0.7)).expect("a problem");
        let mut sinkhorn = Sinkhorn::new(&entropic);
        while sinkhorn.iterations() < 300 {
            sinkhorn.advance(&entropic, n);
        }
        let (mut row, mut cross) = (vec![0.0; n], 0.0);
        for i in 0..n {
            entropic.plan_row(i, sinkhorn.u[i], &sinkhorn.v, &mut row);
            cross += row.iter().enumerate().map(|(j, p)| p * place(i) * (place(j) - 0.3)).sum::<f64>();
        }
        let closed =
            Closed::new(DVector::from_element(1, 0.3), DMatrix::from_element(1, 1, 0.49), epsilon).expect("a plan");
        assert!((cross - closed.cross[(0, 0)]).abs() < 1e-4, "{cross} {}", closed.cross[(0, 0)]);
    }

    #[test]
    fn chains_of_the_cost_alone_have_the_variance_of_the_recursion() {
        let setting = Setting { eta: 0.05, ..Setting::default() };
        let (run, rng) = (run(&setting, 3), &mut Rng::seed_from_u64(4));
        let x = normals(20_000, rng);
        let mut y = x.clone();
        (0..7).for_each(|_| {
            run.problem.langevin(&run.network, &x, &mut y, rng);
        });
        // y - x ← (1 - η/2ε)(y - x) + √η ξ from zero.
        let a: f64 = 1.0 - 0.05 / 0.2;
        let expected = (0..7).fold(0.0, |v, _| a * a * v + 0.05);
        let found = x.iter().zip(&y).map(|(x, y)| f64::from((y - x) * (y - x))).sum::<f64>() / x.len() as f64;
        // Four standard errors of a mean of 20,000 squares.
        assert!((found / expected - 1.0).abs() < 4.0 * (2.0_f64 / 20_000.0).sqrt(), "{found} {expected}");
    }

    #[test]
    fn the_optimal_quadratic_potential_samples_the_plan() {
        for dimension in [2, 5] {
            let setting = Setting { target: Target::Gaussian, dimension, eta: 0.01, ..Setting::default() };
            let mut run = run(&setting, 6);
            let problem = Rc::clone(&run.problem);
            let closed = problem.closed.as_ref().expect("a plan");
            // ∇f(y) = F (y - b) + b with F = I - C⁻¹, and f = zᵀAz + wᵀz of z = (y - m)/s.
            let f = DMatrix::identity(dimension, dimension) - closed.cross.clone().try_inverse().expect("regular");
            let away = DVector::from_fn(dimension, |i, _| f64::from(problem.centre[i])) - &closed.mean;
            let slope = &closed.mean + &f * away;
            let scale = |i: usize| f64::from(problem.scale[i]);
            let bend = (0..dimension * dimension).map(|k| {
                let (i, j) = (k / dimension, k % dimension);
                (0.5 * f[(i, j)] * scale(i) * scale(j)) as f32
            });
            let range = |name| run.network.mlp.parameters.matrix(name).expect("a head").range();
            let (square, line) = (range("head.0"), range("head.1"));
            run.network.theta[square].copy_from_slice(&bend.collect::<Vec<f32>>());
            let line_entries: Vec<f32> = (0..dimension).map(|i| (slope[i] * scale(i)) as f32).collect();
            run.network.theta[line].copy_from_slice(&line_entries);
            let rng = &mut Rng::seed_from_u64(7);
            let x = normals(4096 * dimension, rng);
            let mut y = x.clone();
            (0..400).for_each(|_| {
                problem.langevin(&run.network, &x, &mut y, rng);
            });
            let error = closed.unexplained_by(&x, &y).expect("a law");
            // Samples alone leave a tenth of a percent, the length of the step as much again.
            assert!(error < 0.6, "{error}");
            let independent =
                closed.joint(&DMatrix::zeros(dimension, dimension)).and_then(|law| closed.unexplained(&law));
            assert!(independent.expect("a law") > 20.0);
        }
    }

    #[test]
    fn shares_of_the_source_points_are_the_rows_of_the_plan() {
        let mut run = run(&Setting::default(), 8);
        let problem = Rc::clone(&run.problem);
        while run.sinkhorn.iterations() < 20 {
            run.sinkhorn.advance(&problem.entropic, SAMPLES);
        }
        let shares = problem.shares(&run.sinkhorn.v, &[0.4, -0.2]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let rng = &mut Rng::seed_from_u64(9);
        let (mut drawn, mut mean) = ([0.0; 2], [0.0; 2]);
        for _ in 0..4000 {
            let y = problem.pick(&shares, rng);
            drawn = [drawn[0] + f64::from(y[0]) / 4000.0, drawn[1] + f64::from(y[1]) / 4000.0];
        }
        for (share, y) in shares.iter().zip(problem.atoms.chunks_exact(2)) {
            mean = [mean[0] + share * f64::from(y[0]), mean[1] + share * f64::from(y[1])];
        }
        assert!((drawn[0] - mean[0]).abs() < 0.06 && (drawn[1] - mean[1]).abs() < 0.06, "{drawn:?} {mean:?}");
    }
}
