//! Iterations of Sinkhorn between two sets of points.

use crate::Workload;
use crate::data::{ETA, POINTS, cost, price};
use orrery_kernels::transport::{Entropic, Scalar, Scaling, Sinkhorn};

fn problem<T: Scalar>() -> Entropic<T> {
    let cost: Vec<T> = cost().into_iter().map(T::of).collect();
    let masses = vec![T::of(1.0 / POINTS as f64); POINTS];
    Entropic::new(&cost, T::of(ETA), masses.clone(), masses).expect("a problem of finite costs and equal masses")
}

/// A unit of work is one iteration in the log domain.
struct LogDomain<T> {
    problem: Entropic<T>,
    sinkhorn: Sinkhorn<T>,
}

/// In the log domain.
pub fn log_domain<T: Scalar>() -> impl Workload {
    let problem = problem::<T>();
    let sinkhorn = Sinkhorn::new(&problem);
    LogDomain { problem, sinkhorn }
}

impl<T: Scalar> Workload for LogDomain<T> {
    fn unit(&mut self) {
        self.sinkhorn.advance(&self.problem, POINTS);
    }

    fn check(&self) -> f64 {
        price(&self.sinkhorn.u, &self.sinkhorn.v)
    }
}

/// A unit of work is one iteration in scaling form.
struct ScalingForm<T> {
    problem: Entropic<T>,
    scaling: Scaling<T>,
}

/// In scaling form.
pub fn scaling<T: Scalar>() -> impl Workload {
    let problem = problem::<T>();
    let scaling = Scaling::new(&problem);
    ScalingForm { problem, scaling }
}

impl<T: Scalar> Workload for ScalingForm<T> {
    fn unit(&mut self) {
        self.scaling.advance(&self.problem, POINTS).expect("a kernel without underflow");
    }

    fn check(&self) -> f64 {
        let (u, v) = self.scaling.potentials();
        price(&u, &v)
    }
}
