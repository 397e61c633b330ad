//! Operations on files: one completion each, on a buffer that belongs to the operation.
//!
//! The kernel works with the file and the buffer of a [`Flight`], which the ring's slot holds until
//! the completion. So the task that waits may go to another worker or be dropped at any time: it
//! only loses interest. Only `complete` gives the buffer out, and it is the slot that calls it.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use io_uring::types::FsyncFlags;
use io_uring::{opcode, squeue, types::Fd};
use parking_lot::Mutex;

use super::operation::{Kind, Token};
use super::ring::Ring;

/// What to do with a file. An offset of `None` is the file's own position.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    /// Fills the buffer's spare capacity.
    Read { offset: Option<u64> },
    /// Writes the buffer's bytes from this index on.
    Write { offset: Option<u64>, from: usize },
    /// Brings what was written to the device; `data`: without what is not needed to read it again.
    Sync { data: bool },
}

/// An operation between its submission and its result.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Held open for the kernel.
    _file: Arc<std::fs::File>,
    request: Request,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The kernel's until there is a result.
    buf: Vec<u8>,
    result: Option<io::Result<usize>>,
    /// There will be no result, because the reactor has stopped.
    given_up: bool,
    waker: Option<Waker>,
}

impl Flight {
    /// Queues an operation; gives the flight for the ring's slot `key` to hold.
    pub(super) fn launch(
        file: Arc<std::fs::File>,
        request: Request,
        mut buf: Vec<u8>,
        key: usize,
        ring: &mut Ring,
    ) -> Arc<Self> {
        let entry = entry(file.as_raw_fd(), request, &mut buf);
        let state = State {
            buf,
            result: None,
            given_up: false,
            waker: None,
        };
        let flight = Arc::new(Self {
            _file: file,
            request,
            state: Mutex::new(state),
        });
        let entry = entry.user_data(Token::new(Kind::File, key).encode());
        // SAFETY: the slot holds the flight until the completion, and with it the open file and the
        // buffer, whose bytes stay in place when the vector moves and are not touched meanwhile.
        unsafe { ring.push(&entry) };
        flight
    }

    /// The kernel has reported.
    pub(super) fn complete(&self, result: i32) -> Option<Waker> {
        let mut state = self.state.lock();
        let result = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        if let (Request::Read { .. }, Ok(count)) = (self.request, &result) {
            let len = state.buf.len() + count;
            // SAFETY: the kernel was given the spare capacity, and has filled `count` bytes of it.
            unsafe { state.buf.set_len(len) };
        }
        state.result = Some(result);
        state.waker.take()
    }

    /// The reactor stops before the kernel has reported: the task gets an error, and the buffer
    /// stays here.
    pub(super) fn give_up(&self) -> Option<Waker> {
        let mut state = self.state.lock();
        state.given_up = true;
        state.waker.take()
    }

    /// The result with the buffer; to be asked for once.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<(io::Result<usize>, Vec<u8>)> {
        let mut state = self.state.lock();
        match state.result.take() {
            Some(result) => Poll::Ready((result, std::mem::take(&mut state.buf))),
            None if state.given_up => {
                Poll::Ready((Err(io::Error::other("the runtime has stopped")), Vec::new()))
            }
            None => {
                let previous = state.waker.replace(cx.waker().clone());
                drop(state);
                drop(previous);
                Poll::Pending
            }
        }
    }
}

fn entry(fd: RawFd, request: Request, buf: &mut Vec<u8>) -> squeue::Entry {
    // More than 4 GiB are done in parts, as is anything that the kernel cuts short.
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    // The kernel takes -1 for the file's own position.
    let place = |offset: Option<u64>| offset.unwrap_or(u64::MAX);
    match request {
        Request::Read { offset } => {
            let spare = buf.spare_capacity_mut();
            opcode::Read::new(Fd(fd), spare.as_mut_ptr().cast(), length(spare.len()))
                .offset(place(offset))
                .build()
        }
        Request::Write { offset, from } => {
            let bytes = &buf[from..];
            opcode::Write::new(Fd(fd), bytes.as_ptr(), length(bytes.len()))
                .offset(place(offset))
                .build()
        }
        Request::Sync { data } => {
            let flags = if data {
                FsyncFlags::DATASYNC
            } else {
                FsyncFlags::empty()
            };
            opcode::Fsync::new(Fd(fd)).flags(flags).build()
        }
    }
}
