//! AdaGrad (Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011)
//! and its scalar form (Ward, Wu and Bottou, "AdaGrad stepsizes", 2019).

use super::Optimizer;
use crate::math::Float;

/// The state of AdaGrad.
#[derive(Clone, Debug)]
pub struct Adagrad<T = f64> {
    /// The learning rate `η`.
    pub rate: f64,
    /// `ε`, added under the root: 1e-10.
    pub epsilon_root: f64,
    /// One sum for every parameter, or a single one.
    sums: Vec<T>,
}

impl<T: Float> Adagrad<T> {
    /// For `n` parameters, each with its own sum of squares, which begins at `initial`.
    pub fn new(n: usize, rate: f64, initial: f64) -> Self {
        Self { rate, epsilon_root: 1e-10, sums: vec![T::of(initial); n] }
    }

    /// AdaGrad-Norm: one sum, of the squares of the gradient's norm, for all parameters.
    pub fn norm(rate: f64, initial: f64) -> Self {
        Self { rate, epsilon_root: 1e-10, sums: vec![T::of(initial)] }
    }
}

impl<T: Float> Optimizer<T> for Adagrad<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [rate, epsilon] = [self.rate, self.epsilon_root].map(T::of);
        // s ← s + g²: in one sum if there is one.
        let count = self.sums.len();
        let sums = self.sums.iter_mut();
        match count {
            1 => sums.for_each(|sum| g.iter().for_each(|&g| *sum += g * g)),
            _ => sums.zip(g).for_each(|(sum, &g)| *sum += g * g),
        }
        // x ← x - η g / √(s + ε)
        for ((x, &g), &sum) in x.iter_mut().zip(g).zip(self.sums.iter().cycle()) {
            *x = *x - rate * g / (sum + epsilon).sqrt();
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
    fn under_a_steady_gradient_its_steps_fall_as_the_root_of_their_number() {
        let (mut x, mut rule) = ([0.0_f64, 0.0], Adagrad::new(2, 0.5, 0.0));
        let mut sum = 0.0;
        for t in 1..=100 {
            rule.step(&mut x, &[-3.0, 1e3]);
            sum += 0.5 / f64::from(t).sqrt();
        }
        assert!((x[0] - sum).abs() < 1e-9 && (x[1] + sum).abs() < 1e-9, "{x:?} {sum}");
    }

    #[test]
    fn the_scalar_form_keeps_the_gradients_direction_under_any_rotation() {
        let (mut x, mut rule) = ([0.0_f64, 0.0], Adagrad::norm(0.5, 0.0));
        rule.step(&mut x, &[-3.0, 4.0]);
        assert!((x[0] - 0.3).abs() < 1e-11 && (x[1] + 0.4).abs() < 1e-11, "{x:?}");
    }
}
