//! Minimise $f$ over a convex set $C$ when all you may ask is *what is $F$ here*, and each answer is noisy: no gradient
//! and no projection onto $C$. Sahu, Zaheer and Kar difference two values along one random direction,
//! $$\hat g_t=\frac{F(x_t+c_tz_t;\xi_t)-F(x_t;\xi_t)}{c_t}\,z_t,$$
//! which is right on the average and, in any one step, hopeless: its size is $\sqrt d$ times that of the gradient, in a
//! random direction. So they average, and walk towards the vertex that looks best to the average:
//! $$d_t=(1-\rho_t)d_{t-1}+\rho_t\hat g_t,$$
//! $$v_t=\arg\min_{v\in C}\langle d_t,v\rangle,$$
//! $$x_{t+1}=(1-\gamma_{t+1})x_t+\gamma_{t+1}v_t.$$
//!
//! The proof gives a gap of $O(d^{1/3}T^{-1/3})$. The first picture measures the power of $T$, the second that of $d$,
//! both over five problems drawn anew: sparse least squares, its solution on the boundary of $C$.
//!
//! **Try** the averaging exponent: at zero the running average is gone and the gap stays where it was. In the plane you
//! can see why: without it the walk jumps from vertex to vertex. Drag the target inside the diamond. Average $m$
//! directions (I-RDSA), or difference along every coordinate (KWSA, $d+1$ values a step).
//!
//! **Where it stops.** The theorem is a bound, and here it is generous: the gap falls about like $1/T$, and hardly
//! depends on $d$, because the noise has the same *total* size in every dimension. Give every coordinate the same noise
//! instead, and the gap grows like $d^{0.6}$: then the constant in the bound grows with $d$ too. In the $\ell_\infty$
//! ball, where the solution is a corner and every sign has to be found, it grows like $d$ over these sizes, from so far
//! below the bound that nothing forbids it. A hundredfold $c_t$ biases the estimate and costs two orders of the gap,
//! but $c_t$ shrinks, and with it the bias. A solution inside the ball, said to be hard for Frank-Wolfe, falls as fast.
//! With KWSA there is little left to average: without it the gap is three to six times as high, not hundreds.
//!
//! What one pays for having neither gradients nor projections shows too: the projected method, which shares the blind
//! estimates, ends at a tenth of the gap, and so does Frank-Wolfe with exact, equally noisy gradients.
//!
//! Scaled down: the paper's attack on an image network is left out. A nuclear ball holds square matrices: $d$ is
//! rounded down to a square; in the plane it is that of diagonal matrices, a diamond. The $\ell_\infty$ ball has radius
//! $1/\sqrt d$. Differences of least squares are evaluated without cancellation.

use crate::curves::Curves;
use crate::last_iterate_sgd::onto_simplex;
use crate::linear_model::{LinearModel, Loss};
use crate::plane::{self, Field, Plane, Window};
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, LineFit, View, gram, inner, matvec};
use orrery_kernels::math::{cbrt, exp, log, log_spaced, pow};
use orrery_kernels::random::{normals, permutation};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "zeroth-order-frank-wolfe",
    title: "Towards Gradient Free and Projection Free Stochastic Optimization",
    year: 2018,
    lists: &[1],
    claim: "One noisy difference a step, averaged, finds the way over a convex set without gradients or projections.",
    algorithms: &[
        "zeroth-order Frank-Wolfe",
        "conditional gradient",
        "RDSA",
        "I-RDSA",
        "KWSA",
        "gradient averaging",
        "linear minimisation oracle",
        "projected SGD",
        "nuclear norm",
    ],
    contenders: &[
        Contender::paper("zofw", "zeroth-order FW"),
        Contender::baseline("plain", "without averaging"),
        Contender::baseline("projected", "zeroth-order projected SGD"),
        Contender::baseline("first", "first-order stochastic FW"),
    ],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// Five examples for each unknown, without errors.
    #[choice("least squares")]
    LeastSquares,
    /// Two hundred examples.
    #[choice("logistic regression")]
    Logistic,
}

/// How a gradient is guessed from values.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Estimator {
    /// One random direction.
    #[choice("RDSA")]
    Rdsa,
    /// The mean over several.
    #[choice("I-RDSA")]
    IRdsa,
    /// Every coordinate.
    #[choice("KWSA")]
    Kwsa,
    /// Not at all: it is given, with its noise.
    #[choice("exact gradient")]
    Exact,
}

/// The set $C$.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Constraint {
    /// $\|x\|_1\le1$.
    #[choice("ℓ₁ ball")]
    L1,
    /// Shares that sum to one.
    #[choice("simplex")]
    Simplex,
    /// $\|x\|_\infty\le1/\sqrt d$.
    #[choice("ℓ∞ ball")]
    Linf,
    /// Square matrices whose singular values sum to at most one.
    #[choice("nuclear ball")]
    Nuclear,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "objective", default = Problem::LeastSquares)]
    pub problem: Problem,
    /// How many unknowns there are.
    #[control(label = "dimension d", range = 2..=200, default = 20)]
    pub dimension: usize,
    /// How many steps are taken.
    #[control(label = "steps T", range = 100..=50_000, log, default = 10_000)]
    pub steps: usize,
    /// How the gradient is guessed.
    #[control(label = "estimator", default = Estimator::Rdsa)]
    pub estimator: Estimator,
    /// Directions of each estimate of I-RDSA.
    #[control(label = "directions m", range = 1..=50, default = 5, when = ("estimator", "i-rdsa"))]
    pub directions: usize,
    /// The set that the solution is sought in.
    #[control(label = "constraint", default = Constraint::L1)]
    pub constraint: Constraint,
    /// The size of the noise on the gradient of F: a random linear term in each pair of values.
    #[control(label = "noise σ", range = 1e-4..=1.0, log, default = 0.05)]
    pub noise: f64,
    /// Whether σ is the noise of every coordinate, and not of all of them together.
    #[control(label = "noise per coordinate", default = false)]
    pub per_coordinate: bool,
    /// How fast the average comes to remember longer: ρ falls like this power of t. At zero it remembers little or nothing.
    #[control(label = "averaging exponent", range = 0.0..=1.0, default = 2.0 / 3.0)]
    pub exponent: f64,
    /// A factor on the distance between the two values.
    #[control(label = "smoothing multiplier", range = 0.01..=100.0, log, default = 1.0)]
    pub smoothing: f64,
    /// Where the solution lies: 1 on the boundary, less inside.
    #[control(label = "solution at", unit = "of the radius", range = 0.1..=1.0, default = 1.0)]
    pub depth: f64,
    /// The unconstrained minimum in the plane. Drag it.
    #[control(
        label = "target in the plane", count = 1..=1, domain = [[-1.5, 1.5], [-1.5, 1.5]],
        default = [[0.35, 1.1]].into()
    )]
    pub target: Points,
}

impl Constraint {
    /// How many unknowns there are, where `d` are asked for.
    fn size(self, d: usize) -> usize {
        let side = (1..=d).take_while(|side| side * side <= d).last().unwrap_or(1);
        if self == Self::Nuclear { side * side } else { d }
    }

    /// $\arg\min_{v\in C}\langle g,v\rangle$.
    fn vertex(self, g: &[f64]) -> Vec<f64> {
        let d = g.len();
        let mut v = vec![0.0; d];
        let lowest = |key: &dyn Fn(f64) -> f64| (0..d).fold(0, |b, k| if key(g[k]) < key(g[b]) { k } else { b });
        match self {
            Self::L1 => {
                let k = lowest(&|g| -g.abs());
                v[k] = if g[k] > 0.0 { -1.0 } else { 1.0 };
            }
            Self::Simplex => v[lowest(&|g| g)] = 1.0,
            Self::Linf => {
                let radius = 1.0 / (d as f64).sqrt();
                v.iter_mut().zip(g).for_each(|(v, g)| *v = if *g > 0.0 { -radius } else { radius });
            }
            // -a bᵀ of the greatest singular value, by power iteration.
            Self::Nuclear => {
                let side = (d as f64).sqrt().round() as usize;
                let g = View::by_rows(g, side, side);
                let unit = |mut x: Vec<f64>| {
                    let length = inner(&x, &x).sqrt();
                    x.iter_mut().for_each(|x| *x = if length > 0.0 { *x / length } else { 0.0 });
                    x
                };
                let mut b = unit((0..side).map(|k| 1.0 + 0.1 * k as f64).collect());
                for _ in 0..1000 {
                    let next = unit(matvec(g.t(), &matvec(g, &b)));
                    let moved = next.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
                    b = next;
                    if moved < 1e-14 {
                        break;
                    }
                }
                let a = unit(matvec(g, &b));
                for (row, a) in v.chunks_exact_mut(side).zip(&a) {
                    row.iter_mut().zip(&b).for_each(|(v, b)| *v = -a * b);
                }
            }
        }
        v
    }

    /// The nearest point of $C$.
    fn project(self, x: &mut [f64]) {
        match self {
            Self::Simplex => onto_simplex(x),
            Self::Linf => {
                let radius = 1.0 / (x.len() as f64).sqrt();
                x.iter_mut().for_each(|x| *x = x.clamp(-radius, radius));
            }
            Self::L1 => {
                let mut sizes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
                if sizes.iter().sum::<f64>() > 1.0 {
                    onto_simplex(&mut sizes);
                    x.iter_mut().zip(&sizes).for_each(|(x, size)| *x = size * x.signum());
                }
            }
            Self::Nuclear => {
                let side = (x.len() as f64).sqrt().round() as usize;
                let matrix = DMatrix::from_row_slice(side, side, x);
                let svd = matrix.svd(true, true);
                if svd.singular_values.sum() > 1.0
                    && let (Some(u), Some(vt)) = (&svd.u, &svd.v_t)
                {
                    let mut values: Vec<f64> = svd.singular_values.iter().copied().collect();
                    onto_simplex(&mut values);
                    for (k, x) in x.iter_mut().enumerate() {
                        let (i, j) = (k / side, k % side);
                        *x = (0..side).map(|s| u[(i, s)] * values[s] * vt[(s, j)]).sum();
                    }
                }
            }
        }
    }

    /// A point of $C$ at `depth` of the way from its middle to its boundary: three entries, or one singular value, or
    /// a vertex.
    fn solution(self, d: usize, depth: f64, rng: &mut Rng) -> Vec<f64> {
        let mut x = vec![0.0; d];
        let sign = |rng: &mut Rng| if rng.random::<bool>() { 1.0 } else { -1.0 };
        match self {
            Self::L1 | Self::Simplex => {
                let few = permutation(d, rng)[..d.min(3)].to_vec();
                let sizes: Vec<f64> = few.iter().map(|_| 0.5 + rng.random::<f64>()).collect();
                let sum: f64 = sizes.iter().sum();
                for (k, size) in few.into_iter().zip(sizes) {
                    x[k] = size / sum * if self == Self::L1 { sign(rng) } else { 1.0 };
                }
            }
            Self::Linf => x.iter_mut().for_each(|x| *x = sign(rng) / (d as f64).sqrt()),
            Self::Nuclear => x = self.vertex(&normals(d, rng)),
        }
        let middle = if self == Self::Simplex { 1.0 / d as f64 } else { 0.0 };
        x.iter_mut().for_each(|x| *x = middle + depth * (*x - middle));
        x
    }
}

/// A function of a vector, known to its solver by noisy values.
enum Objective {
    /// $\tfrac12(x-x^*)^\top H(x-x^*)$.
    Quadratic {
        h: Vec<f64>,
        solution: Vec<f64>,
    },
    Logistic(LinearModel),
}

/// What is known at a point.
struct Here {
    value: f64,
    /// Empty where it was not asked for.
    gradient: Vec<f64>,
    /// $\langle a_i,x\rangle$, of a logistic regression.
    scores: Vec<f64>,
}

/// Along what two values are differenced.
enum Along<'a> {
    Vector(&'a [f64]),
    Axis(usize),
}

impl Objective {
    fn here(&self, x: &[f64]) -> Here {
        let mut gradient = vec![0.0; x.len()];
        match self {
            Self::Quadratic { h, solution } => {
                let y: Vec<f64> = x.iter().zip(solution).map(|(x, s)| x - s).collect();
                gradient = matvec(View::by_rows(h, x.len(), x.len()), &y);
                Here { value: 0.5 * inner(&y, &gradient), gradient, scores: Vec::new() }
            }
            Self::Logistic(model) => {
                let value = model.value_and_gradient(x, &mut gradient);
                let scores = matvec(View::by_rows(&model.design, model.rows(), x.len()), x);
                Here { value, gradient, scores }
            }
        }
    }

    /// The same as far as [`Self::difference`] needs it: a logistic regression's gradient is left out.
    fn height(&self, x: &[f64]) -> Here {
        match self {
            Self::Quadratic { .. } => self.here(x),
            Self::Logistic(model) => {
                let scores = matvec(View::by_rows(&model.design, model.rows(), x.len()), x);
                Here { value: mean_loss(model, &scores), gradient: Vec::new(), scores }
            }
        }
    }

    /// $f(x+cz)-f(x)$: two values of the function, less what they have in common.
    fn difference(&self, here: &Here, along: &Along<'_>, c: f64) -> f64 {
        let d = here.gradient.len();
        match (self, along) {
            (Self::Quadratic { h, .. }, Along::Vector(z)) => {
                let bend = inner(z, &matvec(View::by_rows(h, d, d), z));
                c * inner(&here.gradient, z) + 0.5 * c * c * bend
            }
            (Self::Quadratic { h, .. }, Along::Axis(j)) => c * here.gradient[*j] + 0.5 * c * c * h[j * d + j],
            (Self::Logistic(model), along) => {
                let d = model.columns();
                let moved = match along {
                    Along::Vector(z) => matvec(View::by_rows(&model.design, model.rows(), d), z),
                    Along::Axis(j) => model.design.iter().skip(*j).step_by(d).copied().collect(),
                };
                let there: Vec<f64> = here.scores.iter().zip(&moved).map(|(u, m)| u + c * m).collect();
                mean_loss(model, &there) - here.value
            }
        }
    }

    /// Multiplications, about, of one iteration.
    fn cost(problem: Problem, d: usize) -> usize {
        match problem {
            Problem::LeastSquares => 2 * d * d + 40 * d + 100,
            Problem::Logistic => 3 * ROWS * d + 30 * ROWS,
        }
    }
}

/// The mean of `log(1 + e^{-bu})` over the rows.
fn mean_loss(model: &LinearModel, scores: &[f64]) -> f64 {
    // First all losses, in one loop that runs in SIMD registers.
    let losses: Vec<f64> = scores.iter().zip(&model.targets).map(|(&u, &b)| Loss::Logistic.value(u, b)).collect();
    losses.iter().sum::<f64>() / model.rows() as f64
}

/// Examples of the logistic regression.
const ROWS: usize = 200;

/// A problem, with its least value and its greatest curvature.
struct Task {
    objective: Objective,
    constraint: Constraint,
    least: f64,
    curvature: f64,
    /// Standard deviation of each entry of the noise.
    noise: f64,
}

impl Task {
    fn new(setting: &Setting, d: usize, rng: &mut Rng) -> Self {
        let constraint = setting.constraint;
        let d = constraint.size(d);
        let solution = constraint.solution(d, setting.depth, rng);
        let noise = if setting.per_coordinate { setting.noise } else { setting.noise / (d as f64).sqrt() };
        let (objective, curvature) = match setting.problem {
            Problem::LeastSquares => {
                let n = 5 * d;
                let design = normals(n * d, rng);
                let mut h = gram(View::by_rows(&design, n, d).t());
                h.iter_mut().for_each(|h| *h /= n as f64);
                let mut v = vec![1.0; d];
                let mut curvature = 1.0;
                for _ in 0..60 {
                    v = matvec(View::by_rows(&h, d, d), &v);
                    curvature = inner(&v, &v).sqrt();
                    v.iter_mut().for_each(|v| *v /= curvature);
                }
                (Objective::Quadratic { h, solution: solution.clone() }, curvature)
            }
            Problem::Logistic => {
                // Entries of size 4, so that labels tell something of a solution of size 1.
                let design: Vec<f64> = normals(ROWS * d, rng).iter().map(|a| 4.0 * a).collect();
                let scores = matvec(View::by_rows(&design, ROWS, d), &solution);
                let label = |u: &f64| if rng.random::<f64>() * (1.0 + exp(-u)) < 1.0 { 1.0 } else { -1.0 };
                let targets = scores.iter().map(label).collect();
                let model = LinearModel { loss: Loss::Logistic, design, targets, ridge: 0.0 };
                let curvature = model.smoothness();
                (Objective::Logistic(model), curvature)
            }
        };
        let mut task = Self { objective, constraint, least: 0.0, curvature, noise };
        if setting.problem == Problem::Logistic {
            task.least = task.minimise(solution, 300).1;
        }
        task
    }

    /// The least value over $C$, by projected gradients with momentum from `start`.
    fn minimise(&self, start: Vec<f64>, iterations: usize) -> (Vec<f64>, f64) {
        let (mut x, mut ahead) = (start.clone(), start);
        for k in 0..iterations {
            let here = self.objective.here(&ahead);
            let mut next: Vec<f64> = ahead.iter().zip(&here.gradient).map(|(x, g)| x - g / self.curvature).collect();
            self.constraint.project(&mut next);
            let push = k as f64 / (k as f64 + 3.0);
            ahead = next.iter().zip(&x).map(|(next, x)| next + push * (next - x)).collect();
            x = next;
        }
        let value = self.objective.here(&x).value;
        (x, value)
    }
}

/// How a contender goes about it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Averaged,
    Plain,
    Projected,
    FirstOrder,
}

const KINDS: [Kind; 4] = [Kind::Averaged, Kind::Plain, Kind::Projected, Kind::FirstOrder];

impl Kind {
    fn id(self) -> &'static str {
        CARD.contenders[self as usize].id
    }
}

/// A contender on its way.
#[derive(Clone)]
struct Walk {
    kind: Kind,
    rng: Rng,
    t: usize,
    x: Vec<f64>,
    /// $d_t$.
    average: Vec<f64>,
    /// $x_t$, which the last step left, and the gap there.
    from: Vec<f64>,
    gap: f64,
}

impl Walk {
    fn new(kind: Kind, d: usize, constraint: Constraint, rng: &Rng) -> Self {
        // From the vertex that the first axis points at.
        let mut axis = vec![0.0; d];
        axis[0] = -1.0;
        let x = constraint.vertex(&axis);
        Self { kind, rng: rng.clone(), t: 0, average: vec![0.0; d], from: x.clone(), x, gap: 0.0 }
    }

    /// How far $d_t$ is from the gradient at $x_t$.
    fn error(&self, task: &Task) -> f64 {
        let gradient = task.objective.here(&self.from).gradient;
        let square: f64 = self.average.iter().zip(&gradient).map(|(d, g)| (d - g) * (d - g)).sum();
        square.sqrt()
    }

    /// What it guesses the gradient by, and along how many random directions.
    fn estimator(&self, setting: &Setting) -> (Estimator, usize) {
        let estimator = if self.kind == Kind::FirstOrder { Estimator::Exact } else { setting.estimator };
        let count = match estimator {
            Estimator::Rdsa => 1,
            Estimator::IRdsa => setting.directions,
            Estimator::Kwsa | Estimator::Exact => 0,
        };
        (estimator, count)
    }

    fn advance(&mut self, task: &Task, setting: &Setting) {
        let d = self.x.len();
        let xi: Vec<f64> = normals(d, &mut self.rng).iter().map(|e| task.noise * e).collect();
        let (_, count) = self.estimator(setting);
        let directions: Vec<Vec<f64>> = (0..count).map(|_| normals(d, &mut self.rng)).collect();
        self.take(task, setting, &xi, &directions);
    }

    /// One step with this noise along these directions: for the paper's, an estimate, an average, a vertex.
    fn take(&mut self, task: &Task, setting: &Setting, xi: &[f64], directions: &[Vec<f64>]) {
        let (d, t) = (self.x.len(), self.t as f64);
        let n = d as f64;
        let (estimator, count) = self.estimator(setting);
        let here = match estimator {
            Estimator::Exact => task.objective.here(&self.x),
            _ => task.objective.height(&self.x),
        };
        self.gap = here.value - task.least;
        self.from.clone_from(&self.x);

        // (F(x + cz; ξ) - F(x; ξ)) / c, where F(x; ξ) = f(x) + ⟨ξ, x⟩
        let slope = |along: &Along<'_>, c: f64| {
            let noise = match along {
                Along::Vector(z) => inner(xi, z),
                Along::Axis(j) => xi[*j],
            };
            task.objective.difference(&here, along, c) / c + noise
        };
        let late = cbrt(t + 8.0);
        let mut estimate = vec![0.0; d];
        // c_t and the constant of ρ_t
        let spread = match estimator {
            Estimator::Rdsa | Estimator::IRdsa => {
                let spread = if estimator == Estimator::Rdsa { n } else { 1.0 + n / count as f64 };
                // c_t = 2 √m / (d^{3/2} (t + 8)^{1/3})
                let c = setting.smoothing * 2.0 * (count as f64).sqrt() / (n * n.sqrt() * late);
                for z in directions {
                    // ĝ = (F(x + cz) - F(x)) / c · z,  z ~ N(0, I)
                    let along = slope(&Along::Vector(z), c) / count as f64;
                    estimate.iter_mut().zip(z).for_each(|(g, z)| *g += along * z);
                }
                spread
            }
            Estimator::Kwsa => {
                // c_t = 2 / (d^{1/2} (t + 8)^{1/3})
                let c = setting.smoothing * 2.0 / (n.sqrt() * late);
                estimate.iter_mut().enumerate().for_each(|(j, g)| *g = slope(&Along::Axis(j), c));
                1.0
            }
            Estimator::Exact => {
                estimate.iter_mut().zip(here.gradient.iter().zip(xi)).for_each(|(e, (g, xi))| *e = g + xi);
                1.0
            }
        };

        if self.kind == Kind::Projected {
            // x ← Π(x - η ĝ),  η = 1 / (L √(d (t + d)))
            let eta = 1.0 / (task.curvature * (spread * (t + spread)).sqrt());
            self.x.iter_mut().zip(&estimate).for_each(|(x, g)| *x -= eta * g);
            task.constraint.project(&mut self.x);
        } else {
            // ρ = 4 / (d^{1/3} (t + 8)^{2/3}), at most 1
            let rho = match self.kind {
                Kind::Plain => 1.0,
                _ => (4.0 / (cbrt(spread) * pow(t + 8.0, setting.exponent))).min(1.0),
            };
            // d_t = (1 - ρ) d_{t-1} + ρ ĝ
            self.average.iter_mut().zip(&estimate).for_each(|(d, g)| *d = (1.0 - rho) * *d + rho * g);
            let v = task.constraint.vertex(&self.average);
            // x ← (1 - γ) x + γ v,  γ_{t+1} = 2 / (t + 9)
            let gamma = 2.0 / (t + 9.0);
            self.x.iter_mut().zip(&v).for_each(|(x, v)| *x = (1.0 - gamma) * *x + gamma * v);
        }
        self.t += 1;
    }
}

/// Problems that every measurement is a (geometric) mean over.
const REPEATS: usize = 5;

/// The sweep over dimensions, and its steps.
const DIMENSIONS: [usize; 5] = [10, 20, 40, 80, 160];
const SWEPT: usize = 4000;

/// The sweep's steps, fewer where each step takes more than five differences.
fn swept(setting: &Setting) -> usize {
    let directions = if setting.estimator == Estimator::IRdsa { setting.directions } else { 1 };
    SWEPT * 5 / directions.max(5)
}

/// Steps of the walk in the plane.
const PLANAR: usize = 400;

/// Below this a gap is rounding.
const FLOOR: f64 = 1e-12;

struct Fixed {
    setting: Setting,
    tasks: Vec<Task>,
    /// The steps at which gaps are recorded.
    marks: Vec<usize>,
    plane: Task,
    plane_at: [f64; 2],
    field: Field,
    /// Iterations of all contenders in one step of the exhibit.
    batch: usize,
    planar_batch: usize,
}

/// The exhibit.
#[derive(Clone)]
pub struct ZerothOrderFrankWolfe {
    fixed: Rc<Fixed>,
    rng: Rng,
    /// By problem, then by contender.
    walks: Vec<Vec<Walk>>,
    gaps: Curves,
    errors: Curves,
    planar: Vec<(Walk, Series)>,
    /// The gaps of the sweep, in the order of dimensions and repeats, and the run on its way.
    swept: Vec<f64>,
    sweep: Option<(Rc<Task>, Walk)>,
}

/// Multiplications that a step of the exhibit may take for the sweep.
const SHARE: usize = 6_000_000;

impl ZerothOrderFrankWolfe {
    fn sweep_batch(setting: &Setting, d: usize) -> usize {
        let values = match (setting.estimator, setting.problem) {
            (Estimator::IRdsa, _) => setting.directions,
            (Estimator::Kwsa, Problem::Logistic) => 30,
            _ => 1,
        };
        (SHARE / (values * Objective::cost(setting.problem, d))).clamp(1, SWEPT)
    }

    fn advance_sweep(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let done = self.swept.len();
        if done == DIMENSIONS.len() * REPEATS {
            return;
        }
        let d = DIMENSIONS[done / REPEATS];
        let (task, mut walk) = self.sweep.take().unwrap_or_else(|| {
            let task = Task::new(&fixed.setting, d, &mut self.rng);
            let size = fixed.setting.constraint.size(d);
            let walk = Walk::new(Kind::Averaged, size, fixed.setting.constraint, &self.rng);
            (Rc::new(task), walk)
        });
        for _ in 0..Self::sweep_batch(&fixed.setting, d) {
            walk.advance(&task, &fixed.setting);
            if walk.t > swept(&fixed.setting) {
                self.swept.push(walk.gap.max(FLOOR));
                return;
            }
        }
        self.sweep = Some((task, walk));
    }

    /// The dimensions that are done, with the gap there.
    fn by_dimension(&self) -> Vec<[f64; 2]> {
        let done = self.swept.chunks_exact(REPEATS).zip(DIMENSIONS);
        done.map(|(gaps, d)| [self.fixed.setting.constraint.size(d) as f64, mean_of_logs(gaps)]).collect()
    }

    fn over(&self) -> bool {
        let main = self.walks[0][0].t > self.fixed.setting.steps;
        main && self.swept.len() == DIMENSIONS.len() * REPEATS
    }

    /// The power of t that the paper's gap falls by, over the last two decades of the run.
    fn fall(&self) -> Option<LineFit> {
        let last = self.fixed.setting.steps as f64;
        let curve: Vec<[f64; 2]> = self.gaps.of("zofw")?.iter().filter(|[t, _]| *t >= 0.01 * last).collect();
        LineFit::through(curve.iter().map(|[t, gap]| [log(*t), log(*gap)]))
    }

    fn growth(&self) -> Option<LineFit> {
        LineFit::through(self.by_dimension().into_iter().map(|[d, gap]| [log(d), log(gap)]))
    }
}

/// The geometric mean.
fn mean_of_logs(values: &[f64]) -> f64 {
    exp(values.iter().map(|value| log(value.max(FLOOR))).sum::<f64>() / values.len() as f64)
}

impl Exhibit for ZerothOrderFrankWolfe {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let constraint = setting.constraint;
        let d = constraint.size(setting.dimension);
        let tasks: Vec<Task> = (0..REPEATS).map(|_| Task::new(setting, d, rng)).collect();
        let mut marks: Vec<usize> =
            log_spaced(1.0, setting.steps as f64, 80).into_iter().map(|t| t.round() as usize).collect();
        marks.dedup();

        // In the plane: a tilted bowl, and the nuclear ball of diagonal matrices, which is a diamond.
        let flat = if constraint == Constraint::Nuclear { Constraint::L1 } else { constraint };
        let bowl = Plane::bowl([2.5, 0.6], 20.0, setting.target.0[0]);
        let matrix = bowl.hessian(&[0.0, 0.0]);
        let objective = Objective::Quadratic { h: matrix.concat(), solution: setting.target.0[0].to_vec() };
        let noise = if setting.per_coordinate { setting.noise } else { setting.noise / 2.0_f64.sqrt() };
        let mut plane = Task { objective, constraint: flat, least: 0.0, curvature: 2.5, noise };
        let (best, least) = plane.minimise(flat.vertex(&[-1.0, -1.0]), 300);
        plane.least = least;
        let field = Field::new(Window::square(1.5), |x| bowl.value(&x));

        let walks = tasks.iter().map(|_| {
            let stream = Rng::seed_from_u64(rng.random());
            KINDS.map(|kind| Walk::new(kind, d, constraint, &stream)).to_vec()
        });
        let walks = walks.collect();
        let planar_stream = Rng::seed_from_u64(rng.random());
        let planar = KINDS.map(|kind| (Walk::new(kind, 2, flat, &planar_stream), Series::new())).to_vec();
        let per_estimate = match (setting.estimator, setting.problem) {
            (Estimator::IRdsa, _) => setting.directions,
            (Estimator::Kwsa, Problem::Logistic) => d,
            _ => 1,
        };
        let cost = REPEATS * KINDS.len() * per_estimate * Objective::cost(setting.problem, d);
        let batch = (SHARE / cost).clamp(1, setting.steps.div_ceil(200));
        let planar_batch = PLANAR.div_ceil(setting.steps.div_ceil(batch).max(1));
        let contenders = KINDS.map(Kind::id);
        Ok(Self {
            rng: rng.clone(),
            walks,
            gaps: Curves::new(&contenders, FLOOR),
            errors: Curves::new(&["plain", "first", "zofw"], FLOOR),
            planar,
            swept: Vec::new(),
            sweep: None,
            fixed: Rc::new(Fixed {
                setting: setting.clone(),
                tasks,
                marks,
                plane,
                plane_at: [best[0], best[1]],
                field,
                batch,
                planar_batch,
            }),
        })
    }

    fn length(&self) -> usize {
        let setting = &self.fixed.setting;
        let main = (setting.steps + 1).div_ceil(self.fixed.batch);
        let steps = swept(setting) + 1;
        let sweep = DIMENSIONS.iter().map(|&d| REPEATS * steps.div_ceil(Self::sweep_batch(setting, d)));
        main.max(sweep.sum()) + 1
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let setting = &fixed.setting;
        for _ in 0..fixed.batch {
            if self.walks[0][0].t > setting.steps {
                break;
            }
            for (task, walks) in fixed.tasks.iter().zip(&mut self.walks) {
                walks.iter_mut().for_each(|walk| walk.advance(task, setting));
            }
            // What was measured belongs to the point before the step.
            let t = self.walks[0][0].t - 1;
            if fixed.marks.binary_search(&t).is_ok() {
                for kind in KINDS {
                    let place = kind as usize;
                    let walks = || fixed.tasks.iter().zip(self.walks.iter().map(move |walks| &walks[place]));
                    let gaps: Vec<f64> = walks().map(|(_, walk)| walk.gap).collect();
                    // Who projects follows no average.
                    let followed = walks().filter(|(_, walk)| walk.kind != Kind::Projected);
                    let errors: Vec<f64> = followed.map(|(task, walk)| walk.error(task)).collect();
                    self.gaps.push(kind.id(), t as f64, mean_of_logs(&gaps));
                    if !errors.is_empty() {
                        self.errors.push(kind.id(), t as f64, mean_of_logs(&errors));
                    }
                }
            }
        }
        for (walk, path) in &mut self.planar {
            for _ in 0..fixed.planar_batch {
                if walk.t <= PLANAR {
                    path.push(walk.x[0], walk.x[1]);
                    walk.advance(&fixed.plane, setting);
                }
            }
        }
        self.advance_sweep();
        if self.over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let steps = fixed.setting.steps as f64;
        let caption =
            "The mean gap of five problems, with averaging and without; the dashed guide falls as the theorem says.";
        let labels = ["step t", "f(xₜ) − f*"];
        let mut gap = figures.figure("gap", "The gap", caption);
        gap.x(Axis::log(labels[0]).domain(1.0, steps)).y(Axis::log(labels[1]));
        self.gaps.draw(&mut gap);
        if let Some([_, first]) = self.gaps.of("zofw").and_then(|curve| curve.iter().next()) {
            let guide = log_spaced(1.0, steps, 20);
            let ys = guide.iter().map(|t| first / cbrt(*t));
            gap.line(&guide, ys).ink(Ink::Muted).dashed().label("∝ t⁻¹ᐟ³");
        }

        let caption = format!(
            "The gap after {} steps, of five problems for each dimension; the dashed guide grows as the theorem allows.",
            swept(&fixed.setting)
        );
        let mut dimension = figures.figure("dimension", "The price of dimension", caption);
        dimension.x(Axis::log("dimension d").domain(8.0, 200.0)).y(Axis::log("gap"));
        let mean = self.by_dimension();
        let size = |k: usize| fixed.setting.constraint.size(DIMENSIONS[k / REPEATS]) as f64;
        dimension.dot((0..self.swept.len()).map(size), &self.swept).of("zofw").faint().label("each problem");
        dimension.line(mean.iter().map(|p| p[0]), mean.iter().map(|p| p[1])).of("zofw").label("mean");
        if let Some([d, gap]) = mean.first() {
            let guide = [10.0, 160.0];
            dimension.line(guide, guide.map(|x| gap * cbrt(x / d))).ink(Ink::Muted).dashed().label("∝ d¹ᐟ³");
        }

        let caption = "The same four in the plane. The arrow is minus the average that chooses the next vertex. Drag the \
                       target.";
        let labels = ["x₁", "x₂", "f"];
        let mut path = fixed.field.figure(figures, "path", "A walk between vertices", caption, labels);
        let r = 0.5_f64.sqrt();
        let corners: &[[f64; 2]] = match fixed.plane.constraint {
            Constraint::L1 | Constraint::Nuclear => &[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [1.0, 0.0]],
            Constraint::Simplex => &[[1.0, 0.0], [0.0, 1.0]],
            Constraint::Linf => &[[r, r], [-r, r], [-r, -r], [r, -r], [r, r]],
        };
        path.line(corners.iter().map(|p| p[0]), corners.iter().map(|p| p[1])).ink(Ink::Accent).label("the set C");
        plane::minima(&mut path, &[fixed.plane_at], "optimum in C");
        for (walk, series) in self.planar.iter().rev() {
            plane::path(&mut path, walk.kind.id(), series);
        }
        if let Some((walk, series)) = self.planar.first() {
            let length = inner(&walk.average, &walk.average).sqrt();
            if let Some([x, y]) = series.last().filter(|_| length > 0.0) {
                let by = |k: usize| -0.5 * walk.average[k] / length;
                path.arrow([x], [y], [by(0)], [by(1)]).ink(Ink::Strong);
            }
        }
        let [x, y] = fixed.setting.target.0[0];
        path.dot([x], [y]).symbol(Symbol::Ring).radius(7.0).label("target").drags("target");

        let caption = "How far what each follows is from the true gradient. An average is to forget its noise faster than the \
                       gradient moves.";
        let mut error = figures.figure("surrogate", "The error of the estimate", caption);
        error.x(Axis::log("step t").domain(1.0, steps)).y(Axis::log("‖dₜ − ∇f(xₜ)‖"));
        self.errors.draw(&mut error);
    }

    fn claim(&self) -> Claim {
        let over = self.walks[0][0].t > self.fixed.setting.steps;
        let fall = self.fall().map(|fit| fit.slope).filter(|_| over);
        let swept = self.swept.len() == DIMENSIONS.len() * REPEATS;
        let growth = self.growth().map(|fit| fit.slope).filter(|_| swept);
        let [small, large] = [0, DIMENSIONS.len() - 1].map(|k| self.fixed.setting.constraint.size(DIMENSIONS[k]));
        let last = |id: &str| self.gaps.of(id).and_then(Series::last).map(|[_, gap]| gap).filter(|_| over);
        let ratio = last("plain").zip(last("zofw")).map(|(plain, averaged)| plain / averaged);
        Claim::new(vec![
            Clause::at_most(
                "Over the last two decades the gap goes as T to the {value}, at most {high}.",
                fall,
                -1.0 / 3.0,
            ),
            Clause::at_most(
                format!("From d = {small} to {large} it goes as d to the {{value}}, at most {{high}}."),
                growth,
                1.0 / 3.0,
            ),
            Clause::at_least("Without averaging it ends {value} times as high, at least {low}.", ratio, 5.0),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "One difference a step",
                "The estimate is mostly noise, the average is not.",
                default.clone(),
            ),
            Scenario::holds(
                "several",
                "Five directions",
                "I-RDSA averages over directions as well as over time.",
                Setting { estimator: Estimator::IRdsa, steps: 4000, ..default.clone() },
            ),
            Scenario::fails(
                "noise-per-coordinate",
                "Noise in every coordinate",
                "The total noise now grows with d, and so does the constant in the bound: steeper than d to the third.",
                Setting { per_coordinate: true, steps: 4000, ..default.clone() },
            ),
            Scenario::fails(
                "box",
                "A box",
                "In the ℓ∞ ball each of the d signs has to be found: the gap grows about like d.",
                Setting { constraint: Constraint::Linf, steps: 4000, ..default.clone() },
            ),
            Scenario::fails(
                "no-average",
                "Exponent 0",
                "The average remembers nothing, and the walk never leaves the noise.",
                Setting { exponent: 0.0, steps: 4000, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{difference, drawn, list, number, numbers, vectors, whole, word};
    use proptest::prelude::{Just, Strategy, prop_assert, prop_oneof, proptest};

    fn constraints() -> impl Strategy<Value = Constraint> {
        prop_oneof![Just(Constraint::L1), Just(Constraint::Simplex), Just(Constraint::Linf), Just(Constraint::Nuclear)]
    }

    proptest! {
        // No point of C goes further down than the vertex, and no point of C is nearer than the projection: the angle
        // between y - Π(y) and c - Π(y) is obtuse.
        #[test]
        fn the_vertex_is_lowest_and_the_projection_nearest(c in constraints(), seed in 0_u64..10_000) {
            let mut rng = Rng::seed_from_u64(seed);
            let g = normals(9, &mut rng);
            let v = c.vertex(&g);
            let mut p = normals(9, &mut rng);
            let y = p.clone();
            c.project(&mut p);
            for _ in 0..20 {
                let other = c.solution(9, 0.9, &mut rng);
                // Power iteration stops before the last digit.
                prop_assert!(inner(&g, &v) <= inner(&g, &other) + 1e-3);
                let turn: f64 = (0..9).map(|k| (y[k] - p[k]) * (other[k] - p[k])).sum();
                prop_assert!(turn <= 1e-9, "{turn}");
            }
            let mut again = v.clone();
            c.project(&mut again);
            prop_assert!(again.iter().zip(&v).all(|(a, v)| (a - v).abs() < 1e-9));
        }

        // The difference is that of two values.
        #[test]
        fn differences_are_of_two_values(logistic in prop_oneof![Just(true), Just(false)], seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let problem = if logistic { Problem::Logistic } else { Problem::LeastSquares };
            let task = Task::new(&Setting { problem, ..Setting::default() }, 6, &mut rng);
            let (x, z) = (normals(6, &mut rng), normals(6, &mut rng));
            let here = task.objective.here(&x);
            let moved = |z: &[f64]| {
                let there: Vec<f64> = x.iter().zip(z).map(|(x, z)| x + 0.3 * z).collect();
                task.objective.here(&there).value - here.value
            };
            let mut axis = vec![0.0; 6];
            axis[2] = 1.0;
            let along = task.objective.difference(&here, &Along::Vector(&z), 0.3);
            prop_assert!((along - moved(&z)).abs() < 1e-10 * (1.0 + along.abs()));
            let along = task.objective.difference(&here, &Along::Axis(2), 0.3);
            prop_assert!((along - moved(&axis)).abs() < 1e-10 * (1.0 + along.abs()));
        }
    }

    // E ĝ = ∇f for a quadratic, whatever c: odd moments of z vanish.
    #[test]
    fn one_difference_is_the_gradient_on_the_average() {
        let mut rng = Rng::seed_from_u64(5);
        let task = Task::new(&Setting::default(), 4, &mut rng);
        let x = normals(4, &mut rng);
        let here = task.objective.here(&x);
        let (mut mean, count) = (vec![0.0; 4], 200_000);
        for _ in 0..count {
            let z = normals(4, &mut rng);
            let slope = task.objective.difference(&here, &Along::Vector(&z), 0.1) / 0.1;
            mean.iter_mut().zip(&z).for_each(|(m, z)| *m += slope * z / f64::from(count));
        }
        let size = inner(&here.gradient, &here.gradient).sqrt();
        assert!(mean.iter().zip(&here.gradient).all(|(m, g)| (m - g).abs() < 0.02 * size));
    }

    // Without noise and with exact gradients it is Frank and Wolfe's method, whose gap is at most 2 L D² / (t + 2); the
    // average lags behind, so that only the order stays.
    #[test]
    fn with_exact_gradients_it_is_frank_and_wolfes() {
        let mut rng = Rng::seed_from_u64(1);
        let setting = Setting { estimator: Estimator::Exact, exponent: 0.0, noise: 1e-9, ..Setting::default() };
        let task = Task::new(&setting, 20, &mut rng);
        let mut walk = Walk::new(Kind::Averaged, 20, Constraint::L1, &rng);
        for t in 0..2000 {
            walk.advance(&task, &setting);
            assert!(t < 10 || walk.gap <= 2.0 * task.curvature * 4.0 / f64::from(t), "{t} {}", walk.gap);
        }
    }

    // `tests/reference/zeroth_order_frank_wolfe.py` differences two values of F, and has exact vertices.
    #[test]
    fn walks_are_numpys() {
        let vectors = vectors(include_str!("../../../../tests/reference/zeroth_order_frank_wolfe.json"));
        let (design, solution) = (numbers(&vectors["a"]), numbers(&vectors["solution"]));
        let (d, targets) = (solution.len(), numbers(&vectors["signs"]));
        let mut h = gram(View::by_rows(&design, targets.len(), d).t());
        h.iter_mut().for_each(|h| *h /= targets.len() as f64);
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 12);
        for case in cases {
            let (problem, ball, kind) = (word(&case["problem"]), word(&case["ball"]), word(&case["kind"]));
            let objective = if problem == "quadratic" {
                Objective::Quadratic { h: h.clone(), solution: solution.clone() }
            } else {
                let (design, targets) = (design.clone(), targets.clone());
                Objective::Logistic(LinearModel { loss: Loss::Logistic, design, targets, ridge: 0.0 })
            };
            let constraint = match ball {
                "l1" => Constraint::L1,
                "simplex" => Constraint::Simplex,
                "linf" => Constraint::Linf,
                _ => Constraint::Nuclear,
            };
            let estimator = match word(&case["estimator"]) {
                "rdsa" => Estimator::Rdsa,
                "i-rdsa" => Estimator::IRdsa,
                _ => Estimator::Kwsa,
            };
            let of = match kind {
                "averaged" => Kind::Averaged,
                "plain" => Kind::Plain,
                "projected" => Kind::Projected,
                _ => Kind::FirstOrder,
            };
            let (noise, curvature) = (number(&case["noise"]), number(&case["smoothness"]));
            let task = Task { objective, constraint, least: 0.0, curvature, noise };
            let setting = Setting { estimator, directions: whole(&case["directions"]), ..Setting::default() };
            let mut walk = Walk::new(of, d, constraint, &Rng::seed_from_u64(0));
            let mut worst: f64 = 0.0;
            for expected in list(&case["path"]) {
                for _ in 0..30 {
                    let t = walk.t;
                    let draw = |first| (0..d).map(|i| 3.0_f64.sqrt() * drawn(first, i, t)).collect::<Vec<f64>>();
                    let xi: Vec<f64> = draw(11).iter().map(|e| noise * e).collect();
                    let (_, count) = walk.estimator(&setting);
                    let directions: Vec<Vec<f64>> = (0..count).map(|j| draw(101 * (j + 2))).collect();
                    walk.take(&task, &setting, &xi, &directions);
                }
                worst = worst.max(difference(&walk.x, &numbers(expected)));
            }
            println!("{problem}, {ball}, {estimator:?}, {kind}: {worst:e} after {} steps", walk.t);
            assert!(walk.t == 240 && worst < 1e-10, "{problem}, {ball}, {estimator:?}, {kind}: {worst:e}");
        }
    }
}
