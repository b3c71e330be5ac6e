//! The multi-layer perceptron.

use super::{Activation, Initialization, Parameters};
use crate::autodiff::{Graph, Node};
use crate::math::Float;

/// Linear layers with an activation between them: `h ← φ(h W + b)`, none after the last.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// For each layer `l` from 1 on the weights `"l.weight"`, inputs x outputs, and the bias `"l.bias"`, 1 x outputs.
    pub parameters: Parameters,
    activation: Activation,
}

impl Mlp {
    /// `sizes` has the inputs, the hidden layers and the outputs. Biases are zero at first.
    pub fn new(sizes: &[usize], activation: Activation, initialization: Initialization) -> Self {
        let mut parameters = Parameters::new();
        for (layer, size) in sizes.windows(2).enumerate() {
            let deviation = initialization.deviation(size[0], size[1]);
            parameters.weights(format!("{}.weight", layer + 1), size[0], size[1], deviation);
            parameters.row(format!("{}.bias", layer + 1), size[1], 0.0);
        }
        Self { parameters, activation }
    }

    /// `x` is examples x inputs, `p` the parameters' leaves; gives examples x outputs.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, p: &[Node], x: Node) -> Node {
        let mut h = x;
        for (layer, p) in p.chunks_exact(2).enumerate() {
            if layer > 0 {
                h = self.activation.apply(graph, h);
            }
            h = graph.linear(h, p[0], p[1]);
        }
        h
    }
}
