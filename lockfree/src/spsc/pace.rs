//! Keeps a consumer from running close behind its producer.
//!
//! A consumer that takes each item as soon as it appears looks at the producer's index after every
//! few items, and each look takes that cache line, and the one of the items, away from the producer:
//! both run at the speed of the interconnect, not of the cache, and stay in that state, since the
//! consumer has less to do per item. So after several looks in succession that found few items, the
//! consumer pauses before the next one, until more are there.
//!
//! Two patterns are left alone, where a pause would only be a delay: a single item is no stream but
//! perhaps a question that waits for its answer; and who takes what is there and goes on to other
//! work looks in vain after each burst.

/// A look that finds at least two and fewer than this found few.
const ENOUGH: usize = 128;
/// So many looks that found few, with none in vain between them, are a stream.
const STREAM: u8 = 2;
/// Meant as some times what it takes to fetch a cache line from another core; what a pause takes
/// differs by processor. Chosen by measuring, on one machine.
const PAUSES: u32 = 8;

/// How many looks in succession have found few items.
pub(crate) struct Pace {
    few: u8,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { few: 0 }
    }

    /// To be called before each look at the producer's index.
    #[inline(always)]
    pub(crate) fn before_look(&self) {
        if self.few >= STREAM {
            for _ in 0..PAUSES {
                // Not the façade's, for which it is a yield: nothing is waited for.
                core::hint::spin_loop();
            }
        }
    }

    /// To be called after a look that found `items`.
    #[inline(always)]
    pub(crate) fn found(&mut self, items: usize) {
        if (2..ENOUGH).contains(&items) {
            self.few = self.few.saturating_add(1);
        } else if self.few != 0 {
            // Only then, because a futile look is to write nothing.
            self.few = 0;
        }
    }
}
