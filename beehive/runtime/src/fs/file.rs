//! An open file: positional reads and writes on owned buffers, and a cursor.

use std::fs::{Metadata, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use crate::blocking::unblock;
use crate::fs::OpenOptions;
use crate::fs::cursor::Cursor;
use crate::fs::operation::{Done, Operation};
use crate::io::{AsyncRead, AsyncWrite};
use crate::reactor::uring::file::Request;

/// An open file. It may be moved to any task, and its task may be stolen.
///
/// Two ways to use it. [`read_at`](Self::read_at) and [`write_at`](Self::write_at) take a buffer and
/// give it back, at any offset and any number at once; on io_uring the kernel works on that very
/// buffer. [`AsyncRead`], [`AsyncWrite`] and [`seek`](Self::seek) work at a cursor, on borrowed
/// buffers, for one task at a time; they copy once.
///
/// A write at the cursor reports success when it has been taken over and goes on in the background;
/// [`flush`](crate::io::AsyncWriteExt::flush) waits for it and tells of its error, as does the next
/// use of the cursor. A file that is dropped first loses the error, and if the runtime stops at the
/// same time, perhaps the bytes.
#[derive(Debug)]
pub struct File {
    file: Arc<std::fs::File>,
    cursor: Mutex<Cursor>,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// The file is closed again if the future is dropped.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing, new or empty.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// The file may have been created or emptied when the future is dropped.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let options = OpenOptions::new().write(true).create(true).truncate(true);
        options.open(path).await
    }

    /// Takes over a file, with its position.
    #[must_use]
    pub fn from_std(mut file: std::fs::File) -> Self {
        // What cannot be sought has one position, its own: pipes and terminals.
        let position = file.stream_position().ok();
        let file = Arc::new(file);
        Self {
            cursor: Mutex::new(Cursor::new(file.clone(), position)),
            file,
        }
    }

    /// Gives the file away once what was written at the cursor has reached the system. Its position
    /// is that of the cursor.
    ///
    /// # Errors
    ///
    /// Those of the system. While positional operations are under way, `ResourceBusy`.
    ///
    /// # Cancel safety
    ///
    /// The file is closed if the future is dropped.
    pub async fn into_std(self) -> io::Result<std::fs::File> {
        self.written().await?;
        let position = self.cursor.into_inner().into_position();
        let mut file = Arc::try_unwrap(self.file).map_err(|_| {
            io::Error::new(io::ErrorKind::ResourceBusy, "an operation is under way")
        })?;
        if let Some(position) = position {
            file.seek(SeekFrom::Start(position))?;
        }
        Ok(file)
    }

    /// Reads at an offset and appends to `buf`, at most as much as its spare capacity; 0 means the
    /// end (or no capacity).
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// The buffer is lost if the future is dropped.
    pub async fn read_at(&self, buf: Vec<u8>, offset: u64) -> Done {
        let offset = Some(offset);
        Operation::start(&self.file, Request::Read { offset }, buf).await
    }

    /// Writes `buf` at an offset, or a first part of it, and tells how much.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the bytes may be written or not; the buffer is lost.
    pub async fn write_at(&self, buf: Vec<u8>, offset: u64) -> Done {
        let (offset, from) = (Some(offset), 0);
        Operation::start(&self.file, Request::Write { offset, from }, buf).await
    }

    /// Writes all of `buf` at an offset.
    ///
    /// # Errors
    ///
    /// Those of the system; a part may have been written.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, any part may be written; the buffer is lost.
    pub async fn write_all_at(&self, mut buf: Vec<u8>, offset: u64) -> (io::Result<()>, Vec<u8>) {
        let mut from = 0;
        while from < buf.len() {
            let offset = Some(offset + from as u64);
            let request = Request::Write { offset, from };
            let (result, back) = Operation::start(&self.file, request, buf).await;
            buf = back;
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), buf),
                Ok(count) => from += count,
                Err(error) => return (Err(error), buf),
            }
        }
        (Ok(()), buf)
    }

    /// Moves the cursor, to anywhere, and tells where it is.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes; `InvalidInput` for a position before the start.
    ///
    /// # Cancel safety
    ///
    /// The cursor has not moved if the future is dropped.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.written().await?;
        let (base, delta) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(delta) => (self.cursor.get_mut().position()?, delta),
            SeekFrom::End(delta) => (self.metadata().await?.len(), delta),
        };
        let position = base.checked_add_signed(delta).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a position before the start")
        })?;
        self.cursor.get_mut().seek(position)?;
        Ok(position)
    }

    /// Brings everything that was written, and what is known about the file, to the device.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes at the cursor.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.sync(false).await
    }

    /// Brings everything that was written to the device.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes at the cursor.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.sync(true).await
    }

    async fn sync(&self, data: bool) -> io::Result<()> {
        self.written().await?;
        let operation = Operation::start(&self.file, Request::Sync { data }, Vec::new());
        operation.await.0.map(drop)
    }

    /// Waits for the write at the cursor.
    async fn written(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.cursor.lock().poll_written(cx)).await
    }

    /// Cuts the file off or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes at the cursor.
    ///
    /// # Cancel safety
    ///
    /// It may happen or not if the future is dropped.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        self.written().await?;
        let file = self.file.clone();
        unblock(move || file.set_len(len)).await
    }

    /// What the system knows about the file.
    ///
    /// # Errors
    ///
    /// Those of the system, also of earlier writes at the cursor.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        self.written().await?;
        let file = self.file.clone();
        unblock(move || file.metadata()).await
    }

    /// Changes who may do what with the file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// It may happen or not if the future is dropped.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        let file = self.file.clone();
        unblock(move || file.set_permissions(permissions)).await
    }
}

impl AsyncRead for File {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.cursor.get_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cursor.get_mut().poll_write(cx, buf)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cursor.get_mut().poll_written(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
