//! Copying from a reader to a writer.

use std::io;

use super::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes on their way at once.
const COPY_BYTES: usize = 16 * 1024;

/// Copies everything up to the end of `reader`, flushes `writer`, and tells how many bytes that was.
///
/// # Errors
///
/// Those of reading and writing; a part may have been copied.
///
/// # Cancel safety
///
/// Not cancel safe: bytes that were read and not yet written are lost with the future.
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + ?Sized,
    W: AsyncWrite + ?Sized,
{
    let mut buffer = vec![0; COPY_BYTES];
    let mut copied = 0;
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            writer.flush().await?;
            return Ok(copied);
        }
        writer.write_all(&buffer[..count]).await?;
        copied += count as u64;
    }
}
