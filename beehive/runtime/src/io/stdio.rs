//! Standard input and output.
//!
//! They are shared with other processes, so they are never put into non-blocking mode and never
//! written or read at a position of their own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use super::{AsyncRead, AsyncWrite};
use crate::fs::cursor::Cursor;
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// The standard input of the process.
///
/// # Errors
///
/// Those of the system, such as too many open files.
pub fn stdin() -> io::Result<Stdin> {
    let fd = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(Stdin(if has_readiness(&fd)? {
        Input::Source(Source::new(fd))
    } else {
        Input::File(Cursor::new(Arc::new(fd.into()), None))
    }))
}

/// Whether reactors can watch it, which is not so for files and `/dev/null`.
fn has_readiness(fd: &OwnedFd) -> io::Result<bool> {
    let trial = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = epoll::EventData::new_u64(0);
    Ok(epoll::add(&trial, fd, data, epoll::EventFlags::IN).is_ok())
}

/// The standard input.
///
/// A read that is given up loses nothing. Of several readers in the process each byte goes to one.
#[derive(Debug)]
pub struct Stdin(Input);

#[derive(Debug)]
enum Input {
    /// A terminal, pipe or socket.
    Source(Source<OwnedFd>),
    /// Anything else.
    File(Cursor),
}

impl AsyncRead for Stdin {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Input::Source(_) if buf.is_empty() => Poll::Ready(Ok(0)),
            Input::Source(source) => {
                source.poll_io(Direction::Read, cx, |fd| read_if_ready(fd, buf))
            }
            Input::File(cursor) => cursor.poll_read(cx, buf),
        }
    }
}

/// Reads what may be in blocking mode.
fn read_if_ready(fd: &OwnedFd, buf: &mut [u8]) -> io::Result<usize> {
    let mut asked = [PollFd::new(fd, PollFlags::IN)];
    if poll(&mut asked, Some(&Timespec::default()))? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(rustix::io::read(fd, buf)?)
}

/// The standard output of the process.
///
/// # Errors
///
/// Those of the system, such as too many open files.
pub fn stdout() -> io::Result<Stdout> {
    io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map(Output::new)
        .map(Stdout)
}

/// The standard error output of the process.
///
/// # Errors
///
/// Those of the system, such as too many open files.
pub fn stderr() -> io::Result<Stderr> {
    io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map(Output::new)
        .map(Stderr)
}

#[derive(Debug)]
struct Output(Cursor);

impl Output {
    fn new(fd: OwnedFd) -> Self {
        Self(Cursor::new(Arc::new(fd.into()), None))
    }
}

/// An output of the process.
macro_rules! output {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A write reports success when it has been taken over and goes on in the background, so
        /// [flush](AsyncWrite::poll_flush) before the runtime is dropped.
        #[derive(Debug)]
        pub struct $name(Output);

        impl AsyncWrite for $name {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.0.0.poll_write(cx, buf)
            }

            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.0.poll_written(cx)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.0.poll_written(cx)
            }
        }
    };
}

output!(
    /// The standard output.
    Stdout
);
output!(
    /// The standard error output.
    Stderr
);
