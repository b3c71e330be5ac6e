//! Stochastic gradient descent, with the heavy ball's momentum (Polyak, "Some methods of speeding up the convergence of
//! iteration methods", 1964) or Nesterov's (Sutskever et al., "On the importance of initialization and momentum in deep
//! learning", 2013).

use super::Optimizer;
use crate::math::Float;

/// The state of gradient descent.
#[derive(Clone, Debug)]
pub struct Sgd<T = f64> {
    /// The learning rate `η`.
    pub rate: f64,
    /// The momentum `μ`, from 0 to 1.
    pub momentum: f64,
    /// Whether the gradient counts as if it were seen at the end of the momentum's step, as Nesterov's does.
    pub nesterov: bool,
    /// `λ`: the gradient is that of `f(x) + λ|x|²/2`.
    pub decay: f64,
    trace: Vec<T>,
}

impl<T: Float> Sgd<T> {
    /// For `n` parameters.
    pub fn new(n: usize, rate: f64, momentum: f64) -> Self {
        Self { rate, momentum, nesterov: false, decay: 0.0, trace: vec![T::default(); n] }
    }

    /// The same with Nesterov's momentum.
    pub fn nesterov(n: usize, rate: f64, momentum: f64) -> Self {
        Self { nesterov: true, ..Self::new(n, rate, momentum) }
    }
}

impl<T: Float> Optimizer<T> for Sgd<T> {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        let [rate, momentum, decay] = [self.rate, self.momentum, self.decay].map(T::of);
        for ((x, &g), m) in x.iter_mut().zip(g).zip(&mut self.trace) {
            // m ← μm + g + λx
            let g = g + decay * *x;
            *m = momentum * *m + g;
            // x ← x - ηm, or x - η(g + μm) with Nesterov's
            *x = *x - rate * if self.nesterov { g + momentum * *m } else { *m };
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Nesterov's scheme looks ahead, y = x + μ(x - x'), and steps from there; written in y, with the look-ahead as
        // the parameters, it is ours.
        #[test]
        fn nesterovs_momentum_is_nesterovs_look_ahead(
            start in -2.0_f64..2.0, curvature in 0.1_f64..5.0, momentum in 0.0_f64..0.95,
        ) {
            let rate = 0.1;
            let gradient = |x: f64| curvature * x + libm::sin(x);
            let (mut x, mut before) = (start, start);
            let (mut y, mut sgd) = ([start], Sgd::nesterov(1, rate, momentum));
            for _ in 0..50 {
                let ahead = x + momentum * (x - before);
                prop_assert!((y[0] - ahead).abs() <= 1e-12);
                (before, x) = (x, ahead - rate * gradient(ahead));
                let g = gradient(y[0]);
                sgd.step(&mut y, &[g]);
            }
        }
    }

    // Polyak's optimum for curvatures from m to L, κ = L/m: at both ends the recurrence has the double root ±ρ with
    // ρ = (√κ - 1)/(√κ + 1), so that x_k = (1 + ck)(±ρ)^k.
    #[test]
    fn with_polyaks_constants_the_heavy_ball_has_his_rate() {
        let (least, most): (f64, f64) = (1.0, 100.0);
        let (a, b) = (least.sqrt(), most.sqrt());
        let (rho, rate) = ((b - a) / (b + a), 4.0 / ((a + b) * (a + b)));
        let (mut x, mut sgd) = ([1.0, 1.0], Sgd::new(2, rate, rho * rho));
        for k in 1..=100 {
            let g = [least * x[0], most * x[1]];
            sgd.step(&mut x, &g);
            for (x, (curvature, root)) in x.iter().zip([(least, rho), (most, -rho)]) {
                let c = (1.0 - rate * curvature) / root - 1.0;
                let expected = (1.0 + c * f64::from(k)) * crate::math::powi(root, k);
                assert!((x - expected).abs() <= 1e-10 * expected.abs(), "{k}: {x} {expected}");
            }
        }
    }
}
