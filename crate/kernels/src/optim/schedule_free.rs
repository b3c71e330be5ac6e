//! Schedule-free learning (Defazio et al., "The Road Less Scheduled", 2024, equations 2 to 4 and algorithm 1).

use super::Method;

/// The state of schedule-free SGD or AdamW. The parameters that it moves are the averages `x`, which are to be used;
/// gradients are looked at elsewhere, at `y`.
#[derive(Clone, Debug)]
pub struct ScheduleFree {
    /// The learning rate `γ`.
    pub rate: f64,
    /// `β`: how far `y` stands from `z` towards `x`.
    pub beta: f64,
    /// The weight decay `λ`, at `y`.
    pub decay: f64,
    /// `β₂`, the forgetting factor of squares, of AdamW; none for SGD.
    pub square_beta: Option<f64>,
    /// `ε`, added to the root: 1e-8.
    pub epsilon: f64,
    z: Vec<f64>,
    y: Vec<f64>,
    square: Vec<f64>,
    power: f64,
    greatest: f64,
    weights: f64,
}

impl ScheduleFree {
    /// Over SGD.
    pub fn sgd(rate: f64, beta: f64) -> Self {
        let none = Vec::new;
        Self {
            rate,
            beta,
            decay: 0.0,
            square_beta: None,
            epsilon: 1e-8,
            z: none(),
            y: none(),
            square: none(),
            power: 1.0,
            greatest: 0.0,
            weights: 0.0,
        }
    }

    /// Over AdamW, whose momentum is what `β` does instead.
    pub fn adamw(rate: f64, [beta, square_beta]: [f64; 2], decay: f64) -> Self {
        Self { decay, square_beta: Some(square_beta), ..Self::sgd(rate, beta) }
    }

    /// `y`, where the last gradient was looked at.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// `z`, the point that gradient steps move.
    pub fn z(&self) -> &[f64] {
        &self.z
    }
}

impl Method for ScheduleFree {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        if self.z.is_empty() {
            (self.z, self.y, self.square) = (x.to_vec(), x.to_vec(), vec![0.0; x.len()]);
        }
        // y = (1-β)z + βx
        let rest = 1.0 - self.beta;
        for ((y, &z), &x) in self.y.iter_mut().zip(&self.z).zip(x.iter()) {
            *y = rest * z + self.beta * x;
        }
        let mut g = vec![0.0; x.len()];
        look(&self.y, &mut g);
        if let Some(forget) = self.square_beta {
            // v ← β₂v + (1-β₂)g²,  g ← g / (√v̂ + ε)
            self.power *= forget;
            let correction = 1.0 / (1.0 - self.power);
            for (g, v) in g.iter_mut().zip(&mut self.square) {
                *v = forget * *v + (1.0 - forget) * *g * *g;
                *g /= (*v * correction).sqrt() + self.epsilon;
            }
        }
        // z ← z - γ(g + λy)
        for ((z, &g), &y) in self.z.iter_mut().zip(&g).zip(&self.y) {
            *z -= self.rate * (g + self.decay * y);
        }
        // x ← (1-c)x + cz,  c = γ² / Σγ², with the greatest γ so far: 1/t under a constant rate.
        self.greatest = self.greatest.max(self.rate);
        let weight = self.greatest * self.greatest;
        self.weights += weight;
        let share = if self.weights > 0.0 { weight / self.weights } else { 0.0 };
        x.iter_mut().zip(&self.z).for_each(|(x, &z)| *x = (1.0 - share) * *x + share * z);
    }

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Under a constant rate x is the mean of z₁ … z_t, and with β = 0 the z are those of plain gradient descent.
    #[test]
    fn without_beta_it_is_the_mean_of_gradient_descents_points() {
        let (mut x, mut rule) = (vec![1.0], ScheduleFree::sgd(0.3, 0.0));
        let (mut plain, mut sum) = (1.0, 0.0);
        for t in 1..=50 {
            rule.advance(&mut x, &mut |x, g| {
                g[0] = 2.0 * x[0];
                x[0] * x[0]
            });
            plain -= 0.3 * 2.0 * plain;
            sum += plain;
            assert!((x[0] - sum / f64::from(t)).abs() < 1e-14);
        }
    }
}
