//! What stands between the layers.

use crate::autodiff::{Graph, Node};
use crate::math::Float;

/// A function of every entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`: the network is linear.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `max(x, slope x)`.
    LeakyRelu(f64),
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
    /// `x Φ(x)`.
    Gelu,
    /// `x σ(x)`.
    Silu,
    /// `log(1 + e^x)`.
    Softplus,
}

impl Activation {
    /// The function of every entry of `x`.
    pub fn apply<T: Float>(self, graph: &mut Graph<T>, x: Node) -> Node {
        match self {
            Self::Identity => x,
            Self::Relu => graph.relu(x),
            Self::LeakyRelu(slope) => graph.leaky_relu(x, slope),
            Self::Tanh => graph.tanh(x),
            Self::Sigmoid => graph.sigmoid(x),
            Self::Gelu => graph.gelu(x),
            Self::Silu => graph.silu(x),
            Self::Softplus => graph.softplus(x),
        }
    }
}
