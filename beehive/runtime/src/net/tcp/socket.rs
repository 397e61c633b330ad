//! A TCP socket before it listens or connects, with its options.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::net::{TcpListener, TcpStream};

/// A socket that is neither listening nor connected: the place to set what has to be set before.
#[derive(Debug)]
pub struct TcpSocket {
    fd: OwnedFd,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    pub fn new_v4() -> io::Result<Self> {
        Self::new(AddressFamily::INET)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// Those of the system, such as too many open files.
    pub fn new_v6() -> io::Result<Self> {
        Self::new(AddressFamily::INET6)
    }

    pub(super) fn for_address(address: SocketAddr) -> io::Result<Self> {
        if address.is_ipv4() {
            Self::new_v4()
        } else {
            Self::new_v6()
        }
    }

    fn new(family: AddressFamily) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        Ok(Self { fd })
    }

    /// Whether an address may be bound of which connections are still being closed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_reuseaddr(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseaddr(&self.fd, reuse)?)
    }

    /// Whether several sockets that say so may listen at one address; the kernel spreads the
    /// connections over them.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_reuseport(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseport(&self.fd, reuse)?)
    }

    /// Whether an IPv6 socket leaves IPv4 alone.
    ///
    /// # Errors
    ///
    /// Those of the system, for one if the socket is not IPv6.
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        Ok(sockopt::set_ipv6_v6only(&self.fd, only)?)
    }

    /// Whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(&self.fd, nodelay)?)
    }

    /// After how long a silence the peer is asked for a sign of life; `None` asks never.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_keepalive(&self, idle: Option<Duration>) -> io::Result<()> {
        sockopt::set_socket_keepalive(&self.fd, idle.is_some())?;
        if let Some(idle) = idle {
            sockopt::set_tcp_keepidle(&self.fd, idle)?;
        }
        Ok(())
    }

    /// The kernel's buffer for what is received, in bytes; it doubles this for its own needs.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_recv_buffer_size(&self.fd, bytes)?)
    }

    /// The kernel's buffer for what is sent, in bytes; it doubles this for its own needs.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_send_buffer_size(&self.fd, bytes)?)
    }

    /// Gives the socket an address of this side; port 0 lets the kernel choose one.
    ///
    /// # Errors
    ///
    /// Those of the system, such as an address in use.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        Ok(rustix::net::bind(&self.fd, &address)?)
    }

    /// Listens, with room for `backlog` connections that nobody has accepted yet; the kernel lowers
    /// this to its own limit.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        rustix::net::listen(&self.fd, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::from_nonblocking(self.fd.into()))
    }

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a refused connection.
    ///
    /// # Cancel safety
    ///
    /// The connection is abandoned if the future is dropped.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        match rustix::net::connect(&self.fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from_nonblocking(self.fd.into());
        stream.connected().await
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
