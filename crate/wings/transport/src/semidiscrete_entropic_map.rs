//! A cloud $P$ is to be carried onto finitely many atoms $y_1,\dots,y_J$. The optimal map is piecewise constant: it
//! sends $x$ to the atom whose Laguerre cell holds it, $T_0(x)=\arg\min_j\frac12\|x-y_j\|^2-g_j$, and jumps at the
//! walls between cells. Theories of map estimation assume a smooth map, and this one is not even continuous.
//!
//! Pooladian, Divol and Niles-Weed take $n$ samples of each side, solve *entropic* transport between them by Sinkhorn's
//! iteration, and extend what it finds to every $x$:
//! $$\hat T_\varepsilon(x)=
//! \frac{\sum_j y_j\,e^{u_j-\|x-y_j\|^2/2\varepsilon}}{\sum_j e^{u_j-\|x-y_j\|^2/2\varepsilon}},
//! \qquad\varepsilon\asymp n^{-1/2}.$$
//! (The weight $b_j$ is in $u_j$.) The mean squared error is then of order $n^{-1/2}$ in *every* dimension, and no
//! estimator does better.
//!
//! **What you see.** Errors on fresh points, averaged over repetitions, for $n$ from 64 to 1,024. The nearest-neighbour
//! map looks up the partner of the nearest sample; in ten dimensions the nearest sample is far away, and its line is
//! almost flat. So is that of kernel smoothing (Gaussian, width $\frac14\sqrt{d/6}\,n^{-1/(d+4)}$). The entropic line
//! keeps its slope.
//!
//! **Try** dimensions 1 and 20. Drag the atoms, and see in the map that all errors lie along the walls. Hold
//! $\varepsilon$ fixed: a blur of width $\varepsilon$ stays, whatever $n$ is.
//!
//! **What the fourth line says.** One rival is the same idea without entropy: the exact dual
//! potentials of the samples, and the cells they cut. It falls as steeply. What escapes the curse of dimension is that
//! only $J$ numbers are estimated, the potential instead of the map; entropy makes the error smaller by a quarter or
//! so, by blurring walls that are not known exactly.
//!
//! **Where it stops.** In one and two dimensions the nearest neighbour has slopes of one half too, and the contrast is
//! gone: the claim fails there. Slopes measured here lie between $-0.35$ and $-0.5$ in ten dimensions: five sizes and
//! twenty repetitions leave some noise. At $\varepsilon$ far below $n^{-1/2}$ the 300 iterations allowed no longer
//! converge. And the theory is about atoms: a continuous target is outside it.
//!
//! Cells are cut by $g_j$ drawn within ±0.02; coordinates of the atoms beyond the second are random. The dimensions
//! that only the figure of slopes needs have a third of the repetitions.

use orrery_core::prelude::*;
use orrery_kernels::linalg::LineFit;
use orrery_kernels::math::{exp_wide, log, log2, log10, pow};
use orrery_kernels::transport::{Entropic, Exact, Sinkhorn};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "semidiscrete-entropic-map",
    title: "Minimax estimation of discontinuous optimal transport maps: The semi-discrete case",
    year: 2023,
    lists: &[1],
    claim: "Entropic potentials estimate a discontinuous map at one rate in all dimensions; nearest neighbours do not.",
    algorithms: &[
        "entropic optimal transport map",
        "barycentric projection",
        "Sinkhorn in the log domain",
        "semi-discrete optimal transport",
        "Laguerre cells",
        "nearest neighbours",
        "kernel smoothing",
    ],
    contenders: &[
        Contender::paper("entropic", "entropic map"),
        Contender::baseline("nearest", "nearest neighbour"),
        Contender::baseline("kernel", "kernel smoothing"),
        Contender::baseline("exact", "exact potentials"),
    ],
};

const ESTIMATORS: [&str; 4] = ["entropic", "nearest", "kernel", "exact"];

/// How ε follows the number of samples.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Rule {
    /// The theorem's.
    #[choice("c / √n")]
    Root,
    /// The same for all n.
    #[choice("c, fixed")]
    Fixed,
    /// The rate at which nearest neighbours come closer.
    #[choice("c n^(−1/d)")]
    Dimension,
}

/// Which estimators are drawn. The map shows one: the entropic, unless another is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// All of them.
    #[choice("all")]
    All,
    /// The paper's.
    #[choice("entropic")]
    Entropic,
    /// The nearest sample's partner.
    #[choice("1-NN")]
    Nearest,
    /// A weighted mean of the samples' partners.
    #[choice("kernel")]
    Kernel,
    /// The cells of the exact dual potentials.
    #[choice("exact potentials")]
    Exact,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Where the atoms lie: drag them in the map. In higher dimension these are their first two coordinates.
    #[control(
        label = "atoms", count = 2..=12, domain = [[0.0, 1.0], [0.0, 1.0]],
        default = [[0.2, 0.25], [0.75, 0.15], [0.5, 0.55], [0.15, 0.8], [0.85, 0.75]].into()
    )]
    pub atoms: Points,
    /// The dimension whose errors are shown. (Dimensions 1, 2, 5, 10 and 20 are always measured for their slopes.)
    #[control(label = "dimension d", range = 1..=20, default = 10)]
    pub dimension: usize,
    /// How many samples the map in the plane is made from.
    #[control(label = "n in the map", range = 32..=4096, log, default = 512)]
    pub samples: usize,
    /// The constant c of ε.
    #[control(label = "ε constant c", range = 0.01..=10.0, log, default = 0.3)]
    pub constant: f64,
    /// How ε follows the number of samples n.
    #[control(label = "ε rule", default = Rule::Root)]
    pub rule: Rule,
    /// Which estimators are drawn; the map shows the entropic one unless another is chosen.
    #[control(label = "estimator", default = Shown::All, live)]
    pub shown: Shown,
    /// How often each error is measured, with new samples.
    #[control(label = "repetitions", range = 1..=30, default = 20)]
    pub repetitions: usize,
}

impl Setting {
    fn epsilon(&self, n: usize, dimension: usize) -> f64 {
        let n = n as f64;
        self.constant
            * match self.rule {
                Rule::Root => 1.0 / n.sqrt(),
                Rule::Fixed => 1.0,
                Rule::Dimension => pow(n, -1.0 / dimension as f64),
            }
    }
}

/// Numbers of samples of the sweep, and the dimensions that are always measured.
const SIZES: [usize; 5] = [64, 128, 256, 512, 1024];
const DIMENSIONS: [usize; 5] = [1, 2, 5, 10, 20];
/// Fresh points on which a sweep's errors are measured.
const FRESH: usize = 200;
/// Iterations of Sinkhorn while ε is brought down by halves, and at the last.
const ON_THE_WAY: usize = 15;
const AT_LAST: usize = 300;
/// The change of the marginals at which it ends sooner.
const SETTLED: f64 = 1e-5;
/// Cells along a side of the map.
const CELLS: usize = 48;
/// Steps that a sweep's fit takes, and those of the map, whose Sinkhorn and whose evaluation are cut smaller.
const SWEEP_CUT: [usize; 2] = [1, 1];
const MAP_CUT: [usize; 2] = [8, 16];
/// The map of errors over ε: exponents of ten, greatest first, and how many repetitions it averages at most.
const STRENGTHS: [f64; 7] = [0.5, 0.0, -0.5, -1.0, -1.5, -2.0, -2.5];
const STRENGTH_REPETITIONS: usize = 3;
const STRENGTH_ITERATIONS: usize = 60;

/// The map to be found: $T_0(x)=\arg\min_j\frac12\|x-y_j\|^2-g_j$.
#[derive(Clone)]
struct Truth {
    dimension: usize,
    /// By rows.
    atoms: Vec<f64>,
    g: Vec<f64>,
}

impl Truth {
    fn new(plane: &[[f64; 2]], dimension: usize, rng: &mut Rng) -> Self {
        let coordinate = |atom: &[f64; 2], k: usize, rng: &mut Rng| if k < 2 { atom[k] } else { rng.random() };
        let atoms = plane.iter().flat_map(|atom| (0..dimension).map(move |k| (atom, k)));
        let atoms = atoms.map(|(atom, k)| coordinate(atom, k, rng)).collect();
        let g = plane.iter().map(|_| rng.random_range(-0.02..0.02)).collect();
        Self { dimension, atoms, g }
    }

    /// $\frac12\|x-y_j\|^2$ for every atom.
    fn costs<'a>(&'a self, x: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let square = |y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
        self.atoms.chunks_exact(self.dimension).map(move |y| 0.5 * square(y))
    }

    /// The atom whose cell, cut by the potentials `g`, holds `x`.
    fn cell(&self, g: &[f64], x: &[f64]) -> usize {
        let less = self.costs(x).zip(g).map(|(cost, g)| cost - g);
        less.enumerate().fold((0, f64::INFINITY), |least, at| if at.1 < least.1 { at } else { least }).0
    }

    /// Whether at least one in a hundred points of $P$ is not sent where most are: without walls nothing is missed.
    fn has_walls(&self, rng: &mut Rng) -> bool {
        let mut counts = vec![0; self.g.len()];
        for _ in 0..1000 {
            let x: Vec<f64> = (0..self.dimension).map(|_| rng.random()).collect();
            counts[self.cell(&self.g, &x)] += 1;
        }
        counts.iter().all(|count| *count <= 990)
    }

    /// $\|\sum_jw_jy_j-T_0(x)\|^2$ for weights that sum to one.
    fn squared_error(&self, weights: &[f64], x: &[f64]) -> f64 {
        let right = self.cell(&self.g, x);
        let coordinate = |k: usize| {
            let at = |j: usize| self.atoms[j * self.dimension + k];
            let off: f64 = weights.iter().enumerate().map(|(j, weight)| weight * (at(j) - at(right))).sum();
            off * off
        };
        (0..self.dimension).map(coordinate).sum()
    }

    /// The corners of the cell of atom `j` in the unit square: the square, cut along every wall.
    fn outline(&self, j: usize) -> Vec<[f64; 2]> {
        let mut corners = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        for other in (0..self.g.len()).filter(|other| *other != j) {
            // Positive inside, and linear in x.
            let inside = |x: &[f64; 2]| {
                let costs: Vec<f64> = self.costs(x).collect();
                (costs[other] - self.g[other]) - (costs[j] - self.g[j])
            };
            let mut cut = Vec::new();
            for (at, here) in corners.iter().enumerate() {
                let next = &corners[(at + 1) % corners.len()];
                let (a, b) = (inside(here), inside(next));
                if a >= 0.0 {
                    cut.push(*here);
                }
                if (a < 0.0) != (b < 0.0) {
                    let share = a / (a - b);
                    cut.push([here[0] + share * (next[0] - here[0]), here[1] + share * (next[1] - here[1])]);
                }
            }
            corners = cut;
        }
        corners
    }
}

/// Samples of both sides: points of $P$, and how often each atom was drawn, as a share.
struct Sample {
    truth: Rc<Truth>,
    n: usize,
    /// Coordinate by coordinate.
    points: Vec<f64>,
    b: Vec<f64>,
    /// $\frac12\|x_i-y_j\|^2$, atom by atom.
    cost: Vec<f64>,
}

impl Sample {
    fn new(truth: &Rc<Truth>, n: usize, rng: &mut Rng) -> Self {
        let d = truth.dimension;
        let mut b = vec![0.0; truth.g.len()];
        for _ in 0..n {
            // Y = T₀(X′) for another X′ of P has the law Q.
            let x: Vec<f64> = (0..d).map(|_| rng.random()).collect();
            b[truth.cell(&truth.g, &x)] += 1.0 / n as f64;
        }
        let (mut points, mut cost) = (vec![0.0; d * n], vec![0.0; b.len() * n]);
        for i in 0..n {
            let x: Vec<f64> = (0..d).map(|_| rng.random()).collect();
            (0..d).for_each(|k| points[k * n + i] = x[k]);
            truth.costs(&x).enumerate().for_each(|(j, c)| cost[j * n + i] = c);
        }
        Self { truth: Rc::clone(truth), n, points, b, cost }
    }

    fn problem(&self, epsilon: f64) -> Option<Rc<Entropic>> {
        let equal = vec![1.0 / self.n as f64; self.n];
        Entropic::new(&self.cost, 1.0 / epsilon, self.b.clone(), equal).ok().map(Rc::new)
    }

    /// $\|x-x_i\|^2$ for every sample.
    fn squares(&self, x: &[f64], squares: &mut [f64]) {
        squares.fill(0.0);
        for (column, x) in self.points.chunks_exact(self.n).zip(x) {
            squares.iter_mut().zip(column).for_each(|(square, y)| *square += (x - y) * (x - y));
        }
    }
}

/// Entropic transport of a sample, ε coming down by halves.
#[derive(Clone)]
struct Soft {
    epsilon: f64,
    /// Where ε is now, and the iterations made there.
    now: f64,
    iterations: usize,
    settled: bool,
    problem: Option<Rc<Entropic>>,
    /// $u_j=g_j/\varepsilon+\log b_j$ and $v_i$.
    u: Vec<f64>,
    v: Vec<f64>,
}

impl Soft {
    fn new(sample: &Sample, epsilon: f64) -> Self {
        let now = epsilon.max(0.5);
        let u = sample.b.iter().map(|b| if *b > 0.0 { 0.0 } else { f64::NEG_INFINITY }).collect();
        let v = vec![0.0; sample.n];
        Self { epsilon, now, iterations: 0, settled: false, problem: sample.problem(now), u, v }
    }

    /// Keeps the potentials $\varepsilon u$, $\varepsilon v$.
    fn rescale(&mut self, sample: &Sample, epsilon: f64) {
        let ratio = self.now / epsilon;
        self.u.iter_mut().chain(&mut self.v).for_each(|x| *x *= ratio);
        (self.now, self.iterations, self.settled) = (epsilon, 0, false);
        self.problem = sample.problem(epsilon);
    }

    /// Iterations until the end, at most.
    fn left(&self) -> usize {
        let halves = log2(self.now / self.epsilon).ceil().max(0.0) as usize;
        if self.settled { 0 } else { halves * ON_THE_WAY + AT_LAST - self.iterations }
    }

    fn advance(&mut self, sample: &Sample, iterations: usize) {
        let mut left = iterations;
        while left > 0 && self.left() > 0 {
            let last = self.now == self.epsilon;
            let allowed = if last { AT_LAST } else { ON_THE_WAY };
            let here = left.min(allowed - self.iterations);
            let run = self.iterate(here);
            left -= run.min(left);
            if last {
                self.settled |= self.iterations >= AT_LAST;
            } else if self.settled || self.iterations >= ON_THE_WAY {
                let next = (0.5 * self.now).max(self.epsilon);
                self.rescale(sample, next);
            }
        }
    }

    /// Goes on at this ε; says how many iterations it took.
    fn iterate(&mut self, iterations: usize) -> usize {
        let Some(problem) = &self.problem else {
            self.settled = true;
            return iterations;
        };
        let mut sinkhorn = Sinkhorn::new(problem);
        (sinkhorn.u, sinkhorn.v) = (std::mem::take(&mut self.u), std::mem::take(&mut self.v));
        while sinkhorn.iterations() < iterations && !self.settled {
            let violation = sinkhorn.advance(problem, rows_of(problem));
            self.settled = violation.is_some_and(|violation| violation < SETTLED);
        }
        let run = sinkhorn.iterations();
        (self.u, self.v) = (sinkhorn.u, sinkhorn.v);
        self.iterations += run;
        run
    }

    /// $\hat T_\varepsilon(x)$, as weights of the atoms.
    fn weights(&self, truth: &Truth, x: &[f64], weights: &mut [f64]) {
        for ((weight, u), cost) in weights.iter_mut().zip(&self.u).zip(truth.costs(x)) {
            *weight = u - cost / self.now;
        }
        let greatest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        weights.iter_mut().for_each(|weight| *weight = exp_wide(*weight - greatest));
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

fn rows_of(problem: &Entropic) -> usize {
    problem.r().len()
}

/// Exact transport of a sample: the atom of each point, and the dual potentials of the atoms.
fn assign(sample: &Sample) -> (Vec<usize>, Vec<f64>) {
    let equal = vec![1.0 / sample.n as f64; sample.n];
    let Ok(mut exact) = Exact::new(&sample.cost, &sample.b, &equal) else {
        return (vec![0; sample.n], vec![0.0; sample.b.len()]);
    };
    while !exact.advance(1000) {}
    // Each atom has whole points; where rounding split one, it goes where most of it goes.
    let mut best = vec![(0, 0.0); sample.n];
    for (j, i, mass) in exact.plan() {
        if mass > best[i].1 {
            best[i] = (j, mass);
        }
    }
    let (mut g, _) = exact.potentials();
    // An atom that was not drawn has no cell.
    g.iter_mut().zip(&sample.b).for_each(|(g, b)| *g = if *b > 0.0 { *g } else { f64::NEG_INFINITY });
    (best.into_iter().map(|(j, _)| j).collect(), g)
}

/// The estimators on one sample, and their squared errors on fresh points.
#[derive(Clone)]
struct Fit {
    sample: Rc<Sample>,
    fresh: Rc<Vec<f64>>,
    cut: [usize; 2],
    part: usize,
    soft: Soft,
    labels: Rc<Vec<usize>>,
    g: Vec<f64>,
    /// Of each estimator, for the fresh points seen so far.
    errors: [Vec<f64>; 4],
}

impl Fit {
    fn new(sample: Sample, fresh: Rc<Vec<f64>>, epsilon: f64, cut: [usize; 2]) -> Self {
        let soft = Soft::new(&sample, epsilon);
        let (labels, g, errors) = (Rc::default(), Vec::new(), Default::default());
        Self { sample: Rc::new(sample), fresh, cut, part: 0, soft, labels, g, errors }
    }

    fn parts(cut: [usize; 2]) -> usize {
        cut[0] + 1 + cut[1]
    }

    /// Sinkhorn in `cut[0]` parts, exact transport in one, and errors in `cut[1]`. True when all is done.
    fn advance(&mut self) -> bool {
        let [solve, evaluate] = self.cut;
        if self.part < solve {
            let iterations = self.soft.left().div_ceil(solve - self.part);
            self.soft.advance(&self.sample, iterations);
        } else if self.part == solve {
            let (labels, g) = assign(&self.sample);
            (self.labels, self.g) = (Rc::new(labels), g);
        } else {
            let points = self.fresh.len() / self.sample.truth.dimension;
            let part = self.part - solve - 1;
            self.evaluate(part * points / evaluate..(part + 1) * points / evaluate);
        }
        self.part += 1;
        self.part == Self::parts(self.cut)
    }

    fn evaluate(&mut self, points: std::ops::Range<usize>) {
        let sample = Rc::clone(&self.sample);
        let (truth, n, d) = (&sample.truth, sample.n, sample.truth.dimension);
        let width = 0.25 * (d as f64 / 6.0).sqrt() * pow(n as f64, -1.0 / (d as f64 + 4.0));
        let sharpness = 0.5 / (width * width);
        let mut squares = vec![0.0; n];
        let mut weights = vec![0.0; sample.b.len()];
        let fresh = Rc::clone(&self.fresh);
        for x in fresh[points.start * d..points.end * d].chunks_exact(d) {
            self.soft.weights(truth, x, &mut weights);
            self.errors[0].push(truth.squared_error(&weights, x));

            sample.squares(x, &mut squares);
            let (nearest, least) =
                squares.iter().enumerate().fold((0, f64::INFINITY), |a, b| if *b.1 < a.1 { (b.0, *b.1) } else { a });
            weights.fill(0.0);
            weights[self.labels[nearest]] = 1.0;
            self.errors[1].push(truth.squared_error(&weights, x));

            // Σ_i K(x - x_i) T_n(x_i) / Σ_i K(x - x_i), the nearest sample counting one.
            squares.iter_mut().for_each(|square| *square = exp_wide(sharpness * (least - *square)));
            weights.fill(0.0);
            squares.iter().zip(&*self.labels).for_each(|(share, label)| weights[*label] += share);
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            self.errors[2].push(truth.squared_error(&weights, x));

            weights.fill(0.0);
            weights[truth.cell(&self.g, x)] = 1.0;
            self.errors[3].push(truth.squared_error(&weights, x));
        }
    }

    /// The entropic estimator's mean squared error at each of [`STRENGTHS`].
    fn over_strengths(&self) -> Vec<f64> {
        let truth = &self.sample.truth;
        let mut soft = Soft::new(&self.sample, pow(10.0, STRENGTHS[0]));
        let mut weights = vec![0.0; self.sample.b.len()];
        let at = |strength: &f64| {
            soft.rescale(&self.sample, pow(10.0, *strength));
            soft.iterate(STRENGTH_ITERATIONS);
            let error = |x: &[f64]| {
                soft.weights(truth, x, &mut weights);
                truth.squared_error(&weights, x)
            };
            mean(&self.fresh.chunks_exact(truth.dimension).map(error).collect::<Vec<_>>())
        };
        STRENGTHS.iter().map(at).collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// What was measured in one dimension.
#[derive(Clone)]
struct Sweep {
    truth: Rc<Truth>,
    repetitions: usize,
    /// Sums of mean squared errors of the estimators for each of [`SIZES`], and how many there are.
    sums: [[f64; 4]; SIZES.len()],
    counts: [usize; SIZES.len()],
}

impl Sweep {
    /// Mean squared errors against n.
    fn errors(&self, estimator: usize) -> Vec<[f64; 2]> {
        let known = (0..SIZES.len()).filter(|size| self.counts[*size] > 0 && self.sums[*size][estimator] > 0.0);
        known.map(|size| [SIZES[size] as f64, self.sums[size][estimator] / self.counts[size] as f64]).collect()
    }

    /// The slope of $\log$ error against $\log n$, over all of the sizes.
    fn slope(&self, estimator: usize) -> Option<f64> {
        let logs: Vec<[f64; 2]> = self.errors(estimator).into_iter().map(|p| p.map(log)).collect();
        if logs.len() < SIZES.len() { None } else { LineFit::through(logs).map(|fit| fit.slope) }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct SemidiscreteEntropicMap {
    setting: Setting,
    rng: Rng,
    /// The map in the plane, on a grid.
    map: Fit,
    outlines: Rc<Vec<Vec<[f64; 2]>>>,
    sweeps: Vec<Sweep>,
    /// Repetition, sweep and size of every fit to come.
    plan: Rc<Vec<[usize; 3]>>,
    next: usize,
    fit: Option<Fit>,
    /// Sums over repetitions of errors by size and strength, and how many there are.
    strengths: Vec<Vec<f64>>,
    strength_counts: Vec<usize>,
    ended: bool,
}

impl SemidiscreteEntropicMap {
    fn sweep(&self, dimension: usize) -> Option<&Sweep> {
        self.sweeps.iter().find(|sweep| sweep.truth.dimension == dimension)
    }

    /// The estimators drawn, by number.
    fn drawn(&self) -> Vec<usize> {
        match self.setting.shown {
            Shown::All => vec![1, 2, 3, 0],
            Shown::Entropic => vec![0],
            Shown::Nearest => vec![1],
            Shown::Kernel => vec![2],
            Shown::Exact => vec![3],
        }
    }
}

impl Exhibit for SemidiscreteEntropicMap {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let mut dimensions = DIMENSIONS.to_vec();
        if !dimensions.contains(&setting.dimension) {
            dimensions.push(setting.dimension);
            dimensions.sort_unstable();
        }
        let sweeps: Vec<Sweep> = dimensions
            .into_iter()
            .map(|dimension| Sweep {
                truth: Rc::new(Truth::new(&setting.atoms.0, dimension, rng)),
                repetitions: if dimension == 2 || dimension == setting.dimension {
                    setting.repetitions
                } else {
                    setting.repetitions.div_ceil(3)
                },
                sums: Default::default(),
                counts: Default::default(),
            })
            .collect();
        let claimed = |truth: &&Rc<Truth>| truth.dimension == 2 || truth.dimension == setting.dimension;
        if let Some(truth) =
            sweeps.iter().map(|sweep| &sweep.truth).filter(claimed).find(|truth| !truth.has_walls(&mut rng.clone()))
        {
            let d = truth.dimension;
            let which = if d == 1 { ", where only first coordinates count" } else { "" };
            let text = format!(
                "in dimension {d}{which}, one atom takes all points: there is no wall to find; draw atoms apart"
            );
            return Err(Error::of("atoms", text));
        }
        let mut plan = Vec::new();
        for repetition in 0..setting.repetitions {
            for (at, _) in sweeps.iter().enumerate().filter(|(_, sweep)| repetition < sweep.repetitions) {
                plan.extend((0..SIZES.len()).map(|size| [repetition, at, size]));
            }
        }
        let plane = sweeps.iter().find(|sweep| sweep.truth.dimension == 2).map(|sweep| &sweep.truth);
        let plane = plane.ok_or_else(|| Error::new("the plane is always among the dimensions"))?;
        let centre = |cell: usize| (cell as f64 + 0.5) / CELLS as f64;
        let grid = (0..CELLS * CELLS).flat_map(|cell| [centre(cell % CELLS), centre(cell / CELLS)]).collect();
        let sample = Sample::new(plane, setting.samples, rng);
        let map = Fit::new(sample, Rc::new(grid), setting.epsilon(setting.samples, 2), MAP_CUT);
        Ok(Self {
            outlines: Rc::new((0..plane.g.len()).map(|j| plane.outline(j)).collect()),
            setting: setting.clone(),
            map,
            sweeps,
            plan: Rc::new(plan),
            next: 0,
            fit: None,
            strengths: vec![vec![0.0; STRENGTHS.len()]; SIZES.len()],
            strength_counts: vec![0; SIZES.len()],
            ended: false,
            rng: rng.clone(),
        })
    }

    fn length(&self) -> usize {
        let many = self.plan.iter().filter(|[repetition, at, _]| self.maps_strengths(*repetition, *at)).count();
        Fit::parts(MAP_CUT) + self.plan.len() * Fit::parts(SWEEP_CUT) + many
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if self.map.part < Fit::parts(MAP_CUT) {
            self.map.advance();
            return Progress::Running;
        }
        let Some(&[repetition, at, size]) = self.plan.get(self.next) else {
            self.ended = true;
            return Progress::Done;
        };
        let (n, truth) = (SIZES[size], &self.sweeps[at].truth);
        let fit = self.fit.get_or_insert_with(|| {
            let sample = Sample::new(truth, n, &mut self.rng);
            let fresh: Vec<f64> = (0..FRESH * truth.dimension).map(|_| self.rng.random()).collect();
            Fit::new(sample, Rc::new(fresh), self.setting.epsilon(n, truth.dimension), SWEEP_CUT)
        });
        let done = if fit.part < Fit::parts(SWEEP_CUT) {
            let done = fit.advance();
            if done {
                let sweep = &mut self.sweeps[at];
                sweep.sums[size].iter_mut().zip(&fit.errors).for_each(|(sum, errors)| *sum += mean(errors));
                sweep.counts[size] += 1;
            }
            done && !self.maps_strengths(repetition, at)
        } else {
            let errors = fit.over_strengths();
            self.strengths[size].iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
            self.strength_counts[size] += 1;
            true
        };
        if done {
            self.fit = None;
            self.next += 1;
        }
        self.ended = self.next == self.plan.len();
        if self.ended { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting.shown = setting.shown;
    }

    fn figures(&self, figures: &mut Figures) {
        let d = self.setting.dimension;
        let caption = "Mean squared error of the estimated map on fresh points. The dashed guide falls like one over \
                       the root of n.";
        let mut rates = figures.figure("rates", format!("Error in dimension {d}"), caption);
        rates.x(Axis::log("samples n").domain(56.0, 1170.0)).y(Axis::log("‖T̂ − T₀‖², mean over P"));
        if let Some(sweep) = self.sweep(d) {
            if let Some([n, error]) = sweep.errors(0).first() {
                let guide = |size: &usize| 0.7 * error * (n / *size as f64).sqrt();
                rates.line(SIZES.map(|n| n as f64), SIZES.iter().map(guide)).ink(Ink::Muted).dashed().label("1/√n");
            }
            for estimator in self.drawn() {
                let errors = sweep.errors(estimator);
                let (x, y) = (errors.iter().map(|p| p[0]), errors.iter().map(|p| p[1]));
                rates.line(x.clone(), y.clone()).of(ESTIMATORS[estimator]);
                rates.dot(x, y).of(ESTIMATORS[estimator]);
            }
        }

        let chosen = match self.drawn()[..] {
            [one] => one,
            _ => 0,
        };
        let name = CARD.contenders[chosen].label;
        let caption = "Bright where the estimated map misses the atom that the true cell, outlined, sends the point \
                       to. Drag the atoms.";
        let mut map = figures.figure("map", format!("The map in the plane: {name}"), caption);
        map.x(Axis::linear("x₁").domain(0.0, 1.0)).y(Axis::linear("x₂").domain(0.0, 1.0)).equal();
        let errors = &self.map.errors[chosen];
        if errors.len() == CELLS * CELLS {
            let grid = Grid { values: errors, columns: CELLS, x: [0.0, 1.0], y: [0.0, 1.0] };
            map.raster(grid, Colors::sequential("squared error").domain(0.0, 0.3));
        }
        let sample = &self.map.sample;
        let some = sample.n.min(400);
        map.dot(&sample.points[..some], &sample.points[sample.n..sample.n + some]).ink(Ink::Muted).faint().radius(1.0);
        for outline in self.outlines.iter().filter(|outline| outline.len() > 2) {
            let corners = || outline.iter().chain(outline.first());
            map.line(corners().map(|p| p[0]), corners().map(|p| p[1]));
        }
        let atoms = &self.setting.atoms.0;
        map.dot(atoms.iter().map(|p| p[0]), atoms.iter().map(|p| p[1]))
            .ink(Ink::Accent)
            .radius(6.0)
            .label("atoms")
            .drags("atoms");

        let caption = "Slopes of log error against log n. The theorem's line is level; a nearest neighbour slows like \
                       one over the dimension.";
        let mut slopes = figures.figure("slopes", "Rate against dimension", caption);
        let found = self
            .drawn()
            .into_iter()
            .flat_map(|estimator| self.sweeps.iter().filter_map(move |sweep| sweep.slope(estimator)));
        let (low, high) = found.fold((-0.75, 0.05), |(low, high), slope| (slope.min(low), slope.max(high)));
        slopes.x(Axis::linear("dimension d").domain(0.0, 21.0));
        slopes.y(Axis::linear("slope").domain(low - 0.05, high + 0.05));
        slopes.rule_y([-0.5]).label("−1/2").dashed();
        for estimator in self.drawn() {
            let known = self.sweeps.iter().filter_map(|sweep| {
                let slope = sweep.slope(estimator)?;
                Some([sweep.truth.dimension as f64, slope])
            });
            let known: Vec<[f64; 2]> = known.collect();
            let (x, y) = (known.iter().map(|p| p[0]), known.iter().map(|p| p[1]));
            slopes.line(x.clone(), y.clone()).of(ESTIMATORS[estimator]);
            slopes.dot(x, y).of(ESTIMATORS[estimator]);
        }

        let caption = "The entropic map's error for each ε and n, and the ε in use. Too large is bias; too small is no \
                       worse than no entropy at all.";
        let mut strength = figures.figure("strength", format!("How much entropy, in dimension {d}"), caption);
        // The ε in use may lie beyond those that are compared.
        let rule = SIZES.map(|n| log10(self.setting.epsilon(n, d)));
        let (low, high) = rule.iter().fold((-2.75, 0.75), |(low, high), e| (e.min(low), e.max(high)));
        strength.x(Axis::linear("log₂ n").domain(5.5, 10.5)).y(Axis::linear("log₁₀ ε").domain(low, high));
        if self.strength_counts.iter().all(|count| *count > 0) {
            // Rows from the low end of y.
            let at = |row: usize, size: usize| {
                self.strengths[size][STRENGTHS.len() - 1 - row] / self.strength_counts[size] as f64
            };
            let cells: Vec<f64> =
                (0..STRENGTHS.len()).flat_map(|row| (0..SIZES.len()).map(move |size| at(row, size))).collect();
            let grid = Grid { values: &cells, columns: SIZES.len(), x: [5.5, 10.5], y: [-2.75, 0.75] };
            strength.raster(grid, Colors::sequential("mean squared error").log());
        }
        strength.line(SIZES.map(|n| log2(n as f64)), rule).ink(Ink::Accent).label("ε in use");
    }

    fn claim(&self) -> Claim {
        let d = self.setting.dimension;
        let slope = |dimension, estimator| self.sweep(dimension).and_then(|sweep| sweep.slope(estimator));
        let open = !self.ended;
        // An error of zero, on all fresh points, has no logarithm.
        let reason = |text: String, dimension: usize, estimator: usize| {
            if open || slope(dimension, estimator).is_some() {
                return text;
            }
            let name = CARD.contenders[estimator].label;
            format!(
                "In dimension {dimension} the {name} missed no fresh point at some n, and has no slope: repeat more, or draw atoms apart."
            )
        };
        let entropic = |dimension: usize| {
            let text = format!(
                "In dimension {dimension} the entropic error falls with slope {{value}}, in [{{low}}, {{high}}]."
            );
            Clause::within(reason(text, dimension, 0), slope(dimension, 0), -0.75, -0.35).pending_while(open)
        };
        let mut clauses = vec![entropic(2)];
        if d != 2 {
            clauses.push(entropic(d));
        }
        let text = format!("In dimension {d} the nearest neighbour's falls with slope {{value}}, at least {{low}}.");
        clauses.push(Clause::at_least(reason(text, d, 1), slope(d, 1), -0.25).pending_while(open));
        Claim::new(clauses)
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Ten dimensions",
                "The entropic line keeps the slope it has in the plane; the nearest neighbour's is almost level.",
                default.clone(),
            ),
            Scenario::holds(
                "twenty",
                "Twenty dimensions",
                "Further up the nearest neighbour hardly gains from more samples.",
                Setting { dimension: 20, ..default.clone() },
            ),
            Scenario::fails(
                "plane",
                "The plane",
                "In two dimensions the nearest sample is near, and its partner nearly as good.",
                Setting { dimension: 2, ..default.clone() },
            ),
            Scenario::fails(
                "fixed",
                "ε fixed",
                "A blur of fixed width stays, however many samples there are.",
                Setting { rule: Rule::Fixed, ..default },
            ),
        ]
    }
}

impl SemidiscreteEntropicMap {
    /// Whether a fit is also made at every strength of the entropy.
    fn maps_strengths(&self, repetition: usize, at: usize) -> bool {
        repetition < STRENGTH_REPETITIONS && self.sweeps[at].truth.dimension == self.setting.dimension
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::transport::SemiDiscrete;
    use orrery_reference::{list, number, numbers, vectors, wholes};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn settled(sample: &Sample, epsilon: f64) -> Soft {
        let mut soft = Soft::new(sample, epsilon);
        while soft.left() > 0 {
            soft.advance(sample, 7);
        }
        soft
    }

    fn truth(dimension: usize, rng: &mut Rng) -> Rc<Truth> {
        Rc::new(Truth::new(&Setting::default().atoms.0, dimension, rng))
    }

    #[test]
    fn entropic_maps_and_exact_plans_are_pots() {
        let file = include_str!("../../../../tests/reference/semidiscrete.json");
        let stored = vectors(file);
        let cases = list(&stored["cases"]);
        assert_eq!(cases.len(), 3);
        for case in cases {
            let number = |name: &str| number(&case[name]);
            let d = number("dimension") as usize;
            let (rows, b) = (numbers(&case["points"]), numbers(&case["b"]));
            let n = rows.len() / d;
            let truth = Rc::new(Truth { dimension: d, atoms: numbers(&case["atoms"]), g: vec![0.0; b.len()] });
            let points = (0..d * n).map(|at| rows[(at % n) * d + at / n]).collect();
            let mut cost = vec![0.0; b.len() * n];
            for (i, x) in rows.chunks_exact(d).enumerate() {
                truth.costs(x).enumerate().for_each(|(j, c)| cost[j * n + i] = c);
            }
            let sample = Sample { truth: Rc::clone(&truth), n, points, b, cost };
            let soft = settled(&sample, number("epsilon"));
            let mut weights = vec![0.0; sample.b.len()];
            let (fresh, expected) = (numbers(&case["fresh"]), numbers(&case["weights"]));
            let mut worst = 0.0_f64;
            for (x, expected) in fresh.chunks_exact(d).zip(expected.chunks_exact(weights.len())) {
                soft.weights(&truth, x, &mut weights);
                worst = weights.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
            }
            println!("d = {d}: weights {worst:e}");
            assert!(worst < 1e-4, "{worst:e}");
            let (labels, _) = assign(&sample);
            let cost: f64 = labels.iter().enumerate().map(|(i, j)| sample.cost[j * n + i]).sum::<f64>() / n as f64;
            assert!((cost - number("cost")).abs() < 1e-9, "{cost}");
            let theirs: Vec<usize> = wholes(&case["labels"]);
            assert_eq!(labels, theirs);
        }
    }

    proptest! {
        // At the optimum each atom receives its mass: b_j = mean of w_j(X_i).
        #[test]
        fn the_weights_carry_the_sample_onto_the_atoms(seed in 0_u64..200, d in 1_usize..8, epsilon in 0.02_f64..0.5) {
            let mut rng = Rng::seed_from_u64(seed);
            let truth = truth(d, &mut rng);
            let sample = Sample::new(&truth, 60, &mut rng);
            let soft = settled(&sample, epsilon);
            let mut received = vec![0.0; sample.b.len()];
            let mut weights = received.clone();
            for i in 0..60 {
                let x: Vec<f64> = (0..d).map(|k| sample.points[k * 60 + i]).collect();
                soft.weights(&truth, &x, &mut weights);
                received.iter_mut().zip(&weights).for_each(|(sum, weight)| *sum += weight / 60.0);
            }
            for (received, b) in received.iter().zip(&sample.b) {
                prop_assert!((received - b).abs() < 1e-3, "{} {}", received, b);
            }
        }

        // The exact potentials maximise the unregularised dual: gradient ascent comes to the same value, from below.
        #[test]
        fn exact_potentials_are_whichgradient_ascent_goes(seed in 0_u64..50, d in 1_usize..6) {
            let mut rng = Rng::seed_from_u64(seed);
            let truth = truth(d, &mut rng);
            let n = 80;
            let sample = Sample::new(&truth, n, &mut rng);
            let (_, g) = assign(&sample);
            let mut ascent = SemiDiscrete::new(&truth.atoms, d, &sample.b).expect("a problem");
            let rows: Vec<f64> = (0..n * d).map(|at| sample.points[(at % d) * n + at / d]).collect();
            let dual = |g: &[f64]| {
                // An atom that was not drawn has no cell.
                let cut = |((cost, g), b): ((f64, &f64), &f64)| if *b > 0.0 { cost - g } else { f64::INFINITY };
                let least = |x: &[f64]| truth.costs(x).zip(g).zip(&sample.b).map(cut).fold(f64::INFINITY, f64::min);
                let held: f64 = g.iter().zip(&sample.b).map(|(g, b)| if *b > 0.0 { g * b } else { 0.0 }).sum();
                rows.chunks_exact(d).map(least).sum::<f64>() / n as f64 + held
            };
            for t in 0..2000 {
                ascent.ascend(&rows, 0.3 / f64::from(t + 1).sqrt());
            }
            let (best, reached) = (dual(&g), dual(ascent.potentials()));
            prop_assert!(reached <= best + 1e-9 && reached > best - 5e-3, "{} {}", reached, best);
        }

        // The outlines are the cells: they tile the square, and the middle of each belongs to its atom.
        #[test]
        fn outlines_tile_the_square(seed in 0_u64..200) {
            let truth = truth(2, &mut Rng::seed_from_u64(seed));
            let mut total = 0.0;
            for j in 0..truth.g.len() {
                let corners = truth.outline(j);
                let sides = (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()]));
                total += 0.5 * sides.map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum::<f64>();
                if corners.len() > 2 {
                    let size = corners.len() as f64;
                    let middle = [0, 1].map(|k| corners.iter().map(|p| p[k]).sum::<f64>() / size);
                    prop_assert_eq!(truth.cell(&truth.g, &middle), j);
                }
            }
            prop_assert!((total - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn atoms_without_a_wall_between_them_are_refused_in_words() {
        let refused = |atoms: &[[f64; 2]], dimension: usize| {
            let setting = Setting { atoms: Points(atoms.to_vec()), dimension, ..Setting::default() };
            let made = SemidiscreteEntropicMap::new(&setting, &mut Rng::seed_from_u64(1));
            made.err().map(|error| error.to_string())
        };
        for dimension in [1, 2, 10] {
            assert!(refused(&[[0.3, 0.4]; 3], dimension).is_some_and(|why| why.contains("no wall")));
        }
        let above = [[0.5, 0.1], [0.5, 0.9]];
        assert!(refused(&above, 1).is_some_and(|why| why.contains("first coordinates")));
        assert_eq!(refused(&above, 10), None);
    }

    #[test]
    fn as_epsilon_falls_the_map_becomes_that_of_exact_potentials() {
        let mut rng = Rng::seed_from_u64(3);
        let truth = truth(2, &mut rng);
        let sample = Sample::new(&truth, 200, &mut rng);
        let (_, g) = assign(&sample);
        let soft = settled(&sample, 1e-3);
        let mut weights = vec![0.0; sample.b.len()];
        let mut differ = 0;
        for _ in 0..500 {
            let x = [rng.random(), rng.random()];
            soft.weights(&truth, &x, &mut weights);
            let most = (0..weights.len()).fold(0, |a, b| if weights[b] > weights[a] { b } else { a });
            differ += usize::from(most != truth.cell(&g, &x));
        }
        // Walls may move by as much as the sample leaves open.
        assert!(differ < 15, "{differ}");
    }
}
