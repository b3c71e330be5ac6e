//! A machine that reasons by feeding its answer back to itself iterates a map $T$. The paper proposes to average while
//! iterating,
//!
//! $$s_{t+1}=(1-\alpha_t)\,s_t+\alpha_t\,T(s_t)+\eta_t,\qquad\alpha_t=\frac{2}{t+2},$$
//!
//! in the coordinates $\nabla\phi$ of a Bregman divergence $D_\phi$, and states that for a contraction the distance to
//! the fixed point falls as $D_\phi(s_t,s^*)=O(1/t^2)$.
//!
//! What you see is the experiment that could refute it. An error that $T$ multiplies by $\gamma$ is multiplied by
//! $1-\alpha_t(1-\gamma)$ here, and the product of these is $t^{-2(1-\gamma)}$. The divergence is quadratic in the error, so its
//! slope on logarithmic axes is $-4(1-\gamma)$: the statement is true up to $\gamma=\tfrac12$ and false beyond. The map in
//! the third figure shows the measured slopes.
//!
//! **Try** dragging $\gamma$ through 0.5, and $t^2D$ in the second figure turns from falling to rising. Then compare with the
//! baselines. Plain iteration gains a factor $\gamma$ each time, which is geometric; averaging turns that into a power of
//! $t$. It is slower at every $\gamma$, and Anderson's extrapolation is faster still. A feed-forward chain of $L$ layers
//! stops where plain iteration is after $L$ steps, which is the paper's second point.
//!
//! **What averaging is for** is noise. Let the perturbation enter *within the map*: plain iteration stays on a floor, and the
//! averaged one goes on falling, as the weights $\alpha_t$ shrink. Let it enter *after averaging*, as the formula above has
//! it, and nothing shrinks it: the error now grows with $t$, since ever smaller steps correct it ever less. So we
//! measure no noise floor in the paper's sense in either case.
//!
//! **Where it stops.** The weights and constants are reconstructed from the abstract. The maps are small: a soft Bellman
//! operator (30 states, 4 actions, temperature 0.1), a symmetric linear map in 20 dimensions, and
//! $T(s)\propto s^\gamma s^{*\,1-\gamma}$ on the simplex of 10. The last is a contraction in the logarithms; with the divergence
//! KL it is averaged there. The linear map has negative numbers, and no KL.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{LineFit, View, inner, matvec, ridge};
use orrery_kernels::math::{exp, log, log_sum_exp};
use orrery_kernels::random::{normals, symmetric};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "iterate-to-accelerate",
    title: "Iterate to Accelerate: A Unified Framework for Iterative Reasoning and Feedback Convergence",
    year: 2025,
    lists: &[1],
    claim: "Averaging a contraction's iterates brings them to its fixed point as 1/t².",
    algorithms: &[
        "averaged fixed-point iteration",
        "Anderson acceleration",
        "Bellman operator",
        "Bregman divergence",
        "mirror descent",
        "Krasnoselskii-Mann iteration",
    ],
    contenders: &[
        Contender::paper("averaged", "averaged"),
        Contender::baseline("plain", "plain iteration"),
        Contender::baseline("anderson", "Anderson"),
        Contender::baseline("layers", "feed-forward, L layers"),
    ],
};

/// What is iterated.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Map {
    /// $T(v)_s=\tau\log\sum_a\exp((r_{sa}+\gamma\sum_{s'}P_{sas'}v_{s'})/\tau)$.
    #[choice("soft Bellman")]
    Bellman,
    /// $T(s)=s^*+A(s-s^*)$, eigenvalues of $A$ from $-\gamma$ to $\gamma$.
    #[choice("linear")]
    Linear,
    /// $T(s)\propto s^\gamma s^{*\,1-\gamma}$.
    #[choice("entropic mirror map")]
    Entropic,
}

/// How much of the map is taken.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Weights {
    /// The paper's.
    #[choice("2/(t+2)")]
    Twice,
    /// The arithmetic mean's.
    #[choice("1/(t+1)")]
    Once,
    /// All of it.
    #[choice("constant 1")]
    One,
}

impl Weights {
    fn at(self, t: usize) -> f64 {
        match self {
            Self::Twice => 2.0 / (t + 2) as f64,
            Self::Once => 1.0 / (t + 1) as f64,
            Self::One => 1.0,
        }
    }
}

/// What distances are measured by, and in which coordinates is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Divergence {
    /// $\tfrac12\|s-s^*\|^2$.
    #[choice("Euclidean")]
    Euclidean,
    /// $\sum s\log(s/s^*)-s+s^*$, averaged in logarithms.
    #[choice("KL")]
    Kl,
}

/// Where the perturbation comes in.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Enters {
    /// It is weighted like the map.
    #[choice("within the map")]
    Map,
    /// It is added to the average.
    #[choice("after averaging")]
    State,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What an error is multiplied by.
    #[control(label = "contraction factor γ", range = 0.05..=0.99, default = 0.4)]
    pub gamma: f64,
    /// What is iterated.
    #[control(label = "map", default = Map::Bellman)]
    pub map: Map,
    /// How much of the map is taken at step t.
    #[control(label = "averaging α", default = Weights::Twice)]
    pub averaging: Weights,
    /// What distances are measured by, and in which coordinates is averaged.
    #[control(label = "divergence", default = Divergence::Euclidean)]
    pub divergence: Divergence,
    /// The deviation of normal noise on every coordinate at every step.
    #[control(label = "perturbation", range = 0.0..=0.1, default = 0.0)]
    pub perturbation: f64,
    /// Where the perturbation comes in.
    #[control(label = "perturbation enters", default = Enters::Map)]
    pub enters: Enters,
    /// Layers of the feed-forward chain.
    #[control(label = "depth L", range = 1..=60, default = 10)]
    pub depth: usize,
    /// Earlier points that Anderson's extrapolation uses; 0 is plain iteration.
    #[control(label = "Anderson memory", range = 0..=10, default = 5)]
    pub memory: usize,
}

/// A map with its fixed point.
enum Operator {
    /// $r$ and $P$ by states and actions, $\gamma$, $\tau$.
    Bellman {
        rewards: Vec<f64>,
        transitions: Vec<f64>,
        gamma: f64,
    },
    Linear {
        matrix: Vec<f64>,
        fixed: Vec<f64>,
    },
    Entropic {
        fixed: Vec<f64>,
        gamma: f64,
    },
}

const STATES: usize = 30;
const ACTIONS: usize = 4;
const TEMPERATURE: f64 = 0.1;

impl Operator {
    fn new(map: Map, gamma: f64, rng: &mut Rng) -> Self {
        match map {
            Map::Bellman => {
                let rewards = (0..STATES * ACTIONS).map(|_| rng.random::<f64>()).collect();
                let mut transitions = Vec::with_capacity(STATES * ACTIONS * STATES);
                for _ in 0..STATES * ACTIONS {
                    let weights: Vec<f64> = (0..STATES).map(|_| -log(1.0 - rng.random::<f64>())).collect();
                    let sum: f64 = weights.iter().sum();
                    transitions.extend(weights.iter().map(|weight| weight / sum));
                }
                Self::Bellman { rewards, transitions, gamma }
            }
            Map::Linear => {
                let eigenvalues: Vec<f64> = (0..20).map(|k| gamma * (1.0 - f64::from(k) / 9.5)).collect();
                let matrix = symmetric(&eigenvalues, rng).as_slice().to_vec();
                Self::Linear { matrix, fixed: normals(20, rng) }
            }
            Map::Entropic => Self::Entropic { fixed: normalised(&normals(10, rng)), gamma },
        }
    }

    fn start(&self) -> Vec<f64> {
        match self {
            Self::Bellman { .. } => vec![5.0; STATES],
            Self::Linear { fixed, .. } => fixed.iter().map(|s| s + 1.0).collect(),
            Self::Entropic { .. } => vec![0.1; 10],
        }
    }

    fn apply(&self, s: &[f64]) -> Vec<f64> {
        match self {
            Self::Bellman { rewards, transitions, gamma } => {
                let next = matvec(View::by_rows(transitions, STATES * ACTIONS, STATES), s);
                let q: Vec<f64> = rewards.iter().zip(&next).map(|(r, v)| (r + gamma * v) / TEMPERATURE).collect();
                q.chunks_exact(ACTIONS).map(|q| TEMPERATURE * log_sum_exp(q)).collect()
            }
            Self::Linear { matrix, fixed } => {
                let error: Vec<f64> = s.iter().zip(fixed).map(|(s, f)| s - f).collect();
                let moved = matvec(View::by_rows(matrix, s.len(), s.len()), &error);
                fixed.iter().zip(&moved).map(|(f, m)| f + m).collect()
            }
            Self::Entropic { fixed, gamma } => {
                // Extrapolation may leave the simplex.
                let u = s.iter().zip(fixed).map(|(s, f)| gamma * log(s.max(1e-300)) + (1.0 - gamma) * log(*f));
                normalised(&u.collect::<Vec<f64>>())
            }
        }
    }

    fn fixed_point(&self) -> Vec<f64> {
        match self {
            Self::Linear { fixed, .. } | Self::Entropic { fixed, .. } => fixed.clone(),
            Self::Bellman { .. } => {
                let mut s = self.start();
                for _ in 0..5000 {
                    let next = self.apply(&s);
                    let moved = s.iter().zip(&next).map(|(s, n)| (s - n).abs()).fold(0.0, f64::max);
                    s = next;
                    if moved == 0.0 {
                        break;
                    }
                }
                s
            }
        }
    }

    fn on_simplex(&self) -> bool {
        matches!(self, Self::Entropic { .. })
    }
}

/// The distribution with these logarithms, up to a constant.
fn normalised(u: &[f64]) -> Vec<f64> {
    let total = log_sum_exp(u);
    u.iter().map(|u| exp(u - total)).collect()
}

/// $D_\phi(s,s^*)$.
fn divergence(kind: Divergence, s: &[f64], fixed: &[f64]) -> f64 {
    let term = |(s, f): (&f64, &f64)| match kind {
        Divergence::Euclidean => 0.5 * (s - f) * (s - f),
        Divergence::Kl => {
            // s log(s/s*) - s + s* = s*((δ - 1) e^δ + 1); near zero by its series, as the difference would be noise.
            let delta = log(s.max(1e-300) / f);
            let series = delta * delta * (0.5 + delta / 3.0);
            f * if delta.abs() < 1e-4 { series } else { (delta - 1.0) * exp(delta) + 1.0 }
        }
    };
    s.iter().zip(fixed).map(term).sum()
}

/// The averaged iteration, or plain iteration with the weight 1.
#[derive(Clone)]
struct Averaged {
    s: Vec<f64>,
    rng: Rng,
    t: usize,
}

impl Averaged {
    fn new(operator: &Operator, rng: &Rng) -> Self {
        Self { s: operator.start(), rng: rng.clone(), t: 0 }
    }

    fn advance(&mut self, operator: &Operator, weights: Weights, kind: Divergence, noise: (f64, Enters)) {
        let alpha = weights.at(self.t);
        let (level, enters) = noise;
        let scale = level * if enters == Enters::Map { alpha } else { 1.0 };
        let moved = operator.apply(&self.s);
        let shaken = if level > 0.0 { normals(self.s.len(), &mut self.rng) } else { vec![0.0; self.s.len()] };
        for ((s, moved), eta) in self.s.iter_mut().zip(&moved).zip(&shaken) {
            // s ← (1-α)s + αT(s) + η, or the same of log s
            *s = match kind {
                Divergence::Euclidean => (1.0 - alpha) * *s + alpha * moved + scale * eta,
                Divergence::Kl => exp((1.0 - alpha) * log(s.max(1e-300)) + alpha * log(*moved) + scale * eta),
            };
        }
        if operator.on_simplex() && kind == Divergence::Kl {
            let sum: f64 = self.s.iter().sum();
            self.s.iter_mut().for_each(|s| *s /= sum);
        }
        self.t += 1;
    }
}

/// Anderson's extrapolation (Walker and Ni, "Anderson Acceleration for Fixed-Point Iterations", 2011, in the form with
/// differences).
#[derive(Clone)]
struct Anderson {
    s: Vec<f64>,
    rng: Rng,
    /// Earlier points and their residuals $T(s)-s$.
    past: Vec<[Vec<f64>; 2]>,
}

impl Anderson {
    fn advance(&mut self, operator: &Operator, memory: usize, level: f64) {
        let shaken = if level > 0.0 { normals(self.s.len(), &mut self.rng) } else { vec![0.0; self.s.len()] };
        let moved = operator.apply(&self.s);
        let residual: Vec<f64> =
            moved.iter().zip(&self.s).zip(&shaken).map(|((m, s), eta)| m + level * eta - s).collect();
        self.past.push([self.s.clone(), residual.clone()]);
        if self.past.len() > memory + 1 {
            self.past.remove(0);
        }
        let k = self.past.len() - 1;
        let difference = |j: usize, which: usize| -> Vec<f64> {
            self.past[j + 1][which].iter().zip(&self.past[j][which]).map(|(a, b)| a - b).collect()
        };
        let steps: Vec<Vec<f64>> = (0..k).map(|j| difference(j, 0)).collect();
        let turns: Vec<Vec<f64>> = (0..k).map(|j| difference(j, 1)).collect();
        let gram: Vec<f64> = (0..k * k).map(|i| inner(&turns[i / k], &turns[i % k])).collect();
        let right: Vec<f64> = turns.iter().map(|turn| inner(turn, &residual)).collect();
        // θ = argmin ‖f - ΔF θ‖,  s ← s + f - (ΔS + ΔF) θ
        let theta = if k > 0 { ridge(&gram, 0.0, &right, k, 1) } else { Vec::new() };
        let mut next: Vec<f64> = self.s.iter().zip(&residual).map(|(s, f)| s + f).collect();
        for ((step, turn), theta) in steps.iter().zip(&turns).zip(&theta) {
            next.iter_mut().zip(step).zip(turn).for_each(|((n, s), f)| *n -= theta * (s + f));
        }
        if next.iter().all(|s| s.is_finite() && s.abs() < 1e6) {
            self.s = next;
        } else {
            // Nothing is left to extrapolate from.
            self.past.clear();
        }
    }
}

/// Iterations, and the window over which the slope is read.
const STEPS: usize = 2000;
const WINDOW: f64 = 200.0;

/// Below this the divergence is rounding.
const FLOOR: f64 = 1e-28;

/// The slope of a divergence on logarithmic axes over the last tenfold of time; what has come to the floor before that
/// has the mean slope of its way there.
fn slope(points: &[[f64; 2]]) -> Option<f64> {
    let [[from, first], ..] = *points else { return None };
    if let Some([t, _]) = points.iter().find(|[t, d]| *t <= 2.0 * WINDOW && *d <= FLOOR) {
        return (*t > from).then(|| log(FLOOR / first) / log(*t));
    }
    let late = points.iter().filter(|[t, d]| *t >= WINDOW && *d > FLOOR).map(|[t, d]| [log(*t), log(*d)]);
    LineFit::through(late).map(|fit| fit.slope)
}

/// The cells of the map: contraction factors across, perturbations up.
const ACROSS: usize = 12;
const LEVELS: [f64; 6] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    operator: Operator,
    point: Vec<f64>,
}

const IDS: [&str; 4] = ["averaged", "plain", "anderson", "layers"];

/// The exhibit.
#[derive(Clone)]
pub struct IterateToAccelerate {
    fixed: Rc<Fixed>,
    rng: Rng,
    t: usize,
    averaged: Averaged,
    plain: Averaged,
    anderson: Anderson,
    curves: Curves,
    /// $t^2D$ of the averaged iteration.
    scaled: Series,
    points: Vec<[f64; 2]>,
    /// The greatest $t^2D$ and when it was met.
    peak: [f64; 2],
    layers: f64,
    slopes: Vec<f64>,
}

impl IterateToAccelerate {
    const FRAMES: usize = 100;

    /// One more cell of the map, of the linear operator.
    fn cell(&mut self) {
        let cell = self.slopes.len();
        if cell >= ACROSS * LEVELS.len() {
            return;
        }
        let setting = &self.fixed.setting;
        let gamma = (cell % ACROSS) as f64 / ACROSS as f64 + 0.5 / ACROSS as f64;
        let operator = Operator::new(Map::Linear, gamma, &mut self.rng.clone());
        let (fixed, mut run) = (operator.fixed_point(), Averaged::new(&operator, &self.rng));
        let mut points = Vec::new();
        for t in 1..=STEPS {
            run.advance(&operator, setting.averaging, Divergence::Euclidean, (LEVELS[cell / ACROSS], setting.enters));
            if t % 20 == 0 {
                points.push([t as f64, divergence(Divergence::Euclidean, &run.s, &fixed).max(FLOOR)]);
            }
        }
        self.slopes.push(slope(&points).unwrap_or(0.0).clamp(-6.0, 2.0));
    }
}

impl Exhibit for IterateToAccelerate {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.map == Map::Linear && setting.divergence == Divergence::Kl {
            return Err(Error::of("divergence", "KL is for positive numbers, and the linear map has negative ones"));
        }
        let operator = Operator::new(setting.map, setting.gamma, rng);
        let point = operator.fixed_point();
        let averaged = Averaged::new(&operator, rng);
        Ok(Self {
            rng: rng.clone(),
            t: 0,
            plain: averaged.clone(),
            anderson: Anderson { s: averaged.s.clone(), rng: rng.clone(), past: Vec::new() },
            averaged,
            curves: Curves::new(&IDS, FLOOR),
            scaled: Series::new(),
            points: Vec::new(),
            peak: [0.0, 0.0],
            layers: 0.0,
            slopes: Vec::new(),
            fixed: Rc::new(Fixed { setting: setting.clone(), operator, point }),
        })
    }

    fn length(&self) -> usize {
        Self::FRAMES
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let Setting { averaging, divergence: kind, perturbation, enters, depth, memory, .. } = fixed.setting;
        for _ in 0..STEPS / Self::FRAMES {
            self.averaged.advance(&fixed.operator, averaging, kind, (perturbation, enters));
            self.plain.advance(&fixed.operator, Weights::One, kind, (perturbation, enters));
            self.anderson.advance(&fixed.operator, memory, perturbation);
            self.t += 1;
            let t = self.t as f64;
            let distance = |s: &[f64]| divergence(kind, s, &fixed.point).clamp(FLOOR, 1e12);
            let [ours, plain] = [distance(&self.averaged.s), distance(&self.plain.s)];
            if self.t <= depth {
                self.layers = plain;
            }
            self.points.push([t, ours]);
            if t * t * ours > self.peak[0] {
                self.peak = [t * t * ours, t];
            }
            // Evenly on a logarithmic axis, once there are many.
            if self.t < 40 || self.t.is_multiple_of(1 + self.t / 40) || self.t == STEPS {
                for (id, value) in IDS.iter().zip([ours, plain, distance(&self.anderson.s), self.layers]) {
                    self.curves.push(id, t, value);
                }
                // Times t², rounding would seem to rise.
                if ours > FLOOR {
                    self.scaled.push(t, t * t * ours);
                }
            }
        }
        self.cell();
        if self.t >= STEPS { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let setting = &self.fixed.setting;
        let steps = || Axis::log("step t").domain(1.0, STEPS as f64);
        let first = self.points.first().map_or(1.0, |p| p[1]);
        let caption =
            "Straight lines are powers of t; the dashed one is the 1/t² that is claimed. Iterating alone is geometric.";
        let mut distance =
            self.curves.figure(figures, "distance", "The way to the fixed point", caption, ["step t", "D(s, s*)"]);
        distance.x(steps());
        let end = first / (STEPS * STEPS) as f64;
        distance.line([1.0, STEPS as f64], [first, end]).ink(Ink::Muted).dashed().label("1/t²");

        let caption = "Level or falling where the claim is true, rising where it is not.";
        let mut scaled = figures.figure("scaled", "t² D, which is to stay bounded", caption);
        scaled.x(steps()).y(Axis::log("t² D"));
        scaled.line(self.scaled.xs(), self.scaled.ys()).of("averaged");

        let caption = "The slope from step 200 on, for the linear map. The claim is −2 or less; the line is γ = ½. \
                       The ring is this run, below the map if nothing perturbs it.";
        let mut map = figures.figure("slopes", "The measured slope", caption);
        map.x(Axis::linear("γ").domain(0.0, 1.0)).y(Axis::log("perturbation").domain(1.2e-7, 0.32));
        let rows = self.slopes.len() / ACROSS;
        if rows > 0 {
            let top = 10.0_f64.sqrt() * LEVELS[rows - 1];
            let grid = Grid {
                values: &self.slopes[..rows * ACROSS],
                columns: ACROSS,
                x: [0.0, 1.0],
                y: [1e-6 / 10.0_f64.sqrt(), top],
            };
            map.raster(grid, Colors::diverging("slope").domain(-4.0, 4.0));
        }
        map.rule_x([0.5]).ink(Ink::Strong).dashed();
        let level = if setting.perturbation > 0.0 { setting.perturbation.clamp(4e-7, 0.25) } else { 2e-7 };
        map.dot([setting.gamma], [level]).symbol(Symbol::Ring).radius(6.0).ink(Ink::Accent);

        let caption = format!("Until D is 10⁻⁸. On the dashed line: not within {STEPS}.");
        let mut count = figures.figure("count", "Iterations needed", caption);
        count.x(Axis::categories("method", ["averaged", "plain", "Anderson"]));
        count.y(Axis::log("iterations").domain(1.0, 2.0 * STEPS as f64));
        count.rule_y([STEPS as f64]).ink(Ink::Muted).dashed();
        for (k, id) in IDS.iter().take(3).enumerate() {
            let needed = self.curves.first_at_most(id, 1e-8).unwrap_or(self.t.max(1) as f64);
            count.dot([k as f64], [needed]).of(id).radius(7.0);
        }
    }

    fn claim(&self) -> Claim {
        let open = self.t < STEPS;
        let late = self.t as f64 > 2.0 * WINDOW;
        let fitted = late.then(|| slope(&self.points)).flatten();
        let met = (self.t > 0).then_some(self.peak[1]);
        Claim::new(vec![
            Clause::at_most("From step 200 on D falls with the slope {value}, at most {high}.", fitted, -2.0)
                .pending_while(open),
            Clause::at_most("t² D was greatest at step {value}, at most {high}.", met, WINDOW).holds_only_after(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds("default", "γ = 0.4", "The slope is −4(1 − γ) = −2.4.", default.clone()),
            Scenario::holds(
                "entropic",
                "On the simplex",
                "Averaged in logarithms, measured by KL: the same slope.",
                Setting { map: Map::Entropic, divergence: Divergence::Kl, ..default.clone() },
            ),
            Scenario::fails(
                "slow",
                "γ = 0.9",
                "The slope is −0.4, and t² D grows without bound; plain iteration is geometric even so.",
                Setting { gamma: 0.9, ..default.clone() },
            ),
            Scenario::fails(
                "noisy-map",
                "A noisy map",
                "What averaging is for: it goes on falling, in the end as 1/t, while plain iteration stays on its floor.",
                Setting { perturbation: 0.02, ..default.clone() },
            ),
            Scenario::fails(
                "noisy-state",
                "Noise after averaging",
                "As the formula has it: the noise is not averaged, and the error grows with t.",
                Setting { perturbation: 0.02, enters: Enters::State, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    // The product that the essay speaks of: along an eigenvector of eigenvalue γ the error after t steps is
    // Π (1 - 2(1-γ)/(k+2)) for k from 0, and its slope comes to -2(1-γ).
    #[test]
    fn the_error_is_the_product_and_the_slope_its_exponent() {
        for gamma in [0.1, 0.3, 0.5, 0.8] {
            let operator = Operator::Linear { matrix: vec![gamma], fixed: vec![2.0] };
            let mut run = Averaged::new(&operator, &Rng::seed_from_u64(0));
            let (mut product, mut points) = (1.0, Vec::new());
            for t in 0..STEPS {
                run.advance(&operator, Weights::Twice, Divergence::Euclidean, (0.0, Enters::Map));
                product *= 1.0 - 2.0 * (1.0 - gamma) / (t + 2) as f64;
                assert!((run.s[0] - 2.0 - product).abs() < 1e-12);
                points.push([(t + 1) as f64, divergence(Divergence::Euclidean, &run.s, &[2.0])]);
            }
            assert!((slope(&points).unwrap() + 4.0 * (1.0 - gamma)).abs() < 0.02, "{gamma}: {:?}", slope(&points));
        }
    }

    // In exact arithmetic Anderson's extrapolation solves a linear system in as many steps as it has dimensions.
    #[test]
    fn anderson_solves_a_small_linear_system_at_once() {
        let operator = Operator::Linear { matrix: vec![0.5, 0.1, 0.1, -0.3], fixed: vec![1.0, -2.0] };
        let mut run = Anderson { s: operator.start(), rng: Rng::seed_from_u64(0), past: Vec::new() };
        (0..4).for_each(|_| run.advance(&operator, 5, 0.0));
        assert!(divergence(Divergence::Euclidean, &run.s, &[1.0, -2.0]) < 1e-18, "{:?}", run.s);
    }

    proptest! {
        #[test]
        fn every_map_is_a_contraction_and_keeps_its_fixed_point(seed in 0_u64..200, gamma in 0.05_f64..0.95) {
            for map in [Map::Bellman, Map::Linear, Map::Entropic] {
                let mut rng = Rng::seed_from_u64(seed);
                let operator = Operator::new(map, gamma, &mut rng);
                let point = operator.fixed_point();
                let again = operator.apply(&point);
                prop_assert!(point.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-11));
                if map == Map::Bellman {
                    // In the greatest difference.
                    let (a, b) = (normals(STATES, &mut rng), normals(STATES, &mut rng));
                    let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    let apart = far(&operator.apply(&a), &operator.apply(&b));
                    prop_assert!(apart <= gamma * far(&a, &b) * (1.0 + 1e-12));
                }
            }
        }
    }

    #[test]
    fn the_series_of_kl_meets_the_formula() {
        for delta in [9.9e-5, 1.01e-4] {
            let s = [exp(delta)];
            let exact = delta * delta * (0.5 + delta / 3.0 + delta * delta / 8.0);
            assert!((divergence(Divergence::Kl, &s, &[1.0]) / exact - 1.0).abs() < 1e-6);
        }
    }
}
