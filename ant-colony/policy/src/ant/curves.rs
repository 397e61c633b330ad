//! How fast the promise of a next access evaporates, learned by class.
//!
//! Events are counted by class and age bucket: objects that returned at that age, and objects that
//! were given up (dropped from the memory of departed objects) at that age unused. Objects that are
//! still waited for count as given up at their present age when a curve is built, or large caches
//! would learn from the survivors only; a sample tells how old those are. The hazard of a bucket is
//! what returned in it of what reached it.
//!
//! A class with few events borrows from its kind (count and interval), that from all of its count,
//! that from all objects, and all from the [`prior`], whose shape by kind is kept while
//! its height follows what was seen one step more generally. Neighbouring ages beyond the cache's
//! lend each other a little.
//!
//! Counts are integers and change on every event; curves are built one class at a time, in turn, by
//! [`Curves::build_next`].

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::age::{BUCKETS, TICKS, bucket};
use super::class::{Class, Detail};
use super::prior;
use super::rank::{Hazards, Rank, ranks};

/// One event in the units of the counts.
const ONE: u32 = 256;
/// A curve is built again when one event in so many is new,
const NEWS_SHARE: u64 = 8;
/// and at the latest in so many rounds.
const NEWS_TURNS: u8 = 16;
/// How far the height of the prior follows what was seen.
const FOLLOWED: (f32, f32) = (0.1, 10.0);

type Counts = [u32; BUCKETS];

/// Counts and ranks by class.
#[derive(Debug)]
pub(crate) struct Curves {
    /// By row.
    returned: Box<[Counts]>,
    given_up: Box<[Counts]>,
    /// Objects of the sample by their age, for as long as a round and fading after.
    waiting: Box<[Counts]>,
    /// By [`place`].
    ranks: Box<[Rank]>,
    news: Box<[News]>,
    general: Box<General>,
    /// The classes that objects can have, and whose turn it is.
    classes: Box<[Class]>,
    turn: usize,
}

/// Whether a class's curve is worth building again.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// What its counts added up to at the end of its last turn.
    before: u64,
    /// What came since its curve was built.
    fresh: u64,
    /// Turns since then.
    turns: u8,
}

/// What is known beyond single classes.
#[derive(Debug)]
struct General {
    /// Sums of the round: by kind.
    returned: [[f32; BUCKETS]; Class::KINDS],
    ended: [[f32; BUCKETS]; Class::KINDS],
    /// As of the last round.
    by_kind: [Hazards; Class::KINDS],
}

/// How counts are read while a class is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Objects that one of the sample stands for.
    pub waiting_scale: f32,
    /// Events that weigh as much as what is known one step more generally.
    pub borrowed: f32,
    /// What is left of the counts afterwards, of 2^16.
    pub kept: u32,
}

impl Curves {
    pub(crate) fn new(detail: Detail) -> Self {
        let rows = detail.rows();
        let zero = || alloc::vec![[0; BUCKETS]; rows].into_boxed_slice();
        let mut ranks_by_place = alloc::vec![Rank::default(); rows * BUCKETS].into_boxed_slice();
        let classes: Vec<Class> = detail.classes().collect();
        let by_kind: [_; Class::KINDS] = core::array::from_fn(|kind| ranks(&prior::of_kind(kind)));
        for class in &classes {
            ranks_by_place[places(class.row())].copy_from_slice(&by_kind[class.kind()]);
        }
        Self {
            returned: zero(),
            given_up: zero(),
            waiting: zero(),
            ranks: ranks_by_place,
            news: alloc::vec![News::default(); rows].into_boxed_slice(),
            general: Box::new(General::new()),
            classes: classes.into(),
            turn: 0,
        }
    }

    /// Memory of the tables.
    pub(crate) fn bytes(detail: Detail) -> usize {
        let row = 3 * size_of::<Counts>() + size_of::<[Rank; BUCKETS]>() + size_of::<News>();
        let classes = detail.classes().count() * size_of::<Class>();
        detail.rows() * row + size_of::<General>() + classes
    }

    /// How many builds make a round.
    pub(crate) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// An object whose class and age have this [`place`] was asked for.
    #[inline]
    pub(crate) fn on_return(&mut self, place: u32) {
        count(&mut self.returned, place, ONE);
    }

    /// It is not known any more, and was not asked for since.
    #[inline]
    pub(crate) fn on_give_up(&mut self, place: u32) {
        count(&mut self.given_up, place, ONE);
    }

    /// It was met in a random sample, for `weight` others (1/256).
    #[inline]
    pub(crate) fn on_sample(&mut self, place: u32, weight: u32) {
        count(&mut self.waiting, place, weight);
    }

    /// What objects earn whose class and age have this [`place`]. Of a class that this detail does
    /// not have: a mechanism that hands back marks that it was not given gets bad decisions and no
    /// panic.
    #[inline]
    pub(crate) fn rank(&self, place: u32) -> Rank {
        self.ranks.get(place as usize).copied().unwrap_or_default()
    }

    /// What objects at each of these places earn.
    #[inline]
    pub(crate) fn ranks<const N: usize>(&self, places: &[u32; N]) -> [u32; N] {
        const LEAN: usize = Detail::Lean.rows() * BUCKETS;
        const FULL: usize = Detail::Full.rows() * BUCKETS;
        if let Some(table) = self.ranks.first_chunk::<FULL>() {
            ranks_of(table, places)
        } else if let Some(table) = self.ranks.first_chunk::<LEAN>() {
            ranks_of(table, places)
        } else {
            [0; N]
        }
    }

    /// Builds the curve of the class whose turn it is if enough happened to it, and lets its counts
    /// fade. Whether that completed a round.
    pub(crate) fn build_next(&mut self, reading: Reading) -> bool {
        let class = self.classes[self.turn];
        let row = class.row();
        let (given_up, waiting) = (&self.given_up[row], &self.waiting[row]);
        let returned = self.returned[row].map(|count| count as f32 / ONE as f32);
        let ended = core::array::from_fn(|b| {
            (given_up[b] as f32 + waiting[b] as f32 * reading.waiting_scale) / ONE as f32
        });
        self.general.add(class, &returned, &ended);
        if self.has_news(row) {
            let kind = &self.general.by_kind[class.kind()];
            let hazards = hazards(&returned, &ended, kind, reading.borrowed);
            self.ranks[places(row)].copy_from_slice(&ranks(&hazards));
            self.news[row] = News::default();
        }
        fade(&mut self.returned[row], reading.kept);
        fade(&mut self.given_up[row], reading.kept);
        fade(&mut self.waiting[row], 1 << 15);
        self.news[row].before = self.total(row);
        self.turn = (self.turn + 1) % self.classes.len();
        if self.turn == 0 {
            self.general.end_round(&self.classes, reading.borrowed);
        }
        self.turn == 0
    }

    /// Whether much of what a row has counted is not in its curve yet, or the curve is old: what is
    /// known more generally changes too.
    fn has_news(&mut self, row: usize) -> bool {
        let total = self.total(row);
        let news = &mut self.news[row];
        news.fresh += total.saturating_sub(news.before);
        news.turns += 1;
        news.fresh > total / NEWS_SHARE || news.turns >= NEWS_TURNS
    }

    fn total(&self, row: usize) -> u64 {
        let sum = |counts: &Counts| counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        sum(&self.returned[row]) + sum(&self.given_up[row]) + sum(&self.waiting[row])
    }
}

impl General {
    fn new() -> Self {
        Self {
            returned: [[0.0; BUCKETS]; Class::KINDS],
            ended: [[0.0; BUCKETS]; Class::KINDS],
            by_kind: core::array::from_fn(prior::of_kind),
        }
    }

    fn add(&mut self, class: Class, returned: &[f32; BUCKETS], ended: &[f32; BUCKETS]) {
        add(&mut self.returned[class.kind()], returned);
        add(&mut self.ended[class.kind()], ended);
    }

    /// From general to special: all objects, those of a count, those of a kind.
    fn end_round(&mut self, classes: &[Class], borrowed: f32) {
        let all = sums(&self.returned, &self.ended, 0..Class::KINDS);
        let of_all = hazards(&all.0, &all.1, &prior::of_all(), borrowed);
        let mut kinds = classes.iter().map(|class| class.kind()).peekable();
        for count in 0..Class::COUNTS {
            let all_kinds = Class::kinds_of_count(count);
            let (returned, ended) = sums(&self.returned, &self.ended, all_kinds.clone());
            let prior_of_count = prior::of_count(count);
            let expected = follow(&prior_of_count, &of_all, &prior::of_all());
            let of_count = hazards(&returned, &ended, &expected, borrowed);
            while let Some(kind) = kinds.next_if(|kind| all_kinds.contains(kind)) {
                if kinds.peek() == Some(&kind) {
                    continue;
                }
                let expected = follow(&prior::of_kind(kind), &of_count, &prior_of_count);
                self.by_kind[kind] =
                    hazards(&self.returned[kind], &self.ended[kind], &expected, borrowed);
            }
        }
        self.returned = [[0.0; BUCKETS]; Class::KINDS];
        self.ended = [[0.0; BUCKETS]; Class::KINDS];
    }
}

/// Where the rank of a class at an age stands.
#[inline]
pub(crate) fn place(class: Class, age: u32) -> u32 {
    (class.row() * BUCKETS) as u32 + bucket(age)
}

/// Where those of a row stand.
fn places(row: usize) -> core::ops::Range<usize> {
    row * BUCKETS..(row + 1) * BUCKETS
}

/// Where the length is known, nothing is checked for each.
#[inline]
fn ranks_of<const N: usize, const LEN: usize>(table: &[Rank; LEN], places: &[u32; N]) -> [u32; N] {
    let mut ranks = [0; N];
    for (i, &place) in places.iter().enumerate() {
        ranks[i] = u32::from(table[place as usize % LEN].get());
    }
    ranks
}

#[inline]
fn count(counts: &mut [Counts], place: u32, weight: u32) {
    if let Some(count) = counts.as_flattened_mut().get_mut(place as usize) {
        *count = count.saturating_add(weight);
    }
}

fn fade(counts: &mut Counts, kept: u32) {
    for count in counts {
        *count = ((u64::from(*count) * u64::from(kept)) >> 16) as u32;
    }
}

fn add(sum: &mut [f32; BUCKETS], more: &[f32; BUCKETS]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

type ByKind = [[f32; BUCKETS]; Class::KINDS];

fn sums(
    returned: &ByKind,
    ended: &ByKind,
    kinds: core::ops::Range<usize>,
) -> ([f32; BUCKETS], [f32; BUCKETS]) {
    let mut sums = ([0.0; BUCKETS], [0.0; BUCKETS]);
    for kind in kinds {
        add(&mut sums.0, &returned[kind]);
        add(&mut sums.1, &ended[kind]);
    }
    sums
}

/// What returned of what reached each bucket, with `expected` for `borrowed` more.
fn hazards(
    returned: &[f32; BUCKETS],
    ended: &[f32; BUCKETS],
    expected: &Hazards,
    borrowed: f32,
) -> Hazards {
    let mut at_risk: [f32; BUCKETS] = core::array::from_fn(|b| returned[b] + ended[b]);
    for b in (0..BUCKETS - 1).rev() {
        at_risk[b] += at_risk[b + 1];
    }
    let (returned, at_risk) = (blurred(returned), blurred(&at_risk));
    // Apart, so that several are divided at once.
    core::array::from_fn(|b| (returned[b] + borrowed * expected[b]) / (at_risk[b] + borrowed))
}

/// At ages beyond the cache's, which few objects reach, each with a sixth from either side: what few
/// events show by chance at one age is no reason to wait for it.
fn blurred(counts: &[f32; BUCKETS]) -> [f32; BUCKETS] {
    const FIRST: usize = bucket(TICKS) as usize;
    let mut blurred = *counts;
    for b in FIRST..BUCKETS - 1 {
        blurred[b] = (counts[b - 1] + 4.0 * counts[b] + counts[b + 1]) * (1.0 / 6.0);
    }
    blurred
}

/// The prior of a special case, as much higher or lower as the general case turned out to be.
fn follow(prior: &Hazards, seen: &Hazards, prior_of_seen: &Hazards) -> Hazards {
    core::array::from_fn(|b| {
        let ratio = seen[b] / prior_of_seen[b];
        (prior[b] * ratio.clamp(FOLLOWED.0, FOLLOWED.1)).min(0.9)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading {
        waiting_scale: 1.0,
        borrowed: 160.0,
        kept: 1 << 16,
    };

    fn stranger() -> Class {
        Class::of_stranger(0)
    }

    fn rank_at(curves: &Curves, class: Class, age: u32) -> Rank {
        curves.rank(place(class, age))
    }

    fn build(curves: &mut Curves, rounds: usize) {
        for _ in 0..rounds * curves.classes() {
            curves.build_next(READING);
        }
    }

    #[test]
    fn objects_that_always_return_at_an_age_are_kept_until_then_and_not_longer() {
        let mut curves = Curves::new(Detail::Lean);
        for _ in 0..1_000 {
            curves.on_return(place(stranger(), 300));
        }
        build(&mut curves, 2);
        let ranks = [10, 100, 290, 600].map(|age| rank_at(&curves, stranger(), age));
        assert!(ranks[0] < ranks[1] && ranks[1] < ranks[2], "{ranks:?}");
        assert!(ranks[3] < ranks[0], "{ranks:?}");
    }

    #[test]
    fn a_class_without_events_follows_what_all_objects_do() {
        let mut curves = Curves::new(Detail::Full);
        let other = Class::of_pioneer();
        let before = rank_at(&curves, other, 50);
        for age in (0..10_000).step_by(3) {
            curves.on_give_up(place(stranger(), age));
        }
        build(&mut curves, 2 * usize::from(NEWS_TURNS));
        assert!(rank_at(&curves, other, 50) < before);
    }

    #[test]
    fn objects_that_are_still_waited_for_lower_the_hazard_of_the_ages_they_passed() {
        let ranks = [0, 100_000].map(|waiting| {
            let mut curves = Curves::new(Detail::Lean);
            for _ in 0..100 {
                curves.on_return(place(stranger(), 100));
            }
            curves.on_sample(place(stranger(), 2_000), waiting);
            build(&mut curves, 1);
            rank_at(&curves, stranger(), 90)
        });
        assert!(ranks[1] < ranks[0]);
    }

    #[test]
    fn what_returned_at_a_late_age_is_expected_at_its_neighbours_too() {
        let expected_around = |peak: usize| {
            let mut returned = [0.0; BUCKETS];
            returned[peak] = 1_000.0;
            let hazards = hazards(&returned, &[0.0; BUCKETS], &[0.001; BUCKETS], 160.0);
            [peak - 2, peak - 1, peak].map(|b| hazards[b] > 0.01)
        };
        assert_eq!(expected_around(30), [false, true, true]);
        assert_eq!(expected_around(10), [false, false, true]);
    }

    #[test]
    fn counts_fade_and_never_overflow() {
        let mut curves = Curves::new(Detail::Lean);
        for _ in 0..3 {
            curves.on_sample(place(stranger(), 5), u32::MAX);
        }
        build(&mut curves, 1);
        assert_eq!(
            curves.waiting[stranger().row()][bucket(5) as usize],
            u32::MAX / 2
        );
    }
}
