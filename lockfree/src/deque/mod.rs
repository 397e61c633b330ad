//! A bounded work-stealing deque: one owner pushes and pops at either end, others steal the oldest
//! values, one or half of them at a time.
//!
//! ```
//! use hallows_lockfree::deque::{Steal, Worker};
//!
//! let (busy, idle) = (Worker::new(256), Worker::new(256));
//! for task in 0..10 {
//!     busy.push(task).expect("there is room for 256");
//! }
//! assert_eq!(busy.stealer().steal_half(&idle), Steal::Success(5));
//! assert_eq!(idle.pop_front(), Some(0)); // The oldest have moved, in their order.
//! assert_eq!(busy.pop_back(), Some(9));
//! ```
//!
//! # Protocol
//!
//! Values have positions that count up (and wrap around at 2³²); position `p` is in slot `p` modulo
//! the capacity. Those in the deque are `head..tail`. Four words are shared:
//! `front` (`head`, and in its upper half a count of the pops at the back), `tail`, `released`, and
//! the slots; the owner alone knows `taken_front`, `free_until` and `head_min`.
//!
//! 1. **Push**: write the slot of `tail`, then raise `tail` (release). A thief that reads the new
//!    `tail` (acquire) sees the value; with less it would read memory that was never written.
//! 2. **Claim** (thieves): read `front` (acquire), then `tail` (acquire), then move `head` over any
//!    number of values by one compare-exchange of the whole `front`. If anything was popped or
//!    claimed meanwhile, `front` differs and nothing is claimed.
//! 3. **Pop at the front** (owner): raise `head` by one (release: who counts the values and sees this
//!    pop also sees the pushes before it), without looking first. If it was at `tail`
//!    already, the deque is empty, and `head` is lowered again; no thief claims while `head` is
//!    beyond `tail`. Both pops remember where `head` was (`head_min`): if that is at `tail`, nothing
//!    can be there, and neither touches what is shared. (To look at `front` before changing it costs
//!    a third of the speed: the read waits for the locked write of the pop before.)
//! 4. **Pop at the back** (owner): lower `tail` (release), *then* count the pop in `front` (release)
//!    and see where `head` is. A thief that read `front` before fails at its compare-exchange; one
//!    that reads it afterwards sees the lowered `tail`. Without the count, a thief could claim by a
//!    `tail` of long ago values that were popped since; in the other order, one could read the
//!    new `front` and the old `tail`. If `head` is at the old `tail`, a thief was first, and `tail` is
//!    raised again.
//!    Lowering is a release because a thief may learn from it about all values below.
//! 5. **Release** (thieves): copy the claimed values out, then add their number to `released`
//!    (release). Only then may their slots be overwritten.
//! 6. **Room** (owner): `free_until` is a position below which all slots are known to be free, so
//!    that a push writes only below `free_until` + capacity, and reads nothing that thieves write.
//!    When this is used up, the owner reads `released` (acquire), then `head`: if `released` and its
//!    own `taken_front` add up to `head`, every claim has been released, and `free_until` becomes
//!    `head`. If they do not, somebody is still copying, and `free_until` stays where it was at the
//!    last look that succeeded, also where slots have become free since. The order of the two reads makes `head` at
//!    least as new as every release that was counted; otherwise the sum could fit by chance.
//!
//! The remaining operations on `front` are relaxed: each is a read-modify-write, so it continues the
//! release sequence of the pops before it, and the values themselves are published by `tail`.
//!
//! # Progress
//!
//! The owner never loops: its operations are wait-free. A steal either succeeds, or says
//! [`Steal::Retry`] because somebody else has just succeeded; thieves do not wait for each other. A
//! thief that is stopped while it copies holds the slots of its own claim, of those after it, and of
//! those before it that have become free since the owner's last look: room counts from that look, and
//! the next one does not succeed. So at most the capacity, counted from there, can be pushed, and
//! after that the owner gets its values back.
//!
//! # Limits
//!
//! A thief that is stopped between reading `front` and the compare-exchange, while the owner pops an
//! exact multiple of 2³² values at the back and `head` is where it was, would claim what it should
//! not: at 4 ns per pop that needs a stop of 17 seconds, to the pop. (With pops at the front, `head`
//! takes as long to return.)
//!
//! # When not to use it
//!
//! When tasks come mostly from other threads (use the MPSC inbox: only the owner can push here), when
//! the number of waiting tasks has no bound that is known (what does not fit has to go elsewhere), or
//! when all take from one queue anyway (use the MPMC queue).
//!
//! # Source
//!
//! Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005) for the two ends; Tokio's
//! run queue for claims of half that are copied afterwards; st3 for counting pops in the word
//! that thieves compare. That releases are counted, so that several thieves can copy at
//! a time and a push reads no shared word, is ours.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `deque_owner`, push and pop of the owner, ns: 1.02 to crossbeam-deque, 1.23 to st3.
//! - `deque_steal`, million tasks per second with a thief: 1.33 to st3, 2.79 to crossbeam-deque.

mod shared;
mod stealer;
#[cfg(test)]
mod tests;
mod worker;

pub use stealer::{Steal, Stealer};
pub use worker::{Full, Worker};
