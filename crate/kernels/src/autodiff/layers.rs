//! What networks are made of, written in the graph's operations.

use super::arrange::total;
use super::operation::Operation;
use super::{Graph, Node};
use crate::math::Float;

impl<T: Float> Graph<T> {
    /// `x w + b`: `x` is examples x inputs, `w` inputs x outputs, `b` 1 x outputs.
    pub fn linear(&mut self, x: Node, w: Node, b: Node) -> Node {
        let product = self.matmul(x, w);
        self.add(product, b)
    }

    /// `a_ij - log Σ_k exp(a_ik)`: the logarithm of the softmax of each row.
    pub fn log_softmax(&mut self, a: Node) -> Node {
        let (rows, columns) = self.shape(a);
        let mut value = self.value(a).to_vec();
        let mut terms = vec![T::default(); columns];
        for row in value.chunks_exact_mut(columns.max(1)) {
            let greatest = row.iter().copied().fold(row[0], |most, x| if x > most { x } else { most });
            terms.iter_mut().zip(&*row).for_each(|(term, &x)| *term = (x - greatest).exp());
            let normaliser = greatest + total(&terms).log();
            row.iter_mut().for_each(|x| *x = *x - normaliser);
        }
        self.push(Operation::LogSoftmax(a), rows, columns, value)
    }

    /// The softmax of each row.
    pub fn softmax(&mut self, x: Node) -> Node {
        let log = self.log_softmax(x);
        self.exp(log)
    }

    /// `max(x, slope x)` for a slope below one (Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic
    /// Models", 2013).
    pub fn leaky_relu(&mut self, x: Node, slope: f64) -> Node {
        let rest = self.relu(x);
        let rest = self.scale(rest, T::of(1.0 - slope));
        let leak = self.scale(x, T::of(slope));
        self.add(leak, rest)
    }

    /// `log(1 + e^x)`, smooth and positive: `max(x, 0) - log σ(|x|)`, which does not overflow.
    pub fn softplus(&mut self, x: Node) -> Node {
        // σ(|x|) lies in [1/2, 1]. The slope of |x| jumps at zero, those of the two terms together do not.
        let positive = self.relu(x);
        let twice = self.scale(positive, T::of(2.0));
        let size = self.sub(twice, x);
        let sigmoid = self.sigmoid(size);
        let log = self.log(sigmoid);
        self.sub(positive, log)
    }

    /// `x σ(x)` with the logistic function `σ`, also known as swish (Hendrycks and Gimpel, 2016).
    pub fn silu(&mut self, x: Node) -> Node {
        let sigmoid = self.sigmoid(x);
        self.mul(x, sigmoid)
    }

    /// `x Φ(x)` with the normal distribution function `Φ` (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
    pub fn gelu(&mut self, x: Node) -> Node {
        let share = self.normal_cdf(x);
        self.mul(x, share)
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
        let mean = self.row_mean(x);
        let centred = self.sub(x, mean);
        let square = self.mul(centred, centred);
        let variance = self.row_mean(square);
        let variance = self.shift(variance, T::of(epsilon));
        let deviation = self.sqrt(variance);
        let scale = self.recip(deviation);
        let normal = self.mul(centred, scale);
        let scaled = self.mul(normal, gain);
        self.add(scaled, bias)
    }
}
