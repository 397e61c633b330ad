//! Completion by io_uring: multishot accept and receive; sends that are submitted together with the
//! wait, in one system call per turn, when many connections are active, and leave at once when few.
//!
//! Ownership. Whatever the kernel works with belongs to a slot here ([`stream`], [`listener`],
//! [`mod@file`]) or to [`buffers`], never to a task. A slot is removed when its socket has been dropped
//! *and* every operation on it has reported its end; a file's slot, with its only operation.
//! [`Uring`] itself, when dropped, cancels all operations and waits for their ends; if the kernel does
//! not report them in time, the memory is leaked instead of freed.
//!
//! Waking. The eventfd of the worker is polled all the time. That alone would not end a wait for several
//! events: for those, there is an [interrupt](operation::interrupt).

mod buffers;
pub(crate) mod file;
mod listener;
mod operation;
mod ring;
mod stream;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use beehive_policy::{Activity, Wait};
use io_uring::cqueue;
use slab::Slab;

use buffers::Buffers;
use file::{Flight, Request};
use operation::{Kind, Token};
use ring::Ring;
use stream::Next;

use super::watch::Watch;
use super::{Census, drain};

/// How often the end of the remaining operations is awaited when the reactor is dropped.
const FAREWELL_WAITS: u32 = 100;
const FAREWELL_WAIT: Duration = Duration::from_millis(10);

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamKey(usize);

/// Names a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerKey(usize);

/// An io_uring instance with its sockets.
pub(crate) struct Uring {
    state: RefCell<State>,
}

struct State {
    ring: Ring,
    /// Freed only when nothing is in flight: see `Drop`.
    buffers: ManuallyDrop<Buffers>,
    streams: ManuallyDrop<Slab<stream::Slot>>,
    listeners: ManuallyDrop<Slab<listener::Slot>>,
    files: ManuallyDrop<Slab<Arc<Flight>>>,
    census: Census,
    /// The last wait gathered events.
    batching: bool,
    /// Connections that found no free buffer, the longest ago first.
    starved: VecDeque<usize>,
    /// Things to do once the completions have been taken.
    follow_ups: Vec<(Token, Next)>,
    /// The eventfd must be polled again.
    wake_unpolled: bool,
    /// A write to the eventfd ends the gathering of events.
    interruptible: bool,
    wake: std::os::fd::RawFd,
    /// Files that are not bound to this worker, once there are any. It stays open as long as it is
    /// polled, because nothing takes it out.
    watch: Option<Arc<Watch>>,
    /// Its epoll instance must be polled again.
    watch_unpolled: bool,
    /// It has events.
    watch_due: bool,
}

impl Uring {
    /// A reactor for the calling thread that also returns from its wait when `wake` is written.
    ///
    /// `wake` must stay open as long as the reactor.
    pub(crate) fn new(wake: BorrowedFd<'_>) -> io::Result<Self> {
        let ring = Ring::new()?;
        // SAFETY: `Drop` frees the buffers only when the ring has no operation in flight. If this
        // function fails, none has been submitted.
        let buffers = unsafe { Buffers::new(&ring.uring().submitter())? };
        let state = State {
            ring,
            buffers: ManuallyDrop::new(buffers),
            streams: ManuallyDrop::default(),
            listeners: ManuallyDrop::default(),
            files: ManuallyDrop::default(),
            census: Census::new(),
            batching: false,
            starved: VecDeque::new(),
            follow_ups: Vec::new(),
            wake_unpolled: true,
            interruptible: false,
            wake: wake.as_raw_fd(),
            watch: None,
            watch_unpolled: false,
            watch_due: false,
        };
        Ok(Self {
            state: RefCell::new(state),
        })
    }

    /// The part of this reactor that other threads may reach.
    pub(crate) fn watch(&self) -> io::Result<Arc<Watch>> {
        let state = &mut *self.state.borrow_mut();
        if let Some(watch) = &state.watch {
            return Ok(watch.clone());
        }
        state.watch_unpolled = true;
        Ok(state.watch.insert(Watch::new()?).clone())
    }

    /// The same, if there is any.
    pub(crate) fn watch_if_any(&self) -> Option<Arc<Watch>> {
        self.state.borrow().watch.clone()
    }

    /// Whether it has neither sockets nor a watch, nor an operation on a file.
    pub(crate) fn is_unused(&self) -> bool {
        let state = self.state.borrow();
        state.watch.is_none()
            && state.files.is_empty()
            && state.streams.is_empty()
            && state.listeners.is_empty()
    }

    pub(crate) fn add_stream(&self, fd: Arc<OwnedFd>) -> StreamKey {
        StreamKey(
            self.state
                .borrow_mut()
                .streams
                .insert(stream::Slot::new(fd)),
        )
    }

    pub(crate) fn add_listener(&self, fd: Arc<OwnedFd>) -> ListenerKey {
        ListenerKey(
            self.state
                .borrow_mut()
                .listeners
                .insert(listener::Slot::new(fd)),
        )
    }

    /// Begins an operation on a file, with a buffer that it keeps to its end.
    pub(crate) fn submit_file(
        &self,
        file: Arc<std::fs::File>,
        request: Request,
        buf: Vec<u8>,
    ) -> Arc<Flight> {
        let state = &mut *self.state.borrow_mut();
        let slot = state.files.vacant_entry();
        let flight = Flight::launch(file, request, buf, slot.key(), &mut state.ring);
        slot.insert(flight.clone());
        flight
    }

    /// No task of this worker will run again. Operations on files may belong to tasks that others
    /// run: they are waited for, as they do not take long. What does, such as reading a terminal, is
    /// given up.
    pub(crate) fn finish_files(&self, ready: &mut Vec<Waker>) {
        let state = &mut *self.state.borrow_mut();
        for _ in 0..FAREWELL_WAITS {
            if state.files.is_empty() || state.ring.enter(Some(FAREWELL_WAIT), Wait::FIRST).is_err()
            {
                break;
            }
            state.take_completions(ready);
        }
        let left = state
            .files
            .iter()
            .filter_map(|(_, flight)| flight.give_up());
        ready.extend(left);
    }

    pub(crate) fn poll_accept(
        &self,
        key: ListenerKey,
        cx: &Context<'_>,
    ) -> Poll<io::Result<OwnedFd>> {
        let state = &mut *self.state.borrow_mut();
        state.listeners[key.0].poll_accept(key.0, &mut state.ring, cx)
    }

    /// Appends received bytes to `out`, at most `limit`.
    pub(crate) fn poll_receive(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        let slot = &mut state.streams[key.0];
        slot.poll_receive(key.0, &mut state.ring, &mut state.buffers, cx, limit, out)
    }

    /// Ends all operations of a connection; then moves its unread bytes to the end of `unread`.
    pub(crate) fn poll_detach(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        unread: &mut Vec<u8>,
    ) -> Poll<()> {
        let state = &mut *self.state.borrow_mut();
        let slot = &mut state.streams[key.0];
        slot.poll_detach(key.0, &mut state.ring, &mut state.buffers, cx, unread)
    }

    /// Whether a send need not wait for the next visit to the kernel. While events are gathered,
    /// sends leave together, which costs less; a lone answer should leave now, and without a
    /// completion that would end the next wait at once.
    pub(crate) fn may_send_at_once(&self, key: StreamKey) -> bool {
        let state = self.state.borrow();
        !state.batching && state.streams[key.0].is_send_idle()
    }

    /// Sends the buffer in `next` from the given offset, and gives it back when that is done.
    pub(crate) fn poll_send(
        &self,
        key: StreamKey,
        cx: &Context<'_>,
        next: &mut Option<(Vec<u8>, usize)>,
    ) -> Poll<(io::Result<()>, Vec<u8>)> {
        let state = &mut *self.state.borrow_mut();
        state.streams[key.0].poll_send(key.0, &mut state.ring, cx, next)
    }

    /// The stream has been dropped.
    pub(crate) fn abandon_stream(&self, key: StreamKey) {
        let state = &mut *self.state.borrow_mut();
        state.streams[key.0].abandon(key.0, &mut state.ring, &mut state.buffers);
        state.remove_if_done(key.0);
    }

    /// The listener has been dropped.
    pub(crate) fn abandon_listener(&self, key: ListenerKey) {
        let state = &mut *self.state.borrow_mut();
        state.listeners[key.0].abandon(key.0, &mut state.ring);
        if state.listeners[key.0].is_done() {
            state.listeners.remove(key.0);
        }
    }

    /// Submits, waits, and collects the wakers of what has become ready.
    pub(crate) fn turn(
        &self,
        timeout: Option<Duration>,
        wait: Wait,
        ready: &mut Vec<Waker>,
    ) -> io::Result<Activity> {
        let state = &mut *self.state.borrow_mut();
        state.poll_others();
        state.feed_starved();
        state.batching = wait.min_events > 1;
        let called = state.batching && !state.make_interruptible();
        let timeout = if called {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        state.ring.enter(timeout, wait)?;
        state.take_completions(ready);
        state.take_events(ready)?;
        Ok(state.census.report())
    }
}

impl State {
    /// Polls the eventfd and the watch, unless that is going on.
    fn poll_others(&mut self) {
        if std::mem::take(&mut self.wake_unpolled) {
            let entry = operation::poll(self.wake, Token::WAKE);
            // SAFETY: the descriptor stays open as long as the reactor; no memory is named.
            unsafe { self.ring.push(&entry) };
        }
        if let Some(watch) = self.watch.as_ref().filter(|_| self.watch_unpolled) {
            self.watch_unpolled = false;
            let entry = operation::poll(watch.as_fd().as_raw_fd(), Token::WATCH);
            // SAFETY: as above.
            unsafe { self.ring.push(&entry) };
        }
    }

    /// Lets the gathering that follows end when another thread wakes this one; false if one may have
    /// already, or if there is no room.
    fn make_interruptible(&mut self) -> bool {
        if self.interruptible {
            return true;
        }
        // SAFETY: the descriptor stays open as long as the reactor.
        let wake = unsafe { BorrowedFd::borrow_raw(self.wake) };
        if drain(wake) {
            return false;
        }
        let entries = operation::interrupt(self.wake);
        // SAFETY: the descriptor stays open as long as the reactor; the memory that is named is constant.
        self.interruptible = unsafe { self.ring.push_chain(&entries) };
        self.interruptible
    }

    /// Takes what the watch has to tell, if it has told the ring so.
    fn take_events(&mut self, ready: &mut Vec<Waker>) -> io::Result<()> {
        match &self.watch {
            Some(watch) if std::mem::take(&mut self.watch_due) => {
                watch.collect(&mut self.census, ready)
            }
            _ => Ok(()),
        }
    }

    /// Lets connections receive again that found no buffer, as many as there are buffers now.
    fn feed_starved(&mut self) {
        if self.starved.is_empty() {
            return;
        }
        if self.buffers.free() == 0 {
            // All buffers hold bytes that nobody reads: copy them out, or nobody receives again.
            self.streams
                .iter_mut()
                .for_each(|(_, slot)| slot.vacate(&mut self.buffers));
        }
        let mut free = self.buffers.free();
        while free > 0
            && let Some(key) = self.starved.pop_front()
        {
            // Only a receive takes a buffer: some of these connections may be gone.
            if let Some(slot) = self.streams.get_mut(key) {
                free -= usize::from(slot.resume(key, &mut self.ring));
            }
        }
    }

    fn take_completions(&mut self, ready: &mut Vec<Waker>) {
        let Self {
            ring,
            buffers,
            streams,
            listeners,
            files,
            follow_ups,
            wake_unpolled,
            interruptible,
            watch_unpolled,
            watch_due,
            census,
            ..
        } = self;
        let mut ended = 0;
        ring.completions(|completion, more| {
            let token = Token::decode(completion.user_data());
            let result = completion.result();
            ended += usize::from(!more && token.kind != Kind::Cancel);
            let next = match token.kind {
                Kind::Wake => {
                    *wake_unpolled = !more;
                    Next::Nothing
                }
                Kind::Watch => {
                    *watch_unpolled = !more;
                    *watch_due = true;
                    Next::Nothing
                }
                Kind::Accept => {
                    let full = listeners[token.key].accepted(result, more, ready);
                    if full {
                        Next::StopReceiving
                    } else {
                        Next::Nothing
                    }
                }
                Kind::Receive => {
                    let chunk = take_chunk(buffers, completion);
                    let slot = &mut streams[token.key];
                    census.count(&mut slot.counted);
                    slot.received(result, chunk, more, buffers, ready)
                }
                Kind::Send => streams[token.key].sent(result, ready),
                Kind::File => {
                    ready.extend(files.remove(token.key).complete(result));
                    Next::Nothing
                }
                Kind::Interrupt => {
                    *interruptible &= token != Token::INTERRUPTED;
                    return;
                }
                Kind::Cancel => return,
            };
            if next != Next::Nothing || !more {
                follow_ups.push((token, next));
            }
        });
        ring.ended(ended);
        self.follow_up();
    }

    fn follow_up(&mut self) {
        let mut follow_ups = std::mem::take(&mut self.follow_ups);
        for (token, next) in follow_ups.drain(..) {
            match token.kind {
                Kind::Receive | Kind::Send => self.follow_up_stream(token.key, next),
                Kind::Accept => self.follow_up_listener(token.key, next),
                Kind::Wake | Kind::Watch | Kind::File | Kind::Interrupt | Kind::Cancel => {}
            }
        }
        self.follow_ups = follow_ups;
    }

    fn follow_up_stream(&mut self, key: usize, next: Next) {
        let Some(slot) = self.streams.get_mut(key) else {
            return;
        };
        match next {
            Next::Nothing => {}
            Next::Starved => self.starved.push_back(key),
            Next::StopReceiving => slot.stop_receiving(key, &mut self.ring),
            Next::SendRest => slot.send_rest(key, &mut self.ring),
        }
        self.remove_if_done(key);
    }

    fn follow_up_listener(&mut self, key: usize, next: Next) {
        let Some(slot) = self.listeners.get_mut(key) else {
            return;
        };
        if next == Next::StopReceiving {
            slot.stop_accepting(key, &mut self.ring);
        }
        if slot.is_done() {
            self.listeners.remove(key);
        }
    }

    fn remove_if_done(&mut self, key: usize) {
        if self.streams[key].is_done() {
            self.streams.remove(key);
        }
    }
}

/// The buffer that a receive has filled, if it has.
fn take_chunk(buffers: &mut Buffers, completion: &cqueue::Entry) -> Option<buffers::Chunk> {
    let number = cqueue::buffer_select(completion.flags())?;
    let len = usize::try_from(completion.result()).unwrap_or(0);
    // SAFETY: this completion of a receive reports the buffer, and it is taken only here.
    let chunk = unsafe { buffers.take(number, len) };
    if len > 0 {
        return Some(chunk);
    }
    buffers.recycle(chunk);
    None
}

impl Drop for Uring {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.cancel_all();
        let mut ready = Vec::new();
        for _ in 0..FAREWELL_WAITS {
            if state.ring.in_flight() == 0 {
                break;
            }
            if state.ring.enter(Some(FAREWELL_WAIT), Wait::FIRST).is_err() {
                break;
            }
            state.take_completions(&mut ready);
        }
        let unused = state.ring.in_flight() == 0
            && state
                .ring
                .uring()
                .submitter()
                .unregister_buf_ring(buffers::GROUP)
                .is_ok();
        if !unused {
            return;
        }
        // SAFETY: nothing is in flight and the group is unregistered, so the kernel uses no buffer;
        // nor does anything here after this.
        unsafe { ManuallyDrop::drop(&mut state.buffers) };
        // SAFETY: as above; no send refers to a slot's buffer.
        unsafe { ManuallyDrop::drop(&mut state.streams) };
        // SAFETY: as above; no accept refers to a slot's file.
        unsafe { ManuallyDrop::drop(&mut state.listeners) };
        // SAFETY: as above; no flight's file or buffer is in use.
        unsafe { ManuallyDrop::drop(&mut state.files) };
    }
}

impl State {
    fn cancel_all(&mut self) {
        for (key, slot) in self.streams.iter_mut() {
            slot.abandon(key, &mut self.ring, &mut self.buffers);
        }
        for (key, slot) in self.listeners.iter_mut() {
            slot.abandon(key, &mut self.ring);
        }
        for (key, _) in self.files.iter() {
            stream::cancel(Token::new(Kind::File, key), &mut self.ring);
        }
        if !self.wake_unpolled {
            stream::cancel(Token::WAKE, &mut self.ring);
        }
        if self.interruptible {
            stream::cancel(Token::INTERRUPT, &mut self.ring);
        }
        if self.watch.is_some() && !self.watch_unpolled {
            stream::cancel(Token::WATCH, &mut self.ring);
        }
    }
}
