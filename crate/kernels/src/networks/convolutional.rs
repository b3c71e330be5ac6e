//! A small convolutional network, for images and for signals.

use super::{Activation, Initialization, Parameters};
use crate::autodiff::{Convolution, Graph, Node, Pooling};
use crate::math::Float;

/// A convolution, the activation, and perhaps pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionalLayer {
    /// Filters, and so channels of the output.
    pub outputs: usize,
    /// Height and width of a filter.
    pub window: (usize, usize),
    /// How far it moves from one place to the next.
    pub stride: usize,
    /// What is done with the output: patches of this height and width are pooled.
    pub pooling: Option<(Pooling, (usize, usize))>,
}

/// Convolutional layers and a linear readout of all that is left.
#[derive(Clone, Debug)]
pub struct ConvolutionalNetwork {
    /// For each layer `l` from 1 on the filters `"l.filters"`, (window height · window width · channels) x outputs, and the
    /// bias `"l.bias"`; then `"readout.weight"` and `"readout.bias"`.
    pub parameters: Parameters,
    layers: Vec<(ConvolutionalLayer, Convolution)>,
    activation: Activation,
}

impl ConvolutionalNetwork {
    /// For images of size (height, width, channels); a signal has height one.
    pub fn new(
        image: (usize, usize, usize),
        layers: &[ConvolutionalLayer],
        outputs: usize,
        activation: Activation,
        initialization: Initialization,
    ) -> Self {
        let (mut size, mut parameters, mut placed) = (image, Parameters::new(), Vec::new());
        for (number, &layer) in layers.iter().enumerate() {
            let convolution = Convolution::new(size, layer.window, layer.stride);
            let deviation = initialization.deviation(convolution.patch(), layer.outputs);
            parameters.weights(format!("{}.filters", number + 1), convolution.patch(), layer.outputs, deviation);
            parameters.row(format!("{}.bias", number + 1), layer.outputs, 0.0);
            let (height, width) = convolution.places();
            let (high, wide) = layer.pooling.map_or((1, 1), |(_, window)| window);
            size = (height / high, width / wide, layer.outputs);
            placed.push((layer, convolution));
        }
        let features = size.0 * size.1 * size.2;
        parameters.weights("readout.weight", features, outputs, initialization.deviation(features, outputs));
        parameters.row("readout.bias", outputs, 0.0);
        Self { parameters, layers: placed, activation }
    }

    /// `x` has an image in each row, its entries by pixels, line by line, the channels of each together; `p` are the
    /// parameters' leaves. Gives images x outputs.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, p: &[Node], x: Node) -> Node {
        let mut h = x;
        for ((layer, convolution), p) in self.layers.iter().zip(p.chunks_exact(2)) {
            h = convolution.apply(graph, h, p[0], p[1]);
            h = self.activation.apply(graph, h);
            if let Some((pooling, window)) = layer.pooling {
                let (height, width) = convolution.places();
                h = pooling.apply(graph, h, (height, width, layer.outputs), window);
            }
        }
        let readout = 2 * self.layers.len();
        graph.linear(h, p[readout], p[readout + 1])
    }
}
