//! The kernels at work: what `cargo xtask bench` times in a page and natively. Not part of the site.
//!
//! The module made of this crate exports each workload as a function of its name, with nothing around it: called with a
//! number, it does that many units of work and returns zero; called with zero, it returns the workload's check, a number
//! that every peer must come to as well.

use std::cell::RefCell;

mod data;
mod matmul;
mod peak;
mod sinkhorn;

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
    ($($(#[$documentation:meta])* $name:ident = $make:path;)*) => {
        $(
            $(#[$documentation])*
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(times: u32) -> f64 {
                thread_local!(static WORKLOAD: RefCell<Box<dyn Workload>> = RefCell::new(Box::new($make())));
                WORKLOAD.with(|workload| run(workload, times))
            }
        )*

        /// All workloads by name.
        pub const WORKLOADS: &[(&str, extern "C" fn(u32) -> f64)] = &[$((stringify!($name), $name)),*];
    };
}

workloads! {
    /// As many operations as a product of matrices takes, without the matrices.
    peak = peak::single;
    /// A product of two 512 x 512 matrices, f32.
    matmul_f32 = matmul::single;
    /// A product of two 512 x 512 matrices, f64.
    matmul_f64 = matmul::double;
    /// An iteration of Sinkhorn in the log domain between 1024 points and 1024 points, f64.
    sinkhorn_log_f64 = sinkhorn::log_double;
}
