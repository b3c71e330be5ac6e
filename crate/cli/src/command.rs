//! The command line: arguments in, text and an exit code out.

use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::{check, hashes, list, manifest, run};
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// What a command says, and how it ends: 0, or 1 where a verdict is not as expected, or 2 where it was refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

/// Papers as live exhibits, on the command line.
#[derive(Parser)]
#[command(name = "orrery", version, subcommand_required = true, arg_required_else_help = false)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists every exhibit, by wing.
    List {
        /// With controls and scenarios, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Runs an exhibit; prints its last frame, its claim and the verdict.
    Run {
        /// The exhibit.
        slug: String,
        /// A control: a number, a name, `a,b` for a set, `x,y;x,y` for points, a formula, or @file.
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// A scenario to start from instead of the defaults.
        #[arg(long)]
        scenario: Option<String>,
        /// The seed.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LARGEST_SEED))]
        seed: u64,
        /// Stops after this many steps.
        #[arg(long)]
        steps: Option<usize>,
        /// Everything as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Runs every scenario; fails where a verdict is not what the scenario says.
    Check {
        /// Exhibits or wings; all where none is named.
        names: Vec<String>,
        /// How many seeds, from 0.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
        seeds: u64,
        /// The outcomes as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Writes what the web side is built from.
    Manifest {
        /// The folder to write into.
        #[arg(long)]
        out: PathBuf,
        /// Runs only these exhibits or wings, and what the folder does not hold; the others stay as they are.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Writes the hashes of early frames, with which the browser's are compared.
    Hashes {
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
        /// Only these exhibits or wings.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
}

/// The browser's numbers hold whole numbers exactly up to here.
const LARGEST_SEED: u64 = (1 << 53) - 1;

/// Carries out the command line `arguments` (the first is the program's name). `terminal` shortens what is printed for
/// people.
pub fn answer<I>(registry: &Registry, arguments: I, terminal: bool) -> Answer
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let command = match Line::try_parse_from(arguments) {
        Ok(line) => line.command,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Answer { out: error.to_string(), ..Answer::default() };
        }
        Err(error) => return refused(&in_one_line(&error)),
    };
    carry_out(registry, command, terminal).unwrap_or_else(|refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> Answer {
    Answer { err: format!("orrery: {refusal}\n"), code: 2, ..Answer::default() }
}

/// Clap's message without its tips and usage, which `--help` shows.
fn in_one_line(error: &clap::Error) -> Refusal {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    Refusal::new(format!("{} (see --help)", first.trim_start_matches("error: ")))
}

fn carry_out(registry: &Registry, command: Command, terminal: bool) -> Result<Answer, Refusal> {
    let said = |out| Ok(Answer { out, ..Answer::default() });
    match command {
        Command::List { json: true } => said(list::json(registry)),
        Command::List { json: false } => said(list::text(registry)),
        Command::Run { slug, set, scenario, seed, steps, json } => {
            let reached = run::run(registry.find(&slug)?, &run::Wanted { scenario, set, seed, steps })?;
            said(if json { reached.json() } else { reached.text(terminal) })
        }
        Command::Check { names, seeds, json } => {
            let outcomes = check::check(&registry.select(&names)?, seeds);
            let out = if json { check::json(&outcomes) } else { check::text(&outcomes) };
            let code = u8::from(outcomes.iter().any(|outcome| !outcome.agrees));
            Ok(Answer { out, code, ..Answer::default() })
        }
        Command::Manifest { out, only } => {
            let manifest::Written { run, written, removed } =
                manifest::write(registry, &registry.select(&only)?, &out)?;
            said(format!("{run} exhibits run, {written} files changed, {removed} removed\n"))
        }
        Command::Hashes { out, only } => {
            let hashes = hashes::hashes(&registry.select(&only)?)?;
            let fault =
                |fault: &dyn std::fmt::Display| Refusal::new(format!("{} cannot be written: {fault}", out.display()));
            let text = serde_json::to_string_pretty(&hashes).map_err(|error| fault(&error))?;
            fs::write(&out, text + "\n").map_err(|error| fault(&error))?;
            said(format!("{} exhibits run\n", hashes.len()))
        }
    }
}
