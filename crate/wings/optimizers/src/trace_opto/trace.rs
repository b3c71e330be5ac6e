//! The trace of a run, and the sweep that takes messages back through it.

use orrery_kernels::autodiff::Graph;
use orrery_kernels::math::{asinh, sinh, tanh};
use std::collections::{BTreeSet, BinaryHeap};

/// What a node of the trace computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Of θ.
    Parameter,
    /// What the workflow is run on.
    Input,
    /// A number that stands in the workflow.
    Constant,
    /// $a+b$.
    Add,
    /// $a-b$.
    Subtract,
    /// $ab$.
    Multiply,
    /// $a/b$; by zero it leaves the first operand as it is, as in the paper's task.
    Divide,
    /// The inverse hyperbolic sine.
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

    pub(super) fn word(self) -> &'static str {
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

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "−",
            Self::Multiply => "×",
            Self::Divide => "÷",
            Self::Opaque => "?",
            _ => self.word(),
        }
    }

    pub(super) fn value(self, [a, b]: [f64; 2]) -> f64 {
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
    pub(super) fn operand(self, k: usize, want: f64, [a, b]: [f64; 2]) -> Option<f64> {
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
pub(super) struct Node {
    pub op: Op,
    pub parents: [usize; 2],
    pub value: f64,
    /// The longest way from a node without parents.
    pub level: usize,
}

impl Node {
    pub fn parents(&self) -> &[usize] {
        &self.parents[..self.op.arity()]
    }
}

/// The graph $g$ of one run. Every operation on a traced value leaves a node behind, so that a run that branches otherwise
/// leaves another graph. Parents stand before their children, the parameters first and the output last.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) nodes: Vec<Node>,
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

    pub(super) fn operands(&self, node: usize) -> [f64; 2] {
        self.nodes[node].parents.map(|parent| self.nodes[parent].value)
    }

    /// In how many ways each node leads to the output.
    pub(super) fn ways(&self) -> Vec<usize> {
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
    pub(super) fn dependants(&self, of: &[usize]) -> Vec<bool> {
        let mut depends = vec![false; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            depends[id] = of.contains(&id) || node.parents().iter().any(|&parent| depends[parent]);
        }
        depends
    }

    /// Takes a desired output back along the one way to `parameter`: what each node on it would have to be, the parameter
    /// last. Nothing where there is not just one way, or where an operation on it cannot be inverted.
    pub(super) fn push_back(&self, parameter: usize, want: f64) -> Option<Vec<(usize, f64)>> {
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
pub(super) trait Propagator {
    type Message: Clone;

    /// What the feedback puts in at the output.
    fn begin(&self, output: usize) -> Self::Message;

    /// Joins what the children sent.
    fn aggregate(&self, messages: Vec<Self::Message>) -> Self::Message;

    /// What `node` sends to its parent number `k`.
    fn propagate(&self, trace: &Trace, node: usize, k: usize, message: &Self::Message) -> Option<Self::Message>;
}

/// Cotangents: $\bar u\leftarrow\sum_{c}\bar c\,\partial c/\partial u$.
pub(super) struct GradientPropagator;

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
pub(super) struct MinimalSubgraphPropagator;

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
pub(super) struct Sweep<M> {
    pub order: Vec<usize>,
    pub messages: Vec<Option<M>>,
}

/// From the output to its causes. The queue gives the node of the highest level, so that all of its children have been
/// there before.
pub(super) fn sweep<P: Propagator>(trace: &Trace, propagator: &P) -> Sweep<P::Message> {
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
pub(super) fn minimal_subgraph(trace: &Trace, parameters: usize) -> BTreeSet<usize> {
    sweep(trace, &MinimalSubgraphPropagator).messages.into_iter().take(parameters).flatten().flatten().collect()
}

/// $\partial y/\partial\theta$ by the gradient propagator; zero where no message arrives.
pub(super) fn cotangents(trace: &Trace, parameters: usize) -> Vec<f64> {
    let messages = sweep(trace, &GradientPropagator).messages;
    messages.into_iter().take(parameters).map(Option::unwrap_or_default).collect()
}

/// The same by the reverse mode of the shared kernel, which records the operations anew.
pub(super) fn reverse_mode(trace: &Trace, parameters: usize) -> Vec<f64> {
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
