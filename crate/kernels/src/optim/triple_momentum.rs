//! The family of methods with two momenta (Lessard, Recht and Packard, "Analysis and Design of Optimization Algorithms via
//! Integral Quadratic Constraints", 2016) and its fastest member (Van Scoy, Freeman and Lynch, "The Fastest Known Globally
//! Convergent First-Order Method for Minimizing Strongly Convex Functions", 2018).

use super::Method;

/// A step with momentum `b` from a gradient that is looked at with momentum `g` ahead: gradient descent with `b = g = 0`,
/// the heavy ball with `g = 0`, Nesterov's with `b = g`.
#[derive(Clone, Debug)]
pub struct TripleMomentum {
    /// The step `a`.
    pub rate: f64,
    /// `b`, of the step.
    pub momentum: f64,
    /// `g`, of the look ahead.
    pub ahead: f64,
    before: Vec<f64>,
}

impl TripleMomentum {
    /// With these three constants.
    pub fn new(rate: f64, momentum: f64, ahead: f64) -> Self {
        Self { rate, momentum, ahead, before: Vec::new() }
    }

    /// The fastest for curvatures from `m` to `l`: the error falls by `ρ = 1 - √(m/l)` a step.
    pub fn fastest(m: f64, l: f64) -> Self {
        let rho = 1.0 - (m / l).sqrt();
        let square = rho * rho;
        Self::new((1.0 + rho) / l, square / (2.0 - rho), square / ((1.0 + rho) * (2.0 - rho)))
    }
}

impl Method for TripleMomentum {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        if self.before.is_empty() {
            self.before = x.to_vec();
        }
        // v = x + g(x - x'),  x ← x + b(x - x') - a∇f(v)
        let v: Vec<f64> = x.iter().zip(&self.before).map(|(&x, &before)| x + self.ahead * (x - before)).collect();
        let mut slope = vec![0.0; x.len()];
        look(&v, &mut slope);
        for ((x, before), &slope) in x.iter_mut().zip(&mut self.before).zip(&slope) {
            let here = *x;
            *x = here + self.momentum * (here - *before) - self.rate * slope;
            *before = here;
        }
    }

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lessard, Recht and Packard's one-dimensional function, with curvatures 1 and 25.
    fn three_pieces(x: &[f64], g: &mut [f64]) -> f64 {
        g[0] = match x[0] {
            x if x < 1.0 => 25.0 * x,
            x if x < 2.0 => x + 24.0,
            x => 25.0 * x - 24.0,
        };
        0.0
    }

    #[test]
    fn where_the_heavy_ball_circles_for_ever_the_fastest_arrives() {
        let end = |mut rule: TripleMomentum| {
            let mut x = [3.3];
            (0..500).for_each(|_| rule.advance(&mut x, &mut three_pieces));
            x[0].abs()
        };
        assert!(end(TripleMomentum::new(1.0 / 9.0, 4.0 / 9.0, 0.0)) > 0.5);
        assert!(end(TripleMomentum::new(1.0 / 25.0, 2.0 / 3.0, 2.0 / 3.0)) < 1e-10);
        assert!(end(TripleMomentum::fastest(1.0, 25.0)) < 1e-10);
    }
}
