//! Particles that wander towards a target density $Q$ follow a gradient flow: the steepest descent of a functional
//! $F$, here $\mathrm{KL}(P\|Q)$, when densities are as far apart as transport makes them. Jordan, Kinderlehrer and
//! Otto take it in implicit steps,
//! $$P_{k+1}=\arg\min_P\tfrac1{2a}W_2^2(P,P_k)+F(P).$$
//! Written over maps $T$ that push particles, the first term is a mean over samples. The second needs the density,
//! which samples do not have. The paper's way out is to make it a maximum over functions $h$. With a Gaussian
//! $\Gamma$ fitted to $P_k$,
//! $$\mathrm{KL}(P\|Q)=\max_{h>0}\,1+E_P[\log h]-E_\Gamma[h]+E_P[\log\Gamma-\log Q],$$
//! and the best $h$ is $P/\Gamma$. So a step is a game: $J_1$ updates of a critic network $h$, $J_2$ of a map network
//! $T$, and so on.
//!
//! **What you see.** The particles' $F$ follows the rings: the same implicit steps in closed form. Langevin, the
//! baseline, follows the curve of continuous time instead; the gap between the two is of the order of $a$. Neither is
//! wrong.
//!
//! **Try** the mixture, where nothing is known in closed form and the critic has to find the valleys between the
//! modes. With $J_1=6$ it does. With $J_1=1$ it lags: it underrates the density where particles crowd, so nothing
//! holds them apart, and $F$ rises. Jensen and Shannon's divergence needs samples of $Q$ alone. In a porous medium,
//! $F=\int P^2$, the critic is twice the density itself.
//!
//! **Where it stops.** A long step leaves $\Gamma$ behind: at $a=1$ the ratio $P/\Gamma$ spans so many orders that
//! samples of $\Gamma$ never meet the place where it matters, and even $J_1=10$ does not help. And in few dimensions
//! Langevin, for which $\nabla\log Q$ is enough, gets as near at a fraction of the cost.
//!
//! Ours: networks see coordinates in which $\Gamma$ is standard normal; the map has an affine part and the critic a
//! quadratic one, so the Gaussian case is within their reach; $h=e^\varphi$. Batches are of 128, with 30 turns a
//! step, 90 in the first. Weights begin with variance 1/inputs: with Glorot's, the first layer is almost linear, and
//! the critic takes a thousand updates to see a mixture, not three hundred. In the plane $F$ is measured by distances
//! to neighbours, which errs by some hundredths.

use crate::energy_distance::Yardstick;
use crate::potential::{Network, mean, potential};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::linalg::DMatrix;
use orrery_kernels::math::{PI, TAU, cbrt, exp, log, sincos};
use orrery_kernels::networks::Mlp;
use orrery_kernels::random::Batches;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "variational-jko",
    title: "Variational Wasserstein gradient flow",
    year: 2021,
    lists: &[1],
    claim: "A flow of densities steps forward from samples alone: a critic network stands in for the density.",
    algorithms: &[
        "JKO scheme",
        "Wasserstein gradient flow",
        "variational f-divergence",
        "min-max training",
        "unadjusted Langevin",
        "Ornstein-Uhlenbeck",
        "porous medium equation",
        "Barenblatt profile",
    ],
    contenders: &[
        Contender::paper("jko", "variational JKO"),
        Contender::baseline("langevin", "particle diffusion (Langevin)"),
    ],
};

/// What decreases.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Functional {
    /// Kullback and Leibler's divergence to a Gaussian.
    #[choice("KL to Gaussian")]
    KlToGaussian,
    /// The same to a mixture of Gaussians.
    #[choice("KL to mixture")]
    KlToMixture,
    /// Jensen and Shannon's divergence to a mixture, of which there are only samples.
    #[choice("Jensen–Shannon to samples")]
    JensenShannonToSamples,
    /// The integral of the squared density.
    #[choice("porous medium")]
    PorousMedium,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What decreases along the flow.
    #[control(label = "functional F", default = Functional::KlToGaussian)]
    pub functional: Functional,
    /// How long one implicit step is, in physical time.
    #[control(label = "JKO step a", range = 0.01..=1.0, log, default = 0.1)]
    pub step: f64,
    /// How many JKO steps the particles take.
    #[control(label = "outer steps", range = 5..=50, default = 20)]
    pub outer: usize,
    /// How many times the critic is improved before the map is.
    #[control(label = "inner ascent J₁", range = 1..=10, default = 3)]
    pub ascent: usize,
    /// How many times the map is improved then.
    #[control(label = "inner descent J₂", range = 1..=5, default = 1)]
    pub descent: usize,
    /// Units in each of the two hidden layers, of the map and of the critic.
    #[control(label = "width", range = 16..=128, log, default = 64)]
    pub width: usize,
    /// The dimension of the Gaussians. (The mixture lies in the plane, the porous medium on a line.)
    #[control(label = "dimension", range = 1..=8, default = 2, when = ("functional", "kl-to-gaussian"))]
    pub dimension: usize,
    /// Centres of the target's modes, all of equal weight. Drag them.
    #[control(
        label = "target modes", count = 1..=12, domain = [[-4.0, 4.0], [-4.0, 4.0]],
        when = ("functional", ["kl-to-mixture", "jensen-shannon-to-samples"]),
        default = [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]].into()
    )]
    pub modes: Points,
}

/// Particles of each method.
const PARTICLES: usize = 1024;

/// Particles in one update of a network.
const BATCH: usize = 128;

/// Times that the critic and the map take turns in an outer step; in the first one, when both know nothing, three times
/// as many.
const ROUNDS: usize = 30;

/// Learning rate of the map and of the critic at the beginning of an outer step; it falls to a tenth towards its end.
const RATE: f64 = 4e-3;

/// Langevin steps within the time of one JKO step.
const SUBSTEPS: usize = 10;

/// The least estimate that is drawn on a logarithmic axis.
const FLOOR: f64 = 1e-3;

/// Deviation of each mode of the mixture.
const SPREAD: f64 = 0.5;

/// A Gaussian law.
#[derive(Clone, Debug)]
struct Gaussian {
    mean: Vec<f64>,
    covariance: DMatrix<f64>,
    /// $L$, lower triangular, with $LL^\top$ the covariance.
    root: DMatrix<f64>,
    /// $L^{-\top}$: a row $x-m$ times it is white.
    whitener: DMatrix<f64>,
}

impl Gaussian {
    /// `None` if the covariance is not positive definite.
    fn new(mean: Vec<f64>, covariance: DMatrix<f64>) -> Option<Self> {
        let root = covariance.clone().cholesky()?.l();
        let whitener = root.clone().try_inverse()?.transpose();
        let finite = mean.iter().chain(whitener.iter()).all(|number| number.is_finite());
        finite.then_some(Self { mean, covariance, root, whitener })
    }

    /// With the mean and the covariance of the points.
    fn fitted(points: &[f32], d: usize) -> Option<Self> {
        let n = (points.len() / d) as f64;
        let mut mean = vec![0.0; d];
        for point in points.chunks_exact(d) {
            mean.iter_mut().zip(point).for_each(|(mean, &x)| *mean += f64::from(x) / n);
        }
        let mut covariance = DMatrix::zeros(d, d);
        for point in points.chunks_exact(d) {
            for i in 0..d {
                for j in 0..d {
                    covariance[(i, j)] += (f64::from(point[i]) - mean[i]) * (f64::from(point[j]) - mean[j]) / n;
                }
            }
        }
        Self::new(mean, covariance)
    }

    fn log_determinant(&self) -> f64 {
        self.root.diagonal().iter().map(|&entry| 2.0 * log(entry)).sum()
    }

    /// $\mathrm{KL}=\tfrac12(\mathrm{tr}\,\Sigma_Q^{-1}\Sigma+|L_Q^{-1}(m-m_Q)|^2-d+\log\det\Sigma_Q\Sigma^{-1})$.
    fn divergence(&self, q: &Self) -> f64 {
        let d = self.mean.len();
        let white = q.whitener.transpose();
        let away = DMatrix::from_fn(d, 1, |i, _| self.mean[i] - q.mean[i]);
        let trace = (&white * &self.covariance * &q.whitener).trace();
        let logs = q.log_determinant() - self.log_determinant();
        0.5 * (trace + (white * away).norm_squared() - d as f64 + logs)
    }

    /// The rows of `x`, white.
    fn whiten(&self, g: &mut Graph<f32>, x: Node) -> Node {
        let d = self.mean.len();
        let mean = g.leaf(1, d, self.mean.iter().map(|&m| m as f32).collect());
        let whitener = g.leaf(d, d, self.whitener.transpose().iter().map(|&w| w as f32).collect());
        let away = g.sub(x, mean);
        g.matmul(away, whitener)
    }

    /// $-\log$ of the density at each row of `x`: $\tfrac12|z|^2+\tfrac12\log\det\Sigma+\tfrac d2\log2\pi$.
    fn energy(&self, g: &mut Graph<f32>, x: Node) -> Node {
        let z = self.whiten(g, x);
        let square = g.mul(z, z);
        let sum = g.collect(square, g.shape(x).0, 1);
        let half = g.scale(sum, 0.5);
        g.shift(half, (0.5 * self.log_determinant() + 0.5 * self.mean.len() as f64 * log(TAU)) as f32)
    }
}

/// Where the flow goes.
#[derive(Clone, Debug)]
enum Target {
    /// $\mathrm{KL}(P\|Q)$ with a Gaussian $Q$.
    Gaussian(Gaussian),
    /// $\mathrm{KL}(P\|Q)$ with a mixture $Q$ of these centres.
    Mixture(Vec<[f64; 2]>),
    /// The Jensen-Shannon divergence to samples of such a mixture.
    Samples(Vec<[f64; 2]>, Vec<f32>),
    /// $\int P^2$ on the box $[-R,R]$.
    Porous(f64),
}

impl Target {
    /// $-\log Q$ at each row of `x`; none where there is no $Q$.
    fn energy(&self, g: &mut Graph<f32>, x: Node) -> Option<Node> {
        match self {
            Self::Gaussian(q) => Some(q.energy(g, x)),
            Self::Mixture(centres) | Self::Samples(centres, _) => {
                // -log Σ_j exp(-|x - c_j|²/2s²)/M + log 2πs², with |x - c|² = |x|² - 2 x·c + |c|².
                let (n, count, narrow) = (g.shape(x).0, centres.len(), 1.0 / (2.0 * SPREAD * SPREAD));
                let twice = centres.iter().flat_map(|c| c.map(|c| (2.0 * narrow * c) as f32)).collect();
                let twice = g.leaf(count, 2, twice);
                let own = centres.iter().map(|c| (-narrow * (c[0] * c[0] + c[1] * c[1])) as f32).collect();
                let own = g.leaf(1, count, own);
                let product = g.product((x, false), (twice, true));
                let exponents = g.add(product, own);
                // log Σ exp is an entry less its logarithmic softmax.
                let share = g.log_softmax(exponents);
                let (entry, share) = (g.columns(exponents, 0, 1), g.columns(share, 0, 1));
                let total = g.sub(share, entry);
                let square = g.mul(x, x);
                let square = g.collect(square, n, 1);
                let square = g.scale(square, narrow as f32);
                let energy = g.add(total, square);
                Some(g.shift(energy, log(count as f64 * TAU * SPREAD * SPREAD) as f32))
            }
            Self::Porous(_) => None,
        }
    }

    /// How far the pictures go along each axis.
    fn reach(&self) -> f64 {
        match self {
            Self::Gaussian(_) => 4.0,
            Self::Mixture(_) | Self::Samples(..) => 5.0,
            Self::Porous(r) => *r,
        }
    }

    /// The density over the plane of the first two coordinates, on a grid; empty on a line.
    fn contours(&self) -> Vec<f64> {
        let reach = self.reach();
        let place = |i: usize| reach * ((2 * i + 1) as f64 / CONTOUR as f64 - 1.0);
        let grid = (0..CONTOUR * CONTOUR).map(|i| [place(i % CONTOUR), place(i / CONTOUR)]);
        match self {
            Self::Mixture(centres) | Self::Samples(centres, _) => grid.map(|x| mixture(centres, x)).collect(),
            Self::Gaussian(q) if q.mean.len() > 1 => {
                // Of a marginal, the upper left corner of the covariance, whose root is that of the whole root.
                let (a, b, c) = (q.root[(0, 0)], q.root[(1, 0)], q.root[(1, 1)]);
                let white = |x: [f64; 2]| [(x[0] - q.mean[0]) / a, (x[1] - q.mean[1] - b * (x[0] - q.mean[0]) / a) / c];
                grid.map(white).map(|z| exp(-0.5 * (z[0] * z[0] + z[1] * z[1]))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The density of the mixture in the plane.
fn mixture(centres: &[[f64; 2]], x: [f64; 2]) -> f64 {
    let square = |c: &[f64; 2]| (x[0] - c[0]) * (x[0] - c[0]) + (x[1] - c[1]) * (x[1] - c[1]);
    let sum: f64 = centres.iter().map(|c| exp(-square(c) / (2.0 * SPREAD * SPREAD))).sum();
    sum / (centres.len() as f64 * TAU * SPREAD * SPREAD)
}

/// `count` samples of the mixture.
fn sample_mixture(centres: &[[f64; 2]], count: usize, rng: &mut Rng) -> Vec<f32> {
    let mut point = |_| {
        let centre = centres[rng.random_range(0..centres.len() as u32) as usize];
        centre.map(|c| (c + SPREAD * rng.sample::<f64, _>(StandardNormal)) as f32)
    };
    (0..count).flat_map(&mut point).collect()
}

/// $N(z)$: the map is $T(x)=x+N(z)$, of an affine part and a network.
fn displacement(network: &Mlp, g: &mut Graph<f32>, p: &[Node], z: Node) -> Node {
    let (layers, head) = p.split_at(6);
    let bent = network.apply(g, layers, z);
    let straight = g.matmul(z, head[0]);
    g.add(bent, straight)
}

/// The flow in closed form: what JKO's implicit steps give without sampling and without networks.
#[derive(Clone)]
enum Closed {
    /// Along each axis of the target: mean less the target's, deviation, and the target's deviation.
    Gaussian(Vec<[f64; 3]>),
    /// The half-width of Barenblatt's profile $\tfrac3{4s}(1-x^2/s^2)$.
    Porous(f64),
    /// Unknown.
    None,
}

impl Closed {
    /// The same in continuous time, `t` later: the Ornstein-Uhlenbeck flow, and Barenblatt's solution.
    fn after(&self, t: f64) -> Self {
        match self {
            Self::Gaussian(axes) => {
                let flow = |&[m, s, q]: &[f64; 3]| {
                    let fading = exp(-t / (q * q));
                    [m * fading, (q * q + (s * s - q * q) * fading * fading).sqrt(), q]
                };
                Self::Gaussian(axes.iter().map(flow).collect())
            }
            // d/dt s²/2·5 = 3/5s, or ds³/dt = 9.
            Self::Porous(s) => Self::Porous(cbrt(s * s * s + 9.0 * t)),
            Self::None => Self::None,
        }
    }

    /// One implicit step of length `a`.
    fn advance(&mut self, a: f64) {
        match self {
            Self::Gaussian(axes) => {
                for [m, s, q] in axes {
                    // (m' - m)/a = -m'/q² and (s' - s)/a = 1/s' - s'/q²
                    let b = 1.0 + a / (*q * *q);
                    *m /= b;
                    *s = (*s + (*s * *s + 4.0 * a * b).sqrt()) / (2.0 * b);
                }
            }
            Self::Porous(s) => {
                // The second moment is s²/5 and F = 3/5s, so that (s' - s)/5a = 3/5s'². Newton, from the right.
                let mut next = *s + 3.0 * a / (*s * *s);
                for _ in 0..60 {
                    let f = next * next * (next - *s) - 3.0 * a;
                    next -= f / (next * (3.0 * next - 2.0 * *s));
                }
                *s = next;
            }
            Self::None => {}
        }
    }

    fn value(&self) -> Option<f64> {
        match self {
            Self::Gaussian(axes) => {
                let term = |[m, s, q]: &[f64; 3]| {
                    let (mean, ratio) = (m / q, s / q);
                    0.5 * (mean * mean + ratio * ratio - 1.0) - log(ratio)
                };
                Some(axes.iter().map(term).sum())
            }
            Self::Porous(s) => Some(0.6 / s),
            Self::None => None,
        }
    }
}

/// The mean of the target Gaussian, and its axes: the first two turned by 30 degrees.
fn turned(d: usize) -> DMatrix<f64> {
    let mut axes = DMatrix::identity(d, d);
    if d > 1 {
        let (sin, cos) = sincos(PI / 6.0);
        (axes[(0, 0)], axes[(0, 1)], axes[(1, 0)], axes[(1, 1)]) = (cos, -sin, sin, cos);
    }
    axes
}

/// The problem, which does not change.
struct Problem {
    setting: Setting,
    d: usize,
    target: Target,
    /// The target's density on a grid.
    contours: Vec<f64>,
    /// Of the mixture.
    yardstick: Option<Yardstick>,
}

/// Shares of density by the distance to the `NEAREST`-th neighbour: $\hat p(x)=k/(n\pi\varepsilon_k(x)^2)$.
const NEAREST: usize = 5;

fn density(cloud: &[f32], at: &[f32], own: bool) -> Vec<f64> {
    let count = cloud.len() / 2 - usize::from(own);
    let mut best = [0.0_f32; NEAREST];
    let one = |(i, x): (usize, &[f32])| {
        best.fill(f32::INFINITY);
        for (j, y) in cloud.chunks_exact(2).enumerate() {
            let mut square = (x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]);
            if square < best[NEAREST - 1] && !(own && i == j) {
                for place in &mut best {
                    if square < *place {
                        std::mem::swap(place, &mut square);
                    }
                }
            }
        }
        (NEAREST as f64 - 0.5) / (count as f64 * PI * f64::from(best[NEAREST - 1]).max(1e-12))
    };
    at.chunks_exact(2).enumerate().map(one).collect()
}

impl Problem {
    /// $F$ of particles, without the critic: from their mean and covariance where a closed form is known, from the
    /// distances of neighbours in the plane.
    fn measure(&self, particles: &[f32]) -> Option<f64> {
        let value = match &self.target {
            Target::Gaussian(q) => Gaussian::fitted(particles, self.d)?.divergence(q),
            Target::Porous(_) => {
                // Of Barenblatt's profile with the particles' second moment s²/5.
                let square = Gaussian::fitted(particles, 1)?.covariance[(0, 0)];
                0.6 / (5.0 * square).sqrt()
            }
            Target::Mixture(centres) => {
                let own = density(particles, particles, true);
                let points = particles.chunks_exact(2).map(|x| mixture(centres, [x[0].into(), x[1].into()]));
                own.iter().zip(points).map(|(p, q)| log(p / q.max(1e-300))).sum::<f64>() / own.len() as f64
            }
            Target::Samples(centres, samples) => {
                // ½ E_P log 2p/(p+q) + ½ E_Q log 2q/(p+q)
                let side = |at: &[f32], own: bool| {
                    let points = at.chunks_exact(2).map(|x| mixture(centres, [x[0].into(), x[1].into()]));
                    let p = density(particles, at, own);
                    let terms = p.iter().zip(points).map(|(p, q)| log(2.0 * if own { *p } else { q } / (p + q)));
                    terms.sum::<f64>() / p.len() as f64
                };
                0.5 * side(particles, true) + 0.5 * side(samples, false)
            }
        };
        value.is_finite().then_some(value)
    }
}

/// What is seen of an outer step.
#[derive(Clone, Default)]
struct Records {
    jko: Series,
    estimate: Series,
    closed: Series,
    continuous: Series,
    langevin: Series,
    /// The worst of $|F-F^*|/\max(0.15F^*,0.02)$ so far.
    off: f64,
    /// $F$ of the particles.
    value: Option<f64>,
    /// The greatest rise of $F$ in an outer step.
    rise: f64,
    /// Energy distances to the target: of the particles, Langevin's, and of fresh samples.
    energy: Option<[f64; 3]>,
}

/// The exhibit.
#[derive(Clone)]
pub struct VariationalJko {
    problem: Rc<Problem>,
    rng: Rng,
    particles: Rc<Vec<f32>>,
    langevin: Rc<Vec<f32>>,
    /// Γ: the Gaussian with the particles' mean and covariance.
    gamma: Rc<Gaussian>,
    map: Network,
    critic: Network,
    batches: Batches,
    /// Where the first few particles have been.
    trails: Rc<Vec<Vec<f32>>>,
    closed: Closed,
    start: Closed,
    k: usize,
    turn: usize,
    broken: bool,
    records: Records,
}

/// What an update takes from the outside of the networks.
struct Draw {
    /// A batch of the particles.
    x: Vec<f32>,
    /// A batch of the reference, white: of Γ, of the target, or of the box.
    reference: Vec<f32>,
}

impl VariationalJko {
    fn turns(&self) -> usize {
        let Setting { ascent, descent, .. } = self.problem.setting;
        rounds(self.k) * (ascent + descent)
    }

    fn draw(&mut self, count: usize) -> Draw {
        let d = self.problem.d;
        let rows = |cloud: &[f32], numbers: &[usize]| -> Vec<f32> {
            numbers.iter().flat_map(|&row| &cloud[row * d..][..d]).copied().collect()
        };
        let x = if count == PARTICLES {
            self.particles.to_vec()
        } else {
            rows(&self.particles, self.batches.next(&mut self.rng))
        };
        let rng = &mut self.rng;
        let reference = match &self.problem.target {
            Target::Gaussian(_) | Target::Mixture(_) => {
                (0..count * d).map(|_| rng.sample::<f64, _>(StandardNormal) as f32).collect()
            }
            Target::Samples(_, samples) => {
                let numbers: Vec<usize> = (0..count).map(|_| rng.random_range(0..PARTICLES as u32) as usize).collect();
                rows(samples, &numbers)
            }
            Target::Porous(r) => (0..count).map(|_| (r * (2.0 * rng.random::<f64>() - 1.0)) as f32).collect(),
        };
        Draw { x, reference }
    }

    /// $\varphi$ at the reference.
    fn at_reference(&self, g: &mut Graph<f32>, p: &[Node], reference: Vec<f32>) -> Node {
        let d = self.problem.d;
        let leaf = g.leaf(reference.len() / d, d, reference);
        let z = match self.problem.target {
            Target::Gaussian(_) | Target::Mixture(_) => leaf,
            _ => self.gamma.whiten(g, leaf),
        };
        potential(&self.critic.mlp, g, p, z)
    }

    /// $T(x)$ for rows $x$.
    fn transported(&self, g: &mut Graph<f32>, p: &[Node], x: Node) -> Node {
        let z = self.gamma.whiten(g, x);
        let displacement = displacement(&self.map.mlp, g, p, z);
        g.add(x, displacement)
    }

    /// The part of the objective that the map sees: for each $y=T(x)$ what the critic and the potentials say of it.
    fn seen(&self, g: &mut Graph<f32>, p: &[Node], y: Node) -> Node {
        let z = self.gamma.whiten(g, y);
        let phi = potential(&self.critic.mlp, g, p, z);
        match &self.problem.target {
            // log h + log Γ - log Q
            target @ (Target::Gaussian(_) | Target::Mixture(_)) => {
                let gamma = self.gamma.energy(g, y);
                let sum = g.sub(phi, gamma);
                match target.energy(g, y) {
                    Some(energy) => g.add(sum, energy),
                    None => sum,
                }
            }
            // ½ log D with D = 1/(1 + e^-φ)
            Target::Samples(..) => {
                let negative = g.scale(phi, -1.0);
                let loss = g.softplus(negative);
                g.scale(loss, -0.5)
            }
            Target::Porous(_) => phi,
        }
    }

    /// The part of the objective that only the critic sees.
    fn unseen(&self, g: &mut Graph<f32>, phi: Node) -> Node {
        match self.problem.target {
            // 1 - E_Γ h with h = e^φ
            Target::Gaussian(_) | Target::Mixture(_) => {
                let h = g.exp(phi);
                let h = mean(g, h);
                let h = g.scale(h, -1.0);
                g.shift(h, 1.0)
            }
            // log 2 + ½ E_Q log(1 - D)
            Target::Samples(..) => {
                let loss = g.softplus(phi);
                let loss = mean(g, loss);
                let loss = g.scale(loss, -0.5);
                g.shift(loss, std::f32::consts::LN_2)
            }
            // -∫ h²/4 over the box
            Target::Porous(r) => {
                let square = g.mul(phi, phi);
                let square = mean(g, square);
                g.scale(square, (-0.5 * r) as f32)
            }
        }
    }

    /// One step up for the critic: $\max_h E_{T_\#P_k}[\ldots]$.
    fn ascend(&mut self, rate: f64) {
        let Draw { x, reference } = self.draw(BATCH);
        let d = self.problem.d;
        let mut g = Graph::new();
        let p = self.map.leaves(&mut g);
        let x = g.leaf(x.len() / d, d, x);
        let y = self.transported(&mut g, &p, x);
        let y = g.value(y).to_vec();
        let mut critic = self.critic.clone();
        let finite = critic.descend(rate, |g, p| {
            let y = g.leaf(y.len() / d, d, y);
            let seen = self.seen(g, p, y);
            let seen = mean(g, seen);
            let phi = self.at_reference(g, p, reference);
            let unseen = self.unseen(g, phi);
            let f = g.add(seen, unseen);
            g.scale(f, -1.0)
        });
        self.critic = critic;
        self.broken |= !finite;
    }

    /// One step down for the map: $\min_T\frac1{2a}E|x-T(x)|^2+E[\ldots]$.
    fn descend(&mut self, rate: f64) {
        let Draw { x, .. } = self.draw(BATCH);
        let (d, a) = (self.problem.d, self.problem.setting.step);
        let mut map = self.map.clone();
        let finite = map.descend(rate, |g, p| {
            let critic = self.critic.leaves(g);
            let rows = x.len() / d;
            let x = g.leaf(rows, d, x);
            let y = self.transported(g, p, x);
            let away = g.sub(y, x);
            let square = g.mul(away, away);
            let square = g.sum(square);
            let cost = g.scale(square, (1.0 / (2.0 * a * rows as f64)) as f32);
            let seen = self.seen(g, &critic, y);
            let seen = mean(g, seen);
            g.add(cost, seen)
        });
        self.map = map;
        self.broken |= !finite;
    }

    fn ended(&self) -> bool {
        self.broken || self.k == self.problem.setting.outer
    }

    /// $T(x)$ of the particles `x`.
    fn images(&self, x: &[f32]) -> Vec<f32> {
        let (d, mut g) = (self.problem.d, Graph::new());
        let p = self.map.leaves(&mut g);
        let x = g.leaf(x.len() / d, d, x.to_vec());
        let y = self.transported(&mut g, &p, x);
        g.value(y).to_vec()
    }

    /// The end of an outer step: the particles move, and everyone is measured.
    fn finish(&mut self) {
        let d = self.problem.d;
        let images = self.images(&self.particles);
        let Draw { reference, .. } = self.draw(PARTICLES);
        let mut g = Graph::new();
        let p = self.critic.leaves(&mut g);
        let y = g.leaf(PARTICLES, d, images.clone());
        let seen = self.seen(&mut g, &p, y);
        let seen = mean(&mut g, seen);
        let phi = self.at_reference(&mut g, &p, reference);
        let unseen = self.unseen(&mut g, phi);
        let f = g.add(seen, unseen);
        let estimate = f64::from(g.scalar(f));
        self.diffuse();
        self.closed.advance(self.problem.setting.step);
        self.k += 1;
        self.turn = 0;
        let Some(gamma) = Gaussian::fitted(&images, d).filter(|_| images.iter().all(|x| x.is_finite())) else {
            self.broken = true;
            return;
        };
        self.gamma = Rc::new(gamma);
        self.particles = Rc::new(images);
        let gaussian = matches!(self.problem.target, Target::Gaussian(_));
        self.records.estimate.push(self.k as f64, if gaussian { estimate.max(FLOOR) } else { estimate });
        self.record();
        if self.ended() {
            self.compare();
        }
    }

    /// Energy distances to the target, at the end.
    fn compare(&mut self) {
        if let Some(yard) = &self.problem.yardstick {
            let [jko, langevin] = [&self.particles, &self.langevin].map(|cloud| yard.distance(cloud));
            self.records.energy = Some([jko, langevin, yard.fresh]);
        }
    }

    fn record(&mut self) {
        Rc::make_mut(&mut self.trails).push(self.particles[..TRAILS * self.problem.d].to_vec());
        let k = self.k as f64;
        let (jko, langevin) = (self.problem.measure(&self.particles), self.problem.measure(&self.langevin));
        let closed = self.closed.value();
        if let (Some(before), Some(now)) = (self.records.value, jko) {
            self.records.rise = self.records.rise.max(now - before);
        }
        self.records.value = jko;
        if let (Some(f), Some(closed)) = (jko, closed) {
            self.records.off = self.records.off.max((f - closed).abs() / (0.15 * closed).max(0.02));
        }
        let continuous = self.start.after(k * self.problem.setting.step).value();
        let Records { jko: own, langevin: theirs, closed: implicit, continuous: flow, .. } = &mut self.records;
        for (series, f) in [own, theirs, implicit, flow].into_iter().zip([jko, langevin, closed, continuous]) {
            if let Some(f) = f {
                series.push(k, f);
            }
        }
    }

    /// The baseline: the time of one JKO step, explicitly.
    fn diffuse(&mut self) {
        let (d, dt) = (self.problem.d, self.problem.setting.step / SUBSTEPS as f64);
        let mut x = self.langevin.to_vec();
        for _ in 0..SUBSTEPS {
            let mut g = Graph::new();
            let node = g.leaf(PARTICLES, d, x.clone());
            if let Some(energy) = self.problem.target.energy(&mut g, node) {
                // x ← x - dt ∇g(x) + √(2 dt) ξ
                let sum = g.sum(energy);
                let [slope] = g.gradient(sum, [node]);
                for (x, slope) in x.iter_mut().zip(g.value(slope)) {
                    let xi: f64 = self.rng.sample(StandardNormal);
                    *x += (-dt * f64::from(*slope) + (2.0 * dt).sqrt() * xi) as f32;
                }
            } else if let Target::Porous(r) = self.problem.target {
                // ∂u/∂t = (u²)'' is the law of dx = √(2u) dW; u from counts in cells.
                let mut counts = vec![0.0; CELLS];
                let cell =
                    |x: f32| ((f64::from(x) / r + 1.0) * 0.5 * CELLS as f64).clamp(0.0, CELLS as f64 - 1.0) as usize;
                x.iter().for_each(|&x| counts[cell(x)] += 1.0);
                let share = CELLS as f64 / (2.0 * r * PARTICLES as f64);
                for x in &mut x {
                    let u = counts[cell(*x)] * share;
                    let xi: f64 = self.rng.sample(StandardNormal);
                    *x += ((2.0 * u * dt).sqrt() * xi) as f32;
                }
            }
        }
        self.langevin = Rc::new(x);
    }
}

/// Cells of the box for the diffusion in a porous medium.
const CELLS: usize = 80;

fn rounds(k: usize) -> usize {
    if k == 0 { 3 * ROUNDS } else { ROUNDS }
}

impl Exhibit for VariationalJko {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let functional = setting.functional;
        let d = match functional {
            Functional::KlToGaussian => setting.dimension,
            Functional::PorousMedium => 1,
            _ => 2,
        };
        let centres = &setting.modes.0;
        let mut closed = Closed::None;
        let mut normal = |mean: &dyn Fn(usize) -> f64, deviation: f64| -> Vec<f32> {
            let entry = |i: usize| (mean(i % d) + deviation * rng.sample::<f64, _>(StandardNormal)) as f32;
            (0..PARTICLES * d).map(entry).collect()
        };
        let (particles, target) = match functional {
            Functional::KlToGaussian => {
                let start = |i: usize| [-2.5, 1.5, -1.0, 1.0][i % 4];
                let deviations: Vec<f64> = (0..d).map(|i| [1.2, 0.5, 1.0, 0.7][i % 4]).collect();
                let axes = turned(d);
                let squares = DMatrix::from_fn(d, d, |i, j| if i == j { deviations[i] * deviations[i] } else { 0.0 });
                let q = Gaussian::new(vec![0.0; d], &axes * squares * axes.transpose())
                    .ok_or_else(|| Error::of("dimension", "the target is degenerate"))?;
                let along = axes.transpose() * DMatrix::from_fn(d, 1, |i, _| start(i));
                closed = Closed::Gaussian((0..d).map(|i| [along[(i, 0)], START, deviations[i]]).collect());
                (normal(&start, START), Target::Gaussian(q))
            }
            Functional::KlToMixture => (normal(&|_| 0.0, 1.0), Target::Mixture(centres.clone())),
            Functional::JensenShannonToSamples => {
                let particles = normal(&|_| 0.0, 1.0);
                (particles, Target::Samples(centres.clone(), sample_mixture(centres, PARTICLES, rng)))
            }
            Functional::PorousMedium => {
                closed = Closed::Porous(START);
                let mut last = closed.clone();
                (0..setting.outer).for_each(|_| last.advance(setting.step));
                let r = if let Closed::Porous(s) = last { 1.3 * s } else { 1.0 };
                // The median of three uniform numbers has the density ¾(1 - x²) on [-1, 1].
                let mut one = || 2.0 * rng.random::<f64>() - 1.0;
                let mut median = |_| {
                    let [a, b, c] = [one(), one(), one()];
                    (START * a.max(b).min(a.min(b).max(c))) as f32
                };
                ((0..PARTICLES).map(&mut median).collect(), Target::Porous(r))
            }
        };
        let gamma = Gaussian::fitted(&particles, d).ok_or_else(|| Error::new("the particles are degenerate"))?;
        let map = Network::new(d, setting.width, d, &[(d, d)], rng);
        let critic = Network::potential(d, setting.width, rng);
        let particles = Rc::new(particles);
        let contours = target.contours();
        // From a generator of its own.
        let mut aside = rng.clone();
        aside.set_stream(1);
        let yardstick = match &target {
            Target::Mixture(centres) | Target::Samples(centres, _) => {
                Some(Yardstick::new(2, || sample_mixture(centres, PARTICLES, &mut aside)))
            }
            _ => None,
        };
        let problem = Rc::new(Problem { setting: setting.clone(), d, target, contours, yardstick });
        let mut run = Self {
            problem,
            rng: rng.clone(),
            langevin: Rc::clone(&particles),
            particles,
            gamma: Rc::new(gamma),
            map,
            critic,
            batches: Batches::new(PARTICLES, BATCH),
            trails: Rc::new(Vec::new()),
            start: closed.clone(),
            closed,
            k: 0,
            turn: 0,
            broken: false,
            records: Records::default(),
        };
        run.record();
        Ok(run)
    }

    fn length(&self) -> usize {
        let Setting { outer, ascent, descent, .. } = self.problem.setting;
        (0..outer).map(|k| rounds(k) * (ascent + descent) + 1).sum()
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let Setting { ascent, descent, .. } = self.problem.setting;
        if self.turn == self.turns() {
            self.finish();
        } else {
            let share = self.turn as f64 / self.turns() as f64;
            let rate = RATE * (1.0 - 0.9 * share);
            if self.turn % (ascent + descent) < ascent {
                self.ascend(rate)
            } else {
                self.descend(rate)
            }
            self.turn += 1;
        }
        if self.ended() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_particles(figures);

        let caption = match self.problem.target {
            Target::Gaussian(_) => {
                "From the particles' mean and covariance, beside the same steps without sampling or networks."
            }
            Target::Porous(_) => {
                "From the particles' second moment, beside the same steps without sampling or networks."
            }
            _ => "From the distances of neighbouring particles, and as the critic estimates it.",
        };
        let mut flow = figures.figure("functional", "What decreases", caption);
        flow.x(Axis::linear("outer step k").domain(0.0, self.problem.setting.outer as f64));
        flow.y(match self.problem.target {
            Target::Porous(_) => Axis::linear("F = ∫P²"),
            Target::Gaussian(_) => Axis::log("F").unit("nats").or(Scale::Linear),
            _ => Axis::linear("F").unit("nats"),
        });
        let records = &self.records;
        flow.line(records.langevin.xs(), records.langevin.ys()).of("langevin");
        flow.line(records.jko.xs(), records.jko.ys()).of("jko");
        flow.line(records.estimate.xs(), records.estimate.ys()).of("jko").dashed().faint().label("critic's estimate");
        if records.closed.last().is_some() {
            flow.line(records.continuous.xs(), records.continuous.ys()).ink(Ink::Muted).label("continuous time");
            flow.dot(records.closed.xs(), records.closed.ys())
                .symbol(Symbol::Ring)
                .radius(4.0)
                .label("JKO, closed form");
        }
        self.draw_ratio(figures);
        self.draw_marginal(figures);

        let updates = |per: usize| ((0..self.k).map(rounds).sum::<usize>() * per) as f64;
        let Setting { ascent, descent, .. } = self.problem.setting;
        let caption = "Updates of networks by batches of 128, and gradients of log Q for the 1,024 particles.";
        let last = |series: &Series| series.last().map_or(0.0, |last| last[1]);
        let mut work = figures.figure("work", "What it cost", caption);
        let table = work
            .table()
            .words("method", ["JKO", "Langevin"])
            .numbers("critic updates", [updates(ascent), 0.0])
            .numbers("map updates", [updates(descent), 0.0])
            .numbers("Langevin steps", [0.0, (self.k * SUBSTEPS) as f64])
            .numbers("F", [last(&records.jko), last(&records.langevin)]);
        if let Some([jko, langevin, fresh]) = records.energy {
            table.numbers("energy distance / fresh", [jko / fresh, langevin / fresh]);
        }
    }

    fn claim(&self) -> Claim {
        let open = !self.ended();
        let rise = Clause::at_most(
            "The greatest rise of F in an outer step is {value}, at most {high}.",
            Some(self.records.rise),
            0.02,
        );
        let mut clauses = Vec::new();
        if self.closed.value().is_some() {
            let text =
                "F strays from the closed form by {value} of what is allowed: 15%, or 0.02 nats where that is more.";
            clauses.push(Clause::at_most(text, Some(self.records.off), 1.0).holds_only_after(open));
        } else {
            let ratio = self.records.energy.map(|[jko, _, fresh]| jko / fresh);
            let text =
                "At the end the energy distance to the target is {value} times that of fresh samples, at most {high}.";
            clauses.push(Clause::at_most(text, ratio, 2.0).pending_while(open));
        }
        clauses.push(rise.holds_only_after(open));
        if self.broken {
            clauses.push(Clause::at_most("The game ran away: a network is no longer finite.", Some(1.0), 0.0));
        }
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let mixture = Setting { functional: Functional::KlToMixture, ascent: 6, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "To a Gaussian",
                "Twenty implicit steps, each within a few percent of the closed form.",
                default.clone(),
            ),
            Scenario::holds(
                "eight-dimensions",
                "Eight dimensions",
                "The same networks and the same number of updates.",
                Setting { dimension: 8, ..default.clone() },
            ),
            Scenario::holds(
                "samples",
                "To samples",
                "Jensen and Shannon's divergence: the target is known by samples alone.",
                Setting {
                    functional: Functional::JensenShannonToSamples,
                    step: 0.3,
                    outer: 15,
                    modes: [[1.5, 0.0], [0.0, 1.5], [-1.5, 0.0], [0.0, -1.5]].into(),
                    ..default.clone()
                },
            ),
            Scenario::holds(
                "porous",
                "Porous medium",
                "Barenblatt's profile spreads with a sharp edge.",
                Setting { functional: Functional::PorousMedium, ..default.clone() },
            ),
            Scenario::fails(
                "lagging",
                "A critic that lags",
                "With J₁ = 1 the critic underrates the crowd, the particles collapse, and F rises.",
                Setting { ascent: 1, ..mixture },
            ),
            Scenario::fails(
                "long-step",
                "Too long a step",
                "At a = 1 the particles leave Γ within one step, and its samples tell nothing of the ratio any more.",
                Setting { ascent: 1, step: 1.0, ..default },
            ),
        ]
    }
}

/// Bins of the histogram.
const BINS: usize = 40;

/// Cells along a side of the heat map.
const SIDE: usize = 32;

impl VariationalJko {
    fn draw_particles(&self, figures: &mut Figures) {
        let d = self.problem.d;
        let reach = self.problem.target.reach();
        // A game that ran away has no map to show.
        let images: Vec<f32> = self.images(&self.particles[..SHOWN * d]);
        let images = if images.iter().all(|x| x.is_finite()) { images } else { self.particles[..SHOWN * d].to_vec() };
        if d == 1 {
            let caption = "How far the learned map T moves each particle in the current step, against where it is.";
            let mut moves = figures.figure("particles", "The map T", caption);
            moves.x(Axis::linear("position x").domain(-reach, reach)).y(Axis::linear("displacement T(x) − x"));
            let pairs = images.iter().zip(self.particles.iter()).filter(|(_, x)| f64::from(x.abs()) <= reach);
            let (x, away): (Vec<f64>, Vec<f64>) = pairs.map(|(y, x)| (f64::from(*x), f64::from(y - x))).unzip();
            moves.dot(x, away).of("jko").radius(2.0);
            return;
        }
        let caption = match self.problem.target {
            Target::Gaussian(_) => {
                "Particles, the ways of some so far, and arrows of the map T being learned, over the target's contours."
            }
            _ => "Particles, the ways of some so far, and arrows of the map T being learned. Drag the target's modes.",
        };
        let mut scatter = figures.figure("particles", "Particles on their way", caption);
        scatter.x(Axis::linear("x₁").domain(-reach, reach)).y(Axis::linear("x₂").domain(-reach, reach)).equal();
        let values = &self.problem.contours;
        let grid = Grid { values, columns: CONTOUR, x: [-reach, reach], y: [-reach, reach] };
        let most = values.iter().copied().fold(0.0, f64::max);
        scatter.contour(grid, &[0.1, 0.3, 0.6, 0.9].map(|share| share * most), None).label("target");
        let inside = |x: &[f32]| f64::from(x[0].abs().max(x[1].abs())) <= reach;
        let place = |x: &[f32]| [f64::from(x[0]), f64::from(x[1])];
        let shown = |cloud: &[f32]| -> Vec<[f64; 2]> {
            cloud.chunks_exact(d).take(SHOWN).filter(|x| inside(x)).map(place).collect()
        };
        let of = |points: &[[f64; 2]], axis: usize| points.iter().map(|x| x[axis]).collect::<Vec<_>>();
        let (theirs, own) = (shown(&self.langevin), shown(&self.particles));
        scatter.dot(of(&theirs, 0), of(&theirs, 1)).of("langevin").radius(1.5).faint();
        // The ways of a few particles so far.
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (before, after) in self.trails.iter().zip(self.trails.iter().skip(1)) {
            let steps = before.chunks_exact(d).zip(after.chunks_exact(d)).filter(|(x, y)| inside(x) && inside(y));
            for (x, y) in steps {
                from.push(place(x));
                to.push(place(y));
            }
        }
        scatter.link(&from, &to, None).of("jko").faint().label("paths");
        scatter.dot(of(&own, 0), of(&own, 1)).of("jko").radius(1.8);
        let pairs = self.particles.chunks_exact(d).zip(images.chunks_exact(d)).step_by(4);
        let (tails, ways): (Vec<_>, Vec<_>) = pairs
            .filter(|(x, y)| inside(x) && inside(y))
            .map(|(x, y)| (place(x), [f64::from(y[0] - x[0]), f64::from(y[1] - x[1])]))
            .unzip();
        scatter.arrow(of(&tails, 0), of(&tails, 1), of(&ways, 0), of(&ways, 1)).label("T");
        if let Target::Mixture(centres) | Target::Samples(centres, _) = &self.problem.target {
            scatter
                .dot(centres.iter().map(|c| c[0]), centres.iter().map(|c| c[1]))
                .ink(Ink::Accent)
                .symbol(Symbol::Ring)
                .radius(9.0)
                .label("modes")
                .drags("modes");
        }
    }

    /// The critic at points of the plane of the first two coordinates, or of the line.
    fn critic_at(&self, points: &[[f64; 2]]) -> Vec<f64> {
        let (d, mut g) = (self.problem.d, Graph::new());
        let p = self.critic.leaves(&mut g);
        let coordinate = |x: &[f64; 2], i: usize| if i < 2 { x[i] } else { self.gamma.mean[i] } as f32;
        let rows = points.iter().flat_map(|x| (0..d).map(move |i| coordinate(x, i))).collect();
        let x = g.leaf(points.len(), d, rows);
        let z = self.gamma.whiten(&mut g, x);
        let phi = potential(&self.critic.mlp, &mut g, &p, z);
        g.value(phi).iter().map(|&phi| f64::from(phi)).map(|phi| if phi.is_finite() { phi } else { 0.0 }).collect()
    }

    fn draw_ratio(&self, figures: &mut Figures) {
        let (reach, d) = (self.problem.target.reach(), self.problem.d);
        let (title, caption, label) = match self.problem.target {
            Target::Samples(..) => {
                ("What the critic learned", "The logarithm of the particles' density over the target's.", "log P/Q")
            }
            Target::Porous(_) => {
                ("What the critic learned", "The critic, which is to be twice the density after the step.", "h")
            }
            _ => (
                "What the critic learned",
                "log h: the density after the step over that of Γ, the Gaussian fitted before it.",
                "log h",
            ),
        };
        let mut ratio = figures.figure("ratio", title, caption);
        let place = |i: usize| reach * ((2 * i + 1) as f64 / SIDE as f64 - 1.0);
        if d == 1 {
            let points: Vec<[f64; 2]> =
                (0..SIDE * 4).map(|i| [reach * ((2 * i + 1) as f64 / (4 * SIDE) as f64 - 1.0), 0.0]).collect();
            ratio.x(Axis::linear("position x").domain(-reach, reach)).y(Axis::linear(label));
            ratio.line(points.iter().map(|x| x[0]), self.critic_at(&points)).of("jko");
            if let Closed::Porous(s) = self.closed {
                let mut next = self.closed.clone();
                next.advance(self.problem.setting.step);
                let s = if let (Closed::Porous(next), false) = (next, self.ended()) { next } else { s };
                ratio
                    .line(points.iter().map(|x| x[0]), points.iter().map(|x| 2.0 * barenblatt(x[0], s)))
                    .dashed()
                    .label("closed form");
            }
            return;
        }
        let points: Vec<[f64; 2]> = (0..SIDE * SIDE).map(|i| [place(i % SIDE), place(i / SIDE)]).collect();
        let values: Vec<f64> = self.critic_at(&points).iter().map(|phi| phi.clamp(-6.0, 6.0)).collect();
        ratio.x(Axis::linear("x₁").domain(-reach, reach)).y(Axis::linear("x₂").domain(-reach, reach)).equal();
        let grid = Grid { values: &values, columns: SIDE, x: [-reach, reach], y: [-reach, reach] };
        ratio.raster(grid, Colors::diverging(label).domain(-6.0, 6.0));
        let inside = |x: &&[f32]| f64::from(x[0].abs().max(x[1].abs())) <= reach;
        let shown = || self.particles.chunks_exact(d).take(SHOWN / 2).filter(inside);
        ratio.dot(shown().map(|x| f64::from(x[0])), shown().map(|x| f64::from(x[1]))).of("jko").radius(1.2).faint();
    }

    fn draw_marginal(&self, figures: &mut Figures) {
        let (reach, d) = (self.problem.target.reach(), self.problem.d);
        let caption = "The particles' first coordinate, with the density it should have now and in the end.";
        let caption = match self.problem.target {
            Target::Gaussian(_) => caption,
            Target::Porous(_) => "The particles, with Barenblatt's profile at this time.",
            _ => "The particles' first coordinate, with the target's density.",
        };
        let mut marginal = figures.figure("marginal", "The first coordinate", caption);
        marginal
            .x(Axis::linear(if d == 1 { "position x" } else { "x₁" }).domain(-reach, reach))
            .y(Axis::linear("density"));
        let mut counts = vec![0.0; BINS];
        for x in self.particles.chunks_exact(d) {
            let bin = (f64::from(x[0]) / reach + 1.0) * 0.5 * BINS as f64;
            if bin >= 0.0 && bin < BINS as f64 {
                counts[bin as usize] += BINS as f64 / (2.0 * reach * PARTICLES as f64);
            }
        }
        marginal.bar((0..BINS).map(|i| reach * ((2 * i + 1) as f64 / BINS as f64 - 1.0)), counts).of("jko").faint();
        let x: Vec<f64> = (0..=200).map(|i| reach * (f64::from(i) / 100.0 - 1.0)).collect();
        let normal = |x: f64, m: f64, s: f64| exp(-0.5 * (x - m) * (x - m) / (s * s)) / (s * TAU.sqrt());
        match (&self.problem.target, &self.closed) {
            (Target::Gaussian(q), Closed::Gaussian(axes)) => {
                let turned = turned(d);
                let (mut m, mut square) = (0.0, 0.0);
                for (i, [mean, s, _]) in axes.iter().enumerate() {
                    m += turned[(0, i)] * mean;
                    square += turned[(0, i)] * turned[(0, i)] * s * s;
                }
                marginal.line(&x, x.iter().map(|&x| normal(x, m, square.sqrt()))).label("closed form now");
                let (m, s) = (q.mean[0], q.covariance[(0, 0)].sqrt());
                marginal.line(&x, x.iter().map(|&x| normal(x, m, s))).ink(Ink::Muted).dashed().label("target");
            }
            (Target::Mixture(centres) | Target::Samples(centres, _), _) => {
                let at = |x: f64| centres.iter().map(|c| normal(x, c[0], SPREAD)).sum::<f64>() / centres.len() as f64;
                marginal.line(&x, x.iter().map(|&x| at(x))).ink(Ink::Muted).dashed().label("target");
            }
            (_, Closed::Porous(s)) => {
                marginal.line(&x, x.iter().map(|&x| barenblatt(x, *s))).label("closed form now");
            }
            _ => {}
        }
    }
}

/// $\tfrac3{4s}(1-x^2/s^2)_+$.
fn barenblatt(x: f64, s: f64) -> f64 {
    0.75 / s * (1.0 - x * x / (s * s)).max(0.0)
}

/// Particles that are drawn.
const SHOWN: usize = 256;

/// Particles whose ways are drawn.
const TRAILS: usize = 32;

/// Points along a side of the contours of the target.
const CONTOUR: usize = 64;

/// The deviation of the Gaussian, and the half-width of Barenblatt's profile, at the start.
const START: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy_distance::apart;
    use orrery_reference::{list, number, vectors};

    fn run(setting: &Setting, seed: u64) -> VariationalJko {
        VariationalJko::new(setting, &mut Rng::seed_from_u64(seed)).expect("a run")
    }

    #[test]
    fn closed_steps_are_those_of_quantiles_moved_by_brute_force() {
        let file = include_str!("../../../../tests/reference/jko.json");
        let stored = vectors(file);
        let cases = list(&stored["cases"]);
        assert_eq!(cases.len(), 6);
        for case in cases {
            let (mean, size) = (number(&case["start"][0]), number(&case["start"][1]));
            let mut closed = match case["kind"].as_str() {
                Some("gaussian") => Closed::Gaussian(vec![[mean, size, number(&case["target"])]]),
                _ => Closed::Porous(size),
            };
            for place in list(&case["path"]) {
                closed.advance(number(&case["a"]));
                let (m, s) = match &closed {
                    Closed::Gaussian(axes) => (axes[0][0], axes[0][1]),
                    Closed::Porous(s) => (0.0, *s),
                    Closed::None => panic!("a flow"),
                };
                // Four thousand quantiles leave an error of some ten-thousandths of the deviation, from the tails.
                let (expected_m, expected_s) = (number(&place[0]), number(&place[1]));
                println!("{} {}", (m - expected_m).abs(), (s / expected_s - 1.0).abs());
                assert!((m - expected_m).abs() < 1e-6 && (s / expected_s - 1.0).abs() < 5e-4, "{s} {expected_s}");
            }
        }
    }

    #[test]
    fn short_implicit_steps_follow_the_continuous_flow() {
        for start in [Closed::Gaussian(vec![[2.0, 0.8, 1.2], [-1.0, 0.8, 0.5]]), Closed::Porous(0.8)] {
            let mut closed = start.clone();
            (0..10_000).for_each(|_| closed.advance(1e-4));
            let (own, flow) = (closed.value().expect("a value"), start.after(1.0).value().expect("a value"));
            assert!((own / flow - 1.0).abs() < 2e-3, "{own} {flow}");
        }
    }

    #[test]
    fn where_particles_are_gaussian_the_constant_critic_is_the_best_and_gives_f_itself() {
        for dimension in [1, 2, 5] {
            let mut run = run(&Setting { dimension, ..Setting::default() }, 3);
            let mut estimate = |bend: f32| {
                let head = run.critic.mlp.parameters.matrix("head.0").expect("a head").range();
                run.critic.theta[head].fill(bend);
                let Draw { x, reference } = run.draw(PARTICLES);
                let mut g = Graph::new();
                let p = run.critic.leaves(&mut g);
                let y = g.leaf(PARTICLES, dimension, x);
                let seen = run.seen(&mut g, &p, y);
                let seen = mean(&mut g, seen);
                let phi = run.at_reference(&mut g, &p, reference);
                let unseen = run.unseen(&mut g, phi);
                f64::from(g.scalar(seen) + g.scalar(unseen))
            };
            let (best, bent) = (estimate(0.0), estimate(0.15));
            let exact = run.problem.measure(&run.particles).expect("a divergence");
            assert!((best - exact).abs() < 1e-4 * (1.0 + exact), "{best} {exact}");
            assert!(bent < best, "{bent} {best}");
        }
    }

    #[test]
    fn the_energies_are_minus_the_logarithms_of_the_densities() {
        let centres = vec![[1.0, -2.0], [0.5, 0.25], [-3.0, 3.0]];
        let points = [[0.0_f32, 0.0], [1.0, -1.5], [-4.0, 2.0]];
        let mut g = Graph::new();
        let x = g.leaf(3, 2, points.concat());
        let energy = Target::Mixture(centres.clone()).energy(&mut g, x).expect("a density");
        for (energy, x) in g.value(energy).iter().zip(points) {
            let expected = -log(mixture(&centres, x.map(f64::from)));
            assert!((f64::from(*energy) - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{energy} {expected}");
        }
        let q = Gaussian::new(vec![1.0, 0.0], DMatrix::from_row_slice(2, 2, &[2.0, 0.6, 0.6, 0.5])).expect("a law");
        let energy = q.energy(&mut g, x);
        // At the origin: ½ mᵀΣ⁻¹m + ½ log det 2πΣ with det Σ = 0.64 and (Σ⁻¹)₁₁ = 0.5/0.64.
        let expected = 0.5 * 0.5 / 0.64 + 0.5 * log(0.64) + log(TAU);
        assert!((f64::from(g.value(energy)[0]) - expected).abs() < 1e-5);
    }

    #[test]
    fn neighbours_tell_the_divergence() {
        // N(0, I) against one mode of deviation ½ at (½, 0): KL = ½ (2·4 + 1 - 2 - 2 log 4).
        let rng = &mut Rng::seed_from_u64(5);
        let cloud: Vec<f32> = (0..2 * PARTICLES).map(|_| rng.sample::<f64, _>(StandardNormal) as f32).collect();
        let setting = Setting { functional: Functional::KlToMixture, modes: [[0.5, 0.0]].into(), ..Setting::default() };
        let found = run(&setting, 1).problem.measure(&cloud).expect("a divergence");
        let exact = 0.5 * (8.0 + 1.0 - 2.0 - 2.0 * log(4.0));
        // The energy varies by 4 from point to point: a standard error of 0.13.
        assert!((found - exact).abs() < 0.4, "{found} {exact}");
        // Between N(0, I) and itself moved by 5 in the plane, energy distances grow almost as twice the way.
        let yard = Yardstick { d: 2, truth: cloud.clone(), within: apart(&cloud, &cloud, 2), fresh: 0.0 };
        let moved: Vec<f32> = cloud.chunks_exact(2).flat_map(|x| [x[0] + 5.0, x[1]]).collect();
        assert!(yard.distance(&cloud).abs() < 1e-4);
        assert!((yard.within - PI.sqrt()).abs() < 0.1, "E|X - X'| = √π: {}", yard.within);
        // E|X - X' + 5| is 5 + 1/5 to leading order.
        assert!((yard.distance(&moved) - 2.0 * (5.2 - PI.sqrt())).abs() < 0.2, "{}", yard.distance(&moved));
    }
}
