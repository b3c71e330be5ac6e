//! diffGrad (Dubey et al., "diffGrad: An Optimization Method for Convolutional Neural Networks", 2019, algorithm 1).

use super::{Optimizer, moments::Moments};
use crate::math::Float;

/// The state of diffGrad: Adam, held back where the gradient no longer changes.
#[derive(Clone, Debug)]
pub struct DiffGrad<T = f64> {
    /// The learning rate `α`.
    pub rate: f64,
    /// Forgetting factors `β₁`, `β₂` of the two running means.
    pub beta: [f64; 2],
    /// `ε`, added to the root: 1e-8.
    pub epsilon: f64,
    /// Whether the friction sees the signed change of the gradient, so that it lies in (0, 1); the paper's sees its size.
    pub signed: bool,
    moments: Moments<T>,
    last: Vec<T>,
    friction: Vec<T>,
}

impl<T: Float> DiffGrad<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2]) -> Self {
        let (moments, zeros) = (Moments::new(n), vec![T::default(); n]);
        Self { rate, beta, epsilon: 1e-8, signed: false, moments, last: zeros.clone(), friction: zeros }
    }

    /// `ξ` of the last step.
    pub fn friction(&self) -> &[T] {
        &self.friction
    }
}

impl<T: Float> Optimizer<T> for DiffGrad<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [c1, c2] = self.moments.update(self.beta, g);
        let [rate, epsilon, one] = [self.rate, self.epsilon, 1.0].map(T::of);
        for ((xi, &g), last) in self.friction.iter_mut().zip(g).zip(&mut self.last) {
            // ξ = 1 / (1 + exp(-|g' - g|))
            let change = *last - g;
            let change = if !self.signed && change < T::default() { -change } else { change };
            *xi = one / (one + (-change).exp());
            *last = g;
        }
        let moments = self.moments.mean.iter().zip(&self.moments.square);
        for ((x, (&m, &v)), &xi) in x.iter_mut().zip(moments).zip(&self.friction) {
            // x ← x - α ξ m̂ / (√v̂ + ε)
            *x = *x - rate * (xi * (m * c1) / ((v * c2).sqrt() + epsilon));
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
    fn a_steady_gradient_is_braked_to_half_of_adams_step_and_a_leaping_one_not_at_all() {
        let (mut x, mut rule) = ([0.0_f64, 0.0], DiffGrad::new(2, 0.01, [0.0, 0.0]));
        for t in 0..5 {
            let before = x;
            rule.step(&mut x, &[-3.0, if t % 2 == 0 { 1e3 } else { -1e3 }]);
            if t > 0 {
                assert!((x[0] - before[0] - 0.005).abs() < 1e-10 && ((x[1] - before[1]).abs() - 0.01).abs() < 1e-10);
            }
        }
    }
}
