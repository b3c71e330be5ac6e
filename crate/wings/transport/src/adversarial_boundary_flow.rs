//! A classifier decides for class 1 on a set $A$. An adversary may move every input by up to $\epsilon$, and then
//! counts the mistakes. In one dimension, with class densities $r_1$ and $r_0$ that include the classes' weights, an
//! end of $A$ can only be optimal if
//! $$r_1(b-\epsilon)=r_0(b+\epsilon)\ \text{(right end)},\qquad r_1(a+\epsilon)=r_0(a-\epsilon)\ \text{(left end)}.$$
//! García Trillos and Murray differentiate in $\epsilon$: every end moves by an equation of its own,
//! $$b'=\frac{r_1'(b-\epsilon)+r_0'(b+\epsilon)}{r_1'(b-\epsilon)-r_0'(b+\epsilon)},\qquad
//! a'=-\frac{r_1'(a+\epsilon)+r_0'(a-\epsilon)}{r_1'(a+\epsilon)-r_0'(a-\epsilon)},$$
//! from the Bayes classifier at $\epsilon=0$. A certificate comes from transport: mass of the two classes that lies
//! within $2\epsilon$ can be made to coincide, so no classifier has less risk than the largest such partial matching.
//!
//! **What you see.** As $\epsilon$ grows the three ends drift, and the flow's risk lies on the certificate, while the
//! frozen Bayes classifier leaves it. The minimiser on a grid (a dynamic programme over all sets) lies on the
//! certificate always: there is no gap to close. A small network trained against the same adversary comes near.
//!
//! **Try** raising $\epsilon$ past 0.4. Pieces of the classifier get as narrow as the adversary is strong; the best
//! classifier drops them at once, and no ordinary differential equation jumps. Drag the bumps: a peak pulled up is
//! narrower.
//!
//! **In the plane** (set the dimension) the parallel curves at $\mp\epsilon$ are shorter and longer by
//! $1\mp\epsilon\kappa$, the condition reads $(1-\epsilon\kappa)\,r_1(x-\epsilon n)=(1+\epsilon\kappa)\,r_0(x+\epsilon n)$, and
//! its derivative is a flow of mean-curvature type. Stepped explicitly it is stiff near $\epsilon=0$; the normal velocity
//! solves an elliptic equation along the curve, and taken implicitly it is stable. Normals fill the plane, and along each
//! the problem is that of the line: masses matched along normals certify the curve. Direct minimisation there descends
//! the risk by its slope. Class 1 is the narrower, so that the curve closes; there is no network.
//!
//! **Where it stops.** The theorem is for small $\epsilon$ and for ends that keep apart. At $\epsilon=0.5$ the flow
//! is far above the certificate; where a denominator changes its sign, the end stops. In the plane at $\epsilon=1$ the
//! matching along normals falls short; whether a better matching exists, it cannot say.

use crate::boundary::{ANGLES, Blob, Blobs, Curve};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::Graph;
use orrery_kernels::math::{TAU, exp, normal_cdf};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::ode::RungeKutta4;
use orrery_kernels::optim::{Adam, Optimizer};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adversarial-boundary-flow",
    title: "Adversarial Classification: Necessary conditions and geometric flows",
    year: 2020,
    lists: &[1],
    claim: "As the adversary grows stronger the best boundary drifts by a differential equation, certified by transport.",
    algorithms: &[
        "adversarial risk",
        "geometric flow of decision boundaries",
        "partial optimal transport",
        "adversarial training",
        "Bayes classifier",
        "Runge-Kutta",
    ],
    contenders: &[
        Contender::paper("flow", "boundary flow"),
        Contender::baseline("bayes", "Bayes, frozen"),
        Contender::baseline("least", "direct minimisation"),
        Contender::baseline("network", "trained network"),
    ],
};

/// Where inputs live.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Dimension {
    /// Numbers: two bumps a class.
    #[choice("1-D")]
    Line,
    /// Points of the plane: one blob a class.
    #[choice("2-D")]
    Plane,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How far the adversary may move an input, at the end of the flow.
    #[control(label = "ε", range = 0.0..=1.0, default = 0.3)]
    pub epsilon: f64,
    /// The peaks of two bumps of class 1, then of two of class 0. Each keeps its mass: pulled up it is narrower. Drag
    /// them.
    #[control(label = "mixture", count = 4..=4, domain = [[-5.0, 5.0], [0.1, 0.5]], default = peaks(),
        when = ("dimension", "line"))]
    pub mixture: Points,
    /// The centres of class 1, an ellipse, and of class 0, which is wider and round. Drag them.
    #[control(label = "blobs", count = 2..=2, domain = [[-2.0, 2.0], [-2.0, 2.0]], default = [[-0.8, -0.4], [1.0, 0.6]].into(),
        when = ("dimension", "plane"))]
    pub blobs: Points,
    /// How much of all inputs is of class 1.
    #[control(label = "class weight w₁", range = 0.1..=0.9, default = 0.5)]
    pub weight: f64,
    /// Whether inputs are numbers or points of the plane.
    #[control(label = "dimension", default = Dimension::Line)]
    pub dimension: Dimension,
    /// Whether the lower bound on every classifier's risk is drawn.
    #[control(label = "show certificate", default = true, live)]
    pub certificate: bool,
    /// Steps from 0 to ε: of Runge and Kutta on the line, implicit in the plane.
    #[control(label = "ODE steps", range = 10..=1000, log, default = 400)]
    pub steps: usize,
}

/// The part of its class that each bump has: two of class 1, two of class 0.
const PARTS: [f64; 4] = [0.6, 0.4, 0.5, 0.5];

/// The height of a bump of mass `part / 2` and deviation `width`; or the other way round.
fn height_or_width(part: f64, other: f64) -> f64 {
    0.5 * part / (other * TAU.sqrt())
}

fn peaks() -> Points {
    let bumps = [(-2.0, 0.7), (1.6, 0.5), (-0.2, 0.6), (3.2, 0.8)];
    Points(bumps.iter().zip(PARTS).map(|((x, width), part)| [*x, height_or_width(part, *width)]).collect())
}

/// Half the line that is looked at.
const REACH: f64 = 10.0;

/// Sums of masses are known to this.
const ROUNDING: f64 = 1e-13;

/// One bump: its mass, centre and deviation.
#[derive(Clone, Copy, Debug)]
struct Bump {
    mass: f64,
    centre: f64,
    width: f64,
}

/// $r_1$ and $r_0$ on the line, two bumps each.
#[derive(Clone, Copy, Debug)]
struct Mixture {
    classes: [[Bump; 2]; 2],
}

/// A class, as an index.
const ZERO: usize = 0;
const ONE: usize = 1;

impl Mixture {
    fn new(peaks: &[[f64; 2]], weight: f64) -> Self {
        let bump = |k: usize| {
            let class = if k < 2 { weight } else { 1.0 - weight };
            Bump { mass: class * PARTS[k], centre: peaks[k][0], width: height_or_width(PARTS[k], peaks[k][1]) }
        };
        Self { classes: [[bump(2), bump(3)], [bump(0), bump(1)]] }
    }

    fn density(&self, class: usize, x: f64) -> f64 {
        self.slope_and_density(class, x).1
    }

    /// $r'(x)$ and $r(x)$.
    fn slope_and_density(&self, class: usize, x: f64) -> (f64, f64) {
        self.classes[class].iter().fold((0.0, 0.0), |(slope, density), bump| {
            let z = (x - bump.centre) / bump.width;
            let here = bump.mass * exp(-0.5 * z * z) / (bump.width * TAU.sqrt());
            (slope - here * z / bump.width, density + here)
        })
    }

    /// The mass to the left of x.
    fn left_of(&self, class: usize, x: f64) -> f64 {
        self.classes[class].iter().map(|bump| bump.mass * normal_cdf((x - bump.centre) / bump.width)).sum()
    }

    fn mass(&self, class: usize) -> f64 {
        self.classes[class].iter().map(|bump| bump.mass).sum()
    }

    /// The risk of deciding for class 1 on the intervals: what of class 1 lies outside their erosion by ε, and what of
    /// class 0 inside their dilation.
    fn risk(&self, intervals: &[[f64; 2]], epsilon: f64) -> f64 {
        let within = |class: usize, [a, b]: [f64; 2]| self.left_of(class, b) - self.left_of(class, a);
        let eroded = intervals.iter().map(|[a, b]| [a + epsilon, b - epsilon]).filter(|[a, b]| a < b);
        let kept: f64 = eroded.map(|piece| within(ONE, piece)).sum();
        let dilated = united(intervals.iter().map(|[a, b]| [a - epsilon, b + epsilon]));
        let wrong: f64 = dilated.into_iter().map(|piece| within(ZERO, piece)).sum();
        self.mass(ONE) - kept + wrong
    }

    /// Where $r_1-r_0$ changes sign, and whether class 1 is the likelier at the far left.
    fn bayes(&self) -> (Vec<f64>, bool) {
        const CELLS: usize = 4000;
        let difference = |x: f64| self.density(ONE, x) - self.density(ZERO, x);
        let at = |k: usize| -REACH + 2.0 * REACH * k as f64 / CELLS as f64;
        let mut ends = Vec::new();
        let mut left = difference(at(0));
        for k in 0..CELLS {
            let right = difference(at(k + 1));
            if (left > 0.0) != (right > 0.0) {
                let (mut low, mut high) = (at(k), at(k + 1));
                for _ in 0..50 {
                    let middle = 0.5 * (low + high);
                    if (difference(middle) > 0.0) == (left > 0.0) { low = middle } else { high = middle }
                }
                ends.push(0.5 * (low + high));
            }
            left = right;
        }
        let mut one = difference(at(0)) > 0.0;
        // Ends in the far tails, where hardly anyone lives, are left out.
        let alone = |x: f64| self.density(ONE, x) < 1e-6;
        while ends.first().is_some_and(|x| alone(*x)) {
            ends.remove(0);
            one = !one;
        }
        while ends.last().is_some_and(|x| alone(*x)) {
            ends.pop();
        }
        (ends, one)
    }
}

/// Intervals that touch, as one; empty ones are dropped.
fn united(intervals: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut sorted: Vec<[f64; 2]> = intervals.filter(|[a, b]| a < b).collect();
    sorted.sort_by(|x, y| x[0].total_cmp(&y[0]));
    let mut all: Vec<[f64; 2]> = Vec::with_capacity(sorted.len());
    for [a, b] in sorted {
        match all.last_mut() {
            Some(last) if a <= last[1] => last[1] = last[1].max(b),
            _ => all.push([a, b]),
        }
    }
    all
}

/// The intervals of class 1 between alternating ends.
fn intervals(ends: &[f64], one_at_left: bool) -> Vec<[f64; 2]> {
    let mut open = one_at_left.then_some(f64::NEG_INFINITY);
    let mut all = Vec::new();
    for &end in ends {
        open = match open {
            Some(a) => {
                all.push([a, end]);
                None
            }
            None => Some(end),
        };
    }
    all.extend(open.map(|a| [a, f64::INFINITY]));
    united(all.into_iter())
}

/// Cells of the transport problem, and how many of them make one of the minimisation.
const CELLS: usize = 64_000;
const COARSE: usize = 4;

/// The masses to the left of every node, for the two baselines that look at all sets and all matchings.
#[derive(Debug)]
struct Line {
    left: [Vec<f64>; 2],
}

impl Line {
    const H: f64 = 2.0 * REACH / CELLS as f64;

    fn new(mixture: &Mixture) -> Self {
        let left = |class| (0..=CELLS).map(|k| mixture.left_of(class, -REACH + k as f64 * Self::H)).collect();
        Self { left: [left(ZERO), left(ONE)] }
    }

    fn left_of(&self, class: usize, x: f64) -> f64 {
        let place = ((x + REACH) / Self::H).clamp(0.0, CELLS as f64);
        let k = (place as usize).min(CELLS - 1);
        let share = place - k as f64;
        (1.0 - share) * self.left[class][k] + share * self.left[class][k + 1]
    }

    /// The largest mass of a partial coupling with $|x-y|\le2\epsilon$: on a line, serving the cells from left to
    /// right with the leftmost mass in reach is optimal. Only cells whose points *all* lie within reach are matched,
    /// so this is a lower bound of the risk.
    fn matching(&self, epsilon: f64) -> f64 {
        // A whole number of cells makes 2ε, unless that is only a few; at ε = 0 a cell reaches itself.
        let across = 2.0 * epsilon / Self::H;
        let (h, across) = if across > 4.0 { (2.0 * epsilon / across.ceil(), across.ceil()) } else { (Self::H, across) };
        let cells = (2.0 * REACH / h).ceil() as usize;
        let masses = |class: usize| {
            let left: Vec<f64> = (0..=cells).map(|k| self.left_of(class, -REACH + k as f64 * h)).collect();
            left.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>()
        };
        let (ones, mut room) = (masses(ONE), masses(ZERO));
        let reach = (across as usize).max(1) - 1;
        let (mut first, mut matched) = (0, 0.0);
        for (i, mut mass) in ones.into_iter().enumerate() {
            first = first.max(i.saturating_sub(reach));
            while mass > 0.0 && first <= (i + reach).min(cells - 1) {
                let moved = mass.min(room[first]);
                (mass, matched) = (mass - moved, matched + moved);
                room[first] -= moved;
                if room[first] <= 0.0 {
                    first += 1;
                }
            }
        }
        matched
    }

    /// The ends of the best of all sets on the coarse grid. An opening and a closing by ε never raise the risk, so
    /// pieces and gaps are at least 2ε wide, and then the risk is a sum over the ends:
    /// $$w_1+\sum_b\big(R_0(b+\epsilon)-R_1(b-\epsilon)\big)+\sum_a\big(R_1(a+\epsilon)-R_0(a-\epsilon)\big).$$
    fn least(&self, epsilon: f64) -> (Vec<f64>, bool) {
        const NONE: u32 = u32::MAX;
        let nodes = CELLS / COARSE + 1;
        let step = Self::H * COARSE as f64;
        let apart = ((2.0 * epsilon / step).ceil() as usize).max(1);
        let at = |k: usize| -REACH + k as f64 * step;
        // For each node the least sum with class `c` from there on, and the node of its last end.
        let mut sums = [vec![0.0_f64; nodes], vec![0.0; nodes]];
        let mut last = [vec![NONE; nodes], vec![NONE; nodes]];
        for k in 0..nodes {
            let x = at(k);
            for to in [ZERO, ONE] {
                let (before, node) = if k > 0 { (sums[to][k - 1], last[to][k - 1]) } else { (0.0, NONE) };
                let end = if to == ONE {
                    self.left_of(ONE, x + epsilon) - self.left_of(ZERO, x - epsilon)
                } else {
                    self.left_of(ZERO, x + epsilon) - self.left_of(ONE, x - epsilon)
                };
                let sum = if k >= apart { sums[1 - to][k - apart] } else { 0.0 } + end;
                // Where both densities vanish an end changes the risk by a rounding: it is none.
                let gains = sum < before - ROUNDING;
                (sums[to][k], last[to][k]) = if gains { (sum, k as u32) } else { (before, node) };
            }
        }
        // Class 1 at the right loses all of class 0 there, and keeps class 1.
        let total = |class: usize| self.left[class][CELLS];
        let ends_in_one = sums[ONE][nodes - 1] + total(ZERO) - total(ONE) < sums[ZERO][nodes - 1];
        let (mut class, mut node, mut ends) = (usize::from(ends_in_one), nodes - 1, Vec::new());
        while last[class][node] != NONE {
            let k = last[class][node] as usize;
            ends.push(at(k));
            class = 1 - class;
            if k < apart {
                break;
            }
            node = k - apart;
        }
        ends.reverse();
        (ends, class == ONE)
    }
}

/// The ends on their way, with ε as the time.
#[derive(Clone, Debug)]
struct Flow {
    ends: Vec<f64>,
    one_at_left: bool,
    /// Ends whose equation has broken down.
    stopped: Vec<bool>,
    method: RungeKutta4,
}

impl Flow {
    fn new((ends, one_at_left): (Vec<f64>, bool)) -> Self {
        Self { stopped: vec![false; ends.len()], method: RungeKutta4::new(ends.len()), ends, one_at_left }
    }

    fn intervals(&self) -> Vec<[f64; 2]> {
        intervals(&self.ends, self.one_at_left)
    }

    fn step(&mut self, mixture: &Mixture, epsilon: f64, h: f64) {
        let (stopped, one_at_left) = (&mut self.stopped, self.one_at_left);
        let slopes = |epsilon: f64, ends: &[f64], slopes: &mut [f64]| {
            for (k, (&x, slope)) in ends.iter().zip(slopes).enumerate() {
                // b' with r₁ at b - ε and r₀ at b + ε; a' is the same with -ε for ε, and the other sign.
                let side = if (k % 2 == 0) == one_at_left { 1.0 } else { -1.0 };
                let (one, _) = mixture.slope_and_density(ONE, x - side * epsilon);
                let (zero, _) = mixture.slope_and_density(ZERO, x + side * epsilon);
                let down = side * (one - zero);
                *slope = side * (one + zero) / (one - zero);
                // r₁ must fall more steeply outwards than r₀ does, or the end is no minimum any more.
                stopped[k] |= down >= 0.0 || slope.abs() > 100.0 || !slope.is_finite();
                if stopped[k] {
                    *slope = 0.0;
                }
            }
        };
        self.method.step(slopes, epsilon, h, &mut self.ends);
    }
}

/// A network trained on what the adversary makes of each batch.
#[derive(Clone)]
struct Network {
    net: Rc<Mlp>,
    theta: Vec<f64>,
    adam: Adam,
    rng: Rng,
}

/// Points of the interval that the adversary tries, and iterations of training in a step of the run.
const TRIES: usize = 5;
const BATCH: usize = 64;
const ITERATIONS: usize = 10;

impl Network {
    fn new(rng: &mut Rng) -> Self {
        let net = Mlp::new(&[1, 16, 16, 1], Activation::Tanh, Initialization::Glorot);
        let theta = net.parameters.initial(rng);
        Self { adam: Adam::new(theta.len(), 0.02, [0.9, 0.999]), theta, net: Rc::new(net), rng: rng.clone() }
    }

    /// The network's leaning to class 1.
    fn leaning(&self, x: Vec<f64>) -> Vec<f64> {
        let mut graph = Graph::new();
        let p = self.net.parameters.leaves(&mut graph, &self.theta);
        let x = graph.leaf(x.len(), 1, x);
        let f = self.net.apply(&mut graph, &p, x);
        graph.value(f).to_vec()
    }

    fn train(&mut self, mixture: &Mixture, epsilon: f64) {
        let (mut x, mut signs) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let all: Vec<(Bump, f64)> = [(ZERO, -1.0), (ONE, 1.0)]
            .iter()
            .flat_map(|&(c, sign)| mixture.classes[c].map(|bump| (bump, sign)))
            .collect();
        for _ in 0..BATCH {
            let mut u: f64 = self.rng.random();
            let chosen = all.iter().find(|(bump, _)| {
                u -= bump.mass;
                u < 0.0
            });
            let (bump, sign) = *chosen.unwrap_or(&all[3]);
            x.push(bump.centre + bump.width * self.rng.sample::<f64, _>(StandardNormal));
            signs.push(sign);
        }
        // The worst of five points of [x - ε, x + ε].
        let share = |t: usize| epsilon * (2.0 * t as f64 / (TRIES - 1) as f64 - 1.0);
        let tried: Vec<f64> = x.iter().flat_map(|x| (0..TRIES).map(move |t| x + share(t))).collect();
        let leaning = self.leaning(tried.clone());
        let worst = |i: usize| {
            let least = |a: usize, b: usize| if signs[i] * leaning[b] < signs[i] * leaning[a] { b } else { a };
            tried[(i * TRIES + 1..(i + 1) * TRIES).fold(i * TRIES, least)]
        };
        let x: Vec<f64> = (0..BATCH).map(worst).collect();
        let (net, mut gradient) = (Rc::clone(&self.net), vec![0.0; self.theta.len()]);
        net.parameters.gradient(&self.theta, &mut gradient, |g, p| {
            let (x, signs) = (g.leaf(BATCH, 1, x), g.leaf(BATCH, 1, signs.iter().map(|sign| -sign).collect()));
            let f = net.apply(g, p, x);
            // log(1 + e^{-s f})
            let margin = g.mul(signs, f);
            let loss = g.softplus(margin);
            let sum = g.sum(loss);
            g.scale(sum, 1.0 / BATCH as f64)
        });
        self.adam.step(&mut self.theta, &gradient);
    }

    /// Where it decides for class 1.
    fn intervals(&self) -> Vec<[f64; 2]> {
        const NODES: usize = 801;
        let at = |k: usize| -REACH + 2.0 * REACH * k as f64 / (NODES - 1) as f64;
        let f = self.leaning((0..NODES).map(at).collect());
        let cross = |k: usize| at(k) + (at(k + 1) - at(k)) * f[k] / (f[k] - f[k + 1]);
        let ends: Vec<f64> = (0..NODES - 1).filter(|&k| (f[k] > 0.0) != (f[k + 1] > 0.0)).map(cross).collect();
        intervals(&ends, f[0] > 0.0)
    }
}

/// Frames of a run, at most.
const FRAMES: usize = 100;

/// The run on the line.
#[derive(Clone)]
struct OnLine {
    mixture: Mixture,
    line: Rc<Line>,
    bayes: Vec<f64>,
    bayes_intervals: Vec<[f64; 2]>,
    flow: Flow,
    network: Network,
    /// Where the ends were, and where those of the least risk are, by ε.
    paths: Vec<Series>,
    least_ends: Vec<[f64; 2]>,
}

impl OnLine {
    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let mixture = Mixture::new(&setting.mixture.0, setting.weight);
        let bayes = mixture.bayes();
        if bayes.0.is_empty() {
            return Err(Error::of("mixture", "one class is the likelier everywhere: there is no boundary to move"));
        }
        let mut paths = vec![Series::new(); bayes.0.len()];
        paths.iter_mut().zip(&bayes.0).for_each(|(path, end)| path.push(0.0, *end));
        Ok(Self {
            line: Rc::new(Line::new(&mixture)),
            bayes_intervals: intervals(&bayes.0, bayes.1),
            bayes: bayes.0.clone(),
            paths,
            flow: Flow::new(bayes),
            network: Network::new(rng),
            least_ends: Vec::new(),
            mixture,
        })
    }

    /// Notes where the ends are.
    fn note(&mut self, frame: usize, epsilon: f64, least: &[f64]) {
        for (path, end) in self.paths.iter_mut().zip(&self.flow.ends) {
            path.push(epsilon, *end);
        }
        if frame % 4 == 3 {
            self.least_ends.extend(least.iter().map(|end| [epsilon, *end]));
        }
    }

    /// What there is to say at ε.
    fn risks(&self, epsilon: f64, (ends, one_at_left): &(Vec<f64>, bool)) -> Risks {
        let risk = |intervals: &[[f64; 2]]| self.mixture.risk(intervals, epsilon);
        Risks {
            flow: risk(&self.flow.intervals()),
            bayes: risk(&self.bayes_intervals),
            least: risk(&intervals(ends, *one_at_left)),
            bound: self.line.matching(epsilon),
        }
    }
}

/// The run in the plane.
#[derive(Clone)]
struct InPlane {
    blobs: Blobs,
    bayes: Curve,
    flow: Curve,
    least: Curve,
    /// Whether the flow's equation has broken down.
    stopped: bool,
    /// Half the square that is shown, and $r_1-r_0$ on it.
    half: f64,
    difference: Rc<Vec<f64>>,
}

/// Steps down the slope of the risk, for each frame.
const DESCENTS: usize = 10;

/// Cells of the picture along a side.
const CELLS_SHOWN: usize = 64;

impl InPlane {
    fn new(setting: &Setting) -> Result<Self> {
        let [one, zero] = [0, 1].map(|k| setting.blobs.0[k]);
        let blobs = Blobs {
            one: Blob::new(setting.weight, one, [1.0, 0.75], 0.6),
            zero: Blob::new(1.0 - setting.weight, zero, [2.0, 2.0], 0.0),
        };
        let Some(bayes) = Curve::bayes(&blobs) else {
            let why = "class 0 is the likelier everywhere: there is no boundary to move; raise the weight of class 1";
            return Err(Error::of("weight", why));
        };
        let farthest = bayes.parallel(0.0).iter().flatten().fold(2.5, |far: f64, x| far.max(x.abs()));
        let half = (farthest + 0.5).ceil();
        let at = |k: usize| half * ((2 * k + 1) as f64 / CELLS_SHOWN as f64 - 1.0);
        let difference = |k: usize| {
            // The first row is the uppermost.
            let x = [at(k % CELLS_SHOWN), -at(k / CELLS_SHOWN)];
            blobs.one.density(x) - blobs.zero.density(x)
        };
        Ok(Self {
            difference: Rc::new((0..CELLS_SHOWN * CELLS_SHOWN).map(difference).collect()),
            half,
            flow: bayes.clone(),
            least: bayes.clone(),
            stopped: false,
            bayes,
            blobs,
        })
    }

    fn risks(&self, epsilon: f64) -> Risks {
        let [flow, bayes, least] =
            [&self.flow, &self.bayes, &self.least].map(|curve| curve.risk_and_bound(&self.blobs, epsilon));
        // Every matching is a bound.
        Risks { flow: flow[0], bayes: bayes[0], least: least[0], bound: flow[1].max(least[1]).max(bayes[1]) }
    }
}

/// Adversarial risks at some ε, and below them what no classifier can beat.
struct Risks {
    flow: f64,
    bayes: f64,
    least: f64,
    bound: f64,
}

/// Where inputs live, and what runs there.
#[derive(Clone)]
enum Case {
    Line(Box<OnLine>),
    Plane(Box<InPlane>),
}

/// A run.
#[derive(Clone)]
pub struct BoundaryFlow {
    epsilon: f64,
    certificate: bool,
    steps: usize,
    done: usize,
    case: Case,
    /// Risks of the flow, of Bayes and of the least, by ε, and of the network at the last ε.
    risks: [Series; 3],
    network_risk: Option<f64>,
    bound: Series,
    /// The most by which the flow was above the bound, and the least risk away from it.
    above: f64,
    gap: f64,
}

impl BoundaryFlow {
    fn frames(&self) -> usize {
        FRAMES.min(self.steps)
    }

    fn note(&mut self, epsilon: f64, risks: &Risks) {
        let Risks { flow, bayes, least, bound } = *risks;
        self.risks.iter_mut().zip([flow, bayes, least]).for_each(|(series, risk)| series.push(epsilon, risk));
        self.bound.push(epsilon, bound);
        self.above = self.above.max(flow - bound);
        self.gap = self.gap.max((least - bound).abs());
    }

    fn line_figures(line: &OnLine, epsilon: f64, far: f64, figures: &mut Figures) {
        let xs: Vec<f64> = (0..=400).map(|k| -6.0 + 12.0 * f64::from(k) / 400.0).collect();
        let density = |class: usize| xs.iter().map(|x| line.mixture.density(class, *x)).collect::<Vec<f64>>();
        let (one, zero) = (density(ONE), density(ZERO));
        let top = one.iter().chain(&zero).fold(0.1, |top: f64, r| top.max(*r)) * 1.05;
        let caption = "The ends of the flow's classifier, and within ε of each what the adversary takes. Rings: the \
                       peaks at equal weights, to be dragged.";
        let mut densities = figures.figure("densities", "Boundaries in motion", caption);
        densities.x(Axis::linear("input").domain(-6.0, 6.0)).y(Axis::linear("density").domain(0.0, top));
        for end in &line.flow.ends {
            let around = [end - epsilon, end + epsilon];
            densities.band(around, [0.0; 2], [top; 2]).of("flow").faint();
        }
        densities.line(&xs, &zero).ink(Ink::Muted).label("class 0");
        densities.line(&xs, &one).label("class 1");
        densities.rule_x(&line.bayes).of("bayes").dashed();
        densities.rule_x(&line.flow.ends).of("flow");
        let peaks = [ONE, ZERO].iter().flat_map(|&class| line.mixture.classes[class]);
        let peaks: Vec<[f64; 2]> =
            peaks.zip(PARTS).map(|(bump, part)| [bump.centre, height_or_width(part, bump.width)]).collect();
        densities
            .dot(peaks.iter().map(|p| p[0]), peaks.iter().map(|p| p[1]))
            .ink(Ink::Accent)
            .symbol(Symbol::Ring)
            .radius(8.0)
            .label("peaks")
            .drags("mixture");

        let caption = "Each end by ε. Dots: where the direct minimiser has its ends.";
        let mut ends = figures.figure("ends", "Where the boundaries go", caption);
        ends.x(Axis::linear("ε").domain(0.0, far)).y(Axis::linear("input"));
        ends.rule_y(&line.bayes).of("bayes").dashed();
        ends.dot(line.least_ends.iter().map(|p| p[0]), line.least_ends.iter().map(|p| p[1])).of("least").radius(2.5);
        for path in &line.paths {
            ends.line(path.xs(), path.ys()).of("flow");
        }
        ends.dot(line.flow.ends.iter().map(|_| epsilon), &line.flow.ends).of("flow").radius(3.0);
    }

    fn plane_figures(plane: &InPlane, epsilon: f64, figures: &mut Figures) {
        let half = plane.half;
        let caption = "The difference of the densities, and the flow's boundary with what the adversary reaches on \
                       both sides. Rings: the centres, to be dragged.";
        let mut picture = figures.figure("plane", "A boundary in motion", caption);
        picture.x(Axis::linear("x").domain(-half, half)).y(Axis::linear("y").domain(-half, half)).equal();
        let grid = Grid { values: &plane.difference, columns: CELLS_SHOWN, x: [-half, half], y: [-half, half] };
        let most = plane.difference.iter().fold(1e-9, |most: f64, r| most.max(r.abs()));
        picture.raster(grid, Colors::diverging("r₁ − r₀").domain(-most, most));
        let apart = |curve: Vec<[f64; 2]>| -> (Vec<f64>, Vec<f64>) { curve.into_iter().map(|[x, y]| (x, y)).unzip() };
        let (x, y) = apart(plane.bayes.parallel(0.0));
        picture.line(x, y).of("bayes").dashed();
        for side in [-epsilon, epsilon] {
            let (x, y) = apart(plane.flow.parallel(side));
            picture.line(x, y).of("flow").faint().label("± ε");
        }
        let (x, y) = apart(plane.flow.parallel(0.0));
        picture.line(x, y).of("flow");
        let (x, y): (Vec<f64>, Vec<f64>) = apart(plane.least.parallel(0.0));
        picture.dot(x.iter().step_by(4), y.iter().step_by(4)).of("least").radius(2.5);
        let centres = [plane.blobs.one, plane.blobs.zero].map(|blob| blob.centre());
        picture
            .dot(centres.map(|p| p[0]), centres.map(|p| p[1]))
            .ink(Ink::Accent)
            .symbol(Symbol::Ring)
            .radius(8.0)
            .label("centres")
            .drags("blobs");

        let caption = "How far the boundary is from the middle of the Bayes ellipse, in each direction.";
        let mut radii = figures.figure("radii", "Where the boundary goes", caption);
        let degrees = |k: usize| 360.0 * k as f64 / ANGLES as f64;
        let angles: Vec<f64> = (0..=ANGLES).map(degrees).collect();
        let closed = |curve: &Curve| -> Vec<f64> { (0..=ANGLES).map(|k| curve.radii[k % ANGLES]).collect() };
        radii.x(Axis::linear("direction").unit("°").domain(0.0, 360.0)).y(Axis::linear("radius"));
        radii.line(&angles, closed(&plane.bayes)).of("bayes").dashed();
        radii.dot(angles.iter().step_by(4), closed(&plane.least).iter().step_by(4)).of("least").radius(2.5);
        radii.line(&angles, closed(&plane.flow)).of("flow");
    }
}

impl Exhibit for BoundaryFlow {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let mut run = Self {
            epsilon: setting.epsilon,
            certificate: setting.certificate,
            steps: setting.steps,
            done: 0,
            case: match setting.dimension {
                Dimension::Line => Case::Line(Box::new(OnLine::new(setting, rng)?)),
                Dimension::Plane => Case::Plane(Box::new(InPlane::new(setting)?)),
            },
            risks: [Series::new(), Series::new(), Series::new()],
            network_risk: None,
            bound: Series::new(),
            above: f64::NEG_INFINITY,
            gap: 0.0,
        };
        // At ε = 0 all three are the Bayes classifier.
        let risks = match &run.case {
            Case::Line(line) => line.risks(0.0, &(line.bayes.clone(), line.flow.one_at_left)),
            Case::Plane(plane) => plane.risks(0.0),
        };
        run.note(0.0, &risks);
        Ok(run)
    }

    fn length(&self) -> usize {
        self.frames()
    }

    fn retune(&mut self, setting: &Setting) {
        self.certificate = setting.certificate;
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let frames = self.frames();
        // The steps of the flow that fall to this frame.
        let due = |frame: usize| frame * self.steps / frames;
        let (h, mine) = (self.epsilon / self.steps as f64, due(self.done)..due(self.done + 1));
        let epsilon = due(self.done + 1) as f64 * h;
        let risks = match &mut self.case {
            Case::Line(line) => {
                for k in mine {
                    line.flow.step(&line.mixture, k as f64 * h, h);
                }
                let least = line.line.least(epsilon);
                line.note(self.done, epsilon, &least.0);
                for k in 0..ITERATIONS {
                    let left = 1.0 - (self.done * ITERATIONS + k) as f64 / (frames * ITERATIONS) as f64;
                    line.network.adam.rate = 0.02 * left;
                    line.network.train(&line.mixture, self.epsilon);
                }
                self.network_risk = Some(line.mixture.risk(&line.network.intervals(), self.epsilon));
                line.risks(epsilon, &least)
            }
            Case::Plane(plane) => {
                for k in mine {
                    plane.stopped |= !plane.stopped && !plane.flow.flow(&plane.blobs, (k + 1) as f64 * h);
                }
                for _ in 0..DESCENTS {
                    plane.least.descend(&plane.blobs, epsilon);
                }
                plane.risks(epsilon)
            }
        };
        self.note(epsilon, &risks);
        self.done += 1;
        if self.done < frames { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        let epsilon = self.risks[0].last().map_or(0.0, |[epsilon, _]| epsilon);
        let far = self.epsilon.max(0.01);
        match &self.case {
            Case::Line(line) => Self::line_figures(line, epsilon, far, figures),
            Case::Plane(plane) => Self::plane_figures(plane, epsilon, figures),
        }

        let caption = match self.case {
            Case::Line(_) => {
                "The adversarial risk at every ε so far, and below it what no classifier can beat. The network is \
                 trained for the last ε only."
            }
            Case::Plane(_) => "The adversarial risk at every ε so far, and below it what no classifier can beat.",
        };
        let mut risk = figures.figure("risk", "Risk, and its certificate", caption);
        risk.x(Axis::linear("ε").domain(0.0, far)).y(Axis::linear("adversarial risk"));
        risk.line(self.risks[1].xs(), self.risks[1].ys()).of("bayes");
        risk.line(self.risks[2].xs(), self.risks[2].ys()).of("least");
        risk.line(self.risks[0].xs(), self.risks[0].ys()).of("flow");
        if self.certificate {
            risk.line(self.bound.xs(), self.bound.ys()).ink(Ink::Accent).dashed().label("transport bound");
        }
        if let Some(value) = self.network_risk.filter(|value| *value < 0.6) {
            risk.dot([self.epsilon], [value]).of("network").radius(5.0);
        }

        let caption = "How far each risk lies above the transport bound.";
        let mut above = figures.figure("above", "Above the bound", caption);
        above.x(Axis::linear("ε").domain(0.0, far)).y(Axis::symlog("risk − bound"));
        for (k, id) in [(1, "bayes"), (2, "least"), (0, "flow")] {
            let over = self.risks[k].ys().zip(self.bound.ys()).map(|(risk, bound)| risk - bound);
            let over: Vec<f64> = over.collect();
            above.line(self.risks[k].xs(), &over).of(id);
            above.dot(self.risks[k].last().map(|[epsilon, _]| epsilon), over.last()).of(id).radius(3.0);
        }
        above.rule_y([1e-3]).dashed().label("tolerance");
    }

    fn claim(&self) -> Claim {
        let open = self.done < self.frames();
        let last = |k: usize| self.risks[k].last().map(|[_, risk]| risk);
        let below_bayes = last(1).zip(last(0)).map(|(bayes, flow)| bayes - flow);
        let seen = self.done > 0;
        Claim::new(vec![
            Clause::at_most(
                "Up to ε the flow's risk is at most {value} above the transport bound, at most {high}.",
                seen.then_some(self.above),
                1e-3,
            )
            .holds_only_after(open),
            Clause::at_least("It is {value} below that of the frozen Bayes classifier.", below_bayes, 0.0)
                .pending_while(open),
            Clause::at_most(
                "The bound is sharp: the least risk found by direct minimisation is within {value} of it.",
                seen.then_some(self.gap),
                1e-3,
            )
            .holds_only_after(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Up to 0.3",
                "Three ends drift by their own equations, and the risk stays on the transport bound.",
                default.clone(),
            ),
            Scenario::holds(
                "weak",
                "Up to 0.1",
                "Against a weak adversary the frozen classifier is nearly as good: the loss is of second order in ε.",
                Setting { epsilon: 0.1, ..default.clone() },
            ),
            Scenario::fails(
                "narrow",
                "Up to 0.5",
                "A piece of class 1 becomes as narrow as the adversary is strong. The best classifier drops it; the \
                 flow cannot.",
                Setting { epsilon: 0.5, ..default.clone() },
            ),
            Scenario::fails(
                "far",
                "Up to 0.8",
                "Beyond the break even the frozen Bayes classifier does better than the flow.",
                Setting { epsilon: 0.8, ..default.clone() },
            ),
            Scenario::holds(
                "plane",
                "In the plane",
                "A closed boundary moves by a flow with curvature in it, and matching along its normals certifies it.",
                Setting { dimension: Dimension::Plane, ..default.clone() },
            ),
            Scenario::fails(
                "plane-far",
                "In the plane, to 1",
                "More is lost near the boundary than its own normals have to match: along them there is no certificate \
                 any more, and the flow is one candidate among others.",
                Setting { dimension: Dimension::Plane, epsilon: 1.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn mixture() -> Mixture {
        Mixture::new(&peaks().0, 0.5)
    }

    fn flow_to(mixture: &Mixture, epsilon: f64, steps: u32) -> Flow {
        let mut flow = Flow::new(mixture.bayes());
        let h = epsilon / f64::from(steps);
        (0..steps).for_each(|k| flow.step(mixture, f64::from(k) * h, h));
        flow
    }

    #[test]
    fn the_ends_keep_to_the_necessary_condition_with_order_four() {
        let mixture = mixture();
        let violation = |steps: u32| {
            let (epsilon, flow) = (0.3, flow_to(&mixture, 0.3, steps));
            let off = flow.ends.iter().enumerate().map(|(k, x)| {
                let side = if (k % 2 == 0) == flow.one_at_left { epsilon } else { -epsilon };
                (mixture.density(ONE, x - side) - mixture.density(ZERO, x + side)).abs()
            });
            off.fold(0.0, f64::max)
        };
        assert_eq!(mixture.bayes().0.len(), 3);
        assert!(violation(400) < 1e-10, "{}", violation(400));
        let ratio = violation(5) / violation(10);
        assert!(ratio > 8.0, "2^4 = 16, but {ratio}");
    }

    #[test]
    fn two_equal_bumps_have_their_risk_in_closed_form() {
        // Equal deviations and weights: the end never moves, and the risk is Φ(-(d/2 - ε)/σ).
        let bump = |centre| Bump { mass: 0.25, centre, width: 0.6 };
        let mixture = Mixture { classes: [[bump(1.0); 2], [bump(-1.0); 2]] };
        let line = Line::new(&mixture);
        for epsilon in [0.0, 0.2, 0.5] {
            let exact = normal_cdf(-(1.0 - epsilon) / 0.6);
            let flow = flow_to(&mixture, epsilon.max(1e-3), 50);
            assert!(flow.ends.len() == 1 && flow.ends[0].abs() < 1e-9, "{:?}", flow.ends);
            assert!((mixture.risk(&flow.intervals(), epsilon) - exact).abs() < 1e-12);
            let bound = line.matching(epsilon);
            assert!(bound <= exact + 1e-9 && exact - bound < 5e-4, "{bound} {exact}");
            let (ends, one_at_left) = line.least(epsilon);
            assert!((mixture.risk(&intervals(&ends, one_at_left), epsilon) - exact).abs() < 1e-8, "{ends:?}");
        }
    }

    proptest! {
        #[test]
        fn no_set_beats_the_matching_and_the_least_beats_all(
            ends in prop::collection::vec(-4.0_f64..5.0, 1..6), one_at_left in prop::bool::ANY, epsilon in 0.0_f64..1.0,
        ) {
            let (mixture, mut ends) = (mixture(), ends);
            ends.sort_by(f64::total_cmp);
            let line = Line::new(&mixture);
            let risk = mixture.risk(&intervals(&ends, one_at_left), epsilon);
            prop_assert!(line.matching(epsilon) <= risk + 1e-6);
            let (best, best_at_left) = line.least(epsilon);
            let least = mixture.risk(&intervals(&best, best_at_left), epsilon);
            prop_assert!(least <= risk + 1e-6, "{least} {risk}");
            prop_assert!((least - line.matching(epsilon)).abs() < 1e-3);
        }

        #[test]
        fn the_risk_is_what_counting_finds(
            ends in prop::collection::vec(-4.0_f64..5.0, 1..6), one_at_left in prop::bool::ANY, epsilon in 0.0_f64..1.0,
        ) {
            let (mixture, mut ends) = (mixture(), ends);
            ends.sort_by(f64::total_cmp);
            let set = intervals(&ends, one_at_left);
            let h = 1e-3;
            let count: f64 = (0..20_000).map(|k| {
                let x = -REACH + (f64::from(k) + 0.5) * h;
                let safe = set.iter().any(|[a, b]| x - epsilon > *a && x + epsilon < *b);
                let taken = set.iter().any(|[a, b]| x + epsilon > *a && x - epsilon < *b);
                h * (if safe { 0.0 } else { mixture.density(ONE, x) } + if taken { mixture.density(ZERO, x) } else { 0.0 })
            }).sum();
            prop_assert!((mixture.risk(&set, epsilon) - count).abs() < 4e-3);
        }
    }
}
