//! Work that many threads find and one at a time does, for all of them.
//!
//! # Protocol
//!
//! 1. Who has left something to be done looks whether somebody is at it, and says that it is itself: by
//!    one swap. If nobody was, it does all there is.
//! 2. When it finds nothing more it says so, by a swap too, and looks once more.
//! 3. Who finds somebody at it goes away. Its swap releases what it has left, and that of step 2
//!    acquires it. In the same manner each who is at work hands over to the next.
//!
//! So who does the work may find more of it by doing it: it does that later, not by recursion.

use crate::sync::atomic::{AtomicBool, Ordering::AcqRel};

/// Whether a thread is at work.
#[derive(Debug)]
pub struct Drain {
    at_work: AtomicBool,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Nobody is at work.
    #[must_use]
    pub fn new() -> Self {
        Self {
            at_work: AtomicBool::new(false),
        }
    }

    /// Works as long as there is something to do, or leaves that to a thread that is at work.
    ///
    /// If `work` panics, the next caller goes on with what is left.
    pub fn run(&self, is_due: impl Fn() -> bool, mut work: impl FnMut()) {
        while is_due() && !self.at_work.swap(true, AcqRel) {
            let end = End(self);
            while is_due() {
                work();
            }
            drop(end);
        }
    }
}

/// Ends the work when it is dropped.
struct End<'a>(&'a Drain);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.at_work.swap(false, AcqRel);
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;
    use core::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn work_that_is_found_while_at_work_is_done_without_recursion() {
        let (drain, left, depth) = (Drain::new(), Cell::new(3), Cell::new(0));
        fn go(drain: &Drain, left: &Cell<u32>, depth: &Cell<u32>) {
            drain.run(
                || left.get() > 0,
                || {
                    depth.set(depth.get() + 1);
                    assert_eq!(depth.get(), 1);
                    left.set(left.get() - 1);
                    go(drain, left, depth);
                    depth.set(depth.get() - 1);
                },
            );
        }
        go(&drain, &left, &depth);
        assert_eq!(left.get(), 0);
    }

    #[test]
    fn after_a_panic_the_next_one_goes_on() {
        let (drain, left) = (Drain::new(), Cell::new(2));
        let work = || left.set(left.get() - 1);
        let panics = || {
            work();
            panic!("on purpose");
        };
        let first = catch_unwind(AssertUnwindSafe(|| drain.run(|| left.get() > 0, panics)));
        assert!(first.is_err() && left.get() == 1);
        drain.run(|| left.get() > 0, work);
        assert_eq!(left.get(), 0);
    }
}
