//! Operations in flight: what a submission asks for, and how its completions name it.

use std::os::fd::RawFd;

use io_uring::types::{Fd, Timespec};
use io_uring::{opcode, squeue};

use super::buffers::GROUP;

/// Which operation of a socket a completion belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The eventfd by which other threads wake this one.
    Wake = 0,
    Accept = 1,
    Receive = 2,
    Send = 3,
    /// A cancellation; its own completion says nothing of interest.
    Cancel = 4,
    /// The watch over files that are not bound to this worker.
    Watch = 5,
    /// One operation on a file.
    File = 6,
    /// One of the two that end the gathering of events.
    Interrupt = 7,
}

const KIND_BITS: u32 = 3;

/// Names an operation: the socket's place and the kind, as the `user_data` of its submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) key: usize,
}

impl Token {
    pub(super) const WAKE: Self = Self {
        kind: Kind::Wake,
        key: 0,
    };
    pub(super) const WATCH: Self = Self {
        kind: Kind::Watch,
        key: 0,
    };
    /// The first of the two, and the last.
    pub(super) const INTERRUPT: Self = Self {
        kind: Kind::Interrupt,
        key: 0,
    };
    pub(super) const INTERRUPTED: Self = Self {
        kind: Kind::Interrupt,
        key: 1,
    };

    pub(super) fn new(kind: Kind, key: usize) -> Self {
        Self { kind, key }
    }

    pub(super) fn encode(self) -> u64 {
        (self.key as u64) << KIND_BITS | self.kind as u64
    }

    pub(super) fn decode(user_data: u64) -> Self {
        let kind = match user_data & ((1 << KIND_BITS) - 1) {
            0 => Kind::Wake,
            1 => Kind::Accept,
            2 => Kind::Receive,
            3 => Kind::Send,
            5 => Kind::Watch,
            6 => Kind::File,
            7 => Kind::Interrupt,
            _ => Kind::Cancel,
        };
        Self {
            kind,
            key: (user_data >> KIND_BITS) as usize,
        }
    }
}

/// Reports whenever a file becomes readable: an eventfd for every write to it, an epoll instance for
/// every event.
pub(super) fn poll(fd: RawFd, token: Token) -> squeue::Entry {
    let events = libc::POLLIN as u32;
    opcode::PollAdd::new(Fd(fd), events)
        .multi(true)
        .build()
        .user_data(token.encode())
}

/// Ends a wait for several completions as soon as a file becomes readable, once; both report.
///
/// A wait for several is ended by few completions only if one is that of a timeout: so the second entry
/// is one, of no time, which the kernel starts when the first reports. That has to be a poll of the
/// exclusive kind, as the kernel would not look at another one before there are several completions.
pub(super) fn interrupt(fd: RawFd) -> [squeue::Entry; 2] {
    const AT_ONCE: &Timespec = &Timespec::new();
    let events = (libc::POLLIN as u32) | (libc::EPOLLEXCLUSIVE as u32);
    let readable = opcode::PollAdd::new(Fd(fd), events)
        .build()
        .flags(squeue::Flags::IO_LINK)
        .user_data(Token::INTERRUPT.encode());
    let end = opcode::Timeout::new(AT_ONCE)
        .build()
        .user_data(Token::INTERRUPTED.encode());
    [readable, end]
}

/// Accepts connections until cancelled.
pub(super) fn accept(fd: RawFd, key: usize) -> squeue::Entry {
    let token = Token::new(Kind::Accept, key);
    opcode::AcceptMulti::new(Fd(fd))
        .flags(libc::SOCK_CLOEXEC)
        .build()
        .user_data(token.encode())
}

/// Receives into provided buffers until cancelled.
pub(super) fn receive(fd: RawFd, key: usize) -> squeue::Entry {
    let token = Token::new(Kind::Receive, key);
    opcode::RecvMulti::new(Fd(fd), GROUP)
        .build()
        .user_data(token.encode())
}

/// Sends bytes that must stay in place until the completion.
pub(super) fn send(fd: RawFd, key: usize, bytes: &[u8]) -> squeue::Entry {
    // The kernel goes on until all is sent; a buffer above 4 GiB is sent in parts.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    opcode::Send::new(Fd(fd), bytes.as_ptr(), len)
        .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
        .build()
        .user_data(Token::new(Kind::Send, key).encode())
}

/// Cancels one operation.
pub(super) fn cancel(token: Token) -> squeue::Entry {
    let own = Token::new(Kind::Cancel, 0);
    opcode::AsyncCancel::new(token.encode())
        .build()
        .user_data(own.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_way_through_the_kernel() {
        for kind in [
            Kind::Wake,
            Kind::Accept,
            Kind::Receive,
            Kind::Send,
            Kind::Cancel,
            Kind::Watch,
            Kind::File,
            Kind::Interrupt,
        ] {
            let token = Token::new(kind, 123_456_789);
            assert_eq!(Token::decode(token.encode()), token);
        }
    }
}
