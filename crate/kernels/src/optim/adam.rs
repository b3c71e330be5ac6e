//! Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1).

use super::{Optimizer, moments::Moments};
use crate::math::Float;

/// The state of Adam.
#[derive(Clone, Debug)]
pub struct Adam<T = f64> {
    /// The learning rate `α`.
    pub rate: f64,
    /// Forgetting factors `β₁`, `β₂` of the two running means.
    pub beta: [f64; 2],
    /// `ε`, added to the root: 1e-8.
    pub epsilon: f64,
    /// `ζ`, added under the root: 0. Analyses of Adam often have it here.
    pub epsilon_root: f64,
    /// Whether the means are corrected for having begun at zero, as the paper has it.
    pub corrected: bool,
    moments: Moments<T>,
}

impl<T: Float> Adam<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2]) -> Self {
        Self { rate, beta, epsilon: 1e-8, epsilon_root: 0.0, corrected: true, moments: Moments::new(n) }
    }

    /// The running mean `v` of squares, not corrected.
    pub fn square(&self) -> &[T] {
        &self.moments.square
    }
}

impl<T: Float> Optimizer<T> for Adam<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let correction = self.moments.update(self.beta, g);
        let [c1, c2] = if self.corrected { correction } else { [T::of(1.0); 2] };
        let [rate, epsilon, zeta] = [self.rate, self.epsilon, self.epsilon_root].map(T::of);
        for ((x, &m), &v) in x.iter_mut().zip(&self.moments.mean).zip(&self.moments.square) {
            // x ← x - α m̂ / (√(v̂ + ζ) + ε)
            *x = *x - rate * (m * c1 / ((v * c2 + zeta).sqrt() + epsilon));
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
    fn its_first_step_has_the_length_of_the_rate_whatever_the_gradient() {
        let mut x = [1.0_f64, 1.0];
        Adam::new(2, 0.1, [0.9, 0.999]).step(&mut x, &[1e-3, -1e3]);
        assert!((x[0] - 0.9).abs() < 1e-5 && (x[1] - 1.1).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn uncorrected_its_first_step_is_shortened_by_the_memories() {
        let mut adam = Adam::new(1, 0.1, [0.9, 0.999]);
        (adam.corrected, adam.epsilon) = (false, 0.0);
        let mut x = [0.0];
        adam.step(&mut x, &[7.0]);
        // (1 - β₁) g / √((1 - β₂) g²)
        assert!((x[0] + 0.1 * 0.1 / 0.001_f64.sqrt()).abs() < 1e-12, "{x:?}");
    }

    #[test]
    fn it_finds_the_bottom_of_a_badly_scaled_bowl() {
        let (mut x, mut adam) = ([3.0_f64, -2.0], Adam::new(2, 0.05, [0.9, 0.999]));
        for _ in 0..2000 {
            let g = [x[0], 100.0 * (x[1] - 1.0)];
            adam.step(&mut x, &g);
        }
        assert!(x[0].abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3, "{x:?}");
    }
}
