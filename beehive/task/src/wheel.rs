//! Hierarchical timer wheel: O(1) insert and cancel, no allocation per tick.
//!
//! Six levels of 64 slots; a slot of level `n` spans 64^n ticks. A timer sits at the level of the
//! highest six-bit digit in which its deadline differs from the wheel's time. When time enters a
//! slot of a higher level, its timers move down (each timer moves at most five times); a slot of
//! level 0 fires. Occupancy bitmaps make the search for the next slot a few instructions.
//!
//! Invariants: `now` never decreases; every timer's deadline is after `now` or the timer is on the
//! `due` list; entries on lists are exactly the occupied entries of `entries`.
//! After Varghese and Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987).

use alloc::boxed::Box;
use alloc::vec::Vec;

const LEVELS: usize = 6;
const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
/// Deadlines further away than this many ticks wait this long and are then placed again. One slot of
/// the last level is left out, so that the slot of the current time never holds a later turn.
const SPAN: u64 = 63 << (SLOT_BITS * (LEVELS as u32 - 1));
const NIL: u32 = u32::MAX;
/// The earliest of this many timers is looked for one by one; among more, some time is given away.
const SCANNED_MAX: usize = 8;
/// List number of the timers whose deadline had passed when they were inserted.
const DUE: usize = LEVELS * SLOTS;

/// Names a timer; stale keys are recognised by their generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: u64,
    value: Option<T>,
    generation: u32,
    next: u32,
    previous: u32,
    list: u16,
}

/// A set of values, each with a deadline in ticks.
#[derive(Debug)]
pub struct Wheel<T> {
    now: u64,
    heads: Box<[u32]>,
    occupied: [u64; LEVELS],
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel at the given tick.
    #[must_use]
    pub fn new(now: u64) -> Self {
        Self {
            now,
            heads: alloc::vec![NIL; DUE + 1].into_boxed_slice(),
            occupied: [0; LEVELS],
            entries: Vec::new(),
            free: NIL,
            len: 0,
        }
    }

    /// Number of timers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no timer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a timer. A deadline that has passed fires at the next [`advance`](Self::advance).
    pub fn insert(&mut self, deadline: u64, value: T) -> TimerKey {
        let index = self.allocate(deadline, value);
        self.link(index);
        self.len += 1;
        TimerKey {
            index,
            generation: self.entries[index as usize].generation,
        }
    }

    /// Removes a timer and returns its value; `None` if it has fired or been cancelled.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.get_mut(key)?;
        self.unlink(key.index);
        self.release(key.index)
    }

    /// The value of a timer that has not fired.
    pub fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation {
            entry.value.as_mut()
        } else {
            None
        }
    }

    /// A tick at or before the earliest deadline, and after the wheel's time unless something is
    /// due: the latest time until which the caller may sleep. It is the earliest deadline itself
    /// unless that is far and one of many.
    #[must_use]
    pub fn next_expiry(&self) -> Option<u64> {
        if self.heads[DUE] != NIL {
            return Some(self.now);
        }
        // A lower level always ends before the next slot of a higher one begins.
        let (level, slot, start) = self.next_slot()?;
        let end = start + (1 << (SLOT_BITS * level as u32));
        let earliest = self.earliest(level * SLOTS + slot);
        // A deadline beyond the slot is one beyond the span: others may come before it.
        Some(earliest.filter(|&earliest| earliest < end).unwrap_or(start))
    }

    /// The earliest deadline of a list, if the list is short.
    fn earliest(&self, list: usize) -> Option<u64> {
        let mut earliest = u64::MAX;
        let mut index = self.heads[list];
        for _ in 0..SCANNED_MAX {
            if index == NIL {
                return Some(earliest);
            }
            let entry = &self.entries[index as usize];
            earliest = earliest.min(entry.deadline);
            index = entry.next;
        }
        None
    }

    /// Moves time forward and gives every timer whose deadline is at or before `now` to `fire`.
    pub fn advance(&mut self, now: u64, mut fire: impl FnMut(T)) {
        self.fire_list(DUE, &mut fire);
        while let Some((level, slot, start)) =
            self.next_slot().filter(|&(_, _, start)| start <= now)
        {
            self.now = start;
            let list = level * SLOTS + slot;
            if level == 0 {
                self.fire_list(list, &mut fire);
            } else {
                self.cascade(list);
                self.fire_list(DUE, &mut fire);
            }
        }
        self.now = self.now.max(now);
    }

    /// Gives every timer to `fire`, whatever its deadline. Their keys become stale, as if they had
    /// fired in time.
    pub fn fire_all(&mut self, mut fire: impl FnMut(T)) {
        (0..self.heads.len()).for_each(|list| self.fire_list(list, &mut fire));
    }

    /// The first occupied slot in time: its level, number and first tick.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&bits| bits != 0)?;
        let shift = SLOT_BITS * level as u32;
        let position = (self.now >> shift) as u32 % SLOTS as u32;
        // Slots behind the current position belong to the next turn of this level.
        let ahead = self.occupied[level].rotate_right(position).trailing_zeros();
        let turn_start = (self.now >> shift) << shift;
        let start = turn_start + (u64::from(ahead) << shift);
        Some((level, (position + ahead) as usize % SLOTS, start))
    }

    fn fire_list(&mut self, list: usize, fire: &mut impl FnMut(T)) {
        while self.heads[list] != NIL {
            let index = self.heads[list];
            self.unlink(index);
            if let Some(value) = self.release(index) {
                fire(value);
            }
        }
    }

    fn cascade(&mut self, list: usize) {
        let mut index = self.heads[list];
        self.heads[list] = NIL;
        self.mark_empty(list);
        while index != NIL {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Which list a deadline belongs to at the current time.
    fn list_for(&self, deadline: u64) -> usize {
        if deadline <= self.now {
            return DUE;
        }
        let deadline = deadline.min(self.now.saturating_add(SPAN));
        let differing = (deadline ^ self.now) | 1;
        // A carry may reach beyond the top digit: such a deadline is in the last level's next turn.
        let level = ((63 - differing.leading_zeros()) / SLOT_BITS).min(LEVELS as u32 - 1);
        let slot = (deadline >> (SLOT_BITS * level)) as usize % SLOTS;
        level as usize * SLOTS + slot
    }

    fn link(&mut self, index: u32) {
        let list = self.list_for(self.entries[index as usize].deadline);
        let head = self.heads[list];
        if head != NIL {
            self.entries[head as usize].previous = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.next = head;
        entry.previous = NIL;
        entry.list = list as u16;
        self.heads[list] = index;
        if list != DUE {
            self.occupied[list / SLOTS] |= 1 << (list % SLOTS);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Entry {
            next,
            previous,
            list,
            ..
        } = self.entries[index as usize];
        let list = usize::from(list);
        match previous {
            NIL => self.heads[list] = next,
            _ => self.entries[previous as usize].next = next,
        }
        if next != NIL {
            self.entries[next as usize].previous = previous;
        }
        if self.heads[list] == NIL {
            self.mark_empty(list);
        }
    }

    fn mark_empty(&mut self, list: usize) {
        if list != DUE {
            self.occupied[list / SLOTS] &= !(1 << (list % SLOTS));
        }
    }

    fn allocate(&mut self, deadline: u64, value: T) -> u32 {
        if self.free == NIL {
            self.entries.push(Entry {
                deadline,
                value: Some(value),
                generation: 0,
                next: NIL,
                previous: NIL,
                list: 0,
            });
            return (self.entries.len() - 1) as u32;
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        entry.deadline = deadline;
        entry.value = Some(value);
        index
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = free;
        self.free = index;
        self.len -= 1;
        entry.value.take()
    }
}

#[cfg(test)]
mod tests;
