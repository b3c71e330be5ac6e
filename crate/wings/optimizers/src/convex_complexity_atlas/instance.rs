//! The classes of functions: instances whose minimum is known, with the constants that theorems speak of.

use super::methods::Polygon;
use super::{Class, Kind, Setting};
use crate::last_iterate_sgd::onto_simplex;
use crate::linear_model::{LinearModel, Loss};
use crate::plane::Plane;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, View, gram, inner, matvec};
use orrery_kernels::math::log_spaced;
use orrery_kernels::random::{direction, normals};

/// What an oracle answers questions about.
pub(super) enum Function {
    /// $\tfrac12x^\top Mx-c\,x_1$ with $M=c\,\mathrm{tridiag}(-1,2,-1)+\alpha I$: Nesterov's worst quadratic.
    Chain { c: f64, alpha: f64 },
    /// $\tfrac12\sum_i\lambda_i(x_i-x_i^*)^2$.
    Diagonal(Vec<f64>),
    /// $\gamma\max_ix_i+\tfrac\alpha2\|x\|^2$.
    Peak { gamma: f64, alpha: f64 },
    /// $\max_i\langle a_i,x\rangle+b_i$.
    Planes { rows: Vec<f64>, offsets: Vec<f64> },
    /// A mean over rows.
    Model(LinearModel),
    /// Of two variables.
    Plane(Plane),
    /// $x^\top Ay$, the matrix by rows and by columns; a point is both players' $(x,y)$.
    Game { matrix: Vec<f64>, side: usize },
}

/// Where it is minimised, or what is added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Constraint {
    Free,
    /// $\|x\|\le R$.
    Ball(f64),
    /// $x\ge0$, $\sum x_i=1$.
    Simplex,
    /// $x\ge0$.
    Orthant,
    /// $|x_i|\le h$.
    Square(f64),
    /// Plus $\|x\|_1$.
    L1,
}

/// A problem.
pub(super) struct Instance {
    pub function: Function,
    pub constraint: Constraint,
    pub start: Vec<f64>,
    /// $x^*$, where there is one to show.
    pub solution: Vec<f64>,
    /// $f(x^*)$.
    pub least: f64,
    /// $f(x_1)-f(x^*)$.
    pub first: f64,
    /// Smoothness $\beta$, strong convexity $\alpha$, and the length $L$ of a subgradient.
    pub beta: f64,
    pub alpha: f64,
    pub lipschitz: f64,
    /// $\max f-\min f$ where it is minimised: the $2B$ of cutting planes.
    pub range: f64,
    /// Smoothness in the $\ell_1$ norm, on the simplex.
    pub vertex_beta: f64,
    /// What nobody can get below after $t$ steps, for $t=0,1,\dots$, and, if it is one method's alone, whose.
    pub zone: Vec<f64>,
    pub zone_of: Option<&'static str>,
}

/// Rows of least squares and of the LASSO.
const ROWS: usize = 100;
/// The plane is looked at in a square of this half side.
pub(super) const HALF: f64 = 4.0;

impl Constraint {
    /// The nearest feasible point; for the $\ell_1$ norm, its proximal map with this step.
    pub(super) fn prox(self, x: &mut [f64], step: f64) {
        match self {
            Self::Free => (),
            Self::Ball(radius) => {
                let length = inner(x, x).sqrt();
                if length > radius {
                    x.iter_mut().for_each(|x| *x *= radius / length);
                }
            }
            Self::Simplex => onto_simplex(x),
            Self::Orthant => x.iter_mut().for_each(|x| *x = x.max(0.0)),
            Self::Square(half) => x.iter_mut().for_each(|x| *x = x.clamp(-half, half)),
            Self::L1 => x.iter_mut().for_each(|x| *x = (x.abs() - step).max(0.0).copysign(*x)),
        }
    }

    /// The normal of a half space that holds the set and not `x`; nothing where `x` is feasible.
    pub(super) fn separate(self, x: &[f64]) -> Option<Vec<f64>> {
        match self {
            Self::Ball(radius) => (inner(x, x).sqrt() > radius).then(|| x.to_vec()),
            Self::Square(half) => {
                let out = x.iter().position(|x| x.abs() > half)?;
                Some((0..x.len()).map(|i| if i == out { x[i].signum() } else { 0.0 }).collect())
            }
            _ => None,
        }
    }
}

impl Function {
    /// $f(x)$, with a (sub)gradient written into `g`.
    pub(super) fn value_and_gradient(&self, x: &[f64], solution: &[f64], g: &mut [f64]) -> f64 {
        match self {
            Self::Chain { c, alpha } => {
                let last = x.len() - 1;
                for (i, g) in g.iter_mut().enumerate() {
                    let left = if i > 0 { x[i - 1] } else { 1.0 };
                    let right = if i < last { x[i + 1] } else { 0.0 };
                    // The 1 beyond the first coordinate is the linear term.
                    *g = c * (2.0 * x[i] - left - right) + alpha * x[i];
                }
                0.5 * (inner(g, x) - c * x[0])
            }
            Self::Diagonal(lambda) => {
                let mut value = 0.0;
                for (((g, x), s), lambda) in g.iter_mut().zip(x).zip(solution).zip(lambda) {
                    *g = lambda * (x - s);
                    value += 0.5 * *g * (x - s);
                }
                value
            }
            Self::Peak { gamma, alpha } => {
                // The oracle that resists: of several greatest coordinates it names the first.
                let first = (0..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best });
                g.iter_mut().zip(x).for_each(|(g, x)| *g = alpha * x);
                g[first] += gamma;
                gamma * x[first] + 0.5 * alpha * inner(x, x)
            }
            Self::Planes { rows, offsets } => {
                let mut best = f64::NEG_INFINITY;
                for (row, offset) in rows.chunks_exact(x.len()).zip(offsets) {
                    let value = inner(row, x) + offset;
                    if value > best {
                        best = value;
                        g.copy_from_slice(row);
                    }
                }
                best
            }
            Self::Model(model) => model.value_and_gradient(x, g),
            Self::Plane(plane) => plane.value_and_gradient(x, g),
            Self::Game { matrix, side } => {
                let view = View::by_rows(matrix, *side, *side);
                let (costs, gains) = (matvec(view, &x[*side..]), matvec(view.t(), &x[..*side]));
                g[..*side].copy_from_slice(&costs);
                g[*side..].iter_mut().zip(&gains).for_each(|(g, gain)| *g = -gain);
                // What each player could still win by deviating.
                let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                most - costs.iter().copied().fold(f64::INFINITY, f64::min)
            }
        }
    }
}

impl Instance {
    fn new(function: Function, constraint: Constraint, start: Vec<f64>, solution: Vec<f64>) -> Self {
        Self {
            function,
            constraint,
            start,
            solution,
            least: 0.0,
            first: 0.0,
            beta: 1.0,
            alpha: 0.0,
            lipschitz: 1.0,
            range: 1.0,
            vertex_beta: 1.0,
            zone: Vec::new(),
            zone_of: None,
        }
    }

    /// With the value at the start measured.
    fn measured(mut self) -> Self {
        self.first = self.gap(&self.start);
        self
    }

    /// $f(x)$, plus what is added to it.
    pub(super) fn value(&self, x: &[f64]) -> f64 {
        let f = match &self.function {
            Function::Model(model) => model.value(x),
            f => f.value_and_gradient(x, &self.solution, &mut vec![0.0; x.len()]),
        };
        if self.constraint == Constraint::L1 { f + x.iter().map(|x| x.abs()).sum::<f64>() } else { f }
    }

    pub(super) fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let mut g = vec![0.0; x.len()];
        self.function.value_and_gradient(x, &self.solution, &mut g);
        g
    }

    /// $f(x)-f(x^*)$; for quadratics as $\tfrac12(x-x^*)^\top M(x-x^*)$, so that nothing cancels.
    pub(super) fn gap(&self, x: &[f64]) -> f64 {
        let Function::Chain { c, alpha } = self.function else { return self.value(x) - self.least };
        let (mut energy, mut before) = (0.0, 0.0);
        for (x, s) in x.iter().zip(&self.solution) {
            let d = x - s;
            energy += c * (d - before) * (d - before) + alpha * d * d;
            before = d;
        }
        0.5 * (energy + c * before * before)
    }

    /// $\|x_1-x^*\|^2$.
    pub(super) fn distance_squared(&self) -> f64 {
        self.start.iter().zip(&self.solution).map(|(x, s)| (x - s) * (x - s)).sum()
    }

    /// Nesterov's worst quadratic in `k` coordinates with curvatures between $\alpha$ and $\beta=1$. A gradient at a point
    /// whose last coordinates are zero fills one more, so after $t$ steps only the first $t$ can differ from zero: the
    /// zone is the least value over those. By elimination, $M=LDL^\top$, $Ly=c\,e_1$, that is
    /// $f_t^*=-\tfrac12\sum_{i\le t}y_i^2/D_i$.
    pub(super) fn chain(k: usize, alpha: f64, constraint: Constraint) -> Self {
        let c = (1.0 - alpha) / 4.0;
        let (mut pivots, mut y) = (vec![2.0 * c + alpha], vec![c]);
        for i in 1..k {
            pivots.push(2.0 * c + alpha - c * c / pivots[i - 1]);
            y.push(c / pivots[i - 1] * y[i - 1]);
        }
        let mut solution = vec![0.0; k];
        let mut zone = vec![0.0; k + 1];
        for i in (0..k).rev() {
            let next = solution.get(i + 1).copied().unwrap_or(0.0);
            solution[i] = (y[i] + c * next) / pivots[i];
            zone[i] = zone[i + 1] + 0.5 * y[i] * y[i] / pivots[i];
        }
        zone.truncate(k);
        let instance = Self::new(Function::Chain { c, alpha }, constraint, vec![0.0; k], solution);
        Self { alpha, zone, ..instance }.measured()
    }

    /// The worst Lipschitz function on the unit ball, with $L=1$: $\gamma=\sqrt k/(1+\sqrt k)$, $\alpha=1/(1+\sqrt k)$.
    fn peak(k: usize) -> Self {
        let root = (k as f64).sqrt();
        let (gamma, alpha) = (root / (1.0 + root), 1.0 / (1.0 + root));
        let solution = vec![-gamma / (alpha * k as f64); k];
        let instance = Self::new(Function::Peak { gamma, alpha }, Constraint::Ball(1.0), vec![0.0; k], solution);
        let least = -gamma * gamma / (2.0 * alpha * k as f64);
        // Each of the first k points has a coordinate that is still zero, so that f ≥ 0 there.
        Self { least, zone: vec![-least; k + 1], range: 2.0, ..instance }.measured()
    }

    /// A hundred planes over the unit ball. The gradients of fifty sum to zero, and those planes meet at $x^*$, which is
    /// therefore a minimum; the others pass below.
    pub(super) fn planes(d: usize, rng: &mut Rng) -> Self {
        let (count, active) = (100, 50);
        let mut rows: Vec<f64> = normals(count * d, rng).iter().map(|a| a / (d as f64).sqrt()).collect();
        for j in 0..d {
            let mean = (0..active).map(|i| rows[i * d + j]).sum::<f64>() / active as f64;
            (0..active).for_each(|i| rows[i * d + j] -= mean);
        }
        let solution: Vec<f64> = direction(d, rng).iter().map(|x| 0.5 * x).collect();
        let slack = |i: usize, rng: &mut Rng| if i < active { 0.0 } else { rng.random::<f64>() };
        let offsets = (0..count).map(|i| -inner(&rows[i * d..(i + 1) * d], &solution) - slack(i, rng)).collect();
        let lipschitz = rows.chunks_exact(d).map(|a| inner(a, a).sqrt()).fold(0.0, f64::max);
        let function = Function::Planes { rows, offsets };
        let instance = Self::new(function, Constraint::Ball(1.0), vec![0.0; d], solution);
        Self { lipschitz, range: 2.0 * lipschitz, ..instance }.measured()
    }

    /// The greatest curvature of $\tfrac1{2m}\|Ax-b\|^2$.
    fn curvature(design: &[f64], rows: usize, columns: usize) -> f64 {
        let view = View::by_rows(design, rows, columns);
        let small = if rows < columns { gram(view) } else { gram(view.t()) };
        let side = rows.min(columns);
        DMatrix::from_vec(side, side, small).symmetric_eigenvalues().max() / rows as f64
    }

    fn squares(
        design: Vec<f64>,
        targets: Vec<f64>,
        constraint: Constraint,
        start: Vec<f64>,
        solution: Vec<f64>,
    ) -> Self {
        let beta = Self::curvature(&design, targets.len(), start.len());
        let model = LinearModel { loss: Loss::Square, design, targets, ridge: 0.0 };
        let instance = Self::new(Function::Model(model), constraint, start, solution);
        let least = instance.value(&instance.solution);
        Self { beta, least, ..instance }.measured()
    }

    /// Least squares over the simplex whose exact solution has a tenth of the entries.
    pub(super) fn on_simplex(n: usize, worst: bool, rng: &mut Rng) -> Self {
        let uniform = vec![1.0 / n as f64; n];
        if worst {
            // ½‖x − p‖² with p on the first half: the mean of m vertices, of which a step brings one.
            let m = n.div_ceil(2);
            let solution = (0..n).map(|i| if i < m { 1.0 / m as f64 } else { 0.0 }).collect();
            let instance = Self::new(Function::Diagonal(vec![1.0; n]), Constraint::Simplex, uniform, solution);
            let zone = (0..m).map(|t| 0.5 * (1.0 / t.max(1) as f64 - 1.0 / m as f64)).collect();
            return Self { zone, zone_of: Some("frank-wolfe"), ..instance }.measured();
        }
        let design = normals(ROWS * n, rng);
        let few = n.div_ceil(10);
        let mut solution = vec![0.0; n];
        solution[..few].iter_mut().for_each(|x| *x = 0.1 + rng.random::<f64>());
        let sum: f64 = solution.iter().sum();
        solution.iter_mut().for_each(|x| *x /= sum);
        let targets = matvec(View::by_rows(&design, ROWS, n), &solution);
        // ‖∇f(x)‖∞ ≤ max_i ‖a_i‖ · max_j ‖A(e_j − p)‖ / m, by columns.
        let column = |j: usize| (0..ROWS).map(move |i| (i, j));
        let (mut longest, mut farthest): (f64, f64) = (0.0, 0.0);
        for j in 0..n {
            longest = longest.max(column(j).map(|(i, j)| design[i * n + j] * design[i * n + j]).sum());
            let far = |(i, j): (usize, usize)| design[i * n + j] - targets[i];
            farthest = farthest.max(column(j).map(|at| far(at) * far(at)).sum());
        }
        let rows = ROWS as f64;
        let instance = Self::squares(design, targets, Constraint::Simplex, uniform, solution);
        // In the ℓ₁ norm β is the greatest diagonal entry of AᵀA/m.
        Self { lipschitz: (longest * farthest).sqrt() / rows, vertex_beta: longest / rows, ..instance }
    }

    /// A LASSO with a chosen solution (Nesterov's generator): columns are scaled until the residual $r$ satisfies
    /// $\langle a_i,r\rangle=\mathrm{sign}(x_i^*)$ on the support and is shorter elsewhere.
    pub(super) fn lasso(n: usize, rng: &mut Rng) -> Self {
        let rows = ROWS as f64;
        let mut design = normals(ROWS * n, rng);
        // The model is a mean of squares: with these deviations it is ½‖Ax − b‖² for A of deviation 1/√m.
        let residual: Vec<f64> = normals(ROWS, rng).iter().map(|r| r * rows.sqrt()).collect();
        let mut slopes = matvec(View::by_rows(&design, ROWS, n).t(), &residual);
        slopes.iter_mut().for_each(|c| *c /= rows);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| slopes[*b].abs().total_cmp(&slopes[*a].abs()));
        let (mut solution, mut scales) = (vec![0.0; n], vec![1.0; n]);
        for (place, &i) in order.iter().enumerate() {
            let size = slopes[i].abs().max(1e-12);
            if place < n.div_ceil(10) {
                scales[i] = 1.0 / size;
                solution[i] = (1.0 + rng.random::<f64>()).copysign(slopes[i]);
            } else {
                scales[i] = (rng.random::<f64>() / size).min(1.0);
            }
        }
        for row in design.chunks_exact_mut(n) {
            row.iter_mut().zip(&scales).for_each(|(a, scale)| *a *= scale);
        }
        let mut targets = matvec(View::by_rows(&design, ROWS, n), &solution);
        targets.iter_mut().zip(&residual).for_each(|(b, r)| *b += r);
        Self::squares(design, targets, Constraint::L1, vec![0.0; n], solution)
    }

    /// Logistic regression.
    pub(super) fn logistic(d: usize, rng: &mut Rng) -> Self {
        let model = LinearModel::logistic(8 * d + 20, &vec![1.0; d], 2.0, rng);
        let beta = 0.25 * Self::curvature(&model.design, model.rows(), d);
        let (solution, least) = model.solution();
        let instance = Self::new(Function::Model(model), Constraint::Free, vec![0.0; d], solution);
        Self { beta, least, ..instance }.measured()
    }

    /// Least squares with ridge $\alpha=1/\kappa$; every row has $\beta=1$.
    pub(super) fn finite_sum(d: usize, kappa: f64, rng: &mut Rng) -> Self {
        let (rows, alpha) = (4 * d, 1.0 / kappa);
        let mut design = normals(rows * d, rng);
        for row in design.chunks_exact_mut(d) {
            let scale = ((1.0 - alpha) / inner(row, row).max(1e-12)).sqrt();
            row.iter_mut().for_each(|a| *a *= scale);
        }
        let truth = normals(d, rng);
        let noise = normals(rows, rng);
        let mut targets = matvec(View::by_rows(&design, rows, d), &truth);
        targets.iter_mut().zip(&noise).for_each(|(b, noise)| *b += 0.1 * noise);
        let model = LinearModel { loss: Loss::Square, design, targets, ridge: alpha };
        let (solution, least) = model.solution();
        let radius = 2.0 * inner(&solution, &solution).sqrt();
        let slope = |i: usize| {
            let length = inner(model.row(i), model.row(i)).sqrt();
            length * (length * radius + model.targets[i].abs()) + alpha * radius
        };
        let lipschitz = (0..rows).map(slope).fold(0.0, f64::max);
        let instance = Self::new(Function::Model(model), Constraint::Ball(radius), vec![0.0; d], solution);
        Self { alpha, lipschitz, least, ..instance }.measured()
    }

    /// A game with payoffs between −1 and 1.
    fn game(side: usize, rng: &mut Rng) -> Self {
        let matrix: Vec<f64> = (0..side * side).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
        let lipschitz = matrix.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
        let start = vec![1.0 / side as f64; 2 * side];
        let instance = Self::new(Function::Game { matrix, side }, Constraint::Free, start, Vec::new());
        Self { lipschitz, ..instance }.measured()
    }

    /// The visitor's function of two variables, over a square.
    fn plane(setting: &Setting) -> Result<Self> {
        let plane = Plane::formula("formula", &setting.formula)?;
        let Some(&start) = setting.start.0.first() else { return Err(Error::of("start", "takes one point")) };
        let side = 96;
        let at = |k: usize| HALF * (2.0 * k as f64 / side as f64 - 1.0);
        let (mut best, mut least, mut most, mut lipschitz) = ([0.0; 2], f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
        for k in 0..(side + 1) * (side + 1) {
            let x = [at(k % (side + 1)), at(k / (side + 1))];
            let mut g = [0.0; 2];
            let value = plane.value_and_gradient(&x, &mut g);
            let slope: f64 = inner(&g, &g).sqrt();
            let finite = value.abs() < 1e12 && slope < 1e12;
            if !finite {
                let message = format!("is not finite, or has no gradient, at ({}, {})", x[0], x[1]);
                return Err(Error::of("formula", message));
            }
            if value < least {
                (best, least) = (x, value);
            }
            most = f64::max(most, value);
            lipschitz = f64::max(lipschitz, slope);
        }
        // From the lowest of the grid by trying eight neighbours, nearer and nearer.
        let mut step = HALF / side as f64;
        for _ in 0..1000 {
            if step < 1e-13 {
                break;
            }
            let near = (0..9).map(|k| [best[0] + step * (k % 3 - 1) as f64, best[1] + step * (k / 3 - 1) as f64]);
            let near = near.filter(|x| x[0].abs() <= HALF && x[1].abs() <= HALF).map(|x| (plane.value(&x), x));
            let next = near.fold((least, best), |best, next| if next.0 < best.0 { next } else { best });
            if next.0 < least { (least, best) = next } else { step *= 0.5 }
        }
        let instance = Self::new(Function::Plane(plane), Constraint::Square(HALF), start.to_vec(), best.to_vec());
        // In a kink's valley the neighbours may all lie higher; cutting planes find the bottom of any convex function.
        let instance = Self { least, lipschitz, ..instance };
        let mut polygon = Polygon::square(HALF);
        while let Some(cut) = polygon.cut(&instance) {
            if cut.value < least {
                (least, best) = (cut.value, cut.centre);
            }
        }
        if least < -1e12 {
            return Err(Error::of("formula", format!("falls without end near ({}, {})", best[0], best[1])));
        }
        Ok(Self { least, solution: best.to_vec(), range: most - least, ..instance }.measured())
    }

    /// The instance that the visitor asked for.
    pub(super) fn asked(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let Setting { functions: class, dimension: n, condition: kappa, instance, .. } = *setting;
        let worst = instance == Kind::Worst;
        let made = match class {
            Class::Smooth if worst => Self::chain(n - 1, 0.0, Constraint::Free),
            Class::Smooth => Self::logistic(n.min(50), rng),
            Class::StronglyConvex if worst => Self::chain(n, 1.0 / kappa, Constraint::Free),
            Class::StronglyConvex => {
                let solution = normals(n, rng);
                let function = Function::Diagonal(log_spaced(1.0 / kappa, 1.0, n));
                let alpha = 1.0 / kappa;
                Self { alpha, ..Self::new(function, Constraint::Free, vec![0.0; n], solution) }.measured()
            }
            Class::Lipschitz if worst => Self::peak(n),
            Class::Lipschitz => Self::planes(n.min(10), rng),
            Class::Simplex => Self::on_simplex(n, worst, rng),
            Class::Composite if worst => Self::chain(n - 1, 0.0, Constraint::Orthant),
            Class::Composite => Self::lasso(n, rng),
            Class::Saddle => Self::game(n.min(50), rng),
            Class::FiniteSum => Self::finite_sum(n.min(50), kappa, rng),
            Class::CuttingPlane => Self::plane(setting)?,
        };
        if made.first > 1e-9 && made.first.is_finite() {
            return Ok(made);
        }
        let (control, message) = match class {
            Class::CuttingPlane => ("start", "is already at the minimum"),
            Class::StronglyConvex | Class::FiniteSum => ("condition", "leaves nothing to do: take more than 1"),
            _ => ("dimension", "leaves nothing to do: take more"),
        };
        Err(Error::of(control, message))
    }
}
