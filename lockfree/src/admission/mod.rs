//! The admission gate: so many at a time, the others in a queue of bounded length, in order, and
//! whoever waits and cannot be served before its deadline is told so early.
//!
//! A [`Gate`] hands out [`Permit`]s, or [`OwnedPermit`]s to tasks that must be `'static`. It reads no
//! clock: deadlines are numbers in any unit, and [`Gate::shed`] is told the present one, as often as
//! suits its caller.
//!
//! # Protocol
//!
//! One atomic word holds the number of free permits and two bits: `CLOSED`, and `QUEUED` while
//! anybody waits. Waiters are nodes inside the futures that [`Gate::acquire`] returns, linked into a
//! list that is protected by a spin lock.
//!
//! 1. *Acquire.* If neither bit is set and a permit is free, one compare-exchange takes it. While
//!    `QUEUED` is set nobody passes the queue: that is the fairness.
//! 2. *Queue.* Otherwise the waiter takes the lock and sets `QUEUED`. If that shows a free permit
//!    and no queue, it takes the permit. Without this look, one that came back just before would
//!    lie unused while the waiter sleeps. If not, the waiter appends its node, unless the queue is
//!    full or its deadline cannot be met.
//! 3. *Release.* One addition gives the permit back. If it shows `QUEUED`, the releaser takes the
//!    lock, takes one permit out of the word again and hands it to the first waiter. So each permit
//!    in the word while `QUEUED` is set has a releaser that is about to hand it over. (If the queue
//!    was empty in between, somebody else may have taken it; then the releaser finds none.)
//! 4. *Hand over.* The node is unlinked, its waker taken out and its status set; this is the last
//!    access to the node, which may be gone right after. Wakers are woken and dropped after the lock
//!    has been released, because they may run any code.
//! 5. *Cancel.* A future that is dropped unlinks its node under the lock. If it has been handed a
//!    permit that it never saw, it releases the permit, which passes on.
//! 6. *Shed.* Under the lock: the waiter at position `n` expects its permit at `now + (n + 1) *
//!    pace`; if that is past its deadline it is unlinked and told [`AcquireError::Late`]. The gate
//!    remembers `now` and `pace`, so that a hopeless newcomer is refused when it would queue. Who
//!    finds a permit free is not asked for its deadline: that would cost each of them a look at the
//!    time, and it does not wait.
//! 7. Who empties the list clears `QUEUED`, still under the lock.
//!
//! # Memory orders
//!
//! Taking a permit acquires, giving it back releases: what was done with a permit comes before what
//! is done with it next. As all changes of the word are read-modify-writes, a take acquires every
//! release before it. Setting `QUEUED` releases; giving back and closing acquire, so that whoever has
//! seen the bit comes to the lock after the waiter who set it, and finds its node.
//! The lock acquires and releases as usual. A node's status is stored with release and read with
//! acquire, because a waiter looks at it without the lock.
//!
//! # Invariants of the unsafe code
//!
//! - A node in the list lies in a pinned future, which unlinks it before it is gone; only who holds
//!   the lock touches its links, waker and deadline.
//! - A node is in the list exactly while its future has queued it and its status is `WAITING`; both
//!   change together, under the lock.
//!
//! # Limits, and what a stalled thread can delay
//!
//! While nobody waits, taking and giving back are one read-modify-write and take no lock. The lock is
//! taken by who queues, is polled again while it waits, leaves the queue, sheds, closes, asks how many
//! wait, or releases while `QUEUED` is set; each of these spins while a thread that holds the lock is
//! stopped. It is held for a few loads and stores, or for a walk along the queue in [`Gate::shed`].
//! As it is a spin lock: with threads of different priority on one processor, raise the priority or
//! mask interrupts around these calls.
//!
//! [`Gate::try_acquire`] never takes the lock and never waits. But `QUEUED` is also set for a moment by
//! who finds that it need not or may not wait; if that thread is stopped then, every `try_acquire` says
//! [`TryAcquireError::Busy`] until it goes on, though permits may be free and nobody in the queue.
//!
//! A releaser that is stopped between giving its permit back and taking the lock leaves the permit in
//! the word. Those who wait do not get it until the releaser goes on (others' permits are handed over
//! meanwhile), or until the queue was empty once.
//!
//! # When not to use it
//!
//! To protect data (use a mutex), or where waiters need no order: a plain counter that is polled
//! costs less. Without a source of time, give [`u64::MAX`] as the deadline.
//!
//! The idea of permits beside flags in one word with a list of intrusive nodes is that of tokio's
//! semaphore; shedding is after "The Tail at Scale" and admission control in `WeChat`'s DAGOR.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `admission`, acquire and release, 2 threads, CPU ns: 2.56 to tokio.
//! - `admission`, the same through the queue, CPU ns: 1.97 to tokio.

mod acquire;
mod error;
mod gate;
mod lock;
mod owned;
mod queue;
mod wakers;

pub use acquire::Acquire;
pub use error::{AcquireError, TryAcquireError};
pub use gate::{Gate, Permit};
pub use owned::OwnedPermit;
