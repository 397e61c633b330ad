//! The two halves of a stream, for a task that reads and one that writes.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::io::{AsyncRead, AsyncWrite};

/// The half of a borrowed stream that reads.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(&'a S);

/// The half of a borrowed stream that writes.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(&'a S);

/// Borrows the halves of a stream.
pub(super) fn split<S>(stream: &mut S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

/// The half of a stream that reads. The stream is closed when both halves are dropped.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Arc<S>);

/// The half of a stream that writes. When it is dropped, the peer sees the end of the stream.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: ShutdownWrite> {
    stream: Arc<S>,
    shutdown_on_drop: bool,
}

/// A stream whose writing direction can be ended. Sealed by being unnameable.
#[doc(hidden)]
pub trait ShutdownWrite {
    /// Ends the writing direction.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// Takes a stream apart.
pub(super) fn into_split<S: ShutdownWrite>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let write = OwnedWriteHalf {
        stream: stream.clone(),
        shutdown_on_drop: true,
    };
    (OwnedReadHalf(stream), write)
}

impl<S: ShutdownWrite> OwnedReadHalf<S> {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    ///
    /// Gives the halves back if they are not of the same stream.
    pub fn reunite(self, write: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.0, &write.stream) {
            return Err(ReuniteError(self, write));
        }
        write.forget();
        match Arc::try_unwrap(self.0) {
            Ok(stream) => Ok(stream),
            Err(_) => unreachable!("a stream has two halves"),
        }
    }
}

impl<S: ShutdownWrite> OwnedWriteHalf<S> {
    /// Drops the half without ending the stream: the peer sees the end when the other half is
    /// dropped, too.
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }
}

impl<S: ShutdownWrite> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // The peer may have gone already: then there is nothing to end.
            let _ = self.stream.shutdown_write();
        }
    }
}

/// The halves are not of the same stream.
pub struct ReuniteError<S: ShutdownWrite>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: ShutdownWrite> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S: ShutdownWrite> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of the same stream")
    }
}

impl<S: ShutdownWrite> Error for ReuniteError<S> {}

/// Access to the stream that a half belongs to.
macro_rules! as_ref {
    ($half:ty, [$($bound:tt)*], |$this:ident| $stream:expr) => {
        impl<S $($bound)*> AsRef<S> for $half {
            fn as_ref(&self) -> &S {
                let $this = self;
                $stream
            }
        }
    };
}

as_ref!(ReadHalf<'_, S>, [], |half| half.0);
as_ref!(WriteHalf<'_, S>, [], |half| half.0);
as_ref!(OwnedReadHalf<S>, [], |half| &half.0);
as_ref!(OwnedWriteHalf<S>, [: ShutdownWrite], |half| &half.stream);

/// Reading through the half.
macro_rules! read_half {
    ($half:ty) => {
        impl<S> AsyncRead for $half
        where
            for<'s> &'s S: AsyncRead,
        {
            fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = self.as_ref();
                stream.poll_read(cx, buf)
            }
        }
    };
}

read_half!(ReadHalf<'_, S>);
read_half!(OwnedReadHalf<S>);

/// Writing through the half.
macro_rules! write_half {
    ($half:ty, [$($bound:tt)*]) => {
        impl<S $($bound)*> AsyncWrite for $half
        where
            for<'s> &'s S: AsyncWrite,
        {
            fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                let mut stream: &S = self.as_ref();
                stream.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                &mut self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = self.as_ref();
                stream.poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                let stream: &S = self.as_ref();
                stream.is_write_vectored()
            }

            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let mut stream: &S = self.as_ref();
                stream.poll_flush(cx)
            }

            fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let mut stream: &S = self.as_ref();
                stream.poll_shutdown(cx)
            }
        }
    };
}

write_half!(WriteHalf<'_, S>, []);
write_half!(OwnedWriteHalf<S>, [: ShutdownWrite]);
