//! What networks are trained to make small.

use super::{Graph, Node};
use crate::math::Float;

impl<T: Float> Graph<T> {
    /// The mean over all entries of `(x - y)²`.
    pub fn mean_squared_error(&mut self, x: Node, y: Node) -> Node {
        let error = self.sub(x, y);
        let count = self.value(error).len();
        let square = self.mul(error, error);
        let sum = self.sum(square);
        self.scale(sum, T::of(1.0 / count as f64))
    }

    /// The mean over the rows of `-log softmax(x)` at the row's class.
    pub fn cross_entropy(&mut self, x: Node, classes: &[usize]) -> Node {
        let (rows, columns) = self.shape(x);
        assert_eq!(classes.len(), rows, "a class for every row");
        let log = self.log_softmax(x);
        let index = classes.iter().enumerate().map(|(i, class)| Some((i * columns + class) as u32)).collect();
        let own = self.pick(log, rows, 1, index);
        let sum = self.sum(own);
        self.scale(sum, T::of(-1.0 / rows as f64))
    }
}
