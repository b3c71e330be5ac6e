//! Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2).

use super::{Optimizer, moments::Moments};
use crate::math::Float;

/// The state of AdamW.
#[derive(Clone, Debug)]
pub struct AdamW<T = f64> {
    /// The learning rate `α`.
    pub rate: f64,
    /// The weight decay `λ`, decoupled from the gradient.
    pub decay: f64,
    /// Forgetting factors `β₁`, `β₂` of the two running means.
    pub beta: [f64; 2],
    /// `ε`, added to the root: 1e-8.
    pub epsilon: f64,
    moments: Moments<T>,
}

impl<T: Float> AdamW<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2], decay: f64) -> Self {
        Self { rate, decay, beta, epsilon: 1e-8, moments: Moments::new(n) }
    }
}

impl<T: Float> Optimizer<T> for AdamW<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [c1, c2] = self.moments.update(self.beta, g);
        let [rate, decay, epsilon] = [self.rate, self.decay, self.epsilon].map(T::of);
        for ((x, &m), &v) in x.iter_mut().zip(&self.moments.mean).zip(&self.moments.square) {
            // x ← x - α (m̂ / (√v̂ + ε) + λx)
            *x = *x - rate * (m * c1 / ((v * c2).sqrt() + epsilon) + decay * *x);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_alone_shrinks_geometrically() {
        let (mut x, mut adam) = ([1.0], AdamW::new(1, 0.1, [0.9, 0.999], 0.5));
        for _ in 0..10 {
            adam.step(&mut x, &[0.0]);
        }
        assert!((x[0] - crate::math::powi(0.95, 10)).abs() < 1e-12);
    }
}
