//! Sorting in parallel: quicksort whose halves are jobs, and whose partition of a long slice is
//! parallel too, as otherwise the first pass over all elements would be one worker's alone.
//!
//! Short slices are left to the standard library's sort, and so are those that a bad choice of pivots
//! has split too often. Runs of equal elements are taken out at once, as in pattern-defeating quicksort
//! (Peters, 2021).

use std::cmp::Ordering;

use super::join;

/// Shorter slices are sorted by one worker.
const SEQUENTIAL_MAX: usize = 4_096;
/// Shorter slices are partitioned by one worker.
const PARTITION_MAX: usize = 1 << 16;

/// Sorts the slice; equal elements may change places.
///
/// # Panics
///
/// If comparing does; the slice then holds the same elements in some order. Panics too if the
/// calling thread is not a worker.
pub fn par_sort_unstable<T: Ord + Send + Sync>(items: &mut [T]) {
    par_sort_unstable_by(items, T::cmp);
}

/// Sorts the slice by a comparison, which has to be a total order; equal elements may change places.
///
/// # Panics
///
/// As [`par_sort_unstable`], and perhaps if the order is not total.
pub fn par_sort_unstable_by<T: Send + Sync>(
    items: &mut [T],
    compare: impl Fn(&T, &T) -> Ordering + Sync,
) {
    let splits_max = 2 * items.len().max(1).ilog2();
    quicksort(items, None, splits_max, &compare);
}

/// `before`: the element left of this slice, if there is one; nothing here is smaller.
fn quicksort<T: Send + Sync>(
    items: &mut [T],
    before: Option<&T>,
    splits_left: u32,
    compare: &(impl Fn(&T, &T) -> Ordering + Sync),
) {
    if items.len() <= SEQUENTIAL_MAX || splits_left == 0 {
        items.sort_unstable_by(compare);
        return;
    }
    choose_pivot(items, compare);
    let Some((pivot, rest)) = items.split_first_mut() else {
        return;
    };
    if before.is_some_and(|before| compare(before, pivot).is_ge()) {
        // As small as what is before: so are all that are not greater, and they are in place.
        let equal = partition(rest, &|item| compare(item, pivot).is_le());
        quicksort(&mut rest[equal..], Some(pivot), splits_left - 1, compare);
        return;
    }
    let less = partition(rest, &|item| compare(item, pivot).is_lt());
    items.swap(0, less);
    let (left, right) = items.split_at_mut(less);
    let Some((pivot, right)) = right.split_first_mut() else {
        return;
    };
    join(
        || quicksort(left, before, splits_left - 1, compare),
        || quicksort(right, Some(pivot), splits_left - 1, compare),
    );
}

/// Puts an element to the front that is probably near the middle: the median of three medians of
/// three, from all over the slice.
fn choose_pivot<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    let step = items.len() / 9;
    let median = |a: usize, b: usize, c: usize| {
        let less = |left: usize, right: usize| compare(&items[left], &items[right]).is_lt();
        match (less(a, b), less(b, c), less(a, c)) {
            (true, true, _) | (false, false, _) => b,
            (true, false, true) | (false, true, false) => c,
            _ => a,
        }
    };
    let of_three = |third: usize| median(third * step, (third + 1) * step, (third + 2) * step);
    let pivot = median(of_three(0), of_three(3), of_three(6));
    items.swap(0, pivot);
}

/// Moves the elements for which `first` holds before the others; returns how many they are.
fn partition<T: Send>(items: &mut [T], first: &(impl Fn(&T) -> bool + Sync)) -> usize {
    let len = items.len();
    if len <= PARTITION_MAX {
        return partition_alone(items, first);
    }
    let middle = len / 2;
    let (left, right) = items.split_at_mut(middle);
    let (in_left, in_right) = join(|| partition(left, first), || partition(right, first));
    // What is misplaced: the end of the left half, and the beginning of the right one.
    let swapped = (middle - in_left).min(in_right);
    left[in_left..][..swapped].swap_with_slice(&mut right[in_right - swapped..in_right]);
    in_left + in_right
}

/// Without a branch that depends on the elements (Lomuto's partition): the processor cannot guess
/// how they compare.
fn partition_alone<T>(items: &mut [T], first: &impl Fn(&T) -> bool) -> usize {
    let mut count = 0;
    for index in 0..items.len() {
        let belongs = first(&items[index]);
        items.swap(index, count);
        count += usize::from(belongs);
    }
    count
}
