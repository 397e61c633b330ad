//! A listening socket on io_uring: one multishot accept and the connections it brought.
//!
//! As with connections, the slot holds the file open until the kernel has reported the end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::operation::{self, Kind, Token};
use super::ring::Ring;
use super::stream::{cancel, store};

/// Connections accepted ahead of the program; more wait in the kernel.
const AHEAD_MAX: usize = 256;

/// Everything about one listening socket.
pub(super) struct Slot {
    fd: Arc<OwnedFd>,
    accepting: bool,
    stopping: bool,
    accepted: VecDeque<io::Result<OwnedFd>>,
    waker: Option<Waker>,
    orphan: bool,
}

impl Slot {
    pub(super) fn new(fd: Arc<OwnedFd>) -> Self {
        Self {
            fd,
            accepting: false,
            stopping: false,
            accepted: VecDeque::new(),
            waker: None,
            orphan: false,
        }
    }

    /// Whether the slot can be removed: nobody owns it and the kernel does not use it.
    pub(super) fn is_done(&self) -> bool {
        self.orphan && !self.accepting
    }

    pub(super) fn poll_accept(
        &mut self,
        key: usize,
        ring: &mut Ring,
        cx: &Context<'_>,
    ) -> Poll<io::Result<OwnedFd>> {
        if let Some(accepted) = self.accepted.pop_front() {
            return Poll::Ready(accepted);
        }
        if !self.accepting {
            self.accepting = true;
            self.stopping = false;
            // SAFETY: the slot holds the file open until the accept has ended; no memory is named.
            unsafe { ring.push(&operation::accept(self.fd.as_raw_fd(), key)) };
        }
        store(&mut self.waker, cx);
        Poll::Pending
    }

    /// An accept has reported a connection or an error; true if it should stop for now.
    pub(super) fn accepted(&mut self, result: i32, more: bool, ready: &mut Vec<Waker>) -> bool {
        self.accepting = more;
        let accepted = if result >= 0 {
            // SAFETY: the kernel has just made this descriptor and reported it once: nobody else
            // owns it.
            Ok(unsafe { OwnedFd::from_raw_fd(result) })
        } else {
            Err(io::Error::from_raw_os_error(-result))
        };
        if self.orphan {
            return false;
        }
        let stopped =
            matches!(&accepted, Err(error) if error.raw_os_error() == Some(libc::ECANCELED));
        if !stopped {
            self.accepted.push_back(accepted);
        }
        ready.extend(self.waker.take());
        self.accepted.len() >= AHEAD_MAX
    }

    pub(super) fn stop_accepting(&mut self, key: usize, ring: &mut Ring) {
        if self.accepting && !self.stopping {
            self.stopping = true;
            cancel(Token::new(Kind::Accept, key), ring);
        }
    }

    /// The listener has been dropped. Connections it had accepted are closed.
    pub(super) fn abandon(&mut self, key: usize, ring: &mut Ring) {
        self.orphan = true;
        self.accepted.clear();
        self.stop_accepting(key, ring);
    }
}
