//! A connected socket between two workers: accepted here and to be served there, or on its way from
//! one worker to another.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::net::local::{ShutdownHandle, TcpStream};
use crate::worker;

/// A connected socket that no worker owns. It can be sent to the worker that is to own it.
#[derive(Debug)]
pub struct Socket {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) peer: SocketAddr,
    /// Bytes that were received and not read yet.
    pub(super) unread: Vec<u8>,
}

impl Socket {
    pub(in crate::net) fn new(fd: OwnedFd, peer: SocketAddr) -> Self {
        Self {
            fd: Arc::new(fd),
            peer,
            unread: Vec::new(),
        }
    }

    /// Makes a stream of it that lives on the calling worker.
    ///
    /// # Errors
    ///
    /// Those of registering with the reactor.
    ///
    /// # Panics
    ///
    /// If the calling thread is not a worker.
    pub fn into_stream(self) -> io::Result<TcpStream> {
        let driver = worker::with_current(|worker| worker.driver.clone());
        TcpStream::new(driver, self)
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

    /// A handle by which any thread can shut the connection down, wherever it moves.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(&self.fd)
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}
