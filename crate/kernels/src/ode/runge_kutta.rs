//! The classical Runge-Kutta method of order 4 (Kutta 1901), with steps of a given length.

/// The stages of one step, kept from step to step.
#[derive(Clone, Debug)]
pub struct RungeKutta4 {
    slope: Vec<f64>,
    sum: Vec<f64>,
    stage: Vec<f64>,
}

impl RungeKutta4 {
    /// For systems of `size` equations.
    pub fn new(size: usize) -> Self {
        Self { slope: vec![0.0; size], sum: vec![0.0; size], stage: vec![0.0; size] }
    }

    /// Carries `y` from time `t` to `t + h`; `h` may be negative. The slope is handed in: `f(t, y, slope)` writes into
    /// `slope`.
    pub fn step(&mut self, mut f: impl FnMut(f64, &[f64], &mut [f64]), t: f64, h: f64, y: &mut [f64]) {
        assert_eq!(y.len(), self.slope.len(), "the number of equations");
        self.sum.fill(0.0);
        self.stage.copy_from_slice(y);
        // k₁ at the start, k₂ and k₃ in the middle, k₄ at the end: y + h (k₁ + 2 k₂ + 2 k₃ + k₄) / 6.
        for (at, weight, reach) in [(0.0, 1.0, 0.5), (0.5, 2.0, 0.5), (0.5, 2.0, 1.0), (1.0, 1.0, 0.0)] {
            f(t + at * h, &self.stage, &mut self.slope);
            for (((sum, stage), slope), y) in self.sum.iter_mut().zip(&mut self.stage).zip(&self.slope).zip(y.iter()) {
                *sum += weight * slope;
                *stage = y + reach * h * slope;
            }
        }
        y.iter_mut().zip(&self.sum).for_each(|(y, sum)| *y += h / 6.0 * sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{cos, exp, sin};

    #[test]
    fn the_error_falls_with_the_fourth_power_of_the_step() {
        // y' = y cos t, y = exp(sin t).
        let error = |steps: u32| {
            let (mut y, mut method, h) = ([1.0], RungeKutta4::new(1), 2.0 / f64::from(steps));
            for k in 0..steps {
                method.step(|t, y, slope| slope[0] = y[0] * cos(t), f64::from(k) * h, h, &mut y);
            }
            (y[0] - exp(sin(2.0))).abs()
        };
        let ratio = error(20) / error(40);
        assert!(ratio > 14.5 && ratio < 17.5, "2^4 = 16, but {ratio}");
    }

    #[test]
    fn a_cubic_in_time_is_integrated_exactly() {
        // Of order 4: a slope that is a cubic in t is integrated by Simpson's rule, without error.
        let (mut y, mut method) = ([1.0, 0.0], RungeKutta4::new(2));
        let f = |t: f64, _: &[f64], slope: &mut [f64]| {
            slope[0] = t * t * t - t;
            slope[1] = 1.0;
        };
        method.step(f, 1.0, 2.0, &mut y);
        assert_eq!(y, [1.0 + (81.0 - 1.0) / 4.0 - (9.0 - 1.0) / 2.0, 2.0]);
        method.step(f, 3.0, -2.0, &mut y);
        assert!((y[0] - 1.0).abs() < 1e-14 && y[1] == 0.0, "{y:?}");
    }
}
