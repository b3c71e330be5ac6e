//! Attention averages values by how well keys match a query. Suppose the tokens are noisy sightings $z_t=x_t+v_t$ of
//! something that moves by a law, $dx=\lambda x\,dt+\sigma_w\,dw$. Then an old token can be *carried forward* to the
//! query's time, $\hat z_{ij}=e^{\lambda(t_i-t_j)}z_j$, and how much to trust it is known in closed form:
//! $$V_{ij}=\sigma_w^2\frac{e^{2\mathrm{Re}\lambda\tau}-1}{2\,\mathrm{Re}\lambda}+\sigma_v^2e^{2\mathrm{Re}\lambda\tau},$$
//! $$\tau=t_i-t_j .$$
//! The estimate of $x_i$ is the mean of the $\hat z_{ij}$ with weights
//! $w_{ij}\propto P_{ij}/(1+|r_{ij}|^2P_{ij}/\nu)$, where $P_{ij}=1/(V_{ij}+\sigma_v^2)$ and $r_{ij}=z_i-\hat z_{ij}$: precise
//! keys count more, keys that contradict the query less.
//!
//! **What you see.** A damped rotation in the plane, one complex number $x$, seen through noise. Dot-product attention knows nothing of
//! turning and averages what looks alike; rotary attention turns keys but not values, so that its mean cancels. The Kalman
//! filter is the exact answer and the bound. Raise the process noise: the band of the weights narrows, since what is carried far
//! grows uncertain at a known rate.
//!
//! **The limit.** Without motion or process noise, and with tokens of unit length at small angles, $\log w_{ij}$ is linear in
//! $z_i\cdot z_j$, up to a quadratic term: softmax attention of temperature $\nu/2P$. The last figure shows where the two part.
//!
//! **Where it stops.** Each pair is weighed as if it were alone, but all keys share the *same* drift: with much process noise the
//! many old ones outvote the few young ones, and plain attention overtakes. An outlier among the keys is voted down; an
//! outlier at the query's own place is not, for then all others contradict it.
//!
//! **Try** *learned*: decay, rotation and both noises start from a guess and are fitted to predict the next token.
//!
//! **Made definite.** One mode, real part shared by all pairs, queries and keys being the tokens themselves; the
//! paper learns projections and many modes. A Kalman filter with outliers is no longer exact.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::linalg::Complex;
use orrery_kernels::math::{TAU, cos, exp, expm1, log, log_spaced, sin};
use orrery_kernels::optim::{Adam, Optimizer};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adaptive-filter-attention",
    title: "Attention as an Adaptive Filter",
    year: 2025,
    lists: &[2],
    claim: "Attention that carries tokens forward by a linear law, weighed by how uncertain they become, filters almost optimally.",
    algorithms: &[
        "adaptive filter attention",
        "Kalman filter",
        "linear stochastic differential equation",
        "Lyapunov equation",
        "robust M-estimate",
        "softmax attention",
        "RoPE",
    ],
    contenders: &[
        Contender::paper("afa", "adaptive filter attention"),
        Contender::baseline("dot", "dot-product attention"),
        Contender::baseline("rope", "rotary attention with decay"),
        Contender::baseline("kalman", "Kalman filter"),
    ],
};

/// Whether the law is given.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Knowledge {
    /// The true one.
    #[choice("known")]
    Known,
    /// From a guess, by predicting the next token.
    #[choice("learned")]
    Learned,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The real part of λ: how the motion dies away.
    #[control(label = "damping", range = -0.3..=0.0, default = -0.01, unit = "per step")]
    pub damping: f64,
    /// The imaginary part of λ: how fast it turns.
    #[control(label = "rotation ω", range = 0.0..=2.0, default = 0.3, unit = "rad per step")]
    pub rotation: f64,
    /// σ_w: how much chance enters the motion.
    #[control(label = "process noise", range = 1e-3..=1.0, log, default = 0.02)]
    pub process_noise: f64,
    /// σ_v: how badly a token shows it.
    #[control(label = "measurement noise", range = 0.05..=2.0, default = 0.5)]
    pub measurement_noise: f64,
    /// ν: how much contradiction a key may show. Large: none is held against it.
    #[control(label = "robustness ν", range = 0.5..=1000.0, log, default = 4.0)]
    pub robustness: f64,
    /// The share of tokens whose noise is ten times as large.
    #[control(label = "outlier share", range = 0.0..=0.2, default = 0.0)]
    pub outliers: f64,
    /// Whether the attention is told the law. The Kalman filter always is.
    #[control(label = "parameters", default = Knowledge::Known)]
    pub parameters: Knowledge,
    /// Tokens of a sequence.
    #[control(label = "sequence length", range = 32..=1024, log, default = 256)]
    pub length: usize,
}

/// Sequences of the evaluation, one a step.
const SEQUENCES: usize = 40;
/// Steps of Adam before it, where the law is learned; sequences of each, and their tokens.
const LESSONS: usize = 200;
const LESSON_BATCH: usize = 4;
const LESSON_LENGTH: usize = 64;
/// Process noises of the sweep, sequences of a step, and their greatest length.
const NOISES: usize = 10;
const SWEEP_LENGTH: usize = 256;
/// Cells of a matrix of weights, each way.
const CELLS: usize = 48;
/// Cells of the map of variances, and its lags.
const MAP: usize = 40;
const MAP_LAGS: f64 = 100.0;
/// Tokens of the limit, and the greatest angles from the middle: in the claim, in the picture.
const LIMIT_TOKENS: usize = 64;
const LIMIT_ANGLE: f64 = 0.1;
const SHOWN_ANGLE: f64 = 0.75;

type C64 = Complex<f64>;

/// The law, as the attention believes it.
#[derive(Clone, Copy, Debug)]
struct Law {
    /// Real and imaginary part of `λ`.
    alpha: f64,
    omega: f64,
    sigma_w: f64,
    sigma_v: f64,
    /// The noise of the query itself.
    sigma_q: f64,
    nu: f64,
}

/// `∫₀^τ e^{2αs} ds`, and its derivative by `α`.
fn spread(alpha: f64, tau: f64) -> [f64; 2] {
    let x = 2.0 * alpha * tau;
    if x.abs() < 1e-4 {
        return [tau * (1.0 + 0.5 * x), tau * tau * (1.0 + 2.0 / 3.0 * x)];
    }
    let g = expm1(x) / (2.0 * alpha);
    [g, (tau * exp(x) - g) / alpha]
}

impl Law {
    /// `e^{λτ}`
    fn carry(&self, tau: f64) -> C64 {
        C64::new(cos(self.omega * tau), sin(self.omega * tau)) * exp(self.alpha * tau)
    }

    /// `V(τ) = σ_w² (e^{2ατ} − 1)/(2α) + σ_v² e^{2ατ}`, which solves `V' = 2αV + σ_w²` from `σ_v²`.
    fn variance(&self, tau: f64) -> f64 {
        let [g, _] = spread(self.alpha, tau);
        self.sigma_w * self.sigma_w * g + self.sigma_v * self.sigma_v * exp(2.0 * self.alpha * tau)
    }

    /// `P(τ) = 1 / (V(τ) + σ_q²)`
    fn precision(&self, tau: f64) -> f64 {
        1.0 / (self.variance(tau) + self.sigma_q * self.sigma_q)
    }
}

/// Adaptive filter attention over a sequence. `look` sees each weight, `(i, j, w_ij)`, before they are normalised to sum 1
/// over `j ≤ i`.
fn adaptive_filter(z: &[C64], law: &Law, mut look: impl FnMut(usize, usize, f64)) -> Vec<C64> {
    let lags: Vec<(C64, f64)> = (0..z.len()).map(|lag| (law.carry(lag as f64), law.precision(lag as f64))).collect();
    let estimate = |i: usize| {
        let (mut sum, mut mean) = (0.0, C64::new(0.0, 0.0));
        for j in 0..=i {
            let (carry, p) = lags[i - j];
            // ẑ_ij = e^{λτ} z_j, r_ij = z_i − ẑ_ij
            let carried = carry * z[j];
            let r = z[i] - carried;
            // w_ij = P / (1 + r* P r / ν)
            let w = p / (1.0 + r.norm_sqr() * p / law.nu);
            look(i, j, w);
            sum += w;
            mean += carried * w;
        }
        mean / sum
    };
    (0..z.len()).map(estimate).collect()
}

/// Causal softmax attention with scores `Re(z_i* e^{iωτ} z_j)/temperature + ατ` and the tokens as values.
fn softmax_attention(
    z: &[C64],
    [alpha, omega]: [f64; 2],
    temperature: f64,
    mut look: impl FnMut(usize, usize, f64),
) -> Vec<C64> {
    let turns: Vec<C64> =
        (0..z.len()).map(|lag| C64::new(cos(omega * lag as f64), sin(omega * lag as f64)) / temperature).collect();
    let mut scores = Vec::with_capacity(z.len());
    let estimate = |i: usize| {
        scores.clear();
        scores.extend((0..=i).map(|j| (z[i].conj() * turns[i - j] * z[j]).re + alpha * (i - j) as f64));
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut mean) = (0.0, C64::new(0.0, 0.0));
        for (j, score) in scores.iter().enumerate() {
            let w = exp(score - top);
            look(i, j, w);
            sum += w;
            mean += z[j] * w;
        }
        mean / sum
    };
    (0..z.len()).map(estimate).collect()
}

/// The Kalman filter of one complex mode, `x_0` having mean 0 and variance `prior`.
fn kalman(z: &[C64], law: &Law, prior: f64) -> Vec<C64> {
    let (carry, [g, _]) = (law.carry(1.0), spread(law.alpha, 1.0));
    let (mut mean, mut p) = (C64::new(0.0, 0.0), prior);
    let estimate = |(t, z): (usize, &C64)| {
        if t > 0 {
            mean *= carry;
            p = carry.norm_sqr() * p + law.sigma_w * law.sigma_w * g;
        }
        let gain = p / (p + law.sigma_v * law.sigma_v);
        mean += (z - mean) * gain;
        p *= 1.0 - gain;
        mean
    };
    z.iter().enumerate().map(estimate).collect()
}

/// The mean over a sequence of `|z_{i+1} − e^λ x̄_i|²`, and its gradient by `α`, `ω`, `log σ_w`, `log σ_v`.
fn prediction_loss(z: &[C64], law: &Law) -> (f64, [f64; 4]) {
    let n = z.len() - 1;
    let (w2, v2) = (law.sigma_w * law.sigma_w, law.sigma_v * law.sigma_v);
    // Of each lag: e^{λτ}, P, and the derivatives of P, which are −P² those of V + σ_q² (σ_q is σ_v).
    let lags: Vec<(C64, f64, [f64; 4])> = (0..n)
        .map(|lag| {
            let tau = lag as f64;
            let ([g, slope], fade, p) = (spread(law.alpha, tau), exp(2.0 * law.alpha * tau), law.precision(tau));
            let variance = [w2 * slope + 2.0 * tau * v2 * fade, 0.0, 2.0 * w2 * g, 2.0 * v2 * (fade + 1.0)];
            (law.carry(tau), p, variance.map(|slope| -p * p * slope))
        })
        .collect();
    let next = law.carry(1.0);
    let i_ = C64::new(0.0, 1.0);
    let (mut loss, mut gradient) = (0.0, [0.0; 4]);
    for i in 0..n {
        let (mut sum, mut mean) = (0.0, C64::new(0.0, 0.0));
        let (mut sums, mut means) = ([0.0; 4], [C64::new(0.0, 0.0); 4]);
        for j in 0..=i {
            let (carry, p, by) = lags[i - j];
            let tau = (i - j) as f64;
            let carried = carry * z[j];
            let r = z[i] - carried;
            let share = 1.0 / (1.0 + r.norm_sqr() * p / law.nu);
            let w = p * share;
            // ∂w/∂P = share², ∂w/∂|r|² = −w²/ν; ∂ẑ/∂α = τẑ, ∂ẑ/∂ω = iτẑ
            let moved = [carried * tau, i_ * carried * tau];
            for k in 0..4 {
                let mut slope = share * share * by[k];
                if let Some(moved) = moved.get(k) {
                    slope += w * w / law.nu * 2.0 * (r.conj() * moved).re;
                    means[k] += moved * w;
                }
                sums[k] += slope;
                means[k] += carried * slope;
            }
            sum += w;
            mean += carried * w;
        }
        let estimate = mean / sum;
        let error = z[i + 1] - next * estimate;
        loss += error.norm_sqr() / n as f64;
        for k in 0..4 {
            let slope = (means[k] - estimate * sums[k]) / sum;
            let direct = [estimate, i_ * estimate].get(k).copied().unwrap_or_default();
            gradient[k] -= 2.0 * (error.conj() * next * (slope + direct)).re / n as f64;
        }
    }
    (loss, gradient)
}

/// A path and what is seen of it.
#[derive(Clone)]
struct Sequence {
    x: Vec<C64>,
    z: Vec<C64>,
}

impl Sequence {
    fn new(length: usize, law: &Law, outliers: f64, rng: &mut Rng) -> Self {
        let noise = |deviation: f64, rng: &mut Rng| {
            let unit = deviation * 0.5_f64.sqrt();
            C64::new(unit * rng.sample::<f64, _>(StandardNormal), unit * rng.sample::<f64, _>(StandardNormal))
        };
        // From the unit circle; then x ← e^λ x + noise of variance σ_w² ∫₀¹ e^{2αs} ds.
        let turn = TAU * rng.random::<f64>();
        let mut x = vec![C64::new(cos(turn), sin(turn))];
        let (carry, step) = (law.carry(1.0), law.sigma_w * spread(law.alpha, 1.0)[0].sqrt());
        while x.len() < length {
            x.push(x[x.len() - 1] * carry + noise(step, rng));
        }
        let mut see = |x: &C64| {
            let wild = rng.random::<f64>() < outliers;
            x + noise(if wild { 10.0 * law.sigma_v } else { law.sigma_v }, rng)
        };
        let z = x.iter().map(&mut see).collect();
        Self { x, z }
    }

    fn error(&self, estimate: &[C64]) -> f64 {
        let squares = self.x.iter().zip(estimate).map(|(x, estimate)| (x - estimate).norm_sqr());
        squares.sum::<f64>() / self.x.len() as f64
    }
}

/// A matrix of weights in blocks: the share of a block of queries in a block of keys.
#[derive(Clone)]
struct Blocks {
    size: usize,
    cells: Vec<f64>,
    /// The row in the making: its query, and its weights by block.
    query: usize,
    row: Vec<f64>,
}

impl Blocks {
    fn new(length: usize) -> Self {
        let size = length.div_ceil(CELLS);
        Self { size, cells: vec![0.0; CELLS * CELLS], query: 0, row: vec![0.0; CELLS] }
    }

    fn add(&mut self, i: usize, j: usize, w: f64) {
        if i != self.query {
            self.close();
            self.query = i;
        }
        self.row[j / self.size] += w;
    }

    fn close(&mut self) {
        let sum: f64 = self.row.iter().sum();
        let row = self.query / self.size;
        for (cell, w) in self.cells[row * CELLS..].iter_mut().zip(&mut self.row) {
            if sum > 0.0 {
                *cell += *w / sum / self.size as f64;
            }
            *w = 0.0;
        }
    }
}

/// Estimates of one sequence by all contenders, in their order.
const CONTENDERS: [&str; 4] = ["afa", "dot", "rope", "kalman"];

fn estimates(z: &[C64], believed: &Law, law: &Law, mut look: impl FnMut(usize, usize, usize, f64)) -> [Vec<C64>; 4] {
    let temperature = 2.0_f64.sqrt();
    [
        adaptive_filter(z, believed, |i, j, w| look(0, i, j, w)),
        softmax_attention(z, [0.0, 0.0], temperature, |i, j, w| look(1, i, j, w)),
        softmax_attention(z, [law.alpha, law.omega], temperature, |_, _, _| ()),
        kalman(z, law, 1.0),
    ]
}

/// What is seen of one sequence.
struct Shown {
    sequence: Sequence,
    estimates: [Vec<C64>; 4],
    weights: [Vec<f64>; 2],
}

/// Both mechanisms without motion, on tokens of unit length.
struct Limit {
    /// The greatest difference of a weight, over the weight 1/i of no preference, at the claim's angles.
    difference: f64,
    /// Angle from the query, and log of the weight over the query's own: of both, at the picture's angles.
    picture: [Vec<[f64; 2]>; 2],
}

fn limit(law: &Law, rng: &mut Rng) -> Limit {
    let still = Law { alpha: 0.0, omega: 0.0, sigma_w: 0.0, ..*law };
    let turns: Vec<f64> = (0..LIMIT_TOKENS).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
    let matrices = |angle: f64| {
        let z: Vec<C64> = turns.iter().map(|turn| C64::new(cos(angle * turn), sin(angle * turn))).collect();
        // |q − k|² = 2 − 2 q·k, so that −log(1 + |r|² P/ν) is (2P/ν) q·k to first order.
        let temperature = still.nu / (2.0 * still.precision(0.0));
        let mut weights = [Vec::new(), Vec::new()];
        let [afa, dot] = &mut weights;
        adaptive_filter(&z, &still, |i, _, w| push_row(afa, i, w));
        softmax_attention(&z, [0.0, 0.0], temperature, |i, _, w| push_row(dot, i, w));
        weights
    };
    let [afa, dot] = matrices(LIMIT_ANGLE);
    let share = |row: &[f64], j: usize| row[j] / row.iter().sum::<f64>() * row.len() as f64;
    let differences =
        afa.iter().zip(&dot).flat_map(|(a, b)| (0..a.len()).map(move |j| (share(a, j) - share(b, j)).abs()));
    let difference = differences.fold(0.0, f64::max);
    let last = LIMIT_TOKENS - 1;
    let picture = matrices(SHOWN_ANGLE).map(|rows| {
        let row = &rows[last];
        let point = |j: usize| [SHOWN_ANGLE * (turns[j] - turns[last]).abs(), log((row[j] / row[last]).max(1e-300))];
        (0..=last).map(point).collect()
    });
    Limit { difference, picture }
}

fn push_row(rows: &mut Vec<Vec<f64>>, i: usize, w: f64) {
    if rows.len() <= i {
        rows.push(Vec::new());
    }
    rows[i].push(w);
}

/// The exhibit.
#[derive(Clone)]
pub struct AdaptiveFilterAttention {
    settings: Settings,
    rng: Rng,
    /// The true law, and what the attention believes.
    law: Law,
    believed: Law,
    adam: Adam,
    lessons: usize,
    loss: Series,
    shown: Option<Rc<Shown>>,
    /// Sums over the sequences so far of each contender's error.
    errors: [f64; 4],
    sequences: usize,
    /// The same at each process noise of the sweep, and of how many sequences.
    sweep: Vec<([f64; 4], usize)>,
    limit: Rc<Limit>,
}

impl AdaptiveFilterAttention {
    fn learn(&mut self) {
        let mut gradient = [0.0; 4];
        let mut loss = 0.0;
        for _ in 0..LESSON_BATCH {
            let sequence = Sequence::new(LESSON_LENGTH, &self.law, self.settings.outliers, &mut self.rng);
            let (value, slopes) = prediction_loss(&sequence.z, &self.believed);
            loss += value / LESSON_BATCH as f64;
            gradient.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope / LESSON_BATCH as f64);
        }
        self.adam.rate = 0.05 * (1.0 - self.lessons as f64 / LESSONS as f64);
        let believed = self.believed;
        let mut theta = [believed.alpha, believed.omega, log(believed.sigma_w), log(believed.sigma_v)];
        self.adam.step(&mut theta, &gradient);
        let [alpha, omega, w, v] = theta;
        let (sigma_w, sigma_v) = (exp(w.clamp(-7.0, 1.0)), exp(v.clamp(-4.0, 2.0)));
        self.believed = Law { alpha: alpha.clamp(-0.5, 0.0), omega, sigma_w, sigma_v, sigma_q: sigma_v, ..believed };
        self.lessons += 1;
        self.loss.push(self.lessons as f64, loss.max(1e-6));
    }

    fn evaluate(&mut self) {
        let sequence = Sequence::new(self.settings.length, &self.law, self.settings.outliers, &mut self.rng);
        let first = self.shown.is_none();
        let mut weights = [Blocks::new(self.settings.length), Blocks::new(self.settings.length)];
        let estimates = estimates(&sequence.z, &self.believed, &self.law, |k, i, j, w| {
            if first {
                weights[k].add(i, j, w);
            }
        });
        self.errors.iter_mut().zip(&estimates).for_each(|(sum, estimate)| *sum += sequence.error(estimate));
        if first {
            weights.iter_mut().for_each(Blocks::close);
            self.shown = Some(Rc::new(Shown { sequence, estimates, weights: weights.map(|blocks| blocks.cells) }));
        }
        for _ in 0..2 {
            let index = (0..NOISES).min_by_key(|index| self.sweep[*index].1).unwrap_or(0);
            let sigma_w = self.noise(index);
            let law = Law { sigma_w, ..self.law };
            // What was learned is at the visitor's noise alone: here the attention knows the law.
            let length = self.settings.length.min(SWEEP_LENGTH);
            let sequence = Sequence::new(length, &law, self.settings.outliers, &mut self.rng);
            let found = self::estimates(&sequence.z, &law, &law, |_, _, _, _| ());
            let (sums, count) = &mut self.sweep[index];
            sums.iter_mut().zip(&found).for_each(|(sum, estimate)| *sum += sequence.error(estimate));
            *count += 1;
        }
        self.sequences += 1;
    }

    fn noise(&self, index: usize) -> f64 {
        log_spaced(1e-3, 1.0, NOISES)[index]
    }

    /// The ratio of the attention's mean error to another contender's.
    fn ratio(&self, contender: usize) -> Option<f64> {
        (self.sequences > 0).then(|| self.errors[0] / self.errors[contender])
    }

    fn lessons_due(&self) -> usize {
        if self.settings.parameters == Knowledge::Learned { LESSONS } else { 0 }
    }
}

impl Exhibit for AdaptiveFilterAttention {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let law = Law {
            alpha: settings.damping,
            omega: settings.rotation,
            sigma_w: settings.process_noise,
            sigma_v: settings.measurement_noise,
            sigma_q: settings.measurement_noise,
            nu: settings.robustness,
        };
        let guess = Law { alpha: -0.1, omega: 0.5, sigma_w: 0.3, sigma_v: 0.3, sigma_q: 0.3, ..law };
        let believed = if settings.parameters == Knowledge::Learned { guess } else { law };
        Ok(Self {
            limit: Rc::new(limit(&law, rng)),
            rng: rng.clone(),
            law,
            believed,
            adam: Adam::new(4, 0.05, [0.9, 0.99]),
            lessons: 0,
            loss: Series::new(),
            shown: None,
            errors: [0.0; 4],
            sequences: 0,
            sweep: vec![([0.0; 4], 0); NOISES],
            settings: settings.clone(),
        })
    }

    fn length(&self) -> usize {
        self.lessons_due() + SEQUENCES
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if self.lessons < self.lessons_due() {
            self.learn();
        } else {
            self.evaluate();
        }
        if self.sequences < SEQUENCES { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_estimates(figures);
        self.draw_weights(figures);
        self.draw_sweep(figures);
        self.draw_variance(figures);
        self.draw_limit(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.sequences < SEQUENCES;
        Claim::new(vec![
            Clause::at_most(
                "The mean squared error of the estimates is {value} times the Kalman filter's (bound {high}).",
                self.ratio(3),
                2.0,
            )
            .pending_while(open),
            Clause::at_most("It is {value} times that of dot-product attention (bound {high}).", self.ratio(1), 0.25)
                .pending_while(open),
            Clause::at_most(
                "Without motion, on unit tokens within 0.1 of one angle, its weights are softmax attention's up to {value} of an \
                 even share (bound {high}).",
                Some(self.limit.difference),
                0.01,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "filter",
                "A noisy rotation",
                "Old tokens, carried forward, are worth averaging: nearly as good as the exact filter.",
                default(),
            ),
            Scenario::holds(
                "learned",
                "The law is learned",
                "Damping, rotation and noises are fitted by predicting the next token; then the filter is nearly as good.",
                Settings { parameters: Knowledge::Learned, ..default() },
            ),
            Scenario::holds(
                "damped",
                "Strong damping",
                "The motion dies within ten steps: the band is short, and the ratios stay.",
                Settings { damping: -0.1, ..default() },
            ),
            Scenario::fails(
                "drift",
                "Much process noise",
                "All keys share one drift, yet are weighed as independent: too much trust in the old ones, and plain attention wins.",
                Settings { process_noise: 0.2, ..default() },
            ),
            Scenario::fails(
                "outliers",
                "One token in ten is wild",
                "Wild keys are voted down. A wild query is believed, since every other key contradicts it.",
                Settings { outliers: 0.1, ..default() },
            ),
        ]
    }
}

impl AdaptiveFilterAttention {
    fn draw_estimates(&self, figures: &mut Figures) {
        let caption = "The first coordinate of the motion, what is seen of it, and the estimates at each time from the tokens up to then.";
        let shown = self.settings.length.min(128);
        let from = self.settings.length - shown;
        let part = if from > 0 { format!(" The last {shown} steps.") } else { String::new() };
        let caption = format!("{caption}{part} What is further out is drawn at the edge.");
        let mut figure = figures.figure("estimates", "Seeing through noise", caption);
        // Room for the truth, wherever it wanders, and for the usual noise about it.
        let truth = self.shown.iter().flat_map(|seen| &seen.sequence.x[from..]).map(|x| x.re.abs()).fold(1.0, f64::max);
        let size = truth + 2.5 * self.settings.measurement_noise;
        figure
            .x(Axis::linear("time").unit("steps").domain(from as f64, (self.settings.length - 1) as f64))
            .y(Axis::linear("first coordinate").domain(-size, size));
        let Some(seen) = &self.shown else { return };
        let times = || (from..from + shown).map(|t| t as f64);
        let part = |values: &[C64]| values[from..].iter().map(|x| x.re.clamp(-size, size)).collect::<Vec<f64>>();
        figure.dot(times(), part(&seen.sequence.z)).radius(1.5).ink(Ink::Muted).label("token");
        figure.line(times(), part(&seen.sequence.x)).label("truth");
        for k in [2, 1, 3, 0] {
            figure.line(times(), part(&seen.estimates[k])).of(CONTENDERS[k]);
        }
    }

    fn draw_weights(&self, figures: &mut Figures) {
        let kinds = [
            (
                "weights",
                "What it attends to",
                "Weights of adaptive filter attention, in blocks of time: a band, as wide as the law can be trusted.",
            ),
            (
                "dot-weights",
                "What dot products attend to",
                "Weights of dot-product attention: stripes where a rotation comes round, while the motion lasts.",
            ),
        ];
        for (k, (id, title, caption)) in kinds.into_iter().enumerate() {
            let mut figure = figures.figure(id, title, caption);
            let length = self.settings.length as f64;
            figure
                .x(Axis::linear("key time").unit("steps").domain(0.0, length))
                .y(Axis::linear("query time").unit("steps").domain(0.0, length).reversed())
                .equal();
            let Some(seen) = &self.shown else { continue };
            let end = (CELLS * self.settings.length.div_ceil(CELLS)) as f64;
            let grid = Grid { values: &seen.weights[k], columns: CELLS, x: [0.0, end], y: [0.0, end] };
            figure.raster(grid, Colors::sequential("share of the weight").log().domain(1e-3, 1.0));
        }
    }

    fn draw_sweep(&self, figures: &mut Figures) {
        let length = self.settings.length.min(SWEEP_LENGTH);
        let caption = format!(
            "Mean squared error against the process noise on {length} tokens, the attention knowing the law. Where the lines cross, shared drift has won."
        );
        let mut figure = figures.figure("sweep", "The price of treating keys as independent", caption);
        figure.x(Axis::log("process noise").domain(1e-3, 1.0)).y(Axis::log("mean squared error"));
        for (k, contender) in CONTENDERS.iter().enumerate().rev() {
            let known = (0..NOISES).filter(|index| self.sweep[*index].1 > 0);
            let point =
                |index: usize| (self.noise(index), (self.sweep[index].0[k] / self.sweep[index].1 as f64).max(1e-9));
            let (noises, errors): (Vec<f64>, Vec<f64>) = known.map(point).unzip();
            figure.line(noises, errors).of(contender);
        }
        figure.rule_x([self.settings.process_noise]).dashed().label("yours");
    }

    fn draw_variance(&self, figures: &mut Figures) {
        let caption =
            "The variance of a token carried over a lag, in closed form, for every damping. The line is yours.";
        let mut figure = figures.figure("variance", "How carried tokens grow uncertain", caption);
        figure
            .x(Axis::linear("lag").unit("steps").domain(0.0, MAP_LAGS))
            .y(Axis::linear("damping").unit("per step").domain(-0.3, 0.0));
        let value = |i: usize| {
            let alpha = -0.3 + 0.3 * ((i / MAP) as f64 + 0.5) / MAP as f64;
            let tau = MAP_LAGS * ((i % MAP) as f64 + 0.5) / MAP as f64;
            Law { alpha, ..self.law }.variance(tau)
        };
        let values: Vec<f64> = (0..MAP * MAP).map(value).collect();
        let grid = Grid { values: &values, columns: MAP, x: [0.0, MAP_LAGS], y: [-0.3, 0.0] };
        figure.raster(grid, Colors::sequential("variance").log());
        figure.rule_y([self.settings.damping]).ink(Ink::Accent).label("yours");
    }

    fn draw_limit(&self, figures: &mut Figures) {
        if self.settings.parameters == Knowledge::Learned {
            let caption =
                "Squared error of the prediction of the next token while the law is learned, a new batch at each step.";
            let mut figure = figures.figure("loss", "Learning the law", caption);
            figure.x(Axis::linear("step of Adam").domain(0.0, LESSONS as f64)).y(Axis::log("prediction error"));
            figure.line(self.loss.xs(), self.loss.ys()).of("afa");
            let (law, believed) = (&self.law, &self.believed);
            let caption = "What the attention believes, and what is true. The noises are only felt through the width of the band.";
            let mut figure = figures.figure("law", "The law", caption);
            let numbers = |law: &Law| [law.alpha, law.omega, law.sigma_w, law.sigma_v];
            figure
                .table()
                .words("parameter", ["damping", "rotation", "process noise", "measurement noise"])
                .numbers("true", numbers(law))
                .numbers("believed", numbers(believed));
            return;
        }
        let caption = "Without motion, on unit tokens: a key's weight over the query's own, by their angle. Near zero the two are one.";
        let mut figure = figures.figure("limit", "The limit is softmax attention", caption);
        figure.x(Axis::linear("angle of query and key").unit("rad")).y(Axis::linear("log of relative weight"));
        let [afa, dot] = &self.limit.picture;
        let part = |points: &[[f64; 2]], i: usize| points.iter().map(|p| p[i]).collect::<Vec<f64>>();
        figure.dot(part(dot, 0), part(dot, 1)).of("dot");
        figure.dot(part(afa, 0), part(afa, 1)).of("afa").symbol(Symbol::Ring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn law(alpha: f64, sigma_w: f64) -> Law {
        Law { alpha, omega: 0.4, sigma_w, sigma_v: 0.5, sigma_q: 0.5, nu: 4.0 }
    }

    fn sequence(length: usize, law: &Law, seed: u64) -> Sequence {
        Sequence::new(length, law, 0.05, &mut Rng::seed_from_u64(seed))
    }

    proptest! {
        #[test]
        fn the_variance_solves_lyapunovs_equation(alpha in -0.3..0.0, w in 0.01..1.0, tau in 0.5..50.0) {
            let law = law(alpha, w);
            let h = 1e-4;
            let slope = (law.variance(tau + h) - law.variance(tau - h)) / (2.0 * h);
            prop_assert!((slope - (2.0 * alpha * law.variance(tau) + w * w)).abs() < 1e-6 * (1.0 + slope.abs()));
            prop_assert!((law.variance(0.0) - 0.25).abs() < 1e-15);
        }

        #[test]
        fn the_gradient_of_the_prediction_agrees_with_differences(seed in 0_u64..100, alpha in -0.2..-0.001, w in 0.02..0.5) {
            let truth = law(-0.05, 0.1);
            let z = sequence(24, &truth, seed).z;
            let at = |theta: [f64; 4]| {
                let [alpha, omega, w, v] = theta;
                Law { alpha, omega, sigma_w: exp(w), sigma_v: exp(v), sigma_q: exp(v), nu: 3.0 }
            };
            let theta = [alpha, 0.5, log(w), log(0.4)];
            let (_, gradient) = prediction_loss(&z, &at(theta));
            for k in 0..4 {
                let value = |h: f64| {
                    let mut moved = theta;
                    moved[k] += h;
                    prediction_loss(&z, &at(moved)).0
                };
                let h = 1e-5;
                let slope = (value(h) - value(-h)) / (2.0 * h);
                prop_assert!((gradient[k] - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{k}: {} {slope}", gradient[k]);
            }
        }

        #[test]
        fn without_process_noise_and_contradiction_it_is_the_kalman_filter(seed in 0_u64..100, alpha in -0.05..0.0) {
            // Then the carried tokens are independent, and the mean by precision is the likeliest state; so is the
            // filter's that begins knowing nothing.
            let law = Law { sigma_q: 0.0, nu: 1e12, ..law(alpha, 0.0) };
            let z = sequence(40, &law, seed).z;
            let (mine, exact) = (adaptive_filter(&z, &law, |_, _, _| ()), kalman(&z, &law, 1e9));
            for (mine, exact) in mine.iter().zip(&exact) {
                prop_assert!((mine - exact).norm_sqr() < 1e-12);
            }
        }
    }

    #[test]
    fn the_difference_from_softmax_is_of_fourth_order_in_the_angle() {
        let still = Law { alpha: 0.0, omega: 0.0, ..law(0.0, 0.0) };
        // log w + (2P/ν)(1 − cos φ) = −log(1 + s) + s, s = (2P/ν)(1 − cos φ) ≈ (P/ν) φ²: about s²/2.
        let gap = |angle: f64| {
            let z = [C64::new(1.0, 0.0), C64::new(cos(angle), sin(angle))];
            let mut weights = Vec::new();
            adaptive_filter(&z, &still, |_, _, w| weights.push(w));
            log(weights[1] / weights[2]) + 2.0 * still.precision(0.0) / still.nu * (1.0 - cos(angle))
        };
        let ratio = gap(0.2) / gap(0.1);
        assert!((ratio - 16.0).abs() < 0.5, "{ratio}");
    }

    #[test]
    fn blocks_of_weights_share_out_every_query() {
        let mut blocks = Blocks::new(100);
        adaptive_filter(&sequence(100, &law(-0.1, 0.1), 1).z, &law(-0.1, 0.1), |i, j, w| blocks.add(i, j, w));
        blocks.close();
        // 33 full rows of blocks of three queries, and one query alone.
        let sums: Vec<f64> = blocks.cells.chunks_exact(CELLS).map(|row| row.iter().sum()).collect();
        assert!(sums[..33].iter().all(|sum| (sum - 1.0).abs() < 1e-12) && (sums[33] - 1.0 / 3.0).abs() < 1e-12);
    }
}
