//! Unix datagrams.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;
use crate::time::sleep;

/// Time between two attempts to send to a receiver whose queue is full.
const RETRY: Duration = Duration::from_millis(1);

/// A socket for datagrams between processes of one machine. Any number of tasks may send and
/// receive; each datagram goes to one of them. Datagrams arrive, and in order.
#[derive(Debug)]
pub struct UnixDatagram {
    source: Source<std::os::unix::net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket at a path, which stays behind when it is dropped.
    ///
    /// # Errors
    ///
    /// Those of the system, such as `AddrInUse` if the path exists.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixDatagram::bind(path)?)
    }

    /// A socket at an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixDatagram::bind_addr(address)?)
    }

    /// A socket without an address, which can only send, unless it is connected.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes over a socket.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            source: Source::new(socket),
        })
    }

    /// Gives the socket away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixDatagram {
        self.source.into_inner()
    }

    /// Makes a path the only one that is sent to and received from.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.source.get().connect(path)
    }

    /// As [`connect`](Self::connect), to an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.source.get().connect_addr(address)
    }

    /// Sends a datagram to a path, waiting for room there.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
            .await
    }

    /// As [`send_to`](Self::send_to), to an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        loop {
            match self.source.get().send_to_addr(buf, address) {
                // The receiver's queue is full, and no event tells a socket that is not connected
                // to it when it is not.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY).await,
                result => return result,
            }
        }
    }

    /// Sends a datagram to the connected address, waiting for room there.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        let call = |socket: &std::os::unix::net::UnixDatagram| socket.send(buf);
        self.source.io(Direction::Write, call).await
    }

    /// Receives a datagram and tells from whom.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let call = |socket: &std::os::unix::net::UnixDatagram| socket.recv_from(buf);
        self.source.io(Direction::Read, call).await
    }

    /// Receives a datagram.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let call = |socket: &std::os::unix::net::UnixDatagram| socket.recv(buf);
        self.source.io(Direction::Read, call).await
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// The connected address.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
