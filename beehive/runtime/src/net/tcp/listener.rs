//! Accepting TCP connections, from any task.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use rustix::net::{SocketFlags, acceptfrom_with};

use crate::net::addr::{ToSocketAddrs, first_of};
use crate::net::{TcpSocket, TcpStream};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// Connections that the kernel keeps ready for `accept`; it lowers this to its own limit.
const BACKLOG: u32 = 4_096;

/// A listening socket. Any number of tasks may accept from it.
#[derive(Debug)]
pub struct TcpListener {
    source: Source<std::net::TcpListener>,
}

impl TcpListener {
    pub(super) fn from_nonblocking(listener: std::net::TcpListener) -> Self {
        Self {
            source: Source::new(listener),
        }
    }

    /// Listens at the first of the target's addresses that can be had; port 0 lets the kernel
    /// choose one. [`TcpSocket`] has the options.
    ///
    /// # Errors
    ///
    /// The last address' error, such as an address in use, or that of the look-up.
    ///
    /// # Cancel safety
    ///
    /// Nothing listens if the future is dropped.
    pub async fn bind(target: impl ToSocketAddrs) -> io::Result<Self> {
        first_of(&target, |address| async move {
            let socket = TcpSocket::for_address(address)?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
        .await
    }

    /// Takes over a socket that listens already.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(listener))
    }

    /// Gives the socket away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::net::TcpListener {
        self.source.into_inner()
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// Those of the system. Some pass, such as too many open files or a connection that was reset
    /// before it was accepted: wait a moment and go on.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.source.io(Direction::Read, accept).await
    }

    /// As [`accept`](Self::accept), for one task at a time.
    ///
    /// # Errors
    ///
    /// As for `accept`.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
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

    /// How many routers a packet of the connections may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }
}

fn accept(listener: &std::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (fd, peer) = acceptfrom_with(listener, flags)?;
    let peer = peer
        .and_then(|address| SocketAddr::try_from(address).ok())
        .ok_or_else(|| io::Error::other("the peer of an accepted connection has no address"))?;
    Ok((TcpStream::from_nonblocking(fd.into()), peer))
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
