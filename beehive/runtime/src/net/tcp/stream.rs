//! A TCP connection that any task may own.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;

use crate::io::{AsyncRead, AsyncWrite};
use crate::net::addr::{ToSocketAddrs, first_of};
use crate::net::local;
use crate::net::split::{self, ShutdownWrite};
use crate::net::stream::stream_traits;
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpSocket, WriteHalf};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;
use crate::time::timeout;

/// A connection. It may be moved to any task, and its task may be stolen.
///
/// It reads and writes by [`AsyncRead`] and [`AsyncWrite`], also by reference: then one task reads
/// and one writes at a time, and [`recv`](Self::recv) and [`send`](Self::send) are for more.
/// Dropping it closes the connection at once.
#[derive(Debug)]
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
}

stream_traits!(TcpStream);

impl TcpStream {
    pub(super) fn from_nonblocking(stream: std::net::TcpStream) -> Self {
        Self {
            source: Source::new(stream),
        }
    }

    /// Connects to the first of the target's addresses that accepts.
    ///
    /// # Errors
    ///
    /// The last address' error, such as a refused connection, or that of the look-up.
    ///
    /// # Cancel safety
    ///
    /// The connection is abandoned if the future is dropped.
    pub async fn connect(target: impl ToSocketAddrs) -> io::Result<Self> {
        first_of(&target, |address| async move {
            TcpSocket::for_address(address)?.connect(address).await
        })
        .await
    }

    /// As [`connect`](Self::connect), for at most this long.
    ///
    /// # Errors
    ///
    /// `TimedOut`, and those of `connect`.
    ///
    /// # Cancel safety
    ///
    /// The connection is abandoned if the future is dropped.
    pub async fn connect_timeout(target: impl ToSocketAddrs, limit: Duration) -> io::Result<Self> {
        match timeout(limit, Self::connect(target)).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)),
        }
    }

    /// Waits for a connection that has been begun.
    pub(super) async fn connected(self) -> io::Result<Self> {
        let result = self
            .source
            .io(Direction::Write, |stream| {
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
                match stream.peer_addr() {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                    result => result,
                }
            })
            .await;
        result.map(|_| self)
    }

    /// Takes over a connection.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::from_nonblocking(stream))
    }

    /// Gives the connection away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::net::TcpStream {
        self.source.into_inner()
    }

    /// Binds the connection to the calling worker, where it is served by completion on io_uring.
    ///
    /// # Errors
    ///
    /// Those of the system; the connection is closed then.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    pub fn into_local(self) -> io::Result<local::TcpStream> {
        let stream = self.into_std();
        stream.set_nonblocking(false)?;
        let peer = stream.peer_addr()?;
        local::Socket::new(OwnedFd::from(stream), peer).into_stream()
    }

    /// Receives at least one byte and at most as many as `buf` is long; 0 means that the peer will
    /// send no more. Any number of tasks may receive; each byte goes to one of them.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a connection reset.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost when the future is dropped.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.source.read_shared(buf).await
    }

    /// Sends at least one byte of `buf`, unless it is empty, and tells how many. Any number of tasks
    /// may send; how their bytes are interleaved is not defined.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a connection that the peer has closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.source.write_shared(buf).await
    }

    /// As [`recv`](Self::recv), but the bytes stay to be received again.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.source
            .io(Direction::Read, |stream| stream.peek(buf))
            .await
    }

    /// Waits until there seems to be something to receive, or the end.
    ///
    /// # Errors
    ///
    /// If no worker can watch the socket.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.ready(Direction::Read).await
    }

    /// Waits until something can be sent, as it seems.
    ///
    /// # Errors
    ///
    /// If no worker can watch the socket.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.ready(Direction::Write).await
    }

    /// Receives without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; then [`readable`](Self::readable) waits for news.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let receive = |mut stream: &std::net::TcpStream| io::Read::read(&mut stream, buf);
        self.source.try_io(Direction::Read, receive)
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; then [`writable`](Self::writable) waits for some.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        let send = |mut stream: &std::net::TcpStream| io::Write::write(&mut stream, buf);
        self.source.try_io(Direction::Write, send)
    }

    /// Borrows the halves, to read and write at the same time within one task.
    pub fn split(&mut self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        split::split(self)
    }

    /// Takes the stream apart, for a task that reads and one that writes.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        split::into_split(self)
    }

    /// Ends one or both directions, without waiting.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the peer has gone.
    pub fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// The address of the other side.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the peer has gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Turns Nagle's algorithm off (true) or on: whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// Whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }

    /// How long closing tries to send what is left; `Some(ZERO)` resets the connection instead, and
    /// `None` leaves it to the system, in the background.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(self, linger)?)
    }

    /// How long closing tries to send what is left.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(sockopt::socket_linger(self)?)
    }

    /// How many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// How many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// The error that the socket has met, if any; it is then forgotten.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.get().take_error()
    }
}
