//! The training of a small network.

use crate::Workload;
use crate::data::centred;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Optimizer, Sgd};

/// Inputs, two hidden layers, classes.
const LAYERS: [usize; 4] = [64, 256, 256, 10];
const EXAMPLES: usize = 128;
const RATE: f64 = 0.1;

/// A unit of work is one step of gradient descent on the mean cross entropy over all examples, in single precision.
struct Training {
    network: Mlp,
    theta: Vec<f32>,
    gradient: Vec<f32>,
    descent: Sgd<f32>,
    x: Vec<f32>,
    classes: Vec<usize>,
}

/// From weights evenly spread over `±1/√inputs`, and biases of zero.
pub fn step() -> impl Workload {
    let network = Mlp::new(&LAYERS, Activation::Relu, Initialization::LeCun);
    let mut theta = vec![0.0; network.parameters.count()];
    for (k, weights) in network.parameters.matrices().iter().enumerate().step_by(2) {
        let scale = 1.0 / (weights.rows as f32).sqrt();
        let entries = centred(2 + k as u32, weights.range().len());
        theta[weights.range()].iter_mut().zip(entries).for_each(|(w, entry): (_, f32)| *w = entry * scale);
    }
    let (gradient, descent) = (theta.clone(), Sgd::new(theta.len(), RATE, 0.0));
    let classes = (0..EXAMPLES).map(|i| i % LAYERS[3]).collect();
    Training { network, theta, gradient, descent, x: centred(1, EXAMPLES * LAYERS[0]), classes }
}

impl Workload for Training {
    fn unit(&mut self) {
        let Self { network, theta, gradient, descent, x, classes } = self;
        network.parameters.gradient(theta, gradient, |graph, p| loss(network, x, classes, graph, p));
        descent.step(theta, gradient);
    }

    /// The loss.
    fn check(&self) -> f64 {
        let Self { network, theta, x, classes, .. } = self;
        network.parameters.value(theta, |graph, p| loss(network, x, classes, graph, p)).into()
    }
}

fn loss(network: &Mlp, x: &[f32], classes: &[usize], graph: &mut Graph<f32>, p: &[Node]) -> Node {
    let x = graph.leaf(EXAMPLES, LAYERS[0], x.to_vec());
    let logits = network.apply(graph, p, x);
    graph.cross_entropy(logits, classes)
}
