//! The methods to await, over the poll methods of [`AsyncRead`] and [`AsyncWrite`].

use std::future::{Future, poll_fn};
use std::io;
use std::task::ready;

use super::{AsyncRead, AsyncWrite};

/// Bytes that [`AsyncReadExt::read_to_end`] makes room for at least.
const READ_BYTES: usize = 8 * 1024;

/// Reading from anything that is [`AsyncRead`].
pub trait AsyncReadExt: AsyncRead {
    /// Reads at least one byte and at most as many as `buf` is long; 0 means the end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost when the future is dropped.
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(move |cx| self.poll_read(cx, buf))
    }

    /// Fills `buf`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the end comes first, and those of the system.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read before the future is dropped is in `buf`, but nobody knows
    /// how much that is.
    fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        let mut filled = 0;
        poll_fn(move |cx| {
            while filled < buf.len() {
                match ready!(self.poll_read(cx, &mut buf[filled..]))? {
                    0 => return io::Result::Err(io::ErrorKind::UnexpectedEof.into()).into(),
                    count => filled += count,
                }
            }
            Ok(()).into()
        })
    }

    /// Appends all bytes up to the end to `out` and tells how many.
    ///
    /// # Errors
    ///
    /// Those of the system; what was read before is in `out`.
    ///
    /// # Cancel safety
    ///
    /// What was read before the future is dropped is in `out`.
    fn read_to_end(&mut self, out: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        let start = out.len();
        let mut buffer = vec![0; READ_BYTES];
        poll_fn(move |cx| {
            loop {
                let count = ready!(self.poll_read(cx, &mut buffer))?;
                if count == 0 {
                    return Ok(out.len() - start).into();
                }
                out.extend_from_slice(&buffer[..count]);
            }
        })
    }

    /// Appends all text up to the end to `out` and tells how many bytes that was.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not UTF-8, and those of the system; `out` is as before then.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read before the future is dropped is lost.
    fn read_to_string(&mut self, out: &mut String) -> impl Future<Output = io::Result<usize>> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; READ_BYTES];
        poll_fn(move |cx| {
            loop {
                let count = ready!(self.poll_read(cx, &mut buffer))?;
                if count == 0 {
                    let text = str::from_utf8(&bytes)
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                    out.push_str(text);
                    return Ok(text.len()).into();
                }
                bytes.extend_from_slice(&buffer[..count]);
            }
        })
    }
}

impl<T: AsyncRead + ?Sized> AsyncReadExt for T {}

/// Writing to anything that is [`AsyncWrite`].
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes at least one byte of `buf`, unless it is empty, and tells how many.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completes, nothing has been written.
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(move |cx| self.poll_write(cx, buf))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// `WriteZero` if no more is accepted, and those of the system; a part may have been written.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, any part may have been written.
    fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        let mut written = 0;
        poll_fn(move |cx| {
            while written < buf.len() {
                match ready!(self.poll_write(cx, &buf[written..]))? {
                    0 => return io::Result::Err(io::ErrorKind::WriteZero.into()).into(),
                    count => written += count,
                }
            }
            Ok(()).into()
        })
    }

    /// Waits until what was written has reached the system.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes that reported success ahead.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        poll_fn(move |cx| self.poll_flush(cx))
    }

    /// Flushes and ends the writing: the reader of a stream or pipe then sees its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> {
        poll_fn(move |cx| self.poll_shutdown(cx))
    }
}

impl<T: AsyncWrite + ?Sized> AsyncWriteExt for T {}
