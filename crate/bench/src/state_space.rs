//! State-space models over a long sequence.

use crate::Workload;
use crate::data::{centred, uniform};
use orrery_kernels::linalg::Complex;
use orrery_kernels::ssm::{Diagonal, Rule, Selective};

const LENGTH: usize = 16_384;
const STATE: usize = 64;

/// A unit of work is one selective scan of one channel.
struct Scan {
    a: Vec<f64>,
    x: Vec<f64>,
    delta: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    y: Vec<f64>,
}

/// With Mamba's rates `−1, −2, …` and steps of about a hundredth.
pub fn selective() -> impl Workload {
    let [b, c] = [3, 4].map(|seed| centred(seed, LENGTH * STATE));
    Scan {
        a: (0..STATE).map(|n| -(n as f64 + 1.0)).collect(),
        x: centred(1, LENGTH),
        delta: (0..LENGTH).map(|t| 0.001 + 0.02 * uniform(2, t)).collect(),
        b,
        c,
        y: Vec::new(),
    }
}

impl Workload for Scan {
    fn unit(&mut self) {
        let Self { a, x, delta, b, c, y } = self;
        *y = Selective { a, skip: &[0.0], x, delta, b, c }.scan();
    }

    /// The sum of the squares of the output.
    fn check(&self) -> f64 {
        self.y.iter().map(|y| y * y).sum()
    }
}

/// A unit of work is the kernel of one channel: discretised, and its powers summed.
struct Kernel {
    system: Diagonal,
    c: Vec<Complex<f64>>,
    kernel: Vec<f64>,
}

/// S4D-Lin: [`STATE`] real states, as half as many pairs of conjugate modes.
pub fn s4d() -> impl Workload {
    let c = (0..STATE / 2).map(|n| Complex::new(uniform(1, n), uniform(2, n))).collect();
    Kernel { system: Diagonal::lin(STATE / 2), c, kernel: Vec::new() }
}

impl Workload for Kernel {
    fn unit(&mut self) {
        self.kernel = self.system.discretise(0.001, Rule::ZeroOrderHold).kernel(&self.c, LENGTH);
    }

    /// The sum of the squares of the kernel.
    fn check(&self) -> f64 {
        self.kernel.iter().map(|k| k * k).sum()
    }
}
