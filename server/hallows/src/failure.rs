//! What ends the program early: a message, what to do about it, and the exit
//! status (2 for bad usage, 1 for everything else).

use std::fmt;
use std::process::ExitCode;

/// The reason why a command stopped, told to a person.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    remedy: String,
    status: u8,
}

impl Failure {
    /// The command line, the environment or the configuration file is wrong.
    pub(crate) fn usage(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
            status: 2,
        }
    }

    /// The command was understood and could not be carried out.
    pub(crate) fn failed(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
            status: 1,
        }
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Writes the message to standard error and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("{self}");
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hallows: {}", self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", self.remedy.replace('\n', "\n  "))?;
        }
        Ok(())
    }
}
