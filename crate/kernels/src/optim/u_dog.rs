//! U-DoG (Kreisler, Ivgi, Hinder and Carmon, "Accelerated Parameter-Free Stochastic Optimization", 2024): UniXGrad with
//! DoG's estimate of the distance, without the damping that the theory needs.

use super::{
    Method,
    vector::{distance, dot},
};

/// The state of U-DoG, which needs no learning rate and takes two gradients a step. The parameters that it moves are the
/// weighted means of `x`.
#[derive(Clone, Debug)]
pub struct UDog {
    /// A factor on every step: 1.
    pub rate: f64,
    /// `r_ε`, the first movement in units of `1 + ‖x₀‖`: 1e-6.
    pub first: f64,
    start: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    /// `Σ ω_i x_i` and `Σ ω_i`.
    sum: Vec<f64>,
    weights: f64,
    reach: f64,
    /// `Σ r̄_i`.
    reaches: f64,
    /// `G`.
    squares: f64,
}

impl UDog {
    /// Made for any number of parameters.
    pub fn new() -> Self {
        let none = Vec::new;
        Self {
            rate: 1.0,
            first: 1e-6,
            start: none(),
            x: none(),
            y: none(),
            sum: none(),
            weights: 0.0,
            reach: 0.0,
            reaches: 0.0,
            squares: 0.0,
        }
    }

    /// `r̄`, the greatest distance of `x` and `y` from the start so far.
    pub fn reach(&self) -> f64 {
        self.reach
    }

    /// `x` and `y`.
    pub fn inner(&self) -> [&[f64]; 2] {
        [&self.x, &self.y]
    }
}

impl Default for UDog {
    fn default() -> Self {
        Self::new()
    }
}

impl Method for UDog {
    fn advance(&mut self, z: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        if self.start.is_empty() {
            (self.start, self.x, self.y) = (z.to_vec(), z.to_vec(), z.to_vec());
            self.sum = vec![0.0; z.len()];
            self.reach = self.first * (1.0 + dot(z, z).sqrt());
        }
        // r̄ = max(r̄, ‖x - x₀‖, ‖y - x₀‖),  α = Σr̄ / r̄,  ω = r̄α = Σr̄
        self.reach = self.reach.max(distance(&self.x, &self.start)).max(distance(&self.y, &self.start));
        self.reaches += self.reach;
        let (alpha, omega) = (self.reaches / self.reach, self.reaches);
        let stretch = |squares: f64| if squares > 0.0 { self.rate * omega / squares.sqrt() } else { 0.0 };

        // z = (ωy + Σω_i x_i) / (ω + Σω_i),  m = ∇f(z)
        self.weights += omega;
        let total = 1.0 / self.weights;
        for ((z, &y), &sum) in z.iter_mut().zip(&self.y).zip(&self.sum) {
            *z = total * (omega * y + sum);
        }
        let mut m = vec![0.0; z.len()];
        look(z, &mut m);
        if self.squares == 0.0 {
            self.squares = alpha * alpha * dot(&m, &m);
        }

        // x = y - α r̄/√G m: here G has not yet seen this step
        let step = stretch(self.squares);
        for (((x, &y), &m), sum) in self.x.iter_mut().zip(&self.y).zip(&m).zip(&mut self.sum) {
            *x = y - step * m;
            *sum += omega * *x;
        }
        // z' = Σω_i x_i / Σω_i,  g = ∇f(z'),  G ← G + α²‖g - m‖²,  y ← y - α r̄/√G g
        z.iter_mut().zip(&self.sum).for_each(|(z, &sum)| *z = total * sum);
        let mut g = vec![0.0; z.len()];
        look(z, &mut g);
        let off = distance(&g, &m);
        self.squares += alpha * alpha * off * off;
        let step = stretch(self.squares);
        self.y.iter_mut().zip(&g).for_each(|(y, &g)| *y -= step * g);
    }

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A smooth convex function without noise: the gap falls at least as 1/t², over a decade at least thirtyfold.
    #[test]
    fn on_a_long_bowl_it_is_accelerated() {
        let curvature: Vec<f64> = (0..20).map(|i| crate::math::pow(10.0, -3.0 * f64::from(i) / 19.0)).collect();
        let (mut x, mut rule) = (vec![2.0; 20], UDog::new());
        let mut gaps = vec![];
        for _ in 0..1000 {
            rule.advance(&mut x, &mut |x, g| {
                g.iter_mut().zip(x).zip(&curvature).for_each(|((g, x), c)| *g = c * x);
                0.0
            });
            gaps.push(x.iter().zip(&curvature).map(|(x, c)| 0.5 * c * x * x).sum::<f64>());
        }
        assert!(gaps[999] < gaps[99] / 30.0 && gaps[999] < 1e-4, "{} {}", gaps[99], gaps[999]);
    }
}
