//! Sharpness-aware minimisation (Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization",
//! 2021, algorithm 1).

use super::{Method, Optimizer, vector::dot};

/// Any optimizer, given the gradient from where the function is highest nearby instead of from where it stands.
#[derive(Clone, Debug)]
pub struct Sam<R> {
    /// The optimizer that takes the step.
    pub base: R,
    /// `ρ`, how far up is looked.
    pub radius: f64,
}

impl<R: Optimizer<f64>> Method for Sam<R> {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        let mut g = vec![0.0; x.len()];
        look(x, &mut g);
        // ε = ρ g / ‖g‖
        let norm = dot(&g, &g).sqrt();
        let scale = if norm > 0.0 { self.radius / norm } else { 0.0 };
        let up: Vec<f64> = x.iter().zip(&g).map(|(&x, &g)| x + scale * g).collect();
        // x ← x - η ∇f(x + ε), or what the optimizer makes of that gradient
        look(&up, &mut g);
        self.base.step(x, &g);
    }

    fn learning_rate(&mut self) -> &mut f64 {
        self.base.rate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Sgd;

    // On ½ax² the gradient from ρ further up is a(x + ρ sign x): the shrinkage is the same, with a push of ηaρ.
    #[test]
    fn on_a_parabola_it_steps_as_from_rho_further_up() {
        let (mut x, mut rule) = (vec![-2.0], Sam { base: Sgd::new(1, 0.1, 0.0), radius: 0.25 });
        let mut looks = 0;
        rule.advance(&mut x, &mut |x, g| {
            looks += 1;
            g[0] = 3.0 * x[0];
            1.5 * x[0] * x[0]
        });
        assert!((x[0] + 2.0 - 0.1 * 3.0 * 2.25).abs() < 1e-15 && looks == 2, "{x:?}");
    }
}
