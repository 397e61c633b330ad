//! What TCP and Unix streams have in common: bytes in order, both ways.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use crate::reactor::epoll::Direction;
use crate::reactor::source::Source;

/// Bytes that fit into all buffers together.
fn total(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

impl<T> Source<T>
where
    T: AsFd,
    for<'s> &'s T: Read + Write,
{
    pub(super) fn poll_read(&self, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let wanted = buf.len();
        self.poll_transfer(Direction::Read, cx, wanted, |mut file| file.read(buf))
    }

    pub(super) fn poll_write(&self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_transfer(Direction::Write, cx, buf.len(), |mut file| file.write(buf))
    }

    pub(super) fn poll_write_vectored(
        &self,
        cx: &Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match total(bufs) {
            0 => Poll::Ready(Ok(0)),
            wanted => self.poll_transfer(Direction::Write, cx, wanted, |mut file| {
                file.write_vectored(bufs)
            }),
        }
    }

    pub(super) async fn read_shared(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Direction::Read, |mut file| file.read(buf)).await
    }

    pub(super) async fn write_shared(&self, buf: &[u8]) -> io::Result<usize> {
        self.io(Direction::Write, |mut file| file.write(buf)).await
    }
}

/// The traits of a stream that has a `source` and a `shutdown`, by reference and by value.
macro_rules! stream_traits {
    ($stream:ty) => {
        impl AsyncRead for &$stream {
            fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.source.poll_read(cx, buf)
            }
        }

        impl AsyncRead for $stream {
            fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.source.poll_read(cx, buf)
            }
        }

        impl AsyncWrite for &$stream {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.source.poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            /// A socket has nothing to flush.
            fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_write())
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                (&*self).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                (&*self).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                (&*self).poll_flush(cx)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                (&*self).poll_shutdown(cx)
            }
        }

        impl ShutdownWrite for $stream {
            fn shutdown_write(&self) -> io::Result<()> {
                match self.source.get().shutdown(Shutdown::Write) {
                    // The peer has gone: it needs no end any more.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.source.get().as_fd()
            }
        }
    };
}

pub(super) use stream_traits;
