//! The training of a small network.

use crate::Workload;
use crate::data::centred;
use orrery_kernels::autodiff::{Graph, Node};

/// Inputs, two hidden layers, classes.
const LAYERS: [usize; 4] = [64, 256, 256, 10];
const EXAMPLES: usize = 128;
const RATE: f32 = 0.1;

/// A unit of work is one step of gradient descent on the mean cross entropy over all examples, in single precision.
struct Training {
    x: Vec<f32>,
    classes: Vec<usize>,
    /// Weights and biases of each layer.
    parameters: [Vec<f32>; 6],
}

/// From weights evenly spread over `±1/√inputs`, and biases of zero.
pub fn step() -> impl Workload {
    let parameters = std::array::from_fn(|k| {
        let (inputs, outputs) = (LAYERS[k / 2], LAYERS[k / 2 + 1]);
        if k % 2 == 1 {
            return vec![0.0; outputs];
        }
        let scale = 1.0 / (inputs as f32).sqrt();
        centred(2 + k as u32, inputs * outputs).into_iter().map(|w: f32| w * scale).collect()
    });
    let classes = (0..EXAMPLES).map(|i| i % LAYERS[3]).collect();
    Training { x: centred(1, EXAMPLES * LAYERS[0]), classes, parameters }
}

impl Training {
    /// The loss and the parameters, written down.
    fn loss(&self, g: &mut Graph<f32>) -> (Node, [Node; 6]) {
        let nodes: [Node; 6] = std::array::from_fn(|k| {
            let rows = if k % 2 == 0 { LAYERS[k / 2] } else { 1 };
            g.leaf(rows, LAYERS[k / 2 + 1], self.parameters[k].clone())
        });
        let mut x = g.leaf(EXAMPLES, LAYERS[0], self.x.clone());
        for (k, layer) in nodes.as_chunks::<2>().0.iter().enumerate() {
            if k > 0 {
                x = g.relu(x);
            }
            x = g.linear(x, layer[0], layer[1]);
        }
        (g.cross_entropy(x, &self.classes), nodes)
    }
}

impl Workload for Training {
    fn unit(&mut self) {
        let mut g = Graph::new();
        let (loss, nodes) = self.loss(&mut g);
        let gradient = g.gradient(loss, nodes);
        for (parameters, by) in self.parameters.iter_mut().zip(gradient) {
            parameters.iter_mut().zip(g.value(by)).for_each(|(p, by)| *p -= RATE * by);
        }
    }

    /// The loss.
    fn check(&self) -> f64 {
        let mut g = Graph::new();
        let (loss, _) = self.loss(&mut g);
        f64::from(g.scalar(loss))
    }
}
