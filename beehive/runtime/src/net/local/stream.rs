//! A TCP connection that lives on one worker.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use beehive_policy::{Work, WorkerId};

use crate::driver::{Driver, Reactor};
use crate::net::local::{Socket, epoll, uring};
use crate::worker;

/// Room made in a receive buffer that has none.
const RECEIVE_BYTES: usize = 16 * 1024;

/// A connection. It belongs to the worker that created it, so it is not `Send`; a
/// [`Socket`] can be sent.
///
/// Dropping it closes the connection.
pub struct TcpStream {
    driver: Rc<Driver>,
    fd: Arc<OwnedFd>,
    peer: SocketAddr,
    /// Bytes that were received on another worker.
    unread: Vec<u8>,
    inner: Inner,
    work: Work,
}

enum Inner {
    Epoll(epoll::Registered),
    Uring(uring::Connected),
}

impl TcpStream {
    pub(super) fn new(driver: Rc<Driver>, socket: Socket) -> io::Result<Self> {
        let Socket { fd, peer, unread } = socket;
        let inner = match &driver.reactor {
            Reactor::Epoll(_) => Inner::Epoll(epoll::Registered::new(driver.clone(), fd.clone())?),
            Reactor::Uring(_) => Inner::Uring(uring::Connected::new(driver.clone(), fd.clone())),
        };
        driver.remote.signal().connection_arrived();
        Ok(Self {
            driver,
            fd,
            peer,
            unread,
            inner,
            work: Work::default(),
        })
    }

    /// Waits for bytes and appends them to `buf`, at most as many as fit into its spare capacity
    /// (which is made if there is none). Returns their number; 0 means that the peer will send no
    /// more.
    ///
    /// # Errors
    ///
    /// Those of the system, such as a connection reset.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost when the future is dropped.
    pub async fn recv(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.poll_recv(cx, buf)).await
    }

    fn poll_recv(&mut self, cx: &Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        ready!(self.driver.poll_budget(cx))?;
        let had_memory = buf.capacity() > 0;
        if !self.unread.is_empty() {
            return Poll::Ready(Ok(self.take_unread(buf)));
        }
        if buf.len() == buf.capacity() {
            buf.reserve(RECEIVE_BYTES);
        }
        let received = match &mut self.inner {
            Inner::Epoll(registered) => registered.poll_recv(cx, buf),
            Inner::Uring(connected) => connected.poll_recv(cx, buf),
        };
        if received.is_pending() && !had_memory {
            // A connection that waits without memory of its own goes on without it.
            *buf = Vec::new();
        }
        received
    }

    /// Bytes that came here with the connection, as many as `buf` has room for.
    fn take_unread(&mut self, buf: &mut Vec<u8>) -> usize {
        if buf.len() == buf.capacity() {
            buf.reserve(RECEIVE_BYTES);
        }
        let count = self.unread.len().min(buf.capacity() - buf.len());
        buf.extend(self.unread.drain(..count));
        if self.unread.is_empty() {
            self.unread = Vec::new();
        }
        count
    }

    /// The worker that this connection should move to, if its own has too much to do, or so little
    /// that one worker can do it all. Ask between two requests, and if there is an answer, send
    /// what [`into_socket`](Self::into_socket) gives there: the connection is counted as gone.
    ///
    /// Chosen are connections by the work that they make: what their worker does before a
    /// [`send`](Self::send) or [`yield_if_due`](Self::yield_if_due) counts. Costs no more than reading a variable. Must be called by a task of
    /// this connection's worker.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    #[must_use = "the connection is counted as gone"]
    pub fn relocation(&self) -> Option<WorkerId> {
        worker::with_current(|worker| worker.depart(&self.work))
    }

    /// Takes the connection off its worker. No byte is lost: what was received and not read yet
    /// goes with it. [`ShutdownHandle`]s go on working.
    ///
    /// # Errors
    ///
    /// Those of the system; the connection is closed then.
    ///
    /// # Cancel safety
    ///
    /// The connection is closed if the future is dropped.
    pub async fn into_socket(mut self) -> io::Result<Socket> {
        let mut unread = std::mem::take(&mut self.unread);
        match &mut self.inner {
            Inner::Epoll(registered) => registered.detach()?,
            Inner::Uring(connected) => connected.detach(&mut unread).await,
        }
        Ok(Socket {
            fd: self.fd.clone(),
            peer: self.peer,
            unread,
        })
    }

    /// Lets other tasks run if this one has used its slice, as [`yield_if_due`](crate::yield_if_due)
    /// does, and counts what was done so far as work for this connection.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn yield_if_due(&mut self) {
        self.note_work();
        crate::yield_if_due().await;
    }

    fn note_work(&mut self) {
        worker::with_current(|worker| worker.note_work(&mut self.work));
    }

    /// Sends all of `buf` and gives it back, with its content.
    ///
    /// # Errors
    ///
    /// Those of the system; part of the bytes may have been sent.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, any part of the bytes may have been sent.
    pub async fn send(&mut self, buf: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        if buf.is_empty() {
            return (Ok(()), buf);
        }
        let driver = &self.driver;
        if let Err(error) = poll_fn(|cx| driver.poll_budget(cx)).await {
            return (Err(error), buf);
        }
        self.note_work();
        match &mut self.inner {
            Inner::Epoll(registered) => registered.send(buf).await,
            Inner::Uring(connected) => connected.send(buf).await,
        }
    }

    /// Turns Nagle's algorithm off (true) or on: whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_nodelay(&self.fd, nodelay)?)
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = rustix::net::getsockname(&self.fd)?;
        SocketAddr::try_from(addr).map_err(Into::into)
    }

    /// A handle by which any thread can shut the connection down.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(&self.fd)
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.driver.remote.signal().connection_left();
    }
}

/// Which directions of a connection to shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Receives end as if the peer had closed.
    Read,
    /// The peer sees the end of the stream; sends fail.
    Write,
    /// Both.
    Both,
}

/// Shuts a connection down from any thread. It does not keep the connection open.
#[derive(Debug, Clone)]
pub struct ShutdownHandle {
    fd: Weak<OwnedFd>,
}

impl ShutdownHandle {
    pub(super) fn new(fd: &Arc<OwnedFd>) -> Self {
        Self {
            fd: Arc::downgrade(fd),
        }
    }

    /// Shuts down one or both directions; does nothing if the connection is closed already.
    pub fn shutdown(&self, how: Shutdown) {
        let Some(fd) = self.fd.upgrade() else { return };
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        // The peer may have closed meanwhile: then there is nothing left to shut down.
        let _ = rustix::net::shutdown(&fd, how);
    }
}
