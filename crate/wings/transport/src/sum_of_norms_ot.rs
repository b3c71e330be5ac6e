//! Two clouds of points, each made of classes; somebody moves one onto the other. Exact transport gives every point its
//! own partner, a permutation, which follows the noise inside the classes. Suppose nobody tells the labels: can the
//! plan still show the classes? The authors add to the cost the norms of all differences of rows and of columns,
//! $$\min_{\Gamma\in U(\mu,\nu)}\ \langle D,\Gamma\rangle+\lambda\Big(\sum_{l<k}R_{lk}\|\gamma_l-\gamma_k\|_2+
//! \sum_{l<k}S_{lk} \|\gamma^l-\gamma^k\|_2\Big).$$
//! A norm, unlike its square, makes differences *exactly* zero, as in convex clustering: rows of a class fuse, and so
//! do columns, and the plan becomes constant on blocks. The paper proves that this happens for $\lambda$ in a window,
//! if the classes are tight enough against their distances.
//!
//! **What you see.** The plan as a matrix, points ordered by class, beside a baseline of your choice. The fourth figure
//! sweeps $\lambda$: class mass stays at one while the deviation within classes falls to zero, and then, all at once,
//! everything becomes one grey square.
//!
//! **Try** sweeping $\lambda$ by hand; then widen the classes. At a spread of 0.9 the window is closed: no $\lambda$
//! leaves rows constant and classes apart; which of this and plain transport keeps more mass in its class is a matter
//! of the sample. The group lasso is *told* the labels of the sources.
//!
//! **Where it stops.** Every pair is a term: 96 points give 2,256 of them, and work grows with the fourth power. With
//! rings around a blob, points of a class are not near each other, so uniform weights have nothing to fuse. The window
//! moves with the number of points, since the sums have more terms: 0.01 is right for eighteen, not for everyone.
//!
//! **How it is solved.** We reconstruct the paper's scheme as Point-SAGA (Defazio, 2016): draw one term, take its
//! proximal step in closed form (a pair shrinks its difference and keeps its mean; a row or column is projected onto
//! its simplex), and correct it by remembered subgradients. A primal-dual iteration (Chambolle and Pock) is the
//! cross-check; it also makes the sweep. Both end at the same objective.
//!
//! Deviation is the mean distance of a row from its class's mean row, against the norm of a uniform row: a permutation
//! of 18 points in three classes scores 3.87. Weights that are not uniform are scaled to mean one. The entropy of the
//! baselines is 0.01, the weight of the groups 0.05.

use orrery_core::prelude::*;
use orrery_kernels::math::{TAU, exp, log, log_spaced, sincos};
use orrery_kernels::transport::{Entropic, Exact, Sinkhorn};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "sum-of-norms-ot",
    title: "Recovery Bounds on Class-Based Optimal Transport: A Sum-of-Norms Regularization Framework",
    year: 2023,
    lists: &[1],
    claim: "Without labels, a sum of norms makes the transport plan constant on the classes, for λ in a window.",
    algorithms: &[
        "sum-of-norms regularisation",
        "convex clustering",
        "Point-SAGA",
        "Chambolle-Pock primal-dual",
        "group lasso",
        "Sinkhorn",
        "network simplex",
        "domain adaptation",
    ],
    contenders: &[
        Contender::paper("norms", "sum of norms"),
        Contender::baseline("emd", "exact transport"),
        Contender::baseline("sinkhorn", "Sinkhorn"),
        Contender::baseline("group", "group lasso, told the labels"),
    ],
};

const METHODS: [&str; 4] = ["norms", "emd", "sinkhorn", "group"];

/// Where the classes lie.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shape {
    /// Round, all of one size, on a circle.
    #[choice("blobs")]
    Blobs,
    /// Every other class half as large.
    #[choice("unequal blobs")]
    Unequal,
    /// Concentric.
    #[choice("rings around a blob")]
    Rings,
}

/// Which pairs are drawn to each other.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Weights {
    /// All alike.
    #[choice("uniform")]
    Uniform,
    /// Near points more.
    #[choice("Gaussian similarity")]
    Gaussian,
    /// Each point and its nearest five.
    #[choice("k-nearest")]
    Nearest,
}

/// What is shown beside.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Baseline {
    /// The network simplex method.
    #[choice("EMD")]
    Emd,
    /// Entropic transport.
    #[choice("Sinkhorn")]
    Sinkhorn,
    /// Entropic transport with a group lasso over the classes of the sources.
    #[choice("group lasso")]
    Group,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How strongly rows and columns are drawn together; costs are scaled to at most 1.
    #[control(label = "λ", range = 1e-4..=1.0, log, default = 0.01)]
    pub lambda: f64,
    /// Standard deviation within a class; the classes lie on a circle of radius 1.5.
    #[control(label = "within-class spread", range = 0.05..=1.5, default = 0.3)]
    pub spread: f64,
    /// By how much the targets are moved against the sources. Drag it.
    #[control(
        label = "target shift", count = 1..=1, domain = [[-2.0, 2.0], [-2.0, 2.0]], default = [[0.9, 0.5]].into()
    )]
    pub shift: Points,
    /// Points in a class, on each side.
    #[control(label = "points per class", range = 2..=16, default = 6)]
    pub per_class: usize,
    /// How many classes.
    #[control(label = "classes", range = 2..=5, default = 3)]
    pub classes: usize,
    /// Where the classes lie.
    #[control(label = "arrangement", default = Shape::Blobs)]
    pub shape: Shape,
    /// How strongly each pair of points is drawn together.
    #[control(label = "pair weights", default = Weights::Uniform)]
    pub weights: Weights,
    /// What is shown beside the method. All of them are computed.
    #[control(label = "baseline", default = Baseline::Emd, live)]
    pub baseline: Baseline,
}

/// Steps of a small run (a larger one's are cut smaller), and what all of them are made of: passes of Point-SAGA over
/// its terms, primal-dual iterations, and those at each λ of the sweep.
const STEPS: usize = 240;
const PASSES: usize = 240;
const ITERATIONS: usize = 1200;
const SWEEP: usize = 13;
const SWEEP_ITERATIONS: usize = 240;
/// Entropy and group weight of the baselines, and their iterations.
const ENTROPY: f64 = 0.01;
const GROUP: f64 = 0.05;
const SINKHORN_ITERATIONS: usize = 300;
const GROUP_ITERATIONS: usize = 40;
/// The least that is drawn on a logarithmic axis.
const FLOOR: f64 = 1e-16;

/// Both sides, by class.
#[derive(Debug)]
struct Problem {
    n: usize,
    classes: Vec<usize>,
    from: Vec<[f64; 2]>,
    to: Vec<[f64; 2]>,
    /// By rows, at most 1.
    cost: Vec<f64>,
    /// Pairs `l < k` and their weights, of rows and of columns.
    pairs: [Vec<(usize, usize, f64)>; 2],
}

fn square(p: &[f64; 2], q: &[f64; 2]) -> f64 {
    (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1])
}

impl Problem {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let size = |class: usize| match setting.shape {
            Shape::Unequal if class % 2 == 1 => setting.per_class.div_ceil(2),
            _ => setting.per_class,
        };
        let classes: Vec<usize> =
            (0..setting.classes).flat_map(|class| std::iter::repeat_n(class, size(class))).collect();
        let mut place = |class: usize| -> [f64; 2] {
            let centre = match setting.shape {
                Shape::Rings => {
                    let (sin, cos) = sincos(TAU * rng.random::<f64>());
                    [1.5 * class as f64 * cos, 1.5 * class as f64 * sin]
                }
                _ => {
                    let (sin, cos) = sincos(TAU * (class as f64 / setting.classes as f64 + 0.25));
                    [1.5 * cos, 1.5 * sin]
                }
            };
            centre.map(|x| x + setting.spread * rng.sample::<f64, _>(StandardNormal))
        };
        let from: Vec<[f64; 2]> = classes.iter().map(|class| place(*class)).collect();
        let shift = setting.shift.0.first().copied().unwrap_or_default();
        let moved = |p: [f64; 2]| [p[0] + shift[0], p[1] + shift[1]];
        let to: Vec<[f64; 2]> = classes.iter().map(|class| moved(place(*class))).collect();
        let mut cost: Vec<f64> = from.iter().flat_map(|p| to.iter().map(|q| square(p, q))).collect();
        let greatest = cost.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        cost.iter_mut().for_each(|cost| *cost /= greatest);
        let pairs = [weighted_pairs(&from, setting.weights), weighted_pairs(&to, setting.weights)];
        Self { n: classes.len(), classes, from, to, cost, pairs }
    }

    fn mass(&self) -> f64 {
        1.0 / self.n as f64
    }

    /// $\langle D,\Gamma\rangle$.
    fn transport(&self, plan: &[f64]) -> f64 {
        self.cost.iter().zip(plan).map(|(cost, mass)| cost * mass).sum()
    }

    /// The whole objective.
    fn objective(&self, plan: &[f64], lambda: f64) -> f64 {
        let columns = transposed(plan, self.n);
        let norms = |lines: &[f64], pairs: &[(usize, usize, f64)]| -> f64 {
            let norm = |(l, k, weight): &(usize, usize, f64)| weight * distance(lines, self.n, *l, *k);
            pairs.iter().map(norm).sum()
        };
        let [rows, across] = &self.pairs;
        self.transport(plan) + lambda * (norms(plan, rows) + norms(&columns, across))
    }

    /// $\|\Gamma1-\mu\|_1+\|\Gamma^\top1-\nu\|_1$.
    fn violation(&self, plan: &[f64]) -> f64 {
        let off = |lines: &[f64]| -> f64 {
            lines.chunks_exact(self.n).map(|line| (line.iter().sum::<f64>() - self.mass()).abs()).sum()
        };
        off(plan) + off(&transposed(plan, self.n))
    }

    /// The mass that stays in its class.
    fn class_mass(&self, plan: &[f64]) -> f64 {
        let same = |at: usize| self.classes[at / self.n] == self.classes[at % self.n];
        plan.iter().enumerate().filter(|(at, _)| same(*at)).map(|(_, mass)| mass).sum()
    }

    /// The mean distance of a row from the mean row of its class, against the norm of a uniform row.
    fn deviation(&self, plan: &[f64]) -> f64 {
        let n = self.n;
        let mut total = 0.0;
        for class in 0..=self.classes[n - 1] {
            let rows: Vec<&[f64]> =
                plan.chunks_exact(n).zip(&self.classes).filter(|(_, c)| **c == class).map(|p| p.0).collect();
            let mean: Vec<f64> =
                (0..n).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / rows.len() as f64).collect();
            let off = |row: &&[f64]| row.iter().zip(&mean).map(|(x, m)| (x - m) * (x - m)).sum::<f64>().sqrt();
            total += rows.iter().map(off).sum::<f64>();
        }
        total / n as f64 / (self.mass() / (n as f64).sqrt())
    }
}

/// Pairs of positive weight; weights are scaled to mean one over all pairs.
fn weighted_pairs(points: &[[f64; 2]], weights: Weights) -> Vec<(usize, usize, f64)> {
    let n = points.len();
    let near: Vec<Vec<usize>> = points
        .iter()
        .map(|p| {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| square(p, &points[*a]).total_cmp(&square(p, &points[*b])));
            order.truncate(6);
            order
        })
        .collect();
    let weight = |l: usize, k: usize| match weights {
        Weights::Uniform => 1.0,
        // exp(-|x - x'|² / 2σ²), σ half the radius of the circle of classes.
        Weights::Gaussian => exp(-square(&points[l], &points[k]) / (2.0 * 0.75 * 0.75)),
        Weights::Nearest => f64::from(u8::from(near[l].contains(&k) || near[k].contains(&l))),
    };
    let mut pairs: Vec<(usize, usize, f64)> =
        (0..n).flat_map(|l| (l + 1..n).map(move |k| (l, k))).map(|(l, k)| (l, k, weight(l, k))).collect();
    let mean = pairs.iter().map(|pair| pair.2).sum::<f64>() / pairs.len() as f64;
    pairs.retain(|pair| pair.2 > 0.0);
    pairs.iter_mut().for_each(|pair| pair.2 /= mean);
    pairs
}

fn transposed(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| matrix[at % n * n + at / n]).collect()
}

fn distance(lines: &[f64], n: usize, l: usize, k: usize) -> f64 {
    let pairs = lines[l * n..(l + 1) * n].iter().zip(&lines[k * n..(k + 1) * n]);
    pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// The nearest point of $\{x\ge0,\ \sum x=s\}$: $x_i=\max(v_i-\theta,0)$, with the θ that gives the sum.
fn onto_simplex(v: &mut [f64], sum: f64, sorted: &mut Vec<f64>) {
    sorted.clear();
    sorted.extend_from_slice(v);
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut total, mut theta) = (0.0, 0.0);
    for (count, value) in sorted.iter().enumerate() {
        total += value;
        let here = (total - sum) / (count + 1) as f64;
        if *value > here {
            theta = here;
        }
    }
    v.iter_mut().for_each(|x| *x = (*x - theta).max(0.0));
}

/// Scales `dual` into the ball of that radius.
fn into_ball(dual: &mut [f64], radius: f64) {
    let norm = dual.iter().map(|x| x * x).sum::<f64>().sqrt();
    if norm > radius {
        dual.iter_mut().for_each(|x| *x *= radius / norm);
    }
}

/// Point-SAGA on $\frac1N\sum_jf_j$, $f_j=Nh_j+\langle D,\cdot\rangle$, whose terms $h_j$ are the norms of the pairs
/// and the simplices of rows and columns.
#[derive(Clone)]
struct PointSaga {
    lambda: f64,
    gamma: f64,
    plan: Vec<f64>,
    /// The remembered subgradient of each term, a line of n numbers (a pair's is that at `l`, and at `k` its negative),
    /// and their sum as a matrix.
    memory: Vec<f64>,
    sum: Vec<f64>,
    draws: usize,
}

impl PointSaga {
    fn new(problem: &Problem, lambda: f64) -> Self {
        let (n, mass) = (problem.n, problem.mass());
        let terms = Self::terms(problem);
        // The plan's entries are of the order of 1/n², the subgradients' of n².
        let gamma = 3.0 * mass * mass / terms as f64;
        let plan = vec![mass * mass; n * n];
        Self { lambda, gamma, plan, memory: vec![0.0; terms * n], sum: vec![0.0; n * n], draws: 0 }
    }

    fn terms(problem: &Problem) -> usize {
        problem.pairs[0].len() + problem.pairs[1].len() + 2 * problem.n
    }

    /// One draw: $z=x+\gamma(g_j-\bar g)$, $x\leftarrow\mathrm{prox}_{\gamma f_j}(z)$, $g_j\leftarrow(z-x)/\gamma$, the
    /// linear part of $f_j$ kept apart.
    fn draw(&mut self, problem: &Problem, rng: &mut Rng, sorted: &mut Vec<f64>) {
        let (n, gamma) = (problem.n, self.gamma);
        let [rows, columns] = &problem.pairs;
        let terms = Self::terms(problem);
        let j = rng.random_range(0..terms as u32) as usize;
        self.draws += 1;
        for ((x, g), cost) in self.plan.iter_mut().zip(&self.sum).zip(&problem.cost) {
            *x -= gamma * (g / terms as f64 + cost);
        }
        let memory = &mut self.memory[j * n..(j + 1) * n];
        let (plan, sum) = (&mut self.plan, &mut self.sum);
        // Entry `at` of line `line`, of rows or of columns.
        let place = |across: bool, line: usize, at: usize| if across { at * n + line } else { line * n + at };
        let pair = rows.get(j).map(|pair| (false, pair));
        if let Some((across, &(l, k, weight))) = pair.or_else(|| Some((true, columns.get(j.checked_sub(rows.len())?)?)))
        {
            let mut dual: Vec<f64> = (0..n)
                .map(|at| {
                    let (a, b) = (place(across, l, at), place(across, k, at));
                    plan[a] += gamma * memory[at];
                    plan[b] -= gamma * memory[at];
                    (plan[a] - plan[b]) / (2.0 * gamma)
                })
                .collect();
            // The proximal step of a norm of a difference: what is left of the dual after the ball is what is taken
            // away.
            into_ball(&mut dual, terms as f64 * self.lambda * weight);
            for (at, dual) in dual.iter().enumerate() {
                let (a, b) = (place(across, l, at), place(across, k, at));
                plan[a] -= gamma * dual;
                plan[b] += gamma * dual;
                sum[a] += dual - memory[at];
                sum[b] -= dual - memory[at];
            }
            memory.copy_from_slice(&dual);
        } else {
            let line = j - rows.len() - columns.len();
            let (across, line) = (line >= n, line % n);
            let z: Vec<f64> = (0..n).map(|at| plan[place(across, line, at)] + gamma * memory[at]).collect();
            let mut x = z.clone();
            onto_simplex(&mut x, problem.mass(), sorted);
            for (at, (z, x)) in z.iter().zip(&x).enumerate() {
                let g = (z - x) / gamma;
                plan[place(across, line, at)] = *x;
                sum[place(across, line, at)] += g - memory[at];
                memory[at] = g;
            }
        }
    }
}

/// Chambolle and Pock's iteration: duals for the pairs and for the simplices of the columns; rows are projected.
#[derive(Clone)]
struct PrimalDual {
    lambda: f64,
    plan: Vec<f64>,
    ahead: Vec<f64>,
    /// Of row pairs and of column pairs, a line each.
    duals: [Vec<f64>; 2],
    /// Of the columns' simplices, by columns.
    column_dual: Vec<f64>,
    iterations: usize,
}

impl PrimalDual {
    fn new(problem: &Problem, lambda: f64) -> Self {
        let (n, mass) = (problem.n, problem.mass());
        let plan = vec![mass * mass; n * n];
        let duals = [0, 1].map(|side| vec![0.0; problem.pairs[side].len() * n]);
        Self { lambda, ahead: plan.clone(), plan, duals, column_dual: vec![0.0; n * n], iterations: 0 }
    }

    fn iterate(&mut self, problem: &Problem) {
        self.iterations += 1;
        let (n, mass) = (problem.n, problem.mass());
        // ‖K‖² ≤ 2n + 1: the Laplacians of two complete graphs, and the identity. The ratio of the steps is that of the
        // sizes of plan and duals.
        let (norm, ratio) = (((2 * n + 1) as f64).sqrt(), 3.0 * mass * mass);
        let (tau, sigma) = (ratio / norm, 1.0 / (ratio * norm));
        let mut sorted = Vec::with_capacity(n);
        let across = transposed(&self.ahead, n);
        let mut slopes = [vec![0.0; n * n], vec![0.0; n * n]];
        for (side, lines) in [&self.ahead, &across].into_iter().enumerate() {
            let pairs = problem.pairs[side].iter().zip(self.duals[side].chunks_exact_mut(n));
            for (&(l, k, weight), dual) in pairs {
                let (a, b) = (&lines[l * n..(l + 1) * n], &lines[k * n..(k + 1) * n]);
                // p ← proj_{‖p‖ ≤ λR}(p + σ (γ̄_l - γ̄_k))
                dual.iter_mut().zip(a.iter().zip(b)).for_each(|(p, (a, b))| *p += sigma * (a - b));
                into_ball(dual, self.lambda * weight);
                let slope = &mut slopes[side];
                slope[l * n..(l + 1) * n].iter_mut().zip(&*dual).for_each(|(slope, p)| *slope += p);
                slope[k * n..(k + 1) * n].iter_mut().zip(&*dual).for_each(|(slope, p)| *slope -= p);
            }
        }
        // q ← q + σ γ̄ - σ proj((q + σ γ̄) / σ), Moreau's identity for the simplex of each column.
        for (dual, line) in self.column_dual.chunks_exact_mut(n).zip(across.chunks_exact(n)) {
            dual.iter_mut().zip(line).for_each(|(q, x)| *q += sigma * x);
            let mut nearest: Vec<f64> = dual.iter().map(|q| q / sigma).collect();
            onto_simplex(&mut nearest, mass, &mut sorted);
            dual.iter_mut().zip(&nearest).for_each(|(q, x)| *q -= sigma * x);
        }
        let [rows, columns] = &slopes;
        for i in 0..n {
            let line: Vec<f64> = (0..n)
                .map(|j| {
                    let slope = problem.cost[i * n + j] + rows[i * n + j] + columns[j * n + i];
                    self.plan[i * n + j] - tau * (slope + self.column_dual[j * n + i])
                })
                .collect();
            let mut new = line;
            onto_simplex(&mut new, mass, &mut sorted);
            for (j, new) in new.iter().enumerate() {
                let old = std::mem::replace(&mut self.plan[i * n + j], *new);
                self.ahead[i * n + j] = 2.0 * new - old;
            }
        }
    }
}

/// Entropic transport at the given costs.
fn sinkhorn(problem: &Problem, cost: &[f64], iterations: usize) -> Option<Vec<f64>> {
    let n = problem.n;
    let masses = || vec![problem.mass(); n];
    let entropic = Entropic::new(cost, 1.0 / ENTROPY, masses(), masses()).ok()?;
    let mut sinkhorn = Sinkhorn::new(&entropic);
    for _ in 0..iterations {
        if sinkhorn.advance(&entropic, n).is_some_and(|violation| violation < 1e-10) {
            break;
        }
    }
    let mut plan = vec![0.0; n * n];
    for (i, row) in plan.chunks_exact_mut(n).enumerate() {
        entropic.plan_row(i, sinkhorn.u[i], &sinkhorn.v, row);
    }
    Some(plan)
}

/// Exact transport.
fn emd(problem: &Problem) -> Option<Vec<f64>> {
    let n = problem.n;
    let masses = vec![problem.mass(); n];
    let mut exact = Exact::new(&problem.cost, &masses, &masses).ok()?;
    while !exact.advance(1000) {}
    let mut plan = vec![0.0; n * n];
    exact.plan().into_iter().for_each(|(i, j, mass)| plan[i * n + j] = mass);
    Some(plan)
}

/// Generalised conditional gradients for
/// $\langle D,\Gamma\rangle+\varepsilon\sum\Gamma\log\Gamma+\eta\sum_j\sum_c\|\Gamma_{c,j}\|_2$, with the rows grouped
/// by class: the last part is linearised, Sinkhorn solves the rest, and a line search goes there. (Courty, Flamary,
/// Tuia and Rakotomamonjy, "Optimal Transport for Domain Adaptation", 2017.)
#[derive(Clone)]
struct GroupLasso {
    plan: Vec<f64>,
}

impl GroupLasso {
    /// The norm of each class in each column, by classes.
    fn norms(problem: &Problem, plan: &[f64]) -> Vec<f64> {
        let n = problem.n;
        let mut norms = vec![0.0; (problem.classes[n - 1] + 1) * n];
        for (row, class) in plan.chunks_exact(n).zip(&problem.classes) {
            norms[class * n..(class + 1) * n].iter_mut().zip(row).for_each(|(norm, x)| *norm += x * x);
        }
        norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        norms
    }

    fn objective(problem: &Problem, plan: &[f64]) -> f64 {
        let entropy: f64 = plan.iter().filter(|x| **x > 0.0).map(|x| x * log(*x)).sum();
        problem.transport(plan) + ENTROPY * entropy + GROUP * Self::norms(problem, plan).iter().sum::<f64>()
    }

    fn iterate(&mut self, problem: &Problem) {
        let n = problem.n;
        let norms = Self::norms(problem, &self.plan);
        let slope = |at: usize| {
            let norm = norms[problem.classes[at / n] * n + at % n];
            if norm > 0.0 { self.plan[at] / norm } else { 0.0 }
        };
        let cost: Vec<f64> = problem.cost.iter().enumerate().map(|(at, cost)| cost + GROUP * slope(at)).collect();
        let Some(goal) = sinkhorn(problem, &cost, SINKHORN_ITERATIONS) else { return };
        // The best of halvings of the way.
        let (mut share, mut best) = (1.0, (Self::objective(problem, &self.plan), None));
        for _ in 0..12 {
            let between: Vec<f64> = self.plan.iter().zip(&goal).map(|(a, b)| a + share * (b - a)).collect();
            let value = Self::objective(problem, &between);
            if value < best.0 {
                best = (value, Some(between));
            }
            share *= 0.5;
        }
        if let Some(plan) = best.1 {
            self.plan = plan;
        }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct SumOfNormsOt {
    setting: Setting,
    problem: Rc<Problem>,
    rng: Rng,
    saga: PointSaga,
    check: PrimalDual,
    emd: Rc<Vec<f64>>,
    sinkhorn: Rc<Vec<f64>>,
    group: GroupLasso,
    /// λ, class mass and deviation.
    window: Vec<[f64; 3]>,
    sweep: PrimalDual,
    /// Objective and violation of both solvers.
    records: [[Series; 2]; 2],
    steps: usize,
}

impl SumOfNormsOt {
    fn plans(&self) -> [&[f64]; 4] {
        [&self.saga.plan, &self.emd, &self.sinkhorn, &self.group.plan]
    }

    /// The baseline shown, by number.
    fn beside(&self) -> usize {
        match self.setting.baseline {
            Baseline::Emd => 1,
            Baseline::Sinkhorn => 2,
            Baseline::Group => 3,
        }
    }

    fn lambdas() -> Vec<f64> {
        log_spaced(1e-4, 1.0, SWEEP)
    }

    /// The plan of a method as a figure.
    fn draw_plan(&self, figures: &mut Figures, id: &'static str, method: usize, caption: &str) {
        let (n, plan) = (self.problem.n, self.plans()[method]);
        let mut figure = figures.figure(id, format!("The plan: {}", CARD.contenders[method].label), caption);
        let size = n as f64;
        figure
            .x(Axis::linear("target, by class").domain(0.0, size))
            .y(Axis::linear("source, by class").domain(0.0, size).reversed());
        figure.equal();
        let shown: Vec<f64> = plan.iter().map(|x| x.max(0.0)).collect();
        let grid = Grid { values: &shown, columns: n, x: [0.0, size], y: [0.0, size] };
        let block = 1.0 / (size * self.setting.per_class as f64);
        figure.raster(grid, Colors::sequential("mass").domain(0.0, 2.0 * block));
        let walls: Vec<f64> =
            (1..n).filter(|i| self.problem.classes[*i] != self.problem.classes[i - 1]).map(|i| i as f64).collect();
        figure.rule_x(&walls).dashed();
        figure.rule_y(&walls).dashed();
    }
}

impl Exhibit for SumOfNormsOt {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let problem = Problem::new(setting, rng);
        let failed = || Error::of("shift", "these clouds cannot be transported; move the target back");
        let emd = emd(&problem).ok_or_else(failed)?;
        let plain = sinkhorn(&problem, &problem.cost, SINKHORN_ITERATIONS).ok_or_else(failed)?;
        Ok(Self {
            saga: PointSaga::new(&problem, setting.lambda),
            check: PrimalDual::new(&problem, setting.lambda),
            emd: Rc::new(emd),
            sinkhorn: Rc::new(plain.clone()),
            group: GroupLasso { plan: plain },
            window: Vec::new(),
            sweep: PrimalDual::new(&problem, Self::lambdas()[0]),
            records: Default::default(),
            steps: 0,
            setting: setting.clone(),
            rng: rng.clone(),
            problem: Rc::new(problem),
        })
    }

    fn length(&self) -> usize {
        STEPS * (1 + self.problem.n / 20)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let problem = Rc::clone(&self.problem);
        let mut sorted = Vec::with_capacity(problem.n);
        let length = self.length();
        self.steps += 1;
        let due = |all: usize| all * self.steps / length;
        let [draws, iterations, swept] =
            [PointSaga::terms(&problem) * PASSES, ITERATIONS, SWEEP * SWEEP_ITERATIONS].map(due);
        while self.saga.draws < draws {
            self.saga.draw(&problem, &mut self.rng, &mut sorted);
        }
        while self.check.iterations < iterations {
            self.check.iterate(&problem);
        }
        if self.steps <= GROUP_ITERATIONS {
            self.group.iterate(&problem);
        }
        let passes = draws as f64 / PointSaga::terms(&problem) as f64;
        let plans = [(&self.saga.plan, passes), (&self.check.plan, iterations as f64)];
        for ((plan, at), [objective, violation]) in plans.into_iter().zip(&mut self.records) {
            // A logarithmic axis has no zero.
            if at > 0.0 {
                objective.push(at, problem.objective(plan, self.setting.lambda).max(FLOOR));
                violation.push(at, problem.violation(plan).max(FLOOR));
            }
        }
        // The sweep, from small λ to large, each begun where the last ended.
        let lambdas = Self::lambdas();
        while self.sweep.iterations < swept {
            self.sweep.iterate(&problem);
            if self.sweep.iterations.is_multiple_of(SWEEP_ITERATIONS) {
                let (mass, deviation) = (problem.class_mass(&self.sweep.plan), problem.deviation(&self.sweep.plan));
                self.window.push([self.sweep.lambda, mass, deviation]);
                self.sweep.lambda = lambdas.get(self.window.len()).copied().unwrap_or(1.0);
            }
        }
        if self.steps < length { Progress::Running } else { Progress::Done }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting.baseline = setting.baseline;
    }

    fn figures(&self, figures: &mut Figures) {
        let caption = "Each row is a source, each column a target. Rows and columns of a class have fused: the plan is \
                       constant on blocks, as far as λ is in the window.";
        self.draw_plan(figures, "plan", 0, caption);
        let caption = "The same clouds, by the baseline chosen; the colours stop at twice the mass of an even block.";
        self.draw_plan(figures, "beside", self.beside(), caption);

        let caption = "Transport lines, as strong as the mass they carry. The ring is the target's shift from the \
                       cross: drag it.";
        let mut clouds = figures.figure("clouds", "Who goes where", caption);
        clouds.x(Axis::linear("x")).y(Axis::linear("y")).equal();
        let (n, from, to) = (self.problem.n, &self.problem.from, &self.problem.to);
        for (method, faint) in [(self.beside(), true), (0, false)] {
            let plan = self.plans()[method];
            let top = if method == 0 { 2.0 / (n * self.setting.per_class) as f64 } else { self.problem.mass() };
            let strong: Vec<(usize, f64)> =
                plan.iter().map(|x| (x / top).min(1.0)).enumerate().filter(|(_, share)| *share > 0.05).collect();
            let starts: Vec<[f64; 2]> = strong.iter().map(|(at, _)| from[at / n]).collect();
            let ends: Vec<[f64; 2]> = strong.iter().map(|(at, _)| to[at % n]).collect();
            let weights: Vec<f64> = strong.iter().map(|(_, share)| 0.7 * share).collect();
            let link = clouds.link(&starts, &ends, Some(&weights)).of(METHODS[method]);
            if faint {
                link.faint();
            }
        }
        clouds.dot(from.iter().map(|p| p[0]), from.iter().map(|p| p[1])).label("sources").radius(3.0);
        clouds
            .dot(to.iter().map(|p| p[0]), to.iter().map(|p| p[1]))
            .label("targets")
            .symbol(Symbol::Square)
            .radius(3.0);
        clouds.dot([0.0], [0.0]).ink(Ink::Accent).symbol(Symbol::Cross).radius(4.0);
        let shift = &self.setting.shift.0;
        let (x, y) = (shift.iter().map(|p| p[0]), shift.iter().map(|p| p[1]));
        clouds.dot(x, y).ink(Ink::Accent).symbol(Symbol::Ring).radius(8.0).label("shift").drags("shift");

        let caption = "Class mass (solid) and deviation of rows within classes (dashed) against λ. In the window the \
                       one is 1 and the other 0; at the left end the sweep is not yet settled.";
        let mut window = figures.figure("window", "The window of λ", caption);
        let top = self.window.iter().fold(2.0, |top: f64, point| top.max(1.05 * point[2]));
        window.x(Axis::log("λ").domain(1e-4, 1.0)).y(Axis::linear("class mass; deviation of a row").domain(0.0, top));
        let lambdas = || self.window.iter().map(|point| point[0]);
        window.line(lambdas(), self.window.iter().map(|point| point[1])).of("norms").label("class mass");
        window.dot(lambdas(), self.window.iter().map(|point| point[1])).of("norms");
        window.line(lambdas(), self.window.iter().map(|point| point[2])).of("norms").dashed().label("deviation");
        let beside = self.beside();
        let mass = self.problem.class_mass(self.plans()[beside]);
        let label = format!("class mass, {}", CARD.contenders[beside].label);
        window.line([1e-4, 1.0], [mass, mass]).of(METHODS[beside]).label(label);
        window.rule_x([self.setting.lambda]).ink(Ink::Accent).label("λ in use");

        let caption = "Objective (solid) and violation of the marginals (dashed), against passes over the terms of \
                       Point-SAGA, and iterations of the primal-dual check.";
        let mut solvers = figures.figure("solvers", "Two solvers, one optimum", caption);
        solvers.x(Axis::log("passes; iterations")).y(Axis::log("objective; violation").domain(1e-12, 10.0));
        for (saga, [objective, violation]) in [true, false].into_iter().zip(&self.records) {
            let lines = [(objective, false, "objective"), (violation, true, "violation")];
            for (series, dashed, name) in lines {
                let line = solvers.line(series.xs(), series.ys().map(|y| y.max(1e-12)));
                if saga {
                    line.of("norms").label(format!("{name}, Point-SAGA"));
                } else {
                    line.ink(Ink::Muted).label(format!("{name}, primal-dual"));
                }
                if dashed {
                    line.dashed();
                }
            }
        }

        let (problem, plans) = (&self.problem, self.plans());
        figures
            .figure("methods", "The plans in numbers", "What each costs, and what it keeps of the classes.")
            .table()
            .words("method", ["sum of norms", "exact", "Sinkhorn", "group lasso"])
            .numbers("cost ⟨D, Γ⟩", plans.map(|plan| problem.transport(plan)))
            .numbers("class mass", plans.map(|plan| problem.class_mass(plan)))
            .numbers("deviation", plans.map(|plan| problem.deviation(plan)))
            .numbers("off by", plans.map(|plan| problem.violation(plan)));
    }

    fn claim(&self) -> Claim {
        let open = self.steps < self.length();
        let (problem, plan) = (&self.problem, &self.saga.plan);
        Claim::new(vec![
            Clause::at_least(
                "{value} of the mass stays in its class, at least {low}.",
                Some(problem.class_mass(plan)),
                0.99,
            )
            .pending_while(open),
            Clause::at_most(
                "Rows of a class deviate from their mean by {value} of a uniform row, at most {high}.",
                Some(problem.deviation(plan)),
                0.05,
            )
            .pending_while(open),
            Clause::at_least(
                "Those of exact transport deviate by {value}, at least {low}.",
                Some(problem.deviation(&self.emd)),
                0.5,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds("default", "In the window", "Three clean blocks, without a label.", default.clone()),
            Scenario::fails(
                "grey",
                "λ = 0.1",
                "Beyond the window everything fuses: a third of the mass is in its class.",
                Setting { lambda: 0.1, ..default.clone() },
            ),
            Scenario::fails(
                "weak",
                "λ = 0.0005",
                "Below the window classes are kept, and rows inside them still differ.",
                Setting { lambda: 5e-4, ..default.clone() },
            ),
            Scenario::fails(
                "noisy",
                "Spread 0.9",
                "The classes overlap: no λ leaves them both apart and constant.",
                Setting { spread: 0.9, ..default.clone() },
            ),
            Scenario::fails(
                "rings",
                "Rings",
                "Points of a ring are not near each other, and rows with different best targets do not fuse.",
                Setting { shape: Shape::Rings, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{list, number, numbers, vectors, wholes};
    use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};

    fn bare(cost: Vec<f64>, classes: Vec<usize>) -> Problem {
        let n = classes.len();
        let places = vec![[0.0; 2]; n];
        let pairs = [0, 1].map(|_| weighted_pairs(&places, Weights::Uniform));
        Problem { n, classes, from: places.clone(), to: places, cost, pairs }
    }

    #[test]
    fn both_solvers_find_the_optimum_of_cvxpy_and_the_baselines_are_pots() {
        let file = include_str!("../../../../tests/reference/sum_of_norms.json");
        let stored = vectors(file);
        let cases = list(&stored["cases"]);
        assert_eq!(cases.len(), 3);
        for case in cases {
            let number = |name: &str| number(&case[name]);
            let labels: Vec<usize> = wholes(&case["labels"]);
            let problem = bare(numbers(&case["cost"]), labels);
            let (lambda, expected) = (number("lambda"), numbers(&case["plan"]));
            let mut check = PrimalDual::new(&problem, lambda);
            (0..20_000).for_each(|_| check.iterate(&problem));
            let mut saga = PointSaga::new(&problem, lambda);
            let (mut rng, mut sorted) = (Rng::seed_from_u64(1), Vec::new());
            (0..2000 * PointSaga::terms(&problem)).for_each(|_| saga.draw(&problem, &mut rng, &mut sorted));
            for (name, plan) in [("primal-dual", &check.plan), ("Point-SAGA", &saga.plan)] {
                let value = problem.objective(plan, lambda);
                let plans = plan.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                println!("{name}: objective {:e}, plan {plans:e}", value - number("objective"));
                assert!((value - number("objective")).abs() < 1e-7, "{name}: {value}");
                assert!(plans < 1e-5, "{name}: {plans:e}");
            }
            let exact = emd(&problem).expect("a plan");
            assert!((problem.transport(&exact) - number("emd")).abs() < 1e-10);
            let plain = sinkhorn(&problem, &problem.cost, 100_000).expect("a plan");
            let plans = plain.iter().zip(numbers(&case["sinkhorn"])).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            println!("Sinkhorn {plans:e}");
            // At this sharpness Sinkhorn crawls, and POT stops at its last iteration.
            assert!(plans < 1e-5, "{plans:e}");
            let mut group = GroupLasso { plan: plain };
            (0..300).for_each(|_| group.iterate(&problem));
            let value = GroupLasso::objective(&problem, &group.plan);
            println!("group lasso {:e}", value - number("group"));
            // The problem is convex, and POT's line search stops early: ours may be lower, and never higher.
            assert!((-1e-3..1e-5).contains(&(value - number("group"))), "{value} {}", number("group"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        // The projection: feasible, and v - x makes an obtuse angle with every way into the simplex.
        #[test]
        fn the_projection_onto_the_simplex_is_nearest(
            v in prop::collection::vec(-1.0_f64..1.0, 1..12), sum in 0.01_f64..2.0,
        ) {
            let mut x = v.clone();
            onto_simplex(&mut x, sum, &mut Vec::new());
            prop_assert!((x.iter().sum::<f64>() - sum).abs() < 1e-12 && x.iter().all(|x| *x >= 0.0));
            let toward: f64 = v.iter().zip(&x).map(|(v, x)| (v - x) * x).sum();
            for v in v.iter().zip(&x).map(|(v, x)| v - x) {
                prop_assert!(sum * v <= toward + 1e-12);
            }
        }

        // Large λ: the product plan, which alone has all rows equal and all columns equal.
        #[test]
        fn at_large_lambda_the_plan_is_the_product(cost in prop::collection::vec(0.0_f64..1.0, 36)) {
            let problem = bare(cost, vec![0, 0, 0, 1, 1, 1]);
            let mut check = PrimalDual::new(&problem, 1.0);
            (0..2000).for_each(|_| check.iterate(&problem));
            prop_assert!(check.plan.iter().all(|x| (x - 1.0 / 36.0).abs() < 1e-9));
            prop_assert!((problem.class_mass(&check.plan) - 0.5).abs() < 1e-9 && problem.deviation(&check.plan) < 1e-8);
        }

        // Without norms both are exact transport. The method is slow where other plans cost nearly as little: one in
        // thirty takes more than 20,000 iterations.
        #[test]
        fn at_lambda_zero_the_cost_is_that_of_exact_transport(cost in prop::collection::vec(0.0_f64..1.0, 25)) {
            let problem = bare(cost, vec![0, 0, 1, 1, 1]);
            let mut check = PrimalDual::new(&problem, 0.0);
            let exact = problem.transport(&emd(&problem).expect("a plan"));
            let arrived = (0..10).any(|_| {
                (0..20_000).for_each(|_| check.iterate(&problem));
                (problem.transport(&check.plan) - exact).abs() < 1e-5
            });
            prop_assert!(arrived, "{} {}", problem.transport(&check.plan), exact);
        }
    }

    #[test]
    fn a_permutation_deviates_by_what_the_text_says() {
        let classes: Vec<usize> = (0..18).map(|i| i / 6).collect();
        let problem = bare(vec![0.0; 324], classes);
        let plan: Vec<f64> = (0..324).map(|at| if at / 18 == at % 18 { 1.0 / 18.0 } else { 0.0 }).collect();
        assert!((problem.deviation(&plan) - 15.0_f64.sqrt()).abs() < 1e-12);
        assert!((problem.class_mass(&plan) - 1.0).abs() < 1e-12);
    }
}
