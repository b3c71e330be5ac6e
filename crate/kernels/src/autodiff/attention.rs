//! Scaled dot-product attention.

use super::{Graph, Node};
use crate::math::Float;

impl<T: Float> Graph<T> {
    /// `softmax(q kᵀ / √d) v` (Vaswani et al., "Attention Is All You Need", 2017, equation 1), for `count` sequences and heads
    /// at once, one below the other: of each, `q` holds queries x `d`, `k` keys x `d`, `v` keys x width, and the result
    /// queries x width. If `causal`, query `i` sees the keys up to `i`.
    pub fn attention(&mut self, q: Node, k: Node, v: Node, causal: bool, count: usize) -> Node {
        let d = self.shape(q).1;
        let q = self.scale(q, T::of(1.0 / (d as f64).sqrt()));
        let mut scores = self.products((q, false), (k, true), count);
        if causal {
            let (rows, keys) = self.shape(scores);
            let queries = rows / count;
            // Far below every score, and finite, so that a masked entry is zero with a gradient of zero.
            let hidden = |i: usize| if i % keys > i / keys % queries { T::of(-1e9) } else { T::default() };
            let mask = self.leaf(rows, keys, (0..rows * keys).map(hidden).collect());
            scores = self.add(scores, mask);
        }
        let weights = self.softmax(scores);
        self.products((weights, false), (v, false), count)
    }
}
