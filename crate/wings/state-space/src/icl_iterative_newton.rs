//! A prompt shows examples $(x_i,y_i)$ of an unknown linear function and asks for its value at $x_q$. A transformer trained on many such
//! prompts answers well. By which algorithm? Candidates invert $S=\frac1n\sum_i x_ix_i^\top$. Gradient descent gains one power of $S$ a step and
//! needs some $\kappa$ steps. Newton's iteration
//! $$M_{k+1}=2M_k-M_kSM_k,\qquad M_0=\alpha S,\qquad \hat w_k=M_kh,\qquad h=\tfrac1n\textstyle\sum_i y_ix_i$$
//! squares the residual, $I-M_{k+1}S=(I-M_kS)^2$, and needs some $\log\kappa$.
//!
//! **Constructed.** Let token $j$ carry $u_j=M_kx_j$. One layer of linear attention, $u_j\leftarrow2u_j-\frac1n\sum_i(u_j\cdot x_i)\,u_i$, is one
//! Newton step. The third figure counts layers and iterations as the inputs grow lopsided. Since $M_0S$ has the squares of the eigenvalues of
//! $S$ and a step doubles the small ones, a thousandfold $\kappa$ may cost $2\log_2 1000\approx20$ steps more.
//!
//! **Trained.** One attention layer is applied again and again. Inputs enter in random orientations, so turning them must not matter; that leaves
//! two heads of linear attention five numbers: $x_j\leftarrow\alpha x_j+aSx_j+by_jh$ and $y_j\leftarrow y_j+c\,h\cdot x_j+e\,r\,y_j$, with $S$, $h$ and
//! $r=\frac1n\sum y_i^2$ those of the current tokens. Adam fits them to the last answer only. Then the errors after *each* layer are compared, by
//! their cosine over 256 prompts, with those of each iteration.
//!
//! **What you see.** The best match climbs in a straight line for Newton and exponentially for gradient descent. Learning finds
//! $\alpha\approx2$: a small eigenvalue of $S$ grows by $\alpha^2$ a layer, while Newton starts from its square and doubles, so
//! that a layer is worth about $4\log_2\alpha$ Newton steps.
//!
//! **Where it stops.** The cosines with gradient descent at its best iterations are as high: only the *pace* tells
//! the algorithms apart, and it is a matter of architecture. **Try** *skip weight: one*, a plain residual stream: the
//! same training now finds something that advances at the pace of gradient descent. With $\kappa=1$ the gap shrinks:
//! some twenty gradient steps against six of Newton's. Conjugate gradients end after $d$ steps. Fewer examples than
//! dimensions do not break the match, nor do noisy labels.
//!
//! **Scaled down.** The paper trains GPT-2 with softmax, perceptrons and layer norms, on longer training; there a layer is worth about three steps.
//! Here prompts have five dimensions and unit scale, attention is linear, and the layer is read out directly, without a probe.

use orrery_core::figure::{Ink, Symbol};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::linalg::{ConjugateGradient, DMatrix, DVector, LineFit, inner, product};
use orrery_kernels::math::{PI, cos, log_spaced, log2, log10, pow};
use orrery_kernels::networks::Parameters;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::{normals, orthonormal};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "icl-iterative-newton",
    title: "Transformers Learn Higher-Order Optimization Methods for In-Context Learning: A Study with Linear Models",
    year: 2023,
    lists: &[4],
    claim: "Layer by layer a trained transformer keeps step with Newton's iteration and leaves gradient descent exponentially behind.",
    algorithms: &[
        "in-context learning",
        "linear attention",
        "transformer",
        "iterative Newton",
        "Newton-Schulz iteration",
        "gradient descent",
        "online gradient descent",
        "conjugate gradients",
        "least squares",
        "Adam",
    ],
    contenders: &[
        Contender::paper("transformer", "trained transformer"),
        Contender::paper("constructed", "constructed layers"),
        Contender::baseline("newton", "Newton"),
        Contender::baseline("gd", "gradient descent"),
        Contender::baseline("ogd", "online gradient descent"),
        Contender::baseline("cg", "conjugate gradients"),
    ],
};

/// Which transformers run.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Model {
    /// The one whose weights are set by hand, in growing condition numbers.
    #[choice("constructed")]
    Constructed,
    /// The one that learns.
    #[choice("trained")]
    Trained,
    /// Both.
    #[choice("both")]
    Both,
}

/// What the transformer is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Method {
    /// Newton's iteration for the inverse.
    #[choice("Newton")]
    Newton,
    /// Gradient descent over all examples.
    #[choice("GD")]
    Gd,
    /// Gradient descent over one example after the other.
    #[choice("OGD")]
    Ogd,
    /// Conjugate gradients.
    #[choice("CG")]
    Cg,
}

/// The factor `α` of a token in its own update.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Skip {
    /// Trained with the others.
    #[choice("trained")]
    Trained,
    /// One, a plain residual stream.
    #[choice("one")]
    One,
}

/// Whose weights a layer has.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Weights {
    /// One layer, applied again and again.
    #[choice("shared")]
    Shared,
    /// Each layer its own.
    #[choice("own")]
    Own,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// Condition number of the inputs' covariance, for the trained transformer.
    #[control(label = "condition κ", range = 1.0..=1000.0, log, default = 100.0, when = ("model", ["trained", "both"]))]
    pub kappa: f64,
    /// Dimensions of an input of the constructed transformer; the trained one reads five.
    #[control(label = "dimension d", range = 2..=40, default = 20, when = ("model", ["constructed", "both"]))]
    pub dimension: usize,
    /// Examples in a prompt.
    #[control(label = "examples n", range = 2..=80, default = 40)]
    pub examples: usize,
    /// An iteration has arrived when its predictions for the examples are this near to those of least squares, relatively.
    #[control(label = "tolerance", range = 1e-6..=0.3, log, default = 1e-3, when = ("model", ["constructed", "both"]))]
    pub tolerance: f64,
    /// Deviation of what is added to the labels of the examples, whose own size is one.
    #[control(label = "label noise", range = 0.0..=1.0, default = 0.0)]
    pub noise: f64,
    /// Layers of the trained transformer.
    #[control(label = "layers", range = 3..=8, default = 5, when = ("model", ["trained", "both"]))]
    pub layers: usize,
    /// Whether the layers of the trained transformer share their weights.
    #[control(label = "weights", default = Weights::Shared, when = ("model", ["trained", "both"]))]
    pub weights: Weights,
    /// What an input is multiplied by before attention adds to it.
    #[control(label = "skip weight", default = Skip::Trained, when = ("model", ["trained", "both"]))]
    pub skip: Skip,
    /// Which transformers run.
    #[control(label = "model", default = Model::Both)]
    pub model: Model,
    /// The iterations that the map and the cloud of dots show beside the transformer.
    #[control(label = "compare with", default = Method::Newton, live, when = ("model", ["trained", "both"]))]
    pub compare: Method,
    /// The layer whose predictions the cloud of dots shows; the last, if there are fewer.
    #[control(label = "layer probed", range = 1..=8, default = 3, live, when = ("model", ["trained", "both"]))]
    pub probed: usize,
}

/// Dimensions that the trained transformer reads.
const DIMENSION: usize = 5;
/// Adam's steps, its greatest rate, the greatest length of a gradient, and prompts of a step.
const STEPS: usize = 300;
const RATE: f64 = 0.03;
const CLIP: f64 = 1.0;
const BATCH: usize = 64;
/// Prompts of the test, how many are solved in a step, and how often the test is taken.
const TEST: usize = 256;
const SOLVED: usize = 4;
const EVERY: usize = 10;
/// Newton's and the conjugate gradients' iterations in the comparison, and decades of gradient descent's with 24 places each.
const NEWTON: usize = 40;
const CONJUGATE: usize = DIMENSION + 3;
const DECADES: usize = 4;
/// Condition numbers of the sweep and prompts of each; one is solved in every second step.
const KAPPAS: usize = 7;
const PROMPTS: usize = 20;
const JOB: usize = 2;
/// Where counting ends.
const MOST_NEWTON: usize = 64;
const MOST_GD: usize = 200_000;
/// Errors outside these are not drawn.
const FLOOR: f64 = 1e-8;
const CEILING: f64 = 10.0;
/// An answer that is larger counts as this large.
const WILD: f64 = 1e6;

const METHODS: [(Method, &str, &str); 4] = [
    (Method::Newton, "newton", "Newton"),
    (Method::Gd, "gd", "gradient descent"),
    (Method::Ogd, "ogd", "online gradient descent"),
    (Method::Cg, "cg", "conjugate gradients"),
];

/// Examples and a question.
#[derive(Clone, Debug)]
struct Prompt {
    /// Inputs of the examples.
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    /// The question, and what the unknown function says to it.
    question: Vec<f64>,
    answer: f64,
}

impl Prompt {
    /// `x ~ N(0, Q Λ Qᵀ)` with Q at random and eigenvalues from 1 to 1/κ, `y = w·x`, `w ~ N(0, I)`. Inputs are scaled
    /// so that the mean of `|x_i|²` is one, labels so that the mean of `y_i²` is.
    fn draw(d: usize, n: usize, kappa: f64, noise: f64, rng: &mut Rng) -> Self {
        let (q, scales) = (orthonormal(d, d, rng), log_spaced(1.0, 1.0 / kappa, d));
        let w = normals(d, rng);
        let mut input = || {
            let z = normals(d, rng);
            let along: Vec<f64> = z.iter().zip(&scales).map(|(z, scale)| z * scale.sqrt()).collect();
            (0..d).map(|i| (0..d).map(|j| q[(i, j)] * along[j]).sum()).collect::<Vec<f64>>()
        };
        let (mut x, mut question): (Vec<Vec<f64>>, _) = ((0..n).map(|_| input()).collect(), input());
        let size = (x.iter().map(|x| inner(x, x)).sum::<f64>() / n as f64).sqrt();
        x.iter_mut().chain([&mut question]).flatten().for_each(|entry| *entry /= size);
        let mut y: Vec<f64> = x.iter().map(|x| inner(x, &w)).collect();
        let size = (inner(&y, &y) / n as f64).sqrt();
        y.iter_mut().zip(normals(n, rng)).for_each(|(y, error)| *y = *y / size + noise * error);
        let answer = inner(&question, &w) / size;
        Self { x, y, question, answer }
    }

    /// `S = 1/n Σ x_i x_iᵀ` and `h = 1/n Σ y_i x_i`
    fn normal_equations(&self) -> (DMatrix<f64>, DVector<f64>) {
        let d = self.question.len();
        let (mut s, mut h) = (DMatrix::zeros(d, d), DVector::zeros(d));
        let share = 1.0 / self.x.len() as f64;
        for (x, y) in self.x.iter().zip(&self.y) {
            for (i, xi) in x.iter().enumerate() {
                h[i] += share * y * xi;
                x.iter().enumerate().for_each(|(j, xj)| s[(i, j)] += share * xi * xj);
            }
        }
        (s, h)
    }
}

fn ask(question: &[f64], w: &DVector<f64>) -> f64 {
    inner(question, w.as_slice())
}

/// One Newton step: `M ← 2M − M S M`.
fn newton_step(m: &DMatrix<f64>, s: &DMatrix<f64>) -> DMatrix<f64> {
    m * 2.0 - product(&product(m, s), m)
}

/// The transformer set by hand. Its tokens are the inputs, the question last, and each carries `u_j = M_k x_j`.
struct Constructed {
    u: Vec<Vec<f64>>,
}

impl Constructed {
    /// The first layer: `u_j = α/n Σ_i (x_i·x_j) x_i`, which is `M_0 x_j` with `M_0 = α S`.
    fn new(prompt: &Prompt, alpha: f64) -> Self {
        let tokens: Vec<&Vec<f64>> = prompt.x.iter().chain([&prompt.question]).collect();
        let mut u = vec![vec![0.0; prompt.question.len()]; tokens.len()];
        for (u, x) in u.iter_mut().zip(tokens) {
            for example in &prompt.x {
                let score = alpha / prompt.x.len() as f64 * inner(x, example);
                u.iter_mut().zip(example).for_each(|(u, x)| *u += score * x);
            }
        }
        Self { u }
    }

    /// A layer of linear attention, with queries `u_j`, keys `x_i` and values `u_i`: `u_j ← 2u_j − 1/n Σ_i (u_j·x_i) u_i`.
    fn layer(&mut self, prompt: &Prompt) {
        let old = self.u.clone();
        for (new, query) in self.u.iter_mut().zip(&old) {
            new.iter_mut().for_each(|u| *u *= 2.0);
            for (key, value) in prompt.x.iter().zip(&old) {
                let score = inner(query, key) / prompt.x.len() as f64;
                new.iter_mut().zip(value).for_each(|(u, value)| *u -= score * value);
            }
        }
    }

    /// The last layer reads out: `1/n Σ_i y_i (x_i·u_q)`, which is `x_qᵀ M_k h`.
    fn answer(&self, prompt: &Prompt) -> f64 {
        let Some(u) = self.u.last() else { return 0.0 };
        prompt.x.iter().zip(&prompt.y).map(|(x, y)| y * inner(x, u)).sum::<f64>() / prompt.x.len() as f64
    }
}

/// How many iterations one prompt takes.
#[derive(Clone, Copy, Debug)]
struct Counts {
    newton: f64,
    gd: f64,
    cg: f64,
    /// The largest difference of the constructed transformer's answer from Newton's, where labels are of size one.
    apart: f64,
}

fn count(prompt: &Prompt, tolerance: f64) -> Counts {
    let (s, h) = prompt.normal_equations();
    let eigen = s.clone().symmetric_eigen();
    let largest = eigen.eigenvalues.iter().copied().fold(0.0, f64::max);
    // Least squares, of the least norm: the coordinates of the solution in the eigenvectors of S.
    let seen = |lambda: f64| lambda > 1e-12 * largest;
    let along = product(&eigen.eigenvectors.transpose(), &DMatrix::from_column_slice(h.len(), 1, h.as_slice()));
    let solution: Vec<f64> =
        along.iter().zip(&eigen.eigenvalues).map(|(h, &l)| if seen(l) { h / l } else { 0.0 }).collect();
    let mut w = DVector::zeros(h.len());
    eigen.eigenvectors.column_iter().zip(&solution).for_each(|(vector, &c)| w += vector * c);
    // ‖e‖² in the norm of the predictions, eᵀ S e.
    let error = |e: &DVector<f64>| inner(e.as_slice(), (&s * e).as_slice()).max(0.0);
    let near = tolerance * tolerance * error(&w);

    let alpha = 1.0 / (largest * largest);
    let mut m = &s * alpha;
    let mut constructed = Constructed::new(prompt, alpha);
    let (mut newton, mut apart) = (0, 0.0_f64);
    let labels = (inner(&prompt.y, &prompt.y) / prompt.y.len() as f64).sqrt().max(1e-30);
    loop {
        let found = &m * &h;
        apart = apart.max((ask(&prompt.question, &found) - constructed.answer(prompt)).abs() / labels);
        if error(&(found - &w)) <= near || newton == MOST_NEWTON {
            break;
        }
        m = newton_step(&m, &s);
        constructed.layer(prompt);
        newton += 1;
    }

    // ŵ ← ŵ − η(Sŵ − h), η = 1/λ_max. Written in the eigenvectors of S the coordinates do not mix: e_i ← (1 − ηλ_i) e_i,
    // and the error falls with every step, so that the first step within the tolerance is found by bisection.
    let after = |steps: usize| -> f64 {
        let part = |(&e, &l): (&f64, &f64)| {
            let e = e * pow((1.0 - l.max(0.0) / largest).max(0.0), steps as f64);
            l.max(0.0) * e * e
        };
        solution.iter().zip(&eigen.eigenvalues).map(part).sum()
    };
    let (mut gd, mut enough) = (0, MOST_GD);
    while gd < enough {
        let middle = gd + (enough - gd) / 2;
        if after(middle) > near {
            gd = middle + 1;
        } else {
            enough = middle;
        }
    }

    let mut conjugate = ConjugateGradient::new(h.as_slice().to_vec(), &vec![1.0; h.len()]);
    let multiply =
        |from: &[f64], to: &mut [f64]| to.copy_from_slice((&s * DVector::from_column_slice(from)).as_slice());
    while conjugate.iterations() < 4 * h.len() && error(&(DVector::from_column_slice(conjugate.solution()) - &w)) > near
    {
        if conjugate.advance(multiply, 1, 0.0) {
            break;
        }
    }
    Counts { newton: newton as f64, gd: gd as f64, cg: conjugate.iterations() as f64, apart }
}

/// The iterations of gradient descent that are looked at: all the first ones, then evenly in the logarithm.
fn places() -> Vec<usize> {
    let mut places: Vec<usize> = (0..=24 * DECADES).map(|k| pow(10.0, k as f64 / 24.0).round() as usize - 1).collect();
    places.dedup();
    places
}

fn iterations(method: Method) -> Vec<usize> {
    match method {
        Method::Newton => (0..=NEWTON).collect(),
        Method::Gd | Method::Ogd => places(),
        Method::Cg => (0..=CONJUGATE).collect(),
    }
}

/// What a method answers after each of its [`iterations`].
fn answers(method: Method, prompt: &Prompt) -> Vec<f64> {
    let (s, h) = prompt.normal_equations();
    let d = h.len();
    let mut answers = Vec::new();
    match method {
        Method::Newton => {
            let largest = s.clone().symmetric_eigen().eigenvalues.iter().copied().fold(0.0, f64::max);
            let mut m = &s / (largest * largest);
            for _ in 0..=NEWTON {
                answers.push(ask(&prompt.question, &(&m * &h)));
                m = newton_step(&m, &s);
            }
        }
        Method::Gd => {
            let eta = 1.0 / s.clone().symmetric_eigen().eigenvalues.iter().copied().fold(0.0, f64::max);
            let (mut w, mut slope, mut t) = (vec![0.0; d], vec![0.0; d], 0);
            for place in places() {
                while t < place {
                    // ŵ ← ŵ − η (S ŵ − h)
                    let rows = s.as_slice().chunks_exact(d).zip(&h);
                    slope.iter_mut().zip(rows).for_each(|(slope, (row, h))| *slope = inner(row, &w) - h);
                    w.iter_mut().zip(&slope).for_each(|(w, slope)| *w -= eta * slope);
                    t += 1;
                }
                answers.push(inner(&prompt.question, &w));
            }
        }
        Method::Ogd => {
            let eta = 1.0 / prompt.x.iter().map(|x| inner(x, x)).fold(1e-30, f64::max);
            let (mut w, mut t) = (vec![0.0; d], 0);
            for place in places() {
                while t < place {
                    // ŵ ← ŵ − η (x_i·ŵ − y_i) x_i, once round the examples and again
                    let (x, y) = (&prompt.x[t % prompt.x.len()], prompt.y[t % prompt.x.len()]);
                    let step = eta * (inner(x, &w) - y);
                    w.iter_mut().zip(x).for_each(|(w, x)| *w -= step * x);
                    t += 1;
                }
                answers.push(inner(&prompt.question, &w));
            }
        }
        Method::Cg => {
            let mut conjugate = ConjugateGradient::new(h.as_slice().to_vec(), &vec![1.0; d]);
            let multiply =
                |from: &[f64], to: &mut [f64]| to.copy_from_slice((&s * DVector::from_column_slice(from)).as_slice());
            for _ in 0..=CONJUGATE {
                answers.push(inner(&prompt.question, conjugate.solution()));
                conjugate.advance(multiply, 1, 1e-12);
            }
        }
    }
    answers
}

/// Prompts as linear attention sees them. A layer maps every token `z = (x, y)` by one matrix `W` that depends on
/// `G = 1/n Σ_i z_i z_iᵀ` alone, so `G` and the question's token are all that has to be kept: `G ← W G Wᵀ`, `z_q ← W z_q`.
struct Tokens {
    count: usize,
    gram: Vec<f64>,
    question: Vec<f64>,
    target: Vec<f64>,
}

impl Tokens {
    fn of(prompts: &[Prompt]) -> Self {
        let (mut gram, mut question) = (Vec::new(), Vec::new());
        for prompt in prompts {
            let (s, h) = prompt.normal_equations();
            for (row, h) in s.row_iter().zip(&h) {
                gram.extend(row.iter());
                gram.push(*h);
            }
            gram.extend(h.iter());
            gram.push(inner(&prompt.y, &prompt.y) / prompt.y.len() as f64);
            question.extend(&prompt.question);
            question.push(0.0);
        }
        Self { count: prompts.len(), gram, question, target: prompts.iter().map(|prompt| prompt.answer).collect() }
    }
}

/// The trained transformer: numbers α, a, b, c, e of a layer, or of each.
#[derive(Clone)]
struct Transformer {
    parameters: Rc<Parameters>,
    layers: usize,
    skip: Skip,
    theta: Vec<f64>,
    adam: Adam,
}

impl Transformer {
    fn new(settings: &Settings, rng: &mut Rng) -> Self {
        let own = if settings.weights == Weights::Own { settings.layers } else { 1 };
        let mut parameters = Parameters::new();
        (0..own).for_each(|layer| parameters.weights(layer.to_string(), 1, 5, 0.05));
        let mut theta: Vec<f64> = parameters.initial(rng);
        // Near a layer of gradient descent with a short step.
        for layer in theta.chunks_exact_mut(5) {
            layer.iter_mut().zip([1.0, -0.1, 0.0, -0.1, 0.0]).for_each(|(theta, start)| *theta += start);
            if settings.skip == Skip::One {
                layer[0] = 1.0;
            }
        }
        let adam = Adam::new(theta.len(), RATE, [0.9, 0.99]);
        Self { parameters: Rc::new(parameters), layers: settings.layers, skip: settings.skip, theta, adam }
    }

    /// The predictions after each layer, a column each.
    fn forward(&self, g: &mut Graph<f64>, p: &[Node], tokens: &Tokens) -> Vec<Node> {
        let (m, count) = (DIMENSION + 1, tokens.count);
        let stack = |g: &mut Graph<f64>, inside: &dyn Fn(usize, usize) -> bool| {
            let one = |at: usize| f64::from(u8::from(inside(at / m % m, at % m)));
            g.leaf(count * m, m, (0..count * m * m).map(one).collect())
        };
        let identity = [stack(g, &|i, j| i == j && i < DIMENSION), stack(g, &|i, j| i == j && i == DIMENSION)];
        let blocks = [
            stack(g, &|i, j| i < DIMENSION && j < DIMENSION),
            stack(g, &|i, j| i < DIMENSION && j == DIMENSION),
            stack(g, &|i, j| i == DIMENSION && j < DIMENSION),
            stack(g, &|i, j| i == DIMENSION && j == DIMENSION),
        ];
        let mut gram = g.leaf(count * m, m, tokens.gram.clone());
        let mut question = g.leaf(count * m, 1, tokens.question.clone());
        let last: Rc<[Option<u32>]> = Rc::new([Some(DIMENSION as u32)]);
        let mut predictions = Vec::new();
        for layer in 0..self.layers {
            let numbers = p[layer % p.len()];
            // W = [α I + a S, b h; c hᵀ, 1 + e r], with G = [S, h; hᵀ, r].
            let alpha = g.columns(numbers, 0, 1);
            let skip = g.mul(identity[0], alpha);
            let mut w = g.add(skip, identity[1]);
            for (k, &block) in blocks.iter().enumerate() {
                let number = g.columns(numbers, k + 1, 1);
                let weight = g.mul(block, number);
                let part = g.mul(weight, gram);
                w = g.add(w, part);
            }
            let half = g.products((w, false), (gram, false), count);
            gram = g.products((half, false), (w, true), count);
            question = g.products((w, false), (question, false), count);
            // The question's label starts at zero; what attention adds to it is minus the prediction.
            let label = g.pick(question, count, 1, Rc::clone(&last));
            predictions.push(g.scale(label, -1.0));
        }
        predictions
    }

    fn loss(&self, g: &mut Graph<f64>, p: &[Node], tokens: &Tokens) -> Node {
        let target = g.leaf(tokens.count, 1, tokens.target.clone());
        let predictions = self.forward(g, p, tokens);
        g.mean_squared_error(predictions[self.layers - 1], target)
    }

    /// One step of Adam on the error of the last layer, which it returns.
    fn train(&mut self, tokens: &Tokens, step: usize) -> f64 {
        let mut gradient = vec![0.0; self.theta.len()];
        let loss = self.parameters.gradient(&self.theta, &mut gradient, |g, p| self.loss(g, p, tokens));
        if self.skip == Skip::One {
            gradient.iter_mut().step_by(5).for_each(|slope| *slope = 0.0);
        }
        let length = inner(&gradient, &gradient).sqrt();
        if length.is_finite() {
            gradient.iter_mut().for_each(|slope| *slope *= CLIP / length.max(CLIP));
            *self.adam.rate() = RATE * (0.02 + 0.49 * (1.0 + cos(PI * step as f64 / STEPS as f64)));
            self.adam.step(&mut self.theta, &gradient);
        }
        loss
    }

    /// The predictions after each layer.
    fn predict(&self, tokens: &Tokens) -> Vec<Vec<f64>> {
        let g = &mut Graph::new();
        let p = self.parameters.leaves(g, &self.theta);
        let bounded = |answer: &f64| if answer.is_nan() { WILD } else { answer.clamp(-WILD, WILD) };
        self.forward(g, &p, tokens).into_iter().map(|node| g.value(node).iter().map(bounded).collect()).collect()
    }
}

/// The transformer after some training, beside the iterations.
#[derive(Clone, Default)]
struct Test {
    /// By layer, and there by prompt.
    predictions: Vec<Vec<f64>>,
    errors: Vec<f64>,
    /// By method: the cosine by layer and iteration, and the iteration of the greatest for each layer.
    similar: [Vec<Vec<f64>>; 4],
    best: [Vec<usize>; 4],
}

/// What each of the [`METHODS`] answers, by iteration and prompt.
type Solved = [Vec<Vec<f64>>; 4];

impl Test {
    fn take(predictions: Vec<Vec<f64>>, prompts: &[Prompt], solved: &Solved) -> Self {
        let residuals = |answers: &Vec<f64>| -> Vec<f64> {
            answers.iter().zip(prompts).map(|(answer, prompt)| answer - prompt.answer).collect()
        };
        let own: Vec<Vec<f64>> = predictions.iter().map(residuals).collect();
        let similar = [0, 1, 2, 3].map(|method: usize| -> Vec<Vec<f64>> {
            let theirs: Vec<Vec<f64>> = solved[method].iter().map(residuals).collect();
            own.iter().map(|own| theirs.iter().map(|theirs| cosine(own, theirs)).collect()).collect()
        });
        let greatest = |row: &Vec<f64>| (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
        let best = [0, 1, 2, 3].map(|method: usize| similar[method].iter().map(greatest).collect());
        let errors = own.iter().map(|own| inner(own, own) / own.len() as f64).collect();
        Self { predictions, errors, similar, best }
    }
}

/// The similarity of errors, the cosine between them; zero where there are none.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let size = (inner(a, a) * inner(b, b)).sqrt();
    if size > 0.0 { inner(a, b) / size } else { 0.0 }
}

/// The exhibit.
#[derive(Clone)]
pub struct IclIterativeNewton {
    settings: Settings,
    rng: Rng,
    step: usize,
    /// By condition number of the sweep, the prompts solved so far.
    counts: Rc<Vec<Vec<Counts>>>,
    prompts: Rc<Vec<Prompt>>,
    solved: Rc<Solved>,
    transformer: Transformer,
    losses: Series,
    test: Rc<Test>,
}

impl Exhibit for IclIterativeNewton {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let Settings { kappa, examples, noise, .. } = *settings;
        let transformer = Transformer::new(settings, rng);
        let prompts = if settings.model == Model::Constructed { 0 } else { TEST };
        let prompts = (0..prompts).map(|_| Prompt::draw(DIMENSION, examples, kappa, noise, rng)).collect();
        let solved = METHODS.map(|(method, ..)| vec![Vec::new(); iterations(method).len()]);
        Ok(Self {
            settings: settings.clone(),
            rng: rng.clone(),
            step: 0,
            counts: Rc::new(vec![Vec::new(); KAPPAS]),
            prompts: Rc::new(prompts),
            solved: Rc::new(solved),
            transformer,
            losses: Series::new(),
            test: Rc::default(),
        })
    }

    fn length(&self) -> usize {
        if self.settings.model == Model::Constructed { KAPPAS * PROMPTS * JOB } else { STEPS }
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let Settings { kappa, dimension, examples, noise, tolerance, model, .. } = self.settings;
        let job = self.step / JOB;
        if model != Model::Trained && self.step.is_multiple_of(JOB) && job < KAPPAS * PROMPTS {
            let prompt = Prompt::draw(dimension, examples, kappas()[job % KAPPAS], noise, &mut self.rng);
            Rc::make_mut(&mut self.counts)[job % KAPPAS].push(count(&prompt, tolerance));
        }
        if model != Model::Constructed {
            let done = self.step * SOLVED;
            for prompt in self.prompts.iter().skip(done).take(SOLVED) {
                for ((method, ..), solved) in METHODS.iter().zip(Rc::make_mut(&mut self.solved)) {
                    solved.iter_mut().zip(answers(*method, prompt)).for_each(|(solved, answer)| solved.push(answer));
                }
            }
            let batch: Vec<Prompt> =
                (0..BATCH).map(|_| Prompt::draw(DIMENSION, examples, kappa, noise, &mut self.rng)).collect();
            let loss = self.transformer.train(&Tokens::of(&batch), self.step);
            self.losses.push((self.step + 1) as f64, loss.max(FLOOR));
            if (self.step + 1).is_multiple_of(EVERY) && done + SOLVED >= TEST {
                let predictions = self.transformer.predict(&Tokens::of(&self.prompts));
                self.test = Rc::new(Test::take(predictions, &self.prompts, &self.solved));
            }
        }
        self.step += 1;
        if self.step < self.length() { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        let (trained, constructed) = (self.settings.model != Model::Constructed, self.settings.model != Model::Trained);
        if trained {
            self.draw_match(figures);
            self.draw_errors(figures);
        }
        if constructed {
            self.draw_counts(figures);
        }
        if trained {
            self.draw_similarity(figures);
            self.draw_predictions(figures);
            self.draw_training(figures);
        }
    }

    fn claim(&self) -> Claim {
        let open = self.step < self.length();
        let mut clauses = Vec::new();
        if self.settings.model != Model::Trained {
            let ends = |of: fn(&Counts) -> f64| Some([self.mean(0, of)?, self.mean(KAPPAS - 1, of)?]);
            let newton = ends(|counts| counts.newton).map(|[first, last]| last - first);
            let gd = ends(|counts| counts.gd).map(|[first, last]| last / first.max(1.0));
            let apart = self.counts.iter().flatten().map(|counts| counts.apart).reduce(f64::max);
            clauses.extend([
                Clause::at_most(
                    "From κ = 1 to κ = 1000 Newton takes {value} iterations more (at most {high}).",
                    newton,
                    2.0 * log2(1000.0),
                ),
                Clause::at_least("Gradient descent takes {value} times as many (at least {low}).", gd, 10.0),
                Clause::at_most(
                    "The constructed layers answer as Newton's iteration does, but for {value} (at most {high}).",
                    apart,
                    1e-6,
                ),
            ]);
        }
        if self.settings.model != Model::Constructed {
            clauses.extend([
                Clause::at_least(
                    "The Newton iterations that the trained layers match best lie on a line with R² = {value} (at least {low}).",
                    self.line().map(|line| line.explained),
                    0.9,
                ),
                Clause::at_least(
                    "The last layer is matched by {value} times as many gradient steps as the middle one (at least {low}).",
                    self.pace(),
                    4.0,
                ),
            ]);
        }
        Claim::new(clauses.into_iter().map(|clause| clause.pending_while(open)).collect())
    }

    fn retune(&mut self, settings: &Settings) {
        self.settings.compare = settings.compare;
        self.settings.probed = settings.probed;
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "in-step",
                "In step with Newton",
                "Five applications of one attention layer go through some sixteen Newton iterations, at an even pace.",
                default(),
            ),
            Scenario::holds(
                "ill-conditioned",
                "More ill-conditioned",
                "Trained and tested at κ = 1000: the last layer is worth many hundred gradient steps.",
                Settings { kappa: 1000.0, model: Model::Trained, ..default() },
            ),
            Scenario::holds(
                "own-weights",
                "Own weights in every layer",
                "Untied layers find about the same pace.",
                Settings { weights: Weights::Own, model: Model::Trained, ..default() },
            ),
            Scenario::holds(
                "few-examples",
                "Fewer examples than dimensions",
                "Four examples leave a direction unseen. The answers are wrong, in the way Newton's are.",
                Settings { examples: 4, model: Model::Trained, ..default() },
            ),
            Scenario::fails(
                "plain-residual",
                "A plain residual stream",
                "With the skip weight held at one, small eigenvalues grow slowly: the layers advance at the pace of gradient descent.",
                Settings { skip: Skip::One, model: Model::Trained, ..default() },
            ),
            Scenario::fails(
                "rough",
                "A rough answer",
                "To within a third only the large eigenvalues matter, and gradient descent has no trouble with those.",
                Settings { tolerance: 0.3, model: Model::Constructed, ..default() },
            ),
        ]
    }
}

fn kappas() -> Vec<f64> {
    log_spaced(1.0, 1000.0, KAPPAS)
}

impl IclIterativeNewton {
    fn mean(&self, kappa: usize, of: impl Fn(&Counts) -> f64) -> Option<f64> {
        let counts = &self.counts[kappa];
        (!counts.is_empty()).then(|| counts.iter().map(of).sum::<f64>() / counts.len() as f64)
    }

    /// The iterations of a method that the layers match best: `[layer, iteration]`.
    fn matches(&self, method: usize) -> Vec<[f64; 2]> {
        let iterations = iterations(METHODS[method].0);
        let layers = self.test.best[method].iter().enumerate();
        layers.map(|(layer, &at)| [(layer + 1) as f64, iterations[at] as f64]).collect()
    }

    fn line(&self) -> Option<LineFit> {
        LineFit::through(self.matches(0))
    }

    /// Gradient steps matched by the last layer over those matched by the middle one.
    fn pace(&self) -> Option<f64> {
        let gd = self.matches(1);
        let middle = gd.get(gd.len().saturating_sub(1) / 2)?;
        Some(gd.last()?[1] / middle[1].max(1.0))
    }

    fn draw_match(&self, figures: &mut Figures) {
        let skips = self.transformer.theta.iter().step_by(5);
        let alpha = skips.clone().sum::<f64>() / skips.count() as f64;
        let worth = self.line().map_or_else(String::new, |line| {
            let told = 4.0 * log2(alpha.abs().max(1e-9));
            let foretold = match self.settings.skip {
                Skip::Trained => format!("its skip weight, {alpha:.2}, foretells {told:.1}"),
                Skip::One => "its skip weight is held at one".to_owned(),
            };
            format!(" A layer is worth {:.1} Newton steps; {foretold}.", line.slope)
        });
        let caption = format!("The iteration whose errors are most like those after each layer.{worth}");
        let mut figure = figures.figure("match", "Iterations a layer is worth", caption);
        let layers = self.settings.layers as f64;
        figure
            .x(Axis::linear("layer").domain(0.8, layers + 0.2))
            .y(Axis::log("iteration + 1").or(Scale::Linear).domain(0.8, 1.2 * pow(10.0, DECADES as f64)));
        if let Some(line) = self.line() {
            let grid: Vec<f64> = (0..=40).map(|k| 1.0 + (layers - 1.0) * f64::from(k) / 40.0).collect();
            let fitted = grid.iter().map(|x| (line.intercept + line.slope * x + 1.0).max(0.8)).collect::<Vec<f64>>();
            figure.line(&grid, fitted).ink(Ink::Muted).dashed().label("Newton at an even pace");
        }
        for (method, (_, id, _)) in METHODS.iter().enumerate().rev() {
            let points = self.matches(method);
            let (x, y) = (points.iter().map(|p| p[0]), points.iter().map(|p| p[1] + 1.0));
            if method == 1 {
                figure.line(x.clone(), y.clone()).of(id);
            }
            figure.dot(x, y).of(id).radius(if method < 2 { 4.5 } else { 3.0 });
        }
    }

    fn draw_errors(&self, figures: &mut Figures) {
        let caption =
            "Mean squared error of the answers to the test prompts, after each layer and after each iteration.";
        let mut figure = figures.figure("errors", "Error along the way", caption);
        figure
            .x(Axis::log("layer or iteration").domain(1.0, pow(10.0, DECADES as f64)))
            .y(Axis::log("squared error").domain(FLOOR, CEILING));
        if !self.test.errors.is_empty() {
            for (method, (name, id, _)) in METHODS.iter().enumerate().rev() {
                let error = |answers: &Vec<f64>| {
                    let gaps = answers.iter().zip(self.prompts.iter()).map(|(a, prompt)| a - prompt.answer);
                    gaps.map(|gap| gap * gap).sum::<f64>() / self.prompts.len() as f64
                };
                let errors = iterations(*name).into_iter().zip(self.solved[method].iter().map(error)).skip(1);
                let drawn: Vec<[f64; 2]> = errors
                    .map(|(t, error)| [t as f64, error.min(CEILING)])
                    .take_while(|[_, error]| *error > FLOOR)
                    .collect();
                figure.line(drawn.iter().map(|p| p[0]), drawn.iter().map(|p| p[1])).of(id);
            }
        }
        let layers = || (1..=self.test.errors.len()).map(|layer| layer as f64);
        let errors: Vec<f64> = self.test.errors.iter().map(|error| error.clamp(FLOOR, CEILING)).collect();
        figure.line(layers(), &errors).of("transformer");
        figure.dot(layers(), &errors).of("transformer").radius(4.0);
    }

    fn draw_counts(&self, figures: &mut Figures) {
        let Settings { dimension, examples, .. } = self.settings;
        let caption = format!(
            "Until predictions for {examples} examples in {dimension} dimensions are within the tolerance of those of least \
             squares. The construction takes two layers more than Newton takes iterations.",
        );
        let mut figure = figures.figure("counts", "When the inputs grow lopsided", caption);
        figure
            .x(Axis::log("condition κ of the covariance").domain(1.0, 1000.0))
            .y(Axis::log("iterations or layers").domain(1.0, MOST_GD as f64));
        let count = |id: &str, counts: &Counts| match id {
            "gd" => counts.gd,
            "cg" => counts.cg,
            "newton" => counts.newton,
            // The first layer makes M_0, the last reads out.
            _ => counts.newton + 2.0,
        };
        for id in ["gd", "cg", "newton", "constructed"] {
            let mean = |(k, kappa)| Some([kappa, self.mean(k, |counts| count(id, counts))?.max(1.0)]);
            let means: Vec<[f64; 2]> = kappas().into_iter().enumerate().filter_map(mean).collect();
            figure.line(means.iter().map(|p| p[0]), means.iter().map(|p| p[1])).of(id);
        }
    }

    fn compared(&self) -> usize {
        METHODS.iter().position(|(method, ..)| *method == self.settings.compare).unwrap_or_default()
    }

    fn draw_similarity(&self, figures: &mut Figures) {
        let method = self.compared();
        let (name, _, words) = METHODS[method];
        let caption = format!(
            "Cosine between the errors after each layer and after each iteration of {words}. Rings: the greatest."
        );
        let mut figure = figures.figure("similarity", format!("Likeness to {words}"), caption);
        let (layers, iterations) = (self.settings.layers, iterations(name));
        let logarithmic = matches!(name, Method::Gd | Method::Ogd);
        let height = |t: f64| if logarithmic { log10(t + 1.0) } else { t };
        let (rows, low, high) = if logarithmic {
            (12 * DECADES, 0.0, DECADES as f64)
        } else {
            (iterations.len(), -0.5, iterations.len() as f64 - 0.5)
        };
        figure.x(Axis::linear("layer").domain(0.5, layers as f64 + 0.5)).y(Axis::linear(if logarithmic {
            "log₁₀ (iteration + 1)"
        } else {
            "iteration"
        })
        .domain(low, high));
        let similar = &self.test.similar[method];
        if similar.is_empty() {
            return;
        }
        let mut values = Vec::new();
        for row in 0..rows {
            let middle = low + (high - low) * (row as f64 + 0.5) / rows as f64;
            let away = |at: &usize| (height(iterations[*at] as f64) - middle).abs();
            let nearest = (0..iterations.len()).min_by(|a, b| away(a).total_cmp(&away(b))).unwrap_or_default();
            values.extend(similar.iter().map(|layer| layer[nearest]));
        }
        let mut colors = Colors::sequential("cosine");
        colors.domain = Some([0.0, 1.0]);
        let grid = Grid { values: &values, columns: layers, x: [0.5, layers as f64 + 0.5], y: [low, high] };
        figure.raster(grid, colors);
        let points = self.matches(method);
        figure
            .dot(points.iter().map(|p| p[0]), points.iter().map(|p| height(p[1])))
            .ink(Ink::Accent)
            .symbol(Symbol::Ring)
            .radius(6.0);
    }

    fn draw_predictions(&self, figures: &mut Figures) {
        let method = self.compared();
        let (name, _, words) = METHODS[method];
        let layer = self.settings.probed.min(self.settings.layers);
        let at = self.test.best[method].get(layer - 1).copied();
        let iteration =
            at.map_or_else(|| "its best iteration".to_owned(), |at| format!("iteration {}", iterations(name)[at]));
        let caption = format!("Each dot is a prompt: the answer of layer {layer}, and that of {words} at {iteration}.");
        let mut figure = figures.figure("answers", "Prompt by prompt", caption);
        figure
            .x(Axis::linear(format!("answer of {words}")).domain(-4.0, 4.0))
            .y(Axis::linear("answer of the layer").domain(-4.0, 4.0))
            .equal();
        figure.line([-4.0, 4.0], [-4.0, 4.0]).ink(Ink::Muted).dashed().label("equal");
        if let (Some(at), Some(own)) = (at, self.test.predictions.get(layer - 1)) {
            figure.dot(&self.solved[method][at], own).of("transformer").radius(2.5);
        }
    }

    fn draw_training(&self, figures: &mut Figures) {
        let caption =
            "Mean squared error of the last layer on 64 fresh prompts, which is all that the training looks at.";
        let mut figure = figures.figure("training", "Training", caption);
        figure
            .x(Axis::linear("Adam step").domain(0.0, STEPS as f64))
            .y(Axis::log("squared error").domain(1e-5, CEILING));
        let losses: Vec<f64> = self.losses.ys().map(|loss| loss.clamp(1e-5, CEILING)).collect();
        figure.line(self.losses.xs(), losses).of("transformer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(d: usize, n: usize, kappa: f64, seed: u64) -> Prompt {
        Prompt::draw(d, n, kappa, 0.1, &mut Rng::seed_from_u64(seed))
    }

    #[test]
    fn a_newton_step_squares_the_residual() {
        let (s, _) = prompt(6, 20, 30.0, 1).normal_equations();
        let largest = s.clone().symmetric_eigen().eigenvalues.max();
        let mut m = &s / (largest * largest);
        let one = DMatrix::identity(6, 6);
        for _ in 0..8 {
            let residual = &one - &m * &s;
            m = newton_step(&m, &s);
            assert!((&one - &m * &s - &residual * &residual).norm() < 1e-12);
        }
    }

    #[test]
    fn the_constructed_layers_are_newton_steps_for_every_token() {
        let prompt = prompt(7, 15, 100.0, 2);
        let (s, h) = prompt.normal_equations();
        let largest = s.clone().symmetric_eigen().eigenvalues.max();
        let alpha = 1.0 / (largest * largest);
        let (mut m, mut layers) = (&s * alpha, Constructed::new(&prompt, alpha));
        for _ in 0..15 {
            for (u, x) in layers.u.iter().zip(prompt.x.iter().chain([&prompt.question])) {
                let known = &m * DVector::from_column_slice(x);
                assert!(u.iter().zip(&known).all(|(u, known)| (u - known).abs() < 1e-9 * (1.0 + known.abs())));
            }
            assert!((layers.answer(&prompt) - ask(&prompt.question, &(&m * &h))).abs() < 1e-9);
            m = newton_step(&m, &s);
            layers.layer(&prompt);
        }
    }

    #[test]
    fn every_method_ends_at_least_squares() {
        let prompt = prompt(DIMENSION, 12, 3.0, 3);
        let (s, h) = prompt.normal_equations();
        let known = ask(&prompt.question, &s.cholesky().unwrap().solve(&h));
        for method in [Method::Newton, Method::Gd, Method::Cg] {
            let last = *answers(method, &prompt).last().unwrap();
            assert!((last - known).abs() < 1e-9, "{method:?}: {last} {known}");
        }
        // Online descent does so where the labels agree.
        let clean = Prompt::draw(DIMENSION, 12, 3.0, 0.0, &mut Rng::seed_from_u64(3));
        assert!((answers(Method::Ogd, &clean).last().unwrap() - clean.answer).abs() < 1e-6);
    }

    // The layer as a transformer has it, token by token: what `forward` computes through `G`.
    fn attention(numbers: &[f64], x: &mut [Vec<f64>], y: &mut [f64], examples: usize) {
        let (old_x, old_y) = (x.to_vec(), y.to_vec());
        for (j, x) in x.iter_mut().enumerate() {
            x.iter_mut().for_each(|x| *x *= numbers[0]);
            for i in 0..examples {
                let inputs = inner(&old_x[i], &old_x[j]) / examples as f64;
                let labels = old_y[i] * old_y[j] / examples as f64;
                let to_inputs = numbers[1] * inputs + numbers[2] * labels;
                x.iter_mut().zip(&old_x[i]).for_each(|(x, other)| *x += to_inputs * other);
                y[j] += (numbers[3] * inputs + numbers[4] * labels) * old_y[i];
            }
        }
    }

    #[test]
    fn the_network_is_linear_attention_among_the_tokens() {
        let settings = Settings { weights: Weights::Own, layers: 3, ..Settings::default() };
        let mut transformer = Transformer::new(&settings, &mut Rng::seed_from_u64(4));
        transformer.theta.iter_mut().enumerate().for_each(|(i, theta)| *theta += 0.1 * (i % 3) as f64);
        let prompts = [prompt(DIMENSION, 9, 10.0, 5), prompt(DIMENSION, 9, 10.0, 6)];
        let found = transformer.predict(&Tokens::of(&prompts));
        for (which, prompt) in prompts.iter().enumerate() {
            let mut x: Vec<Vec<f64>> = prompt.x.iter().chain([&prompt.question]).cloned().collect();
            let mut y: Vec<f64> = prompt.y.iter().copied().chain([0.0]).collect();
            for (layer, numbers) in transformer.theta.chunks_exact(5).enumerate() {
                attention(numbers, &mut x, &mut y, 9);
                assert!((found[layer][which] + y[9]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let transformer = Transformer::new(&Settings::default(), &mut Rng::seed_from_u64(7));
        let tokens = Tokens::of(&[prompt(DIMENSION, 9, 10.0, 8), prompt(DIMENSION, 20, 3.0, 9)]);
        let mut gradient = vec![0.0; 5];
        let loss = |g: &mut Graph<f64>, p: &[Node]| transformer.loss(g, p, &tokens);
        transformer.parameters.gradient(&transformer.theta, &mut gradient, loss);
        for k in 0..5 {
            let at = |h: f64| {
                let mut moved = transformer.theta.clone();
                moved[k] += h;
                transformer.parameters.value(&moved, loss)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient[k]).abs() < 1e-7 * (1.0 + slope.abs()), "{k}: {slope} {}", gradient[k]);
        }
    }

    #[test]
    fn iterations_are_as_many_as_their_contractions_say() {
        // S has eigenvalues 1/2 and 1/8, and the label lies in the smaller's direction alone.
        let x = vec![vec![1.0, 0.0], vec![0.0, 0.5]];
        let prompt = Prompt { x, y: vec![0.0, 1.0], question: vec![0.0, 1.0], answer: 2.0 };
        let counts = count(&prompt, 1e-3);
        // 0.75^t ≤ 1e-3 and (1 − 1/16)^(2^k) ≤ 1e-3.
        assert_eq!((counts.gd, counts.newton, counts.cg), (25.0, 7.0, 1.0));
        assert!(counts.apart < 1e-12);
    }
}
