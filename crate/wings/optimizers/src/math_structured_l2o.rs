//! A network can be trained to be the optimizer: it reads the gradient, remembers, and says the next step. Left free,
//! it learns the problems of its training and little else. Liu, Chen, Wang, Yin and Cai ask which update rules could
//! converge at all, for every composite objective $f+r$. If optima are to be fixed points, what remains is a proximal
//! step with a preconditioner, and an accelerator. So only these are learned:
//!
//! $$x_{k+1}=\operatorname{prox}_{r,p_k}(y_k-p_k\odot\nabla f(y_k)),$$
//! $$y_{k+1}=x_{k+1}+a_k\odot(x_{k+1}-x_k).$$
//!
//! Here $f=\frac12\|Ax-b\|^2$, $r=\lambda\|x\|_1$, and the proximal step is a soft threshold at $\lambda p_k$. One
//! LSTM of eight units, shared by all coordinates, reads $(y_k,\nabla f(y_k))$ and says $p_k\in(0,2/L)$ and
//! $a_k\in(0,1)$; the ranges are our reconstruction. The black box is the same LSTM that says the step itself,
//! $x_{k+1}=x_k-d_k$. Both train while you watch, by back-propagation through an unroll on $\sum_kF(x_k)$, on random
//! matrices with independent columns, and are then tried for ten times as long.
//!
//! **Try** the test shifts. With correlated columns the structured rule still converges, and the black box ends
//! farther off than it began. With a larger λ, a cosine dictionary or more columns the black box stalls or drifts
//! away. "P only" shows what the accelerator is worth. Learned biases ("PA + bias") should vanish at the optimum and
//! do not: the gap stays at about a tenth.
//!
//! **Where it stops.** At a correlation of 0.8 the claim still holds for four seeds of five. At 0.95 FISTA is ahead
//! after 100 iterations for all five, and for four the learned rule does not arrive: its gap flips between two values.
//! With momentum $a$, a fixed step along the steepest direction flips and grows beyond $pL=(2+2a)/(1+2a)$, about 1.37
//! for the $a$ learned here; the third figure shows a $pL$ of 1.35 to 1.5. Independent columns rarely make it felt;
//! columns that share a direction do. The structure does not forbid it. "P only" is slow there but steady, and so is
//! the untrained rule, with about $p=1/L$ and $a=\frac12$. A black box fails everywhere: even without a shift it
//! stalls at a gap of a twentieth to a half, or drifts off after the iterations of its training.
//!
//! **Scaled down:** 20 × 40 matrices instead of 250 × 500, two hundred Adam steps on four instances instead of
//! training on thousands, sixteen test instances of each kind. The variant that mixes gradients at $x$ and $y$ is left
//! out. Both rules see the same instances.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{View, inner, matmul, matmul_add, matvec};
use orrery_kernels::math::{PI, cos, sigmoid_wide, tanh_wide};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::{normals, permutation};
use std::ops::Range;
use std::rc::Rc;

const CARD: Card = Card {
    slug: "math-structured-l2o",
    title: "Towards Constituting Mathematical Structures for Learning to Optimize",
    year: 2023,
    lists: &[1],
    claim: "A learned optimizer whose shape is a proximal step carries over to problems that break a free-form one.",
    algorithms: &[
        "L2O-PA",
        "learning to optimize",
        "LASSO",
        "LSTM",
        "ISTA",
        "FISTA",
        "proximal gradient",
        "preconditioner",
        "unrolling",
    ],
    contenders: &[
        Contender::paper("structured", "structured"),
        Contender::baseline("black-box", "black box"),
        Contender::baseline("fista", "FISTA"),
        Contender::baseline("ista", "ISTA"),
        Contender::baseline("adam", "Adam"),
    ],
};

/// How test instances differ from those of training.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shift {
    /// Not at all.
    #[choice("none")]
    None,
    /// Columns share a direction.
    #[choice("correlated A")]
    Correlated,
    /// Three times λ.
    #[choice("larger λ")]
    Lambda,
    /// Eighty columns instead of forty.
    #[choice("more columns")]
    Columns,
    /// Twenty rows of a cosine transform.
    #[choice("DCT dictionary")]
    Dct,
}

/// What the network may say.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Structure {
    /// The step itself.
    #[choice("black box")]
    BlackBox,
    /// The preconditioner.
    #[choice("P only")]
    P,
    /// The preconditioner and the accelerator.
    #[choice("PA")]
    Pa,
    /// Both, and a bias to each of the two lines.
    #[choice("PA + bias")]
    PaBias,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// How test instances differ from those of training.
    #[control(label = "test shift", default = Shift::Correlated)]
    pub shift: Shift,
    /// The correlation of any two columns, before they are scaled to length 1.
    #[control(label = "column correlation", range = 0.0..=0.95, default = 0.6, when = ("shift", "correlated"))]
    pub correlation: f64,
    /// The weight λ of the ℓ₁ norm.
    #[control(label = "λ", range = 0.01..=0.5, log, default = 0.1)]
    pub lambda: f64,
    /// Iterations that training sees.
    #[control(label = "unroll at training", range = 5..=60, default = 20)]
    pub unroll: usize,
    /// Adam steps on the weights of the networks.
    #[control(label = "meta-steps", range = 0..=600, default = 200)]
    pub meta_steps: usize,
    /// What the network may say.
    #[control(label = "structure", default = Structure::Pa)]
    pub structure: Structure,
}

/// Rows, columns, instances in a batch of training and in a test, and iterations of a test.
const ROWS: usize = 20;
const COLUMNS: usize = 40;
const BATCH: usize = 4;
const TEST: usize = 16;
const ITERATIONS: usize = 200;
/// Units of the LSTM, what it reads with its own output, its gates, and what it says.
const UNITS: usize = 8;
const SEEN: usize = 2 + UNITS;
const GATES: usize = 4 * UNITS;
const SAID: usize = 4;
/// Where its weights stand: by rows what is seen × gates, the gates' offsets, units × what is said, and biases.
const LSTM: Range<usize> = 0..SEEN * GATES;
const OFFSETS: Range<usize> = LSTM.end..LSTM.end + GATES;
const OUTPUT: Range<usize> = OFFSETS.end..OFFSETS.end + UNITS * SAID;
const BIASES: Range<usize> = OUTPUT.end..OUTPUT.end + SAID;
/// The units in which a black box says its step, and a structured rule its biases.
const STEP: f64 = 0.1;
const BIAS: f64 = 0.01;
/// Iterations in a step of the test, and instances in a step of solving.
const AT_ONCE: usize = 5;
const SOLVED_AT_ONCE: usize = 1;
/// At most so many iterations for a reference, whose duality gap is looked at now and then and should fall below this.
const LONG: usize = 5000;
const NOW_AND_THEN: usize = 20;
const EXACT: f64 = 1e-13;
/// Relative gaps below this are drawn here.
const FLOOR: f64 = 1e-12;
/// Where the claim looks, at the shifted and at the unshifted instances.
const LATE: usize = 100;
const EARLY: usize = 30;

/// LASSO problems of one shape, one below the other.
#[derive(Clone)]
struct Instances {
    columns: usize,
    lambda: f64,
    /// ROWS x columns each.
    a: Vec<f64>,
    b: Vec<f64>,
    /// The greatest eigenvalue of each $A^\top A$.
    smoothness: Vec<f64>,
}

impl Instances {
    fn draw(count: usize, shift: Shift, setting: &Setting, rng: &mut Rng) -> Self {
        let columns = if shift == Shift::Columns { 2 * COLUMNS } else { COLUMNS };
        let lambda = if shift == Shift::Lambda { 3.0 * setting.lambda } else { setting.lambda };
        let rho = if shift == Shift::Correlated { setting.correlation } else { 0.0 };
        let (mut all, mut b, mut smoothness) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let mut a = normals(ROWS * columns, rng);
            if rho > 0.0 {
                let shared = normals(ROWS, rng);
                for (row, shared) in a.chunks_exact_mut(columns).zip(&shared) {
                    row.iter_mut().for_each(|a| *a = rho.sqrt() * shared + (1.0 - rho).sqrt() * *a);
                }
            }
            if shift == Shift::Dct {
                let rows = permutation(columns, rng);
                for (row, frequency) in a.chunks_exact_mut(columns).zip(rows) {
                    let angle = PI * frequency as f64 / columns as f64;
                    row.iter_mut().enumerate().for_each(|(j, a)| *a = cos(angle * (j as f64 + 0.5)));
                }
            }
            for j in 0..columns {
                let length = a.iter().skip(j).step_by(columns).map(|a| a * a).sum::<f64>().sqrt().max(1e-9);
                a.iter_mut().skip(j).step_by(columns).for_each(|a| *a /= length);
            }
            // A tenth of the coordinates, and one at least.
            let sure = rng.random_range(0..columns as u32) as usize;
            let value = |j: usize, rng: &mut Rng| {
                let filled = rng.random::<f64>() < 0.1 || j == sure;
                if filled { normals(1, rng)[0] } else { 0.0 }
            };
            let planted: Vec<f64> = (0..columns).map(|j| value(j, rng)).collect();
            let view = View::by_rows(&a, ROWS, columns);
            b.extend(matvec(view, &planted));
            let mut v = normals(columns, rng);
            let mut greatest = 1.0;
            for _ in 0..60 {
                let next = matvec(view.t(), &matvec(view, &v));
                greatest = inner(&next, &next).sqrt().max(1e-9);
                v = next.iter().map(|x| x / greatest).collect();
            }
            // The power iteration comes from below.
            smoothness.push(1.02 * greatest);
            all.extend(a);
        }
        Self { columns, lambda, a: all, b, smoothness }
    }

    fn count(&self) -> usize {
        self.smoothness.len()
    }

    fn view(&self, instance: usize) -> View<'_, f64> {
        let size = ROWS * self.columns;
        View::by_rows(&self.a[instance * size..(instance + 1) * size], ROWS, self.columns)
    }

    /// $Ax-b$.
    fn rest(&self, instance: usize, x: &[f64]) -> Vec<f64> {
        let b = &self.b[instance * ROWS..(instance + 1) * ROWS];
        matvec(self.view(instance), x).iter().zip(b).map(|(fit, b)| fit - b).collect()
    }

    /// $F(x)$.
    fn value(&self, instance: usize, x: &[f64]) -> f64 {
        let rest = self.rest(instance, x);
        0.5 * inner(&rest, &rest) + self.lambda * x.iter().map(|x| x.abs()).sum::<f64>()
    }

    /// $\nabla f(x)$.
    fn gradient(&self, instance: usize, x: &[f64]) -> Vec<f64> {
        matvec(self.view(instance).t(), &self.rest(instance, x))
    }

    /// $F$ of each instance.
    fn values(&self, x: &[f64]) -> Vec<f64> {
        x.chunks_exact(self.columns).enumerate().map(|(k, x)| self.value(k, x)).collect()
    }

    /// What `of` makes of each instance's coordinates.
    fn each(&self, x: &[f64], of: impl Fn(usize, &[f64]) -> Vec<f64>) -> Vec<f64> {
        x.chunks_exact(self.columns).enumerate().flat_map(|(k, x)| of(k, x)).collect()
    }

    /// $2/L$ of a coordinate's instance.
    fn longest(&self, coordinate: usize) -> f64 {
        2.0 / self.smoothness[coordinate / self.columns]
    }

    /// How far $F(x)$ may be above the least value: to the dual value of the rest, scaled to be feasible.
    fn duality_gap(&self, instance: usize, x: &[f64]) -> f64 {
        let b = &self.b[instance * ROWS..(instance + 1) * ROWS];
        let rest = self.rest(instance, x);
        let steepest = matvec(self.view(instance).t(), &rest).iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        let scale = (self.lambda / steepest.max(1e-300)).min(1.0);
        let dual = -scale * (0.5 * scale * inner(&rest, &rest) + inner(&rest, b));
        self.value(instance, x) - dual
    }
}

/// Lines of equal length, one below the other.
fn lines(all: &[f64], count: usize) -> View<'_, f64> {
    View::by_rows(all, count, all.len() / count)
}

/// To each of `sums` the sum of a line.
fn add_sums(all: &[f64], sums: &mut [f64]) {
    let length = all.len() / sums.len();
    sums.iter_mut().zip(all.chunks_exact(length)).for_each(|(sum, line)| *sum += line.iter().sum::<f64>());
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn soft(v: f64, threshold: f64) -> f64 {
    (v - threshold).max(0.0) - (-v - threshold).max(0.0)
}

/// $S_{\lambda/L}(y-\nabla f(y)/L)$.
fn step(instances: &Instances, instance: usize, y: &[f64]) -> Vec<f64> {
    let eta = 1.0 / instances.smoothness[instance];
    let gradient = instances.gradient(instance, y);
    y.iter().zip(&gradient).map(|(y, g)| soft(y - eta * g, eta * instances.lambda)).collect()
}

/// FISTA, or ISTA without the momentum.
fn proximal(instances: &Instances, instance: usize, steps: usize, fast: bool, mut see: impl FnMut(&[f64])) {
    let (mut x, mut y, mut t) = (vec![0.0; instances.columns], vec![0.0; instances.columns], 1.0_f64);
    see(&x);
    for _ in 0..steps {
        let next = step(instances, instance, &y);
        let later = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        let push = if fast { (t - 1.0) / later } else { 0.0 };
        y = next.iter().zip(&x).map(|(next, x)| next + push * (next - x)).collect();
        (x, t) = (next, later);
        see(&x);
    }
}

/// A minimiser and the least value: FISTA that forgets its momentum where that leads uphill (O'Donoghue and Candès,
/// "Adaptive Restart for Accelerated Gradient Schemes", 2015).
fn solve(instances: &Instances, instance: usize) -> (Vec<f64>, f64) {
    let (mut x, mut y, mut t) = (vec![0.0; instances.columns], vec![0.0; instances.columns], 1.0_f64);
    for k in 1..=LONG {
        let next = step(instances, instance, &y);
        let uphill: f64 = y.iter().zip(&next).zip(&x).map(|((y, next), x)| (y - next) * (next - x)).sum();
        if uphill > 0.0 {
            t = 1.0;
        }
        let later = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        let push = (t - 1.0) / later;
        y = next.iter().zip(&x).map(|(next, x)| next + push * (next - x)).collect();
        (x, t) = (next, later);
        if k % NOW_AND_THEN == 0 && instances.duality_gap(instance, &x) < EXACT * instances.value(instance, &x) {
            break;
        }
    }
    let least = instances.value(instance, &x);
    (x, least)
}

/// Adam on $F$ with its subgradient.
fn adam(instances: &Instances, instance: usize, steps: usize, mut see: impl FnMut(&[f64])) {
    let mut x = vec![0.0; instances.columns];
    let mut rule = Adam::new(x.len(), 0.03, [0.9, 0.999]);
    see(&x);
    for _ in 0..steps {
        let mut gradient = instances.gradient(instance, &x);
        gradient.iter_mut().zip(&x).for_each(|(g, x)| *g += instances.lambda * sign(*x));
        rule.step(&mut x, &gradient);
        see(&x);
    }
}

/// A learned rule on all coordinates of all instances, one below the other; also the derivative by each of these.
#[derive(Clone)]
struct State {
    x: Vec<f64>,
    y: Vec<f64>,
    /// Of the LSTM, a line a unit: its output, and its cells.
    h: Vec<f64>,
    c: Vec<f64>,
}

impl State {
    fn zero(coordinates: usize) -> Self {
        let (line, lines) = (vec![0.0; coordinates], vec![0.0; UNITS * coordinates]);
        Self { x: line.clone(), y: line, h: lines.clone(), c: lines }
    }
}

/// What an iteration computes on its way, a line a quantity: its derivative needs it again.
struct Pass {
    /// $(y_k,\nabla f(y_k),h_k)$.
    seen: Vec<f64>,
    /// $\sigma(i),\sigma(f),\sigma(o),\tanh g$, a line a unit.
    gates: Vec<f64>,
    /// $\tanh c_{k+1}$.
    shown: Vec<f64>,
    /// Four lines; of a structured rule the first two are $\sigma(o_1)=p_kL/2$ and $\sigma(o_2)=a_k$ already.
    said: Vec<f64>,
}

/// Four equal parts.
fn quarters(all: &[f64]) -> [&[f64]; 4] {
    let quarter = all.len() / 4;
    [0, 1, 2, 3].map(|k| &all[k * quarter..(k + 1) * quarter])
}

/// Lines that are constant.
fn constants(values: &[f64], length: usize) -> Vec<f64> {
    values.iter().flat_map(|value| std::iter::repeat_n(*value, length)).collect()
}

/// The weights of a learned rule.
#[derive(Clone)]
struct Learned {
    structure: Structure,
    theta: Vec<f64>,
    adam: Adam,
    loss: Series,
}

impl Learned {
    fn new(structure: Structure, rng: &mut Rng) -> Self {
        let mut parameters = Parameters::new();
        parameters.weights("input", 2, GATES, 0.5);
        parameters.weights("memory", UNITS, GATES, 0.35);
        parameters.row("gates", GATES, 0.0);
        parameters.weights("output", UNITS, SAID, 0.035);
        parameters.row("bias", SAID, 0.0);
        let theta = parameters.initial(rng);
        let adam = Adam::new(theta.len(), 0.01, [0.9, 0.999]);
        Self { structure, theta, adam, loss: Series::new() }
    }

    /// One iteration.
    fn iterate(&self, instances: &Instances, state: &State) -> (State, Pass) {
        let (n, units) = (state.x.len(), state.c.len());
        let gradient = instances.each(&state.y, |k, y| instances.gradient(k, y));
        let seen = [&state.y[..], &gradient, &state.h].concat();

        // The LSTM (Hochreiter and Schmidhuber 1997), with a forget gate that is open at first:
        // c⁺ = σ(f + 1) c + σ(i) tanh g, h⁺ = σ(o) tanh c⁺.
        let mut gates = constants(&self.theta[OFFSETS], n);
        matmul_add(lines(&self.theta[LSTM], SEEN).t(), lines(&seen, SEEN), &mut gates);
        gates[units..2 * units].iter_mut().for_each(|f| *f += 1.0);
        gates[..3 * units].iter_mut().for_each(|z| *z = sigmoid_wide(*z));
        gates[3 * units..].iter_mut().for_each(|g| *g = tanh_wide(*g));
        let [i, f, o, g] = quarters(&gates);
        let c: Vec<f64> = (0..units).map(|j| f[j] * state.c[j] + i[j] * g[j]).collect();
        let shown: Vec<f64> = c.iter().map(|c| tanh_wide(*c)).collect();
        let h: Vec<f64> = o.iter().zip(&shown).map(|(o, shown)| o * shown).collect();
        let mut said = constants(&self.theta[BIASES], n);
        matmul_add(lines(&self.theta[OUTPUT], UNITS).t(), lines(&h, UNITS), &mut said);

        let (x, y);
        if self.structure == Structure::BlackBox {
            // x⁺ = x - d
            x = state.x.iter().zip(&said).map(|(x, d)| x - STEP * d).collect::<Vec<_>>();
            y = x.clone();
        } else {
            said[..2 * n].iter_mut().for_each(|z| *z = sigmoid_wide(*z));
            let [share, push, first, second] = quarters(&said);
            let biased = if self.structure == Structure::PaBias { BIAS } else { 0.0 };
            // x⁺ = S_{λp}(y - p ∇f(y) - b₁) with p = 2σ(o₁)/L
            let next = |j: usize| {
                let p = share[j] * instances.longest(j);
                soft(state.y[j] - p * gradient[j] - biased * first[j], instances.lambda * p)
            };
            x = (0..n).map(next).collect();
            // y⁺ = x⁺ + a (x⁺ - x) - b₂ with a = σ(o₂)
            let on = |j: usize| match self.structure {
                Structure::P => x[j],
                _ => x[j] + push[j] * (x[j] - state.x[j]) - biased * second[j],
            };
            y = (0..n).map(on).collect();
        }
        (State { x, y, h, c }, Pass { seen, gates, shown, said })
    }

    /// An iteration backwards: from the derivative by what it came to (`to`) that by what it came from (`from`). The
    /// derivative by the weights is added to `slope`.
    fn back(&self, instances: &Instances, [from, to]: [&State; 2], pass: &Pass, by: State, slope: &mut [f64]) -> State {
        let (n, units) = (from.x.len(), from.c.len());
        let [share, push, ..] = quarters(&pass.said);
        let gradient = &pass.seen[n..2 * n];
        let mut before = State::zero(n);
        let (mut by_gradient, mut by_said) = (vec![0.0; n], vec![0.0; SAID * n]);
        let biased = if self.structure == Structure::PaBias { BIAS } else { 0.0 };
        (0..n).for_each(|j| {
            let (mut by_x, by_y) = (by.x[j], by.y[j]);
            match self.structure {
                Structure::BlackBox => {
                    before.x[j] = by_x + by_y;
                    by_said[j] = -STEP * (by_x + by_y);
                    return;
                }
                Structure::P => by_x += by_y,
                Structure::Pa | Structure::PaBias => {
                    by_x += (1.0 + push[j]) * by_y;
                    before.x[j] = -push[j] * by_y;
                    by_said[n + j] = by_y * (to.x[j] - from.x[j]) * push[j] * (1.0 - push[j]);
                    by_said[3 * n + j] = -biased * by_y;
                }
            }
            // Below the threshold nothing passes; beyond it S has slopes 1 and, by the threshold, -sign.
            if to.x[j] != 0.0 {
                let longest = instances.longest(j);
                before.y[j] = by_x;
                by_gradient[j] = -share[j] * longest * by_x;
                let by_p = -by_x * (gradient[j] + instances.lambda * to.x[j].signum());
                by_said[j] = by_p * longest * share[j] * (1.0 - share[j]);
                by_said[2 * n + j] = -biased * by_x;
            }
        });

        matmul_add(lines(&to.h, UNITS), lines(&by_said, SAID).t(), &mut slope[OUTPUT]);
        add_sums(&by_said, &mut slope[BIASES]);
        let mut by_h = by.h;
        matmul_add(lines(&self.theta[OUTPUT], UNITS), lines(&by_said, SAID), &mut by_h);

        let [i, f, o, g] = quarters(&pass.gates);
        let mut by_gates = vec![0.0; pass.gates.len()];
        (0..units).for_each(|j| {
            let shown = pass.shown[j];
            let by_c = by.c[j] + by_h[j] * o[j] * (1.0 - shown * shown);
            by_gates[j] = by_c * g[j] * i[j] * (1.0 - i[j]);
            by_gates[units + j] = by_c * from.c[j] * f[j] * (1.0 - f[j]);
            by_gates[2 * units + j] = by_h[j] * shown * o[j] * (1.0 - o[j]);
            by_gates[3 * units + j] = by_c * i[j] * (1.0 - g[j] * g[j]);
            before.c[j] = by_c * f[j];
        });
        matmul_add(lines(&pass.seen, SEEN), lines(&by_gates, GATES).t(), &mut slope[LSTM]);
        add_sums(&by_gates, &mut slope[OFFSETS]);
        let by_seen = matmul(lines(&self.theta[LSTM], SEEN), lines(&by_gates, GATES));

        before.y.iter_mut().zip(&by_seen[..n]).for_each(|(by, more)| *by += more);
        by_gradient.iter_mut().zip(&by_seen[n..2 * n]).for_each(|(by, more)| *by += more);
        before.h.copy_from_slice(&by_seen[2 * n..]);
        // ∇f = Aᵀ(A y - b)
        let by_y = instances.each(&by_gradient, |k, v| matvec(instances.view(k).t(), &matvec(instances.view(k), v)));
        before.y.iter_mut().zip(&by_y).for_each(|(by, more)| *by += more);
        before
    }

    /// $\frac1K\sum_kF(x_k)/F(0)$, and its derivative by the weights, back through the unroll.
    fn loss(&self, instances: &Instances, unroll: usize) -> (f64, Vec<f64>) {
        let weight = 1.0 / (unroll as f64 * (0.5 * inner(&instances.b, &instances.b)).max(1e-9));
        let n = instances.count() * instances.columns;
        let (mut states, mut passes, mut loss) = (vec![State::zero(n)], Vec::new(), 0.0);
        for k in 0..unroll {
            let (next, pass) = self.iterate(instances, &states[k]);
            loss += weight * instances.values(&next.x).iter().sum::<f64>();
            states.push(next);
            passes.push(pass);
        }
        let (mut by, mut slope) = (State::zero(n), vec![0.0; self.theta.len()]);
        for (pass, states) in passes.iter().zip(states.windows(2)).rev() {
            let by_x = instances.each(&states[1].x, |k, x| instances.gradient(k, x));
            for ((by, more), x) in by.x.iter_mut().zip(&by_x).zip(&states[1].x) {
                *by += weight * (more + instances.lambda * sign(*x));
            }
            by = self.back(instances, [&states[0], &states[1]], pass, by, &mut slope);
        }
        (loss, slope)
    }

    /// One step of Adam.
    fn train(&mut self, instances: &Instances, unroll: usize) {
        let (loss, mut slope) = self.loss(instances, unroll);
        let length = inner(&slope, &slope).sqrt();
        if length.is_finite() {
            // A long gradient is shortened to 1.
            let scale = 1.0 / length.max(1.0);
            slope.iter_mut().for_each(|g| *g *= scale);
            self.adam.step(&mut self.theta, &slope);
        }
        self.loss.push(self.loss.last().map_or(1.0, |p| p[0] + 1.0), loss.clamp(1e-6, 1e6));
    }
}

/// A learned rule on its way through the test.
#[derive(Clone)]
struct Trial {
    state: State,
    /// By iterations, the relative gap of each instance.
    gaps: Rc<Vec<Vec<f64>>>,
    /// By iterations $p_kL$ of the first instance's coordinates, and the least, mean and greatest $a_k$.
    lengths: Vec<f64>,
    pushes: Vec<[f64; 3]>,
}

impl Trial {
    fn new(exam: &Exam) -> Self {
        let state = State::zero(TEST * exam.instances.columns);
        let gaps = Rc::new(vec![exam.gaps(&state.x)]);
        Self { state, gaps, lengths: Vec::new(), pushes: Vec::new() }
    }

    fn advance(&mut self, rule: &Learned, exam: &Exam) {
        let (mut next, pass) = rule.iterate(&exam.instances, &self.state);
        // What runs away is held far off, where its gap is beyond the picture.
        for line in [&mut next.x, &mut next.y] {
            line.iter_mut().for_each(|x| *x = x.clamp(-1e6, 1e6));
        }
        self.state = next;
        let [share, a, ..] = quarters(&pass.said);
        self.lengths.extend(share[..exam.instances.columns].iter().map(|share| 2.0 * share));
        let mean = a.iter().sum::<f64>() / a.len() as f64;
        let (low, high) = (a.iter().copied().fold(1.0, f64::min), a.iter().copied().fold(0.0, f64::max));
        self.pushes.push([low, mean, high]);
        let gaps = exam.gaps(&self.state.x);
        Rc::make_mut(&mut self.gaps).push(gaps);
    }
}

/// A set of test instances with their least values.
#[derive(Clone)]
struct Exam {
    instances: Rc<Instances>,
    least: Vec<f64>,
    /// FISTA's, ISTA's and Adam's gaps, by iterations, then by instances.
    classics: [Vec<Vec<f64>>; 3],
}

impl Exam {
    fn new(shift: Shift, setting: &Setting, rng: &mut Rng) -> Self {
        let instances = Rc::new(Instances::draw(TEST, shift, setting, rng));
        Self { instances, least: Vec::new(), classics: Default::default() }
    }

    fn relative(&self, instance: usize, value: f64) -> f64 {
        let gap = value / self.least[instance] - 1.0;
        if gap.is_finite() { gap.clamp(FLOOR, 1e6) } else { 1e6 }
    }

    fn gaps(&self, x: &[f64]) -> Vec<f64> {
        self.instances.values(x).iter().enumerate().map(|(k, value)| self.relative(k, *value)).collect()
    }

    /// The least value of one more instance, and the classical methods on it.
    fn solve(&mut self) {
        let k = self.least.len();
        if k == TEST {
            return;
        }
        let instances = Rc::clone(&self.instances);
        self.least.push(solve(&instances, k).1.max(1e-12));
        for place in 0..3 {
            let mut values = Vec::new();
            let see = |x: &[f64]| values.push(instances.value(k, x));
            match place {
                0 => proximal(&instances, k, ITERATIONS, true, see),
                1 => proximal(&instances, k, ITERATIONS, false, see),
                _ => adam(&instances, k, ITERATIONS, see),
            }
            let gaps: Vec<f64> = values.iter().map(|value| self.relative(k, *value)).collect();
            self.classics[place].resize(ITERATIONS + 1, Vec::new());
            self.classics[place].iter_mut().zip(gaps).for_each(|(all, gap)| all.push(gap));
        }
    }
}

/// Lower quartile, median and upper quartile.
fn quartiles(gaps: &[f64]) -> [f64; 3] {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted[(sorted.len() - 1) * share / 4];
    [at(1), 0.5 * (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]), at(3)]
}

/// The exhibit.
#[derive(Clone)]
pub struct StructuredL2o {
    setting: Setting,
    rng: Rng,
    frame: usize,
    /// Shifted, and as in training.
    exams: [Exam; 2],
    /// The structured rule and the black box.
    rules: [Learned; 2],
    /// What they are trained on now.
    batch: Rc<Instances>,
    /// For each exam the two rules on their way, once trained.
    trials: Vec<[Trial; 2]>,
}

impl StructuredL2o {
    const SOLVING: usize = TEST.div_ceil(SOLVED_AT_ONCE);

    /// The median gap of a rule at an iteration.
    fn median(&self, exam: usize, rule: usize, iteration: usize) -> Option<f64> {
        let gaps = self.trials.get(exam)?[rule].gaps.get(iteration)?.clone();
        Some(quartiles(&gaps)[1])
    }

    fn done(&self) -> bool {
        self.frame >= self.length()
    }
}

impl Exhibit for StructuredL2o {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let exams = [Exam::new(setting.shift, setting, rng), Exam::new(Shift::None, setting, rng)];
        let rules = [Learned::new(setting.structure, rng), Learned::new(Structure::BlackBox, rng)];
        let batch = Rc::new(Instances::draw(BATCH, Shift::None, setting, rng));
        Ok(Self { setting: setting.clone(), rng: rng.clone(), frame: 0, exams, rules, batch, trials: Vec::new() })
    }

    fn length(&self) -> usize {
        Self::SOLVING + 2 * self.setting.meta_steps + ITERATIONS / AT_ONCE
    }

    // First the references are solved, then both rules are trained, then they are tried.
    async fn step(&mut self, _: &Compute) -> Progress {
        if self.done() {
            return Progress::Done;
        }
        if self.frame < Self::SOLVING {
            for exam in &mut self.exams {
                (0..SOLVED_AT_ONCE).for_each(|_| exam.solve());
            }
        } else if self.frame < Self::SOLVING + 2 * self.setting.meta_steps {
            // By turns, on the same batch.
            let turn = (self.frame - Self::SOLVING) % 2;
            if turn == 0 {
                self.batch = Rc::new(Instances::draw(BATCH, Shift::None, &self.setting, &mut self.rng));
            }
            self.rules[turn].train(&self.batch, self.setting.unroll);
        } else {
            if self.trials.is_empty() {
                self.trials = self.exams.iter().map(|exam| [Trial::new(exam), Trial::new(exam)]).collect();
            }
            for (exam, trials) in self.exams.iter().zip(&mut self.trials) {
                for (trial, rule) in trials.iter_mut().zip(&self.rules) {
                    (0..AT_ONCE).for_each(|_| trial.advance(rule, exam));
                }
            }
        }
        self.frame += 1;
        if self.done() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let shifted = self.setting.shift != Shift::None;
        let title = if shifted { "On shifted instances" } else { "On instances that are not shifted" };
        for (place, (id, title)) in
            [("shifted", title), ("same", "On instances like those of training")].into_iter().enumerate()
        {
            let caption = match place {
                0 => "Relative gap, the median of sixteen instances, and the middle half of the learned rules.",
                _ => "The same on fresh instances of the distribution that was trained on.",
            };
            let mut figure = figures.figure(id, title, caption);
            figure.x(Axis::linear("iteration k").domain(0.0, ITERATIONS as f64).or(Scale::Log));
            figure.y(Axis::log("(F(x) − F*) / F*").domain(FLOOR, 1e2));
            let mut curves = Curves::new(&["adam", "ista", "fista", "black-box", "structured"], FLOOR);
            for (id, gaps) in ["fista", "ista", "adam"].into_iter().zip(&self.exams[place].classics) {
                gaps.iter().enumerate().for_each(|(k, gaps)| curves.push(id, k as f64, quartiles(gaps)[1].min(1e2)));
            }
            for (rule, id) in ["structured", "black-box"].into_iter().enumerate() {
                let Some(trial) = self.trials.get(place).map(|trials| &trials[rule]) else { continue };
                let of: Vec<[f64; 3]> = trial.gaps.iter().map(|gaps| quartiles(gaps).map(|gap| gap.min(1e2))).collect();
                let places = (0..of.len()).map(|k| k as f64);
                figure.band(places, of.iter().map(|q| q[0]), of.iter().map(|q| q[2])).of(id).faint();
                of.iter().enumerate().for_each(|(k, q)| curves.push(id, k as f64, q[1]));
            }
            curves.draw(&mut figure);
        }

        if let Some([trial, _]) = self.trials.first()
            && self.setting.structure != Structure::BlackBox
        {
            let columns = self.exams[0].instances.columns;
            let caption = "The learned step p times L, coordinate by coordinate of the first picture's first instance; \
                           plain descent has 1 everywhere.";
            let mut steps = figures.figure("steps", "The learned preconditioner", caption);
            let rows = (trial.lengths.len() / columns).min(60);
            steps.x(Axis::linear("iteration k").domain(0.5, 60.5));
            steps.y(Axis::linear("coordinate").domain(0.5, columns as f64 + 0.5));
            if rows > 0 {
                let (x, y) = ([0.5, rows as f64 + 0.5], [0.5, columns as f64 + 0.5]);
                let along = |i: usize| (0..rows).map(move |k| (k, i));
                let cells = (0..columns).flat_map(along).map(|(k, i)| trial.lengths[k * columns + i]);
                let grid = Grid { values: &cells.collect::<Vec<f64>>(), columns: rows, x, y };
                steps.raster(grid, Colors::sequential("p L").domain(0.0, 2.0));
            }

            if self.setting.structure != Structure::P {
                let caption = "The learned accelerator on the first picture's instances, mean and range over \
                               coordinates, and FISTA's momentum.";
                let mut push = figures.figure("accelerator", "The learned accelerator", caption);
                push.x(Axis::linear("iteration k").domain(0.0, ITERATIONS as f64));
                push.y(Axis::linear("a").domain(0.0, 1.0));
                let places = || (1..=trial.pushes.len()).map(|k| k as f64);
                let (low, high) = (trial.pushes.iter().map(|a| a[0]), trial.pushes.iter().map(|a| a[2]));
                push.band(places(), low, high).of("structured").faint();
                push.line(places(), trial.pushes.iter().map(|a| a[1])).of("structured");
                let mut t = 1.0_f64;
                let momentum = (0..ITERATIONS).map(|_| {
                    let later = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
                    let push = (t - 1.0) / later;
                    t = later;
                    push
                });
                let momentum: Vec<f64> = momentum.collect();
                push.line((1..=ITERATIONS).map(|k| k as f64), &momentum).of("fista");
            }
        }

        let caption = if self.setting.meta_steps == 0 {
            "No meta-step is taken: both networks keep the weights that they were drawn with."
        } else {
            "The mean of F along the unroll over F(0), on the batch of each step; no optimizer can bring it to 0."
        };
        let mut loss = figures.figure("loss", "Meta-training", caption);
        loss.x(Axis::linear("meta-step").domain(0.0, self.setting.meta_steps.max(1) as f64));
        loss.y(Axis::log("mean F / F(0)"));
        for (rule, id) in self.rules.iter().zip(["structured", "black-box"]).rev() {
            loss.line(rule.loss.xs(), rule.loss.ys()).of(id);
        }
    }

    fn claim(&self) -> Claim {
        let open = !self.done();
        let late = self.median(0, 0, LATE);
        let over = late.zip(self.median(0, 1, LATE)).map(|(ours, theirs)| ours / theirs);
        let fista =
            self.exams[1].classics[0].get(EARLY).filter(|gaps| gaps.len() == TEST).map(|gaps| quartiles(gaps)[1]);
        let early = self.median(1, 0, EARLY).zip(fista).map(|(ours, fista)| ours / fista);
        let instances =
            if self.setting.shift == Shift::None { "instances that are not shifted" } else { "the shifted instances" };
        let clauses = vec![
            Clause::at_most(
                format!("On {instances} its median gap after 100 iterations is {{value}}, at most {{high}}."),
                late,
                1e-3,
            ),
            Clause::at_most("That is {value} of the black box's, at most {high}.", over, 0.1),
            Clause::at_most(
                "On instances like those of training its gap after 30 iterations is {value} of FISTA's, at most {high}.",
                early,
                1.0,
            ),
        ];
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Correlated columns",
                "Trained without correlation, tried with it: the structured rule converges, the black box does not.",
                default.clone(),
            ),
            Scenario::holds(
                "no-shift",
                "No shift",
                "Where it was trained the structured rule is ahead of FISTA; the black box stalls.",
                Setting { shift: Shift::None, ..default.clone() },
            ),
            Scenario::fails(
                "extreme",
                "Correlation 0.95",
                "FISTA is ahead; at most seeds the learned step, with its momentum, is too long to settle.",
                Setting { correlation: 0.95, ..default.clone() },
            ),
            Scenario::fails(
                "biases",
                "With biases",
                "Learned biases do not vanish at the optimum, which is no fixed point any more.",
                Setting { structure: Structure::PaBias, ..default.clone() },
            ),
            Scenario::fails(
                "free-form",
                "A black box throughout",
                "The same network, free to say any step, gets nowhere near.",
                Setting { structure: Structure::BlackBox, ..default.clone() },
            ),
            Scenario::fails(
                "untrained",
                "Hardly trained",
                "After five steps of training FISTA is ahead in distribution.",
                Setting { meta_steps: 5, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::math::log;
    use orrery_reference::{difference, list, number, numbers, vectors, whole, word};
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(12))]
        // The derivative back through a short unroll is a limit of differences: of at least one of the two sides, as
        // there may be a kink of the soft threshold on the other.
        #[test]
        fn gradients_through_the_unroll_are_limits_of_differences(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let instances = Instances::draw(2, Shift::None, &Setting::default(), &mut rng);
            for &(structure, ..) in Structure::OPTIONS {
                let mut rule = Learned::new(structure, &mut rng);
                // Weights far from those it begins with.
                let far = normals(rule.theta.len(), &mut rng);
                rule.theta.iter_mut().zip(&far).for_each(|(theta, far)| *theta += 0.2 * far);
                let (here, slope) = rule.loss(&instances, 4);
                let way = normals(slope.len(), &mut rng);
                let at = |t: f64| {
                    let theta = rule.theta.iter().zip(&way).map(|(x, d)| x + t * d).collect();
                    Learned { theta, ..rule.clone() }.loss(&instances, 4).0
                };
                let mine = inner(&slope, &way);
                let off = [-1e-6, 1e-6].map(|t| (mine - (at(t) - here) / t).abs());
                prop_assert!(off[0].min(off[1]) < 1e-4 * (1.0 + mine.abs()), "{structure:?}: {mine}, off by {off:?}");
            }
        }
    }

    // Four iterations of every rule and the loss's derivative by all weights, as JAX computes them from equations
    // written down anew: `tests/reference/structured_l2o.py`.
    #[test]
    fn unrolls_and_their_gradients_are_those_of_jax() {
        let vectors = vectors(include_str!("../../../../tests/reference/structured_l2o.json"));
        let instances = Instances {
            columns: whole(&vectors["columns"]),
            lambda: number(&vectors["lambda"]),
            a: numbers(&vectors["a"]),
            b: numbers(&vectors["b"]),
            smoothness: numbers(&vectors["smoothness"]),
        };
        let (unroll, mut rng) = (whole(&vectors["unroll"]), Rng::seed_from_u64(0));
        let cases = list(&vectors["cases"]);
        assert_eq!(cases.len(), 4);
        for case in cases {
            let name = word(&case["structure"]);
            let structure = match name {
                "black box" => Structure::BlackBox,
                "P" => Structure::P,
                "PA" => Structure::Pa,
                _ => Structure::PaBias,
            };
            let theta = numbers(&vectors["theta"]);
            let rule = Learned { theta, ..Learned::new(structure, &mut rng) };
            let mut state = State::zero(instances.count() * instances.columns);
            for _ in 0..unroll {
                state = rule.iterate(&instances, &state).0;
            }
            let (loss, slope) = rule.loss(&instances, unroll);
            let errors = [
                difference(&state.x, &numbers(&case["x"])),
                difference(&state.y, &numbers(&case["y"])),
                difference(&[loss], &[number(&case["loss"])]),
                difference(&slope, &numbers(&case["gradient"])),
            ];
            println!("{name}: {errors:?}");
            assert!(errors.iter().all(|error| *error < 1e-13), "{name}: {errors:?}");
        }
    }

    // The duality gap says so, on the worst instances that can be set too.
    #[test]
    fn references_are_least_values() {
        let mut rng = Rng::seed_from_u64(5);
        for (correlation, lambda, tolerance) in [(0.6, 0.1, 1e-13), (0.95, 0.1, 1e-12), (0.95, 0.01, 1e-11)] {
            let setting = Setting { correlation, lambda, ..Setting::default() };
            let instances = Instances::draw(8, Shift::Correlated, &setting, &mut rng);
            for k in 0..8 {
                let (x, least) = solve(&instances, k);
                let gap = instances.duality_gap(k, &x);
                println!("{correlation} {lambda}: {:e}", gap / least);
                assert!(gap <= tolerance * least, "{correlation} {lambda}: {gap:e} of {least}");
            }
        }
    }

    // With a silent network p = 1/L and, without the accelerator, the rule is ISTA.
    #[test]
    fn a_silent_network_is_ista() {
        let mut rng = Rng::seed_from_u64(3);
        let setting = Setting { structure: Structure::P, ..Setting::default() };
        let mut exam = Exam::new(Shift::None, &setting, &mut rng);
        (0..TEST).for_each(|_| exam.solve());
        let mut rule = Learned::new(Structure::P, &mut rng);
        rule.theta.fill(0.0);
        let mut trial = Trial::new(&exam);
        (0..20).for_each(|_| trial.advance(&rule, &exam));
        for (mine, ista) in trial.gaps.iter().zip(&exam.classics[1]) {
            assert!(mine.iter().zip(ista).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b)), "{mine:?} {ista:?}");
        }
    }

    // Momentum a leaves a fixed step stable up to p L = (2+2a)/(1+2a) along the steepest direction, ISTA's up to 2.
    #[test]
    fn momentum_shortens_the_stable_step() {
        let mut rng = Rng::seed_from_u64(2);
        let setting = Setting { correlation: 0.9, lambda: 0.01, ..Setting::default() };
        let mut exam = Exam::new(Shift::Correlated, &setting, &mut rng);
        (0..TEST).for_each(|_| exam.solve());
        let a = 0.8;
        let limit = (2.0 + 2.0 * a) / (1.0 + 2.0 * a);
        let reached = |structure: Structure, rate: f64, rng: &mut Rng| {
            let mut rule = Learned::new(structure, rng);
            let says = |share: f64| log(share / (1.0 - share));
            rule.theta.fill(0.0);
            // L is 1.02 times the greatest eigenvalue.
            rule.theta[BIASES].copy_from_slice(&[says(0.5 * 1.02 * rate), says(a), 0.0, 0.0]);
            let mut trial = Trial::new(&exam);
            (0..ITERATIONS).for_each(|_| trial.advance(&rule, &exam));
            quartiles(&trial.gaps[ITERATIONS])
        };
        let begin = quartiles(&exam.gaps(&vec![0.0; TEST * COLUMNS]))[0];
        assert!(reached(Structure::Pa, 0.98 * limit, &mut rng)[2] < 0.1 * begin);
        assert!(reached(Structure::Pa, 1.05 * limit, &mut rng)[0] > 10.0 * begin);
        assert!(reached(Structure::P, 1.05 * limit, &mut rng)[2] < 0.1 * begin);
    }

    // FISTA keeps its bound 2L‖x*‖²/(k+1)².
    #[test]
    fn fista_keeps_its_bound() {
        let mut rng = Rng::seed_from_u64(1);
        let instances = Instances::draw(4, Shift::Correlated, &Setting::default(), &mut rng);
        for k in 0..4 {
            let (optimum, least) = solve(&instances, k);
            let bound = 2.0 * instances.smoothness[k] * inner(&optimum, &optimum);
            let mut t = 0.0;
            proximal(&instances, k, 50, true, |x| {
                let gap = instances.value(k, x) - least;
                assert!(t == 0.0 || gap <= bound / ((t + 1.0) * (t + 1.0)) + 1e-12);
                t += 1.0;
            });
        }
    }
}
