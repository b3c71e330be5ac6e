//! Adam remembers, for every weight, the mean square of its gradient: as much memory as the network itself. Shazeer and
//! Stern keep for a matrix only the sums of its rows $R$ and of its columns $C$, and put their product in the place of the
//! rest:
//! $$\hat V_t=\frac{R_tC_t^{\top}}{1^{\top}R_t},$$
//! $$\hat U_t=\frac{G_t/\sqrt{\hat V_t}}{\max(1,\mathrm{RMS}(G_t/\sqrt{\hat V_t})/d)}.$$
//! Of all matrices of rank one it is nearest to the full mean $V$ in the generalised Kullback-Leibler divergence
//! $\sum V\log(V/\hat V)-V+\hat V$. Three more changes come with it: an update is clipped to root mean square $d$, the memory
//! grows with time ($\hat\beta_{2t}=1-t^{-0.8}$), and a step is a share $\rho_t=\min(\rho,1/\sqrt t)$ of the size of
//! the weights that it moves. There is no momentum.
//!
//! The first picture holds the full $V$ of one matrix beside its shadow, from the run with your settings; the second is
//! their ratio. The network is 32-64-64-10, fitted to the answers of another one over 400 steps. Every method runs at seven
//! rates, and each is known by its best: Adafactor ends level with Adam, with 128 numbers in the place of 4096.
//!
//! **Try** the task of unrelated halves: each example feeds one half of the inputs and is judged by one half of the
//! outputs, in the other half a tenth as strictly. Then $V$ is block-diagonal, no product of a row and a column looks
//! like it, the shadow is ten thousand times too dark where gradients are small, the clipping that answers this
//! starves the other half, and Adam wins by far. Or enter a matrix of your own and watch its shadow.
//!
//! **Where it stops.** With rare tokens whose rows are learnt by heart, both reach a hundredth of the first error,
//! but Adam gets lower in four draws of five: here Adafactor's relative step, not its memory, is in the way. Slow
//! memory and sudden change (turn both on, and raise the clipping threshold) bring updates some seven times too
//! large. The paper's decay alone does not prevent them, as it too has grown slow by then: the clipping does. Yet in
//! this small task large updates after the change do no lasting harm, and Adafactor still ends ahead of Adam.
//!
//! Scaled down: the paper trains a translation model of 60 million weights; the transformer here has 13 000 and
//! reads *Alice*. The row and column moments are means, not sums, which is the same product.

use crate::curves::Curves;
use crate::sweep::{Sweep, rates};
use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data::alice;
use orrery_kernels::math::{exp, log, log10, pow};
use orrery_kernels::networks::{
    Activation, Initialization, Input, Mlp, Parameters, Positions, Transformer, TransformerShape,
};
use orrery_kernels::optim::{Adafactor, Adam, Forgetting, Optimizer, Sgd};
use orrery_kernels::random::{normals, zipf};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "adafactor-row-column",
    title: "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
    year: 2018,
    lists: &[1],
    claim: "The sums of rows and columns stand in for Adam's memory of every weight.",
    algorithms: &[
        "Adafactor",
        "Adam",
        "SGD",
        "factored second moments",
        "non-negative rank-one approximation",
        "update clipping",
        "generalised Kullback-Leibler divergence",
    ],
    contenders: &[
        Contender::paper("adafactor", "Adafactor"),
        Contender::baseline("adam", "Adam"),
        Contender::baseline("sgd", "SGD"),
        Contender::baseline("raw", "Adam, uncorrected"),
    ],
};

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Task {
    /// 32-64-64-10 learns the answers of 32-64-10.
    #[choice("teacher network")]
    Teacher,
    /// A row of an embedding for each of 256 tokens, which occur by Zipf's law.
    #[choice("rare tokens")]
    Zipf,
    /// Two linear tasks that share a matrix and nothing else.
    #[choice("unrelated halves")]
    Halves,
    /// The next letter of *Alice*.
    #[choice("tiny transformer")]
    Transformer,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is learnt.
    #[control(label = "task", default = Task::Teacher)]
    pub task: Task,
    /// The greatest relative step of the run whose memory is shown; the step itself if steps are not relative.
    #[control(label = "step cap ρ", range = 1e-3..=0.5, log, default = 0.1)]
    pub cap: f64,
    /// The greatest root mean square of an update before it is multiplied by the step.
    #[control(label = "clipping threshold d", range = 0.2..=10.0, log, default = 1.0)]
    pub clip: f64,
    /// The memory forgets by 1 − t^−c; at 0 it holds the newest gradient alone.
    #[control(label = "decay exponent c", range = 0.0..=1.0, default = 0.8, when = ("constant", "false"))]
    pub exponent: f64,
    /// Forget at a constant rate instead.
    #[control(label = "constant decay", default = false)]
    pub constant: bool,
    /// The constant rate of forgetting.
    #[control(label = "second-moment decay β₂", range = 0.9..=0.9999, default = 0.999, when = ("constant", "true"))]
    pub decay: f64,
    /// Steps in proportion to the weights that they move, falling as 1/√t.
    #[control(label = "relative step", default = true)]
    pub relative: bool,
    /// Steps over which the rate of every method grows from zero.
    #[control(label = "warm-up", unit = "steps", range = 0..=200, default = 0)]
    pub warm_up: usize,
    /// From half-time on the right answers are others: −3 times the old ones, or the letters of the reversed alphabet.
    #[control(label = "sudden change", default = false)]
    pub change: bool,
    /// A matrix of your own, whose shadow is shown in place of the run's.
    #[control(label = "your matrix", columns = 0..=16, rows = 16, default = Table::default())]
    pub matrix: Table,
}

/// Examples in a batch, and held out.
const BATCH: usize = 32;
const HELD: usize = 192;
/// Optimizer steps in one step of the exhibit; the held-out loss is taken after every second of these.
const SHARE: usize = 10;
/// Letters before the one to be told, and sequences in a batch.
const LENGTH: usize = 16;
const SEQUENCES: usize = 4;
const LETTERS: usize = 28;

/// Examples, one after the other.
enum Data {
    /// Inputs, answers, and how strictly each answer is judged.
    Rows { x: Vec<f64>, y: Vec<f64>, strict: Vec<f64> },
    /// A token each, with its answers.
    Tokens { token: Vec<usize>, y: Vec<f64> },
    /// Sequences of letters; the answer is the letter after each.
    Letters(Vec<Vec<usize>>),
}

enum Model {
    Network(Mlp),
    Linear(Parameters),
    Embedding(Parameters),
    Transformer(Box<Transformer>),
}

struct Problem {
    model: Model,
    data: Data,
    steps: usize,
    /// The matrix whose memory is shown.
    shown: usize,
    theta: Vec<f64>,
}

/// Columns of the answers.
const ANSWERS: usize = 10;
const INPUTS: usize = 32;
const TOKENS: usize = 256;

impl Problem {
    fn new(task: Task, rng: &mut Rng) -> Self {
        let steps = if task == Task::Transformer { 200 } else { 400 };
        let count = steps * BATCH + HELD;
        let (model, data, shown) = match task {
            Task::Teacher => {
                let teacher = Mlp::new(&[INPUTS, 64, ANSWERS], Activation::Tanh, Initialization::Glorot);
                let mut theta: Vec<f64> = teacher.parameters.initial(rng);
                theta.iter_mut().for_each(|weight| *weight *= 2.0);
                let x = normals(count * INPUTS, rng);
                let mut graph = Graph::new();
                let p = teacher.parameters.leaves(&mut graph, &theta);
                let input = graph.leaf(count, INPUTS, x.clone());
                let output = teacher.apply(&mut graph, &p, input);
                let y = graph.value(output).to_vec();
                let network = Mlp::new(&[INPUTS, 64, 64, ANSWERS], Activation::Tanh, Initialization::Glorot);
                (Model::Network(network), Data::Rows { x, y, strict: Vec::new() }, 2)
            }
            Task::Halves => {
                let mut parameters = Parameters::new();
                parameters.weights("weights", INPUTS, INPUTS, 0.0);
                let truth: Vec<f64> = normals(INPUTS * INPUTS, rng).iter().map(|w| 0.25 * w).collect();
                let (mut x, mut y, mut strict) = (Vec::new(), Vec::new(), Vec::new());
                for row in 0..count {
                    let second = row % 2;
                    let in_half = |k: usize| k / (INPUTS / 2) == second;
                    let input: Vec<f64> = normals(INPUTS, rng);
                    let judged = if second == 0 { 1.0 } else { 0.1 };
                    // Of the other half nothing is shown and nothing asked.
                    let input: Vec<f64> = (0..INPUTS).map(|k| if in_half(k) { input[k] } else { 0.0 }).collect();
                    for column in 0..INPUTS {
                        y.push((0..INPUTS).map(|k| input[k] * truth[k * INPUTS + column]).sum());
                        strict.push(if in_half(column) { judged } else { 0.0 });
                    }
                    x.extend(input);
                }
                (Model::Linear(parameters), Data::Rows { x, y, strict }, 0)
            }
            Task::Zipf => {
                let mut parameters = Parameters::new();
                parameters.weights("embedding", TOKENS, 16, 0.5);
                parameters.weights("readout", 16, ANSWERS, 0.25);
                parameters.row("offset", ANSWERS, 0.0);
                let answers = normals(TOKENS * ANSWERS, rng);
                let token: Vec<usize> = match zipf(TOKENS, 1.1) {
                    Some(law) => (0..count).map(|_| rng.sample(&law)).collect(),
                    None => (0..count).map(|k| k % TOKENS).collect(),
                };
                let y = token.iter().flat_map(|k| answers[k * ANSWERS..][..ANSWERS].iter().copied()).collect();
                (Model::Embedding(parameters), Data::Tokens { token, y }, 0)
            }
            Task::Transformer => {
                let shape = TransformerShape {
                    input: Input::Tokens(LETTERS),
                    length: LENGTH,
                    width: 32,
                    heads: 2,
                    layers: 1,
                    hidden: 64,
                    outputs: LETTERS,
                    causal: true,
                    positions: Positions::Learned,
                };
                // Letters without case, spaces, and one sign for everything else.
                let letter = |c: u8| match c.to_ascii_lowercase() {
                    c @ b'a'..=b'z' => usize::from(c - b'a'),
                    b' ' | b'\n' => 26,
                    _ => 27,
                };
                let text: Vec<usize> = alice().bytes().map(letter).collect();
                let places = (text.len() - LENGTH) as u32;
                let sequences = (0..steps * SEQUENCES + HELD / 8).map(|_| {
                    let at = rng.random_range(0..places) as usize;
                    text[at..=at + LENGTH].to_vec()
                });
                let data = Data::Letters(sequences.collect());
                let transformer = Transformer::new(shape, Activation::Gelu);
                let shown = transformer.parameters.matrices().iter().position(|m| m.name == "1.expand.weight");
                (Model::Transformer(Box::new(transformer)), data, shown.unwrap_or(0))
            }
        };
        let mut problem = Self { model, data, steps, shown, theta: Vec::new() };
        problem.theta = problem.parameters().initial(rng);
        problem
    }

    fn parameters(&self) -> &Parameters {
        match &self.model {
            Model::Network(network) => &network.parameters,
            Model::Linear(parameters) | Model::Embedding(parameters) => parameters,
            Model::Transformer(transformer) => &transformer.parameters,
        }
    }

    /// The loss over so many examples from a place, judged by the new answers if they have changed.
    fn loss(&self, graph: &mut Graph<f64>, p: &[Node], from: usize, count: usize, changed: bool) -> Node {
        let sign = if changed { -3.0 } else { 1.0 };
        let answers = |y: &[f64], width: usize| -> Vec<f64> {
            y[from * width..(from + count) * width].iter().map(|y| sign * y).collect()
        };
        match (&self.data, &self.model) {
            (Data::Rows { x, y, strict }, model) => {
                let width = y.len() * INPUTS / x.len();
                let input = graph.leaf(count, INPUTS, x[from * INPUTS..(from + count) * INPUTS].to_vec());
                let output = match model {
                    Model::Network(network) => network.apply(graph, p, input),
                    _ => graph.matmul(input, p[0]),
                };
                let y = graph.leaf(count, width, answers(y, width));
                if strict.is_empty() {
                    return graph.mean_squared_error(output, y);
                }
                let strict = graph.leaf(count, width, strict[from * width..(from + count) * width].to_vec());
                let (output, y) = (graph.mul(output, strict), graph.mul(y, strict));
                graph.mean_squared_error(output, y)
            }
            (Data::Tokens { token, y }, _) => {
                let rows = graph.rows(p[0], &token[from..from + count]);
                let hidden = graph.tanh(rows);
                let output = graph.linear(hidden, p[1], p[2]);
                let y = graph.leaf(count, ANSWERS, answers(y, ANSWERS));
                graph.mean_squared_error(output, y)
            }
            (Data::Letters(sequences), model) => {
                let sequences = &sequences[from..from + count];
                let tokens: Vec<usize> = sequences.iter().flat_map(|s| s[..LENGTH].iter().copied()).collect();
                let asked = |&letter: &usize| if changed { LETTERS - 1 - letter } else { letter };
                let next: Vec<usize> = sequences.iter().flat_map(|s| s[1..].iter().map(asked)).collect();
                let logits = match model {
                    Model::Transformer(transformer) => transformer.apply_tokens(graph, p, &tokens),
                    _ => graph.rows(p[0], &tokens),
                };
                graph.cross_entropy(logits, &next)
            }
        }
    }

    /// Examples in a batch.
    fn batch(&self) -> usize {
        if matches!(self.data, Data::Letters(_)) { SEQUENCES } else { BATCH }
    }

    fn gradient(&self, theta: &[f64], t: usize, changed: bool, g: &mut [f64]) {
        let size = self.batch();
        self.parameters().gradient(theta, g, |graph, p| self.loss(graph, p, t * size, size, changed));
    }

    /// The loss over the examples that no batch holds.
    fn held(&self, theta: &[f64], changed: bool) -> f64 {
        let from = self.steps * self.batch();
        let count = if matches!(self.data, Data::Letters(_)) { HELD / 8 } else { HELD };
        self.parameters().value(theta, |graph, p| self.loss(graph, p, from, count, changed))
    }
}

/// Row by row, the nearest matrix of rank one: `R Cᵀ / 1ᵀR`, with the sums `R` of rows and `C` of columns.
fn shadow(v: &[f64], columns: usize) -> Vec<f64> {
    let (r, c) = sums(v, columns);
    let total: f64 = r.iter().sum();
    let total = if total > 0.0 { total } else { 1.0 };
    r.iter().flat_map(|r| c.iter().map(move |c| r * c / total)).collect()
}

fn sums(v: &[f64], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let mut c = vec![0.0; columns];
    let row = |row: &[f64]| {
        c.iter_mut().zip(row).for_each(|(c, v)| *c += v);
        row.iter().sum()
    };
    let r = v.chunks_exact(columns).map(row).collect();
    (r, c)
}

/// How much farther from a matrix with these row and column sums the product of other factors `r` and `c`, over `1ᵀR`, is
/// than the shadow, in the divergence over the sum of all entries: `log V` drops out, and what remains needs the sums alone.
fn excess([sum_r, sum_c]: [&[f64]; 2], [r, c]: [&[f64]; 2]) -> f64 {
    let total: f64 = sum_r.iter().sum();
    let term = |(&sum, &factor): (&f64, &f64)| if sum > 0.0 { sum * log(sum / factor) } else { 0.0 };
    let logarithms = sum_r.iter().zip(r).map(term).sum::<f64>() + sum_c.iter().zip(c).map(term).sum::<f64>();
    let product = r.iter().sum::<f64>() * c.iter().sum::<f64>() / total;
    (logarithms + product - total) / total
}

/// Disturbed products that are tried.
const DISTURBED: usize = 1000;

/// The least excess over random disturbances of the factors, from a hundred-thousandth to a factor of e.
fn least_excess(v: &[f64], columns: usize, rng: &mut Rng) -> Option<f64> {
    let (sum_r, sum_c) = sums(v, columns);
    let mut least: Option<f64> = None;
    for k in 0..DISTURBED {
        let size = exp(-11.0 * k as f64 / DISTURBED as f64);
        let mut disturb = |x: &f64| x * exp(size * rng.sample::<f64, _>(StandardNormal));
        let r: Vec<f64> = sum_r.iter().map(&mut disturb).collect();
        let c: Vec<f64> = sum_c.iter().map(&mut disturb).collect();
        let found = excess([&sum_r, &sum_c], [&r, &c]);
        least = Some(least.map_or(found, |least| least.min(found)));
    }
    least.filter(|least| least.is_finite())
}

#[derive(Clone)]
enum Rule {
    Adafactor(Adafactor),
    Adam(Adam),
    Sgd(Sgd),
}

/// One method at one rate.
#[derive(Clone)]
struct Run {
    contender: usize,
    rate: f64,
    rule: Rule,
    theta: Vec<f64>,
    t: usize,
    curve: Vec<[f64; 2]>,
    lost: bool,
}

const IDS: [&str; 4] = ["adafactor", "adam", "sgd", "raw"];

/// The last loss and the curve of a contender's best run.
#[derive(Clone)]
struct Best {
    loss: f64,
    curve: Vec<[f64; 2]>,
}

struct Fixed {
    setting: Setting,
    problem: Problem,
    own: Option<(Vec<f64>, usize)>,
}

/// The exhibit.
#[derive(Clone)]
pub struct AdafactorRun {
    fixed: Rc<Fixed>,
    rng: Rng,
    run: Run,
    /// Whether the run is that of the visitor's own rate, the first of all.
    own: bool,
    sweep: Sweep,
    /// The curve and the loss of each contender's best run so far.
    best: Vec<Option<Best>>,
    done: bool,
    /// The full mean of squares of the shown matrix, in the visitor's own run.
    v: Vec<f64>,
    size: Series,
    clipped: Series,
    largest: f64,
    /// How much farther than the shadow the nearest disturbed product is.
    nearest: Option<f64>,
}

impl Fixed {
    fn begin(&self, contender: usize, rate: f64) -> Run {
        let Setting { clip, exponent, constant, decay, relative, .. } = self.setting;
        let theta = self.problem.theta.clone();
        let rule = match contender {
            0 => {
                // R ← β̂₂R + (1-β̂₂) G²1,  C likewise,  X ← X - max(ε₂, RMS X) ρ U / max(1, RMS(U)/d)
                let mut rule = Adafactor::new(&self.problem.parameters().shapes(), rate);
                rule.relative = relative;
                rule.clip = clip;
                rule.forgetting = if constant { Forgetting::Constant(decay) } else { Forgetting::Power(exponent) };
                Rule::Adafactor(rule)
            }
            2 => Rule::Sgd(Sgd::new(theta.len(), rate, 0.0)),
            // v ← β₂v + (1-β₂)g²,  θ ← θ - α m̂ / (√v̂ + ε), or without the hats
            _ => {
                let mut rule = Adam::new(theta.len(), rate, [0.9, 0.999]);
                rule.corrected = contender == 1;
                Rule::Adam(rule)
            }
        };
        Run { contender, rate, rule, theta, t: 0, curve: Vec::new(), lost: false }
    }

    fn changed(&self, t: usize) -> bool {
        self.setting.change && t >= self.problem.steps / 2
    }
}

impl AdafactorRun {
    /// One step of the optimizer.
    fn train(&mut self, fixed: &Fixed) {
        let t = self.run.t;
        let mut g = vec![0.0; self.run.theta.len()];
        fixed.problem.gradient(&self.run.theta, t, fixed.changed(t), &mut g);
        if !g.iter().all(|g| g.abs() < 1e9) {
            self.run.lost = true;
            return;
        }
        if self.own {
            self.look(fixed, &g);
        }
        let warm = ((t + 1) as f64 / fixed.setting.warm_up.max(1) as f64).min(1.0);
        let rate = self.run.rate * warm;
        let theta = &mut self.run.theta;
        match &mut self.run.rule {
            Rule::Adafactor(rule) => {
                rule.rate = rate;
                rule.step(theta, &g);
            }
            Rule::Adam(rule) => {
                rule.rate = rate;
                rule.step(theta, &g);
            }
            Rule::Sgd(rule) => {
                rule.rate = rate;
                rule.step(theta, &g);
            }
        }
        self.run.t += 1;
    }

    /// Takes the full mean of squares of the shown matrix along, and from it what Adafactor makes of the gradient.
    fn look(&mut self, fixed: &Fixed, g: &[f64]) {
        let matrix = &fixed.problem.parameters().matrices()[fixed.problem.shown];
        let t = (self.run.t + 1) as f64;
        let Setting { constant, decay, exponent, clip, .. } = fixed.setting;
        let beta = if constant {
            decay * (1.0 - pow(decay, t - 1.0)) / (1.0 - pow(decay, t))
        } else {
            1.0 - pow(t, -exponent)
        };
        let g = &g[matrix.range()];
        // V ← β̂₂V + (1-β̂₂)(G² + ε₁)
        self.v.iter_mut().zip(g).for_each(|(v, g)| *v = beta * *v + (1.0 - beta) * (g * g + 1e-30));
        // U = G / √V̂
        let square: f64 = g.iter().zip(shadow(&self.v, matrix.columns)).map(|(g, v)| g * g / v).sum();
        let size = (square / g.len() as f64).sqrt();
        self.size.push(t, size.max(1e-6));
        if size > clip {
            self.clipped.push(t, size);
        }
        self.largest = self.largest.max(size.min(clip));
    }

    /// Files the run that has ended, and begins the next one.
    fn turn(&mut self, fixed: &Fixed) {
        let last = self.run.curve.last().map(|point| point[1]).filter(|_| !self.run.lost);
        let contender = self.run.contender;
        if let Some(loss) = last
            && self.best[contender].as_ref().is_none_or(|best| loss < best.loss)
        {
            self.best[contender] = Some(Best { loss, curve: std::mem::take(&mut self.run.curve) });
        }
        if contender == 3 {
            self.done = true;
            return;
        }
        if self.own {
            self.own = false;
        } else {
            self.sweep.put(last);
        }
        self.run = match self.sweep.next() {
            Some((contender, rate)) => fixed.begin(contender, rate),
            None => fixed.begin(3, self.sweep.best(1).map_or(1e-3, |best| best[0])),
        };
    }

    /// The matrix that is shown, with its columns.
    fn shown(&self) -> (&[f64], usize) {
        match &self.fixed.own {
            Some((v, columns)) => (v, *columns),
            None => (&self.v, self.fixed.problem.parameters().matrices()[self.fixed.problem.shown].columns),
        }
    }
}

impl Exhibit for AdafactorRun {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let columns = setting.matrix.columns.len();
        let entries: Vec<f64> = setting.matrix.rows.iter().flatten().copied().collect();
        if entries.iter().any(|entry| !(0.0..=1e12).contains(entry)) {
            return Err(Error::of("matrix", "takes mean squares: numbers from 0 to 10¹²"));
        }
        if !entries.is_empty() && entries.iter().all(|entry| *entry < 1e-12) {
            return Err(Error::of("matrix", "takes a matrix with an entry above 10⁻¹²"));
        }
        let own = (!entries.is_empty()).then_some((entries, columns));
        let problem = Problem::new(setting.task, rng);
        let size = problem.parameters().matrices()[problem.shown].range().len();
        let grid = rates(1e-3, 1.0, 7);
        let fixed = Rc::new(Fixed { setting: setting.clone(), problem, own });
        Ok(Self {
            rng: rng.clone(),
            run: fixed.begin(0, setting.cap),
            own: true,
            sweep: Sweep::new(&IDS[..3], grid),
            best: vec![None; 4],
            done: false,
            v: vec![0.0; size],
            size: Series::new(),
            clipped: Series::new(),
            largest: 0.0,
            nearest: None,
            fixed,
        })
    }

    fn length(&self) -> usize {
        (self.sweep.runs() + 2) * self.fixed.problem.steps.div_ceil(SHARE)
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let fixed = Rc::clone(&self.fixed);
        for _ in 0..SHARE {
            if !self.run.lost {
                self.train(&fixed);
            }
        }
        let over = self.run.lost || self.run.t >= fixed.problem.steps;
        if !self.run.lost && (over || self.run.t.is_multiple_of(2 * SHARE)) {
            let loss = fixed.problem.held(&self.run.theta, fixed.changed(self.run.t - 1));
            if loss < 1e9 {
                self.run.curve.push([self.run.t as f64, loss.max(1e-9)]);
            } else {
                self.run.lost = true;
            }
        }
        if over && self.own {
            let (v, columns) = self.shown();
            self.nearest = least_excess(v, columns, &mut self.rng.clone());
        }
        if over {
            self.turn(&fixed);
        }
        if self.done { Progress::Done } else { Progress::Running }
    }

    fn figures(&self, figures: &mut Figures) {
        let fixed = &*self.fixed;
        let (v, columns) = self.shown();
        let rows = v.len() / columns;
        let shade = shadow(v, columns);
        let most = v.iter().copied().fold(1e-300, f64::max);
        // Before the first step there is nothing.
        let level = |v: &f64| log10((v / most).clamp(1e-6, 1.0));
        let caption = if fixed.own.is_some() {
            "Left your matrix, right the product of its row and column sums, both relative to the greatest."
        } else {
            "Left what Adam would keep of one matrix, right the product of its row and column sums, both relative to the \
             greatest."
        };
        let mut matrix = figures.figure("matrix", "A memory and its shadow", caption);
        let (width, height) = (columns as f64, rows as f64);
        let gap = (0.08 * width).ceil();
        let across = format!("column (on the right {} more)", width + gap);
        matrix.x(Axis::linear(across).domain(0.0, 2.0 * width + gap));
        matrix.y(Axis::linear("row").domain(0.0, height).reversed());
        let colors = || Colors::sequential("log₁₀ mean square").domain(-4.0, 0.0);
        let [left, right]: [Vec<f64>; 2] = [v.iter().map(level).collect(), shade.iter().map(level).collect()];
        matrix.raster(Grid { values: &left, columns, x: [0.0, width], y: [0.0, height] }, colors());
        let x = [width + gap, 2.0 * width + gap];
        matrix.raster(Grid { values: &right, columns, x, y: [0.0, height] }, colors());

        let caption = "Shadow over truth: the ends of the scale are off by a factor of a hundred or more.";
        let mut ratio = figures.figure("ratio", "How far off the shadow is", caption);
        ratio.x(Axis::linear("column").domain(0.0, width)).y(Axis::linear("row").domain(0.0, height).reversed());
        let off = |(v, w): (&f64, &f64)| {
            if *v > 0.0 {
                log10(w / v).clamp(-3.0, 3.0)
            } else if *w > 0.0 {
                3.0
            } else {
                0.0
            }
        };
        let values: Vec<f64> = v.iter().zip(&shade).map(off).collect();
        let colors = Colors::diverging("log₁₀ (shadow/truth)").domain(-2.0, 2.0);
        ratio.raster(Grid { values: &values, columns, x: [0.0, width], y: [0.0, height] }, colors);

        let mut curves = Curves::new(&["raw", "sgd", "adam", "adafactor"], 1e-9);
        for (contender, id) in IDS.iter().enumerate() {
            let running =
                (self.run.contender == contender && self.best[contender].is_none()).then_some(&self.run.curve);
            let best = self.best[contender].as_ref().map(|best| &best.curve);
            best.or(running).into_iter().flatten().for_each(|[t, loss]| curves.push(id, *t, *loss));
        }
        let caption = "The held-out loss of each at its best rate so far; Adam without correction takes Adam's.";
        let mut loss = curves.figure(figures, "loss", "Level with Adam?", caption, ["step", "loss"]);
        loss.x(Axis::linear("step").or(Scale::Log).domain((2 * SHARE) as f64, fixed.problem.steps as f64));

        let caption = "Every method at every rate. The dot is its best.";
        self.sweep.figure(figures, "sweep", "At which rate", caption, ["rate (of Adafactor: ρ)", "last loss"], 1e-9);

        let caption = "Root mean square of Adafactor's update before clipping, in your run: 1 is as it should be. Dots are \
                       clipped.";
        let mut size = figures.figure("size", "Updates larger than they should be", caption);
        size.x(Axis::linear("step").domain(1.0, fixed.problem.steps as f64)).y(Axis::log("RMS(U)"));
        size.rule_y([fixed.setting.clip]).ink(Ink::Muted).dashed();
        size.line(self.size.xs(), self.size.ys()).of("adafactor");
        size.dot(self.clipped.xs(), self.clipped.ys()).ink(Ink::Accent).radius(2.0).label("clipped");

        let shapes = fixed.problem.parameters().shapes();
        let (rows, columns) = shapes[fixed.problem.shown];
        let caption = format!(
            "Numbers that each keeps beside the weights. For the squared gradients of the {rows} × {columns} matrix Adafactor keeps {}, Adam {}.",
            rows + columns,
            rows * columns
        );
        let mut memory = figures.figure("memory", "What is kept", caption);
        let count = fixed.problem.parameters().count() as f64;
        let kept = Adafactor::<f64>::new(&shapes, 0.1).memory() as f64;
        memory.x(Axis::categories("method", ["Adafactor", "Adam", "SGD"])).y(Axis::linear("numbers"));
        for (place, (id, kept)) in [("adafactor", kept), ("adam", 2.0 * count), ("sgd", 0.0)].into_iter().enumerate() {
            memory.bar([place as f64], [kept]).of(id);
        }
    }

    fn claim(&self) -> Claim {
        let swept = self.sweep.done() == self.sweep.runs();
        let best = |contender: usize| self.best[contender].as_ref().map(|best| best.loss);
        let ratio = best(0).zip(best(1)).filter(|_| swept).map(|(ours, adams)| ours / adams);
        let ratio = if swept && ratio.is_none() { Some(f64::MAX) } else { ratio };
        Claim::new(vec![
            Clause::at_most(
                "At the best of its rates Adafactor ends at {value} times Adam's loss, at most {high}.",
                ratio,
                1.1,
            ),
            Clause::at_least(
                format!(
                    "Of {DISTURBED} products of disturbed factors none is nearer to the memory than the shadow: the nearest is farther by {{value}} of its sum, at least {{low}}."
                ),
                self.nearest,
                -1e-12,
            ),
            Clause::at_most(
                "The largest update after clipping has root mean square {value}, at most {high}.",
                (self.largest > 0.0).then_some(self.largest),
                2.0,
            )
            .holds_only_after(self.own),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "A teacher network",
                "Level with Adam, with a thirtieth of the memory for the large matrix.",
                default.clone(),
            ),
            Scenario::fails(
                "halves",
                "Two unrelated halves",
                "The memory is block-diagonal, and no product of a row and a column looks like that.",
                Setting { task: Task::Halves, ..default.clone() },
            ),
            Scenario::fails(
                "spikes",
                "Slow memory, no clipping",
                "At half-time the answers change, and the memory still holds the small gradients of before.",
                Setting { change: true, constant: true, decay: 0.9999, clip: 10.0, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, proptest};

    /// `Σ V log(V/W) - V + W`, where nothing times the logarithm of nothing is nothing.
    fn divergence(v: &[f64], w: &[f64]) -> f64 {
        let term = |(&v, &w): (&f64, &f64)| if v > 0.0 { v * log(v / w.max(1e-300)) - v + w } else { w };
        v.iter().zip(w).map(term).sum()
    }

    proptest! {
        #[test]
        fn the_shadow_keeps_sums_and_is_the_nearest_product(v in prop::collection::vec(0.0_f64..5.0, 20), seed in 0_u64..1000) {
            proptest::prop_assume!(v.iter().sum::<f64>() > 1e-3);
            let w = shadow(&v, 5);
            let ((r, c), (r_w, c_w)) = (sums(&v, 5), sums(&w, 5));
            for (a, b) in r.iter().chain(&c).zip(r_w.iter().chain(&c_w)) {
                prop_assert!((a - b).abs() < 1e-12);
            }
            // The excess is what the divergences differ by.
            let mut rng = Rng::seed_from_u64(seed);
            let mut disturb = |x: &f64| x * exp(0.3 * rng.sample::<f64, _>(StandardNormal));
            let r_far: Vec<f64> = r.iter().map(&mut disturb).collect();
            let c_far: Vec<f64> = c.iter().map(&mut disturb).collect();
            let total: f64 = r.iter().sum();
            let far: Vec<f64> = r_far.iter().flat_map(|r| c_far.iter().map(move |c| r * c / total)).collect();
            let expected = divergence(&v, &far) - divergence(&v, &w);
            prop_assert!((total * excess([&r, &c], [&r_far, &c_far]) - expected).abs() < 1e-10);
            prop_assert!(least_excess(&v, 5, &mut rng).is_some_and(|least| least > -1e-12));
        }
    }

    #[test]
    fn a_product_is_its_own_shadow_and_two_blocks_are_not() {
        let product: Vec<f64> = [1.0, 3.0, 0.1].iter().flat_map(|r| [2.0, 0.5].map(|c| r * c)).collect();
        assert!(divergence(&product, &shadow(&product, 2)).abs() < 1e-14);
        // diag(a, b): the small block's shadow is b²/(a + b).
        let w = shadow(&[1.0, 0.0, 0.0, 0.01], 2);
        assert!((w[3] - 1e-4 / 1.01).abs() < 1e-15 && (w[0] - 1.0 / 1.01).abs() < 1e-15, "{w:?}");
    }

    #[test]
    fn gradients_of_every_task_are_limits_of_differences() {
        for &(task, ..) in Task::OPTIONS {
            let mut rng = Rng::seed_from_u64(4);
            let problem = Problem::new(task, &mut rng);
            let mut theta: Vec<f64> = problem.theta.iter().map(|w| w + 0.1 * rng.random::<f64>()).collect();
            let mut g = vec![0.0; theta.len()];
            problem.gradient(&theta, 3, true, &mut g);
            let size = problem.batch();
            let largest = (0..g.len()).fold(0, |best, k| if g[k].abs() > g[best].abs() { k } else { best });
            for k in [largest, theta.len() - 1] {
                let (h, here) = (1e-5, theta[k]);
                let value = |theta: &[f64]| {
                    problem.parameters().value(theta, |graph, p| problem.loss(graph, p, 3 * size, size, true))
                };
                theta[k] = here + h;
                let up = value(&theta);
                theta[k] = here - h;
                let slope = (up - value(&theta)) / (2.0 * h);
                theta[k] = here;
                assert!((slope - g[k]).abs() < 1e-6 * (1.0 + g[k].abs()), "{task:?} {k}: {slope} {}", g[k]);
            }
        }
    }

    // The size of the update, from the full memory, is that of the first step of the kernel's Adafactor.
    #[test]
    fn what_is_shown_of_an_update_is_what_the_optimizer_does() {
        let setting = Setting { relative: false, cap: 0.01, clip: 10.0, ..Setting::default() };
        let mut run = AdafactorRun::new(&setting, &mut Rng::seed_from_u64(0)).unwrap();
        let fixed = Rc::clone(&run.fixed);
        for _ in 0..5 {
            let before = run.run.theta.clone();
            run.train(&fixed);
            let range = fixed.problem.parameters().matrices()[fixed.problem.shown].range();
            let moved: f64 = range.clone().map(|k| (run.run.theta[k] - before[k]) / 0.01).map(|u| u * u).sum();
            let size = (moved / range.len() as f64).sqrt();
            let shown = run.size.last().unwrap()[1];
            assert!((size / shown - 1.0).abs() < 1e-9, "{size} {shown}");
        }
    }
}
