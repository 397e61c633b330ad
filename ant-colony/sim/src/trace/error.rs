//! What can be wrong with a trace, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not hold what its format asks for.
    #[error("{}, {place}: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// The line, or the offset in bytes.
        place: String,
        /// What was found there.
        problem: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// Neither name nor content tell the format.
    #[error("{}: no trace that is known: {problem}", path.display())]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// What should be generated cannot be.
    #[error("`{name}`: {problem}")]
    NotGenerated {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing to replay.
    #[error("{trace} has no requests")]
    Empty {
        /// Which trace.
        trace: String,
    },
    /// Objects are numbered by 32 bits.
    #[error("{trace} has more than 4,294,967,294 distinct objects")]
    TooManyObjects {
        /// Which trace.
        trace: String,
    },
    /// Belady's oracle numbers requests by 32 bits.
    #[error("{trace} has more than 4,294,967,294 requests, too many for belady")]
    TooLongForOracle {
        /// Which trace.
        trace: String,
    },
    /// Between the survey and the replay somebody wrote to it.
    #[error("{trace} has changed while it was read")]
    Changed {
        /// Which trace.
        trace: String,
    },
}

impl TraceError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn unknown(path: &Path, problem: &str) -> Self {
        Self::Unknown {
            path: path.to_owned(),
            problem: problem.to_owned(),
        }
    }

    /// What whoever gave the trace can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "Check that the file exists, is readable and complete.",
            Self::Malformed { remedy, .. } => remedy,
            Self::Unknown { .. } => {
                "Say which --format it has: u64, oracle-general, csv, lis or text."
            }
            Self::NotGenerated { .. } => {
                "For example gen:loop,capacity=1000,times=1.5,requests=20000,seed=1; the README of \
                 ant-colony/sim has all."
            }
            Self::Empty { .. } => "Check that it is the right file.",
            Self::TooManyObjects { .. } => "Replay a part of it.",
            Self::TooLongForOracle { .. } => "Leave belady out, or replay a part of it.",
            Self::Changed { .. } => "Replay it again when nobody writes to it.",
        }
    }
}
