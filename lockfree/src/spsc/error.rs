//! What can go wrong at a ring.

use core::error::Error;
use core::fmt;

/// The other side is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side of the ring is gone")
    }
}

impl Error for Closed {}

/// Why an item could not be pushed; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// There is no room now.
    Full(T),
    /// Nobody will take it: the consumer is gone.
    Closed(T),
}

impl<T> PushError<T> {
    /// The item that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the ring is full"),
            Self::Closed(_) => Closed.fmt(f),
        }
    }
}

impl<T> Error for PushError<T> {}

/// Why no item could be popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// There is no item now.
    Empty,
    /// There is no item and never will be: the producer is gone.
    Closed,
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the ring is empty"),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl Error for PopError {}

/// Why a run of slots could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// Fewer than asked for can be had now.
    TooFew {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        there: usize,
    },
    /// More were asked for than the ring has.
    TooLong {
        /// How many were asked for.
        asked: usize,
        /// How many the ring has.
        capacity: usize,
    },
    /// Fewer than asked for can be had, and the other side is gone.
    Closed {
        /// How many there are. A consumer can still read them.
        there: usize,
    },
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { asked, there } => {
                write!(f, "{asked} slots were asked for, {there} are there")
            }
            Self::TooLong { asked, capacity } => {
                write!(f, "{asked} slots were asked for, the ring has {capacity}")
            }
            Self::Closed { there } => write!(f, "{Closed}; {there} slots are there"),
        }
    }
}

impl Error for ChunkError {}
