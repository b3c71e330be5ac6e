//! Matrix products.

use super::operation::Operation;
use super::{Graph, Node};
use crate::linalg::{View, matmul_add};
use crate::math::Float;

impl<T: Float> Graph<T> {
    /// `a b`.
    pub fn matmul(&mut self, a: Node, b: Node) -> Node {
        self.product((a, false), (b, false))
    }

    /// `op(a) op(b)`, where `op` transposes or does not.
    pub fn product(&mut self, a: (Node, bool), b: (Node, bool)) -> Node {
        self.products(a, b, 1)
    }

    /// Many products at once: `a` holds `count` matrices of one shape, one below the other, and so do `b` and the result,
    /// whose matrix `i` is `op(a_i) op(b_i)`.
    pub fn products(&mut self, a: (Node, bool), b: (Node, bool), count: usize) -> Node {
        let (left, right) = (self.stack(a, count), self.stack(b, count));
        let mut size = (0, 0);
        let mut value = Vec::new();
        for (i, (left, right)) in left.zip(right).enumerate() {
            size = (left.rows(), right.columns());
            value.resize(count * size.0 * size.1, T::default());
            matmul_add(left, right, &mut value[i * size.0 * size.1..][..size.0 * size.1]);
        }
        self.push(Operation::Product { a, b, count }, count * size.0, size.1, value)
    }

    fn stack(&self, (node, transposed): (Node, bool), count: usize) -> impl Iterator<Item = View<'_, T>> {
        let (rows, columns) = self.shape(node);
        assert!(count > 0 && rows.is_multiple_of(count), "{count} matrices in {rows} rows");
        let (height, value) = (rows / count, self.value(node));
        (0..count).map(move |i| {
            let view = View::by_rows(&value[i * height * columns..][..height * columns], height, columns);
            if transposed { view.t() } else { view }
        })
    }
}
