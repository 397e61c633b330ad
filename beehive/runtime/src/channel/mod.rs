//! Channels between tasks: those of `hallows_lockfree` whose waiting is asynchronous.
//!
//! They wake tasks by their wakers and know nothing of the runtime, so they also connect tasks with
//! threads (`hallows_lockfree::wait::block_on` waits there) and with other runtimes. None reads a
//! clock: for a time limit wrap the waiting in [`timeout`](crate::time::timeout). All futures are
//! cancel safe as their documentation says, and take part in the [budget](crate::budget) of their
//! task.
//!
//! | to send | use | tokio's name |
//! |---|---|---|
//! | one value, once | [`oneshot`] | `oneshot` |
//! | many answers to requests, without allocation | [`reply`]: a pool per worker, whose ends borrow it | |
//! | values from many tasks to one | [`mpsc::unbounded`], [`mpsc::bounded`] | `mpsc` |
//! | a stream from one task to one other | [`spsc::channel`] | |
//! | values from many tasks to any of many | [`mpmc::WaitQueue`] | |
//! | the newest value to one reader | [`latest::triple_buffer`] | `watch` (which has several readers) |
//! | a wake-up without a value | [`latest::signal`] | `Notify::notify_one` |
//! | every value to every reader | [`broadcast::gated`] (a slow reader holds the sender up), [`broadcast::lossy`] (it loses values) | `broadcast` |
//! | permission to go on, so many at a time | [`admission::Gate`] | `Semaphore` |

pub mod oneshot;

pub use hallows_lockfree::admission;
pub use hallows_lockfree::mpmc;
pub use hallows_lockfree::reply;

/// Many senders, one receiver. See [`hallows_lockfree::mpsc`] for the protocol and the limits.
pub mod mpsc {
    pub use hallows_lockfree::mpsc::{
        SendError, Sender as UnboundedSender, Sending, TryRecvError, TrySendError,
        WaitReceiver as BoundedReceiver, WaitSender as BoundedSender, unbounded,
        waiting as bounded,
    };

    /// The receiver of a channel made by [`unbounded`].
    pub type UnboundedReceiver<T> = hallows_lockfree::mpsc::Receiver<T>;
}

/// One sender, one receiver. See [`hallows_lockfree::spsc`] for the protocol and the limits.
pub mod spsc {
    pub use hallows_lockfree::spsc::{Closed, PopError, PushError, Receiver, Sender, channel};
}

/// Only the newest matters. See [`hallows_lockfree::latest`] for the protocols and the limits.
pub mod latest {
    pub use hallows_lockfree::latest::{
        Closed, Listener, Notifier, Reader, Writer, signal, triple_buffer,
    };
}

/// Every reader sees every item. See [`hallows_lockfree::sequenced`] for the protocols and the limits.
pub mod broadcast {
    pub use hallows_lockfree::sequenced::{ClaimError, Closed, Full, JoinError, ReadError};

    /// The sender waits for the slowest reader.
    pub mod gated {
        use hallows_lockfree::sequenced::gated;

        pub use gated::{Claim, View, channel};

        /// Publishes items.
        pub type Publisher<T> = gated::Publisher<T, true>;
        /// Reads every item.
        pub type Consumer<T> = gated::Consumer<T, true>;
        /// Lets consumers join from any thread.
        pub type Joiner<T> = gated::Joiner<T, true>;
    }

    /// The sender never waits; a reader that falls behind is told how many items it lost.
    pub mod lossy {
        use hallows_lockfree::sequenced::lossy;

        pub use lossy::channel;

        /// Publishes items of so many words.
        pub type Publisher<const WORDS: usize> = lossy::Publisher<WORDS, true>;
        /// Reads every item that it is in time for.
        pub type Consumer<const WORDS: usize> = lossy::Consumer<WORDS, true>;
        /// Lets consumers join from any thread.
        pub type Joiner<const WORDS: usize> = lossy::Joiner<WORDS, true>;
    }
}
