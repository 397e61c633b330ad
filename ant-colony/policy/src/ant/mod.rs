//! The learned policy: what has evaporated most is evicted.
//!
//! How fast the promise of a next access evaporates with age is learned by class of object
//! ([`class`]: how often it was asked for, and how long ago before the last time), from what
//! happens to residents and to departed objects ([`departed`]). From those [`curves`] each object
//! has a [`rank`] at its age: the best rate of hits that keeping it can still earn. The mechanism
//! shows a few residents, and the one with the lowest rank leaves.
//!
//! The mechanism
//!
//! 1. keeps a [`Mark`] of four bytes with each object;
//! 2. hands it to [`Ant::on_hit`] on an access, and stores the new one, if there is one;
//! 3. calls [`Ant::on_miss`] before it inserts an object that it does not hold, for its mark, and
//!    offers the newcomer to its [`Shortlist`] ([`Ant::worth`]);
//! 4. where it needs room, lets [`Ant::show`] look at the next few residents, around and around;
//!    evicts what the shortlist then names, and tells [`Ant::on_evict`] (or [`Ant::on_remove`] where
//!    an object went for another reason);
//! 5. where it still has room, lets [`Ant::sample`] look at one resident per miss.
//!
//! Hits count one event and never build; of the classes one or two are built on a miss, or, in full
//! detail, up to twenty while a cache is new. Time is the number of accesses so far, and any other
//! clock that advances evenly with them does as well.

mod age;
mod class;
mod curves;
mod departed;
mod mark;
mod prior;
mod rank;
mod shortlist;

pub use class::Detail;
pub use mark::Mark;
pub use prior::Experience;
pub use shortlist::{Shortlist, Worth};

use age::{Clock, TICKS, Tick};
use class::Class;
use curves::{Curves, Reading, place};
use departed::Departed;

/// Residents that are looked at together: a mechanism that shows so many at once is served fastest.
const GROUP: usize = 8;

/// What a policy remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Objects that the cache is expected to hold, at least 1.
    pub objects: usize,
    /// Departed objects to remember, four bytes each.
    pub departed: usize,
    /// How finely objects are told apart.
    pub detail: Detail,
}

impl Settings {
    /// At most 12 bytes per object from 300,000 objects on, marks included.
    #[must_use]
    pub const fn lean(objects: usize) -> Self {
        Self {
            objects,
            departed: objects / 10 * 19 + objects % 10 * 19 / 10,
            detail: Detail::Lean,
        }
    }

    /// The best decisions, for 36 bytes per object and tables of a megabyte.
    #[must_use]
    pub const fn full(objects: usize) -> Self {
        Self {
            objects,
            departed: objects.saturating_mul(8),
            detail: Detail::Full,
        }
    }

    /// Memory that a policy takes beside itself and the marks that the mechanism keeps.
    #[must_use]
    pub fn bytes(&self) -> usize {
        Departed::bytes(self.departed) + Curves::bytes(self.detail)
    }
}

/// The learned policy of one cache, or of one shard of it.
#[derive(Debug)]
pub struct Ant {
    detail: Detail,
    clock: Clock,
    curves: Curves,
    departed: Departed,
    /// Which of the last eight accesses met strangers, one bit each.
    strangers: u8,
    residents: usize,
    has_evicted: bool,
    evictions: u64,
    sampling: Sampling,
    schedule: Schedule,
    luck: Luck,
}

/// How many objects the sample in the curves has, so that it can be scaled to all.
#[derive(Clone, Copy, Debug, Default)]
struct Sampling {
    residents: f32,
    departed: f32,
}

/// How often curves are built, and how soon what they were built from is forgotten.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Accesses of the first round.
    first: u64,
    /// Later rounds have one in so many of all accesses so far.
    growth: u64,
    /// Accesses of the longest round, except of a large cache.
    longest: u64,
    /// Half of what was learned is forgotten after as many times the cache.
    half_life: u64,
}

/// When the next curves are built.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    due: u64,
    /// Accesses of a round, as of its beginning.
    round: u64,
}

impl Ant {
    /// A hit so short after the last, in ticks, changes nothing.
    const WINDOW: u32 = TICKS / 16;
    /// A round is at least this part of what the cache holds, once it may be.
    const ROUND_SHARE: u64 = 16;
    const HALF_LIFE_MIN: u64 = 100_000;
    /// Steps of building on a miss at most.
    const STEPS_MAX: u32 = 2;
    /// One look, and one eviction, in so many is a sample.
    const SAMPLED: usize = 4;

    /// A policy that knows nothing but its prior.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            detail: settings.detail,
            clock: Clock::new(settings.objects),
            curves: Curves::new(settings.detail),
            departed: Departed::new(settings.departed, settings.detail),
            strangers: 0,
            residents: 0,
            has_evicted: false,
            evictions: 0,
            sampling: Sampling::default(),
            schedule: Schedule {
                due: 0,
                round: Self::pace(settings.detail).first,
            },
            luck: Luck::new(),
        }
    }

    /// The cache holds another number of objects from now on. Ages of what it holds are misread
    /// until each was asked for again: do this when the number has changed by a quarter, not for
    /// each object.
    pub fn set_objects(&mut self, objects: usize, now: u64) {
        self.clock.set_objects(objects, now);
    }

    /// An object that is held was asked for: its new mark, if it has one.
    #[inline]
    pub fn on_hit(&mut self, mark: Mark, now: u64) -> Option<Mark> {
        let tick = self.clock.tick(now);
        self.strangers <<= 1;
        let age = mark.age(tick);
        (age >= Self::WINDOW).then(|| self.again(mark.class(), age, tick))
    }

    /// An object that is not held was asked for: the mark with which it may be inserted.
    #[inline]
    pub fn on_miss(&mut self, hash: u64, now: u64) -> Mark {
        let tick = self.clock.tick(now);
        self.build_due(now);
        self.residents += 1;
        if let Some(known) = self.departed.take(hash, tick) {
            self.strangers <<= 1;
            return self.again(known.class, known.age, tick);
        }
        let strangers = self.strangers.count_ones();
        self.strangers = self.strangers << 1 | 1;
        let class = if !self.has_evicted {
            Class::of_pioneer()
        } else {
            Class::of_stranger(strangers)
        };
        Mark::new(tick, class)
    }

    /// What a resident is worth at present, in order to offer it to a [`Shortlist`].
    #[inline]
    pub fn worth(&self, mark: Mark, now: u64) -> Worth {
        let age = mark.age(self.clock.tick(now));
        Worth::new(self.curves.rank(place(mark.class(), age)), age)
    }

    /// Offers residents that were chosen without regard to what they are to a shortlist, where they
    /// are named from `first` on; the policy learns from a sample of them how old residents are.
    #[inline]
    pub fn show(&mut self, residents: &[Mark], now: u64, list: &mut Shortlist, first: u32) {
        let (groups, rest) = residents.as_chunks::<GROUP>();
        let mut names = (first..).step_by(GROUP);
        for (marks, first) in groups.iter().zip(&mut names) {
            self.show_group(marks, now, list, first);
        }
        for sampled in rest.iter().step_by(Self::SAMPLED) {
            self.sample(*sampled, now);
        }
        for (&mark, name) in rest.iter().zip(names.next().unwrap_or(first)..) {
            list.offer(self.worth(mark, now), name, mark);
        }
    }

    fn show_group(&mut self, marks: &[Mark; GROUP], now: u64, list: &mut Shortlist, first: u32) {
        let (places, youths) = places(marks, self.clock.tick(now));
        for &sampled in places.iter().step_by(Self::SAMPLED) {
            self.curves.on_sample(sampled, Self::SAMPLE_WEIGHT);
        }
        self.sampling.residents += (GROUP / Self::SAMPLED) as f32;
        let ranks = self.curves.ranks(&places);
        let mut worths = [0; GROUP];
        for (i, rank) in ranks.iter().enumerate() {
            worths[i] = rank << 16 | youths[i];
        }
        list.offer_group(worths, first, marks);
    }

    /// Looks at a resident that was chosen without regard to what it is, to learn how old residents
    /// are. [`Ant::show`] does so too; where there is room, nothing is shown, and one is to be looked
    /// at on each miss, or the policy learns from those objects only that return.
    pub fn sample(&mut self, mark: Mark, now: u64) {
        self.sampling.residents += 1.0;
        let age = mark.age(self.clock.tick(now));
        self.curves
            .on_sample(place(mark.class(), age), Self::SAMPLE_WEIGHT);
    }

    /// An object left the cache to make room.
    pub fn on_evict(&mut self, hash: u64, mark: Mark, now: u64) {
        self.has_evicted = true;
        self.on_remove();
        match self.detail {
            Detail::Lean => self.remember::<4>(hash, mark, now),
            Detail::Full => self.remember::<8>(hash, mark, now),
        }
    }

    /// In place of one of so many.
    #[inline]
    fn remember<const RIVALS: usize>(&mut self, hash: u64, mark: Mark, now: u64) {
        let tick = self.clock.tick(now);
        let ranks = |places: &[u32; RIVALS]| self.curves.ranks(places);
        let Some(competition) = self.departed.insert(hash, mark, tick, ranks) else {
            return;
        };
        self.curves.on_give_up(competition.given_up);
        self.evictions = self.evictions.wrapping_add(1);
        if self.evictions.is_multiple_of(Self::SAMPLED as u64) {
            self.sample_departed(&competition.places);
        }
    }

    /// An object left the cache for another reason: it was deleted, or its time was up.
    pub fn on_remove(&mut self) {
        self.residents = self.residents.saturating_sub(1);
    }

    const SAMPLE_WEIGHT: u32 = 256;

    /// A departed object of the sample weighs more or less than the [`Ant::SAMPLE_WEIGHT`] of a
    /// resident: both samples are to stand for what they were taken from.
    fn sample_departed(&mut self, places: &[u32]) {
        self.sampling.departed += places.len() as f32;
        let departed = self.departed.len() as f32 / self.sampling.departed;
        let residents = self.residents.max(1) as f32 / self.sampling.residents.max(1.0);
        let weight = (Self::SAMPLE_WEIGHT as f32 * (departed / residents).min(256.0)) as u32;
        for &place in places {
            self.curves.on_sample(place, weight);
        }
    }

    fn again(&mut self, class: Class, age: u32, tick: Tick) -> Mark {
        self.curves.on_return(place(class, age));
        let strangers = self.strangers.count_ones();
        let luck = || self.luck.draw();
        Mark::new(tick, class.again(self.detail, age, strangers, luck))
    }

    /// What is seen first says most, and full detail reads it often at any cost.
    const fn pace(detail: Detail) -> Pace {
        match detail {
            Detail::Lean => Pace {
                first: 256,
                growth: 16,
                longest: 16_384,
                half_life: 25,
            },
            Detail::Full => Pace {
                first: 64,
                growth: 64,
                longest: 8_192,
                half_life: 60,
            },
        }
    }

    /// Builds what is due by `now`, a few curves at most: what is late shifts what follows.
    fn build_due(&mut self, now: u64) {
        for _ in 0..Self::STEPS_MAX {
            if now < self.schedule.due {
                return;
            }
            self.build_step(now);
        }
        self.schedule.due = self.schedule.due.max(now);
    }

    /// Builds one curve, or several where a round has fewer accesses than there are classes.
    fn build_step(&mut self, now: u64) {
        let classes = self.curves.classes() as u64;
        let builds = classes / self.schedule.round + 1;
        for _ in 0..builds {
            self.build(now);
        }
        let pause = (self.schedule.round * builds / classes).max(1);
        self.schedule.due = self.schedule.due.saturating_add(pause);
    }

    /// How many events weigh as much as what is known more generally. What objects of a large cache
    /// do at a time, they do together: many events tell little more than a few.
    fn borrowed(&self) -> f32 {
        const EVENTS: f32 = 160.0;
        match self.detail {
            Detail::Lean => EVENTS,
            Detail::Full => EVENTS + self.clock.objects() as f32 / 50.0,
        }
    }

    fn build(&mut self, now: u64) {
        let objects = self.clock.objects();
        let pace = Self::pace(self.detail);
        let half_life = objects
            .saturating_mul(pace.half_life)
            .max(Self::HALF_LIFE_MIN) as f32;
        let faded = core::f32::consts::LN_2 * self.schedule.round as f32 / half_life;
        let seen = self.sampling.residents.max(1.0);
        let ended = self.curves.build_next(Reading {
            waiting_scale: self.residents as f32 / seen,
            borrowed: self.borrowed(),
            kept: (65_536.0 * (1.0 - faded.min(0.5))) as u32,
        });
        if ended {
            self.sampling.residents *= 0.5;
            self.sampling.departed *= 0.5;
            let longest = pace.longest.max(objects / Self::ROUND_SHARE);
            self.schedule.round = (now / pace.growth).clamp(pace.first, longest);
        }
    }
}

/// The [`place`] of each mark's rank, and the lower half of its [`Worth`]. Compiled apart, or they would not be found four at once.
#[inline(never)]
fn places(marks: &[Mark; GROUP], tick: Tick) -> ([u32; GROUP], [u32; GROUP]) {
    let (mut places, mut youths) = ([0; GROUP], [0; GROUP]);
    for (i, mark) in marks.iter().enumerate() {
        let age = mark.age(tick);
        places[i] = place(mark.class(), age);
        youths[i] = Worth::youth(age);
    }
    (places, youths)
}

/// Random numbers, always the same ones: xorshift64 (Marsaglia 2003).
#[derive(Clone, Copy, Debug)]
struct Luck(u64);

impl Luck {
    const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }
}
