//! Shares under a clock of the test's own: bounds as properties, figures as examples.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const MS: u64 = 1_000_000;
const EVERYTHING: ClassSet = ClassSet::EMPTY
    .with(Class::Latency, true)
    .with(Class::Normal, true)
    .with(Class::Background, true);

/// A worker whose tasks take as long as the test says.
struct World {
    shares: Shares,
    now: Nanos,
    /// When each poll began and ended, and of which class it was.
    polls: Vec<(Class, Nanos, Nanos)>,
}

impl World {
    fn new(weights: Weights) -> Self {
        Self {
            shares: Shares::new(weights),
            now: Nanos(0),
            polls: Vec::new(),
        }
    }

    /// One slice: polls of the chosen class until the slice is over.
    fn slice(&mut self, ready: ClassSet, mut poll_ns: impl FnMut(Class) -> u64) -> Class {
        let class = self.shares.next(self.now, ready).unwrap();
        loop {
            let begin = self.now;
            self.now.0 += poll_ns(class);
            self.polls.push((class, begin, self.now));
            if self.shares.is_over(self.now) {
                return class;
            }
        }
    }

    /// Time of each class in a window.
    fn time_in(&self, from: Nanos, to: Nanos) -> [u64; Class::COUNT] {
        let mut times = [0; Class::COUNT];
        let first = self.polls.partition_point(|&(.., end)| end <= from);
        let window = self.polls[first..].iter();
        for &(class, begin, end) in window.take_while(|&&(_, begin, _)| begin < to) {
            times[class.index()] += end.min(to).since(begin.max(from)).0;
        }
        times
    }
}

fn any_weights() -> impl Strategy<Value = Weights> {
    let weight = || prop_oneof![1..=20_u16, 1..=u16::MAX];
    (weight(), weight(), weight()).prop_map(|(a, b, c)| Weights::new(a, b, c).unwrap())
}

fn any_ready() -> impl Strategy<Value = ClassSet> {
    (1_u8..8).prop_map(|bits| {
        let with = |set: ClassSet, class: Class| set.with(class, bits >> class.index() & 1 != 0);
        Class::ALL.into_iter().fold(ClassSet::EMPTY, with)
    })
}

fn any_class() -> impl Strategy<Value = Class> {
    (0..Class::COUNT).prop_map(|index| Class::ALL[index])
}

/// Polls that last a few microseconds, sometimes much more.
fn any_poll_ns(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![4 => 2_000..20_000_u64, 1 => 2_000..max]
}

proptest! {
    #[test]
    fn some_ready_class_always_runs_and_no_other(
        weights in any_weights(),
        slices in prop::collection::vec((any_ready(), any_poll_ns(3_000 * MS), 0..500 * MS), 1..200),
    ) {
        let mut shares = Shares::new(weights);
        let mut now = Nanos(0);
        for (ready, poll, pause) in slices {
            let class = shares.next(now, ready);
            prop_assert!(class.is_some_and(|class| ready.contains(class)));
            now.0 += poll;
            if pause % 2 == 0 {
                shares.stop(now, ready);
                now.0 += pause;
            }
        }
        prop_assert_eq!(shares.next(now, ClassSet::EMPTY), None);
    }

    #[test]
    fn a_ready_class_waits_no_longer_than_the_patience_and_two_slices(
        weights in any_weights(),
        waiting in any_class(),
        others in prop::collection::vec((any_ready(), any_poll_ns(400 * MS)), 300),
    ) {
        let mut world = World::new(weights);
        let mut since = Nanos(0);
        let mut longest = 0;
        for (ready, poll) in others.into_iter().cycle().take(600) {
            let ready = ready.with(waiting, true);
            let begin = world.now;
            if world.slice(ready, |_| poll) == waiting {
                let waited = begin.since(since);
                let bound = PATIENCE.0 + 2 * (SLICE.0 + longest);
                prop_assert!(waited.0 <= bound, "waited for {waited:?} of {bound}");
                since = world.now;
                longest = 0;
            } else {
                longest = longest.max(poll);
            }
        }
    }

    #[test]
    fn a_ready_class_waits_no_longer_than_the_weights_say(
        weights in (1..=64_u16, 1..=64_u16, 1..=64_u16)
            .prop_map(|(a, b, c)| Weights::new(a, b, c).unwrap()),
        waiting in any_class(),
        others in prop::collection::vec((any_ready(), 2_000..60_000_u64), 300),
    ) {
        let mut world = World::new(weights);
        let overrun = SLICE.0 + 60_000;
        let other_weights: u64 = Class::ALL
            .into_iter()
            .filter(|&class| class != waiting)
            .map(|class| u64::from(weights.of(class)))
            .sum();
        let own = u64::from(weights.of(waiting));
        let bound = overrun * other_weights / own + 2 * overrun;
        let mut since = Nanos(0);
        for (ready, poll) in others.into_iter().cycle().take(1_000) {
            let begin = world.now;
            if world.slice(ready.with(waiting, true), |_| poll) == waiting {
                let waited = begin.since(since).0;
                prop_assert!(waited <= bound, "waited for {waited} of {bound} ns");
                since = world.now;
            }
        }
    }
}

proptest! {
    // Each case is half a second of polls.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shares_follow_the_weights_within_two_percent_in_any_100_ms(
        order in Just([1_u16, 2, 4]).prop_shuffle(),
        polls in prop::collection::vec(1_000..30_000_u64, 100..400),
    ) {
        let weights = Weights::new(order[0], order[1], order[2]).unwrap();
        let mut world = World::new(weights);
        let mut poll = polls.iter().copied().cycle();
        while world.now.0 < 500 * MS {
            world.slice(EVERYTHING, |_| poll.next().unwrap());
        }
        for from in (0..400 * MS).step_by(31_300_000) {
            let times = world.time_in(Nanos(from), Nanos(from + 100 * MS));
            for class in Class::ALL {
                let due = 100.0 * MS as f64 * f64::from(weights.of(class)) / 7.0;
                let error = (times[class.index()] as f64 - due).abs() / due;
                prop_assert!(error < 0.02, "{class:?} is off by {error} from {from}");
            }
        }
    }
}

#[test]
fn a_class_that_slept_has_no_credit() {
    let mut world = World::new(Weights::new(1, 1, 1).unwrap());
    let normal = ClassSet::EMPTY.with(Class::Normal, true);
    while world.now.0 < 200 * MS {
        world.slice(normal, |_| 10_000);
    }
    let woken = world.now;
    let both = normal.with(Class::Background, true);
    while world.now.0 < 300 * MS {
        world.slice(both, |_| 10_000);
    }
    let times = world.time_in(woken, world.now);
    let difference = times[Class::Normal.index()].abs_diff(times[Class::Background.index()]);
    assert!(difference <= 2 * SLICE.0, "{times:?}");
}

#[test]
fn a_long_poll_is_paid_back_also_by_a_class_that_sleeps_between() {
    let mut world = World::new(Weights::new(1, 1, 1).unwrap());
    let normal = ClassSet::EMPTY.with(Class::Normal, true);
    let both = normal.with(Class::Background, true);
    while world.slice(both, |class| match class {
        Class::Background => 10 * MS,
        _ => 10_000,
    }) != Class::Background
    {}
    let paid_from = world.now;
    for _ in 0..100 {
        world.slice(normal, |_| 10_000);
    }
    while world.slice(both, |_| 10_000) != Class::Background {}
    let waited = world.now.since(paid_from).0;
    assert!((9 * MS..11 * MS).contains(&waited), "{waited}");
}

#[test]
fn old_debts_fade() {
    let mut shares = Shares::new(Weights::default());
    let background = ClassSet::EMPTY.with(Class::Background, true);
    let both = background.with(Class::Normal, true);
    let after = |shares: &mut Shares, pause: Nanos| {
        // One poll of 800 ms, while the normal class is ready.
        let mut now = Nanos(0);
        while shares.next(now, both) != Some(Class::Background) {
            now.0 += SLICE.0;
        }
        now.0 += 800 * MS;
        shares.stop(now, both);
        now.0 += pause.0;
        let from = now;
        while shares.next(now, both) != Some(Class::Background) {
            now.0 += SLICE.0;
        }
        now.since(from).0
    };
    assert!(after(&mut shares.clone(), Nanos(0)) >= 500 * MS);
    assert!(after(&mut shares, Nanos(HALF_LIFE.0 * 12)) <= 2 * MS);
}

#[test]
fn a_class_that_becomes_ready_runs_at_once_if_it_was_not_served_more_than_others() {
    let mut world = World::new(Weights::default());
    let busy = ClassSet::EMPTY
        .with(Class::Normal, true)
        .with(Class::Background, true);
    for _ in 0..1_000 {
        world.slice(busy, |_| 10_000);
    }
    assert_eq!(world.slice(EVERYTHING, |_| 1_000), Class::Latency);
}

#[test]
fn time_without_work_does_not_count_as_waiting() {
    let mut shares = Shares::new(Weights::default());
    let background = ClassSet::EMPTY.with(Class::Background, true);
    shares.next(Nanos(0), background);
    shares.stop(Nanos(1_000), ClassSet::EMPTY);
    let later = Nanos(10 * PATIENCE.0);
    assert_eq!(shares.next(later, EVERYTHING), Some(Class::Latency));
}

#[test]
fn a_weight_of_zero_is_refused() {
    assert_eq!(Weights::new(1, 0, 1), None);
}
