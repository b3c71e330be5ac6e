//! Normalised gradient descent (Nesterov, "Minimization methods for nonsmooth convex and quasiconvex functions", 1984).

use super::{Optimizer, vector::dot};
use crate::math::Float;

/// Steps of a fixed length down the gradient.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// The length `η` of a step.
    pub rate: f64,
}

impl<T: Float> Optimizer<T> for Normalized {
    fn step(&mut self, x: &mut [T], g: &[T]) {
        // x ← x - η g / ‖g‖
        let norm = dot(g, g).sqrt();
        if norm > 0.0 {
            x.iter_mut().zip(g).for_each(|(x, &g)| *x = *x - T::of(self.rate / norm) * g);
        }
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_as_long_as_told_and_none_is_taken_where_there_is_no_slope() {
        let mut x = [1.0, 1.0];
        Normalized { rate: 0.5 }.step(&mut x, &[3e9, -4e9]);
        assert!((x[0] - 0.7_f64).abs() < 1e-15 && (x[1] - 1.4).abs() < 1e-15, "{x:?}");
        Normalized { rate: 0.5 }.step(&mut x, &[0.0, 0.0]);
        assert!(x[0].is_finite());
    }
}
