//! Slices compare clouds cheaply: project both on a direction $\theta$, sort, pair in order. The best direction tells
//! most, but each new pair needs a search for it. Nguyen, Nguyen and Ho soften the maximum to a whole spread of
//! directions,
//! $$v\text{-}DSW^2(\mu,\nu)=\max_{\epsilon\in S^2}
//! \mathbb E_{\theta\sim vMF(\epsilon,\kappa)}W_2^2(\theta_\#\mu,\theta_\#\nu),$$
//! which is a metric even with a poor $\epsilon$ from a fixed law, and let a network point:
//! $$\epsilon=f_\psi(X,Y)\propto(A_\psi(X)+A_\psi(Y))^\top\mathbf 1,$$
//! with self-attention $A_\psi$ without positions, so that neither the order of the points nor that of the clouds
//! counts.
//!
//! **What you see.** The network trains here on random pairs. Then fifty fresh pairs: its value against that of a
//! search. The map of the sphere (longitude by height, equal areas) shows the objective of your pair, with both
//! directions. Last, your source flows onto your target under each distance.
//!
//! **Try** other amortisers. The linear one, on moved targets, points as well as attention does; but it weighs points
//! by their place in the list: shuffle the list, and it points elsewhere. So does low-rank attention, whose projection
//! runs along the list.
//!
//! **Where it stops.** $\kappa\to0$: all directions are alike and there is nothing to point at. More telling is the
//! form of $f$: a *sum* of one vector a cloud cannot see a *difference*. If only the target is moved by $t$, the sum
//! of centres is $t$, and the network finds it. If both are moved, by $s$ and $t$, the best direction is
//! along $t-s$; the sum knows $s+t$, which says nothing. Then the network is no better than chance, however long it
//! trains. Random shapes at one place are as bad: what matters there is where spreads *differ*. Here 0.95 of the
//! search's value is claimed for moved targets only, where it holds.
//!
//! Learning can dwell on a plateau: $f$ is nearly $Vt$ with a random $3\times3$ matrix $V$, as good as $-V$, and where
//! $V$ mirrors one axis against the others it must pass through a singular matrix. The slope towards that is slight, and
//! the noise of four pairs a step hides it: one start in eight was still there after 300 steps. Sixteen pairs of 64
//! points a step show it.
//!
//! **Scaled down:** clouds of 256 points instead of ShapeNet's 2048 and an auto-encoder; pairs are drawn, and the
//! flow stands for the reconstruction. Work is counted in operations, as no clock may enter a result. The search
//! climbs $\log v\text{-}DSW^2$, so that its step needs no unit.

use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::{Shape, cloud};
use orrery_kernels::math::{PI, TAU, exp, log2, sincos};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::{direction, permutation, reflect, von_mises_fisher};
use orrery_kernels::transport::Assignment;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "amortized-sliced-directions",
    title: "Self-Attention Amortized Distributional Projection Optimization for Sliced Wasserstein \
            Point-Cloud Reconstruction",
    year: 2023,
    lists: &[1],
    claim: "A small symmetric network points at once where a search for the best slicing direction would end.",
    algorithms: &[
        "sliced Wasserstein distance",
        "max-sliced Wasserstein",
        "distributional sliced Wasserstein",
        "von Mises-Fisher distribution",
        "efficient attention",
        "amortized optimization",
        "point clouds",
    ],
    contenders: &[
        Contender::paper("amortised", "amortised v-DSW"),
        Contender::baseline("search", "v-DSW by search"),
        Contender::baseline("max", "Max-SW by search"),
        Contender::baseline("linear", "linear, Max-SW"),
        Contender::baseline("generalised", "generalised linear, Max-SW"),
        Contender::baseline("uniform", "uniform slices"),
    ],
};

/// A cloud of the visitor's.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Cloud {
    /// A sphere.
    #[choice("sphere")]
    Sphere,
    /// A ring.
    #[choice("torus")]
    Torus,
    /// Three turns of a spring.
    #[choice("helix")]
    Helix,
    /// A cube.
    #[choice("cube")]
    Cube,
    /// A chair.
    #[choice("chair")]
    Chair,
}

impl Cloud {
    fn shape(self) -> Shape {
        match self {
            Self::Sphere => Shape::Sphere,
            Self::Torus => Shape::Torus,
            Self::Helix => Shape::Helix,
            Self::Cube => Shape::Cube,
            Self::Chair => Shape::Chair,
        }
    }
}

/// Which clouds of a pair, in training and afterwards, are moved away from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Moved {
    /// The source is centred.
    #[choice("the target")]
    Target,
    /// Each by its own vector.
    #[choice("both")]
    Both,
    /// Both are centred.
    #[choice("neither")]
    Neither,
}

/// What points.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Kind {
    /// softmax(Q) (softmax(K)ᵀ V), at a cost linear in the points.
    #[choice("efficient attention")]
    Efficient,
    /// Keys and values projected to 16 along the list of points.
    #[choice("low-rank attention")]
    LowRank,
    /// softmax(Q Kᵀ / √w) V.
    #[choice("full attention")]
    Full,
    /// A weight for each place in the list.
    #[choice("linear")]
    Linear,
    /// The same, through a hidden layer.
    #[choice("generalised linear")]
    Generalised,
}

impl Kind {
    /// Pairs in a step of training, points of each, and slices. Where a mirrored value matrix has to turn round, the
    /// slope is slight, and is found only over many pairs; attention without a list may have them of few points.
    fn batch(self, points: usize) -> [usize; 3] {
        match self {
            Self::Efficient => [16, points.min(64), 2],
            Self::Full => [16, points.min(32), 2],
            Self::LowRank => [(1024 / points).clamp(1, 4), points, 8],
            Self::Linear | Self::Generalised => [4, points, 8],
        }
    }
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The cloud that flows.
    #[control(label = "source cloud", default = Cloud::Sphere)]
    pub source: Cloud,
    /// The cloud it flows onto.
    #[control(label = "target cloud", default = Cloud::Chair)]
    pub target: Cloud,
    /// What is moved away from the origin, in the training pairs and in all others.
    #[control(label = "what is moved", default = Moved::Target)]
    pub moved: Moved,
    /// How closely the slices gather around ε.
    #[control(label = "κ", range = 0.1..=100.0, log, default = 10.0)]
    pub kappa: f64,
    /// Directions in a slice of the spread.
    #[control(label = "slices L", range = 1..=128, log, default = 32)]
    pub slices: usize,
    /// What points.
    #[control(label = "amortiser", default = Kind::Efficient)]
    pub amortiser: Kind,
    /// Steps of the search that the amortiser spares.
    #[control(label = "search steps T", range = 1..=100, log, default = 50)]
    pub search_steps: usize,
    /// Points of a cloud; full attention takes at most 256.
    #[control(label = "points", range = 32..=1024, log, default = 256)]
    pub points: usize,
    /// From where the clouds are seen.
    #[control(label = "turn", range = -180.0..=180.0, step = 1.0, unit = "°", default = 30.0, live)]
    pub turn: f64,
}

type Point = [f64; 3];

/// Width of the attention, and of the hidden layer.
const WIDTH: usize = 16;
const TRAINING: usize = 400;
/// The rate falls after this share of the training.
const STEADY: f64 = 0.6;
const RATE: f64 = 0.05;
/// Fresh pairs.
const PAIRS: usize = 50;
/// Slices by which a direction is judged in the end: the same for all.
const JUDGES: usize = 64;
const SEARCH_RATE: f64 = 0.5;
/// Cells of the map of the sphere, and how many are looked at: a direction and its opposite slice alike.
const WIDE: usize = 24;
const HIGH: usize = 12;
const HALF: usize = WIDE * HIGH / 2;
const FLOW: usize = 20;
const FLOW_RATE: f64 = 0.8;
/// Points between which the exact distance is taken.
const EXACT: usize = 96;
/// Entries that a step may sort.
const WORK: usize = 80_000;

fn dot(a: &Point, b: &Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn unit(x: Point) -> Point {
    let norm = dot(&x, &x).sqrt();
    if norm > 1e-300 { x.map(|x| x / norm) } else { [1.0, 0.0, 0.0] }
}

fn minus(a: &Point, b: &Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Two clouds of one size.
#[derive(Clone)]
struct Pair {
    x: Vec<Point>,
    y: Vec<Point>,
}

/// A shape, stretched along each axis at random, centred, and moved.
fn random_cloud(shape: Shape, count: usize, moved: bool, rng: &mut Rng) -> Vec<Point> {
    let mut points = cloud(shape, count, rng);
    let stretch: Point = std::array::from_fn(|_| exp(0.2 * rng.sample::<f64, _>(StandardNormal)));
    let shift: Point = std::array::from_fn(|_| if moved { 0.5 * rng.sample::<f64, _>(StandardNormal) } else { 0.0 });
    let mean: Point = std::array::from_fn(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / count as f64);
    for p in &mut points {
        *p = std::array::from_fn(|axis| stretch[axis] * (p[axis] - mean[axis]) + shift[axis]);
    }
    points
}

impl Pair {
    fn of(shapes: [Shape; 2], setting: &Setting, rng: &mut Rng) -> Self {
        let (n, moved) = (setting.points, setting.moved);
        let x = random_cloud(shapes[0], n, moved == Moved::Both, rng);
        let y = random_cloud(shapes[1], n, moved != Moved::Neither, rng);
        Self { x, y }
    }

    fn random(setting: &Setting, rng: &mut Rng) -> Self {
        let shapes = [Shape::Sphere, Shape::Torus, Shape::Helix, Shape::Cube, Shape::Chair];
        let mut shape = || shapes[rng.random_range(0..5_u32) as usize];
        let shapes = [shape(), shape()];
        Self::of(shapes, setting, rng)
    }
}

/// A cloud on a line: where each point is, and the points in order.
#[derive(Clone, Default)]
struct Shadow {
    at: Vec<f64>,
    /// The place of a point in the list, below the upper bits of where it is: whole numbers are sorted faster. Two points
    /// that differ in the lowest bits only may swap, which changes nothing that is shown.
    order: Vec<u64>,
    /// The bin of each point, and where the next point of each bin goes.
    bins: Vec<u32>,
    next: Vec<u32>,
}

/// Bits for a place in the list: there are at most 1024 points.
const PLACES: u64 = 1023;

/// Points of a bin up to which the bins are put in order by insertion.
const FEW: u32 = 16;

impl Shadow {
    /// Sorts by bins, twice as many as points, and then by insertion: a cloud's shadow has hardly a heap in one place.
    fn cast(&mut self, points: &[Point], theta: &Point) {
        let n = points.len();
        self.at.clear();
        self.at.extend(points.iter().map(|p| dot(p, theta)));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &x in &self.at {
            low = if x < low { x } else { low };
            high = if x > high { x } else { high };
        }
        let fit = if high > low { 2.0 * n as f64 * (1.0 - 1e-9) / (high - low) } else { 0.0 };
        self.next.clear();
        self.next.resize(2 * n, 0);
        self.bins.clear();
        let last = (2 * n - 1) as f64;
        self.bins.extend(self.at.iter().map(|&x| ((x - low) * fit).min(last) as u32));
        for &bin in &self.bins {
            self.next[bin as usize] += 1;
        }
        let (mut before, mut most) = (0, 0);
        for next in &mut self.next {
            most = most.max(*next);
            before += std::mem::replace(next, before);
        }
        self.order.clear();
        self.order.resize(n, 0);
        // Negative numbers order by their bits backwards.
        let key = |x: f64| x.to_bits() ^ if x.is_sign_negative() { u64::MAX } else { 1 << 63 };
        for ((&x, &bin), place) in self.at.iter().zip(&self.bins).zip(0..) {
            let next = &mut self.next[bin as usize];
            self.order[*next as usize] = (key(x) & !PLACES) | place;
            *next += 1;
        }
        if most > FEW {
            self.order.sort_unstable();
            return;
        }
        for k in 1..n {
            let (key, mut hole) = (self.order[k], k);
            while hole > 0 && self.order[hole - 1] > key {
                self.order[hole] = self.order[hole - 1];
                hole -= 1;
            }
            self.order[hole] = key;
        }
    }

    /// The points in order, as places in the list.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().map(|key| (key & PLACES) as usize)
    }
}

/// Both clouds on a line.
#[derive(Clone, Default)]
struct Line {
    x: Shadow,
    y: Shadow,
}

impl Line {
    /// $W_2^2(\theta_\#\mu,\theta_\#\nu)$, by sorting.
    fn cost(&mut self, pair: &Pair, theta: &Point) -> f64 {
        self.x.cast(&pair.x, theta);
        self.y.cast(&pair.y, theta);
        self.matched().map(|(_, _, along)| along * along).sum::<f64>() / pair.x.len() as f64
    }

    /// The pairs of points as they were last put in order, each with $\langle\theta,x-y\rangle$.
    fn matched(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.x.places().zip(self.y.places()).map(|(i, j)| (i, j, self.x.at[i] - self.y.at[j]))
    }
}

/// $\theta=H(\epsilon)z$: a draw around the first axis, reflected to lie around $\epsilon$.
fn around(epsilon: &Point, z: &Point) -> Point {
    let mut theta = *z;
    reflect(&mut theta, epsilon);
    theta
}

/// Draws around the first axis.
fn draws(count: usize, kappa: f64, rng: &mut Rng) -> Vec<Point> {
    let draw = |_| {
        let z = von_mises_fisher(3, kappa, rng);
        [z[0], z[1], z[2]]
    };
    (0..count).map(draw).collect()
}

/// $F(\epsilon)=\frac1L\sum_lW_2^2(\theta_l{}_\#\mu,\theta_l{}_\#\nu)$ with $\theta_l=H(\epsilon)z_l$.
fn objective(pair: &Pair, epsilon: &Point, z: &[Point], line: &mut Line) -> f64 {
    z.iter().map(|z| line.cost(pair, &around(epsilon, z))).sum::<f64>() / z.len() as f64
}

/// The same, with the gradient by $\epsilon$ through the draws.
fn climb(pair: &Pair, epsilon: &Point, z: &[Point], line: &mut Line) -> (f64, Point) {
    let (mut value, mut gradient): (f64, Point) = (0.0, [0.0; 3]);
    // On the axis the reflection is the identity, and its derivative not defined.
    let mut epsilon = *epsilon;
    if epsilon[0] > 1.0 - 1e-10 {
        epsilon = unit([1.0, 1e-4, 0.0]);
    }
    let u = minus(&[1.0, 0.0, 0.0], &epsilon);
    let s = dot(&u, &u);
    for z in z {
        let theta = around(&epsilon, z);
        value += line.cost(pair, &theta);
        // ∂W/∂θ = 2/n Σ ⟨θ, x - y⟩ (x - y)
        let mut g = [0.0; 3];
        for (i, j, along) in line.matched() {
            let d = minus(&pair.x[i], &pair.y[j]);
            g.iter_mut().zip(d).for_each(|(g, d)| *g += 2.0 * along * d / pair.x.len() as f64);
        }
        // θ = z - 2 u ⟨u, z⟩ / ⟨u, u⟩ with u = e - ε.
        let (gu, c) = (dot(&g, &u), dot(&u, z));
        gradient = std::array::from_fn(|k| {
            gradient[k] + 2.0 * gu / s * z[k] - 4.0 * c * gu / (s * s) * u[k] + 2.0 * c / s * g[k]
        });
    }
    let count = z.len() as f64;
    (value / count, gradient.map(|g| g / count))
}

/// A step of projected gradient ascent on $\log F$.
fn search_step(pair: &Pair, epsilon: &Point, z: &[Point], line: &mut Line) -> Point {
    let (value, gradient) = climb(pair, epsilon, z, line);
    let rate = SEARCH_RATE / value.max(1e-300);
    unit(std::array::from_fn(|k| epsilon[k] + rate * gradient[k]))
}

/// What points: parameters, how they make a direction, and how they learn.
#[derive(Clone)]
struct Amortiser {
    kind: Kind,
    /// Whether it is trained for a single direction instead of a spread.
    single: bool,
    parameters: Rc<Parameters>,
    psi: Vec<f64>,
    adam: Adam,
    gradient: Vec<f64>,
}

impl Amortiser {
    fn new(kind: Kind, single: bool, points: usize, rng: &mut Rng) -> Self {
        let mut parameters = Parameters::new();
        match kind {
            Kind::Linear | Kind::Generalised => {
                parameters.weights("w0", 1, 3, 0.1);
                parameters.weights("w1", 1, points, 1.0 / (points as f64).sqrt());
                parameters.weights("w2", 1, points, 1.0 / (points as f64).sqrt());
                if kind == Kind::Generalised {
                    parameters.weights("hidden", 3, WIDTH, 0.6);
                    parameters.row("bias", WIDTH, 0.0);
                    parameters.weights("out", WIDTH, 3, 0.25);
                }
            }
            _ => {
                parameters.weights("query", 3, WIDTH, 1.0);
                parameters.weights("key", 3, WIDTH, 1.0);
                parameters.weights("value", 3, 3, 0.6);
                if kind == Kind::LowRank {
                    parameters.weights("projection", WIDTH, points, 1.0 / (points as f64).sqrt());
                }
            }
        }
        let psi: Vec<f64> = parameters.initial(rng);
        let (adam, gradient) = (Adam::new(psi.len(), RATE, [0.9, 0.99]), vec![0.0; psi.len()]);
        Self { kind, single, parameters: Rc::new(parameters), psi, adam, gradient }
    }

    /// $(A_\psi(X)+A_\psi(Y))^\top\mathbf 1/n$, or the linear form; 1 x 3, before it is scaled to length one.
    fn apply(&self, graph: &mut Graph<f64>, p: &[Node], pair: &Pair) -> Node {
        let n = pair.x.len();
        let [x, y] = [&pair.x, &pair.y].map(|cloud| graph.leaf(n, 3, cloud.iter().flatten().copied().collect()));
        if matches!(self.kind, Kind::Linear | Kind::Generalised) {
            // w₀ + Xᵀ w₁ + Yᵀ w₂
            let [x, y] = [graph.matmul(p[1], x), graph.matmul(p[2], y)];
            let sum = graph.add(x, y);
            let u = graph.add(p[0], sum);
            if self.kind == Kind::Linear {
                return u;
            }
            let hidden = graph.linear(u, p[3], p[4]);
            let hidden = graph.tanh(hidden);
            return graph.matmul(hidden, p[5]);
        }
        let mut both = [x, y];
        for cloud in &mut both {
            let [q, k, v] = [0, 1, 2].map(|m| graph.matmul(*cloud, p[m]));
            let out = match self.kind {
                Kind::Efficient => {
                    // softmax(Q) (softmax(K)ᵀ V), the one over the width, the other over the points.
                    let keys = graph.product((p[1], true), (*cloud, true));
                    let (keys, queries) = (graph.softmax(keys), graph.softmax(q));
                    let context = graph.matmul(keys, v);
                    graph.matmul(queries, context)
                }
                Kind::LowRank => {
                    // softmax(Q (EK)ᵀ / √w) EV
                    let [k, v] = [graph.matmul(p[3], k), graph.matmul(p[3], v)];
                    graph.attention(q, k, v, false, 1)
                }
                _ => graph.attention(q, k, v, false, 1),
            };
            let sum = graph.collect(out, 1, 3);
            *cloud = graph.scale(sum, 1.0 / n as f64);
        }
        graph.add(both[0], both[1])
    }

    fn point(&self, pair: &Pair) -> Point {
        let mut graph = Graph::new();
        let p = self.parameters.leaves(&mut graph, &self.psi);
        let u = self.apply(&mut graph, &p, pair);
        let u = graph.value(u);
        unit([u[0], u[1], u[2]])
    }

    /// One step of Adam up the mean v-DSW of a batch.
    fn learn(&mut self, pairs: &[Pair], z: &[Point], rate: f64) {
        let axis = [[1.0, 0.0, 0.0]];
        let z = if self.single { &axis[..] } else { z };
        let parameters = Rc::clone(&self.parameters);
        let mut gradient = std::mem::take(&mut self.gradient);
        parameters.gradient(&self.psi, &mut gradient, |graph, p| {
            let mut loss = graph.leaf(1, 1, vec![0.0]);
            for pair in pairs {
                let u = self.apply(graph, p, pair);
                let at = graph.value(u);
                let at = [at[0], at[1], at[2]];
                let epsilon = unit(at);
                let (value, slope) = climb(pair, &epsilon, z, &mut Line::default());
                // ε = u/|u|: what leads along u changes nothing. √F has the slope F'/2√F.
                let scale = dot(&at, &at).sqrt().max(1e-9) * 2.0 * value.sqrt().max(1e-9) * pairs.len() as f64;
                let along = dot(&slope, &epsilon);
                let descent = (0..3).map(|k| -(slope[k] - along * epsilon[k]) / scale).collect();
                let descent = graph.leaf(1, 3, descent);
                let product = graph.mul(u, descent);
                let sum = graph.sum(product);
                loss = graph.add(loss, sum);
            }
            loss
        });
        *self.adam.rate() = rate;
        self.adam.step(&mut self.psi, &gradient);
        self.gradient = gradient;
    }

    /// Operations to point once, an exponential counted as twenty.
    fn work(&self, n: f64) -> f64 {
        let w = WIDTH as f64;
        match self.kind {
            Kind::Linear | Kind::Generalised => 12.0 * n,
            Kind::Efficient => 2.0 * n * (2.0 * 6.0 * w + 18.0 + 2.0 * 24.0 * w + 12.0 * w),
            Kind::LowRank => {
                2.0 * n * (2.0 * 6.0 * w + 18.0 + 2.0 * w * w + 6.0 * w + 2.0 * w * w + 24.0 * w + 6.0 * w)
            }
            Kind::Full => 2.0 * n * (2.0 * 6.0 * w + 18.0 + n * (2.0 * w + 24.0 + 6.0)),
        }
    }
}

/// Operations of a slice: projections, two sorts at two operations a comparison, the difference; and of its gradient.
fn slice_work(n: f64) -> f64 {
    2.0 * n * (5.0 + 2.0 * log2(n)) + 3.0 * n
}

/// How a cloud is drawn to its target.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Amortised,
    Search,
    MaxSearch,
    Linear,
    Generalised,
    Uniform,
}

const RULES: [Rule; 6] =
    [Rule::Amortised, Rule::Search, Rule::MaxSearch, Rule::Linear, Rule::Generalised, Rule::Uniform];

/// A cloud on its way.
#[derive(Clone)]
struct Flow {
    rule: Rule,
    x: Vec<Point>,
    /// Where the next search begins: where the last one ended.
    epsilon: Point,
    work: f64,
    /// The exact $W_2$ by operations.
    distances: Vec<[f64; 2]>,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Training(usize),
    /// The search on this fresh pair has come so far.
    Judging(usize, usize),
    /// So many cells of the map are known.
    Mapping(usize),
    /// So many steps of every flow are done; this one's turn, its search so far.
    Flowing(usize, usize, usize),
    Done,
}

/// The exhibit.
#[derive(Clone)]
pub struct AmortizedSlicedDirections {
    setting: Setting,
    rng: Rng,
    phase: Phase,
    amortiser: Amortiser,
    linear: Amortiser,
    generalised: Amortiser,
    /// The other kinds, untrained: what does not depend on the order needs no training for it.
    others: Rc<Vec<Amortiser>>,
    fresh: Rc<Vec<Pair>>,
    own: Rc<Pair>,
    judges: Rc<Vec<Point>>,
    epsilon: Point,
    /// On each fresh pair: the value of the amortised direction, of the searched, of the linear, of uniform slices.
    values: Vec<[f64; 4]>,
    /// By training steps, the mean value over ten of the fresh pairs.
    learning: Series,
    /// For each kind by its label, the change of ε when the clouds swap, and when points do.
    defects: Vec<(&'static str, f64, f64)>,
    map: Vec<f64>,
    own_found: [Point; 2],
    flows: Vec<Flow>,
}

impl AmortizedSlicedDirections {
    fn points(&self) -> f64 {
        self.setting.points as f64
    }

    /// v-DSW of a direction, by the judges.
    fn value(&self, pair: &Pair, epsilon: &Point) -> f64 {
        objective(pair, epsilon, &self.judges, &mut Line::default()).sqrt()
    }

    /// Steps of the search, or other uses of so many slices, that fit into a step.
    fn fits(&self, slices: usize) -> usize {
        (WORK / (2 * slices * self.setting.points)).max(1)
    }

    /// How much `kind` changes its mind when the clouds swap, and when their points do.
    fn defect(amortiser: &Amortiser, pairs: &[Pair], rng: &mut Rng) -> [f64; 2] {
        let mut worst = [0.0_f64; 2];
        for pair in pairs {
            let here = amortiser.point(pair);
            let swapped = amortiser.point(&Pair { x: pair.y.clone(), y: pair.x.clone() });
            let mut shuffled = |cloud: &[Point]| permutation(cloud.len(), rng).iter().map(|&k| cloud[k]).collect();
            let permuted = amortiser.point(&Pair { x: shuffled(&pair.x), y: shuffled(&pair.y) });
            for (worst, other) in worst.iter_mut().zip([swapped, permuted]) {
                let d = minus(&here, &other);
                *worst = worst.max(dot(&d, &d).sqrt());
            }
        }
        worst
    }

    fn judge_defects(&mut self) {
        let mut rng = self.rng.clone();
        let pairs = &self.fresh[..2];
        let amortisers = std::iter::once(&self.amortiser).chain([&self.linear]).chain(self.others.iter());
        let mut defects: Vec<(&'static str, f64, f64)> = Vec::new();
        for amortiser in amortisers {
            let label = amortiser.kind.label();
            if defects.iter().all(|known| known.0 != label) {
                let [swap, shuffle] = Self::defect(amortiser, pairs, &mut rng);
                defects.push((label, swap, shuffle));
            }
        }
        self.defects = defects;
    }

    /// The centre of cell `k` of the map: longitudes, by heights of equal area.
    fn cell(k: usize) -> Point {
        let height = 2.0 * ((k / WIDE) as f64 + 0.5) / HIGH as f64 - 1.0;
        let (sin, cos) = sincos(TAU * ((k % WIDE) as f64 + 0.5) / WIDE as f64 - PI);
        let radius = (1.0 - height * height).sqrt();
        [radius * cos, radius * sin, height]
    }

    /// A step of a flow, once its direction is known: each point moves against the gradient of the distance.
    fn drift(&mut self, which: usize, directions: &[Point]) {
        let (n, target) = (self.points(), &self.own.y);
        let flow = &mut self.flows[which];
        let pair = Pair { x: std::mem::take(&mut flow.x), y: target.clone() };
        let mut next = pair.x.clone();
        let mut line = Line::default();
        for theta in directions {
            line.cost(&pair, theta);
            for (i, _, along) in line.matched() {
                // x ← x - η ⟨θ, x - y⟩ θ, on average over the directions.
                let share = FLOW_RATE * along / directions.len() as f64;
                next[i].iter_mut().zip(theta).for_each(|(x, theta)| *x -= share * theta);
            }
        }
        flow.x = next;
        flow.work += directions.len() as f64 * (slice_work(n) + 6.0 * n);
        flow.distances.push([flow.work, Self::exact(&flow.x, target)]);
    }

    /// $W_2$ between the first points of both.
    fn exact(x: &[Point], y: &[Point]) -> f64 {
        let count = x.len().min(EXACT);
        let square = |a: &Point, b: &Point| dot(&minus(a, b), &minus(a, b));
        let cost: Vec<f64> = x[..count].iter().flat_map(|a| y[..count].iter().map(move |b| square(a, b))).collect();
        let Ok(mut assignment) = Assignment::new(&cost, count) else { return 0.0 };
        assignment.advance(count);
        (assignment.cost() / count as f64).sqrt()
    }

    fn flow_step(&mut self, round: usize, which: usize, searched: usize) -> Phase {
        let setting = self.setting.clone();
        let (rule, mut epsilon) = (self.flows[which].rule, self.flows[which].epsilon);
        let pair = Pair { x: self.flows[which].x.clone(), y: self.own.y.clone() };
        let n = self.points();
        let mut searched = searched;
        match rule {
            Rule::Search | Rule::MaxSearch => {
                let slices = if rule == Rule::Search { setting.slices } else { 1 };
                let some = self.fits(slices).min(setting.search_steps - searched);
                let mut line = Line::default();
                for _ in 0..some {
                    let z = self.spread(rule, slices);
                    epsilon = search_step(&pair, &epsilon, &z, &mut line);
                }
                searched += some;
                let flow = &mut self.flows[which];
                (flow.epsilon, flow.work) = (epsilon, flow.work + (some * slices) as f64 * (slice_work(n) + 12.0 * n));
                if searched < setting.search_steps {
                    return Phase::Flowing(round, which, searched);
                }
            }
            Rule::Amortised | Rule::Linear | Rule::Generalised => {
                let amortiser = match rule {
                    Rule::Amortised => &self.amortiser,
                    Rule::Linear => &self.linear,
                    _ => &self.generalised,
                };
                epsilon = amortiser.point(&pair);
                let work = amortiser.work(n);
                self.flows[which].work += work;
            }
            Rule::Uniform => {}
        }
        let directions: Vec<Point> = if rule == Rule::Uniform {
            (0..setting.slices).map(|_| direction(3, &mut self.rng)).map(|x| [x[0], x[1], x[2]]).collect()
        } else {
            let slices = if matches!(rule, Rule::Amortised | Rule::Search) { setting.slices } else { 1 };
            self.spread(rule, slices).iter().map(|z| around(&epsilon, z)).collect()
        };
        self.drift(which, &directions);
        if which + 1 < RULES.len() {
            Phase::Flowing(round, which + 1, 0)
        } else if round + 1 < FLOW {
            Phase::Flowing(round + 1, 0, 0)
        } else {
            Phase::Done
        }
    }

    /// Draws for a rule: of a spread, or the one direction of Max-SW.
    fn spread(&mut self, rule: Rule, slices: usize) -> Vec<Point> {
        match rule {
            Rule::Amortised | Rule::Search => draws(slices, self.setting.kappa, &mut self.rng),
            _ => vec![[1.0, 0.0, 0.0]; slices],
        }
    }

    fn learning_value(&self) -> f64 {
        let pairs = &self.fresh[..10];
        let value = |pair: &Pair| {
            let epsilon = self.amortiser.point(pair);
            objective(pair, &epsilon, &self.judges[..16], &mut Line::default()).sqrt()
        };
        pairs.iter().map(value).sum::<f64>() / pairs.len() as f64
    }

    /// The mean over the fresh pairs of one value over another.
    fn share(&self, of: usize, by: usize) -> Option<f64> {
        let all = self.values.len() == PAIRS;
        let ratio = |v: &[f64; 4]| if v[by] > 0.0 { v[of] / v[by] } else { 1.0 };
        all.then(|| self.values.iter().map(ratio).sum::<f64>() / PAIRS as f64)
    }
}

impl Exhibit for AmortizedSlicedDirections {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let n = setting.points;
        if setting.amortiser == Kind::Full && n > 256 {
            return Err(Error::of(
                "points",
                "full attention compares all points with all; take at most 256, or another amortiser",
            ));
        }
        let fresh: Vec<Pair> = (0..PAIRS).map(|_| Pair::random(setting, rng)).collect();
        let own = Pair::of([setting.source.shape(), setting.target.shape()], setting, rng);
        let judges = draws(JUDGES, setting.kappa, rng);
        let amortiser = Amortiser::new(setting.amortiser, false, n, rng);
        let linear = Amortiser::new(Kind::Linear, true, n, rng);
        let generalised = Amortiser::new(Kind::Generalised, true, n, rng);
        let kinds = [Kind::Efficient, Kind::Full, Kind::LowRank];
        let kinds = kinds.into_iter().filter(|kind| *kind != Kind::Full || n <= 256);
        let others = kinds.map(|kind| Amortiser::new(kind, false, n, rng)).collect();
        let begun = Self::exact(&own.x, &own.y);
        let flow = |rule: Rule| Flow {
            rule,
            x: own.x.clone(),
            epsilon: unit([1.0, 1.0, 1.0]),
            work: 0.0,
            distances: vec![[0.0, begun]],
        };
        let mut exhibit = Self {
            setting: setting.clone(),
            rng: rng.clone(),
            phase: Phase::Training(0),
            amortiser,
            linear,
            generalised,
            others: Rc::new(others),
            flows: RULES.map(flow).to_vec(),
            fresh: Rc::new(fresh),
            own: Rc::new(own),
            judges: Rc::new(judges),
            epsilon: [1.0, 0.0, 0.0],
            values: Vec::new(),
            learning: Series::new(),
            defects: Vec::new(),
            map: Vec::new(),
            own_found: [[1.0, 0.0, 0.0]; 2],
        };
        let value = exhibit.learning_value();
        exhibit.learning.push(0.0, value);
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        let search = |slices: usize| self.setting.search_steps.div_ceil(self.fits(slices));
        let judging = PAIRS * (search(self.setting.slices) + 1) + 1;
        let mapping = HALF.div_ceil(self.fits(JUDGES)) + search(self.setting.slices) + 2;
        TRAINING + judging + mapping + FLOW * (search(self.setting.slices) + search(1) + 4)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let setting = self.setting.clone();
        self.phase = match self.phase {
            Phase::Training(done) => {
                let left = 1.0 - done as f64 / TRAINING as f64;
                let rate = RATE * (left / (1.0 - STEADY)).clamp(0.02, 1.0);
                for amortiser in [&mut self.amortiser, &mut self.linear, &mut self.generalised] {
                    let [count, points, slices] = amortiser.kind.batch(setting.points);
                    let setting = Setting { points, ..setting.clone() };
                    let pairs: Vec<Pair> = (0..count).map(|_| Pair::random(&setting, &mut self.rng)).collect();
                    let z = draws(slices, setting.kappa, &mut self.rng);
                    amortiser.learn(&pairs, &z, rate);
                }
                let done = done + 1;
                if done.is_multiple_of(25) {
                    let value = self.learning_value();
                    self.learning.push(done as f64, value);
                }
                if done < TRAINING { Phase::Training(done) } else { Phase::Judging(0, 0) }
            }
            Phase::Judging(which, searched) => {
                let fresh = Rc::clone(&self.fresh);
                let pair = &fresh[which];
                if searched == 0 {
                    let start = direction(3, &mut self.rng);
                    self.epsilon = [start[0], start[1], start[2]];
                }
                let some = self.fits(setting.slices).min(setting.search_steps - searched);
                let mut line = Line::default();
                for _ in 0..some {
                    let z = draws(setting.slices, setting.kappa, &mut self.rng);
                    self.epsilon = search_step(pair, &self.epsilon, &z, &mut line);
                }
                let searched = searched + some;
                if searched < setting.search_steps {
                    Phase::Judging(which, searched)
                } else {
                    let uniform: Vec<Point> =
                        (0..JUDGES).map(|_| direction(3, &mut self.rng)).map(|x| [x[0], x[1], x[2]]).collect();
                    let mut line = Line::default();
                    let sliced = uniform.iter().map(|theta| line.cost(pair, theta)).sum::<f64>() / JUDGES as f64;
                    let found = [self.amortiser.point(pair), self.epsilon, self.linear.point(pair)];
                    let [amortised, searched, linear] = found.map(|epsilon| self.value(pair, &epsilon));
                    self.values.push([amortised, searched, linear, sliced.sqrt()]);
                    if which + 1 < PAIRS {
                        Phase::Judging(which + 1, 0)
                    } else {
                        self.judge_defects();
                        Phase::Mapping(0)
                    }
                }
            }
            Phase::Mapping(known) => {
                let own = Rc::clone(&self.own);
                if known == 0 {
                    self.own_found[0] = self.amortiser.point(&own);
                    let start = direction(3, &mut self.rng);
                    self.own_found[1] = [start[0], start[1], start[2]];
                }
                // The search goes on beside the map: one step a step.
                let z = draws(setting.slices, setting.kappa, &mut self.rng);
                self.own_found[1] = search_step(&own, &self.own_found[1], &z, &mut Line::default());
                let end = (known + self.fits(JUDGES)).min(HALF);
                for k in known..end {
                    let value = self.value(&own, &Self::cell(k));
                    self.map.push(value);
                }
                if end < HALF { Phase::Mapping(end) } else { Phase::Flowing(0, 0, 0) }
            }
            Phase::Flowing(round, which, searched) => self.flow_step(round, which, searched),
            Phase::Done => Phase::Done,
        };
        if self.phase == Phase::Done { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting.turn = setting.turn;
    }

    fn figures(&self, figures: &mut Figures) {
        let (sin, cos) = sincos(self.setting.turn * PI / 180.0);
        // Seen from a little above.
        let seen = |p: &Point| {
            let (across, deep) = (cos * p[0] - sin * p[1], sin * p[0] + cos * p[1]);
            [across, 0.94 * p[2] - 0.34 * deep]
        };
        let caption =
            "Your source, on its way, over your target (grey), under three distances. Turn them with the control.";
        let mut flow = figures.figure("flow", "Onto the target", caption);
        // Half a panel holds both clouds, however they are turned.
        let radii = self.own.x.iter().chain(&self.own.y).map(|p| dot(p, p).sqrt());
        let half = 1.1 * radii.fold(0.0, f64::max);
        flow.x(Axis::linear("across").domain(-half, 5.0 * half)).y(Axis::linear("up").domain(-half, half)).equal();
        for (panel, which) in [(0.0, 5), (2.0 * half, 1), (4.0 * half, 0)] {
            let (target, moved) = (&self.own.y, &self.flows[which].x);
            let place = |points: &[Point]| -> Vec<[f64; 2]> {
                points.iter().map(seen).map(|[x, y]| [x.clamp(-half, half) + panel, y.clamp(-half, half)]).collect()
            };
            let (target, moved) = (place(target), place(moved));
            flow.dot(target.iter().map(|p| p[0]), target.iter().map(|p| p[1])).ink(Ink::Muted).radius(1.5);
            let id = CARD.contenders[which].id;
            flow.dot(moved.iter().map(|p| p[0]), moved.iter().map(|p| p[1])).of(id).radius(2.0);
        }

        let caption =
            "The exact distance between 96 points of each, against the work done, searches and predictions included.";
        let mut exact = figures.figure("exact", "How near, for how much work", caption);
        exact.x(Axis::log("million operations")).y(Axis::linear("exact W₂ to the target"));
        for flow in &self.flows {
            let id = CARD.contenders[flow.rule as usize].id;
            let later = || flow.distances.iter().skip(1);
            exact.line(later().map(|d| 1e-6 * d[0]), later().map(|d| d[1])).of(id);
        }

        let caption = "Value of every direction on your pair, with where the network points and where the search \
                       ended; each with its opposite, which is as good.";
        let mut map = figures.figure("map", "The sphere of directions", caption);
        map.x(Axis::linear("longitude").unit("°").domain(-180.0, 180.0)).y(Axis::linear("height").domain(-1.0, 1.0));
        let mut values = self.map.clone();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        values.resize(HALF, if least.is_finite() { least } else { 0.0 });
        // Opposite: half a turn on, and as far from the other pole.
        let opposite = |k: usize| (HIGH - 1 - k / WIDE) * WIDE + (k + WIDE / 2) % WIDE;
        let values: Vec<f64> = (0..WIDE * HIGH).map(|k| values[if k < HALF { k } else { opposite(k) }]).collect();
        let grid = Grid { values: &values, columns: WIDE, x: [-180.0, 180.0], y: [-1.0, 1.0] };
        if !self.map.is_empty() {
            map.raster(grid, Colors::sequential("v-DSW"));
            for (id, found) in ["amortised", "search"].into_iter().zip(&self.own_found) {
                let both = [*found, found.map(|x| -x)];
                let longitude = both.map(|p| orrery_kernels::math::atan2(p[1], p[0]) * 180.0 / PI);
                map.dot(longitude, both.map(|p| p[2])).of(id).radius(6.0);
            }
        }

        let caption =
            "Each fresh pair: where the network points against where the search ended. On the line both are as good.";
        let mut values = figures.figure("values", "Pointing against searching", caption);
        let most = self.values.iter().flatten().copied().fold(0.5, f64::max) * 1.05;
        values
            .x(Axis::linear("v-DSW by search").domain(0.0, most))
            .y(Axis::linear("v-DSW of the direction").domain(0.0, most));
        values.line([0.0, most], [0.0, most]).ink(Ink::Muted).dashed();
        for (id, column) in [("uniform", 3), ("linear", 2), ("amortised", 0)] {
            values.dot(self.values.iter().map(|v| v[1]), self.values.iter().map(|v| v[column])).of(id);
        }

        let caption = "Mean value of where the network points, over ten of the fresh pairs, by 16 slices each.";
        let mut learning = figures.figure("learning", "Learning to point", caption);
        learning.x(Axis::linear("training steps").domain(0.0, TRAINING as f64)).y(Axis::linear("mean v-DSW"));
        learning.line(self.learning.xs(), self.learning.ys()).of("amortised");

        let caption = "By how much the direction changes when the clouds swap, and when their points are shuffled; \
                       at 10⁻¹² and below it is rounding.";
        let mut defects = figures.figure("defects", "What should not count", caption);
        let names: Vec<&str> = self.defects.iter().map(|defect| defect.0).collect();
        let last = (names.len() as f64 - 0.5).max(0.5);
        defects
            .x(Axis::categories("amortiser", names).domain(-0.5, last))
            .y(Axis::log("change of ε").domain(1e-18, 20.0));
        let at = |shift: f64| (0..self.defects.len()).map(move |k| k as f64 + shift);
        defects
            .dot(at(-0.1), self.defects.iter().map(|d| d.1.max(1e-17)))
            .ink(Ink::Accent)
            .radius(5.0)
            .label("swapped");
        defects
            .dot(at(0.1), self.defects.iter().map(|d| d.2.max(1e-17)))
            .ink(Ink::Strong)
            .symbol(Symbol::Square)
            .radius(5.0)
            .label("shuffled");
    }

    fn claim(&self) -> Claim {
        let n = self.points();
        let search = (self.setting.search_steps * self.setting.slices) as f64 * (slice_work(n) + 12.0 * n);
        let known = !self.defects.is_empty();
        let of = |kind: Kind| self.defects.iter().find(|defect| defect.0 == kind.label()).map(|d| d.1.max(d.2));
        Claim::new(vec![
            Clause::at_least(
                "On fresh pairs the amortised direction has {value} of the value found by search, at least {low}.",
                self.share(0, 1),
                0.95,
            ),
            Clause::at_most(
                "It takes {value} of the search's operations, at most {high}.",
                known.then(|| self.amortiser.work(n) / search),
                0.1,
            ),
            Clause::at_least(
                "Pointing pays: its value is {value} of that of uniform slices, at least {low}.",
                self.share(0, 3),
                1.1,
            ),
            Clause::at_most(
                "Swapping the clouds or shuffling their points changes the direction by {value}, at most {high}.",
                of(self.setting.amortiser),
                1e-5,
            ),
            Clause::at_least("It changes the linear one's by {value}, at least {low}.", of(Kind::Linear), 1e-2),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Moved target",
                "The sum of what attention says of each cloud points along the way between them.",
                default.clone(),
            ),
            Scenario::fails(
                "both",
                "Both moved",
                "The best direction is along a difference, and f is a sum: it cannot see it.",
                Setting { moved: Moved::Both, ..default.clone() },
            ),
            Scenario::fails(
                "linear",
                "Linear amortiser",
                "It weighs points by their place in the list, and points elsewhere once they are shuffled.",
                Setting { amortiser: Kind::Linear, ..default.clone() },
            ),
            Scenario::fails(
                "low-rank",
                "Low-rank attention",
                "Its projection runs along the list of points: their order counts.",
                Setting { amortiser: Kind::LowRank, ..default.clone() },
            ),
            Scenario::fails(
                "uniform",
                "κ = 0.1",
                "The slices go everywhere, whatever ε: there is nothing to point at.",
                Setting { kappa: 0.1, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{list, number, vectors};
    use proptest::prelude::{ProptestConfig, prop_assert, proptest};

    fn pair(seed: u64, moved: Moved) -> (Pair, Rng) {
        let mut rng = Rng::seed_from_u64(seed);
        let setting = Setting { points: 40, moved, ..Setting::default() };
        (Pair::random(&setting, &mut rng), rng)
    }

    fn axis(rng: &mut Rng) -> Point {
        let x = direction(3, rng);
        [x[0], x[1], x[2]]
    }

    #[test]
    fn slices_and_exact_distances_are_those_of_pot() {
        let file = include_str!("../../../../tests/reference/sliced_directions.json");
        let stored = vectors(file);
        let points = |name: &str| -> Vec<Point> {
            list(&stored[name]).iter().map(|row| std::array::from_fn(|k| number(&row[k]))).collect()
        };
        let pair = Pair { x: points("x"), y: points("y") };
        let directions = points("directions");
        let mut line = Line::default();
        let sum: f64 = directions.iter().map(|theta| line.cost(&pair, theta)).sum();
        let sliced = (sum / directions.len() as f64).sqrt() - number(&stored["distance"]);
        let exact = AmortizedSlicedDirections::exact(&pair.x, &pair.y) - number(&stored["exact"]);
        println!("{sliced:e} {exact:e}");
        assert!(sliced.abs() < 1e-13 && exact.abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        // Points in a heap, too, and points that are all one.
        #[test]
        fn a_shadow_is_in_order(seed in 0_u64..1000, n in 1_usize..300, heap in 0_usize..300) {
            let mut rng = Rng::seed_from_u64(seed);
            let draw = |k: usize| if k < heap { [0.25; 3] } else { std::array::from_fn(|_| rng.random::<f64>() - 0.5) };
            let points: Vec<Point> = (0..n).map(draw).collect();
            let mut shadow = Shadow::default();
            for theta in [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.6, 0.0, 0.8]] {
                shadow.cast(&points, &theta);
                let mut places: Vec<usize> = shadow.places().collect();
                let along: Vec<f64> = places.iter().map(|&place| dot(&points[place], &theta)).collect();
                prop_assert!(along.is_sorted_by(|a, b| a - b < 1e-12));
                places.sort_unstable();
                prop_assert!(places.into_iter().eq(0..n));
            }
        }

        #[test]
        fn the_gradient_passes_through_the_draws(seed in 0_u64..1000, kappa in 0.2_f64..50.0) {
            let (pair, mut rng) = pair(seed, Moved::Both);
            let (epsilon, z) = (axis(&mut rng), draws(5, kappa, &mut rng));
            let mut line = Line::default();
            let (_, gradient) = climb(&pair, &epsilon, &z, &mut line);
            // Along the sphere, in a direction across ε.
            let other = axis(&mut rng);
            let across = unit(std::array::from_fn(|k| other[k] - dot(&other, &epsilon) * epsilon[k]));
            let mut at = |t: f64| {
                let moved = unit(std::array::from_fn(|k| epsilon[k] + t * across[k]));
                objective(&pair, &moved, &z, &mut line)
            };
            let step = 1e-6;
            let expected = (at(step) - at(-step)) / (2.0 * step);
            let slope = dot(&gradient, &across);
            // Pairings change on a set of measure zero, where the objective is still continuous.
            prop_assert!((slope - expected).abs() < 1e-4 * (1.0 + slope.abs()), "{} {}", slope, expected);
        }

        #[test]
        fn a_shift_is_seen_along_itself(
            seed in 0_u64..1000,
            (x, y, z) in (-1.0_f64..1.0, -1.0_f64..1.0, 0.1_f64..1.0),
        ) {
            // Of a cloud and its copy moved by t every slice is ⟨θ, t⟩².
            let (pair, mut rng) = pair(seed, Moved::Neither);
            let t = [x, y, z];
            let moved = Pair { y: pair.x.iter().map(|p| [p[0] + x, p[1] + y, p[2] + z]).collect(), x: pair.x };
            let theta = axis(&mut rng);
            prop_assert!((Line::default().cost(&moved, &theta) - dot(&theta, &t) * dot(&theta, &t)).abs() < 1e-12);
            let mut epsilon = axis(&mut rng);
            for _ in 0..200 {
                let spread = draws(32, 40.0, &mut rng);
                epsilon = search_step(&moved, &epsilon, &spread, &mut Line::default());
            }
            prop_assert!(dot(&epsilon, &unit(t)).abs() > 0.95, "{:?} {:?}", epsilon, t);
        }

        #[test]
        fn attention_knows_no_order_and_what_runs_along_the_list_does(seed in 0_u64..1000) {
            let (first, mut rng) = pair(seed, Moved::Both);
            let pairs = [first];
            for kind in [Kind::Efficient, Kind::Full] {
                let amortiser = Amortiser::new(kind, false, 40, &mut rng);
                let defect = AmortizedSlicedDirections::defect(&amortiser, &pairs, &mut rng);
                prop_assert!(defect[0] < 1e-10 && defect[1] < 1e-10, "{:?}: {:?}", kind, defect);
            }
            let low = Amortiser::new(Kind::LowRank, false, 40, &mut rng);
            let defect = AmortizedSlicedDirections::defect(&low, &pairs, &mut rng);
            prop_assert!(defect[0] < 1e-10 && defect[1] > 1e-6, "{:?}", defect);
        }

        #[test]
        fn learning_follows_the_slope_of_the_value(seed in 0_u64..1000) {
            let (pair, mut rng) = pair(seed, Moved::Target);
            let z = draws(4, 10.0, &mut rng);
            for kind in [Kind::Efficient, Kind::LowRank, Kind::Full, Kind::Linear, Kind::Generalised] {
                let mut amortiser = Amortiser::new(kind, false, 40, &mut rng);
                let start = amortiser.psi.clone();
                let d: Vec<f64> = start.iter().map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
                let mut at = |t: f64| {
                    amortiser.psi = start.iter().zip(&d).map(|(psi, d)| psi + t * d).collect();
                    objective(&pair, &amortiser.point(&pair), &z, &mut Line::default()).sqrt()
                };
                // Where the order of the points changes within a step, the value has a kink on one side.
                let step = 1e-8;
                let sides = [(at(step) - at(0.0)) / step, (at(0.0) - at(-step)) / step];
                amortiser.psi = start;
                amortiser.learn(std::slice::from_ref(&pair), &z, 0.0);
                let slope: f64 = -amortiser.gradient.iter().zip(&d).map(|(g, d)| g * d).sum::<f64>();
                let worst = 1e-3 * (1.0 + slope.abs());
                let off = sides.map(|side| (slope - side).abs());
                prop_assert!(off[0].min(off[1]) < worst, "{:?}: {} {:?}", kind, slope, sides);
            }
        }
    }
}
