//! Adam with decoupled weight decay (Kingma and Ba 2015, Loshchilov and Hutter 2019).

/// The state of AdamW for one array of parameters.
#[derive(Clone, Debug)]
pub struct Adam {
    /// The learning rate.
    pub rate: f64,
    /// The weight decay, decoupled from the gradient.
    pub decay: f64,
    /// Forgetting factors of the two running means.
    pub beta: [f64; 2],
    mean: Vec<f64>,
    square: Vec<f64>,
    /// The powers `β^t`.
    power: [f64; 2],
}

/// Keeps the quotient finite where no gradient has been seen.
const EPSILON: f64 = 1e-8;

impl Adam {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, beta: [f64; 2], decay: f64) -> Self {
        Self { rate, decay, beta, mean: vec![0.0; n], square: vec![0.0; n], power: [1.0; 2] }
    }

    /// One update of `x` by the gradient `g`.
    pub fn step(&mut self, x: &mut [f64], g: &[f64]) {
        let [beta1, beta2] = self.beta;
        self.power = [self.power[0] * beta1, self.power[1] * beta2];
        let (c1, c2) = (1.0 / (1.0 - self.power[0]), 1.0 / (1.0 - self.power[1]));
        for (((x, g), m), v) in x.iter_mut().zip(g).zip(&mut self.mean).zip(&mut self.square) {
            // m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            // x ← x - γ (m̂ / (√v̂ + ε) + λx)
            *x -= self.rate * (*m * c1 / ((*v * c2).sqrt() + EPSILON) + self.decay * *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_first_step_has_the_length_of_the_rate_whatever_the_gradient() {
        let mut x = [1.0, 1.0];
        Adam::new(2, 0.1, [0.9, 0.999], 0.0).step(&mut x, &[1e-3, -1e3]);
        assert!((x[0] - 0.9).abs() < 1e-5 && (x[1] - 1.1).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn it_finds_the_bottom_of_a_badly_scaled_bowl() {
        let (mut x, mut adam) = ([3.0, -2.0], Adam::new(2, 0.05, [0.9, 0.999], 0.0));
        for _ in 0..2000 {
            let g = [x[0], 100.0 * (x[1] - 1.0)];
            adam.step(&mut x, &g);
        }
        assert!(x[0].abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3, "{x:?}");
    }

    #[test]
    fn decay_alone_shrinks_geometrically() {
        let (mut x, mut adam) = ([1.0], Adam::new(1, 0.1, [0.9, 0.999], 0.5));
        for _ in 0..10 {
            adam.step(&mut x, &[0.0]);
        }
        assert!((x[0] - crate::math::powi(0.95, 10)).abs() < 1e-12);
    }
}
