//! Slices in parallel: split only when somebody is hungry.
//!
//! A worker goes through its part in blocks, and looks between two blocks whether it has enough jobs
//! exposed. If not (somebody has taken one), it splits off half of what is left. So the number of
//! splits depends on thefts and not on the length, and there is no grain to choose (lazy splitting:
//! Tzannes and others, PPoPP 2010). A block is one [`BLOCKS`]th of what is left: long enough that
//! looking costs nothing where elements are cheap and many, and short enough that a thief waits for
//! at most that share of the time that the rest takes.

use super::join;
use super::local;

/// In how many blocks a worker would go through what is left.
const BLOCKS: usize = 32;

/// Calls `f` with each element.
///
/// # Panics
///
/// If `f` does, when no call is running any more; some elements may have been left out. Panics too
/// if the calling thread is not a worker. So do all functions of this module.
pub fn par_for_each<T: Sync>(items: &[T], f: impl Fn(&T) + Sync) {
    each_part(items, &|part: &[T]| part.iter().for_each(&f));
}

/// Calls `f` with each element, which it may change.
///
/// # Panics
///
/// As [`par_for_each`].
pub fn par_for_each_mut<T: Send>(items: &mut [T], f: impl Fn(&mut T) + Sync) {
    each_part(items, &|part: &mut [T]| part.iter_mut().for_each(&f));
}

/// Calls `f` with the number and the elements of each chunk. All have `size` elements but the last,
/// which may have fewer.
///
/// # Panics
///
/// If `size` is zero, and as [`par_for_each`].
pub fn par_chunks<T: Sync>(items: &[T], size: usize, f: impl Fn(usize, &[T]) + Sync) {
    each_part(Chunks::new(items, size), &|part: Chunks<&[T]>| {
        let chunks = part.items.chunks(size);
        (part.first..)
            .zip(chunks)
            .for_each(|(i, chunk)| f(i, chunk));
    });
}

/// Calls `f` with the number and the elements of each chunk, which it may change. All have `size`
/// elements but the last, which may have fewer.
///
/// # Panics
///
/// If `size` is zero, and as [`par_for_each`].
pub fn par_chunks_mut<T: Send>(items: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    each_part(Chunks::new(items, size), &|part: Chunks<&mut [T]>| {
        let chunks = part.items.chunks_mut(size);
        (part.first..)
            .zip(chunks)
            .for_each(|(i, chunk)| f(i, chunk));
    });
}

/// What `f` gives for each element, in the order of the elements.
///
/// # Panics
///
/// As [`par_for_each`]; what was given until then is dropped.
pub fn par_map<T: Sync, U: Send>(items: &[T], f: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let map = |mut mapped: Vec<U>, part: &[T]| {
        mapped.extend(part.iter().map(&f));
        mapped
    };
    let append = |mut left: Vec<U>, mut right: Vec<U>| {
        left.append(&mut right);
        left
    };
    fold(items, &Vec::new, &map, &append)
}

/// Maps each element and combines what that gives, neighbours with neighbours; `None` if there are no
/// elements.
///
/// `reduce` should be associative: which neighbours are combined first differs from call to call (so
/// a sum of floating-point numbers may differ in its last bits).
///
/// # Panics
///
/// As [`par_for_each`].
pub fn par_map_reduce<T: Sync, R: Send>(
    items: &[T],
    map: impl Fn(&T) -> R + Sync,
    reduce: impl Fn(R, R) -> R + Sync,
) -> Option<R> {
    let combine = |left: Option<R>, right: Option<R>| match (left, right) {
        (Some(left), Some(right)) => Some(reduce(left, right)),
        (one, none) => one.or(none),
    };
    let part = |done: Option<R>, part: &[T]| combine(done, part.iter().map(&map).reduce(&reduce));
    fold(items, &|| None, &part, &combine)
}

/// What can be split.
trait Divide: Sized + Send {
    fn len(&self) -> usize;
    fn divide(self, at: usize) -> (Self, Self);
}

impl<T: Sync> Divide for &[T] {
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn divide(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

impl<T: Send> Divide for &mut [T] {
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn divide(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

/// Elements that are split only between chunks.
struct Chunks<D> {
    items: D,
    size: usize,
    /// The number of the first chunk.
    first: usize,
}

impl<D> Chunks<D> {
    fn new(items: D, size: usize) -> Self {
        assert_ne!(size, 0, "a chunk needs at least one element");
        Self {
            items,
            size,
            first: 0,
        }
    }
}

impl<D: Divide> Divide for Chunks<D> {
    fn len(&self) -> usize {
        self.items.len().div_ceil(self.size)
    }

    fn divide(self, at: usize) -> (Self, Self) {
        let Self { items, size, first } = self;
        let elements = at.saturating_mul(size).min(items.len());
        let (left, right) = items.divide(elements);
        let part = |items, first| Self { items, size, first };
        (part(left, first), part(right, first + at))
    }
}

fn each_part<D: Divide>(data: D, f: &(impl Fn(D) + Sync)) {
    fold(data, &|| (), &|(), part| f(part), &|(), ()| ());
}

/// Goes through the data in blocks, from left to right; splits off the right half when jobs are
/// lacking, and merges what it gives.
fn fold<D: Divide, A: Send>(
    mut data: D,
    new: &(impl Fn() -> A + Sync),
    block: &(impl Fn(A, D) -> A + Sync),
    merge: &(impl Fn(A, A) -> A + Sync),
) -> A {
    let mut done = new();
    loop {
        let len = data.len();
        if len > 1 && local::with(|local| local.owner.is_lacking()) {
            let (left, right) = data.divide(len / 2);
            let (left, right) = join(
                || fold(left, new, block, merge),
                || fold(right, new, block, merge),
            );
            return merge(merge(done, left), right);
        }
        if len == 0 {
            return done;
        }
        let (head, rest) = data.divide(len.div_ceil(BLOCKS));
        done = block(done, head);
        data = rest;
    }
}
