//! How fast this machine's GPU multiplies matrices, as JSON: `cargo run --release -p orrery-gpu --example peak [SIZE]`.
//!
//! `gflops` is the rate within a chain, what a library's product of matrices on the device is compared with;
//! `gflops_there_and_back` counts the way to the device and back too.

use orrery_gpu::Gpu;
use orrery_gpu::measure::{cpu_product, deviation, gpu_products, operations};
use pollster::block_on;
use std::process::ExitCode;
use std::rc::Rc;

/// Products that a chain is longer than another one.
const MORE: usize = 16;

fn main() -> ExitCode {
    let size = std::env::args().nth(1).map_or(Ok(4096), |text| text.parse::<usize>());
    let Ok(size @ 1..) = size else {
        eprintln!("the size of the matrices is a whole number");
        return ExitCode::FAILURE;
    };
    match block_on(measured(size)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn measured(size: usize) -> Result<String, String> {
    let gpu = Rc::new(Gpu::open().await?);
    let failed = || format!("{} does not compute a product of this size", gpu.name());
    let apart = deviation(&gpu).await.ok_or_else(failed)?;
    let one = gpu_products(&gpu, size, 1, 1000.0).await.ok_or_else(failed)?;
    let more = gpu_products(&gpu, size, 1 + MORE, 3000.0).await.ok_or_else(failed)?;
    let cpu = cpu_product(size.min(1024), 300.0).await;
    let rate = |operations: f64, milliseconds: f64| operations / milliseconds / 1e6;
    Ok(format!(
        "{{\"adapter\": {:?}, \"size\": {size}, \"gflops\": {:.1}, \"gflops_there_and_back\": {:.1}, \
         \"cpu_gflops\": {:.1}, \"deviation\": {apart:e}}}",
        gpu.name(),
        rate(MORE as f64 * operations(size), more - one),
        rate(operations(size), one),
        rate(operations(size.min(1024)), cpu),
    ))
}
