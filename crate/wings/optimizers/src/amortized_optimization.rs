//! Who solves $y^*(x)\in\arg\min_yf(y;x)$ again and again, for $x$ of one distribution, might learn the map from $x$ to
//! $y^*$ once. That is amortized optimization, of which Amos's tutorial gives the common frame: a model
//! $\hat y_\theta(x)$, *fully* amortized if a network says $y$ at once, *semi*-amortized if the network says where to
//! start and $K$ steps of a solver follow, with derivatives taken through them,
//!
//! $$y^{k+1}=y^k-\eta_k\nabla_yf(y^k;x),$$
//! $$y^0=\hat y_\theta(x),$$
//!
//! and one of two losses: *regression*, $\mathbb E\|\hat y-y^*\|^2$, which needs solved examples, or *objective-based*,
//! $\mathbb Ef(\hat y;x)$, which needs none.
//!
//! Here the network trains on your settings while you watch. On the sphere, $f$ is a soft minimum of six bumps, $x$ in
//! $\mathbb R^{18}$ says where they are and how deep; steps follow the sphere. The step lengths $\eta_k$ are learned with
//! the rest. Descent from a fixed cold start, and from the mean of solved examples, uses the best rate of six.
//!
//! **Try** drawing the distribution away from training: with one unrolled step and a shift of 2 thirty cold steps, which
//! know nothing, are ahead. Each unrolled step buys some insurance: three repair it on some draws, not on all. Take 20
//! training instances: the network learns them by heart.
//!
//! **Where it stops.** Where two optima are equally good, regression learns the mean of both, which is neither: the
//! scenario with $f=(y^2-1)^2$ shows the prediction near zero, on the hill between. The objective-based loss picks one.
//!
//! **What does not hold here** is that predicting costs a fiftieth of solving. A pass through the network takes some 5500
//! multiply-adds, a step on six bumps about 120: in operations a prediction is as dear as fifty cold steps. Amortization
//! saves iterations; it saves work where a gradient costs more than the network. On the sphere cold descent also ends in a
//! worse bump now and then, and no number of steps makes up for that. The mean gap is mostly such cases, of either start: on
//! two draws of five the claim holds by one percent only.
//!
//! **Scaled down:** 1500 Adam steps on batches of 32, two hundred test instances. In sparse coding the steps are ISTA's with
//! learned lengths; the learned matrices of LISTA, variational posteriors and fixed-point solvers are left out. Work is
//! counted, not timed: an exponential counts as ten multiply-adds.

use crate::plane::{Field, Window};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::expression::Expression;
use orrery_kernels::linalg::{View, inner, matvec};
use orrery_kernels::math::{PI, asin, atan2, cos, exp, log, log_sum_exp, sin};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "amortized-optimization",
    title: "Tutorial on amortized optimization",
    year: 2022,
    lists: &[1],
    claim: "A network that has seen a family of problems starts the next one where plain descent is thirty steps later.",
    algorithms: &[
        "amortized optimization",
        "semi-amortization",
        "unrolled gradient descent",
        "learning to optimize",
        "ISTA",
        "Riemannian gradient descent",
    ],
    contenders: &[
        Contender::paper("amortized", "amortized"),
        Contender::baseline("cold", "cold start"),
        Contender::baseline("mean", "mean solution"),
    ],
};

/// What is solved again and again.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Six bumps on a sphere.
    #[choice("sphere")]
    Sphere,
    /// A signal of 20 numbers from 3 of 40 atoms.
    #[choice("sparse coding")]
    Sparse,
    /// Quadratics in 8 dimensions that differ in their linear part.
    #[choice("quadratic family")]
    Quadratic,
    /// Your own function of one variable and one parameter.
    #[choice("your f(y; x)")]
    Formula,
}

/// What training lowers.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Loss {
    /// The objective at the prediction.
    #[choice("objective-based")]
    Objective,
    /// The squared distance to a solution.
    #[choice("regression")]
    Regression,
    /// Their sum.
    #[choice("both")]
    Both,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is solved again and again.
    #[control(label = "problem", default = Problem::Sphere)]
    pub problem: Problem,
    /// What training lowers.
    #[control(label = "loss", default = Loss::Objective)]
    pub loss: Loss,
    /// Steps of the solver after the network's start, with learned lengths; training sees through them.
    #[control(label = "unrolled steps K", range = 0..=20, default = 3)]
    pub unrolled: usize,
    /// Instances that the network is trained on.
    #[control(label = "training instances", range = 20..=20000, log, default = 2000)]
    pub instances: usize,
    /// How far the test distribution is from that of training, in deviations along one direction.
    #[control(label = "distribution shift", range = 0.0..=3.0, default = 0.0)]
    pub shift: f64,
    /// Units of each of the two hidden layers.
    #[control(label = "network width", range = 8..=256, log, default = 64)]
    pub width: usize,
    /// A function of y from -4 to 4, with a parameter x of mean 0 and deviation 1.
    #[control(
        label = "f(y; x)", variables = ["y", "x"], when = ("problem", "formula"),
        default = "(y-x)^2 + 0.3*sin(5*y)".into(),
        examples = [
            ("ripples", "(y-x)^2 + 0.3*sin(5*y)"),
            ("two equal optima", "(y^2-1)^2 + 0*x"),
            ("cosh", "(exp(y) + exp(-y))/2 - x*y"),
        ]
    )]
    pub expression: Formula,
}

/// Bumps, and how sharply they are told apart.
const BUMPS: usize = 6;
const KAPPA: f64 = 5.0;
/// Sparse coding: signal, atoms, atoms in a signal, weight of the code's length.
const SIGNAL: usize = 20;
const ATOMS: usize = 40;
const ACTIVE: usize = 3;
const LAMBDA: f64 = 0.1;
/// Dimensions of the quadratics, whose curvatures go from 1/30 to 1.
const SIZE: usize = 8;
/// Where the variable of a formula is kept.
const EDGE: f64 = 4.0;

#[derive(Clone)]
enum Kind {
    Sphere,
    /// The dictionary, signal x atoms.
    Sparse(Vec<f64>),
    /// Curvatures, and the matrix of the linear part.
    Quadratic(Vec<f64>, Vec<f64>),
    Formula(Rc<Expression>),
}

/// A family of problems, and the distribution of its parameters.
#[derive(Clone)]
struct Family {
    kind: Kind,
    /// Numbers of $x$ and of $y$.
    inputs: usize,
    outputs: usize,
    mean: Vec<f64>,
    spread: f64,
    /// The direction of the shift, of length 1.
    drift: Vec<f64>,
    /// The solver's step.
    rate: f64,
}

fn soft(v: f64, threshold: f64) -> f64 {
    if v > threshold {
        v - threshold
    } else if v < -threshold {
        v + threshold
    } else {
        0.0
    }
}

fn normalise(y: &mut [f64]) {
    let length = inner(y, y).sqrt();
    if length > 1e-12 {
        y.iter_mut().for_each(|y| *y /= length);
    } else {
        y.fill(0.0);
        y[0] = 1.0;
    }
}

impl Family {
    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let (kind, inputs, outputs) = match setting.problem {
            Problem::Sphere => (Kind::Sphere, 3 * BUMPS, 3),
            Problem::Sparse => {
                let mut dictionary = vec![0.0; SIGNAL * ATOMS];
                for atom in 0..ATOMS {
                    let mut column = normals(SIGNAL, rng);
                    normalise(&mut column);
                    column.iter().enumerate().for_each(|(i, d)| dictionary[i * ATOMS + atom] = *d);
                }
                (Kind::Sparse(dictionary), SIGNAL, ATOMS)
            }
            Problem::Quadratic => {
                let curvature = (0..SIZE).map(|k| exp(-log(30.0) * k as f64 / (SIZE - 1) as f64)).collect();
                (Kind::Quadratic(curvature, normals(SIZE * SIZE, rng)), SIZE, SIZE)
            }
            Problem::Formula => {
                let f = Expression::parse(&setting.expression.0, &["y", "x"]);
                let f = f.map_err(|wrong| Error::of("expression", wrong.message).at(wrong.at))?;
                let finite = |k: i32| {
                    let at = [EDGE * f64::from(k % 41 - 20) / 20.0, 8.0 * f64::from(k / 41 - 20) / 20.0];
                    f.second_derivative(&at, 0, 0).iter().all(|part| part.abs() < 1e9)
                };
                if !(0..41 * 41).all(finite) {
                    let message =
                        "f and its first two derivatives by y must be finite for y from -4 to 4, x from -8 to 8";
                    return Err(Error::of("expression", message));
                }
                (Kind::Formula(Rc::new(f)), 1, 1)
            }
        };
        let mut mean = vec![0.0; inputs];
        let mut drift = if inputs == 1 { vec![1.0] } else { normals(inputs, rng) };
        normalise(&mut drift);
        let spread = match kind {
            Kind::Sphere => {
                mean = normals(inputs, rng);
                mean.chunks_exact_mut(3).for_each(normalise);
                0.4
            }
            _ => 1.0,
        };
        let mut family = Self { kind, inputs, outputs, mean, spread, drift, rate: 1.0 };
        family.choose_rate(rng);
        Ok(family)
    }

    /// The best of six rates from the cold start over thirty steps; ISTA's is 1/L.
    fn choose_rate(&mut self, rng: &mut Rng) {
        if let Kind::Sparse(dictionary) = &self.kind {
            let d = View::by_rows(dictionary, SIGNAL, ATOMS);
            let mut z = vec![1.0; ATOMS];
            for _ in 0..100 {
                z = matvec(d.t(), &matvec(d, &z));
                normalise(&mut z);
            }
            let dz = matvec(d, &z);
            // A little below 1/L, which the power iteration finds from below.
            self.rate = 0.98 / inner(&dz, &dz);
            return;
        }
        let sample: Vec<Vec<f64>> = (0..60).map(|_| self.draw(0.0, rng)).collect();
        let total = |rate: f64| {
            let family = Self { rate, ..self.clone() };
            let end = |x: &Vec<f64>| {
                let mut y = family.cold();
                (0..30).for_each(|_| family.step(x, &mut y));
                family.value(x, &y).min(1e12)
            };
            sample.iter().map(end).sum::<f64>()
        };
        let rates = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6];
        let totals = rates.map(total);
        let best = (0..rates.len()).fold(0, |best, k| if totals[k] < totals[best] { k } else { best });
        self.rate = rates[best];
    }

    /// A parameter of the distribution, moved by so many deviations.
    fn draw(&self, shift: f64, rng: &mut Rng) -> Vec<f64> {
        let noise = match &self.kind {
            Kind::Sparse(dictionary) => {
                let mut code = vec![0.0; ATOMS];
                for _ in 0..ACTIVE {
                    code[rng.random_range(0..ATOMS as u32) as usize] = normals(1, rng)[0];
                }
                matvec(View::by_rows(dictionary, SIGNAL, ATOMS), &code)
            }
            _ => normals(self.inputs, rng),
        };
        // A shift of 1 moves x by as much as a typical x is from the mean.
        let far = self.spread * shift * (self.inputs as f64).sqrt();
        let parts = self.mean.iter().zip(&noise).zip(&self.drift);
        parts.map(|((mean, noise), drift)| mean + self.spread * noise + far * drift).collect()
    }

    fn cold(&self) -> Vec<f64> {
        let mut y = vec![0.0; self.outputs];
        match self.kind {
            Kind::Sphere => y[2] = 1.0,
            // Not at zero, which is often the top of a hill.
            Kind::Formula(_) => y[0] = 0.5,
            _ => {}
        }
        y
    }

    /// $f(y;x)$.
    fn value(&self, x: &[f64], y: &[f64]) -> f64 {
        match &self.kind {
            // -1/κ log Σ exp(κ⟨x_j, y⟩)
            Kind::Sphere => {
                let along: Vec<f64> = x.chunks_exact(3).map(|x| KAPPA * inner(x, y)).collect();
                -log_sum_exp(&along) / KAPPA
            }
            // ½‖Dy - x‖² + λ‖y‖₁
            Kind::Sparse(dictionary) => {
                let fit = matvec(View::by_rows(dictionary, SIGNAL, ATOMS), y);
                let square: f64 = fit.iter().zip(x).map(|(fit, x)| (fit - x) * (fit - x)).sum();
                0.5 * square + LAMBDA * y.iter().map(|y| y.abs()).sum::<f64>()
            }
            // ½ Σ a_i y_i² - ⟨Bx, y⟩
            Kind::Quadratic(a, b) => {
                let square: f64 = a.iter().zip(y).map(|(a, y)| a * y * y).sum();
                0.5 * square - inner(&matvec(View::by_rows(b, SIZE, SIZE), x), y)
            }
            Kind::Formula(f) => f.eval(&[y[0], x[0]]),
        }
    }

    /// The Euclidean gradient of the smooth part of $f$ by $y$.
    fn gradient(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        match &self.kind {
            Kind::Sphere => {
                let along: Vec<f64> = x.chunks_exact(3).map(|x| KAPPA * inner(x, y)).collect();
                let all = log_sum_exp(&along);
                let mut gradient = vec![0.0; 3];
                for (x, along) in x.chunks_exact(3).zip(&along) {
                    let share = exp(along - all);
                    gradient.iter_mut().zip(x).for_each(|(g, x)| *g -= share * x);
                }
                gradient
            }
            Kind::Sparse(dictionary) => {
                let d = View::by_rows(dictionary, SIGNAL, ATOMS);
                let rest: Vec<f64> = matvec(d, y).iter().zip(x).map(|(fit, x)| fit - x).collect();
                matvec(d.t(), &rest)
            }
            Kind::Quadratic(a, b) => {
                let linear = matvec(View::by_rows(b, SIZE, SIZE), x);
                a.iter().zip(y).zip(linear).map(|((a, y), b)| a * y - b).collect()
            }
            Kind::Formula(f) => vec![f.derivative(&[y[0], x[0]], 0).1],
        }
    }

    /// One step of the solver: descent, on the sphere along it; ISTA; descent kept in $[-4,4]$.
    fn step(&self, x: &[f64], y: &mut [f64]) {
        let g = self.gradient(x, y);
        let along = if matches!(self.kind, Kind::Sphere) { inner(&g, y) } else { 0.0 };
        for (y, g) in y.iter_mut().zip(&g) {
            let moved = *y - self.rate * (g - along * *y);
            *y = match self.kind {
                Kind::Sparse(_) => soft(moved, self.rate * LAMBDA),
                Kind::Formula(_) => moved.clamp(-EDGE, EDGE),
                _ => moved,
            };
        }
        if matches!(self.kind, Kind::Sphere) {
            normalise(y);
        }
    }

    /// A solution: the best end of long descents from several places, or the exact one where there is a formula.
    fn solve(&self, x: &[f64], rng: &mut Rng) -> Vec<f64> {
        let starts: Vec<Vec<f64>> = match &self.kind {
            Kind::Sphere => x.chunks_exact(3).map(<[f64]>::to_vec).collect(),
            Kind::Sparse(_) => return self.fista(x, 400),
            Kind::Quadratic(a, b) => {
                let linear = matvec(View::by_rows(b, SIZE, SIZE), x);
                return linear.iter().zip(a).map(|(b, a)| b / a).collect();
            }
            // In random order, so that of equal optima any is found.
            Kind::Formula(_) => {
                let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
                (0..=80).map(|k| vec![side * EDGE * f64::from(k - 40) / 40.0]).collect()
            }
        };
        let mut best: Option<(f64, Vec<f64>)> = None;
        for mut y in starts {
            if matches!(self.kind, Kind::Sphere) {
                normalise(&mut y);
            }
            for _ in 0..if self.outputs == 1 { 60 } else { 120 } {
                self.step(x, &mut y);
            }
            let value = self.value(x, &y);
            // A hair better is no better.
            if best.as_ref().is_none_or(|(least, _)| value < least - 1e-9) {
                best = Some((value, y));
            }
        }
        best.map_or_else(|| self.cold(), |(_, y)| y)
    }

    /// Accelerated ISTA (Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm", 2009).
    fn fista(&self, x: &[f64], steps: usize) -> Vec<f64> {
        let (mut y, mut ahead, mut t) = (self.cold(), self.cold(), 1.0_f64);
        for _ in 0..steps {
            let before = y.clone();
            y.clone_from(&ahead);
            self.step(x, &mut y);
            let next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
            let push = (t - 1.0) / next;
            ahead.iter_mut().zip(&y).zip(&before).for_each(|((z, y), b)| *z = y + push * (y - b));
            t = next;
        }
        y
    }

    /// Multiply-adds of one step, an exponential for ten.
    fn work(&self) -> f64 {
        match self.kind {
            Kind::Sphere => (BUMPS * (3 + 10 + 3) + 20) as f64,
            Kind::Sparse(_) => (2 * SIGNAL * ATOMS + 2 * ATOMS) as f64,
            Kind::Quadratic(..) => (2 * SIZE) as f64,
            Kind::Formula(_) => 20.0,
        }
    }
}

fn ones(graph: &mut Graph<f64>, rows: usize) -> Node {
    graph.leaf(rows, 1, vec![1.0; rows])
}

/// Sums along the rows.
fn row_sums(graph: &mut Graph<f64>, a: Node) -> Node {
    let width = graph.shape(a).1;
    let ones = ones(graph, width);
    graph.matmul(a, ones)
}

/// The family written down in a graph, for a batch of instances: what derivatives are taken through.
struct Written<'a> {
    family: &'a Family,
    x: &'a [f64],
    node: Node,
    count: usize,
}

impl<'a> Written<'a> {
    fn new(family: &'a Family, graph: &mut Graph<f64>, x: &'a [f64]) -> Self {
        let count = x.len() / family.inputs;
        Self { family, x, node: graph.leaf(count, family.inputs, x.to_vec()), count }
    }

    /// Where bump j's three numbers lie: 3 x 18 copies y to each bump, 18 x 6 sums each bump.
    fn frames(graph: &mut Graph<f64>) -> [Node; 2] {
        let (mut copy, mut sum) = (vec![0.0; 9 * BUMPS], vec![0.0; 3 * BUMPS * BUMPS]);
        for k in 0..3 * BUMPS {
            copy[(k % 3) * 3 * BUMPS + k] = 1.0;
            sum[k * BUMPS + k / 3] = 1.0;
        }
        [graph.leaf(3, 3 * BUMPS, copy), graph.leaf(3 * BUMPS, BUMPS, sum)]
    }

    /// $\kappa\langle x_j,y\rangle$ of every bump, and the logarithm of its share.
    fn bumps(&self, graph: &mut Graph<f64>, y: Node) -> [Node; 2] {
        let [copy, sum] = Self::frames(graph);
        let copies = graph.matmul(y, copy);
        let products = graph.mul(copies, self.node);
        let along = graph.matmul(products, sum);
        let along = graph.scale(along, KAPPA);
        [along, graph.log_softmax(along)]
    }

    fn normalised(&self, graph: &mut Graph<f64>, y: Node) -> Node {
        if !matches!(self.family.kind, Kind::Sphere) {
            return y;
        }
        let square = graph.mul(y, y);
        let sum = row_sums(graph, square);
        let sum = graph.shift(sum, 1e-12);
        let length = graph.sqrt(sum);
        let over = graph.recip(length);
        graph.mul(y, over)
    }

    /// The mean of $f$ over the batch.
    fn value(&self, graph: &mut Graph<f64>, y: Node) -> Node {
        let scale = 1.0 / self.count as f64;
        let sum = match &self.family.kind {
            Kind::Sphere => {
                // log Σ e^s = s₁ - log(e^{s₁} / Σ e^s)
                let [along, shares] = self.bumps(graph, y);
                let (first, share) = (graph.columns(along, 0, 1), graph.columns(shares, 0, 1));
                let all = graph.sub(share, first);
                let all = graph.scale(all, 1.0 / KAPPA);
                graph.sum(all)
            }
            Kind::Sparse(dictionary) => {
                let d = graph.leaf(SIGNAL, ATOMS, dictionary.clone());
                let fit = graph.product((y, false), (d, true));
                let rest = graph.sub(fit, self.node);
                let square = graph.mul(rest, rest);
                let square = graph.sum(square);
                let square = graph.scale(square, 0.5);
                let minus = graph.scale(y, -1.0);
                let (up, down) = (graph.relu(y), graph.relu(minus));
                let size = graph.add(up, down);
                let size = graph.sum(size);
                let size = graph.scale(size, LAMBDA);
                graph.add(square, size)
            }
            Kind::Quadratic(a, b) => {
                let a = graph.leaf(1, SIZE, a.iter().map(|a| 0.5 * a).collect());
                let b = graph.leaf(SIZE, SIZE, b.clone());
                let bent = graph.mul(y, a);
                let linear = graph.product((self.node, false), (b, true));
                let slope = graph.sub(bent, linear);
                let product = graph.mul(slope, y);
                graph.sum(product)
            }
            Kind::Formula(f) => {
                // To first order about where y is: the value and the slope are exact.
                let at = self.x.iter().zip(graph.value(y)).map(|(x, y)| (f.derivative(&[*y, *x], 0), *y));
                let (slopes, rest): (Vec<f64>, Vec<f64>) = at.map(|((f, d), y)| (d, f - d * y)).unzip();
                self.linear(graph, y, slopes, rest)
            }
        };
        let sum = match self.family.kind {
            Kind::Formula(_) => graph.sum(sum),
            _ => sum,
        };
        graph.scale(sum, scale)
    }

    /// A slope times y, plus a number, in every row.
    fn linear(&self, graph: &mut Graph<f64>, y: Node, slopes: Vec<f64>, rest: Vec<f64>) -> Node {
        let (slopes, rest) = (graph.leaf(self.count, 1, slopes), graph.leaf(self.count, 1, rest));
        let product = graph.mul(slopes, y);
        graph.add(product, rest)
    }

    /// One step of length `eta`, a 1 x 1 node.
    fn step(&self, graph: &mut Graph<f64>, y: Node, eta: Node) -> Node {
        let g = match &self.family.kind {
            Kind::Sphere => {
                let [_, shares] = self.bumps(graph, y);
                let [copy, sum] = Self::frames(graph);
                let shares = graph.exp(shares);
                let spread = graph.product((shares, false), (sum, true));
                let pulls = graph.mul(spread, self.node);
                let pull = graph.product((pulls, false), (copy, true));
                // The part along the sphere.
                let product = graph.mul(pull, y);
                let along = row_sums(graph, product);
                let radial = graph.mul(y, along);
                graph.sub(radial, pull)
            }
            Kind::Sparse(dictionary) => {
                let d = graph.leaf(SIGNAL, ATOMS, dictionary.clone());
                let fit = graph.product((y, false), (d, true));
                let rest = graph.sub(fit, self.node);
                graph.matmul(rest, d)
            }
            Kind::Quadratic(a, b) => {
                let a = graph.leaf(1, SIZE, a.clone());
                let b = graph.leaf(SIZE, SIZE, b.clone());
                let bent = graph.mul(y, a);
                let linear = graph.product((self.node, false), (b, true));
                graph.sub(bent, linear)
            }
            Kind::Formula(f) => {
                let at = |(x, y): (&f64, &f64)| {
                    let [_, slope, _, curvature] = f.second_derivative(&[*y, *x], 0, 0);
                    (curvature, slope - curvature * y)
                };
                let (curvatures, rest) = self.x.iter().zip(graph.value(y)).map(at).unzip();
                self.linear(graph, y, curvatures, rest)
            }
        };
        let way = graph.mul(g, eta);
        let moved = graph.sub(y, way);
        match self.family.kind {
            Kind::Sphere => self.normalised(graph, moved),
            Kind::Sparse(_) => {
                // S(v) = max(v - t, 0) - max(-v - t, 0)
                let threshold = graph.scale(eta, LAMBDA);
                let minus = graph.scale(moved, -1.0);
                let (up, down) = (graph.sub(moved, threshold), graph.sub(minus, threshold));
                let (up, down) = (graph.relu(up), graph.relu(down));
                graph.sub(up, down)
            }
            Kind::Quadratic(..) => moved,
            Kind::Formula(_) => {
                // Kept in [-4, 4]: v - max(v - 4, 0) + max(-v - 4, 0)
                let minus = graph.scale(moved, -1.0);
                let (over, under) = (graph.shift(moved, -EDGE), graph.shift(minus, -EDGE));
                let (over, under) = (graph.relu(over), graph.relu(under));
                let held = graph.sub(moved, over);
                graph.add(held, under)
            }
        }
    }
}

/// The model: a network for the start, and the logarithms of $K$ step lengths.
#[derive(Clone)]
struct Model {
    network: Rc<Mlp>,
    unrolled: usize,
    theta: Vec<f64>,
    adam: Adam,
}

/// Adam's rate falls from this to a tenth of it.
const RATE: f64 = 3e-3;
/// Matrices of the network's three layers.
const LAYERS: usize = 6;

impl Model {
    fn new(family: &Family, setting: &Setting, rng: &mut Rng) -> Self {
        let sizes = [family.inputs, setting.width, setting.width, family.outputs];
        let mut network = Mlp::new(&sizes, Activation::Tanh, Initialization::Glorot);
        if setting.unrolled > 0 {
            network.parameters.row("steps", setting.unrolled, log(family.rate));
        }
        let theta = network.parameters.initial(rng);
        let adam = Adam::new(theta.len(), RATE, [0.9, 0.999]);
        Self { network: Rc::new(network), unrolled: setting.unrolled, theta, adam }
    }

    /// $\hat y^0,\dots,\hat y^K$.
    fn predictions(&self, graph: &mut Graph<f64>, p: &[Node], written: &Written<'_>) -> Vec<Node> {
        let y = self.network.apply(graph, &p[..LAYERS], written.node);
        let mut way = vec![written.normalised(graph, y)];
        for k in 0..self.unrolled {
            let eta = graph.columns(p[LAYERS], k, 1);
            let eta = graph.exp(eta);
            way.push(written.step(graph, way[k], eta));
        }
        way
    }

    /// One step of Adam on a batch, with solutions where the loss needs them.
    fn train(&mut self, family: &Family, loss: Loss, x: &[f64], solutions: &[f64]) {
        let mut gradient = vec![0.0; self.theta.len()];
        self.network.parameters.gradient(&self.theta, &mut gradient, |graph, p| {
            let written = Written::new(family, graph, x);
            let way = self.predictions(graph, p, &written);
            let end = way[way.len() - 1];
            let regression = |graph: &mut Graph<f64>| {
                let truth = graph.leaf(written.count, family.outputs, solutions.to_vec());
                let error = graph.mean_squared_error(end, truth);
                graph.scale(error, family.outputs as f64)
            };
            match loss {
                Loss::Objective => written.value(graph, end),
                Loss::Regression => regression(graph),
                Loss::Both => {
                    let (one, other) = (written.value(graph, end), regression(graph));
                    graph.add(one, other)
                }
            }
        });
        // A long gradient is shortened: what a formula does is anyone's guess.
        let length = inner(&gradient, &gradient).sqrt();
        if !length.is_finite() {
            return;
        }
        if length > 10.0 {
            gradient.iter_mut().for_each(|g| *g *= 10.0 / length);
        }
        self.adam.step(&mut self.theta, &gradient);
    }

    /// For each instance $\hat y^0,\dots,\hat y^K$.
    fn predict(&self, family: &Family, x: &[f64]) -> Vec<Vec<Vec<f64>>> {
        let mut graph = Graph::new();
        let p = self.network.parameters.leaves(&mut graph, &self.theta);
        let written = Written::new(family, &mut graph, x);
        let way = self.predictions(&mut graph, &p, &written);
        let of = |row: usize| {
            let part = |node: &Node| graph.value(*node)[row * family.outputs..(row + 1) * family.outputs].to_vec();
            way.iter().map(part).collect()
        };
        (0..written.count).map(of).collect()
    }
}

/// Test instances, iterations shown, steps of training, and how they are cut up.
const TEST: usize = 200;
const ITERATIONS: usize = 60;
const TRAINING: usize = 1500;
const BATCH: usize = 32;
const AT_ONCE: usize = 5;
const SOLVED_AT_ONCE: usize = 10;
/// Steps that find where the three starts lead.
const CURVES: usize = 3;
/// Training steps between two looks at the test.
const EVERY: usize = 50;
/// Gaps below this are drawn here.
const FLOOR: f64 = 1e-7;
/// The cold start's steps that the claim compares with.
const COLD: usize = 30;

/// Points on one instance's way.
type Way = Vec<Vec<f64>>;

/// What does not change during training.
struct Fixed {
    setting: Setting,
    family: Family,
    /// Parameters of the training instances and of the test's, by rows.
    train: Vec<f64>,
    test: Vec<f64>,
    /// Training instances that are to be solved.
    to_solve: usize,
    picture: Field,
}

/// The exhibit.
#[derive(Clone)]
pub struct Amortized {
    fixed: Rc<Fixed>,
    rng: Rng,
    frame: usize,
    solutions: Rc<Vec<f64>>,
    truth: Rc<Vec<Vec<f64>>>,
    model: Model,
    trained: usize,
    /// Mean gaps by iteration, from the cold start and from the mean solution, once all is solved.
    cold: Rc<Vec<f64>>,
    mean: Rc<Vec<f64>>,
    cold_way: Rc<Way>,
    /// The same of the model as it is.
    ours: Vec<f64>,
    way: Way,
    scatter: Vec<[f64; 2]>,
    progress: [Series; 2],
}

impl Amortized {
    fn solve_frames(&self) -> usize {
        (self.fixed.to_solve + TEST).div_ceil(SOLVED_AT_ONCE)
    }

    /// From these places on by the solver, until `ITERATIONS` have been made.
    fn descend(&self, row: usize, mut way: Way) -> Way {
        let family = &self.fixed.family;
        let x = &self.fixed.test[row * family.inputs..(row + 1) * family.inputs];
        while way.len() <= ITERATIONS {
            let mut y = way[way.len() - 1].clone();
            family.step(x, &mut y);
            way.push(y);
        }
        way
    }

    fn gap(&self, row: usize, y: &[f64]) -> f64 {
        let family = &self.fixed.family;
        let x = &self.fixed.test[row * family.inputs..(row + 1) * family.inputs];
        let gap = family.value(x, y) - family.value(x, &self.truth[row]);
        if gap.is_finite() { gap.clamp(FLOOR, 1e6) } else { 1e6 }
    }

    /// Mean gaps by iteration of the ways that begin as told, and the way of the first instance.
    fn mean_gaps(&self, begin: impl Fn(usize) -> Way) -> (Vec<f64>, Way) {
        let (mut gaps, mut first) = (vec![0.0; ITERATIONS + 1], Vec::new());
        for row in 0..TEST {
            let way = self.descend(row, begin(row));
            gaps.iter_mut().zip(&way).for_each(|(sum, y)| *sum += self.gap(row, y) / TEST as f64);
            if row == 0 {
                first = way;
            }
        }
        (gaps, first)
    }

    fn look(&mut self) {
        let predictions = self.model.predict(&self.fixed.family, &self.fixed.test);
        (self.ours, self.way) = self.mean_gaps(|row| predictions[row].clone());
        let point = |(row, way): (usize, &Way)| {
            let end = &way[way.len() - 1];
            let error: f64 = end.iter().zip(&self.truth[row]).map(|(y, t)| (y - t) * (y - t)).sum();
            [error.clamp(1e-9, 1e6), self.gap(row, end)]
        };
        self.scatter = predictions.iter().enumerate().map(point).collect();
        for (series, k) in self.progress.iter_mut().zip([0, self.fixed.setting.unrolled]) {
            series.push(self.trained as f64, self.ours[k]);
        }
    }

    /// The first iteration at which a curve is at or below a gap.
    fn arrival(curve: &[f64], gap: f64) -> Option<usize> {
        curve.iter().position(|value| *value <= gap)
    }

    fn network_work(&self) -> f64 {
        let matrices = self.model.network.parameters.matrices();
        matrices.iter().filter(|m| m.rows > 1 || m.name.ends_with("weight")).map(|m| (m.rows * m.columns) as f64).sum()
    }

    fn done(&self) -> bool {
        self.trained >= TRAINING
    }
}

impl Exhibit for Amortized {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let family = Family::new(setting, rng)?;
        let train: Vec<f64> = (0..setting.instances).flat_map(|_| family.draw(0.0, rng)).collect();
        let test: Vec<f64> = (0..TEST).flat_map(|_| family.draw(setting.shift, rng)).collect();
        let model = Model::new(&family, setting, rng);
        // The objective needs no solutions; the mean solution takes a hundred.
        let to_solve = if setting.loss == Loss::Objective { setting.instances.min(100) } else { setting.instances };
        let window = Window { x: [-180.0, 180.0], y: [-90.0, 90.0] };
        let x = test[..family.inputs].to_vec();
        let picture = Field::new(window, |[longitude, latitude]| {
            if setting.problem == Problem::Sphere { family.value(&x, &on_sphere(longitude, latitude)) } else { 0.0 }
        });
        let fixed = Fixed { setting: setting.clone(), family, train, test, to_solve, picture };
        Ok(Self {
            fixed: Rc::new(fixed),
            rng: rng.clone(),
            frame: 0,
            solutions: Rc::new(Vec::new()),
            truth: Rc::new(Vec::new()),
            model,
            trained: 0,
            cold: Rc::new(Vec::new()),
            mean: Rc::new(Vec::new()),
            cold_way: Rc::new(Vec::new()),
            ours: Vec::new(),
            way: Vec::new(),
            scatter: Vec::new(),
            progress: Default::default(),
        })
    }

    fn length(&self) -> usize {
        self.solve_frames() + CURVES + TRAINING / AT_ONCE
    }

    // First the references are solved, then the model is trained.
    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let family = &fixed.family;
        if self.frame < self.solve_frames() {
            for _ in 0..SOLVED_AT_ONCE {
                let row = self.truth.len();
                if row < TEST {
                    let solution =
                        family.solve(&fixed.test[row * family.inputs..(row + 1) * family.inputs], &mut self.rng);
                    Rc::make_mut(&mut self.truth).push(solution);
                    continue;
                }
                let row = self.solutions.len() / family.outputs;
                if row < fixed.to_solve {
                    let x = &fixed.train[row * family.inputs..(row + 1) * family.inputs];
                    Rc::make_mut(&mut self.solutions).extend(family.solve(x, &mut self.rng));
                }
            }
            self.frame += 1;
            return Progress::Running;
        }
        // Then where the three starts lead.
        let after = self.frame - self.solve_frames();
        if after < CURVES {
            match after {
                0 => {
                    let (cold, way) = self.mean_gaps(|_| vec![family.cold()]);
                    (self.cold, self.cold_way) = (Rc::new(cold), Rc::new(way));
                }
                1 => {
                    let mut centre = vec![0.0; family.outputs];
                    for y in self.solutions.chunks_exact(family.outputs) {
                        centre.iter_mut().zip(y).for_each(|(c, y)| *c += y / fixed.to_solve as f64);
                    }
                    if matches!(family.kind, Kind::Sphere) {
                        normalise(&mut centre);
                    }
                    self.mean = Rc::new(self.mean_gaps(|_| vec![centre.clone()]).0);
                }
                _ => self.look(),
            }
            self.frame += 1;
            return Progress::Running;
        }
        for _ in 0..AT_ONCE {
            self.model.adam.rate = RATE * (1.0 - 0.9 * self.trained as f64 / TRAINING as f64);
            let (mut x, mut solutions) = (Vec::new(), Vec::new());
            for _ in 0..BATCH {
                let row = self.rng.random_range(0..fixed.setting.instances as u32) as usize;
                x.extend_from_slice(&fixed.train[row * family.inputs..(row + 1) * family.inputs]);
                if fixed.setting.loss != Loss::Objective {
                    solutions.extend_from_slice(&self.solutions[row * family.outputs..(row + 1) * family.outputs]);
                }
            }
            self.model.train(family, fixed.setting.loss, &x, &solutions);
            self.trained += 1;
        }
        self.frame += 1;
        if self.trained.is_multiple_of(EVERY) || self.done() {
            self.look();
        }
        if self.done() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let k = self.fixed.setting.unrolled;
        self.draw_instance(figures);

        let learned = match k {
            0 => "All make the same steps, the amortized curve from the network's answer.".to_owned(),
            1 => "The first step of the amortized curve has a learned length; after it all make the same steps."
                .to_owned(),
            _ => {
                format!(
                    "The first {k} steps of the amortized curve have learned lengths; after them all make the same steps."
                )
            }
        };
        let caption = format!("Mean gap over 200 test instances. {learned}");
        let mut curve = figures.figure("curve", "From three starts", caption);
        curve.x(Axis::linear("solver iterations").domain(0.0, ITERATIONS as f64));
        curve.y(Axis::log("mean of f − f*"));
        let iterations = || (0..=ITERATIONS).map(|k| k as f64);
        curve.line(iterations(), &*self.cold).of("cold");
        curve.line(iterations(), &*self.mean).of("mean");
        curve.line(iterations(), &self.ours).of("amortized");
        if let Some(gap) = self.ours.get(k) {
            curve.dot([k as f64], [*gap]).of("amortized").radius(5.0);
        }

        let caption = match k {
            0 => "The gap on the test while the network learns. Level: the two other starts.".to_owned(),
            1 => "The gap on the test while the model learns: at the network's own start, and after the learned step. \
                  Level: one step from the two other starts."
                .to_owned(),
            _ => format!(
                "The gap on the test while the model learns: at the network's own start, and after the {k} learned steps. \
                 Level: as many steps from the two other starts."
            ),
        };
        let mut progress = figures.figure("progress", "Learning", caption);
        progress.x(Axis::linear("training steps").domain(0.0, TRAINING as f64)).y(Axis::log("mean of f − f*"));
        let [start, end] = &self.progress;
        progress.line(start.xs(), start.ys()).of("amortized").label("start").dashed();
        progress.line(end.xs(), end.ys()).of("amortized");
        for (id, curve) in [("cold", &self.cold), ("mean", &self.mean)] {
            if let Some(gap) = curve.get(k) {
                progress.rule_y([*gap]).of(id);
            }
        }

        let work = self.fixed.family.work();
        let reached = self.ours.get(k).map(|&gap| [Self::arrival(&self.cold, gap), Self::arrival(&self.mean, gap)]);
        let never = match reached {
            Some([None, None]) => " Neither other start has come there in 60 steps; their bars show these.",
            Some([None, _]) => " The cold start has not come there in 60 steps; its bar shows these.",
            Some([_, None]) => " The mean solution has not come there in 60 steps; its bar shows these.",
            _ => "",
        };
        let caption = format!(
            "Multiply-adds per instance to the gap that the amortized model reaches, training not counted.{never}"
        );
        let mut cost = figures.figure("cost", "Work per instance", caption);
        cost.x(Axis::categories("method", ["amortized", "cold start", "mean solution"]));
        cost.y(Axis::linear("multiply-adds"));
        cost.bar([0.0], [self.network_work() + k as f64 * work]).of("amortized");
        let steps = |arrival: Option<usize>| arrival.unwrap_or(ITERATIONS) as f64 * work;
        let [cold, mean] = reached.unwrap_or([Some(0); 2]).map(steps);
        cost.bar([1.0], [cold]).of("cold");
        cost.bar([2.0], [mean]).of("mean");

        let caption = "Test instances: how far the prediction is from a solution, and how much f it leaves.";
        let mut scatter = figures.figure("scatter", "Two losses", caption);
        scatter.x(Axis::log("‖ŷ − y*‖²")).y(Axis::log("f(ŷ) − f*"));
        let dots = scatter.dot(self.scatter.iter().map(|p| p[0]), self.scatter.iter().map(|p| p[1]));
        dots.of("amortized").radius(2.5).faint();
    }

    fn claim(&self) -> Claim {
        let open = !self.done();
        let k = self.fixed.setting.unrolled;
        let ours = self.ours.get(k);
        let over = |other: Option<&f64>| ours.zip(other).map(|(ours, other)| ours / other);
        Claim::new(vec![
            Clause::at_most(
                format!("With K = {k} the model's mean gap is {{value}} of the cold start's after 30 steps, at most {{high}}."),
                over(self.cold.get(COLD)),
                1.0,
            )
            .pending_while(open),
            Clause::at_most(
                "It is {value} of what as many steps from the mean solution leave, at most {high}.",
                over(self.mean.get(k)),
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
                "Bumps on a sphere",
                "Three learned steps from a learned start are ahead of thirty from a cold one.",
                default.clone(),
            ),
            Scenario::holds(
                "ripples",
                "Your formula",
                "Cold descent stops in the first ripple; the network has seen where the deep ones are.",
                Setting { problem: Problem::Formula, ..default.clone() },
            ),
            Scenario::fails(
                "shift",
                "Another distribution",
                "Tomorrow's problems do not look like today's, and one step from the learned start does not repair it.",
                Setting { shift: 2.0, unrolled: 1, ..default.clone() },
            ),
            Scenario::fails(
                "two-optima",
                "The mean of two optima",
                "Regression on problems with two equal optima lands on the hill between them.",
                Setting {
                    problem: Problem::Formula,
                    loss: Loss::Regression,
                    unrolled: 0,
                    expression: "(y^2-1)^2 + 0*x".into(),
                    ..default
                },
            ),
        ]
    }
}

fn on_sphere(longitude: f64, latitude: f64) -> [f64; 3] {
    let (a, b) = (PI * longitude / 180.0, PI * latitude / 180.0);
    [cos(b) * cos(a), cos(b) * sin(a), sin(b)]
}

/// Longitude and latitude in degrees.
fn on_map(y: &[f64]) -> [f64; 2] {
    [180.0 / PI * atan2(y[1], y[0]), 180.0 / PI * asin(y[2].clamp(-1.0, 1.0))]
}

impl Amortized {
    /// The first test instance: its objective, the cold start's way and the model's.
    fn draw_instance(&self, figures: &mut Figures) {
        let (fixed, k) = (&*self.fixed, self.fixed.setting.unrolled);
        let (id, title) = ("instance", "One instance");
        let end = self.way.get(k).cloned();
        match &fixed.family.kind {
            Kind::Sphere => {
                let caption = "The sphere of one test instance, laid flat: where the model ends (disc), the way from \
                               its start, the way from the cold start at the pole, and the optimum (cross).";
                let names = ["longitude (degrees)", "latitude (degrees)", "f"];
                let mut sphere = fixed.picture.figure(figures, id, title, caption, names);
                for (id, way) in [("cold", &*self.cold_way), ("amortized", &self.way)] {
                    let points: Vec<[f64; 2]> = way.iter().map(|y| on_map(y)).collect();
                    // A way that leaves the map on one side comes in on the other.
                    for piece in points.chunk_by(|p, q| (p[0] - q[0]).abs() < 180.0) {
                        sphere.line(piece.iter().map(|p| p[0]), piece.iter().map(|p| p[1])).of(id);
                    }
                }
                if let Some(optimum) = self.truth.first() {
                    let [x, y] = on_map(optimum);
                    sphere.dot([x], [y]).symbol(Symbol::Cross).radius(7.0).label("optimum");
                }
                if let Some(end) = end {
                    let [x, y] = on_map(&end);
                    sphere.dot([x], [y]).of("amortized").radius(5.0);
                }
            }
            Kind::Formula(f) => {
                let x = fixed.test[0];
                let caption =
                    format!("f of one test instance, x = {x:.2}, with the prediction and where cold descent ends.");
                let mut line = figures.figure(id, title, caption);
                let ys: Vec<f64> = (-100..=100).map(|k| 0.03 * f64::from(k)).collect();
                line.x(Axis::linear("y").domain(-3.0, 3.0)).y(Axis::linear("f(y; x)"));
                line.line(&ys, ys.iter().map(|y| f.eval(&[*y, x]))).ink(Ink::Strong);
                let ends = [("cold", self.cold_way.last().cloned()), ("amortized", end)];
                for (id, y) in ends {
                    if let Some(y) = y.map(|y| y[0].clamp(-3.0, 3.0)) {
                        line.dot([y], [f.eval(&[y, x])]).of(id).radius(6.0);
                    }
                }
            }
            Kind::Sparse(_) | Kind::Quadratic(..) => {
                let caption = "The coordinates of one test instance's solution, of the prediction, and of cold descent \
                               after as many steps.";
                let mut parts = figures.figure(id, title, caption);
                parts.x(Axis::linear("coordinate").domain(0.0, fixed.family.outputs as f64 + 1.0)).y(Axis::linear("y"));
                let places = || (1..=fixed.family.outputs).map(|k| k as f64);
                if let Some(truth) = self.truth.first() {
                    parts.dot(places(), truth).symbol(Symbol::Ring).radius(5.0).label("solution");
                }
                if let Some(cold) = self.cold_way.get(k) {
                    parts.dot(places(), cold).of("cold").radius(2.5);
                }
                if let Some(end) = end {
                    parts.dot(places(), &end).of("amortized").radius(2.5);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{difference, list, number, numbers, vectors, whole, word};
    use proptest::prelude::{prop_assert, proptest};

    fn families(rng: &mut Rng) -> Vec<Family> {
        let family = |option: &(Problem, &str, &str)| {
            Family::new(&Setting { problem: option.0, ..Setting::default() }, rng).expect("a family")
        };
        Problem::OPTIONS.iter().map(family).collect()
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(12))]
        // What is written in the graph is what the solver does, and gradients are limits of differences.
        #[test]
        fn the_graph_says_what_the_solver_does(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            for family in families(&mut rng) {
                let x: Vec<f64> = (0..3).flat_map(|_| family.draw(0.0, &mut rng)).collect();
                let mut y = normals(3 * family.outputs, &mut rng);
                if matches!(family.kind, Kind::Sphere) {
                    y.chunks_exact_mut(3).for_each(normalise);
                }
                let mut graph = Graph::new();
                let written = Written::new(&family, &mut graph, &x);
                let at = graph.leaf(3, family.outputs, y.clone());
                let eta = graph.leaf(1, 1, vec![family.rate]);
                let next = written.step(&mut graph, at, eta);
                let value = written.value(&mut graph, next);
                let [slope] = graph.gradient(value, [at]);
                let plain = |y: &[f64]| -> f64 {
                    let rows = x.chunks_exact(family.inputs).zip(y.chunks_exact(family.outputs));
                    rows.map(|(x, y)| {
                        let mut y = y.to_vec();
                        family.step(x, &mut y);
                        family.value(x, &y) / 3.0
                    }).sum()
                };
                prop_assert!((graph.scalar(value) - plain(&y)).abs() < 1e-10);
                if matches!(family.kind, Kind::Sphere) {
                    // Off the sphere the solver's step is another; the graph's own difference is tested below.
                    continue;
                }
                let way = normals(y.len(), &mut rng);
                let moved = |t: f64| -> Vec<f64> { y.iter().zip(&way).map(|(y, d)| y + t * d).collect() };
                let difference = (plain(&moved(1e-6)) - plain(&moved(-1e-6))) / 2e-6;
                let mine = inner(graph.value(slope), &way);
                prop_assert!((mine - difference).abs() < 1e-4 * (1.0 + mine.abs()), "{} {}", mine, difference);
            }
        }

        #[test]
        fn gradients_through_the_unroll_are_limits_of_differences(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let setting = Setting { width: 8, ..Setting::default() };
            let family = Family::new(&setting, &mut rng).expect("a family");
            let model = Model::new(&family, &setting, &mut rng);
            let x: Vec<f64> = (0..4).flat_map(|_| family.draw(0.0, &mut rng)).collect();
            let loss = |graph: &mut Graph<f64>, p: &[Node]| {
                let written = Written::new(&family, graph, &x);
                let way = model.predictions(graph, p, &written);
                written.value(graph, way[3])
            };
            let parameters = &model.network.parameters;
            let mut gradient = vec![0.0; model.theta.len()];
            parameters.gradient(&model.theta, &mut gradient, loss);
            let way = normals(gradient.len(), &mut rng);
            let at = |t: f64| -> f64 {
                let theta: Vec<f64> = model.theta.iter().zip(&way).map(|(x, d)| x + t * d).collect();
                parameters.value(&theta, loss)
            };
            let (mine, difference) = (inner(&gradient, &way), (at(1e-6) - at(-1e-6)) / 2e-6);
            prop_assert!((mine - difference).abs() < 1e-5 * (1.0 + mine.abs()), "{} {}", mine, difference);
        }
    }

    // No way down is left at a solution: the step does not move it.
    #[test]
    fn solutions_are_fixed_points() {
        let mut rng = Rng::seed_from_u64(4);
        for family in families(&mut rng) {
            let x = family.draw(0.0, &mut rng);
            let solution = family.solve(&x, &mut rng);
            let mut moved = solution.clone();
            family.step(&x, &mut moved);
            let distance: f64 = moved.iter().zip(&solution).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(distance < 1e-3, "{distance}");
        }
    }

    // `tests/reference/amortized.py`: JAX differentiates the objectives and through the steps, Adam is optax's.
    #[test]
    fn solvers_and_training_are_those_of_jax_and_optax() {
        let vectors = vectors(include_str!("../../../../tests/reference/amortized.json"));
        let formula = Expression::parse(&Setting::default().expression.0, &["y", "x"]).expect("a formula");
        let kinds = [
            ("sphere", Kind::Sphere, 18, 3),
            ("sparse", Kind::Sparse(numbers(&vectors["dictionary"])), SIGNAL, ATOMS),
            ("quadratic", Kind::Quadratic(numbers(&vectors["curvatures"]), numbers(&vectors["b"])), SIZE, SIZE),
            ("formula", Kind::Formula(Rc::new(formula)), 1, 1),
        ];
        for (name, kind, inputs, outputs) in kinds {
            let stored = &vectors["families"][name];
            let rate = number(&stored["rate"]);
            let (mean, drift) = (vec![0.0; inputs], vec![0.0; inputs]);
            let family = Family { kind, inputs, outputs, mean, spread: 1.0, drift, rate };
            let x = numbers(&stored["x"]);
            let mut worst: f64 = 0.0;
            for (way, x) in list(&stored["solvers"]).iter().zip(x.chunks_exact(inputs)) {
                let mut y = family.cold();
                for expected in list(way) {
                    (0..50).for_each(|_| family.step(x, &mut y));
                    worst = worst.max(difference(&y, &numbers(expected)));
                }
                assert_eq!(list(way).len(), 4);
            }
            println!("{name}: the solver {worst:e} after 200 steps");
            assert!(worst < 1e-10, "{name}: the solver {worst:e}");

            let solutions = numbers(&stored["solutions"]);
            for run in list(&stored["training"]) {
                let loss = match word(&run["loss"]) {
                    "objective" => Loss::Objective,
                    "regression" => Loss::Regression,
                    _ => Loss::Both,
                };
                let (width, unrolled) = (whole(&run["width"]), whole(&run["unrolled"]));
                let setting = Setting { width, unrolled, ..Setting::default() };
                let mut model = Model::new(&family, &setting, &mut Rng::seed_from_u64(0));
                model.theta = numbers(&run["start"]);
                let (mut t, mut worst) = (0, 0.0_f64);
                for kept in list(&run["path"]) {
                    while t < whole(&kept["step"]) {
                        let rows: Vec<usize> = (0..6).map(|j| (5 * t + 7 * j) % 18).collect();
                        let of = |all: &[f64], width: usize| -> Vec<f64> {
                            rows.iter().flat_map(|&row| &all[row * width..(row + 1) * width]).copied().collect()
                        };
                        model.train(&family, loss, &of(&x, inputs), &of(&solutions, outputs));
                        t += 1;
                    }
                    let theta: Vec<f64> = model.theta.iter().copied().step_by(8).collect();
                    worst = worst.max(difference(&theta, &numbers(&kept["theta"])));
                    let ways = model.predict(&family, &x[..3 * inputs]);
                    for (way, expected) in ways.iter().zip(list(&kept["predictions"])) {
                        worst = worst.max(difference(&way[unrolled], &numbers(expected)));
                    }
                }
                println!("{name}, {loss:?}: training {worst:e} after {t} steps");
                assert!(t == 200 && worst < 1e-10, "{name}, {loss:?}: training {worst:e}");
            }
        }
    }
}
