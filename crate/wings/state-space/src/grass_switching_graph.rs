//! Moving things often have a few ways of moving, *modes*, and switch between them; a switching dynamical system finds the modes, and
//! when they change, from the motion. Usually each object is treated alone. This paper lets objects influence one another: a graph whose
//! edges come and go says who listens to whom, and an object's next mode may depend on its neighbours' modes.
//!
//! **What you see.** Swimmers circle through the plane at about unit speed. A mode is a turning rate; random kicks hide it, so that the motion
//! of half a circle says little about which one it is. When two come within a radius of each other, they exchange their modes with a
//! probability $s$. Left to itself a mode lasts long. So modes travel as batons do, and who has followed a baton for long knows what it
//! is. In the model
//! $$p(z^n_t=k\mid z_{t-1})=\Big(1-\sum_m\pi^{mn}_t\Big)A_{z^n_{t-1}k}+\sum_m\pi^{mn}_t\,[z^m_{t-1}=k],$$
//! $$\pi^{mn}_t=s\,e^{mn}_t,$$
//! where $e^{mn}_t=1$ as a pair comes within $\rho$. The fields of the modes, the noise, $A$, $s$ and $\rho$ are all learned from twenty
//! sequences by expectation maximisation; the lone model differs in $\pi=0$ alone, the joint one has a single mode for all. The score has a sharp peak at the true
//! radius: nobody told it.
//!
//! **Try** a strength of zero: the learned radius shrinks until hardly any two meet, or the strength does, and the
//! advantage is gone. Take the kicks away: then motion alone tells the modes, and neighbours add nothing. Connect all
//! with all: the mean of the others is no witness.
//!
//! **Where it stops.** Where objects often switch of their own accord, a baton is soon stale. Few objects meet seldom: with three the gain can halve. With strong kicks or short sequences, learning goes astray
//! before inference does.
//!
//! **Scaled down.** The paper learns neural encoders; here the fields are linear in seven features, an edge is a threshold on distance, and dwell
//! times are geometric. Messages between objects pass once forwards and once backwards,
//! which is exact for a lone object only. A first trial with orbits after Lotka and Volterra and synchronised modes gained less than five points: modes
//! that are seen at once, or all the same, leave nothing to learn from others.

use orrery_core::prelude::*;
use orrery_kernels::linalg::ridge;
use orrery_kernels::math::{TAU, exp, log, sincos};
use orrery_kernels::random::normals;
use orrery_kernels::transport::Assignment;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "grass-switching-graph",
    title: "Graph Switching Dynamical Systems",
    year: 2023,
    lists: &[2],
    claim: "Where objects pass their modes on as they meet, listening to neighbours tells the modes better than each motion alone.",
    algorithms: &[
        "GRASS",
        "switching dynamical system",
        "hidden Markov model",
        "forward-backward algorithm",
        "belief propagation",
        "expectation maximisation",
        "dynamic interaction graph",
        "weighted least squares",
    ],
    contenders: &[
        Contender::paper("grass", "with a graph"),
        Contender::baseline("alone", "each alone"),
        Contender::baseline("joint", "one mode for all"),
    ],
};

/// Which pairs may pass their modes on.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Edges {
    /// Those that come within a learned radius.
    #[choice("learned")]
    Learned,
    /// None.
    #[choice("none")]
    None,
    /// All, always.
    #[choice("fully connected")]
    FullyConnected,
    /// The exchanges that really happened.
    #[choice("true")]
    True,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// How many swimmers there are.
    #[control(label = "objects", range = 2..=8, default = 5)]
    pub objects: usize,
    /// Two that come closer than this may exchange their modes.
    #[control(label = "interaction radius", range = 0.0..=2.0, step = 0.05, default = 0.6)]
    pub radius: f64,
    /// The probability that two exchange their modes as they meet.
    #[control(label = "interaction strength", range = 0.0..=1.0, step = 0.05, default = 0.9)]
    pub strength: f64,
    /// How many modes there are: turning rates, one radian per unit of time apart.
    #[control(label = "modes K", range = 2..=5, default = 3)]
    pub modes: usize,
    /// Standard deviation of the kicks to each component of the velocity, at each of the steps of a tenth of a unit of time.
    #[control(label = "kicks", range = 0.0..=0.4, step = 0.01, default = 0.25)]
    pub noise: f64,
    /// For how long a mode lasts on average where nobody is met.
    #[control(label = "own dwell time", range = 20.0..=2000.0, log, default = 400.0, unit = "steps")]
    pub dwell: f64,
    /// Who may pass a mode on to whom, in the model.
    #[control(label = "edges of the model", default = Edges::Learned)]
    pub edges: Edges,
    /// Steps in a sequence.
    #[control(label = "sequence length", range = 50..=400, default = 200, unit = "steps")]
    pub length: usize,
    /// Which of the sequences kept for the test is drawn.
    #[control(label = "sequence shown", range = 1..=10, default = 1, live)]
    pub shown: usize,
    /// The moment at which the swimmers are drawn, as a share of the sequence.
    #[control(label = "moment shown", range = 0.0..=1.0, step = 0.01, default = 0.6, live)]
    pub moment: f64,
}

const TRAINING: usize = 20;
const TEST: usize = 10;
/// A step of time, the pull to the centre, and how fast speeds return to one.
const STEP: f64 = 0.1;
const PULL: f64 = 0.3;
const PACE: f64 = 1.0;
/// Turning rates are this far apart.
const APART: f64 = 1.0;
/// What the fields are linear in: 1, place, velocity, |v|² times velocity.
const FEATURES: usize = 7;
/// Rounds of expectation maximisation: at each start and radius, then to the end.
const STARTS: usize = 4;
const START_ROUNDS: usize = 12;
const POLISH_ROUNDS: usize = 20;
const RADIUS_ROUNDS: usize = 4;
const NEAR_ROUNDS: usize = 3;
const LAST_ROUNDS: usize = 10;
/// Radii tried first, and by how much the best is moved then.
const RADII: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.1, 1.5, 1.9];
const MOVES: [f64; 4] = [0.1, 0.05, 0.025, 0.0125];
/// Objects times steps that one step of the exhibit looks at.
const BUDGET: usize = 3200;
/// Nobody takes over from others with more than this probability.
const MOST: f64 = 0.95;
/// Counts added to those of switches, and to the diagonal of least squares.
const PRIOR: f64 = 1e-2;
const RIDGE: f64 = 1e-3;
const LEAST_NOISE: f64 = 1e-3;
/// A switch is found if one is inferred so many steps away at most.
const CLOSE: usize = 5;

/// Turning rate of mode `k` of `modes`.
fn rate(k: usize, modes: usize) -> f64 {
    APART * (k as f64 - (modes - 1) as f64 / 2.0)
}

/// Pairs of `n` objects, the lower first.
fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])).sqrt()
}

/// One sequence; numbers by step, then by object or pair.
#[derive(Clone, Default)]
struct Sequence {
    steps: usize,
    objects: usize,
    places: Vec<[f64; 2]>,
    features: Vec<[f64; FEATURES]>,
    /// What was added to each velocity.
    changes: Vec<[f64; 2]>,
    /// Distances of the pairs.
    apart: Vec<f64>,
    modes: Vec<usize>,
    /// Whether the pair exchanged its modes.
    exchanges: Vec<bool>,
}

impl Sequence {
    fn simulate(settings: &Settings, rng: &mut Rng) -> Self {
        let Settings { objects: n, modes, noise, dwell, strength, radius, length: steps, .. } = *settings;
        let mut s = Self { steps, objects: n, ..Self::default() };
        let start = normals(2 * n, rng);
        let mut x: Vec<[f64; 2]> = start.chunks_exact(2).map(|x| [x[0], x[1]]).collect();
        let mut v: Vec<[f64; 2]> = Vec::new();
        let mut z = Vec::new();
        for _ in 0..n {
            let (sin, cos) = sincos(TAU * rng.random::<f64>());
            v.push([cos, sin]);
            z.push(rng.random_range(0..modes as u32) as usize);
        }
        for t in 0..steps {
            s.apart.extend(pairs(n).map(|(i, j)| distance(x[i], x[j])));
            if t > 0 {
                for z in &mut z {
                    if rng.random::<f64>() < 1.0 / dwell {
                        *z = (*z + rng.random_range(1..modes as u32) as usize) % modes;
                    }
                }
            }
            for (pair, (i, j)) in pairs(n).enumerate() {
                let exchange = s.meet(t, pair, radius) && rng.random::<f64>() < strength;
                if exchange {
                    z.swap(i, j);
                }
                s.exchanges.push(exchange);
            }
            s.modes.extend(&z);
            for (i, &z) in z.iter().enumerate() {
                let ([x0, x1], [v0, v1]) = (x[i], v[i]);
                let speed2 = v0 * v0 + v1 * v1;
                s.places.push(x[i]);
                s.features.push([1.0, x0, x1, v0, v1, speed2 * v0, speed2 * v1]);
                // v ← v + h (ω_z J v − κ x + γ (1 − |v|²) v) + ξ, x ← x + h v
                let (omega, pace) = (rate(z, modes), PACE * (1.0 - speed2));
                let change = [
                    STEP * (-omega * v1 - PULL * x0 + pace * v0) + noise * rng.sample::<f64, _>(StandardNormal),
                    STEP * (omega * v0 - PULL * x1 + pace * v1) + noise * rng.sample::<f64, _>(StandardNormal),
                ];
                s.changes.push(change);
                v[i] = [v0 + change[0], v1 + change[1]];
                x[i] = [x0 + STEP * v[i][0], x1 + STEP * v[i][1]];
            }
        }
        s
    }

    fn pairs(&self) -> usize {
        self.objects * (self.objects - 1) / 2
    }

    /// Whether a pair comes within `radius` at step `t`.
    fn meet(&self, t: usize, pair: usize, radius: f64) -> bool {
        let apart = |t: usize| self.apart[t * self.pairs() + pair];
        t > 0 && apart(t) < radius && apart(t - 1) >= radius
    }
}

/// Which edges `e` there are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    Closed,
    Open,
    Within(f64),
    Given,
}

/// A switching system.
#[derive(Clone, Default)]
struct Model {
    k: usize,
    /// For each mode and feature what it adds to the two components of the velocity.
    fields: Vec<f64>,
    noise: f64,
    /// `A`, by rows.
    switches: Vec<f64>,
    /// `s`.
    strength: f64,
    gate: Option<Gate>,
    /// Whether all objects have the same mode.
    shared: bool,
}

/// What a model makes of a sequence.
struct Smoothed {
    /// `p(z^n_t = k)` by step, object and mode.
    q: Vec<f64>,
    /// The probability that a pair's modes were passed on, by step and pair.
    passed: Vec<f64>,
    /// Expected numbers of own switches from mode to mode, of modes passed on, and of edges.
    own: Vec<f64>,
    taken: f64,
    chances: f64,
    /// `Σ log p(y_t | y_{<t})`, without the factors `2π`.
    score: f64,
}

impl Model {
    fn edge(&self, s: &Sequence, t: usize, pair: usize) -> bool {
        match self.gate.unwrap_or(Gate::Closed) {
            Gate::Closed => false,
            Gate::Open => t > 0,
            Gate::Within(radius) => s.meet(t, pair, radius),
            Gate::Given => t > 0 && s.exchanges[t * s.pairs() + pair],
        }
    }

    /// `π^{mn}_t`, by step, listener `n` and speaker `m`.
    fn listening(&self, s: &Sequence) -> Vec<f64> {
        let n = s.objects;
        let mut pi = vec![0.0; s.steps * n * n];
        for (t, pi) in pi.chunks_exact_mut(n * n).enumerate() {
            for (pair, (i, j)) in pairs(n).enumerate() {
                if self.edge(s, t, pair) {
                    pi[i * n + j] = self.strength;
                    pi[j * n + i] = self.strength;
                }
            }
            for row in pi.chunks_exact_mut(n) {
                let total: f64 = row.iter().sum();
                if total > MOST {
                    row.iter_mut().for_each(|p| *p *= MOST / total);
                }
            }
        }
        pi
    }

    /// Likelihoods of the modes at each step and chain, relative to the greatest, and the sum of the logarithms of those.
    fn likelihoods(&self, s: &Sequence, chains: usize) -> (Vec<f64>, f64) {
        let members = s.objects / chains;
        let mut all = vec![0.0; s.steps * chains * self.k];
        let mut sum = 0.0;
        for (chain, logs) in all.chunks_exact_mut(self.k).enumerate() {
            for at in chain * members..(chain + 1) * members {
                for (log_p, field) in logs.iter_mut().zip(self.fields.chunks_exact(2 * FEATURES)) {
                    // log p(Δv | z = k) = −|Δv − f_k(x, v)|² / 2σ² − 2 log σ
                    let mut rest = s.changes[at];
                    for (phi, row) in s.features[at].iter().zip(field.chunks_exact(2)) {
                        rest[0] -= phi * row[0];
                        rest[1] -= phi * row[1];
                    }
                    *log_p -= (rest[0] * rest[0] + rest[1] * rest[1]) / (2.0 * self.noise * self.noise);
                }
                sum -= 2.0 * log(self.noise);
            }
            let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            sum += top;
            logs.iter_mut().for_each(|l| *l = exp(*l - top));
        }
        (all, sum)
    }

    /// Forwards and backwards through all chains at once. Messages of neighbours enter both ways: who listens is predicted from what
    /// its neighbours were taken for, and tells them from its own future what they must have been.
    fn smooth(&self, s: &Sequence) -> Smoothed {
        let (k, steps) = (self.k, s.steps);
        let chains = if self.shared { 1 } else { s.objects };
        let width = chains * k;
        let (likelihood, mut score) = self.likelihoods(s, chains);
        let pi = if self.shared { vec![0.0; steps] } else { self.listening(s) };
        let row = |t: usize, n: usize| &pi[(t * chains + n) * chains..][..chains];
        let mut alpha = vec![0.0; steps * width];
        let mut scales = vec![0.0; steps * chains];
        for t in 0..steps {
            let (past, now) = alpha.split_at_mut(t * width);
            for n in 0..chains {
                let a = &mut now[n * k..][..k];
                if t == 0 {
                    a.fill(1.0 / k as f64);
                } else {
                    // p(z^n_t) = (1 − Σ_m π^{mn}) Aᵀ α^n_{t−1} + Σ_m π^{mn} α^m_{t−1}
                    let past = &past[(t - 1) * width..];
                    let own = 1.0 - row(t, n).iter().sum::<f64>();
                    for (alpha, switches) in past[n * k..][..k].iter().zip(self.switches.chunks_exact(k)) {
                        a.iter_mut().zip(switches).for_each(|(a, p)| *a += own * alpha * p);
                    }
                    for (m, &p) in row(t, n).iter().enumerate().filter(|(_, p)| **p > 0.0) {
                        a.iter_mut().zip(&past[m * k..]).for_each(|(a, alpha)| *a += p * alpha);
                    }
                }
                a.iter_mut().zip(&likelihood[(t * chains + n) * k..]).for_each(|(a, l)| *a *= l);
                let scale = a.iter().sum::<f64>().max(1e-300);
                a.iter_mut().for_each(|a| *a /= scale);
                scales[t * chains + n] = scale;
                score += log(scale);
            }
        }
        let mut out = Smoothed {
            q: Vec::new(),
            passed: vec![0.0; steps * s.pairs()],
            own: vec![0.0; k * k],
            taken: 0.0,
            chances: 0.0,
            score,
        };
        let mut beta = vec![1.0; width];
        let mut before = vec![0.0; width];
        let mut q = vec![0.0; steps * width];
        for t in (0..steps).rev() {
            let now = &alpha[t * width..][..width];
            for ((q, a), b) in
                q[t * width..][..width].chunks_exact_mut(k).zip(now.chunks_exact(k)).zip(beta.chunks_exact(k))
            {
                q.iter_mut().zip(a).zip(b).for_each(|((q, a), b)| *q = a * b);
                let sum = q.iter().sum::<f64>().max(1e-300);
                q.iter_mut().for_each(|q| *q /= sum);
            }
            if t == 0 {
                break;
            }
            // λ_n(k) = ℓ_n(k) β_n(k) / c_n: what the present and the future say of mode k at t.
            let mut lambda = likelihood[t * width..][..width].to_vec();
            for (n, lambda) in lambda.chunks_exact_mut(k).enumerate() {
                let scale = scales[t * chains + n];
                lambda.iter_mut().zip(&beta[n * k..]).for_each(|(l, b)| *l *= b / scale);
            }
            let past = &alpha[(t - 1) * width..][..width];
            let inner = |n: usize, m: usize| -> f64 {
                past[n * k..][..k].iter().zip(&lambda[m * k..][..k]).map(|(a, l)| a * l).sum()
            };
            for n in 0..chains {
                let own = 1.0 - row(t, n).iter().sum::<f64>();
                // The probability that n took over from m: r = π^{mn} Σ_k α^m_{t−1}(k) λ_n(k).
                let taken: f64 =
                    row(t, n).iter().enumerate().filter(|(_, p)| **p > 0.0).map(|(m, p)| p * inner(m, n)).sum();
                out.taken += taken;
                let b = &mut before[n * k..][..k];
                for (j, (b, alpha)) in b.iter_mut().zip(&past[n * k..]).enumerate() {
                    *b = taken;
                    for (at, lambda) in lambda[n * k..][..k].iter().enumerate() {
                        let stay = own * self.switches[j * k + at] * lambda;
                        *b += stay;
                        out.own[j * k + at] += alpha * stay;
                    }
                }
                // Who listens to n: μ_{m→n}(k) = 1 + π^{nm} (λ_m(k) − Σ_j α_n(j) λ_m(j)).
                for m in (0..chains).filter(|&m| row(t, m)[n] > 0.0) {
                    let (p, mean) = (row(t, m)[n], inner(n, m));
                    b.iter_mut().zip(&lambda[m * k..]).for_each(|(b, l)| *b *= (1.0 + p * (l - mean)).max(1e-9));
                }
                let scale = b.iter().zip(&past[n * k..]).map(|(b, a)| b * a).sum::<f64>().max(1e-300);
                b.iter_mut().for_each(|b| *b /= scale);
            }
            if chains > 1 {
                for (pair, (i, j)) in pairs(chains).enumerate().filter(|(pair, _)| self.edge(s, t, *pair)) {
                    out.chances += 2.0;
                    let both = row(t, i)[j] * inner(j, i) + row(t, j)[i] * inner(i, j);
                    out.passed[t * s.pairs() + pair] = 0.5 * both;
                }
            }
            std::mem::swap(&mut beta, &mut before);
        }
        let repeats = s.objects / chains;
        out.q = q.chunks_exact(k).flat_map(|q| std::iter::repeat_n(q, repeats)).flatten().copied().collect();
        out
    }

    /// The most likely parameters, given what was expected.
    fn maximise(&mut self, sums: &Sums) {
        let k = self.k;
        let mut squares = sums.squares;
        let solve = |mode: usize| {
            let (gram, cross) = (sums.gram(mode), sums.cross(mode));
            (ridge(gram, RIDGE, cross, FEATURES, 2), gram, cross)
        };
        self.fields.clear();
        for (field, gram, cross) in (0..k).map(solve) {
            // Σ q |Δv − W φ|² = Σ q |Δv|² − 2 ⟨W, C⟩ + ⟨W, G W⟩
            for i in 0..FEATURES {
                for c in 0..2 {
                    let w = field[2 * i + c];
                    squares -= 2.0 * w * cross[2 * i + c];
                    squares += (0..FEATURES).map(|j| w * gram[i * FEATURES + j] * field[2 * j + c]).sum::<f64>();
                }
            }
            self.fields.extend(field);
        }
        self.noise = (squares.max(0.0) / (2.0 * sums.count)).sqrt().max(LEAST_NOISE);
        for (row, own) in self.switches.chunks_exact_mut(k).zip(sums.own.chunks_exact(k)) {
            let total: f64 = own.iter().map(|own| own + PRIOR).sum();
            row.iter_mut().zip(own).for_each(|(p, own)| *p = (own + PRIOR) / total);
        }
        if sums.chances > 0.0 {
            self.strength = (sums.taken / sums.chances).clamp(0.0, 0.99);
        }
    }

    /// For how long a mode lasts on average.
    fn dwell(&self) -> f64 {
        let leave: f64 = (0..self.k).map(|j| 1.0 - self.switches[j * self.k + j]).sum();
        self.k as f64 / leave.max(1e-6)
    }
}

/// What the maximisation needs, summed over sequences.
#[derive(Clone, Default)]
struct Sums {
    k: usize,
    grams: Vec<f64>,
    crosses: Vec<f64>,
    squares: f64,
    count: f64,
    own: Vec<f64>,
    taken: f64,
    chances: f64,
    score: f64,
}

impl Sums {
    fn new(k: usize) -> Self {
        Self {
            k,
            grams: vec![0.0; k * FEATURES * FEATURES],
            crosses: vec![0.0; k * FEATURES * 2],
            own: vec![0.0; k * k],
            ..Self::default()
        }
    }

    fn gram(&self, mode: usize) -> &[f64] {
        &self.grams[mode * FEATURES * FEATURES..][..FEATURES * FEATURES]
    }

    fn cross(&self, mode: usize) -> &[f64] {
        &self.crosses[mode * FEATURES * 2..][..FEATURES * 2]
    }

    fn add(&mut self, s: &Sequence, smoothed: &Smoothed) {
        self.add_motion(s, &smoothed.q);
        self.own.iter_mut().zip(&smoothed.own).for_each(|(sum, own)| *sum += own);
        self.taken += smoothed.taken;
        self.chances += smoothed.chances;
        self.score += smoothed.score;
    }

    fn add_motion(&mut self, s: &Sequence, q: &[f64]) {
        for ((phi, change), q) in s.features.iter().zip(&s.changes).zip(q.chunks_exact(self.k)) {
            self.squares += change[0] * change[0] + change[1] * change[1];
            self.count += 1.0;
            let grams = self.grams.chunks_exact_mut(FEATURES * FEATURES);
            for ((gram, cross), q) in grams.zip(self.crosses.chunks_exact_mut(FEATURES * 2)).zip(q) {
                for (i, a) in phi.iter().enumerate() {
                    let a = q * a;
                    gram[i * FEATURES..][..FEATURES].iter_mut().zip(phi).for_each(|(gram, b)| *gram += a * b);
                    cross[2 * i] += a * change[0];
                    cross[2 * i + 1] += a * change[1];
                }
            }
        }
    }
}

/// Where a fit starts.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// One field for all, with random changes.
    Random,
    /// The best so far.
    Best,
    /// The best lone model, with these edges.
    Alone(Gate, f64),
    /// The best so far, its radius moved.
    Near(f64),
}

/// A fit: of which model, from where, in how many rounds.
#[derive(Clone, Copy, Debug)]
struct Job {
    who: usize,
    start: Start,
    rounds: usize,
}

const GRASS: usize = 0;
const ALONE: usize = 1;
const JOINT: usize = 2;
const IDS: [&str; 3] = ["grass", "alone", "joint"];

/// All fits in their order: the baselines from several starts, then the graph on top of the lone model.
fn plan(edges: Edges) -> Vec<Job> {
    let mut jobs = Vec::new();
    for who in [ALONE, JOINT] {
        jobs.extend([Job { who, start: Start::Random, rounds: START_ROUNDS }; STARTS]);
        jobs.push(Job { who, start: Start::Best, rounds: POLISH_ROUNDS });
    }
    let job = |start, rounds| Job { who: GRASS, start, rounds };
    match edges {
        Edges::Learned => {
            jobs.extend(RADII.map(|radius| job(Start::Alone(Gate::Within(radius), 0.5), RADIUS_ROUNDS)));
            jobs.extend(MOVES.iter().flat_map(|&by| [-by, by]).map(|by| job(Start::Near(by), NEAR_ROUNDS)));
        }
        Edges::None => jobs.push(job(Start::Alone(Gate::Closed, 0.0), RADIUS_ROUNDS)),
        Edges::FullyConnected => jobs.push(job(Start::Alone(Gate::Open, 0.02), RADIUS_ROUNDS)),
        Edges::True => jobs.push(job(Start::Alone(Gate::Given, 0.9), RADIUS_ROUNDS)),
    }
    jobs.push(job(Start::Best, LAST_ROUNDS));
    jobs
}

/// A model with its score, and how it does on the test sequences.
#[derive(Clone)]
struct Fitted {
    model: Rc<Model>,
    score: f64,
    /// For each mode of the model the true one it stands for.
    labels: Rc<Vec<usize>>,
    accuracy: f64,
    switch_f1: f64,
    edge_f1: f64,
}

/// `2 TP / (found + real)`, and 1 where there are neither.
fn f1(hits: usize, found: usize, real: usize) -> f64 {
    if found + real == 0 { 1.0 } else { 2.0 * hits as f64 / (found + real) as f64 }
}

fn most_likely(q: &[f64]) -> usize {
    (1..q.len()).fold(0, |best, at| if q[at] > q[best] { at } else { best })
}

impl Fitted {
    fn new(model: Rc<Model>, score: f64, test: &[Sequence]) -> Self {
        let k = model.k;
        let smoothed: Vec<Smoothed> = test.iter().map(|s| model.smooth(s)).collect();
        let guesses: Vec<Vec<usize>> =
            smoothed.iter().map(|s| s.q.chunks_exact(k).map(most_likely).collect()).collect();
        // Modes have no names: give each the one it most often agrees with, each its own.
        let mut cost = vec![0.0; k * k];
        let mut frames = 0.0;
        for (guess, truth) in guesses.iter().zip(test).flat_map(|(guesses, s)| guesses.iter().zip(&s.modes)) {
            cost[guess * k + truth] -= 1.0;
            frames += 1.0;
        }
        let (labels, agree) = match Assignment::new(&cost, k) {
            Ok(mut assignment) => {
                assignment.advance(k);
                (assignment.columns().to_vec(), -assignment.cost())
            }
            Err(_) => ((0..k).collect(), 0.0),
        };
        let (mut hits, mut found, mut real) = (0, 0, 0);
        for (guess, s) in guesses.iter().zip(test) {
            for n in 0..s.objects {
                let switches = |z: &[usize]| -> Vec<usize> {
                    (1..s.steps).filter(|t| z[t * s.objects + n] != z[(t - 1) * s.objects + n]).collect()
                };
                let (guessed, true_) = (switches(guess), switches(&s.modes));
                hits += close(&guessed, &true_);
                found += guessed.len();
                real += true_.len();
            }
        }
        let (mut both, mut drawn, mut exchanges) = (0, 0, 0);
        for (smoothed, s) in smoothed.iter().zip(test) {
            for (p, &exchange) in smoothed.passed.iter().zip(&s.exchanges) {
                let edge = *p > 0.5;
                both += usize::from(edge && exchange);
                drawn += usize::from(edge);
                exchanges += usize::from(exchange);
            }
        }
        Self {
            model,
            score,
            labels: Rc::new(labels),
            accuracy: agree / frames,
            switch_f1: f1(hits, found, real),
            edge_f1: f1(both, drawn, exchanges),
        }
    }
}

/// How many of `found` have a partner of their own in `real`, both in order, at most [`CLOSE`] away.
fn close(found: &[usize], real: &[usize]) -> usize {
    let (mut i, mut j, mut hits) = (0, 0, 0);
    while i < found.len() && j < real.len() {
        if found[i].abs_diff(real[j]) <= CLOSE {
            hits += 1;
            i += 1;
            j += 1;
        } else if found[i] < real[j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    hits
}

/// The exhibit.
#[derive(Clone)]
pub struct GrassSwitchingGraph {
    settings: Settings,
    rng: Rng,
    jobs: Rc<Vec<Job>>,
    training: Rc<Vec<Sequence>>,
    test: Rc<Vec<Sequence>>,
    job: usize,
    round: usize,
    sequence: usize,
    model: Model,
    sums: Sums,
    best: [Option<Fitted>; 3],
    /// Radii tried and their scores.
    tried: Vec<[f64; 2]>,
}

impl Exhibit for GrassSwitchingGraph {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let mut draw = |count: usize| (0..count).map(|_| Sequence::simulate(settings, rng)).collect::<Vec<_>>();
        let (training, test) = (draw(TRAINING), draw(TEST));
        let mut exhibit = Self {
            jobs: Rc::new(plan(settings.edges)),
            settings: settings.clone(),
            rng: rng.clone(),
            training: Rc::new(training),
            test: Rc::new(test),
            job: 0,
            round: 0,
            sequence: 0,
            model: Model::default(),
            sums: Sums::new(settings.modes),
            best: [None, None, None],
            tried: Vec::new(),
        };
        exhibit.begin();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.jobs.iter().map(|job| job.rounds).sum::<usize>() * TRAINING.div_ceil(self.chunk())
    }

    // A few sequences of one round of one fit.
    async fn step(&mut self, _: &Compute) -> Progress {
        let Some(&job) = self.jobs.get(self.job) else { return Progress::Done };
        let until = (self.sequence + self.chunk()).min(TRAINING);
        for s in &self.training[self.sequence..until] {
            self.sums.add(s, &self.model.smooth(s));
        }
        self.sequence = until;
        if until < TRAINING {
            return Progress::Running;
        }
        self.sequence = 0;
        self.round += 1;
        let score = self.sums.score / self.sums.count;
        if self.round < job.rounds {
            self.model.maximise(&self.sums);
            self.sums = Sums::new(self.settings.modes);
            return Progress::Running;
        }
        if let (GRASS, Some(Gate::Within(radius))) = (job.who, self.model.gate) {
            self.tried.push([radius, score]);
        }
        let better = self.best[job.who].as_ref().is_none_or(|best| score > best.score);
        if better || matches!(job.start, Start::Best) {
            self.best[job.who] = Some(Fitted::new(Rc::new(self.model.clone()), score, &self.test));
        }
        self.job += 1;
        self.begin();
        if self.job < self.jobs.len() { Progress::Running } else { Progress::Done }
    }

    fn retune(&mut self, settings: &Settings) {
        self.settings.shown = settings.shown;
        self.settings.moment = settings.moment;
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_strips(figures);
        self.draw_plane(figures);
        self.draw_scores(figures);
        // No other model of the edges has a radius to find.
        if self.settings.edges == Edges::Learned {
            self.draw_radii(figures);
        }
        self.draw_edges(figures);
        self.draw_parameters(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.job < self.jobs.len();
        let [grass, alone, _] = &self.best;
        let gain = grass.as_ref().zip(alone.as_ref()).map(|(grass, alone)| 100.0 * (grass.accuracy - alone.accuracy));
        let right = |fitted: &Option<Fitted>| {
            fitted.as_ref().map_or("–".to_owned(), |fitted| format!("{:.1}%", 100.0 * fitted.accuracy))
        };
        Claim::new(vec![
            Clause::at_least(
                format!(
                    "On {TEST} new sequences the model with a graph names {} of the modes rightly, the lone one {}: \
                     {{value}} points more (at least {{low}}).",
                    right(grass),
                    right(alone)
                ),
                gain,
                8.0,
            )
            .pending_while(open),
            Clause::at_least(
                "Its edges agree with the exchanges that happened to an F1 of {value} (at least {low}).",
                grass.as_ref().map(|grass| grass.edge_f1),
                0.7,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "default",
                "Five swimmers",
                "Kicks hide the modes; who follows a mode from one swimmer to the next gathers evidence for longer.",
                default(),
            ),
            Scenario::holds(
                "six",
                "Six swimmers, weaker kicks",
                "More meetings: alone, a mode is hardly seen before it is gone.",
                Settings { objects: 6, noise: 0.2, ..default() },
            ),
            Scenario::fails(
                "no-interaction",
                "No interaction",
                "Nothing is passed on. The learned radius or strength shrinks to almost nothing, and the advantage with it.",
                Settings { strength: 0.0, ..default() },
            ),
            Scenario::fails(
                "quiet",
                "No kicks to speak of",
                "Motion alone tells every mode at once: the edges are found, and are of no use.",
                Settings { noise: 0.02, ..default() },
            ),
            Scenario::fails(
                "restless",
                "Restless swimmers",
                "Modes change of their own accord every two dozen steps: what was passed on is soon stale.",
                Settings { dwell: 25.0, ..default() },
            ),
            Scenario::fails(
                "everyone",
                "All listen to all",
                "Without a graph that says who and when, the others' modes are no evidence, and the edges are wrong.",
                Settings { edges: Edges::FullyConnected, ..default() },
            ),
        ]
    }
}

impl GrassSwitchingGraph {
    /// Sequences in one step.
    fn chunk(&self) -> usize {
        (BUDGET / (self.settings.objects * self.settings.length)).clamp(1, TRAINING)
    }

    /// Sets up the model of the next fit.
    fn begin(&mut self) {
        let Some(&job) = self.jobs.get(self.job) else { return };
        self.round = 0;
        self.sums = Sums::new(self.settings.modes);
        let best = |who: usize| self.best[who].as_ref().map(|best| Model::clone(&best.model));
        let model = match job.start {
            Start::Random => None,
            Start::Best => best(job.who),
            Start::Alone(gate, strength) => best(ALONE).map(|mut model| {
                // Half of its switches may have been meetings.
                for (at, p) in model.switches.iter_mut().enumerate() {
                    *p = 0.5 * *p + if at % (model.k + 1) == 0 { 0.5 } else { 0.0 };
                }
                Model { gate: Some(gate), strength, ..model }
            }),
            Start::Near(by) => best(GRASS).map(|mut model| {
                if let Some(Gate::Within(radius)) = model.gate {
                    model.gate = Some(Gate::Within((radius + by).max(0.01)));
                }
                model
            }),
        };
        self.model = model.unwrap_or_else(|| self.random(job.who == JOINT));
    }

    /// One field for all modes, with random changes.
    fn random(&mut self, shared: bool) -> Model {
        let k = self.settings.modes;
        let mut sums = Sums::new(k);
        for s in self.training.iter() {
            sums.add_motion(s, &vec![1.0 / k as f64; s.changes.len() * k]);
        }
        let mut model = Model { k, switches: vec![0.0; k * k], shared, ..Model::default() };
        model.maximise(&sums);
        for (at, p) in model.switches.iter_mut().enumerate() {
            *p = if at % (k + 1) == 0 { 0.95 } else { 0.05 / (k - 1) as f64 };
        }
        let changes = normals(model.fields.len(), &mut self.rng);
        model.fields.iter_mut().zip(changes).for_each(|(field, change)| *field += 0.03 * change);
        model
    }

    fn shown(&self) -> &Sequence {
        &self.test[self.settings.shown.clamp(1, TEST) - 1]
    }

    fn moment(&self) -> usize {
        let last = self.shown().steps - 1;
        ((self.settings.moment * last as f64).round() as usize).min(last)
    }

    /// The model that is drawn: the best with a graph, or until there is one the best lone one.
    fn drawn(&self) -> Option<&Fitted> {
        self.best[GRASS].as_ref().or(self.best[ALONE].as_ref())
    }

    /// The turning rates that a fitted model sees, by step and object.
    fn turning(&self, fitted: &Fitted, smoothed: &Smoothed) -> Vec<f64> {
        let k = self.settings.modes;
        smoothed.q.chunks_exact(k).map(|q| rate(fitted.labels[most_likely(q)], k)).collect()
    }

    fn colors(&self) -> Colors {
        let most = rate(self.settings.modes - 1, self.settings.modes);
        Colors::diverging("turning rate").domain(-most, most)
    }

    fn draw_strips(&self, figures: &mut Figures) {
        let s = self.shown();
        // The middle colour is that of the page.
        let straight = if self.settings.modes % 2 == 1 { " Blank: the mode that does not turn." } else { "" };
        let caption = format!(
            "For each swimmer three strips: the true mode, what the model with a graph sees, what the lone one sees.{straight}"
        );
        let mut figure = figures.figure("strips", "Modes over time", caption);
        let (steps, n) = (s.steps as f64, s.objects as f64);
        let swimmers = Axis::categories("swimmer", (1..=s.objects).map(|object| object.to_string()));
        figure.x(Axis::linear("step").domain(0.0, steps)).y(swimmers.domain(-0.5, n - 0.5).reversed());
        let truth: Vec<f64> = s.modes.iter().map(|&z| rate(z, self.settings.modes)).collect();
        let seen = |who: usize| {
            let fitted = self.best[who].as_ref();
            fitted.map(|fitted| self.turning(fitted, &fitted.model.smooth(s)))
        };
        for (place, rates) in [Some(truth), seen(GRASS), seen(ALONE)].into_iter().enumerate() {
            let Some(rates) = rates else { continue };
            for object in 0..s.objects {
                let values: Vec<f64> = rates.iter().skip(object).step_by(s.objects).copied().collect();
                let top = object as f64 - 0.42 + 0.29 * place as f64;
                let grid = Grid { values: &values, columns: s.steps, x: [0.0, steps], y: [top, top + 0.26] };
                figure.raster(grid, self.colors());
            }
        }
        figure.rule_x([self.moment() as f64]).ink(Ink::Accent).label("moment drawn");
    }

    fn draw_plane(&self, figures: &mut Figures) {
        let s = self.shown();
        let (n, t) = (s.objects, self.moment());
        let caption = "The last 25 steps of each swimmer, coloured by the mode that the model sees, and whom it thinks to have met.";
        let mut figure = figures.figure("plane", "In the plane", caption);
        let reach = s.places.iter().flatten().fold(1.0_f64, |reach, x| reach.max(x.abs())).ceil();
        figure.x(Axis::linear("x").domain(-reach, reach)).y(Axis::linear("y").domain(-reach, reach)).equal();
        let since = t.saturating_sub(25);
        let (mut rates, mut passed) = (vec![0.0; s.modes.len()], vec![0.0; s.exchanges.len()]);
        if let Some(fitted) = self.drawn() {
            let smoothed = fitted.model.smooth(s);
            rates = self.turning(fitted, &smoothed);
            passed = smoothed.passed;
        }
        let (mut from, mut to, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (pair, (i, j)) in pairs(n).enumerate() {
            let recent = (since..=t).map(|t| passed[t * s.pairs() + pair]).fold(0.0, f64::max);
            if recent > 0.05 {
                from.push(s.places[t * n + i]);
                to.push(s.places[t * n + j]);
                weights.push(recent.min(1.0));
            }
        }
        figure.link(&from, &to, Some(&weights)).ink(Ink::Muted).label("edge");
        let trail = since * n..(t + 1) * n;
        let places = &s.places[trail.clone()];
        figure
            .colored_dot(places.iter().map(|x| x[0]), places.iter().map(|x| x[1]), &rates[trail], self.colors())
            .radius(2.0);
        let heads = &s.places[t * n..][..n];
        figure
            .colored_dot(heads.iter().map(|x| x[0]), heads.iter().map(|x| x[1]), &rates[t * n..][..n], self.colors())
            .radius(7.0);
    }

    fn draw_scores(&self, figures: &mut Figures) {
        let caption =
            "Frames whose mode is right, switches found to within five steps, and exchanges found, on new sequences.";
        let mut figure = figures.figure("scores", "How well each does", caption);
        figure
            .x(Axis::categories("measure", ["accuracy", "switch F1", "edge F1"]).domain(-0.5, 2.5))
            .y(Axis::linear("share").domain(0.0, 1.0));
        for (who, (fitted, id)) in self.best.iter().zip(IDS).enumerate() {
            let Some(fitted) = fitted else { continue };
            let measures = [fitted.accuracy, fitted.switch_f1, fitted.edge_f1];
            let shown = if who == GRASS { 3 } else { 2 };
            let place = |measure: usize| measure as f64 + 0.27 * (who as f64 - 1.0);
            for (measure, value) in measures.iter().enumerate().take(shown) {
                let (left, right) = (place(measure) - 0.12, place(measure) + 0.12);
                figure.polygon([left, right, right, left], [0.0, 0.0, *value, *value]).of(id);
            }
        }
    }

    fn draw_radii(&self, figures: &mut Figures) {
        let caption = "Score of each radius tried, over that of the lone model. The rule is the radius at which exchanges really happen.";
        let mut figure = figures.figure("radii", "Finding the radius", caption);
        figure
            .x(Axis::linear("radius ρ").domain(0.0, 2.0))
            .y(Axis::linear("gain in score").unit("nats per swimmer and step"));
        let base = self.best[ALONE].as_ref().map_or(0.0, |best| best.score);
        let mut tried = self.tried.clone();
        tried.sort_by(|a, b| a[0].total_cmp(&b[0]));
        figure.rule_y([0.0]).ink(Ink::Muted);
        figure.rule_x([self.settings.radius]).ink(Ink::Strong).label("true radius");
        figure.line(tried.iter().map(|t| t[0]), tried.iter().map(|t| t[1] - base)).of("grass").faint();
        figure.dot(tried.iter().map(|t| t[0]), tried.iter().map(|t| t[1] - base)).of("grass");
    }

    fn draw_edges(&self, figures: &mut Figures) {
        let s = self.shown();
        let smoothed = self.best[GRASS].as_ref().map(|fitted| fitted.model.smooth(s));
        let likely: Vec<usize> = smoothed.as_ref().map_or_else(Vec::new, |smoothed| {
            (0..s.exchanges.len()).filter(|&index| smoothed.passed[index] > 0.05).collect()
        });
        let none = if smoothed.is_some() && likely.is_empty() && !s.exchanges.contains(&true) {
            " In this sequence there is none of either."
        } else {
            ""
        };
        let caption = format!(
            "Discs: when the model thinks that two passed their modes on, and how surely. Rings: when they did.{none}"
        );
        let mut figure = figures.figure("edges", "Edges over time", caption);
        let top = s.pairs() as f64 - 0.5;
        let names = pairs(s.objects).map(|(i, j)| format!("{} {}", i + 1, j + 1));
        // More names than fit are left out.
        let many = format!("pair, from 1 2 to {} {}", s.objects - 1, s.objects);
        let axis = if s.pairs() <= 10 { Axis::categories("pair", names) } else { Axis::linear(many) };
        // Room for the rings of the first and of the last steps.
        let (steps, room) = (s.steps as f64, 0.03 * s.steps as f64);
        figure.x(Axis::linear("step").domain(-room, steps + room)).y(axis.domain(-0.5, top).reversed());
        let at = |index: usize| ((index / s.pairs()) as f64, (index % s.pairs()) as f64);
        let real: Vec<(f64, f64)> = (0..s.exchanges.len()).filter(|&index| s.exchanges[index]).map(at).collect();
        if let Some(smoothed) = smoothed {
            let colors = Colors::sequential("edge probability").domain(0.0, 1.0);
            let values = likely.iter().map(|&index| smoothed.passed[index].min(1.0));
            let (x, y): (Vec<f64>, Vec<f64>) = likely.iter().map(|&index| at(index)).unzip();
            figure.colored_dot(x, y, values, colors).radius(4.0);
        }
        let (x, y): (Vec<f64>, Vec<f64>) = real.into_iter().unzip();
        figure.dot(x, y).symbol(Symbol::Ring).radius(7.0).ink(Ink::Strong).label("exchanged");
    }

    fn draw_parameters(&self, figures: &mut Figures) {
        let caption = "What was learned beside what made the sequences. The lone model must call each exchange a switch of its own.";
        let mut figure = figures.figure("parameters", "Learned and true", caption);
        let table = figure.table();
        let Settings { radius, strength, noise, dwell, .. } = self.settings;
        let words = |value: f64| if value < 10.0 { format!("{value:.3}") } else { format!("{value:.0}") };
        let learned = |who: usize, of: &Reading| {
            self.best[who].as_ref().and_then(|best| of(&best.model)).map_or("–".to_owned(), words)
        };
        let ranges: [&Reading; 4] = [
            &|m: &Model| if let Some(Gate::Within(radius)) = m.gate { Some(radius) } else { None },
            &|m: &Model| m.gate.map(|_| m.strength),
            &|m: &Model| Some(m.noise),
            &|m: &Model| Some(m.dwell()),
        ];
        table
            .words("parameter", ["radius", "strength", "kicks", "dwell time"])
            .words("true", [radius, strength, noise, dwell].map(words))
            .words("with a graph", ranges.map(|of| learned(GRASS, of)))
            .words("each alone", ranges.map(|of| learned(ALONE, of)));
    }
}

/// A number of a model, where it has it.
type Reading = dyn Fn(&Model) -> Option<f64>;

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// The model that made the sequences.
    fn truth(settings: &Settings) -> Model {
        let k = settings.modes;
        let leave = 1.0 / settings.dwell;
        let switches = (0..k * k).map(|at| if at % (k + 1) == 0 { 1.0 - leave } else { leave / (k - 1) as f64 });
        let fields = (0..k).flat_map(|mode| {
            let turn = STEP * rate(mode, k);
            let (pull, pace) = (-STEP * PULL, STEP * PACE);
            [0.0, 0.0, pull, 0.0, 0.0, pull, pace, turn, -turn, pace, -pace, 0.0, 0.0, -pace]
        });
        Model {
            k,
            fields: fields.collect(),
            noise: settings.noise,
            switches: switches.collect(),
            strength: settings.strength,
            gate: Some(Gate::Within(settings.radius)),
            shared: false,
        }
    }

    #[test]
    fn without_edges_it_is_forward_backward_which_equals_the_sum_over_all_paths() {
        let settings = Settings { length: 6, objects: 2, dwell: 20.0, ..Settings::default() };
        let s = Sequence::simulate(&settings, &mut Rng::seed_from_u64(1));
        let model = Model { gate: Some(Gate::Closed), ..truth(&settings) };
        let smoothed = model.smooth(&s);
        let (likelihood, shift) = model.likelihoods(&s, 2);
        let (mut score, mut q) = (shift, vec![0.0; smoothed.q.len()]);
        for n in 0..2 {
            let mut total = 0.0;
            let mut marginal = [0.0; 18];
            for path in 0..3_usize.pow(6) {
                let z: Vec<usize> = (0..6).map(|t| path / 3_usize.pow(t) % 3).collect();
                let mut p = 1.0 / 3.0;
                for t in 0..6 {
                    p *= likelihood[(t * 2 + n) * 3 + z[t]];
                    p *= if t > 0 { model.switches[z[t - 1] * 3 + z[t]] } else { 1.0 };
                }
                total += p;
                (0..6).for_each(|t| marginal[t * 3 + z[t]] += p);
            }
            score += log(total);
            (0..18).for_each(|at| q[(at / 3 * 2 + n) * 3 + at % 3] = marginal[at] / total);
        }
        assert!(largest(&q, &smoothed.q) < 1e-12);
        assert!((score - smoothed.score).abs() < 1e-9);
    }

    #[test]
    fn evidence_travels_across_a_meeting_both_ways() {
        // Only the motion of one object after the meeting says anything.
        let settings = Settings { objects: 2, length: 40, noise: 0.02, dwell: 1e4, ..Settings::default() };
        let mut s = Sequence::simulate(&Settings { strength: 0.0, ..settings.clone() }, &mut Rng::seed_from_u64(2));
        s.exchanges = (0..40).map(|t| t == 20).collect();
        let mut model = Model { gate: Some(Gate::Given), strength: 0.9, ..truth(&settings) };
        let mode = s.modes[39 * 2];
        for at in (0..80).filter(|at| at % 2 == 1 || *at < 40) {
            s.features[at] = [0.0; FEATURES];
            s.changes[at] = [0.0; 2];
        }
        let q = model.smooth(&s).q;
        assert!(q[(39 * 2) * 3 + mode] > 0.999);
        assert!(q[(10 * 2 + 1) * 3 + mode] > 0.85, "the other had it before the meeting");
        assert!(q[(10 * 2) * 3 + mode] < 0.5, "and not this one");
        model.gate = Some(Gate::Closed);
        assert!(model.smooth(&s).q[(10 * 2) * 3 + mode] > 0.99);
    }

    #[test]
    fn messages_keep_every_distribution_normalised() {
        let settings = Settings { length: 100, objects: 5, ..Settings::default() };
        let s = Sequence::simulate(&settings, &mut Rng::seed_from_u64(3));
        let model = truth(&settings);
        let smoothed = model.smooth(&s);
        // Own switches and modes taken over are all the ways to the next step, and there are 5 x 99 of those.
        let ways = smoothed.own.iter().sum::<f64>() + smoothed.taken;
        assert!((ways - 495.0).abs() < 1e-9, "{ways}");
        assert!(smoothed.passed.iter().all(|p| (0.0..=1.0 + 1e-9).contains(p)));
    }

    #[test]
    fn known_modes_give_the_fields_that_moved_them() {
        let settings = Settings { noise: 0.0, ..Settings::default() };
        let rng = &mut Rng::seed_from_u64(4);
        let (mut sums, mut model) = (Sums::new(3), truth(&settings));
        let expected = model.fields.clone();
        for _ in 0..5 {
            let s = Sequence::simulate(&settings, rng);
            let known: Vec<f64> =
                s.modes.iter().flat_map(|&z| (0..3).map(move |k| f64::from(u8::from(k == z)))).collect();
            sums.add_motion(&s, &known);
        }
        model.maximise(&sums);
        // Speeds are all about one, where |v|²v is v: compare what the fields do, not the fields.
        let s = Sequence::simulate(&settings, rng);
        for phi in &s.features {
            for mode in 0..3 {
                let push = |fields: &[f64]| -> Vec<f64> {
                    let field = fields[mode * 2 * FEATURES..][..2 * FEATURES].chunks_exact(2);
                    let sum = |c: usize| field.clone().zip(phi).map(|(row, phi)| row[c] * phi).sum::<f64>();
                    vec![sum(0), sum(1)]
                };
                assert!(largest(&push(&expected), &push(&model.fields)) < 1e-3);
            }
        }
        assert!(model.noise <= LEAST_NOISE);
    }

    #[test]
    fn exchanges_conserve_the_modes() {
        let settings = Settings { dwell: f64::INFINITY, objects: 6, ..Settings::default() };
        let s = Sequence::simulate(&settings, &mut Rng::seed_from_u64(5));
        let sorted = |t: usize| {
            let mut modes = s.modes[t * 6..][..6].to_vec();
            modes.sort_unstable();
            modes
        };
        assert!(s.exchanges.iter().any(|&exchange| exchange));
        assert!((1..s.steps).all(|t| sorted(t) == sorted(0)));
    }

    #[test]
    fn the_score_prefers_the_true_radius_to_others() {
        let settings = Settings::default();
        let rng = &mut Rng::seed_from_u64(6);
        let sequences: Vec<Sequence> = (0..10).map(|_| Sequence::simulate(&settings, rng)).collect();
        let score = |gate: Gate| -> f64 {
            let model = Model { gate: Some(gate), ..truth(&settings) };
            sequences.iter().map(|s| model.smooth(s).score).sum()
        };
        let right = score(Gate::Within(settings.radius));
        for wrong in [Gate::Closed, Gate::Within(0.4), Gate::Within(0.8)] {
            assert!(right > score(wrong) + 20.0, "{wrong:?}");
        }
    }
}
