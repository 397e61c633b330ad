//! Sockets on the epoll reactor: try the system call, wait for readiness when it would block.
//!
//! Files stay in blocking mode where they can (one `fcntl` less, and the io_uring reactor needs them
//! so); every call says `DONTWAIT` itself.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::driver::{Driver, Reactor};
use crate::reactor::epoll::{Direction, Epoll, SourceKey};

/// A socket registered with its worker's epoll instance.
pub(crate) struct Registered {
    driver: Rc<Driver>,
    fd: Arc<OwnedFd>,
    key: SourceKey,
}

impl Registered {
    pub(crate) fn new(driver: Rc<Driver>, fd: Arc<OwnedFd>) -> io::Result<Self> {
        let key = epoll(&driver).register(fd.as_fd())?;
        Ok(Self { driver, fd, key })
    }

    /// Ends the registration of a socket that stays open.
    pub(crate) fn detach(&mut self) -> io::Result<()> {
        epoll(&self.driver).unwatch(self.fd.as_fd())
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let epoll = epoll(&self.driver);
        let spare = buf.capacity() - buf.len();
        loop {
            ready!(epoll.poll_ready(self.key, Direction::Read, cx));
            let spare_bytes = rustix::buffer::spare_capacity(buf);
            match rustix::net::recv(&self.fd, spare_bytes, RecvFlags::DONTWAIT) {
                Ok((_, count)) => {
                    if count < spare {
                        epoll.drained(self.key);
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(Errno::AGAIN) => epoll.exhausted(self.key, Direction::Read),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Sends all of `buf`.
    pub(crate) async fn send(&mut self, buf: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let mut sent = 0;
        let result = poll_fn(|cx| self.poll_send(cx, &buf, &mut sent)).await;
        (result, buf)
    }

    fn poll_send(
        &mut self,
        cx: &Context<'_>,
        buf: &[u8],
        sent: &mut usize,
    ) -> Poll<io::Result<()>> {
        let epoll = epoll(&self.driver);
        while *sent < buf.len() {
            ready!(epoll.poll_ready(self.key, Direction::Write, cx));
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::send(&self.fd, &buf[*sent..], flags) {
                Ok(count) => *sent += count,
                Err(Errno::AGAIN) => epoll.exhausted(self.key, Direction::Write),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the socket is readable and calls `attempt`, until it does not say `WouldBlock`.
    pub(crate) fn poll_read_with<T>(
        &mut self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&OwnedFd) -> rustix::io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let epoll = epoll(&self.driver);
        loop {
            ready!(epoll.poll_ready(self.key, Direction::Read, cx));
            match attempt(&self.fd) {
                Err(Errno::AGAIN) => epoll.exhausted(self.key, Direction::Read),
                Err(Errno::INTR) => {}
                result => return Poll::Ready(result.map_err(Into::into)),
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        epoll(&self.driver).deregister(self.key);
    }
}

fn epoll(driver: &Driver) -> &Epoll {
    match &driver.reactor {
        Reactor::Epoll(epoll) => epoll,
        Reactor::Uring(_) => unreachable!("these sockets are made for epoll reactors only"),
    }
}
