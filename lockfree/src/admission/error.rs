//! Why somebody was not admitted.

use core::error::Error;
use core::fmt;

/// No permit now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryAcquireError {
    /// No permit is free, or others wait for one, or are about to queue or have just left: that is
    /// seen for a moment also where permits are free and nobody has to wait.
    Busy,
    /// The gate has been closed.
    Closed,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "no permit is free",
            Self::Closed => "the gate is closed",
        })
    }
}

impl Error for TryAcquireError {}

/// No permit, neither now nor by waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcquireError {
    /// As many wait already as may.
    Full {
        /// How many may wait.
        allowed: usize,
    },
    /// No permit was free, and the deadline has passed or would before it is this one's turn.
    Late,
    /// The gate has been closed.
    Closed,
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { allowed } => {
                write!(f, "the queue is full: {allowed} may wait for a permit")
            }
            Self::Late => f.write_str("no permit will be free before the deadline"),
            Self::Closed => f.write_str("the gate is closed"),
        }
    }
}

impl Error for AcquireError {}
