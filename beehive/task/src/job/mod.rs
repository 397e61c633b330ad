//! Fork-join jobs: halves of work that a worker does itself unless another one takes them first.
//!
//! A job is *pending* in a list that only its owner touches (`pending`), where it costs a few plain
//! stores. A few jobs, the oldest and so the largest, are *exposed* in slots that others can steal
//! from (`exposed`). The number that is exposed is restored only when a thief has taken one, which
//! the owner learns from one load of a word that nobody else writes: a theft is the signal that
//! somebody is hungry. So a join that nobody wants costs no atomic read-modify-write, and there is no
//! timer. (Heartbeat scheduling, Acar and others, PLDI 2018, and its successors Spice and chili
//! promote by the clock instead; private deques, Acar and others, PPoPP 2013, by request.) And as long
//! as thefts are rare, most work need not become a job at all ([`Owner::is_calm`]).
//!
//! # Protocol
//!
//! A job is executed exactly once: whoever removes it from the list or from its slot executes it.
//!
//! 1. **Push**: the owner links the job into its list, as the newest. Nobody else knows of it.
//! 2. **Expose**: if fewer jobs are exposed than wanted, the owner unlinks the oldest pending one and
//!    stores its address in a free slot (release). From now on a thief may have it.
//! 3. **Steal**: a thief replaces an address in a slot by null (compare-exchange, acquire); whoever
//!    succeeds has the job alone. Then it adds one to `stolen`. It touches the job's memory only after
//!    the compare-exchange: before it, the job may be gone. That the same address can meanwhile have
//!    been taken back and exposed again does no harm: what was stolen is then the newer job.
//! 4. **Take back**: an owner that needs its job unlinks it, or if it was exposed, replaces its
//!    address in its slot by null. If that fails, a thief has the job, and the owner waits for its
//!    [`Latch`].
//! 5. **Finish**: the thief writes the outcome, then sets the latch (release) and touches the job no
//!    more: its memory belongs to a stack frame that may be gone by then.
//! 6. **Help while waiting**: an owner that waits for a latch steals from the thief that is named in
//!    it (leapfrogging, Wagner and Calder, PPoPP 1993): what that one has exposed is most likely part
//!    of what is waited for, so that stacks grow no deeper than the work itself.
//! 7. **Sleep**: an owner that has waited for long marks the latch as sleeping (sequentially
//!    consistent), then looks once more at the thief's slots, and only then sleeps. A thief that has
//!    exposed a job, then looks at the latch that it serves; and whoever sets a latch sees whether its
//!    owner sleeps. Both wake it. Without the second look, a job could be exposed between the owner's
//!    last look and its mark, and the owner would sleep beside work.
//!
//! Waking and sleeping themselves are the world's: what is to be woken is returned.

mod boxed;
mod exposed;
mod latch;
mod owner;
mod pending;
mod stack;

use core::cell::Cell;
use core::ptr::{self, NonNull};

pub use exposed::{Exposed, Stolen};
pub use latch::Latch;
pub use owner::{Aside, Owner};
pub use stack::{StackJob, Work};

/// Executes a job on a worker that is its `runner`. Names the owner to wake, if it sleeps.
///
/// # Safety
///
/// The job was removed from its list or slot by the caller, who calls this once.
type Execute = unsafe fn(job: NonNull<Job>, runner: &Owner, victim: u32) -> Option<u32>;

/// What is known of a job whose closure has any type: the first field of the whole job.
pub(crate) struct Job {
    /// `None` in a mark, which is a boundary in the list and not work.
    execute: Option<Execute>,
    /// The next older job while this one is pending; null once it was unlinked to be exposed or run.
    older: Cell<*const Job>,
    /// The next newer job; meaningless in the newest.
    newer: Cell<*const Job>,
    /// Where the job is exposed, if it is; before, `BOXED` or not.
    slot: Cell<u32>,
}

impl Job {
    /// Marks a job that nobody waits for by itself. Never the number of a slot.
    const BOXED: u32 = u32::MAX;

    #[inline]
    fn new(execute: Execute) -> Self {
        Self {
            execute: Some(execute),
            ..Self::mark()
        }
    }

    fn boxed(execute: Execute) -> Self {
        Self {
            slot: Cell::new(Self::BOXED),
            ..Self::new(execute)
        }
    }

    /// A boundary.
    #[inline]
    fn mark() -> Self {
        Self {
            execute: None,
            older: Cell::new(ptr::null()),
            newer: Cell::new(ptr::null()),
            slot: Cell::new(0),
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;
