//! Errors are values with a message a visitor can act on.

use serde::Serialize;
use std::fmt;

/// Why a setting cannot be run, or why a run had to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Error {
    /// The control to blame, by its outside name, so that the page can explain it beside that control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// One sentence: what is wrong and what would be right.
    pub message: String,
    /// Where in a formula or text the fault lies, in characters from its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
}

/// A value, or the reason there is none.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A fault of no single control.
    pub fn new(message: impl Into<String>) -> Self {
        Self { control: None, message: message.into(), at: None }
    }

    /// A fault of the control `name` (its outside name, as [`Spec::name`](crate::control::Spec::name)).
    pub fn of(name: &str, message: impl Into<String>) -> Self {
        Self { control: Some(name.to_owned()), message: message.into(), at: None }
    }

    /// The same fault at a character position.
    pub fn at(mut self, position: usize) -> Self {
        self.at = Some(position);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(control) = &self.control {
            write!(f, "{control}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(at) = self.at {
            write!(f, " (at character {})", at + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
