//! The adaptive Rosenbrock method RODAS of orders 4 and 3, L-stable and stiffly accurate, for stiff problems: Hairer &
//! Wanner, "Solving Ordinary Differential Equations II" (1996), section IV.7.
//!
//! Each step solves six linear systems with one matrix, `I/(hγ) - J`, and iterates nothing.

use super::Stuck;
use crate::linalg::DMatrix;
use crate::math::pow;
use nalgebra::DVector;

const GAMMA: f64 = 0.25;

/// Abscissas of the stages.
const C: [f64; 6] = [0.0, 0.386, 0.21, 0.63, 1.0, 1.0];

/// Weights of the earlier stages in the argument of each; those of the last two contain the solution.
const A: [[f64; 5]; 6] = [
    [0.0; 5],
    [1.544, 0.0, 0.0, 0.0, 0.0],
    [0.9466785280815826, 0.2557011698983284, 0.0, 0.0, 0.0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0.0, 0.0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 0.0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1.0],
];

/// Weights of the earlier stages, divided by the step, on the right-hand side of each.
const B: [[f64; 5]; 6] = [
    [0.0; 5],
    [-5.6688, 0.0, 0.0, 0.0, 0.0],
    [-2.430093356833875, -0.2063599157091915, 0.0, 0.0, 0.0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0.0, 0.0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616, 0.0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
];

/// Weights of the slope's derivative by time.
const D: [f64; 6] = [0.25, -0.1043, 0.1035, -0.03620000000000023, 0.0, 0.0];

/// A solution on its way. The slope is handed to each step, `f(t, y, slope)` writing into `slope`, and so is its
/// derivative by `y`: `jacobian(t, y)`, n x n, row i being that of component i ([`jacobian_by_differences`] if there is
/// no formula).
#[derive(Clone, Debug)]
pub struct Rodas {
    t: f64,
    y: Vec<f64>,
    h: f64,
    relative: f64,
    absolute: f64,
}

impl Rodas {
    /// Begins at `y` at time `t`. A step is accepted when its estimated error, divided by `absolute + relative |y|`
    /// component by component, has a root mean square of at most 1. `h` is the first step to try.
    pub fn new(t: f64, y: Vec<f64>, h: f64, relative: f64, absolute: f64) -> Self {
        Self { t, y, h, relative, absolute }
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
    pub fn step(
        &mut self,
        mut f: impl FnMut(f64, &[f64], &mut [f64]),
        mut jacobian: impl FnMut(f64, &[f64]) -> DMatrix<f64>,
        end: f64,
    ) -> Result<f64, Stuck> {
        if self.t >= end {
            return Ok(0.0);
        }
        let n = self.y.len();
        let jacobian = jacobian(self.t, &self.y);
        assert_eq!(jacobian.shape(), (n, n), "the Jacobian of {n} equations");
        let (mut first, mut later, mut latest) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        f(self.t, &self.y, &mut first);
        // ∂f/∂t from three values that lie within the step, so that nothing is asked of f before t.
        let delta = 6e-6 * self.h.min(end - self.t);
        f(self.t + delta, &self.y, &mut later);
        f(self.t + 2.0 * delta, &self.y, &mut latest);
        let by_time: Vec<f64> =
            (0..n).map(|i| (4.0 * (later[i] - first[i]) - (latest[i] - first[i])) / (2.0 * delta)).collect();

        loop {
            let last = self.t + self.h >= end;
            let h = if last { end - self.t } else { self.h };
            if h <= 1e-15 * self.t.abs().max(1e-15) {
                return Err(Stuck);
            }
            let mut matrix = -&jacobian;
            (0..n).for_each(|i| matrix[(i, i)] += 1.0 / (h * GAMMA));
            let solver = matrix.lu();
            let mut stages: Vec<DVector<f64>> = Vec::with_capacity(6);
            let mut y = self.y.clone();
            let mut regular = true;
            for s in 0..6 {
                // (I/(hγ) - J) u_s = f(t + c_s h, y + Σ_r a_sr u_r) + Σ_r b_sr u_r / h + h d_s ∂f/∂t
                y.copy_from_slice(&self.y);
                for (u, weight) in stages.iter().zip(A[s]) {
                    y.iter_mut().zip(u.iter()).for_each(|(y, u)| *y += weight * u);
                }
                let slope = if s == 0 {
                    &first
                } else {
                    f(self.t + C[s] * h, &y, &mut later);
                    &later
                };
                let mut u = DVector::from_fn(n, |i, _| {
                    let earlier: f64 = stages.iter().zip(B[s]).map(|(u, weight)| weight * u[i]).sum();
                    slope[i] + earlier / h + h * D[s] * by_time[i]
                });
                regular &= solver.solve_mut(&mut u);
                stages.push(u);
            }
            // The last stage is the error of order 3, and the argument of the last but one plus both the solution.
            y.iter_mut().zip(stages[5].iter()).for_each(|(y, u)| *y += u);
            let mut square = 0.0;
            for i in 0..n {
                let size = self.y[i].abs().max(y[i].abs());
                let share = stages[5][i] / (self.absolute + self.relative * size);
                square += share * share;
            }
            let error = (square / n.max(1) as f64).sqrt();
            // The error is of order h^4.
            let factor = if error > 0.0 { (0.9 * pow(error, -0.25)).clamp(0.2, 6.0) } else { 6.0 };
            if regular && error <= 1.0 {
                self.t = if last { end } else { self.t + h };
                self.y = y;
                // A step cut short by the end says little about how long the next may be.
                self.h = if last { self.h.max(h * factor) } else { h * factor };
                return Ok(h);
            }
            self.h = h * if regular && error.is_finite() { factor.min(1.0) } else { 0.2 };
        }
    }
}

/// `∂f_i/∂y_j` at `(t, y)` by forward differences, n + 1 evaluations: right to about eight digits.
pub fn jacobian_by_differences(mut f: impl FnMut(f64, &[f64], &mut [f64]), t: f64, y: &[f64]) -> DMatrix<f64> {
    let n = y.len();
    let (mut moved, mut here, mut there) = (y.to_vec(), vec![0.0; n], vec![0.0; n]);
    f(t, y, &mut here);
    let mut jacobian = DMatrix::zeros(n, n);
    for j in 0..n {
        moved[j] = y[j] + (f64::EPSILON * y[j].abs().max(1e-5)).sqrt();
        f(t, &moved, &mut there);
        for i in 0..n {
            jacobian[(i, j)] = (there[i] - here[i]) / (moved[j] - y[j]);
        }
        moved[j] = y[j];
    }
    jacobian
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{cos, exp, sin};
    use crate::ode::DormandPrince;
    use proptest::prelude::*;

    /// One step of length `h`, whatever its error.
    fn step(f: impl Fn(f64, &[f64], &mut [f64]), y: &[f64], h: f64) -> Vec<f64> {
        let mut solution = Rodas::new(0.0, y.to_vec(), h, 1e300, 1e300);
        solution.step(&f, |t, y| jacobian_by_differences(&f, t, y), h).expect("any error is small enough");
        solution.y().to_vec()
    }

    #[test]
    fn one_step_is_of_order_four() {
        // A step of length h errs by O(h^5): y' = y cos t with y = exp(sin t), and y' = y² with y = 1/(1 - t), where
        // the ratio comes close to 2^5 = 32 from below. For order three it would be 16.
        let by_time = |h: f64| (step(|t, y, s| s[0] = y[0] * cos(t), &[1.0], h)[0] - exp(sin(h))).abs();
        let by_value = |h: f64| {
            let mut solution = Rodas::new(0.0, vec![1.0], h, 1e300, 1e300);
            let jacobian = |_: f64, y: &[f64]| DMatrix::from_element(1, 1, 2.0 * y[0]);
            solution.step(|_, y, s| s[0] = y[0] * y[0], jacobian, h).expect("any error is small enough");
            (solution.y()[0] - 1.0 / (1.0 - h)).abs()
        };
        let ratio = by_time(0.1) / by_time(0.05);
        assert!(ratio > 32.0, "{ratio}");
        let ratio = by_value(0.025) / by_value(0.0125);
        assert!((ratio - 32.0).abs() < 1.0, "{ratio}");
    }

    #[test]
    fn the_stability_function_is_at_most_one_on_the_imaginary_axis_and_vanishes_at_infinity() {
        for power in -2..9 {
            let z = crate::math::powi(10.0, power);
            // y' = i ω y as two real equations, with the exact Jacobian.
            let mut turned = Rodas::new(0.0, vec![1.0, 0.0], 1.0, 1e300, 1e300);
            let jacobian = |_: f64, _: &[f64]| DMatrix::from_row_slice(2, 2, &[0.0, -z, z, 0.0]);
            let f = |_: f64, y: &[f64], s: &mut [f64]| {
                s[0] = -z * y[1];
                s[1] = z * y[0];
            };
            turned.step(f, jacobian, 1.0).unwrap();
            let size = turned.y()[0] * turned.y()[0] + turned.y()[1] * turned.y()[1];
            assert!(size <= 1.0 + 1e-12, "|R({z} i)|² = {size}");
            let mut damped = Rodas::new(0.0, vec![1.0], 1.0, 1e300, 1e300);
            damped.step(|_, y, s| s[0] = -z * y[0], |_, _| DMatrix::from_element(1, 1, -z), 1.0).unwrap();
            let left = damped.y()[0].abs();
            assert!(left <= 1.0, "|R(-{z})| = {left}");
            if z >= 1e6 {
                assert!(left < 20.0 / z && size < 400.0 / (z * z), "{z}: {left} {size}");
            }
        }
    }

    /// Robertson's reaction.
    fn robertson(_: f64, y: &[f64], s: &mut [f64]) {
        s[0] = -0.04 * y[0] + 1e4 * y[1] * y[2];
        s[2] = 3e7 * y[1] * y[1];
        s[1] = -s[0] - s[2];
    }

    #[test]
    fn robertsons_reaction_conserves_mass_and_takes_few_steps() {
        let mut solution = Rodas::new(0.0, vec![1.0, 0.0, 0.0], 1e-4, 1e-6, 1e-10);
        let mut steps = 0;
        while solution.t() < 40.0 {
            solution.step(robertson, |t, y| jacobian_by_differences(robertson, t, y), 40.0).unwrap();
            steps += 1;
        }
        // The reference solution of Hairer & Wanner's test set at t = 40.
        let known = [0.715_827_068_719_4, 9.185_534_764_558e-6, 0.284_163_745_746_6];
        for (mine, known) in solution.y().iter().zip(known) {
            assert!((mine - known).abs() < 1e-5 * known, "{mine} {known}");
        }
        assert!((solution.y().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // An explicit method of higher order is held back by stability.
        let mut explicit = DormandPrince::new(0.0, vec![1.0, 0.0, 0.0], 1e-4, 1e-6, 1e-10);
        let mut explicit_steps = 0;
        while explicit.t() < 40.0 {
            explicit.step(robertson, 40.0).unwrap();
            explicit_steps += 1;
        }
        assert!(explicit_steps > 100 * steps, "{explicit_steps} {steps}");
    }

    #[test]
    fn a_slope_that_is_no_number_is_an_error() {
        let f = |_: f64, y: &[f64], s: &mut [f64]| s[0] = y[0] * y[0];
        let mut solution = Rodas::new(0.0, vec![1.0], 0.1, 1e-8, 1e-8);
        let jacobian = |_: f64, y: &[f64]| DMatrix::from_element(1, 1, 2.0 * y[0]);
        let stuck = (0..10_000).find_map(|_| solution.step(f, jacobian, 2.0).err());
        assert_eq!(stuck, Some(Stuck));
        assert!((solution.t() - 1.0).abs() < 1e-6, "the blow-up is at 1, not {}", solution.t());
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_explicit_method_where_nothing_is_stiff(a in 0.1_f64..3.0, y in -2.0_f64..2.0) {
            let f = |t: f64, y: &[f64], s: &mut [f64]| {
                s[0] = y[1];
                s[1] = -a * sin(y[0]) + 0.1 * cos(t);
            };
            let mut implicit = Rodas::new(0.0, vec![y, 0.3], 0.01, 1e-9, 1e-9);
            let mut explicit = DormandPrince::new(0.0, vec![y, 0.3], 0.01, 1e-9, 1e-9);
            while implicit.t() < 5.0 {
                implicit.step(f, |t, y| jacobian_by_differences(f, t, y), 5.0).unwrap();
            }
            while explicit.t() < 5.0 {
                explicit.step(f, 5.0).unwrap();
            }
            for (a, b) in implicit.y().iter().zip(explicit.y()) {
                prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
            }
        }
    }
}
