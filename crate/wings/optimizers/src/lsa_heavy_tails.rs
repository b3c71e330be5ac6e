//! To solve $A\theta=b$ when only random estimates $(A_n,b_n)$ can be had, take small steps along them:
//! $$\theta_n=\theta_{n-1}-\alpha\,(A_n\theta_{n-1}-b_n).$$
//! Temporal-difference learning is of this kind, and so is stochastic gradient descent for least squares. For small
//! $\alpha$ the error is about normal with covariance $\alpha\Sigma$, where $A\Sigma+\Sigma A^\top=\Sigma_\varepsilon$. It
//! is tempting to read off how rarely it is large. Durmus and his co-authors show that this is wrong. The error is a sum
//! of *products* of random matrices,
//! $$\theta_n-\theta^*=\Gamma_{1:n}(\theta_0-\theta^*)+\alpha\sum_j\Gamma_{j+1:n}\varepsilon_j,\qquad
//! \Gamma_{m:n}=\prod_{i=m}^n(I-\alpha A_i),$$
//! and a product is large when several factors in a row are. Moments exist only up to an order of about $1/\alpha$, the
//! probability of an error above $t$ falls as a power of $t$, and nothing exponential can be proved without more
//! assumptions.
//!
//! In one dimension the power is known. It is Kesten's index, the $\kappa$ with $\mathbb E|1-\alpha A_1|^\kappa=1$, and
//! here it is found by Newton's method. The chains know nothing of it: their own exponent is Hill's estimate from the largest
//! hundredth of the errors.
//!
//! **Try** the step size: it moves the exponent of the tail. Watch the single chains: long quiet, then a burst. Set the
//! multiplicative noise to 0.5: then $|1-\alpha A|<1$ always, $\kappa$ is infinite, and the normal law is right.
//!
//! **Where it stops:** with a small step $\kappa$ grows about as $2/(\alpha\sigma^2)$ (for noise of deviation $\sigma$
//! about a mean of 1); beyond eight or so the power law begins where fifty thousand chains have no errors to show, and
//! Hill's estimate is of the bulk and much too small. It is low even at the defaults, by ten to twenty percent.
//! Averaging over the last half of the steps narrows the bulk and leaves the exponent alone; but the
//! power law then begins farther out, and Hill's estimate rises to four and a half or five. In temporal-difference
//! learning on a walk over five states the matrices do not commute and no index is computed; features of length near
//! one leave the tail light.
//!
//! The rotation is $A_n=\begin{pmatrix}1&-1\\1&1\end{pmatrix}+\sigma\xi_nI$, for which the one-dimensional equation
//! holds with $|1-\alpha A_n|$ a complex modulus. All chains start at the solution and take 600 steps.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, DVector, lyapunov};
use orrery_kernels::math::{PI, TAU, cos, erfc, exp, log, pow};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "lsa-heavy-tails",
    title: "Tight High Probability Bounds for Linear Stochastic Approximation with Fixed Stepsize",
    year: 2021,
    lists: &[2],
    claim: "With a fixed step, linear stochastic approximation has power-law tails; the step size sets their exponent.",
    algorithms: &[
        "linear stochastic approximation",
        "TD(0)",
        "Polyak-Ruppert averaging",
        "Kesten process",
        "products of random matrices",
        "Hill estimator",
        "Lyapunov equation",
    ],
    contenders: &[Contender::paper("lsa", "LSA, measured"), Contender::baseline("gaussian", "normal law of the CLT")],
};

/// The system.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Instance {
    /// One dimension, mean 1.
    #[choice("scalar")]
    Scalar,
    /// Temporal-difference learning.
    #[choice("TD(0), 5 states")]
    Td,
    /// A spiral.
    #[choice("2×2 rotation")]
    Rotation,
}

/// The law of the noise in $A_n$, of variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Law {
    /// Up or down.
    #[choice("two-point")]
    TwoPoint,
    /// Unbounded.
    #[choice("Gaussian")]
    Gaussian,
    /// Between −√3 and √3.
    #[choice("uniform")]
    Uniform,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The fixed step. It sets the exponent of the tail.
    #[control(label = "step α", range = 0.01..=0.45, log, default = 0.2)]
    pub alpha: f64,
    /// The system that is solved.
    #[control(label = "system", default = Instance::Scalar)]
    pub instance: Instance,
    /// The standard deviation of the noise in A, whose mean is 1.
    #[control(label = "multiplicative noise σ", range = 0.0..=3.0, default = 2.0, when = ("instance", ["scalar", "rotation"]))]
    pub sigma: f64,
    /// The law of that noise.
    #[control(label = "its law", default = Law::TwoPoint, when = ("instance", ["scalar", "rotation"]))]
    pub law: Law,
    /// The standard deviation of the noise in b (of the rewards, in TD).
    #[control(label = "additive noise", range = 0.0..=3.0, default = 1.0)]
    pub additive: f64,
    /// How many chains run, side by side.
    #[control(label = "chains", range = 1000..=200_000, log, default = 50_000)]
    pub chains: usize,
    /// Averages the last half of each chain's steps.
    #[control(label = "averaging", default = false)]
    pub averaging: bool,
}

/// Steps of a chain, and chains in one step of the exhibit.
const STEPS: usize = 600;
const BATCH: usize = 250;

/// Chains at each step size of the sweep, and the step sizes.
const SWEPT: usize = 4000;
const SWEEP: [f64; 8] = [0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4];

/// An index above this is out of sight; and one above which the power law begins where there are no chains left.
const HIGHEST: f64 = 60.0;
const IN_REACH: f64 = 8.0;

/// Discount and states of the walk whose values TD(0) learns: to the left or the right with equal chance, staying at
/// the ends, so that every state is visited equally often. The reward is 1 in the last state.
const GAMMA: f64 = 0.9;
const STATES: usize = 5;

/// Features of a state: a constant, and its place from −1 to 1.
fn features(state: usize) -> [f64; 2] {
    [1.0, state as f64 / 2.0 - 1.0]
}

fn neighbours(state: usize) -> [usize; 2] {
    [state.saturating_sub(1), (state + 1).min(STATES - 1)]
}

fn reward(state: usize) -> f64 {
    if state + 1 == STATES { 1.0 } else { 0.0 }
}

/// The system and its noise, at no particular step size.
#[derive(Clone)]
struct System {
    instance: Instance,
    law: Law,
    sigma: f64,
    additive: f64,
    /// The solution; only TD's is not zero.
    best: [f64; 2],
}

impl System {
    fn new(setting: &Setting) -> Self {
        let Setting { instance, law, sigma, additive, .. } = *setting;
        let mut system = Self { instance, law, sigma, additive, best: [0.0; 2] };
        if instance == Instance::Td {
            let (a, b) = (system.mean(), system.mean_right());
            // The mean matrix of TD(0) is positive definite.
            let found = a.lu().solve(&b).unwrap_or_else(|| DVector::zeros(2));
            system.best = [found[0], found[1]];
        }
        system
    }

    fn dimension(&self) -> usize {
        if self.instance == Instance::Scalar { 1 } else { 2 }
    }

    /// $A$.
    fn mean(&self) -> DMatrix<f64> {
        match self.instance {
            Instance::Scalar => DMatrix::identity(1, 1),
            Instance::Rotation => DMatrix::from_row_slice(2, 2, &[1.0, -1.0, 1.0, 1.0]),
            Instance::Td => {
                let mut a = DMatrix::zeros(2, 2);
                for (s, next) in (0..STATES).flat_map(|s| neighbours(s).map(|next| (s, next))) {
                    let (here, there) = (features(s), features(next));
                    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                        a[(i, j)] += here[i] * (here[j] - GAMMA * there[j]) / (2.0 * STATES as f64);
                    }
                }
                a
            }
        }
    }

    /// $b$, for TD.
    fn mean_right(&self) -> DVector<f64> {
        let sum = |i: usize| (0..STATES).map(|s| features(s)[i] * reward(s)).sum::<f64>();
        DVector::from_vec(vec![sum(0) / STATES as f64, sum(1) / STATES as f64])
    }

    /// $\Sigma_\varepsilon$, the covariance of $\varepsilon_n=b_n-A_n\theta^*$.
    fn noise(&self) -> DMatrix<f64> {
        let n = self.dimension();
        if self.instance != Instance::Td {
            return DMatrix::identity(n, n) * (self.additive * self.additive);
        }
        let mut covariance = DMatrix::zeros(2, 2);
        let value = |state: usize| features(state)[0] * self.best[0] + features(state)[1] * self.best[1];
        for (s, next) in (0..STATES).flat_map(|s| neighbours(s).map(|next| (s, next))) {
            let surprise = reward(s) + GAMMA * value(next) - value(s);
            let square = (surprise * surprise + self.additive * self.additive) / (2.0 * STATES as f64);
            let here = features(s);
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                covariance[(i, j)] += square * here[i] * here[j];
            }
        }
        covariance
    }

    /// The covariance that the central limit theorem gives: $\alpha\Sigma$, or, of an average of $N$ steps,
    /// $A^{-1}\Sigma_\varepsilon A^{-\top}/N$.
    fn covariance(&self, alpha: f64, averaging: bool) -> Option<DMatrix<f64>> {
        let (a, noise) = (self.mean(), self.noise());
        if averaging {
            let inverse = a.try_inverse()?;
            return Some(&inverse * noise * inverse.transpose() / (AVERAGED as f64));
        }
        Some(lyapunov(&a, &noise)? * alpha)
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        match self.law {
            Law::TwoPoint => {
                if rng.random::<bool>() {
                    1.0
                } else {
                    -1.0
                }
            }
            Law::Gaussian => rng.sample(StandardNormal),
            Law::Uniform => 3.0_f64.sqrt() * (2.0 * rng.random::<f64>() - 1.0),
        }
    }

    /// One chain from the solution: its last error, or the error of its average. `each` sees every error.
    fn chain(&self, alpha: f64, averaging: bool, rng: &mut Rng, mut each: impl FnMut(f64)) -> [f64; 2] {
        let [mut x, mut y] = self.best;
        let mut sum = [0.0; 2];
        for n in 0..STEPS {
            // θ ← θ - α(A_n θ - b_n)
            match self.instance {
                Instance::Scalar => {
                    let a = 1.0 + self.sigma * self.draw(rng);
                    let b = self.additive * rng.sample::<f64, _>(StandardNormal);
                    x -= alpha * (a * x - b);
                }
                Instance::Rotation => {
                    let a = 1.0 + self.sigma * self.draw(rng);
                    let b = self.additive * rng.sample::<f64, _>(StandardNormal);
                    let c = self.additive * rng.sample::<f64, _>(StandardNormal);
                    (x, y) = (x - alpha * (a * x - y - b), y - alpha * (x + a * y - c));
                }
                Instance::Td => {
                    let s = rng.random_range(0..STATES as u32) as usize;
                    let next = neighbours(s)[usize::from(rng.random::<bool>())];
                    let r = reward(s) + self.additive * rng.sample::<f64, _>(StandardNormal);
                    let (here, there) = (features(s), features(next));
                    // A_n = φ(φ - γφ')ᵀ, b_n = rφ
                    let delta = r + GAMMA * (there[0] * x + there[1] * y) - (here[0] * x + here[1] * y);
                    (x, y) = (x + alpha * delta * here[0], y + alpha * delta * here[1]);
                }
            }
            each(x - self.best[0]);
            if n >= STEPS - AVERAGED {
                sum = [sum[0] + x, sum[1] + y];
            }
        }
        if averaging {
            [x, y] = sum.map(|sum| sum / AVERAGED as f64);
        }
        [x - self.best[0], y - self.best[1]]
    }

    /// The values of $|1-\alpha A_n|$ with their probabilities: exact for two points, by the midpoint rule otherwise.
    fn factors(&self, alpha: f64) -> Vec<[f64; 2]> {
        let turn = if self.instance == Instance::Rotation { alpha } else { 0.0 };
        let size = |xi: f64| {
            let along = 1.0 - alpha * (1.0 + self.sigma * xi);
            (along * along + turn * turn).sqrt()
        };
        let count = 2000;
        let middle = |k: usize| (2 * k + 1) as f64 / count as f64 - 1.0;
        match self.law {
            Law::TwoPoint => vec![[size(1.0), 0.5], [size(-1.0), 0.5]],
            Law::Uniform => (0..count).map(|k| [size(3.0_f64.sqrt() * middle(k)), 1.0 / count as f64]).collect(),
            Law::Gaussian => {
                // Far enough for the moments in sight.
                let reach = 16.0;
                let weight = |z: f64| exp(-0.5 * z * z) / TAU.sqrt() * 2.0 * reach / count as f64;
                (0..count).map(|k| reach * middle(k)).map(|z| [size(z), weight(z)]).collect()
            }
        }
    }

    /// $\mathbb E\log|1-\alpha A|$: negative if there is a stationary law.
    fn drift(&self, alpha: f64) -> f64 {
        self.factors(alpha).iter().map(|[size, weight]| weight * log(size.max(1e-300))).sum()
    }

    /// Kesten's $\kappa$, by Newton's method; none for TD, or where it is out of sight.
    fn kappa(&self, alpha: f64) -> Option<f64> {
        if self.instance == Instance::Td || self.drift(alpha) >= 0.0 {
            return None;
        }
        let factors: Vec<[f64; 2]> =
            self.factors(alpha).iter().map(|[size, weight]| [log(size.max(1e-300)), *weight]).collect();
        // The logarithm of the moment, and its slope.
        let moment = |kappa: f64| {
            let (mut sum, mut slope) = (0.0, 0.0);
            for [size, weight] in &factors {
                let term = weight * exp(kappa * size);
                sum += term;
                slope += term * size;
            }
            (log(sum), slope / sum)
        };
        // It is convex in κ, 0 at zero, and falls there: above its root it is positive, and from above Newton's steps
        // come down to the root without passing it.
        let mut kappa = HIGHEST;
        if moment(kappa).0 <= 0.0 {
            return None;
        }
        for _ in 0..100 {
            let (value, slope) = moment(kappa);
            let next = kappa - value / slope;
            if next >= kappa || kappa - next < 1e-13 * kappa {
                break;
            }
            kappa = next;
        }
        Some(kappa)
    }
}

/// Steps in an average: the last half.
const AVERAGED: usize = STEPS / 2;

/// Hill's estimate of the tail's exponent from the largest hundredth.
fn hill(errors: &[f64]) -> Option<f64> {
    let count = errors.len() / 100;
    if count < 10 {
        return None;
    }
    let mut sorted = errors.to_vec();
    let (_, &mut threshold, above) = sorted.select_nth_unstable_by(errors.len() - count - 1, f64::total_cmp);
    let sum: f64 = above.iter().map(|error| log(error / threshold)).sum();
    (threshold > 0.0 && sum > 0.0).then_some(count as f64 / sum)
}

fn quantile(errors: &[f64], share: f64) -> Option<f64> {
    let rank = (share * errors.len() as f64).ceil() as usize;
    let mut sorted = errors.to_vec();
    (!errors.is_empty()).then(|| *sorted.select_nth_unstable_by(rank.max(1) - 1, f64::total_cmp).1)
}

/// $P(\|Z\|>t)$ for a normal $Z$ with these variances along its axes.
fn normal_survival(variances: &[f64], t: f64) -> f64 {
    match variances {
        [one] => erfc(t / (2.0 * one).sqrt()),
        _ => {
            // Over the angle of the whitened point.
            let count = 64;
            let at = |k: usize| {
                let c = cos(TAU * (k as f64 + 0.5) / count as f64);
                exp(-0.5 * t * t / (variances[0] * c * c + variances[1] * (1.0 - c * c)))
            };
            (0..count).map(at).sum::<f64>() / count as f64
        }
    }
}

struct Fixed {
    setting: Setting,
    system: System,
    kappa: Option<f64>,
    /// By step size, where it is in sight.
    kappas: Vec<[f64; 2]>,
    /// Variances of the normal law along its axes, their sum's root, and the deviation of the first component.
    variances: Vec<f64>,
    scale: f64,
    first: f64,
    /// The normal law's 99.99 % quantile of the error's size, over its root mean square.
    normal_ratio: f64,
    sweep: Vec<f64>,
}

/// The exhibit.
#[derive(Clone)]
pub struct LsaHeavyTails {
    fixed: Rc<Fixed>,
    rng: Rng,
    step: usize,
    /// Sizes of the errors.
    errors: Vec<f64>,
    squares: f64,
    /// Errors above each edge of the survival function, and in each bin of the bulk.
    above: Vec<u32>,
    bulk: Vec<u32>,
    paths: Vec<Vec<f64>>,
    swept: Vec<f64>,
    hills: Vec<[f64; 2]>,
}

/// Edges of the survival function, in units of the normal law's deviation: 24 a decade from 0.1.
const EDGES: usize = 24 * 5;
/// Bins of the bulk, from −4 to 4 deviations.
const BINS: usize = 64;

fn edge(k: usize) -> f64 {
    0.1 * pow(10.0, k as f64 / 24.0)
}

impl Fixed {
    fn main_steps(&self) -> usize {
        self.setting.chains.div_ceil(BATCH)
    }

    fn swept_steps() -> usize {
        SWEPT.div_ceil(BATCH)
    }
}

impl LsaHeavyTails {
    fn add_chains(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Setting { alpha, averaging, chains, .. } = fixed.setting;
        for _ in 0..BATCH.min(chains - self.errors.len()) {
            let keep = self.paths.len() < 10;
            let mut path = Vec::new();
            let error = fixed.system.chain(alpha, averaging, &mut self.rng, |x| {
                if keep {
                    path.push(x);
                }
            });
            if keep {
                self.paths.push(path);
            }
            let square = error[0] * error[0] + error[1] * error[1];
            let size = square.sqrt();
            self.squares += square;
            // Past the last edge of all below it.
            let passed = (24.0 * log(size / fixed.scale / 0.1) / log(10.0)).ceil().clamp(0.0, EDGES as f64) as usize;
            if let Some(last) = passed.checked_sub(1) {
                self.above[last] += 1;
            }
            let place = (error[0] / fixed.first + 4.0) / 8.0 * BINS as f64;
            if place >= 0.0 && place < BINS as f64 {
                self.bulk[place as usize] += 1;
            }
            self.errors.push(size);
        }
    }

    fn sweep(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Some(&alpha) = fixed.sweep.get(self.hills.len()) else { return };
        for _ in 0..BATCH.min(SWEPT - self.swept.len()) {
            let [x, y] = fixed.system.chain(alpha, fixed.setting.averaging, &mut self.rng, |_| {});
            self.swept.push((x * x + y * y).sqrt());
        }
        if self.swept.len() == SWEPT {
            self.hills.push([alpha, hill(&self.swept).unwrap_or(HIGHEST).min(HIGHEST)]);
            self.swept.clear();
        }
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.errors.len().max(1) as f64).sqrt()
    }
}

impl Exhibit for LsaHeavyTails {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.additive == 0.0 && setting.instance != Instance::Td {
            return Err(Error::of(
                "additive",
                "without additive noise every chain stays at the solution; take more than 0",
            ));
        }
        let system = System::new(setting);
        let td = setting.instance == Instance::Td;
        if !td && system.drift(setting.alpha) >= -1e-3 {
            let message = "the products grow and there is no stationary law; take a smaller step or less noise in A";
            return Err(Error::of("alpha", message));
        }
        let covariance = system.covariance(setting.alpha, setting.averaging);
        let covariance = covariance.ok_or_else(|| Error::of("instance", "the mean matrix is not stable"))?;
        let first = covariance[(0, 0)].sqrt();
        let variances: Vec<f64> = covariance.symmetric_eigenvalues().iter().map(|v| v.max(1e-300)).collect();
        let scale = variances.iter().sum::<f64>().sqrt();
        let (mut low, mut high) = (0.0, 20.0 * scale);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if normal_survival(&variances, middle) > 1e-4 { low = middle } else { high = middle }
        }
        let alphas = (0..=60).map(|k| 0.01 * pow(45.0, f64::from(k) / 60.0));
        let kappas = alphas.filter_map(|alpha| Some([alpha, system.kappa(alpha)?])).collect();
        let steady = |alpha: &f64| td || system.drift(*alpha) < -1e-3;
        let fixed = Fixed {
            setting: setting.clone(),
            kappa: system.kappa(setting.alpha),
            kappas,
            sweep: SWEEP.into_iter().filter(steady).collect(),
            normal_ratio: low / scale,
            variances,
            scale,
            first,
            system,
        };
        Ok(Self {
            fixed: Rc::new(fixed),
            rng: rng.clone(),
            step: 0,
            errors: Vec::new(),
            squares: 0.0,
            above: vec![0; EDGES],
            bulk: vec![0; BINS],
            paths: Vec::new(),
            swept: Vec::new(),
            hills: Vec::new(),
        })
    }

    fn length(&self) -> usize {
        self.fixed.main_steps() + Fixed::swept_steps() * self.fixed.sweep.len()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if self.step < self.fixed.main_steps() {
            self.add_chains()
        } else {
            self.sweep()
        }
        self.step += 1;
        if self.step == self.length() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let count = self.errors.len().max(1) as f64;
        let caption = match fixed.kappa {
            Some(kappa) if kappa > IN_REACH => {
                "The share of chains whose error exceeds t, beside that of a normal law. With so high an index the power \
                 law (dashed) begins where there are no chains left."
            }
            Some(_) => {
                "The share of chains whose error exceeds t. A normal law falls off a cliff; the measured tail follows a \
                 power of t."
            }
            None => "The share of chains whose error exceeds t, beside that of a normal law, which falls off a cliff.",
        };
        let mut survival = Vec::new();
        let mut beyond = 0;
        for k in (0..EDGES).rev() {
            beyond += self.above[k];
            if beyond > 0 {
                survival.push([edge(k), f64::from(beyond) / count]);
            }
        }
        let farthest = survival.first().map_or(0.0, |p| p[0]);
        let end = [300.0, 1e3, 1e4].into_iter().find(|end| farthest <= *end).unwrap_or(1e4);
        let mut tail = figures.figure("tail", "How rare is a large error?", caption);
        tail.x(Axis::log("error t").unit("CLT deviations").domain(0.1, end))
            .y(Axis::log("share of chains beyond t").domain(1e-6, 1.5));
        let normal = (0..EDGES).map(|k| [edge(k), normal_survival(&fixed.variances, edge(k) * fixed.scale)]);
        let normal: Vec<[f64; 2]> = normal.take_while(|[_, share]| *share > 1e-7).collect();
        tail.line(normal.iter().map(|p| p[0]), normal.iter().map(|p| p[1])).of("gaussian");
        tail.line(survival.iter().map(|p| p[0]), survival.iter().map(|p| p[1])).of("lsa");
        if let (Some(kappa), Some(start)) = (fixed.kappa, quantile(&self.errors, 0.99)) {
            let from = start / fixed.scale;
            // Down to one chain in a million.
            let to = from * pow(1e4, 1.0 / kappa);
            tail.line([from, to], [0.01, 1e-6]).ink(Ink::Accent).dashed().label(format!("power law, κ = {kappa:.2}"));
        }

        let caption = if fixed.setting.instance == Instance::Td {
            "Hill's estimate at each step size. For matrices that do not commute no κ is computed.".to_owned()
        } else if fixed.kappas.is_empty() {
            format!(
                "No κ is below {HIGHEST} at any step size. Dots: Hill's estimate from {SWEPT} chains each; the ring is this \
                 run's. High indices are out of their reach."
            )
        } else {
            format!(
                "Line: κ from its equation, where it is below {HIGHEST}. Dots: Hill's estimate from {SWEPT} chains each; the \
                 ring is this run's. High indices are out of their reach."
            )
        };
        let mut index = figures.figure("index", "The step size sets the exponent", caption);
        index.x(Axis::log("step size α").domain(0.009, 0.5)).y(Axis::log("exponent of the tail").domain(0.3, HIGHEST));
        if !fixed.kappas.is_empty() {
            let line = index.line(fixed.kappas.iter().map(|p| p[0]), fixed.kappas.iter().map(|p| p[1]));
            line.ink(Ink::Accent).label("κ(α)");
        }
        index.dot(self.hills.iter().map(|p| p[0]), self.hills.iter().map(|p| p[1])).of("lsa").label("Hill estimate");
        if let Some(found) = hill(&self.errors) {
            index.dot([fixed.setting.alpha], [found.min(HIGHEST)]).of("lsa").symbol(Symbol::Ring).radius(6.0);
        }

        let caption = "The same errors, near zero, where the normal law comes nearest. (The first component, if there are \
                       two.)";
        let mut bulk = figures.figure("bulk", "The bulk", caption);
        bulk.x(Axis::linear("error").unit("CLT deviations").domain(-4.0, 4.0))
            .y(Axis::linear("density").domain(0.0, 0.6));
        let width = 8.0 / BINS as f64;
        let place = |k: usize| -4.0 + width * (k as f64 + 0.5);
        bulk.bar((0..BINS).map(place), self.bulk.iter().map(|n| f64::from(*n) / count / width)).of("lsa");
        let density = |k: usize| exp(-0.5 * place(k) * place(k)) / (2.0 * PI).sqrt();
        bulk.line((0..BINS).map(place), (0..BINS).map(density)).of("gaussian");

        let caption = match fixed.kappa {
            Some(_) => {
                "Ten chains. Nothing announces a burst, and nothing in their variance tells how high one can go."
            }
            None => "The first component of ten chains, which start at the solution.",
        };
        let mut chains = figures.figure("chains", "Single chains", caption);
        chains.x(Axis::linear("step n").domain(0.0, STEPS as f64)).y(Axis::linear("error θₙ − θ*"));
        for (k, path) in self.paths.iter().enumerate() {
            let tone = 0.15 + 0.7 * k as f64 / 9.0;
            chains.line((1..=path.len()).map(|n| n as f64), path).ink(Ink::Tone(tone));
        }
    }

    fn claim(&self) -> Claim {
        let fixed = &*self.fixed;
        let open = self.errors.len() < fixed.setting.chains;
        let ratio = quantile(&self.errors, 0.9999).map(|top| top / self.deviation());
        let limit = 2.0 * fixed.normal_ratio;
        let mut clauses = Vec::new();
        if let Some(kappa) = fixed.kappa {
            let text = format!(
                "Hill's exponent of the largest hundredth is {{value}}, within a quarter of κ = {kappa:.2}: {{low}} to {{high}}."
            );
            clauses.push(Clause::within(text, hill(&self.errors), 0.75 * kappa, 1.25 * kappa).pending_while(open));
        }
        // Of fewer chains the largest error is as far as one can see.
        let text = if fixed.setting.chains < 10_000 {
            "The largest error of all is {value} standard deviations, at least {low}: twice that which one in 10 000 normal \
             errors exceeds."
        } else {
            "The error that one chain in 10 000 exceeds is {value} standard deviations, at least {low}: twice the normal \
             law's."
        };
        clauses.push(Clause::at_least(text, ratio, limit).pending_while(open));
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A is 3 or −1",
                "A step multiplies the error by 0.4 or by 1.2: a few of the latter in a row make a burst.",
                default.clone(),
            ),
            Scenario::holds(
                "rotation",
                "A spiral",
                "Two dimensions, turned at every step: the same law with a complex modulus.",
                Setting { instance: Instance::Rotation, chains: 20_000, ..default.clone() },
            ),
            Scenario::fails(
                "bounded",
                "Always a contraction",
                "With noise 0.5, |1 − αA| is below 1 always: no burst can build up, and the normal quantile is right.",
                Setting { sigma: 0.5, chains: 20_000, ..default.clone() },
            ),
            Scenario::fails(
                "small-step",
                "A small step",
                "At α = 0.02 the index is about 31: the power law is there, and out of sight of 20 000 chains.",
                Setting { alpha: 0.02, chains: 20_000, ..default.clone() },
            ),
            Scenario::fails(
                "td",
                "Temporal differences",
                "TD(0) with features of length near one: factors barely exceed 1, and the tail is light.",
                Setting { instance: Instance::Td, chains: 10_000, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn hills_estimate_finds_the_exponent_of_a_pareto_law() {
        let mut rng = Rng::seed_from_u64(3);
        let sample: Vec<f64> = (0..100_000).map(|_| pow(1.0 - rng.random::<f64>(), -1.0 / 3.0)).collect();
        // 1000 exceedances: a standard error of 3 %.
        assert!((hill(&sample).unwrap() / 3.0 - 1.0).abs() < 0.13);
    }

    #[test]
    fn uniform_noise_has_its_moment_in_closed_form() {
        let setting = Setting { law: Law::Uniform, ..Setting::default() };
        let (alpha, system) = (0.2, System::new(&setting));
        let kappa = system.kappa(alpha).unwrap();
        // ∫|u|^κ du from low to high.
        let reach = alpha * 2.0 * 3.0_f64.sqrt();
        let [low, high] = [1.0 - alpha - reach, 1.0 - alpha + reach];
        let whole = (pow(high, kappa + 1.0) - low.signum() * pow(low.abs(), kappa + 1.0)) / (kappa + 1.0);
        assert!((whole / (high - low) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn gaussian_factors_have_the_variance_of_the_law() {
        let system = System::new(&Setting { law: Law::Gaussian, ..Setting::default() });
        // E(1 - αA)² = (1-α)² + α²σ², which is 0.8² + 0.16.
        let square: f64 = system.factors(0.2).iter().map(|[size, weight]| weight * size * size).sum();
        assert!((square - 0.8).abs() < 1e-10, "{square}");
    }

    #[test]
    fn the_variance_of_a_chain_is_its_recursions() {
        // v = E(1 - αA)² v + α² s², and the CLT's αΣ is its limit for small α.
        let system = System::new(&Setting { sigma: 0.5, ..Setting::default() });
        let (alpha, mut rng) = (0.2, Rng::seed_from_u64(1));
        let expected = alpha / (2.0 - alpha * 1.25);
        let count = 20_000;
        let mean = (0..count).map(|_| system.chain(alpha, false, &mut rng, |_| {})[0]).map(|x| x * x).sum::<f64>()
            / f64::from(count);
        assert!((mean / expected - 1.0).abs() < 0.05, "{mean} {expected}");
        let clt = system.covariance(alpha, false).unwrap()[(0, 0)];
        assert!((clt - 0.1).abs() < 1e-14);
    }

    #[test]
    fn values_learned_by_td_are_the_fixed_point() {
        let system = System::new(&Setting { instance: Instance::Td, ..Setting::default() });
        // The expected update at θ* is zero: Σ φ (r + γφ'θ - φθ) over states and successors.
        let value = |s: usize| features(s)[0] * system.best[0] + features(s)[1] * system.best[1];
        for i in 0..2 {
            let pairs = (0..STATES).flat_map(|s| neighbours(s).map(|next| (s, next)));
            let update: f64 =
                pairs.map(|(s, next)| features(s)[i] * (reward(s) + GAMMA * value(next) - value(s))).sum();
            assert!(update.abs() < 1e-12, "{update}");
        }
    }

    proptest! {
        #[test]
        fn kappa_solves_its_equation(alpha in 0.05_f64..0.4, sigma in 1.5_f64..2.2) {
            let system = System::new(&Setting { sigma, ..Setting::default() });
            if let Some(kappa) = system.kappa(alpha) {
                let up = pow((1.0 - alpha * (1.0 + sigma)).abs(), kappa);
                let down = pow((1.0 - alpha * (1.0 - sigma)).abs(), kappa);
                prop_assert!((0.5 * (up + down) - 1.0).abs() < 1e-9);
            }
        }
    }
}
