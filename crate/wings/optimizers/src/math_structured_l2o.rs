//! A network can be trained to be the optimizer: it reads the gradient, remembers, and says the next step. Left free, it
//! learns the problems of its training and little else. Liu, Chen, Wang, Yin and Cai ask which update rules could
//! converge at all, for every composite objective $f+r$. If optima are to be fixed points, what remains is a proximal step
//! with a preconditioner, and an accelerator. So only these are learned:
//!
//! $$x_{k+1}=\operatorname{prox}_{r,p_k}(y_k-p_k\odot\nabla f(y_k)),$$
//! $$y_{k+1}=x_{k+1}+a_k\odot(x_{k+1}-x_k).$$
//!
//! Here $f=\frac12\|Ax-b\|^2$, $r=\lambda\|x\|_1$, and the proximal step is a soft threshold at $\lambda p_k$. One LSTM of eight
//! units, shared by all coordinates, reads $(y_k,\nabla f(y_k))$ and says $p_k\in(0,2/L)$ and $a_k\in(0,1)$; these ranges are
//! our reconstruction. The black box is the same LSTM that says the step itself, $x_{k+1}=x_k-d_k$. Both train while you
//! watch, by back-propagation through an unroll on $\sum_kF(x_k)$, on random matrices with independent columns, and are
//! then tried for ten times as many iterations.
//!
//! **Try** the test shifts. With correlated columns the structured rule still converges and the black box does not even
//! stay where it begins. Turn the correlation up, take other dictionaries, twice as many columns. Choose "P only" to see what
//! the accelerator is worth. The third figure shows $p_kL$ by coordinate.
//!
//! **Where it stops.** At a correlation of 0.95 it stalls far off and FISTA overtakes: nothing is guaranteed
//! that FISTA guarantees. With no training, steps of $1/L$ and $a=\frac12$ remain: slow, but convergent. A black box
//! chosen as the structure fails everything. Even without a shift the black box is not comparable, as one might expect: it
//! stalls at a gap of some tenth, for it has no threshold and never sets a coordinate to zero.
//!
//! **Scaled down:** matrices of 20 × 40 instead of 250 × 500, two hundred Adam steps on four instances instead of long
//! training on thousands, sixteen test instances of each kind. The variant that mixes gradients at $x$ and $y$ is left out;
//! the biases are there. The two learned rules have seen exactly the same instances.

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::linalg::{View, inner, matvec};
use orrery_kernels::math::{PI, cos};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::{normals, permutation};
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
/// Units of the LSTM.
const UNITS: usize = 8;
/// Iterations in a step of the test, and instances in a step of solving.
const AT_ONCE: usize = 5;
const SOLVED_AT_ONCE: usize = 2;
/// Iterations of FISTA for the reference.
const LONG: usize = 3000;
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
}

fn soft(v: f64, threshold: f64) -> f64 {
    (v - threshold).max(0.0) - (-v - threshold).max(0.0)
}

/// FISTA, or ISTA without the momentum.
fn proximal(instances: &Instances, instance: usize, steps: usize, fast: bool, mut see: impl FnMut(&[f64])) {
    let eta = 1.0 / instances.smoothness[instance];
    let (mut x, mut y, mut t) = (vec![0.0; instances.columns], vec![0.0; instances.columns], 1.0_f64);
    see(&x);
    for _ in 0..steps {
        let gradient = instances.gradient(instance, &y);
        let step = |(y, g): (&f64, &f64)| soft(y - eta * g, eta * instances.lambda);
        let next: Vec<f64> = y.iter().zip(&gradient).map(step).collect();
        let later = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        let push = if fast { (t - 1.0) / later } else { 0.0 };
        y = next.iter().zip(&x).map(|(next, x)| next + push * (next - x)).collect();
        (x, t) = (next, later);
        see(&x);
    }
}

/// Adam on $F$ with its subgradient.
fn adam(instances: &Instances, instance: usize, steps: usize, mut see: impl FnMut(&[f64])) {
    let mut x = vec![0.0; instances.columns];
    let mut rule = Adam::new(x.len(), 0.03, [0.9, 0.999]);
    see(&x);
    for _ in 0..steps {
        let mut gradient = instances.gradient(instance, &x);
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        gradient.iter_mut().zip(&x).for_each(|(g, x)| *g += instances.lambda * sign(*x));
        rule.step(&mut x, &gradient);
        see(&x);
    }
}

/// The state of a learned rule on all coordinates of all instances, one below the other.
#[derive(Clone, Copy)]
struct State {
    x: Node,
    y: Node,
    /// Of the LSTM: its output, and its cells.
    h: Node,
    c: Node,
}

/// What does not change along an unroll.
struct Problem {
    a: Node,
    b: Node,
    /// $2/L$ of each coordinate's instance.
    longest: Node,
    lambda: f64,
    count: usize,
}

impl Problem {
    fn new(graph: &mut Graph<f64>, instances: &Instances) -> Self {
        let (count, columns) = (instances.count(), instances.columns);
        let longest: Vec<f64> =
            instances.smoothness.iter().flat_map(|l| std::iter::repeat_n(2.0 / l, columns)).collect();
        Self {
            a: graph.leaf(count * ROWS, columns, instances.a.clone()),
            b: graph.leaf(count * ROWS, 1, instances.b.clone()),
            longest: graph.leaf(count * columns, 1, longest),
            lambda: instances.lambda,
            count,
        }
    }

    /// $Ax-b$ of all instances.
    fn rest(&self, graph: &mut Graph<f64>, x: Node) -> Node {
        let fit = graph.products((self.a, false), (x, false), self.count);
        graph.sub(fit, self.b)
    }

    /// The sum of all $F(x)$.
    fn value(&self, graph: &mut Graph<f64>, x: Node) -> Node {
        let rest = self.rest(graph, x);
        let square = graph.mul(rest, rest);
        let square = graph.sum(square);
        let square = graph.scale(square, 0.5);
        let minus = graph.scale(x, -1.0);
        let (up, down) = (graph.relu(x), graph.relu(minus));
        let size = graph.add(up, down);
        let size = graph.sum(size);
        let size = graph.scale(size, self.lambda);
        graph.add(square, size)
    }
}

/// The weights of a learned rule.
#[derive(Clone)]
struct Learned {
    structure: Structure,
    parameters: Rc<Parameters>,
    theta: Vec<f64>,
    adam: Adam,
    loss: Series,
}

impl Learned {
    fn new(structure: Structure, rng: &mut Rng) -> Self {
        let mut parameters = Parameters::new();
        parameters.weights("input", 2, 4 * UNITS, 0.5);
        parameters.weights("memory", UNITS, 4 * UNITS, 0.35);
        parameters.row("gates", 4 * UNITS, 0.0);
        parameters.weights("output", UNITS, 4, 0.035);
        parameters.row("bias", 4, 0.0);
        let theta = parameters.initial(rng);
        let adam = Adam::new(theta.len(), 0.01, [0.9, 0.999]);
        Self { structure, parameters: Rc::new(parameters), theta, adam, loss: Series::new() }
    }

    /// The LSTM (Hochreiter and Schmidhuber 1997): $c\leftarrow\sigma(f)c+\sigma(i)\tanh g$, $h\leftarrow\sigma(o)\tanh c$. Its
    /// forget gate is open at first.
    fn remember(graph: &mut Graph<f64>, p: &[Node], seen: [Node; 2], h: Node, c: Node) -> [Node; 2] {
        // (u₁, u₂) W + h V + b, the input as two columns.
        let (first, second) = (graph.rows(p[0], &[0]), graph.rows(p[0], &[1]));
        let (one, two) = (graph.mul(seen[0], first), graph.mul(seen[1], second));
        let memory = graph.linear(h, p[1], p[2]);
        let sum = graph.add(one, two);
        let z = graph.add(sum, memory);
        let [i, f, o, g] = [0, 1, 2, 3].map(|k| graph.columns(z, k * UNITS, UNITS));
        let f = graph.shift(f, 1.0);
        let [i, f, o] = [i, f, o].map(|gate| graph.sigmoid(gate));
        let g = graph.tanh(g);
        let (kept, new) = (graph.mul(f, c), graph.mul(i, g));
        let c = graph.add(kept, new);
        let shown = graph.tanh(c);
        [graph.mul(o, shown), c]
    }

    /// One iteration; gives $p_k$ and $a_k$ too.
    fn iterate(&self, graph: &mut Graph<f64>, p: &[Node], problem: &Problem, state: State) -> (State, [Node; 2]) {
        let rest = problem.rest(graph, state.y);
        let gradient = graph.products((problem.a, true), (rest, false), problem.count);
        let [h, c] = Self::remember(graph, p, [state.y, gradient], state.h, state.c);
        let said = graph.linear(h, p[3], p[4]);
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|k| graph.columns(said, k, 1));
        if self.structure == Structure::BlackBox {
            // x ← x - d
            let d = graph.scale(first, 0.1);
            let x = graph.sub(state.x, d);
            return (State { x, y: x, h, c }, [first, second]);
        }
        // x⁺ = S_{λp}(y - p ∇f(y) - b₁) with p = 2σ(o₁)/L
        let share = graph.sigmoid(first);
        let length = graph.mul(share, problem.longest);
        let way = graph.mul(length, gradient);
        let mut moved = graph.sub(state.y, way);
        if self.structure == Structure::PaBias {
            let bias = graph.scale(third, 0.01);
            moved = graph.sub(moved, bias);
        }
        let threshold = graph.scale(length, problem.lambda);
        let minus = graph.scale(moved, -1.0);
        let (up, down) = (graph.sub(moved, threshold), graph.sub(minus, threshold));
        let (up, down) = (graph.relu(up), graph.relu(down));
        let x = graph.sub(up, down);
        // y⁺ = x⁺ + a (x⁺ - x) - b₂ with a = σ(o₂)
        let a = graph.sigmoid(second);
        let mut y = x;
        if self.structure != Structure::P {
            let change = graph.sub(x, state.x);
            let push = graph.mul(a, change);
            y = graph.add(x, push);
        }
        if self.structure == Structure::PaBias {
            let bias = graph.scale(fourth, 0.01);
            y = graph.sub(y, bias);
        }
        (State { x, y, h, c }, [share, a])
    }

    /// One step of Adam on $\frac1K\sum_kF(x_k)/F(0)$, by derivatives through the unroll.
    fn train(&mut self, instances: &Instances, unroll: usize) {
        let begin: f64 = inner(&instances.b, &instances.b) * 0.5;
        let mut gradient = vec![0.0; self.theta.len()];
        let loss = self.parameters.gradient(&self.theta, &mut gradient, |graph, p| {
            let problem = Problem::new(graph, instances);
            let rows = instances.count() * instances.columns;
            let zeros = |graph: &mut Graph<f64>, columns: usize| graph.leaf(rows, columns, vec![0.0; rows * columns]);
            let x = zeros(graph, 1);
            let mut state = State { x, y: x, h: zeros(graph, UNITS), c: zeros(graph, UNITS) };
            let mut sum = graph.leaf(1, 1, vec![0.0]);
            for _ in 0..unroll {
                (state, _) = self.iterate(graph, p, &problem, state);
                let value = problem.value(graph, state.x);
                sum = graph.add(sum, value);
            }
            graph.scale(sum, 1.0 / (unroll as f64 * begin.max(1e-9)))
        });
        let length = inner(&gradient, &gradient).sqrt();
        if length.is_finite() {
            // A long gradient is shortened to 1.
            let scale = 1.0 / length.max(1.0);
            gradient.iter_mut().for_each(|g| *g *= scale);
            self.adam.step(&mut self.theta, &gradient);
        }
        self.loss.push(self.loss.last().map_or(1.0, |p| p[0] + 1.0), loss.clamp(1e-6, 1e6));
    }
}

/// A learned rule on its way through the test.
#[derive(Clone)]
struct Trial {
    x: Vec<f64>,
    y: Vec<f64>,
    h: Vec<f64>,
    c: Vec<f64>,
    /// By iterations, the relative gap of each instance.
    gaps: Rc<Vec<Vec<f64>>>,
    /// By iterations $p_kL$ of the first instance's coordinates, and the least, mean and greatest $a_k$.
    lengths: Vec<f64>,
    pushes: Vec<[f64; 3]>,
}

impl Trial {
    fn new(exam: &Exam) -> Self {
        let rows = TEST * exam.instances.columns;
        let x = vec![0.0; rows];
        let gaps = Rc::new(vec![exam.gaps(&x)]);
        let memory = vec![0.0; rows * UNITS];
        Self { y: x.clone(), x, h: memory.clone(), c: memory, gaps, lengths: Vec::new(), pushes: Vec::new() }
    }

    fn advance(&mut self, rule: &Learned, exam: &Exam) {
        let mut graph = Graph::new();
        let rows = self.x.len();
        let p = rule.parameters.leaves(&mut graph, &rule.theta);
        let problem = Problem::new(&mut graph, &exam.instances);
        let mut leaf = |columns: usize, values: &[f64]| graph.leaf(rows, columns, values.to_vec());
        let state =
            State { x: leaf(1, &self.x), y: leaf(1, &self.y), h: leaf(UNITS, &self.h), c: leaf(UNITS, &self.c) };
        let (next, [length, push]) = rule.iterate(&mut graph, &p, &problem, state);
        // What runs away is held far off, where its gap is beyond the picture.
        let held = |node: Node| graph.value(node).iter().map(|x| x.clamp(-1e6, 1e6)).collect::<Vec<_>>();
        (self.x, self.y, self.h, self.c) = (held(next.x), held(next.y), held(next.h), held(next.c));
        self.lengths.extend(graph.value(length)[..exam.instances.columns].iter().map(|share| 2.0 * share));
        let a = graph.value(push);
        let mean = a.iter().sum::<f64>() / rows as f64;
        let (low, high) = (a.iter().copied().fold(1.0, f64::min), a.iter().copied().fold(0.0, f64::max));
        self.pushes.push([low, mean, high]);
        let gaps = exam.gaps(&self.x);
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
        let rows = x.chunks_exact(self.instances.columns).enumerate();
        rows.map(|(k, x)| self.relative(k, self.instances.value(k, x))).collect()
    }

    /// The least value of one more instance, and the classical methods on it.
    fn solve(&mut self) {
        let k = self.least.len();
        if k == TEST {
            return;
        }
        let instances = Rc::clone(&self.instances);
        let mut least = f64::INFINITY;
        proximal(&instances, k, LONG, true, |x| least = least.min(instances.value(k, x)));
        self.least.push(least.max(1e-12));
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
        for (place, (id, title)) in
            [("shifted", "On shifted instances"), ("same", "On instances like those of training")]
                .into_iter()
                .enumerate()
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
            let caption = "The learned step p times L, coordinate by coordinate of the first shifted instance; plain \
                           descent has 1 everywhere.";
            let mut steps = figures.figure("steps", "The learned preconditioner", caption);
            let rows = (trial.lengths.len() / columns).min(60);
            steps.x(Axis::linear("coordinate").domain(0.5, columns as f64 + 0.5));
            steps.y(Axis::linear("iteration k").domain(0.5, 60.5));
            if rows > 0 {
                let (x, y) = ([0.5, columns as f64 + 0.5], [0.5, rows as f64 + 0.5]);
                let grid = Grid { values: &trial.lengths[..rows * columns], columns, x, y };
                steps.raster(grid, Colors::sequential("p L").domain(0.0, 2.0));
            }

            if self.setting.structure != Structure::P {
                let caption = "The learned accelerator on the shifted instances, mean and range over coordinates, and \
                               FISTA's momentum.";
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

        let caption =
            "The mean of F along the unroll over F(0), on the batch of each step; no optimizer can bring it to 0.";
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
        let clauses = vec![
            Clause::at_most(
                "On the shifted instances its median gap after 100 iterations is {value}, at most {high}.",
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
                "Too ill-conditioned for a hundred iterations.",
                Setting { correlation: 0.95, ..default.clone() },
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
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(6))]
        // The derivative through a short unroll is a limit of differences: of at least one of the two sides, as there may
        // be a kink of the soft threshold on the other.
        #[test]
        fn gradients_through_the_unroll_are_limits_of_differences(seed in 0_u64..1000) {
            let mut rng = Rng::seed_from_u64(seed);
            let instances = Instances::draw(2, Shift::None, &Setting::default(), &mut rng);
            for &(structure, ..) in Structure::OPTIONS {
                let rule = Learned::new(structure, &mut rng);
                let loss = |graph: &mut Graph<f64>, p: &[Node]| {
                    let problem = Problem::new(graph, &instances);
                    let rows = 2 * COLUMNS;
                    let x = graph.leaf(rows, 1, vec![0.0; rows]);
                    let memory = graph.leaf(rows, UNITS, vec![0.0; rows * UNITS]);
                    let mut state = State { x, y: x, h: memory, c: memory };
                    for _ in 0..3 {
                        (state, _) = rule.iterate(graph, p, &problem, state);
                    }
                    problem.value(graph, state.x)
                };
                let mut gradient = vec![0.0; rule.theta.len()];
                rule.parameters.gradient(&rule.theta, &mut gradient, loss);
                let way = normals(gradient.len(), &mut rng);
                let at = |t: f64| {
                    let theta: Vec<f64> = rule.theta.iter().zip(&way).map(|(x, d)| x + t * d).collect();
                    rule.parameters.value(&theta, loss)
                };
                let (mine, here) = (inner(&gradient, &way), at(0.0));
                let sides = [-1e-6, 1e-6].map(|t| (at(t) - here) / t);
                let off = sides.map(|side| (mine - side).abs());
                prop_assert!(off[0].min(off[1]) < 1e-4 * (1.0 + mine.abs()), "{} {:?}", mine, sides);
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

    // FISTA keeps its bound 2L‖x*‖²/(k+1)².
    #[test]
    fn fista_keeps_its_bound() {
        let mut rng = Rng::seed_from_u64(1);
        let instances = Instances::draw(4, Shift::Correlated, &Setting::default(), &mut rng);
        for k in 0..4 {
            let mut optimum = Vec::new();
            proximal(&instances, k, LONG, true, |x| optimum = x.to_vec());
            let bound = 2.0 * instances.smoothness[k] * inner(&optimum, &optimum);
            let mut t = 0.0;
            proximal(&instances, k, 50, true, |x| {
                let gap = instances.value(k, x) - instances.value(k, &optimum);
                assert!(t == 0.0 || gap <= bound / ((t + 1.0) * (t + 1.0)) + 1e-12);
                t += 1.0;
            });
        }
    }
}
