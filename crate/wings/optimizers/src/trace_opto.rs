//! A workflow is a program with parameters $\theta$: gains, constants, prompts. Usually its optimiser is told a score.
//! The paper hands it the execution trace as well. At each run the *Trace oracle* returns $(f,g)$: a feedback $f$ on
//! the output, and the graph $g$ of all operations that made it. One backward sweep serves every kind of message.
//! Cotangents that are added make it automatic differentiation. Sets of nodes that are united make it the *minimal
//! subgraph*: what lies between parameters and output. Written out as code, with values and feedback, it is the prompt
//! of the paper's optimiser OptoPrime, a language model.
//!
//! **No language model runs here.** In its place stands a reader of our own making, which is not the paper's: it takes
//! the desired output back through the recorded operations, inverting one after the other, and falls back on secants
//! where a parameter is used more than once. So nothing here measures how well a language model optimises. You may be
//! the optimiser too, or paste what a chat model answers to the prompt.
//!
//! **You see** random graphs solved at the second evaluation, where Nelder and Mead's simplex takes some forty. Beware
//! of that comparison: with one use of $x$ the output is a straight line in $x$, and *the same reader with the trace
//! hidden*, a secant, needs but three. What the trace is worth lies between these two; the last clause of the claim
//! measures it.
//!
//! **Try** the buggy program: each constant is asked what it would have to be on each of four inputs, and only the
//! wrong one gives the same answer four times. Curve the operations: the trace still needs two evaluations, the secant
//! seven. Use $x$ four times, or put an opaque operation in the middle: now the reader is a secant itself and seeing
//! the graph gains nothing, though it takes only about a fifth of the simplex's evaluations. Tell the score only: the
//! trace shows the output, so there are just two targets that it could mean.
//!
//! **Where it stops.** The paper's feedback says *larger* or *smaller*; ours also says by how much. Adam's steps have
//! the size of its rate, here 0.1, so it does not settle within $10^{-6}$. An opaque operation stops the gradient,
//! which has no rule for it, but not the minimal subgraph.

mod search;
mod workflow;

use crate::curves::Curves;
use orrery_core::prelude::*;
use orrery_kernels::autodiff::Graph;
use orrery_kernels::math::{asinh, sinh, tanh};
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use search::{NelderMead, Pattern, Secant, downhill};
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;
use workflow::{Seen, Shape, Task, Workflow};

const CARD: Card = Card {
    slug: "trace-opto",
    title: "Trace is the New AutoDiff -- Unlocking Efficient Optimization of Computational Workflows",
    year: 2024,
    lists: &[1],
    claim: "An optimiser that sees how the output came about needs far fewer runs than one that sees a score.",
    algorithms: &[
        "execution trace",
        "Trace oracle (OPTO)",
        "minimal subgraph propagator",
        "OptoPrime prompt",
        "reverse-mode differentiation",
        "Nelder-Mead simplex",
        "Hooke-Jeeves pattern search",
        "Broyden's secant method",
    ],
    contenders: &[
        Contender::paper("reader", "trace reader (stand-in)"),
        Contender::baseline("hidden", "the same, trace hidden"),
        Contender::baseline("adam", "Adam on the gradient"),
        Contender::baseline("simplex", "Nelder-Mead"),
        Contender::baseline("pattern", "pattern search"),
        Contender::baseline("random", "random search"),
    ],
};

const IDS: [&str; 6] = ["reader", "hidden", "adam", "simplex", "pattern", "random"];

/// What is said of the output.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Feedback {
    /// $|y-y^*|$.
    #[choice("score only")]
    Score,
    /// And whether the output should be larger or smaller.
    #[choice("signed message")]
    Signed,
    /// And the score's derivatives by the parameters.
    #[choice("gradient")]
    Gradient,
}

/// Whose run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// The stand-in for the language model.
    #[choice("trace reader")]
    TraceReader,
    /// Adam, by the gradient propagator.
    #[choice("Adam")]
    Adam,
    /// The simplex method.
    #[choice("Nelder-Mead")]
    NelderMead,
    /// Normal draws about the start.
    #[choice("random search")]
    RandomSearch,
    /// Your own values.
    #[choice("you")]
    You,
    /// What a chat model answers to the prompt.
    #[choice("paste an LLM reply")]
    Reply,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is run and optimised.
    #[control(label = "workflow", default = Workflow::Arithmetic)]
    pub workflow: Workflow,
    /// Operations in the arithmetic graph.
    #[control(label = "number of ops", range = 2..=30, default = 10, when = ("workflow", "arithmetic"))]
    pub ops: usize,
    /// How often the graph uses x. Beyond once, no operation can be inverted on its own.
    #[control(label = "parameter reuse", range = 1..=4, default = 1, when = ("workflow", "arithmetic"))]
    pub reuse: usize,
    /// Makes a third of the operations inverse hyperbolic sines.
    #[control(label = "curved operations", default = false, when = ("workflow", "arithmetic"))]
    pub curved: bool,
    /// Puts one operation in the middle whose inside the trace does not show.
    #[control(label = "opaque op in the middle", default = false, when = ("workflow", "arithmetic"))]
    pub opaque: bool,
    /// What the reader is told of the output, beside the trace.
    #[control(label = "feedback", default = Feedback::Signed)]
    pub feedback: Feedback,
    /// Lets the reader see the execution trace.
    #[control(label = "reveal trace", default = true)]
    pub reveal: bool,
    /// Whose run the graph and the prompt show.
    #[control(label = "optimiser", default = Shown::TraceReader, live)]
    pub optimiser: Shown,
    /// Which of the thirty tasks is shown.
    #[control(label = "task shown", range = 1..=30, default = 1, live)]
    pub task: usize,
    /// Your values, one run after the other: numbers for x; kp, kd, kb or c1 to c5 with a semicolon between runs.
    #[control(label = "your values", default = Text::default(), longest = 2000, when = ("optimiser", "you"))]
    pub values: Text,
    /// The reply of a chat model to the prompt; its "suggestion" is run.
    #[control(label = "reply", default = Text::default(), when = ("optimiser", "reply"))]
    pub reply: Text,
}

/// What a node of the trace computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Op {
    Parameter,
    Input,
    Constant,
    Add,
    Subtract,
    Multiply,
    /// By zero it leaves the first operand as it is, as in the paper's task.
    Divide,
    Asinh,
    /// $u+\tanh u$, which nobody is told.
    Opaque,
}

impl Op {
    /// How many operands it has.
    pub fn arity(self) -> usize {
        match self {
            Self::Parameter | Self::Input | Self::Constant => 0,
            Self::Asinh | Self::Opaque => 1,
            _ => 2,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::Input => "input",
            Self::Constant => "constant",
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Asinh => "asinh",
            Self::Opaque => "opaque",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "−",
            Self::Multiply => "×",
            Self::Divide => "÷",
            Self::Opaque => "?",
            _ => self.word(),
        }
    }

    fn value(self, [a, b]: [f64; 2]) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => {
                if b == 0.0 {
                    a
                } else {
                    a / b
                }
            }
            Self::Asinh => asinh(a),
            Self::Opaque => a + tanh(a),
            _ => a,
        }
    }

    /// The derivative by operand `k`; none is known of an opaque operation.
    fn partial(self, k: usize, [a, b]: [f64; 2]) -> Option<f64> {
        Some(match (self, k) {
            (Self::Add, _) | (Self::Subtract, 0) => 1.0,
            (Self::Subtract, _) => -1.0,
            (Self::Multiply, 0) => b,
            (Self::Multiply, _) => a,
            (Self::Divide, 0) => {
                if b == 0.0 {
                    1.0
                } else {
                    1.0 / b
                }
            }
            (Self::Divide, _) => {
                if b == 0.0 {
                    0.0
                } else {
                    -a / (b * b)
                }
            }
            (Self::Asinh, _) => 1.0 / (a * a + 1.0).sqrt(),
            _ => return None,
        })
    }

    /// What operand `k` would have to be for the value to be `want`, the other operand left as it is.
    fn operand(self, k: usize, want: f64, [a, b]: [f64; 2]) -> Option<f64> {
        let operand = match (self, k) {
            (Self::Add, 0) => want - b,
            (Self::Add, _) => want - a,
            (Self::Subtract, 0) => want + b,
            (Self::Subtract, _) => a - want,
            (Self::Multiply, 0) => want / b,
            (Self::Multiply, _) => want / a,
            (Self::Divide, 0) => {
                if b == 0.0 {
                    want
                } else {
                    want * b
                }
            }
            (Self::Divide, _) => a / want,
            (Self::Asinh, _) => sinh(want),
            _ => return None,
        };
        operand.is_finite().then_some(operand)
    }
}

/// One operation of a run: its name, its parents, its value.
#[derive(Clone, Copy, Debug)]
struct Node {
    op: Op,
    parents: [usize; 2],
    value: f64,
    /// The longest way from a node without parents.
    level: usize,
}

impl Node {
    fn parents(&self) -> &[usize] {
        &self.parents[..self.op.arity()]
    }
}

/// The graph $g$ of one run. Every operation on a traced value leaves a node behind, so that a run that branches otherwise
/// leaves another graph. Parents stand before their children, the parameters first and the output last.
#[derive(Clone, Debug)]
pub struct Trace {
    nodes: Vec<Node>,
}

impl Trace {
    /// A run on these parameters, before its first operation.
    pub fn begin(theta: &[f64]) -> Self {
        let mut trace = Self { nodes: Vec::with_capacity(64) };
        theta.iter().for_each(|&value| {
            trace.leaf(Op::Parameter, value);
        });
        trace
    }

    /// A value that is given.
    pub fn leaf(&mut self, op: Op, value: f64) -> usize {
        self.nodes.push(Node { op, parents: [0; 2], value, level: 0 });
        self.nodes.len() - 1
    }

    /// Computes, and remembers.
    pub fn apply(&mut self, op: Op, parents: [usize; 2]) -> usize {
        let level = 1 + parents[..op.arity()].iter().map(|&p| self.nodes[p].level).max().unwrap_or(0);
        let value = op.value(parents.map(|p| self.nodes[p].value));
        self.nodes.push(Node { op, parents, value, level });
        self.nodes.len() - 1
    }

    /// The value of a node.
    pub fn value(&self, node: usize) -> f64 {
        self.nodes[node].value
    }

    /// $y$.
    pub fn output(&self) -> f64 {
        self.nodes.last().map_or(0.0, |node| node.value)
    }

    fn operands(&self, node: usize) -> [f64; 2] {
        self.nodes[node].parents.map(|parent| self.nodes[parent].value)
    }

    /// In how many ways each node leads to the output.
    fn ways(&self) -> Vec<usize> {
        let mut ways = vec![0_usize; self.nodes.len()];
        if let Some(last) = ways.last_mut() {
            *last = 1;
        }
        for (id, node) in self.nodes.iter().enumerate().rev() {
            for &parent in node.parents() {
                ways[parent] = ways[parent].saturating_add(ways[id]);
            }
        }
        ways
    }

    /// Which nodes depend on one of these.
    fn dependants(&self, of: &[usize]) -> Vec<bool> {
        let mut depends = vec![false; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            depends[id] = of.contains(&id) || node.parents().iter().any(|&parent| depends[parent]);
        }
        depends
    }

    /// Takes a desired output back along the one way to `parameter`: what each node on it would have to be, the parameter
    /// last. Nothing where there is not just one way, or where an operation on it cannot be inverted.
    fn push_back(&self, parameter: usize, want: f64) -> Option<Vec<(usize, f64)>> {
        if self.ways()[parameter] != 1 {
            return None;
        }
        let depends = self.dependants(&[parameter]);
        let (mut id, mut want) = (self.nodes.len() - 1, want);
        let mut wants = vec![(id, want)];
        while id != parameter {
            let node = &self.nodes[id];
            let k = node.parents().iter().position(|&parent| depends[parent])?;
            want = node.op.operand(k, want, self.operands(id))?;
            id = node.parents[k];
            wants.push((id, want));
        }
        Some(wants)
    }
}

/// What a message is, and how it travels.
trait Propagator {
    type Message: Clone;

    /// What the feedback puts in at the output.
    fn begin(&self, output: usize) -> Self::Message;

    /// Joins what the children sent.
    fn aggregate(&self, messages: Vec<Self::Message>) -> Self::Message;

    /// What `node` sends to its parent number `k`.
    fn propagate(&self, trace: &Trace, node: usize, k: usize, message: &Self::Message) -> Option<Self::Message>;
}

/// Cotangents: $\bar u\leftarrow\sum_{c}\bar c\,\partial c/\partial u$.
struct GradientPropagator;

impl Propagator for GradientPropagator {
    type Message = f64;

    fn begin(&self, _: usize) -> f64 {
        1.0
    }

    fn aggregate(&self, messages: Vec<f64>) -> f64 {
        messages.iter().sum()
    }

    fn propagate(&self, trace: &Trace, node: usize, k: usize, message: &f64) -> Option<f64> {
        trace.nodes[node].op.partial(k, trace.operands(node)).map(|partial| message * partial)
    }
}

/// Sets of nodes: those on the ways from here to the output, here included. (The published library also sends along what
/// else enters these nodes; here the prompt adds it.)
struct MinimalSubgraphPropagator;

impl Propagator for MinimalSubgraphPropagator {
    type Message = BTreeSet<usize>;

    fn begin(&self, output: usize) -> BTreeSet<usize> {
        BTreeSet::from([output])
    }

    fn aggregate(&self, messages: Vec<BTreeSet<usize>>) -> BTreeSet<usize> {
        messages.into_iter().flatten().collect()
    }

    fn propagate(&self, trace: &Trace, node: usize, k: usize, message: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
        let mut nodes = message.clone();
        nodes.insert(trace.nodes[node].parents[k]);
        Some(nodes)
    }
}

/// The backward sweep: the nodes in the order of their visits, and each one's joined message.
struct Sweep<M> {
    order: Vec<usize>,
    messages: Vec<Option<M>>,
}

/// From the output to its causes. The queue gives the node of the highest level, so that all of its children have been
/// there before.
fn sweep<P: Propagator>(trace: &Trace, propagator: &P) -> Sweep<P::Message> {
    let count = trace.nodes.len();
    let mut inbox: Vec<Vec<P::Message>> = vec![Vec::new(); count];
    let mut swept = Sweep { order: Vec::new(), messages: vec![None; count] };
    let mut queue = BinaryHeap::new();
    if let Some(output) = count.checked_sub(1) {
        inbox[output].push(propagator.begin(output));
        queue.push((trace.nodes[output].level, output));
    }
    while let Some((_, id)) = queue.pop() {
        let message = propagator.aggregate(std::mem::take(&mut inbox[id]));
        for (k, &parent) in trace.nodes[id].parents().iter().enumerate() {
            if let Some(sent) = propagator.propagate(trace, id, k, &message) {
                if inbox[parent].is_empty() {
                    queue.push((trace.nodes[parent].level, parent));
                }
                inbox[parent].push(sent);
            }
        }
        swept.order.push(id);
        swept.messages[id] = Some(message);
    }
    swept
}

/// The minimal subgraph between the first `parameters` nodes and the output: the messages that arrive there, united.
fn minimal_subgraph(trace: &Trace, parameters: usize) -> BTreeSet<usize> {
    sweep(trace, &MinimalSubgraphPropagator).messages.into_iter().take(parameters).flatten().flatten().collect()
}

/// $\partial y/\partial\theta$ by the gradient propagator; zero where no message arrives.
fn cotangents(trace: &Trace, parameters: usize) -> Vec<f64> {
    let messages = sweep(trace, &GradientPropagator).messages;
    messages.into_iter().take(parameters).map(Option::unwrap_or_default).collect()
}

/// The same by the reverse mode of the shared kernel, which records the operations anew.
fn reverse_mode(trace: &Trace, parameters: usize) -> Vec<f64> {
    let mut graph = Graph::new();
    let mut nodes = Vec::with_capacity(trace.nodes.len());
    for node in &trace.nodes {
        let [a, b] = node.parents;
        let made = match node.op {
            Op::Parameter | Op::Input | Op::Constant => graph.leaf(1, 1, vec![node.value]),
            Op::Add => graph.add(nodes[a], nodes[b]),
            Op::Subtract => graph.sub(nodes[a], nodes[b]),
            Op::Multiply => graph.mul(nodes[a], nodes[b]),
            Op::Divide if trace.value(b) == 0.0 => nodes[a],
            Op::Divide => {
                let inverse = graph.recip(nodes[b]);
                graph.mul(nodes[a], inverse)
            }
            Op::Asinh => {
                // sgn(u) log(|u| + √(u² + 1))
                let sign = if trace.value(a) < 0.0 { -1.0 } else { 1.0 };
                let size = graph.scale(nodes[a], sign);
                let square = graph.mul(size, size);
                let shifted = graph.shift(square, 1.0);
                let root = graph.sqrt(shifted);
                let sum = graph.add(size, root);
                let log = graph.log(sum);
                graph.scale(log, sign)
            }
            Op::Opaque => {
                let bent = graph.tanh(nodes[a]);
                graph.add(nodes[a], bent)
            }
        };
        nodes.push(made);
    }
    let Some(&output) = nodes.last() else { return vec![0.0; parameters] };
    let gradients = graph.gradients(output, &nodes[..parameters]);
    gradients.into_iter().map(|gradient| graph.scalar(gradient)).collect()
}

/// The score's derivatives: those of the worst output, towards larger errors.
fn slope(seen: &Seen) -> Vec<f64> {
    let worst = seen.worst();
    let sign = if seen.residuals[worst] < 0.0 { -1.0 } else { 1.0 };
    cotangents(&seen.traces[worst], seen.theta.len()).iter().map(|g| sign * g).collect()
}

/// What stands in for the language model.
#[derive(Clone)]
struct Reader {
    /// Whether it is shown the trace.
    sees: bool,
    feedback: Feedback,
    /// Outputs and scores so far, where the trace shows the output.
    past: Vec<[f64; 2]>,
    pushes: usize,
    secant: Secant,
}

/// How often the reader takes a desired output back before it doubts that this leads anywhere: a branch may turn with it.
const PUSHES: usize = 4;

impl Reader {
    fn new(sees: bool, feedback: Feedback, parameters: usize) -> Self {
        Self { sees, feedback, past: Vec::new(), pushes: 0, secant: Secant::new(parameters) }
    }

    /// The target that agrees with all scores so far: of $y_1\pm s_1$, the larger until it is refuted.
    fn deduced(&self) -> Option<f64> {
        let &[y, s] = self.past.first()?;
        let agrees = |target: f64| {
            let off = |[y, s]: &[f64; 2]| ((target - y).abs() - s).abs() <= 1e-9 * (1.0 + s.abs() + target.abs());
            self.past.iter().all(off)
        };
        Some(if agrees(y + s) { y + s } else { y - s })
    }

    fn next(&mut self, seen: &Seen, rng: &mut Rng) -> Vec<f64> {
        let outputs: Vec<f64> = seen.traces.iter().map(Trace::output).collect();
        let single = outputs.len() == 1;
        let signed = self.feedback != Feedback::Score;
        let wanted: Option<Vec<f64>> = if !self.sees {
            None
        } else if signed {
            Some(outputs.iter().zip(&seen.residuals).map(|(y, r)| y - r).collect())
        } else if single {
            self.past.push([outputs[0], seen.score]);
            self.deduced().map(|target| vec![target])
        } else {
            None
        };
        if let Some(wanted) = wanted.as_ref().filter(|_| self.pushes < PUSHES)
            && let Some(theta) = repair(seen, wanted)
        {
            self.pushes += 1;
            return theta;
        }
        if self.feedback == Feedback::Gradient {
            return downhill(&seen.theta, seen.score, &slope(seen), rng);
        }
        let [value, residual] = match wanted {
            _ if signed && single => [seen.residuals[0]; 2],
            Some(wanted) if single => [outputs[0], outputs[0] - wanted[0]],
            _ => [seen.score; 2],
        };
        let all = 0..seen.theta.len();
        let active: Vec<usize> = if self.sees {
            let kept: BTreeSet<usize> =
                seen.traces.iter().flat_map(|trace| minimal_subgraph(trace, seen.theta.len())).collect();
            all.filter(|i| kept.contains(i)).collect()
        } else {
            all.collect()
        };
        self.secant.next(&seen.theta, value, residual, &active, rng)
    }
}

/// Asks every parameter what it would have to be for each output, and changes the one whose answers differ least.
fn repair(seen: &Seen, wanted: &[f64]) -> Option<Vec<f64>> {
    let mut best: Option<(f64, usize, f64)> = None;
    for i in 0..seen.theta.len() {
        let asked = seen.traces.iter().zip(wanted).map(|(trace, &want)| trace.push_back(i, want)?.last().map(|w| w.1));
        let Some(answers) = asked.collect::<Option<Vec<f64>>>() else { continue };
        let mean = answers.iter().sum::<f64>() / answers.len() as f64;
        let spread = answers.iter().map(|a| (a - mean).abs()).fold(0.0, f64::max) / (1.0 + mean.abs());
        if spread.is_finite() && best.is_none_or(|(least, ..)| spread < least) {
            best = Some((spread, i, mean));
        }
    }
    let (_, i, value) = best?;
    let mut theta = seen.theta.clone();
    theta[i] = value;
    Some(theta)
}

/// A number as it is shown.
fn shown(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e6).contains(&x.abs()) {
        return format!("{x:.3e}").replace('-', "−");
    }
    let text = format!("{x:.4}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// What is said of the output at this point.
fn message(seen: &Seen, task: &Task, feedback: Feedback) -> Vec<String> {
    if seen.score <= GOAL {
        return vec!["The output is right. Nothing is to be changed.".to_owned()];
    }
    let mut lines = Vec::new();
    if feedback == Feedback::Score {
        return vec![format!("The output is off by {}.", shown(seen.score))];
    }
    for ((trace, r), input) in seen.traces.iter().zip(&seen.residuals).zip(&task.inputs) {
        let on = if task.inputs.len() > 1 { format!(" for input {}", shown(*input)) } else { String::new() };
        let way = if *r < 0.0 { "larger" } else { "smaller" };
        let y = shown(trace.output());
        lines.push(format!("The output {y}{on} should be {way} by {}.", shown(r.abs())));
    }
    if feedback == Feedback::Gradient {
        for (name, g) in task.names.iter().zip(slope(seen)) {
            lines.push(format!("The error grows by {} for each unit of {name}.", shown(g)));
        }
    }
    lines
}

/// The prompt of OptoPrime at this point, line by line: the minimal subgraph as code, its values, and the feedback.
fn prompt(seen: &Seen, task: &Task, feedback: Feedback, reveal: bool) -> Vec<String> {
    let trace = &seen.traces[seen.worst()];
    let kept = minimal_subgraph(trace, task.names.len());
    let name = |id: usize| match trace.nodes[id].op {
        Op::Parameter => task.names[id].to_owned(),
        Op::Input => "input".to_owned(),
        Op::Constant => format!("k{id}"),
        _ => format!("v{id}"),
    };
    let value = |id: usize| format!("(float) {} = {}", name(id), shown(trace.value(id)));
    let block = |lines: &mut Vec<String>, title: &str, body: Vec<String>| {
        if !body.is_empty() {
            lines.push(format!("#{title}"));
            lines.extend(body);
        }
    };
    let mut lines = Vec::new();
    let ask = "Change the values in #Variables so that the output becomes what #Feedback asks for.";
    let reply = "Answer in JSON: {\"reasoning\": \"…\", \"suggestion\": {\"name\": value}}.";
    block(&mut lines, "Instruction", vec![ask.to_owned(), reply.to_owned()]);
    let operations: Vec<usize> = kept.iter().copied().filter(|&id| trace.nodes[id].op.arity() > 0).collect();
    if reveal {
        let call = |&id: &usize| {
            let operands: Vec<String> = trace.nodes[id].parents().iter().map(|&parent| name(parent)).collect();
            format!("{} = {}({})", name(id), trace.nodes[id].op.word(), operands.join(", "))
        };
        block(&mut lines, "Code", operations.iter().map(call).collect());
        let mut defined: Vec<&str> = Vec::new();
        for &id in &operations {
            let definition = match trace.nodes[id].op {
                Op::Add => "add(a, b): a + b",
                Op::Subtract => "subtract(a, b): a − b",
                Op::Multiply => "multiply(a, b): a × b",
                Op::Divide => "divide(a, b): a / b, or a where b is 0",
                Op::Asinh => "asinh(a): the inverse hyperbolic sine of a",
                _ => "opaque(a): not documented",
            };
            if !defined.contains(&definition) {
                defined.push(definition);
            }
        }
        block(&mut lines, "Definitions", defined.into_iter().map(str::to_owned).collect());
    }
    block(&mut lines, "Variables", (0..task.names.len()).map(value).collect());
    if reveal {
        let output = trace.nodes.len() - 1;
        let given: BTreeSet<usize> = operations
            .iter()
            .flat_map(|&id| trace.nodes[id].parents())
            .copied()
            .filter(|p| !kept.contains(p))
            .collect();
        block(&mut lines, "Inputs", given.into_iter().map(value).collect());
        block(&mut lines, "Others", operations.iter().copied().filter(|&id| id != output).map(value).collect());
        block(&mut lines, "Outputs", vec![value(output)]);
    }
    block(&mut lines, "Feedback", message(seen, task, feedback));
    lines
}

/// The visitor's values: one list of parameters for each run.
fn read_values(text: &str, names: &[&str]) -> Result<Vec<Vec<f64>>> {
    let wrong = |message: String| Error::of("values", message);
    let number = |word: &str| {
        let number = word.parse::<f64>().ok().filter(|x| x.abs() <= 1e6);
        number.ok_or_else(|| wrong(format!("{word:?} is no number between −10⁶ and 10⁶")))
    };
    let words = |text: &str| -> Result<Vec<f64>> {
        text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).map(number).collect()
    };
    let mut runs = Vec::new();
    for part in text.split([';', '\n']) {
        let values = words(part)?;
        if !values.len().is_multiple_of(names.len()) {
            return Err(wrong(format!("a run takes {} numbers: {}", names.len(), names.join(", "))));
        }
        runs.extend(values.chunks_exact(names.len()).map(<[f64]>::to_vec));
    }
    let many = runs.len() > BUDGET;
    if many { Err(wrong(format!("there are {BUDGET} runs at most"))) } else { Ok(runs) }
}

/// The parameters that a reply suggests. Chat models do not always answer in sound JSON: we look for each name, quoted or
/// not, with a colon or equals sign and a number after it, behind the word "suggestion" where there is one.
fn read_reply(text: &str, names: &[&str], start: &[f64]) -> Result<Option<Vec<f64>>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let tail = text.rfind("suggestion").map_or(text, |at| &text[at..]);
    let mut theta = start.to_vec();
    let mut found = false;
    for (name, theta) in names.iter().zip(&mut theta) {
        let number = tail.match_indices(name).find_map(|(at, _)| {
            let before = tail[..at].chars().next_back().is_some_and(char::is_alphanumeric);
            let rest = tail[at + name.len()..].trim_start_matches(['"', '\'', ' ']);
            let rest = rest.strip_prefix([':', '=']).filter(|_| !before)?.trim_start();
            let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
            rest[..end].trim_end_matches(['.', 'e', 'E', '+', '-']).parse::<f64>().ok().filter(|x| x.abs() <= 1e6)
        });
        if let Some(number) = number {
            (*theta, found) = (number, true);
        }
    }
    let none =
        || Error::of("reply", format!("there is no \"suggestion\" with a number for {} in it", names.join(", ")));
    if found { Ok(Some(theta)) } else { Err(none()) }
}

/// How each contender goes on.
#[derive(Clone)]
enum Method {
    Reader(Reader),
    Adam(Adam),
    Simplex(NelderMead),
    Pattern(Pattern),
    Random,
}

/// A contender on one task.
#[derive(Clone)]
struct Lane {
    method: Method,
    rng: Rng,
    seen: Option<Rc<Seen>>,
    /// The run that its latest proposal came from.
    before: Option<Rc<Seen>>,
    best: f64,
    evaluations: usize,
    reached: Option<usize>,
    /// The best so far, for the task that is shown.
    curve: Vec<f64>,
}

impl Lane {
    fn new(method: Method, rng: Rng) -> Self {
        Self {
            method,
            rng,
            seen: None,
            before: None,
            best: f64::INFINITY,
            evaluations: 0,
            reached: None,
            curve: Vec::new(),
        }
    }

    /// One evaluation; nothing more once the goal is reached.
    fn advance(&mut self, task: &Task) {
        if self.reached.is_none() {
            let theta = match &self.seen {
                None => task.start.clone(),
                Some(seen) => self.method.next(seen, task, &mut self.rng),
            };
            let seen = task.evaluate(&theta);
            self.evaluations += 1;
            self.best = self.best.min(seen.score);
            if self.best <= GOAL {
                self.reached = Some(self.evaluations);
            }
            self.before = self.seen.replace(Rc::new(seen));
        }
        self.curve.push(self.best.max(FLOOR));
    }
}

impl Method {
    fn next(&mut self, seen: &Seen, task: &Task, rng: &mut Rng) -> Vec<f64> {
        let theta = seen.theta.as_slice();
        match self {
            Self::Reader(reader) => reader.next(seen, rng),
            Self::Simplex(simplex) => simplex.next(theta, seen.score),
            Self::Pattern(pattern) => pattern.next(theta, seen.score),
            Self::Random => task.start.iter().zip(normals(theta.len(), rng)).map(|(x, z)| x + 3.0 * z).collect(),
            Self::Adam(adam) => {
                let (mut next, g) = (seen.theta.clone(), slope(seen));
                if g.iter().all(|g| g.is_finite()) {
                    adam.step(&mut next, &g);
                }
                next
            }
        }
    }
}

/// Evaluations that each has on each task, how many tasks there are, and what counts as solved.
const BUDGET: usize = 100;
const TASKS: usize = 30;
const GOAL: f64 = 1e-6;
const FLOOR: f64 = 1e-12;

/// The rate of Adam.
const RATE: f64 = 0.1;

/// The exhibit.
#[derive(Clone)]
pub struct TraceOpto {
    setting: Setting,
    tasks: Rc<Vec<Task>>,
    /// By task, then by contender.
    lanes: Vec<Lane>,
    t: usize,
    medians: Curves,
    /// The greatest difference of a message from reverse mode, relatively, and the greatest of two node sets.
    off: [f64; 2],
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    0.5 * (values[(values.len() - 1) / 2] + values[half])
}

impl TraceOpto {
    /// The median number of evaluations that contender `k` took, if half of the tasks are solved.
    fn taken(&self, k: usize) -> Option<f64> {
        let reached = |lane: &Lane| lane.reached.map_or(f64::INFINITY, |n| n as f64);
        let median = median(self.lanes.iter().skip(k).step_by(IDS.len()).map(reached).collect());
        median.is_finite().then_some(median)
    }

    /// Holds the messages of a run against what they should be.
    fn examine(&mut self, seen: &Seen) {
        let parameters = seen.theta.len();
        for trace in &seen.traces {
            for (m, d) in cotangents(trace, parameters).iter().zip(reverse_mode(trace, parameters)) {
                self.off[0] = self.off[0].max((m - d).abs() / (1.0 + d.abs()));
            }
            let kept = minimal_subgraph(trace, parameters);
            let (ways, depends) = (trace.ways(), trace.dependants(&(0..parameters).collect::<Vec<_>>()));
            let wrong = (0..ways.len()).filter(|id| kept.contains(id) != (ways[*id] > 0 && depends[*id])).count();
            self.off[1] = self.off[1].max(wrong as f64);
        }
    }

    fn task(&self) -> &Task {
        &self.tasks[self.setting.task - 1]
    }

    fn lane(&self, k: usize) -> &Lane {
        &self.lanes[(self.setting.task - 1) * IDS.len() + k]
    }

    /// The runs of the visitor or of the pasted reply, on the task that is shown.
    fn own(&self) -> Vec<Seen> {
        let task = self.task();
        let runs = match self.setting.optimiser {
            Shown::You => read_values(&self.setting.values.0, task.names).unwrap_or_default(),
            Shown::Reply => {
                let reply = read_reply(&self.setting.reply.0, task.names, &task.start).ok().flatten();
                std::iter::once(task.start.clone()).chain(reply).collect()
            }
            _ => Vec::new(),
        };
        runs.iter().map(|theta| task.evaluate(theta)).collect()
    }

    /// The run that the graph and the prompt show, and the one before it.
    fn current(&self, own: &[Seen]) -> [Seen; 2] {
        let lane = |k: usize| {
            let lane = self.lane(k);
            [&lane.seen, &lane.before].map(|run| run.as_deref().cloned())
        };
        let [seen, before] = match self.setting.optimiser {
            Shown::TraceReader => lane(0),
            Shown::Adam => lane(2),
            Shown::NelderMead => lane(3),
            Shown::RandomSearch => lane(5),
            Shown::You | Shown::Reply => [own.last().cloned(), own.iter().rev().nth(1).cloned()],
        };
        let seen = seen.unwrap_or_else(|| self.task().evaluate(&self.task().start));
        let before = before.unwrap_or_else(|| seen.clone());
        [seen, before]
    }

    fn draw_graph(&self, seen: &Seen, figures: &mut Figures) {
        let trace = &seen.traces[seen.worst()];
        let kept = minimal_subgraph(trace, self.task().names.len());
        let swept = sweep(trace, &MinimalSubgraphPropagator);
        let visited: BTreeSet<usize> = swept.order.iter().copied().take(self.t).collect();
        let caption = "From the parameters, left, to the output, right. Filled: the minimal subgraph; the sweep comes back from \
                       the right, a node a step. Open: what no parameter reaches.";
        let mut figure = figures.figure("graph", "The execution trace", caption);
        let places = places(trace, &kept);
        let (mut near, mut far, mut plain) = ((vec![], vec![]), (vec![], vec![]), (vec![], vec![]));
        for (id, node) in trace.nodes.iter().enumerate() {
            for &parent in node.parents() {
                let both = kept.contains(&id) && kept.contains(&parent);
                let link = if !both {
                    &mut plain
                } else if visited.contains(&parent) {
                    &mut near
                } else {
                    &mut far
                };
                link.0.push(places[parent]);
                link.1.push(places[id]);
            }
        }
        figure.link(&plain.0, &plain.1, None).ink(Ink::Muted).faint();
        figure.link(&far.0, &far.1, None).ink(Ink::Muted);
        figure.link(&near.0, &near.1, None).of("reader").label("message passed");
        let group = |keep: &dyn Fn(usize) -> bool| -> (Vec<f64>, Vec<f64>) {
            (0..trace.nodes.len()).filter(|&id| keep(id)).map(|id| (places[id][0], places[id][1])).unzip()
        };
        let (x, y) = group(&|id| !kept.contains(&id));
        figure.dot(x, y).ink(Ink::Muted).symbol(Symbol::Ring).radius(3.0);
        let (x, y) = group(&|id| kept.contains(&id) && !visited.contains(&id));
        figure.dot(x, y).ink(Ink::Strong).symbol(Symbol::Ring).radius(5.0);
        let (x, y) = group(&|id| kept.contains(&id) && visited.contains(&id) && id >= self.task().names.len());
        figure.dot(x, y).of("reader").radius(5.0).label("minimal subgraph");
        let (x, y) = group(&|id| id < self.task().names.len());
        figure.dot(x, y).ink(Ink::Accent).symbol(Symbol::Square).radius(6.0).label("parameter");
        // In a large graph only the ends have names.
        let few = kept.len() <= 16;
        let output = trace.nodes.len() - 1;
        let named = |id: &usize| {
            let node = &trace.nodes[*id];
            let word = match node.op {
                Op::Parameter => self.task().names[*id].to_owned(),
                op if *id == output => format!("{} y", op.sign()),
                op => op.sign().to_owned(),
            };
            (*id < self.task().names.len() || *id == output || few && kept.contains(id)).then_some((*id, word))
        };
        let labels: Vec<(usize, String)> = (0..=output).filter_map(|id| named(&id)).collect();
        let at: Vec<[f64; 2]> = labels.iter().map(|(id, _)| [places[*id][0], places[*id][1] + 0.35]).collect();
        figure.text(&at, labels.into_iter().map(|(_, word)| word));
    }

    fn draw_messages(&self, seen: &Seen, figures: &mut Figures) {
        let (worst, parameters) = (seen.worst(), self.task().names.len());
        let trace = &seen.traces[worst];
        let want = trace.output() - seen.residuals[worst];
        let wants = (0..parameters).find_map(|i| trace.push_back(i, want)).unwrap_or_default();
        let gradient = sweep(trace, &GradientPropagator).messages;
        let sets = sweep(trace, &MinimalSubgraphPropagator);
        let kept = minimal_subgraph(trace, parameters);
        let rows: Vec<usize> = sets.order.iter().copied().filter(|id| kept.contains(id)).take(40).collect();
        let caption = "At the run before the one shown: the nodes of the minimal subgraph as the sweep meets them, and what each \
                       would have to be, where the desired output can be taken back so far.";
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), shown);
        let name = |id: &usize| if *id < parameters { self.task().names[*id].to_owned() } else { format!("v{id}") };
        let mut figure = figures.figure("messages", "The messages of the sweep", caption);
        figure
            .table()
            .words("node", rows.iter().map(name))
            .words("operation", rows.iter().map(|id| trace.nodes[*id].op.word()))
            .words("value", rows.iter().map(|id| shown(trace.value(*id))))
            .words("wanted", rows.iter().map(|id| text(wants.iter().find(|want| want.0 == *id).map(|want| want.1))))
            .words("∂y/∂node", rows.iter().map(|id| text(gradient[*id])))
            .words(
                "nodes in its set",
                rows.iter().map(|id| sets.messages[*id].as_ref().map_or(0, BTreeSet::len).to_string()),
            );
    }
}

/// Where the nodes are drawn: by level from left to right, what is not in the subgraph below what it enters.
fn places(trace: &Trace, kept: &BTreeSet<usize>) -> Vec<[f64; 2]> {
    let levels = trace.nodes.last().map_or(0, |node| node.level) + 1;
    let mut counts = vec![0_usize; levels.max(trace.nodes.iter().map(|node| node.level + 1).max().unwrap_or(1))];
    kept.iter().for_each(|&id| counts[trace.nodes[id].level] += 1);
    let mut filled = vec![0_usize; counts.len()];
    let mut places: Vec<Option<[f64; 2]>> = vec![None; trace.nodes.len()];
    for &id in kept {
        let level = trace.nodes[id].level;
        let slot = filled[level] as f64 - 0.5 * (counts[level] as f64 - 1.0);
        places[id] = Some([level as f64, -2.0 * slot]);
        filled[level] += 1;
    }
    let lowest = places.iter().flatten().map(|place| place[1]).fold(0.0, f64::min);
    let mut dead = 0.0;
    for (id, node) in trace.nodes.iter().enumerate().rev() {
        // What leads nowhere lies along the bottom.
        let [x, y] = *places[id].get_or_insert_with(|| {
            dead += 1.0;
            [node.level as f64, lowest - 1.7 - 0.8 * dead]
        });
        for (k, &parent) in node.parents().iter().enumerate() {
            places[parent].get_or_insert([x - 0.6 + 0.4 * k as f64, y - 0.8 - 0.3 * k as f64]);
        }
    }
    places.into_iter().map(Option::unwrap_or_default).collect()
}

impl Exhibit for TraceOpto {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let Setting { workflow, ops, reuse, curved, opaque, feedback, reveal, .. } = *setting;
        if workflow == Workflow::Arithmetic && ops + 1 < reuse + usize::from(opaque) {
            let least = reuse + usize::from(opaque) - 1;
            return Err(Error::of("ops", format!("to join {reuse} uses of x takes {least} operations at least")));
        }
        let shape = Shape { ops, uses: reuse, curved, opaque };
        let tasks: Vec<Task> = (0..TASKS).map(|_| Task::new(workflow, shape, rng)).collect();
        let mut lanes = Vec::with_capacity(TASKS * IDS.len());
        for task in &tasks {
            let n = task.names.len();
            let reader = |sees: bool| Method::Reader(Reader::new(sees, feedback, n));
            let methods = [
                reader(reveal),
                reader(false),
                Method::Adam(Adam::new(n, RATE, [0.9, 0.999])),
                Method::Simplex(NelderMead::new()),
                Method::Pattern(Pattern::new()),
                Method::Random,
            ];
            // The reader has the same luck with and without the trace.
            let seed = rng.random::<u64>();
            lanes.extend(methods.map(|method| Lane::new(method, Rng::seed_from_u64(seed))));
        }
        read_values(&setting.values.0, tasks[0].names)?;
        read_reply(&setting.reply.0, tasks[0].names, &tasks[0].start)?;
        let medians = Curves::new(&IDS, FLOOR);
        Ok(Self { setting: setting.clone(), tasks: Rc::new(tasks), lanes, t: 0, medians, off: [0.0; 2] })
    }

    fn length(&self) -> usize {
        BUDGET
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let tasks = Rc::clone(&self.tasks);
        for (lanes, task) in self.lanes.chunks_exact_mut(IDS.len()).zip(tasks.iter()) {
            lanes.iter_mut().for_each(|lane| lane.advance(task));
        }
        self.t += 1;
        for k in [0, 2] {
            for task in 0..TASKS {
                let lane = &self.lanes[task * IDS.len() + k];
                let fresh = lane.seen.clone().filter(|_| lane.evaluations == self.t);
                fresh.iter().for_each(|seen| self.examine(seen));
            }
        }
        for (k, id) in IDS.iter().enumerate() {
            let best = self.lanes.iter().skip(k).step_by(IDS.len()).map(|lane| lane.best);
            self.medians.push(id, self.t as f64, median(best.collect()));
        }
        let solved = self.lanes.iter().all(|lane| lane.reached.is_some());
        if self.t >= BUDGET || solved { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting = setting.clone();
    }

    fn figures(&self, figures: &mut Figures) {
        let own = self.own();
        let [seen, before] = self.current(&own);
        self.draw_graph(&seen, figures);

        let axes = ["evaluations of the workflow", "|y − y*|"];
        let caption = "The best so far, the median of thirty tasks. Solved is 10⁻⁶, the dashed line; what is exact lies at the bottom.";
        let mut medians = self.medians.figure(figures, "medians", "The error against the evaluations", caption, axes);
        let across = || Axis::log("evaluations of the workflow").domain(1.0, BUDGET as f64).or(Scale::Linear);
        medians.x(across());
        medians.rule_y([GOAL]).ink(Ink::Muted).dashed();

        let caption = "The best so far on the task that is shown above; rings are your own runs, or the reply's.";
        let mut one = figures.figure("task", format!("Task {}", self.setting.task), caption);
        one.x(across()).y(Axis::log("|y − y*|"));
        for (k, id) in IDS.iter().enumerate() {
            let curve = &self.lane(k).curve;
            if !curve.is_empty() {
                one.line((1..=curve.len()).map(|t| t as f64), curve).of(id);
            }
        }
        one.rule_y([GOAL]).ink(Ink::Muted).dashed();
        if !own.is_empty() {
            let scores = own.iter().map(|seen| seen.score.max(FLOOR));
            one.dot((1..=own.len()).map(|t| t as f64), scores)
                .ink(Ink::Accent)
                .symbol(Symbol::Ring)
                .radius(5.0)
                .label("yours");
        }

        self.draw_messages(&before, figures);

        let caption = "What OptoPrime would be shown at this point. Copy it to any chat model, and paste its reply.";
        let mut text = figures.figure("prompt", "The prompt", caption);
        text.table().words("line by line", prompt(&seen, self.task(), self.setting.feedback, self.setting.reveal));
    }

    fn claim(&self) -> Claim {
        let t = self.t as f64;
        let over = self.t >= BUDGET;
        let [reader, hidden] = [0, 1].map(|k| self.taken(k));
        let score_only = [3, 4, 5].into_iter().filter_map(|k| self.taken(k)).reduce(f64::min);
        // What has not come there yet takes at least as long as it has run.
        let against = |other: Option<f64>| {
            let other = other.unwrap_or(t);
            reader.or(over.then_some(t)).map(|reader| other / reader)
        };
        let open = |other: Option<f64>| !over && (reader.is_none() || other.is_none());
        let (by_score, by_trace) = (against(score_only), against(hidden));
        let started = self.t > 0;
        let undecided = by_score.is_none_or(|ratio| ratio < 5.0) && open(score_only);
        Claim::new(vec![
            Clause::at_most(
                "The gradient's messages at the parameters are those of reverse mode to {value}, at most {high}.",
                started.then_some(self.off[0]),
                1e-10,
            )
            .holds_only_after(undecided),
            Clause::at_most(
                "The minimal subgraph differs from the nodes between parameters and output in {value} nodes.",
                started.then_some(self.off[1]),
                0.0,
            )
            .holds_only_after(undecided),
            Clause::at_least(
                "In the median the best score-only search takes {value} times the reader's evaluations or more; {low} is claimed.",
                by_score,
                5.0,
            )
            .fails_only_after(open(score_only)),
            Clause::at_least(
                "With the trace hidden the same reader takes {value} times as many or more; {low} is claimed.",
                by_trace,
                1.25,
            )
            .fails_only_after(open(hidden)),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Read the trace",
                "One run, and the right x can be read off it.",
                default.clone(),
            ),
            Scenario::holds(
                "program",
                "A buggy program",
                "Only the wrong constant gives the same answer on all four inputs.",
                Setting { workflow: Workflow::Program, ..default.clone() },
            ),
            Scenario::holds(
                "score",
                "The score and the trace",
                "The output is in the trace, so the score leaves but two targets.",
                Setting { feedback: Feedback::Score, curved: true, ..default.clone() },
            ),
            Scenario::holds(
                "controller",
                "A controller that branches",
                "Often the brake's gain is used just once, and can be read off; three gains are much for a search.",
                Setting { workflow: Workflow::Controller, ..default.clone() },
            ),
            Scenario::fails(
                "gradient",
                "Told the derivative",
                "On a straight line the derivative alone is as good as the trace.",
                Setting { feedback: Feedback::Gradient, ..default.clone() },
            ),
            Scenario::fails(
                "hidden",
                "Hide the trace",
                "The reader is now its own baseline. It still beats the simplex: a secant does.",
                Setting { reveal: false, ..default.clone() },
            ),
            Scenario::fails(
                "reuse",
                "x used four times",
                "No operation can be inverted on its own, and the reader takes the same secants with the trace as without.",
                Setting { reuse: 4, ..default.clone() },
            ),
            Scenario::fails(
                "opaque",
                "One opaque operation",
                "Neither an inverse nor a derivative is known of it; the gradient's messages end there.",
                Setting { opaque: true, ..default },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn random_task(seed: u64, ops: usize, uses: usize, curved: bool) -> Task {
        let shape = Shape { ops, uses, curved, opaque: false };
        Task::new(Workflow::Arithmetic, shape, &mut Rng::seed_from_u64(seed))
    }

    fn paths(trace: &Trace, id: usize, way: &mut Vec<usize>, found: &mut BTreeSet<usize>) {
        way.push(id);
        if id == 0 {
            found.extend(way.iter());
        }
        trace.nodes[id].parents().iter().for_each(|&parent| paths(trace, parent, way, found));
        way.pop();
    }

    proptest! {
        #[test]
        fn the_sweep_visits_each_cause_once_and_after_all_that_it_enters(seed in 0_u64..500, uses in 1_usize..5) {
            let task = random_task(seed, 12, uses, true);
            let trace = &task.evaluate(&task.start).traces[0];
            let swept = sweep(trace, &MinimalSubgraphPropagator);
            let when = |id: usize| swept.order.iter().position(|&visited| visited == id);
            let ways = trace.ways();
            for (id, node) in trace.nodes.iter().enumerate() {
                prop_assert_eq!(when(id).is_some(), ways[id] > 0);
                prop_assert_eq!(swept.order.iter().filter(|&&visited| visited == id).count(), usize::from(ways[id] > 0));
                if let Some(child) = when(id) {
                    prop_assert!(node.parents().iter().all(|&parent| when(parent) > Some(child)));
                }
            }
        }

        #[test]
        fn the_minimal_subgraph_is_the_union_of_all_paths(seed in 0_u64..500, uses in 1_usize..5) {
            let task = random_task(seed, 12, uses, false);
            let trace = &task.evaluate(&task.start).traces[0];
            let mut found = BTreeSet::new();
            paths(trace, trace.nodes.len() - 1, &mut Vec::new(), &mut found);
            prop_assert_eq!(minimal_subgraph(trace, 1), found);
        }

        #[test]
        fn cotangents_are_the_slopes_of_the_workflow(seed in 0_u64..500) {
            for workflow in [Workflow::Controller, Workflow::Program] {
                let shape = Shape { ops: 10, uses: 1, curved: false, opaque: false };
                let task = Task::new(workflow, shape, &mut Rng::seed_from_u64(seed));
                let here = task.evaluate(&task.start);
                let g = cotangents(&here.traces[0], task.names.len());
                for (i, g) in g.iter().enumerate() {
                    let moved = |h: f64| {
                        let mut theta = task.start.clone();
                        theta[i] += h;
                        task.evaluate(&theta).traces.swap_remove(0)
                    };
                    let (up, down) = (moved(1e-5), moved(-1e-5));
                    // Where both sides branch alike.
                    if up.nodes.len() == down.nodes.len() {
                        let difference = (up.output() - down.output()) / 2e-5;
                        prop_assert!((g - difference).abs() < 1e-5 * (1.0 + g.abs()), "{g} and {difference}");
                    }
                }
            }
        }

        #[test]
        fn an_operand_taken_back_gives_the_desired_value(a in 0.1_f64..4.0, b in 0.1_f64..4.0, want in 0.1_f64..4.0) {
            for op in [Op::Add, Op::Subtract, Op::Multiply, Op::Divide, Op::Asinh] {
                for k in 0..op.arity() {
                    let mut operands = [a, b];
                    operands[k] = op.operand(k, want, operands).unwrap();
                    prop_assert!((op.value(operands) - want).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn one_run_is_enough_to_read_the_parameter_off(seed in 0_u64..300, curved: bool) {
            let task = random_task(seed, 10, 1, curved);
            let mut reader = Lane::new(Method::Reader(Reader::new(true, Feedback::Signed, 1)), Rng::seed_from_u64(0));
            (0..2).for_each(|_| reader.advance(&task));
            prop_assert_eq!(reader.reached, Some(2));
        }

        #[test]
        fn the_wrong_constant_is_found_and_mended(seed in 0_u64..300) {
            let shape = Shape { ops: 6, uses: 1, curved: false, opaque: false };
            let task = Task::new(Workflow::Program, shape, &mut Rng::seed_from_u64(seed));
            let mut reader = Lane::new(Method::Reader(Reader::new(true, Feedback::Signed, 5)), Rng::seed_from_u64(0));
            (0..2).for_each(|_| reader.advance(&task));
            prop_assert_eq!(reader.reached, Some(2));
        }
    }

    #[test]
    fn an_opaque_operation_stops_the_gradient_and_not_the_set() {
        let mut trace = Trace::begin(&[0.5]);
        let hidden = trace.apply(Op::Opaque, [0; 2]);
        let two = trace.leaf(Op::Constant, 2.0);
        trace.apply(Op::Multiply, [hidden, two]);
        assert_eq!(cotangents(&trace, 1), [0.0]);
        assert_eq!(minimal_subgraph(&trace, 1), BTreeSet::from([0, 1, 3]));
        assert!(trace.push_back(0, 1.0).is_none());
        // 2 (2 - tanh² u)
        let bent = tanh(0.5);
        assert!((reverse_mode(&trace, 1)[0] - 2.0 * (2.0 - bent * bent)).abs() < 1e-14);
    }

    #[test]
    fn two_scores_tell_on_which_side_the_target_lies() {
        let mut reader = Reader::new(true, Feedback::Score, 1);
        reader.past.push([1.0, 3.0]);
        assert_eq!(reader.deduced(), Some(4.0));
        reader.past.push([4.0, 6.0]);
        assert_eq!(reader.deduced(), Some(-2.0));
    }

    #[test]
    fn replies_and_values_are_read_and_refused() {
        let reply = "Sure! {\"reasoning\": \"x: 3\", \"suggestion\": {\"x\": -1.5e0}}";
        assert_eq!(read_reply(reply, &["x"], &[0.0]).unwrap(), Some(vec![-1.5]));
        assert_eq!(read_reply("kd = 2, kb: 7", &["kp", "kd", "kb"], &[1.0; 3]).unwrap(), Some(vec![1.0, 2.0, 7.0]));
        assert_eq!(read_reply("max: 3", &["x"], &[0.0]).unwrap_err().control.as_deref(), Some("reply"));
        assert_eq!(read_values("1, 2.5 -3", &["x"]).unwrap(), [[1.0], [2.5], [-3.0]]);
        assert_eq!(read_values("1 2 3; 4 5 6", &["a", "b", "c"]).unwrap(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert!(read_values("1 2; 3 4 5", &["a", "b", "c"]).is_err() && read_values("NaN", &["x"]).is_err());
    }

    #[test]
    fn the_prompt_holds_the_code_and_hides_it_with_the_trace() {
        let task = random_task(3, 10, 1, false);
        let seen = task.evaluate(&task.start);
        let open = prompt(&seen, &task, Feedback::Signed, true);
        let kept = minimal_subgraph(&seen.traces[0], 1);
        assert_eq!(open.iter().filter(|line| line.starts_with('v')).count(), kept.len() - 1);
        let hidden = prompt(&seen, &task, Feedback::Signed, false);
        let titles: Vec<&String> = hidden.iter().filter(|line| line.starts_with('#')).collect();
        assert_eq!(titles, ["#Instruction", "#Variables", "#Feedback"]);
    }
}
