//! Named matrices in one flat vector.

use crate::autodiff::{Graph, Node};
use crate::math::Float;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use std::ops::Range;

/// How the weights of a layer are drawn: from normal laws with mean zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initialization {
    /// Variance 2/(inputs + outputs) (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    /// networks", 2010): for activations that are about the identity near zero.
    Glorot,
    /// Variance 2/inputs (He et al., "Delving Deep into Rectifiers", 2015): for rectifiers.
    He,
    /// Variance 1/inputs (LeCun et al., "Efficient BackProp", 1998).
    LeCun,
    /// This standard deviation whatever the layer.
    Normal(f64),
}

impl Initialization {
    /// The standard deviation of the weights between so many inputs and outputs.
    pub fn deviation(self, inputs: usize, outputs: usize) -> f64 {
        match self {
            Self::Glorot => (2.0 / (inputs + outputs) as f64).sqrt(),
            Self::He => (2.0 / inputs as f64).sqrt(),
            Self::LeCun => (1.0 / inputs as f64).sqrt(),
            Self::Normal(deviation) => deviation,
        }
    }
}

/// A matrix among the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// What it is called in its network.
    pub name: String,
    /// Its rows: a layer's inputs.
    pub rows: usize,
    /// Its columns: a layer's outputs.
    pub columns: usize,
    /// The mean of its entries at first.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    start: usize,
}

impl Matrix {
    /// Where its entries lie, by rows.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.rows * self.columns
    }
}

/// Matrices that lie one after the other in a vector `θ`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    matrices: Vec<Matrix>,
}

impl Parameters {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a matrix of weights at the end.
    pub fn weights(&mut self, name: impl Into<String>, rows: usize, columns: usize, deviation: f64) {
        self.add(name.into(), rows, columns, 0.0, deviation);
    }

    /// Adds a row at the end whose entries are all `value` at first: a bias or a gain.
    pub fn row(&mut self, name: impl Into<String>, columns: usize, value: f64) {
        self.add(name.into(), 1, columns, value, 0.0);
    }

    fn add(&mut self, name: String, rows: usize, columns: usize, mean: f64, deviation: f64) {
        let start = self.count();
        self.matrices.push(Matrix { name, rows, columns, mean, deviation, start });
    }

    /// The matrices in order.
    pub fn matrices(&self) -> &[Matrix] {
        &self.matrices
    }

    /// The matrix of this name.
    pub fn matrix(&self, name: &str) -> Option<&Matrix> {
        self.matrices.iter().find(|matrix| matrix.name == name)
    }

    /// Rows and columns of each matrix, for optimizers that look at them.
    pub fn shapes(&self) -> Vec<(usize, usize)> {
        self.matrices.iter().map(|matrix| (matrix.rows, matrix.columns)).collect()
    }

    /// The length of `θ`.
    pub fn count(&self) -> usize {
        self.matrices.last().map_or(0, |matrix| matrix.range().end)
    }

    /// A `θ` to begin with. The same generator gives the same in `f32` as in `f64`, but for rounding.
    pub fn initial<T: Float>(&self, rng: &mut (impl Rng + ?Sized)) -> Vec<T> {
        let mut theta = Vec::with_capacity(self.count());
        for matrix in &self.matrices {
            let entry = |_| match matrix.deviation {
                0.0 => T::of(matrix.mean),
                deviation => T::of(matrix.mean + deviation * rng.sample::<f64, _>(StandardNormal)),
            };
            theta.extend(matrix.range().map(entry));
        }
        theta
    }

    /// The matrices of `θ` as leaves of a graph.
    pub fn leaves<T: Float>(&self, graph: &mut Graph<T>, theta: &[T]) -> Vec<Node> {
        assert_eq!(theta.len(), self.count(), "the length of the parameters");
        self.matrices.iter().map(|m| graph.leaf(m.rows, m.columns, theta[m.range()].to_vec())).collect()
    }

    /// The value at `θ` of the 1 x 1 node that `loss` makes of the matrices.
    pub fn value<T: Float>(&self, theta: &[T], loss: impl FnOnce(&mut Graph<T>, &[Node]) -> Node) -> T {
        let mut graph = Graph::new();
        let p = self.leaves(&mut graph, theta);
        let f = loss(&mut graph, &p);
        graph.scalar(f)
    }

    /// The value at `θ`, and the gradient, which is written into `gradient`.
    pub fn gradient<T: Float>(
        &self,
        theta: &[T],
        gradient: &mut [T],
        loss: impl FnOnce(&mut Graph<T>, &[Node]) -> Node,
    ) -> T {
        let mut graph = Graph::new();
        let p = self.leaves(&mut graph, theta);
        let f = loss(&mut graph, &p);
        let gradients = graph.gradients(f, &p);
        self.flatten(&graph, &gradients, gradient);
        graph.scalar(f)
    }

    /// The value at `θ`, and the Hessian times `v`, which is written into `product`.
    pub fn hessian_vector<T: Float>(
        &self,
        theta: &[T],
        v: &[T],
        product: &mut [T],
        loss: impl FnOnce(&mut Graph<T>, &[Node]) -> Node,
    ) -> T {
        let mut graph = Graph::new();
        let (p, v) = (self.leaves(&mut graph, theta), self.leaves(&mut graph, v));
        let f = loss(&mut graph, &p);
        let products = graph.hessian_vectors(f, &p, &v);
        self.flatten(&graph, &products, product);
        graph.scalar(f)
    }

    fn flatten<T: Float>(&self, graph: &Graph<T>, nodes: &[Node], into: &mut [T]) {
        assert_eq!(into.len(), self.count(), "the length of the parameters");
        for (matrix, &node) in self.matrices.iter().zip(nodes) {
            into[matrix.range()].copy_from_slice(graph.value(node));
        }
    }
}
