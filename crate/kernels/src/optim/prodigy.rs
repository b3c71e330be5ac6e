//! Prodigy (Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2024, algorithm 4).

use super::{Optimizer, vector::sum_of_sizes};
use crate::math::Float;

/// Adam with its rate in units of an estimated distance `d` to the solution, which grows faster than D-Adaptation's.
#[derive(Clone, Debug)]
pub struct Prodigy<T = f64> {
    /// A factor `γ` on every step: 1.
    pub rate: f64,
    /// The weight decay, decoupled from the gradient: 0.
    pub decay: f64,
    /// Forgetting factors `β₁`, `β₂`.
    pub beta: [f64; 2],
    /// `ε`, added to the root in units of `d`: 1e-8.
    pub epsilon: f64,
    first: f64,
    d: f64,
    start: Vec<T>,
    mean: Vec<T>,
    square: Vec<T>,
    sum: Vec<T>,
    gained: f64,
    power: [f64; 2],
}

impl<T: Float> Prodigy<T> {
    /// For `n` parameters, with the first guess `d₀`, which is to be too small: usually 1e-6.
    pub fn new(n: usize, beta: [f64; 2], d: f64) -> Self {
        let zeros = || vec![T::default(); n];
        Self {
            rate: 1.0,
            decay: 0.0,
            beta,
            epsilon: 1e-8,
            first: d,
            d,
            start: Vec::new(),
            mean: zeros(),
            square: zeros(),
            sum: zeros(),
            gained: 0.0,
            power: [1.0; 2],
        }
    }

    /// `d`, the estimate of the distance to the solution.
    pub fn d(&self) -> f64 {
        self.d
    }
}

impl<T: Float> Optimizer<T> for Prodigy<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        if self.start.is_empty() {
            self.start = x.to_vec();
        }
        let [beta1, beta2] = self.beta;
        self.power = [self.power[0] * beta1, self.power[1] * beta2];
        let (root, d) = (beta2.sqrt(), self.d);
        // λ = dγ √(1-β₂^t) / (1-β₁^t)
        let lambda = d * self.rate * (1.0 - self.power[1]).sqrt() / (1.0 - self.power[0]);
        // r ← √β₂ r + (d/d₀) λ ⟨g, x₀ - x⟩
        let moved = self.start.iter().zip(x.iter()).map(|(&start, &x)| start.into() - x.into());
        let along: f64 = g.iter().zip(moved).map(|(&g, moved)| g.into() * moved).sum();
        self.gained = root * self.gained + d / self.first * lambda * along;
        let [b1, b2, b3] = [beta1, beta2, root].map(T::of);
        let [r1, r2, r3] = [(1.0 - beta1) * d, (1.0 - beta2) * d * d, d / self.first * lambda].map(T::of);
        for (((&g, m), v), s) in g.iter().zip(&mut self.mean).zip(&mut self.square).zip(&mut self.sum) {
            // m ← β₁m + (1-β₁)dg,  v ← β₂v + (1-β₂)d²g²,  s ← √β₂ s + (d/d₀)λg
            *m = b1 * *m + r1 * g;
            *v = b2 * *v + r2 * g * g;
            *s = b3 * *s + r3 * g;
        }
        // d ← max(d, r / ‖s‖₁)
        let size = sum_of_sizes(&self.sum);
        if size > 0.0 {
            self.d = d.max(self.gained / size);
        }
        // x ← x - λ m / (√v + dε), with decay
        let [lambda, decay, epsilon] = [lambda, self.decay, self.d * self.epsilon].map(T::of);
        for ((x, &m), &v) in x.iter_mut().zip(&self.mean).zip(&self.square) {
            *x = *x - lambda * (m / (v.sqrt() + epsilon) + decay * *x);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}
