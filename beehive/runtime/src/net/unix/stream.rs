//! A Unix connection.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, UCred, sockopt};

use crate::blocking::unblock;
use crate::io::{AsyncRead, AsyncWrite};
use crate::net::split::{self, ShutdownWrite};
use crate::net::stream::stream_traits;
use crate::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, WriteHalf};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// A connection between processes of one machine. It may be moved to any task, and its task may be
/// stolen.
///
/// It reads and writes by [`AsyncRead`] and [`AsyncWrite`], also by reference: then one task reads
/// and one writes at a time, and [`recv`](Self::recv) and [`send`](Self::send) are for more.
#[derive(Debug)]
pub struct UnixStream {
    source: Source<std::os::unix::net::UnixStream>,
}

stream_traits!(UnixStream);

impl UnixStream {
    /// Connects to a path.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a path that does not exist or a refused connection.
    ///
    /// # Cancel safety
    ///
    /// The connection is abandoned if the future is dropped.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?).await
    }

    /// Connects to an address, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a refused connection.
    ///
    /// # Cancel safety
    ///
    /// The connection is abandoned if the future is dropped.
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        let target = match (address.as_pathname(), address.as_abstract_name()) {
            (Some(path), _) => SocketAddrUnix::new(path)?,
            (None, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
            (None, None) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&fd, &target) {
            Ok(()) => Self::from_std(fd.into()),
            // The listener's queue is full, and no event tells when it is not: a thread waits.
            Err(Errno::AGAIN) => {
                let address = address.clone();
                let connect = move || std::os::unix::net::UnixStream::connect_addr(&address);
                Self::from_std(unblock(connect).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Two streams that are connected with each other.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes over a connection.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            source: Source::new(stream),
        })
    }

    /// Gives the connection away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::os::unix::net::UnixStream {
        self.source.into_inner()
    }

    /// Receives at least one byte and at most as many as `buf` is long; 0 means that the peer will
    /// send no more. Any number of tasks may receive; each byte goes to one of them.
    ///
    /// # Errors
    ///
    /// Those of the system.
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
    /// Those of the system.
    pub fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// The address of the other side.
    ///
    /// # Errors
    ///
    /// Those of the system.
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

    /// Who the other side was when it connected: process, user and group.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peer_cred(&self) -> io::Result<PeerCred> {
        let UCred { pid, uid, gid } = sockopt::socket_peercred(self)?;
        Ok(PeerCred {
            pid: pid.as_raw_nonzero().get(),
            uid: uid.as_raw(),
            gid: gid.as_raw(),
        })
    }
}

/// A process with its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCred {
    /// The process.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}
