//! Lion was found by a program search: keep a momentum, step along its *sign*, decay the weights. Chen, Liu, Liang and
//! Liu ask what such a thing minimises, and answer with an energy. Replace the sign by the gradient of any convex
//! $\mathcal K$ (Lion is $\mathcal K=\|\cdot\|_1$) and the method minimises
//! $$f(x)+\tfrac1\lambda\,\mathcal K^*(\lambda x),$$
//! where the conjugate $\mathcal K^*$ is zero on a convex body and infinite outside. For Lion the body is a box, and
//! weight decay $\lambda$ is no shrinkage at all: it is the hard bound $\|x\|_\infty\le 1/\lambda$ on every weight.
//!
//! Two phases prove it. Outside, the distance of $\lambda x$ to the body falls by $1/(1+\epsilon\lambda)$ at every
//! step, whatever $f$ may be: a straight line on the logarithmic picture. Inside, along the differential equation that
//! Lion discretises, the energy
//! $$H=\alpha f+\tfrac\gamma\lambda\mathcal K^*(\lambda x)+\tfrac{1-\varepsilon\gamma}{1+\varepsilon\lambda}
//! \bigl(\mathcal K^*(\lambda x)+\mathcal K(m)-\lambda m^{\!\top}x\bigr)$$
//! can only fall. (It is drawn divided by $\alpha$, so that it has the unit of $f$. As the sign jumps, the equation is
//! solved for $\mathcal K$ smoothed over $\delta=10^{-3}$, and from the nearest point inside, where $H$ is finite.)
//!
//! **Try** moving $\lambda$: the walls move and Lion's end point with them. Drag the start. Choose another
//! $\mathcal K$: the body becomes a ball, a stadium, a rounded box. (Then lower the noise: a sign hardly notices it, the
//! direction of a vector does.) Type an $f$ of your own.
//!
//! **AdamW** with the same decay settles well inside the walls, but only because the gradients are noisy: its step is
//! about $g/\sqrt{g^2+\sigma^2}$, less than 1, while a sign is always 1. Set the noise to zero and AdamW creeps to the
//! same corner. With $\lambda$ small enough the free optimum lies inside and both find it.
//!
//! **Where it stops:** one might expect a step of 0.3 to spoil the corner. It does not: where the gradient presses on
//! every wall, the signs never change and Lion locks in exactly at any step. But where the optimum lies inside or on a
//! face, the sign chatters, $H$ rises again and again, and Lion circles at the distance of its step.
//!
//! The 200-dimensional objective is a logistic regression on 250 random examples; its pictures show two of the 200
//! weights. In the plane the group norm is that of the nested groups $\{x,y\}\supset\{y\}$, in 200 dimensions of
//! groups of ten.

use crate::plane::{self, Classic, Field, Plane, Window};
use orrery_core::prelude::*;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::{PI, cos, exp, log1p, sin};
use orrery_kernels::ode::DormandPrince;
use orrery_kernels::random::normals;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "lion-lyapunov",
    title: "Lion Secretly Solves Constrained Optimization: As Lyapunov Predicts",
    year: 2023,
    lists: &[0, 2, 4],
    claim: "Lion's weight decay is a hard bound 1/λ on every weight, and one energy function proves it.",
    algorithms: &[
        "Lion",
        "Lion-K",
        "AdamW",
        "projected gradient descent",
        "Lyapunov function",
        "decoupled weight decay",
        "sign momentum",
        "convex conjugate",
    ],
    contenders: &[
        Contender::paper("lion", "Lion-K"),
        Contender::baseline("adamw", "AdamW"),
        Contender::baseline("projected", "projected gradient"),
    ],
};

/// The convex function whose gradient makes the step.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Norm {
    /// Lion: the step is the sign, the body a box.
    #[choice("ℓ₁ (Lion)")]
    L1,
    /// Normalised momentum; a ball.
    #[choice("ℓ₂")]
    L2,
    /// A sum of Euclidean norms over groups.
    #[choice("group")]
    Group,
    /// The ℓ₁ norm rounded near zero; a box, and a quadratic penalty inside it.
    #[choice("Huber")]
    Huber,
    /// The sum of both norms; a box with rounded corners.
    #[choice("ℓ₁ + ℓ₂")]
    L1PlusL2,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// An ill-conditioned bowl, turned against the axes.
    #[choice("rotated quadratic")]
    Quadratic,
    /// The banana-shaped valley.
    #[choice("Rosenbrock")]
    Rosenbrock,
    /// The visitor's own.
    #[choice("typed formula")]
    Formula,
    /// Logistic regression.
    #[choice("logistic regression, 200-D")]
    Logistic,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// The weight decay. The walls stand at 1/λ.
    #[control(label = "decay λ", range = 0.05..=5.0, log, default = 1.0)]
    pub lambda: f64,
    /// The convex function K whose gradient makes the step; Lion's is the ℓ₁ norm.
    #[control(label = "K", default = Norm::L1)]
    pub norm: Norm,
    /// How much of the step is old momentum.
    #[control(label = "β₁", range = 0.0..=0.99, default = 0.9)]
    pub beta1: f64,
    /// How long the momentum remembers.
    #[control(label = "β₂", range = 0.5..=0.999, default = 0.99)]
    pub beta2: f64,
    /// How far one step goes, of Lion and of AdamW.
    #[control(label = "step ε", range = 1e-4..=0.3, log, default = 1e-3)]
    pub step: f64,
    /// The function to be minimised.
    #[control(label = "objective", default = Problem::Quadratic)]
    pub objective: Problem,
    /// A function of x and y, such as (x - 1)^2 + 3 sin(y)^2.
    #[control(
        label = "f(x, y)", variables = ["x", "y"], when = ("objective", "formula"),
        default = "(x^2 + y - 11)^2 / 20 + (x + y^2 - 7)^2 / 20".into(),
        examples = [
            ("Himmelblau", "(x^2 + y - 11)^2 / 20 + (x + y^2 - 7)^2 / 20"),
            ("ripples", "x^2/4 + y^2/4 + sin(3x) cos(3y)"),
            ("kinks", "abs(x - 2) + 2 abs(y + x/2)"),
        ]
    )]
    pub formula: Formula,
    /// Where all of them start. Drag it.
    #[control(label = "start", count = 1..=1, domain = [[-4.0, 4.0], [-4.0, 4.0]], default = [[-3.0, 3.0]].into())]
    pub start: Points,
    /// Standard deviation of the noise on each component of each gradient that Lion and AdamW see; a tenth of it in
    /// 200 dimensions.
    #[control(label = "gradient noise σ", range = 0.0..=3.0, default = 1.0)]
    pub noise: f64,
}

/// $\mathcal K$ is the support function $\max_{y\in D}y^\top m$ of a convex body $D$, or that smoothed over `delta`:
/// its Moreau envelope, $\mathcal K_\delta(m)=\max_{y\in D}y^\top m-\tfrac\delta2\|y\|^2$. Then
/// $\nabla\mathcal K_\delta(m)=\Pi_D(m/\delta)$, and $\mathcal K_\delta^*(y)=\tfrac\delta2\|y\|^2$ on $D$ and infinite
/// outside. Huber's function is the $\ell_1$ norm smoothed over 1.
#[derive(Clone, Copy)]
struct Kinetic {
    norm: Norm,
    delta: f64,
}

/// The smoothing at which the differential equation is solved.
const DELTA: f64 = 1e-3;

/// Coordinates to a group, in 200 dimensions.
const GROUP: usize = 10;

fn norm(x: &[f64]) -> f64 {
    inner(x, x).sqrt()
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// Moves `y` into the ball of radius 1 about `centre`.
fn into_ball(y: &mut [f64], centre: impl Fn(usize, f64) -> f64) {
    let square: f64 = y.iter().enumerate().map(|(i, &y)| (y - centre(i, y)) * (y - centre(i, y))).sum();
    let radius = square.sqrt();
    if radius > 1.0 {
        for (i, y) in y.iter_mut().enumerate() {
            let c = centre(i, *y);
            *y = c + (*y - c) / radius;
        }
    }
}

impl Kinetic {
    fn new(norm: Norm) -> Self {
        Self { norm, delta: if norm == Norm::Huber { 1.0 } else { 0.0 } }
    }

    /// Smooth enough for a Runge-Kutta method.
    fn smoothed(self) -> Self {
        Self { delta: self.delta.max(DELTA), ..self }
    }

    /// $\Pi_D(y)$, in place. The projection onto a body plus a unit ball goes through the projection onto the body.
    fn project(self, y: &mut [f64]) {
        let clip = |y: f64| y.clamp(-1.0, 1.0);
        match self.norm {
            Norm::L1 | Norm::Huber => y.iter_mut().for_each(|y| *y = clip(*y)),
            Norm::L2 => into_ball(y, |_, _| 0.0),
            // D is the unit disc plus the segment from (0, -1) to (0, 1): a stadium.
            Norm::Group if y.len() == 2 => into_ball(y, |i, y| if i == 1 { clip(y) } else { 0.0 }),
            Norm::Group => y.chunks_mut(GROUP).for_each(|group| into_ball(group, |_, _| 0.0)),
            Norm::L1PlusL2 => into_ball(y, |_, y| clip(y)),
        }
    }

    /// $\nabla\mathcal K(m)$, written into `u`; zero where a norm has its kink.
    fn gradient(self, m: &[f64], u: &mut [f64]) {
        if self.delta > 0.0 {
            u.iter_mut().zip(m).for_each(|(u, m)| *u = m / self.delta);
            return self.project(u);
        }
        let unit = |m: &[f64], u: &mut [f64]| {
            let length = norm(m);
            u.iter_mut().zip(m).for_each(|(u, m)| *u = if length > 0.0 { m / length } else { 0.0 });
        };
        match self.norm {
            Norm::L1 | Norm::Huber => u.iter_mut().zip(m).for_each(|(u, m)| *u = sign(*m)),
            Norm::L2 => unit(m, u),
            Norm::Group if m.len() == 2 => {
                unit(m, u);
                u[1] += sign(m[1]);
            }
            Norm::Group => m.chunks(GROUP).zip(u.chunks_mut(GROUP)).for_each(|(m, u)| unit(m, u)),
            Norm::L1PlusL2 => {
                unit(m, u);
                u.iter_mut().zip(m).for_each(|(u, m)| *u += sign(*m));
            }
        }
    }

    /// $\mathcal K(m)=p^\top m-\tfrac\delta2\|p\|^2$ with $p=\nabla\mathcal K(m)$.
    fn value(self, m: &[f64]) -> f64 {
        let mut p = vec![0.0; m.len()];
        self.gradient(m, &mut p);
        inner(&p, m) - 0.5 * self.delta * inner(&p, &p)
    }

    /// $\mathcal K^*(y)$ where it is finite.
    fn conjugate(self, y: &[f64]) -> f64 {
        0.5 * self.delta * inner(y, y)
    }

    /// How far `y` is from $D$: in the largest component for a box, else Euclidean.
    fn distance(self, y: &[f64]) -> f64 {
        if matches!(self.norm, Norm::L1 | Norm::Huber) {
            return y.iter().fold(0.0, |far: f64, y| far.max(y.abs() - 1.0));
        }
        let mut inside = y.to_vec();
        self.project(&mut inside);
        inside.iter_mut().zip(y).for_each(|(p, y)| *p -= y);
        norm(&inside)
    }
}

/// The rotated quadratic.
const QUADRATIC: Plane = Plane::Quadratic { matrix: [[3.0, 1.0], [1.0, 0.6]], centre: [2.5, -0.5] };

/// Weights and examples of the logistic regression.
const WEIGHTS: usize = 200;
const EXAMPLES: usize = 250;

#[derive(Clone)]
enum Objective {
    Plane(Plane),
    Logistic(Rc<Logistic>),
}

/// $\frac1n\sum_i\log(1+e^{-z_i})$ with the margins $z=Bx$; row $i$ of $B$ is example $i$ times its label.
struct Logistic {
    by_example: Vec<f64>,
    by_weight: Vec<f64>,
}

impl Logistic {
    /// Gaussian examples, labelled by a true weight vector whose first two entries are large and small, with a tenth
    /// of the labels wrong.
    fn new(rng: &mut Rng) -> Self {
        let mut truth = normals(WEIGHTS, rng);
        truth[..2].copy_from_slice(&[4.0, -0.5]);
        let mut by_example = Vec::with_capacity(EXAMPLES * WEIGHTS);
        for _ in 0..EXAMPLES {
            let features = normals(WEIGHTS, rng);
            let wrong = rng.random::<f64>() < 0.1;
            let label = if wrong { -1.0 } else { 1.0 } * sign(inner(&features, &truth));
            by_example.extend(features.iter().map(|feature| label * feature));
        }
        let by_weight = (0..WEIGHTS * EXAMPLES).map(|k| by_example[(k % EXAMPLES) * WEIGHTS + k / EXAMPLES]).collect();
        Self { by_example, by_weight }
    }

    fn margins(&self, x: &[f64]) -> Vec<f64> {
        let mut z = vec![0.0; EXAMPLES];
        for (x, column) in x.iter().zip(self.by_weight.chunks_exact(EXAMPLES)) {
            z.iter_mut().zip(column).for_each(|(z, b)| *z += x * b);
        }
        z
    }

    /// $\log(1+e^{-z})$ and minus its derivative.
    fn loss(z: f64) -> (f64, f64) {
        let e = exp(-z.abs());
        if z > 0.0 { (log1p(e), e / (1.0 + e)) } else { (log1p(e) - z, 1.0 / (1.0 + e)) }
    }

    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let (mut value, scale) = (0.0, 1.0 / EXAMPLES as f64);
        for (z, row) in self.margins(x).into_iter().zip(self.by_example.chunks_exact(WEIGHTS)) {
            let (loss, slope) = Self::loss(z);
            value += loss * scale;
            gradient.iter_mut().zip(row).for_each(|(g, b)| *g -= scale * slope * b);
        }
        value
    }
}

impl Objective {
    /// $f(x)$, with $\nabla f(x)$ written into `gradient`.
    fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::Plane(f) => f.value_and_gradient(x, gradient),
            Self::Logistic(data) => data.value_and_gradient(x, gradient),
        }
    }

    fn value(&self, x: &[f64]) -> f64 {
        match self {
            Self::Plane(f) => f.value(x),
            Self::Logistic(data) => {
                data.margins(x).into_iter().map(|z| Logistic::loss(z).0).sum::<f64>() / EXAMPLES as f64
            }
        }
    }
}

/// $F(x)=f(x)+\mathcal K^*(\lambda x)/\lambda$ on $\lambda x\in D$: what Lion-$\mathcal K$ minimises, says the paper.
#[derive(Clone)]
struct Composite {
    f: Objective,
    k: Kinetic,
    lambda: f64,
}

impl Composite {
    fn value(&self, x: &[f64]) -> f64 {
        self.f.value(x) + self.penalty(x)
    }

    /// $\mathcal K^*(\lambda x)/\lambda$ where it is finite.
    fn penalty(&self, x: &[f64]) -> f64 {
        0.5 * self.k.delta * self.lambda * inner(x, x)
    }

    fn distance(&self, x: &[f64]) -> f64 {
        let y: Vec<f64> = x.iter().map(|x| self.lambda * x).collect();
        self.k.distance(&y)
    }

    /// The point of $D/\lambda$ nearest to `x`.
    fn project(&self, x: &mut [f64]) {
        x.iter_mut().for_each(|x| *x *= self.lambda);
        self.k.project(x);
        x.iter_mut().for_each(|x| *x /= self.lambda);
    }

    /// One step of projected gradient descent from `at`, its length found by halving until the quadratic bound
    /// $F(x^+)\le F(x)+\nabla F^\top d+\|d\|^2/2\tau$ holds. Nothing if there is none.
    fn descend(&self, at: &[f64], tau: &mut f64) -> Option<Vec<f64>> {
        let mut gradient = vec![0.0; at.len()];
        let value = self.f.value_and_gradient(at, &mut gradient) + self.penalty(at);
        gradient.iter_mut().zip(at).for_each(|(g, x)| *g += self.k.delta * self.lambda * x);
        if !(value.is_finite() && gradient.iter().all(|g| g.is_finite())) {
            return None;
        }
        *tau *= 1.5;
        for _ in 0..60 {
            let mut next: Vec<f64> = at.iter().zip(&gradient).map(|(x, g)| x - *tau * g).collect();
            self.project(&mut next);
            let d: Vec<f64> = next.iter().zip(at).map(|(next, x)| next - x).collect();
            // Rounding in F must not look like a failure to descend.
            let slack = 1e-15 * value.abs();
            if self.value(&next) <= value + inner(&gradient, &d) + inner(&d, &d) / (2.0 * *tau) + slack {
                return Some(next);
            }
            *tau *= 0.5;
        }
        None
    }

    /// The least value, and where: descent with momentum (FISTA, restarted when it climbs) from `start`.
    fn minimise_from(&self, start: Vec<f64>, iterations: usize) -> (f64, Vec<f64>) {
        let (mut x, mut ahead, mut tau, mut weight) = (start.clone(), start, 1.0, 1.0_f64);
        let mut best = self.value(&x);
        for _ in 0..iterations {
            let Some(next) = self.descend(&ahead, &mut tau) else { break };
            let value = self.value(&next);
            if value > best {
                if ahead == x {
                    break;
                }
                (ahead, weight) = (x.clone(), 1.0);
                continue;
            }
            best = value;
            let grown = 0.5 * (1.0 + (1.0 + 4.0 * weight * weight).sqrt());
            let push = (weight - 1.0) / grown;
            ahead = next.iter().zip(&x).map(|(next, x)| next + push * (next - x)).collect();
            self.project(&mut ahead);
            (x, weight) = (next, grown);
        }
        (best, x)
    }

    /// The least value in the plane, and where: a search on ever finer grids, each point first moved into the body,
    /// then descent.
    fn minimise_in_plane(&self) -> (f64, Vec<f64>) {
        let (mut middle, mut half) = ([0.0, 0.0], 2.0 / self.lambda);
        let mut best: Option<(f64, [f64; 2])> = None;
        for round in 0..24 {
            let side: i32 = if round == 0 { 80 } else { 12 };
            for i in -side..=side {
                for j in -side..=side {
                    let offset = |k: i32| half * f64::from(k) / f64::from(side);
                    let mut point = [middle[0] + offset(i), middle[1] + offset(j)];
                    self.project(&mut point);
                    let value = self.value(&point);
                    if value.is_finite() && best.is_none_or(|(least, _)| value < least) {
                        best = Some((value, point));
                    }
                }
            }
            middle = best.map_or(middle, |(_, point)| point);
            half *= if round == 0 { 0.1 } else { 0.6 };
        }
        let (_, point) = best.unwrap_or((0.0, [0.0, 0.0]));
        self.minimise_from(point.to_vec(), 300)
    }
}

/// Lion-$\mathcal K$.
#[derive(Clone)]
struct Lion {
    x: Vec<f64>,
    m: Vec<f64>,
}

/// The settings of Lion-$\mathcal K$, and those of the differential equation it discretises.
#[derive(Clone, Copy)]
pub struct Rates {
    /// Decay $\lambda$.
    pub lambda: f64,
    /// $\beta_1$.
    pub beta1: f64,
    /// $\beta_2$.
    pub beta2: f64,
    /// Step $\epsilon$.
    pub step: f64,
}

impl Rates {
    /// $\alpha=\gamma=(1-\beta_2)/\epsilon$: then $\dot m=-\alpha\nabla f-\gamma m$ is the limit of the momentum.
    fn gamma(self) -> f64 {
        (1.0 - self.beta2) / self.step
    }

    /// The $\varepsilon$ of the equation: $\tilde m=m+\varepsilon\dot m$ means $\varepsilon\gamma=1-\beta_1$.
    fn epsilon(self) -> f64 {
        (1.0 - self.beta1) / self.gamma()
    }
}

/// One step of Lion-$\mathcal K$ with the gradient `g` at `x`; `direction` is $\nabla\mathcal K$.
pub fn lion_step(x: &mut [f64], m: &mut [f64], g: &[f64], rates: Rates, direction: impl Fn(&[f64], &mut [f64])) {
    let Rates { lambda, beta1, beta2, step } = rates;
    // m̃ = β₁ m - (1 - β₁) ∇f
    let blend: Vec<f64> = m.iter().zip(g).map(|(m, g)| beta1 * m - (1.0 - beta1) * g).collect();
    let mut u = vec![0.0; x.len()];
    direction(&blend, &mut u);
    for i in 0..x.len() {
        // m⁺ = β₂ m - (1 - β₂) ∇f
        m[i] = beta2 * m[i] - (1.0 - beta2) * g[i];
        // x⁺ = x + ε (∇K(m̃) - λ x⁺)
        x[i] = (x[i] + step * u[i]) / (1.0 + step * lambda);
    }
}

/// AdamW, with its usual memory of 1000 steps for squares.
#[derive(Clone)]
struct AdamW {
    x: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
    /// $\beta_1^t$ and $\beta_2^t$.
    faded: [f64; 2],
}

impl AdamW {
    const BETAS: [f64; 2] = [0.9, 0.999];
    const FLOOR: f64 = 1e-8;

    fn step(&mut self, g: &[f64], rates: Rates) {
        let [b1, b2] = Self::BETAS;
        self.faded = [self.faded[0] * b1, self.faded[1] * b2];
        for (i, g) in g.iter().enumerate() {
            self.m[i] = b1 * self.m[i] + (1.0 - b1) * g;
            self.v[i] = b2 * self.v[i] + (1.0 - b2) * g * g;
            let m = self.m[i] / (1.0 - self.faded[0]);
            let v = self.v[i] / (1.0 - self.faded[1]);
            // x⁺ = x - ε (m̂ / (√v̂ + 10⁻⁸) + λ x)
            self.x[i] -= rates.step * (m / (v.sqrt() + Self::FLOOR) + rates.lambda * self.x[i]);
        }
    }
}

/// The energy $H(x,m)/\alpha$, with $\mathcal K^*$ where it is finite; `value` is $f(x)$.
fn energy(value: f64, x: &[f64], m: &[f64], k: Kinetic, rates: Rates) -> f64 {
    let (lambda, gamma, epsilon) = (rates.lambda, rates.gamma(), rates.epsilon());
    let y: Vec<f64> = x.iter().map(|x| lambda * x).collect();
    let conjugate = k.conjugate(&y);
    let weight = (1.0 - epsilon * gamma) / (1.0 + epsilon * lambda);
    value + conjugate / lambda + weight / gamma * (conjugate + k.value(m) - inner(m, &y))
}

/// Lion's differential equation, in the state $(x, m)$.
#[derive(Clone)]
struct Flow {
    solution: DormandPrince,
    energy: f64,
    /// The least $F$ for the smoothed $\mathcal K$, below which the energy cannot fall inside.
    least: f64,
    /// The largest rise of $H/\alpha$ in a step.
    rise: f64,
    stuck: bool,
}

impl Flow {
    fn new(f: &Composite, start: &[f64], rates: Rates, best: &[f64]) -> Self {
        let d = start.len();
        let smoothed = Composite { k: f.k.smoothed(), ..f.clone() };
        let (least, _) = smoothed.minimise_from(best.to_vec(), 60);
        let mut state = start.to_vec();
        f.project(&mut state);
        let energy = energy(f.f.value(&state), &state, &vec![0.0; d], f.k.smoothed(), rates);
        state.resize(2 * d, 0.0);
        let solution = DormandPrince::new(0.0, state, 0.1 * rates.step, 1e-10, 1e-11);
        Self { solution, energy, least, rise: 0.0, stuck: !energy.is_finite() }
    }

    /// Goes on to time `end` in at most `most` steps.
    fn advance(&mut self, f: &Composite, rates: Rates, end: f64, most: usize) {
        let (k, gamma, epsilon, lambda) = (f.k.smoothed(), rates.gamma(), rates.epsilon(), rates.lambda);
        let d = self.solution.y().len() / 2;
        let mut blend = vec![0.0; d];
        for _ in 0..most {
            if self.stuck || self.solution.t() >= end {
                return;
            }
            let slope = |_: f64, state: &[f64], slope: &mut [f64]| {
                let (x, m) = state.split_at(d);
                let (dx, dm) = slope.split_at_mut(d);
                f.f.value_and_gradient(x, dm);
                for i in 0..d {
                    // ṁ = -α ∇f - γ m, and m̃ = m + ε ṁ
                    dm[i] = -gamma * (dm[i] + m[i]);
                    blend[i] = m[i] + epsilon * dm[i];
                }
                // ẋ = ∇K(m̃) - λ x
                k.gradient(&blend, dx);
                dx.iter_mut().zip(x).for_each(|(dx, x)| *dx -= lambda * x);
            };
            if self.solution.step(slope, end).is_err() {
                self.stuck = true;
                return;
            }
            let (x, m) = self.solution.y().split_at(d);
            let energy = energy(f.f.value(x), x, m, k, rates);
            self.rise = self.rise.max(energy - self.energy);
            self.energy = energy;
        }
    }
}

/// What does not change during a run.
struct Fixed {
    f: Composite,
    rates: Rates,
    noise: f64,
    dimension: usize,
    /// Iterations in all, and in one step of the exhibit.
    iterations: usize,
    batch: usize,
    start: [f64; 2],
    first_distance: f64,
    optimum: f64,
    optimum_at: [f64; 2],
    contours: Field,
    kinetic: Field,
    conjugate: Field,
    outline: Vec<[f64; 2]>,
}

/// A contender's record.
#[derive(Clone, Default)]
struct Track {
    path: Series,
    gap: Series,
    distance: Series,
    stopped: Option<usize>,
}

impl Track {
    fn record(&mut self, t: usize, x: &[f64], fixed: &Fixed) {
        let gap = fixed.f.value(x) - fixed.optimum;
        self.path.push(x[0], x[1]);
        self.gap.push(t as f64, gap.abs().max(1e-14));
        let distance = fixed.f.distance(x);
        if distance > 1e-14 {
            self.distance.push(t as f64, distance);
        }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct LionLyapunov {
    fixed: Rc<Fixed>,
    rng: Rng,
    iteration: usize,
    lion: Lion,
    adamw: AdamW,
    projected: Vec<f64>,
    tau: f64,
    flow: Flow,
    lion_track: Track,
    adamw_track: Track,
    projected_track: Track,
    flow_path: Series,
    flow_energy: Series,
    energy: Series,
    rises: Series,
    risen: usize,
    last_energy: Option<f64>,
    /// The largest $\mathrm{dist}_{t+1}(1+\epsilon\lambda)/\mathrm{dist}_t-1$.
    worst_factor: f64,
}

/// Beyond this a contender has diverged and is stopped.
const FAR: f64 = 1e6;

/// Distances below it are rounding, as far as their ratios go.
const NEAR: f64 = 1e-6;

fn is_sane(x: &[f64]) -> bool {
    x.iter().all(|x| x.abs() < FAR)
}

impl LionLyapunov {
    fn iterate(&mut self) {
        let fixed = Rc::clone(&self.fixed);
        let Fixed { f, rates, noise, dimension, .. } = &*fixed;
        let t = self.iteration;
        let noise: Vec<f64> = (0..*dimension).map(|_| noise * self.rng.sample::<f64, _>(StandardNormal)).collect();
        let mut g = vec![0.0; *dimension];

        if self.lion_track.stopped.is_none() {
            let value = f.f.value_and_gradient(&self.lion.x, &mut g);
            let energy = energy(value, &self.lion.x, &self.lion.m, f.k, *rates);
            let rose = self.last_energy.is_some_and(|last| energy > last + 1e-12 * (1.0 + last.abs()));
            if rose {
                self.risen += 1;
            }
            if t.is_multiple_of(fixed.batch) || fixed.batch == 1 {
                self.energy.push(t as f64, energy - fixed.optimum);
            }
            if rose {
                self.rises.push(t as f64, energy - fixed.optimum);
            }
            self.last_energy = Some(energy);

            let before = f.distance(&self.lion.x);
            g.iter_mut().zip(&noise).for_each(|(g, noise)| *g += noise);
            let held = self.lion.clone();
            lion_step(&mut self.lion.x, &mut self.lion.m, &g, *rates, |m, u| f.k.gradient(m, u));
            if value.is_finite() && g.iter().all(|g| g.is_finite()) && is_sane(&self.lion.x) {
                if before > NEAR {
                    let ratio = f.distance(&self.lion.x) * (1.0 + rates.step * rates.lambda) / before;
                    self.worst_factor = self.worst_factor.max(ratio - 1.0);
                }
            } else {
                self.lion = held;
                self.lion_track.stopped = Some(t);
            }
        }
        if self.adamw_track.stopped.is_none() {
            let value = f.f.value_and_gradient(&self.adamw.x, &mut g);
            g.iter_mut().zip(&noise).for_each(|(g, noise)| *g += noise);
            let held = self.adamw.clone();
            self.adamw.step(&g, *rates);
            if !(value.is_finite() && g.iter().all(|g| g.is_finite()) && is_sane(&self.adamw.x)) {
                self.adamw = held;
                self.adamw_track.stopped = Some(t);
            }
        }
        if self.projected_track.stopped.is_none() {
            match f.descend(&self.projected, &mut self.tau) {
                Some(next) if next != self.projected => self.projected = next,
                _ => self.projected_track.stopped = Some(t),
            }
            // It settles within some dozens of iterations: each is worth a dot.
            self.projected_track.record(t + 1, &self.projected, &fixed);
        }
        self.iteration += 1;
    }

    fn record(&mut self) {
        let t = self.iteration;
        if self.lion_track.stopped.is_none() {
            self.lion_track.record(t, &self.lion.x, &self.fixed);
        }
        if self.adamw_track.stopped.is_none() {
            self.adamw_track.record(t, &self.adamw.x, &self.fixed);
        }
        let state = self.flow.solution.y();
        self.flow_path.push(state[0], state[1]);
        self.flow_energy.push(self.flow.solution.t() / self.fixed.rates.step, self.flow.energy - self.flow.least);
    }
}

fn positive(series: &Series) -> Vec<[f64; 2]> {
    series.iter().filter(|[_, y]| *y > 0.0).collect()
}

fn xs(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[x, _]| *x)
}

fn ys(points: &[[f64; 2]]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|[_, y]| *y)
}

impl Exhibit for LionLyapunov {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let objective = match setting.objective {
            Problem::Quadratic => Objective::Plane(QUADRATIC),
            Problem::Rosenbrock => Objective::Plane(Plane::classic(Classic::Rosenbrock)),
            Problem::Formula => Objective::Plane(Plane::formula("formula", &setting.formula)?),
            Problem::Logistic => Objective::Logistic(Rc::new(Logistic::new(rng))),
        };
        let large = setting.objective == Problem::Logistic;
        let dimension = if large { WEIGHTS } else { 2 };
        let start = setting.start.0.first().copied().unwrap_or([0.0, 0.0]);
        let mut x: Vec<f64> = (0..dimension).map(|_| rng.random_range(-3.0..3.0)).collect();
        x[..2].copy_from_slice(&start);
        let value = objective.value(&x);
        if !value.is_finite() {
            let name = if setting.objective == Problem::Formula { "formula" } else { "start" };
            return Err(Error::of(name, "f is not finite at the start; move the start or change f"));
        }

        let lambda = setting.lambda;
        let rates = Rates { lambda, beta1: setting.beta1, beta2: setting.beta2, step: setting.step };
        let f = Composite { f: objective, k: Kinetic::new(setting.norm), lambda };
        // Until e^{-λt} is 10⁻¹¹, in 400 steps of the exhibit, or in more where a gradient is dear.
        let wanted = (25.0 / (setting.step * lambda)).ceil() as usize;
        let iterations = wanted.clamp(400, if large { 20_000 } else { 400_000 });
        let batch = iterations.div_ceil(400).min(if large { 12 } else { usize::MAX });

        let mut projected = x.clone();
        f.project(&mut projected);
        let (optimum, best) = if large { f.minimise_from(projected.clone(), 250) } else { f.minimise_in_plane() };
        let window = Window::square(4.0_f64.max(1.25 / lambda));
        let contours = match &f.f {
            Objective::Logistic(data) => {
                // A cut through the best point, along two weights: the margins of all others are summed once.
                let rest = data.margins(&[&[0.0, 0.0], &best[2..]].concat());
                let (first, second) = (&data.by_weight[..EXAMPLES], &data.by_weight[EXAMPLES..2 * EXAMPLES]);
                Field::new(window, |[x, y]| {
                    let margins = rest.iter().zip(first.iter().zip(second)).map(|(z, (b, c))| z + x * b + y * c);
                    margins.map(|z| Logistic::loss(z).0).sum::<f64>() / EXAMPLES as f64
                })
            }
            _ => Field::new(window, |x| f.value(&x)),
        };
        let padded = |x: f64, y: f64| {
            let mut point = vec![0.0; dimension];
            (point[0], point[1]) = (x, y);
            point
        };
        let kinetic = Field::new(Window::square(3.0), |[x, y]| f.k.value(&padded(x, y)));
        // Infinity is drawn as the top of the scale.
        let conjugate = Field::new(Window::square(3.0), |[x, y]| {
            let y = padded(x, y);
            if f.k.distance(&y) > 0.0 { 1.25 } else { f.k.conjugate(&y) }
        });
        // The boundary of D: the farthest point in each direction.
        let outline = (0..=360).map(|degree| {
            let angle = PI * (f64::from(degree) + 0.5) / 180.0;
            let mut u = vec![0.0; dimension];
            Kinetic { delta: 0.0, ..f.k }.gradient(&padded(cos(angle), sin(angle)), &mut u);
            [u[0], u[1]]
        });
        let outline = outline.collect();

        let fixed = Fixed {
            rates,
            noise: setting.noise * if large { 0.1 } else { 1.0 },
            dimension,
            iterations,
            batch,
            start,
            first_distance: f.distance(&x),
            optimum,
            optimum_at: [best[0], best[1]],
            contours,
            kinetic,
            conjugate,
            outline,
            f,
        };
        let zeros = vec![0.0; dimension];
        let mut exhibit = Self {
            rng: rng.clone(),
            iteration: 0,
            flow: Flow::new(&fixed.f, &x, rates, &best),
            lion: Lion { x: x.clone(), m: zeros.clone() },
            adamw: AdamW { x, m: zeros.clone(), v: zeros, faded: [1.0, 1.0] },
            tau: 1.0,
            lion_track: Track::default(),
            adamw_track: Track::default(),
            projected_track: Track::default(),
            flow_path: Series::new(),
            flow_energy: Series::new(),
            energy: Series::new(),
            rises: Series::new(),
            risen: 0,
            last_energy: None,
            worst_factor: 0.0,
            projected,
            fixed: Rc::new(fixed),
        };
        let fixed = Rc::clone(&exhibit.fixed);
        exhibit.projected_track.record(0, &exhibit.projected, &fixed);
        exhibit.record();
        Ok(exhibit)
    }

    fn length(&self) -> usize {
        self.fixed.iterations.div_ceil(self.fixed.batch)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        let end = (self.iteration + fixed.batch).min(fixed.iterations);
        while self.iteration < end {
            self.iterate();
        }
        // Enough to keep pace but for the stiffest of formulas, where the equation is followed as far as that takes it.
        let most = if fixed.dimension > 2 { 3 } else { 120 };
        self.flow.advance(&fixed.f, fixed.rates, end as f64 * fixed.rates.step, most);
        self.record();
        let stopped = self.lion_track.stopped.is_some() && self.adamw_track.stopped.is_some();
        if stopped || self.iteration == fixed.iterations { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let lambda = fixed.rates.lambda;
        let large = fixed.dimension > 2;
        let (first, second) = if large { ("weight 1 of 200", "weight 2 of 200") } else { ("x", "y") };

        let mut caption = "Decay is a wall to Lion. AdamW gets the same noisy gradients and the same decay; projected \
                           gradient descent is given the walls. Drag the start."
            .to_owned();
        for (name, track) in [("Lion", &self.lion_track), ("AdamW", &self.adamw_track)] {
            if let Some(t) = track.stopped {
                caption += &format!(" {name} stopped at iteration {t}: f or its gradient is not finite there.");
            }
        }
        let title = "The walls that weight decay builds";
        let mut path = fixed.contours.figure(figures, "path", title, caption, [first, second, "f + K*(λx)/λ"]);
        let wall: Vec<[f64; 2]> = fixed.outline.iter().map(|[x, y]| [x / lambda, y / lambda]).collect();
        path.line(xs(&wall), ys(&wall)).ink(Ink::Accent).label("the wall: λx on the edge of D");
        path.line(self.flow_path.xs(), self.flow_path.ys()).of("lion").label("Lion's equation").dashed();
        plane::minima(&mut path, &[fixed.optimum_at], "optimum inside");
        plane::path(&mut path, "projected", &self.projected_track.path);
        plane::path(&mut path, "adamw", &self.adamw_track.path);
        plane::path(&mut path, "lion", &self.lion_track.path);
        plane::start(&mut path, fixed.start, "start");

        let caption = "The energy H/α above its least value. Along the equation it only falls; where Lion's own steps \
                       make it rise, there is a dot.";
        let mut energy = figures.figure("energy", "The energy", caption);
        energy.x(Axis::linear("iteration t")).y(Axis::log("H(x, m)/α − minimum"));
        let (lion, flow, rises) = (positive(&self.energy), positive(&self.flow_energy), positive(&self.rises));
        energy.line(xs(&flow), ys(&flow)).of("lion").label("along Lion's equation").dashed();
        energy.line(xs(&lion), ys(&lion)).of("lion");
        energy.dot(xs(&rises), ys(&rises)).ink(Ink::Accent).radius(2.0).label("H rises");

        let left = [&self.adamw_track, &self.lion_track].iter().any(|track| track.distance.last().is_some());
        let caption = if fixed.first_distance > 0.0 {
            "Outside the body, Lion's distance falls by at least 1/(1 + ελ) at every step: under the dashed line."
        } else if left {
            "All start inside the body. A line is the distance of one that has left it."
        } else {
            "All start inside the body, and none has left it: there is no distance to draw."
        };
        let mut distance = figures.figure("distance", "The distance to the walls", caption);
        distance.x(Axis::linear("iteration t")).y(Axis::log("distance of λx to D"));
        if fixed.first_distance > 0.0 {
            let rate = log1p(fixed.rates.step * lambda);
            let end = (fixed.iterations as f64).min(27.0 / rate);
            distance
                .line([0.0, end], [fixed.first_distance, fixed.first_distance * exp(-rate * end)])
                .ink(Ink::Muted)
                .label("(1 + ελ)⁻ᵗ")
                .dashed();
        }
        distance.line(self.adamw_track.distance.xs(), self.adamw_track.distance.ys()).of("adamw");
        distance.line(self.lion_track.distance.xs(), self.lion_track.distance.ys()).of("lion");

        let caption = "How far each is from the least value inside the walls.";
        let mut gap = figures.figure("gap", "The distance to the constrained optimum", caption);
        gap.x(Axis::linear("iteration t").or(Scale::Log)).y(Axis::log("|f + K*(λx)/λ − minimum|"));
        gap.line(self.projected_track.gap.xs(), self.projected_track.gap.ys()).of("projected");
        gap.line(self.adamw_track.gap.xs(), self.adamw_track.gap.ys()).of("adamw");
        gap.line(self.lion_track.gap.xs(), self.lion_track.gap.ys()).of("lion");

        let caption = "The function whose gradient makes the step, over two components of the momentum. The dot is \
                       Lion's momentum now, the arrow the step it takes.";
        let mut kinetic = figures.figure("kinetic", "K", caption);
        kinetic.x(Axis::linear("m₁").domain(-3.0, 3.0)).y(Axis::linear("m₂").domain(-3.0, 3.0)).equal();
        kinetic.raster(fixed.kinetic.grid(), Colors::sequential("K(m)"));
        let mut u = vec![0.0; fixed.dimension];
        fixed.f.k.gradient(&self.lion.m, &mut u);
        // A long momentum is shown at the edge, in its direction, with room for the step.
        let room = 2.9 - u[0].abs().max(u[1].abs());
        let shrink = (room / self.lion.m[0].abs().max(self.lion.m[1].abs()).max(1e-300)).min(1.0);
        let m = [self.lion.m[0] * shrink, self.lion.m[1] * shrink];
        kinetic.arrow([m[0]], [m[1]], [u[0]], [u[1]]).of("lion");
        kinetic.dot([m[0]], [m[1]]).of("lion").radius(4.0);

        let caption = "Its conjugate: what is added to f. It is infinite outside the line (drawn as the top of the \
                       scale), and λx, wherever it starts, is driven inside.";
        let mut conjugate = figures.figure("conjugate", "K*", caption);
        conjugate.x(Axis::linear("λx₁").domain(-3.0, 3.0)).y(Axis::linear("λx₂").domain(-3.0, 3.0)).equal();
        conjugate.raster(fixed.conjugate.grid(), Colors::sequential("K*(λx)").domain(0.0, 1.25));
        conjugate.line(xs(&fixed.outline), ys(&fixed.outline)).ink(Ink::Accent).label("edge of D");
        let scaled: Vec<[f64; 2]> = self.lion_track.path.iter().map(|[x, y]| [lambda * x, lambda * y]).collect();
        conjugate.line(xs(&scaled), ys(&scaled)).of("lion");
    }

    fn claim(&self) -> Claim {
        let fixed = &*self.fixed;
        let open = self.iteration < fixed.iterations
            && !(self.lion_track.stopped.is_some() && self.adamw_track.stopped.is_some());
        let gap = |x: &[f64]| fixed.f.value(x) - fixed.optimum;
        let adamw = gap(&self.adamw.x).max(fixed.f.distance(&self.adamw.x));
        let outside = if fixed.first_distance > 0.0 {
            "Outside the body, every step of Lion shrinks the distance of λx to it by 1/(1 + ελ) or better; the worst \
             step missed that by a relative {value} (rounding may take {high})."
        } else {
            "Lion starts inside the body and stays there: {value} is at most {high}."
        };
        let escaped = if fixed.first_distance > 0.0 {
            self.worst_factor
        } else {
            self.lion_track.distance.ys().fold(self.worst_factor, f64::max)
        };
        Claim::new(vec![
            Clause::at_most(outside, Some(escaped), 1e-9).holds_only_after(open),
            Clause::at_most(
                "Lion ends within {high} of the least value inside the walls: {value} away.",
                Some(gap(&self.lion.x).abs()),
                1e-3,
            )
            .pending_while(open),
            Clause::at_most(
                if open || self.flow.solution.t() >= fixed.iterations as f64 * fixed.rates.step {
                    "Along Lion's differential equation the energy H/α never rises: by {value} in any step, where \
                     {high} is rounding."
                } else {
                    "Along Lion's differential equation, which is too stiff to be followed to the end, the energy H/α \
                     rises by {value} in no step, where {high} is rounding."
                },
                Some(self.flow.rise),
                1e-8,
            )
            .holds_only_after(open),
            Clause::at_least(
                "AdamW with the same decay ends outside the walls or misses that value by {value}, more than {low}.",
                Some(adamw),
                1e-2,
            )
            .pending_while(open),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A corner of the box",
                "From outside, Lion meets the wall and ends in the corner that is the constrained optimum; AdamW stops \
                 short of it.",
                default.clone(),
            ),
            Scenario::holds(
                "ball",
                "ℓ₂: a ball",
                "With K the Euclidean norm the walls are a circle. Noise turns the direction of the step, so there is less of it.",
                Setting { norm: Norm::L2, noise: 0.3, ..default.clone() },
            ),
            Scenario::holds(
                "two-hundred",
                "200 weights",
                "Logistic regression in 200 dimensions: Lion finds the best weights inside the walls, AdamW is slower.",
                Setting { objective: Problem::Logistic, step: 0.01, noise: 0.0, ..default.clone() },
            ),
            Scenario::fails(
                "chatter",
                "Step 0.3, optimum inside",
                "The sign flips to and fro, H rises again and again, and Lion circles the optimum at the distance of \
                 its step.",
                Setting { step: 0.3, lambda: 0.2, ..default.clone() },
            ),
            Scenario::fails(
                "free-optimum",
                "Walls too far to matter",
                "With λ = 0.2 and no noise the free optimum lies inside the box: Lion and AdamW agree.",
                Setting { lambda: 0.2, noise: 0.0, ..default.clone() },
            ),
            Scenario::fails(
                "full-batch",
                "Without noise",
                "AdamW's step reaches 1 when its gradients carry no noise, and it creeps into the same corner.",
                Setting { noise: 0.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    fn every_kinetic() -> impl Iterator<Item = Kinetic> {
        let norms = Norm::OPTIONS.iter().map(|option| Kinetic::new(option.0));
        norms.flat_map(|k| [k, k.smoothed()])
    }

    proptest! {
        #[test]
        fn conjugates_obey_fenchel_and_meet_at_the_gradient(
            m in prop::collection::vec(-3.0_f64..3.0, 20), y in prop::collection::vec(-3.0_f64..3.0, 20),
            plane in proptest::bool::ANY,
        ) {
            let d = if plane { 2 } else { 20 };
            let (m, mut y) = (&m[..d], y[..d].to_vec());
            for k in every_kinetic() {
                let mut u = vec![0.0; d];
                k.gradient(m, &mut u);
                prop_assert!(k.distance(&u) < 1e-14, "the gradient lies in D");
                k.project(&mut y);
                prop_assert!(k.distance(&y) < 1e-14, "a projection lies in D");
                // K(m) + K*(y) >= m y, with equality where y = ∇K(m).
                let slack = k.value(m) + k.conjugate(&y) - inner(m, &y);
                let met = k.value(m) + k.conjugate(&u) - inner(m, &u);
                prop_assert!(slack > -1e-13 && met.abs() < 1e-13, "{:?}: {} {}", k.norm, slack, met);
            }
        }

        #[test]
        fn a_projection_is_the_nearest_point(
            y in prop::collection::vec(-4.0_f64..4.0, 2), z in prop::collection::vec(-4.0_f64..4.0, 2),
        ) {
            for k in every_kinetic() {
                let (mut p, mut q) = (y.clone(), z.clone());
                k.project(&mut p);
                k.project(&mut q);
                // (y - p)(q - p) <= 0 for every q in D.
                let product = (y[0] - p[0]) * (q[0] - p[0]) + (y[1] - p[1]) * (q[1] - p[1]);
                prop_assert!(product < 1e-13, "{:?}: {}", k.norm, product);
            }
        }

        #[test]
        fn gradients_of_the_logistic_loss_are_limits_of_differences(seed in 0_u64..50, j in 0_usize..WEIGHTS) {
            let mut rng = Rng::seed_from_u64(seed);
            let f = Objective::Logistic(Rc::new(Logistic::new(&mut rng)));
            let mut x: Vec<f64> = (0..WEIGHTS).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mut g = vec![0.0; WEIGHTS];
            let value = f.value_and_gradient(&x, &mut g);
            prop_assert!((f.value(&x) - value).abs() < 1e-13);
            let h = 1e-5;
            x[j] += h;
            let up = f.value(&x);
            x[j] -= 2.0 * h;
            prop_assert!(((up - f.value(&x)) / (2.0 * h) - g[j]).abs() < 1e-8);
        }
    }
}
