//! What plans cost on the CPU and on a GPU of this machine, as measured here.

use crate::clock::now;
use crate::device::Gpu;
use crate::{always, cpu};
use orrery_core::compute::{CPU, Plan, Step, Tensor};
use std::rc::Rc;

/// What a plan takes, wherever it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// Floating-point operations.
    pub operations: f64,
    /// Steps that are computed.
    pub steps: f64,
    /// Bytes that travel to a GPU and back.
    pub bytes: f64,
}

impl Work {
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut work = Self::default();
        for (step, made) in plan.steps().iter().enumerate() {
            let entries = plan.shape(step).entries() as f64;
            work.operations += match *made {
                Step::Known => 0.0,
                Step::Matmul(a, _) => 2.0 * entries * plan.shape_of(a).columns as f64,
                // About what an exponential or a division costs beside a product's operations.
                Step::Pair(..) | Step::Map(..) => 8.0 * entries,
                Step::Softmax(_) => 32.0 * entries,
            };
            match made {
                Step::Known if plan.node(step).resident().is_none() => work.bytes += 4.0 * entries,
                Step::Known => {}
                _ => work.steps += 1.0,
            }
        }
        work.bytes += plan.wanted().iter().map(|&step| 4.0 * plan.shape(step).entries() as f64).sum::<f64>();
        work
    }
}

/// Measured rates, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// An operation on the CPU.
    pub cpu_operation: f64,
    /// An operation on the GPU.
    pub gpu_operation: f64,
    /// One more step in a plan on the GPU.
    pub gpu_step: f64,
    /// A byte to the GPU or back.
    pub gpu_byte: f64,
    /// The least time from asking the GPU to its answer.
    pub gpu_latency: f64,
}

/// A fingerprint of what is measured: costs of other kernels are no costs of these.
const VERSION: u64 = {
    let sources: [&[u8]; 4] = [
        include_bytes!("costs.rs"),
        include_bytes!("run.rs"),
        include_bytes!("shader.rs"),
        include_bytes!("../../kernels/src/linalg/matmul.rs"),
    ];
    let (mut hash, mut file) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while file < sources.len() {
        let mut at = 0;
        while at < sources[file].len() {
            hash = (hash ^ sources[file][at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    hash
};

/// The GPU is asked only if it gains this much: a tie is better decided for the result that is the same everywhere.
const GAIN: f64 = 1.25;

impl Costs {
    /// Whether the GPU is expected to be the faster by a margin.
    pub(crate) fn gpu_pays(&self, work: Work) -> bool {
        let gpu = self.gpu_latency
            + self.gpu_step * work.steps
            + self.gpu_byte * work.bytes
            + self.gpu_operation * work.operations;
        GAIN * gpu < self.cpu_operation * work.operations
    }

    /// As a text, to be kept.
    pub(crate) fn written(&self) -> String {
        let Self { cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency } = self;
        format!("{VERSION} {cpu_operation:e} {gpu_operation:e} {gpu_step:e} {gpu_byte:e} {gpu_latency:e}")
    }

    /// Of a text that was [`written`](Self::written) by these kernels.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (version, costs) = text.split_once(' ')?;
        let cost = |text: &str| text.parse().ok().filter(|cost: &f64| cost.is_finite() && *cost >= 0.0);
        let costs: Vec<f64> = costs.split(' ').map(cost).collect::<Option<_>>()?;
        let [cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency] = costs.try_into().ok()?;
        let same = version == VERSION.to_string();
        same.then_some(Self { cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency })
    }

    /// Measures this machine: a few dozen milliseconds where there is a GPU worth asking.
    ///
    /// Nothing if the GPU fails.
    pub(crate) async fn measure(gpu: &Rc<Gpu>) -> Option<Self> {
        let cpu = cpu();
        let matrix = |n: usize| Tensor::new((0..n * n).map(|i| (i % 7) as f32 / 7.0 - 0.4).collect(), n, n);
        let tripled = |x: &Tensor, times: usize| (0..times).fold(x.clone(), |product, _| product.matmul(x));

        let x = matrix(256);
        let mut cpu_time = f64::INFINITY;
        for _ in 0..3 {
            let start = now();
            cpu.read([&x.matmul(&x)]).await;
            cpu_time = cpu_time.min(now() - start);
        }
        let cpu_operation = cpu_time / operations(256);

        let x = matrix(16);
        let gpu_latency = best(gpu, || tripled(&x, 1)).await?;
        let gpu_step = (best(gpu, || tripled(&x, 33)).await? - gpu_latency).max(0.0) / 32.0;
        let x = matrix(512);
        let one = best(gpu, || tripled(&x, 1)).await?;
        // Far behind already: no need to find out how far.
        let gpu_operation = if one > 4.0 * cpu_operation * operations(512) + gpu_latency {
            one / operations(512)
        } else {
            let four = best(gpu, || tripled(&x, 4)).await?;
            (four - one).max(0.0) / (3.0 * operations(512))
        };
        let moved = best(gpu, || matrix(512).scale(2.0)).await?;
        let gpu_byte = (moved - gpu_latency).max(0.0) / (8.0 * 512.0 * 512.0);
        Some(Self { cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency })
    }
}

fn operations(n: usize) -> f64 {
    2.0 * (n * n * n) as f64
}

/// The shortest of three runs on `gpu`, the compilation of kernels not counted. Nothing if the GPU fails.
async fn best(gpu: &Rc<Gpu>, formula: impl Fn() -> Tensor) -> Option<f64> {
    let mut best = f64::INFINITY;
    for turn in 0..4 {
        let compute = always(gpu.clone());
        let wanted = formula();
        let start = now();
        compute.read([&wanted]).await;
        if *compute.name() == *CPU {
            return None;
        }
        if turn > 0 {
            best = best.min(now() - start);
        }
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs =
        Costs { cpu_operation: 5e-8, gpu_operation: 1e-9, gpu_step: 0.01, gpu_byte: 1e-6, gpu_latency: 1.0 };

    fn product(n: usize) -> Work {
        Work { operations: operations(n), steps: 1.0, bytes: 12.0 * (n * n) as f64 }
    }

    #[test]
    fn a_gpu_with_a_latency_wins_from_some_size_on() {
        let wins: Vec<_> = [32, 64, 128, 256, 512, 1024, 4096].map(|n| COSTS.gpu_pays(product(n))).into();
        assert_eq!(wins, [false, false, false, false, true, true, true]);
    }

    #[test]
    fn a_gpu_no_faster_than_the_cpu_never_wins() {
        let software = Costs { gpu_operation: COSTS.cpu_operation, ..COSTS };
        assert!([64, 512, 4096].iter().all(|&n| !software.gpu_pays(product(n))));
    }

    #[test]
    fn a_chain_pays_where_its_products_alone_do_not() {
        let one = product(256);
        let chain = Work { operations: 20.0 * one.operations, steps: 20.0, bytes: one.bytes };
        assert!(!COSTS.gpu_pays(one) && COSTS.gpu_pays(chain));
    }
}
