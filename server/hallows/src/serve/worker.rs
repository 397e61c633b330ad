//! State of one worker: its connections and a pool of reply buffers. Lives on
//! the worker's thread; what all workers share is [`Shared`].

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hallows_engine::Engine;

use super::ending::Ending;
use super::slot::Slot;

/// Reply buffers kept for the next replies; enough for the connections that are
/// active between two waits.
const POOL_LEN_MAX: usize = 64;
/// A larger buffer goes back to the allocator.
const POOLED_CAPACITY_MAX: usize = 128 * 1024;

/// Connections that are looked at in every tick, where there are as many.
const WATCHED_MIN: usize = 5;

/// What all workers share.
pub(super) struct Shared {
    /// Executes requests.
    pub(super) engine: Arc<Engine>,
    /// Connections that exist, counted from accept to close.
    pub(super) seats: AtomicUsize,
    /// Bytes in the buffers of all clients.
    pub(super) client_memory: AtomicUsize,
    /// Bound of [`Shared::client_memory`]; 0 = none.
    pub(super) client_memory_max: usize,
    /// Tells that the server is ending.
    pub(super) ending: Ending,
}

/// A connection's place among `maxclients`, given back when dropped.
pub(super) struct Seat(Arc<Shared>);

impl Seat {
    /// Takes a place, if one is free.
    pub(super) fn take(shared: &Arc<Shared>) -> Option<Self> {
        let taken = shared.seats.fetch_add(1, Relaxed);
        let seat = Self(Arc::clone(shared));
        (taken < shared.engine.settings().max_clients()).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Relaxed);
    }
}

/// A connection's entry in its worker's roster, and what it has charged there; ends when dropped.
pub(super) struct Berth {
    worker: Rc<Worker>,
    slot: Rc<Slot>,
}

impl Berth {
    /// Enters a connection.
    pub(super) fn new(worker: &Rc<Worker>, slot: &Rc<Slot>) -> Self {
        worker.enter(slot);
        Self {
            worker: Rc::clone(worker),
            slot: Rc::clone(slot),
        }
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        self.worker.shared.charge(&self.slot, 0);
        self.worker.leave(&self.slot);
    }
}

/// One worker's own state.
pub(super) struct Worker {
    /// What all workers share.
    pub(super) shared: Arc<Shared>,
    roster: RefCell<Vec<Rc<Slot>>>,
    pool: RefCell<Vec<Vec<u8>>>,
}

thread_local! {
    static CURRENT: OnceCell<Rc<Worker>> = const { OnceCell::new() };
}

impl Worker {
    /// The state of the worker whose thread this is, made at the first use.
    pub(super) fn current(shared: &Arc<Shared>) -> Rc<Self> {
        CURRENT.with(|current| {
            Rc::clone(current.get_or_init(|| {
                Rc::new(Self {
                    shared: Arc::clone(shared),
                    roster: RefCell::default(),
                    pool: RefCell::default(),
                })
            }))
        })
    }

    /// Adds a connection.
    fn enter(&self, slot: &Rc<Slot>) {
        let mut roster = self.roster.borrow_mut();
        slot.index.set(roster.len());
        roster.push(Rc::clone(slot));
    }

    /// Removes a connection.
    fn leave(&self, slot: &Slot) {
        let mut roster = self.roster.borrow_mut();
        let index = slot.index.get();
        roster.swap_remove(index);
        if let Some(moved) = roster.get(index) {
            moved.index.set(index);
        }
    }

    /// The connections whose turn it is: each once in `ticks_max` calls, more often
    /// where there are few.
    pub(super) fn due(&self, tick: usize, ticks_max: usize) -> Vec<Rc<Slot>> {
        let roster = self.roster.borrow();
        let parts = roster.len().div_ceil(WATCHED_MIN).clamp(1, ticks_max);
        roster
            .iter()
            .skip(tick % parts)
            .step_by(parts)
            .cloned()
            .collect()
    }

    /// All connections.
    pub(super) fn all(&self) -> Vec<Rc<Slot>> {
        self.roster.borrow().clone()
    }

    /// An empty buffer for replies.
    pub(super) fn take_buffer(&self) -> Vec<u8> {
        self.pool.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a buffer back whose replies are sent.
    pub(super) fn give_buffer(&self, mut buffer: Vec<u8>) {
        let mut pool = self.pool.borrow_mut();
        let pooled = (1..=POOLED_CAPACITY_MAX).contains(&buffer.capacity());
        if pooled && pool.len() < POOL_LEN_MAX {
            buffer.clear();
            pool.push(buffer);
        }
    }
}

impl Shared {
    /// Nobody is connected yet.
    pub(super) fn new(engine: Arc<Engine>, client_memory_max: usize) -> Self {
        Self {
            engine,
            seats: AtomicUsize::new(0),
            client_memory: AtomicUsize::new(0),
            client_memory_max,
            ending: Ending::default(),
        }
    }

    /// Changes what `slot` has charged to the total of all clients.
    pub(super) fn charge(&self, slot: &Slot, bytes: usize) {
        let before = slot.charged.replace(bytes);
        if bytes > before {
            self.client_memory.fetch_add(bytes - before, Relaxed);
        } else if bytes < before {
            self.client_memory.fetch_sub(before - bytes, Relaxed);
        }
    }

    /// Whether the buffers of all clients are larger than allowed.
    pub(super) fn over_client_memory(&self) -> bool {
        self.client_memory_max > 0 && self.client_memory.load(Relaxed) > self.client_memory_max
    }
}
