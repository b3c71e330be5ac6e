//! Every test, the cheap ones first.

use crate::project::Project;
use crate::stage::{Count, Stages, check, rust_tests};
use crate::{browser_tests, site, tools};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs all stages and sums them up. A stage that fails does not keep the next from running, except that the browser
/// has nothing to test when the site does not build.
pub fn test(project: &Project, full: bool, only: Option<&str>) -> Result<ExitCode> {
    let wings = project.wings_of(None)?;
    project.wings_of(only)?;
    let mut stages = Stages::default();
    stages.run("rustfmt", || formatting(project));
    let ready = stages.run("tools", || {
        tools::for_building(project)?;
        tools::chromium()?;
        Ok(Count::one(true))
    });
    if ready {
        stages.run("biome", || check(project.npm_tool("biome").args(["ci", "--error-on-warnings", "."])));
    }
    // Without it the tests of the GPU fail, and say what is missing.
    stages.run("Vulkan", || tools::vulkan().map(|()| Count::one(true)));
    stages.run("clippy", || {
        let mut cargo = project.cargo();
        cargo.args(["clippy", "--quiet", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
        check(&mut cargo)
    });
    stages.run("native tests", || {
        let mut cargo = project.cargo();
        cargo.args(["test", "--release", "--workspace", "--no-fail-fast"]);
        cargo.envs(only.map(|only| ("ORRERY_ONLY", only)));
        cargo.envs(full.then_some(("ORRERY_SEEDS", "5")));
        rust_tests(&mut cargo)
    });
    if ready {
        let built = stages.run("site", || site::build(project, &wings).map(|()| Count::one(true)));
        // The pages' types come from the manifest, so they are checked when it is there.
        stages.run("types", || check(project.npm_tool("tsc").arg("--noEmit")));
        stages.run("web tests", || browser_tests::unit(project));
        if built {
            stages.run("Chromium", || browser_tests::end_to_end(project, full, only));
        }
    }
    let Count { failed, .. } = stages.summarise();
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks every Rust file by name: cargo's formatter does not see the modules that a wing's macro declares.
fn formatting(project: &Project) -> Result<Count> {
    let mut files = Vec::new();
    for top in ["crate", "xtask"] {
        rust_files(&project.root.join(top), &mut files)?;
    }
    check(project.command("rustfmt").args(["--check", "--edition", "2024"]).args(files))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
