//! Workflows to be optimised: each runs on given parameters and leaves its trace behind.

use super::trace::{Op, Trace};
use orrery_core::prelude::*;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Workflow {
    /// A random graph of arithmetic operations on one number.
    #[choice("arithmetic graph")]
    Arithmetic,
    /// Six steps of a cart that a controller drives to a goal.
    #[choice("branching controller")]
    Controller,
    /// Six lines, one of whose constants is wrong, on four inputs.
    #[choice("buggy program")]
    Program,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Argument {
    Parameter,
    /// The constant of this number, a parameter of the program.
    Named(usize),
    Input,
    Number(f64),
    Line(usize),
}

#[derive(Clone, Copy, Debug)]
struct Line {
    op: Op,
    arguments: [Argument; 2],
}

#[derive(Clone, Debug)]
enum Body {
    Lines(Vec<Line>),
    Cart,
}

/// A workflow with what it is to put out.
#[derive(Clone, Debug)]
pub struct Task {
    /// The names of the parameters $\theta$.
    pub names: &'static [&'static str],
    /// $\theta_0$.
    pub start: Vec<f64>,
    /// What it is run on: once for each.
    pub inputs: Vec<f64>,
    /// $y^*$ for each input.
    pub targets: Vec<f64>,
    body: Body,
}

/// What the Trace oracle answers: $(f,g)$ at a $\theta$.
#[derive(Clone, Debug)]
pub struct Seen {
    /// $\theta$.
    pub theta: Vec<f64>,
    /// $g$, for each input.
    pub traces: Vec<Trace>,
    /// $y-y^*$, for each input.
    pub residuals: Vec<f64>,
    /// The greatest $|y-y^*|$.
    pub score: f64,
}

/// What a run that overflows scores.
const FAILED: f64 = 1e12;

impl Seen {
    /// The input with the greatest $|y-y^*|$.
    pub fn worst(&self) -> usize {
        let size = |k: usize| self.residuals[k].abs();
        (1..self.residuals.len()).fold(0, |worst, k| if size(k) > size(worst) { k } else { worst })
    }
}

/// The sides of what makes a random graph.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many operations.
    pub ops: usize,
    /// How often the parameter is used.
    pub uses: usize,
    /// Whether a third of the operations are inverse hyperbolic sines.
    pub curved: bool,
    /// Whether there is one operation in the middle that nothing is known of.
    pub opaque: bool,
}

const CONSTANTS: [f64; 6] = [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0];

fn constant(rng: &mut Rng) -> f64 {
    CONSTANTS[rng.random_range(0..6_u32) as usize]
}

fn pick<T>(from: &mut Vec<T>, rng: &mut Rng) -> T {
    let index = rng.random_range(0..from.len() as u32) as usize;
    from.swap_remove(index)
}

/// Lines of which the last depends on every use of the parameter.
fn random_lines(shape: Shape, rng: &mut Rng) -> Vec<Line> {
    const PAIR: [Op; 4] = [Op::Add, Op::Subtract, Op::Multiply, Op::Divide];
    let Shape { ops, uses, curved, opaque } = shape;
    let mut heads = vec![Argument::Parameter; uses];
    let mut made: Option<Argument> = None;
    let mut hidden = opaque;
    let mut lines: Vec<Line> = Vec::with_capacity(ops);
    for i in 0..ops {
        let (left, joins) = (ops - i, heads.len() - 1);
        let result = Argument::Line(i);
        let any = rng.random::<f64>();
        let op = PAIR[rng.random_range(0..4_u32) as usize];
        if hidden && left > joins && (i >= ops / 2 || left == joins + 1) {
            let head = pick(&mut heads, rng);
            lines.push(Line { op: Op::Opaque, arguments: [head; 2] });
            hidden = false;
            heads.push(result);
        } else if joins > 0 && (left == joins || any * (left as f64) < joins as f64) {
            let arguments = [pick(&mut heads, rng), pick(&mut heads, rng)];
            // x - x and x / x are not worth a line.
            let plain = arguments == [Argument::Parameter; 2];
            let op = if plain && op == Op::Subtract {
                Op::Add
            } else if plain && op == Op::Divide {
                Op::Multiply
            } else {
                op
            };
            lines.push(Line { op, arguments });
            heads.push(result);
        } else if made.is_none() && left > joins + 2 && any > 0.85 {
            // Constants alone: no parameter reaches this one.
            lines.push(Line { op, arguments: [Argument::Number(constant(rng)), Argument::Number(constant(rng))] });
            made = Some(result);
        } else if curved && rng.random::<f64>() < 1.0 / 3.0 {
            let head = pick(&mut heads, rng);
            lines.push(Line { op: Op::Asinh, arguments: [head; 2] });
            heads.push(result);
        } else {
            let head = pick(&mut heads, rng);
            // A zero would cut the parameter off.
            let other = if matches!(op, Op::Add | Op::Subtract) { made.take() } else { None };
            let mut arguments = [head, other.unwrap_or_else(|| Argument::Number(constant(rng)))];
            if op == Op::Subtract && rng.random::<bool>() {
                arguments.swap(0, 1);
            }
            lines.push(Line { op, arguments });
            heads.push(result);
        }
    }
    lines
}

/// $y=((x+c_1)c_2+(x-c_3)c_4)\,c_5$, in six lines.
fn program() -> Vec<Line> {
    use Argument::{Input, Line as Of, Named};
    let lines = [
        (Op::Add, [Input, Named(0)]),
        (Op::Multiply, [Of(0), Named(1)]),
        (Op::Subtract, [Input, Named(2)]),
        (Op::Multiply, [Of(2), Named(3)]),
        (Op::Add, [Of(1), Of(3)]),
        (Op::Multiply, [Of(4), Named(4)]),
    ];
    lines.map(|(op, arguments)| Line { op, arguments }).to_vec()
}

impl Task {
    /// A random one whose start is not its solution.
    pub fn new(workflow: Workflow, shape: Shape, rng: &mut Rng) -> Self {
        let mut task = Self::draw(workflow, shape, rng);
        for _ in 0..100 {
            if task.evaluate(&task.start).score > 1e-3 {
                break;
            }
            task = Self::draw(workflow, shape, rng);
        }
        task
    }

    fn draw(workflow: Workflow, shape: Shape, rng: &mut Rng) -> Self {
        let uniform = |low: f64, high: f64, rng: &mut Rng| low + (high - low) * rng.random::<f64>();
        match workflow {
            Workflow::Arithmetic => {
                let body = Body::Lines(random_lines(shape, rng));
                let solution = constant(rng);
                let mut start = uniform(-3.0, 3.0, rng);
                if (start - solution).abs() < 0.5 {
                    start += if start < solution { -0.5 } else { 0.5 };
                }
                Self { names: &["x"], start: vec![start], inputs: vec![0.0], targets: vec![0.0], body }
                    .aimed(&[solution])
            }
            Workflow::Controller => Self {
                names: &["kp", "kd", "kb"],
                start: vec![uniform(0.2, 0.6, rng), uniform(0.0, 0.3, rng), uniform(0.2, 0.8, rng)],
                inputs: vec![uniform(-2.0, -1.0, rng)],
                targets: vec![1.0],
                body: Body::Cart,
            },
            Workflow::Program => {
                let right: Vec<f64> = (0..5).map(|_| constant(rng)).collect();
                let mut start = right.clone();
                let wrong = rng.random_range(0..5_u32) as usize;
                while start[wrong] == right[wrong] {
                    start[wrong] = constant(rng);
                }
                let inputs = vec![-2.5, 0.7, 1.6, 4.2];
                let names = &["c1", "c2", "c3", "c4", "c5"];
                Self { names, start, inputs, targets: vec![0.0; 4], body: Body::Lines(program()) }.aimed(&right)
            }
        }
    }

    /// With what it puts out at `solution` as its target.
    fn aimed(mut self, solution: &[f64]) -> Self {
        let outputs = self.inputs.iter().map(|&input| self.run(solution, input).output()).collect();
        self.targets = outputs;
        self
    }

    /// The oracle: runs the workflow at $\theta$.
    pub fn evaluate(&self, theta: &[f64]) -> Seen {
        let traces: Vec<Trace> = self.inputs.iter().map(|&input| self.run(theta, input)).collect();
        let residuals: Vec<f64> = traces.iter().zip(&self.targets).map(|(trace, y)| trace.output() - y).collect();
        let worst = residuals.iter().fold(0.0, |worst: f64, r| if r.is_finite() { worst.max(r.abs()) } else { FAILED });
        Seen { theta: theta.to_vec(), traces, residuals, score: worst.min(FAILED) }
    }

    fn run(&self, theta: &[f64], input: f64) -> Trace {
        let mut trace = Trace::begin(theta);
        match &self.body {
            Body::Lines(lines) => run_lines(lines, input, &mut trace),
            Body::Cart => run_cart(input, &mut trace),
        }
        trace
    }
}

fn run_lines(lines: &[Line], input: f64, trace: &mut Trace) {
    let mut made: Vec<usize> = Vec::with_capacity(lines.len());
    let mut given: Option<usize> = None;
    for line in lines {
        let arity = line.op.arity();
        let mut nodes = [0; 2];
        for (node, argument) in nodes.iter_mut().zip(&line.arguments).take(arity) {
            *node = match *argument {
                Argument::Parameter => 0,
                Argument::Named(i) => i,
                Argument::Input => *given.get_or_insert_with(|| trace.leaf(Op::Input, input)),
                Argument::Number(value) => trace.leaf(Op::Constant, value),
                Argument::Line(line) => made[line],
            };
        }
        made.push(trace.apply(line.op, nodes));
    }
}

/// Half a second for each of six steps; beyond the limit the drive gives no more, and within the band the brake is on.
fn run_cart(position: f64, trace: &mut Trace) {
    const LIMIT: f64 = 2.0;
    const BAND: f64 = 0.5;
    let [kp, kd, kb] = [0, 1, 2];
    let mut p = trace.leaf(Op::Input, position);
    let mut v = trace.leaf(Op::Constant, 0.0);
    let goal = trace.leaf(Op::Constant, 1.0);
    let dt = trace.leaf(Op::Constant, 0.5);
    for _ in 0..6 {
        let error = trace.apply(Op::Subtract, [goal, p]);
        if trace.value(error).abs() > BAND {
            // a = kp e - kd v
            let (pull, drag) = (trace.apply(Op::Multiply, [kp, error]), trace.apply(Op::Multiply, [kd, v]));
            let mut a = trace.apply(Op::Subtract, [pull, drag]);
            if trace.value(a).abs() > LIMIT {
                // The parameters have no say here, and the graph forgets them.
                a = trace.leaf(Op::Constant, LIMIT * trace.value(a).signum());
            }
            let gain = trace.apply(Op::Multiply, [a, dt]);
            v = trace.apply(Op::Add, [v, gain]);
        } else {
            let brake = trace.apply(Op::Multiply, [kb, v]);
            let loss = trace.apply(Op::Multiply, [brake, dt]);
            v = trace.apply(Op::Subtract, [v, loss]);
        }
        let moved = trace.apply(Op::Multiply, [v, dt]);
        p = trace.apply(Op::Add, [p, moved]);
    }
}
