//! What can go wrong with a reply slot.

use core::error::Error;
use core::fmt;

/// All slots of the pool are lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// How many slots the pool has.
    pub capacity: usize,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} reply slots of the pool are lent", self.capacity)
    }
}

impl Error for Exhausted {}

/// Nobody waits for the answer any more; here it is back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver of the answer has been dropped")
    }
}

impl<T> Error for SendError<T> {}

/// The sender was dropped without an answer, or the answer has been received before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer will come")
    }
}

impl Error for RecvError {}

/// There is nothing to receive now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// The answer may still come.
    Empty,
    /// The sender was dropped without an answer, or the answer has been received before.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the answer has not come yet",
            Self::Closed => "no answer will come",
        })
    }
}

impl Error for TryRecvError {}
