//! `orrery`: the exhibits on the command line.

use orrery_cli::command::answer;
use orrery_cli::registry::REGISTRY;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let answer = answer(&REGISTRY, std::env::args_os(), stdout().is_terminal());
    // A reader that has closed the pipe (`| head`) has seen enough.
    let _ = stdout().write_all(answer.out.as_bytes());
    let _ = stderr().write_all(answer.err.as_bytes());
    ExitCode::from(answer.code)
}
