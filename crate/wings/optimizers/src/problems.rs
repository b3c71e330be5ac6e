//! Classification as an objective: logistic regression or a small network, on the real digits or on the visitor's table.
//!
//! ```
//! use orrery_core::prelude::*;
//! use orrery_optimizers::problems::Classifier;
//!
//! let mut rng = Rng::seed_from_u64(1);
//! let problem = Classifier::digits(300, &[16], &mut rng);
//! let theta = problem.initial(&mut rng);
//! let mut gradient = vec![0.0; problem.count()];
//! let rows = problem.batch(32, &mut rng);
//! let loss = problem.value_and_gradient(&theta, &rows, &mut gradient);
//! assert!(loss > 1.0 && problem.accuracy(&theta) < 0.5);
//! ```

use orrery_core::prelude::*;
use orrery_kernels::autodiff::{Graph, Node};
use orrery_kernels::data;
use orrery_kernels::networks::{Activation, Initialization, Mlp};
use std::rc::Rc;

/// Mean cross-entropy over examples, as a function of a network's parameters.
#[derive(Clone)]
pub struct Classifier {
    network: Rc<Mlp>,
    learnt: Rc<data::Table>,
    held: Rc<data::Table>,
}

impl Classifier {
    /// So many of the real digits, grey levels from 0 to 1, to learn from; the others are held out. Without hidden layers
    /// it is logistic regression.
    pub fn digits(examples: usize, hidden: &[usize], rng: &mut Rng) -> Self {
        let mut digits = data::digits();
        digits.features.iter_mut().for_each(|grey| *grey /= 16.0);
        Self::new(digits, examples, hidden, rng)
    }

    /// So many examples of a table to learn from; the others are held out.
    pub fn new(table: data::Table, examples: usize, hidden: &[usize], rng: &mut Rng) -> Self {
        let sizes = [&[table.columns], hidden, &[table.classes]].concat();
        let (learnt, held) = table.split(examples, rng);
        let network = Mlp::new(&sizes, Activation::Tanh, Initialization::Glorot);
        Self { network: Rc::new(network), learnt: Rc::new(learnt), held: Rc::new(held) }
    }

    /// How many parameters there are.
    pub fn count(&self) -> usize {
        self.network.parameters.count()
    }

    /// How many examples are learnt from.
    pub fn examples(&self) -> usize {
        self.learnt.rows()
    }

    /// Rows and columns of each matrix among the parameters.
    pub fn shapes(&self) -> Vec<(usize, usize)> {
        self.network.parameters.shapes()
    }

    /// Parameters to begin with.
    pub fn initial(&self, rng: &mut Rng) -> Vec<f64> {
        self.network.parameters.initial(rng)
    }

    /// The places of `size` examples, drawn with replacement; of all, in order, where there are not more.
    pub fn batch(&self, size: usize, rng: &mut Rng) -> Vec<usize> {
        let rows = self.examples();
        if size >= rows {
            return (0..rows).collect();
        }
        (0..size).map(|_| rng.random_range(0..rows as u32) as usize).collect()
    }

    fn loss(&self, graph: &mut Graph<f64>, p: &[Node], table: &data::Table) -> Node {
        let x = graph.leaf(table.rows(), table.columns, table.features.clone());
        let logits = self.network.apply(graph, p, x);
        graph.cross_entropy(logits, &table.labels)
    }

    /// The loss over these examples, with its gradient written into `gradient`.
    pub fn value_and_gradient(&self, theta: &[f64], rows: &[usize], gradient: &mut [f64]) -> f64 {
        let batch = self.learnt.pick(rows);
        self.network.parameters.gradient(theta, gradient, |graph, p| self.loss(graph, p, &batch))
    }

    /// The loss over these examples, with the Hessian times `v` written into `product`.
    pub fn hessian_vector(&self, theta: &[f64], rows: &[usize], v: &[f64], product: &mut [f64]) -> f64 {
        let batch = self.learnt.pick(rows);
        self.network.parameters.hessian_vector(theta, v, product, |graph, p| self.loss(graph, p, &batch))
    }

    /// The loss over all examples that are learnt from.
    pub fn value(&self, theta: &[f64]) -> f64 {
        self.network.parameters.value(theta, |graph, p| self.loss(graph, p, &self.learnt))
    }

    /// The loss over the held-out examples; over those learnt from, if none is held out.
    pub fn held_out(&self, theta: &[f64]) -> f64 {
        let table = if self.held.rows() > 0 { &self.held } else { &self.learnt };
        self.network.parameters.value(theta, |graph, p| self.loss(graph, p, table))
    }

    /// The share of the held-out examples that are told right; of those learnt from, if none is held out.
    pub fn accuracy(&self, theta: &[f64]) -> f64 {
        let table = if self.held.rows() > 0 { &self.held } else { &self.learnt };
        let mut graph = Graph::new();
        let p = self.network.parameters.leaves(&mut graph, theta);
        let x = graph.leaf(table.rows(), table.columns, table.features.clone());
        let logits = self.network.apply(&mut graph, &p, x);
        let best = |row: &[f64]| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
        let told = graph.value(logits).chunks_exact(table.classes).map(best);
        let right = told.zip(&table.labels).filter(|(told, label)| told == *label).count();
        right as f64 / table.rows().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_all_is_the_whole_loss_and_its_gradient_a_limit_of_differences() {
        let mut rng = Rng::seed_from_u64(3);
        let problem = Classifier::digits(60, &[5], &mut rng);
        let mut theta = problem.initial(&mut rng);
        let mut g = vec![0.0; problem.count()];
        let rows = problem.batch(1000, &mut rng);
        let value = problem.value_and_gradient(&theta, &rows, &mut g);
        assert!((value - problem.value(&theta)).abs() < 1e-13);
        for k in [20, 100, problem.count() - 1] {
            let (h, here) = (1e-5, theta[k]);
            theta[k] = here + h;
            let up = problem.value(&theta);
            theta[k] = here - h;
            assert!(((up - problem.value(&theta)) / (2.0 * h) - g[k]).abs() < 1e-8);
            theta[k] = here;
        }
    }

    #[test]
    fn descent_learns_digits_that_it_has_not_seen() {
        let mut rng = Rng::seed_from_u64(1);
        let problem = Classifier::digits(600, &[], &mut rng);
        let mut theta = problem.initial(&mut rng);
        let mut g = vec![0.0; problem.count()];
        for _ in 0..300 {
            let rows = problem.batch(64, &mut rng);
            problem.value_and_gradient(&theta, &rows, &mut g);
            theta.iter_mut().zip(&g).for_each(|(x, g)| *x -= 0.5 * g);
        }
        assert!(problem.accuracy(&theta) > 0.85, "{}", problem.accuracy(&theta));
    }
}
