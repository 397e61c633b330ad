//! Sealed segments grouped by how much of them is dead, so that the deadest is found
//! without looking at all of them.

use super::SegmentId;
use alloc::vec::Vec;

/// Groups: sixteenths of a segment.
pub(crate) const LEVELS: usize = 16;
const ABSENT: (u8, u32) = (u8::MAX, 0);

/// Segments by level of deadness.
#[derive(Default)]
pub(crate) struct Deadness {
    groups: [Vec<SegmentId>; LEVELS],
    /// Level and position by segment.
    place: Vec<(u8, u32)>,
}

impl Deadness {
    /// The level of a segment of which `dead` words are dead, of two to the power of `shift`.
    #[inline]
    pub(crate) fn level(dead: usize, shift: u32) -> usize {
        ((dead * LEVELS) >> shift).min(LEVELS - 1)
    }

    /// Adds `id`, or moves it to another level.
    #[inline]
    pub(crate) fn set(&mut self, id: SegmentId, level: usize) {
        if self.place.len() <= id as usize {
            self.place.resize(id as usize + 1, ABSENT);
        }
        if usize::from(self.place[id as usize].0) == level {
            return;
        }
        self.remove(id);
        self.place[id as usize] = (level as u8, self.groups[level].len() as u32);
        self.groups[level].push(id);
    }

    /// Removes `id` if it is here.
    pub(crate) fn remove(&mut self, id: SegmentId) {
        let Some(place) = self.place.get_mut(id as usize) else {
            return;
        };
        let (level, position) = core::mem::replace(place, ABSENT);
        let Some(group) = self.groups.get_mut(usize::from(level)) else {
            return;
        };
        group.swap_remove(position as usize);
        if let Some(&moved) = group.get(position as usize) {
            self.place[moved as usize].1 = position;
        }
    }

    /// A segment of the highest level that is at least `level`.
    pub(crate) fn deadest(&self, level: usize) -> Option<SegmentId> {
        self.groups[level..]
            .iter()
            .rev()
            .find_map(|group| group.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadest_segment_is_found_through_moves_and_removals() {
        let mut deadness = Deadness::default();
        for id in 0..100 {
            deadness.set(id, id as usize % LEVELS);
        }
        assert_eq!(deadness.deadest(0).map(|id| id as usize % LEVELS), Some(15));
        for id in 0..100 {
            if id as usize % LEVELS > 3 {
                deadness.remove(id);
            }
        }
        deadness.set(7, 12);
        assert_eq!(deadness.deadest(4), Some(7));
        deadness.set(7, 0);
        assert_eq!(deadness.deadest(4), None);
        assert_eq!(deadness.deadest(0).map(|id| id as usize % LEVELS), Some(3));
    }

    #[test]
    fn levels_are_sixteenths() {
        assert_eq!(Deadness::level(127, 11), 0);
        assert_eq!(Deadness::level(128, 11), 1);
        assert_eq!(Deadness::level(2048, 11), 15);
    }
}
