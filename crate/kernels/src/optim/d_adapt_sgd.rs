//! D-Adaptation of SGD (Defazio and Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023), in the form of the
//! authors' package, whose estimate is twice the one that is proven.

use super::{Optimizer, vector::dot};
use crate::math::Float;

/// SGD with primal averaging for momentum, its rate in units of an estimated distance `d` to the solution.
#[derive(Clone, Debug)]
pub struct DAdaptSgd<T = f64> {
    /// A factor on every step: 1.
    pub rate: f64,
    /// The momentum, from 0 to 1.
    pub momentum: f64,
    d: f64,
    first_norm: f64,
    start: Vec<T>,
    sum: Vec<T>,
    gained: f64,
}

impl<T: Float> DAdaptSgd<T> {
    /// With the first guess `d₀`, which is to be too small.
    pub fn new(momentum: f64, d: f64) -> Self {
        Self { rate: 1.0, momentum, d, first_norm: 0.0, start: Vec::new(), sum: Vec::new(), gained: 0.0 }
    }

    /// `d`, the estimate of the distance to the solution.
    pub fn d(&self) -> f64 {
        self.d
    }
}

impl<T: Float> Optimizer<T> for DAdaptSgd<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        if self.start.is_empty() {
            (self.start, self.sum) = (x.to_vec(), vec![T::default(); x.len()]);
        }
        if self.first_norm == 0.0 {
            self.first_norm = dot(g, g).sqrt();
            if self.first_norm == 0.0 {
                return;
            }
        }
        // λ = dη/‖g₀‖,  d̂ = 2 Σλ⟨g, s⟩ / ‖s‖,  s ← s + λg
        let lambda = self.d * self.rate / self.first_norm;
        self.gained += lambda * dot(g, &self.sum);
        self.sum.iter_mut().zip(g).for_each(|(s, &g)| *s += T::of(lambda) * g);
        let length = dot(&self.sum, &self.sum).sqrt();
        if length > 0.0 {
            self.d = self.d.max(2.0 * self.gained / length);
        }
        // z = x₀ - s,  x ← μx + (1-μ)z
        let [momentum, rest] = [self.momentum, 1.0 - self.momentum].map(T::of);
        for ((x, &start), &s) in x.iter_mut().zip(&self.start).zip(&self.sum) {
            *x = momentum * *x + rest * (start - s);
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
    fn from_a_millionth_it_finds_a_far_minimum() {
        let (mut x, mut rule) = (vec![0.0_f64, 0.0], DAdaptSgd::new(0.0, 1e-6));
        for _ in 0..2000 {
            let g = [x[0] - 3.0, 0.5 * (x[1] + 4.0)];
            rule.step(&mut x, &g);
        }
        assert!((x[0] - 3.0).abs() < 1e-3 && (x[1] + 4.0).abs() < 1e-3, "{x:?} {}", rule.d());
    }
}
