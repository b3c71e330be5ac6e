//! Scatter points around where you are, weigh each by $e^{-\alpha E}$, go to their weighted mean, scatter again. Nobody
//! computed a slope: this *consensus hopping*
//! $$x_k=\frac{\sum_iX_ie^{-\alpha E(X_i)}}{\sum_ie^{-\alpha E(X_i)}},\qquad X_i\sim\mathcal N(x_{k-1},\sigma^2I),$$
//! looks at values of $E$ only. Riedl, Klock, Geldhauser and Fornasier show that it is gradient descent in disguise. Weight
//! and bell together are $\exp\bigl(-\alpha[E(y)+\|y-x\|^2/(2\tau)]\bigr)$ with $\tau=\alpha\sigma^2$; for large $\alpha$
//! the mean of such a law sits at the minimum of the bracket, which is a proximal step, and for small $\tau$ that is
//! $$x_k=x_{k-1}-\tau\nabla E(x_{k-1})+g_k$$
//! with a small $g_k$. It is the limit, at $\lambda\Delta t=1$, of consensus-based optimisation (CBO), whose particles
//! drift to their weighted mean and are shaken by their distance from it. (The relation between $\tau$ and $\sigma$ was
//! derived here; the paper's constant may be defined otherwise.)
//!
//! The second picture lays hops over $-\nabla E$. The third to fifth show what is left: it falls as $N^{-1/2}$ with the number
//! of particles until the difference between proximal and gradient step remains. With $\alpha$ there is a best
//! value: where it is large, few particles carry all the weight, and the law needs ever more of them.
//!
//! **Try** the hop width. At 0.05 the hop follows the gradient and is trapped as gradient descent is. At 0.4 $\tau$ is 16: no
//! step that gradient descent could take, but a proximal step may be as long as it likes, and it crosses the ridges. The
//! proximal contender, which minimises the bracket almost globally, gets there in a few steps. So the escape is not owed
//! to luck: the same formula has become a global method.
//!
//! **Where it stops:** in ten dimensions a wide cloud hardly ever hits a valley, and with a thousand particles at
//! best one start in fifty finds the minimum of Rastrigin's function, whatever the hop. A hundred particles still
//! point downhill there (cosine 0.8), but their error is more than half as long as the gradient, not negligible as in
//! the plane. The network's loss has no traps near the origin: gradient descent arrives too.
//!
//! The fifty starts of the last picture lie within 0.2 of yours. Langevin's dynamics has the temperature $1/\alpha$ of the
//! weights, which would need ages to cross a ridge. CBO's noise is 0.8 of the strongest that lets its cloud shrink.

use crate::plane::{self, Field, Window};
use orrery_core::prelude::*;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::{E, TAU, cos, exp, exp_wide, log_spaced, sin, tanh_wide};
use orrery_kernels::optim::Lbfgs;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "cbo-is-gradient",
    title: "Gradient is All You Need?",
    year: 2023,
    lists: &[3, 4],
    claim: "A swarm that only compares heights takes gradient steps, until it hops far enough to be a global search.",
    algorithms: &[
        "consensus-based optimisation",
        "consensus hopping",
        "gradient descent",
        "proximal point method",
        "minimising movement scheme",
        "Langevin dynamics",
        "Laplace principle",
        "derivative-free optimisation",
    ],
    contenders: &[
        Contender::paper("hopping", "consensus hopping"),
        Contender::paper("cbo", "CBO, mean"),
        Contender::baseline("descent", "gradient descent"),
        Contender::baseline("proximal", "proximal step"),
        Contender::baseline("langevin", "Langevin"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Landscape {
    /// A bowl with dents.
    #[choice("Rastrigin")]
    Rastrigin,
    /// A curved canyon with dents in its floor.
    #[choice("canyon")]
    Canyon,
    /// A funnel in an egg box, a tenth as high as usual.
    #[choice("Ackley")]
    Ackley,
    /// The squared error of a network whose weights are the coordinates.
    #[choice("tiny network")]
    Network,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Particles of a hop and of CBO; in the fifty trials at most 2000.
    #[control(label = "particles N", range = 20..=20_000, log, default = 1000)]
    pub particles: usize,
    /// How strongly low values are preferred.
    #[control(label = "α", range = 1.0..=1e4, log, default = 100.0)]
    pub alpha: f64,
    /// The step of the comparison with the gradient, where σ = √(τ/α); also that of gradient descent and of Langevin.
    #[control(label = "τ of the gradient test", range = 1e-3..=1.0, log, default = 0.01)]
    pub tau: f64,
    /// How far around particles are scattered in the search; also CBO's cloud at first.
    #[control(label = "hop width σ", range = 0.02..=1.0, default = 0.4)]
    pub width: f64,
    /// How many coordinates there are. The pictures show the first two, the others at the minimum.
    #[control(label = "dimension", range = 1..=10, default = 2)]
    pub dimension: usize,
    /// What is minimised.
    #[control(label = "landscape", default = Landscape::Rastrigin)]
    pub landscape: Landscape,
    /// How far CBO's particles drift to their weighted mean in one step.
    #[control(label = "λΔt of CBO", range = 0.05..=1.0, default = 1.0)]
    pub drift: f64,
    /// Where all begin; in more dimensions its coordinates are repeated. Drag it.
    #[control(label = "start", count = 1..=1, domain = [[-4.0, 4.0], [-4.0, 4.0]], default = [[3.3, 2.7]].into())]
    pub start: Points,
}

/// The landscape in so many dimensions.
#[derive(Clone, Debug)]
struct Energy {
    landscape: Landscape,
    minimum: Vec<f64>,
    /// Inputs and answers for the network.
    data: Vec<[f64; 2]>,
}

/// Output of the network and, for each coordinate, the derivative: units `a tanh(b z)`, one for each pair of coordinates; a
/// coordinate without partner is a `b` with `a = 1`.
fn network(x: &[f64], z: f64, mut slope: impl FnMut(usize, f64)) -> f64 {
    let mut output = 0.0;
    for (unit, pair) in x.chunks(2).enumerate() {
        let (a, b) = if let [a, b] = *pair { (a, b) } else { (1.0, pair[0]) };
        let t = tanh_wide(b * z);
        output += a * t;
        if pair.len() == 2 {
            slope(2 * unit, t);
        }
        slope(2 * unit + pair.len() - 1, a * (1.0 - t * t) * z);
    }
    output
}

impl Energy {
    fn new(landscape: Landscape, dimension: usize) -> Self {
        let mut minimum = vec![0.0; dimension];
        let mut data = Vec::new();
        if landscape == Landscape::Network {
            let weights = [1.5, 0.8, -1.0, 2.0, 0.7, 0.4, -0.5, 1.2, 1.0, 3.0];
            minimum.copy_from_slice(&weights[..dimension]);
            let inputs = (0..5).map(|k| -1.6 + 0.8 * f64::from(k));
            data = inputs.map(|z| [z, network(&minimum, z, |_, _| {})]).collect();
        }
        Self { landscape, minimum, data }
    }

    fn value(&self, x: &[f64]) -> f64 {
        let dent = |x: f64| 0.1 * (1.0 - cos(TAU * x));
        match self.landscape {
            // 0.1 ‖x‖² + 0.1 Σ (1 - cos 2πxᵢ)
            Landscape::Rastrigin => x.iter().map(|&x| 0.1 * x * x + dent(x)).sum(),
            // the same along the floor, and 2 (xᵢ - x₁²/4)² up the walls
            Landscape::Canyon => {
                let walls: f64 = x[1..].iter().map(|y| y - 0.25 * x[0] * x[0]).map(|wall| 2.0 * wall * wall).sum();
                0.1 * x[0] * x[0] + dent(x[0]) + walls
            }
            // (20 - 20 e^(-0.2 rms x) + e - e^(mean cos 2πx)) / 10
            Landscape::Ackley => {
                let share = 1.0 / x.len() as f64;
                let size = (share * inner(x, x)).sqrt();
                let waves = share * x.iter().map(|x| cos(TAU * x)).sum::<f64>();
                0.1 * (20.0 - 20.0 * exp(-0.2 * size) + E - exp(waves))
            }
            Landscape::Network => {
                let error = |[z, y]: &[f64; 2]| network(x, *z, |_, _| {}) - y;
                self.data.iter().map(error).map(|e| e * e).sum::<f64>() / self.data.len() as f64
            }
        }
    }

    fn gradient(&self, x: &[f64], g: &mut [f64]) {
        let dent = |x: f64| 0.1 * TAU * sin(TAU * x);
        match self.landscape {
            Landscape::Rastrigin => g.iter_mut().zip(x).for_each(|(g, &x)| *g = 0.2 * x + dent(x)),
            Landscape::Canyon => {
                g[0] = 0.2 * x[0] + dent(x[0]);
                for i in 1..x.len() {
                    g[i] = 4.0 * (x[i] - 0.25 * x[0] * x[0]);
                    g[0] -= 0.5 * x[0] * g[i];
                }
            }
            Landscape::Ackley => {
                let share = 1.0 / x.len() as f64;
                let size = (share * inner(x, x)).sqrt();
                let waves = exp(share * x.iter().map(|x| cos(TAU * x)).sum::<f64>());
                // At the tip itself there is none.
                let funnel = if size > 0.0 { 4.0 * exp(-0.2 * size) / size } else { 0.0 };
                g.iter_mut().zip(x).for_each(|(g, &x)| *g = 0.1 * share * (funnel * x + TAU * sin(TAU * x) * waves));
            }
            Landscape::Network => {
                g.fill(0.0);
                let mut slopes = vec![0.0; x.len()];
                for &[z, y] in &self.data {
                    let error = network(x, z, |k, slope| slopes[k] = slope) - y;
                    let factor = 2.0 * error / self.data.len() as f64;
                    g.iter_mut().zip(&slopes).for_each(|(g, slope)| *g += factor * slope);
                }
            }
        }
    }

    /// Whether this is the global minimum: within 0.2 of it; of the network, which has many, where its error is below 0.01.
    fn arrived(&self, x: &[f64]) -> bool {
        match self.landscape {
            Landscape::Network => self.value(x) < 0.01,
            _ => inner(x, x) < 0.04,
        }
    }

    /// The minimum of `E(y) + ‖y - x‖²/(2τ)` near `from`.
    fn proximal(&self, x: &[f64], tau: f64, from: &[f64]) -> Vec<f64> {
        let mut y = from.to_vec();
        let mut lbfgs = Lbfgs::new(10);
        let objective = |y: &[f64], g: &mut [f64]| {
            self.gradient(y, g);
            g.iter_mut().zip(y.iter().zip(x)).for_each(|(g, (y, x))| *g += (y - x) / tau);
            self.bracket(y, x, tau)
        };
        for _ in 0..100 {
            match lbfgs.step(&mut y, objective) {
                Ok(step) if step.slope > 1e-11 => {}
                // Solved, or as exactly as rounding lets it.
                _ => break,
            }
        }
        y
    }

    fn bracket(&self, y: &[f64], x: &[f64], tau: f64) -> f64 {
        let square: f64 = y.iter().zip(x).map(|(y, x)| (y - x) * (y - x)).sum();
        self.value(y) + square / (2.0 * tau)
    }

    /// The same, but not only nearby: each coordinate in turn is moved to the best of 81 places, twice over.
    fn far_proximal(&self, x: &[f64], tau: f64) -> Vec<f64> {
        let mut best = x.to_vec();
        let mut least = self.bracket(&best, x, tau);
        for k in (0..x.len()).chain(0..x.len()) {
            for place in (-40..=40).map(|place| 0.1 * f64::from(place)) {
                let before = std::mem::replace(&mut best[k], place);
                let value = self.bracket(&best, x, tau);
                if value < least {
                    least = value;
                } else {
                    best[k] = before;
                }
            }
        }
        self.proximal(x, tau, &best)
    }
}

/// Particles, one after the other, with room for their weights.
#[derive(Clone, Debug, Default)]
struct Swarm {
    at: Vec<f64>,
    weights: Vec<f64>,
}

impl Swarm {
    /// `Xᵢ ~ N(x, σ²I)`
    fn scatter(&mut self, x: &[f64], sigma: f64, count: usize, rng: &mut Rng) {
        self.scatter_by(x, sigma, count, || rng.sample(StandardNormal));
    }

    /// `Xᵢ = x + σξᵢ`
    fn scatter_by(&mut self, x: &[f64], sigma: f64, count: usize, mut xi: impl FnMut() -> f64) {
        self.at.clear();
        for _ in 0..count {
            self.at.extend(x.iter().map(|x| x + sigma * xi()));
        }
    }

    /// `x_α = Σ Xᵢ e^(-αE(Xᵢ)) / Σ e^(-αE(Xᵢ))`
    fn consensus(&mut self, energy: &Energy, alpha: f64) -> Vec<f64> {
        let dimension = energy.minimum.len();
        let values = self.at.chunks_exact(dimension).map(|x| energy.value(x));
        self.weights.clear();
        self.weights.extend(values);
        // Shifted by the least, so that the greatest weight is 1.
        let least = self.weights.iter().copied().fold(f64::INFINITY, f64::min);
        self.weights.iter_mut().for_each(|value| *value = exp_wide(-alpha * (*value - least)));
        let (mut mean, mut total) = (vec![0.0; dimension], 0.0);
        for (x, weight) in self.at.chunks_exact(dimension).zip(&self.weights) {
            mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += weight * x);
            total += weight;
        }
        mean.iter_mut().for_each(|mean| *mean /= total);
        mean
    }

    /// `Xᵢ ← Xᵢ - λΔt (Xᵢ - x_α) + σ√Δt diag(Xᵢ - x_α) ξᵢ`
    fn drift(&mut self, consensus: &[f64], drift: f64, noise: f64, mut xi: impl FnMut() -> f64) {
        for x in self.at.chunks_exact_mut(consensus.len()) {
            for (x, c) in x.iter_mut().zip(consensus) {
                let away = *x - c;
                *x += away * (noise * xi() - drift);
            }
        }
    }

    fn mean(&self, dimension: usize) -> Vec<f64> {
        let share = dimension as f64 / self.at.len() as f64;
        (0..dimension).map(|k| share * self.at.iter().skip(k).step_by(dimension).sum::<f64>()).collect()
    }
}

/// Hops of a run.
const HOPS: usize = 30;
/// Starts of which success is a share.
const TRIALS: usize = 50;
/// Hops over which the perturbation is averaged, at most.
const REPEATS: usize = 64;
/// Points along a side of the field of arrows.
const SIDE: usize = 11;
/// The time that gradient descent and Langevin pass in the time of a hop.
const TIME: f64 = 0.2;
/// Particles of a trial's hop, at most.
const MOST: usize = 2000;
/// Coordinates of particles that are weighed in one step, about.
const WORK: usize = 40_000;

/// One hop under the conditions at one place of a sweep.
#[derive(Clone, Debug)]
struct Probe {
    sweep: usize,
    /// Where it stands on its axis.
    place: f64,
    particles: usize,
    alpha: f64,
    tau: f64,
    proximal: Vec<f64>,
}

impl Probe {
    /// How many hops are averaged: along α and along τ fewer where each has many particles, and so little noise.
    fn repeats(&self) -> usize {
        if matches!(self.sweep, 1 | 2) { (REPEATS * MOST / self.particles).clamp(8, REPEATS) } else { REPEATS }
    }
}

/// What hops under one condition came to, summed.
#[derive(Clone, Copy, Debug, Default)]
struct Missed {
    gradient: f64,
    proximal: f64,
    cosine: f64,
    count: f64,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    /// One hop of everyone.
    Hop,
    /// The arrow at one point.
    Arrow(usize),
    /// One more hop of a probe.
    Probe(usize),
    /// One hop of a trial at one width.
    Trial { width: usize, trial: usize, hop: usize },
}

struct Fixed {
    setting: Setting,
    energy: Energy,
    start: Vec<f64>,
    gradient: Vec<f64>,
    probes: Vec<Probe>,
    widths: Vec<f64>,
    chosen: usize,
    trials: Vec<Vec<f64>>,
    /// Points of the field, and -∇E there.
    points: Vec<Vec<f64>>,
    slopes: Vec<Vec<f64>>,
    field: Field,
    tasks: Vec<Task>,
    /// Where each step's tasks end.
    ends: Vec<usize>,
}

/// The exhibit.
#[derive(Clone)]
pub struct CboIsGradient {
    fixed: Rc<Fixed>,
    rng: Rng,
    steps: usize,
    swarm: Swarm,
    cloud: Swarm,
    at: [Vec<f64>; 5],
    paths: [Series; 5],
    /// Hops over τ, each with the place of its point in the field.
    arrows: Vec<(usize, Vec<f64>)>,
    errors: Vec<Missed>,
    trial: Vec<f64>,
    /// Successes and trials done by width, then of gradient descent and of Langevin.
    successes: Vec<[usize; 2]>,
}

const IDS: [&str; 5] = ["hopping", "cbo", "descent", "proximal", "langevin"];

impl Fixed {
    /// What one step of gradient descent, or of Langevin's dynamics at temperature 1/α, makes of `x`.
    fn descend(&self, x: &mut [f64], rng: Option<&mut Rng>) {
        // Beyond this it has diverged.
        if x.iter().any(|x| x.abs() > 100.0) {
            return;
        }
        let (tau, mut g) = (self.setting.tau, vec![0.0; x.len()]);
        self.energy.gradient(x, &mut g);
        x.iter_mut().zip(&g).for_each(|(x, g)| *x -= tau * g);
        if let Some(rng) = rng {
            let noise = (2.0 * tau / self.setting.alpha).sqrt();
            x.iter_mut().for_each(|x| *x += noise * rng.sample::<f64, _>(StandardNormal));
        }
    }

    /// Steps of gradient descent in the time of a hop.
    fn descents(&self) -> usize {
        (TIME / self.setting.tau).ceil().max(1.0) as usize
    }
}

impl CboIsGradient {
    fn record(&mut self) {
        for (path, x) in self.paths.iter_mut().zip(&self.at) {
            let height = if x.len() > 1 { x[1] } else { self.fixed.energy.value(x) };
            // What diverged has left the picture.
            if x[0].abs() < 8.0 && height.abs() < 8.0 {
                path.push(x[0], height);
            }
        }
    }

    fn hop(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Setting { particles, alpha, width, drift, .. } = fixed.setting;
        self.swarm.scatter(&self.at[0], width, particles, &mut self.rng);
        self.at[0] = self.swarm.consensus(&fixed.energy, alpha);

        let consensus = self.cloud.consensus(&fixed.energy, alpha);
        // E (1 - λΔt + σ√Δt ξ)² < 1 needs σ²Δt < λΔt (2 - λΔt).
        let noise = (0.8 * drift * (2.0 - drift)).sqrt();
        self.cloud.drift(&consensus, drift, noise, || self.rng.sample(StandardNormal));
        self.at[1] = self.cloud.mean(consensus.len());

        for _ in 0..fixed.descents() {
            fixed.descend(&mut self.at[2], None);
            fixed.descend(&mut self.at[4], Some(&mut self.rng));
        }
        self.at[3] = fixed.energy.far_proximal(&self.at[3], alpha * width * width);
        self.record();
    }

    /// One hop from `x`, less `x`, over τ; σ = √(τ/α).
    fn rate(&mut self, x: &[f64], particles: usize, alpha: f64, tau: f64) -> Vec<f64> {
        self.swarm.scatter(x, (tau / alpha).sqrt(), particles, &mut self.rng);
        let there = self.swarm.consensus(&self.fixed.energy, alpha);
        there.iter().zip(x).map(|(there, x)| (there - x) / tau).collect()
    }

    fn run(&mut self, task: Task) {
        let fixed = Rc::clone(&self.fixed);
        let Setting { particles, alpha, tau, .. } = fixed.setting;
        match task {
            Task::Hop => self.hop(),
            Task::Arrow(k) => {
                let arrow = self.rate(&fixed.points[k], particles, alpha, tau);
                self.arrows.push((k, arrow));
            }
            Task::Probe(k) => {
                let probe = &fixed.probes[k];
                let rate = self.rate(&fixed.start, probe.particles, probe.alpha, probe.tau);
                let far: f64 = rate.iter().zip(&fixed.gradient).map(|(r, g)| (r + g) * (r + g)).sum();
                let target = probe.proximal.iter().zip(&fixed.start).map(|(p, x)| (p - x) / probe.tau);
                let off: f64 = rate.iter().zip(target).map(|(r, t)| (r - t) * (r - t)).sum();
                let lengths = (inner(&rate, &rate) * inner(&fixed.gradient, &fixed.gradient)).sqrt();
                let error = &mut self.errors[k];
                error.gradient += far.sqrt();
                error.proximal += off.sqrt();
                error.cosine -= inner(&rate, &fixed.gradient) / lengths.max(1e-300);
                error.count += 1.0;
            }
            Task::Trial { width, trial, hop } => {
                if hop == 0 {
                    self.trial.clone_from(&fixed.trials[trial]);
                }
                if let Some(sigma) = fixed.widths.get(width) {
                    self.swarm.scatter(&self.trial, *sigma, particles.min(MOST), &mut self.rng);
                    self.trial = self.swarm.consensus(&fixed.energy, alpha);
                } else {
                    let noisy = width > fixed.widths.len();
                    for _ in 0..fixed.descents() {
                        fixed.descend(&mut self.trial, noisy.then_some(&mut self.rng));
                    }
                }
                if hop + 1 == HOPS {
                    let [arrived, done] = &mut self.successes[width];
                    *arrived += usize::from(fixed.energy.arrived(&self.trial));
                    *done += 1;
                }
            }
        }
    }

    /// The share of trials that arrived, once all are done.
    fn success(&self, width: usize) -> Option<f64> {
        let [arrived, done] = self.successes[width];
        (done == TRIALS).then_some(arrived as f64 / TRIALS as f64)
    }

    /// The mean of ‖g‖/τ at a probe, once all its hops are done.
    fn perturbation(&self, probe: usize) -> Option<f64> {
        let error = self.errors[probe];
        (error.count as usize == REPEATS).then_some(error.gradient / error.count)
    }
}

/// Places of the sweep over N, and the first of those over α and τ; last comes the setting itself.
const SWEEP: [usize; 3] = [9, 9, 7];

impl Exhibit for CboIsGradient {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let Setting { particles, alpha, tau, dimension, .. } = *setting;
        let energy = Energy::new(setting.landscape, dimension);
        let pair = setting.start.0[0];
        let start: Vec<f64> = (0..dimension).map(|k| pair[k % 2]).collect();
        let mut gradient = vec![0.0; dimension];
        energy.gradient(&start, &mut gradient);
        if inner(&gradient, &gradient) < 1e-12 {
            return Err(Error::of("start", "is a place without slope: there is no gradient to compare a hop with"));
        }

        let mut probes = Vec::new();
        let mut probe = |sweep: usize, place: f64, particles: usize, alpha: f64, tau: f64| {
            let proximal = energy.proximal(&start, tau, &start);
            probes.push(Probe { sweep, place, particles, alpha, tau, proximal });
        };
        log_spaced(100.0, 1e4, SWEEP[0]).iter().for_each(|n| probe(0, n.round(), n.round() as usize, alpha, tau));
        log_spaced(1.0, 1e4, SWEEP[1]).iter().for_each(|&a| probe(1, a, particles, a, tau));
        log_spaced(1e-3, 1.0, SWEEP[2]).iter().for_each(|&t| probe(2, t, particles, alpha, t));
        probe(3, 0.0, particles, alpha, tau);

        let mut widths = vec![0.05, 0.1, 0.2, 0.4];
        if !widths.contains(&setting.width) {
            widths.push(setting.width);
            widths.sort_by(f64::total_cmp);
        }
        let chosen = widths.iter().position(|width| *width == setting.width).unwrap_or(0);
        let near = |rng: &mut Rng| start.iter().map(|x| x + rng.random_range(-0.2..0.2)).collect();
        let trials = (0..TRIALS).map(|_| near(rng)).collect();

        // With one coordinate as many points on the line as otherwise in the plane.
        let point = |k: usize| {
            let mut x = energy.minimum.clone();
            if dimension == 1 {
                x[0] = 8.0 * ((k as f64 + 0.5) / (SIDE * SIDE) as f64 - 0.5);
            } else {
                x[0] = 8.0 * (((k % SIDE) as f64 + 0.5) / SIDE as f64 - 0.5);
                x[1] = 8.0 * (((k / SIDE) as f64 + 0.5) / SIDE as f64 - 0.5);
            }
            x
        };
        let points: Vec<Vec<f64>> = (0..SIDE * SIDE).map(point).collect();
        let slope = |x: &Vec<f64>| {
            let mut g = vec![0.0; dimension];
            energy.gradient(x, &mut g);
            g.iter().map(|g| -g).collect()
        };
        let slopes = points.iter().map(slope).collect();
        let field = Field::new(Window::square(4.0), |[x, y]| {
            let mut at = energy.minimum.clone();
            at[0] = x;
            if dimension > 1 {
                at[1] = y;
            }
            energy.value(&at)
        });

        // A hop, with its share of arrows and probes; then the trials, the chosen width and the baselines first.
        let due = |turn: usize| {
            let due = probes.iter().enumerate().filter(move |(_, probe)| turn < probe.repeats());
            due.map(|(k, _)| Task::Probe(k))
        };
        let measures: Vec<Task> = (0..REPEATS).flat_map(due).chain((0..points.len()).map(Task::Arrow)).collect();
        let mut tasks = Vec::new();
        for hop in 0..HOPS {
            tasks.push(Task::Hop);
            tasks.extend(measures.iter().skip(hop).step_by(HOPS));
        }
        let others = (0..widths.len()).filter(|width| *width != chosen);
        for width in [chosen, widths.len(), widths.len() + 1].into_iter().chain(others) {
            let hops = |trial| (0..HOPS).map(move |hop| Task::Trial { width, trial, hop });
            tasks.extend((0..TRIALS).flat_map(hops));
        }
        // A new step begins with each hop of everyone, and where there is enough work.
        let (mut ends, mut work) = (Vec::new(), 0);
        let descents = (TIME / tau).ceil() as usize;
        for (k, task) in tasks.iter().enumerate() {
            work += dimension
                * match *task {
                    Task::Hop => 2 * particles + 5000,
                    Task::Arrow(_) => particles,
                    Task::Probe(probe) => probes[probe].particles,
                    Task::Trial { width, .. } if width < widths.len() => particles.min(MOST),
                    Task::Trial { .. } => 2 * descents,
                };
            if work >= WORK || matches!(tasks.get(k + 1), Some(Task::Hop) | None) {
                ends.push(k + 1);
                work = 0;
            }
        }

        let mut cloud = Swarm::default();
        cloud.scatter(&start, setting.width, particles, rng);
        let mut run = Self {
            rng: rng.clone(),
            steps: 0,
            swarm: Swarm::default(),
            cloud,
            at: std::array::from_fn(|_| start.clone()),
            paths: Default::default(),
            arrows: Vec::new(),
            errors: vec![Missed::default(); probes.len()],
            trial: Vec::new(),
            successes: vec![[0; 2]; widths.len() + 2],
            fixed: Rc::new(Fixed {
                setting: setting.clone(),
                energy,
                start,
                gradient,
                probes,
                widths,
                chosen,
                trials,
                points,
                slopes,
                field,
                tasks,
                ends,
            }),
        };
        run.record();
        Ok(run)
    }

    fn length(&self) -> usize {
        self.fixed.ends.len()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let from = self.steps.checked_sub(1).map_or(0, |before| fixed.ends[before]);
        fixed.tasks[from..fixed.ends[self.steps]].iter().for_each(|task| self.run(*task));
        self.steps += 1;
        if self.steps == fixed.ends.len() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let dimension = fixed.setting.dimension;
        let one = dimension == 1;
        let caption = match dimension {
            1 | 2 => "The same start. Who leaps the ridges arrives at the cross. Drag the start.".to_owned(),
            _ => format!(
                "The first two of {dimension} coordinates; the map is the slice through the minimum. Who leaps the ridges \
                 arrives at the cross. Drag the start."
            ),
        };
        let title = "From dent to dent";
        let at = fixed.setting.start.0[0];
        let mut path = if one {
            let mut figure = figures.figure("path", title, caption);
            figure.x(Axis::linear("x").domain(-4.0, 4.0)).y(Axis::linear("E(x)"));
            let xs: Vec<f64> = (0..=320).map(|k| f64::from(k) / 40.0 - 4.0).collect();
            figure.line(&xs, xs.iter().map(|x| fixed.energy.value(&[*x]))).ink(Ink::Muted).label("E");
            figure
        } else {
            fixed.field.figure(figures, "path", title, caption, ["x₁", "x₂", "E"])
        };
        for place in [4, 2, 3, 1, 0] {
            plane::path(&mut path, IDS[place], &self.paths[place]);
        }
        let least = &fixed.energy.minimum;
        let level = if one { 0.0 } else { least[1] };
        plane::minima(&mut path, &[[least[0], level]], "minimum");
        if one {
            path.dot([at[0]], [fixed.energy.value(&fixed.start)]).symbol(Symbol::Ring).radius(7.0).label("start");
        } else {
            plane::start(&mut path, at, "start");
        }

        let title = "A hop beside the gradient";
        if one {
            let caption = "What a hop of N particles moves, over τ, against minus the slope.";
            let mut arrows = figures.figure("field", title, caption);
            arrows.x(Axis::linear("x").domain(-4.0, 4.0)).y(Axis::linear("velocity"));
            let xs = fixed.points.iter().map(|x| x[0]);
            arrows.line(xs.clone(), fixed.slopes.iter().map(|v| v[0])).of("descent").label("−E′");
            let (xs, ys) =
                (self.arrows.iter().map(|(k, _)| fixed.points[*k][0]), self.arrows.iter().map(|(_, v)| v[0]));
            arrows.dot(xs, ys).of("hopping").label("one hop, over τ").radius(2.0);
        } else {
            let caption =
                "What a hop of N particles moves, over τ, on top of −∇E. A speed s is drawn with length s/(1 + s).";
            let mut arrows = figures.figure("field", title, caption);
            arrows.x(Axis::linear("x₁").domain(-4.0, 4.0)).y(Axis::linear("x₂").domain(-4.0, 4.0)).equal();
            fixed.field.contours(&mut arrows, "E");
            let slopes: Vec<(usize, &[f64])> = fixed.slopes.iter().map(Vec::as_slice).enumerate().collect();
            let hops: Vec<(usize, &[f64])> = self.arrows.iter().map(|(k, v)| (*k, v.as_slice())).collect();
            for (id, label, list) in [("descent", "−∇E", slopes), ("hopping", "one hop, over τ", hops)] {
                let drawn = list.iter().map(|(_, v)| {
                    let size = (v[0] * v[0] + v[1] * v[1]).sqrt();
                    [v[0] / (1.0 + size), v[1] / (1.0 + size)]
                });
                let drawn: Vec<[f64; 2]> = drawn.collect();
                let (xs, ys) =
                    (list.iter().map(|(k, _)| fixed.points[*k][0]), list.iter().map(|(k, _)| fixed.points[*k][1]));
                arrows.arrow(xs, ys, drawn.iter().map(|v| v[0]), drawn.iter().map(|v| v[1])).of(id).label(label);
            }
        }

        let sweeps = [
            (
                "by-n",
                "More particles",
                "particles N",
                "At the start: what a hop misses minus the gradient by, over τ. N⁻¹ᐟ² is dashed.",
            ),
            (
                "by-alpha",
                "Sharper weights",
                "α",
                "Too small, and the bell is wide; too large, and few particles carry all weight.",
            ),
            (
                "by-tau",
                "Longer steps",
                "τ",
                "A long proximal step is no gradient step; it may be a good step all the same.",
            ),
        ];
        for (sweep, (id, title, across, caption)) in sweeps.into_iter().enumerate() {
            let mut figure = figures.figure(id, title, caption);
            let places = || fixed.probes.iter().zip(&self.errors).filter(|(p, e)| p.sweep == sweep && e.count > 0.0);
            let xs: Vec<f64> = places().map(|(probe, _)| probe.place).collect();
            let ends = fixed.probes.iter().filter(|probe| probe.sweep == sweep).map(|probe| probe.place);
            let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
            figure.x(Axis::log(across).domain(low, high)).y(Axis::log("‖error‖/τ"));
            let mean = |sum: f64, count: f64| (sum / count).max(1e-9);
            let gradient: Vec<f64> = places().map(|(_, e)| mean(e.gradient, e.count)).collect();
            let proximal: Vec<f64> = places().map(|(_, e)| mean(e.proximal, e.count)).collect();
            if sweep == 0
                && let (Some(x), Some(y)) = (xs.first(), gradient.first())
            {
                figure.line(&xs, xs.iter().map(|n| y * (x / n).sqrt())).ink(Ink::Muted).dashed();
            }
            figure.line(&xs, &proximal).of("proximal").label("against the proximal step");
            figure.line(&xs, &gradient).of("hopping").label("against −τ∇E");
            figure.dot(&xs, &gradient).of("hopping").label("against −τ∇E");
        }

        let caption = format!("The share of {TRIALS} starts near yours that end at the minimum; no bar: none.");
        let mut bars = figures.figure("success", "From gradient step to global search", caption);
        let names = fixed.widths.iter().map(|width| format!("{width:.2}"));
        let names: Vec<String> = names.chain(["GD".into(), "Lang.".into()]).collect();
        bars.x(Axis::categories("hop width σ, or method", names)).y(Axis::linear("share").domain(0.0, 1.0));
        let share = |k: usize| self.successes[k][0] as f64 / self.successes[k][1].max(1) as f64;
        let count = fixed.widths.len();
        bars.bar((0..count).map(|k| k as f64), (0..count).map(share)).of("hopping");
        bars.bar([count as f64], [share(count)]).of("descent");
        bars.bar([count as f64 + 1.0], [share(count + 1)]).of("langevin");
    }

    fn claim(&self) -> Claim {
        let fixed = &*self.fixed;
        let [few, many] = [0, SWEEP[0] - 1].map(|probe| self.perturbation(probe));
        let own = self.errors[fixed.probes.len() - 1];
        let cosine = (own.count as usize == REPEATS).then_some(own.cosine / own.count);
        let width = fixed.setting.width;
        Claim::new(vec![
            Clause::within(
                "From 100 to 10 000 particles ‖g‖/τ falls by a factor of {value}; it should be 10, here {low} to {high}.",
                few.zip(many).map(|(few, many)| few / many),
                6.0,
                14.0,
            ),
            Clause::at_least(
                "The cosine between one hop of N particles and minus the gradient is {value} on average, at least {low}.",
                cosine,
                0.99,
            ),
            Clause::at_least(
                format!(
                    "Hopping with width {width:.2} ends at the global minimum from a share of {{value}} of the starts, at \
                     least {{low}}."
                ),
                self.success(fixed.chosen),
                0.9,
            ),
            Clause::at_most(
                "Gradient descent does from a share of {value} of them, at most {high}.",
                self.success(fixed.widths.len()),
                0.0,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Rastrigin's dents",
                "Small hops follow the gradient; hops of 0.4 find the bottom of the bowl.",
                default.clone(),
            ),
            Scenario::holds(
                "canyon",
                "A canyon",
                "Dents in the floor of a bent canyon: gradient descent stays in the first. Its walls are so steep that a \
                 proximal step is a gradient step only for a smaller τ.",
                Setting { landscape: Landscape::Canyon, tau: 1e-3, ..default.clone() },
            ),
            Scenario::fails(
                "narrow",
                "Hop width 0.05",
                "A faithful gradient method is trapped like one.",
                Setting { width: 0.05, ..default.clone() },
            ),
            Scenario::fails(
                "ten-dimensions",
                "Ten dimensions, 100 particles",
                "So few particles see too little of ten dimensions: their noise is half as long as the gradient.",
                Setting { dimension: 10, particles: 100, ..default.clone() },
            ),
            Scenario::fails(
                "cold",
                "α = 10 000",
                "The lowest of the particles takes all the weight, and a hundred times as many hardly help.",
                Setting { alpha: 1e4, ..default.clone() },
            ),
            Scenario::fails(
                "network",
                "A landscape without traps",
                "The error of a network with one unit: gradient descent finds the minimum as well.",
                Setting { landscape: Landscape::Network, start: [[0.5, 0.5]].into(), ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{Value, difference, drawn, list, numbers, vectors, word};
    use proptest::prelude::{prop, prop_assert, proptest};

    fn every_energy() -> impl Iterator<Item = Energy> {
        let all = Landscape::OPTIONS.iter();
        all.flat_map(|option| [1, 2, 5].map(|dimension| Energy::new(option.0, dimension)))
    }

    proptest! {
        #[test]
        fn gradients_are_limits_of_differences_and_minima_lowest(x in prop::collection::vec(-3.0_f64..3.0, 5)) {
            proptest::prop_assume!(x.iter().any(|x| x.abs() > 0.1));
            for energy in every_energy() {
                let d = energy.minimum.len();
                let mut at = x[..d].to_vec();
                let mut g = vec![0.0; d];
                energy.gradient(&at, &mut g);
                for k in 0..d {
                    let (h, here) = (1e-5, at[k]);
                    at[k] = here + h;
                    let up = energy.value(&at);
                    at[k] = here - h;
                    let slope = (up - energy.value(&at)) / (2.0 * h);
                    at[k] = here;
                    // Ackley's tip is sharp.
                    let sharp = energy.landscape == Landscape::Ackley && inner(&at, &at) < 0.01;
                    prop_assert!(sharp || (slope - g[k]).abs() < 1e-6 * (1.0 + g[k].abs()), "{energy:?}");
                }
                prop_assert!(energy.value(&at) >= 0.0 && energy.value(&energy.minimum).abs() < 1e-14);
            }
        }

        #[test]
        fn a_proximal_step_solves_its_equation(x in prop::collection::vec(-3.0_f64..3.0, 5), tau in 1e-3_f64..0.02) {
            for energy in every_energy().filter(|energy| energy.landscape != Landscape::Ackley) {
                let d = energy.minimum.len();
                let y = energy.proximal(&x[..d], tau, &x[..d]);
                let mut g = vec![0.0; d];
                energy.gradient(&y, &mut g);
                // y = x - τ∇E(y)
                for k in 0..d {
                    prop_assert!((y[k] - x[k] + tau * g[k]).abs() < 1e-7, "{energy:?}");
                }
            }
        }
    }

    // On E = 0.1 ‖x‖² alone the weighted bell is again a bell, around x / (1 + 0.2τ): the proximal step exactly.
    #[test]
    fn on_a_parabola_the_mean_of_the_weighted_bell_is_the_proximal_step() {
        let (alpha, tau, x) = (50.0, 0.5, 2.0);
        let sigma = f64::sqrt(tau / alpha);
        let places = (-8000..=8000).map(|k| x + sigma * f64::from(k) / 500.0);
        let weigh = |y: f64| exp(-alpha * 0.1 * y * y - (y - x) * (y - x) / (2.0 * sigma * sigma));
        let (sum, total) = places.fold((0.0, 0.0), |(s, t), y| (s + y * weigh(y), t + weigh(y)));
        assert!((sum / total - x / (1.0 + 0.2 * tau)).abs() < 1e-12);
        let energy = Energy::new(Landscape::Rastrigin, 1);
        // And the swarm's mean is that of its law, to the error of a mean of 400 000 particles.
        let mut swarm = Swarm::default();
        swarm.scatter(&[x], sigma, 400_000, &mut Rng::seed_from_u64(5));
        let mean = swarm.consensus(&energy, alpha)[0];
        let weigh = |y: f64| exp(-alpha * energy.value(&[y]) - (y - x) * (y - x) / (2.0 * sigma * sigma));
        let places = (-8000..=8000).map(|k| x + sigma * f64::from(k) / 500.0);
        let (sum, total) = places.fold((0.0, 0.0), |(s, t), y| (s + y * weigh(y), t + weigh(y)));
        assert!((mean - sum / total).abs() < 1e-3, "{mean} {}", sum / total);
    }

    #[test]
    fn consensus_is_the_lowest_particle_when_cold_and_the_mean_when_hot() {
        let energy = Energy::new(Landscape::Rastrigin, 2);
        let mut swarm = Swarm { at: vec![1.0, 0.2, -0.5, 3.0, 0.1, 0.1], weights: Vec::new() };
        let cold = swarm.consensus(&energy, 1e6);
        assert!((cold[0] - 0.1).abs() < 1e-15 && (cold[1] - 0.1).abs() < 1e-15);
        let hot = swarm.consensus(&energy, 0.0);
        let mean = swarm.mean(2);
        assert!((hot[0] - mean[0]).abs() < 1e-15 && (hot[1] - 1.1).abs() < 1e-15);
    }

    // E (1 - λΔt + σ√Δt ξ)² = 1 - 0.2 λΔt (2 - λΔt)
    #[test]
    fn the_cloud_shrinks_in_mean_square_as_the_noise_is_chosen_for() {
        let mut rng = Rng::seed_from_u64(2);
        let mut swarm = Swarm { at: vec![1.0; 400_000], weights: Vec::new() };
        let drift: f64 = 0.6;
        swarm.drift(&[0.0], drift, (0.8 * drift * (2.0 - drift)).sqrt(), || rng.sample(StandardNormal));
        let square = swarm.at.iter().map(|x| x * x).sum::<f64>() / 4e5;
        assert!((square - (1.0 - 0.2 * drift * (2.0 - drift))).abs() < 0.01, "{square}");
    }

    #[test]
    fn a_far_proximal_step_from_a_dent_sees_the_bottom_of_the_bowl() {
        let energy = Energy::new(Landscape::Rastrigin, 3);
        let x = [1.9, 1.9, -1.9];
        assert!(energy.far_proximal(&x, 16.0).iter().all(|y| y.abs() < 0.2));
        assert!(energy.proximal(&x, 16.0, &x).iter().zip(&x).all(|(y, x)| (y - x).abs() < 0.3));
    }

    // `tests/reference/consensus_hopping.py`: SciPy's softmax weighs, Newton's method finds the proximal steps.
    #[test]
    fn hops_drifts_and_proximal_steps_are_those_of_scipy_and_jax() {
        const COUNT: usize = 60;
        let vectors = vectors(include_str!("../../../../tests/reference/consensus_hopping.json"));
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 4);
        for case in cases {
            let (name, start) = (word(&case["landscape"]), numbers(&case["start"]));
            let landscape = match name {
                "rastrigin" => Landscape::Rastrigin,
                "canyon" => Landscape::Canyon,
                "ackley" => Landscape::Ackley,
                _ => Landscape::Network,
            };
            let d = start.len();
            let energy = Energy::new(landscape, d);
            // ξ of the coordinates of one particle after the other.
            let draws = |t: usize| {
                let mut all = (0..COUNT * d).map(move |k| 3.0_f64.sqrt() * drawn(11 + 211 * (k % d), k / d, t));
                move || all.next().expect("one for each coordinate")
            };
            let mut swarm = Swarm::default();
            let check = |found: &[f64], expected: &Value, what: &str, bound: f64| {
                let off = difference(found, &numbers(expected));
                println!("{name}, {what}: {off:e}");
                assert!(off < bound, "{name}, {what}: {off:e}");
            };

            let (mut x, mut t) = (start.clone(), 0);
            for expected in list(&case["hopping"]) {
                for _ in 0..40 {
                    swarm.scatter_by(&x, 0.03, COUNT, draws(t));
                    x = swarm.consensus(&energy, 60.0);
                    t += 1;
                }
                check(&x, expected, "hopping", 1e-10);
            }

            swarm.scatter_by(&start, 0.5, COUNT, draws(0));
            t = 0;
            for expected in list(&case["cbo"]) {
                for _ in 0..40 {
                    let consensus = swarm.consensus(&energy, 30.0);
                    swarm.drift(&consensus, 0.04, 0.03, draws(t + 1));
                    t += 1;
                }
                check(&swarm.mean(d), expected, "drift", 1e-10);
            }

            x.clone_from(&start);
            for expected in list(&case["proximal"]) {
                (0..40).for_each(|_| x = energy.proximal(&x, 0.01, &x));
                // The search compares values, which tell places apart to the root of rounding.
                check(&x, expected, "proximal step", 1e-8);
            }
            assert!(["hopping", "cbo", "proximal"].iter().all(|what| list(&case[*what]).len() == 5));
        }
    }
}
