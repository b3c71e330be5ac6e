//! Block coordinate descent changes a few unknowns at a time, and three things are left to choose: which blocks there are,
//! which comes next, and what is done to it. Nutini, Laradji and Schmidt try to do better at all three.
//!
//! **Which block.** Gauss-Southwell takes the largest $\|\nabla_bf\|$. GSL divides by the curvature, $\|\nabla_bf\|^2/L_b$.
//! GSQ takes the block whose exact solution gains most, $\nabla_bf^\top H_b^{-1}\nabla_bf$. Better still, let the block be
//! *variable*: the coordinates with the largest $g_i^2/L_i$.
//!
//! **What is done.** A step $1/L_b$, or $d=-H_b^{-1}\nabla_bf$. That needs a small block, unless the unknowns in the block
//! are coupled as a forest: then Gaussian elimination from the leaves to the root and back (*message passing*) solves
//! it in time proportional to its size.
//!
//! You see a lattice of 40 × 40 with 20 labelled cells; each unknown is to be the mean of its neighbours. Red-black takes every
//! second cell, and a value travels one cell an update. Two interlocking combs are trees as well, of half the cells each,
//! and carry values along a whole row: half the sweeps do.
//!
//! **Try** greedy forests, whose cells are those that need it most: they save two fifths. Then least squares and its six
//! rules, against iterations and against multiplications. Set the spread of scales to 0 and the update to gradient: GSL
//! and GSQ are then no better than GS. Message passing is refused there, since almost every pair of features is coupled.
//!
//! **Sparse logistic regression.** Within a distance $\delta/2L$ of the solution, where
//! $\delta=\min_{i:x_i^*=0}(\lambda-|\nabla_if(x^*)|)$, any coordinate that should be zero becomes so at its next update; one
//! cyclic pass later the support is final. Once it has stood still for two passes, Newton's method on it finishes in a
//! few steps.
//!
//! **Where it stops.** A comb's update costs nearly twice the arithmetic of a red-black one, its gradient included,
//! and sweeps do not show it. Choosing a greedy forest costs a sort. On least squares GSQ takes about two thirds of
//! GS's iterations, but against *cyclic* blocks from a quarter fewer to a quarter more (as here), and knowing the
//! whole gradient costs several times the multiplications: only variable blocks clearly win. With the $\ell_1$ norm
//! GSQ is run as GSL. Sizes were reduced: 400 rows and 100 columns there.

use crate::curves::Curves;
use crate::linear_model::{LinearModel, Loss};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{ConjugateGradient, DMatrix, View, gram, inner, matvec, ridge};
use orrery_kernels::math::{pow, sigmoid};
use orrery_kernels::random::{normals, permutation};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "greedy-block-descent",
    title: "Let's Make Block Coordinate Descent Converge Faster: Faster Greedy Rules, Message-Passing, Active-Set \
            Complexity, and Superlinear Convergence",
    year: 2017,
    lists: &[1, 4],
    claim: "Better blocks, better choices among them and exact updates each save a large share of the iterations.",
    algorithms: &[
        "block coordinate descent",
        "Gauss-Southwell",
        "Gauss-Seidel",
        "message passing",
        "tree elimination",
        "active-set identification",
        "proximal coordinate descent",
        "label propagation",
    ],
    contenders: &[
        Contender::paper("combs", "combs"),
        Contender::paper("variable", "variable blocks"),
        Contender::paper("gsq", "GSQ"),
        Contender::paper("gsl", "GSL"),
        Contender::paper("newton", "then Newton on the support"),
        Contender::baseline("gs", "GS"),
        Contender::baseline("cyclic", "cyclic"),
        Contender::baseline("random", "random"),
        Contender::baseline("red-black", "red-black"),
    ],
};

/// What is solved.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// 400 rows, 300 sparse columns of different scales.
    #[choice("least squares")]
    LeastSquares,
    /// 40 × 40 cells, 20 of them labelled.
    #[choice("label propagation")]
    Lattice,
    /// 400 rows, 100 columns, 10 of which matter.
    #[choice("L1 logistic regression")]
    Lasso,
}

/// Which block comes next.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Rule {
    /// One after the other.
    #[choice("cyclic")]
    Cyclic,
    /// Any.
    #[choice("random")]
    Random,
    /// The steepest.
    #[choice("GS")]
    Gs,
    /// The steepest for its curvature.
    #[choice("GSL")]
    Gsl,
    /// The one that gains most.
    #[choice("GSQ")]
    Gsq,
    /// No fixed blocks: the coordinates that promise most.
    #[choice("variable (GSD)")]
    Variable,
}

const RULES: [Rule; 6] = [Rule::Cyclic, Rule::Random, Rule::Gs, Rule::Gsl, Rule::Gsq, Rule::Variable];

impl Rule {
    fn id(self) -> &'static str {
        match self {
            Self::Cyclic => "cyclic",
            Self::Random => "random",
            Self::Gs => "gs",
            Self::Gsl => "gsl",
            Self::Gsq => "gsq",
            Self::Variable => "variable",
        }
    }
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Update {
    /// $-\nabla_bf/L_b$.
    #[choice("gradient")]
    Gradient,
    /// $-H_b^{-1}\nabla_bf$.
    #[choice("matrix / Newton")]
    Matrix,
    /// The same on forests.
    #[choice("message passing")]
    Messages,
}

/// The blocks of the lattice.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Partition {
    /// The two colours of a chessboard.
    #[choice("red-black")]
    RedBlack,
    /// Two combs, the teeth of one between those of the other.
    #[choice("combs")]
    Combs,
    /// Cells in the order of $g_i^2/L_i$, as long as no cycle closes.
    #[choice("greedy forest")]
    Greedy,
    /// Cells in random order, as long as no cycle closes.
    #[choice("random forest")]
    Random,
}

const PARTITIONS: [Partition; 4] = [Partition::RedBlack, Partition::Combs, Partition::Greedy, Partition::Random];

impl Partition {
    fn id(self) -> &'static str {
        match self {
            Self::RedBlack => "red-black",
            Self::Combs => "combs",
            Self::Greedy => "variable",
            Self::Random => "random",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::RedBlack => "red-black",
            Self::Combs => "combs",
            Self::Greedy => "greedy forest",
            Self::Random => "random forest",
        }
    }
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is solved.
    #[control(label = "problem", default = Problem::Lattice)]
    pub problem: Problem,
    /// How the next block is chosen, in the run that is looked at. The others run beside it.
    #[control(label = "block rule", default = Rule::Gsq, when = ("problem", ["least-squares", "lasso"]))]
    pub rule: Rule,
    /// What is done to a block. On the lattice's forests the matrix update is found by message passing; with L1 it is
    /// Newton's method on the support, once that stands still.
    #[control(label = "update", default = Update::Matrix)]
    pub update: Update,
    /// Unknowns in a block.
    #[control(label = "block size", range = 1..=50, default = 5, when = ("problem", ["least-squares", "lasso"]))]
    pub block: usize,
    /// The blocks of the lattice that are looked at. The others run beside them.
    #[control(label = "lattice partition", default = Partition::Combs, when = ("problem", "lattice"))]
    pub partition: Partition,
    /// Powers of ten between the smallest and the largest feature.
    #[control(label = "scale spread", unit = "decades", range = 0.0..=2.0, default = 1.4, when = ("problem", "least-squares"))]
    pub spread: f64,
    /// λ, the price of a coefficient.
    #[control(label = "L1 weight λ", range = 1e-4..=1.0, log, default = 0.02, when = ("problem", "lasso"))]
    pub weight: f64,
}

/// Fixed blocks of consecutive coordinates of a dense Hessian.
#[derive(Clone)]
struct Blocks {
    members: Vec<Vec<usize>>,
    /// $L_b$, the greatest eigenvalue of $H_b$.
    lipschitz: Vec<f64>,
    inverse: Vec<Vec<f64>>,
}

/// $H_b$, by rows.
fn corner(h: &[f64], n: usize, b: &[usize]) -> Vec<f64> {
    b.iter().flat_map(|&i| b.iter().map(move |&j| h[i * n + j])).collect()
}

impl Blocks {
    fn new(h: &[f64], n: usize, size: usize) -> Self {
        let all: Vec<usize> = (0..n).collect();
        let members: Vec<Vec<usize>> = all.chunks(size).map(<[usize]>::to_vec).collect();
        let greatest = |b: &Vec<usize>| {
            let block = DMatrix::from_row_slice(b.len(), b.len(), &corner(h, n, b));
            block.symmetric_eigenvalues().iter().copied().fold(1e-12, f64::max)
        };
        let inverse = |b: &Vec<usize>| {
            let identity: Vec<f64> =
                (0..b.len() * b.len()).map(|k| f64::from(u8::from(k % (b.len() + 1) == 0))).collect();
            ridge(&corner(h, n, b), 0.0, &identity, b.len(), b.len())
        };
        Self {
            lipschitz: members.iter().map(greatest).collect(),
            inverse: members.iter().map(inverse).collect(),
            members,
        }
    }

    fn len(&self) -> usize {
        self.members.len()
    }
}

/// The place of the greatest number, the first of equals.
fn greatest(scores: impl Iterator<Item = f64>) -> usize {
    let better = |best: (usize, f64), (k, score): (usize, f64)| if score > best.1 { (k, score) } else { best };
    scores.enumerate().fold((0, f64::NEG_INFINITY), better).0
}

/// The places of the `count` greatest, in ascending order.
fn top(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(count);
    order.sort_unstable();
    order
}

fn gather(x: &[f64], b: &[usize]) -> Vec<f64> {
    b.iter().map(|&i| x[i]).collect()
}

/// $\tfrac12x^\top Hx-c^\top x$ with $H=A^\top A$.
struct LeastSquares {
    n: usize,
    h: Vec<f64>,
    c: Vec<f64>,
    blocks: Blocks,
    size: usize,
    /// Entries of each column of $A$.
    filled: Vec<f64>,
}

impl LeastSquares {
    fn new(spread: f64, size: usize, rng: &mut Rng) -> Self {
        const N: usize = 300;
        const ROWS: usize = 400;
        let (mut columns, mut filled) = (Vec::with_capacity(N * ROWS), Vec::with_capacity(N));
        for _ in 0..N {
            let scale = pow(10.0, spread * rng.random::<f64>());
            let column: Vec<f64> = normals(ROWS, rng)
                .into_iter()
                .map(|entry| if rng.random::<f64>() < 0.1 { scale * entry } else { 0.0 })
                .collect();
            filled.push(column.iter().filter(|entry| **entry != 0.0).count() as f64);
            columns.extend(column);
        }
        let h = gram(View::by_rows(&columns, N, ROWS));
        let blocks = Blocks::new(&h, N, size);
        let c = matvec(View::by_rows(&h, N, N), &normals(N, rng));
        Self { n: N, h, c, blocks, size, filled }
    }

    /// One block of a run.
    fn advance(&self, run: &mut Run, rule: Rule, update: Update) {
        let (n, blocks, g) = (self.n, &self.blocks, &run.g);
        let norm = |b: &Vec<usize>| b.iter().map(|&i| g[i] * g[i]).sum::<f64>();
        let quick = |k: usize| {
            let (b, g) = (&blocks.members[k], gather(g, &blocks.members[k]));
            inner(&g, &matvec(View::by_rows(&blocks.inverse[k], b.len(), b.len()), &g))
        };
        let members = || blocks.members.iter();
        let chosen = match rule {
            Rule::Cyclic => run.k % blocks.len(),
            Rule::Random => run.rng.random_range(0..blocks.len() as u32) as usize,
            // argmax ‖∇_b f‖
            Rule::Gs => greatest(members().map(norm)),
            // argmax ‖∇_b f‖² / L_b
            Rule::Gsl => greatest(members().zip(&blocks.lipschitz).map(|(b, l)| norm(b) / l)),
            // argmax ∇_b fᵀ H_b⁻¹ ∇_b f
            Rule::Gsq => greatest((0..blocks.len()).map(quick)),
            Rule::Variable => 0,
        };
        // The τ coordinates with the greatest g_i² / L_i.
        let variable = || top(&(0..n).map(|i| g[i] * g[i] / self.h[i * n + i]).collect::<Vec<f64>>(), self.size);
        let b = if rule == Rule::Variable { variable() } else { blocks.members[chosen].clone() };
        let (slope, tau) = (gather(g, &b), b.len());
        let solved = match (update, rule) {
            // Row sums bound the greatest eigenvalue of a block that nobody has seen before.
            (Update::Gradient, Rule::Variable) => {
                let sums = corner(&self.h, n, &b);
                let l = sums.chunks_exact(tau).map(|row| row.iter().map(|h| h.abs()).sum::<f64>()).fold(0.0, f64::max);
                slope.iter().map(|g| g / l).collect()
            }
            (Update::Gradient, _) => slope.iter().map(|g| g / blocks.lipschitz[chosen]).collect(),
            (_, Rule::Variable) => ridge(&corner(&self.h, n, &b), 0.0, &slope, tau, 1),
            _ => matvec(View::by_rows(&blocks.inverse[chosen], tau, tau), &slope),
        };
        for (&i, step) in b.iter().zip(&solved) {
            // x_b ← x_b - H_b⁻¹ ∇_b f, and ∇f with it
            run.x[i] -= step;
            run.g.iter_mut().zip(&self.h[i * n..(i + 1) * n]).for_each(|(g, h)| *g -= h * step);
        }
        // What is multiplied: without the whole gradient, the block's columns twice; with it, the block's rows of H, and
        // the scores.
        let (n, tau) = (n as f64, tau as f64);
        run.work += match rule {
            Rule::Cyclic | Rule::Random => 2.0 * b.iter().map(|&i| self.filled[i]).sum::<f64>() + tau * tau,
            Rule::Gs | Rule::Gsl => n * tau + n + tau * tau,
            Rule::Gsq => 2.0 * n * tau + tau * tau,
            Rule::Variable => n * tau + n + tau * tau * tau / 6.0,
        };
    }
}

const SIDE: usize = 40;
const LABELS: usize = 20;

/// $\tfrac12\sum_{i\sim j}(x_i-x_j)^2$ over a lattice some of whose cells are given.
struct Lattice {
    /// The cell of each unknown.
    cells: Vec<usize>,
    /// Its unknown neighbours.
    near: Vec<Vec<usize>>,
    /// How many neighbours it has in all: $H_{ii}$.
    degree: Vec<f64>,
    /// The sum of its labelled neighbours.
    given: Vec<f64>,
    labels: Vec<(usize, f64)>,
    /// The two blocks of each fixed partition.
    red_black: [Vec<usize>; 2],
    combs: [Vec<usize>; 2],
}

/// A block in the order of elimination: parents before their children.
#[derive(Clone, Default)]
struct Forest {
    order: Vec<usize>,
    /// The place in `order` of the parent.
    parents: Vec<Option<usize>>,
    /// What each sent to its parent.
    messages: Vec<f64>,
}

impl Lattice {
    fn new(rng: &mut Rng) -> Self {
        let shuffled = permutation(SIDE * SIDE, rng);
        let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        Self::labelled(shuffled[..LABELS].iter().enumerate().map(|(k, &cell)| (cell, sign(k))).collect())
    }

    fn labelled(labels: Vec<(usize, f64)>) -> Self {
        let known = |cell: usize| labels.iter().find(|label| label.0 == cell).map(|label| label.1);
        let cells: Vec<usize> = (0..SIDE * SIDE).filter(|&cell| known(cell).is_none()).collect();
        let place = |cell: usize| cells.binary_search(&cell).ok();
        let around = |cell: usize| {
            let (row, column) = (cell / SIDE, cell % SIDE);
            let left = (column > 0).then(|| cell - 1);
            let right = (column + 1 < SIDE).then(|| cell + 1);
            let below = (row > 0).then(|| cell - SIDE);
            let above = (row + 1 < SIDE).then(|| cell + SIDE);
            [left, right, below, above].into_iter().flatten()
        };
        let halves = |first: &dyn Fn(usize, usize) -> bool| {
            let of = |wanted: bool| {
                let matching =
                    cells.iter().enumerate().filter(move |(_, cell)| first(**cell / SIDE, **cell % SIDE) == wanted);
                matching.map(|(i, _)| i).collect::<Vec<usize>>()
            };
            [of(true), of(false)]
        };
        Self {
            near: cells.iter().map(|&cell| around(cell).filter_map(place).collect()).collect(),
            degree: cells.iter().map(|&cell| around(cell).count() as f64).collect(),
            given: cells.iter().map(|&cell| around(cell).filter_map(known).sum()).collect(),
            red_black: halves(&|row, column| (row + column).is_multiple_of(2)),
            // The first spine is the left edge, the second the right one; even rows are teeth of the first.
            combs: halves(&|row, column| column == 0 || (column + 1 < SIDE && row.is_multiple_of(2))),
            labels,
            cells,
        }
    }

    fn multiply(&self, x: &[f64], out: &mut [f64]) {
        for (((out, near), degree), x_i) in out.iter_mut().zip(&self.near).zip(&self.degree).zip(x) {
            *out = degree * x_i - near.iter().map(|&j| x[j]).sum::<f64>();
        }
    }

    /// Cells in this order, each taken if it closes no cycle with those already taken.
    fn forest(&self, order: &[usize]) -> Vec<usize> {
        let mut tree: Vec<usize> = (0..self.cells.len()).collect();
        let mut taken = vec![false; tree.len()];
        fn root(tree: &mut [usize], mut i: usize) -> usize {
            while tree[i] != i {
                tree[i] = tree[tree[i]];
                i = tree[i];
            }
            i
        }
        let mut block = Vec::new();
        for &i in order {
            let mut roots: Vec<usize> = Vec::with_capacity(4);
            let near = self.near[i].iter().filter(|&&j| taken[j]);
            near.for_each(|&j| roots.push(root(&mut tree, j)));
            let distinct = roots.iter().enumerate().all(|(k, root)| !roots[..k].contains(root));
            if distinct {
                taken[i] = true;
                roots.iter().for_each(|&root| tree[root] = i);
                block.push(i);
            }
        }
        block
    }

    /// $d=-H_b^{-1}\nabla_bf$ on a block without cycles, by messages from the leaves to the roots and back. The steps are
    /// in the forest's order.
    fn solve(&self, block: &[usize], g: &[f64]) -> (Forest, Vec<f64>) {
        const OUTSIDE: usize = usize::MAX;
        const UNSEEN: usize = usize::MAX - 1;
        let mut place = vec![OUTSIDE; g.len()];
        block.iter().for_each(|&i| place[i] = UNSEEN);
        let mut forest = Forest::default();
        for &start in block {
            if place[start] != UNSEEN {
                continue;
            }
            let mut next = forest.order.len();
            place[start] = next;
            forest.order.push(start);
            forest.parents.push(None);
            while let Some(&i) = forest.order.get(next) {
                for &j in &self.near[i] {
                    if place[j] == UNSEEN {
                        place[j] = forest.order.len();
                        forest.order.push(j);
                        forest.parents.push(Some(next));
                    }
                }
                next += 1;
            }
        }
        let mut diagonal = gather(&self.degree, &forest.order);
        let mut right: Vec<f64> = forest.order.iter().map(|&i| -g[i]).collect();
        forest.messages = vec![0.0; right.len()];
        for k in (0..right.len()).rev() {
            if let Some(parent) = forest.parents[k] {
                // With H_kp = -1: H_pp ← H_pp - 1/H_kk,  r_p ← r_p + r_k/H_kk
                diagonal[parent] -= 1.0 / diagonal[k];
                forest.messages[k] = right[k] / diagonal[k];
                right[parent] += forest.messages[k];
            }
        }
        for k in 0..right.len() {
            // d_k = (r_k + d_p) / H_kk
            let above = forest.parents[k].map_or(0.0, |parent| right[parent]);
            right[k] = (right[k] + above) / diagonal[k];
        }
        (forest, right)
    }

    fn advance(&self, run: &mut Run, partition: Partition, update: Update) {
        let block = match partition {
            Partition::RedBlack => self.red_black[run.k % 2].clone(),
            Partition::Combs => self.combs[run.k % 2].clone(),
            Partition::Greedy => {
                let score: Vec<f64> = run.g.iter().zip(&self.degree).map(|(g, l)| g * g / l).collect();
                let mut order: Vec<usize> = (0..score.len()).collect();
                order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
                self.forest(&order)
            }
            Partition::Random => self.forest(&permutation(self.cells.len(), &mut run.rng)),
        };
        // The eigenvalues of a block lie below its greatest row sum: 4 without inner edges, 8 with.
        let l = if partition == Partition::RedBlack { 4.0 } else { 8.0 };
        self.update(run, &block, (update == Update::Gradient).then_some(l));
    }

    /// Solves the block, or takes a step $1/L_b$.
    fn update(&self, run: &mut Run, block: &[usize], plain: Option<f64>) {
        let (forest, mut steps) = self.solve(block, &run.g);
        if let Some(l) = plain {
            steps = forest.order.iter().map(|&i| -run.g[i] / l).collect();
        }
        for (&i, step) in forest.order.iter().zip(&steps) {
            run.x[i] += step;
        }
        self.multiply(&run.x, &mut run.g);
        run.g.iter_mut().zip(&self.given).for_each(|(g, given)| *g -= given);
        run.work += block.len() as f64 / self.cells.len() as f64;
        run.forest = forest;
    }
}

/// $\frac1n\sum_i\log(1+e^{-b_ia_i^\top x})+\lambda\|x\|_1$.
struct Lasso {
    model: LinearModel,
    lambda: f64,
    blocks: Blocks,
    size: usize,
    /// $L_i$, and $L$ of all.
    each: Vec<f64>,
    all: f64,
    /// How close to the solution the support must be right.
    radius: f64,
}

const BEGIN: f64 = 0.2;

/// $\operatorname{sign}(x)\max(|x|-t,0)$.
fn shrink(x: f64, t: f64) -> f64 {
    x.signum() * (x.abs() - t).max(0.0)
}

impl Lasso {
    /// The problem, its solution, and the value there.
    fn new(lambda: f64, size: usize, rng: &mut Rng) -> (Self, Vec<f64>, f64) {
        const ROWS: usize = 400;
        const COLUMNS: usize = 100;
        let design = normals(ROWS * COLUMNS, rng);
        let truth: Vec<f64> =
            (0..COLUMNS).map(|j| if j % 10 == 3 { 1.0 - 2.0 * ((j / 10) % 2) as f64 } else { 0.0 }).collect();
        let scores = matvec(View::by_rows(&design, ROWS, COLUMNS), &truth);
        let label = |z: f64, draw: f64| if draw < sigmoid(z) { 1.0 } else { -1.0 };
        let targets = scores.iter().map(|&z| label(z, rng.random::<f64>())).collect();
        let model = LinearModel { loss: Loss::Logistic, design, targets, ridge: 0.0 };
        // ∇²f ≤ AᵀA/4n
        let mut h = gram(View::by_rows(&model.design, ROWS, COLUMNS).t());
        h.iter_mut().for_each(|h| *h *= 0.25 / ROWS as f64);
        let blocks = Blocks::new(&h, COLUMNS, size);
        let each = (0..COLUMNS).map(|j| h[j * COLUMNS + j]).collect();
        // Power iteration comes from below.
        let all = 1.01 * model.smoothness();
        let mut lasso = Self { model, lambda, blocks, size, each, all, radius: 0.0 };
        let best = lasso.solution();
        let mut g = vec![0.0; COLUMNS];
        let least = lasso.model.value_and_gradient(&best, &mut g) + lasso.penalty(&best);
        // δ = min over zeros of λ - |∇_i f|; a coefficient must not be mistaken for a zero either.
        let zeros =
            best.iter().zip(&g).filter(|(x, _)| **x == 0.0).map(|(_, g)| (lambda - g.abs()) / (2.0 * lasso.all));
        let others = best.iter().filter(|x| **x != 0.0).map(|x| x.abs());
        lasso.radius = zeros.chain(others).fold(f64::INFINITY, f64::min).max(0.0);
        (lasso, best, least)
    }

    fn penalty(&self, x: &[f64]) -> f64 {
        self.lambda * x.iter().map(|x| x.abs()).sum::<f64>()
    }

    /// By the proximal gradient method with momentum (FISTA), restarted where the momentum points uphill, and Newton's
    /// method on the support it ends with.
    fn solution(&self) -> Vec<f64> {
        let n = self.each.len();
        let (mut x, mut v, mut g, mut t) = (vec![0.0; n], vec![0.0; n], vec![0.0; n], 1.0);
        for _ in 0..1500 {
            self.model.value_and_gradient(&v, &mut g);
            let next: Vec<f64> =
                v.iter().zip(&g).map(|(v, g)| shrink(v - g / self.all, self.lambda / self.all)).collect();
            let uphill: f64 = next.iter().zip(&x).zip(&v).map(|((next, x), v)| (v - next) * (next - x)).sum();
            let moved = next.iter().zip(&x).map(|(next, x)| (next - x).abs()).fold(0.0, f64::max);
            let after = if uphill > 0.0 { 1.0 } else { 0.5 * (1.0 + f64::sqrt(1.0 + 4.0 * t * t)) };
            let carried = if uphill > 0.0 { 0.0 } else { (t - 1.0) / after };
            v = next.iter().zip(&x).map(|(next, x)| next + carried * (next - x)).collect();
            (x, t) = (next, after);
            if moved < 1e-13 {
                break;
            }
        }
        (0..3).for_each(|_| _ = self.newton(&mut x));
        x
    }

    /// One step of Newton's method on the support; none if a sign would change.
    fn newton(&self, x: &mut [f64]) -> bool {
        let support: Vec<usize> = (0..x.len()).filter(|&i| x[i] != 0.0).collect();
        let (model, s) = (&self.model, support.len());
        if s == 0 {
            return false;
        }
        let mut g = vec![0.0; x.len()];
        model.value_and_gradient(x, &mut g);
        let mut rows = Vec::with_capacity(s * model.rows());
        for i in 0..model.rows() {
            let a = model.row(i);
            let z = inner(a, x);
            let root = (sigmoid(z) * sigmoid(-z) / model.rows() as f64).sqrt();
            rows.extend(support.iter().map(|&j| root * a[j]));
        }
        let h = gram(View::by_rows(&rows, model.rows(), s).t());
        let slope: Vec<f64> = support.iter().map(|&j| g[j] + self.lambda * x[j].signum()).collect();
        let step = ridge(&h, 0.0, &slope, s, 1);
        let keeps = support.iter().zip(&step).all(|(&j, step)| (x[j] - step) * x[j] > 0.0);
        if keeps {
            support.iter().zip(&step).for_each(|(&j, step)| x[j] -= step);
        }
        keeps
    }

    /// How much the model of the objective falls by the proximal step at coordinate `i` with curvature `l`.
    fn gain(&self, x: f64, g: f64, l: f64) -> f64 {
        let d = shrink(x - g / l, self.lambda / l) - x;
        -(g * d + 0.5 * l * d * d + self.lambda * ((x + d).abs() - x.abs()))
    }

    fn advance(&self, run: &mut Run, rule: Rule) {
        let (blocks, n) = (&self.blocks, self.each.len());
        let (x, g) = (&run.x, &run.g);
        let gain = |b: &Vec<usize>, l: f64| b.iter().map(|&i| self.gain(x[i], g[i], l)).sum::<f64>();
        let pairs = || blocks.members.iter().zip(&blocks.lipschitz);
        let chosen = match rule {
            Rule::Cyclic => run.k % blocks.len(),
            Rule::Random => run.rng.random_range(0..blocks.len() as u32) as usize,
            Rule::Gs => greatest(pairs().map(|(b, _)| gain(b, self.all))),
            Rule::Gsl | Rule::Gsq => greatest(pairs().map(|(b, &l)| gain(b, l))),
            Rule::Variable => 0,
        };
        let (b, l) = if rule == Rule::Variable {
            let gains: Vec<f64> = (0..n).map(|i| self.gain(x[i], g[i], self.each[i])).collect();
            let b = top(&gains, self.size);
            // The trace of a block lies above its greatest eigenvalue.
            let l: f64 = b.iter().map(|&i| self.each[i]).sum();
            (b, l.min(self.all))
        } else {
            (blocks.members[chosen].clone(), blocks.lipschitz[chosen])
        };
        for &i in &b {
            // x_i ← S(x_i - ∇_i f / L_b, λ / L_b)
            run.x[i] = shrink(run.x[i] - run.g[i] / l, self.lambda / l);
        }
        let rows = self.model.rows() as f64;
        let greedy = !matches!(rule, Rule::Cyclic | Rule::Random);
        run.work += rows * (b.len() + if greedy { n } else { b.len() }) as f64;
    }
}

enum Model {
    LeastSquares(LeastSquares),
    Lattice(Lattice),
    Lasso(Lasso),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rule(Rule),
    Forest(Partition),
    Newton(Rule),
}

impl Kind {
    fn id(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.id(),
            Self::Forest(partition) => partition.id(),
            Self::Newton(_) => "newton",
        }
    }
}

/// A contender on its way.
#[derive(Clone)]
struct Run {
    kind: Kind,
    x: Vec<f64>,
    g: Vec<f64>,
    rng: Rng,
    k: usize,
    /// Multiplications; on the lattice, sweeps.
    work: f64,
    gap: f64,
    /// Iterations and work when the goal was reached.
    reached: Option<[f64; 2]>,
    forest: Forest,
    support: Vec<bool>,
    /// When the support changed last, and when it was last farther from the solution than the radius.
    changed: usize,
    outside: usize,
    sizes: Series,
    newtons: usize,
}

impl Run {
    fn new(kind: Kind, x: Vec<f64>, g: Vec<f64>, rng: &Rng) -> Self {
        Self {
            kind,
            x,
            g,
            rng: rng.clone(),
            k: 0,
            work: 0.0,
            gap: 1.0,
            reached: None,
            forest: Forest::default(),
            support: Vec::new(),
            changed: 0,
            outside: 0,
            sizes: Series::new(),
            newtons: 0,
        }
    }
}

struct Fixed {
    setting: Setting,
    model: Model,
    best: Vec<f64>,
    least: f64,
    first: f64,
}

impl Fixed {
    /// The goal, the gap at which a run ends, the most iterations, and those of a step.
    fn race(&self) -> (f64, f64, usize, usize) {
        match self.model {
            Model::LeastSquares(_) => (1e-6, 1e-8, 12_000, 120),
            Model::Lattice(_) => (1e-8, 1e-9, 3000, 10),
            Model::Lasso(_) => (1e-8, 1e-12, 4000, 40),
        }
    }

    /// Brings the gradient up to date and measures the gap.
    fn measure(&self, run: &mut Run) {
        let away: Vec<f64> = run.x.iter().zip(&self.best).map(|(x, best)| x - best).collect();
        let height = match &self.model {
            // f(x) - f* = ½⟨x - x*, ∇f(x)⟩
            Model::LeastSquares(_) | Model::Lattice(_) => 0.5 * inner(&away, &run.g),
            Model::Lasso(lasso) => {
                lasso.model.value_and_gradient(&run.x, &mut run.g) + lasso.penalty(&run.x) - self.least
            }
        };
        if let Model::Lasso(lasso) = &self.model {
            let support: Vec<bool> = run.x.iter().map(|x| *x != 0.0).collect();
            if support != run.support {
                (run.support, run.changed) = (support, run.k);
            }
            if inner(&away, &away).sqrt() > lasso.radius {
                run.outside = run.k;
            }
            run.sizes.push((run.k + 1) as f64, run.support.iter().filter(|on| **on).count() as f64);
        }
        run.gap = if self.first > 0.0 { (height / self.first).clamp(1e-16, 1e6) } else { 1.0 };
        if run.gap <= self.race().0 && run.reached.is_none() {
            run.reached = Some([run.k as f64, run.work]);
        }
    }

    fn over(&self, run: &Run) -> bool {
        let (_, done, most, _) = self.race();
        run.gap <= done || run.k >= most
    }

    fn advance(&self, run: &mut Run) {
        let update = self.setting.update;
        match (&self.model, run.kind) {
            (Model::LeastSquares(squares), Kind::Rule(rule)) => squares.advance(run, rule, update),
            (Model::Lattice(lattice), Kind::Forest(partition)) => lattice.advance(run, partition, update),
            (Model::Lasso(lasso), Kind::Rule(rule)) => lasso.advance(run, rule),
            (Model::Lasso(lasso), Kind::Newton(rule)) => {
                lasso.advance(run, rule);
                let passes = lasso.blocks.len();
                // Where signs still change, it is not tried at every iteration.
                let try_now = run.newtons > 0 || run.k.is_multiple_of(passes);
                if run.k > run.changed + 2 * passes && try_now && lasso.newton(&mut run.x) {
                    run.newtons += 1;
                }
            }
            _ => {}
        }
        run.k += 1;
        self.measure(run);
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct GreedyBlockDescent {
    fixed: Rc<Fixed>,
    frames: usize,
    runs: Vec<Run>,
    by_iteration: Curves,
    by_work: Curves,
}

impl GreedyBlockDescent {
    fn run(&self, id: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.kind.id() == id)
    }

    /// Iterations (0) or work (1) of one contender over those of another, until the goal; nothing while that is open.
    fn ratio(&self, one: &str, other: &str, which: usize) -> Option<f64> {
        let (one, other) = (self.run(one)?, self.run(other)?);
        let open = |run: &Run| run.reached.is_none() && !self.fixed.over(run);
        if open(one) || open(other) {
            return None;
        }
        // Who has not arrived counts with all it was given.
        let spent = |run: &Run| run.reached.unwrap_or([run.k as f64, run.work])[which];
        let ratio = spent(one) / spent(other).max(1e-9);
        Some(if one.reached.is_some() { ratio } else { ratio.max(1.0) })
    }

    fn chosen(&self) -> &'static str {
        let setting = &self.fixed.setting;
        match setting.problem {
            Problem::Lattice => setting.partition.id(),
            Problem::LeastSquares => setting.rule.id(),
            Problem::Lasso if setting.rule == Rule::Gsq => "gsl",
            Problem::Lasso => setting.rule.id(),
        }
    }

    fn picture(&self, figures: &mut Figures, lattice: &Lattice) {
        let Some(run) = self.run(self.chosen()) else { return };
        let Setting { partition, update, .. } = self.fixed.setting;
        let done = if update == Update::Gradient { "updated" } else { "solved" };
        let caption = match partition {
            Partition::RedBlack => format!("The labels spread. Dots: the cells just {done}."),
            _ => format!("The labels spread. Lit: the block just {done}, {}; lines are its trees.", partition.label()),
        };
        let mut picture = figures.figure("lattice", "The lattice", caption);
        let end = SIDE as f64;
        picture.x(Axis::linear("column").domain(0.0, end)).y(Axis::linear("row").domain(0.0, end)).equal();
        let mut values = vec![0.0; SIDE * SIDE];
        lattice.cells.iter().zip(&run.x).for_each(|(&cell, x)| values[cell] = *x);
        lattice.labels.iter().for_each(|&(cell, label)| values[cell] = label);
        let grid = Grid { values: &values, columns: SIDE, x: [0.0, end], y: [0.0, end] };
        picture.raster(grid, Colors::diverging("label").domain(-1.0, 1.0));
        let centre = |cell: usize| [(cell % SIDE) as f64 + 0.5, (cell / SIDE) as f64 + 0.5];
        let at = |i: usize| centre(lattice.cells[i]);
        let (mut from, mut to) = (Vec::new(), Vec::new());
        let forest = &run.forest;
        for (&i, parent) in forest.order.iter().zip(&forest.parents) {
            if let Some(parent) = parent {
                from.push(at(i));
                to.push(at(forest.order[*parent]));
            }
        }
        picture.link(&from, &to, None).ink(Ink::Strong);
        if from.is_empty() {
            let lit: Vec<[f64; 2]> = forest.order.iter().map(|&i| at(i)).collect();
            picture.dot(lit.iter().map(|p| p[0]), lit.iter().map(|p| p[1])).radius(1.2);
        }
        let given: Vec<[f64; 2]> = lattice.labels.iter().map(|label| centre(label.0)).collect();
        let dots = picture.dot(given.iter().map(|p| p[0]), given.iter().map(|p| p[1]));
        dots.symbol(Symbol::Ring).radius(5.0).label("labelled");
    }

    fn race(&self, figures: &mut Figures, id: &'static str, titles: [&str; 3], curves: &Curves, linear: bool) {
        let [title, caption, across] = titles;
        let mut race = figures.figure(id, title, caption);
        race.x(if linear { Axis::linear(across).or(Scale::Log) } else { Axis::log(across).or(Scale::Linear) });
        race.y(Axis::log("gap / first gap"));
        race.rule_y([self.fixed.race().0]).dashed();
        for run in &self.runs {
            let id = run.kind.id();
            if let Some(curve) = curves.of(id).filter(|curve| curve.last().is_some()) {
                let line = race.line(curve.xs(), curve.ys()).of(id);
                if let Kind::Forest(partition) = run.kind {
                    line.label(partition.label());
                } else if id != self.chosen() && id != "newton" {
                    line.faint();
                }
            }
        }
    }
}

impl Exhibit for GreedyBlockDescent {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.update == Update::Messages && setting.problem != Problem::Lattice {
            let why = "message passing needs blocks without cycles, and here nearly all unknowns are coupled: take another \
                       update, or the lattice";
            return Err(Error::of("update", why));
        }
        let (model, best, least) = match setting.problem {
            Problem::LeastSquares => {
                let squares = LeastSquares::new(setting.spread, setting.block, rng);
                let best = ridge(&squares.h, 0.0, &squares.c, squares.n, 1);
                (Model::LeastSquares(squares), best, 0.0)
            }
            Problem::Lattice => {
                let lattice = Lattice::new(rng);
                let mut cg = ConjugateGradient::new(lattice.given.clone(), &lattice.degree);
                cg.advance(|x, out| lattice.multiply(x, out), 600, 1e-15);
                let best = cg.solution().to_vec();
                (Model::Lattice(lattice), best, 0.0)
            }
            Problem::Lasso => {
                let (lasso, best, least) = Lasso::new(setting.weight, setting.block, rng);
                (Model::Lasso(lasso), best, least)
            }
        };
        let kinds: Vec<Kind> = match setting.problem {
            Problem::LeastSquares => RULES.map(Kind::Rule).to_vec(),
            Problem::Lattice => PARTITIONS.map(Kind::Forest).to_vec(),
            Problem::Lasso => {
                let mut kinds: Vec<Kind> =
                    RULES.into_iter().filter(|rule| *rule != Rule::Gsq).map(Kind::Rule).collect();
                if setting.update == Update::Matrix {
                    kinds.push(Kind::Newton(setting.rule));
                }
                kinds
            }
        };
        let n = best.len();
        let (x, g) = match &model {
            Model::LeastSquares(squares) => (vec![0.0; n], squares.c.iter().map(|c| -c).collect::<Vec<f64>>()),
            Model::Lattice(lattice) => (vec![0.0; n], lattice.given.iter().map(|given| -given).collect()),
            Model::Lasso(_) => (vec![BEGIN; n], vec![0.0; n]),
        };
        let mut fixed = Fixed { setting: setting.clone(), model, best, least, first: 0.0 };
        let mut runs: Vec<Run> = kinds.iter().map(|kind| Run::new(*kind, x.clone(), g.clone(), rng)).collect();
        fixed.first = match &fixed.model {
            Model::LeastSquares(_) | Model::Lattice(_) => -0.5 * inner(&fixed.best, &g),
            Model::Lasso(lasso) => lasso.model.value(&x) + lasso.penalty(&x) - least,
        };
        let ids: Vec<&'static str> = kinds.iter().map(|kind| kind.id()).collect();
        let mut by_iteration = Curves::new(&ids, 1e-13);
        let mut by_work = by_iteration.clone();
        for run in &mut runs {
            fixed.measure(run);
            by_iteration.push(run.kind.id(), 0.0, run.gap);
            by_work.push(run.kind.id(), 1.0, run.gap);
        }
        Ok(Self { fixed: Rc::new(fixed), frames: 0, runs, by_iteration, by_work })
    }

    fn length(&self) -> usize {
        let (_, _, most, together) = self.fixed.race();
        most / together
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let (_, _, _, together) = fixed.race();
        self.frames += 1;
        for run in &mut self.runs {
            for round in 0..together {
                if fixed.over(run) {
                    break;
                }
                fixed.advance(run);
                if round % together.div_ceil(5) == 0 || fixed.over(run) {
                    let across = if matches!(run.kind, Kind::Forest(_)) { run.work } else { run.k as f64 };
                    self.by_iteration.push(run.kind.id(), across, run.gap);
                    self.by_work.push(run.kind.id(), run.work.max(1.0), run.gap);
                }
            }
        }
        if self.runs.iter().all(|run| fixed.over(run)) { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let lattice = match &self.fixed.model {
            Model::Lattice(lattice) => Some(lattice),
            _ => None,
        };
        if let Some(lattice) = lattice {
            self.picture(figures, lattice);
            let caption = "A sweep updates as many cells as there are. The dashed line is the goal, 10⁻⁸.";
            let titles = ["The gap against sweeps", caption, "sweeps"];
            self.race(figures, "gap", titles, &self.by_iteration, true);
            let caption = "Sweeps until the goal, or so far.";
            let mut bars = figures.figure("sweeps", "Sweeps needed", caption);
            bars.x(Axis::categories("blocks", PARTITIONS.map(Partition::label))).y(Axis::linear("sweeps"));
            for (k, run) in self.runs.iter().enumerate() {
                bars.bar([k as f64], [run.reached.map_or(run.work, |spent| spent[1])])
                    .of(run.kind.id())
                    .label(PARTITIONS[k].label());
            }
            return;
        }
        let caption =
            "Each iteration updates one block. Pale: the rules beside the chosen one. The dashed line is the goal.";
        self.race(figures, "gap", ["The gap against iterations", caption, "iteration"], &self.by_iteration, true);
        let caption = "A greedy choice has to know the whole gradient, which costs multiplications.";
        let titles = ["The gap against work", caption, "multiplications"];
        self.race(figures, "work", titles, &self.by_work, false);
        if let Model::Lasso(lasso) = &self.fixed.model {
            let caption =
                "Solid rule: the support of the cyclic run is final. Dashed: the latest that theory allows it.";
            let mut support = figures.figure("support", "Coefficients that are not zero", caption);
            support.x(Axis::log("iteration, plus one"));
            support.y(Axis::linear("size of the support").domain(0.0, self.fixed.best.len() as f64));
            for run in &self.runs {
                support.line(run.sizes.xs(), run.sizes.ys()).of(run.kind.id());
            }
            if let Some(run) = self.run("cyclic").filter(|run| self.fixed.over(run)) {
                support.rule_x([(run.changed + 1) as f64]).ink(Ink::Strong);
                support.rule_x([(run.outside + 2 + lasso.blocks.len()) as f64]).ink(Ink::Strong).dashed();
            }
        }
    }

    fn claim(&self) -> Claim {
        let setting = &self.fixed.setting;
        Claim::new(match &self.fixed.model {
            Model::LeastSquares(_) => vec![
                Clause::at_most(
                    "Variable blocks take {value} of the iterations of cyclic ones, at most {high}.",
                    self.ratio("variable", "cyclic", 0),
                    0.75,
                ),
                Clause::at_most(
                    "GSQ takes {value} of the iterations of GS, at most {high}.",
                    self.ratio("gsq", "gs", 0),
                    0.8,
                ),
            ],
            Model::Lattice(_) => {
                let blocks = match setting.partition {
                    Partition::RedBlack => "Red-black blocks",
                    Partition::Combs => "Combs",
                    Partition::Greedy => "Greedy forests",
                    Partition::Random => "Random forests",
                };
                let text = format!("{blocks} take {{value}} of the sweeps of red-black ones, at most {{high}}.");
                vec![Clause::at_most(text, self.ratio(self.chosen(), "red-black", 1), 0.6)]
            }
            Model::Lasso(lasso) => {
                let cyclic = self.run("cyclic").filter(|run| self.fixed.over(run));
                let late = cyclic.map(|run| run.changed as f64);
                let bound = cyclic.map_or(0, |run| run.outside + 1 + lasso.blocks.len());
                let newton = self.run("newton").filter(|run| self.fixed.over(run));
                let steps = newton.map(|run| if run.gap <= 1e-12 { run.newtons as f64 } else { 1e3 });
                let mut clauses = vec![Clause::at_most(
                    "The cyclic run's support is final at iteration {value}, no later than the bound {high}.",
                    late,
                    bound as f64,
                )];
                if setting.update == Update::Matrix {
                    let text =
                        "On the final support Newton's method takes {value} steps to a gap of 10⁻¹², at most {high}.";
                    clauses.push(Clause::at_most(text, steps, 8.0));
                }
                clauses
            }
        })
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let squares = Setting { problem: Problem::LeastSquares, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "Combs",
                "Two interlocking trees carry values across the whole lattice, at a cost proportional to their size.",
                default.clone(),
            ),
            Scenario::fails(
                "plain-combs",
                "Combs, plain steps",
                "A gradient step on a tree is no message: without the exact solution the combs are slower than the chessboard.",
                Setting { update: Update::Gradient, ..default.clone() },
            ),
            Scenario::fails(
                "red-black",
                "The chessboard",
                "The baseline against itself: no cell of a colour touches another, and values travel one cell an update.",
                Setting { partition: Partition::RedBlack, ..default.clone() },
            ),
            Scenario::holds(
                "least-squares",
                "Greedy rules",
                "Features of different scales: the rules that know curvature need fewer iterations than GS. Only variable blocks clearly beat cyclic.",
                squares.clone(),
            ),
            Scenario::fails(
                "even",
                "Even scales",
                "Equal curvatures and plain gradient steps leave nothing for GSL and GSQ to know.",
                Setting { spread: 0.0, update: Update::Gradient, ..squares },
            ),
            Scenario::holds(
                "sparse",
                "Few coefficients",
                "The support is final after finitely many iterations, and Newton's method finishes the work.",
                Setting { problem: Problem::Lasso, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{Value, difference, list, number, numbers, vectors, whole};
    use proptest::prelude::{prop_assert, proptest};

    fn dense(lattice: &Lattice) -> Vec<f64> {
        let n = lattice.cells.len();
        let mut h = vec![0.0; n * n];
        for i in 0..n {
            h[i * n + i] = lattice.degree[i];
            lattice.near[i].iter().for_each(|&j| h[i * n + j] = -1.0);
        }
        h
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        // After the update the gradient is zero on the whole block: the block was minimised over.
        #[test]
        fn messages_solve_every_forest_exactly(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let lattice = Lattice::new(&mut rng);
            let n = lattice.cells.len();
            let random = lattice.forest(&permutation(n, &mut rng));
            let x = normals(n, &mut rng);
            let mut g = vec![0.0; n];
            lattice.multiply(&x, &mut g);
            for block in [&lattice.combs[0], &lattice.combs[1], &lattice.red_black[0], &random] {
                let (forest, steps) = lattice.solve(block, &g);
                prop_assert!(forest.order.len() == block.len());
                let (mut moved, mut after) = (x.clone(), vec![0.0; n]);
                forest.order.iter().zip(&steps).for_each(|(&i, step)| moved[i] += step);
                lattice.multiply(&moved, &mut after);
                prop_assert!(block.iter().all(|&i| after[i].abs() < 1e-11));
            }
        }

        // A forest has fewer edges than cells, and no cell could be added.
        #[test]
        fn forests_have_no_cycle_and_are_as_large_as_they_can_be(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let lattice = Lattice::new(&mut rng);
            let n = lattice.cells.len();
            let block = lattice.forest(&permutation(n, &mut rng));
            let edges: usize = block.iter().map(|&i| lattice.near[i].iter().filter(|j| block.contains(j)).count()).sum();
            let (forest, _) = lattice.solve(&block, &vec![0.0; n]);
            let trees = forest.parents.iter().filter(|parent| parent.is_none()).count();
            prop_assert!(edges / 2 == block.len() - trees);
            for i in (0..n).filter(|i| !block.contains(i)).step_by(37) {
                let with = [block.as_slice(), &[i]].concat();
                prop_assert!(lattice.forest(&with).len() == block.len());
            }
        }
    }

    #[test]
    fn conjugate_gradients_found_the_harmonic_labels() {
        let exhibit = GreedyBlockDescent::new(&Setting::default(), &mut Rng::seed_from_u64(2)).unwrap();
        let Model::Lattice(lattice) = &exhibit.fixed.model else { panic!("a lattice") };
        let n = lattice.cells.len();
        let left = matvec(View::by_rows(&dense(lattice), n, n), &exhibit.fixed.best);
        assert!(left.iter().zip(&lattice.given).all(|(left, given)| (left - given).abs() < 1e-10));
        assert!(exhibit.fixed.best.iter().all(|x| x.abs() <= 1.0), "a mean lies between its parts");
    }

    // Gains are what they say: the exact update of a block lowers f by ½∇_b fᵀ H_b⁻¹ ∇_b f, and no rule gains more in one
    // step from fixed blocks than GSQ.
    #[test]
    fn gsq_gains_most() {
        let setting = Setting { problem: Problem::LeastSquares, ..Setting::default() };
        let exhibit = GreedyBlockDescent::new(&setting, &mut Rng::seed_from_u64(5)).unwrap();
        let fixed = &exhibit.fixed;
        let gap = |rule: Rule| {
            let mut run = exhibit.run(rule.id()).unwrap().clone();
            fixed.advance(&mut run);
            run.gap
        };
        let least = gap(Rule::Gsq);
        assert!([Rule::Cyclic, Rule::Random, Rule::Gs, Rule::Gsl].into_iter().all(|rule| gap(rule) >= least - 1e-12));
    }

    #[test]
    fn no_update_raises_the_objective() {
        for problem in [Problem::LeastSquares, Problem::Lattice, Problem::Lasso] {
            for update in [Update::Gradient, Update::Matrix] {
                let setting = Setting { problem, update, block: 7, ..Setting::default() };
                let mut exhibit = GreedyBlockDescent::new(&setting, &mut Rng::seed_from_u64(1)).unwrap();
                let fixed = Rc::clone(&exhibit.fixed);
                for run in &mut exhibit.runs {
                    for _ in 0..60 {
                        let before = run.gap;
                        fixed.advance(run);
                        assert!(run.gap <= before * (1.0 + 1e-9), "{problem:?} {update:?} {}", run.kind.id());
                    }
                }
            }
        }
    }

    #[test]
    fn the_sparse_solution_meets_its_conditions() {
        for seed in 0..3 {
            let (lasso, best, _) = Lasso::new(0.02, 5, &mut Rng::seed_from_u64(seed));
            let mut g = vec![0.0; best.len()];
            lasso.model.value_and_gradient(&best, &mut g);
            for (x, g) in best.iter().zip(&g) {
                // 0 ∈ ∇f + λ∂|x|
                let wrong =
                    if *x == 0.0 { (g.abs() - lasso.lambda).max(0.0) } else { (g + lasso.lambda * x.signum()).abs() };
                assert!(wrong < 1e-12, "{seed}: {x} {g}");
            }
            assert!(best.contains(&0.0) && best.iter().any(|x| *x != 0.0) && lasso.radius > 0.0);
        }
    }

    /// The rule and the update of a stored case called "rule, update".
    fn case(name: &str) -> (Rule, Update) {
        let (rule, update) = name.split_once(", ").expect("two words");
        let rule = RULES.into_iter().find(|of| of.id() == rule).expect("a rule");
        (rule, if update == "matrix" { Update::Matrix } else { Update::Gradient })
    }

    // `tests/reference/block_descent.py` takes the same steps with dense matrices.
    #[test]
    fn rules_on_least_squares_are_numpys() {
        let vectors = vectors(include_str!("../../../../tests/reference/block_descent.json"));
        let stored = &vectors["least squares"];
        let (a, c) = (numbers(&stored["a"]), numbers(&stored["c"]));
        let (n, size) = (c.len(), 4);
        let h = gram(View::by_rows(&a, a.len() / n, n).t());
        let squares = LeastSquares { n, blocks: Blocks::new(&h, n, size), h, c, size, filled: vec![0.0; n] };
        let paths = stored["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 10);
        for (name, path) in paths {
            let (rule, update) = case(name);
            let begin = squares.c.iter().map(|c| -c).collect();
            let mut run = Run::new(Kind::Rule(rule), vec![0.0; n], begin, &Rng::seed_from_u64(0));
            let mut worst: f64 = 0.0;
            for expected in list(path) {
                for _ in 0..50 {
                    squares.advance(&mut run, rule, update);
                    run.k += 1;
                }
                worst = worst.max(difference(&run.x, &numbers(expected)));
            }
            println!("{name}: {worst:e} after {} steps", run.k);
            assert!(run.k == 200 && worst < 1e-10, "{name}: {worst:e}");
        }
    }

    #[test]
    fn forests_on_the_lattice_are_solved_as_numpy_solves_them() {
        let vectors = vectors(include_str!("../../../../tests/reference/block_descent.json"));
        let label = |label: &Value| (whole(&label[0]), number(&label[1]));
        let lattice = Lattice::labelled(list(&vectors["lattice"]["labels"]).iter().map(label).collect());
        let n = lattice.cells.len();
        let paths = vectors["lattice"]["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), 5);
        for (name, path) in paths {
            let (partition, update) = name.split_once(", ").expect("two words");
            let update = if update == "matrix" { Update::Matrix } else { Update::Gradient };
            let begin = |i: usize| (7919 * i * i * i + 104_729 * i * i + 12_345 * i) % 1_000_000_007;
            let x: Vec<f64> = (0..n).map(|i| begin(i) as f64 / 5e8 - 1.0).collect();
            let mut g = vec![0.0; n];
            lattice.multiply(&x, &mut g);
            g.iter_mut().zip(&lattice.given).for_each(|(g, given)| *g -= given);
            let mut run = Run::new(Kind::Forest(Partition::Combs), x, g, &Rng::seed_from_u64(0));
            let mut worst: f64 = 0.0;
            for expected in list(path) {
                for _ in 0..50 {
                    match partition {
                        "red-black" => lattice.advance(&mut run, Partition::RedBlack, update),
                        "combs" => lattice.advance(&mut run, Partition::Combs, update),
                        "greedy" => lattice.advance(&mut run, Partition::Greedy, update),
                        _ => {
                            let order: Vec<usize> = (0..n).map(|i| (911 * i + 37 * run.k) % n).collect();
                            lattice.update(&mut run, &lattice.forest(&order), None);
                        }
                    }
                    run.k += 1;
                }
                let kept: Vec<f64> = run.x.iter().copied().step_by(79).collect();
                worst = worst.max(difference(&kept, &numbers(expected)));
            }
            println!("{name}: {worst:e} after {} steps", run.k);
            assert!(run.k == 200 && worst < 1e-10, "{name}: {worst:e}");
        }
    }

    #[test]
    fn proximal_rules_and_newtons_method_on_the_support_are_numpys() {
        let vectors = vectors(include_str!("../../../../tests/reference/block_descent.json"));
        let stored = &vectors["lasso"];
        let (design, targets) = (numbers(&stored["a"]), numbers(&stored["b"]));
        let (rows, columns) = (targets.len(), design.len() / targets.len());
        let model = LinearModel { loss: Loss::Logistic, design, targets, ridge: 0.0 };
        let mut h = gram(View::by_rows(&model.design, rows, columns).t());
        h.iter_mut().for_each(|h| *h *= 0.25 / rows as f64);
        let (blocks, each) = (Blocks::new(&h, columns, 4), (0..columns).map(|j| h[j * columns + j]).collect());
        let (lambda, all) = (number(&stored["lambda"]), number(&stored["smoothness"]));
        let lasso = Lasso { model, lambda, blocks, size: 4, each, all, radius: 0.0 };
        let rules = stored["rules"].as_object().expect("rules");
        assert_eq!(rules.len(), 4);
        for (name, stored) in rules {
            let (rule, _) = case(&format!("{name}, gradient"));
            let begin = (vec![BEGIN; columns], vec![0.0; columns]);
            let mut run = Run::new(Kind::Rule(rule), begin.0, begin.1, &Rng::seed_from_u64(0));
            let mut worst: f64 = 0.0;
            for expected in list(&stored["path"]) {
                for _ in 0..50 {
                    lasso.model.value_and_gradient(&run.x, &mut run.g);
                    lasso.advance(&mut run, rule);
                    run.k += 1;
                }
                worst = worst.max(difference(&run.x, &numbers(expected)));
            }
            for expected in list(&stored["newton"]) {
                assert!(lasso.newton(&mut run.x));
                worst = worst.max(difference(&run.x, &numbers(expected)));
            }
            println!("{name}: {worst:e} after {} steps", run.k);
            assert!(run.k == 200 && worst < 1e-10, "{name}: {worst:e}");
        }
    }
}
