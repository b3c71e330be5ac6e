//! Scalar networks with a quadratic part beside them, and how one of them learns.

use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use orrery_kernels::optim::{Adam, Optimizer};
use std::rc::Rc;

/// A network with its optimizer.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) mlp: Rc<Mlp>,
    pub(crate) theta: Vec<f32>,
    pub(crate) adam: Adam<f32>,
}

impl Network {
    /// Two hidden layers, and beside them `head` matrices of the inputs as they are. Zero at first.
    pub(crate) fn new(inputs: usize, width: usize, outputs: usize, head: &[(usize, usize)], rng: &mut Rng) -> Self {
        let mut mlp = Mlp::new(&[inputs, width, width, outputs], Activation::Tanh, Initialization::LeCun);
        for (number, &(rows, columns)) in head.iter().enumerate() {
            mlp.parameters.weights(format!("head.{number}"), rows, columns, 0.0);
        }
        let mut theta: Vec<f32> = mlp.parameters.initial(rng);
        if let Some(last) = mlp.parameters.matrix("3.weight") {
            theta[last.range()].fill(0.0);
        }
        let adam = Adam::new(theta.len(), 0.0, [0.5, 0.99]);
        Self { mlp: Rc::new(mlp), theta, adam }
    }

    /// With a quadratic head, for [`potential`].
    pub(crate) fn potential(inputs: usize, width: usize, rng: &mut Rng) -> Self {
        Self::new(inputs, width, 1, &[(inputs, inputs), (inputs, 1)], rng)
    }

    /// The parameters in a graph.
    pub(crate) fn leaves(&self, g: &mut Graph<f32>) -> Vec<Node> {
        self.mlp.parameters.leaves(g, &self.theta)
    }

    /// One step down the loss; whether it was a finite one.
    pub(crate) fn descend(&mut self, rate: f64, loss: impl FnOnce(&mut Graph<f32>, &[Node]) -> Node) -> bool {
        let mut gradient = vec![0.0; self.theta.len()];
        let value = self.mlp.parameters.gradient(&self.theta, &mut gradient, loss);
        self.adam.rate = rate;
        self.adam.step(&mut self.theta, &gradient);
        value.is_finite() && self.theta.iter().all(|x| x.is_finite())
    }
}

/// $\varphi(z)$: a network with a quadratic head $z^\top Az+b^\top z$.
pub(crate) fn potential(network: &Mlp, g: &mut Graph<f32>, p: &[Node], z: Node) -> Node {
    let (layers, head) = p.split_at(6);
    let bent = network.apply(g, layers, z);
    let (rows, bend) = (g.shape(z).0, g.matmul(z, head[0]));
    let square = g.mul(bend, z);
    let square = g.collect(square, rows, 1);
    let line = g.matmul(z, head[1]);
    let straight = g.add(square, line);
    g.add(bent, straight)
}

/// The mean of all entries.
pub(crate) fn mean(g: &mut Graph<f32>, x: Node) -> Node {
    let count = g.value(x).len();
    let sum = g.sum(x);
    g.scale(sum, 1.0 / count as f32)
}
