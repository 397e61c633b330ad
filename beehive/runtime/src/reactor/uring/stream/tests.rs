//! Connections that find no free buffer: who receives again, and who must not.

use super::*;
use crate::reactor::uring::{StreamKey, Uring};
use beehive_policy::Wait;
use rustix::event::{EventfdFlags, eventfd};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Wake;
use std::time::Duration;

/// A reactor with sockets and their other ends.
struct World {
    uring: Uring,
    _wake: OwnedFd,
}

impl World {
    /// `None` where the kernel offers no io_uring.
    fn new() -> Option<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        match Uring::new(wake.as_fd()) {
            Ok(uring) => Some(Self { uring, _wake: wake }),
            Err(error) => {
                eprintln!("SKIPPED: {error}");
                None
            }
        }
    }

    fn connect(&self) -> (StreamKey, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        (self.uring.add_stream(Arc::new(ours.into())), theirs)
    }

    /// Polls for up to `limit` bytes; the number of those that came.
    fn receive(&self, key: StreamKey, waker: &Waker, limit: usize) -> Option<usize> {
        let mut bytes = Vec::new();
        let cx = Context::from_waker(waker);
        match self.uring.poll_receive(key, &cx, limit, &mut bytes) {
            Poll::Ready(count) => Some(count.unwrap()),
            Poll::Pending => None,
        }
    }

    fn turn(&self, timeout: Duration) {
        let mut ready = Vec::new();
        self.uring
            .turn(Some(timeout), Wait::FIRST, &mut ready)
            .unwrap();
        ready.into_iter().for_each(Waker::wake);
    }

    fn free_buffers(&self) -> usize {
        self.uring.state.borrow().buffers.free()
    }

    fn is_starved(&self, key: StreamKey) -> bool {
        self.uring.state.borrow().starved.contains(&key.0)
    }

    fn is_receiving(&self, key: StreamKey) -> bool {
        self.uring.state.borrow().streams[key.0].receiving
    }

    fn unread(&self, key: StreamKey) -> usize {
        self.uring.state.borrow().streams[key.0].unread
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Writes as much as the socket takes.
fn fill(socket: &mut UnixStream) {
    while socket.write(&[7; 16 * 1024]).is_ok() {}
}

#[test]
fn a_starved_connection_with_much_unread_does_not_receive_until_that_is_read() {
    let Some(world) = World::new() else { return };
    let (key, mut other) = world.connect();
    assert_eq!(world.receive(key, Waker::noop(), 1), None);
    other.write_all(b"ab").unwrap();
    world.turn(Duration::ZERO);
    // The task has read something and turns to other things.
    assert_eq!(world.receive(key, Waker::noop(), 1), Some(1));
    fill(&mut other);
    while world.is_receiving(key) {
        world.turn(Duration::from_secs(2));
    }
    let unread = world.unread(key);
    assert!(unread > UNREAD_BYTES_MAX);
    fill(&mut other);
    world.uring.state.borrow_mut().starved.push_back(key.0);
    world.turn(Duration::ZERO);
    assert_eq!(
        (world.is_receiving(key), world.unread(key)),
        (false, unread)
    );
    assert_eq!(world.receive(key, Waker::noop(), unread), Some(unread));
    assert_eq!(world.receive(key, Waker::noop(), 1), None);
    world.turn(Duration::from_secs(2));
    assert!(world.unread(key) > 0);
}

#[test]
fn a_buffer_is_not_kept_for_a_connection_that_is_gone() {
    let Some(world) = World::new() else { return };
    let mut hoarders = Vec::new();
    // Takes all buffers but a few, which two starving connections then lack.
    while world.free_buffers() > 0 {
        let (key, mut other) = world.connect();
        assert_eq!(world.receive(key, Waker::noop(), 1), None);
        fill(&mut other);
        world.turn(Duration::ZERO);
        hoarders.push((key, other));
    }
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut starving: Vec<_> = (0..2).map(|_| world.connect()).collect();
    for (key, other) in &mut starving {
        other.write_all(b"x").unwrap();
        assert_eq!(world.receive(*key, &waker, 1), None);
    }
    world.uring.state.borrow_mut().starved.clear();
    world.turn(Duration::ZERO);
    let [(gone, _), (left, _)] = &starving[..] else {
        unreachable!("two were made")
    };
    assert!(world.is_starved(*gone) && world.is_starved(*left));
    world.uring.abandon_stream(*gone);
    while world.free_buffers() == 0 {
        assert!(
            world
                .receive(hoarders[0].0, Waker::noop(), 8 * 1024)
                .is_some()
        );
    }
    assert_eq!(world.free_buffers(), 1);
    flag.0.store(false, Relaxed);
    world.turn(Duration::from_secs(2));
    assert!(flag.0.load(Relaxed), "its bytes were never received");
}
