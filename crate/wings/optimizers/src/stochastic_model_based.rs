//! A stochastic method looks at one sample $f(\cdot,\xi)$, builds a simple *model* of it at the point where it stands, and
//! goes to where the model plus a quadratic leash is least:
//! $$x_{t+1}=\arg\min_y\; f_{x_t}(y,\xi_t)+\tfrac1{2\alpha_t}\|y-x_t\|^2 .$$
//! The subgradient method's model is a straight line. But many losses are $f=|c(x)|$, a kink composed with something smooth,
//! and keeping the kink costs nothing: *prox-linear* takes $|c(x_t)+\nabla c(x_t)^\top(y-x_t)|$, *prox-point* the sample
//! itself. Davis and Drusvyatskiy prove one rate for all three, although $f$ is neither convex nor smooth: the gradient of
//! the Moreau envelope $\varphi_{1/\hat\rho}$, which says how far $x$ is from a point that is nearly stationary, falls like
//! $k^{-1/4}$.
//!
//! Here $f$ is robust phase retrieval, $\frac1m\sum_i|\langle a_i,x\rangle^2-b_i|$: find a signal of which only the sizes of
//! its projections are known. All three get the same samples and the same step $\alpha/\sqrt K$, from five random starts, for
//! 25 values of $\alpha$ over six decades; what is drawn is the median over the starts.
//!
//! **Look** at the first picture. The line has a leash that is right for hardly any $\alpha$; the models that bend forgive a
//! factor of a hundred and more. The last picture says why: where the sample is zero the kinked models stop, and the line runs
//! through.
//!
//! **Try** two dimensions, to see the landscape whole with its envelope dashed over it (in twenty dimensions it is the plane
//! through the origin, the signal and the first start). Blind deconvolution, $|\langle u_i,x\rangle\langle v_i,y\rangle-b_i|$,
//! has the same theory, and its prox-point a quartic equation.
//!
//! **The rate** is measured as the theorem states it: for each $K$ runs of their own, and in each an iterate drawn at
//! random. What is allowed is computed from the gradients met on the way, and prox-linear keeps to less than a third
//! of it (six tenths in the plane). From 30 to 3000 iterations the measured slope is between $-0.17$ and $-0.3$, not
//! always as steep as $-1/4$: short runs hardly leave the start. No such bound is drawn for prox-point, whose theorem
//! wants $\alpha_t$ below the inverse of a sample's curvature; in blind deconvolution you can watch it miss that, and
//! lose half of its decades.
//!
//! **Where it stops:** without outliers the signal makes every sample zero, so that even a constant step can end in a
//! point. A fifth of outliers takes that away: all methods circle at a distance, and with decaying steps the line catches
//! up. With one and a half measurements a dimension the landscape has other stationary points, and the runs end there.

use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, inner};
use orrery_kernels::math::{log_spaced, log10};
use orrery_kernels::random::{direction, normals};
use std::collections::VecDeque;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "stochastic-model-based",
    title: "Stochastic model-based minimization of weakly convex functions",
    year: 2018,
    lists: &[1],
    claim: "A model that bends with the function forgives a step size a hundred times wrong; a straight line does not.",
    algorithms: &[
        "prox-linear method",
        "stochastic proximal point",
        "stochastic subgradient",
        "Gauss-Newton",
        "Moreau envelope",
        "weakly convex function",
        "phase retrieval",
        "blind deconvolution",
    ],
    contenders: &[
        Contender::paper("prox-linear", "prox-linear"),
        Contender::paper("prox-point", "prox-point"),
        Contender::baseline("subgradient", "subgradient"),
    ],
};

/// Which models run.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Models {
    /// The three of them.
    #[choice("all")]
    All,
    /// The composition linearised inside.
    #[choice("prox-linear")]
    ProxLinear,
    /// The sample itself.
    #[choice("prox-point")]
    ProxPoint,
    /// A straight line.
    #[choice("subgradient")]
    Subgradient,
}

/// What is measured of the signal.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Squares of its projections.
    #[choice("phase retrieval")]
    PhaseRetrieval,
    /// Products of projections of its two halves.
    #[choice("blind deconvolution")]
    BlindDeconvolution,
}

/// The length of the signal.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Dimension {
    /// To be seen whole.
    #[choice("2")]
    Two,
    /// The paper's kind of size.
    #[choice("20")]
    Twenty,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The step of the runs that are drawn over time. The first picture has all others.
    #[control(label = "step α", range = 1e-3..=1e3, log, default = 0.3)]
    pub alpha: f64,
    /// Which models run.
    #[control(label = "model", default = Models::All)]
    pub model: Models,
    /// How many measurements there are for each dimension.
    #[control(label = "measurements m/d", range = 1.5..=8.0, step = 0.1, default = 3.0)]
    pub ratio: f64,
    /// The share of measurements that are replaced by large numbers.
    #[control(label = "outliers", range = 0.0..=0.4, step = 0.01, default = 0.0)]
    pub outliers: f64,
    /// How many samples each run sees.
    #[control(label = "iterations K", range = 100..=20_000, log, default = 3000)]
    pub iterations: usize,
    /// What is measured.
    #[control(label = "problem", default = Problem::PhaseRetrieval)]
    pub problem: Problem,
    /// How many numbers the signal has.
    #[control(label = "dimension d", default = Dimension::Twenty)]
    pub dimension: Dimension,
    /// Steps of α/√k that shrink, instead of the constant α/√K.
    #[control(label = "decaying steps", default = false)]
    pub decaying: bool,
}

/// y ← y + s x
fn add(s: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * x);
}

fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// The samples $f_i(x)=|c_i(x)|$ with $c_i(x)=\langle u_i,x\rangle\langle v_i,x\rangle-b_i$. In phase retrieval $u_i=v_i=a_i$;
/// in blind deconvolution $u_i$ lives on the first half of $x$ and $v_i$ on the second, so that they are orthogonal.
struct Samples {
    problem: Problem,
    u: Vec<Vec<f64>>,
    v: Vec<Vec<f64>>,
    b: Vec<f64>,
    signal: Vec<f64>,
    /// A constant $\rho$ such that $f+\frac\rho2\|\cdot\|^2$ is convex.
    rho: f64,
}

/// The model of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    ProxLinear,
    ProxPoint,
    Subgradient,
}

impl Model {
    fn id(self) -> &'static str {
        match self {
            Self::ProxLinear => "prox-linear",
            Self::ProxPoint => "prox-point",
            Self::Subgradient => "subgradient",
        }
    }
}

impl Samples {
    fn new(setting: &Setting, rng: &mut Rng) -> Self {
        let d = if setting.dimension == Dimension::Two { 2 } else { 20 };
        let m = (setting.ratio * d as f64).round() as usize;
        let problem = setting.problem;
        let (mut u, mut v) = (Vec::with_capacity(m), Vec::with_capacity(m));
        let signal = direction(d, rng);
        for _ in 0..m {
            let a = normals(d, rng);
            if problem == Problem::PhaseRetrieval {
                u.push(a.clone());
                v.push(a);
            } else {
                let half = d / 2;
                u.push([&a[..half], &vec![0.0; half]].concat());
                v.push([&vec![0.0; half], &a[half..]].concat());
            }
        }
        let mut b: Vec<f64> = u.iter().zip(&v).map(|(u, v)| inner(u, &signal) * inner(v, &signal)).collect();
        let wrong = (setting.outliers * m as f64).round() as usize;
        for b in &mut b[..wrong] {
            let size: f64 = rng.sample(StandardNormal);
            *b = 25.0 * size * size;
        }
        // |⟨u,h⟩⟨v,h⟩| ≤ ½(⟨u,h⟩² + ⟨v,h⟩²), and c curves by no more: ρ = λ_max(Σ(uuᵀ + vvᵀ)/m).
        let mut curvature = DMatrix::<f64>::zeros(d, d);
        for row in u.iter().chain(&v) {
            for i in 0..d {
                (0..d).for_each(|j| curvature[(i, j)] += row[i] * row[j] / m as f64);
            }
        }
        let rho = curvature.symmetric_eigenvalues().max();
        Self { problem, u, v, b, signal, rho }
    }

    fn len(&self) -> usize {
        self.b.len()
    }

    /// $\langle u_i,x\rangle$ and $\langle v_i,x\rangle$.
    fn factors(&self, i: usize, x: &[f64]) -> [f64; 2] {
        [inner(&self.u[i], x), inner(&self.v[i], x)]
    }

    /// $c_i(x)$, with $\nabla c_i(x)=\langle v_i,x\rangle u_i+\langle u_i,x\rangle v_i$ written into `gradient`.
    fn inner(&self, i: usize, x: &[f64], gradient: &mut [f64]) -> f64 {
        let [s, t] = self.factors(i, x);
        gradient.fill(0.0);
        add(t, &self.u[i], gradient);
        add(s, &self.v[i], gradient);
        s * t - self.b[i]
    }

    /// $f(x)$.
    fn value(&self, x: &[f64]) -> f64 {
        let all = (0..self.len()).map(|i| {
            let [s, t] = self.factors(i, x);
            (s * t - self.b[i]).abs()
        });
        all.sum::<f64>() / self.len() as f64
    }

    /// $x\leftarrow\arg\min_y f_x(y,i)+\frac1{2\alpha}\|y-x\|^2$ for the given model of sample `i`.
    fn step(&self, model: Model, i: usize, alpha: f64, x: &mut [f64], gradient: &mut [f64]) {
        match model {
            Model::Subgradient => {
                // x⁺ = x - α sign(c) ∇c
                let c = self.inner(i, x, gradient);
                let sign = if c == 0.0 { 0.0 } else { c.signum() };
                add(-alpha * sign, gradient, x);
            }
            Model::ProxLinear => {
                // x⁺ = x - clip(c / (α‖∇c‖²), -1, 1) α ∇c: as far as the model's zero, and no farther than the line goes
                let c = self.inner(i, x, gradient);
                let square = inner(gradient, gradient);
                if square > 0.0 {
                    add(-(c / (alpha * square)).clamp(-1.0, 1.0) * alpha, gradient, x);
                }
            }
            Model::ProxPoint => {
                let here = self.factors(i, x);
                let [s, t] = self.prox_factors(i, alpha, here);
                let [u, v] = [&self.u[i], &self.v[i]];
                // The least move with those factors.
                match self.problem {
                    Problem::PhaseRetrieval => add((s - here[0]) / inner(u, u), u, x),
                    Problem::BlindDeconvolution => {
                        add((s - here[0]) / inner(u, u), u, x);
                        add((t - here[1]) / inner(v, v), v, x);
                    }
                }
            }
        }
    }

    /// The factors $(s,t)$ of the proximal point of $f_i$: the best of the stationary points on either side of the kink,
    /// $y=x\mp\alpha\nabla c(y)$, and of those on it, $st=b$.
    fn prox_factors(&self, i: usize, alpha: f64, [s0, t0]: [f64; 2]) -> [f64; 2] {
        let b = self.b[i];
        let [square_u, square_v] = [inner(&self.u[i], &self.u[i]), inner(&self.v[i], &self.v[i])];
        let [p, q] = [alpha * square_u, alpha * square_v];
        let mut candidates = [[s0, t0]; 8];
        let mut count = 1;
        let mut offer = |s: f64, t: f64| {
            if s.is_finite() && t.is_finite() {
                candidates[count] = [s, t];
                count += 1;
            }
        };
        match self.problem {
            Problem::PhaseRetrieval => {
                for sign in [1.0, -1.0] {
                    // s = s₀ - 2 (±α) s ‖a‖², and s = ±√b
                    let side = s0 / (1.0 + 2.0 * sign * p);
                    offer(side, side);
                    let kink = sign * b.max(0.0).sqrt();
                    offer(kink, kink);
                }
            }
            Problem::BlindDeconvolution => {
                for sign in [1.0, -1.0] {
                    // s = s₀ - (±α) t ‖u‖², t = t₀ - (±α) s ‖v‖²
                    let det = 1.0 - p * q;
                    offer((s0 - sign * p * t0) / det, (t0 - sign * q * s0) / det);
                }
                // On s t = b: q s⁴ - q s₀ s³ + p b t₀ s - p b² = 0
                for s in quartic_roots([-p * b * b, p * b * t0, 0.0, -q * s0, q]).into_iter().flatten() {
                    offer(s, b / s);
                }
            }
        }
        let cost = |&[s, t]: &[f64; 2]| {
            let moved = match self.problem {
                Problem::PhaseRetrieval => (s - s0) * (s - s0) / p,
                Problem::BlindDeconvolution => (s - s0) * (s - s0) / p + (t - t0) * (t - t0) / q,
            };
            (s * t - b).abs() + 0.5 * moved
        };
        let best = candidates[..count].iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.copied().unwrap_or([s0, t0])
    }

    /// $\mathrm{prox}_{f/\hat\rho}(x)=\arg\min_y f(y)+\frac{\hat\rho}2\|y-x\|^2$, to eight digits or so: the models with
    /// all samples at once, each with its error bound $\frac\rho2\|y-y_t\|^2$ added, decrease it to its only minimum. The
    /// model's minimum is found in its dual, one $w_i\in[-1,1]$ a sample, by coordinate ascent.
    fn prox(&self, x: &[f64], rho_hat: f64) -> Vec<f64> {
        let (m, d) = (self.len(), x.len());
        let sigma = rho_hat + self.rho;
        let scale = m as f64 * sigma;
        let mut y = x.to_vec();
        let mut w = vec![0.0; m];
        let mut gradients = vec![0.0; m * d];
        for _ in 0..40 {
            let mut c = vec![0.0; m];
            for (i, gradient) in gradients.chunks_exact_mut(d).enumerate() {
                c[i] = self.inner(i, &y, gradient);
            }
            let squares: Vec<f64> = gradients.chunks_exact(d).map(|g| inner(g, g)).collect();
            // p = z - Σ wᵢ ∇cᵢ / (m σ), with z between x and y
            let mut p: Vec<f64> = x.iter().zip(&y).map(|(x, y)| (rho_hat * x + self.rho * y) / sigma).collect();
            w.iter().zip(gradients.chunks_exact(d)).for_each(|(w, g)| add(-w / scale, g, &mut p));
            for _ in 0..60 {
                let mut most: f64 = 0.0;
                for (i, g) in gradients.chunks_exact(d).enumerate() {
                    if squares[i] <= 0.0 {
                        continue;
                    }
                    let slope = c[i] + inner(g, &p) - inner(g, &y);
                    let next = (w[i] + scale * slope / squares[i]).clamp(-1.0, 1.0);
                    let change = next - w[i];
                    w[i] = next;
                    add(-change / scale, g, &mut p);
                    most = most.max(change.abs());
                }
                if most < 1e-9 {
                    break;
                }
            }
            let moved = distance(&p, &y);
            y = p;
            if moved < 1e-9 {
                break;
            }
        }
        y
    }

    /// $\|\nabla\varphi_{1/\hat\rho}(x)\|=\hat\rho\,\|x-\mathrm{prox}_{f/\hat\rho}(x)\|$, with $\hat\rho=2\rho$.
    fn envelope_gradient(&self, x: &[f64]) -> f64 {
        let rho_hat = 2.0 * self.rho;
        rho_hat * distance(x, &self.prox(x, rho_hat))
    }

    /// $\varphi_{1/\hat\rho}(x)$.
    fn envelope(&self, x: &[f64]) -> f64 {
        let rho_hat = 2.0 * self.rho;
        let y = self.prox(x, rho_hat);
        let off = distance(x, &y);
        self.value(&y) + 0.5 * rho_hat * off * off
    }
}

/// The real roots of `c[0] + c[1] x + … + c[4] x⁴`, where it changes its sign: between neighbouring roots of the
/// derivative, by bisection.
fn quartic_roots(c: [f64; 5]) -> [Option<f64>; 4] {
    let bound = 1.0 + c[..4].iter().fold(0.0, |most: f64, c_k| most.max((c_k / c[4]).abs()));
    let mut roots = [None; 4];
    if !bound.is_finite() {
        return roots;
    }
    // The third derivative, 6 c₃ + 24 c₄ x, first; then the second, the first, and the quartic itself.
    let falling = |k: usize, order: usize| (k - order + 1..=k).map(|j| j as f64).product::<f64>();
    for order in (0..4).rev() {
        let value = |x: f64| (order..5).rev().fold(0.0, |sum, k| sum * x + falling(k, order) * c[k]);
        let mut found = [None; 4];
        let mut count = 0;
        let mut low = -bound;
        for high in roots.into_iter().flatten().chain([bound]) {
            let (mut a, mut b, rises) = (low, high, value(low) < 0.0);
            if rises == (value(high) < 0.0) {
                low = high;
                continue;
            }
            while {
                let middle = 0.5 * (a + b);
                if (value(middle) < 0.0) == rises {
                    a = middle
                } else {
                    b = middle
                }
                b - a > 1e-15 * bound.min(1.0 + a.abs()) && (0.5 * (a + b) > a && 0.5 * (a + b) < b)
            } {}
            if count < 4 {
                found[count] = Some(0.5 * (a + b));
                count += 1;
            }
            low = high;
        }
        roots = found;
    }
    roots
}

/// Starts that each step size is tried from.
const STARTS: usize = 5;
/// Step sizes of the sweep, and how far apart they lie in decades.
const STEPS: usize = 25;
const SPACING: f64 = 6.0 / (STEPS - 1) as f64;
/// What counts as solved.
const GOAL: f64 = 1e-3;
/// Beyond this a run has exploded, and is stopped.
const FAR: f64 = 1e8;
/// What the pictures clip objectives to.
const SHOWN: [f64; 2] = [1e-12, 1e6];

/// Iterations of every run in one step of the exhibit. A proximal point of blind deconvolution is found among the roots of
/// a quartic.
fn batch(problem: Problem) -> usize {
    match problem {
        Problem::PhaseRetrieval => 30,
        Problem::BlindDeconvolution => 10,
    }
}

/// One model at one step size, from all starts.
#[derive(Clone)]
struct Run {
    model: Model,
    alpha: f64,
    x: Vec<Vec<f64>>,
}

impl Run {
    /// The median of $f$ over the starts.
    fn value(&self, samples: &Samples) -> f64 {
        let mut values: Vec<f64> = self.x.iter().map(|x| samples.value(x)).collect();
        values.sort_by(f64::total_cmp);
        values[STARTS / 2].clamp(SHOWN[0], SHOWN[1])
    }
}

/// A number of iterations $K$, for which the theorem sets the step to $\alpha/\sqrt K$ and looks at an iterate drawn with
/// probabilities that are as the steps.
struct Horizon {
    iterations: usize,
    /// The iterates drawn, some for each start.
    drawn: Vec<[usize; DRAWN]>,
}

/// Iterates drawn from each start of a horizon.
const DRAWN: usize = 2;

/// What does not change during a run.
struct Fixed {
    samples: Samples,
    setting: Setting,
    models: Vec<Model>,
    /// The mean of $\varphi_{1/\hat\rho}$ at the starts.
    first_envelope: f64,
    horizons: Vec<Horizon>,
    length: usize,
    /// The plane of the landscape.
    plane: [Vec<f64>; 2],
    landscape: Vec<f64>,
    envelope: Option<Vec<f64>>,
    levels: Vec<f64>,
}

/// Cells along a side of the landscape, and half its width.
const SIDE: usize = 40;
const HALF: f64 = 1.6;

impl Fixed {
    fn on_plane(&self, x: &[f64]) -> [f64; 2] {
        [inner(&self.plane[0], x), inner(&self.plane[1], x)]
    }

    fn grid<'a>(&self, values: &'a [f64]) -> Grid<'a> {
        Grid { values, columns: SIDE, x: [-HALF, HALF], y: [-HALF, HALF] }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct StochasticModelBased {
    fixed: Rc<Fixed>,
    rng: Rng,
    k: usize,
    /// The runs that are drawn over time, one a model, and then the sweep.
    shown: Vec<Run>,
    sweep: Vec<Run>,
    /// By model and then by horizon.
    ladder: Vec<Run>,
    objective: Vec<Series>,
    paths: Vec<Series>,
    /// Points of the ladder where the envelope is still to be looked at.
    pending: VecDeque<(usize, Rc<Vec<f64>>)>,
    /// Sums of $\|\nabla\varphi\|^2$ over what was drawn, and how many, along the ladder.
    gradients: Vec<(f64, usize)>,
    /// Means over the starts of $\sum_t\alpha_t^2\|\nabla c_t\|^2$, and $\sum_t\alpha_t$, along the ladder.
    sums: Vec<[f64; 2]>,
    /// The newest sample.
    sample: usize,
}

impl StochasticModelBased {
    fn iterate(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Fixed { samples, horizons, setting, .. } = &*fixed;
        let k = self.k;
        let rate = |horizon: usize| 1.0 / if setting.decaying { (k + 1) as f64 } else { horizon as f64 }.sqrt();
        let mut gradient = vec![0.0; samples.signal.len()];
        let mut advance = |run: &mut Run, start: usize, i: usize, shrink: f64| {
            let x = &mut run.x[start];
            if x.iter().all(|x| x.abs() < FAR) {
                samples.step(run.model, i, run.alpha * shrink, x, &mut gradient);
            }
        };
        for start in 0..STARTS {
            // The same sample for every model and step size.
            let i = self.rng.random_range(0..samples.len() as u32) as usize;
            for run in self.shown.iter_mut().chain(&mut self.sweep) {
                advance(run, start, i, rate(setting.iterations));
            }
            for (rung, run) in self.ladder.iter_mut().enumerate() {
                let Horizon { iterations, drawn } = &horizons[rung % horizons.len()];
                let wanted = drawn[start].iter().filter(|drawn| **drawn == k).count();
                self.pending.extend((0..wanted).map(|_| (rung, Rc::new(run.x[start].clone()))));
                if k < *iterations {
                    let alpha = run.alpha * rate(*iterations);
                    let mut gradient = vec![0.0; samples.signal.len()];
                    samples.inner(i, &run.x[start], &mut gradient);
                    let square = inner(&gradient, &gradient).min(FAR * FAR);
                    self.sums[rung][0] += alpha * alpha * square / STARTS as f64;
                    self.sums[rung][1] += alpha / STARTS as f64;
                    advance(run, start, i, rate(*iterations));
                }
            }
            if start == 0 {
                self.sample = i;
            }
        }
        self.k += 1;
        for (path, run) in self.paths.iter_mut().zip(&self.shown) {
            let [x, y] = fixed.on_plane(&run.x[0]);
            // What explodes leaves the picture.
            path.push(x.clamp(-1e3, 1e3), y.clamp(-1e3, 1e3));
        }
    }

    fn record(&mut self) {
        let Fixed { samples, .. } = &*self.fixed;
        for (series, run) in self.objective.iter_mut().zip(&self.shown) {
            series.push(self.k as f64, run.value(samples));
        }
    }

    /// Horizon and root mean square gradient of the envelope, where all that was drawn has been looked at.
    fn envelope_curve(&self, model: usize) -> Vec<[f64; 2]> {
        let horizons = &self.fixed.horizons;
        let rungs = self.gradients[model * horizons.len()..].iter().zip(horizons);
        let whole = rungs.filter(|((_, count), _)| *count == STARTS * DRAWN);
        let point = |((sum, count), horizon): (&(f64, usize), &Horizon)| {
            [horizon.iterations as f64, (sum / *count as f64).sqrt().clamp(SHOWN[0], SHOWN[1])]
        };
        whole.map(point).collect()
    }

    /// What the theorem allows there. As $E\,\varphi(x_{t+1})\le\varphi(x_t)-\alpha_t\frac{\hat\rho-\rho}{\hat\rho}
    /// \|\nabla\varphi(x_t)\|^2+\frac{\hat\rho}2\alpha_t^2E\|\nabla c_t\|^2$ for a line and for prox-linear (the proof of
    /// their Theorem 4.3, with the gradients met in place of a Lipschitz constant) and $\varphi\ge0$, with $\hat\rho=2\rho$,
    /// $$E\|\nabla\varphi(x_{t^*})\|^2\le\frac{\varphi(x_0)+\rho\sum_t\alpha_t^2\|\nabla c_t\|^2}{\frac12\sum_t\alpha_t}.$$
    fn bound(&self, model: usize) -> Vec<[f64; 2]> {
        let Fixed { samples, horizons, first_envelope, .. } = &*self.fixed;
        let rungs = self.sums[model * horizons.len()..].iter().zip(horizons);
        let reached = rungs.filter(|(_, horizon)| horizon.iterations <= self.k);
        let point = |([squares, steps], horizon): (&[f64; 2], &Horizon)| {
            let square = (first_envelope + samples.rho * squares) / (0.5 * steps);
            [horizon.iterations as f64, square.sqrt().clamp(SHOWN[0], SHOWN[1])]
        };
        reached.map(point).collect()
    }

    /// The largest ratio of what was measured to what is allowed.
    fn tightest(&self, model: usize) -> Option<f64> {
        let bound = self.bound(model);
        let ratios = self.envelope_curve(model).into_iter().filter_map(|[k, gradient]| {
            let allowed = bound.iter().find(|point| point[0] == k)?;
            Some(gradient / allowed[1])
        });
        ratios.reduce(f64::max)
    }

    /// The decades of step sizes from which a model came to the goal.
    fn width(&self, model: Model) -> f64 {
        let Fixed { samples, .. } = &*self.fixed;
        let runs = self.sweep.iter().filter(|run| run.model == model);
        runs.filter(|run| run.value(samples) <= GOAL).count() as f64 * SPACING
    }

    fn done(&self) -> bool {
        self.k == self.fixed.setting.iterations && self.pending.is_empty()
    }
}

impl Exhibit for StochasticModelBased {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let samples = Samples::new(setting, rng);
        let d = samples.signal.len();
        let models = match setting.model {
            Models::All => vec![Model::Subgradient, Model::ProxPoint, Model::ProxLinear],
            Models::ProxLinear => vec![Model::ProxLinear],
            Models::ProxPoint => vec![Model::ProxPoint],
            Models::Subgradient => vec![Model::Subgradient],
        };
        let starts: Vec<Vec<f64>> = (0..STARTS).map(|_| direction(d, rng)).collect();
        let run = |model, alpha| Run { model, alpha, x: starts.clone() };
        let shown: Vec<Run> = models.iter().map(|model| run(*model, setting.alpha)).collect();
        let alphas = log_spaced(1e-3, 1e3, STEPS);
        let sweep = models.iter().flat_map(|model| alphas.iter().map(|alpha| run(*model, *alpha))).collect();

        let count = (3.0 * log10(setting.iterations as f64 / 30.0)).round() as usize + 1;
        let horizons: Vec<Horizon> = log_spaced(30.0, setting.iterations as f64, count.max(3))
            .into_iter()
            .map(|k| {
                let iterations = k.round() as usize;
                let mut draw = || {
                    [(); DRAWN].map(|()| {
                        let u: f64 = rng.random();
                        let share = if setting.decaying { u * u } else { u };
                        ((share * k) as usize).min(iterations - 1)
                    })
                };
                Horizon { iterations, drawn: (0..STARTS).map(|_| draw()).collect() }
            })
            .collect();
        let ladder: Vec<Run> =
            models.iter().flat_map(|model| horizons.iter().map(|_| run(*model, setting.alpha))).collect();
        // Two looks at the envelope a step, as soon as there is something to look at.
        let draws: Vec<usize> = horizons.iter().flat_map(|horizon| horizon.drawn.iter().flatten().copied()).collect();
        let (mut length, mut waiting, mut k) = (0, 0_usize, 0);
        while k < setting.iterations || waiting > 0 {
            let next = (k + batch(setting.problem)).min(setting.iterations);
            waiting += models.len() * draws.iter().filter(|drawn| **drawn >= k && **drawn < next).count();
            waiting = waiting.saturating_sub(2);
            k = next;
            length += 1;
        }

        let plane = if d == 2 {
            [vec![1.0, 0.0], vec![0.0, 1.0]]
        } else {
            let along = inner(&samples.signal, &starts[0]);
            let mut across = starts[0].clone();
            add(-along, &samples.signal, &mut across);
            let size = inner(&across, &across).sqrt();
            across.iter_mut().for_each(|x| *x /= size);
            [samples.signal.clone(), across]
        };
        let on_grid = |f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
            let at = |k: usize| HALF * ((2 * k + 1) as f64 / SIDE as f64 - 1.0);
            let cells = (0..SIDE * SIDE).map(|cell| {
                let mut x = vec![0.0; d];
                add(at(cell % SIDE), &plane[0], &mut x);
                add(at(cell / SIDE), &plane[1], &mut x);
                f(&x)
            });
            cells.collect()
        };
        let landscape = on_grid(&|x| samples.value(x));
        let envelope = (d == 2).then(|| on_grid(&|x| samples.envelope(x)));
        let top = landscape.iter().fold(0.0, |top: f64, value| top.max(*value));
        let levels = (1..12).map(|k| top * (k * k) as f64 / 144.0).collect();
        let first_envelope = starts.iter().map(|x| samples.envelope(x)).sum::<f64>() / STARTS as f64;
        let sums = vec![[0.0; 2]; ladder.len()];
        let gradients = vec![(0.0, 0); ladder.len()];
        let fixed = Fixed {
            samples,
            setting: setting.clone(),
            models,
            first_envelope,
            horizons,
            length,
            plane,
            landscape,
            envelope,
            levels,
        };
        let mut exhibit = Self {
            rng: rng.clone(),
            k: 0,
            objective: vec![Series::new(); shown.len()],
            paths: vec![Series::new(); shown.len()],
            shown,
            sweep,
            ladder,
            pending: VecDeque::new(),
            gradients,
            sums,
            sample: 0,
            fixed: Rc::new(fixed),
        };
        let first = exhibit.fixed.on_plane(&exhibit.shown[0].x[0]);
        exhibit.paths.iter_mut().for_each(|path| path.push(first[0], first[1]));
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.fixed.length
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let Setting { problem, iterations, .. } = self.fixed.setting;
        let end = (self.k + batch(problem)).min(iterations);
        while self.k < end {
            self.iterate();
        }
        for (rung, x) in self.pending.drain(..self.pending.len().min(2)) {
            let (sum, count) = &mut self.gradients[rung];
            let gradient = self.fixed.samples.envelope_gradient(&x);
            *sum += gradient * gradient;
            *count += 1;
        }
        self.record();
        if self.done() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let Fixed { samples, setting, .. } = fixed;

        let caption = "Every dot is a step size, tried from five starts. Below the rule the problem is solved; what explodes \
                       is drawn at the top.";
        let mut bathtub = figures.figure("steps", "Which step sizes work", caption);
        bathtub.x(Axis::log("step α").domain(1e-3, 1e3));
        bathtub.y(Axis::log("f at the end, median").domain(SHOWN[0], SHOWN[1]));
        bathtub.rule_y([GOAL]).label("goal");
        bathtub.rule_x([setting.alpha]).ink(Ink::Accent).label("α below");
        for model in &fixed.models {
            let runs: Vec<&Run> = self.sweep.iter().filter(|run| run.model == *model).collect();
            let x: Vec<f64> = runs.iter().map(|run| run.alpha).collect();
            let y: Vec<f64> = runs.iter().map(|run| run.value(samples)).collect();
            bathtub.line(&x, &y).of(model.id());
            bathtub.dot(&x, &y).of(model.id()).radius(2.0);
        }

        let plane = setting.dimension == Dimension::Two;
        let caption = if plane {
            "The objective, its Moreau envelope (dashed), and the paths from one start: minima are sharp, as an absolute \
             value's is."
        } else {
            "The objective on the plane through the origin, the signal and the start; the paths are projected onto it."
        };
        let (first, second) = if plane { ("x₁", "x₂") } else { ("along the signal", "across") };
        let mut landscape = figures.figure("landscape", "The landscape", caption);
        landscape.x(Axis::linear(first).domain(-HALF, HALF)).y(Axis::linear(second).domain(-HALF, HALF)).equal();
        landscape.contour(fixed.grid(&fixed.landscape), &fixed.levels, Some(Colors::sequential("f"))).faint();
        if let Some(envelope) = &fixed.envelope {
            landscape.contour(fixed.grid(envelope), &fixed.levels, None).dashed();
        }
        for (path, model) in self.paths.iter().zip(&fixed.models) {
            landscape.line(path.xs(), path.ys()).of(model.id());
        }
        let [x, y] = fixed.on_plane(&samples.signal);
        // The sign of a signal leaves no trace in what is measured, nor does that of both halves.
        landscape.dot([x, -x], [y, -y]).symbol(Symbol::Cross).radius(6.0).label("± signal");

        let steps = if setting.decaying { "α/√k" } else { "α/√K" };
        let mut caption = format!(
            "A dot is five runs of K iterations with steps {steps}: how far an iterate drawn from them is from stationary."
        );
        if fixed.models.contains(&Model::ProxLinear) {
            caption += " What the theorem allows prox-linear is dashed: it falls like K^(−1/4).";
        }
        let mut envelope = figures.figure("envelope", "The gradient of the envelope", caption);
        let end = setting.iterations as f64;
        envelope.x(Axis::log("iterations K").domain(30.0, end)).y(Axis::log("‖∇φ‖, root mean square"));
        let curves: Vec<_> = (0..fixed.models.len()).map(|model| self.envelope_curve(model)).collect();
        if let Some(index) = fixed.models.iter().position(|model| *model == Model::ProxLinear) {
            let bound = self.bound(index);
            let (x, y) = (bound.iter().map(|p| p[0]), bound.iter().map(|p| p[1]));
            envelope.line(x, y).ink(Ink::Muted).dashed().label("the theorem's bound for prox-linear");
        }
        for (curve, model) in curves.iter().zip(&fixed.models) {
            envelope.line(curve.iter().map(|p| p[0]), curve.iter().map(|p| p[1])).of(model.id());
            envelope.dot(curve.iter().map(|p| p[0]), curve.iter().map(|p| p[1])).of(model.id());
        }

        let caption = "The runs at the step α that is set, median over the starts.";
        let mut objective = figures.figure("objective", "The objective over time", caption);
        objective.x(Axis::linear("iteration k").domain(0.0, end)).y(Axis::log("f"));
        for (series, model) in self.objective.iter().zip(&fixed.models) {
            objective.line(series.xs(), series.ys()).of(model.id());
        }

        self.one_sample(figures);
    }

    fn claim(&self) -> Claim {
        let open = !self.done();
        let fixed = &*self.fixed;
        let mut clauses = Vec::new();
        for (index, model) in fixed.models.iter().enumerate().rev() {
            let width = Some(self.width(*model));
            clauses.push(match model {
                Model::ProxLinear => Clause::at_least(
                    "Prox-linear comes to f ≤ 0.001 over {value} decades of step sizes, at least {low}.",
                    width,
                    1.5,
                ),
                Model::ProxPoint => Clause::at_least("Prox-point does over {value}, at least {low}.", width, 1.5),
                Model::Subgradient => {
                    Clause::at_most("The subgradient method does over {value}, at most {high}.", width, 0.75)
                }
            });
            if *model == Model::ProxLinear {
                clauses.push(Clause::at_most(
                    "At the step that is set, the gradient of prox-linear's envelope is at most {value} of what the theorem \
                     allows, at any K.",
                    self.tightest(index),
                    1.0,
                ));
            }
        }
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Phase retrieval",
                "Both models that keep the kink solve it over three decades of step sizes; the line does at none.",
                default.clone(),
            ),
            Scenario::holds(
                "plane",
                "In the plane",
                "The signal has two numbers, so the landscape and its envelope can be seen whole.",
                Setting { dimension: Dimension::Two, ..default.clone() },
            ),
            Scenario::fails(
                "outliers",
                "A fifth outliers",
                "No point makes every sample zero any more: with a constant step all three circle at a distance.",
                Setting { outliers: 0.2, ..default.clone() },
            ),
            Scenario::fails(
                "few",
                "Too few measurements",
                "With 1.5 measurements a dimension the runs end in stationary points that are not the signal.",
                Setting { ratio: 1.5, ..default },
            ),
        ]
    }
}

impl StochasticModelBased {
    /// One sample along its own gradient, with its three models and where each of them goes.
    fn one_sample(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let Fixed { samples, setting, .. } = fixed;
        let Some(run) = self.shown.last() else { return };
        let x = &run.x[0];
        let i = self.sample;
        let mut gradient = vec![0.0; x.len()];
        let c = samples.inner(i, x, &mut gradient);
        let square = inner(&gradient, &gradient);
        let alpha = setting.alpha / (setting.iterations as f64).sqrt();
        let fits = square > 1e-20 && square < 1e12 && c.is_finite();
        let caption = if fits {
            "The newest sample from where the first model stands, along its gradient. Each model meets the leash (dashed); \
             a dot is where it goes."
        } else {
            "The first model stands where its newest sample is flat, or too steep for a picture."
        };
        let mut figure = figures.figure("sample", "One sample and its models", caption);
        figure.x(Axis::linear("step along ∇c, in its length")).y(Axis::linear("value"));
        if !fits {
            return;
        }
        // In units of the subgradient step; the picture reaches as far as the farthest of them all.
        let reach = 1.6 * alpha.max((c / square).abs()).max(1e-9);
        // As high as the kinked line comes there; a leash or a sample that is steeper leaves the picture.
        let top = c.abs() + reach * square;
        let across = |count: u32, end: f64| (0..=2 * count).map(move |k| end * (f64::from(k) / f64::from(count) - 1.0));
        let moved = |s: f64| {
            let mut y = x.clone();
            add(s, &gradient, &mut y);
            y
        };
        let sample = |s: f64| {
            let [p, q] = samples.factors(i, &moved(s));
            (p * q - samples.b[i]).abs()
        };
        let leash = |s: f64| s * s * square / (2.0 * alpha);
        let end = reach.min((2.0 * alpha * top / square).sqrt());
        figure.line(across(60, end), across(60, end).map(leash)).ink(Ink::Muted).dashed().label("leash");
        for model in &fixed.models {
            let value = |s: f64| match model {
                Model::Subgradient => c.abs() + c.signum() * s * square,
                Model::ProxLinear => (c + s * square).abs(),
                Model::ProxPoint => sample(s),
            };
            let points = across(if *model == Model::ProxPoint { 300 } else { 60 }, reach).map(|s| [s, value(s)]);
            let points: Vec<[f64; 2]> = points.filter(|p| p[1] <= top * (1.0 + 1e-9)).collect();
            figure.line(points.iter().map(|p| p[0]), points.iter().map(|p| p[1])).of(model.id());
            let mut y = x.clone();
            samples.step(*model, i, alpha, &mut y, &mut vec![0.0; x.len()]);
            let off: Vec<f64> = y.iter().zip(x).map(|(y, x)| y - x).collect();
            let to = inner(&off, &gradient) / square;
            figure.dot([to], [value(to)]).of(model.id()).radius(4.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::powi;
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, prop_assume, proptest};

    fn samples(problem: Problem, seed: u64) -> Samples {
        let setting = Setting { problem, outliers: 0.2, ..Setting::default() };
        Samples::new(&setting, &mut Rng::seed_from_u64(seed))
    }

    const PROBLEMS: [Problem; 2] = [Problem::PhaseRetrieval, Problem::BlindDeconvolution];

    proptest! {
        #[test]
        fn a_step_goes_to_where_model_and_leash_are_least(seed in 0_u64..200, decade in -3_i32..=1) {
            let alpha = powi(10.0, decade);
            for problem in PROBLEMS {
                let samples = samples(problem, seed);
                let mut rng = Rng::seed_from_u64(seed + 1000);
                let x = direction(20, &mut rng);
                let mut gradient = vec![0.0; 20];
                let c = samples.inner(3, &x, &mut gradient);
                for model in [Model::ProxLinear, Model::ProxPoint, Model::Subgradient] {
                    let cost = |y: &[f64]| {
                        let off: Vec<f64> = y.iter().zip(&x).map(|(y, x)| y - x).collect();
                        let along = inner(&gradient, &off);
                        let value = match model {
                            Model::Subgradient => c.abs() + c.signum() * along,
                            Model::ProxLinear => (c + along).abs(),
                            Model::ProxPoint => samples.inner(3, y, &mut [0.0; 20]).abs(),
                        };
                        value + inner(&off, &off) / (2.0 * alpha)
                    };
                    let mut y = x.clone();
                    samples.step(model, 3, alpha, &mut y, &mut [0.0; 20]);
                    let least = cost(&y);
                    // Moves of all sizes, in the span of u and v, where the model changes, and in the whole space.
                    for k in 0..60 {
                        let mut z = y.clone();
                        let size = powi(10.0, -(k % 6));
                        add(size * rng.sample::<f64, _>(StandardNormal), &samples.u[3], &mut z);
                        add(size * rng.sample::<f64, _>(StandardNormal), &samples.v[3], &mut z);
                        if k % 2 == 0 {
                            add(size, &normals(20, &mut rng), &mut z);
                        }
                        let there = cost(&z);
                        prop_assert!(there >= least - 1e-9 * (1.0 + least.abs()), "{model:?} {problem:?}: {there} {least}");
                    }
                }
            }
        }

        #[test]
        fn the_proximal_point_minimises_the_strongly_convex_objective(seed in 0_u64..40) {
            for problem in PROBLEMS {
                let samples = samples(problem, seed);
                let mut rng = Rng::seed_from_u64(seed + 1000);
                let x = direction(20, &mut rng);
                let rho_hat = 2.0 * samples.rho;
                let y = samples.prox(&x, rho_hat);
                let cost = |z: &[f64]| samples.value(z) + 0.5 * rho_hat * distance(z, &x) * distance(z, &x);
                // F(z) ≥ F(y) + ½ (ρ̂ - ρ) ‖z - y‖²
                for k in 0..30 {
                    let mut z = y.clone();
                    add(powi(10.0, -(k % 5)), &direction(20, &mut rng), &mut z);
                    let off = distance(&z, &y);
                    let slack = cost(&z) - cost(&y) - 0.5 * (rho_hat - samples.rho) * off * off;
                    prop_assert!(slack > -1e-6 * off - 1e-9, "{problem:?} {k}: {slack:e}");
                }
            }
        }

        #[test]
        fn a_quartic_with_known_roots_gives_them_back(mut roots in prop::array::uniform4(-3.0_f64..3.0)) {
            roots.sort_by(f64::total_cmp);
            prop_assume!(roots.windows(2).all(|pair| pair[1] - pair[0] > 0.05));
            let mut c = [1.0, 0.0, 0.0, 0.0, 0.0];
            for (degree, root) in roots.iter().enumerate() {
                for k in (0..=degree + 1).rev() {
                    c[k] = if k > 0 { c[k - 1] } else { 0.0 } - root * c[k];
                }
            }
            let found: Vec<f64> = quartic_roots(c).into_iter().flatten().collect();
            prop_assert_eq!(found.len(), 4);
            for (found, root) in found.iter().zip(roots) {
                prop_assert!((found - root).abs() < 1e-9, "{} {}", found, root);
            }
        }
    }
}
