//! The site: WebAssembly, the manifest that the native run writes, and the pages made of both.

use crate::project::{Project, Wing, run};
use crate::{tools, wasm};
use anyhow::Result;
use std::process::Command;

/// Makes `dist/`, compiling `wings` anew and taking the other wings as they were built last.
pub fn build(project: &Project, wings: &[&Wing]) -> Result<()> {
    tools::for_building(project)?;
    wasm::build(project, wings)?;
    manifest(project, wings)?;
    pages(project)
}

/// Runs the default scenarios of `wings` natively, and those that were never run, and writes what the pages are made of.
fn manifest(project: &Project, wings: &[&Wing]) -> Result<()> {
    let slugs = wings.iter().map(|wing| wing.slug.as_str()).collect::<Vec<_>>().join(",");
    orrery(project, |command| command.args(["manifest", "--out", "web/generated", "--only", &slugs]))
}

/// Runs the command line of the exhibits. It is built with the features of the whole workspace, as the tests are, so that
/// after them nothing is compiled again.
pub fn orrery(project: &Project, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut cargo = project.cargo();
    run(cargo.args(["build", "--quiet", "--release", "--workspace", "--bin", "orrery"]))?;
    let program = project.target.join("release").join("orrery").with_extension(std::env::consts::EXE_EXTENSION);
    run(arguments(&mut project.command(&program.to_string_lossy())))
}

/// Bundles and prerenders the pages.
pub fn pages(project: &Project) -> Result<()> {
    run(project.command("npm").args(["run", "--silent", "site"]))
}
