//! D-Adaptation of Adam (Defazio and Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, algorithm 5).

use super::{Optimizer, vector::sum_of_sizes};
use crate::math::Float;

/// Adam with its rate in units of an estimated distance `d` to the solution.
#[derive(Clone, Debug)]
pub struct DAdaptAdam<T = f64> {
    /// A factor `γ` on every step: 1.
    pub rate: f64,
    /// The weight decay, decoupled from the gradient: 0.
    pub decay: f64,
    /// Forgetting factors `β₁`, `β₂`.
    pub beta: [f64; 2],
    /// `ε`, added to the root: 1e-8.
    pub epsilon: f64,
    d: f64,
    mean: Vec<T>,
    square: Vec<T>,
    sum: Vec<T>,
    gained: f64,
    power: [f64; 2],
}

impl<T: Float> DAdaptAdam<T> {
    /// For `n` parameters, with the first guess `d₀`, which is to be too small: usually 1e-6.
    pub fn new(n: usize, beta: [f64; 2], d: f64) -> Self {
        let zeros = || vec![T::default(); n];
        let [mean, square, sum] = [zeros(), zeros(), zeros()];
        Self { rate: 1.0, decay: 0.0, beta, epsilon: 1e-8, d, mean, square, sum, gained: 0.0, power: [1.0; 2] }
    }

    /// `d`, the estimate of the distance to the solution.
    pub fn d(&self) -> f64 {
        self.d
    }
}

impl<T: Float> Optimizer<T> for DAdaptAdam<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [beta1, beta2] = self.beta;
        self.power = [self.power[0] * beta1, self.power[1] * beta2];
        let root = beta2.sqrt();
        // λ = dγ √(1-β₂^t) / (1-β₁^t)
        let lambda = self.d * self.rate * (1.0 - self.power[1]).sqrt() / (1.0 - self.power[0]);
        let along: f64 = self
            .sum
            .iter()
            .zip(&self.square)
            .zip(g)
            .map(|((&s, &v), &g)| g.into() * (s.into() / (v.into().sqrt() + self.epsilon)))
            .sum();
        let [b1, b2, b3] = [beta1, beta2, root].map(T::of);
        let [r1, r2, r3] = [(1.0 - beta1) * lambda, 1.0 - beta2, (1.0 - root) * lambda].map(T::of);
        for (((&g, m), v), s) in g.iter().zip(&mut self.mean).zip(&mut self.square).zip(&mut self.sum) {
            // m ← β₁m + (1-β₁)λg,  v ← β₂v + (1-β₂)g²,  s ← √β₂ s + (1-√β₂)λg
            *m = b1 * *m + r1 * g;
            *v = b2 * *v + r2 * g * g;
            *s = b3 * *s + r3 * g;
        }
        // r ← √β₂ r + (1-√β₂)λ⟨g, s/√v⟩ with the s and v from before,  d̂ = r / ((1-√β₂)‖s‖₁)
        self.gained = root * self.gained + (1.0 - root) * lambda * along;
        let size = sum_of_sizes(&self.sum);
        if size > 0.0 {
            self.d = self.d.max(self.gained / ((1.0 - root) * size));
        }
        // x ← x - m / (√v + ε), with decay
        let [decay, epsilon] = [self.decay * lambda, self.epsilon].map(T::of);
        for ((x, &m), &v) in x.iter_mut().zip(&self.mean).zip(&self.square) {
            *x = *x - (m / (v.sqrt() + epsilon) + decay * *x);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}
