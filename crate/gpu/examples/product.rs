//! `product WORK UNITS SAMPLES`: takes the time of products of two matrices on this machine's GPU, for
//! `cargo xtask bench --gpu`. Prints the check and the milliseconds of a product in each sample, as JSON, or why there
//! are none. The matrices have 4096 rows, or as many as `ORRERY_GPU_SIZE` says.

use orrery_bench::data::centred;
use orrery_gpu::measure::Chain;
use orrery_gpu::{Gpu, now};
use pollster::block_on;
use std::process::ExitCode;
use std::rc::Rc;

/// Milliseconds that a sample takes at least: many times what asking the device takes.
const SAMPLE: f64 = 100.0;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let size = std::env::var("ORRERY_GPU_SIZE").map_or(Some(4096), |text| text.parse().ok());
    let (Some(size @ 1..), [work, _, samples]) = (size, arguments.as_slice()) else {
        eprintln!("product WORK UNITS SAMPLES, of matrices of ORRERY_GPU_SIZE rows");
        return ExitCode::FAILURE;
    };
    // What the page alone does.
    if work != "matmul_vulkan" {
        println!("{{}}");
        return ExitCode::SUCCESS;
    }
    match block_on(measured(size, samples.parse().unwrap_or(1))) {
        Ok(measured) => println!("{{\"orrery\": {measured}}}"),
        Err(why) => println!("{{\"orrery\": {{\"why\": {why:?}}}}}"),
    }
    ExitCode::SUCCESS
}

async fn measured(size: usize, samples: usize) -> Result<String, String> {
    let gpu = Rc::new(Gpu::open().await?);
    eprintln!("{}", gpu.name());
    let failed = || format!("{} does not compute a product of this size", gpu.name());
    let [a, b] = [1, 2].map(|seed| centred(seed, size * size));
    let chain = Chain::new(gpu.clone(), a, b, size);
    let check = chain.check().await.ok_or_else(failed)?;
    let milliseconds = async |times: usize| {
        let start = now();
        chain.run(times).await.ok_or_else(failed)?;
        Ok::<_, String>(now() - start)
    };
    let mut times = 1;
    while milliseconds(times).await? < SAMPLE {
        times *= 2;
    }
    let mut ms = Vec::new();
    for _ in 0..samples {
        ms.push(milliseconds(times).await? / times as f64);
    }
    Ok(format!("{{\"check\": {check}, \"ms\": {ms:?}}}"))
}
