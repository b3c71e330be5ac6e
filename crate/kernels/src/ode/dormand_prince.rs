//! The adaptive Runge-Kutta pair of orders 5 and 4 of Dormand and Prince (1980), as in Hairer, Nørsett & Wanner,
//! "Solving Ordinary Differential Equations I", table II.5.2.

use crate::math::pow;

/// Abscissas of the seven stages.
const C: [f64; 7] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// Weights of the earlier slopes in each stage; the last row is the solution of order 5.
const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Order 5 minus order 4.
const E: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Within a step: the quartic correction of each weight at its beginning, and its slope.
const F: [f64; 7] = [
    -5.0 * 2558722523.0 / 11282082432.0,
    0.0,
    100.0 * 882725551.0 / 32700410799.0,
    -25.0 * 443332067.0 / 1880347072.0,
    32805.0 * 23143187.0 / 199316789632.0,
    -55.0 * 29972135.0 / 822651844.0,
    10.0 * 7414447.0 / 29380423.0,
];
const G: [f64; 7] = [
    5.0 * 31403016.0 / 11282082432.0,
    0.0,
    -100.0 * 15701508.0 / 32700410799.0,
    25.0 * 31403016.0 / 1880347072.0,
    -32805.0 * 3489224.0 / 199316789632.0,
    55.0 * 7076736.0 / 822651844.0,
    -10.0 * 829305.0 / 29380423.0,
];

/// No step, however small, meets the tolerance: the slope is not finite, or leaps too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

/// A solution on its way. The slope is handed to each step: `f(t, y, slope)` writes into `slope`.
#[derive(Clone, Debug)]
pub struct DormandPrince {
    t: f64,
    y: Vec<f64>,
    h: f64,
    relative: f64,
    absolute: f64,
    slopes: [Vec<f64>; 7],
    stage: Vec<f64>,
    /// Whether `slopes[0]` belongs to `(t, y)`: the last stage of a step is the first of the next.
    known: bool,
    /// The length of the step that led here; `stage` and `slopes` are still those of that step.
    taken: f64,
}

impl DormandPrince {
    /// Begins at `y` at time `t`. A step is accepted when its estimated error, divided by `absolute + relative |y|`
    /// component by component, has a root mean square of at most 1. `h` is the first step to try.
    pub fn new(t: f64, y: Vec<f64>, h: f64, relative: f64, absolute: f64) -> Self {
        let zeros = || vec![0.0; y.len()];
        let slopes = std::array::from_fn(|_| zeros());
        Self { t, stage: zeros(), y, h, relative, absolute, slopes, known: false, taken: 0.0 }
    }

    /// The time reached.
    pub fn t(&self) -> f64 {
        self.t
    }

    /// The solution there.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// One accepted step, never beyond `end`; returns its length, 0 when `end` is reached already.
    ///
    /// # Errors
    /// [`Stuck`]; the solution stays where it is.
    pub fn step(&mut self, mut f: impl FnMut(f64, &[f64], &mut [f64]), end: f64) -> Result<f64, Stuck> {
        if self.t >= end {
            return Ok(0.0);
        }
        if !self.known {
            f(self.t, &self.y, &mut self.slopes[0]);
            self.known = true;
        }
        loop {
            let last = self.t + self.h >= end;
            let h = if last { end - self.t } else { self.h };
            self.taken = 0.0;
            if h <= 1e-15 * self.t.abs().max(1e-15) {
                return Err(Stuck);
            }
            for stage in 1..7 {
                let (earlier, this) = self.slopes.split_at_mut(stage);
                for (i, y) in self.stage.iter_mut().enumerate() {
                    let slope: f64 = earlier.iter().zip(&A[stage]).map(|(slope, weight)| weight * slope[i]).sum();
                    *y = self.y[i] + h * slope;
                }
                f(self.t + C[stage] * h, &self.stage, &mut this[0]);
            }
            // The last stage stands at the solution of order 5.
            let mut square = 0.0;
            for i in 0..self.y.len() {
                let error: f64 = self.slopes.iter().zip(E).map(|(slope, weight)| weight * slope[i]).sum();
                let size = self.y[i].abs().max(self.stage[i].abs());
                let share = h * error / (self.absolute + self.relative * size);
                square += share * share;
            }
            let error = (square / self.y.len().max(1) as f64).sqrt();
            // The error is of order h^5.
            let factor = if error > 0.0 { (0.9 * pow(error, -0.2)).clamp(0.2, 5.0) } else { 5.0 };
            if error <= 1.0 {
                self.t = if last { end } else { self.t + h };
                std::mem::swap(&mut self.y, &mut self.stage);
                self.slopes.swap(0, 6);
                // A step cut short by the end says little about how long the next may be.
                self.h = if last { self.h.max(h * factor) } else { h * factor };
                self.taken = h;
                return Ok(h);
            }
            self.h = h * if error.is_finite() { factor.min(1.0) } else { 0.2 };
        }
    }

    /// Writes into `y` the solution at a time within the step just taken, to order 4: a picture at even times, or the
    /// search for an event, needs no shorter steps. Before the first step, and after one that was [`Stuck`], it is
    /// [`y()`](Self::y) at every time. (Hairer, Nørsett & Wanner, equation II.6.12 with the coefficients of DOPRI5.)
    pub fn within(&self, t: f64, y: &mut [f64]) {
        y.copy_from_slice(&self.y);
        if self.taken == 0.0 {
            return;
        }
        let x = (t - (self.t - self.taken)) / self.taken;
        // Hermite's cubic carries the weights of order 5; a quartic that is flat at both ends corrects them.
        let (cubic, quartic) = (x * x * (3.0 - 2.0 * x), x * x * (x - 1.0) * (x - 1.0));
        let weight = |stage: usize| A[6].get(stage).map_or(0.0, |b| cubic * b) + quartic * (F[stage] + x * G[stage]);
        let mut weights: [f64; 7] = std::array::from_fn(weight);
        weights[0] += x * (x - 1.0) * (x - 1.0);
        weights[6] += x * x * (x - 1.0);
        // The slope at the end of the step has become the first of the next, and changed places with its first.
        weights.swap(0, 6);
        for (i, y) in y.iter_mut().enumerate() {
            let slope: f64 = self.slopes.iter().zip(weights).map(|(slope, weight)| weight * slope[i]).sum();
            *y = self.stage[i] + self.taken * slope;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{cos, exp, sin};
    use proptest::prelude::*;

    fn solve(f: impl Fn(f64, &[f64], &mut [f64]), y: Vec<f64>, end: f64, tolerance: f64) -> (Vec<f64>, usize) {
        let mut solution = DormandPrince::new(0.0, y, 0.1, tolerance, tolerance);
        let mut steps = 0;
        while solution.t() < end {
            solution.step(&f, end).expect("a smooth problem");
            steps += 1;
        }
        (solution.y().to_vec(), steps)
    }

    #[test]
    fn the_tableau_is_consistent() {
        for (row, c) in A.iter().zip(C) {
            assert!((row.iter().sum::<f64>() - c).abs() < 1e-14);
        }
        assert!(E.iter().sum::<f64>().abs() < 1e-16);
        // The quadrature conditions of order 5: the weights integrate t^k exactly for k < 5.
        for k in 0..5 {
            let sum: f64 = A[6].iter().zip(C).map(|(weight, c)| weight * crate::math::powi(c, k)).sum();
            assert!((sum - 1.0 / f64::from(k + 1)).abs() < 1e-14, "k = {k}");
        }
    }

    #[test]
    fn one_step_is_of_order_five() {
        // y' = y cos t, y = exp(sin t): one step of length h errs by O(h^6).
        let error = |h: f64| {
            let mut solution = DormandPrince::new(0.0, vec![1.0], h, 1.0, 1.0);
            solution.step(|t, y, slope| slope[0] = y[0] * cos(t), h).expect("a smooth problem");
            (solution.y()[0] - exp(sin(h))).abs()
        };
        let ratio = error(0.2) / error(0.1);
        assert!(ratio > 50.0 && ratio < 85.0, "2^6 = 64, but {ratio}");
    }

    #[test]
    fn the_solution_within_a_step_is_of_order_four() {
        // The same problem: between the ends the error is O(h^5); at the ends it is the solution itself.
        let error = |h: f64| {
            let mut solution = DormandPrince::new(0.0, vec![1.0], h, 1.0, 1.0);
            let before = solution.clone();
            let mut y = [0.0];
            before.within(0.3, &mut y);
            assert_eq!(y, [1.0]);
            solution.step(|t, y, slope| slope[0] = y[0] * cos(t), h).expect("a smooth problem");
            solution.within(0.0, &mut y);
            assert_eq!(y, [1.0]);
            solution.within(h, &mut y);
            assert!((y[0] - solution.y()[0]).abs() < 1e-15);
            let share = |k: i32| h * f64::from(k) / 20.0;
            (1..20).fold(0.0, |worst: f64, k| {
                solution.within(share(k), &mut y);
                worst.max((y[0] - exp(sin(share(k)))).abs())
            })
        };
        let ratio = error(0.2) / error(0.1);
        assert!(ratio > 25.0 && ratio < 45.0, "2^5 = 32, but {ratio}");
    }

    #[test]
    fn a_circle_closes() {
        let turn = 2.0 * crate::math::PI;
        let (y, steps) = solve(
            |_, y, slope| {
                slope[0] = -y[1];
                slope[1] = y[0];
            },
            vec![1.0, 0.0],
            turn,
            1e-10,
        );
        assert!((y[0] - 1.0).abs() < 1e-8 && y[1].abs() < 1e-8, "{y:?}");
        assert!(steps < 300, "{steps}");
    }

    #[test]
    fn a_slope_that_is_no_number_is_an_error() {
        let mut solution = DormandPrince::new(0.0, vec![1.0], 0.1, 1e-8, 1e-8);
        let stuck = (0..10_000).find_map(|_| solution.step(|_, y, slope| slope[0] = y[0] * y[0], 2.0).err());
        assert_eq!(stuck, Some(Stuck));
        assert!((solution.t() - 1.0).abs() < 1e-6, "the blow-up is at 1, not {}", solution.t());
    }

    proptest! {
        #[test]
        fn a_linear_decay_is_followed_within_the_tolerance(rate in 0.01_f64..300.0, start in -10.0_f64..10.0) {
            let (y, _) = solve(|_, y, slope| slope[0] = -rate * y[0], vec![start], 1.0, 1e-9);
            prop_assert!((y[0] - start * exp(-rate)).abs() <= 1e-7);
        }
    }
}
