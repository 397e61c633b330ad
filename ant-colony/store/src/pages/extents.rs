//! A set of free address ranges that merges neighbours and finds the best fit.

use alloc::collections::{BTreeMap, BTreeSet};

/// Free ranges, none of which touches another.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    /// Length by start.
    by_start: BTreeMap<usize, usize>,
    /// Length and start.
    by_len: BTreeSet<(usize, usize)>,
    bytes: usize,
}

impl Extents {
    /// Bytes in all ranges.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a range that overlaps none that is here.
    pub(crate) fn insert(&mut self, mut start: usize, mut len: usize) {
        self.bytes += len;
        let before = self.by_start.range(..start).next_back();
        if let Some((&other, &other_len)) = before
            && other + other_len == start
        {
            self.remove(other, other_len);
            start = other;
            len += other_len;
        }
        if let Some(&other_len) = self.by_start.get(&(start + len)) {
            self.remove(start + len, other_len);
            len += other_len;
        }
        self.by_start.insert(start, len);
        self.by_len.insert((len, start));
    }

    /// Takes `len` bytes from the shortest range that has them, the lowest of several.
    pub(crate) fn take(&mut self, len: usize) -> Option<usize> {
        let &(found, start) = self.by_len.range((len, 0)..).next()?;
        self.remove(start, found);
        self.bytes -= len;
        if found > len {
            self.by_start.insert(start + len, found - len);
            self.by_len.insert((found - len, start + len));
        }
        Some(start)
    }

    /// Takes the longest range whole: its start and length.
    pub(crate) fn take_longest(&mut self) -> Option<(usize, usize)> {
        let &(len, start) = self.by_len.last()?;
        self.remove(start, len);
        self.bytes -= len;
        Some((start, len))
    }

    /// The parts of ranges that lie in the `len` bytes from `start`: their starts and lengths.
    pub(crate) fn within(&self, start: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
        let end = start + len;
        let before = self.by_start.range(..start).next_back();
        let ranges = before.into_iter().chain(self.by_start.range(start..end));
        ranges.filter_map(move |(&from, &len)| {
            let to = (from + len).min(end);
            let from = from.max(start);
            (from < to).then(|| (from, to - from))
        })
    }

    fn remove(&mut self, start: usize, len: usize) {
        self.by_start.remove(&start);
        self.by_len.remove(&(len, start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_merge_on_both_sides() {
        let mut extents = Extents::default();
        extents.insert(100, 10);
        extents.insert(120, 10);
        assert_eq!(extents.take(20), None);
        extents.insert(110, 10);
        assert_eq!(extents.bytes(), 30);
        assert_eq!(extents.take(30), Some(100));
        assert_eq!(extents.bytes(), 0);
        assert_eq!(extents.take_longest(), None);
    }

    #[test]
    fn the_best_fit_is_taken_and_the_rest_stays() {
        let mut extents = Extents::default();
        extents.insert(0, 50);
        extents.insert(100, 20);
        extents.insert(200, 30);
        assert_eq!(extents.take(15), Some(100));
        assert_eq!(extents.take(25), Some(200));
        assert_eq!(extents.take_longest(), Some((0, 50)));
        assert_eq!(extents.bytes(), 10);
    }

    #[test]
    fn ranges_are_clipped_to_where_they_are_looked_for() {
        let mut extents = Extents::default();
        for start in [0, 100, 200, 300] {
            extents.insert(start, 50);
        }
        let within = |start, len| extents.within(start, len).collect::<std::vec::Vec<_>>();
        assert_eq!(within(120, 100), [(120, 30), (200, 20)]);
        assert_eq!(within(50, 50), []);
        assert_eq!(within(310, 10), [(310, 10)]);
    }
}
