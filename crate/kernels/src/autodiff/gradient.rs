//! The reverse sweep.

use super::{Graph, Node};
use crate::math::Float;

impl<T: Float> Graph<T> {
    /// The gradient of the 1 x 1 node `f` by each of `by`: new nodes, zero where `f` does not depend on one.
    pub fn gradient<const N: usize>(&mut self, f: Node, by: [Node; N]) -> [Node; N] {
        let gradients = self.gradients(f, &by);
        std::array::from_fn(|i| gradients[i])
    }

    /// The same for any number of nodes.
    pub fn gradients(&mut self, f: Node, by: &[Node]) -> Vec<Node> {
        assert_eq!(self.shape(f), (1, 1), "a gradient is of a scalar");
        // Which nodes depend on one that is differentiated by: inputs come before what is made of them.
        let mut depends = vec![false; f.0 + 1];
        for i in 0..=f.0 {
            let inputs = self.entries[i].operation.inputs();
            depends[i] = by.contains(&Node(i)) || inputs.iter().flatten().any(|input| depends[input.0]);
        }

        let mut adjoints: Vec<Option<Node>> = vec![None; f.0 + 1];
        adjoints[f.0] = Some(self.leaf(1, 1, vec![T::of(1.0)]));
        for i in (0..=f.0).rev().filter(|&i| depends[i]) {
            let Some(d) = adjoints[i] else { continue };
            for (number, input) in self.entries[i].operation.inputs().into_iter().enumerate() {
                let Some(input) = input.filter(|input| depends[input.0]) else { continue };
                let contribution = self.pull_back(Node(i), d, number);
                adjoints[input.0] = Some(match adjoints[input.0] {
                    Some(sum) => self.add(sum, contribution),
                    None => contribution,
                });
            }
        }
        by.iter().map(|&node| adjoints.get(node.0).copied().flatten().unwrap_or_else(|| self.zeros(node))).collect()
    }

    /// The Hessian of the 1 x 1 node `f` times the direction `v`, whose parts have the shapes of `by`: the gradient of
    /// `⟨∇f, v⟩` (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
    pub fn hessian_vector<const N: usize>(&mut self, f: Node, by: [Node; N], v: [Node; N]) -> [Node; N] {
        let products = self.hessian_vectors(f, &by, &v);
        std::array::from_fn(|i| products[i])
    }

    /// The same for any number of nodes.
    pub fn hessian_vectors(&mut self, f: Node, by: &[Node], v: &[Node]) -> Vec<Node> {
        let gradients = self.gradients(f, by);
        let mut slope = self.leaf(1, 1, vec![T::default()]);
        for (gradient, &v) in gradients.into_iter().zip(v) {
            let product = self.mul(gradient, v);
            let product = self.sum(product);
            slope = self.add(slope, product);
        }
        self.gradients(slope, by)
    }

    fn zeros(&mut self, like: Node) -> Node {
        let (rows, columns) = self.shape(like);
        self.leaf(rows, columns, vec![T::default(); rows * columns])
    }
}
