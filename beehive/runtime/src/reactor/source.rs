//! A non-blocking file that tasks on any worker may use: try the system call, wait for readiness
//! when it would block.
//!
//! Nothing is in flight in the kernel between two polls, so dropping a future never loses or repeats
//! an operation, and dropping the source closes the file at once, on whichever thread.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use beehive_task::readiness::{Direction, Place, Seen};
use hallows_lockfree::wait::poll_budget;

use super::watch::Readiness;

/// A file in non-blocking mode with its readiness.
pub(crate) struct Source<T: AsFd> {
    /// Taken only when the source is consumed.
    file: Option<T>,
    readiness: Arc<Readiness>,
}

impl<T: AsFd> Source<T> {
    /// Takes a file that is in non-blocking mode.
    pub(crate) fn new(file: T) -> Self {
        Self {
            file: Some(file),
            readiness: Readiness::new(),
        }
    }

    pub(crate) fn get(&self) -> &T {
        match &self.file {
            Some(file) => file,
            None => unreachable!("the file is taken only when the source is consumed"),
        }
    }

    /// Gives the file back, still in non-blocking mode.
    pub(crate) fn into_inner(mut self) -> T {
        self.readiness.end(self.get().as_fd());
        match self.file.take() {
            Some(file) => file,
            None => unreachable!("a source is consumed once"),
        }
    }

    fn poll_ready(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        place: Place<'_>,
    ) -> Poll<io::Result<Seen>> {
        let fd = self.get().as_fd();
        match self.readiness.ready_or_wait(fd, direction, cx, place)? {
            Some(seen) => Poll::Ready(Ok(seen)),
            None => Poll::Pending,
        }
    }

    /// Calls `operation` when the file is ready, until it does not say `WouldBlock`. One task may
    /// wait per direction; another one displaces it, and wakes it.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(poll_budget(cx));
        loop {
            let seen = ready!(self.poll_ready(direction, cx, Place::Direction))?;
            if let Some(result) = self.attempt(direction, seen, &mut operation) {
                return Poll::Ready(result);
            }
        }
    }

    /// Transfers bytes of a stream. A transfer of less than `wanted` means that the next would
    /// block, which saves a system call.
    pub(crate) fn poll_transfer(
        &self,
        direction: Direction,
        cx: &Context<'_>,
        wanted: usize,
        mut operation: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(poll_budget(cx));
        loop {
            let seen = ready!(self.poll_ready(direction, cx, Place::Direction))?;
            if let Some(result) = self.attempt(direction, seen, &mut operation) {
                if result
                    .as_ref()
                    .is_ok_and(|&count| 0 < count && count < wanted)
                {
                    self.readiness.state().drained(direction, seen);
                }
                return Poll::Ready(result);
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), for any number of tasks.
    pub(crate) async fn io<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut waiter = Waiter {
            readiness: &self.readiness,
            key: None,
        };
        poll_fn(|cx| {
            ready!(poll_budget(cx));
            loop {
                let place = Place::Future(&mut waiter.key);
                let seen = ready!(self.poll_ready(direction, cx, place))?;
                if let Some(result) = self.attempt(direction, seen, &mut operation) {
                    return Poll::Ready(result);
                }
            }
        })
        .await
    }

    /// Waits until the direction seems ready.
    pub(crate) async fn ready(&self, direction: Direction) -> io::Result<()> {
        let mut waiter = Waiter {
            readiness: &self.readiness,
            key: None,
        };
        poll_fn(|cx| {
            ready!(poll_budget(cx));
            let place = Place::Future(&mut waiter.key);
            self.poll_ready(direction, cx, place).map_ok(drop)
        })
        .await
    }

    /// Calls `operation` once. If it would block, the next wait is for a new event.
    pub(crate) fn try_io<R>(
        &self,
        direction: Direction,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self.readiness.state().now();
        let result = operation(self.get());
        if result.as_ref().is_err_and(would_block) {
            self.readiness.state().exhausted(direction, seen);
        }
        result
    }

    fn attempt<R>(
        &self,
        direction: Direction,
        seen: Seen,
        operation: &mut impl FnMut(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        match operation(self.get()) {
            Err(error) if would_block(&error) => {
                self.readiness.state().exhausted(direction, seen);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            result => Some(result),
        }
    }
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            self.readiness.end(file.as_fd());
        }
    }
}

/// A future's place among those that wait.
struct Waiter<'a> {
    readiness: &'a Readiness,
    key: Option<usize>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.readiness.forget_future(key);
        }
    }
}

impl<T: AsFd + std::fmt::Debug> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}
