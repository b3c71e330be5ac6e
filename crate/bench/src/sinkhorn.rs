//! Iterations of Sinkhorn between two sets of points.

use crate::Workload;
use crate::data::{ETA, POINTS, cost, price};
use orrery_kernels::transport::{Entropic, Sinkhorn};

/// A unit of work is one iteration in the log domain.
pub struct LogDomain {
    problem: Entropic,
    sinkhorn: Sinkhorn,
}

/// In the log domain, in double precision.
pub fn log_double() -> impl Workload {
    let masses = vec![1.0 / POINTS as f64; POINTS];
    let problem = Entropic::new(&cost(), ETA, masses.clone(), masses);
    let sinkhorn = Sinkhorn::new(&problem);
    LogDomain { problem, sinkhorn }
}

impl Workload for LogDomain {
    fn unit(&mut self) {
        self.sinkhorn.advance(&self.problem, POINTS);
    }

    fn check(&self) -> f64 {
        price(&cost(), |i| self.sinkhorn.u[i] - 1.0, |j| self.sinkhorn.v[j])
    }
}
