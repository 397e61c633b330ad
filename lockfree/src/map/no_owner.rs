//! No numbers, where there are no threads that could tell when they end.

pub(super) const OWNERS: usize = 0;

#[inline]
pub(super) fn number() -> usize {
    usize::MAX
}
