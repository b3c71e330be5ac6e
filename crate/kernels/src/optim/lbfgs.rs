//! Limited-memory BFGS (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; Nocedal and Wright, "Numerical
//! Optimization", 2006, algorithms 7.4 and 7.5).

use super::{Stalled, Wolfe};
use crate::linalg::inner;
use std::collections::VecDeque;

/// What the last steps told about the curvature, and where they led.
#[derive(Clone, Debug)]
pub struct Lbfgs {
    /// The line search's conditions.
    pub wolfe: Wolfe,
    memory: usize,
    pairs: VecDeque<Pair>,
    /// The value and the gradient where the last step ended.
    here: Option<(f64, Vec<f64>)>,
}

/// `s = x' - x`, `y = ∇f(x') - ∇f(x)` and `ρ = 1/yᵀs`.
#[derive(Clone, Debug)]
struct Pair {
    s: Vec<f64>,
    y: Vec<f64>,
    rho: f64,
}

/// Where a step ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The function's value.
    pub value: f64,
    /// The greatest entry of its gradient, without sign.
    pub slope: f64,
}

impl Lbfgs {
    /// Remembers `memory` steps: often ten.
    pub fn new(memory: usize) -> Self {
        Self { wolfe: Wolfe::default(), memory, pairs: VecDeque::new(), here: None }
    }

    /// Takes in that `x` moved by `s` and the gradient by `y`. Where the curvature along `s` is not positive there is
    /// nothing to learn.
    pub fn learn(&mut self, s: Vec<f64>, y: Vec<f64>) {
        let curvature = inner(&s, &y);
        if curvature > 0.0 {
            self.pairs.push_back(Pair { s, y, rho: 1.0 / curvature });
        }
        if self.pairs.len() > self.memory {
            self.pairs.pop_front();
        }
    }

    /// `-H g` with the approximation `H` of the inverse Hessian that the remembered steps make of `γ I`, where
    /// `γ = sᵀy/yᵀy` of the last one: the two loops of algorithm 7.4.
    pub fn direction(&self, g: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { s, y, rho } in self.pairs.iter().rev() {
            // α = ρ sᵀq,  q ← q - α y
            let alpha = rho * inner(s, &q);
            q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
            alphas.push(alpha);
        }
        if let Some(Pair { y, rho, .. }) = self.pairs.back() {
            let gamma = 1.0 / (rho * inner(y, y));
            q.iter_mut().for_each(|q| *q *= gamma);
        }
        for (Pair { s, y, rho }, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            // β = ρ yᵀr,  r ← r + s (α - β)
            let beta = rho * inner(y, &q);
            q.iter_mut().zip(s).for_each(|(r, s)| *r += s * (alpha - beta));
        }
        q
    }

    /// One step of `x` along the direction, as far as a line search takes it. `objective(x, g)` gives the value and
    /// writes the gradient. Between steps `x` is to stay where the last one left it.
    ///
    /// # Errors
    /// If the line search stalls, `x` stays where it was; near a minimum that is rounding's end of the road.
    pub fn step(
        &mut self,
        x: &mut [f64],
        mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
    ) -> Result<Step, Stalled> {
        let (value, g) = self.here.take().unwrap_or_else(|| {
            let mut g = vec![0.0; x.len()];
            (objective(x, &mut g), g)
        });
        let direction = self.direction(&g);
        // Nothing is known yet of the length of a gradient's step: at most one.
        let start = if self.pairs.is_empty() { 1.0 / inner(&g, &g).sqrt().max(1.0) } else { 1.0 };
        let (mut there, mut gradient) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let mut reached = value;
        let phi = |t: f64| {
            there.iter_mut().zip(&*x).zip(&direction).for_each(|((there, x), d)| *there = x + t * d);
            reached = objective(&there, &mut gradient);
            (reached, inner(&gradient, &direction))
        };
        if let Err(stalled) = self.wolfe.search(phi, value, inner(&g, &direction), start) {
            self.here = Some((value, g));
            return Err(stalled);
        }
        let s = there.iter().zip(&*x).map(|(there, x)| there - x).collect();
        let y = gradient.iter().zip(&g).map(|(there, here)| there - here).collect();
        self.learn(s, y);
        x.copy_from_slice(&there);
        let slope = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        self.here = Some((reached, gradient));
        Ok(Step { value: reached, slope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // With the pairs of a quadratic's conjugate directions, H is the inverse Hessian: here, of a diagonal one, whose
        // axes are conjugate.
        #[test]
        fn after_all_axes_of_a_quadratic_its_direction_is_newtons(curvatures in prop::collection::vec(0.1_f64..10.0, 1..6)) {
            let n = curvatures.len();
            let mut lbfgs = Lbfgs::new(n);
            for (i, a) in curvatures.iter().enumerate() {
                let axis = |length: f64| (0..n).map(|j| if i == j { length } else { 0.0 }).collect();
                lbfgs.learn(axis(2.0), axis(2.0 * a));
            }
            let g: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
            for ((d, g), a) in lbfgs.direction(&g).iter().zip(&g).zip(&curvatures) {
                prop_assert!((d + g / a).abs() <= 1e-12 * (g / a));
            }
        }
    }

    #[test]
    fn a_stalled_search_leaves_the_point_where_it_was() {
        let mut x = [1.0, 2.0];
        let result = Lbfgs::new(5).step(&mut x, |_, g| {
            g.fill(1.0);
            f64::NAN
        });
        assert_eq!((result, x), (Err(Stalled), [1.0, 2.0]));
    }
}
