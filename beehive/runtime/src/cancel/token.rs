//! Cancellation tokens: a request to end, passed down a tree.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::node::Node;

/// Asks tasks to end. Clones are the same token.
///
/// Cancelling a token cancels its [children](Self::child_token) as well, and theirs, but not its
/// parent. It works on any thread and in any runtime.
///
/// ```
/// use beehive::cancel::CancellationToken;
///
/// let sum = beehive::block_on(async {
///     let server = CancellationToken::new();
///     let connection = server.child_token();
///     let task = beehive::spawn(async move {
///         let work = std::future::pending::<u32>();
///         connection.run_until_cancelled(work).await
///     });
///     server.cancel();
///     task.await
/// });
/// assert_eq!(sum.ok(), Some(None));
/// ```
///
/// The interface is that of `tokio_util`'s type of this name.
#[derive(Clone, Default)]
pub struct CancellationToken(Arc<Node>);

impl CancellationToken {
    /// A token that has no parent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    #[must_use]
    pub fn child_token(&self) -> Self {
        Self(self.0.child())
    }

    /// Cancels this token and all below it, and wakes those who wait for them. When it returns, all
    /// of them are cancelled, unless another thread is just cancelling the same token. A second time
    /// does nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether this token has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled {
            node: &self.0,
            key: None,
        }
    }

    /// As [`cancelled`](Self::cancelled), for tasks that must be `'static`.
    pub fn cancelled_owned(self) -> CancelledOwned {
        CancelledOwned {
            node: self.0,
            key: None,
        }
    }

    /// Runs a future until it is done, or drops it when the token is cancelled, and then gives
    /// nothing. If both happen between two polls, the value counts. A token that was cancelled
    /// before keeps the future from being polled at all.
    ///
    /// # Cancel safety
    ///
    /// As that of the future.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.is_cancelled() {
            return None;
        }
        let (mut future, mut cancelled) = (pin!(future), pin!(self.cancelled()));
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            cancelled.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// As [`run_until_cancelled`](Self::run_until_cancelled), for tasks that must be `'static`.
    ///
    /// # Cancel safety
    ///
    /// As that of the future.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }

    /// A guard that cancels the token when it is dropped.
    #[must_use = "dropping the guard cancels the token"]
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

/// Completes when its token is cancelled. Made by [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled<'a> {
    node: &'a Node,
    key: Option<usize>,
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { node, key } = &mut *self;
        node.poll_cancelled(cx, key)
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.node.stop_waiting(key);
        }
    }
}

impl fmt::Debug for Cancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").finish_non_exhaustive()
    }
}

/// Completes when its token is cancelled. Made by [`CancellationToken::cancelled_owned`].
#[must_use = "futures do nothing unless polled"]
pub struct CancelledOwned {
    node: Arc<Node>,
    key: Option<usize>,
}

impl Future for CancelledOwned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { node, key } = &mut *self;
        node.poll_cancelled(cx, key)
    }
}

impl Drop for CancelledOwned {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.node.stop_waiting(key);
        }
    }
}

impl fmt::Debug for CancelledOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelledOwned").finish_non_exhaustive()
    }
}

/// Cancels its token when it is dropped. Made by [`CancellationToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    /// `None` only when disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    /// Gives the token back, not cancelled.
    #[must_use = "the token is of no use otherwise"]
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().unwrap_or_default()
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
