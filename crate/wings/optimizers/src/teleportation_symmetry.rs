//! Many weights give the same loss: turn a layer by an invertible matrix, undo it in the next, and nothing changes at
//! the output. The gradient does change. Zhao, Gower, Walters and Yu jump along such an orbit, at a few chosen steps,
//! to where the slope is greatest,
//! $$w\leftarrow g^*\!\cdot w,\qquad g^*=\arg\max_g\|\nabla L(g\cdot w)\|^2,$$
//! and then go on as before. They prove that this is more than a push: a bound on the slope then holds over whole
//! orbits, and on a quadratic one jump is enough.
//!
//! The bowl $\tfrac12w^\top Aw$ shows why. Its level sets are orbits of $A^{-1/2}R(\theta)A^{1/2}$, its steepest place
//! lies on the axis of the greatest curvature, and gradient descent started on an axis never leaves it. The flat
//! direction, which would have taken hundreds of steps, is never visited again.
//!
//! **Try** turning by hand: choose that under *teleport to*, move $\theta$, and see how equal loss goes with unequal
//! slope. A second teleport changes nothing.
//!
//! In the networks a pair of layers becomes $\sigma^{-1}(\sigma(Z)G)$ and $G^{-1}W_{l+1}$, where $Z=h_{l-1}W_l$; $G$
//! climbs from the identity by a hundredth a step. Such $W_l$ exist because there are no more examples (20 glyphs) than
//! inputs; the loss on *other* glyphs is not kept. The pseudo-inverse is applied to the change of $Z$ alone, so that
//! what the examples do not see of $W_l$ stays, and $G=I$ does nothing. The other objectives look for a flat or a sharp
//! place of the orbit instead, and the table counts unseen glyphs.
//!
//! **Where it stops.** The steepest place is also the most curved. With the best constant step, $2/(L+\mu)$, both axes
//! of the bowl are equally fast and nothing is left to gain: what a teleport speeds up is a descent whose step was too
//! small. On a circle there is no better place. In the small network thirty ascent steps save a quarter of the way at
//! step size 0.02; a hundred of them at 0.2, where plain descent is happy, take twice as long or diverge.
//!
//! The linear network is no clear case: over ten starts the median sometimes falls and sometimes rises, because the end
//! of a run depends on the curvature at whichever minimum it lands on, which nobody asked about. Momentum and Adam keep
//! their memory through a jump, and it then points the wrong way for a while.

use crate::curves::Curves;
use crate::plane::{self, Classic, Field, Plane, Window};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::{Table as Examples, glyphs};
use orrery_kernels::linalg::{DMatrix, inner, product};
use orrery_kernels::math::{PI, atan2, cos, hypot, sin};
use orrery_kernels::networks::{Initialization, Parameters};
use orrery_kernels::optim::{Adagrad, Adam, Optimizer, Sgd};
use orrery_kernels::random::{direction, normals};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "teleportation-symmetry",
    title: "Improving Convergence and Generalization Using Parameter Symmetries",
    year: 2023,
    lists: &[1],
    claim: "Equal loss is not equal slope: one jump along the level set, and descent is fast from then on.",
    algorithms: &[
        "teleportation",
        "parameter symmetry",
        "group action",
        "gradient descent",
        "momentum",
        "AdaGrad",
        "Adam",
        "sharpness",
    ],
    contenders: &[Contender::paper("teleport", "with teleport"), Contender::baseline("plain", "without")],
};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Problem {
    /// A tilted bowl; its symmetries are rotations, seen through the root of its matrix.
    #[choice("ellipse")]
    Ellipse,
    /// The bowl named after Booth, of condition number 9.
    #[choice("Booth")]
    Booth,
    /// 4-4-3, fifty examples.
    #[choice("linear network")]
    LinearNetwork,
    /// 64-32-32-10, leaky rectifiers, twenty glyphs.
    #[choice("MLP on glyphs")]
    Mlp,
}

impl Problem {
    fn is_plane(self) -> bool {
        matches!(self, Self::Ellipse | Self::Booth)
    }

    /// The loss at which a run has arrived, and how it is written.
    fn goal(self) -> (f64, &'static str) {
        match self {
            Self::Ellipse | Self::Booth => (1e-8, "10⁻⁸"),
            Self::LinearNetwork => (1e-4, "10⁻⁴"),
            Self::Mlp => (0.2, "0.2"),
        }
    }
}

/// Where on the orbit to go, in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Aim {
    /// The steepest place of the level set.
    #[choice("the steepest place")]
    Steepest,
    /// As far as the visitor says.
    #[choice("by hand")]
    ByHand,
}

/// What the group element is to make large, in a network.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Goal {
    /// The gradient's norm.
    #[choice("greatest gradient")]
    MaxGradient,
    /// Minus the sharpness.
    #[choice("least sharpness")]
    MinSharpness,
    /// The sharpness.
    #[choice("greatest sharpness")]
    MaxSharpness,
}

/// Who takes the steps.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Optimizers {
    /// Gradient descent.
    #[choice("GD")]
    Gd,
    /// The heavy ball, with momentum 0.9.
    #[choice("momentum")]
    Momentum,
    /// AdaGrad.
    #[choice("AdaGrad")]
    AdaGrad,
    /// Adam, with its usual constants.
    #[choice("Adam")]
    Adam,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is minimised.
    #[control(label = "problem", default = Problem::Ellipse)]
    pub problem: Problem,
    /// The greatest curvature, which is 20, over the least.
    #[control(
        label = "condition number", range = 1.0..=200.0, log, default = 20.0, when = ("problem", "ellipse")
    )]
    pub condition: f64,
    /// The step of the optimizer, with and without teleport.
    #[control(label = "step size", range = 1e-3..=0.3, log, default = 0.02)]
    pub step: f64,
    /// The step before which the first teleport happens; further ones follow at the same distance.
    #[control(label = "teleport at step", range = 0..=100, default = 5)]
    pub at: usize,
    /// How many teleports there are.
    #[control(label = "number of teleports", range = 0..=10, default = 1)]
    pub teleports: usize,
    /// Where a teleport goes in the plane.
    #[control(label = "teleport to", default = Aim::Steepest, when = ("problem", ["ellipse", "booth"]))]
    pub aim: Aim,
    /// How far along the level set; half a turn goes to the opposite side.
    #[control(label = "angle θ", unit = "°", range = -180.0..=180.0, default = 45.0, when = ("aim", "by-hand"))]
    pub angle: f64,
    /// Gradient-ascent steps on the group element in a teleport; each changes it by a hundredth.
    #[control(label = "ascent steps on g", range = 0..=100, default = 30, when = ("problem", ["linear-network", "mlp"]))]
    pub ascent: usize,
    /// What the group element is to make large.
    #[control(label = "objective", default = Goal::MaxGradient, when = ("problem", ["linear-network", "mlp"]))]
    pub objective: Goal,
    /// Who takes the steps.
    #[control(label = "base optimizer", default = Optimizers::Gd)]
    pub optimizer: Optimizers,
    /// Where the runs that are drawn begin. Drag it.
    #[control(
        label = "start", count = 1..=1, domain = [[-5.0, 5.0], [-5.0, 5.0]], default = [[-1.1, 3.4]].into(),
        when = ("problem", ["ellipse", "booth"])
    )]
    pub start: Points,
}

/// A bowl $\tfrac12(w-c)^\top A(w-c)$ and its orbits.
struct Bowl {
    f: Plane,
    centre: [f64; 2],
    /// $A^{1/2}$ and $A^{-1/2}$.
    roots: [[[f64; 2]; 2]; 2],
    /// The eigenvector of the greatest curvature.
    steep: [f64; 2],
    /// All curvatures are equal: no place is steeper than another.
    round: bool,
}

fn apply(matrix: [[f64; 2]; 2], x: [f64; 2]) -> [f64; 2] {
    matrix.map(|row| row[0] * x[0] + row[1] * x[1])
}

impl Bowl {
    fn new(f: Plane, centre: [f64; 2]) -> Self {
        let a = f.hessian(&centre);
        let eigen = DMatrix::from_fn(2, 2, |i, j| a[i][j]).symmetric_eigen();
        let (values, vectors) = (&eigen.eigenvalues, &eigen.eigenvectors);
        let power = |f: fn(f64) -> f64| {
            let entry = |i: usize, j: usize| (0..2).map(|k| vectors[(i, k)] * f(values[k]) * vectors[(j, k)]).sum();
            [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
        };
        let top = usize::from(values[1] > values[0]);
        let round = (values[0] - values[1]).abs() <= 1e-9 * values[top];
        let roots = [power(f64::sqrt), power(|value| 1.0 / value.sqrt())];
        Self { roots, steep: [vectors[(0, top)], vectors[(1, top)]], round, f, centre }
    }

    /// $u=A^{1/2}(w-c)$, in which level sets are circles.
    fn round_off(&self, w: &[f64]) -> [f64; 2] {
        apply(self.roots[0], [w[0] - self.centre[0], w[1] - self.centre[1]])
    }

    /// $g_\theta\cdot w=c+A^{-1/2}R(\theta)A^{1/2}(w-c)$.
    fn turn(&self, w: &[f64], theta: f64) -> [f64; 2] {
        let ([x, y], c, s) = (self.round_off(w), cos(theta), sin(theta));
        let [x, y] = apply(self.roots[1], [c * x - s * y, s * x + c * y]);
        [x + self.centre[0], y + self.centre[1]]
    }

    /// The $\theta$ of $\arg\max_\theta\|\nabla f(g_\theta\cdot w)\|=\arg\max\|A^{1/2}R(\theta)u\|$: that which turns $u$
    /// into the eigenvector of the greatest curvature, the shorter way.
    fn steepest(&self, w: &[f64]) -> f64 {
        let ([x, y], [a, b]) = (self.round_off(w), self.steep);
        if self.round || (x == 0.0 && y == 0.0) {
            return 0.0;
        }
        let theta = atan2(x * b - y * a, x * a + y * b);
        if theta > 0.5 * PI {
            theta - PI
        } else if theta < -0.5 * PI {
            theta + PI
        } else {
            theta
        }
    }
}

/// A network without biases: $h_l=\sigma(h_{l-1}W_l)$, examples in rows, and no $\sigma$ at the end.
struct Network {
    parameters: Parameters,
    /// The leaky rectifier's; 1 makes it linear.
    slope: f64,
    examples: Examples,
    target: Target,
    /// Small displacements that sharpness is measured with, with normal entries.
    displacements: Vec<Vec<f64>>,
    /// Examples never learnt from.
    held: Option<Examples>,
}

enum Target {
    /// Squared errors, summed over outputs and averaged over examples.
    Values(Vec<f64>),
    /// Cross-entropy.
    Classes(Vec<usize>),
}

/// The size of the displacements.
const SMALL: f64 = 0.01;

/// How much one ascent step changes the group element: $\|T\|_F$.
const ASCENT: f64 = 0.01;

/// What the action of a pair of layers is made of.
struct Pair {
    /// $h_{l-1}$ and its pseudo-inverse.
    input: DMatrix<f64>,
    inverse: DMatrix<f64>,
    /// $Z=h_{l-1}W_l$ and $\sigma(Z)$.
    z: DMatrix<f64>,
    output: DMatrix<f64>,
}

impl Network {
    fn new(sizes: &[usize], slope: f64, examples: Examples, target: Target, held: Option<Examples>) -> Self {
        let mut parameters = Parameters::new();
        for (layer, size) in sizes.windows(2).enumerate() {
            let law = if slope == 1.0 { Initialization::LeCun } else { Initialization::He };
            parameters.weights(format!("{}", layer + 1), size[0], size[1], law.deviation(size[0], size[1]));
        }
        Self { parameters, slope, examples, target, displacements: Vec::new(), held }
    }

    /// Fifty normal examples, 4-4-3, whose outputs a product of two random matrices gives.
    fn linear(rng: &mut Rng) -> Self {
        let (n, features) = (50, normals(200, rng));
        let (a, b) = (DMatrix::from_vec(4, 4, normals(16, rng)), DMatrix::from_vec(4, 3, normals(12, rng)));
        let x = DMatrix::from_row_slice(n, 4, &features);
        let y = product(&x, &product(&a, &b)) * 0.5;
        let examples = Examples { columns: 4, features, labels: vec![0; n], classes: 1 };
        let target = Target::Values(y.transpose().as_slice().to_vec());
        Self::new(&[4, 4, 3], 1.0, examples, target, None).with_displacements(rng)
    }

    /// Twenty glyphs of 8 x 8 pixels, 64-32-32-10, leaky rectifiers.
    fn mlp(rng: &mut Rng) -> Self {
        let examples = glyphs(20, 8, 1.0, rng);
        let held = Some(glyphs(200, 8, 1.0, rng));
        let target = Target::Classes(examples.labels.clone());
        Self::new(&[64, 32, 32, 10], 0.1, examples, target, held).with_displacements(rng)
    }

    fn with_displacements(mut self, rng: &mut Rng) -> Self {
        let count = self.parameters.count();
        self.displacements = (0..4).map(|_| normals(count, rng).iter().map(|d| SMALL * d).collect()).collect();
        self
    }

    fn outputs(&self, graph: &mut Graph<f64>, p: &[Node], examples: &Examples) -> Node {
        let mut h = graph.leaf(examples.rows(), examples.columns, examples.features.clone());
        for (layer, weights) in p.iter().enumerate() {
            if layer > 0 && self.slope != 1.0 {
                h = graph.leaky_relu(h, self.slope);
            }
            h = graph.matmul(h, *weights);
        }
        h
    }

    fn loss(&self, graph: &mut Graph<f64>, p: &[Node]) -> Node {
        let outputs = self.outputs(graph, p, &self.examples);
        match &self.target {
            Target::Classes(classes) => graph.cross_entropy(outputs, classes),
            Target::Values(values) => {
                let (rows, columns) = graph.shape(outputs);
                let target = graph.leaf(rows, columns, values.clone());
                let error = graph.sub(outputs, target);
                let square = graph.mul(error, error);
                let sum = graph.sum(square);
                graph.scale(sum, 1.0 / rows as f64)
            }
        }
    }

    fn value(&self, w: &[f64]) -> f64 {
        self.parameters.value(w, |graph, p| self.loss(graph, p))
    }

    fn value_and_gradient(&self, w: &[f64], gradient: &mut [f64]) -> f64 {
        self.parameters.gradient(w, gradient, |graph, p| self.loss(graph, p))
    }

    fn hessian_vector(&self, w: &[f64], v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; w.len()];
        self.parameters.hessian_vector(w, v, &mut product, |graph, p| self.loss(graph, p));
        product
    }

    /// The weights displaced by each displacement and by its opposite.
    fn around<'a>(&'a self, w: &'a [f64]) -> impl Iterator<Item = Vec<f64>> + 'a {
        let signed = self.displacements.iter().flat_map(|d| [(d, 1.0), (d, -1.0)]);
        signed.map(move |(d, sign)| w.iter().zip(d).map(|(w, d)| w + sign * d).collect())
    }

    /// How much the loss rises around $w$ on the average, over $t^2/2$: an estimate of the Hessian's trace.
    fn sharpness(&self, w: &[f64]) -> f64 {
        let count = 2.0 * self.displacements.len() as f64;
        let mean = self.around(w).map(|w| self.value(&w)).sum::<f64>() / count;
        (mean - self.value(w)) * 2.0 / (SMALL * SMALL)
    }

    /// The gradient, by the weights, of what the teleport is to make large.
    fn ascent(&self, w: &[f64], goal: Goal) -> Vec<f64> {
        if goal == Goal::MaxGradient {
            let mut g = vec![0.0; w.len()];
            self.value_and_gradient(w, &mut g);
            // ∇‖∇L‖² = 2 ∇²L ∇L
            return self.hessian_vector(w, &g).iter().map(|entry| 2.0 * entry).collect();
        }
        let sign = if goal == Goal::MaxSharpness { 1.0 } else { -1.0 };
        let (mut sum, mut g) = (vec![0.0; w.len()], vec![0.0; w.len()]);
        for w in self.around(w) {
            self.value_and_gradient(&w, &mut g);
            sum.iter_mut().zip(&g).for_each(|(sum, g)| *sum += sign * g);
        }
        sum
    }

    fn matrix(&self, w: &[f64], layer: usize) -> DMatrix<f64> {
        let shape = &self.parameters.matrices()[layer];
        DMatrix::from_row_slice(shape.rows, shape.columns, &w[shape.range()])
    }

    fn put(&self, w: &mut [f64], layer: usize, matrix: &DMatrix<f64>) {
        w[self.parameters.matrices()[layer].range()].copy_from_slice(matrix.transpose().as_slice());
    }

    /// What belongs to the layers `layer` and `layer + 1`; none where the numbers are beyond use.
    fn pair(&self, w: &[f64], layer: usize) -> Option<Pair> {
        let mut input = DMatrix::from_row_slice(self.examples.rows(), self.examples.columns, &self.examples.features);
        for below in 0..layer {
            input = product(&input, &self.matrix(w, below)).map(|z| self.sigma(z));
        }
        let z = product(&input, &self.matrix(w, layer));
        let output = z.map(|z| self.sigma(z));
        if !output.iter().all(|entry| entry.is_finite()) {
            return None;
        }
        let inverse = input.clone().pseudo_inverse(1e-12).ok()?;
        Some(Pair { input, inverse, z, output })
    }

    fn sigma(&self, z: f64) -> f64 {
        if z > 0.0 { z } else { self.slope * z }
    }

    fn sigma_inverse(&self, h: f64) -> f64 {
        if h > 0.0 { h } else { h / self.slope }
    }

    /// $W_l\leftarrow W_l+h_{l-1}^+\bigl(\sigma^{-1}(\sigma(Z)G)-Z\bigr)$, $W_{l+1}\leftarrow G^{-1}W_{l+1}$. None where $G$ has
    /// no inverse.
    fn act(&self, w: &mut [f64], layer: usize, pair: &Pair, g: &DMatrix<f64>) -> Option<()> {
        let wanted = product(&pair.output, g).map(|h| self.sigma_inverse(h));
        let mut weights = self.matrix(w, layer);
        // Repeated, so that what rounding left of the difference goes as well.
        for _ in 0..3 {
            let missing = &wanted - product(&pair.input, &weights);
            weights += product(&pair.inverse, &missing);
        }
        let above = g.clone().lu().solve(&self.matrix(w, layer + 1))?;
        self.put(w, layer, &weights);
        self.put(w, layer + 1, &above);
        Some(())
    }

    /// The gradient by $T$, at $G=I+T$ and $T=0$, of a function of the weights whose gradient is `q`. There
    /// $dW_l=h^+(\sigma(Z)\,T\oslash\sigma'(Z))$ and $dW_{l+1}=-T\,W_{l+1}$, and this is the adjoint.
    fn pull_back(&self, w: &[f64], layer: usize, pair: &Pair, q: &[f64]) -> DMatrix<f64> {
        let by_z = product(&pair.inverse.transpose(), &self.matrix(q, layer));
        let by_z = by_z.zip_map(&pair.z, |q, z| if z > 0.0 { q } else { q / self.slope });
        let above = product(&self.matrix(q, layer + 1), &self.matrix(w, layer + 1).transpose());
        product(&pair.output.transpose(), &by_z) - above
    }

    /// One ascent step on the group element of every pair of layers. The weights stay where numbers are beyond use.
    fn ascend(&self, w: &mut [f64], goal: Goal) {
        for layer in 0..self.parameters.matrices().len() - 1 {
            let Some(pair) = self.pair(w, layer) else { return };
            let t = self.pull_back(w, layer, &pair, &self.ascent(w, goal));
            let size = t.norm();
            if size > 0.0 && size.is_finite() {
                let g = DMatrix::identity(t.nrows(), t.ncols()) + t * (ASCENT / size);
                if self.act(w, layer, &pair, &g).is_none() {
                    return;
                }
            }
        }
    }

    /// The share of the held-out examples that are told right.
    fn accuracy(&self, w: &[f64]) -> Option<f64> {
        let held = self.held.as_ref()?;
        let mut graph = Graph::new();
        let p = self.parameters.leaves(&mut graph, w);
        let outputs = self.outputs(&mut graph, &p, held);
        let best = |row: &[f64]| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
        let told = graph.value(outputs).chunks_exact(held.classes).map(best);
        let right = told.zip(&held.labels).filter(|(told, label)| told == *label).count();
        Some(right as f64 / held.rows() as f64)
    }
}

enum Landscape {
    Bowl(Bowl),
    Network(Network),
}

impl Landscape {
    fn value_and_gradient(&self, w: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::Bowl(bowl) => bowl.f.value_and_gradient(w, gradient),
            Self::Network(network) => network.value_and_gradient(w, gradient),
        }
    }

    fn look(&self, w: &[f64]) -> Look {
        let mut g = vec![0.0; w.len()];
        let loss = self.value_and_gradient(w, &mut g);
        let (hg, sharpness) = match self {
            Self::Bowl(bowl) => {
                let h = bowl.f.hessian(w);
                (apply(h, [g[0], g[1]]).to_vec(), h[0][0] + h[1][1])
            }
            Self::Network(network) => (network.hessian_vector(w, &g), network.sharpness(w)),
        };
        let square = inner(&g, &g);
        let curvature = if square > 0.0 { inner(&g, &hg) / square } else { 0.0 };
        Look { loss, slope: square.sqrt(), curvature, sharpness }
    }
}

/// What is to be seen at a place.
#[derive(Clone, Copy)]
struct Look {
    loss: f64,
    /// $\|\nabla L\|$.
    slope: f64,
    /// Along the gradient, $\nabla L^\top\nabla^2L\,\nabla L/\|\nabla L\|^2$: what the step size must agree with.
    curvature: f64,
    /// The Hessian's trace.
    sharpness: f64,
}

/// A teleport.
#[derive(Clone)]
struct Jump {
    step: usize,
    before: Look,
    after: Look,
    from: Vec<f64>,
    to: Vec<f64>,
    /// By how much the bowl was turned.
    theta: f64,
    /// The ascent steps so far and, in the run that is drawn, what was seen after each.
    climbed: usize,
    way: Vec<Look>,
}

#[derive(Clone)]
enum Base {
    Sgd(Sgd),
    AdaGrad(Adagrad),
    Adam(Adam),
}

impl Base {
    fn new(which: Optimizers, n: usize, step: f64) -> Self {
        match which {
            Optimizers::Gd => Self::Sgd(Sgd::new(n, step, 0.0)),
            Optimizers::Momentum => Self::Sgd(Sgd::new(n, step, 0.9)),
            Optimizers::AdaGrad => Self::AdaGrad(Adagrad::new(n, step, 0.0)),
            Optimizers::Adam => Self::Adam(Adam::new(n, step, [0.9, 0.999])),
        }
    }

    fn step(&mut self, w: &mut [f64], g: &[f64]) {
        match self {
            Self::Sgd(rule) => rule.step(w, g),
            Self::AdaGrad(rule) => rule.step(w, g),
            Self::Adam(rule) => rule.step(w, g),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Arrived,
    Late,
    Lost,
}

/// What does not change during a run.
struct Fixed {
    setting: Setting,
    landscape: Landscape,
    field: Option<Field>,
    tolerance: f64,
    /// Iterations allowed.
    most: usize,
    /// Iterations of every run in one step of the exhibit.
    batch: usize,
}

#[derive(Clone)]
struct Run {
    w: Vec<f64>,
    base: Base,
    t: usize,
    first: f64,
    loss: f64,
    end: Option<End>,
    drawn: bool,
    /// Teleports to come, and the step before which the next one happens.
    left: usize,
    due: usize,
    /// A teleport on its way.
    open: Option<Jump>,
    jumps: Vec<Jump>,
    curve: Series,
    /// The path, cut where the run teleports.
    path: Vec<Series>,
}

impl Run {
    fn new(w: Vec<f64>, teleports: usize, drawn: bool, fixed: &Fixed) -> Self {
        let loss = fixed.landscape.look(&w).loss;
        let Setting { optimizer, step, at, .. } = fixed.setting;
        Self {
            base: Base::new(optimizer, w.len(), step),
            t: 0,
            first: loss,
            loss,
            end: None,
            drawn,
            left: teleports,
            due: at,
            open: None,
            jumps: Vec::new(),
            curve: Series::new(),
            path: vec![Series::new()],
            w,
        }
    }

    /// The steps it took, or all that were allowed.
    fn steps(&self, fixed: &Fixed) -> usize {
        if self.end == Some(End::Lost) { fixed.most } else { self.t }
    }

    fn record(&mut self) {
        if let Some(path) = self.path.last_mut() {
            path.push(self.w[0], self.w[1]);
        }
    }

    fn land(&mut self, mut jump: Jump, fixed: &Fixed) {
        jump.after = fixed.landscape.look(&self.w);
        jump.to.clone_from(&self.w);
        self.jumps.push(jump);
        self.path.push(Series::new());
    }

    /// One iteration, or one step of a teleport.
    fn advance(&mut self, fixed: &Fixed) {
        if self.end.is_some() {
            return;
        }
        if let Some(mut jump) = self.open.take() {
            let Landscape::Network(network) = &fixed.landscape else { return };
            if jump.climbed == fixed.setting.ascent {
                return self.land(jump, fixed);
            }
            network.ascend(&mut self.w, fixed.setting.objective);
            jump.climbed += 1;
            if self.drawn {
                jump.way.push(fixed.landscape.look(&self.w));
            }
            self.open = Some(jump);
            return;
        }
        if self.left > 0 && self.t == self.due {
            self.left -= 1;
            self.due += fixed.setting.at.max(1);
            self.record();
            let (before, from) = (fixed.landscape.look(&self.w), self.w.clone());
            let (step, to) = (self.t, from.clone());
            let mut jump = Jump { step, before, after: before, from, to, theta: 0.0, climbed: 0, way: vec![before] };
            match &fixed.landscape {
                Landscape::Network(_) => self.open = Some(jump),
                Landscape::Bowl(bowl) => {
                    jump.theta = match fixed.setting.aim {
                        Aim::Steepest => bowl.steepest(&self.w),
                        Aim::ByHand => PI * fixed.setting.angle / 180.0,
                    };
                    self.w = bowl.turn(&self.w, jump.theta).to_vec();
                    self.land(jump, fixed);
                }
            }
            return;
        }
        let mut g = vec![0.0; self.w.len()];
        self.loss = fixed.landscape.value_and_gradient(&self.w, &mut g);
        if !(self.loss < 1e4 * self.first.max(1.0) && g.iter().all(|g| g.is_finite())) {
            self.end = Some(End::Lost);
            return;
        }
        self.curve.push(self.t as f64, self.loss.max(1e-16));
        self.record();
        if self.loss <= fixed.tolerance {
            self.end = Some(End::Arrived);
        } else if self.t == fixed.most {
            self.end = Some(End::Late);
        } else {
            self.base.step(&mut self.w, &g);
            self.t += 1;
        }
    }
}

/// The exhibit.
#[derive(Clone)]
pub struct Teleportation {
    fixed: Rc<Fixed>,
    /// From each start, with teleport and without; the first are drawn.
    runs: Vec<[Run; 2]>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let low = values[(values.len() - 1) / 2];
    0.5 * (low + values[half])
}

impl Teleportation {
    fn over(&self) -> bool {
        self.runs.iter().flatten().all(|run| run.end.is_some())
    }

    fn steps(&self, which: usize) -> Vec<f64> {
        self.runs.iter().map(|pair| pair[which].steps(&self.fixed) as f64).collect()
    }

    /// The first teleport of the run that is drawn, also while it is on its way.
    fn jump(&self) -> Option<&Jump> {
        let run = &self.runs[0][0];
        run.jumps.first().or(run.open.as_ref())
    }

    fn draw_plane(&self, bowl: &Bowl, field: &Field, figures: &mut Figures) {
        let jump = self.jump();
        let caption = if bowl.round {
            "The level set is an orbit. On a circle every place is equally steep: to turn along it changes nothing. Drag the \
             start."
        } else {
            "The level set is an orbit: turning along it changes the slope and not the loss. From the steep side descent \
             goes straight down. Drag the start."
        };
        let labels = ["w₁", "w₂", "L(w)"];
        let mut figure = field.figure(figures, "path", "A jump along the level set", caption, labels);
        let base = jump.map_or(&self.runs[0][0].w, |jump| &jump.from);
        let orbit: Vec<[f64; 2]> = (0..=180).map(|k| bowl.turn(base, PI * f64::from(k) / 90.0)).collect();
        figure
            .line(orbit.iter().map(|p| p[0]), orbit.iter().map(|p| p[1]))
            .ink(Ink::Accent)
            .dashed()
            .label("the orbit");
        plane::minima(&mut figure, &[bowl.centre], "minimum");
        let [teleported, plain] = &self.runs[0];
        if let Some(path) = plain.path.first() {
            plane::path(&mut figure, "plain", path);
        }
        for (piece, path) in teleported.path.iter().enumerate().filter(|(_, path)| path.last().is_some()) {
            if piece + 1 == teleported.path.len() {
                plane::path(&mut figure, "teleport", path);
            } else {
                figure.line(path.xs(), path.ys()).of("teleport");
            }
        }
        for jump in &teleported.jumps {
            let (from, to) = (&jump.from, &jump.to);
            figure.arrow([from[0]], [from[1]], [to[0] - from[0]], [to[1] - from[1]]).ink(Ink::Accent);
        }
        plane::start(&mut figure, self.fixed.setting.start.0[0], "start");
    }

    fn draw_orbit(&self, figures: &mut Figures) {
        let jump = self.jump();
        match &self.fixed.landscape {
            Landscape::Bowl(bowl) => {
                let slope = if bowl.round { "and so is the slope" } else { "and the slope is not" };
                let dots = match jump {
                    Some(_) => "Dots: where the teleport began and where it went.",
                    None => "The dot is where the run stands: it has not teleported.",
                };
                let caption = format!("All the way round the loss is one and the same, {slope}. {dots}");
                let mut figure = figures.figure("orbit", "The slope along the orbit", caption);
                // Far out the loss is much greater than the slope, and near the minimum much less.
                figure.x(Axis::linear("θ").unit("°").domain(-180.0, 180.0)).y(Axis::log("‖∇L‖, L"));
                let base = jump.map_or(&self.runs[0][0].w, |jump| &jump.from);
                let degrees: Vec<f64> = (-90..=90).map(|k| 2.0 * f64::from(k)).collect();
                // At the minimum itself there is nothing to draw.
                let positive = |look: &Look| look.loss > 0.0 && look.slope > 0.0;
                let around: Vec<(f64, Look)> = degrees
                    .into_iter()
                    .map(|degree| (degree, self.fixed.landscape.look(&bowl.turn(base, PI * degree / 180.0))))
                    .filter(|(_, look)| positive(look))
                    .collect();
                let across = || around.iter().map(|place| place.0);
                figure.line(across(), around.iter().map(|place| place.1.loss)).ink(Ink::Muted).label("L").dashed();
                figure.line(across(), around.iter().map(|place| place.1.slope)).of("teleport").label("‖∇L‖");
                let here = jump.map_or_else(|| self.fixed.landscape.look(base), |jump| jump.before);
                if positive(&here) {
                    let name = if jump.is_some() { "before" } else { "now" };
                    figure.dot([0.0], [here.slope]).of("plain").radius(5.0).label(name);
                }
                if let Some(jump) = jump.filter(|jump| positive(&jump.after)) {
                    let theta = 180.0 * jump.theta / PI;
                    figure.dot([theta], [jump.after.slope]).ink(Ink::Accent).radius(5.0).label("after");
                }
            }
            Landscape::Network(_) => {
                let found = match self.fixed.setting.objective {
                    Goal::MaxGradient => "the slope and the curvature along it grow together",
                    Goal::MinSharpness => "the trace is to fall",
                    Goal::MaxSharpness => "the trace is to grow",
                };
                let caption = format!(
                    "What each ascent step on the group element finds in the run that is drawn: the loss stays, {found}. What \
                     is not positive has no dot."
                );
                let mut figure = figures.figure("orbit", "The slope along the orbit", caption);
                let most = self.fixed.setting.ascent.max(1) as f64;
                figure.x(Axis::linear("ascent steps on g").domain(0.0, most));
                figure.y(Axis::log("‖∇L‖, curvature, trace, L"));
                let now = self.fixed.landscape.look(&self.runs[0][0].w);
                let way = match jump {
                    Some(jump) if jump.way.is_empty() => vec![jump.before],
                    Some(jump) => jump.way.clone(),
                    None => vec![now],
                };
                type Part = fn(&Look) -> f64;
                let columns: [(&str, Part, Ink); 4] = [
                    ("L", |look| look.loss, Ink::Muted),
                    ("‖∇L‖", |look| look.slope, Ink::Accent),
                    ("curvature along ∇L", |look| look.curvature, Ink::Strong),
                    ("trace of ∇²L", |look| look.sharpness, Ink::Tone(0.5)),
                ];
                for (label, part, ink) in columns {
                    let points = way.iter().enumerate().map(|(k, look)| (k as f64, part(look)));
                    let points: Vec<(f64, f64)> = points.filter(|(_, y)| *y > 0.0 && y.is_finite()).collect();
                    // A line ends where a number is missing.
                    for piece in points.chunk_by(|one, next| next.0 < one.0 + 1.5) {
                        let (xs, ys) = (piece.iter().map(|p| p.0), piece.iter().map(|p| p.1));
                        figure.line(xs, ys).ink(ink).label(label);
                    }
                    figure.dot(points.iter().map(|p| p.0), points.iter().map(|p| p.1)).ink(ink).radius(2.0);
                }
            }
        }
    }
}

impl Exhibit for Teleportation {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let window = Window::square(5.0);
        let bowl = |f: Plane, centre| {
            let field = Field::new(window, |w| f.value(&w));
            (Landscape::Bowl(Bowl::new(f, centre)), Some(field))
        };
        let (landscape, field) = match setting.problem {
            Problem::Ellipse => bowl(Plane::bowl([20.0, 20.0 / setting.condition], 30.0, [0.0; 2]), [0.0; 2]),
            Problem::Booth => bowl(Plane::classic(Classic::Booth), Classic::Booth.minima()[0]),
            Problem::LinearNetwork => (Landscape::Network(Network::linear(rng)), None),
            Problem::Mlp => (Landscape::Network(Network::mlp(rng)), None),
        };
        let start = setting.start.0[0];
        let (tolerance, _) = setting.problem.goal();
        let (most, batch, count) = match setting.problem {
            Problem::Ellipse | Problem::Booth => (6000, 4, 10),
            Problem::LinearNetwork => (3000, 4, 10),
            Problem::Mlp => (1200, 1, 5),
        };
        let fixed = Fixed { setting: setting.clone(), landscape, field, tolerance, most, batch };
        let mut starts = Vec::new();
        for run in 0..count {
            starts.push(match &fixed.landscape {
                Landscape::Bowl(_) if run == 0 => start.to_vec(),
                // As far from the minimum as the visitor's start, in another direction.
                Landscape::Bowl(bowl) => {
                    let far = hypot(start[0] - bowl.centre[0], start[1] - bowl.centre[1]);
                    let to = direction(2, rng);
                    vec![bowl.centre[0] + far * to[0], bowl.centre[1] + far * to[1]]
                }
                Landscape::Network(network) => network.parameters.initial(rng),
            });
        }
        if setting.problem.is_plane() && fixed.landscape.look(&start).loss <= tolerance {
            return Err(Error::of("start", "is the minimum already; move it away"));
        }
        let runs = starts
            .into_iter()
            .enumerate()
            .map(|(k, w)| [setting.teleports, 0].map(|teleports| Run::new(w.clone(), teleports, k == 0, &fixed)))
            .collect();
        Ok(Self { runs, fixed: Rc::new(fixed) })
    }

    fn length(&self) -> usize {
        let Setting { teleports, ascent, .. } = self.fixed.setting;
        (self.fixed.most + 2 + teleports * (ascent + 3)).div_ceil(self.fixed.batch)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        for run in self.runs.iter_mut().flatten() {
            for _ in 0..fixed.batch {
                run.advance(&fixed);
            }
        }
        if self.over() { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        if let (Landscape::Bowl(bowl), Some(field)) = (&fixed.landscape, &fixed.field) {
            self.draw_plane(bowl, field, figures);
        }

        let mut caption = "A teleport leaves the loss where it is; what changes is how fast it falls.".to_owned();
        for (name, run) in ["With teleport", "Without"].into_iter().zip(&self.runs[0]) {
            if run.end == Some(End::Lost) {
                caption += &format!(" {name}, the run diverged at step {}.", run.t);
            }
        }
        let mut curves = Curves::new(&["plain", "teleport"], 1e-16);
        for (contender, run) in ["teleport", "plain"].into_iter().zip(&self.runs[0]) {
            run.curve.iter().for_each(|[t, loss]| curves.push(contender, t, loss));
        }
        let title = "The loss, with and without teleport";
        let mut loss = curves.figure(figures, "loss", title, caption, ["step", "loss L"]);
        loss.rule_y([fixed.tolerance]).ink(Ink::Muted).dashed();
        let jumps = &self.runs[0][0].jumps;
        let at: Vec<[f64; 2]> = jumps.iter().map(|jump| [jump.step as f64, jump.before.loss]).collect();
        let at: Vec<[f64; 2]> = at.into_iter().filter(|[_, loss]| *loss > 0.0).collect();
        let (xs, ys) = (at.iter().map(|p| p[0]), at.iter().map(|p| p[1]));
        if !at.is_empty() {
            loss.dot(xs, ys).ink(Ink::Accent).symbol(Symbol::Ring).radius(6.0).label("teleport");
        }

        self.draw_orbit(figures);

        let caption = format!(
            "Steps until the loss is {}, from {} starts (the first is the one drawn); {} where it is not reached.",
            fixed.setting.problem.goal().1,
            self.runs.len(),
            fixed.most
        );
        let mut bars = figures.figure("steps", "Steps needed", caption);
        let places: Vec<f64> = (0..self.runs.len()).map(|k| k as f64).collect();
        bars.x(Axis::categories("start", (1..=self.runs.len()).map(|k| k.to_string())));
        bars.y(Axis::linear("steps"));
        bars.bar(&places, self.steps(1)).of("plain").faint();
        bars.dot(&places, self.steps(0)).of("teleport").radius(5.0);

        let caption = match &fixed.landscape {
            Landscape::Network(network) => {
                let told = self.runs[0].each_ref().map(|run| network.accuracy(&run.w).map(|share| 100.0 * share));
                match told {
                    [Some(teleported), Some(plain)] => format!(
                        "The teleports of the run that is drawn. Of 200 glyphs never seen, {teleported:.1}% are told right \
                         with teleport now, and {plain:.1}% without."
                    ),
                    _ => "The teleports of the run that is drawn.".to_owned(),
                }
            }
            Landscape::Bowl(_) => "The teleports of the run that is drawn. Descent is stable while the step times the \
                                   curvature it meets is below 2."
                .to_owned(),
        };
        let rows: Vec<(String, Look)> = if jumps.is_empty() {
            vec![("now".to_owned(), fixed.landscape.look(&self.runs[0][0].w))]
        } else {
            let row = |jump: &Jump| {
                let name = |when: &str| format!("{}, {when}", jump.step);
                [(name("before"), jump.before), (name("after"), jump.after)]
            };
            jumps.iter().flat_map(row).collect()
        };
        let rows: Vec<(String, Look)> = rows
            .into_iter()
            .filter(|(_, l)| [l.loss, l.slope, l.curvature, l.sharpness].iter().all(|part| part.is_finite()))
            .collect();
        let mut table = figures.figure("teleports", "Before and after", caption);
        let step = fixed.setting.step;
        table
            .table()
            .words("at step", rows.iter().map(|row| row.0.clone()))
            .numbers("L", rows.iter().map(|row| row.1.loss))
            .numbers("‖∇L‖", rows.iter().map(|row| row.1.slope))
            .numbers("curvature", rows.iter().map(|row| row.1.curvature))
            .numbers("step × curvature", rows.iter().map(|row| step * row.1.curvature))
            .numbers("trace ∇²L", rows.iter().map(|row| row.1.sharpness));
    }

    fn claim(&self) -> Claim {
        let over = self.over();
        let jumps = self.runs.iter().flat_map(|pair| &pair[0].jumps);
        let changes = jumps.map(|jump| (jump.after.loss - jump.before.loss).abs() / jump.before.loss.max(1e-300));
        let changed = changes.fold(None, |most: Option<f64>, change| Some(most.map_or(change, |m| m.max(change))));
        let changed = if over { changed.or(Some(0.0)) } else { changed };
        let ratio = over.then(|| median(self.steps(0)) / median(self.steps(1)).max(1.0));
        let bound = if self.fixed.setting.problem.is_plane() { 1.0 / 3.0 } else { 1.0 };
        Claim::new(vec![
            Clause::at_most("A teleport changes the loss by {value} of it, at most {high}.", changed, 1e-10)
                .holds_only_after(!over),
            Clause::at_most(
                "With teleport the median run needs {value} of the steps it needs without, at most {high}.",
                ratio,
                bound,
            ),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let mlp = Setting { problem: Problem::Mlp, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "One jump",
                "From the steep end of its level set, descent stays on the steep axis to the end.",
                default.clone(),
            ),
            Scenario::holds(
                "booth",
                "Booth",
                "Condition number 9, and the minimum elsewhere: the same, a little less.",
                Setting { problem: Problem::Booth, ..default.clone() },
            ),
            Scenario::holds(
                "mlp",
                "A small network",
                "Thirty ascent steps on two group elements; the slope becomes several times as steep.",
                mlp.clone(),
            ),
            Scenario::fails(
                "too-far",
                "Too far along the orbit",
                "A hundred ascent steps, and a step size that plain descent likes: the curvature has grown with the slope.",
                Setting { ascent: 100, step: 0.2, ..mlp },
            ),
            Scenario::fails(
                "best-step",
                "The best step size",
                "At 2/(L + μ) the steep axis is as slow as the flat one, and nothing is gained.",
                Setting { step: 2.0 / 21.0, ..default.clone() },
            ),
            Scenario::fails(
                "round",
                "Condition number 1",
                "On a circle every place is equally steep: the teleport stays where it is.",
                Setting { condition: 1.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_reference::{Value, difference, list, number, numbers, vectors, whole, wholes, word};
    use proptest::prelude::{Just, Strategy, prop_assert, prop_oneof, proptest};

    fn networks() -> impl Strategy<Value = bool> {
        prop_oneof![Just(true), Just(false)]
    }

    fn network(linear: bool, seed: u64) -> (Network, Vec<f64>) {
        let mut rng = Rng::seed_from_u64(seed);
        let network = if linear { Network::linear(&mut rng) } else { Network::mlp(&mut rng) };
        let w = network.parameters.initial(&mut rng);
        (network, w)
    }

    proptest! {
        // The level set of a bowl is an orbit, its steepest place lies on the eigenvector of the greatest curvature, where
        // the gradient is L times the distance, and no other place is steeper.
        #[test]
        fn turning_keeps_the_loss_and_finds_the_steepest_place(
            condition in 1.01_f64..200.0, x in -4.0_f64..4.0, y in -4.0_f64..4.0, theta in -3.0_f64..3.0,
        ) {
            let bowl = Bowl::new(Plane::bowl([20.0, 20.0 / condition], 30.0, [1.0, -1.0]), [1.0, -1.0]);
            let look = |theta: f64| {
                let (w, mut g) = (bowl.turn(&[x, y], theta), [0.0; 2]);
                (bowl.f.value_and_gradient(&w, &mut g), hypot(g[0], g[1]))
            };
            let (here, there, best) = (bowl.f.value(&[x, y]), look(theta), look(bowl.steepest(&[x, y])));
            prop_assert!((there.0 - here).abs() <= 1e-12 * here);
            prop_assert!((best.0 - here).abs() <= 1e-12 * here);
            prop_assert!(there.1 <= best.1 * (1.0 + 1e-12));
            // ‖∇f‖² = 2 L f on the axis.
            prop_assert!((best.1 * best.1 - 40.0 * here).abs() <= 1e-9 * here);
        }

        // L(g·w) = L(w) for any g, near the identity or not.
        #[test]
        fn the_group_leaves_the_loss_alone(linear in networks(), seed in 0_u64..1000) {
            let (network, mut w) = network(linear, seed);
            let before = network.value(&w);
            for layer in 0..network.parameters.matrices().len() - 1 {
                let pair = network.pair(&w, layer).expect("finite");
                let size = pair.output.ncols();
                let mut rng = Rng::seed_from_u64(seed);
                let g = DMatrix::from_vec(size, size, normals(size * size, &mut rng)) * (0.3 / (size as f64).sqrt())
                    + DMatrix::identity(size, size);
                network.act(&mut w, layer, &pair, &g).expect("regular");
            }
            prop_assert!((network.value(&w) / before - 1.0).abs() < 1e-10);
        }

        // The pulled-back gradient is the derivative of the objective along the group, by central differences.
        #[test]
        fn the_pull_back_is_the_derivative_along_the_group(linear in networks(), seed in 0_u64..300) {
            let (network, w) = network(linear, seed);
            let slope = |w: &[f64]| {
                let mut g = vec![0.0; w.len()];
                network.value_and_gradient(w, &mut g);
                inner(&g, &g)
            };
            let q = network.ascent(&w, Goal::MaxGradient);
            for layer in 0..network.parameters.matrices().len() - 1 {
                let pair = network.pair(&w, layer).expect("finite");
                let by_t = network.pull_back(&w, layer, &pair, &q);
                let size = by_t.nrows();
                let mut rng = Rng::seed_from_u64(seed);
                let t = DMatrix::from_vec(size, size, normals(size * size, &mut rng));
                let moved = |h: f64| {
                    let mut w = w.clone();
                    let g = DMatrix::identity(size, size) + &t * h;
                    network.act(&mut w, layer, &pair, &g).expect("regular");
                    slope(&w)
                };
                let difference = (moved(1e-7) - moved(-1e-7)) / 2e-7;
                let exact = by_t.dot(&t);
                let scale = exact.abs() + 1e-3 * by_t.norm() * t.norm();
                prop_assert!((difference - exact).abs() < 1e-3 * scale, "{difference} {exact}");
            }
        }
    }

    #[test]
    fn a_few_ascent_steps_do_what_they_are_asked() {
        for linear in [true, false] {
            let (network, w) = network(linear, 3);
            let landscape = Landscape::Network(network);
            let Landscape::Network(network) = &landscape else { return };
            let before = landscape.look(&w);
            let after = |goal| {
                let mut w = w.clone();
                (0..10).for_each(|_| network.ascend(&mut w, goal));
                landscape.look(&w)
            };
            assert!(after(Goal::MaxGradient).slope > 1.05 * before.slope);
            assert!(after(Goal::MinSharpness).sharpness < 0.99 * before.sharpness);
            assert!(after(Goal::MaxSharpness).sharpness > 1.01 * before.sharpness);
        }
    }

    // On the steep axis gradient descent shrinks by |1 - step L| a step: the paper's reason why one teleport is enough.
    #[test]
    fn after_the_teleport_descent_stays_on_the_steep_axis() {
        let mut run = Teleportation::new(&Setting::default(), &mut Rng::seed_from_u64(0)).expect("valid");
        let fixed = Rc::clone(&run.fixed);
        let teleported = &mut run.runs[0][0];
        while teleported.jumps.is_empty() {
            teleported.advance(&fixed);
        }
        let mut before = teleported.w.clone();
        for _ in 0..10 {
            teleported.advance(&fixed);
            let after = teleported.w.clone();
            assert!(after.iter().zip(&before).all(|(a, b)| (a - 0.6 * b).abs() < 1e-12));
            before = after;
        }
    }

    /// A run's difference from a stored path, of which every twentieth step was kept.
    fn off(fixed: &Fixed, teleports: usize, case: &Value) -> f64 {
        let mut run = Run::new(numbers(&case["start"]), teleports, false, fixed);
        let mut worst: f64 = 0.0;
        for (k, expected) in list(&case["path"]).iter().enumerate() {
            while run.t < 20 * (k + 1) {
                assert!(run.end.is_none());
                run.advance(fixed);
            }
            worst = worst.max(difference(&run.w, &numbers(expected)));
        }
        assert!(run.t == 200 && run.jumps.len() == teleports);
        worst
    }

    // `tests/reference/teleportation.py`: steps are optax's, teleports SciPy's and JAX's.
    #[test]
    fn teleports_in_the_plane_are_those_of_another_formula() {
        let vectors = vectors(include_str!("../../../../tests/reference/teleportation.json"));
        let cases = list(&vectors["planes"]);
        assert_eq!(cases.len(), 8);
        for case in cases {
            let optimizer = match word(&case["optimizer"]) {
                "gd" => Optimizers::Gd,
                "momentum" => Optimizers::Momentum,
                "adagrad" => Optimizers::AdaGrad,
                _ => Optimizers::Adam,
            };
            let aim = if word(&case["aim"]) == "steepest" { Aim::Steepest } else { Aim::ByHand };
            let setting = Setting { optimizer, step: number(&case["rate"]), at: 6, aim, ..Setting::default() };
            let bowl = Bowl::new(Plane::bowl([20.0, 2.0], 30.0, [1.0, -1.0]), [1.0, -1.0]);
            let landscape = Landscape::Bowl(bowl);
            let fixed = Fixed { setting, landscape, field: None, tolerance: -1.0, most: 1000, batch: 1 };
            let worst = off(&fixed, 3, case);
            println!("{optimizer:?}, {aim:?}: {worst:e}");
            assert!(worst < 1e-10, "{optimizer:?}, {aim:?}: {worst:e}");
        }
    }

    #[test]
    fn teleports_of_networks_are_those_that_jax_differentiates() {
        let vectors = vectors(include_str!("../../../../tests/reference/teleportation.json"));
        let cases = list(&vectors["networks"]);
        assert_eq!(cases.len(), 4);
        for case in cases {
            let (sizes, features) = (wholes(&case["sizes"]), numbers(&case["examples"]));
            let rows = features.len() / sizes[0];
            let target = if case["classes"].as_bool().expect("yes or no") {
                Target::Classes(wholes(&case["target"]))
            } else {
                Target::Values(numbers(&case["target"]))
            };
            let examples = Examples { columns: sizes[0], features, labels: vec![0; rows], classes: 1 };
            let mut network = Network::new(&sizes, number(&case["slope"]), examples, target, None);
            network.displacements = list(&case["away"]).iter().map(numbers).collect();
            let objective = match word(&case["goal"]) {
                "gradient" => Goal::MaxGradient,
                "flattest" => Goal::MinSharpness,
                _ => Goal::MaxSharpness,
            };
            let (step, at, ascent) = (number(&case["rate"]), whole(&case["at"]), whole(&case["ascent"]));
            let setting = Setting { step, at, ascent, objective, ..Setting::default() };
            let landscape = Landscape::Network(network);
            let fixed = Fixed { setting, landscape, field: None, tolerance: -1.0, most: 1000, batch: 1 };
            let worst = off(&fixed, whole(&case["teleports"]), case);
            println!("{sizes:?}, {objective:?}: {worst:e}");
            assert!(worst < 1e-10, "{sizes:?}, {objective:?}: {worst:e}");
        }
    }
}
