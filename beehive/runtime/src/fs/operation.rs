//! Reading, writing and syncing a file: by the worker's ring where there is one, else by a thread
//! that may block.
//!
//! The buffer belongs to the operation until it ends, whatever becomes of the future.

use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hallows_lockfree::wait::poll_budget;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use crate::blocking;
use crate::driver::Reactor;
use crate::options::JoinHandle;
use crate::reactor::uring::file::{Flight, Request};
use crate::worker;

/// What an operation gives: how many bytes, and the buffer back.
pub(super) type Done = (io::Result<usize>, Vec<u8>);

/// An operation that has begun.
#[derive(Debug)]
pub(super) enum Operation {
    Ring(Arc<Flight>),
    Pool(JoinHandle<Done>),
    /// Could not begin.
    Failed(Option<(io::Error, Vec<u8>)>),
}

impl Operation {
    pub(super) fn start(file: &Arc<std::fs::File>, request: Request, buf: Vec<u8>) -> Self {
        let file = file.clone();
        let submitted =
            worker::try_with_current(|worker| match worker.map(|w| &w.driver.reactor) {
                Some(Reactor::Uring(uring)) => Ok(uring.submit_file(file, request, buf)),
                _ => Err((file, buf)),
            });
        match submitted {
            Ok(flight) => Self::Ring(flight),
            Err((file, buf)) => match blocking::start(move || perform(&file, request, buf)) {
                Ok(handle) => Self::Pool(handle),
                Err(error) => Self::Failed(Some((error, Vec::new()))),
            },
        }
    }
}

impl Future for Operation {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        ready!(poll_budget(cx));
        match &mut *self {
            Self::Ring(flight) => flight.poll(cx),
            Self::Pool(handle) => {
                Pin::new(handle)
                    .poll(cx)
                    .map(|joined| match blocking::result(joined.map(Ok)) {
                        Ok(done) => done,
                        Err(error) => (Err(error), Vec::new()),
                    })
            }
            Self::Failed(failed) => match failed.take() {
                Some((error, buf)) => Poll::Ready((Err(error), buf)),
                None => unreachable!("a future that is ready is not polled again"),
            },
        }
    }
}

/// Does what is asked for on this thread.
fn perform(file: &std::fs::File, request: Request, mut buf: Vec<u8>) -> Done {
    loop {
        let result = attempt(file, request, &mut buf);
        if !result
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::Interrupted)
        {
            return (result, buf);
        }
    }
}

fn attempt(file: &std::fs::File, request: Request, buf: &mut Vec<u8>) -> io::Result<usize> {
    let done: Result<usize, Errno> = match request {
        Request::Read { offset: Some(at) } => rustix::io::pread(file, spare_capacity(buf), at),
        Request::Read { offset: None } => rustix::io::read(file, spare_capacity(buf)),
        Request::Write {
            offset: Some(at),
            from,
        } => return file.write_at(&buf[from..], at),
        Request::Write { offset: None, from } => rustix::io::write(file, &buf[from..]),
        Request::Sync { data: true } => rustix::fs::fdatasync(file).map(|()| 0),
        Request::Sync { data: false } => rustix::fs::fsync(file).map(|()| 0),
    };
    Ok(done?)
}
