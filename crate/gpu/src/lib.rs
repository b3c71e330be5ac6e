//! Where large matrix products run: on the CPU, which is the reference everywhere, or on a GPU where that is faster.

#[cfg(target_arch = "wasm32")]
mod browser;
mod clock;
mod costs;
mod cpu;
mod device;
mod engine;
pub mod measure;
mod pool;
mod run;
mod shader;

pub use clock::now;
pub use device::{Failure, Gpu};

use cpu::Cpu;
pub use engine::Memory;

use engine::{Always, Faster};
use orrery_core::compute::{Compute, Engine, Local};
use std::rc::Rc;

/// Products on the CPU.
pub fn cpu() -> Compute {
    Compute::new(Rc::new(Cpu))
}

/// Products on `gpu`, whether or not that is faster; on the CPU those that `gpu` cannot carry out.
pub fn always(gpu: Rc<Gpu>) -> Compute {
    Compute::new(Rc::new(Always(gpu)))
}

/// Carries plans out on the CPU until a GPU is found to be faster for them. `start` runs a future besides what runs
/// now: it opens and measures the GPU when there is a first large plan.
pub fn faster(start: fn(Local<'static, ()>), memory: Memory) -> Rc<dyn Engine> {
    Rc::new(Faster::new(start, memory))
}
