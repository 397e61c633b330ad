//! A connection on io_uring: one multishot receive, at most one send, and the bytes in between.
//!
//! The slot of a connection, not the task, owns what the kernel works with: the open file and the
//! buffer of a send. The slot lives until the kernel has reported the end of every operation, even
//! if the stream is dropped long before. So a dropped stream or future leaves nothing dangling.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::buffers::{Buffers, Chunk};
use super::operation::{self, Kind, Token};
use super::ring::Ring;
use crate::reactor::Counted;

/// A connection may have this many unread bytes before its receive is stopped, so that the sender
/// feels back pressure: more if a task is about to read them, which is a fast transfer, less if not.
const UNREAD_BYTES_MAX_AWAITED: usize = 256 * 1024;
const UNREAD_BYTES_MAX: usize = 16 * 1024;

/// How the byte stream from the peer ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Closed,
    Failed(i32),
}

/// The state of the one send that may be in progress.
enum Sending {
    Idle,
    /// The kernel reads `buf` from `sent` on.
    InFlight {
        buf: Vec<u8>,
        sent: usize,
    },
    Done {
        buf: Vec<u8>,
        result: io::Result<()>,
    },
}

/// Everything about one connection.
pub(super) struct Slot {
    fd: Arc<OwnedFd>,
    /// A multishot receive is in flight.
    receiving: bool,
    /// That receive has been asked to stop.
    stopping: bool,
    /// Received bytes in the kernel's buffers, oldest first.
    chunks: VecDeque<Chunk>,
    /// Received bytes that had to leave the kernel's buffers; older than those in `chunks`.
    backlog: VecDeque<u8>,
    unread: usize,
    end: Option<End>,
    /// A task waits for bytes, or has been woken for those that came.
    awaited: bool,
    reader: Option<Waker>,
    sending: Sending,
    writer: Option<Waker>,
    /// The stream is being detached: nothing is received any more.
    detaching: bool,
    /// The stream has been dropped.
    orphan: bool,
    pub(super) counted: Counted,
}

/// What the reactor must do after a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// No buffer was free: receive again when there are some.
    Starved,
    /// Too much is unread.
    StopReceiving,
    /// The send is not complete.
    SendRest,
}

impl Slot {
    pub(super) fn new(fd: Arc<OwnedFd>) -> Self {
        Self {
            fd,
            receiving: false,
            stopping: false,
            chunks: VecDeque::new(),
            backlog: VecDeque::new(),
            unread: 0,
            end: None,
            awaited: false,
            reader: None,
            sending: Sending::Idle,
            writer: None,
            detaching: false,
            orphan: false,
            counted: Counted::default(),
        }
    }

    /// Whether the slot can be removed: nobody owns it and the kernel does not use it.
    pub(super) fn is_done(&self) -> bool {
        self.orphan && !self.receiving && !matches!(self.sending, Sending::InFlight { .. })
    }

    /// Whether no send is in flight, whose bytes would have to leave first.
    pub(super) fn is_send_idle(&self) -> bool {
        !matches!(self.sending, Sending::InFlight { .. })
    }

    /// Appends received bytes to `out`, at most `limit`.
    pub(super) fn poll_receive(
        &mut self,
        key: usize,
        ring: &mut Ring,
        buffers: &mut Buffers,
        cx: &Context<'_>,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        self.awaited = false;
        if self.unread > 0 {
            return Poll::Ready(Ok(self.read(buffers, limit, out)));
        }
        match self.end {
            Some(End::Closed) => return Poll::Ready(Ok(0)),
            Some(End::Failed(code)) => {
                self.end = Some(End::Closed);
                return Poll::Ready(Err(io::Error::from_raw_os_error(code)));
            }
            None => {}
        }
        self.receive(key, ring);
        self.awaited = true;
        store(&mut self.reader, cx);
        Poll::Pending
    }

    /// Waits for the end of all operations; then appends the unread bytes to `out`.
    pub(super) fn poll_detach(
        &mut self,
        key: usize,
        ring: &mut Ring,
        buffers: &mut Buffers,
        cx: &Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<()> {
        self.detaching = true;
        if self.receiving {
            self.stop_receiving(key, ring);
            store(&mut self.reader, cx);
            return Poll::Pending;
        }
        if !self.is_send_idle() {
            store(&mut self.writer, cx);
            return Poll::Pending;
        }
        self.read(buffers, usize::MAX, out);
        Poll::Ready(())
    }

    fn read(&mut self, buffers: &mut Buffers, limit: usize, out: &mut Vec<u8>) -> usize {
        let mut left = limit;
        if !self.backlog.is_empty() {
            let count = self.backlog.len().min(left);
            out.extend(self.backlog.drain(..count));
            left -= count;
            if self.backlog.is_empty() {
                self.backlog = VecDeque::new();
            }
        }
        while left > 0 {
            let Some(chunk) = self.chunks.front_mut() else {
                break;
            };
            left -= buffers.read(chunk, left, out);
            if chunk.len() == 0 {
                let empty = self.chunks.pop_front();
                empty.into_iter().for_each(|chunk| buffers.recycle(chunk));
            }
        }
        self.unread -= limit - left;
        limit - left
    }

    /// Starts to receive unless that is going on or over.
    pub(super) fn receive(&mut self, key: usize, ring: &mut Ring) {
        if self.receiving || self.detaching || self.orphan || self.end.is_some() {
            return;
        }
        self.receiving = true;
        self.stopping = false;
        // SAFETY: the slot holds the file open until the receive has ended (`is_done`). The entry
        // names no memory; the group of buffers it selects from lives as long as the ring.
        unsafe { ring.push(&operation::receive(self.fd.as_raw_fd(), key)) };
    }

    /// Receives again after no buffer was free; true if that has begun. With too much unread it has
    /// not: whoever reads that receives again.
    pub(super) fn resume(&mut self, key: usize, ring: &mut Ring) -> bool {
        let idle = !self.receiving && self.unread <= self.unread_max();
        if idle {
            self.receive(key, ring);
        }
        idle && self.receiving
    }

    fn unread_max(&self) -> usize {
        if self.awaited {
            UNREAD_BYTES_MAX_AWAITED
        } else {
            UNREAD_BYTES_MAX
        }
    }

    /// Asks the kernel to end the receive, which frees nothing yet.
    pub(super) fn stop_receiving(&mut self, key: usize, ring: &mut Ring) {
        if self.receiving && !self.stopping {
            self.stopping = true;
            cancel(Token::new(Kind::Receive, key), ring);
        }
    }

    /// A receive has reported: `result` bytes in a chunk, the end, or an error.
    pub(super) fn received(
        &mut self,
        result: i32,
        chunk: Option<Chunk>,
        more: bool,
        buffers: &mut Buffers,
        ready: &mut Vec<Waker>,
    ) -> Next {
        self.receiving = more;
        if self.orphan {
            chunk.into_iter().for_each(|chunk| buffers.recycle(chunk));
            return Next::Nothing;
        }
        let mut next = Next::Nothing;
        match (chunk, -result) {
            (Some(chunk), _) => {
                self.unread += chunk.len();
                self.chunks.push_back(chunk);
                if self.unread > self.unread_max() {
                    next = Next::StopReceiving;
                }
            }
            (None, 0) => self.end = Some(End::Closed),
            (None, libc::ENOBUFS) if !self.detaching => return Next::Starved,
            (None, libc::ENOBUFS) => {}
            // It was stopped. Whoever waits polls again and so starts it again.
            (None, libc::ECANCELED | libc::EINTR | libc::EAGAIN) => {}
            (None, code) => self.end = Some(End::Failed(code)),
        }
        ready.extend(self.reader.take());
        next
    }

    /// Moves unread bytes out of the kernel's buffers, which others need.
    pub(super) fn vacate(&mut self, buffers: &mut Buffers) {
        let mut bytes = Vec::new();
        for mut chunk in self.chunks.drain(..) {
            buffers.read(&mut chunk, usize::MAX, &mut bytes);
            buffers.recycle(chunk);
        }
        self.backlog.extend(bytes);
    }

    /// Sends the buffer in `next`, once an abandoned send has ended, and waits for its completion.
    pub(super) fn poll_send(
        &mut self,
        key: usize,
        ring: &mut Ring,
        cx: &Context<'_>,
        next: &mut Option<(Vec<u8>, usize)>,
    ) -> Poll<(io::Result<()>, Vec<u8>)> {
        match std::mem::replace(&mut self.sending, Sending::Idle) {
            Sending::InFlight { buf, sent } => self.sending = Sending::InFlight { buf, sent },
            Sending::Done { buf, result } if next.is_none() => return Poll::Ready((result, buf)),
            // Nothing is in flight, or what was sent for a future that has been dropped has ended.
            Sending::Idle | Sending::Done { .. } => {
                if let Some((buf, sent)) = next.take() {
                    self.send(key, ring, buf, sent);
                }
            }
        }
        store(&mut self.writer, cx);
        Poll::Pending
    }

    fn send(&mut self, key: usize, ring: &mut Ring, buf: Vec<u8>, sent: usize) {
        let entry = operation::send(self.fd.as_raw_fd(), key, &buf[sent..]);
        self.sending = Sending::InFlight { buf, sent };
        // SAFETY: the slot holds the file open and owns the buffer until the send has ended
        // (`is_done`). The buffer is not touched meanwhile, so its bytes stay where they are, even
        // when the slot moves.
        unsafe { ring.push(&entry) };
    }

    /// A send has reported: bytes sent, or an error.
    pub(super) fn sent(&mut self, result: i32, ready: &mut Vec<Waker>) -> Next {
        let Sending::InFlight { buf, sent } = &mut self.sending else {
            return Next::Nothing;
        };
        let outcome = match usize::try_from(result) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                *sent += count;
                if *sent < buf.len() && !self.orphan {
                    return Next::SendRest;
                }
                Ok(())
            }
            Err(_) => Err(io::Error::from_raw_os_error(-result)),
        };
        self.sending = Sending::Done {
            buf: std::mem::take(buf),
            result: outcome,
        };
        ready.extend(self.writer.take());
        Next::Nothing
    }

    /// Continues a send that the kernel cut short.
    pub(super) fn send_rest(&mut self, key: usize, ring: &mut Ring) {
        if let Sending::InFlight { buf, sent } = std::mem::replace(&mut self.sending, Sending::Idle)
        {
            self.send(key, ring, buf, sent);
        }
    }

    /// The stream has been dropped: ends what is going on.
    pub(super) fn abandon(&mut self, key: usize, ring: &mut Ring, buffers: &mut Buffers) {
        self.orphan = true;
        self.chunks
            .drain(..)
            .for_each(|chunk| buffers.recycle(chunk));
        self.stop_receiving(key, ring);
        if matches!(self.sending, Sending::InFlight { .. }) {
            cancel(Token::new(Kind::Send, key), ring);
        }
    }
}

pub(super) fn cancel(token: Token, ring: &mut Ring) {
    // SAFETY: a cancellation names no file and no memory.
    unsafe { ring.push_uncounted(&operation::cancel(token)) };
}

/// Keeps the task's waker.
pub(super) fn store(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        slot => *slot = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
mod tests;
