//! Where an insert gets memory from.
//!
//! In this order: the open segment, a spare, the budget, what was flushed, and then eviction,
//! in the own shard or, if that is smaller than its share of the memory, in another one whose lock
//! is free. Each round of eviction is bounded, and rounds that free nothing raise the
//! pressure under which the policy keeps less, so an insert always ends.

use super::Shard;
use super::state::State;
use crate::Millis;
use crate::entry::Full;
use crate::log::SegmentId;
use crate::memory::{Kind, Memory, Span};
use crate::pages::PAGE_BYTES;
use ant_colony_policy::{Policy, Queue};
use core::sync::atomic::Ordering::Relaxed;

/// Rounds without gain for each step of pressure, where one segment is wanted. A segment whose
/// survivors fill another is no reason to keep less yet: the next ones may not be as popular.
const ROUNDS_PER_PRESSURE: u8 = 4;
/// Rounds without gain at full pressure after which an insert gives up.
const HOPELESS_ROUNDS: u8 = 5;
/// Rounds of eviction that any insert may make.
const ROUNDS_MIN: usize = 40;
/// Attempts to get room in the log and in the index at the same time.
const ATTEMPTS: usize = 4;
/// Freed pages are kept, in the hope that some will fit, up to this many times what a
/// large object needs. Fresh pages cost a fault each.
const KEPT_FACTOR: usize = 4;

/// How hard an insert has tried so far.
struct Effort {
    /// Rounds since the last one that freed something.
    fruitless: u8,
    /// Rounds without gain for each step of pressure.
    patience: u8,
    /// Rounds that may follow. What one thread frees another may take.
    rounds_left: usize,
}

impl Effort {
    /// The effort that is right for `goal` bytes, freed by about a segment in a round.
    fn towards(goal: usize, segment_bytes: usize) -> Self {
        Self {
            fruitless: 0,
            // Who needs many segments cannot be patient for each of them.
            patience: if goal > segment_bytes {
                1
            } else {
                ROUNDS_PER_PRESSURE
            },
            rounds_left: ROUNDS_MIN + 4 * (goal / segment_bytes),
        }
    }

    /// Whether another round makes sense after one that freed `freed` bytes.
    fn goes_on(&mut self, freed: usize) -> bool {
        self.fruitless = if freed == 0 { self.fruitless + 1 } else { 0 };
        self.rounds_left = self.rounds_left.saturating_sub(1);
        let most = self.patience * (Policy::PRESSURE_MAX + 1) + HOPELESS_ROUNDS;
        self.fruitless < most && self.rounds_left > 0
    }

    fn pressure(&self) -> u8 {
        (self.fruitless.saturating_sub(1) / self.patience).min(Policy::PRESSURE_MAX)
    }
}

impl Shard<'_> {
    /// An open segment with room for a record of `words`, and room for its slot.
    pub(super) fn room(
        &mut self,
        queue: Queue,
        class: u8,
        words: usize,
        hash: u64,
        now: Millis,
    ) -> Result<SegmentId, Full> {
        let mut effort = Effort::towards(0, self.state.log.segment_bytes());
        for _ in 0..ATTEMPTS {
            let id = self.open_segment(queue, class, words, now)?;
            let state = &mut *self.state;
            if state.index.prepare(hash, &state.memory).is_ok() {
                return Ok(id);
            }
            // The index takes pages from the budget only: put some there.
            if state.spares.pop().is_none() {
                self.relieve(now, PAGE_BYTES, &mut effort);
            }
        }
        Err(Full)
    }

    #[inline]
    fn open_segment(
        &mut self,
        queue: Queue,
        class: u8,
        words: usize,
        now: Millis,
    ) -> Result<SegmentId, Full> {
        let class = self.state.log.usable_class(queue, class);
        if let Some(id) = self.state.log.open_with_room(queue, class, words) {
            return Ok(id);
        }
        let span = self.segment_span(now)?;
        let state = &mut *self.state;
        // Making room may have opened one for survivors.
        if let Some(id) = state.log.open_with_room(queue, class, words) {
            state.keep_spare(span);
            return Ok(id);
        }
        let id = state.log.open_segment(span, queue, class);
        self.publish();
        Ok(id)
    }

    /// The span of a new segment. When memory is tight, one more stays behind as a spare
    /// for survivors.
    fn segment_span(&mut self, now: Millis) -> Result<Span, Full> {
        let segment_bytes = self.state.log.segment_bytes();
        let mut effort = Effort::towards(segment_bytes, segment_bytes);
        loop {
            let state = &mut *self.state;
            let wanted = 1 + usize::from(state.memory.is_tight());
            if state.spares.len() < wanted
                && let Some(span) = state.new_span()
            {
                state.spares.push(span);
                continue;
            }
            if state.spares.len() >= wanted {
                return state.spares.pop().ok_or(Full);
            }
            if !self.relieve(now, segment_bytes, &mut effort) {
                return self.state.spares.pop().ok_or(Full);
            }
        }
    }

    /// Pages for a large object.
    pub(super) fn large_span(&mut self, bytes: usize, now: Millis) -> Result<Span, Full> {
        let cost = Memory::span_cost(Kind::Large, bytes);
        if cost > self.largest_object() {
            return Err(Full);
        }
        let mut effort = Effort::towards(cost, self.state.log.segment_bytes());
        loop {
            let memory = &self.state.memory;
            if let Some(span) = memory.span(Kind::Large, bytes, KEPT_FACTOR) {
                return Ok(span);
            }
            if !self.relieve(now, cost, &mut effort) {
                let memory = &self.state.memory;
                return memory.span(Kind::Large, bytes, 1).ok_or(Full);
            }
        }
    }

    /// What could be given to one object if everything else were evicted.
    fn largest_object(&self) -> usize {
        let memory = &self.state.memory;
        let kept = memory.used_by(Kind::Fixed)
            + memory.used_by(Kind::Ghosts)
            + memory.used_by(Kind::Index)
            + 2 * self.state.log.segment_bytes();
        memory.limit().saturating_sub(kept)
    }

    /// One round of freeing or eviction towards `goal` bytes; whether another one makes sense.
    #[cold]
    fn relieve(&mut self, now: Millis, goal: usize, effort: &mut Effort) -> bool {
        let pressure = effort.pressure();
        let mut freed = self.shared.remains.free(goal);
        if freed == 0 && self.is_below_its_share() {
            freed = self.take_from_larger(now, pressure, goal);
        }
        if freed == 0 {
            freed = self.state.reclaim(now, pressure, goal);
        }
        if freed == 0 && self.state.log.segment_count() <= 1 {
            freed = self.take_from_any(now, goal);
        }
        self.publish();
        effort.goes_on(freed)
    }

    fn publish(&self) {
        self.shared.cells[self.number]
            .footprint
            .store(self.state.footprint(), Relaxed);
    }

    /// Whether this shard has clearly less memory than the others.
    fn is_below_its_share(&self) -> bool {
        let shards = self.shared.cells.len();
        let share = self.state.memory.limit() / shards;
        shards > 1 && self.state.footprint() < share - share / 4
    }

    /// Reclaims in the larger of two random shards, if it is larger than this one.
    fn take_from_larger(&mut self, now: Millis, pressure: u8, goal: usize) -> usize {
        let random = self.state.next_random();
        let cells = &self.shared.cells;
        let footprint = |number: &usize| cells[*number].footprint.load(Relaxed);
        let pick = |random: u64| ((random & 0xffff_ffff) as usize * cells.len()) >> 32;
        let larger = [pick(random), pick(random >> 32)]
            .into_iter()
            .max_by_key(footprint)
            .filter(|number| footprint(number) > self.state.footprint());
        larger.map_or(0, |number| self.take_from(number, now, pressure, goal))
    }

    /// Reclaims in the first shard that has something and whose lock is free.
    fn take_from_any(&mut self, now: Millis, goal: usize) -> usize {
        let shards = self.shared.cells.len();
        let start = self.state.next_random() as usize % shards;
        (start..start + shards)
            .map(|number| self.take_from(number % shards, now, Policy::PRESSURE_MAX, goal))
            .find(|&freed| freed > 0)
            .unwrap_or(0)
    }

    /// Reclaims in shard `number`, whose gain goes to the budget. Never waits for its
    /// lock: its holder may be waiting for memory, too.
    fn take_from(&self, number: usize, now: Millis, pressure: u8, goal: usize) -> usize {
        if number == self.number {
            return 0;
        }
        let cell = &self.shared.cells[number];
        let Some(mut other) = cell.state.try_lock() else {
            return 0;
        };
        let freed = other.reclaim(now, pressure, goal) + other.give_spares_away();
        cell.footprint.store(other.footprint(), Relaxed);
        freed
    }
}

impl State {
    /// Frees some memory for the budget, in a bounded number of rounds.
    pub(crate) fn shrink(&mut self, now: Millis) -> usize {
        let goal = self.log.segment_bytes();
        (0..=Policy::PRESSURE_MAX)
            .map(|pressure| self.reclaim(now, pressure, goal) + self.give_spares_away())
            .find(|&freed| freed > 0)
            .unwrap_or(0)
    }

    /// Gives spare segments to the budget: all but one, and the last one if there is
    /// nothing left whose survivors would need it.
    fn give_spares_away(&mut self) -> usize {
        let kept = usize::from(self.log.segment_count() > 0);
        let given = self.spares.len().saturating_sub(kept);
        self.spares.truncate(kept);
        given * self.log.segment_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_rises_with_every_fourth_round_without_gain_until_nothing_stays() {
        let mut effort = Effort::towards(0, 1);
        let rounds = core::iter::from_fn(|| effort.goes_on(0).then(|| effort.pressure()));
        let pressures: Vec<u8> = rounds.collect();
        let expected = (0..=Policy::PRESSURE_MAX).flat_map(|pressure| [pressure; 4]);
        let expected = expected.chain([Policy::PRESSURE_MAX; 4]);
        assert!(expected.eq(pressures.iter().copied()), "{pressures:?}");
        assert!(pressures.len() < ROUNDS_MIN);
    }

    use alloc::vec::Vec;
}
