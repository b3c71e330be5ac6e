//! Who carries out a plan: the CPU, a GPU, or whichever is the faster here.

use crate::costs::{Costs, Work};
use crate::cpu::Cpu;
use crate::device::{Failure, Gpu};
use orrery_core::compute::{Answer, Engine, Local, Plan};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

/// A GPU is asked for when a plan first takes this many operations, a few milliseconds of a CPU.
const WORTH_ASKING: f64 = 1e8;

/// Carries out every plan on a GPU, and on the CPU those that it cannot.
pub(crate) struct Always(pub Rc<Gpu>);

impl Engine for Always {
    fn run<'a>(&'a self, plan: &'a Plan) -> Local<'a, Answer> {
        Box::pin(async move {
            match self.0.run(plan).await {
                Ok(entries) => Answer { entries, by: self.0.name().into() },
                Err(_) => Cpu.run(plan).await,
            }
        })
    }
}

/// Carries out plans on the CPU, and large ones on a GPU once one is known to be faster.
///
/// Nothing is asked of the machine before the first large plan, which the CPU carries out while the GPU is opened and
/// measured: no frame waits for that.
#[derive(Clone)]
pub(crate) struct Faster {
    known: Rc<RefCell<Known>>,
    start: fn(Local<'static, ()>),
}

/// What is known of this machine.
enum Known {
    Nothing,
    BeingMeasured,
    NoGpu,
    Gpu(Rc<Gpu>, Costs),
}

impl Faster {
    /// `start` runs a future besides what runs now.
    pub(crate) fn new(start: fn(Local<'static, ()>)) -> Self {
        Self { known: Rc::new(RefCell::new(Known::Nothing)), start }
    }

    /// The GPU, if it is known to be the faster for `work`.
    fn gpu_for(&self, work: Work) -> Option<Rc<Gpu>> {
        match &*self.known.borrow() {
            Known::Gpu(gpu, costs) if costs.gpu_pays(work) => Some(gpu.clone()),
            _ => None,
        }
    }

    /// Opens and measures a GPU, once.
    fn ask(&self, open: impl Future<Output = Result<Gpu, String>> + 'static) {
        if !matches!(*self.known.borrow(), Known::Nothing) {
            return;
        }
        *self.known.borrow_mut() = Known::BeingMeasured;
        let known = self.known.clone();
        (self.start)(Box::pin(async move {
            let found = match open.await {
                Err(_) => Known::NoGpu,
                // The CPU does better by itself, and always the same.
                Ok(gpu) if gpu.is_software() => Known::NoGpu,
                Ok(gpu) => {
                    let gpu = Rc::new(gpu);
                    let costs = Costs::measure(&gpu).await;
                    costs.map_or(Known::NoGpu, |costs| Known::Gpu(gpu, costs))
                }
            };
            *known.borrow_mut() = found;
        }));
    }
}

impl Engine for Faster {
    fn run<'a>(&'a self, plan: &'a Plan) -> Local<'a, Answer> {
        Box::pin(async move {
            let work = Work::of(plan);
            if work.operations >= WORTH_ASKING {
                self.ask(Gpu::open());
            }
            if let Some(gpu) = self.gpu_for(work) {
                match gpu.run(plan).await {
                    Ok(entries) => return Answer { entries, by: gpu.name().into() },
                    Err(Failure::TooLarge) => {}
                    Err(Failure::Lost | Failure::Refused(_)) => *self.known.borrow_mut() = Known::NoGpu,
                }
            }
            Cpu.run(plan).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_core::compute::{CPU, Compute, Tensor};

    /// A machine on which a GPU gains from every plan.
    fn eager(gpu: Rc<Gpu>) -> Faster {
        let costs = Costs { cpu_operation: 1.0, gpu_operation: 0.0, gpu_step: 0.0, gpu_byte: 0.0, gpu_latency: 0.0 };
        let known = Rc::new(RefCell::new(Known::Gpu(gpu, costs)));
        Faster { known, start: |_| {} }
    }

    fn opened() -> Rc<Gpu> {
        Rc::new(pollster::block_on(Gpu::open()).expect("a Vulkan device, such as Mesa's lavapipe"))
    }

    fn square(compute: &Compute) -> Rc<Vec<f32>> {
        let x = Tensor::new(vec![1.0, 2.0, 3.0, 4.0], 2, 2);
        pollster::block_on(compute.matmul(&x, &x))
    }

    #[test]
    fn a_lost_device_leaves_its_work_to_the_cpu() {
        let gpu = opened();
        let compute = Compute::new(Rc::new(eager(gpu.clone())));
        assert_eq!(*square(&compute), [7.0, 10.0, 15.0, 22.0]);
        assert_eq!(&*compute.name(), gpu.name());
        gpu.destroy();
        let compute = Compute::new(Rc::new(eager(gpu)));
        assert_eq!(*square(&compute), [7.0, 10.0, 15.0, 22.0]);
        assert_eq!(&*compute.name(), CPU);
    }

    #[test]
    fn a_gpu_is_asked_for_by_the_first_large_plan_and_a_machine_without_one_stays_with_the_cpu() {
        let engine = Faster::new(pollster::block_on);
        let compute = Compute::new(Rc::new(engine.clone()));
        square(&compute);
        assert!(matches!(*engine.known.borrow(), Known::Nothing));
        engine.ask(async { Err("none".into()) });
        assert!(matches!(*engine.known.borrow(), Known::NoGpu));
        square(&compute);
        assert_eq!(&*compute.name(), CPU);
    }

    #[test]
    fn only_hardware_stands_in_for_the_cpu() {
        let engine = Faster::new(pollster::block_on);
        engine.ask(Gpu::open());
        let software = opened().is_software();
        assert_eq!(matches!(*engine.known.borrow(), Known::NoGpu), software);
        assert_eq!(matches!(*engine.known.borrow(), Known::Gpu(..)), !software);
    }

    #[test]
    fn a_device_is_measured_and_its_costs_are_positive() {
        let costs = pollster::block_on(Costs::measure(&opened())).expect("the device computes");
        let Costs { cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency } = costs;
        assert!(cpu_operation > 0.0 && gpu_latency > 0.0, "{costs:?}");
        assert!([gpu_operation, gpu_step, gpu_byte].iter().all(|&cost| cost >= 0.0), "{costs:?}");
    }
}
