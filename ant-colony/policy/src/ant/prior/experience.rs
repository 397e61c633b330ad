//! What all objects of a trace do, whatever a cache would keep: what a prior is made of.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{FIRST_COUNT, FIRST_KIND, ROWS, count_of_row, row_of_kind};
use crate::ant::age::{BUCKETS, Clock, TICKS, Tick, bucket};
use crate::ant::class::{Class, Detail};
use crate::ant::mark::Mark;
use crate::ant::{Ant, Luck};

/// Sees every access to every object, for a cache of some size.
#[derive(Debug)]
pub struct Experience {
    clock: Clock,
    strangers: u8,
    /// Objects so far, up to what the cache holds.
    pioneers: u64,
    luck: Luck,
    /// By row of the prior's table.
    seen: Box<[[Seen; BUCKETS]]>,
}

/// What happened to objects at an age: they were asked for, or were forgotten, or the trace ended.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    returned: f64,
    ended: f64,
}

impl Experience {
    /// An object that was not asked for as long is forgotten, in ticks: 32 times the cache.
    const MEMORY: u32 = 32 * TICKS;

    /// For a cache of so many objects.
    #[must_use]
    pub fn new(objects: usize) -> Self {
        Self {
            clock: Clock::new(objects),
            strangers: 0,
            pioneers: 0,
            luck: Luck::new(),
            seen: alloc::vec![[Seen::default(); BUCKETS]; ROWS].into(),
        }
    }

    /// An object was asked for, at so many accesses; `mark` is what this answered the last time.
    pub fn on_access(&mut self, mark: Option<Mark>, now: u64) -> Mark {
        let tick = self.clock.tick(now);
        let strangers = self.strangers.count_ones();
        self.strangers <<= 1;
        let known = mark.filter(|mark| tick.since(mark.time()) < Self::MEMORY);
        let Some(mark) = known else {
            if let Some(forgotten) = mark {
                self.end(forgotten, tick);
            }
            self.strangers |= 1;
            return Mark::new(tick, self.first_class(strangers));
        };
        let age = tick.since(mark.time());
        if age < Ant::WINDOW {
            return mark;
        }
        for row in rows(mark.class()) {
            self.seen[row][bucket(age) as usize].returned += 1.0;
        }
        let class = mark.class();
        let luck = || self.luck.draw();
        Mark::new(tick, class.again(Detail::Full, age, strangers, luck))
    }

    /// Of an object that is not known; of as many as the cache holds, it is one of its first.
    fn first_class(&mut self, strangers: u32) -> Class {
        if self.pioneers < self.clock.objects() {
            self.pioneers += 1;
            Class::of_pioneer()
        } else {
            Class::of_stranger(strangers)
        }
    }

    /// The trace is over; `mark` is the last one of an object.
    pub fn on_end(&mut self, mark: Mark, now: u64) {
        self.end(mark, self.clock.tick(now));
    }

    /// The average hazards of several experiences, by row of the prior's table and bucket of age.
    /// Each has the same weight where it saw enough; where none did, what is known more generally
    /// stands in.
    #[must_use]
    pub fn average(all: &[Self]) -> Vec<[f32; BUCKETS]> {
        let mut rows: Vec<[f32; BUCKETS]> = Vec::with_capacity(ROWS);
        for row in 0..ROWS {
            let expected = match row {
                0 => [UNKNOWN; BUCKETS],
                FIRST_COUNT..FIRST_KIND => rows[0],
                _ => rows[FIRST_COUNT + count_of_row(row)],
            };
            rows.push(average(all, row, &expected));
        }
        rows
    }

    fn end(&mut self, mark: Mark, now: Tick) {
        let age = now.since(mark.time()).min(Self::MEMORY);
        for row in rows(mark.class()) {
            self.seen[row][bucket(age) as usize].ended += 1.0;
        }
    }
}

/// Where nothing at all is known.
const UNKNOWN: f32 = 0.02;

fn average(all: &[Experience], row: usize, expected: &[f32; BUCKETS]) -> [f32; BUCKETS] {
    /// Objects that give an experience its full weight.
    const ENOUGH: f64 = 500.0;
    /// Experiences that weigh as much as what is expected.
    const EXPECTED: f64 = 0.5;
    let mut sums = expected.map(|hazard| f64::from(hazard) * EXPECTED);
    let mut weights = [EXPECTED; BUCKETS];
    for experience in all {
        let mut reached = 0.0;
        for (b, seen) in experience.seen[row].iter().enumerate().rev() {
            reached += seen.returned + seen.ended;
            if reached > 0.0 {
                let weight = (reached / ENOUGH).min(1.0);
                sums[b] += weight * seen.returned / reached;
                weights[b] += weight;
            }
        }
    }
    core::array::from_fn(|b| (sums[b] / weights[b]) as f32)
}

/// Where an object of this class counts: with all, with those of its count, with those of its kind.
fn rows(class: Class) -> [usize; 3] {
    [
        0,
        FIRST_COUNT + class.count() as usize,
        row_of_kind(class.kind()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(row: &[Seen; BUCKETS], of: fn(&Seen) -> f64) -> f64 {
        row.iter().map(of).sum()
    }

    /// A loop over `length` objects, for a cache of 100.
    fn looping(length: usize) -> Experience {
        let mut experience = Experience::new(100);
        let mut marks = alloc::vec![None; length];
        for now in 0..20_000u64 {
            let mark = &mut marks[now as usize % length];
            *mark = Some(experience.on_access(*mark, now));
        }
        for mark in marks.into_iter().flatten() {
            experience.on_end(mark, 20_000);
        }
        experience
    }

    #[test]
    fn every_object_counts_once_for_each_time_it_returned_and_once_for_its_end() {
        let experience = looping(200);
        let returned = |row: &[Seen; BUCKETS]| total(row, |seen| seen.returned);
        let ended = |row: &[Seen; BUCKETS]| total(row, |seen| seen.ended);
        for rows in [0..1, FIRST_COUNT..FIRST_KIND, FIRST_KIND..ROWS] {
            let rows = &experience.seen[rows];
            assert_eq!(rows.iter().map(returned).sum::<f64>(), 19_800.0);
            assert_eq!(rows.iter().map(ended).sum::<f64>(), 200.0);
        }
    }

    #[test]
    fn a_loop_is_expected_back_at_its_length() {
        let average = Experience::average(&[looping(200)]);
        let all = average[0];
        let likeliest = (0..BUCKETS).max_by(|&a, &b| all[a].total_cmp(&all[b]));
        assert!(likeliest.is_some_and(|age| age.abs_diff(bucket(2 * TICKS) as usize) <= 1));
    }

    #[test]
    fn as_many_objects_as_the_cache_holds_are_its_first() {
        let mut experience = Experience::new(10);
        let mut class = |now| experience.on_access(None, now).class();
        assert!((0..10).all(|now| class(now) == Class::of_pioneer()));
        assert_eq!(class(10), Class::of_stranger(8));
    }

    #[test]
    fn an_average_lies_between_what_is_averaged() {
        let experiences = [looping(200), looping(400)];
        let both = Experience::average(&experiences)[0][bucket(2 * TICKS) as usize];
        let each =
            [0, 1].map(|i| Experience::average(&experiences[i..=i])[0][bucket(2 * TICKS) as usize]);
        assert!(each[1] < both && both < each[0], "{both} of {each:?}");
    }

    #[test]
    fn what_did_not_return_for_long_is_a_stranger_again() {
        let mut experience = Experience::new(10);
        let first = experience.on_access(None, 0);
        let again = experience.on_access(Some(first), 1_000);
        assert_eq!(again.class().count(), 0);
        assert_eq!(total(&experience.seen[0], |seen| seen.ended), 1.0);
    }
}
