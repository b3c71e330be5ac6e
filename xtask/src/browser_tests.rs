//! What runs in vitest: the web side's own tests in Node, and the built site in a real Chromium.

use crate::project::Project;
use crate::stage::Count;
use crate::{site, tools};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Runs the web side's tests that need no browser.
pub fn unit(project: &Project) -> Result<Count> {
    vitest(project, "unit", |command| command.args(["--exclude", "tests/e2e/**"]))
}

/// Runs the tests of the built site in Chromium.
pub fn end_to_end(project: &Project, full: bool, only: Option<&str>) -> Result<Count> {
    let mut environment = environment(project, only)?;
    if full {
        environment.push(("ORRERY_FULL", "1".into()));
        environment.push(("ORRERY_SCREENSHOTS", project.target.join("screenshots")));
    }
    vitest(project, "e2e", |command| command.args(["--config", "tests/e2e/vitest.config.ts"]).envs(environment))
}

/// Prints the table of times and sizes.
pub fn measure(project: &Project, only: Option<&str>) -> Result<()> {
    let mut vitest = project.npm_tool("vitest");
    vitest.args(["run", "--config", "tests/e2e/measure.config.ts"]).envs(environment(project, only)?);
    if !vitest.status().context("vitest does not start")?.success() {
        bail!("the measurement failed");
    }
    Ok(())
}

/// What the tests in Chromium are told: the browser, the native frames' hashes, and which exhibits to take.
fn environment(project: &Project, only: Option<&str>) -> Result<Vec<(&'static str, PathBuf)>> {
    let hashes = project.scratch()?.join("hashes.json");
    site::orrery(project, |command| {
        command.arg("hashes").arg("--out").arg(&hashes).args(only.map(|only| format!("--only={only}")))
    })?;
    let mut environment = vec![("CHROMIUM", tools::chromium()?), ("ORRERY_HASHES", hashes)];
    environment.extend(only.map(|only| ("ORRERY_ONLY", only.into())));
    Ok(environment)
}

fn vitest(project: &Project, name: &str, more: impl FnOnce(&mut Command) -> &mut Command) -> Result<Count> {
    let report = project.scratch()?.join(format!("{name}.json"));
    fs::remove_file(&report).ok();
    let mut command = project.npm_tool("vitest");
    command.args(["run", "--reporter=default", "--reporter=json"]);
    command.arg(format!("--outputFile.json={}", report.display()));
    let status = more(&mut command).status().context("vitest does not start")?;
    let report = fs::read(&report).context("vitest left no report")?;
    let report: Value = serde_json::from_slice(&report).context("vitest's report is JSON")?;
    let number = |field: &str| report[field].as_u64().unwrap_or_default() as usize;
    Ok(Count { passed: number("numPassedTests"), failed: number("numFailedTests") }.after(status.success()))
}
