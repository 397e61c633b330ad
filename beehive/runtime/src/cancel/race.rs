//! The faster of two futures.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which of two futures was faster, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

impl<T> Either<T, T> {
    /// The value, whichever it was.
    pub fn into_inner(self) -> T {
        match self {
            Self::First(value) | Self::Second(value) => value,
        }
    }
}

/// Runs two futures in this task until one is done; the other is dropped. The first is polled first,
/// so it wins if both are done.
///
/// # Cancel safety
///
/// As that of the futures: the loser is dropped wherever it waits.
pub async fn race<A: Future, B: Future>(first: A, second: B) -> Either<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Either::First(value));
        }
        second.as_mut().poll(cx).map(Either::Second)
    })
    .await
}
