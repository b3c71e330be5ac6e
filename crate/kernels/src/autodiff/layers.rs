//! What networks are made of, written in the graph's operations.

use super::{Float, Graph, Node};
use std::rc::Rc;

impl<T: Float> Graph<T> {
    /// `x w + b`: `x` is examples x inputs, `w` inputs x outputs, `b` 1 x outputs.
    pub fn linear(&mut self, x: Node, w: Node, b: Node) -> Node {
        let product = self.matmul(x, w);
        let (rows, columns) = self.shape(product);
        let bias = self.spread(b, rows, columns);
        self.add(product, bias)
    }

    /// The softmax of each row.
    pub fn softmax(&mut self, x: Node) -> Node {
        let log = self.log_softmax(x);
        self.exp(log)
    }

    /// `x Φ(x)` with the normal distribution function `Φ` (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
    pub fn gelu(&mut self, x: Node) -> Node {
        let scaled = self.scale(x, T::of(0.5_f64.sqrt()));
        let erf = self.erf(scaled);
        let twice = self.shift(erf, T::of(1.0));
        let product = self.mul(x, twice);
        self.scale(product, T::of(0.5))
    }

    /// The mean over the columns of each row, one column.
    pub fn row_mean(&mut self, x: Node) -> Node {
        let (rows, columns) = self.shape(x);
        let sum = self.collect(x, rows, 1);
        self.scale(sum, T::of(1.0 / columns as f64))
    }

    /// Each row centred and scaled to unit variance, then `∘ gain + bias`, both 1 x columns (Ba, Kiros and Hinton,
    /// "Layer Normalization", 2016).
    pub fn layer_norm(&mut self, x: Node, gain: Node, bias: Node, epsilon: f64) -> Node {
        let (rows, columns) = self.shape(x);
        let mean = self.row_mean(x);
        let mean = self.spread(mean, rows, columns);
        let centred = self.sub(x, mean);
        let square = self.mul(centred, centred);
        let variance = self.row_mean(square);
        let variance = self.shift(variance, T::of(epsilon));
        let deviation = self.sqrt(variance);
        let scale = self.recip(deviation);
        let scale = self.spread(scale, rows, columns);
        let normal = self.mul(centred, scale);
        let gain = self.spread(gain, rows, columns);
        let bias = self.spread(bias, rows, columns);
        let scaled = self.mul(normal, gain);
        self.add(scaled, bias)
    }

    /// `softmax(q kᵀ / √d) v` for one head: `q` is queries x `d`, `k` keys x `d`, `v` keys x width. If `causal`, query `i`
    /// sees the keys up to `i` (Vaswani et al., "Attention Is All You Need", 2017, equation 1).
    pub fn attention(&mut self, q: Node, k: Node, v: Node, causal: bool) -> Node {
        let (queries, d) = self.shape(q);
        let (keys, _) = self.shape(k);
        let scores = self.product((q, false), (k, true));
        let mut scores = self.scale(scores, T::of(1.0 / (d as f64).sqrt()));
        if causal {
            // Far below every score, and finite, so that a masked entry is zero with a gradient of zero.
            let hidden = |i: usize| if i % keys > i / keys { T::of(-1e9) } else { T::default() };
            let mask = self.leaf(queries, keys, (0..queries * keys).map(hidden).collect());
            scores = self.add(scores, mask);
        }
        let weights = self.softmax(scores);
        self.matmul(weights, v)
    }

    /// Columns `from..from + width`.
    pub fn columns(&mut self, x: Node, from: usize, width: usize) -> Node {
        let (rows, columns) = self.shape(x);
        let index = |i: usize| Some((i / width * columns + from + i % width) as u32);
        self.pick(x, rows, width, (0..rows * width).map(index).collect())
    }

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

/// A convolution of a batch of images, or of signals (images one pixel high): the patches are unfolded into rows, so
/// that it is one product.
#[derive(Clone, Debug)]
pub struct Convolution {
    unfold: Rc<[Option<u32>]>,
    fold: Rc<[Option<u32>]>,
    batch: usize,
    patches: usize,
    patch: usize,
    outputs: usize,
}

impl Convolution {
    /// For `batch` images of `channels` x `height` x `width` and `outputs` filters of `kernel` = (height, width), moved
    /// by `stride`, with zeros around the image so that at stride one the output is as large as the image.
    pub fn new(
        batch: usize,
        (channels, height, width): (usize, usize, usize),
        outputs: usize,
        kernel: (usize, usize),
        stride: usize,
    ) -> Self {
        let (high, wide) = (height.div_ceil(stride), width.div_ceil(stride));
        let (patches, patch) = (high * wide, channels * kernel.0 * kernel.1);
        let mut unfold = Vec::with_capacity(batch * patches * patch);
        for image in 0..batch {
            for (row, column) in (0..high).flat_map(|row| (0..wide).map(move |column| (row, column))) {
                for channel in 0..channels {
                    for (i, j) in (0..kernel.0).flat_map(|i| (0..kernel.1).map(move |j| (i, j))) {
                        let y = (row * stride + i).checked_sub(kernel.0 / 2).filter(|&y| y < height);
                        let x = (column * stride + j).checked_sub(kernel.1 / 2).filter(|&x| x < width);
                        let pixel = y.zip(x).map(|(y, x)| ((image * channels + channel) * height + y) * width + x);
                        unfold.push(pixel.map(|pixel| pixel as u32));
                    }
                }
            }
        }
        // The product lies by (image, place, output); an image by (output, place).
        let place = |i: usize| {
            let (image, output, place) = (i / (outputs * patches), i / patches % outputs, i % patches);
            Some(((image * patches + place) * outputs + output) as u32)
        };
        let fold = (0..batch * outputs * patches).map(place).collect();
        Self { unfold: unfold.into(), fold, batch, patches, patch, outputs }
    }

    /// `x` is batch x (channels · height · width); `filters` (channels · kernel height · kernel width) x outputs; `bias`
    /// 1 x outputs. Gives batch x (outputs · height · width), the sides divided by the stride and rounded up.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, x: Node, filters: Node, bias: Node) -> Node {
        let rows = graph.pick(x, self.batch * self.patches, self.patch, self.unfold.clone());
        let product = graph.linear(rows, filters, bias);
        graph.pick(product, self.batch, self.outputs * self.patches, self.fold.clone())
    }
}
