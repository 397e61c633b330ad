//! Listening and accepting.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::SocketFlags;

use crate::driver::{Driver, Reactor};
use crate::net::local::{Socket, epoll, uring};
use crate::worker;

/// Connections that the kernel keeps ready for `accept`; it lowers this to its own limit.
const BACKLOG: i32 = 4_096;

/// A listening socket. It belongs to the worker that created it.
pub struct TcpListener {
    driver: Rc<Driver>,
    local: SocketAddr,
    inner: Inner,
}

enum Inner {
    Epoll(epoll::Registered),
    Uring(uring::Listening),
}

impl TcpListener {
    /// Listens at an address; port 0 lets the kernel choose one.
    ///
    /// # Errors
    ///
    /// Those of the system, such as an address in use.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Self::from_std(std::net::TcpListener::bind(addr)?)
    }

    /// Takes over a socket that listens already.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        let driver = worker::with_current(|worker| worker.driver.clone());
        let local = listener.local_addr()?;
        rustix::net::listen(&listener, BACKLOG)?;
        let inner = match &driver.reactor {
            Reactor::Epoll(_) => {
                listener.set_nonblocking(true)?;
                let fd = Arc::new(OwnedFd::from(listener));
                Inner::Epoll(epoll::Registered::new(driver.clone(), fd)?)
            }
            Reactor::Uring(_) => {
                // In non-blocking mode the kernel would not wait for a connection.
                listener.set_nonblocking(false)?;
                let fd = Arc::new(OwnedFd::from(listener));
                Inner::Uring(uring::Listening::new(driver.clone(), fd))
            }
        };
        Ok(Self {
            driver,
            local,
            inner,
        })
    }

    /// The address it listens at.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
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
    pub async fn accept(&mut self) -> io::Result<(Socket, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &Context<'_>) -> Poll<io::Result<(Socket, SocketAddr)>> {
        ready!(self.driver.poll_budget(cx))?;
        let (fd, peer) = match &mut self.inner {
            Inner::Epoll(registered) => ready!(registered.poll_read_with(cx, |fd| {
                rustix::net::acceptfrom_with(fd, SocketFlags::CLOEXEC)
            }))?,
            Inner::Uring(listening) => {
                let fd = ready!(listening.poll_accept(cx))?;
                let peer = rustix::net::getpeername(&fd)?;
                (fd, peer)
            }
        };
        let peer = peer
            .and_then(|addr| SocketAddr::try_from(addr).ok())
            .ok_or_else(|| io::Error::other("the peer of an accepted connection has no address"))?;
        Poll::Ready(Ok((Socket::new(fd, peer), peer)))
    }
}
