//! AMSGrad (Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", 2018, algorithm 2).

use super::{Optimizer, moments::Moments};
use crate::math::Float;

/// The state of AMSGrad: Adam whose steps per gradient never grow.
#[derive(Clone, Debug)]
pub struct AmsGrad<T = f64> {
    /// The learning rate `α`; the paper lets it fall as `α/√t`.
    pub rate: f64,
    /// Forgetting factors `β₁`, `β₂` of the two running means.
    pub beta: [f64; 2],
    /// `ε`, added to the root: 1e-8. The paper has none.
    pub epsilon: f64,
    /// Whether the means are corrected for having begun at zero, before the greatest is taken: usual, but not in the
    /// paper.
    pub corrected: bool,
    moments: Moments<T>,
    greatest: Vec<T>,
}

impl<T: Float> AmsGrad<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2]) -> Self {
        let (moments, greatest) = (Moments::new(n), vec![T::default(); n]);
        Self { rate, beta, epsilon: 1e-8, corrected: true, moments, greatest }
    }

    /// The greatest running mean of squares so far, `v̂`.
    pub fn greatest(&self) -> &[T] {
        &self.greatest
    }
}

impl<T: Float> Optimizer<T> for AmsGrad<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let correction = self.moments.update(self.beta, g);
        let [c1, c2] = if self.corrected { correction } else { [T::of(1.0); 2] };
        let [rate, epsilon] = [self.rate, self.epsilon].map(T::of);
        let moments = self.moments.mean.iter().zip(&self.moments.square);
        for ((x, (&m, &v)), greatest) in x.iter_mut().zip(moments).zip(&mut self.greatest) {
            // v̂ ← max(v̂, v),  x ← x - α m / (√v̂ + ε)
            *greatest = if v * c2 > *greatest { v * c2 } else { *greatest };
            *x = *x - rate * (m * c1 / (greatest.sqrt() + epsilon));
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Adam;

    // Section 3 of the paper: the gradient is C once in three steps and -1 otherwise, on [-1, 1]. The best point is -1.
    #[test]
    fn on_the_papers_counterexample_it_finds_the_end_that_adam_leaves() {
        let c: f64 = 3.0;
        let beta = [0.0, 1.0 / (1.0 + c * c)];
        let end = |rule: &mut dyn Optimizer<f64>| {
            let mut x = [0.0];
            for t in 0..20_000 {
                *rule.rate() = 0.5 / (1.0 + f64::from(t)).sqrt();
                rule.step(&mut x, &[if t % 3 == 0 { c } else { -1.0 }]);
                x[0] = x[0].clamp(-1.0, 1.0);
            }
            x[0]
        };
        let (mut adam, mut amsgrad) = (Adam::new(1, 0.5, beta), AmsGrad::new(1, 0.5, beta));
        (adam.corrected, amsgrad.corrected) = (false, false);
        assert!(end(&mut adam) > 0.98);
        assert!(end(&mut amsgrad) < -0.98);
    }
}
