//! Reply slots: the one answer to one request, from a pool, without an allocation per request.
//!
//! A [`Pool`] belongs to one worker and lends slots; each is a [`Sender`] for whoever answers, on
//! any thread, and a [`Receiver`] for whoever asked. Either end may be dropped at any moment.
//!
//! # Protocol
//!
//! Each slot has one atomic word: a generation, which counts the uses of the slot, and six bits
//! that are clear at the start of a use. Beside it lie a cell for the value, one for the waker of the
//! receiver, and a [`WakerCell`](crate::wait::WakerCell) for that of the sender.
//!
//! 1. *Lend.* The pool hands out the two ends of a free slot. A **near** slot (one of the first
//!    sixteen) is free when its generation has moved on from the one that was lent; the pool looks
//!    at two of these words first, and at all of them only when it has no far slot at hand. A
//!    **far** slot is free when it is in the list of returned slots, or in the pool's own list of
//!    spare ones. Only the owner of the pool lends, so this needs no atomic read-modify-write: that
//!    is what makes a slot cheap.
//! 2. *Answer.* The sender writes the value and adds `SENT`, or drops and adds `CLOSED`. This one
//!    read-modify-write publishes the value and shows what the receiver has done. If neither
//!    `WAITING` nor `LEFT` was set, the sender has let go with it and touches the slot no more.
//!    Without the read in the same step, a receiver that registers its waker at that moment would
//!    sleep for ever.
//! 3. *Wait.* The receiver writes its waker into the cell and sets `WAITING`, by a compare-exchange
//!    that fails if the answer has come. To change the waker it first clears `WAITING` in the same
//!    way. (Setting `WATCHED`, step 7, can make one of these fail too: then it is repeated, once in a
//!    use.) So the cell belongs to the receiver while `WAITING` is clear, and from the answer on to
//!    the sender if it was set; both never hold it at once.
//! 4. *Wake.* A sender that found `WAITING` takes the waker out, adds `WOKEN` (only now it has let
//!    go), and wakes. Without `WOKEN` the receiver could take the value and the slot could be lent
//!    again while the sender still reads the waker.
//! 5. *Take.* The receiver sees `SENT`, moves the value out and lets go. If `WAITING` is clear
//!    the sender has let go with its answer, and the receiver returns the slot. Otherwise it adds
//!    `LEFT`; of `LEFT` and `WOKEN`, the later one returns the slot. Nobody waits for anybody.
//! 6. *Cancel.* A receiver that is dropped takes its waker back (as in 3) and adds `LEFT`. If the
//!    answer was there already it drops the value and goes on as in 5; if not, the sender finds
//!    `LEFT`, gets its value back as an error, and returns the slot.
//! 7. *Watch.* A sender that wants to hear of a cancellation registers its waker and then sets
//!    `WATCHED`. If that shows `LEFT` it need not wait; otherwise the cancellation finds `WATCHED` and
//!    wakes, after it has set `LEFT`. The slot may be in its next use by then, so a sender may be woken
//!    by the receiver before its own; it looks, and registers again.
//! 8. *Return.* The last end moves the generation on and clears the bits. For a near slot that
//!    store is all. A far slot is then pushed onto the list of returned slots, which the owner of
//!    the pool takes as a whole, so a slot that is pushed twice meanwhile (ABA) cannot confuse it.
//!    If `WATCHED` is set it takes the sender's waker out first, and drops it when it has let go.
//!
//! # Memory orders
//!
//! What an end does to the cells comes before its letting go (release), and the other end, or the
//! next use, acquires that before it touches them. The answer, `WOKEN` and the `LEFT` of step 5 are
//! therefore `AcqRel`: each may be the one that lets go, or the one that finds the other gone. The
//! `LEFT` of a cancellation releases if it is set, and acquires the answer if that was first. Setting
//! `WAITING` releases the waker; clearing it needs no order, as the receiver takes back what it wrote
//! itself. Nor does setting `WATCHED`: of registering and waking, the later one sees what came before
//! the earlier one, by the waker cell; so the sender sees `LEFT`, or the wake finds its waker. Pushes
//! onto the list release; as they are read-modify-writes of one word, taking the list acquires all of
//! them.
//!
//! # Invariants of the unsafe code
//!
//! - A slot has at most one sender and one receiver, and they borrow the pool, so the slot outlives
//!   them and the pool does not move.
//! - The value cell belongs to the sender until the answer, then to the receiver if it has not left,
//!   otherwise to the sender again.
//! - The cell of the receiver's waker is held as in step 3, `home` and `next` as the list of returned
//!   slots says.
//! - The cell of the sender's waker may be accessed by any end at any time, as it orders its accesses
//!   itself; so the receiver may wake after it has let go, as long as its borrow of the pool lasts.
//!
//! # Limits
//!
//! Lending looks at eighteen words and one list at most, however many slots there are. Returning a
//! near slot is one store, a far slot one compare-exchange that is retried while others return
//! too: with more than sixteen slots lent, a use costs about half as much again.
//!
//! An end that stalls keeps its own slot, with the value if one was sent and the wakers if any were
//! left, and holds up nobody else's; but if a receiver stalls while it wakes the sender, the senders
//! of later uses of its slot poll instead of sleeping. What an end that is forgotten
//! (`mem::forget`) keeps is lost: the slot to its pool, and the value and the receiver's waker are not
//! dropped with the pool either.
//!
//! # When not to use it
//!
//! When requests have no bound, or live longer than any pool: a one-shot channel that allocates is
//! simpler. Ends borrow the pool; tasks that must be `'static` want a pool that is leaked
//! (`Box::leak`), one per worker, for the life of the program. For several answers use a queue.
//!
//! The state machine resembles that of the crate `oneshot`; the pool, and letting go without a
//! read-modify-write, are our own.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `reply_slot`, ask, answer and receive, CPU ns: 1.82 to oneshot, 2.81 to tokio.

mod error;
mod pool;
mod receiver;
mod returned;
mod sender;
mod slot;

pub use error::{Exhausted, RecvError, SendError, TryRecvError};
pub use pool::Pool;
pub use receiver::Receiver;
pub use sender::Sender;
