//! What can go wrong at a sequenced ring.

use core::error::Error;
use core::fmt;

pub use crate::spsc::Closed;

/// A consumer that has not read holds up the publisher; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring is full: a consumer has not read")
    }
}

impl<T> Error for Full<T> {}

/// Why a run of slots could not be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    /// A consumer that has not read holds up the publisher.
    Full {
        /// How many were asked for.
        asked: usize,
        /// How many can be claimed now.
        room: usize,
    },
    /// More were asked for than the ring has.
    TooLong {
        /// How many were asked for.
        asked: usize,
        /// How many the ring has.
        capacity: usize,
    },
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { asked, room } => {
                write!(f, "{asked} slots were asked for, {room} are free")
            }
            Self::TooLong { asked, capacity } => {
                write!(f, "{asked} slots were asked for, the ring has {capacity}")
            }
        }
    }
}

impl Error for ClaimError {}

/// Why nothing could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// All that is published was read.
    Empty,
    /// All was read, and the publisher is gone.
    Closed,
    /// Only in lossy mode: this consumer fell behind by more than the ring, and as many items were
    /// skipped: those that were overwritten, and some that would be soon. The next read goes on
    /// after them.
    Lost(u64),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing new is published"),
            Self::Closed => Closed.fmt(f),
            Self::Lost(count) => write!(
                f,
                "{count} items were skipped: the reader was too far behind"
            ),
        }
    }
}

impl Error for ReadError {}

/// As many consumers as allowed have joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinError {
    /// How many may join at a time.
    pub consumers_max: usize,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = self.consumers_max;
        write!(f, "one more consumer was to join; {max} have, as allowed")
    }
}

impl Error for JoinError {}
