//! Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2).

use super::Optimizer;
use crate::math::Float;

/// The state of Lion. With both `β` zero and no decay it is signSGD.
#[derive(Clone, Debug)]
pub struct Lion<T = f64> {
    /// The learning rate `η`.
    pub rate: f64,
    /// The decoupled weight decay `λ`.
    pub decay: f64,
    /// The factors `β₁`, of the mean whose sign is taken, and `β₂`, of the mean that is kept.
    pub beta: [f64; 2],
    mean: Vec<T>,
}

impl<T: Float> Lion<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2], decay: f64) -> Self {
        Self { rate, decay, beta, mean: vec![T::default(); n] }
    }
}

impl<T: Float> Optimizer<T> for Lion<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [beta1, beta2] = self.beta.map(T::of);
        let [rest1, rest2] = self.beta.map(|beta| T::of(1.0 - beta));
        let [rate, decay, zero, one] = [self.rate, self.decay, 0.0, 1.0].map(T::of);
        for ((x, &g), m) in x.iter_mut().zip(g).zip(&mut self.mean) {
            // c = β₁m + (1-β₁)g,  x ← x - η (sign(c) + λx),  m ← β₂m + (1-β₂)g
            let c = beta1 * *m + rest1 * g;
            let sign = match (c > zero, c < zero) {
                (true, _) => one,
                (_, true) => -one,
                _ => zero,
            };
            *x = *x - rate * (sign + decay * *x);
            *m = beta2 * *m + rest2 * g;
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Chen et al., "Lion Secretly Solves Constrained Optimization", 2024: decay is the wall |x| ≤ 1/λ.
    #[test]
    fn a_steady_gradient_drives_it_against_the_wall_that_decay_sets() {
        let (mut x, mut rule) = ([0.0_f64, 0.0, 0.0], Lion::new(3, 0.01, [0.9, 0.99], 0.5));
        for _ in 0..5000 {
            rule.step(&mut x, &[-1e-6, 1e6, 0.0]);
        }
        assert!((x[0] - 2.0).abs() < 1e-9 && (x[1] + 2.0).abs() < 1e-9 && x[2] == 0.0, "{x:?}");
    }
}
