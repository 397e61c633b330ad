//! How long one poll may go on while everything that its task awaits is ready.
//!
//! A task gives way where it has to wait. One that finds a message at each receive never has to, so its
//! operations are counted, and when its slice ([`slice()`]) is over they are refused: it comes back to the end of
//! its queue. The limit is a time and not a number, since operations of different tasks differ a
//! thousandfold.
//!
//! Reading a clock at each operation would cost as much as a short one takes. So the first [`FREE`] of
//! a poll are not measured, and most polls have no more; then the clock is read after a *stride* of
//! operations, as many as would take an eighth of the slice if they were as long as the last ones. With
//! operations of equal length `o` a poll lasts no longer than
//! `slice + FREE * o + max(FREE * o, slice / 8)`. If operations become longer within one poll, the stride
//! in progress is the overrun, 32 operations at most.
//!
//! A poll in which very many operations were refused does not end by that: perhaps something in it
//! blocks until a future is ready. It gets another slice, so that it is slow but does not hang.

use crate::share::SLICE;
use crate::{Class, Nanos, quantum};

/// Operations of a poll before its time is measured.
pub const FREE: u32 = 4;
/// How many operations there may be between two readings of the clock.
const STRIDES: [u32; 3] = [32, 8, 1];
/// A stride should take no more than this part of the slice.
const STRIDE_PART: u64 = 8;
/// So many refusals in one poll are enough.
const REFUSALS_MAX: u32 = 1_024;

/// How long a poll of a task of this class may go on: half a quantum. Half of that for latency, whose
/// polls should be short, and for background, behind which nobody should wait for long.
#[must_use]
pub const fn slice(class: Class) -> Nanos {
    match class {
        Class::Normal => Nanos(quantum::LENGTH.0 / 2),
        Class::Latency | Class::Background => SLICE,
    }
}

/// The budget of the poll in progress.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    slice: Nanos,
    end: Nanos,
    /// When the clock was read last.
    looked: Nanos,
    stride: u32,
    refusals: u32,
}

impl Budget {
    /// The time of a poll is measured from now on. After how many operations to look again.
    pub fn begin(&mut self, now: Nanos, class: Class) -> u32 {
        self.slice = slice(class);
        self.renew(now);
        self.stride
    }

    fn renew(&mut self, now: Nanos) {
        self.end = Nanos(now.0.saturating_add(self.slice.0));
        self.looked = now;
        self.stride = FREE;
        self.refusals = 0;
    }

    /// Looks at the time. After how many operations to look again; zero if the operation is to be
    /// refused.
    pub fn look(&mut self, now: Nanos) -> u32 {
        if now >= self.end {
            self.refusals += 1;
            if self.refusals <= REFUSALS_MAX {
                return 0;
            }
            self.renew(now);
        }
        let took = now.since(self.looked).0;
        self.looked = now;
        let aim = self.slice.0 * u64::from(self.stride) / STRIDE_PART;
        let fits = |stride: &u32| took.saturating_mul(u64::from(*stride)) <= aim;
        self.stride = STRIDES.into_iter().find(fits).unwrap_or(1);
        self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations until one is refused, of lengths given by their number; the time that they took and
    /// the readings of the clock.
    fn poll(class: Class, length: impl Fn(u32) -> u64) -> (u64, u32, u32) {
        let mut budget = Budget::default();
        let (mut now, mut operations, mut readings) = (7, 0, 0);
        let mut run = |count: u32, now: &mut u64| {
            (operations..operations + count).for_each(|number| *now += length(number));
            operations += count;
        };
        run(FREE, &mut now);
        let mut stride = budget.begin(Nanos(now), class);
        while stride > 0 {
            run(stride, &mut now);
            stride = budget.look(Nanos(now));
            readings += 1;
        }
        (now - 7, operations, readings)
    }

    #[test]
    fn a_poll_of_equal_operations_keeps_its_bound() {
        for class in Class::ALL {
            let slice = slice(class).0;
            for length in [1, 20, 150, 400, 1_000, 3_000, 9_000, 60_000, 5_000_000] {
                let (took, ..) = poll(class, |_| length);
                let free = u64::from(FREE) * length;
                assert!(took >= slice, "{class:?}, {length} ns: cut after {took}");
                let bound = slice + free + free.max(slice / 8);
                assert!(took <= bound, "{class:?}, {length} ns: {took} of {bound}");
            }
        }
    }

    #[test]
    fn short_operations_read_the_clock_rarely() {
        let (_, operations, readings) = poll(Class::Normal, |_| 20);
        assert!(
            readings <= operations / 28,
            "{readings} for {operations} operations"
        );
    }

    #[test]
    fn operations_that_become_long_overrun_by_one_stride_at_most() {
        let long = 40_000;
        for short in 0..200 {
            let (took, ..) = poll(
                Class::Normal,
                |number| if number < short { 20 } else { long },
            );
            let bound = slice(Class::Normal).0 + u64::from(STRIDES[0] + FREE) * long;
            assert!(took <= bound, "after {short}: {took}");
        }
    }

    #[test]
    fn a_poll_that_does_not_end_when_refused_gets_another_slice() {
        let mut budget = Budget::default();
        budget.begin(Nanos(0), Class::Normal);
        let over = slice(Class::Normal).0;
        let refused = (0..).take_while(|&i| budget.look(Nanos(over + i)) == 0);
        let refused = refused.count() as u64;
        assert_eq!(refused, u64::from(REFUSALS_MAX));
        assert!(budget.look(Nanos(over + refused + 1)) > 0);
        assert_eq!(budget.look(Nanos(3 * over)), 0);
    }
}
