//! A small transformer (Vaswani et al., "Attention Is All You Need", 2017), its layers normalised on the way in (Xiong et al.,
//! "On Layer Normalization in the Transformer Architecture", 2020).

use super::{Activation, Parameters};
use crate::autodiff::{Graph, Node};
use crate::math::{self, Float};
use std::rc::Rc;

/// What a sequence is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Numbers below this, each with a row of its own in the embedding.
    Tokens(usize),
    /// Vectors of this length, which the embedding maps linearly.
    Vectors(usize),
}

/// How the network knows where in the sequence something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Not at all, but for a causal mask.
    None,
    /// Waves of wavelengths from 2π to 20,000π are added (Vaswani et al., section 3.5).
    Sinusoidal,
    /// Rows that are learned are added.
    Learned,
}

/// The sizes of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformerShape {
    /// What comes in.
    pub input: Input,
    /// The length of every sequence.
    pub length: usize,
    /// Entries of the vector that stands for a place in the sequence.
    pub width: usize,
    /// Heads, a divisor of the width.
    pub heads: usize,
    /// Layers, each of attention and a perceptron.
    pub layers: usize,
    /// Hidden units of the perceptrons: often four times the width. Without any, layers are attention alone.
    pub hidden: usize,
    /// What is read out at each place.
    pub outputs: usize,
    /// Whether a place sees only itself and what comes before it.
    pub causal: bool,
    /// How the network knows places apart.
    pub positions: Positions,
}

/// A transformer: `h ← h + attention(norm h)`, `h ← h + perceptron(norm h)` in each layer, then a norm and a linear readout.
#[derive(Clone, Debug)]
pub struct Transformer {
    /// `"embedding"`; `"positions"` where they are learned; for each layer `l` from 1 on `"l.attention.gain"` and `.bias` of
    /// the norm, `"l.query"`, `"l.key"`, `"l.value"`, `"l.output"`, and, with hidden units, `"l.perceptron.gain"` and
    /// `.bias`, `"l.expand.weight"` and `.bias`, `"l.contract.weight"` and `.bias`; then `"readout.gain"`, `"readout.bias"`,
    /// `"readout.weight"` and `"readout.offset"`.
    pub parameters: Parameters,
    shape: TransformerShape,
    activation: Activation,
    split: Rc<[Option<u32>]>,
    join: Rc<[Option<u32>]>,
    waves: Vec<f64>,
}

/// What is added to the variance in a norm.
const EPSILON: f64 = 1e-5;

impl Transformer {
    /// Weights are drawn with variance 1/inputs; those that write into the sum over the layers are smaller by the root of how
    /// many do (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3). The activation is
    /// that of the perceptrons.
    pub fn new(shape: TransformerShape, activation: Activation) -> Self {
        let TransformerShape { input, length, width, heads, layers, hidden, outputs, .. } = shape;
        assert!(heads > 0 && width.is_multiple_of(heads), "{width} entries for {heads} heads");
        let own = |inputs: usize| 1.0 / (inputs as f64).sqrt();
        let shared = |inputs: usize| own(inputs) / (((if hidden > 0 { 2 } else { 1 }) * layers) as f64).sqrt();
        let mut parameters = Parameters::new();
        match input {
            Input::Tokens(kinds) => parameters.weights("embedding", kinds, width, 1.0),
            Input::Vectors(inputs) => parameters.weights("embedding", inputs, width, own(inputs)),
        }
        if shape.positions == Positions::Learned {
            parameters.weights("positions", length, width, 1.0);
        }
        for l in 1..=layers {
            parameters.row(format!("{l}.attention.gain"), width, 1.0);
            parameters.row(format!("{l}.attention.bias"), width, 0.0);
            for name in ["query", "key", "value"] {
                parameters.weights(format!("{l}.{name}"), width, width, own(width));
            }
            parameters.weights(format!("{l}.output"), width, width, shared(width));
            if hidden > 0 {
                parameters.row(format!("{l}.perceptron.gain"), width, 1.0);
                parameters.row(format!("{l}.perceptron.bias"), width, 0.0);
                parameters.weights(format!("{l}.expand.weight"), width, hidden, own(width));
                parameters.row(format!("{l}.expand.bias"), hidden, 0.0);
                parameters.weights(format!("{l}.contract.weight"), hidden, width, shared(hidden));
                parameters.row(format!("{l}.contract.bias"), width, 0.0);
            }
        }
        parameters.row("readout.gain", width, 1.0);
        parameters.row("readout.bias", width, 0.0);
        parameters.weights("readout.weight", width, outputs, own(width));
        parameters.row("readout.offset", outputs, 0.0);

        // Of one sequence: by places and heads, to by heads and places, and back.
        let size = width / heads;
        let split = |i: usize| (i / size % length) * width + i / (length * size) * size + i % size;
        let join = |i: usize| (i / size % heads) * length * size + i / width * size + i % size;
        let index = |place: &dyn Fn(usize) -> usize| (0..length * width).map(|i| Some(place(i) as u32)).collect();
        let waves = match shape.positions {
            Positions::Sinusoidal => (0..length * width).map(|i| wave(i / width, i % width, width)).collect(),
            _ => Vec::new(),
        };
        Self { parameters, shape, activation, split: index(&split), join: index(&join), waves }
    }

    /// `x` holds sequences of vectors one below the other, (sequences · length) x inputs; `p` are the parameters' leaves. Gives
    /// (sequences · length) x outputs.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, p: &[Node], x: Node) -> Node {
        let embedded = graph.matmul(x, p[0]);
        self.layers(graph, p, embedded)
    }

    /// The same for sequences of tokens, one after the other.
    pub fn apply_tokens<T: Float>(&self, graph: &mut Graph<T>, p: &[Node], tokens: &[usize]) -> Node {
        let embedded = graph.rows(p[0], tokens);
        self.layers(graph, p, embedded)
    }

    fn layers<T: Float>(&self, graph: &mut Graph<T>, p: &[Node], embedded: Node) -> Node {
        let TransformerShape { length, width, heads, layers, hidden, causal, .. } = self.shape;
        let rows = graph.shape(embedded).0;
        assert!(rows.is_multiple_of(length), "sequences of length {length} in {rows} rows");
        let sequences = rows / length;
        let mut p = p[1..].iter().copied();
        let mut next = || p.next().expect("a leaf for every parameter");

        let mut h = match self.shape.positions {
            Positions::None => embedded,
            Positions::Sinusoidal => {
                let waves = graph.leaf(length, width, self.waves.iter().map(|&x| T::of(x)).collect());
                self.add_positions(graph, embedded, waves)
            }
            Positions::Learned => self.add_positions(graph, embedded, next()),
        };
        for _ in 0..layers {
            let normal = graph.layer_norm(h, next(), next(), EPSILON);
            let [q, k, v] = [next(), next(), next()].map(|weight| {
                let all = graph.matmul(normal, weight);
                graph.pick(all, sequences * heads * length, width / heads, self.split.clone())
            });
            let seen = graph.attention(q, k, v, causal, sequences * heads);
            let seen = graph.pick(seen, rows, width, self.join.clone());
            let seen = graph.matmul(seen, next());
            h = graph.add(h, seen);
            if hidden > 0 {
                let normal = graph.layer_norm(h, next(), next(), EPSILON);
                let inner = graph.linear(normal, next(), next());
                let inner = self.activation.apply(graph, inner);
                let outer = graph.linear(inner, next(), next());
                h = graph.add(h, outer);
            }
        }
        let normal = graph.layer_norm(h, next(), next(), EPSILON);
        graph.linear(normal, next(), next())
    }

    /// Adds the same rows to every sequence.
    fn add_positions<T: Float>(&self, graph: &mut Graph<T>, x: Node, positions: Node) -> Node {
        let (rows, width) = graph.shape(x);
        let length = self.shape.length;
        let sequences = graph.reshape(x, rows / length, length * width);
        let positions = graph.reshape(positions, 1, length * width);
        let sum = graph.add(sequences, positions);
        graph.reshape(sum, rows, width)
    }
}

/// Entry `j` of the sinusoidal position `t`: sine and cosine in turn.
fn wave(t: usize, j: usize, width: usize) -> f64 {
    let angle = t as f64 / math::pow(10_000.0, (j - j % 2) as f64 / width as f64);
    if j.is_multiple_of(2) { math::sin(angle) } else { math::cos(angle) }
}
