//! AdaBelief (Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", 2020,
//! algorithm 2).

use super::Optimizer;
use crate::math::Float;

/// The state of AdaBelief: Adam whose second moment is that of the gradient about its own running mean.
#[derive(Clone, Debug)]
pub struct AdaBelief<T = f64> {
    /// The learning rate `α`.
    pub rate: f64,
    /// The weight decay `λ`, decoupled from the gradient: 0.
    pub decay: f64,
    /// Forgetting factors `β₁`, `β₂` of the two running means.
    pub beta: [f64; 2],
    /// `ε`, added to the second moment at every step and to its root: 1e-16.
    pub epsilon: f64,
    mean: Vec<T>,
    belief: Vec<T>,
    power: [f64; 2],
}

impl<T: Float> AdaBelief<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2]) -> Self {
        let zeros = vec![T::default(); n];
        Self { rate, decay: 0.0, beta, epsilon: 1e-16, mean: zeros.clone(), belief: zeros, power: [1.0; 2] }
    }

    /// `s`, the running mean of squared deviations, before its correction.
    pub fn belief(&self) -> &[T] {
        &self.belief
    }
}

impl<T: Float> Optimizer<T> for AdaBelief<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        self.power = [self.power[0] * self.beta[0], self.power[1] * self.beta[1]];
        let [c1, c2] = self.power.map(|power| T::of(1.0 / (1.0 - power)));
        let [beta1, beta2] = self.beta.map(T::of);
        let [rest1, rest2] = self.beta.map(|beta| T::of(1.0 - beta));
        let [rate, decay, epsilon] = [self.rate, self.decay, self.epsilon].map(T::of);
        for (((x, &g), m), s) in x.iter_mut().zip(g).zip(&mut self.mean).zip(&mut self.belief) {
            // m ← β₁m + (1-β₁)g,  s ← β₂s + (1-β₂)(g - m)² + ε
            *m = beta1 * *m + rest1 * g;
            let off = g - *m;
            *s = beta2 * *s + rest2 * off * off + epsilon;
            // x ← x - α (m̂ / (√ŝ + ε) + λx)
            *x = *x - rate * (*m * c1 / ((*s * c2).sqrt() + epsilon) + decay * *x);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Under a steady gradient g - m = β₁^t g, and with β₂ = 0 the second moment is that, squared:
    // the step is α (1 - β₁^t) / β₁^t / (1 - β₁^t) = α β₁^-t.
    #[test]
    fn what_it_foresaw_it_steps_along_ever_faster() {
        let (mut x, mut rule) = ([0.0_f64], AdaBelief::new(1, 0.01, [0.5, 0.0]));
        rule.epsilon = 0.0;
        for t in 1..=10 {
            let before = x[0];
            rule.step(&mut x, &[-8.0]);
            let expected = 0.01 * crate::math::powi(2.0, t);
            assert!((x[0] - before - expected).abs() < 1e-9 * expected, "{t}: {}", x[0] - before);
        }
    }
}
