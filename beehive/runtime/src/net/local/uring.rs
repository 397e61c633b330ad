//! Sockets on the io_uring reactor: the owners of its slots.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::driver::{Driver, Reactor};
use crate::reactor::uring::{ListenerKey, StreamKey, Uring};

/// A connection's slot; dropping it abandons the slot to the reactor.
pub(crate) struct Connected {
    driver: Rc<Driver>,
    fd: Arc<OwnedFd>,
    key: StreamKey,
}

impl Connected {
    pub(crate) fn new(driver: Rc<Driver>, fd: Arc<OwnedFd>) -> Self {
        let key = uring(&driver).add_stream(fd.clone());
        Self { driver, fd, key }
    }

    /// Ends what the kernel does with a socket that stays open. What has been received and not read
    /// is appended to `unread`.
    pub(crate) async fn detach(&mut self, unread: &mut Vec<u8>) {
        poll_fn(|cx| uring(&self.driver).poll_detach(self.key, cx, unread)).await;
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let limit = buf.capacity() - buf.len();
        uring(&self.driver).poll_receive(self.key, cx, limit, buf)
    }

    /// Sends all of `buf`: at once as far as that goes, unless sends are being batched; what is left
    /// goes with the next visit to the kernel.
    pub(crate) async fn send(&mut self, buf: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let sent = match self.send_at_once(&buf) {
            Ok(sent) if sent == buf.len() => return (Ok(()), buf),
            Ok(sent) => sent,
            Err(error) => return (Err(error.into()), buf),
        };
        let mut next = Some((buf, sent));
        poll_fn(|cx| uring(&self.driver).poll_send(self.key, cx, &mut next)).await
    }
}

impl Connected {
    fn send_at_once(&self, buf: &[u8]) -> rustix::io::Result<usize> {
        if !uring(&self.driver).may_send_at_once(self.key) {
            return Ok(0);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::send(&self.fd, buf, flags) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            result => result,
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        uring(&self.driver).abandon_stream(self.key);
    }
}

/// A listening socket's slot; dropping it abandons the slot to the reactor.
pub(crate) struct Listening {
    driver: Rc<Driver>,
    key: ListenerKey,
}

impl Listening {
    pub(crate) fn new(driver: Rc<Driver>, fd: Arc<OwnedFd>) -> Self {
        let key = uring(&driver).add_listener(fd);
        Self { driver, key }
    }

    pub(crate) fn poll_accept(&mut self, cx: &Context<'_>) -> Poll<io::Result<OwnedFd>> {
        uring(&self.driver).poll_accept(self.key, cx)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        uring(&self.driver).abandon_listener(self.key);
    }
}

fn uring(driver: &Driver) -> &Uring {
    match &driver.reactor {
        Reactor::Uring(uring) => uring,
        Reactor::Epoll(_) => unreachable!("these sockets are made for io_uring reactors only"),
    }
}
