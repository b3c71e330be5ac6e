//! The methods: each update as the monograph writes it, with the bound that is proved of it.

use super::instance::{Constraint, Function, HALF, Instance};
use super::{Class, Methods, Setting};
use crate::linear_model::LinearModel;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, View, gram, inner, matvec, outer_add, ridge};
use orrery_kernels::math::{E, cos, exp, log, log1p, pow, powi, sin};

/// What is proved of the gap after `t` steps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// $a/(t+s)^p$.
    Power { a: f64, shift: f64, power: f64 },
    /// $a\,e^{-rt}$.
    Exponential { a: f64, rate: f64 },
    /// $a/t+b$: a method whose step was made for one horizon.
    Horizon { a: f64, b: f64 },
    /// $a\,0.9^s$ after $s$ epochs.
    Epochs { a: f64 },
}

impl Bound {
    fn at(self, t: usize, epochs: usize) -> f64 {
        let t = t as f64;
        match self {
            Self::Power { a, shift, power } => a / pow(t + shift, power),
            Self::Exponential { a, rate } => a * exp(-rate * t),
            Self::Horizon { a, b } => a / t + b,
            Self::Epochs { a } => a * powi(0.9, epochs as i32),
        }
    }
}

/// How a method moves, with its memory.
#[derive(Clone)]
pub(super) enum Mover {
    Gradient {
        step: f64,
    },
    /// The momentum is Nesterov's for convex functions ($\lambda_t$) unless it is told.
    Accelerated {
        at: Vec<f64>,
        lambda: f64,
        told: Option<f64>,
        step: f64,
    },
    Subgradient {
        at: Vec<f64>,
        eta: f64,
    },
    FrankWolfe,
    Mirror {
        at: Vec<f64>,
        eta: f64,
    },
    MirrorProx {
        at: Vec<f64>,
        eta: f64,
    },
    Ellipsoid {
        centre: Vec<f64>,
        shape: Vec<f64>,
        best: f64,
    },
    Gravity {
        polygon: Polygon,
        best: f64,
    },
    Interior {
        tau: f64,
        t: f64,
    },
    Stochastic {
        at: Vec<f64>,
        seen: usize,
    },
    Svrg {
        anchor: Vec<f64>,
        full: Option<Vec<f64>>,
        at: Vec<f64>,
        sum: Vec<f64>,
        left: usize,
        purse: usize,
        eta: f64,
    },
    Coordinate {
        residual: Vec<f64>,
        columns: std::rc::Rc<Vec<f64>>,
        step: f64,
    },
}

/// A method on its way.
#[derive(Clone)]
pub(super) struct Run {
    pub id: &'static str,
    pub name: &'static str,
    /// What it asks.
    pub oracle: &'static str,
    /// Its bound, as written.
    pub law: &'static str,
    pub mover: Mover,
    pub bound: Bound,
    /// The point that the theorem speaks of: the last, the best or the mean.
    pub x: Vec<f64>,
    pub t: usize,
    pub epochs: usize,
    /// Whether it has stopped: solved to the last digit, or gone to infinity.
    pub stopped: bool,
    rng: Rng,
    pub gap: f64,
    pub limit: f64,
    /// The greatest gap/bound so far, while the bound is more than rounding.
    pub worst: f64,
    /// How far it went into the zone, as a share of the zone's height; negative outside.
    pub intrusion: Option<f64>,
    pub gaps: Series,
    pub bounds: Series,
    pub ratios: Series,
    pub path: Series,
}

/// Below this share of the first gap differences of values are rounding.
pub(super) const ROUNDING: f64 = 1e-12;

/// $x\leftarrow\Pi(x-\eta g)$, or the proximal step.
fn descend(x: &mut [f64], g: &[f64], eta: f64, constraint: Constraint) {
    x.iter_mut().zip(g).for_each(|(x, g)| *x -= eta * g);
    constraint.prox(x, eta);
}

/// $x_i\propto x_ie^{-\eta g_i}$.
fn multiply(x: &mut [f64], g: &[f64], eta: f64) {
    let least = g.iter().copied().fold(f64::INFINITY, f64::min);
    x.iter_mut().zip(g).for_each(|(x, g)| *x *= exp(-eta * (g - least)));
    let sum: f64 = x.iter().sum();
    x.iter_mut().for_each(|x| *x = (*x / sum).max(1e-300));
}

/// The same on the simplex, or on the two of a game.
fn mirror_step(f: &Function, x: &mut [f64], g: &[f64], eta: f64) {
    match f {
        Function::Game { side, .. } => {
            let (x, y) = x.split_at_mut(*side);
            multiply(x, &g[..*side], eta);
            multiply(y, &g[*side..], eta);
        }
        _ => multiply(x, g, eta),
    }
}

/// Moves a running mean on to its `t`-th member.
fn average(mean: &mut [f64], x: &[f64], share: f64) {
    mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += share * (x - *mean));
}

impl Run {
    /// One iteration; nothing once it has stopped.
    pub(super) fn advance(&mut self, problem: &Instance) {
        if self.stopped {
            return;
        }
        self.t += 1;
        let before = self.x.clone();
        self.stopped = !self.update(problem);
        let (gone, lost) = (!self.x.iter().all(|x| x.abs() < 1e100), 1e6 * problem.first);
        if gone {
            // What is shown is where it was last seen.
            self.x = before;
        }
        let gap = if gone { lost } else { problem.gap(&self.x) };
        self.gap = if gap <= lost { gap } else { lost };
        self.stopped |= self.gap == lost;
        self.limit = self.bound.at(self.t, self.epochs);
        let floor = ROUNDING * problem.first;
        // An epoch's bound is the value at the start until the first is over.
        if self.limit > floor && !(self.epochs == 0 && matches!(self.bound, Bound::Epochs { .. })) {
            self.worst = self.worst.max(self.gap / self.limit);
            if recorded(self.t) {
                self.ratios.push(self.t as f64, self.gap.max(floor) / self.limit);
            }
        }
        if let Some(&height) = problem.zone.get(self.t)
            && problem.zone_of.is_none_or(|id| id == self.id)
            && height > floor
        {
            let deep = (height - self.gap) / height;
            self.intrusion = Some(self.intrusion.map_or(deep, |before| before.max(deep)));
        }
        if recorded(self.t) {
            self.gaps.push(self.t as f64, self.gap.max(floor));
            if self.limit > floor {
                self.bounds.push(self.t as f64, self.limit);
            }
        }
        if self.x.len() == 2 && recorded(self.t) {
            self.path.push(self.x[0], self.x[1]);
        }
    }

    /// Whether it can go on.
    fn update(&mut self, problem: &Instance) -> bool {
        let Self { x, t, epochs, rng, mover, .. } = self;
        let (f, constraint) = (&problem.function, problem.constraint);
        let t_now = *t as f64;
        match mover {
            // x ← prox(x − ∇f(x)/β)
            Mover::Gradient { step } => {
                let g = problem.gradient(x);
                descend(x, &g, *step, constraint);
            }
            Mover::Accelerated { at, lambda, told, step } => {
                // y⁺ = prox(x − ∇f(x)/β)
                let mut next = at.clone();
                descend(&mut next, &problem.gradient(at), *step, constraint);
                // γ = (1 − λ_t)/λ_{t+1}, or told;  x = (1 − γ) y⁺ + γ y
                let after = 0.5 * (1.0 + (1.0 + 4.0 * *lambda * *lambda).sqrt());
                let gamma = told.unwrap_or((1.0 - *lambda) / after);
                *lambda = after;
                for ((at, next), y) in at.iter_mut().zip(&next).zip(x.iter()) {
                    *at = (1.0 - gamma) * next + gamma * y;
                }
                *x = next;
            }
            Mover::Subgradient { at, eta } => {
                average(x, at, 1.0 / t_now);
                // x ← Π(x − ηg)
                let g = problem.gradient(at);
                descend(at, &g, *eta, constraint);
            }
            Mover::FrankWolfe => {
                // y = argmin over vertices of ⟨∇f(x), y⟩;  x ← (1 − γ) x + γ y, γ = 2/(t + 1)
                let g = problem.gradient(x);
                let vertex = (0..g.len()).fold(0, |best, i| if g[i] < g[best] { i } else { best });
                let gamma = 2.0 / (t_now + 1.0);
                x.iter_mut().for_each(|x| *x *= 1.0 - gamma);
                x[vertex] += gamma;
            }
            Mover::Mirror { at, eta } => {
                average(x, at, 1.0 / t_now);
                // x ∝ x e^{−ηg}
                let g = problem.gradient(at);
                mirror_step(f, at, &g, *eta);
            }
            Mover::MirrorProx { at, eta } => {
                // y ∝ z e^{−ηF(z)};  z ∝ z e^{−ηF(y)}
                let mut y = at.clone();
                mirror_step(f, &mut y, &problem.gradient(at), *eta);
                average(x, &y, 1.0 / t_now);
                mirror_step(f, at, &problem.gradient(&y), *eta);
            }
            Mover::Ellipsoid { centre, shape, best } => {
                let g = match constraint.separate(centre) {
                    Some(outward) => outward,
                    None => {
                        let value = problem.value(centre);
                        if value < *best {
                            *best = value;
                            x.copy_from_slice(centre);
                        }
                        problem.gradient(centre)
                    }
                };
                return shrink(centre, shape, &g);
            }
            Mover::Gravity { polygon, best } => {
                let Some(cut) = polygon.cut(problem) else { return false };
                if cut.value < *best {
                    *best = cut.value;
                    x.copy_from_slice(&cut.centre);
                }
            }
            Mover::Interior { tau, t } => {
                let Function::Planes { rows, offsets } = f else { return false };
                // t ← (1 + 1/13√ν) t, and one Newton step on tτ − Σ log(τ − ⟨a_i, x⟩ − b_i)
                *t *= 1.0 + 1.0 / (13.0 * (offsets.len() as f64).sqrt());
                return newton(rows, offsets, *t, x, tau).is_some() && self.limit > ROUNDING * problem.first;
            }
            Mover::Stochastic { at, seen } => {
                let Function::Model(model) = f else { return false };
                for _ in 0..model.rows() {
                    *seen += 1;
                    let s = *seen as f64;
                    // Σ 2s/(t(t+1)) x_s;  x ← Π(x − 2/(α(s + 1)) ∇f_i(x))
                    average(x, at, 2.0 / (s + 1.0));
                    let i = rng.random_range(0..model.rows() as u32) as usize;
                    let eta = 2.0 / (problem.alpha * (s + 1.0));
                    let pull = slope(model, i, at);
                    for (x, a) in at.iter_mut().zip(model.row(i)) {
                        *x -= eta * (pull * a + problem.alpha * *x);
                    }
                    constraint.prox(at, eta);
                }
            }
            Mover::Svrg { anchor, full, at, sum, left, purse, eta } => {
                let Function::Model(model) = f else { return false };
                *purse += model.rows();
                let length = (20.0 / problem.alpha).ceil() as usize;
                loop {
                    let Some(mu) = full else {
                        // The gradient at the anchor takes all rows.
                        if *purse < model.rows() {
                            break;
                        }
                        *purse -= model.rows();
                        *full = Some(problem.gradient(anchor));
                        (*at, *sum, *left) = (anchor.clone(), vec![0.0; anchor.len()], length);
                        continue;
                    };
                    if *purse < 2 {
                        break;
                    }
                    *purse -= 2;
                    // x ← x − η(∇f_i(x) − ∇f_i(y) + ∇f(y))
                    let i = rng.random_range(0..model.rows() as u32) as usize;
                    let pull = slope(model, i, at) - slope(model, i, anchor);
                    for (((x, y), a), mu) in at.iter_mut().zip(anchor.iter()).zip(model.row(i)).zip(mu.iter()) {
                        *x -= *eta * (pull * a + problem.alpha * (*x - y) + mu);
                    }
                    sum.iter_mut().zip(at.iter()).for_each(|(sum, x)| *sum += x);
                    *left -= 1;
                    if *left == 0 {
                        // y ← (1/k) Σ x_t
                        anchor.iter_mut().zip(sum.iter()).for_each(|(y, sum)| *y = sum / length as f64);
                        x.copy_from_slice(anchor);
                        *epochs += 1;
                        *full = None;
                    }
                }
            }
            Mover::Coordinate { residual, columns, step } => {
                let Function::Model(model) = f else { return false };
                let rows = model.rows();
                for _ in 0..x.len() {
                    // x_j ← x_j − ∇_jf(x)/β_j
                    let j = rng.random_range(0..x.len() as u32) as usize;
                    let column = &columns[j * rows..(j + 1) * rows];
                    let beta = inner(column, column) / rows as f64 + problem.alpha;
                    let slope = inner(column, residual) / rows as f64 + problem.alpha * x[j];
                    let delta = *step * slope / beta;
                    x[j] -= delta;
                    residual.iter_mut().zip(column).for_each(|(r, a)| *r -= delta * a);
                }
            }
        }
        true
    }
}

/// $\langle a_i,x\rangle-b_i$.
fn slope(model: &LinearModel, i: usize, x: &[f64]) -> f64 {
    inner(model.row(i), x) - model.targets[i]
}

/// Steps that are shown: all at first, then one in fifty.
pub(super) fn recorded(t: usize) -> bool {
    t.is_multiple_of((t / 50).max(1))
}

/// The smallest ellipsoid $\{(x-c)^\top H^{-1}(x-c)\le1\}$ that holds the half of this one with $\langle g,x-c\rangle\le0$.
pub(super) fn shrink(centre: &mut [f64], shape: &mut [f64], g: &[f64]) -> bool {
    let n = centre.len() as f64;
    let mut hg = matvec(View::by_rows(shape, g.len(), g.len()), g);
    let length = inner(&hg, g).sqrt();
    let fine = length > 0.0 && length.is_finite();
    if !fine {
        return false;
    }
    hg.iter_mut().for_each(|h| *h /= length);
    // c ← c − Hg/(n + 1);  H ← n²/(n² − 1) (H − 2/(n + 1) Hg gᵀH)
    centre.iter_mut().zip(&hg).for_each(|(c, h)| *c -= h / (n + 1.0));
    outer_add(-2.0 / (n + 1.0), &hg, &hg, shape);
    shape.iter_mut().for_each(|h| *h *= n * n / (n * n - 1.0));
    true
}

/// One Newton step on $t\tau-\sum_i\log(\tau-\langle a_i,x\rangle-b_i)$; gives Newton's decrement, or nothing where the step
/// would leave the domain.
pub(super) fn newton(rows: &[f64], offsets: &[f64], t: f64, x: &mut [f64], tau: &mut f64) -> Option<f64> {
    let d = x.len();
    let mut gradient = vec![0.0; d + 1];
    let mut hessian = vec![0.0; (d + 1) * (d + 1)];
    gradient[d] = t;
    for (row, offset) in rows.chunks_exact(d).zip(offsets) {
        let slack = *tau - inner(row, x) - offset;
        let normal: Vec<f64> = row.iter().copied().chain([-1.0]).collect();
        gradient.iter_mut().zip(&normal).for_each(|(g, a)| *g += a / slack);
        outer_add(1.0 / (slack * slack), &normal, &normal, &mut hessian);
    }
    let move_by = ridge(&hessian, 0.0, &gradient, d + 1, 1);
    let decrement = inner(&move_by, &gradient).max(0.0).sqrt();
    // Damped while far from the path.
    let share = if decrement > 0.25 { 1.0 / (1.0 + decrement) } else { 1.0 };
    let next: Vec<f64> = x.iter().zip(&move_by).map(|(x, m)| x - share * m).collect();
    let level = *tau - share * move_by[d];
    let inside = rows.chunks_exact(d).zip(offsets).all(|(row, b)| level - inner(row, &next) - b > 0.0);
    if !inside {
        return None;
    }
    x.copy_from_slice(&next);
    *tau = level;
    Some(decrement)
}

/// What the cuts have left of the square.
#[derive(Clone, Debug)]
pub(super) struct Polygon {
    pub corners: Vec<[f64; 2]>,
    /// Where the cuts went through it.
    pub cuts: Vec<[[f64; 2]; 2]>,
}

/// A query at the centre of gravity.
pub(super) struct Cut {
    pub centre: [f64; 2],
    pub value: f64,
}

impl Polygon {
    pub(super) fn square(half: f64) -> Self {
        let corners = vec![[-half, -half], [half, -half], [half, half], [-half, half]];
        Self { corners, cuts: Vec::new() }
    }

    /// Area and centre of gravity, by triangles from the first corner.
    pub(super) fn gravity(&self) -> (f64, [f64; 2]) {
        let Some((first, rest)) = self.corners.split_first() else { return (0.0, [0.0; 2]) };
        let (mut area, mut sum) = (0.0, [0.0; 2]);
        for pair in rest.windows(2) {
            let [a, b] = [0, 1].map(|k| [pair[k][0] - first[0], pair[k][1] - first[1]]);
            let part = 0.5 * (a[0] * b[1] - a[1] * b[0]);
            area += part;
            (0..2).for_each(|k| sum[k] += part * (a[k] + b[k]) / 3.0);
        }
        (area, [first[0] + sum[0] / area, first[1] + sum[1] / area])
    }

    /// Keeps what lies on the side of $\langle g,x-c\rangle\le0$.
    pub(super) fn clip(&mut self, centre: [f64; 2], g: [f64; 2]) {
        let side = |p: &[f64; 2]| g[0] * (p[0] - centre[0]) + g[1] * (p[1] - centre[1]);
        let (mut kept, mut cut) = (Vec::new(), Vec::new());
        for (i, p) in self.corners.iter().enumerate() {
            let q = &self.corners[(i + 1) % self.corners.len()];
            let (s, r) = (side(p), side(q));
            if s <= 0.0 {
                kept.push(*p);
            }
            if (s <= 0.0) != (r <= 0.0) {
                let share = s / (s - r);
                let at = [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])];
                kept.push(at);
                cut.push(at);
            }
        }
        if let [from, to] = cut[..] {
            self.cuts.push([from, to]);
        }
        self.corners = kept;
    }

    /// Asks at the centre of gravity and cuts there; nothing once the polygon is too thin for its centre to be known.
    pub(super) fn cut(&mut self, problem: &Instance) -> Option<Cut> {
        let (area, centre) = self.gravity();
        if area.is_nan() || area < 1e-13 * HALF * HALF {
            return None;
        }
        let mut g = [0.0; 2];
        let value = problem.function.value_and_gradient(&centre, &problem.solution, &mut g);
        let steep = inner(&g, &g) > 0.0 && inner(&g, &g).is_finite();
        if !(value.is_finite() && steep) {
            // A point without a slope is a minimum; nothing is left but that point.
            self.corners.clear();
            return value.is_finite().then_some(Cut { centre, value });
        }
        self.clip(centre, g);
        Some(Cut { centre, value })
    }
}

/// The outline of an ellipsoid in the plane: $c+H^{1/2}u$ by Cholesky's factor.
pub(super) fn outline(centre: &[f64], shape: &[f64]) -> Vec<[f64; 2]> {
    let a = shape[0].max(0.0).sqrt();
    let b = if a > 0.0 { shape[2] / a } else { 0.0 };
    let c = (shape[3] - b * b).max(0.0).sqrt();
    let at = |k: u32| {
        let angle = orrery_kernels::math::TAU * f64::from(k) / 72.0;
        [centre[0] + a * cos(angle), centre[1] + b * cos(angle) + c * sin(angle)]
    };
    (0..=72).map(at).collect()
}

/// The methods of a class: the simplest first, then the fastest.
pub(super) fn methods(setting: &Setting, problem: &Instance, horizon: usize, rng: &Rng) -> Vec<Run> {
    // What the methods are told of β and L.
    let told = 1.0 / setting.understated;
    let (beta, lipschitz) = (problem.beta * told, problem.lipschitz * told);
    let (alpha, start, d2) = (problem.alpha, problem.start.clone(), problem.distance_squared());
    let (end, n) = (horizon as f64, start.len() as f64);
    let run = |id, name, oracle, law, mover, bound| Run {
        id,
        name,
        oracle,
        law,
        mover,
        bound,
        x: start.clone(),
        t: 0,
        epochs: 0,
        stopped: false,
        rng: rng.clone(),
        gap: problem.first,
        limit: f64::INFINITY,
        worst: 0.0,
        intrusion: None,
        gaps: Series::new(),
        bounds: Series::new(),
        ratios: Series::new(),
        path: Series::new(),
    };
    let power = |a: f64, shift: f64, power: f64| Bound::Power { a, shift, power };
    let gradient = |step: f64| Mover::Gradient { step };
    let accelerated =
        |momentum: Option<f64>| Mover::Accelerated { at: start.clone(), lambda: 1.0, told: momentum, step: 1.0 / beta };
    let kappa = beta / alpha;
    // 2/(α + β), and β/2 e^{−4t/(κ+1)} ‖x₁ − x*‖².
    let strongly = || (2.0 / (alpha + beta), Bound::Exponential { a: 0.5 * beta * d2, rate: 4.0 / (kappa + 1.0) });
    // η = R/(L√T): R²/(2ηt) + ηL²/2 at every t, which is RL/√T at the last.
    let subgradient = |radius: f64, slope: f64| {
        let eta = radius / (slope * end.sqrt());
        let bound = Bound::Horizon { a: radius * radius / (2.0 * eta), b: 0.5 * eta * slope * slope };
        let mover = Mover::Subgradient { at: start.clone(), eta };
        run("subgradient", "projected subgradient", "subgradient", "R²/(2ηt) + ηL²/2; RL/√T at T", mover, bound)
    };
    // From the ball of radius R about c: 2BR/r e^{−t/2n²}.
    let ellipsoid = |centre: Vec<f64>, radius: f64, inner_radius: f64| {
        let side = centre.len();
        let shape = (0..side * side).map(|k| if k % (side + 1) == 0 { radius * radius } else { 0.0 }).collect();
        let mover = Mover::Ellipsoid { centre, shape, best: f64::INFINITY };
        let bound = Bound::Exponential { a: problem.range * radius / inner_radius, rate: 0.5 / (n * n) };
        run("ellipsoid", "ellipsoid", "subgradient", "(2BR/r) exp(−t/2n²)", mover, bound)
    };
    // η = √(2 log n/T)/L.
    let mirror = |players: f64, size: f64| {
        let eta = (2.0 * log(size) / end).sqrt() / lipschitz;
        let bound = Bound::Horizon { a: players * log(size) / eta, b: players * 0.5 * eta * lipschitz * lipschitz };
        let (mover, law) = (Mover::Mirror { at: start.clone(), eta }, "log n/(ηt) + ηL²/2; L√(2 log n/T) at T");
        run("mirror", "mirror descent (entropy)", "subgradient", law, mover, bound)
    };
    let mut all = match setting.functions {
        Class::Smooth => vec![
            run(
                "gd",
                "gradient descent",
                "gradient",
                "2β‖x₁−x*‖²/t",
                gradient(1.0 / beta),
                power(2.0 * beta * d2, 0.0, 1.0),
            ),
            run(
                "accelerated",
                "Nesterov",
                "gradient",
                "2β‖x₁−x*‖²/(t+1)²",
                accelerated(None),
                power(2.0 * beta * d2, 1.0, 2.0),
            ),
        ],
        Class::StronglyConvex => {
            let (step, bound) = strongly();
            let root = kappa.sqrt();
            let momentum = Some((1.0 - root) / (1.0 + root));
            let fast = Bound::Exponential { a: 0.5 * (alpha + beta) * d2, rate: 1.0 / root };
            vec![
                run("gd", "gradient descent", "gradient", "(β/2) exp(−4t/(κ+1)) ‖x₁−x*‖²", gradient(step), bound),
                run(
                    "accelerated",
                    "Nesterov",
                    "gradient",
                    "((α+β)/2) exp(−t/√κ) ‖x₁−x*‖²",
                    accelerated(momentum),
                    fast,
                ),
            ]
        }
        Class::Lipschitz => {
            let mut all = vec![subgradient(1.0, lipschitz)];
            if let Function::Planes { rows, offsets } = &problem.function {
                all.push(interior(rows, offsets, lipschitz, &run, &start));
            }
            if start.len() <= 100 {
                all.push(ellipsoid(start.clone(), 1.0, 1.0));
            }
            all
        }
        Class::Simplex => {
            let projected = power(3.0 * beta * d2 + problem.first, 1.0, 1.0);
            let vertex = power(8.0 * problem.vertex_beta * told, 2.0, 1.0);
            vec![
                run(
                    "gd",
                    "projected gradient",
                    "gradient, projection",
                    "(3β‖x₁−x*‖² + f(x₁)−f*)/(t+1)",
                    gradient(1.0 / beta),
                    projected,
                ),
                run(
                    "frank-wolfe",
                    "Frank-Wolfe",
                    "gradient, one vertex",
                    "2βR²/(t+2), in ℓ₁",
                    Mover::FrankWolfe,
                    vertex,
                ),
                mirror(1.0, n),
            ]
        }
        Class::Composite => vec![
            run("gd", "ISTA", "gradient, prox", "β‖x₁−x*‖²/2t", gradient(1.0 / beta), power(0.5 * beta * d2, 0.0, 1.0)),
            run(
                "accelerated",
                "FISTA",
                "gradient, prox",
                "2β‖x₁−x*‖²/(t+1)²",
                accelerated(None),
                power(2.0 * beta * d2, 1.0, 2.0),
            ),
        ],
        Class::Saddle => {
            let size = 0.5 * n;
            let mover = Mover::MirrorProx { at: start.clone(), eta: 0.5 / lipschitz };
            let bound = power(4.0 * lipschitz * log(size), 0.0, 1.0);
            let prox = run("mirror-prox", "mirror prox", "both gradients, twice", "4 max|A| log n/t", mover, bound);
            let law = "2 (log n/(ηt) + ηL²/2)";
            vec![Run { oracle: "both gradients", law, ..mirror(2.0, size) }, prox]
        }
        Class::FiniteSum => finite_sum(problem, &run, &start, [beta, lipschitz, told], strongly()),
        Class::CuttingPlane => {
            let far = start.iter().map(|x| (x.abs() + HALF) * (x.abs() + HALF)).sum::<f64>().sqrt();
            let polygon = Polygon::square(HALF);
            let rate = -0.5 * log(1.0 - 1.0 / E);
            let bound = Bound::Exponential { a: problem.range, rate };
            let mover = Mover::Gravity { polygon, best: f64::INFINITY };
            let gravity = run("gravity", "centre of gravity", "subgradient", "2B (1−1/e)^(t/2)", mover, bound);
            vec![subgradient(far, lipschitz), gravity, ellipsoid(start.clone(), far, HALF)]
        }
    };
    match setting.methods {
        Methods::All => (),
        Methods::Simplest => all.truncate(1),
        Methods::Fastest if all.len() > 1 => all = vec![all.swap_remove(1)],
        Methods::Fastest => (),
    }
    for (k, run) in all.iter_mut().enumerate() {
        run.rng.set_stream(k as u64 + 1);
    }
    all
}

type Make<'a> = &'a dyn Fn(&'static str, &'static str, &'static str, &'static str, Mover, Bound) -> Run;

/// Path following on the epigraph of a maximum of planes, begun near the path: $\tfrac{2\nu}{t_0}(1+\tfrac1{13\sqrt\nu})^{-k}$.
fn interior(rows: &[f64], offsets: &[f64], lipschitz: f64, run: Make<'_>, start: &[f64]) -> Run {
    let (nu, mut x) = (offsets.len() as f64, start.to_vec());
    let mut tau = 1.0 + offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = nu / lipschitz;
    for _ in 0..200 {
        if newton(rows, offsets, first, &mut x, &mut tau).is_none_or(|decrement| decrement < 1e-6) {
            break;
        }
    }
    let bound = Bound::Exponential { a: 2.0 * nu / first, rate: log1p(1.0 / (13.0 * nu.sqrt())) };
    let mover = Mover::Interior { tau, t: first };
    let law = "(2ν/t₀) (1 + 1/13√ν)^(−t)";
    Run { x, ..run("interior", "interior point", "all planes at once", law, mover, bound) }
}

fn finite_sum(
    problem: &Instance,
    run: Make<'_>,
    start: &[f64],
    [beta, lipschitz, told]: [f64; 3],
    (step, bound): (f64, Bound),
) -> Vec<Run> {
    let Function::Model(model) = &problem.function else { return Vec::new() };
    let (rows, d, alpha) = (model.rows(), start.len(), problem.alpha);
    let columns: Vec<f64> = (0..rows * d).map(|k| model.design[k % rows * d + k / rows]).collect();
    // H in the norm Σ β_j x_j²: the scaled columns' Gram matrix, and α/β_j.
    let view = View::by_rows(&columns, d, rows);
    let mut h: Vec<f64> = gram(view).iter().map(|h| h / rows as f64).collect();
    (0..d).for_each(|j| h[j * (d + 1)] += alpha);
    let diagonal: Vec<f64> = (0..d).map(|j| h[j * (d + 1)].sqrt()).collect();
    for (k, h) in h.iter_mut().enumerate() {
        *h /= diagonal[k / d] * diagonal[k % d];
    }
    let least = DMatrix::from_vec(d, d, h).symmetric_eigenvalues().min().max(0.0);
    // d steps a pass, each (1 − α₁/d), or with β understated (1 − α₁ u/d).
    let contraction = -(d as f64) * log1p(-(least / (told * d as f64)).min(0.999));
    let sgd =
        Bound::Power { a: 2.0 * lipschitz * lipschitz / (alpha * rows as f64), shift: 1.0 / rows as f64, power: 1.0 };
    let svrg = Mover::Svrg {
        anchor: start.to_vec(),
        full: None,
        at: start.to_vec(),
        sum: Vec::new(),
        left: 0,
        purse: 0,
        eta: 0.1 / beta,
    };
    let residual = model.targets.iter().map(|b| -b).collect();
    let coordinate = Mover::Coordinate { residual, columns: std::rc::Rc::new(columns), step: 1.0 / told };
    let rcd = Bound::Exponential { a: problem.first, rate: contraction };
    let (one, law) = ("one of m gradients", "(β/2) exp(−4t/(κ+1)) ‖x₁−x*‖²");
    let stochastic = Mover::Stochastic { at: start.to_vec(), seen: 0 };
    vec![
        run("sgd", "SGD", one, "2B²/(α(tm+1)), in the mean", stochastic, sgd),
        run(
            "svrg",
            "SVRG",
            "one of m, at times all",
            "0.9^epochs (f(x₁)−f*), in the mean",
            svrg,
            Bound::Epochs { a: problem.first },
        ),
        run("gd", "gradient descent", "all m gradients", law, Mover::Gradient { step }, bound),
        run(
            "coordinate",
            "random coordinates",
            "one partial derivative",
            "(1−α₁/n)^(tn) (f(x₁)−f*), in the mean",
            coordinate,
            rcd,
        ),
    ]
}
