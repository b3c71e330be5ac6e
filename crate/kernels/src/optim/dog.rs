//! DoG, distance over gradients (Ivgi, Hinder and Carmon, "DoG is SGD's Best Friend", 2023, equation 1 and section 3).

use super::{
    Optimizer,
    vector::{distance, dot},
};
use crate::math::Float;

/// The state of DoG, which needs no learning rate.
#[derive(Clone, Debug)]
pub struct Dog<T = f64> {
    /// A factor on every step: 1.
    pub rate: f64,
    /// The first movement in units of `1 + ‖x₀‖`: 1e-6.
    pub first: f64,
    /// `ε`, added to the sum of squares: 1e-8.
    pub epsilon: f64,
    start: Vec<T>,
    reach: f64,
    squares: f64,
    mean: Vec<T>,
    weights: f64,
}

impl<T: Float> Dog<T> {
    /// Made for any number of parameters.
    pub fn new() -> Self {
        let none = Vec::new;
        Self {
            rate: 1.0,
            first: 1e-6,
            epsilon: 1e-8,
            start: none(),
            reach: 0.0,
            squares: 0.0,
            mean: none(),
            weights: 0.0,
        }
    }

    /// `r̄`, the greatest distance from the start so far.
    pub fn reach(&self) -> f64 {
        self.reach
    }

    /// `Σ r̄_i x_i / Σ r̄_i`, the mean that the theory speaks of.
    pub fn mean(&self) -> &[T] {
        &self.mean
    }
}

impl<T: Float> Default for Dog<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Float> Optimizer<T> for Dog<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        if self.start.is_empty() {
            (self.start, self.mean) = (x.to_vec(), x.to_vec());
            self.reach = self.first * (1.0 + dot(x, x).sqrt());
        }
        // r̄ = max(r̄, ‖x - x₀‖),  η = r̄ / √(Σ‖g‖² + ε),  x ← x - ηg
        self.reach = self.reach.max(distance(x, &self.start));
        self.squares += dot(g, g);
        self.weights += self.reach;
        let share = T::of(self.reach / self.weights);
        self.mean.iter_mut().zip(x.iter()).for_each(|(mean, &x)| *mean += share * (x - *mean));
        let eta = T::of(self.rate * self.reach / (self.squares + self.epsilon).sqrt());
        x.iter_mut().zip(g).for_each(|(x, &g)| *x = *x - eta * g);
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Its step is the same whatever the unit of f.
    #[test]
    fn from_a_millionth_it_finds_a_far_minimum_whatever_the_unit_of_the_function() {
        for unit in [1e-3, 1.0, 1e6] {
            let (mut x, mut rule) = ([1000.0_f64], Dog::new());
            rule.epsilon = 0.0;
            for _ in 0..3000 {
                let g = [unit * (x[0] - 40.0)];
                rule.step(&mut x, &g);
            }
            assert!((x[0] - 40.0).abs() < 1e-3 && rule.reach() > 900.0, "{unit}: {x:?}");
            assert!((rule.mean()[0] - 40.0).abs() < 500.0);
        }
    }
}
