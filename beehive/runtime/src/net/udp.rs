//! UDP: datagrams to and from any address.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use crate::net::addr::{ToSocketAddrs, first_of, resolve};
use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// A UDP socket. Any number of tasks may send and receive; each datagram goes to one of them.
///
/// A datagram that is longer than the buffer it is received into loses the rest.
#[derive(Debug)]
pub struct UdpSocket {
    source: Source<std::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to the first of the target's addresses that can be had; port 0 lets the kernel choose.
    ///
    /// # Errors
    ///
    /// The last address' error, such as an address in use, or that of the look-up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is bound if the future is dropped.
    pub async fn bind(target: impl ToSocketAddrs) -> io::Result<Self> {
        first_of(&target, |address| async move {
            Self::from_std(std::net::UdpSocket::bind(address)?)
        })
        .await
    }

    /// Takes over a socket.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            source: Source::new(socket),
        })
    }

    /// Gives the socket away, still in non-blocking mode.
    #[must_use]
    pub fn into_std(self) -> std::net::UdpSocket {
        self.source.into_inner()
    }

    /// Makes an address the only one that is sent to and received from.
    ///
    /// # Errors
    ///
    /// The last address' error, or that of the look-up.
    ///
    /// # Cancel safety
    ///
    /// Nothing has changed if the future is dropped.
    pub async fn connect(&self, target: impl ToSocketAddrs) -> io::Result<()> {
        first_of(&target, |address| async move {
            self.source.get().connect(address)
        })
        .await
    }

    /// Sends a datagram to the first of the target's addresses.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that an earlier datagram reached nobody, and of the look-up.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send_to(&self, buf: &[u8], target: impl ToSocketAddrs) -> io::Result<usize> {
        let addresses = resolve(&target).await?;
        let send = |socket: &std::net::UdpSocket| socket.send_to(buf, addresses[0]);
        self.source.io(Direction::Write, send).await
    }

    /// Receives a datagram and tells from whom.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that an earlier datagram reached nobody.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let call = |socket: &std::net::UdpSocket| socket.recv_from(buf);
        self.source.io(Direction::Read, call).await
    }

    /// As [`recv_from`](Self::recv_from), but the datagram stays to be received again.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that an earlier datagram reached nobody.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let call = |socket: &std::net::UdpSocket| socket.peek_from(buf);
        self.source.io(Direction::Read, call).await
    }

    /// Sends a datagram to the connected address.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that the socket is not connected.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been sent.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        let call = |socket: &std::net::UdpSocket| socket.send(buf);
        self.source.io(Direction::Write, call).await
    }

    /// Receives a datagram, from the connected address if there is one.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that an earlier datagram reached nobody.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let call = |socket: &std::net::UdpSocket| socket.recv(buf);
        self.source.io(Direction::Read, call).await
    }

    /// As [`recv`](Self::recv), but the datagram stays to be received again.
    ///
    /// # Errors
    ///
    /// Those of the system, for one that an earlier datagram reached nobody.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost when the future is dropped.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let call = |socket: &std::net::UdpSocket| socket.peek(buf);
        self.source.io(Direction::Read, call).await
    }

    /// As [`recv_from`](Self::recv_from), for one task at a time.
    ///
    /// # Errors
    ///
    /// As for `recv_from`.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.source
            .poll_io(Direction::Read, cx, |socket| socket.recv_from(buf))
    }

    /// As [`send_to`](Self::send_to) an address, for one task at a time.
    ///
    /// # Errors
    ///
    /// As for `send_to`.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source
            .poll_io(Direction::Write, cx, |socket| socket.send_to(buf, target))
    }

    /// Receives without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; then [`readable`](Self::readable) waits for news.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.source
            .try_io(Direction::Read, |socket| socket.recv_from(buf))
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; then [`writable`](Self::writable) waits for some.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.source
            .try_io(Direction::Write, |socket| socket.send_to(buf, target))
    }

    /// Waits until there seems to be a datagram.
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

    /// Waits until a datagram can be sent, as it seems.
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

    /// Whether datagrams may be sent to all of a network.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.source.get().set_broadcast(on)
    }

    /// Whether datagrams may be sent to all of a network.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.source.get().broadcast()
    }

    /// How many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// How many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Receives what is sent to a group, by the interface with this address (`UNSPECIFIED`: the
    /// system's choice).
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get().join_multicast_v4(&group, &interface)
    }

    /// Ends [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get().leave_multicast_v4(&group, &interface)
    }

    /// Receives what is sent to a group, by the interface of this number (0: the system's choice).
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get().join_multicast_v6(group, interface)
    }

    /// Ends [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get().leave_multicast_v6(group, interface)
    }

    /// Whether this host receives what it sends to groups.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.source.get().set_multicast_loop_v4(on)
    }

    /// Whether this host receives what it sends to groups.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.source.get().multicast_loop_v4()
    }

    /// How many routers a datagram to a group may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_multicast_ttl_v4(ttl)
    }

    /// How many routers a datagram to a group may pass.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.source.get().multicast_ttl_v4()
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

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}
