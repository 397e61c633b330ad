//! Pipes: anonymous ones, and those that have a path (FIFOs).

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::task::{Context, Poll};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::io::{AsyncRead, AsyncWrite};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// Makes a pipe: what goes into the sender comes out of the receiver. It ends when the sender is
/// dropped.
///
/// # Errors
///
/// Those of the system, such as too many open files.
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok((Sender::new(write), Receiver::new(read)))
}

/// Makes a pipe at a path, with the rights `mode` as `chmod` takes them. The path stays behind until
/// it is removed.
///
/// # Errors
///
/// Those of the system, such as a path that exists.
pub fn create(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode);
    Ok(mknodat(CWD, path.as_ref(), FileType::Fifo, mode, 0)?)
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<OwnedFd> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = options.custom_flags(nonblock).open(path)?;
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path leads to something that is not a pipe",
        ));
    }
    Ok(file.into())
}

/// The end of a pipe that is written.
#[derive(Debug)]
pub struct Sender {
    source: Source<OwnedFd>,
}

impl Sender {
    fn new(fd: OwnedFd) -> Self {
        Self {
            source: Source::new(fd),
        }
    }

    /// Opens the pipe at a path. Does not wait for a receiver.
    ///
    /// # Errors
    ///
    /// Those of the system; one without a cause in words (`ENXIO`) if nobody has it open for
    /// reading, and `InvalidInput` if it is no pipe.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        open(path.as_ref(), OpenOptions::new().write(true)).map(Self::new)
    }

    /// Takes over the end of a pipe, which is put into non-blocking mode.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self::new(fd))
    }

    /// Gives the end away, still in non-blocking mode.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.source.into_inner()
    }

    /// Waits until something can be written, as it seems, or the receiver is gone.
    ///
    /// # Errors
    ///
    /// If no worker can watch the pipe.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.ready(Direction::Write).await
    }
}

impl AsyncWrite for Sender {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.source.poll_io(Direction::Write, cx, |pipe| {
            Ok(rustix::io::write(pipe, buf)?)
        })
    }

    /// A pipe has nothing to flush.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: a pipe ends when its sender is dropped.
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}

/// The end of a pipe that is read.
#[derive(Debug)]
pub struct Receiver {
    source: Source<OwnedFd>,
}

impl Receiver {
    fn new(fd: OwnedFd) -> Self {
        Self {
            source: Source::new(fd),
        }
    }

    /// Opens the pipe at a path. Does not wait for a sender: until there is one, reading finds the
    /// end, and so it does between two senders.
    ///
    /// # Errors
    ///
    /// Those of the system; `InvalidInput` if it is no pipe.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        open(path.as_ref(), OpenOptions::new().read(true)).map(Self::new)
    }

    /// As [`open`](Self::open), but the pipe never ends: reading waits for the next sender.
    ///
    /// # Errors
    ///
    /// As for `open`.
    pub fn open_endless(path: impl AsRef<Path>) -> io::Result<Self> {
        open(path.as_ref(), OpenOptions::new().read(true).write(true)).map(Self::new)
    }

    /// Takes over the end of a pipe, which is put into non-blocking mode.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self::new(fd))
    }

    /// Gives the end away, still in non-blocking mode.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.source.into_inner()
    }

    /// Waits until there seems to be something to read, or the end.
    ///
    /// # Errors
    ///
    /// If no worker can watch the pipe.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.ready(Direction::Read).await
    }
}

impl AsyncRead for Receiver {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.source.poll_io(Direction::Read, cx, |pipe| {
            Ok(rustix::io::read(pipe, &mut *buf)?)
        })
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
