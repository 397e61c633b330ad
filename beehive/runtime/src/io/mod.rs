//! Reading and writing bytes: the traits that all streams, pipes and files of this crate share.
//!
//! [`AsyncRead`] and [`AsyncWrite`] are the seam: poll methods over borrowed buffers, for which a
//! reader or writer never keeps anything of the caller's between two polls. Whatever needs the traits
//! of another ecosystem is an adapter over these two. [`AsyncReadExt`] and [`AsyncWriteExt`] are the
//! methods to await.

mod copy;
mod extension;
mod stdio;

use std::io;
use std::task::{Context, Poll};

pub use copy::copy;
pub use extension::{AsyncReadExt, AsyncWriteExt};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};

/// A source of bytes.
pub trait AsyncRead {
    /// Reads at least one byte and at most as many as `buf` is long; 0 means the end, or that `buf`
    /// is empty.
    ///
    /// If there is nothing to read yet, the task is woken when there is. Only the task that polled
    /// last is. Nothing is lost when the caller never polls again.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
}

/// A sink of bytes.
pub trait AsyncWrite {
    /// Writes at least one byte of `buf`, unless it is empty, and tells how many.
    ///
    /// If nothing can be written yet, nothing has been, and the task is woken when something can.
    /// Only the task that polled last is.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// As [`poll_write`](Self::poll_write) with several buffers as if they were one. By default the
    /// first that is not empty is written.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    /// Whether [`poll_write_vectored`](Self::poll_write_vectored) writes more than the first buffer.
    fn is_write_vectored(&self) -> bool {
        false
    }

    /// Waits until what was written has reached the system.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes that reported success ahead.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Flushes and ends the writing: the reader of a stream or pipe then sees its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<T: AsyncRead + ?Sized> AsyncRead for Box<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + ?Sized> AsyncRead for &mut T {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buf)
    }
}

/// Reads from memory.
impl AsyncRead for &[u8] {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(self, buf))
    }
}

/// Forwards all methods of `AsyncWrite` to what `self` points to.
macro_rules! forward_write {
    ($pointer:ty) => {
        impl<T: AsyncWrite + ?Sized> AsyncWrite for $pointer {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                (**self).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                (**self).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                (**self).is_write_vectored()
            }

            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                (**self).poll_flush(cx)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                (**self).poll_shutdown(cx)
            }
        }
    };
}

forward_write!(Box<T>);
forward_write!(&mut T);
