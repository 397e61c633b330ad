//! Demotion: how a task of the latency class is treated whose polls are not short.
//!
//! The class is for tasks with short polls, and gets most of the time. One that computes for long at
//! each poll would use up the time of its whole class, and hold up all others of it. What it says of
//! itself counts only as long as it is true: a task that overruns [`POLL_MAX`] again and again goes into
//! the queue of the normal class, and its time is charged there, until it has behaved for a while. A
//! single long poll is forgiven: the worker may just have lost its core.
//!
//! Each overrun raises the task's account by 32, at most to 96; each other poll
//! lowers it by one; from 64 on the task counts as normal. So two overruns in a row are enough,
//! and after that 33 short polls at most.
//!
//! Bound: among any `n` polls of a task, at most `3 + n / 32` overrun while it counts as latency.

use crate::budget::slice;
use crate::{Class, Nanos};

/// A poll that lasts longer is not that of a latency task: twice what its budget allows.
pub const POLL_MAX: Nanos = Nanos(2 * slice(Class::Latency).0);
/// By how much an overrun raises the account.
const PENALTY: u8 = 32;
/// From here on the task counts as normal.
const DEMOTED: u8 = 2 * PENALTY;
/// More is not remembered.
const ACCOUNT_MAX: u8 = 3 * PENALTY;

/// A task's account of overruns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conduct(u8);

impl Conduct {
    /// The account as it was [stored](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// To be stored.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// A poll has lasted for so long.
    #[must_use]
    pub fn after(self, poll: Nanos) -> Self {
        Self(if poll > POLL_MAX {
            self.0.saturating_add(PENALTY).min(ACCOUNT_MAX)
        } else {
            self.0.saturating_sub(1)
        })
    }

    /// As which class a task of this one is treated.
    #[must_use]
    pub const fn class(self, declared: Class) -> Class {
        match declared {
            Class::Latency if self.0 >= DEMOTED => Class::Normal,
            class => class,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHORT: Nanos = POLL_MAX;
    const LONG: Nanos = Nanos(POLL_MAX.0 + 1);

    fn is_demoted(conduct: Conduct) -> bool {
        conduct.class(Class::Latency) == Class::Normal
    }

    #[test]
    fn one_long_poll_is_forgiven_and_two_are_not() {
        let once = Conduct::default().after(LONG);
        assert!(!is_demoted(once));
        assert!(is_demoted(once.after(LONG)));
        let forgiven = (0..PENALTY).fold(once, |conduct, _| conduct.after(SHORT));
        assert_eq!(forgiven, Conduct::default());
    }

    #[test]
    fn whoever_behaves_comes_back_after_33_polls() {
        let worst = (0..1_000).fold(Conduct::default(), |conduct, _| conduct.after(LONG));
        let polls = (1..).scan(worst, |conduct, _| {
            *conduct = conduct.after(SHORT);
            Some(is_demoted(*conduct))
        });
        assert_eq!(polls.take_while(|&demoted| demoted).count() + 1, 33);
    }

    #[test]
    fn other_classes_are_what_they_say() {
        let worst = (0..9).fold(Conduct::default(), |conduct, _| conduct.after(LONG));
        assert_eq!(worst.class(Class::Normal), Class::Normal);
        assert_eq!(worst.class(Class::Background), Class::Background);
    }

    proptest! {
        #[test]
        fn overruns_as_latency_keep_their_bound(
            before in 0..=ACCOUNT_MAX,
            polls in prop::collection::vec(prop::bool::weighted(0.1), 0..600),
        ) {
            let mut conduct = Conduct::from_bits(before);
            let mut overruns = 0;
            for &long in &polls {
                overruns += usize::from(long && !is_demoted(conduct));
                conduct = conduct.after(if long { LONG } else { SHORT });
            }
            prop_assert!(overruns <= 3 + polls.len() / 32, "{overruns} in {}", polls.len());
        }
    }
}
