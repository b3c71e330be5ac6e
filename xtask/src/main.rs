//! The one entry point to everything that is built or tested: `cargo xtask build | serve | test | measure | bench`.

mod bench;
mod browser_tests;
mod hoist;
mod project;
mod serve;
mod site;
mod stage;
mod test;
mod tools;
mod wasm;
mod watch;

use anyhow::Result;
use clap::{Parser, Subcommand};
use project::Project;
use std::process::ExitCode;

/// Builds, serves and tests Orrery.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Makes the site in dist/.
    Build {
        /// Compiles only the wing of this name, or of the exhibit of this name.
        #[arg(long, value_name = "SLUG|WING")]
        only: Option<String>,
    },
    /// Builds the site, serves it on this machine and rebuilds what a change touches.
    Serve {
        /// The port to listen on; 0 takes a free one.
        #[arg(long, default_value_t = 8123)]
        port: u16,
    },
    /// Runs every test, and installs what the tests need.
    Test {
        /// Adds five seeds for every scenario, every default run to its verdict, and screenshots of every page.
        #[arg(long)]
        full: bool,
        /// Tests only this exhibit, or this wing's exhibits.
        #[arg(long, value_name = "SLUG|WING")]
        only: Option<String>,
    },
    /// Prints, for each exhibit, how long it takes and how much it weighs in a browser.
    Measure {
        /// Measures only this exhibit, or this wing's exhibits.
        #[arg(long, value_name = "SLUG|WING")]
        only: Option<String>,
    },
    /// Times the kernels beside other libraries, in one page and natively, and holds the ratios against the bars.
    Bench {
        /// Measures only the rows whose name holds this.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// Prints the rows as one JSON list.
        #[arg(long)]
        json: bool,
        /// Measures products on this machine's GPU instead, beside cuBLAS and other libraries' WGSL.
        #[arg(long)]
        gpu: bool,
        /// Rows and columns of the matrices on the GPU.
        #[arg(long, requires = "gpu", value_name = "ROWS", default_value_t = 4096)]
        size: usize,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let project = Project::here()?;
    match task {
        Task::Build { only } => site::build(&project, &project.wings_of(only.as_deref())?)?,
        Task::Serve { port } => serve::serve(&project, port)?,
        Task::Test { full, only } => return test::test(&project, full, only.as_deref()),
        Task::Measure { only } => {
            site::build(&project, &project.wings_of(None)?)?;
            browser_tests::measure(&project, only.as_deref())?;
        }
        Task::Bench { only, json, gpu, size } => {
            bench::bench(&project, only.as_deref(), gpu.then_some(size), json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
