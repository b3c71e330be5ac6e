//! RMSProp (Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012).

use super::Optimizer;
use crate::math::Float;

/// The state of RMSProp.
#[derive(Clone, Debug)]
pub struct RmsProp<T = f64> {
    /// The learning rate `η`.
    pub rate: f64,
    /// The forgetting factor `β` of the running mean of squares.
    pub beta: f64,
    /// `ζ`, added under the root: 1e-8.
    pub epsilon_root: f64,
    square: Vec<T>,
}

impl<T: Float> RmsProp<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: f64) -> Self {
        Self { rate, beta, epsilon_root: 1e-8, square: vec![T::default(); n] }
    }
}

impl<T: Float> Optimizer<T> for RmsProp<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [rate, beta, rest, zeta] = [self.rate, self.beta, 1.0 - self.beta, self.epsilon_root].map(T::of);
        for ((x, &g), v) in x.iter_mut().zip(g).zip(&mut self.square) {
            // v ← βv + (1-β)g²,  x ← x - η g / √(v + ζ)
            *v = beta * *v + rest * g * g;
            *x = *x - rate * g / (*v + zeta).sqrt();
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
    fn under_a_steady_gradient_its_step_settles_at_the_rate() {
        let (mut x, mut rule) = ([0.0_f64], RmsProp::new(1, 0.01, 0.9));
        for _ in 0..300 {
            rule.step(&mut x, &[-40.0]);
        }
        let before = x[0];
        rule.step(&mut x, &[-40.0]);
        assert!((x[0] - before - 0.01).abs() < 1e-12);
    }
}
