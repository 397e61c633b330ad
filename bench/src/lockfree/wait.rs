//! How contenders wait that do not wait by themselves: the same way for all of them.

/// Futile tries without any pause where a round trip is timed: a pause costs more than the trip.
const TRIES_AT_ONCE: u32 = 4_096;
/// A structure that loses a value would wait for ever; this many yields take many seconds.
const YIELDS_MAX: u32 = 200_000_000;

/// How long a thread tries before it offers its core to another one. Each futile try is followed by
/// twice as many pauses as the one before, up to two to this power, and then by a yield.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    doublings: u32,
}

impl Patience {
    /// For a thread that has its core for itself. Shorter waits disturb the other side more than
    /// they gain: every look at an index takes its cache line away from who writes it.
    const OWN_CORE: Patience = Patience { doublings: 6 };
    /// Where threads share a core: who is waited for may need this very one.
    const SHARED_CORE: Patience = Patience { doublings: 2 };

    /// For each of so many threads on the two cores of a run.
    pub(super) fn of(threads: usize) -> Patience {
        if threads <= 2 {
            Patience::OWN_CORE
        } else {
            Patience::SHARED_CORE
        }
    }

    /// Tries until it succeeds.
    #[inline(always)]
    pub(super) fn until<T>(self, mut attempt: impl FnMut() -> Option<T>) -> T {
        if let Some(value) = attempt() {
            return value;
        }
        for step in 0.. {
            self.pause(step);
            if let Some(value) = attempt() {
                return value;
            }
        }
        unreachable!("a pause would have panicked before")
    }

    #[cold]
    fn pause(self, step: u32) {
        if step > self.doublings {
            return yield_core(step);
        }
        for _ in 0..1 << step {
            std::hint::spin_loop();
        }
    }
}

/// [`Patience::until`] for a thread that has its core for itself.
#[inline(always)]
pub(super) fn until<T>(attempt: impl FnMut() -> Option<T>) -> T {
    Patience::OWN_CORE.until(attempt)
}

/// Tries until it succeeds, as fast as it can.
#[inline(always)]
pub(super) fn until_hot<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    for futile in 0.. {
        if let Some(value) = attempt() {
            return value;
        }
        if futile >= TRIES_AT_ONCE {
            yield_core(futile);
        }
    }
    unreachable!("a yield would have panicked before")
}

#[cold]
fn yield_core(futile: u32) {
    assert!(futile < YIELDS_MAX, "no progress: a value must be lost");
    std::thread::yield_now();
}
