//! Orrery on the command line: the exhibits that run in the browser, run natively by the same code.
//!
//! Each command is a function from its arguments to what it prints, so that the tests call what the binary calls.

pub mod check;
pub mod clock;
pub mod command;
pub mod data_files;
pub mod essay;
pub mod frame_json;
pub mod hashes;
pub mod list;
pub mod manifest;
pub mod native;
pub mod number;
pub mod refusal;
pub mod registry;
pub mod run;
pub mod settings;
pub mod source;
