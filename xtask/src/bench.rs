//! The kernels beside their peers: builds both sides, has them measured, and holds the ratios against the bars.

use crate::project::{Project, fingerprint, run};
use crate::{tools, wasm};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A bar: how many times as fast as its peers a kind of work must be.
struct Bar {
    /// What `--only` picks it by. `A / B` stands for the part of `B`'s speed that `A` reaches.
    name: &'static str,
    /// The workload of `crate/bench`.
    work: &'static str,
    /// The peers of whom the fastest counts.
    against: &'static [&'static str],
    /// Others who do the same, for comparison.
    beside: &'static [&'static str],
    bar: f64,
}

const fn bar(
    name: &'static str,
    work: &'static str,
    against: &'static [&'static str],
    beside: &'static [&'static str],
    bar: f64,
) -> Bar {
    Bar { name, work, against, beside, bar }
}

/// In the browser, at most half as long again as natively.
const NATIVE: f64 = 1.0 / 1.5;

/// Every kind of work has two bars: against its peers, and against the same code run natively.
const BARS: &[Bar] = &[
    bar("f32 matmul 512", "matmul_f32", &["tfjs-wasm"], &["onnxruntime-web", "jax-js", "NumPy"], 1.4),
    bar("f32 matmul 512 / SIMD peak", "matmul_f32", &["SIMD peak"], &[], 0.9),
    bar("f32 matmul 512 / native", "matmul_f32", &["native"], &[], NATIVE),
    bar("f64 matmul 512 / native", "matmul_f64", &["native"], &["jax-js", "NumPy"], NATIVE),
    bar("f32 Sinkhorn 1024 scaling", "sinkhorn_scaling_f32", &["POT"], &["jax-js", "plain JS", "tfjs-wasm"], 1.0),
    bar("f32 Sinkhorn 1024 scaling / native", "sinkhorn_scaling_f32", &["native"], &[], NATIVE),
    bar("f64 Sinkhorn 1024 scaling", "sinkhorn_scaling_f64", &["POT"], &["jax-js", "plain JS"], 1.0),
    bar("f64 Sinkhorn 1024 scaling / native", "sinkhorn_scaling_f64", &["native"], &[], NATIVE),
    bar("f32 Sinkhorn 1024 log domain", "sinkhorn_log_f32", &["POT", "jax-js", "tfjs-wasm"], &[], 4.0),
    bar("f32 Sinkhorn 1024 log domain / native", "sinkhorn_log_f32", &["native"], &[], NATIVE),
    bar("f64 Sinkhorn 1024 log domain", "sinkhorn_log_f64", &["POT", "jax-js"], &[], 4.0),
    bar("f64 Sinkhorn 1024 log domain / native", "sinkhorn_log_f64", &["native"], &[], NATIVE),
    bar("f64 selective scan 16384 x 64", "selective_scan", &["jax-js f32", "jax-js f64"], &[], 1.0),
    bar("f64 selective scan 16384 x 64 / native", "selective_scan", &["native"], &[], NATIVE),
    bar("f64 S4D kernel 16384 x 64", "s4d_kernel", &["jax-js f32", "jax-js f64"], &[], 1.0),
    bar("f64 S4D kernel 16384 x 64 / native", "s4d_kernel", &["native"], &[], NATIVE),
    bar("f32 FFT 65536", "fft_f32", &["jax-js"], &["NumPy"], 1.0),
    bar("f32 FFT 65536 / native", "fft_f32", &["native"], &[], NATIVE),
    bar("f64 FFT 65536", "fft_f64", &["jax-js"], &["NumPy"], 1.0),
    bar("f64 FFT 65536 / native", "fft_f64", &["native"], &[], NATIVE),
    bar("f32 training step 64-256-256-10", "training_step", &["tfjs-wasm", "jax-js"], &[], 1.0),
    bar("f32 training step 64-256-256-10 / native", "training_step", &["native"], &[], NATIVE),
];

/// Products on the GPU, of any size; measured apart from the others, for they need another machine.
const GPU_BARS: &[Bar] = &[
    bar("f32 matmul 4096 through Vulkan", "matmul_vulkan", &["cuBLAS"], &[], 0.6),
    bar("f32 matmul 4096 through WebGPU", "matmul_webgpu", &["tfjs-webgpu", "jax-js"], &[], 1.0),
];

/// A bar and what was measured for it. Times are medians, in milliseconds.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    ours: Option<f64>,
    peers: BTreeMap<&'static str, Option<f64>>,
    /// The fastest peer's time over ours, of the peers that count.
    ratio: Option<f64>,
    bar: f64,
    /// Unknown where something was not measured.
    met: Option<bool>,
    /// Of those that could not be measured, why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    why: BTreeMap<String, String>,
}

/// What was measured of a contender.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Measured {
    /// All samples, in milliseconds.
    ms: Vec<f64>,
    /// If there are none, the reason.
    why: Option<String>,
}

/// By workload and contender.
type Samples = BTreeMap<String, BTreeMap<String, Measured>>;

impl Bar {
    fn judge(&self, samples: &Samples) -> Row {
        let time = |who: &str| median(&samples.get(self.work)?.get(who)?.ms);
        let ours = time("orrery");
        let peers = self.against.iter().chain(self.beside).map(|who| (*who, time(who))).collect();
        // Without one of them the fastest is not known.
        let fastest = self.against.iter().map(|who| time(who)).try_fold(f64::INFINITY, |least, t| Some(least.min(t?)));
        let ratio = ours.zip(fastest).map(|(ours, theirs)| theirs / ours);
        let met = ratio.map(|ratio| ratio >= self.bar);
        let all = samples.get(self.work).into_iter().flatten();
        let why = all.filter_map(|(who, measured)| Some((who.clone(), measured.why.clone()?))).collect();
        Row { name: self.name.to_owned(), ours, peers, ratio, bar: self.bar, met, why }
    }
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

/// Measures every bar whose name holds `only`, and prints them: the bars of the GPU, with matrices of `gpu` rows, or all
/// others.
pub fn bench(project: &Project, only: Option<&str>, gpu: Option<usize>, json: bool) -> Result<()> {
    let all = if gpu.is_some() { GPU_BARS } else { BARS };
    let bars: Vec<_> = all.iter().filter(|bar| only.is_none_or(|only| bar.name.contains(only))).collect();
    if bars.is_empty() {
        let names: Vec<_> = all.iter().map(|bar| bar.name).collect();
        bail!("no row's name holds that; the rows are\n  {}", names.join("\n  "));
    }
    let samples = measure(project, &bars, gpu)?;
    let mut rows: Vec<_> = bars.iter().map(|bar| bar.judge(&samples)).collect();
    if let Some(size) = gpu {
        rows.iter_mut().for_each(|row| row.name = row.name.replace("4096", &size.to_string()));
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows);
    }
    Ok(())
}

fn measure(project: &Project, bars: &[&Bar], gpu: Option<usize>) -> Result<Samples> {
    tools::for_building(project)?;
    let home = project.root.join("tests/bench");
    tools::npm_packages(&home)?;
    let page = project.scratch()?.join("bench");
    run(project.npm_tool("tsc").args(["--project", "tests/bench"]))?;
    run(project.npm_tool("vite").args(["build", "--config", "tests/bench/vite.config.ts", "--outDir"]).arg(&page))?;
    let native = if gpu.is_some() {
        for file in wasm::compute(project)? {
            fs::copy(&file, page.join(file.file_name().context("a module is a file")?))?;
        }
        run(project.cargo().args(["build", "--release", "--package", "orrery-gpu", "--example", "product"]))?;
        "release/examples/product"
    } else {
        wasm::optimise(project, &wasm::compile(project, "orrery-bench")?, &page.join("orrery.wasm"))?;
        run(wasm::whole_program(project, "build").args(["--package", "orrery-bench"]))?;
        "release/orrery-bench"
    };

    let mut works: Vec<_> = bars.iter().map(|bar| bar.work).collect();
    works.dedup();
    let out = project.scratch()?.join("bench.json");
    let mut vitest = project.npm_tool("vitest");
    vitest.args(["run", "--config", "tests/bench/drive.config.ts"]);
    vitest.env("CHROMIUM", tools::chromium()?).env("ORRERY_WORKS", works.join(","));
    vitest.env("ORRERY_PAGE", &page).env("ORRERY_NATIVE", project.target.join(native));
    vitest.env("ORRERY_SAMPLES", &out);
    if let Some(size) = gpu {
        vitest.env("ORRERY_GPU_SIZE", size.to_string());
    }
    match python(project, gpu.is_some()) {
        Ok(python) => drop(vitest.env("ORRERY_PYTHON", python)),
        Err(error) => eprintln!("rows against Python's libraries are NOT MEASURED: {error:#}"),
    }
    run(&mut vitest)?;
    samples(&fs::read(&out).context("the page left no samples")?)
}

fn samples(json: &[u8]) -> Result<Samples> {
    Ok(serde_json::from_slice(json)?)
}

/// A Python that has the native peers: the one that `PYTHON` names, or one in an environment of its own.
fn python(project: &Project, gpu: bool) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("PYTHON") {
        return Ok(named.into());
    }
    // cuBLAS is half a gigabyte, and nothing without NVIDIA's driver.
    let cuda = gpu && Path::new("/dev/nvidiactl").exists();
    let (environment, requirements) =
        if cuda { ("python-gpu", "requirements-gpu.txt") } else { ("python", "requirements.txt") };
    let environment = project.scratch()?.join(environment);
    let python = environment.join("bin/python");
    let requirements = project.root.join("tests/bench").join(requirements);
    let print = fingerprint(&fs::read(&requirements)?);
    let stamp = environment.join(".orrery-requirements");
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == print) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment)).context("Python 3 is needed")?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
    fs::write(stamp, print)?;
    Ok(python)
}

fn print(rows: &[Row]) {
    let number = |time: Option<f64>| time.map_or("not measured".to_owned(), |time| format!("{time:.3}"));
    println!("{:42} {:>9}  {:>6}  {:>5}  {:13} peers, ms", "medians", "ours, ms", "ratio", "bar", "");
    for row in rows {
        let met = row.met.map_or("not measured", |met| if met { "met" } else { "NOT MET" });
        let ratio = row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let peers: Vec<_> = row.peers.iter().map(|(who, time)| format!("{who} {}", number(*time))).collect();
        let ours = number(row.ours);
        println!("{:42} {ours:>9}  {ratio:>6}  {:>5.2}  {met:13} {}", row.name, row.bar, peers.join(", "));
        row.why.iter().for_each(|(who, why)| println!("{:42} {who} is not measured: {why}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(samples: &str) -> Row {
        let json = format!(r#"{{"walk": {samples}}}"#);
        bar("a walk", "walk", &["the hare", "the tortoise"], &["the snail"], 2.0)
            .judge(&super::samples(json.as_bytes()).unwrap())
    }

    #[test]
    fn the_ratio_is_of_medians_against_the_fastest_that_counts() {
        let row = judged(
            r#"{"orrery": {"ms": [9, 1, 2]}, "the hare": {"ms": [1, 5, 6]}, "the tortoise": {"ms": [7]}, "the snail": {"ms": [1]}}"#,
        );
        assert_eq!((row.ours, row.ratio, row.met), (Some(2.0), Some(2.5), Some(true)));
        assert_eq!(row.peers["the snail"], Some(1.0));
    }

    #[test]
    fn a_peer_who_was_not_there_leaves_the_question_open() {
        let row = judged(r#"{"orrery": {"ms": [2]}, "the hare": {"ms": [5]}}"#);
        assert_eq!((row.ours, row.ratio, row.met), (Some(2.0), None, None));
        assert_eq!((row.peers["the tortoise"], row.why.len()), (None, 0));
        let row = judged(r#"{"orrery": {"ms": [2]}, "the hare": {"ms": [5]}, "the tortoise": {"why": "asleep"}}"#);
        assert_eq!((row.ratio, row.met, row.why["the tortoise"].as_str()), (None, None, "asleep"));
    }
}
