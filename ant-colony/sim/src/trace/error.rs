//! What can be wrong with a trace, where, and what to do.

use std::io;
use std::path::PathBuf;

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
    /// What whoever gave the trace can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "Check that the file exists, is readable and complete.",
            Self::Malformed { remedy, .. } => remedy,
            Self::TooManyObjects { .. } => "Replay a part of it.",
            Self::TooLongForOracle { .. } => "Leave belady out, or replay a part of it.",
            Self::Changed { .. } => "Replay it again when nobody writes to it.",
        }
    }
}
