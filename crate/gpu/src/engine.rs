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
    memory: Memory,
}

/// Where what was measured of a GPU outlasts a visit, by the GPU's name. It may forget anything.
#[derive(Clone, Copy)]
pub struct Memory {
    /// What is kept under a name.
    pub recall: fn(&str) -> Option<String>,
    /// Keeps a text under a name, in place of what was there.
    pub keep: fn(&str, &str),
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
    pub(crate) fn new(start: fn(Local<'static, ()>), memory: Memory) -> Self {
        Self { known: Rc::new(RefCell::new(Known::Nothing)), start, memory }
    }

    /// The GPU, if it is known to be the faster for `work`.
    fn gpu_for(&self, work: Work) -> Option<Rc<Gpu>> {
        match &*self.known.borrow() {
            Known::Gpu(gpu, costs) if costs.gpu_pays(work) => Some(gpu.clone()),
            _ => None,
        }
    }

    /// Opens a GPU, once, and measures it unless that was done on an earlier visit.
    fn ask(&self, open: impl Future<Output = Result<Gpu, String>> + 'static) {
        if !matches!(*self.known.borrow(), Known::Nothing) {
            return;
        }
        *self.known.borrow_mut() = Known::BeingMeasured;
        let (known, memory) = (self.known.clone(), self.memory);
        (self.start)(Box::pin(async move {
            let found = match open.await {
                Err(_) => Known::NoGpu,
                // The CPU does better by itself, and always the same.
                Ok(gpu) if gpu.is_software() => Known::NoGpu,
                Ok(gpu) => {
                    let gpu = Rc::new(gpu);
                    match costs(&gpu, memory).await {
                        Some(costs) => Known::Gpu(gpu, costs),
                        None => Known::NoGpu,
                    }
                }
            };
            *known.borrow_mut() = found;
        }));
    }
}

/// As they are remembered, or else as measured, and then kept. Nothing if the GPU fails.
async fn costs(gpu: &Rc<Gpu>, memory: Memory) -> Option<Costs> {
    if let Some(costs) = (memory.recall)(gpu.name()).and_then(|text| Costs::read(&text)) {
        return Some(costs);
    }
    let costs = Costs::measure(gpu).await?;
    (memory.keep)(gpu.name(), &costs.written());
    Some(costs)
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
        Faster { known, start: |_| {}, memory: FORGETFUL }
    }

    const FORGETFUL: Memory = Memory { recall: |_| None, keep: |_, _| {} };

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
        let engine = Faster::new(pollster::block_on, FORGETFUL);
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
        let engine = Faster::new(pollster::block_on, FORGETFUL);
        engine.ask(Gpu::open());
        let software = opened().is_software();
        assert_eq!(matches!(*engine.known.borrow(), Known::NoGpu), software);
        assert_eq!(matches!(*engine.known.borrow(), Known::Gpu(..)), !software);
    }

    #[test]
    fn what_was_measured_on_one_visit_is_known_on_the_next() {
        thread_local!(static KEPT: RefCell<Vec<(String, String)>> = RefCell::default());
        let recall = |name: &str| {
            KEPT.with_borrow(|kept| kept.iter().rev().find(|(key, _)| key == name).map(|(_, text)| text.clone()))
        };
        let keep = |name: &str, text: &str| KEPT.with_borrow_mut(|kept| kept.push((name.into(), text.into())));
        let (memory, gpu) = (Memory { recall, keep }, opened());
        let visit = || pollster::block_on(costs(&gpu, memory)).expect("the device computes");
        let first = visit();
        assert_eq!((visit(), KEPT.with_borrow(Vec::len)), (first, 1));
        // What makes no sense, or was measured of other kernels, is measured anew.
        for stale in ["", "0 1 1 1 1 1", &format!("{} nonsense", first.written())] {
            keep(gpu.name(), stale);
            visit();
            let kept = recall(gpu.name()).expect("what was measured");
            assert!(Costs::read(&kept).is_some() && kept != stale, "{kept}");
        }
    }

    #[test]
    fn a_device_is_measured_and_its_costs_are_positive() {
        let costs = pollster::block_on(Costs::measure(&opened())).expect("the device computes");
        let Costs { cpu_operation, gpu_operation, gpu_step, gpu_byte, gpu_latency } = costs;
        assert!(cpu_operation > 0.0 && gpu_latency > 0.0, "{costs:?}");
        assert!([gpu_operation, gpu_step, gpu_byte].iter().all(|&cost| cost >= 0.0), "{costs:?}");
    }
}
