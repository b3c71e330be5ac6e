//! Polyak's step (Polyak, "Minimization of unsmooth functionals", 1969), bounded as in Loizou et al., "Stochastic Polyak
//! Step-size for SGD", 2021, and with momentum (Wang, Johansson and Zhang, "Generalized Polyak Step Size for First Order
//! Optimization with Momentum", 2023).

use super::{Method, vector::dot};

/// What is carried from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carried {
    /// `β` of the last displacement: ALR-HB. With `β = 0` the step is Polyak's own.
    Displacement(f64),
    /// `β` of the last direction: ALR-MAG.
    Gradient(f64),
}

/// Steps from the height above the least value.
#[derive(Clone, Debug)]
pub struct Polyak {
    /// A factor on every step: 1.
    pub rate: f64,
    /// `f*`, the least value, or a bound below it.
    pub least: f64,
    /// What the height is multiplied by: 1, or 2 where the function grows quadratically.
    pub growth: f64,
    /// The greatest step: none.
    pub greatest: f64,
    /// The momentum.
    pub carried: Carried,
    before: Vec<f64>,
    direction: Vec<f64>,
    taken: f64,
}

impl Polyak {
    /// For `n` parameters and the least value `f*`.
    pub fn new(n: usize, least: f64, carried: Carried) -> Self {
        let direction = vec![0.0; n];
        Self { rate: 1.0, least, growth: 1.0, greatest: f64::INFINITY, carried, before: vec![], direction, taken: 0.0 }
    }

    /// `η` of the last step.
    pub fn taken(&self) -> f64 {
        self.taken
    }
}

impl Method for Polyak {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        if self.before.is_empty() {
            self.before = x.to_vec();
        }
        let mut g = vec![0.0; x.len()];
        let height = self.growth * (look(x, &mut g) - self.least);
        let shorter = |top: f64, square: f64| if square > 0.0 { (top / square).clamp(0.0, self.greatest) } else { 0.0 };
        match self.carried {
            Carried::Displacement(beta) => {
                // η = (f - f* + β⟨g, x - x'⟩) / ‖g‖²,  x ← x - ηg + β(x - x')
                let along: f64 =
                    g.iter().zip(x.iter().zip(&self.before)).map(|(g, (x, before))| g * (x - before)).sum();
                self.taken = self.rate * shorter(height + beta * along, dot(&g, &g));
                let eta = self.taken;
                for ((x, before), &g) in x.iter_mut().zip(&mut self.before).zip(&g) {
                    let here = *x;
                    *x = here - eta * g + beta * (here - *before);
                    *before = here;
                }
            }
            Carried::Gradient(beta) => {
                // d ← βd + g,  η = (f - f*) / ‖d‖²,  x ← x - ηd
                self.direction.iter_mut().zip(&g).for_each(|(d, &g)| *d = beta * *d + g);
                self.taken = self.rate * shorter(height, dot(&self.direction, &self.direction));
                let eta = self.taken;
                x.iter_mut().zip(&self.direction).for_each(|(x, &d)| *x -= eta * d);
            }
        }
    }

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // On ‖x‖ the step is the distance itself; on ‖x‖²/2 it is half of it, and the doubled height mends that.
    #[test]
    fn on_a_cone_it_arrives_at_once_and_on_a_round_bowl_with_doubled_height() {
        let (mut x, mut rule) = (vec![3.0, -4.0], Polyak::new(2, 0.0, Carried::Displacement(0.0)));
        rule.advance(&mut x, &mut |x, g| {
            let norm = dot(x, x).sqrt();
            g.iter_mut().zip(x).for_each(|(g, x)| *g = x / norm);
            norm
        });
        assert!(dot(&x, &x) < 1e-30 && (rule.taken() - 5.0).abs() < 1e-15, "{x:?}");
        let (mut x, mut rule) = (vec![3.0, -4.0], Polyak::new(2, 0.0, Carried::Gradient(0.9)));
        rule.growth = 2.0;
        rule.advance(&mut x, &mut |x, g| {
            g.copy_from_slice(x);
            0.5 * dot(x, x)
        });
        assert!(dot(&x, &x) < 1e-30, "{x:?}");
    }

    // What the step is made for: on a convex function the distance to the minimum never grows by it.
    #[test]
    fn no_step_leads_away_from_the_minimum_of_a_convex_function() {
        let (mut x, mut rule) = (vec![2.0_f64, -1.0], Polyak::new(2, 0.0, Carried::Displacement(0.0)));
        for _ in 0..200 {
            let before = dot(&x, &x);
            rule.advance(&mut x, &mut |x, g| {
                let (a, b) = (x[0] + x[1], x[0] - x[1]);
                let (s, t) = (a.signum(), 0.1 * b.signum());
                g.copy_from_slice(&[s + t, s - t]);
                a.abs() + 0.1 * b.abs()
            });
            assert!(dot(&x, &x) <= before * (1.0 + 1e-14));
        }
    }
}
