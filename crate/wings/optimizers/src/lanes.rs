//! Many runs of stochastic subgradient descent on one linear model (or network) that see the same rows and differ in
//! their rates only: on a linear model one product of matrices takes a step of all.
//!
//! ```
//! use orrery_core::prelude::*;
//! use orrery_optimizers::lanes::Lanes;
//! use orrery_optimizers::linear_model::LinearModel;
//!
//! let model = LinearModel::absolute(40, &[1.0, -2.0], 0.1, &mut Rng::seed_from_u64(1));
//! let mut lanes = Lanes::new(&[0.0, 0.0], 2);
//! for t in 0..500 {
//!     let rate = 0.05 * (1.0 - f64::from(t) / 500.0);
//!     lanes.step(&model, &[t as usize * 7 % 40], &[rate, 0.0]);
//! }
//! let values = lanes.values(&model);
//! assert!(values[0] < 0.1 * values[1]);
//! ```

use crate::linear_model::LinearModel;
use crate::problems::Classifier;
use orrery_kernels::linalg::{View, inner, matmul, matmul_add};

/// Where the runs are.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// One column a run, by rows.
    x: Vec<f64>,
    /// The last gradients, laid out likewise.
    g: Vec<f64>,
    count: usize,
}

/// Rows whose losses are computed together.
const BLOCK: usize = 256;

impl Lanes {
    /// `count` runs that begin at one place.
    pub fn new(start: &[f64], count: usize) -> Self {
        let x: Vec<f64> = start.iter().flat_map(|x| vec![*x; count]).collect();
        Self { g: vec![0.0; x.len()], x, count }
    }

    /// One step of all on the mean loss of some rows: $x\leftarrow x-\eta\,g$, each with its own rate.
    pub fn step(&mut self, model: &LinearModel, rows: &[usize], rates: &[f64]) {
        let (columns, lanes, share) = (model.columns(), self.count, 1.0 / rows.len().max(1) as f64);
        let batch: Vec<f64> = rows.iter().flat_map(|&i| model.row(i)).copied().collect();
        let batch = View::by_rows(&batch, rows.len(), columns);
        let mut u = matmul(batch, View::by_rows(&self.x, columns, lanes));
        for (u, &i) in u.chunks_exact_mut(lanes).zip(rows) {
            let b = model.targets[i];
            u.iter_mut().for_each(|u| *u = share * model.loss.slope(*u, b));
        }
        self.g.iter_mut().zip(&self.x).for_each(|(g, x)| *g = model.ridge * x);
        matmul_add(batch.t(), View::by_rows(&u, rows.len(), lanes), &mut self.g);
        for (x, g) in self.x.chunks_exact_mut(lanes).zip(self.g.chunks_exact(lanes)) {
            x.iter_mut().zip(g).zip(rates).for_each(|((x, g), rate)| *x -= rate * g);
        }
    }

    /// The length of each run's last gradient.
    pub fn norms(&self) -> Vec<f64> {
        let mut squares = vec![0.0; self.count];
        for g in self.g.chunks_exact(self.count) {
            squares.iter_mut().zip(g).for_each(|(sum, g)| *sum += g * g);
        }
        squares.iter().map(|square| square.sqrt()).collect()
    }

    /// The loss of each run over all rows.
    pub fn values(&self, model: &LinearModel) -> Vec<f64> {
        let (columns, lanes) = (model.columns(), self.count);
        let mut sums = vec![0.0; lanes];
        for (rows, targets) in model.design.chunks(BLOCK * columns).zip(model.targets.chunks(BLOCK)) {
            let u = matmul(View::by_rows(rows, targets.len(), columns), View::by_rows(&self.x, columns, lanes));
            for (u, b) in u.chunks_exact(lanes).zip(targets) {
                sums.iter_mut().zip(u).for_each(|(sum, u)| *sum += model.loss.value(*u, *b));
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= model.rows() as f64);
        for x in self.x.chunks_exact(lanes) {
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += 0.5 * model.ridge * x * x);
        }
        sums
    }

    /// Moves these runs towards the first of `others`, by a share of the way: with a share of $1/t$ at step $t$ they are
    /// the averages of the others' iterates.
    pub fn follow(&mut self, others: &Self, share: f64) {
        for (x, other) in self.x.chunks_exact_mut(self.count).zip(others.x.chunks_exact(others.count)) {
            x.iter_mut().zip(other).for_each(|(x, other)| *x += share * (other - *x));
        }
    }
}

/// What the runs of a pool minimise: a mean over rows.
pub enum Objective {
    /// Convex.
    Linear(LinearModel),
    /// Not convex.
    Network(Classifier),
}

impl Objective {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Linear(model) => model.rows(),
            Self::Network(network) => network.examples(),
        }
    }
}

/// Lanes of either objective; those of a network take their steps one by one.
#[derive(Clone)]
pub enum Pool {
    /// Of a linear model.
    Linear(Lanes),
    /// Of a network.
    Network {
        /// The parameters of each run.
        thetas: Vec<Vec<f64>>,
        /// The length of each run's last gradient.
        norms: Vec<f64>,
    },
}

impl Pool {
    /// `count` runs that begin at one place.
    pub fn new(objective: &Objective, start: &[f64], count: usize) -> Self {
        match objective {
            Objective::Linear(_) => Self::Linear(Lanes::new(start, count)),
            Objective::Network(_) => Self::Network { thetas: vec![start.to_vec(); count], norms: vec![0.0; count] },
        }
    }

    /// One step of all on the same rows: $x\leftarrow x-\eta\,g$, each with its own rate.
    pub fn step(&mut self, objective: &Objective, rows: &[usize], rates: &[f64]) {
        match (self, objective) {
            (Self::Linear(lanes), Objective::Linear(model)) => lanes.step(model, rows, rates),
            (Self::Network { thetas, norms }, Objective::Network(network)) => {
                for ((theta, norm), rate) in thetas.iter_mut().zip(norms).zip(rates) {
                    let mut g = vec![0.0; theta.len()];
                    network.value_and_gradient(theta, rows, &mut g);
                    theta.iter_mut().zip(&g).for_each(|(x, g)| *x -= rate * g);
                    *norm = inner(&g, &g).sqrt();
                }
            }
            _ => (),
        }
    }

    /// As [`Lanes::follow`].
    pub fn follow(&mut self, others: &Self, share: f64) {
        match (self, others) {
            (Self::Linear(mean), Self::Linear(lanes)) => mean.follow(lanes, share),
            (Self::Network { thetas: means, .. }, Self::Network { thetas, .. }) => {
                for (mean, theta) in means.iter_mut().zip(thetas) {
                    mean.iter_mut().zip(theta).for_each(|(mean, x)| *mean += share * (x - *mean));
                }
            }
            _ => (),
        }
    }

    /// The length of each run's last gradient.
    pub fn norms(&self) -> Vec<f64> {
        match self {
            Self::Linear(lanes) => lanes.norms(),
            Self::Network { norms, .. } => norms.clone(),
        }
    }

    /// The loss of each run over all rows.
    pub fn values(&self, objective: &Objective) -> Vec<f64> {
        match (self, objective) {
            (Self::Linear(lanes), Objective::Linear(model)) => lanes.values(model),
            (Self::Network { thetas, .. }, Objective::Network(network)) => {
                thetas.iter().map(|theta| network.value(theta)).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear_model::Loss;
    use orrery_core::prelude::*;
    use proptest::prelude::{prop_assert, proptest};

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        // Each lane is the run that the model's own gradient makes.
        #[test]
        fn lanes_run_as_they_would_alone(seed in 0_u64..500, lanes in 1_usize..7) {
            let mut rng = Rng::seed_from_u64(seed);
            let base = LinearModel { ridge: 0.01, ..LinearModel::logistic(30, &[1.0, 0.4, 2.0], 2.0, &mut rng) };
            for loss in [Loss::Absolute, Loss::Square, Loss::Logistic, Loss::Hinge] {
                let model = LinearModel { loss, ..base.clone() };
                let rates: Vec<f64> = (0..lanes).map(|k| 0.02 * k as f64).collect();
                let mut all = Lanes::new(&[0.3, -0.1, 0.2], lanes);
                let mut mean = Lanes::new(&[0.0; 3], lanes);
                let mut alone = vec![vec![0.3, -0.1, 0.2]; lanes];
                let mut sums = vec![vec![0.0; 3]; lanes];
                let mut lengths = vec![0.0; lanes];
                for t in 0..20 {
                    let rows: Vec<usize> = (0..4).map(|_| rng.random_range(0..30_u32) as usize).collect();
                    all.step(&model, &rows, &rates);
                    mean.follow(&all, 1.0 / f64::from(t + 1));
                    for (((x, rate), sum), length) in alone.iter_mut().zip(&rates).zip(&mut sums).zip(&mut lengths) {
                        let mut g = [0.0; 3];
                        model.value_and_gradient_of(&rows, x, &mut g);
                        x.iter_mut().zip(&g).for_each(|(x, g)| *x -= rate * g);
                        sum.iter_mut().zip(&*x).for_each(|(sum, x): (&mut f64, &f64)| *sum += x / 20.0);
                        *length = g.iter().map(|g| g * g).sum::<f64>().sqrt();
                    }
                }
                let (values, means, norms) = (all.values(&model), mean.values(&model), all.norms());
                for k in 0..lanes {
                    prop_assert!((values[k] - model.value(&alone[k])).abs() < 1e-11, "{loss:?}");
                    prop_assert!((means[k] - model.value(&sums[k])).abs() < 1e-11, "{loss:?}");
                    prop_assert!((norms[k] - lengths[k]).abs() < 1e-11, "{loss:?}");
                }
            }
        }
    }
}
