//! Accepting Unix connections.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use crate::net::UnixStream;
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// A listening Unix socket. Any number of tasks may accept from it. Its path stays behind when it is
/// dropped: remove it before binding anew.
#[derive(Debug)]
pub struct UnixListener {
    source: Source<std::os::unix::net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path.
    ///
    /// # Errors
    ///
    /// Those of the system, such as `AddrInUse` if the path exists.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixListener::bind(path)?)
    }

    /// Listens at an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixListener::bind_addr(address)?)
    }

    /// Takes over a socket that listens already.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            source: Source::new(listener),
        })
    }

    /// Gives the socket away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixListener {
        self.source.into_inner()
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.source.io(Direction::Read, accept).await
    }

    /// As [`accept`](Self::accept), for one task at a time.
    ///
    /// # Errors
    ///
    /// As for `accept`.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.source.poll_io(Direction::Read, cx, accept)
    }

    /// The address it listens at.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }
}

fn accept(listener: &std::os::unix::net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    Ok((UnixStream::from_std(stream)?, peer))
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
