//! One WebAssembly module a wing, and one for the compute page: compiled, bound, optimised.

use crate::hoist;
use crate::project::{Project, Wing, fingerprint, run};
use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// What Rust's compiler may emit for the target; `wasm-opt` refuses what it is not told of. Nothing here rounds
/// differently (no relaxed SIMD, no fast math), so that the optimised module gives the same results to the bit. Below
/// address 1024 lies the far end of the stack, which nothing reaches: so offsets may be folded into loads and stores.
const OPTIMISE: [&str; 10] = [
    "-O3",
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
];

/// A crate that becomes a WebAssembly module.
#[derive(Clone, Copy)]
struct Module<'a> {
    /// Its name in files.
    slug: &'a str,
    /// Its crate.
    package: &'a str,
}

/// What the compute page runs.
const COMPUTE: Module<'_> = Module { slug: "compute", package: "orrery-measure" };

/// Makes `web/public/wasm/` for `wings` and the compute page. While cargo compiles one module, the one before is
/// optimised.
pub fn build(project: &Project, wings: &[&Wing]) -> Result<()> {
    let wings = wings.iter().map(|wing| Module { slug: &wing.slug, package: &wing.package });
    std::thread::scope(|scope| {
        let mut finishing = Vec::new();
        for module in wings.chain([COMPUTE]) {
            let compiled = compile(project, module.package)?;
            finishing.push(scope.spawn(move || finish(project, module, &compiled)));
        }
        for thread in finishing {
            thread.join().map_err(|_| anyhow!("a module's bindings could not be made"))??;
        }
        Ok(())
    })
}

/// Makes the compute page's module; gives its script and its binary.
pub fn compute(project: &Project) -> Result<[PathBuf; 2]> {
    build(project, &[])?;
    Ok(["js", "wasm"].map(|kind| project.root.join("web/public/wasm").join(file(COMPUTE.slug, kind))))
}

/// Compiles a package's library to a module; gives the module's path.
pub fn compile(project: &Project, package: &str) -> Result<PathBuf> {
    let mut cargo = whole_program(project, "rustc");
    cargo.args(["--lib", "--target", TARGET, "--crate-type", "cdylib", "--package", package]);
    run(&mut cargo).with_context(|| format!("{package} does not compile to WebAssembly"))?;
    Ok(project.target.join(TARGET).join("release").join(format!("{}.wasm", package.replace('-', "_"))))
}

/// A cargo command that optimises through all crates at once: a sixth smaller, and the download is what a visitor waits
/// for.
pub fn whole_program(project: &Project, subcommand: &str) -> Command {
    let mut cargo = project.cargo();
    cargo.args([subcommand, "--release"]);
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "fat").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    cargo
}

/// Makes an optimised module of a compiled one.
pub fn optimise(project: &Project, module: &Path, optimised: &Path) -> Result<()> {
    run(project.npm_tool("wasm-opt").args(OPTIMISE).arg(module).arg("-o").arg(optimised))?;
    hoist::hoist(optimised)
}

/// Binds and optimises a compiled module, unless this very one was the last one finished.
fn finish(project: &Project, Module { slug, .. }: Module<'_>, compiled: &Path) -> Result<()> {
    let site = project.root.join("web/public/wasm");
    let made = ["js", "wasm", "bytes"].map(|kind| site.join(file(slug, kind)));
    let binary = fs::read(compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    let print = fingerprint(&binary) + &OPTIMISE.concat() + " hoist";
    let stamp = project.scratch()?.join(format!("{slug}.wasm-stamp"));
    if made.iter().all(|path| path.is_file()) && fs::read_to_string(&stamp).is_ok_and(|old| old == print) {
        return Ok(());
    }

    let bound = project.scratch()?.join("bound").join(slug);
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name(slug)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen.no_modules(true)?.generate(&bound).with_context(|| format!("no bindings for {slug}"))?;

    let optimised = bound.join("optimised.wasm");
    optimise(project, &bound.join(file(slug, "wasm")), &optimised)?;
    let bytes = fs::read(&optimised)?;
    if !bytes.starts_with(b"\0asm") {
        bail!("wasm-opt gave no module for {slug}");
    }
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    fs::create_dir_all(&site)?;
    let [js, wasm, script] = made;
    fs::copy(bound.join(file(slug, "js")), js)?;
    fs::write(wasm, &bytes)?;
    fs::write(script, format!("self.orreryWasm = \"{text}\";\n"))?;
    fs::write(stamp, print)?;
    eprintln!("module {slug}: {} KB of WebAssembly", bytes.len() / 1000);
    Ok(())
}

/// The names under which a page's worker asks for a module.
fn file(slug: &str, kind: &str) -> String {
    match kind {
        "js" => format!("{slug}.js"),
        "wasm" => format!("{slug}_bg.wasm"),
        _ => format!("{slug}.bytes.js"),
    }
}
