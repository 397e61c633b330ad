//! Numbers of threads: what has one for each number need not be written with read-modify-writes.
//!
//! 1. A thread asks for a number when it first needs one, and takes the lowest that is free with a
//!    compare-and-swap. If none is, or if there is no [asymmetric fence](super::barrier), it never has
//!    one.
//! 2. It gives the number back when it ends. Giving back releases and taking acquires: the next owner
//!    sees all that the one before has written.
//!
//! Between these, what belongs to the number is written by one thread only.

use core::cell::Cell;

use self::statics::{LEASE, NUMBER, Taken, taken};
use super::barrier;
use crate::sync::MODELLED;
use crate::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// How many numbers there are. (One for a model checker, so that other threads are without.)
pub(super) const OWNERS: usize = if MODELLED {
    1
} else if cfg!(miri) {
    2
} else {
    32
};

/// No number, for good.
const NONE: usize = usize::MAX;
/// Nobody has asked yet.
const UNKNOWN: usize = usize::MAX - 1;

#[cfg(not(feature = "loom"))]
mod statics {
    //! `NUMBER` has no destructor, so that reading it is one load.

    use super::{AtomicU32, Cell, Lease, UNKNOWN};

    /// A bit for each number that is taken.
    pub(super) type Taken = &'static AtomicU32;

    pub(super) fn taken() -> Taken {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        &TAKEN
    }

    std::thread_local! {
        pub(super) static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
        pub(super) static LEASE: Lease = Lease::take();
    }
}

#[cfg(feature = "loom")]
mod statics {
    //! The same for the model checker, whose statics go before its main thread's variables.

    use super::{AtomicU32, Cell, Lease, UNKNOWN};
    use crate::sync::Arc;

    pub(super) type Taken = Arc<AtomicU32>;

    loom::lazy_static! {
        static ref TAKEN: Taken = Arc::new(AtomicU32::new(0));
    }

    pub(super) fn taken() -> Taken {
        TAKEN.clone()
    }

    loom::thread_local! {
        pub(super) static NUMBER: Cell<usize> = Cell::new(UNKNOWN);
        pub(super) static LEASE: Lease = Lease::take();
    }
}

/// The number of this thread, below [`OWNERS`] if it has one. It stays the same until the thread
/// ends; destructors that run then may find that there is none any more.
#[inline]
pub(super) fn number() -> usize {
    match NUMBER.try_with(Cell::get) {
        // The first question of the two, so that who has a number is asked no other.
        Ok(number) if number < OWNERS => number,
        Ok(UNKNOWN) => ask(),
        _ => NONE,
    }
}

#[cold]
fn ask() -> usize {
    let number = LEASE.try_with(|lease| lease.number).unwrap_or(NONE);
    let _ = NUMBER.try_with(|known| known.set(number));
    number
}

/// A number, or none, until it is dropped.
struct Lease {
    number: usize,
    taken: Taken,
}

impl Lease {
    fn take() -> Self {
        let taken = taken();
        let number = if barrier::is_asymmetric() {
            lowest_free(&taken)
        } else {
            NONE
        };
        Self { number, taken }
    }
}

/// Takes the lowest number that is free, if there is one.
fn lowest_free(taken: &Taken) -> usize {
    let mut seen = taken.load(Relaxed);
    loop {
        let free = seen.trailing_ones() as usize;
        if free >= OWNERS {
            return NONE;
        }
        match taken.compare_exchange(seen, seen | 1 << free, Acquire, Relaxed) {
            Ok(_) => return free,
            Err(now) => seen = now,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Gone already, where destructors run in another order.
        let _ = NUMBER.try_with(|known| known.set(NONE));
        if self.number < OWNERS {
            self.taken.fetch_and(!(1 << self.number), Release);
        }
    }
}
