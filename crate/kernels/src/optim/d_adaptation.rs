//! D-Adaptation (Defazio and Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, algorithm 1).

use super::{Optimizer, vector::dot};
use crate::math::Float;

/// Dual averaging that finds the distance `D` to the solution: `d` grows and is never above it.
#[derive(Clone, Debug)]
pub struct DAdaptation<T = f64> {
    /// A factor on every weight, for a schedule: 1.
    pub rate: f64,
    d: f64,
    start: Vec<T>,
    /// `s = Σ d_i g_i`.
    sum: Vec<T>,
    /// `Σ‖g‖²` and `Σ γ_i d_i² ‖g_i‖²`.
    squares: f64,
    spent: f64,
    mean: Vec<T>,
    weights: f64,
}

impl<T: Float> DAdaptation<T> {
    /// With the first guess `d₀`, which is to be too small.
    pub fn new(d: f64) -> Self {
        let none = Vec::new;
        Self { rate: 1.0, d, start: none(), sum: none(), squares: 0.0, spent: 0.0, mean: none(), weights: 0.0 }
    }

    /// `d`, the bound below the distance to the solution.
    pub fn d(&self) -> f64 {
        self.d
    }

    /// `Σ d_i x_i / Σ d_i`, the mean that the theory speaks of.
    pub fn mean(&self) -> &[T] {
        &self.mean
    }
}

impl<T: Float> Optimizer<T> for DAdaptation<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        if self.start.is_empty() {
            (self.start, self.mean, self.sum) = (x.to_vec(), x.to_vec(), vec![T::default(); x.len()]);
        }
        let square = dot(g, g);
        if square == 0.0 {
            return;
        }
        let weight = self.rate * self.d;
        self.weights += weight;
        let share = T::of(if self.weights > 0.0 { weight / self.weights } else { 0.0 });
        self.mean.iter_mut().zip(x.iter()).for_each(|(mean, &x)| *mean += share * (x - *mean));

        // s ← s + d g; γ₀ = 1/‖g₀‖, and then γ = 1 / √Σ‖g‖² over what came before
        let gamma = 1.0 / if self.squares > 0.0 { self.squares } else { square }.sqrt();
        self.spent += gamma * weight * weight * square;
        self.squares += square;
        self.sum.iter_mut().zip(g).for_each(|(s, &g)| *s += T::of(weight) * g);
        // d̂ = (γ‖s‖² - Σγ_i d_i²‖g_i‖²) / 2‖s‖,  d ← max(d, d̂)
        let gamma = 1.0 / self.squares.sqrt();
        let length = dot(&self.sum, &self.sum).sqrt();
        if length > 0.0 {
            self.d = self.d.max((gamma * length * length - self.spent) / (2.0 * length));
        }
        // x = x₀ - γs
        for ((x, &start), &s) in x.iter_mut().zip(&self.start).zip(&self.sum) {
            *x = start - T::of(gamma) * s;
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
    fn its_bound_grows_by_orders_and_never_passes_the_distance() {
        let target = [30.0, -40.0];
        let (mut x, mut rule) = (vec![0.0_f64, 0.0], DAdaptation::new(1e-6));
        for _ in 0..5000 {
            let g: Vec<f64> = x.iter().zip(target).map(|(x, to)| (x - to).signum()).collect();
            rule.step(&mut x, &g);
            assert!(rule.d() <= 50.0 * (1.0 + 1e-12));
        }
        assert!(rule.d() > 10.0, "{}", rule.d());
        assert!(rule.mean().iter().zip(target).all(|(x, to)| (x - to).abs() < 10.0), "{:?}", rule.mean());
    }
}
