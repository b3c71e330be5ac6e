//! A mean over rows of a loss of $\langle a_i,x\rangle$: absolute, square or logistic regression, or a hinge.
//!
//! ```
//! use orrery_core::prelude::*;
//! use orrery_optimizers::linear_model::{LinearModel, Loss};
//!
//! let model = LinearModel::logistic(200, &[1.0, 0.5, 0.1], 2.0, &mut Rng::seed_from_u64(1));
//! let (x, least) = model.solution();
//! let mut gradient = [0.0; 3];
//! assert_eq!(model.value_and_gradient(&x, &mut gradient), least);
//! assert!(gradient.iter().all(|g| g.abs() < 1e-10));
//! ```

use orrery_core::prelude::*;
use orrery_kernels::linalg::{View, matvec, matvec_add, outer_add, ridge};
use orrery_kernels::math::{exp_wide, log_wide, sigmoid, sigmoid_wide, softplus};
use orrery_kernels::random::{direction, normals};

/// What a row costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// $|\langle a,x\rangle-b|$.
    Absolute,
    /// $\tfrac12(\langle a,x\rangle-b)^2$.
    Square,
    /// $\log(1+e^{-b\langle a,x\rangle})$ with $b=\pm1$.
    Logistic,
    /// $\max(0,1-b\langle a,x\rangle)$ with $b=\pm1$.
    Hinge,
}

impl Loss {
    /// The loss and its slope at $u=\langle a,x\rangle$.
    fn at(self, u: f64, b: f64) -> (f64, f64) {
        match self {
            // The slope at the kink is zero: a subgradient as good as any.
            Self::Absolute if u == b => (0.0, 0.0),
            Self::Absolute => ((u - b).abs(), (u - b).signum()),
            Self::Square => (0.5 * (u - b) * (u - b), u - b),
            Self::Logistic => (softplus(-b * u), -b * sigmoid(-b * u)),
            Self::Hinge => ((1.0 - b * u).max(0.0), self.slope(u, b)),
        }
    }

    /// The slope alone, for many numbers in one loop.
    pub fn slope(self, u: f64, b: f64) -> f64 {
        match self {
            Self::Absolute | Self::Square => self.at(u, b).1,
            Self::Logistic => -b * sigmoid_wide(-b * u),
            Self::Hinge => {
                if b * u < 1.0 {
                    -b
                } else {
                    0.0
                }
            }
        }
    }

    /// The loss alone, likewise.
    pub fn value(self, u: f64, b: f64) -> f64 {
        match self {
            // log(1 + eᶻ) = max(z, 0) + log(1 + e^{-|z|})
            Self::Logistic => (-b * u).max(0.0) + log_wide(1.0 + exp_wide(-(b * u).abs())),
            _ => self.at(u, b).0,
        }
    }

    /// The second derivative at $u$.
    fn curvature(self, u: f64) -> f64 {
        match self {
            Self::Absolute | Self::Hinge => 0.0,
            Self::Square => 1.0,
            Self::Logistic => sigmoid(u) * sigmoid(-u),
        }
    }
}

/// $f(x)=\frac1n\sum_i\ell(\langle a_i,x\rangle,b_i)+\frac\lambda2\|x\|^2$.
#[derive(Clone, Debug)]
pub struct LinearModel {
    /// $\ell$.
    pub loss: Loss,
    /// $a_i$, one row after the other.
    pub design: Vec<f64>,
    /// $b_i$.
    pub targets: Vec<f64>,
    /// $\lambda$.
    pub ridge: f64,
}

impl LinearModel {
    /// Labels drawn from a logistic law whose parameters have length `strength`; the columns are normal with these
    /// deviations.
    pub fn logistic(rows: usize, deviations: &[f64], strength: f64, rng: &mut Rng) -> Self {
        let columns = deviations.len();
        let truth: Vec<f64> = direction(columns, rng).iter().map(|part| strength * part).collect();
        let mut design = normals(rows * columns, rng);
        let u = matvec(View::by_rows(&design, rows, columns), &truth);
        let targets = u.iter().map(|&u| if rng.random::<f64>() < sigmoid(u) { 1.0 } else { -1.0 }).collect();
        for row in design.chunks_exact_mut(columns) {
            row.iter_mut().zip(deviations).for_each(|(entry, deviation)| *entry *= deviation);
        }
        Self { loss: Loss::Logistic, design, targets, ridge: 0.0 }
    }

    /// Absolute regression whose solution is known: every normal row is measured twice, with errors of opposite signs and
    /// this deviation, so that `truth` is a minimum, and the value there is the mean error.
    pub fn absolute(rows: usize, truth: &[f64], error: f64, rng: &mut Rng) -> Self {
        let (columns, pairs) = (truth.len(), rows / 2);
        let half = normals(pairs * columns, rng);
        let exact = matvec(View::by_rows(&half, pairs, columns), truth);
        let errors = normals(pairs, rng);
        let above = exact.iter().zip(&errors).map(|(b, e)| b + error * e);
        let below = exact.iter().zip(&errors).map(|(b, e)| b - error * e);
        let targets = above.chain(below).collect();
        Self { loss: Loss::Absolute, design: [half.as_slice(), &half].concat(), targets, ridge: 0.0 }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// How many unknowns there are.
    pub fn columns(&self) -> usize {
        self.design.len() / self.targets.len().max(1)
    }

    /// $a_i$.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.design[i * self.columns()..(i + 1) * self.columns()]
    }

    fn view(&self) -> View<'_, f64> {
        View::by_rows(&self.design, self.rows(), self.columns())
    }

    fn penalty(&self, x: &[f64]) -> f64 {
        0.5 * self.ridge * x.iter().map(|x| x * x).sum::<f64>()
    }

    /// $f(x)$.
    pub fn value(&self, x: &[f64]) -> f64 {
        let scores = matvec(self.view(), x);
        let sum: f64 = scores.iter().zip(&self.targets).map(|(&u, &b)| self.loss.at(u, b).0).sum();
        sum / self.rows() as f64 + self.penalty(x)
    }

    /// $f(x)$, with $\nabla f(x)$ written into `gradient`.
    pub fn value_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut scores = matvec(self.view(), x);
        let share = 1.0 / self.rows() as f64;
        let mut sum = 0.0;
        for (u, &b) in scores.iter_mut().zip(&self.targets) {
            let (loss, slope) = self.loss.at(*u, b);
            sum += loss;
            *u = share * slope;
        }
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = self.ridge * x);
        matvec_add(self.view().t(), &scores, gradient);
        share * sum + self.penalty(x)
    }

    /// The same over some of the rows.
    pub fn value_and_gradient_of(&self, rows: &[usize], x: &[f64], gradient: &mut [f64]) -> f64 {
        let share = 1.0 / rows.len().max(1) as f64;
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g = self.ridge * x);
        let mut sum = 0.0;
        for &i in rows {
            let a = self.row(i);
            let u = a.iter().zip(x).map(|(a, x)| a * x).sum();
            let (loss, slope) = self.loss.at(u, self.targets[i]);
            sum += loss;
            gradient.iter_mut().zip(a).for_each(|(g, a)| *g += share * slope * a);
        }
        share * sum + self.penalty(x)
    }

    /// $\frac1n\sum_i\ell''(\langle a_i,x\rangle)\,a_ia_i^\top$, by rows.
    fn hessian(&self, x: &[f64]) -> Vec<f64> {
        let columns = self.columns();
        let scores = matvec(self.view(), x);
        let mut hessian = vec![0.0; columns * columns];
        for (a, &u) in self.design.chunks_exact(columns).zip(&scores) {
            outer_add(self.loss.curvature(u) / self.rows() as f64, a, a, &mut hessian);
        }
        hessian
    }

    /// The greatest curvature $L$: at zero, where the logistic loss is bent most. By power iteration.
    pub fn smoothness(&self) -> f64 {
        let columns = self.columns();
        let hessian = self.hessian(&vec![0.0; columns]);
        let view = View::by_rows(&hessian, columns, columns);
        let (mut v, mut length) = (vec![1.0; columns], 0.0);
        for _ in 0..200 {
            v = matvec(view, &v);
            length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            if length == 0.0 {
                break;
            }
            v.iter_mut().for_each(|v| *v /= length);
        }
        length + self.ridge
    }

    /// The minimum of a smooth loss and the value there, by Newton's method with halved steps.
    pub fn solution(&self) -> (Vec<f64>, f64) {
        let columns = self.columns();
        let (mut x, mut g) = (vec![0.0; columns], vec![0.0; columns]);
        let mut value = self.value_and_gradient(&x, &mut g);
        for _ in 0..50 {
            // x ← x - t (∇²f)⁻¹ ∇f
            let step = ridge(&self.hessian(&x), self.ridge, &g, columns, 1);
            let mut t = 1.0;
            let next = loop {
                let next: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x - t * s).collect();
                if self.value(&next) < value || t < 1e-6 {
                    break next;
                }
                t *= 0.5;
            };
            let before = value;
            let better = self.value(&next) < before;
            if !better {
                break;
            }
            x = next;
            value = self.value_and_gradient(&x, &mut g);
        }
        (x, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> Vec<LinearModel> {
        let mut rng = Rng::seed_from_u64(5);
        let logistic = LinearModel { ridge: 0.01, ..LinearModel::logistic(60, &[1.0, 0.3, 2.0], 2.0, &mut rng) };
        let absolute = LinearModel::absolute(60, &[1.0, -2.0, 0.5], 0.3, &mut rng);
        let square = LinearModel { loss: Loss::Square, ..absolute.clone() };
        vec![logistic, absolute, square]
    }

    #[test]
    fn gradients_are_limits_of_differences_and_all_rows_are_the_whole() {
        for model in models() {
            let (x, h) = ([0.3, -0.7, 0.21], 1e-6);
            let (mut g, mut same) = ([0.0; 3], [0.0; 3]);
            let value = model.value_and_gradient(&x, &mut g);
            let rows: Vec<usize> = (0..model.rows()).collect();
            let again = model.value_and_gradient_of(&rows, &x, &mut same);
            assert!((value - again).abs() < 1e-14 && (value - model.value(&x)).abs() < 1e-14);
            for k in 0..3 {
                let moved = |by: f64| {
                    let mut y = x;
                    y[k] += by;
                    model.value(&y)
                };
                let slope = (moved(h) - moved(-h)) / (2.0 * h);
                assert!((slope - g[k]).abs() < 1e-7 && (g[k] - same[k]).abs() < 1e-14, "{:?}", model.loss);
            }
        }
    }

    #[test]
    fn the_truth_solves_the_absolute_regression_and_newton_the_others() {
        let [logistic, absolute, square] = models().try_into().unwrap();
        let truth = [1.0, -2.0, 0.5];
        let least = absolute.value(&truth);
        for move_by in [[0.1, 0.0, 0.0], [0.0, -0.02, 0.01], [3.0, 1.0, 1.0]] {
            let x: Vec<f64> = truth.iter().zip(move_by).map(|(x, by)| x + by).collect();
            assert!(absolute.value(&x) >= least - 1e-14);
        }
        let (x, _) = square.solution();
        assert!(x.iter().zip(truth).all(|(x, truth)| (x - truth).abs() < 1e-10), "{x:?}");
        let (x, least) = logistic.solution();
        let mut g = [0.0; 3];
        assert_eq!(logistic.value_and_gradient(&x, &mut g), least);
        assert!(g.iter().all(|g| g.abs() < 1e-9), "{g:?}");
    }

    // Between the curvatures along any direction and L lies nothing: descent with 1/L never rises, with 2.2/L it does.
    #[test]
    fn the_smoothness_is_the_edge_of_descent() {
        let square = &models()[2];
        let l = square.smoothness();
        let (solution, least) = square.solution();
        let descend = |rate: f64| {
            let (mut x, mut g) = (vec![9.0, 4.0, -3.0], [0.0; 3]);
            (0..400).for_each(|_| {
                square.value_and_gradient(&x, &mut g);
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= rate * g);
            });
            square.value(&x) - least
        };
        assert!(descend(1.95 / l) < 1e-6 && descend(2.05 / l) > 1e3, "{solution:?}");
    }
}
