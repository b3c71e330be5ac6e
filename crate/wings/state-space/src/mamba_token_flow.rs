//! In a selective state-space model such as Mamba, a token is moved by what the state remembers of the tokens before it.
//! Read depth as time $t$, and the layers become a flow:
//! $$\dot x_l=\sum_{j\le l}\bigl(x_l^{\!\top}S_C^{\!\top}S_B\,x_j\bigr)\,e^{-a\sum_{k=j+1}^l\Delta(x_k)}\,\Delta(x_j)\,x_j,$$
//! $$\Delta(x)=\log(1+e^{S_\Delta x}).$$
//! If tokens are plain numbers, $S_C^{\top}S_B$ is a number $\mu$, and
//! $$\dot x_l=\mu\,x_l\sum_{j\le l}e^{-a\sum\Delta}\,\Delta(x_j)\,x_j^2 .$$
//! Everything under the sum is positive. So one sign decides for all: with $\mu<0$ every token dies, with $\mu>0$ every token
//! grows for ever, and none crosses zero.
//!
//! **What you see.** Your tokens; then draws with random $\mu$, $S_\Delta$ and tokens, each integrated and only then compared
//! with its sign. Dying, the first token ends like $t^{-1/2}$. Growing, a token with $S_\Delta x>0$ explodes at a finite depth,
//! while one with $S_\Delta x<0$ shuts its own step and creeps. Softmax attention (dashed) with the same $\mu$ averages instead: it
//! decays and grows like an exponential, and tokens may cross zero to join their leader.
//!
//! **Try** dragging $\mu$ through zero. Then *reorder*: the paper scores tokens by a learned combination of $S_\Delta x$ and sorts them
//! upwards (softly, to be differentiable; here exactly, by the plain sum), which changes who grows first and never the verdict.
//!
//! **Does it matter?** The paper keeps $S_B=D\,S_C$ with $D>0$, so that nothing is doomed to die, and gains a little on
//! language and images. In the last figure two layers learn selective copying with $D>0$, with $D<0$ and freely. At this size the
//! refinement shows no gain: all three learn, the free one at least as fast as the other two, for two layers are no depth to die in.
//!
//! **Where it stops.** In the plane each channel has its own $\Delta$, and a matrix with eigenvalues of both signs lets tokens do
//! both; with $\mu=0$ nothing moves at all.
//!
//! **Made definite.** A draw has eight tokens, each a normal number pushed 0.1 away from zero, and runs to $t=10^4$ or to size
//! $10^6$. The networks have eight channels and four states, trained by Adam on eight sequences a step.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::copying;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::{PI, cos, exp, log, pow, sin, softplus};
use orrery_kernels::networks::Parameters;
use orrery_kernels::ode::DormandPrince;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "mamba-token-flow",
    title: "Demystifying the Token Dynamics of Deep Selective State Space Models",
    year: 2024,
    lists: &[0, 2],
    claim: "Through the layers of a selective SSM all tokens die or all explode: one sign decides.",
    algorithms: &[
        "Mamba",
        "selective state space model",
        "S6",
        "token dynamics",
        "continuous depth",
        "finite-time blow-up",
        "SoftSort",
        "selective copying",
    ],
    contenders: &[
        Contender::paper("refined", "selective SSM, refined"),
        Contender::baseline("plain", "original order, unconstrained"),
        Contender::baseline("negative", "kept convergent, μ < 0"),
        Contender::baseline("attention", "softmax attention"),
    ],
};

/// Numbers in a token.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Dimension {
    /// The theorem's case.
    #[choice("1")]
    One,
    /// A token is a point in the plane.
    #[choice("2")]
    Two,
}

/// Where the tokens start.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Start {
    /// Normal numbers.
    #[choice("random")]
    Random,
    /// The visitor's.
    #[choice("placed")]
    Placed,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// The product of output and input weight. Its sign decides.
    #[control(label = "μ = S_C S_B", range = -2.0..=2.0, default = 1.0)]
    pub mu: f64,
    /// The weight of the step length: Δ(x) = softplus(S_Δ x).
    #[control(label = "S_Δ", range = -2.0..=2.0, default = 0.5)]
    pub s_delta: f64,
    /// How fast earlier tokens are forgotten along the sequence.
    #[control(label = "decay a", range = 0.0..=3.0, default = 1.0)]
    pub decay: f64,
    /// Numbers in a token. The theorem is about one.
    #[control(label = "dimension", default = Dimension::One)]
    pub dimension: Dimension,
    /// The second eigenvalue of the input-output matrix in the plane, over μ.
    #[control(label = "second eigenvalue / μ", range = -1.0..=1.0, when = ("dimension", "two"), default = -1.0)]
    pub ratio: f64,
    /// Where the tokens start.
    #[control(label = "tokens", default = Start::Random)]
    pub start: Start,
    /// How many tokens, each a standard normal number pushed 0.1 away from zero.
    #[control(label = "how many", range = 2..=64, log, when = ("start", "random"), default = 8)]
    pub count: usize,
    /// The tokens: in the plane as they are, in one dimension the height is the value and left comes first. Drag them.
    #[control(label = "places", count = 2..=64, domain = [[-3.0, 3.0], [-3.0, 3.0]], when = ("start", "placed"), default = PLACES.into())]
    pub places: Points,
    /// Sort the tokens by their step S_Δ x first, so that the longest comes last.
    #[control(label = "reorder tokens", default = false)]
    pub reorder: bool,
    /// How long the flow runs: the depth of the network.
    #[control(label = "integration time", range = 1.0..=1e3, log, default = 200.0)]
    pub time: f64,
}

const PLACES: [[f64; 2]; 6] = [[-2.5, 0.8], [-1.5, -0.6], [-0.5, 1.2], [0.5, -1.4], [1.5, 0.4], [2.5, -0.9]];

/// Steps of the run: as many draws and steps of training, twice as many cells of the diagram.
const STEPS: usize = 200;
/// The flow is shown from this time on, at even steps of its logarithm.
const FIRST: f64 = 1e-2;
/// A token of this size has exploded.
const HUGE: f64 = 1e6;
/// The most steps of the integrator for the visitor's tokens, and for a draw's.
const PATIENCE: usize = 4000;
const DRAW_PATIENCE: usize = 400;
/// How long a draw runs, its tokens, and what its tokens fall below.
const DRAW_TIME: f64 = 1e4;
const DRAW_TOKENS: usize = 8;
const FALLEN: f64 = 0.3;
/// Cells of the diagram each way, its ends, and the greatest growth it shows, in powers of ten.
const CELLS: usize = 20;
const END: f64 = 2.0;
const GROWTH: f64 = 2.0;
/// Tokens of the training panel: width, states, classes to copy, places, how many of them are copied, and sequences.
const WIDTH: usize = 8;
const STATES: usize = 4;
const KINDS: usize = 4;
const LENGTH: usize = 14;
const COPIED: usize = 2;
const BATCH: usize = 8;
const HELD_OUT: usize = 32;

/// The flow: parameters, and tokens of `d` numbers one after the other.
#[derive(Clone, Debug)]
struct Flow {
    /// `S_Cᵀ S_B`, d x d by rows.
    m: Vec<f64>,
    s_delta: f64,
    decay: f64,
    d: usize,
}

impl Flow {
    fn one(mu: f64, s_delta: f64, decay: f64) -> Self {
        Self { m: vec![mu], s_delta, decay, d: 1 }
    }

    /// Eigenvalues `mu` and `ratio mu`, the first at an angle.
    fn two(mu: f64, ratio: f64, angle: f64, s_delta: f64, decay: f64) -> Self {
        let (c, s) = (cos(angle), sin(angle));
        let [a, b] = [mu, ratio * mu];
        Self {
            m: vec![a * c * c + b * s * s, (a - b) * c * s, (a - b) * c * s, a * s * s + b * c * c],
            s_delta,
            decay,
            d: 2,
        }
    }

    /// `ẋ_l = Σ_{j≤l} (x_lᵀ M x_j) e^{−a Σ_{k=j+1}^l Δ(x_k)} Δ(x_j) x_j`, each of the d channels with its own Δ: the selective
    /// scan `h_l = e^{−aΔ_l} h_{l−1} + Δ_l x_l` of each channel with the states `x_j`, read by `x_lᵀ M`.
    fn slope(&self, x: &[f64], slope: &mut [f64]) {
        let d = self.d;
        let mut h = [0.0; 4];
        for (x, slope) in x.chunks_exact(d).zip(slope.chunks_exact_mut(d)) {
            for channel in 0..d {
                let delta = softplus(self.s_delta * x[channel]);
                let keep = exp(-self.decay * delta);
                slope[channel] = 0.0;
                for i in 0..d {
                    let state = &mut h[channel * d + i];
                    *state = keep * *state + delta * x[channel] * x[i];
                    let read: f64 = (0..d).map(|k| x[k] * self.m[k * d + i]).sum();
                    slope[channel] += read * *state;
                }
            }
        }
    }

    /// Softmax attention of the same depth: `ẋ_l = Σ_{j≤l} softmax_j(x_lᵀ M x_j) M x_j`.
    fn attention(&self, x: &[f64], slope: &mut [f64]) {
        let d = self.d;
        let values: Vec<f64> = x
            .chunks_exact(d)
            .flat_map(|x| (0..d).map(move |i| (0..d).map(|k| self.m[i * d + k] * x[k]).sum::<f64>()))
            .collect();
        for (l, (x, slope)) in x.chunks_exact(d).zip(slope.chunks_exact_mut(d)).enumerate() {
            let values = values[..(l + 1) * d].chunks_exact(d);
            let scores: Vec<f64> = values.clone().map(|v| inner(x, v)).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| exp(score - top)).collect();
            let sum: f64 = weights.iter().sum();
            slope.fill(0.0);
            for (weight, value) in weights.iter().zip(values) {
                slope.iter_mut().zip(value).for_each(|(slope, value)| *slope += weight / sum * value);
            }
        }
    }

    /// The order that puts the longest step last; a token's score is the sum of its `S_Δ x`.
    fn reorder(&self, tokens: &[f64]) -> Vec<f64> {
        let mut tokens: Vec<&[f64]> = tokens.chunks_exact(self.d).collect();
        let score = |x: &[f64]| self.s_delta * x.iter().sum::<f64>();
        tokens.sort_by(|a, b| score(a).total_cmp(&score(b)));
        tokens.concat()
    }
}

/// The length of each token.
fn sizes(x: &[f64], d: usize) -> Vec<f64> {
    x.chunks_exact(d).map(|x| inner(x, x).sqrt()).collect()
}

/// A flow on its way, watched.
#[derive(Clone)]
struct Watched {
    d: usize,
    solution: DormandPrince,
    start: Vec<f64>,
    /// Whether each token has only grown so far, and whether it has only shrunk.
    grew: Vec<bool>,
    shrank: Vec<bool>,
    /// Some token is beyond all bounds, or the steps have become infinitely small on the way there.
    exploded: bool,
    /// The steps that are left: in the plane one large token can make the fading of another as stiff as it likes.
    patience: usize,
}

impl Watched {
    fn new(tokens: &[f64], d: usize, patience: usize) -> Self {
        let start = sizes(tokens, d);
        let n = start.len();
        let solution = DormandPrince::new(0.0, tokens.to_vec(), 1e-3, 1e-6, 1e-12);
        Self { d, solution, grew: vec![true; n], shrank: vec![true; n], start, exploded: false, patience }
    }

    /// On to time `end`.
    fn advance(&mut self, slope: impl Fn(&[f64], &mut [f64]), end: f64) {
        let mut before = sizes(self.solution.y(), self.d);
        while !self.exploded && self.patience > 0 && self.solution.t() < end {
            self.patience -= 1;
            if self.solution.step(|_, x, into| slope(x, into), end).is_err() {
                self.exploded = true;
                break;
            }
            // Within a step as short as those before an explosion a slow token may stand still.
            let now = sizes(self.solution.y(), self.d);
            for (l, (before, now)) in before.iter().zip(&now).enumerate() {
                self.grew[l] &= now >= before;
                self.shrank[l] &= now <= before;
            }
            self.exploded |= !now.iter().all(|size| *size < HUGE);
            before = now;
        }
    }

    /// `log(|x_l(t)| / |x_l(0)|)` of each token that did not start at zero.
    fn growth(&self) -> Vec<f64> {
        let now = sizes(self.solution.y(), self.d);
        let pairs = self.start.iter().zip(now).filter(|(start, _)| **start > 0.0);
        pairs.map(|(start, now)| log(now.max(1e-300) / start)).collect()
    }

    /// The share of the tokens that only grew (if `mu > 0`), or only shrank (if `mu < 0`), and did move.
    fn obedient(&self, mu: f64) -> f64 {
        let growth = self.growth();
        let watched = if mu > 0.0 { &self.grew } else { &self.shrank };
        let moving = self.start.iter().zip(watched).filter(|(start, _)| **start > 0.0).map(|(_, way)| *way);
        let obedient = moving.zip(&growth).filter(|(way, growth)| *way && mu * **growth > 0.0).count();
        obedient as f64 / growth.len().max(1) as f64
    }
}

/// What became of one random draw.
#[derive(Clone, Copy, Debug)]
struct Draw {
    mu: f64,
    /// Whether all tokens shrank and are small, or all grew, as the sign of μ says.
    agrees: bool,
    /// Of the first token, if μ < 0 and the draw ran to the end: `d log|x| / d log t` there.
    exponent: Option<f64>,
    /// The least and the greatest growth.
    growth: [f64; 2],
}

fn random_tokens(count: usize, rng: &mut Rng) -> Vec<f64> {
    normals(count, rng).into_iter().map(|z| z + 0.1 * z.signum()).collect()
}

fn random_draw(settings: &Settings, rng: &mut Rng) -> Draw {
    let sign = if rng.random::<f64>() < 0.5 { -1.0 } else { 1.0 };
    let mu = sign * (0.1 + 1.9 * rng.random::<f64>());
    let s_delta = 4.0 * rng.random::<f64>() - 2.0;
    let angle = PI * rng.random::<f64>();
    let flow = match settings.dimension {
        Dimension::One => Flow::one(mu, s_delta, settings.decay),
        Dimension::Two => Flow::two(mu, settings.ratio, angle, s_delta, settings.decay),
    };
    let mut run = Watched::new(&random_tokens(DRAW_TOKENS * flow.d, rng), flow.d, DRAW_PATIENCE);
    run.advance(|x, slope| flow.slope(x, slope), DRAW_TIME);
    let largest = run.start.iter().copied().fold(0.0, f64::max);
    let small = sizes(run.solution.y(), flow.d).iter().all(|size| *size < FALLEN * largest);
    let agrees = run.obedient(mu) == 1.0 && (mu > 0.0 || small);
    let x = run.solution.y();
    let mut slope = vec![0.0; x.len()];
    flow.slope(x, &mut slope);
    // d log|x| / d log t = t x·ẋ / x·x
    let (x, slope) = (&x[..flow.d], &slope[..flow.d]);
    let ended = mu < 0.0 && run.solution.t() >= DRAW_TIME;
    let exponent = ended.then(|| DRAW_TIME * inner(x, slope) / inner(x, x).max(1e-300));
    let growth = run.growth();
    let least = growth.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = growth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Draw { mu, agrees, exponent, growth: [least, greatest] }
}

/// Which input-output matrices a layer may learn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regime {
    /// `S_B = diag(softplus + 0.7) S_C`: positive.
    Positive,
    /// Anything.
    Free,
    /// `S_B = −diag(softplus + 0.7) S_C`: negative.
    Negative,
}

const REGIMES: [(Regime, &str); 3] =
    [(Regime::Positive, "refined"), (Regime::Free, "plain"), (Regime::Negative, "negative")];

/// Two selective layers `x ← x + SSM(x)` between an embedding and a read-out.
struct Network {
    parameters: Parameters,
    /// `[0/1]` matrices that repeat each channel for all states, and the states for each channel.
    spread: [Vec<f32>; 2],
}

const LAYERS: usize = 2;

impl Network {
    fn new() -> Self {
        let mut parameters = Parameters::new();
        parameters.weights("embedding", KINDS + 2, WIDTH, 1.0);
        for layer in 0..LAYERS {
            parameters.weights(format!("{layer}.delta"), WIDTH, WIDTH, 0.5 / (WIDTH as f64).sqrt());
            parameters.row(format!("{layer}.step"), WIDTH, -1.0);
            parameters.weights(format!("{layer}.c"), WIDTH, STATES, 1.0 / (WIDTH as f64).sqrt());
            parameters.weights(format!("{layer}.b"), WIDTH, STATES, 1.0 / (WIDTH as f64).sqrt());
            parameters.row(format!("{layer}.diagonal"), STATES, 0.0);
        }
        parameters.weights("readout", WIDTH, KINDS, 1.0 / (WIDTH as f64).sqrt());
        let columns = WIDTH * STATES;
        let mut spread = [vec![0.0_f32; WIDTH * columns], vec![0.0; STATES * columns]];
        for column in 0..columns {
            spread[0][column / STATES * columns + column] = 1.0;
            spread[1][column % STATES * columns + column] = 1.0;
        }
        Self { parameters, spread }
    }

    /// The mean cross-entropy over the copied tokens.
    fn loss(&self, g: &mut Graph<f32>, p: &[Node], batch: &Batch, regime: Regime, decay: f64) -> Node {
        let columns = WIDTH * STATES;
        let channels = g.leaf(WIDTH, columns, self.spread[0].clone());
        let states = g.leaf(STATES, columns, self.spread[1].clone());
        let mut x = g.rows(p[0], &batch.inputs);
        for p in p[1..].chunks_exact(5) {
            let [delta, step, c, b, diagonal] = [p[0], p[1], p[2], p[3], p[4]];
            let delta = g.linear(x, delta, step);
            let delta = g.softplus(delta);
            let keep = g.scale(delta, -decay as f32);
            let keep = g.exp(keep);
            let keep = g.matmul(keep, channels);
            let b = if regime == Regime::Free {
                b
            } else {
                let size = g.softplus(diagonal);
                let size = g.shift(size, 0.7);
                let size = g.scale(size, if regime == Regime::Positive { 1.0 } else { -1.0 });
                g.mul(c, size)
            };
            // h_t = e^{−aΔ} h_{t−1} + Δ x_t ⊗ S_B x_t, y_t = h_t S_C x_t
            let [write, read] = [b, c].map(|weights| {
                let projected = g.matmul(x, weights);
                g.matmul(projected, states)
            });
            let input = g.mul(delta, x);
            let input = g.matmul(input, channels);
            let input = g.mul(input, write);
            let h = g.scan(keep, input, batch.count);
            let h = g.mul(h, read);
            let y = g.product((h, false), (channels, true));
            x = g.add(x, y);
        }
        let asked = g.rows(x, &batch.asked);
        let logits = g.matmul(asked, p[p.len() - 1]);
        g.cross_entropy(logits, &batch.answers)
    }
}

/// Sequences to copy from, one below the other.
struct Batch {
    count: usize,
    inputs: Vec<usize>,
    asked: Vec<usize>,
    answers: Vec<usize>,
}

impl Batch {
    fn new(count: usize, rng: &mut Rng) -> Self {
        let mut batch = Self { count, inputs: Vec::new(), asked: Vec::new(), answers: Vec::new() };
        for _ in 0..count {
            let sequence = copying(COPIED, KINDS, LENGTH, true, rng);
            for (place, answer) in sequence.targets.iter().enumerate() {
                if let Some(answer) = answer {
                    batch.asked.push(batch.inputs.len() + place);
                    batch.answers.push(*answer);
                }
            }
            batch.inputs.extend(sequence.inputs);
        }
        batch
    }
}

#[derive(Clone)]
struct Training {
    network: Rc<Network>,
    held_out: Rc<Batch>,
    rng: Rng,
    decay: f64,
    weights: [Vec<f32>; 3],
    optimizers: [Adam<f32>; 3],
    losses: [Series; 3],
    step: usize,
}

impl Training {
    fn new(decay: f64, rng: &mut Rng) -> Self {
        let network = Network::new();
        let initial: Vec<f32> = network.parameters.initial(rng);
        let optimizer = || Adam::new(initial.len(), 0.02, [0.9, 0.999]);
        let held_out = Rc::new(Batch::new(HELD_OUT, rng));
        let (weights, optimizers) = (std::array::from_fn(|_| initial.clone()), std::array::from_fn(|_| optimizer()));
        let losses = std::array::from_fn(|_| Series::new());
        Self { network: Rc::new(network), held_out, rng: rng.clone(), decay, weights, optimizers, losses, step: 0 }
    }

    /// The same batch for all regimes.
    fn advance(&mut self) {
        let batch = Batch::new(BATCH, &mut self.rng);
        let network = &self.network;
        for (i, (regime, _)) in REGIMES.iter().enumerate() {
            let mut gradient = vec![0.0; self.weights[i].len()];
            network
                .parameters
                .gradient(&self.weights[i], &mut gradient, |g, p| network.loss(g, p, &batch, *regime, self.decay));
            let size = gradient.iter().map(|slope| slope * slope).sum::<f32>().sqrt();
            if !size.is_finite() {
                continue;
            }
            // A gradient longer than 1 is cut to 1.
            gradient.iter_mut().for_each(|slope| *slope /= size.max(1.0));
            self.optimizers[i].step(&mut self.weights[i], &gradient);
        }
        self.step += 1;
    }

    fn record(&mut self) {
        for (i, (regime, _)) in REGIMES.iter().enumerate() {
            let loss = |g: &mut Graph<f32>, p: &[Node]| self.network.loss(g, p, &self.held_out, *regime, self.decay);
            let loss = self.network.parameters.value(&self.weights[i], loss);
            self.losses[i].push(self.step as f64, f64::from(loss).clamp(1e-4, 10.0));
        }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct MambaTokenFlow {
    settings: Settings,
    flow: Rc<Flow>,
    step: usize,
    /// The flow of the visitor's tokens, in their original order, and attention's.
    run: Watched,
    plain: Watched,
    attention: Watched,
    /// Their tokens at the times so far.
    path: Vec<Rc<Vec<f64>>>,
    plain_path: Vec<Rc<Vec<f64>>>,
    attention_path: Vec<Rc<Vec<f64>>>,
    rng: Rng,
    draws: Vec<Draw>,
    /// Median growth, in powers of ten, cell by cell.
    diagram: Vec<f64>,
    /// Paths of two tokens of one number, or of one token of two.
    portrait: Rc<Vec<Vec<[f64; 2]>>>,
    training: Training,
}

/// The half width of the portrait.
const WINDOW: f64 = 3.0;

impl MambaTokenFlow {
    /// The time after so many steps.
    fn time(&self, step: usize) -> f64 {
        FIRST * pow(self.settings.time / FIRST, (step.max(1) - 1) as f64 / (STEPS - 1) as f64)
    }

    fn random_cell(&mut self) {
        let (column, row) = (self.diagram.len() % CELLS, self.diagram.len() / CELLS);
        let centre = |i: usize| END * (2.0 * (i as f64 + 0.5) / CELLS as f64 - 1.0);
        let (mu, s_delta, decay) = (centre(column), centre(row), self.settings.decay);
        let angle = PI * self.rng.random::<f64>();
        let flow = match self.settings.dimension {
            Dimension::One => Flow::one(mu, s_delta, decay),
            Dimension::Two => Flow::two(mu, self.settings.ratio, angle, s_delta, decay),
        };
        let mut run = Watched::new(&random_tokens(DRAW_TOKENS * flow.d, &mut self.rng), flow.d, DRAW_PATIENCE);
        run.advance(|x, slope| flow.slope(x, slope), self.settings.time);
        let mut growth = run.growth();
        growth.sort_by(f64::total_cmp);
        self.diagram.push((growth[growth.len() / 2] / log(10.0)).clamp(-GROWTH, GROWTH));
    }

    /// How many draws ended as the sign of their μ says.
    fn agreement(&self) -> Option<f64> {
        let agreeing = self.draws.iter().filter(|draw| draw.agrees).count();
        (!self.draws.is_empty()).then(|| agreeing as f64 / self.draws.len() as f64)
    }

    /// The exponent farthest from −1/2 among the draws with μ < 0.
    fn exponent(&self) -> Option<f64> {
        let dying = self.draws.iter().filter_map(|draw| draw.exponent);
        dying.max_by(|a, b| (a + 0.5).abs().total_cmp(&(b + 0.5).abs()))
    }

    /// The share of the draws with μ > 0 whose fastest token grew by 1.2 times the power of the slowest.
    fn unequal(&self) -> Option<f64> {
        let growing = || self.draws.iter().filter(|draw| draw.mu > 0.0);
        let unequal = growing().filter(|draw| draw.growth[1] >= 1.2 * draw.growth[0]).count();
        (growing().count() > 0).then(|| unequal as f64 / growing().count() as f64)
    }
}

/// Paths of the flow of `x`, two numbers, from a ring of starts, for as long as they stay in the window.
fn portrait(flow: &Flow, time: f64) -> Vec<Vec<[f64; 2]>> {
    let starts = (0..16).map(|i| {
        let (turn, radius) = (PI * (f64::from(i) + 0.5) / 8.0, if i % 2 == 0 { 2.4 } else { 1.0 });
        [radius * cos(turn), radius * sin(turn)]
    });
    let path = |start: [f64; 2]| {
        let mut solution = DormandPrince::new(0.0, start.to_vec(), 1e-3, 1e-4, 1e-6);
        let mut path = vec![start];
        let inside = |p: [f64; 2]| p[0].abs() <= WINDOW && p[1].abs() <= WINDOW;
        while path.len() < 80 && path.last().copied().is_some_and(inside) {
            match solution.step(|_, x, slope| flow.slope(x, slope), time.min(50.0)) {
                Ok(taken) if taken > 0.0 => path.push([solution.y()[0], solution.y()[1]]),
                _ => break,
            }
        }
        path.into_iter().map(|p| p.map(|x| x.clamp(-WINDOW, WINDOW))).collect()
    };
    starts.map(path).collect()
}

impl Exhibit for MambaTokenFlow {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let Settings { mu, s_delta, decay, ratio, .. } = *settings;
        let flow = match settings.dimension {
            Dimension::One => Flow::one(mu, s_delta, decay),
            Dimension::Two => Flow::two(mu, ratio, PI / 6.0, s_delta, decay),
        };
        let tokens = match (settings.start, settings.dimension) {
            (Start::Random, _) => random_tokens(settings.count * flow.d, rng),
            (Start::Placed, Dimension::Two) => settings.places.0.concat(),
            (Start::Placed, Dimension::One) => in_order(&settings.places).iter().map(|place| place[1]).collect(),
        };
        if tokens.iter().all(|x| *x == 0.0) {
            return Err(Error::of("places", "all tokens are zero, and zero stays zero: move one of them"));
        }
        let ordered = if settings.reorder { flow.reorder(&tokens) } else { tokens.clone() };
        Ok(Self {
            step: 0,
            run: Watched::new(&ordered, flow.d, PATIENCE),
            plain: Watched::new(&tokens, flow.d, PATIENCE),
            attention: Watched::new(&ordered, flow.d, PATIENCE),
            path: Vec::new(),
            plain_path: Vec::new(),
            attention_path: Vec::new(),
            draws: Vec::new(),
            diagram: Vec::new(),
            portrait: Rc::new(portrait(&flow, settings.time)),
            training: Training::new(decay, rng),
            rng: rng.clone(),
            flow: Rc::new(flow),
            settings: settings.clone(),
        })
    }

    fn length(&self) -> usize {
        STEPS
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        self.step += 1;
        let (time, flow) = (self.time(self.step), &self.flow);
        self.run.advance(|x, slope| flow.slope(x, slope), time);
        self.attention.advance(|x, slope| flow.attention(x, slope), time);
        let record = |run: &Watched, path: &mut Vec<Rc<Vec<f64>>>| {
            if !run.exploded && run.solution.t() >= time {
                path.push(Rc::new(run.solution.y().to_vec()));
            }
        };
        record(&self.run, &mut self.path);
        record(&self.attention, &mut self.attention_path);
        if self.settings.reorder {
            self.plain.advance(|x, slope| flow.slope(x, slope), time);
            record(&self.plain, &mut self.plain_path);
        }
        self.draws.push(random_draw(&self.settings, &mut self.rng));
        for _ in 0..CELLS * CELLS / STEPS {
            self.random_cell();
        }
        self.training.advance();
        if self.step.is_multiple_of(8) || self.step == 1 {
            self.training.record();
        }
        if self.step < STEPS { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_paths(figures);
        self.draw_portrait(figures);
        self.draw_diagram(figures);
        self.draw_draws(figures);
        self.draw_training(figures);
    }

    fn claim(&self) -> Claim {
        let open = self.step < STEPS;
        let mu = self.settings.mu;
        let own = (self.step > 0).then(|| self.run.obedient(mu));
        let text = if mu > 0.0 {
            "A share of {value} of the tokens above has only grown (bound {low}), as μ > 0 says."
        } else if mu < 0.0 {
            "A share of {value} of the tokens above has only shrunk (bound {low}), as μ < 0 says."
        } else {
            "With μ = 0 nothing moves: a share of {value} of the tokens goes anywhere (bound {low})."
        };
        let power = if open || self.exponent().is_some() {
            "Where they die the first token falls like a power of time; the exponent farthest from −1/2 is {value} (bounds \
             {low} and {high})."
        } else {
            "No draw with μ < 0 runs to its end: there is no power of time to be measured."
        };
        Claim::new(vec![
            Clause::at_least(text, own, 1.0).holds_only_after(open),
            Clause::at_least(
                "In a share of {value} of 200 random draws all tokens die where μ < 0, all grow where μ > 0 (bound {low}).",
                self.agreement(),
                1.0,
            )
            .holds_only_after(open),
            Clause::within(
                power,
                // Without such a draw there is no number, and NaN, which no bound admits.
                self.exponent().or((!open).then_some(f64::NAN)),
                -0.55,
                -0.45,
            )
            .pending_while(open),
            Clause::at_least(
                "Where they grow they do so unequally: in a share of {value} of those draws the fastest token's growth is at \
                 least the slowest's to the power 1.2 (bound {low}).",
                self.unequal(),
                0.9,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "explosion",
                "μ > 0",
                "All tokens grow, each at its own pace, until the first explodes at a finite depth; there the run ends.",
                default(),
            ),
            Scenario::holds(
                "death",
                "μ < 0",
                "All tokens die, however they start: the first like one over the root of time.",
                Settings { mu: -1.0, ..default() },
            ),
            Scenario::holds(
                "reordered",
                "Reordered",
                "The longest step comes last. The sign still decides, only the ranks change.",
                Settings { reorder: true, s_delta: 1.0, count: 16, ..default() },
            ),
            Scenario::fails(
                "both-signs",
                "Two signs in the plane",
                "An input-output matrix with eigenvalues of both signs: tokens shrink, turn and grow.",
                Settings { dimension: Dimension::Two, ..default() },
            ),
            Scenario::fails(
                "frozen",
                "μ = 0",
                "Nothing reads the state: the tokens stand still.",
                Settings { mu: 0.0, ..default() },
            ),
        ]
    }
}

/// The places from left to right.
fn in_order(places: &Points) -> Vec<[f64; 2]> {
    let mut places = places.0.clone();
    places.sort_by(|a, b| a[0].total_cmp(&b[0]));
    places
}

impl MambaTokenFlow {
    fn draw_paths(&self, figures: &mut Figures) {
        let d = self.flow.d;
        let end = if self.run.exploded { " The lines end in an explosion." } else { "" };
        let order = if self.settings.reorder { " or in their original order" } else { "" };
        let caption = format!(
            "The size of each token through the depth of the network, from the first (blue) to the last (green).{end} Dashed: the first \
             and the last of them under softmax attention{order}. What leaves the figure lies on its edge."
        );
        let mut figure = figures.figure("paths", "All die or all explode", caption);
        let (low, high): (f64, f64) = match (self.settings.dimension, self.settings.mu) {
            (Dimension::One, mu) if mu < 0.0 => (1e-3, 10.0),
            (Dimension::One, mu) if mu > 0.0 => (1e-2, HUGE),
            _ => (1e-3, HUGE),
        };
        figure
            .x(Axis::log("depth t").domain(FIRST, self.settings.time))
            .y(Axis::log("size of a token |x|").domain(low, high));
        let times: Vec<f64> = (1..=self.step).map(|step| self.time(step)).collect();
        let size = |x: &[f64], l: usize| sizes(&x[l * d..(l + 1) * d], d)[0].clamp(low, high);
        let count = self.run.start.len();
        let every = count.div_ceil(12);
        let shown =
            |path: &[Rc<Vec<f64>>], l: usize| -> Vec<f64> { path.iter().step_by(every).map(|x| size(x, l)).collect() };
        let times: Vec<f64> = times.into_iter().step_by(every).collect();
        for (l, contender, path) in
            [(0, "attention", &self.attention_path), (count - 1, "attention", &self.attention_path)]
        {
            figure.line(&times, shown(path, l)).of(contender).dashed();
        }
        if self.settings.reorder {
            for l in [0, count - 1] {
                figure.line(&times, shown(&self.plain_path, l)).of("plain").dashed();
            }
        }
        for l in 0..count {
            let tone = l as f64 / count as f64;
            let line = figure.line(&times, shown(&self.path, l));
            if l == 0 {
                line.of("refined").label("first token")
            } else {
                line.ink(Ink::Tone(tone))
            };
        }
        if self.run.exploded {
            figure.rule_x([self.run.solution.t().max(FIRST)]).dashed().label("explosion");
        }
    }

    fn draw_portrait(&self, figures: &mut Figures) {
        let (title, caption, x, y) = match self.settings.dimension {
            Dimension::One => (
                "Two tokens",
                "Where two tokens go from sixteen starts. Neither ever crosses zero, and the first does not heed the second.",
                "first token",
                "second token",
            ),
            Dimension::Two => (
                "Tokens in the plane",
                "Arrows: where a token goes by itself. Lines: your tokens together.",
                "first number",
                "second number",
            ),
        };
        let mut figure = figures.figure("portrait", title, caption);
        figure.x(Axis::linear(x).domain(-WINDOW, WINDOW)).y(Axis::linear(y).domain(-WINDOW, WINDOW)).equal();
        let side = 13_u32;
        // No arrow leaves the window.
        let at = |i: u32| (WINDOW - 0.4) * (2.0 * f64::from(i) / f64::from(side - 1) - 1.0);
        let (mut from, mut along) = (Vec::new(), Vec::new());
        for i in 0..side * side {
            let p = [at(i % side), at(i / side)];
            let mut slope = [0.0; 2];
            self.flow.slope(&p, &mut slope);
            let size = inner(&slope, &slope).sqrt();
            if size > 1e-9 {
                let length = 0.36 * (size / (size + 0.3)).sqrt();
                from.push(p);
                along.push(slope.map(|s| length * s / size));
            }
        }
        let part = |points: &[[f64; 2]], i: usize| points.iter().map(|p| p[i]).collect::<Vec<f64>>();
        figure.arrow(part(&from, 0), part(&from, 1), part(&along, 0), part(&along, 1)).ink(Ink::Muted);
        if self.settings.dimension == Dimension::One {
            for path in self.portrait.iter() {
                figure.line(part(path, 0), part(path, 1)).of("refined").label("selective SSM");
                if let Some(start) = path.first() {
                    figure.dot([start[0]], [start[1]]).radius(2.0).ink(Ink::Strong);
                }
            }
        } else {
            let count = self.run.start.len();
            for l in 0..count {
                let inside = |p: &[f64; 2]| p[0].abs() <= WINDOW && p[1].abs() <= WINDOW;
                let path: Vec<[f64; 2]> =
                    self.path.iter().step_by(2).map(|x| [x[2 * l], x[2 * l + 1]]).take_while(inside).collect();
                let line = figure.line(part(&path, 0), part(&path, 1));
                if l == 0 {
                    line.of("refined").label("first token")
                } else {
                    line.ink(Ink::Tone(l as f64 / count as f64))
                };
            }
        }
    }

    fn draw_diagram(&self, figures: &mut Figures) {
        let caption = "Each cell is a draw of eight tokens, integrated: the growth of the middle one. Cut at a hundredfold; the cross is your setting.";
        let mut figure = figures.figure("diagram", "One sign decides", caption);
        // Room for the cross of a setting at the end.
        let end = 1.05 * END;
        figure.x(Axis::linear("μ").domain(-end, end)).y(Axis::linear("S_Δ").domain(-end, end));
        let rows = self.diagram.len() / CELLS;
        if rows > 0 {
            let top = END * (2.0 * rows as f64 / CELLS as f64 - 1.0);
            let grid = Grid { values: &self.diagram[..rows * CELLS], columns: CELLS, x: [-END, END], y: [-END, top] };
            figure.raster(grid, Colors::diverging("growth, powers of ten").domain(-GROWTH, GROWTH));
        }
        figure.dot([self.settings.mu], [self.settings.s_delta]).symbol(Symbol::Cross).radius(6.0).ink(Ink::Strong);
    }

    fn draw_draws(&self, figures: &mut Figures) {
        let caption = "Two hundred draws: the growth of the slowest and of the fastest of eight tokens. A ring off its quadrant would refute the theorem.";
        let mut figure = figures.figure("draws", "Slowest and fastest", caption);
        let (low, high) = (-4.0, 8.0);
        figure
            .x(Axis::linear("μ of the draw").domain(-2.1, 2.1))
            .y(Axis::linear("growth, powers of ten").domain(low, high));
        let mus = || self.draws.iter().map(|draw| draw.mu);
        let growth = |i: usize| {
            let decade = log(10.0);
            self.draws.iter().map(move |draw| (draw.growth[i] / decade).clamp(low, high))
        };
        let ends = |i: usize| mus().zip(growth(i)).map(|(mu, g)| [mu, g]).collect::<Vec<_>>();
        figure.link(&ends(0), &ends(1), None).ink(Ink::Muted).faint();
        figure.dot(mus(), growth(0)).of("refined").symbol(Symbol::Ring).label("slowest token");
        figure.dot(mus(), growth(1)).ink(Ink::Strong).radius(2.0).label("fastest token");
        figure.rule_y([0.0]);
        figure.rule_x([0.0]);
    }

    fn draw_training(&self, figures: &mut Figures) {
        let caption = "Two selective layers learn to copy two marked tokens out of fourteen places: held-out loss in three regimes of S_C, S_B.";
        let mut figure = figures.figure("training", "Does it matter for learning?", caption);
        figure.x(Axis::linear("step of Adam").domain(0.0, STEPS as f64)).y(Axis::log("held-out loss").domain(0.1, 5.0));
        for (losses, (_, contender)) in self.training.losses.iter().zip(REGIMES) {
            figure.line(losses.xs(), losses.ys().map(|loss| loss.clamp(0.1, 5.0))).of(contender);
        }
        figure.rule_y([log(KINDS as f64)]).dashed().label("guessing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    /// The sum as the paper has it.
    fn by_sums(flow: &Flow, x: &[f64]) -> Vec<f64> {
        let d = flow.d;
        let count = x.len() / d;
        let delta = |j: usize, channel: usize| softplus(flow.s_delta * x[j * d + channel]);
        let mut slope = vec![0.0; x.len()];
        for l in 0..count {
            for j in 0..=l {
                let mut form = 0.0;
                for i in 0..d {
                    for k in 0..d {
                        form += x[l * d + i] * flow.m[i * d + k] * x[j * d + k];
                    }
                }
                for channel in 0..d {
                    let between: f64 = (j + 1..=l).map(|k| delta(k, channel)).sum();
                    slope[l * d + channel] +=
                        form * exp(-flow.decay * between) * delta(j, channel) * x[j * d + channel];
                }
            }
        }
        slope
    }

    proptest! {
        #[test]
        fn the_scan_is_the_sum_of_the_paper(seed in 0_u64..1000, mu in -2.0..2.0, ratio in -1.0..1.0, s in -2.0..2.0, a in 0.0..3.0) {
            let mut rng = Rng::seed_from_u64(seed);
            for flow in [Flow::one(mu, s, a), Flow::two(mu, ratio, 0.7, s, a)] {
                let x = random_tokens(6 * flow.d, &mut rng);
                let mut slope = vec![0.0; x.len()];
                flow.slope(&x, &mut slope);
                for (mine, sum) in slope.iter().zip(by_sums(&flow, &x)) {
                    prop_assert!((mine - sum).abs() < 1e-11 * (1.0 + sum.abs()));
                }
            }
        }

        #[test]
        fn attention_of_equal_scores_is_the_mean_of_those_before(mu in -2.0..2.0, x in -2.0..2.0) {
            // Orthogonal to all keys: every score is zero.
            let flow = Flow::two(mu, 1.0, 0.0, 0.0, 0.0);
            let tokens = [x, 0.0, -x, 0.0, 0.0, 1.0];
            let mut slope = [0.0; 6];
            flow.attention(&tokens, &mut slope);
            let own = exp(mu);
            prop_assert!((slope[5] - mu * own / (2.0 + own)).abs() < 1e-12 && slope[4].abs() < 1e-12);
        }
    }

    #[test]
    fn a_lone_token_without_a_selective_step_has_a_closed_form() {
        // S_Δ = 0: ẋ = μ log 2 x³, x = (x₀⁻² − 2 μ log 2 t)^{−1/2}, which explodes at t = 1/(2 μ log 2 x₀²).
        let two = std::f64::consts::LN_2;
        for (mu, t) in [(-1.3, 40.0), (0.9, 0.19)] {
            let flow = Flow::one(mu, 0.0, 1.0);
            let mut run = Watched::new(&[1.5], 1, PATIENCE);
            run.advance(|x, slope| flow.slope(x, slope), t);
            let exact = 1.0 / (1.0 / 2.25 - 2.0 * mu * two * t).sqrt();
            assert!((run.solution.y()[0] / exact - 1.0).abs() < 1e-5 && !run.exploded);
            assert_eq!(run.obedient(mu), 1.0);
        }
        let flow = Flow::one(0.9, 0.0, 1.0);
        let mut run = Watched::new(&[1.5], 1, PATIENCE);
        run.advance(|x, slope| flow.slope(x, slope), 10.0);
        assert!(run.exploded && (run.solution.t() - 1.0 / (1.8 * two * 2.25)).abs() < 1e-4);
    }

    #[test]
    fn reordering_puts_the_longest_step_last_and_keeps_the_tokens() {
        let ordered = Flow::one(1.0, -1.0, 1.0).reorder(&[0.5, -2.0, 1.0]);
        assert_eq!(ordered, [1.0, 0.5, -2.0]);
    }

    #[test]
    fn the_regimes_have_the_sign_they_are_named_for_and_gradients_that_lower_the_loss() {
        let mut rng = Rng::seed_from_u64(2);
        let mut training = Training::new(1.0, &mut rng);
        training.record();
        for _ in 0..60 {
            training.advance();
        }
        training.record();
        for losses in &training.losses {
            let all: Vec<f64> = losses.ys().collect();
            assert!(all[1] < all[0], "{all:?}");
        }
    }
}
