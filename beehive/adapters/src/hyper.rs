//! What hyper 1 asks of a runtime: [`Executor`], [`Timer`], and IO by [`Compat`].

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt;

use crate::Compat;

/// Spawns hyper's tasks as tasks of this runtime that may move between workers.
///
/// To be used inside a task; hyper spawns where it is polled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        beehive::spawn(future).detach();
    }
}

/// Spawns hyper's tasks on the worker that polls hyper, where they stay: for services that are not
/// `Send`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalExecutor;

impl<F: Future + 'static> rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        beehive::spawn_local(async move {
            future.await;
        })
        .detach();
    }
}

/// hyper's timeouts by the timers of the worker that polls them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(beehive::time::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(beehive::time::sleep_until(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(own) => own.get_mut().0.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

struct Sleep(beehive::time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl rt::Sleep for Sleep {}

/// Bytes read at once.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    /// hyper lends memory that is not initialised, which safe code can only fill by copying. So what
    /// is read lies here for a moment: one buffer for each thread, none for each connection.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<T: beehive::io::AsyncRead + Unpin> rt::Read for Compat<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Taken out, as the reader may be one that comes here again.
        let mut scratch = SCRATCH.take();
        if scratch.is_empty() {
            scratch = vec![0; SCRATCH_BYTES];
        }
        let room = buf.remaining().min(scratch.len());
        let read = self.inner.poll_read(cx, &mut scratch[..room]);
        if let Poll::Ready(Ok(count)) = read {
            buf.put_slice(&scratch[..count]);
        }
        SCRATCH.set(scratch);
        ready!(read)?;
        Poll::Ready(Ok(()))
    }
}

impl<T: beehive::io::AsyncWrite + Unpin> rt::Write for Compat<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_shutdown(cx)
    }
}
