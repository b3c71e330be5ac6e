//! `orrery-bench WORKLOAD UNITS SAMPLES`: does so many units of a workload, and then takes its time, natively. Prints the
//! check after those units and the milliseconds a unit took in each sample, as JSON.
#![allow(clippy::disallowed_types)]

use orrery_bench::WORKLOADS;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// Milliseconds that a sample takes at least: a hundred times what a browser's clock resolves, as in the page.
const SAMPLE: f64 = 10.0;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|text| text.parse().ok());
    let known = WORKLOADS.iter().find(|(name, _)| arguments.first().is_some_and(|asked| asked == name));
    let (Some((_, run)), Some(units), Some(samples)) = (known, number(1), number(2)) else {
        let names: Vec<_> = WORKLOADS.iter().map(|(name, _)| *name).collect();
        eprintln!("orrery-bench WORKLOAD UNITS SAMPLES, where WORKLOAD is one of {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let milliseconds = |times: u32| {
        let start = Instant::now();
        run(times);
        1e3 * start.elapsed().as_secs_f64()
    };
    run(units);
    let check = run(0);
    let mut times = 1;
    while milliseconds(times) < SAMPLE {
        times *= 2;
    }
    let ms: Vec<_> = (0..samples).map(|_| milliseconds(times) / f64::from(times)).collect();
    println!("{}", json!({ "native": { "check": check, "ms": ms } }));
    ExitCode::SUCCESS
}
