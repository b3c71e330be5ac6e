//! A bank's model says no. *Recourse* is the advice what to change so that it says yes. But the model will be
//! retrained before the advice is followed, on data that have moved, and then the advice may be worthless.
//!
//! The future classifier $\mathrm{sign}(\theta^\top x)$ (the last entry of $x$ is 1) follows a mixture
//! $\sum_kp_kQ_k$. Of each $Q_k$ only an estimate $(\hat\theta_k,\hat\Sigma_k)$ of mean and covariance is known, and
//! that its own lie within Gelbrich distance $\rho$ of it. DiRRAc looks for
//! $$\min_{\|x-x_0\|_1\le\delta}\ \sum_kp_k\sup_{Q_k}Q_k(\theta^\top x\le0).$$
//! Seen along $x$ the Gelbrich ball is a disk: mean $m=\hat\theta_k^\top x-t\|x\|$, deviation
//! $s=\sqrt{x^\top\hat\Sigma_kx}+u\|x\|$, $t^2+u^2\le\rho^2$. Both the Gaussian risk $\Phi(-m/s)$ and the sharp bound
//! $s^2/(s^2+m^2)$ for arbitrary laws grow with the angle of $(m,s)$, so the worst point is where the tangent from
//! the origin touches the disk: no search is needed.
//!
//! **What you see.** 500 people with two features that matter, and three foreseen futures: class 0 moves along
//! feature 1, feature 1 becomes noisier, or both. Today feature 1 is the cheaper way across the boundary; Wachter's
//! counterfactual and ROAR (robust to a box of half-width $\rho$ around *today's* model) take it. In every future it
//! is worth less. DiRRAc goes up instead. The fan is what 500 retrainings really gave.
//!
//! **Try** dragging the instance. Raise $\rho$ to see the certified region back away from the boundary. Spend a
//! larger $\delta$: at 1.6 DiRRAc's advice is always valid, ROAR's somewhere between 1.6 and 4, and Wachter's only
//! near 4.
//!
//! **Where it stops.** The certificate covers futures *inside* the ambiguity set. With a shift of 2 instead of the
//! 0.8 foreseen, and $\rho$ tiny, a certificate of nearly nothing is broken. Without any shift Wachter's step was
//! right and DiRRAc is the one that is wrong, a quarter of the time. Even as foreseen the table may show an estimate
//! farther than $\rho=0.1$ from the truth, as 500 people leave it uncertain; there the certificate happens to be
//! vacuous or loose enough. Near $\rho=1$ nothing can be certified at all.
//!
//! Every $\theta$ is scaled to length 1, as only its direction decides. The paper first restricts $x$ to where every
//! mean margin is positive; here the descent starts at $x_0$, and where a risk is flat at its top it follows the
//! angle instead. At equal cost Wachter's counterfactual is pushed on along its own direction.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, DVector, inner};
use orrery_kernels::math::{PI, TAU, asin, atan2, cos, exp, log, normal_cdf, sin};
use orrery_kernels::transport::{Gaussian, square_root};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "dirrac-recourse",
    title: "Distributionally Robust Recourse Action",
    year: 2023,
    lists: &[1],
    claim: "Advice certified against every model in a Gelbrich ball stays valid where nearest counterfactuals fail.",
    algorithms: &[
        "DiRRAc",
        "distributionally robust optimisation",
        "algorithmic recourse",
        "Gelbrich distance",
        "ROAR",
        "Wachter counterfactual",
        "logistic regression",
        "projection onto the l1 ball",
    ],
    contenders: &[
        Contender::paper("dirrac", "DiRRAc"),
        Contender::baseline("wachter", "Wachter"),
        Contender::baseline("roar", "ROAR"),
    ],
};

/// What a component of the mixture may be.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Family {
    /// Normal distributions.
    #[choice("Gaussian")]
    Gaussian,
    /// Every distribution.
    #[choice("any with these moments")]
    Any,
}

/// How many features there are.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Dimension {
    /// The two of the picture.
    #[choice("2")]
    Two,
    /// Three weaker ones besides.
    #[choice("5")]
    Five,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Who seeks advice: the first two features. (Where there are five, the others are 0.) Drag it.
    #[control(
        label = "instance x₀", count = 1..=1, domain = [[-3.0, 3.0], [-3.0, 3.0]], default = [[-1.0, -0.5]].into()
    )]
    pub instance: Points,
    /// How much may be changed in all: the sum over the features.
    #[control(label = "budget δ", range = 0.1..=4.0, default = 1.2)]
    pub budget: f64,
    /// How far, in Gelbrich distance, the law of a future model may be from its estimate. For ROAR, the half-width of
    /// its box.
    #[control(label = "radius ρ", range = 1e-3..=1.0, log, default = 0.1)]
    pub radius: f64,
    /// Which laws the ambiguity set holds.
    #[control(label = "component family", default = Family::Gaussian)]
    pub family: Family,
    /// How likely each future is: the means move, feature 1 grows noisier, or both. (Scaled to sum to one.)
    #[control(label = "mixture weights", samples = 3, range = 0.0..=1.0, default = Curve(vec![0.5; 3]))]
    pub weights: Curve,
    /// How far the world really shifts. The components were estimated for a shift of 0.8.
    #[control(label = "true shift", range = 0.0..=2.0, default = FORESEEN)]
    pub shift: f64,
    /// How far, in Kullback-Leibler divergence, the true weights may be from those given.
    #[control(label = "weight ambiguity", range = 0.0..=0.5, default = 0.0)]
    pub ambiguity: f64,
    /// How many features the classifier sees.
    #[control(label = "features", default = Dimension::Two)]
    pub dimension: Dimension,
}

/// The shift that the components are estimated for.
const FORESEEN: f64 = 0.8;
/// Futures that are foreseen.
const FUTURES: usize = 3;
const NAMES: [&str; FUTURES] = ["means move", "noise grows", "both"];
/// People in a training set, bootstrap retrainings for each component, and models of the future.
const PEOPLE: usize = 500;
const BOOTSTRAPS: usize = 20;
const MODELS: usize = 500;

/// The mean of each feature in class 0 and in class 1.
const MEANS: [[f64; 5]; 2] = [[-1.6, -0.9, -0.3, -0.2, -0.1], [0.6, 0.7, 0.3, 0.2, 0.1]];
/// The standard deviation of every feature.
const SPREAD: f64 = 0.8;

/// A training set: rows with a last entry of 1, and the classes. The `future` shifts the means of class 0 along
/// feature 1, stretches feature 1, or both, by `shift`.
fn people(features: usize, future: Option<usize>, shift: f64, rng: &mut Rng) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (moves, stretches) = (matches!(future, Some(0 | 2)), matches!(future, Some(1 | 2)));
    let row = |i: usize| {
        let class = i % 2;
        let mut x: Vec<f64> = (0..features).map(|_| SPREAD * rng.sample::<f64, _>(StandardNormal)).collect();
        if stretches {
            x[0] *= 1.0 + shift;
        }
        x.iter_mut().zip(MEANS[class]).for_each(|(x, mean)| *x += mean);
        if moves && class == 0 {
            x[0] += shift;
        }
        x.push(1.0);
        x
    };
    let rows = (0..PEOPLE).map(row).collect();
    (rows, (0..PEOPLE).map(|i| (i % 2) as f64).collect())
}

/// Logistic regression by Newton's method, with a ridge of a thousandth; scaled to length 1.
fn fit<'a>(people: impl Iterator<Item = (&'a Vec<f64>, f64)> + Clone, n: usize) -> Vec<f64> {
    const RIDGE: f64 = 1e-3;
    let mut theta = DVector::<f64>::zeros(n);
    for _ in 0..25 {
        let mut gradient = &theta * RIDGE;
        let mut hessian = DMatrix::<f64>::identity(n, n) * RIDGE;
        for (x, class) in people.clone() {
            // p = σ(θᵀx);  ∇ = Σ (p - y) x,  ∇² = Σ p (1 - p) x xᵀ
            let p = 1.0 / (1.0 + exp(-inner(theta.as_slice(), x)));
            for i in 0..n {
                gradient[i] += (p - class) * x[i] / PEOPLE as f64;
                for j in 0..=i {
                    hessian[(i, j)] += p * (1.0 - p) * x[i] * x[j] / PEOPLE as f64;
                }
            }
        }
        let Some(factor) = hessian.cholesky() else { break };
        let step = factor.solve(&gradient);
        theta -= &step;
        if step.norm() < 1e-9 {
            break;
        }
    }
    let length = theta.norm();
    theta.iter().map(|theta| if length > 0.0 { theta / length } else { 0.0 }).collect()
}

/// The point of $\{x:\|x-c\|_1\le\delta\}$ nearest to `x`: every entry of $x-c$ shrinks by one threshold. (Duchi,
/// Shalev-Shwartz, Singer and Chandra, 2008.)
fn onto_l1_ball(x: &mut [f64], centre: &[f64], delta: f64) {
    let mut sizes: Vec<f64> = x.iter().zip(centre).map(|(x, c)| (x - c).abs()).collect();
    if sizes.iter().sum::<f64>() <= delta {
        return;
    }
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (k, size) in sizes.iter().enumerate() {
        sum += size;
        let candidate = (sum - delta) / (k + 1) as f64;
        if *size > candidate {
            threshold = candidate;
        }
    }
    for (x, c) in x.iter_mut().zip(centre) {
        let away = *x - c;
        *x = c + (away.abs() - threshold).max(0.0) * away.signum();
    }
}

/// What is known of one component of the mixture: mean, covariance and its root, by rows.
#[derive(Clone, Debug)]
struct Component {
    theta: Vec<f64>,
    sigma: Vec<f64>,
    root: Vec<f64>,
}

/// A matrix by rows, times a vector.
fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(x.len()).map(|row| inner(row, x)).collect()
}

fn moments(models: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (count, n) = (models.len() as f64, models[0].len());
    let mean: Vec<f64> = (0..n).map(|i| models.iter().map(|theta| theta[i]).sum::<f64>() / count).collect();
    let mut sigma = vec![0.0; n * n];
    for theta in models {
        for i in 0..n {
            for j in 0..n {
                sigma[i * n + j] += (theta[i] - mean[i]) * (theta[j] - mean[j]) / (count - 1.0).max(1.0);
            }
        }
    }
    (mean, sigma)
}

impl Component {
    fn new(theta: Vec<f64>, sigma: Vec<f64>) -> Option<Self> {
        let n = theta.len();
        let root = square_root(&DMatrix::from_row_slice(n, n, &sigma)).ok()?;
        Some(Self { theta, sigma, root: root.transpose().as_slice().to_vec() })
    }

    /// The Gelbrich distance of other moments from these.
    fn distance(&self, theta: &[f64], sigma: &[f64]) -> Option<f64> {
        let n = theta.len();
        let gaussian = |theta: &[f64], sigma: &[f64]| {
            Gaussian::new(DVector::from_column_slice(theta), DMatrix::from_row_slice(n, n, sigma)).ok()
        };
        Some(gaussian(&self.theta, &self.sigma)?.distance_squared(&gaussian(theta, sigma)?).sqrt())
    }

    /// The greatest risk of $x$ within the ball, and what leads there.
    fn worst(&self, x: &[f64], rho: f64, family: Family) -> Worst {
        let length = inner(x, x).sqrt();
        let along = times(&self.sigma, x);
        let (m0, s0) = (inner(&self.theta, x), inner(&along, x).max(0.0).sqrt());
        let (r, d) = (rho * length, (m0 * m0 + s0 * s0).sqrt());
        // The tangent from the origin to the disk of radius r = ρ‖x‖ around (m₀, s₀).
        let angle = atan2(s0, m0) + asin(if d > r { r / d } else { 1.0 });
        let (t, u) = (rho * sin(angle), rho * cos(angle));
        let (m, s) = (m0 - t * length, s0 + u * length);
        let certain = d <= r || angle >= PI;
        let (value, slope) = match family {
            _ if certain => (1.0, 0.0),
            Family::Gaussian => {
                let z = m / s;
                // Φ(-cot φ) grows with φ by the density times 1/sin² φ = 1 + z².
                (normal_cdf(-z), exp(-0.5 * z * z) / TAU.sqrt() * (1.0 + z * z))
            }
            // Cantelli: sin² φ, and 1 from a right angle on.
            Family::Any if m <= 0.0 => (1.0, 0.0),
            Family::Any => (s * s / (s * s + m * m), 2.0 * s * m / (s * s + m * m)),
        };
        // ∇φ = (m ∇s - s ∇m) / (m² + s²) at the worst t, u, which stay as they are (Danskin);
        // ∇m = θ̂ - t x/‖x‖, ∇s = Σ̂x/s₀ + u x/‖x‖. Where no tangent exists, the mean alone is raised.
        let gradient = (0..x.len()).map(|i| {
            let (dm, ds) = (self.theta[i] - t * x[i] / length, along[i] / s0.max(1e-12) + u * x[i] / length);
            if certain { -self.theta[i] } else { (m * ds - s * dm) / (m * m + s * s) }
        });
        Worst { value, slope, gradient: gradient.collect(), m, s, t, u, certain }
    }

    /// A model drawn from the worst law at $x$.
    fn draw(&self, x: &[f64], worst: &Worst, family: Family, rng: &mut Rng) -> Vec<f64> {
        let (n, length) = (x.len(), inner(x, x).sqrt());
        // μ = θ̂ - t x/‖x‖; Σ = T Σ̂ T with T = I + u x xᵀ/(s₀ ‖x‖).
        let z: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        let mut deviation = times(&self.root, &z);
        let s0 = worst.s - worst.u * length;
        let stretch = worst.u / (s0.max(1e-12) * length) * inner(x, &deviation);
        deviation.iter_mut().zip(x).for_each(|(d, x)| *d += stretch * x);
        let mut model: Vec<f64> = (0..n).map(|i| self.theta[i] - worst.t * x[i] / length + deviation[i]).collect();
        if family == Family::Any {
            // The extreme law has two values along x: (s² + m²)/m, or 0 (here just below) in s² of s² + m² cases.
            let (m, s) = (worst.m, worst.s);
            let low = rng.random::<f64>() < s * s / (s * s + m * m);
            let aim = if low { -1e-9 } else { (s * s + m * m) / m };
            let across = (aim - inner(&model, x)) / (length * length);
            model.iter_mut().zip(x).for_each(|(model, x)| *model += across * x);
        }
        model
    }
}

/// The worst law of a component for one $x$: mean and deviation of $\theta^\top x$, and how the ball was used up.
#[derive(Clone, Debug)]
struct Worst {
    value: f64,
    /// The derivative of the value by the angle $\varphi$ of $(m,s)$.
    slope: f64,
    /// $\nabla_x\varphi$.
    gradient: Vec<f64>,
    m: f64,
    s: f64,
    t: f64,
    u: f64,
    /// The ball holds laws that are as good as certain to reject.
    certain: bool,
}

/// The weights $q$ of the largest $\langle q,F\rangle$ with $\mathrm{KL}(q\|p)\le\epsilon$: $q\propto p\,e^{\tau F}$.
fn worst_weights(p: &[f64; FUTURES], f: [f64; FUTURES], epsilon: f64) -> [f64; FUTURES] {
    let top = (0..FUTURES).filter(|&k| p[k] > 0.0).map(|k| f[k]).fold(0.0, f64::max);
    let tilted = |tau: f64| {
        // A future of no weight keeps none, however great its risk.
        let weight = |k: usize| if p[k] > 0.0 { p[k] * exp(tau * (f[k] - top)) } else { 0.0 };
        let q: [f64; FUTURES] = std::array::from_fn(weight);
        let sum: f64 = q.iter().sum();
        q.map(|q| q / sum)
    };
    let divergence =
        |q: &[f64; FUTURES]| -> f64 { q.iter().zip(p).filter(|(q, _)| **q > 0.0).map(|(q, p)| q * log(q / p)).sum() };
    if epsilon <= 0.0 {
        return *p;
    }
    // The divergence grows with τ.
    let (mut low, mut high) = (0.0, 1.0);
    while high < 1e12 && divergence(&tilted(high)) <= epsilon {
        (low, high) = (high, 4.0 * high);
    }
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if divergence(&tilted(middle)) <= epsilon { low = middle } else { high = middle }
    }
    tilted(low)
}

/// Everything that is known before anyone is advised.
#[derive(Debug)]
struct World {
    present: Vec<f64>,
    components: Vec<Component>,
    weights: [f64; FUTURES],
    rho: f64,
    family: Family,
    ambiguity: f64,
    /// The certified risk over the plane.
    map: Vec<f64>,
}

/// Projected descent in the $\ell_1$ ball from its centre. The best point so far is kept.
#[derive(Clone, Debug)]
struct Descent {
    centre: Vec<f64>,
    delta: f64,
    x: Vec<f64>,
    best: Vec<f64>,
    value: f64,
    taken: usize,
}

/// Steps of a descent.
const DESCENT: usize = 200;

impl Descent {
    fn new(centre: &[f64], delta: f64) -> Self {
        let x = centre.to_vec();
        Self { centre: x.clone(), delta, best: x.clone(), x, value: f64::INFINITY, taken: 0 }
    }

    /// $x\leftarrow\Pi(x-\eta_jg/\|g\|)$, $\eta_j=0.3\,\delta\,0.97^j$. The entry of the intercept stays 1.
    fn step(&mut self, objective: impl Fn(&[f64]) -> (f64, Vec<f64>)) {
        let (value, mut gradient) = objective(&self.x);
        if value < self.value {
            self.value = value;
            self.best.clone_from(&self.x);
        }
        let features = self.x.len() - 1;
        gradient.truncate(features);
        let length = inner(&gradient, &gradient).sqrt();
        let eta = 0.3 * self.delta * exp(log(0.97) * self.taken as f64);
        if length > 0.0 {
            self.x.iter_mut().zip(&gradient).for_each(|(x, g)| *x -= eta * g / length);
        }
        onto_l1_ball(&mut self.x[..features], &self.centre[..features], self.delta);
        self.taken += 1;
    }

    fn run(mut self, objective: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
        while self.taken < DESCENT {
            self.step(&objective);
        }
        self.best
    }
}

impl World {
    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let features = if setting.dimension == Dimension::Two { 2 } else { 5 };
        let sum: f64 = setting.weights.0.iter().sum();
        if sum <= 0.0 || setting.weights.0.len() != FUTURES {
            return Err(Error::of("weights", "one of the three futures must have some weight"));
        }
        let weights = std::array::from_fn(|k| setting.weights.0[k] / sum);
        let (rows, classes) = people(features, None, 0.0, rng);
        let present = fit(rows.iter().zip(classes), features + 1);
        let mut components = Vec::with_capacity(FUTURES);
        for future in 0..FUTURES {
            let (rows, classes) = people(features, Some(future), FORESEEN, rng);
            let mut again = || {
                let drawn: Vec<usize> = (0..PEOPLE).map(|_| rng.random_range(0..PEOPLE as u32) as usize).collect();
                fit(drawn.iter().map(|&i| (&rows[i], classes[i])), features + 1)
            };
            let models: Vec<_> = (0..BOOTSTRAPS).map(|_| again()).collect();
            let (theta, sigma) = moments(&models);
            let fault = || Error::new("the retrained models have no covariance");
            components.push(Component::new(theta, sigma).ok_or_else(fault)?);
        }
        let (rho, family, ambiguity) = (setting.radius, setting.family, setting.ambiguity);
        let mut world = Self { present, components, weights, rho, family, ambiguity, map: Vec::new() };
        let at = |k: usize| -REACH + (k as f64 + 0.5) * 2.0 * REACH / CELLS as f64;
        let cell = |k: usize| world.certificate(&world.point([at(k % CELLS), at(k / CELLS)])).0;
        world.map = (0..CELLS * CELLS).map(cell).collect();
        Ok(world)
    }

    /// A point of the picture, with its other features 0 and the 1 of the intercept.
    fn point(&self, at: [f64; 2]) -> Vec<f64> {
        let mut x = vec![0.0; self.present.len()];
        x[..2].copy_from_slice(&at);
        x[self.present.len() - 1] = 1.0;
        x
    }

    /// $\sup_q\sum_kq_kF_k(x)$, its parts, and the direction that raises it.
    fn certificate(&self, x: &[f64]) -> (f64, Vec<Worst>, Vec<f64>) {
        let parts: Vec<Worst> = self.components.iter().map(|part| part.worst(x, self.rho, self.family)).collect();
        let q = worst_weights(&self.weights, std::array::from_fn(|k| parts[k].value), self.ambiguity);
        let mut gradient = vec![0.0; x.len()];
        for (part, q) in parts.iter().zip(q) {
            // Where a risk is flat near its top, the angle itself shows the way.
            let slope = if part.value > 0.5 { part.slope.max(0.05) } else { part.slope };
            gradient.iter_mut().zip(&part.gradient).for_each(|(g, part)| *g += q * slope * part);
        }
        (parts.iter().zip(q).map(|(part, q)| q * part.value).sum(), parts, gradient)
    }

    fn dirrac(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let (value, _, gradient) = self.certificate(x);
        (value, gradient)
    }

    /// The least margin over the box $\|\theta-\hat\theta\|_\infty\le\rho$, to be raised: $\hat\theta^\top
    /// x-\rho\|x\|_1$. (The worst logistic loss falls as it grows.)
    fn roar(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let margin = inner(&self.present, x) - self.rho * x.iter().map(|x| x.abs()).sum::<f64>();
        (-margin, self.present.iter().zip(x).map(|(theta, x)| self.rho * x.signum() - theta).collect())
    }

    /// Along the feature that moves today's margin most, by `cost`.
    fn along_wachter(&self, from: &[f64], cost: f64) -> Vec<f64> {
        let features = from.len() - 1;
        let heavier = |a: usize, b: usize| if self.present[b].abs() > self.present[a].abs() { b } else { a };
        let j = (1..features).fold(0, heavier);
        let mut x = from.to_vec();
        x[j] += cost * self.present[j].signum();
        x
    }

    /// The least change that today's model accepts with a margin of 0.05, if the budget allows it.
    fn wachter(&self, from: &[f64], delta: f64) -> Vec<f64> {
        let most = self.present[..from.len() - 1].iter().fold(0.0, |most: f64, theta| most.max(theta.abs()));
        let missing = (0.05 - inner(&self.present, from)).max(0.0);
        self.along_wachter(from, (missing / most.max(1e-12)).min(delta))
    }
}

/// The share of models that accept $x$.
fn validity<'a>(models: impl Iterator<Item = &'a Vec<f64>>, x: &[f64]) -> Option<f64> {
    let (mut count, mut valid) = (0.0, 0.0);
    for theta in models {
        count += 1.0;
        valid += if inner(theta, x) > 0.0 { 1.0 } else { 0.0 };
    }
    (count > 0.0).then(|| valid / count)
}

/// A random search of one ball for worse moments, which knows nothing of tangents: $\mu=\hat\theta+\Delta$ and
/// $\Sigma=(\hat\Sigma^{1/2}+N)(\hat\Sigma^{1/2}+N)^\top$ with $\|\Delta\|^2+\|N\|^2\le\rho^2$ lie within $\rho$.
#[derive(Clone, Debug)]
struct Search {
    /// Δ, then N by rows, as parts of ρ.
    best: Vec<f64>,
    value: f64,
    reach: f64,
}

/// Moments tried for each component.
const TRIALS: usize = 10_000;

impl Search {
    fn risk(part: &Component, moves: &[f64], x: &[f64], rho: f64, family: Family) -> f64 {
        let n = x.len();
        let m = inner(&part.theta, x) + rho * inner(&moves[..n], x);
        // s = ‖(Σ̂^½ + N)ᵀ x‖
        let row = |j: usize| (0..n).map(|i| (part.root[i * n + j] + rho * moves[n + i * n + j]) * x[i]).sum::<f64>();
        let s = (0..n).map(|j| row(j) * row(j)).sum::<f64>().sqrt();
        match family {
            Family::Gaussian => normal_cdf(-m / s.max(1e-300)),
            Family::Any if m <= 0.0 => 1.0,
            Family::Any => s * s / (s * s + m * m),
        }
    }

    fn advance(&mut self, part: &Component, x: &[f64], (rho, family): (f64, Family), trials: usize, rng: &mut Rng) {
        for _ in 0..trials {
            let step = |best: &f64| best + self.reach * rng.sample::<f64, _>(StandardNormal);
            let mut moves: Vec<f64> = self.best.iter().map(step).collect();
            let length = inner(&moves, &moves).sqrt();
            if length > 1.0 {
                moves.iter_mut().for_each(|entry| *entry /= length);
            }
            let value = Self::risk(part, &moves, x, rho, family);
            // The one-fifth rule: the reach is right when a fifth of the trials are better.
            if value > self.value {
                (self.best, self.value) = (moves, value);
                self.reach = (self.reach * 1.5).min(1.0);
            } else {
                self.reach = (self.reach * 0.9).max(1e-6);
            }
        }
    }
}

/// Half the side of the picture, and the cells along it.
const REACH: f64 = 3.0;
const CELLS: usize = 64;
/// Steps of a run; the descent takes the first third, the search the rest.
const LENGTH: usize = 60;
const DESCENDING: usize = 20;
/// Places of the instance along a side, and budgets, that the claim and the third figure look at.
const PLACES: usize = 7;
const COSTS: usize = 25;

/// A run.
#[derive(Clone)]
pub struct Dirrac {
    world: Rc<World>,
    shift: f64,
    rng: Rng,
    steps: usize,
    descent: Descent,
    path: Vec<[f64; 2]>,
    wachter: Vec<f64>,
    wachter_same_cost: Vec<f64>,
    roar: Vec<f64>,
    /// Retrained models of the future, each with its component.
    models: Vec<(usize, Vec<f64>)>,
    /// The advice at other places, and at other budgets by all three.
    places: Vec<Vec<f64>>,
    costs: Vec<(f64, [Vec<f64>; 3])>,
    searches: Vec<Search>,
    /// What models from the worst laws reject, in standard errors above the certificate.
    drawn: Option<f64>,
    /// The most by which retrained models reject more than certified and two standard errors, over all places.
    excess: Option<f64>,
    /// How far the retrained models' moments are from the estimates.
    distances: Vec<Option<f64>>,
}

impl Dirrac {
    /// Shares valid among all retrained models, or those of one component.
    fn valid(&self, x: &[f64], future: Option<usize>) -> Option<f64> {
        let of = self.models.iter().filter(|(k, _)| future.is_none_or(|future| *k == future));
        validity(of.map(|(_, theta)| theta), x)
    }

    /// What stands only once all is there.
    fn conclude(&mut self) {
        let world = Rc::clone(&self.world);
        let excess = |x: &Vec<f64>| {
            let (rejected, certified) = (1.0 - self.valid(x, None).unwrap_or(1.0), world.certificate(x).0);
            let variance = (rejected * (1.0 - rejected)).max(certified * (1.0 - certified));
            rejected - certified - 2.0 * (variance.max(0.0) / MODELS as f64).sqrt()
        };
        let places = self.places.iter().chain([&self.descent.best]);
        self.excess = Some(places.map(excess).fold(f64::NEG_INFINITY, f64::max));

        let x = &self.descent.best;
        let (_, parts, _) = world.certificate(x);
        let certified: f64 = parts.iter().zip(world.weights).map(|(part, p)| p * part.value).sum();
        let mut rejected = 0.0;
        for i in 0..MODELS {
            // Of the worst laws in proportion to the weights.
            let k = component(&world.weights, (i as f64 + 0.5) / MODELS as f64);
            let (part, worst) = (&world.components[k], &parts[k]);
            let fails = worst.certain || worst.value >= 1.0 || {
                inner(&part.draw(x, worst, world.family, &mut self.rng), x) <= 0.0
            };
            rejected += if fails { 1.0 / MODELS as f64 } else { 0.0 };
        }
        let error = (certified * (1.0 - certified) / MODELS as f64).max(0.0).sqrt();
        self.drawn = Some((rejected - certified) / error.max(1.0 / MODELS as f64));

        let distance = |k: usize| {
            let models: Vec<_> = self.models.iter().filter(|model| model.0 == k).map(|model| model.1.clone()).collect();
            let (theta, sigma) = if models.is_empty() { return None } else { moments(&models) };
            world.components[k].distance(&theta, &sigma)
        };
        self.distances = (0..FUTURES).map(distance).collect();
    }

    /// The risk that the search found, as a share of the certified: the least of the three, unless one is above 1.
    fn found(&self) -> Option<f64> {
        let (_, parts, _) = self.world.certificate(&self.descent.best);
        let ratio =
            |(search, worst): (&Search, &Worst)| if worst.value < 1e-12 { 1.0 } else { search.value / worst.value };
        let ratios: Vec<f64> = self.searches.iter().zip(&parts).map(ratio).collect();
        let (least, most) = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), r| (a.min(*r), b.max(*r)));
        (self.steps > DESCENDING).then_some(if most > 1.0 + 1e-9 { most } else { least.min(1.0) })
    }
}

/// The component at a share `u` of the whole weight.
fn component(weights: &[f64; FUTURES], u: f64) -> usize {
    let last = (0..FUTURES).rev().find(|&k| weights[k] > 0.0).unwrap_or(0);
    let mut sum = 0.0;
    (0..FUTURES)
        .find(|&k| {
            sum += weights[k];
            u < sum
        })
        .unwrap_or(last)
}

/// Where the boundary $\theta^\top x=0$ crosses the picture.
fn boundary(theta: &[f64]) -> Option<[[f64; 2]; 2]> {
    let (a, b, c) = (theta[0], theta[1], theta[theta.len() - 1]);
    let mut ends = Vec::with_capacity(4);
    for side in [-REACH, REACH] {
        let (y, x) = (-(c + a * side) / b, -(c + b * side) / a);
        ends.extend((y.abs() <= REACH).then_some([side, y]));
        ends.extend((x.abs() <= REACH).then_some([x, side]));
    }
    let far = |end: &&[f64; 2]| (end[0] - ends[0][0]).abs() + (end[1] - ends[0][1]).abs() > 1e-9;
    let other = *ends.iter().skip(1).find(far)?;
    Some([ends[0], other])
}

impl Exhibit for Dirrac {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let world = World::new(setting, rng)?;
        let at = setting.instance.0.first().copied().unwrap_or([0.0; 2]);
        let (x0, delta) = (world.point(at), setting.budget);
        let n = x0.len();
        let search = Search { best: vec![0.0; n + n * n], value: 0.0, reach: 1.0 };
        Ok(Self {
            shift: setting.shift,
            rng: rng.clone(),
            steps: 0,
            path: vec![at],
            wachter: world.wachter(&x0, delta),
            wachter_same_cost: world.along_wachter(&x0, delta),
            roar: Descent::new(&x0, delta).run(|x| world.roar(x)),
            descent: Descent::new(&x0, delta),
            models: Vec::with_capacity(MODELS),
            places: Vec::with_capacity(PLACES * PLACES),
            costs: Vec::with_capacity(COSTS),
            searches: vec![search; FUTURES],
            drawn: None,
            excess: None,
            distances: vec![None; FUTURES],
            world: Rc::new(world),
        })
    }

    fn length(&self) -> usize {
        LENGTH
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let world = Rc::clone(&self.world);
        let features = world.present.len() - 1;
        if self.steps < DESCENDING {
            for _ in 0..DESCENT / DESCENDING {
                self.descent.step(|x| world.dirrac(x));
                self.path.push([self.descent.x[0], self.descent.x[1]]);
            }
        } else {
            let trials = TRIALS / (LENGTH - DESCENDING);
            for (search, part) in self.searches.iter_mut().zip(&world.components) {
                search.advance(part, &self.descent.best, (world.rho, world.family), trials, &mut self.rng);
            }
        }
        for _ in 0..MODELS.div_ceil(LENGTH).min(MODELS - self.models.len()) {
            let k = component(&world.weights, self.rng.random::<f64>());
            let (rows, classes) = people(features, Some(k), self.shift, &mut self.rng);
            self.models.push((k, fit(rows.iter().zip(classes), features + 1)));
        }
        let k = self.steps;
        if k < PLACES * PLACES {
            // From the middle of class 0 to a little beyond the boundary.
            let at = |k: usize| -2.5 + 3.5 * k as f64 / (PLACES - 1) as f64;
            let x = world.point([at(k % PLACES), at(k / PLACES)]);
            self.places.push(Descent::new(&x, self.descent.delta).run(|x| world.dirrac(x)));
        }
        if k < COSTS {
            let (from, delta) = (&self.descent.centre, 4.0 * (k + 1) as f64 / COSTS as f64);
            let dirrac = Descent::new(from, delta).run(|x| world.dirrac(x));
            let roar = Descent::new(from, delta).run(|x| world.roar(x));
            self.costs.push((delta, [dirrac, world.along_wachter(from, delta), roar]));
        }
        self.steps += 1;
        if self.steps < LENGTH {
            return Progress::Running;
        }
        self.conclude();
        Progress::Done
    }

    fn figures(&self, figures: &mut Figures) {
        let world = &self.world;
        let (x0, delta) = (&self.descent.centre, self.descent.delta);
        let slice = if x0.len() > 3 { " (The other three features are 0 in this slice.)" } else { "" };
        let axis = |name: &str| Axis::linear(name).domain(-REACH, REACH);
        let diamond = |scale: f64| {
            let corner = |(dx, dy): (f64, f64)| [x0[0] + scale * dx, x0[1] + scale * dy];
            [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 0.0)].map(corner)
        };

        let caption = format!(
            "Thin: boundaries of retrained models, who accept what lies above. The diamond is what δ allows.{slice}"
        );
        let mut plane = figures.figure("plane", "Advice, and the models to come", caption);
        plane.x(axis("feature 1")).y(axis("feature 2")).equal();
        let ends: Vec<_> = self.models.iter().step_by(4).filter_map(|(_, theta)| boundary(theta)).collect();
        let (from, to): (Vec<_>, Vec<_>) = ends.iter().map(|ends| (ends[0], ends[1])).unzip();
        plane.link(&from, &to, None).ink(Ink::Muted).faint().label("future boundaries");
        if let Some(ends) = boundary(&world.present) {
            plane.line(ends.map(|end| end[0]), ends.map(|end| end[1])).label("today's boundary");
        }
        plane.line(diamond(delta).map(|x| x[0]), diamond(delta).map(|x| x[1])).ink(Ink::Accent).dashed();
        plane.line(self.path.iter().map(|x| x[0]), self.path.iter().map(|x| x[1])).of("dirrac");
        plane.dot([self.roar[0]], [self.roar[1]]).of("roar").symbol(Symbol::Square).radius(6.0);
        plane.dot([self.wachter[0]], [self.wachter[1]]).of("wachter").radius(5.0);
        let best = &self.descent.best;
        plane.dot([best[0]], [best[1]]).of("dirrac").radius(6.0);
        plane
            .dot([x0[0]], [x0[1]])
            .ink(Ink::Accent)
            .symbol(Symbol::Ring)
            .radius(9.0)
            .label("instance")
            .drags("instance");

        let caption =
            format!("The largest share of future models, over the ambiguity set, that would reject a point.{slice}");
        let mut map = figures.figure("certificate", "Certified risk of rejection", caption);
        map.x(axis("feature 1")).y(axis("feature 2")).equal();
        let grid = Grid { values: &world.map, columns: CELLS, x: [-REACH, REACH], y: [-REACH, REACH] };
        map.raster(grid, Colors::sequential("certified risk").domain(0.0, 1.0));
        map.line(diamond(delta).map(|x| x[0]), diamond(delta).map(|x| x[1])).ink(Ink::Accent).dashed().label("budget");
        map.dot([best[0]], [best[1]]).of("dirrac").radius(6.0);
        map.dot([x0[0]], [x0[1]]).ink(Ink::Accent).symbol(Symbol::Ring).radius(9.0).label("instance").drags("instance");

        let caption = "The share of retrained models that accept the advice, by what it costs. Wachter's is pushed \
                       on along its direction.";
        let mut costs = figures.figure("cost", "The price of staying valid", caption);
        costs.x(Axis::linear("ℓ₁ cost").domain(0.0, 4.0)).y(Axis::linear("valid share").domain(0.0, 1.0));
        for (j, contender) in CARD.contenders.iter().enumerate().rev() {
            let ys: Vec<f64> = self.costs.iter().filter_map(|(_, advice)| self.valid(&advice[j], None)).collect();
            let line = costs.line(self.costs.iter().map(|(cost, _)| cost), ys).of(contender.id);
            if contender.id == "roar" {
                line.dashed();
            }
        }
        costs.rule_x([delta]).ink(Ink::Accent).dashed().label("δ");

        let (value, parts, _) = world.certificate(best);
        let places = || (0..=FUTURES).map(|k| k as f64);
        let names = NAMES.iter().copied().chain(["mixture"]);
        let certified: Vec<f64> = parts.iter().map(|part| part.value).chain([value]).collect();
        let rejected = |x: &[f64]| -> Vec<f64> {
            let futures = (0..FUTURES).map(Some).chain([None]);
            futures.map(|future| self.valid(x, future).map_or(0.0, |valid| 1.0 - valid)).collect()
        };
        let caption =
            "Bars: the most that the ambiguity set allows at DiRRAc's advice. Dots: what retrained models reject.";
        let mut bars = figures.figure("components", "Certified and measured", caption);
        bars.x(Axis::categories("future", names.clone())).y(Axis::linear("share that rejects").domain(0.0, 1.0));
        bars.bar(places(), &certified).ink(Ink::Muted).label("certified");
        bars.dot(places(), rejected(&self.wachter_same_cost)).of("wachter").label("Wachter, same cost").radius(5.0);
        bars.dot(places(), rejected(&self.roar)).of("roar").symbol(Symbol::Square).radius(5.0);
        bars.dot(places(), rejected(best)).of("dirrac").radius(5.0);

        let caption = "How far the moments of the retrained models are from the estimates: the certificate speaks \
                       of those within ρ.";
        let far = |k: usize| self.distances[k].map_or_else(|| "–".to_owned(), |distance| format!("{distance:.3}"));
        figures
            .figure("distance", "Is the truth inside?", caption)
            .table()
            .words("future", NAMES)
            .numbers("weight", world.weights)
            .numbers("ρ", [world.rho; FUTURES])
            .words("distance", (0..FUTURES).map(far))
            .numbers("certified", &certified[..FUTURES])
            .numbers("measured", &rejected(best)[..FUTURES]);
    }

    fn claim(&self) -> Claim {
        let open = self.steps < LENGTH;
        let gain = |other: &[f64]| {
            let mine = self.valid(&self.descent.best, None)?;
            self.valid(other, None).map(|theirs| 100.0 * (mine - theirs))
        };
        Claim::new(vec![
            Clause::at_most(
                "Of 500 models drawn from the worst laws of the set, {value} standard errors more reject the advice \
                 than certified.",
                self.drawn,
                3.0,
            )
            .pending_while(open),
            Clause::at_most(
                "Of 500 retrained models, at the worst of 50 places of x₀, a share {value} more reject it than \
                 certified, two standard errors allowed.",
                self.excess,
                0.0,
            )
            .pending_while(open),
            Clause::at_least(
                "DiRRAc's advice is valid {value} points more often than Wachter's at the same cost, at least {low}.",
                gain(&self.wachter_same_cost),
                10.0,
            )
            .pending_while(open),
            Clause::at_least("It is valid {value} points more often than ROAR's.", gain(&self.roar), 0.0)
                .pending_while(open),
            Clause::within(
                "A random search of 10 000 moments finds {value} of the certified risk: never more, and at least \
                 {low}.",
                self.found(),
                0.99,
                1.0,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "As foreseen",
                "Feature 1 is the cheap way today and worth less tomorrow: DiRRAc goes up, the others right.",
                default.clone(),
            ),
            Scenario::holds(
                "any-law",
                "Any law",
                "Against every law with these moments the certificate is weaker; the advice hardly moves.",
                Setting { family: Family::Any, ..default.clone() },
            ),
            Scenario::holds(
                "weights",
                "Doubtful weights",
                "The weights too are chosen by an adversary, within a divergence of 0.2.",
                Setting { ambiguity: 0.2, ..default.clone() },
            ),
            Scenario::holds(
                "five",
                "Five features",
                "Three weaker features add noise, and ways to go.",
                Setting { dimension: Dimension::Five, ..default.clone() },
            ),
            Scenario::fails(
                "missed",
                "The set misses",
                "The world shifts by 2 where 0.8 was foreseen, and ρ is tiny: the certificate is exceeded.",
                Setting { shift: 2.0, radius: 1e-3, ..default.clone() },
            ),
            Scenario::fails(
                "no-shift",
                "Nothing happens",
                "Without a shift today's cheapest advice stays valid: robustness gains nothing.",
                Setting { shift: 0.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{numbers, vectors};
    use proptest::prelude::{prop, prop_assert, prop_assume, proptest};

    /// A component with the root, and so the covariance, of any entries.
    fn part(theta: &[f64], entries: &[f64]) -> Component {
        let n = theta.len();
        let entry = |i: usize, j: usize| (0..n).map(|k| entries[i * n + k] * entries[j * n + k]).sum::<f64>();
        let sigma = (0..n * n).map(|k| entry(k / n, k % n)).collect();
        Component::new(theta.to_vec(), sigma).expect("a covariance")
    }

    proptest! {
        #[test]
        fn the_projection_makes_an_obtuse_angle_with_the_ball(
            x in prop::collection::vec(-3.0_f64..3.0, 4), c in prop::collection::vec(-1.0_f64..1.0, 4),
            y in prop::collection::vec(-1.0_f64..1.0, 4), delta in 0.1_f64..3.0,
        ) {
            let mut p = x.clone();
            onto_l1_ball(&mut p, &c, delta);
            let size: f64 = p.iter().zip(&c).map(|(p, c)| (p - c).abs()).sum();
            prop_assert!(size <= delta * (1.0 + 1e-12));
            // ⟨x - p, y - p⟩ ≤ 0 for every y of the ball.
            let share = delta / y.iter().map(|y| y.abs()).sum::<f64>().max(1e-9);
            let y: Vec<f64> = y.iter().zip(&c).map(|(y, c)| c + share * y).collect();
            let angle: f64 = (0..4).map(|i| (x[i] - p[i]) * (y[i] - p[i])).sum();
            prop_assert!(angle <= 1e-12, "{angle}");
        }

        #[test]
        fn the_tangent_is_the_worst_of_all_angles_and_of_random_moments(
            theta in prop::collection::vec(-1.0_f64..1.0, 3), entries in prop::collection::vec(-0.3_f64..0.3, 9),
            x in prop::collection::vec(-2.0_f64..2.0, 3), rho in 0.01_f64..0.3, seed in 0_u64..1000,
        ) {
            let (part, length) = (part(&theta, &entries), inner(&x, &x).sqrt());
            for family in [Family::Gaussian, Family::Any] {
                let worst = part.worst(&x, rho, family);
                let (m0, s0) = (inner(&theta, &x), inner(&times(&part.sigma, &x), &x).sqrt());
                let risk = |m: f64, s: f64| match family {
                    Family::Gaussian => normal_cdf(-m / s),
                    Family::Any => if m <= 0.0 { 1.0 } else { s * s / (s * s + m * m) },
                };
                let at = |k: usize| {
                    let angle = TAU * k as f64 / 20_000.0;
                    let (m, s) = (m0 + rho * length * cos(angle), s0 + rho * length * sin(angle));
                    if s > 0.0 { risk(m, s) } else { 0.0 }
                };
                let searched = (0..20_000).map(at).fold(0.0, f64::max);
                prop_assert!(searched <= worst.value + 1e-12);
                prop_assert!(worst.certain || worst.value - searched < 1e-6, "{} {searched}", worst.value);
                let mut search = Search { best: vec![0.0; 12], value: 0.0, reach: 1.0 };
                search.advance(&part, &x, (rho, family), 200, &mut Rng::seed_from_u64(seed));
                prop_assert!(search.value <= worst.value + 1e-12, "{} {}", search.value, worst.value);
            }
        }

        #[test]
        fn the_worst_moments_lie_on_the_sphere_and_the_gradient_is_the_slope(
            theta in prop::collection::vec(0.2_f64..1.0, 3), entries in prop::collection::vec(-0.3_f64..0.3, 9),
            x in prop::collection::vec(0.5_f64..2.0, 3), d in prop::collection::vec(-1.0_f64..1.0, 3), rho in 0.001_f64..0.02,
        ) {
            let part = part(&theta, &entries);
            let (worst, length) = (part.worst(&x, rho, Family::Gaussian), inner(&x, &x).sqrt());
            let s0 = worst.s - worst.u * length;
            // Where no deviation is left along x, rounding is all there is of it.
            prop_assume!(s0 > 0.05);
            let mu: Vec<f64> = theta.iter().zip(&x).map(|(theta, x)| theta - worst.t * x / length).collect();
            let stretch = worst.u / (s0 * length);
            let map = DMatrix::from_fn(3, 3, |i, j| f64::from(u8::from(i == j)) + stretch * x[i] * x[j]);
            let sigma = &map * DMatrix::from_row_slice(3, 3, &part.sigma) * &map;
            let distance = part.distance(&mu, sigma.as_slice()).expect("moments");
            prop_assert!((distance - rho).abs() < 1e-6, "{distance} {rho}");
            prop_assert!((inner(&mu, &x) - worst.m).abs() < 1e-12);
            let direction = DVector::from_column_slice(&x);
            prop_assert!(((direction.transpose() * &sigma * &direction)[0].sqrt() - worst.s).abs() < 1e-12);

            for family in [Family::Gaussian, Family::Any] {
                let at = |h: f64| {
                    let x: Vec<f64> = x.iter().zip(&d).map(|(x, d)| x + h * d).collect();
                    part.worst(&x, rho, family)
                };
                let (here, h) = (at(0.0), 1e-5);
                let slope = (at(h).value - at(-h).value) / (2.0 * h);
                prop_assert!((here.slope * inner(&here.gradient, &d) - slope).abs() < 1e-7, "{slope}");
            }
        }

        #[test]
        fn no_weights_within_the_divergence_are_worse(
            mut p in prop::array::uniform3(0.05_f64..1.0), f in prop::array::uniform3(0.0_f64..1.0),
            other in prop::array::uniform3(0.05_f64..1.0), epsilon in 0.0_f64..0.5, without in 0_usize..4,
        ) {
            // Sometimes a future has no weight at all.
            if without < 3 {
                p[without] = 0.0;
            }
            let share = |p: [f64; 3]| p.map(|entry| entry / p.iter().sum::<f64>());
            let (p, other) = (share(p), share(other));
            let divergence = |q: [f64; 3]| -> f64 {
                q.iter().zip(p).filter(|(q, _)| **q > 0.0).map(|(q, p)| q * log(q / p)).sum()
            };
            let q = worst_weights(&p, f, epsilon);
            prop_assert!(divergence(q) <= epsilon + 1e-9 && (q.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(without == 3 || q[without] == 0.0);
            if divergence(other) <= epsilon {
                prop_assert!(inner(&other, &f) <= inner(&q, &f) + 1e-9);
            }
        }
    }

    #[test]
    fn the_descent_finds_what_a_grid_over_the_ball_finds() {
        for (seed, family) in [(0, Family::Gaussian), (1, Family::Any), (2, Family::Gaussian)] {
            let setting = Setting { family, ..Setting::default() };
            let world = World::new(&setting, &mut Rng::seed_from_u64(seed)).expect("a world");
            let x0 = world.point([-1.0, -0.5]);
            for delta in [0.8, 1.2, 2.0] {
                let found = world.certificate(&Descent::new(&x0, delta).run(|x| world.dirrac(x))).0;
                let mut least = f64::INFINITY;
                for k in 0..101 * 101 {
                    let [dx, dy] = [k % 101, k / 101].map(|k| delta * (k as f64 / 50.0 - 1.0));
                    if dx.abs() + dy.abs() <= delta {
                        least = least.min(world.certificate(&world.point([x0[0] + dx, x0[1] + dy])).0);
                    }
                }
                println!("seed {seed}, δ = {delta}: {found} against {least}");
                assert!(found <= least + 1e-3, "seed {seed}, δ = {delta}: {found} against {least}");
            }
        }
    }

    #[test]
    fn logistic_regression_agrees_with_scikit_learn() {
        let expected = numbers(&vectors(include_str!("../../../../tests/reference/logistic.json"))["theta"]);
        let class = |i: usize| (i % 2) as f64;
        let row = |i: usize| {
            vec![(37 * i % 101) as f64 / 50.0 - 1.0 + class(i), (53 * i % 97) as f64 / 48.0 - 1.0 - 0.5 * class(i), 1.0]
        };
        let rows: Vec<Vec<f64>> = (0..PEOPLE).map(row).collect();
        let theta = fit(rows.iter().enumerate().map(|(i, x)| (x, class(i))), 3);
        for (theta, expected) in theta.iter().zip(&expected) {
            assert!((theta - expected).abs() < 1e-8, "{theta} {expected}");
        }
        assert_eq!(expected.len(), 3);
    }

    #[test]
    fn futures_without_weight_are_never_drawn_and_none_at_all_is_told() {
        let weights = [0.0, 1.0, 0.0];
        assert!((0..11).all(|k| component(&weights, f64::from(k) / 10.0) == 1));
        let setting = Setting { weights: Curve(vec![0.0; 3]), ..Setting::default() };
        let error = Dirrac::new(&setting, &mut Rng::seed_from_u64(0)).err().expect("an error");
        assert_eq!(error.control.as_deref(), Some("weights"));
    }
}
