//! The two running means of Adam and its kin.

use crate::math::Float;

/// Running means of the gradient and of its square, entry by entry.
#[derive(Clone, Debug)]
pub(super) struct Moments<T> {
    pub(super) mean: Vec<T>,
    pub(super) square: Vec<T>,
    /// The powers `β^t`.
    power: [f64; 2],
}

impl<T: Float> Moments<T> {
    pub(super) fn new(n: usize) -> Self {
        Self { mean: vec![T::default(); n], square: vec![T::default(); n], power: [1.0; 2] }
    }

    /// Takes in the gradient. Gives `1 / (1 - β^t)` for both: what makes the mean of `t` terms, begun at zero, unbiased.
    pub(super) fn update(&mut self, beta: [f64; 2], g: &[T]) -> [T; 2] {
        let [beta1, beta2] = beta.map(T::of);
        let [rest1, rest2] = beta.map(|beta| T::of(1.0 - beta));
        for ((&g, m), v) in g.iter().zip(&mut self.mean).zip(&mut self.square) {
            // m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * g * g;
        }
        self.power = [self.power[0] * beta[0], self.power[1] * beta[1]];
        self.power.map(|power| T::of(1.0 / (1.0 - power)))
    }
}
