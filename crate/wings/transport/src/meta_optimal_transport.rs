//! Sinkhorn's iteration usually starts from zero, however many similar problems came before. Amos, Luise, Cohen and
//! Redko let a network $h_\theta(\alpha,\beta)$ look at both histograms and say where to start. It needs no solved
//! examples: it is trained to *raise the dual* of random pairs,
//! $$J(h)=\langle h,\alpha\rangle+\langle k,\beta\rangle,\quad
//! k_j=-\epsilon\log\sum_i\alpha_ie^{(h_i-C_{ij})/\epsilon}.$$
//! The gradient is $\alpha-P1$: what the rows of the plan still lack. No derivative passes through an iteration.
//!
//! **What you see.** Above, your two images, and between them the mass on its way: the lower row by the plan as
//! predicted, the upper by the converged one. The network trains here, in small steps, on pairs of three blobs. Then
//! twenty pairs it has never seen are balanced from four starts. All arrive at the same plan; only the way differs.
//!
//! **Try** fewer training steps, or none, or 6000. Test on digits: the network, which never saw one, still saves a
//! third of the iterations or more. Then paint what is unlike any blobs, a single column at each border: there it
//! starts worse than zero does.
//!
//! **Where it stops.** A start saves a fixed number of iterations. Ask for a marginal to $10^{-6}$ and Sinkhorn's
//! linear tail, the same from everywhere, makes up nearly all of the run. At $\epsilon=0.1$ the share saved is as
//! large as ever, but it is two iterations of four. Pairs that have not settled after 1600 iterations are given up;
//! then the costs may not yet agree.
//!
//! **What does not hold here.** The paper compares with zero and with Gaussians. For blobs the closed form for
//! Gaussians, which needs no training, is hard to beat: on seed 0 zero needs 38 iterations on average, another pair's
//! potential 41, the learned start 18, the Gaussian one 17. So the claim is made against zero alone.
//!
//! **Scaled down:** $12\times12$ pixels instead of $28\times28$, two hidden layers of 256 instead of three of 1024,
//! five hundred batches of 32 instead of 50,000 of 128. The continuous variant, a hypernetwork that writes the weights
//! of a convex network, is left out. Potentials are counted from $\epsilon\log\alpha$, which makes every start, zero
//! too, a little better, and the potential of an empty pixel finite.

use orrery_core::prelude::*;
use orrery_kernels::data::{Stroke, glyph};
use orrery_kernels::linalg::{DMatrix, DVector, View, matmul};
use orrery_kernels::math::{exp, exp_wide, log};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::transport::Gaussian;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "meta-optimal-transport",
    title: "Meta Optimal Transport",
    year: 2022,
    lists: &[1],
    claim: "A network that has seen many transport problems starts Sinkhorn near the answer of the next one.",
    algorithms: &[
        "Meta OT",
        "amortized optimization",
        "Sinkhorn initialisation",
        "entropic optimal transport",
        "Kantorovich dual",
        "warm start",
        "learning to optimize",
    ],
    contenders: &[
        Contender::paper("meta", "Meta OT"),
        Contender::baseline("zero", "zero"),
        Contender::baseline("gaussian", "Gaussian"),
        Contender::baseline("previous", "previous pair"),
    ],
};

/// What the held-out pairs are.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Family {
    /// Three blobs, as in training.
    #[choice("same")]
    Same,
    /// Handwritten digits.
    #[choice("digits")]
    Digits,
    /// Your two images, turned, mirrored and moved.
    #[choice("painted")]
    Painted,
}

/// Where Sinkhorn begins.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Start {
    /// At what the network says.
    #[choice("Meta OT")]
    Meta,
    /// At zero.
    #[choice("zero")]
    Zero,
    /// At the potential between two Gaussians with the images' means and covariances.
    #[choice("Gaussian")]
    Gaussian,
    /// At the potential of another pair, solved before.
    #[choice("previous")]
    Previous,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How many batches the network is trained on.
    #[control(label = "training steps", range = 0..=6000, default = 500)]
    pub training_steps: usize,
    /// The entropic regularisation ε; costs are squared distances in the unit square.
    #[control(label = "ε", range = 0.003..=0.1, log, default = 0.01)]
    pub epsilon: f64,
    /// The marginal error at which Sinkhorn counts as having arrived.
    #[control(label = "tolerance", range = 1e-6..=0.1, log, default = 0.01, live)]
    pub tolerance: f64,
    /// The image to move. Paint one.
    #[control(label = "source image", size = (12, 12), default = picture(SOURCE))]
    pub source: Image,
    /// The image to fill. Paint one.
    #[control(label = "target image", size = (12, 12), default = picture(TARGET))]
    pub target: Image,
    /// What the held-out pairs are. Training always sees three blobs.
    #[control(label = "family at test time", default = Family::Same)]
    pub family: Family,
    /// Whose start the lower row of the picture shows.
    #[control(label = "initialiser shown", default = Start::Meta, live)]
    pub initialiser: Start,
    /// Pairs in a batch of training.
    #[control(label = "batch", range = 4..=64, log, default = 32)]
    pub batch: usize,
}

/// Pixels along a side.
const SIDE: usize = 12;

/// Pixels of an image.
const N: usize = SIDE * SIDE;

/// Held-out pairs. After them, in each table of pairs, comes the visitor's own.
const HELD_OUT: usize = 20;

/// The marginal error at which an iteration counts as converged.
const CONVERGED: f64 = 1e-9;

/// Iterations after which it is given up.
const MOST: usize = 1600;

/// Iterations in a step.
const CHUNK: usize = 10;

/// Training steps between two looks at the held-out pairs.
const EVERY: usize = 40;

/// Potentials are as large as costs, a network's outputs about one.
const UNIT: f64 = 0.1;

/// What the last layer's weights are scaled by at first.
const QUIET: f32 = 0.05;

/// Adam's rate falls from this to a twentieth of it.
const RATE: f64 = 1e-3;

/// Where a pixel lies along an axis.
fn place(k: usize) -> f64 {
    (k as f64 + 0.5) / SIDE as f64
}

/// The sum of Gaussian blobs, each a place, a width and a weight.
fn blobs(blobs: &[[f64; 4]]) -> Vec<f64> {
    let mut image = vec![0.0; N];
    for &[x, y, width, weight] in blobs {
        let profile = |centre: f64| -> Vec<f64> {
            let exponent = |k: usize| (place(k) - centre) / width;
            (0..SIDE).map(|k| exp_wide(-0.5 * exponent(k) * exponent(k))).collect()
        };
        let across = profile(x);
        for (row, y) in image.chunks_exact_mut(SIDE).zip(profile(y)) {
            row.iter_mut().zip(&across).for_each(|(pixel, x)| *pixel += weight * x * y);
        }
    }
    image
}

/// Blobs to begin with, each a place and a width.
const SOURCE: &[(f64, f64, f64)] = &[(0.25, 0.25, 0.1), (0.3, 0.7, 0.08), (0.6, 0.2, 0.07)];
const TARGET: &[(f64, f64, f64)] = &[(0.75, 0.75, 0.09), (0.45, 0.8, 0.07), (0.8, 0.35, 0.1)];

fn picture(places: &[(f64, f64, f64)]) -> Image {
    let blobs = blobs(&places.iter().map(|&(x, y, width)| [x, y, width, 0.9]).collect::<Vec<_>>());
    Image { width: SIDE, height: SIDE, pixels: blobs.iter().map(|x| (x * 100.0).round().min(100.0) / 100.0).collect() }
}

/// Three blobs at random: what the network is trained on.
fn three_blobs(rng: &mut Rng) -> Vec<f64> {
    let mut blob = || {
        let mut between = |low: f64, high: f64| rng.random_range(low..high);
        [between(0.1, 0.9), between(0.1, 0.9), between(0.06, 0.14), between(0.4, 1.0)]
    };
    let three = [blob(), blob(), blob()];
    shares(blobs(&three))
}

fn shares(mut image: Vec<f64>) -> Vec<f64> {
    let sum: f64 = image.iter().sum();
    image.iter_mut().for_each(|pixel| *pixel /= sum);
    image
}

/// A painted image at our size.
fn painted(image: &Image, name: &str) -> Result<Vec<f64>> {
    let sum: f64 = image.pixels.iter().sum();
    if sum < 1e-3 {
        return Err(Error::of(name, "the image is empty; paint something into it"));
    }
    let pixel = |k: usize| {
        let (x, y) = (k % SIDE * image.width / SIDE, k / SIDE * image.height / SIDE);
        image.pixels[y * image.width + x]
    };
    let pixels: Vec<f64> = (0..N).map(pixel).collect();
    Ok(shares(pixels))
}

/// Mirrored, turned by quarters, and moved by up to two pixels.
fn moved(image: &[f64], rng: &mut Rng) -> Vec<f64> {
    let (flip, turn) = (rng.random::<bool>(), rng.random_range(0..4_u32));
    let (dx, dy) = (rng.random_range(-2..3_i32), rng.random_range(-2..3_i32));
    let pixel = |k: usize| {
        let (mut x, mut y) = ((k % SIDE) as i32 - dx, (k / SIDE) as i32 - dy);
        if flip {
            x = SIDE as i32 - 1 - x;
        }
        for _ in 0..turn {
            (x, y) = (y, SIDE as i32 - 1 - x);
        }
        let inside = |x: i32| (0..SIDE as i32).contains(&x);
        if inside(x) && inside(y) { image[y as usize * SIDE + x as usize] } else { 0.0 }
    };
    let pixels: Vec<f64> = (0..N).map(pixel).collect();
    // What would leave the picture stays where it was.
    if pixels.iter().sum::<f64>() < 0.5 { image.to_vec() } else { shares(pixels) }
}

/// `x` times the symmetric matrix `m`, for `x` of as many rows as there are pairs.
fn times(x: &[f64], m: &[f64]) -> Vec<f64> {
    matmul(View::by_rows(x, x.len() / N, N), View::by_rows(m, N, N))
}

/// Masses over sums; where there is no mass there is nothing to scale.
fn ratio(masses: &[f64], sums: &[f64]) -> Vec<f64> {
    masses.iter().zip(sums).map(|(&mass, &sum)| if mass > 0.0 { mass / sum } else { 0.0 }).collect()
}

/// What all pairs share: all images lie on one grid.
struct Geometry {
    epsilon: f64,
    /// $K=e^{-C/\epsilon}$.
    kernel: Vec<f64>,
    /// $K\circ C$.
    kernel_cost: Vec<f64>,
}

impl Geometry {
    fn new(epsilon: f64) -> Self {
        let square = |i: usize, j: usize| (place(i) - place(j)) * (place(i) - place(j));
        let cost: Vec<f64> = (0..N * N)
            .map(|k| (k / N, k % N))
            .map(|(i, j)| square(i % SIDE, j % SIDE) + square(i / SIDE, j / SIDE))
            .collect();
        let kernel: Vec<f64> = cost.iter().map(|cost| exp(-cost / epsilon)).collect();
        let kernel_cost = kernel.iter().zip(&cost).map(|(k, c)| k * c).collect();
        Self { epsilon, kernel, kernel_cost }
    }

    /// The scalings $a=\alpha e^{h/\epsilon}$ of potentials. A constant, which changes no plan, is taken off, and what
    /// is too large for any cost is cut, so that no exponential overflows.
    fn scalings(&self, h: &[f64], alpha: &[f64]) -> Vec<f64> {
        let mut a = Vec::with_capacity(h.len());
        for (h, alpha) in h.chunks_exact(N).zip(alpha.chunks_exact(N)) {
            let mean: f64 = h.iter().zip(alpha).map(|(h, alpha)| h * alpha).sum();
            let scaling = |(h, alpha): (&f64, &f64)| alpha * exp_wide(((h - mean) / self.epsilon).clamp(-140.0, 140.0));
            a.extend(h.iter().zip(alpha).map(scaling));
        }
        a
    }

    /// $b=\beta\oslash K^\top a$: the other side, balanced. It is $b=\beta e^{k/\epsilon}$ with the $k$ of the essay.
    fn other(&self, a: &[f64], beta: &[f64]) -> Vec<f64> {
        ratio(beta, &times(a, &self.kernel))
    }

    /// $P1=a\circ Kb$ of each pair.
    fn row_sums(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        times(b, &self.kernel).iter().zip(a).map(|(sum, a)| sum * a).collect()
    }

    /// $\langle C,P\rangle$ of each pair.
    fn costs(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let sums = times(b, &self.kernel_cost);
        let row = |(sums, a): (&[f64], &[f64])| sums.iter().zip(a).map(|(sum, a)| sum * a).sum();
        sums.chunks_exact(N).zip(a.chunks_exact(N)).map(row).collect()
    }

    /// $J=\langle h,\alpha\rangle+\langle k,\beta\rangle$ of each pair, from $h=\epsilon\log(a/\alpha)$ and
    /// $k=\epsilon\log(b/\beta)$.
    fn duals(&self, a: &[f64], b: &[f64], pairs: &Pairs) -> Vec<f64> {
        let side = |scalings: &[f64], masses: &[f64]| -> f64 {
            let term = |(x, mass): (&f64, &f64)| if *mass > 0.0 { mass * log(x / mass) } else { 0.0 };
            self.epsilon * scalings.iter().zip(masses).map(term).sum::<f64>()
        };
        let rows = a.chunks_exact(N).zip(b.chunks_exact(N));
        let masses = pairs.alpha.chunks_exact(N).zip(pairs.beta.chunks_exact(N));
        rows.zip(masses).map(|((a, b), (alpha, beta))| side(a, alpha) + side(b, beta)).collect()
    }
}

/// Pairs of histograms, by rows.
#[derive(Clone, Default)]
struct Pairs {
    alpha: Vec<f64>,
    beta: Vec<f64>,
}

impl Pairs {
    fn push(&mut self, alpha: &[f64], beta: &[f64]) {
        self.alpha.extend_from_slice(alpha);
        self.beta.extend_from_slice(beta);
    }
}

/// Sinkhorn's iteration on all pairs at once, from given potentials.
#[derive(Clone)]
struct Balancing {
    a: Vec<f64>,
    b: Vec<f64>,
    /// By iterations, $\|P1-\alpha\|_1$ of each pair; $P^\top1=\beta$ throughout.
    errors: Rc<Vec<Vec<f64>>>,
    /// $\langle C,P\rangle$ of each pair before the first iteration.
    costs: Vec<f64>,
    /// $J$ of each pair before the first iteration.
    duals: Vec<f64>,
    /// The visitor's pair as it was at the start.
    shown: (Vec<f64>, Vec<f64>),
    done: bool,
}

impl Balancing {
    fn new(geometry: &Geometry, pairs: &Pairs, h: &[f64]) -> Self {
        let a = geometry.scalings(h, &pairs.alpha);
        let b = geometry.other(&a, &pairs.beta);
        let (costs, duals) = (geometry.costs(&a, &b), geometry.duals(&a, &b, pairs));
        let shown = (a[HELD_OUT * N..].to_vec(), b[HELD_OUT * N..].to_vec());
        let errors = Rc::new(vec![errors(&geometry.row_sums(&a, &b), &pairs.alpha)]);
        Self { a, b, errors, costs, duals, shown, done: false }
    }

    fn advance(&mut self, geometry: &Geometry, pairs: &Pairs, iterations: usize) {
        for _ in 0..iterations {
            let kb = times(&self.b, &geometry.kernel);
            // f ← f + ε(log α - log P1), as a ← α ⊘ Kb; then g from f.
            self.a = ratio(&pairs.alpha, &kb);
            self.b = geometry.other(&self.a, &pairs.beta);
            let now = errors(&geometry.row_sums(&self.a, &self.b), &pairs.alpha);
            self.done = now.iter().all(|error| *error <= CONVERGED);
            let errors = Rc::make_mut(&mut self.errors);
            errors.push(now);
            self.done |= errors.len() > MOST;
            if self.done {
                return;
            }
        }
    }

    /// The potentials reached, $h=-\epsilon\log Kb$: those of empty pixels too.
    fn potentials(&self, geometry: &Geometry) -> Vec<f64> {
        times(&self.b, &geometry.kernel).iter().map(|sum| -geometry.epsilon * log(*sum)).collect()
    }

    /// For each held-out pair the iterations until its error is at most the tolerance, once all have come there.
    fn arrivals(&self, tolerance: f64) -> Option<Vec<usize>> {
        let arrival = |pair: usize| self.errors.iter().position(|errors| errors[pair] <= tolerance);
        let arrivals = (0..HELD_OUT).map(|pair| arrival(pair).or(self.done.then_some(MOST)));
        arrivals.collect()
    }

    /// By iterations, the mean error of the held-out pairs.
    fn mean_errors(&self) -> impl Iterator<Item = f64> + '_ {
        self.errors.iter().map(|errors| mean(&errors[..HELD_OUT]))
    }
}

/// $\|P1-\alpha\|_1$ of each pair.
fn errors(sums: &[f64], alpha: &[f64]) -> Vec<f64> {
    let error = |(sums, alpha): (&[f64], &[f64])| sums.iter().zip(alpha).map(|(sum, alpha)| (sum - alpha).abs()).sum();
    sums.chunks_exact(N).zip(alpha.chunks_exact(N)).map(error).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn mean_count(x: &[usize]) -> f64 {
    x.iter().sum::<usize>() as f64 / x.len() as f64
}

/// The potential of the map between two Gaussians with the images' means and covariances: from the Brenier potential
/// $\varphi(x)=\frac12(x-m_1)^\top T(x-m_1)+\langle m_2,x\rangle$ it is $h(x)=|x|^2-2\varphi(x)$.
fn gaussian_start(pairs: &Pairs) -> Result<Vec<f64>> {
    let of = |image: &[f64]| {
        let mut centre = [0.0; 2];
        for (k, mass) in image.iter().enumerate() {
            centre[0] += mass * place(k % SIDE);
            centre[1] += mass * place(k / SIDE);
        }
        let mut covariance = DMatrix::zeros(2, 2);
        for (k, mass) in image.iter().enumerate() {
            let d = DVector::from_vec(vec![place(k % SIDE) - centre[0], place(k / SIDE) - centre[1]]);
            covariance += *mass * &d * d.transpose();
        }
        Gaussian::new(DVector::from_vec(centre.to_vec()), covariance).map_err(|e| Error::new(e.to_string()))
    };
    let mut h = Vec::with_capacity(pairs.alpha.len());
    for (alpha, beta) in pairs.alpha.chunks_exact(N).zip(pairs.beta.chunks_exact(N)) {
        let (from, to) = (of(alpha)?, of(beta)?);
        let map = from.map(&to);
        h.extend((0..N).map(|k| {
            let x = DVector::from_vec(vec![place(k % SIDE), place(k / SIDE)]);
            let d = &x - from.mean();
            x.dot(&x) - (d.dot(&(&map * &d)) + 2.0 * to.mean().dot(&x))
        }));
    }
    Ok(h)
}

/// The network $h_\theta(\alpha,\beta)$ and its training.
#[derive(Clone)]
struct Trainer {
    network: Rc<Mlp>,
    theta: Vec<f32>,
    adam: Adam<f32>,
    gradient: Vec<f32>,
}

impl Trainer {
    fn new(rng: &mut Rng) -> Self {
        let network = Mlp::new(&[2 * N, 256, 256, N], Activation::Relu, Initialization::He);
        let mut theta: Vec<f32> = network.parameters.initial(rng);
        // Untrained, it says almost nothing: nearly the start from zero.
        if let Some(last) = network.parameters.matrix("3.weight") {
            theta[last.range()].iter_mut().for_each(|weight| *weight *= QUIET);
        }
        let (adam, gradient) = (Adam::new(theta.len(), RATE, [0.9, 0.999]), vec![0.0; theta.len()]);
        Self { network: Rc::new(network), theta, adam, gradient }
    }

    /// Both histograms side by side, relative to the mean.
    fn inputs(pairs: &Pairs) -> Vec<f32> {
        let rows = pairs.alpha.chunks_exact(N).zip(pairs.beta.chunks_exact(N));
        rows.flat_map(|(alpha, beta)| alpha.iter().chain(beta)).map(|mass| (N as f64 * mass) as f32).collect()
    }

    fn predict(&self, pairs: &Pairs) -> Vec<f64> {
        let mut graph = orrery_kernels::autodiff::Graph::new();
        let p = self.network.parameters.leaves(&mut graph, &self.theta);
        let x = graph.leaf(pairs.alpha.len() / N, 2 * N, Self::inputs(pairs));
        let h = self.network.apply(&mut graph, &p, x);
        graph.value(h).iter().map(|h| UNIT * f64::from(*h)).collect()
    }

    /// One step of Adam up the mean dual of a batch.
    fn step(&mut self, geometry: &Geometry, pairs: &Pairs, rate: f64) {
        let count = pairs.alpha.len() / N;
        self.network.parameters.gradient(&self.theta, &mut self.gradient, |graph, p| {
            let x = graph.leaf(count, 2 * N, Self::inputs(pairs));
            let h = self.network.apply(graph, p, x);
            let potentials: Vec<f64> = graph.value(h).iter().map(|h| UNIT * f64::from(*h)).collect();
            let a = geometry.scalings(&potentials, &pairs.alpha);
            let b = geometry.other(&a, &pairs.beta);
            // ∇J = α - P1: minus the loss below has it as its gradient by h.
            let sums = geometry.row_sums(&a, &b);
            let descent = sums.iter().zip(&pairs.alpha).map(|(sum, alpha)| ((sum - alpha) / count as f64) as f32);
            let descent = graph.leaf(count, N, descent.collect());
            let product = graph.mul(h, descent);
            graph.sum(product)
        });
        *self.adam.rate() = rate;
        self.adam.step(&mut self.theta, &self.gradient);
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Balancing from a start that needs no training.
    Baseline(Start),
    Training,
    /// Balancing from the learned start.
    Learned,
    Done,
}

/// The exhibit.
#[derive(Clone)]
pub struct MetaOptimalTransport {
    setting: Setting,
    rng: Rng,
    geometry: Rc<Geometry>,
    pairs: Rc<Pairs>,
    phase: Phase,
    trainer: Rc<Trainer>,
    trained: usize,
    zero: Balancing,
    gaussian: Balancing,
    previous: Option<Balancing>,
    /// From the network as it is.
    meta: Balancing,
    /// By training steps, by how much the mean dual of the held-out pairs falls short.
    gap: Series,
    /// Of the visitor's pair, by the converged plan and by that of the chosen start.
    frames: [Rc<Vec<f64>>; 2],
}

/// Moments of the interpolation that are drawn, and cells along the side of each, two a pixel.
const MOMENTS: usize = 5;
const CELLS: usize = 2 * SIDE;

/// What the plan $a_iK_{ij}b_j$ has moved at each moment $t$: the mass of $(i,j)$, a pixel large, at $(1-t)x_i+tx_j$.
fn interpolation(geometry: &Geometry, a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut cells = vec![0.0; MOMENTS * CELLS * CELLS];
    for (i, kernel) in geometry.kernel.chunks_exact(N).enumerate() {
        for (j, kernel) in kernel.iter().enumerate() {
            let mass = a[i] * kernel * b[j];
            if mass < 1e-7 {
                continue;
            }
            for (moment, cells) in cells.chunks_exact_mut(CELLS * CELLS).enumerate() {
                let t = moment as f64 / (MOMENTS - 1) as f64;
                let corner = |i: usize, j: usize| {
                    let at = 2.0 * ((1.0 - t) * i as f64 + t * j as f64);
                    let cell = (at as usize).min(CELLS - 2);
                    (cell, [1.0 - (at - cell as f64), 1.0, at - cell as f64])
                };
                let ((x, wide), (y, high)) = (corner(i % SIDE, j % SIDE), corner(i / SIDE, j / SIDE));
                for (dy, high) in high.iter().enumerate().filter(|(dy, _)| y + dy < CELLS) {
                    for (dx, wide) in wide.iter().enumerate().filter(|(dx, _)| x + dx < CELLS) {
                        cells[(y + dy) * CELLS + x + dx] += 0.25 * mass * high * wide;
                    }
                }
            }
        }
    }
    // Rows of a raster run up, those of an image down.
    for cells in cells.chunks_exact_mut(CELLS * CELLS) {
        let rows: Vec<f64> = cells.chunks_exact(CELLS).rev().flatten().copied().collect();
        cells.copy_from_slice(&rows);
    }
    cells
}

impl MetaOptimalTransport {
    fn balancing(&self, start: Start) -> Option<&Balancing> {
        match start {
            Start::Meta => Some(&self.meta),
            Start::Zero => Some(&self.zero),
            Start::Gaussian => Some(&self.gaussian),
            Start::Previous => self.previous.as_ref(),
        }
    }

    fn starts(&self) -> impl Iterator<Item = (&'static str, &Balancing)> {
        let starts = [Start::Zero, Start::Gaussian, Start::Previous, Start::Meta];
        let ids = ["zero", "gaussian", "previous", "meta"];
        ids.into_iter().zip(starts).filter_map(|(id, start)| Some((id, self.balancing(start)?)))
    }

    /// The greatest mean dual, once known.
    fn best(&self) -> Option<f64> {
        let duals = || mean(&self.geometry.duals(&self.zero.a, &self.zero.b, &self.pairs)[..HELD_OUT]);
        self.zero.done.then(duals)
    }

    /// Looks at the held-out pairs with the network as it is.
    fn evaluate(&mut self) {
        self.meta = Balancing::new(&self.geometry, &self.pairs, &self.trainer.predict(&self.pairs));
        if let Some(best) = self.best() {
            self.gap.push(self.trained as f64, (best - mean(&self.meta.duals[..HELD_OUT])).max(1e-9));
        }
        self.draw();
    }

    fn draw(&mut self) {
        let start = self.balancing(self.setting.initialiser).unwrap_or(&self.zero);
        let begun = interpolation(&self.geometry, &start.shown.0, &start.shown.1);
        self.frames[1] = Rc::new(begun);
    }
}

impl Exhibit for MetaOptimalTransport {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let own = (painted(&setting.source, "source")?, painted(&setting.target, "target")?);
        let mut pairs = Pairs::default();
        for _ in 0..HELD_OUT {
            let mut image = |own: &[f64]| match setting.family {
                Family::Same => three_blobs(rng),
                Family::Digits => {
                    let digit = rng.random_range(0..10_u32) as usize;
                    shares(glyph(digit, SIDE, &Stroke::random(1.0, rng)))
                }
                Family::Painted => moved(own, rng),
            };
            let (alpha, beta) = (image(&own.0), image(&own.1));
            pairs.push(&alpha, &beta);
        }
        pairs.push(&own.0, &own.1);
        let geometry = Geometry::new(setting.epsilon);
        let trainer = Trainer::new(rng);
        let zero = Balancing::new(&geometry, &pairs, &vec![0.0; pairs.alpha.len()]);
        let gaussian = Balancing::new(&geometry, &pairs, &gaussian_start(&pairs)?);
        let meta = Balancing::new(&geometry, &pairs, &trainer.predict(&pairs));
        let mut exhibit = Self {
            setting: setting.clone(),
            rng: rng.clone(),
            geometry: Rc::new(geometry),
            pairs: Rc::new(pairs),
            phase: Phase::Baseline(Start::Zero),
            trainer: Rc::new(trainer),
            trained: 0,
            zero,
            gaussian,
            previous: None,
            meta,
            gap: Series::new(),
            frames: Default::default(),
        };
        exhibit.draw();
        // Until it has converged, what stands in its place is what it begins with.
        exhibit.frames[0] = Rc::new(interpolation(&exhibit.geometry, &exhibit.zero.shown.0, &exhibit.zero.shown.1));
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        4 * (MOST / CHUNK + 1) + self.setting.training_steps + 1
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let (geometry, pairs) = (Rc::clone(&self.geometry), Rc::clone(&self.pairs));
        match self.phase {
            Phase::Baseline(Start::Zero) => {
                self.zero.advance(&geometry, &pairs, CHUNK);
                if self.zero.done {
                    self.phase = Phase::Baseline(Start::Gaussian);
                    let plan = (&self.zero.a[HELD_OUT * N..], &self.zero.b[HELD_OUT * N..]);
                    self.frames[0] = Rc::new(interpolation(&geometry, plan.0, plan.1));
                }
            }
            Phase::Baseline(Start::Gaussian) => {
                self.gaussian.advance(&geometry, &pairs, CHUNK);
                if self.gaussian.done {
                    // Each pair begins where the one before it ended, the first where the last did.
                    let mut h = self.zero.potentials(&geometry);
                    h.truncate(HELD_OUT * N);
                    h.rotate_right(N);
                    let last = h[..N].to_vec();
                    h.extend(last);
                    self.previous = Some(Balancing::new(&geometry, &pairs, &h));
                    self.phase = Phase::Baseline(Start::Previous);
                    self.draw();
                }
            }
            Phase::Baseline(_) => {
                let done = self.previous.as_mut().is_none_or(|previous| {
                    previous.advance(&geometry, &pairs, CHUNK);
                    previous.done
                });
                if done {
                    self.phase = Phase::Training;
                    self.evaluate();
                }
            }
            Phase::Training if self.trained == self.setting.training_steps => {
                self.evaluate();
                self.phase = Phase::Learned;
            }
            Phase::Training => {
                let mut batch = Pairs::default();
                for _ in 0..self.setting.batch {
                    batch.push(&three_blobs(&mut self.rng), &three_blobs(&mut self.rng));
                }
                let left = 1.0 - self.trained as f64 / self.setting.training_steps as f64;
                Rc::make_mut(&mut self.trainer).step(&geometry, &batch, RATE * (0.05 + 0.95 * left));
                self.trained += 1;
                if self.trained.is_multiple_of(EVERY) {
                    self.evaluate();
                }
            }
            Phase::Learned => {
                self.meta.advance(&geometry, &pairs, CHUNK);
                if self.meta.done {
                    self.phase = Phase::Done;
                }
            }
            Phase::Done => {}
        }
        if self.phase == Phase::Done { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting.tolerance = setting.tolerance;
        self.setting.initialiser = setting.initialiser;
        self.draw();
    }

    fn figures(&self, figures: &mut Figures) {
        let caption = "Your source on its way to your target. Below by the plan of the chosen start, before any \
                       iteration; above by the converged plan.";
        let mut way = figures.figure("way", "The way of the mass", caption);
        way.x(Axis::categories("share of the way", ["0", "¼", "½", "¾", "1"]).domain(-0.5, 4.5));
        way.y(Axis::categories("plan", ["start", "converged"]).domain(-0.5, 1.5)).equal();
        let [ended, begun] = &self.frames;
        let most = ended.iter().copied().fold(1e-6, f64::max);
        for (row, cells) in [begun, ended].into_iter().enumerate() {
            for (moment, values) in cells.chunks_exact(CELLS * CELLS).enumerate() {
                let (x, y) = (moment as f64, row as f64);
                let grid = Grid { values, columns: CELLS, x: [x - 0.47, x + 0.47], y: [y - 0.47, y + 0.47] };
                way.raster(grid, Colors::sequential("mass of a quarter pixel").domain(0.0, most));
            }
        }

        let tolerance = self.setting.tolerance;
        let cold = self.zero.arrivals(tolerance);
        let reach = cold.as_ref().and_then(|cold| cold.iter().max().copied()).unwrap_or(40).clamp(4, MOST) as f64 * 1.2;
        let caption = "Mean over the 20 held-out pairs. The columns are exact throughout; in the end every start \
                       falls equally fast.";
        let mut error = figures.figure("error", "Four starts, one answer", caption);
        error.x(Axis::linear("Sinkhorn iterations").domain(0.0, reach));
        error.y(Axis::log("‖P1 − α‖₁ (mean)"));
        for (id, balancing) in self.starts() {
            let ys: Vec<f64> = balancing.mean_errors().take(reach as usize + 1).map(|y| y.max(1e-16)).collect();
            error.line((0..ys.len()).map(|k| k as f64), &ys).of(id);
            error.dot([0.0], &ys[..1]).of(id).radius(4.0);
        }
        error.rule_y([tolerance]).label("tolerance").dashed();

        let caption = "By how much the start falls short of the greatest dual value, on held-out pairs. The level \
                       lines need no training.";
        let mut gap = figures.figure("gap", "Learning to start", caption);
        let steps = self.setting.training_steps.max(1) as f64;
        gap.x(Axis::linear("training steps").domain(0.0, steps)).y(Axis::log("max J − J (mean)"));
        if let Some(best) = self.best() {
            for (id, balancing) in self.starts().filter(|(id, _)| *id != "meta") {
                gap.rule_y([(best - mean(&balancing.duals[..HELD_OUT])).max(1e-9)]).of(id);
            }
        }
        gap.line(self.gap.xs(), self.gap.ys()).of("meta");
        if let Some([x, y]) = self.gap.last() {
            gap.dot([x], [y]).of("meta").radius(4.0);
        }

        let caption =
            "Held-out pairs by the iterations they need to the tolerance, from zero and from the learned start.";
        let mut counts = figures.figure("counts", "Iterations to the tolerance", caption);
        let most = cold.as_ref().and_then(|cold| cold.iter().max().copied()).unwrap_or(40).max(10);
        let warm = self.meta.arrivals(tolerance).filter(|_| matches!(self.phase, Phase::Learned | Phase::Done));
        let most = warm.as_ref().and_then(|warm| warm.iter().max().copied()).unwrap_or(0).max(most);
        let width = (most + 1).div_ceil(16);
        counts
            .x(Axis::linear("iterations").domain(0.0, (17 * width) as f64))
            .y(Axis::linear("pairs").domain(0.0, 20.0));
        for (id, arrivals, side) in [("zero", &cold, 0.7), ("meta", &warm, 0.3)] {
            let Some(arrivals) = arrivals else { continue };
            let mut bins = [0.0; 17];
            arrivals.iter().for_each(|count| bins[(count / width).min(16)] += 1.0);
            let at = |k: usize| (k as f64 + side) * width as f64;
            let full = || bins.iter().enumerate().filter(|(_, pairs)| **pairs > 0.0);
            counts.bar(full().map(|(k, _)| at(k)), full().map(|(_, pairs)| *pairs)).of(id);
        }

        let caption = "Means over the held-out pairs. The last two columns are before any iteration.";
        let names = CARD.contenders.iter().map(|contender| contender.label);
        let rows: Vec<Option<&Balancing>> =
            [Start::Meta, Start::Zero, Start::Gaussian, Start::Previous].map(|start| self.balancing(start)).to_vec();
        let optimum = self.zero.done.then(|| self.geometry.costs(&self.zero.a, &self.zero.b));
        let number = |of: &dyn Fn(&Balancing) -> Option<f64>| -> Vec<String> {
            rows.iter().map(|row| row.and_then(of).map_or("…".to_owned(), |x| format!("{x:.3}"))).collect()
        };
        figures
            .figure("table", "In numbers", caption)
            .table()
            .words("start", names)
            .words("iterations", number(&|b| b.arrivals(tolerance).map(|arrivals| mean_count(&arrivals))))
            .words("marginal error", number(&|b| b.mean_errors().next()))
            .words("error of the cost", number(&|b| Some(relative(&b.costs, optimum.as_deref()?))));
    }

    fn claim(&self) -> Claim {
        let tolerance = self.setting.tolerance;
        let learned = matches!(self.phase, Phase::Learned | Phase::Done);
        let counts = (self.zero.arrivals(tolerance), self.meta.arrivals(tolerance).filter(|_| learned));
        let share = match counts {
            // With nothing to save nothing is saved.
            (Some(cold), Some(warm)) if mean_count(&cold) > 0.0 => Some(mean_count(&warm) / mean_count(&cold)),
            (Some(_), Some(_)) => Some(1.0),
            _ => None,
        };
        let costs = |balancing: &Balancing| self.geometry.costs(&balancing.a, &balancing.b);
        let apart = (self.phase == Phase::Done).then(|| {
            let pairs = costs(&self.zero).into_iter().zip(costs(&self.meta));
            pairs.map(|(zero, meta)| (zero - meta).abs()).fold(0.0, f64::max)
        });
        let off = learned.then(|| relative(&self.meta.costs, &costs(&self.zero)));
        Claim::new(vec![
            Clause::at_most(
                "From the learned start Sinkhorn needs {value} of the iterations it needs from zero, at most {high}.",
                share,
                0.7,
            ),
            Clause::at_most(
                "The start does not change the answer: converged costs differ by {value}, at most {high}.",
                apart,
                1e-6,
            ),
            Clause::at_most(
                "Before any iteration the cost of the predicted plan is off by {value} of the optimum, at most {high}.",
                off,
                0.2,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Three blobs",
                "Five hundred batches later Sinkhorn starts closer on pairs that the network has never seen.",
                default.clone(),
            ),
            Scenario::fails(
                "untrained",
                "No training",
                "A network that knows nothing starts nowhere better than zero.",
                Setting { training_steps: 0, ..default.clone() },
            ),
            Scenario::holds(
                "digits",
                "Digits",
                "Strokes instead of blobs: the start is less good, and still worth having.",
                Setting { family: Family::Digits, ..default.clone() },
            ),
            Scenario::fails(
                "painted",
                "Border to border",
                "A column at one border, to fill one at the other: the network never saw the like, and zero is nearer.",
                Setting { family: Family::Painted, source: column(0), target: column(SIDE - 1), ..default.clone() },
            ),
            Scenario::fails(
                "tail",
                "To 10⁻⁶",
                "The head start is the same few iterations; the linear tail, equal from everywhere, dwarfs it.",
                Setting { tolerance: 1e-6, ..default.clone() },
            ),
            Scenario::holds(
                "blunt",
                "ε = 0.1",
                "The same share is saved, but of a handful: a blunt plan takes few iterations from anywhere.",
                Setting { epsilon: 0.1, ..default },
            ),
        ]
    }
}

/// The mean relative difference of the held-out pairs' costs.
fn relative(costs: &[f64], optimum: &[f64]) -> f64 {
    let relative: Vec<f64> = costs.iter().zip(optimum).take(HELD_OUT).map(|(c, best)| (c / best - 1.0).abs()).collect();
    mean(&relative)
}

/// One column of pixels.
fn column(x: usize) -> Image {
    let pixels = (0..N).map(|k| if k % SIDE == x { 1.0 } else { 0.0 }).collect();
    Image { width: SIDE, height: SIDE, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::transport::{Entropic, Scaling};
    use orrery_reference::{number, numbers, vectors};
    use proptest::prelude::{ProptestConfig, prop_assert, proptest};

    fn problem(seed: u64, count: usize, epsilon: f64) -> (Geometry, Pairs, Rng) {
        let mut rng = Rng::seed_from_u64(seed);
        let mut pairs = Pairs::default();
        for _ in 0..count {
            pairs.push(&three_blobs(&mut rng), &three_blobs(&mut rng));
        }
        (Geometry::new(epsilon), pairs, rng)
    }

    /// From the potentials, balanced for so many iterations.
    fn balanced(geometry: &Geometry, pairs: &Pairs, h: &[f64], iterations: usize) -> (Vec<f64>, Vec<f64>) {
        let mut a = geometry.scalings(h, &pairs.alpha);
        let mut b = geometry.other(&a, &pairs.beta);
        for _ in 0..iterations {
            a = ratio(&pairs.alpha, &times(&b, &geometry.kernel));
            b = geometry.other(&a, &pairs.beta);
        }
        (a, b)
    }

    #[test]
    fn its_plans_cost_what_those_of_pot_do_and_its_gaussian_start_is_the_closed_form() {
        let file = include_str!("../../../../tests/reference/meta_optimal_transport.json");
        let stored = vectors(file);
        let numbers = |name: &str| numbers(&stored[name]);
        let geometry = Geometry::new(number(&stored["epsilon"]));
        let mut pairs = Pairs::default();
        pairs.push(&numbers("alpha"), &numbers("beta"));
        let start = gaussian_start(&pairs).expect("a start");
        for h in [vec![0.0; N], start.clone()] {
            let (a, b) = balanced(&geometry, &pairs, &h, 1500);
            let difference = (geometry.costs(&a, &b)[0] - number(&stored["cost"])).abs();
            println!("cost: {difference:e}");
            assert!(difference < 1e-11, "{difference:e}");
        }
        let theirs = numbers("gaussian");
        let shift = mean(&start);
        let worst = start.iter().zip(&theirs).map(|(h, f)| (h - shift - f).abs()).fold(0.0, f64::max);
        println!("Gaussian start: {worst:e}");
        assert!(worst < 1e-6, "{worst:e}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_gradient_of_the_dual_is_what_the_rows_lack(seed in 0_u64..1000, epsilon in 0.01_f64..0.1) {
            let (geometry, pairs, mut rng) = problem(seed, 1, epsilon);
            let draw = |rng: &mut Rng| (0..N).map(|_| rng.random_range(-0.1..0.1)).collect::<Vec<f64>>();
            let (h, d) = (draw(&mut rng), draw(&mut rng));
            // Shifting h adds as much to the first part of J as it takes off the second: the scalings may drop it.
            let dual = |t: f64| {
                let h: Vec<f64> = h.iter().zip(&d).map(|(h, d)| h + t * d).collect();
                let a = geometry.scalings(&h, &pairs.alpha);
                let b = geometry.other(&a, &pairs.beta);
                (geometry.duals(&a, &b, &pairs)[0], geometry.row_sums(&a, &b))
            };
            let step = 1e-4;
            let expected = (dual(step).0 - dual(-step).0) / (2.0 * step);
            let lacking = dual(0.0).1.iter().zip(&pairs.alpha).map(|(sum, alpha)| alpha - sum).collect::<Vec<_>>();
            let slope: f64 = lacking.iter().zip(&d).map(|(g, d)| g * d).sum();
            prop_assert!((slope - expected).abs() < 1e-5 * (1e-2 + slope.abs()), "{} {}", slope, expected);
        }

        #[test]
        fn it_goes_as_sinkhorn_in_scaling_form_does(seed in 0_u64..1000) {
            let (geometry, pairs, _) = problem(seed, 1, 0.01);
            let cost: Vec<f64> = geometry.kernel_cost.iter().zip(&geometry.kernel).map(|(kc, k)| kc / k).collect();
            let problem = Entropic::new(&cost, 100.0, pairs.alpha.clone(), pairs.beta.clone()).expect("a problem");
            let mut scaling = Scaling::new(&problem);
            (scaling.a, scaling.b) = balanced(&geometry, &pairs, &[0.0; N], 0);
            for _ in 0..30 {
                scaling.advance(&problem, N).expect("no underflow");
            }
            let (a, _) = balanced(&geometry, &pairs, &[0.0; N], 30);
            let worst = a.iter().zip(&scaling.a).map(|(x, y)| (x / y - 1.0).abs()).fold(0.0, f64::max);
            prop_assert!(worst < 1e-9, "{}", worst);
        }

        #[test]
        fn every_iteration_raises_the_dual_and_the_last_meets_the_primal(seed in 0_u64..1000) {
            let (geometry, pairs, _) = problem(seed, 1, 0.02);
            let mut before = f64::NEG_INFINITY;
            for iterations in 0..20 {
                let (a, b) = balanced(&geometry, &pairs, &[0.0; N], iterations);
                let dual = geometry.duals(&a, &b, &pairs)[0];
                prop_assert!(dual >= before - 1e-13);
                before = dual;
            }
            // At the top J = ⟨C, P⟩ + ε KL(P | α ⊗ β).
            let (a, b) = balanced(&geometry, &pairs, &[0.0; N], 1000);
            let masses = pairs.alpha.iter().flat_map(|alpha| pairs.beta.iter().map(move |beta| alpha * beta));
            let plan = geometry.kernel.iter().enumerate().map(|(k, kernel)| a[k / N] * kernel * b[k % N]);
            let divergence: f64 =
                plan.zip(masses).map(|(p, product)| if p > 0.0 { p * log(p / product) } else { 0.0 }).sum();
            let primal = geometry.costs(&a, &b)[0] + geometry.epsilon * divergence;
            prop_assert!((geometry.duals(&a, &b, &pairs)[0] - primal).abs() < 1e-8);
        }
    }

    #[test]
    fn the_gaussian_start_is_exact_for_a_moved_blob() {
        // Far from the border a moved blob is moved mass by mass: the potential is linear, as that of the Gaussians.
        let geometry = Geometry::new(0.02);
        let mut pairs = Pairs::default();
        let blob = |x: f64| shares(blobs(&[[x, 0.5, 0.06, 1.0]]));
        pairs.push(&blob(5.0 / 12.0), &blob(7.0 / 12.0));
        let (a, b) = balanced(&geometry, &pairs, &gaussian_start(&pairs).expect("a start"), 0);
        let (from_zero, other) = balanced(&geometry, &pairs, &[0.0; N], 0);
        let error = |a: &[f64], b: &[f64]| errors(&geometry.row_sums(a, b), &pairs.alpha)[0];
        println!("{} {}", error(&a, &b), error(&from_zero, &other));
        assert!(error(&a, &b) < 0.25 * error(&from_zero, &other));
    }

    #[test]
    fn training_raises_the_dual_of_pairs_not_trained_on() {
        let (geometry, pairs, mut rng) = problem(1, 10, 0.02);
        let mut trainer = Trainer::new(&mut rng);
        let dual = |trainer: &Trainer| {
            let a = geometry.scalings(&trainer.predict(&pairs), &pairs.alpha);
            let b = geometry.other(&a, &pairs.beta);
            mean(&geometry.duals(&a, &b, &pairs))
        };
        let before = dual(&trainer);
        for _ in 0..60 {
            let mut batch = Pairs::default();
            for _ in 0..16 {
                batch.push(&three_blobs(&mut rng), &three_blobs(&mut rng));
            }
            trainer.step(&geometry, &batch, RATE);
        }
        let (a, b) = balanced(&geometry, &pairs, &vec![0.0; pairs.alpha.len()], 300);
        let best = mean(&geometry.duals(&a, &b, &pairs));
        let after = dual(&trainer);
        println!("{before} {after} of {best}");
        assert!(after - before > 0.3 * (best - before) && after < best);
    }

    #[test]
    fn the_interpolation_begins_at_the_row_sums_ends_at_the_target_and_loses_no_mass() {
        let (geometry, pairs, _) = problem(3, 1, 0.01);
        let (a, b) = balanced(&geometry, &pairs, &[0.0; N], 200);
        let cells = interpolation(&geometry, &a, &b);
        for (cells, ends) in
            cells.chunks_exact(CELLS * CELLS).zip([Some(&pairs.alpha), None, None, None, Some(&pairs.beta)])
        {
            assert!((cells.iter().sum::<f64>() - 1.0).abs() < 2e-3);
            let Some(image) = ends else { continue };
            for (k, pixel) in image.iter().enumerate() {
                let (row, column) = (CELLS - 1 - 2 * (k / SIDE), 2 * (k % SIDE));
                assert!((4.0 * cells[row * CELLS + column] - pixel).abs() < 1e-5);
            }
        }
    }
}
