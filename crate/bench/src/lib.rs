//! The kernels at work: what `cargo xtask bench` times in a page and natively. Not part of the site.
//!
//! The module made of this crate exports each workload as a function of its name, with nothing around it: called with a
//! number, it does that many units of work and returns zero; called with zero, it returns the workload's check, a number
//! that every peer must come to as well.

use std::cell::RefCell;

pub mod data;
mod fourier;
mod matmul;
mod peak;
mod sinkhorn;
mod state_space;
mod training;

/// Work that can be repeated.
pub trait Workload {
    /// Does one unit of it.
    fn unit(&mut self);

    /// A number that tells whether the work was done right.
    fn check(&self) -> f64;
}

fn run(workload: &RefCell<Box<dyn Workload>>, times: u32) -> f64 {
    let mut workload = workload.borrow_mut();
    for _ in 0..times {
        workload.unit();
    }
    if times == 0 { workload.check() } else { 0.0 }
}

/// Exports each workload under its name, and lists them.
macro_rules! workloads {
    ($($name:ident = $make:expr, $documentation:literal;)*) => {
        $(
            #[doc = $documentation]
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(times: u32) -> f64 {
                thread_local!(static WORKLOAD: RefCell<Box<dyn Workload>> = RefCell::new(Box::new($make)));
                WORKLOAD.with(|workload| run(workload, times))
            }
        )*

        /// All workloads by name.
        pub const WORKLOADS: &[(&str, extern "C" fn(u32) -> f64)] = &[$((stringify!($name), $name)),*];
    };
}

workloads! {
    peak = peak::peak(), "As many operations as a product of matrices takes, in registers.";
    matmul_f32 = matmul::product::<f32>(), "A product of two 512 x 512 matrices.";
    matmul_f64 = matmul::product::<f64>(), "The same in double precision.";
    sinkhorn_scaling_f32 = sinkhorn::scaling::<f32>(), "An iteration of Sinkhorn, 1024 points to 1024, in scaling form.";
    sinkhorn_scaling_f64 = sinkhorn::scaling::<f64>(), "The same in double precision.";
    sinkhorn_log_f32 = sinkhorn::log_domain::<f32>(), "An iteration of Sinkhorn, 1024 points to 1024, in the log domain.";
    sinkhorn_log_f64 = sinkhorn::log_domain::<f64>(), "The same in double precision.";
    selective_scan = state_space::selective(), "A selective scan of 16,384 samples, one channel of 64 states.";
    s4d_kernel = state_space::s4d(), "The kernel of a diagonal system of 64 states, 16,384 samples long.";
    fft_f32 = fourier::transform::<f32>(), "A Fourier transform of 65,536 complex numbers.";
    fft_f64 = fourier::transform::<f64>(), "The same in double precision.";
    training_step = training::step(), "A training step of a network of layers 64, 256, 256 and 10 on 128 examples.";
}
