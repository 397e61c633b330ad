//! The place in a file where its user reads and writes, with what is on its way there.
//!
//! At most one operation is under way. A read that its user gave up stays and serves the next one;
//! a write was taken over when it was reported, so nobody can give it up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::fs::operation::Operation;
use crate::reactor::uring::file::Request;

/// Most bytes of one operation.
const TRANSFER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Cursor {
    file: Arc<std::fs::File>,
    /// Of the next byte that the user reads or writes; `None` in what cannot be sought.
    position: Option<u64>,
    /// Bytes that were read and that the user has not had yet, from `taken` on.
    ahead: Vec<u8>,
    taken: usize,
    under_way: UnderWay,
}

#[derive(Debug)]
enum UnderWay {
    Nothing,
    /// Of the bytes at the position.
    Read(Operation),
    Write {
        operation: Operation,
        /// Where the first byte of its buffer goes.
        start: Option<u64>,
        /// Bytes of its buffer that have been written already.
        done: usize,
    },
}

impl Cursor {
    pub(crate) fn new(file: Arc<std::fs::File>, position: Option<u64>) -> Self {
        Self {
            file,
            position,
            ahead: Vec::new(),
            taken: 0,
            under_way: UnderWay::Nothing,
        }
    }

    pub(crate) fn position(&self) -> io::Result<u64> {
        self.position.ok_or_else(unseekable)
    }

    /// Gives up the file.
    pub(crate) fn into_position(self) -> Option<u64> {
        self.position
    }

    /// To be called when no write is under way.
    pub(crate) fn seek(&mut self, position: u64) -> io::Result<()> {
        self.position()?;
        self.position = Some(position);
        self.forget_read();
        Ok(())
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_written(cx))?;
        loop {
            if self.taken < self.ahead.len() {
                return Poll::Ready(Ok(self.take(buf)));
            }
            if let UnderWay::Read(operation) = &mut self.under_way {
                let (result, bytes) = ready!(Pin::new(operation).poll(cx));
                self.under_way = UnderWay::Nothing;
                (self.ahead, self.taken) = (bytes, 0);
                if result? == 0 {
                    return Poll::Ready(Ok(0));
                }
            } else {
                let mut bytes = std::mem::take(&mut self.ahead);
                bytes.clear();
                bytes.reserve_exact(buf.len().min(TRANSFER_BYTES_MAX));
                let offset = self.position;
                let operation = Operation::start(&self.file, Request::Read { offset }, bytes);
                self.under_way = UnderWay::Read(operation);
            }
        }
    }

    /// Gives the user bytes that were read ahead.
    fn take(&mut self, buf: &mut [u8]) -> usize {
        let left = &self.ahead[self.taken..];
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        self.advance(count);
        count
    }

    fn advance(&mut self, count: usize) {
        if let Some(position) = &mut self.position {
            *position += count as u64;
        }
    }

    /// What was read ahead is not what the user reads next. In what cannot be sought it is.
    fn forget_read(&mut self) {
        if self.position.is_some() {
            self.ahead.clear();
            self.taken = 0;
            self.under_way = UnderWay::Nothing;
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.forget_read();
        if let UnderWay::Read(operation) = &mut self.under_way {
            // A pipe or terminal: the bytes must not be lost.
            let (result, bytes) = ready!(Pin::new(operation).poll(cx));
            self.under_way = UnderWay::Nothing;
            result?;
            (self.ahead, self.taken) = (bytes, 0);
        }
        let bytes = buf[..buf.len().min(TRANSFER_BYTES_MAX)].to_vec();
        let count = bytes.len();
        let start = self.position;
        self.write(bytes, start, 0);
        self.advance(count);
        Poll::Ready(Ok(count))
    }

    fn write(&mut self, bytes: Vec<u8>, start: Option<u64>, done: usize) {
        let offset = start.map(|start| start + done as u64);
        let request = Request::Write { offset, from: done };
        self.under_way = UnderWay::Write {
            operation: Operation::start(&self.file, request, bytes),
            start,
            done,
        };
    }

    /// Waits for the write that is under way, if one is.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let UnderWay::Write {
                operation,
                start,
                done,
            } = &mut self.under_way
            else {
                return Poll::Ready(Ok(()));
            };
            let (result, bytes) = ready!(Pin::new(operation).poll(cx));
            let (start, mut done) = (*start, *done);
            self.under_way = UnderWay::Nothing;
            let failed = match result {
                Ok(0) => Some(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    done += count;
                    None
                }
                Err(error) => Some(error),
            };
            if let Some(error) = failed {
                // The user goes on behind what has been written.
                self.position = start.map(|start| start + done as u64);
                return Poll::Ready(Err(error));
            }
            if done < bytes.len() {
                self.write(bytes, start, done);
            }
        }
    }
}

fn unseekable() -> io::Error {
    io::Error::new(io::ErrorKind::NotSeekable, "the file has no positions")
}
