//! How long a worker runs tasks before it looks around: at its inbox, its reactor and its timers.
//!
//! A quantum ends by time ([`LENGTH`]), so that what comes from outside waits no longer, however long
//! polls are; and by number ([`POLLS_MAX`]), so that short polls do not delay what is ready in the
//! reactor by many of their own times.
//!
//! Reading a clock after each poll would cost as much as a short poll takes. So the clock is read
//! after a *stride* of polls: as long as a stride takes little of the quantum, the next one is twice
//! as long; as soon as one takes much, the next one is a single poll. A quantum is overrun by at
//! most the stride in progress, which is short unless polls have just become much longer than those
//! before: for one stride, once.

use crate::Nanos;

/// Longest time between two looks around, but for the poll in progress.
pub const LENGTH: Nanos = Nanos(100_000);
/// Most polls between two looks around.
pub const POLLS_MAX: u32 = 61;
/// Most polls between two readings of the clock.
const STRIDE_MAX: u32 = 32;
/// A stride that takes longer is followed by one of a single poll.
const STRIDE_LONG: Nanos = Nanos(LENGTH.0 / 8);
/// A stride that takes less is followed by one twice as long.
const STRIDE_SHORT: Nanos = Nanos(STRIDE_LONG.0 / 2);

/// The quantum in progress, and what was learned from those before.
#[derive(Debug, Clone)]
pub struct Quantum {
    start: Nanos,
    /// When the stride in progress began.
    stride_start: Nanos,
    /// Length of the stride in progress, in polls.
    stride: u32,
    /// Polls of this quantum up to the end of the stride in progress.
    polls: u32,
}

impl Quantum {
    /// Before the first quantum.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            start: Nanos(0),
            stride_start: Nanos(0),
            stride: 1,
            polls: 0,
        }
    }

    /// A quantum begins; after how many polls to read the clock.
    pub fn begin(&mut self, now: Nanos) -> u32 {
        self.start = now;
        self.polls = 0;
        self.begin_stride(now)
    }

    /// The stride has ended; after how many further polls to read the clock again, or `None` if the
    /// quantum is over.
    pub fn end_stride(&mut self, now: Nanos) -> Option<u32> {
        let took = now.since(self.stride_start);
        if took > STRIDE_LONG {
            self.stride = 1;
        } else if took < STRIDE_SHORT {
            self.stride = (self.stride * 2).min(STRIDE_MAX);
        }
        let over = now.since(self.start) >= LENGTH || self.polls >= POLLS_MAX;
        (!over).then(|| self.begin_stride(now))
    }

    fn begin_stride(&mut self, now: Nanos) -> u32 {
        self.stride_start = now;
        let stride = self.stride.min(POLLS_MAX - self.polls);
        self.polls += stride;
        stride
    }
}

impl Default for Quantum {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one quantum of equal polls: its length, its polls and the readings of the clock.
    fn run(quantum: &mut Quantum, now: &mut u64, poll_ns: u64) -> (u64, u32, u32) {
        let start = *now;
        let (mut polls, mut readings) = (0, 0);
        let mut stride = Some(quantum.begin(Nanos(*now)));
        while let Some(count) = stride {
            polls += count;
            *now += u64::from(count) * poll_ns;
            readings += 1;
            stride = quantum.end_stride(Nanos(*now));
        }
        (*now - start, polls, readings)
    }

    #[test]
    fn short_polls_are_limited_in_number_and_the_clock_is_read_rarely() {
        let (mut quantum, mut now) = (Quantum::new(), 0);
        run(&mut quantum, &mut now, 50);
        let (_, polls, readings) = run(&mut quantum, &mut now, 50);
        assert_eq!(polls, POLLS_MAX);
        assert!(readings <= 2, "{readings} readings");
    }

    #[test]
    fn polls_of_any_equal_length_end_the_quantum_in_time() {
        for poll_ns in [1_000, 3_000, 9_000, 13_000, 70_000, 5_000_000] {
            let (mut quantum, mut now) = (Quantum::new(), 0);
            for _ in 0..5 {
                let (length, ..) = run(&mut quantum, &mut now, poll_ns);
                let overrun = poll_ns.max(STRIDE_LONG.0);
                assert!(length < LENGTH.0 + overrun, "{poll_ns}: {length}");
            }
        }
    }

    #[test]
    fn one_stride_is_enough_to_learn_that_polls_have_become_long() {
        let (mut quantum, mut now) = (Quantum::new(), 0);
        for _ in 0..10 {
            run(&mut quantum, &mut now, 50);
        }
        let (_, polls, _) = run(&mut quantum, &mut now, 200_000);
        assert_eq!(polls, STRIDE_MAX);
        let (_, polls, _) = run(&mut quantum, &mut now, 200_000);
        assert_eq!(polls, 1);
    }
}
