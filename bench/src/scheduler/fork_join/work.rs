//! The workloads: fib, skynet and nqueens as in tzcnt's runtime-benchmarks (smaller), chili's sum of
//! a tree, and a quicksort.

use std::hint::black_box;
use std::ops::Range;

use anyhow::{Result, ensure};

use super::pools::ForkJoin;
use super::repeat;
use crate::random::Random;
use crate::scheduler::clock::Took;
use crate::scheduler::plan::Plan;

/// A binary tree of calls, and hardly any work in each.
pub(super) fn fib<P: ForkJoin>(plan: &Plan) -> Result<Vec<f64>> {
    fn parallel<P: ForkJoin>(scope: &mut P::Scope<'_>, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let (a, b) = P::join(
            scope,
            |scope| parallel::<P>(scope, n - 1),
            |scope| parallel::<P>(scope, n - 2),
        );
        a + b
    }
    let (n, expected) = plan.size((30, 832_040), (12, 144));
    let pool = P::start(plan.workers)?;
    repeat(plan, || {
        let (took, value) = Took::by(|| pool.run(|scope| parallel::<P>(scope, black_box(n))));
        ensure!(value == expected, "fib({n}) is {expected}, not {value}");
        Ok(took)
    })
}

/// Calls `each` for every number of a range, in parallel, and adds what it gives.
fn sum_over<P: ForkJoin>(
    scope: &mut P::Scope<'_>,
    range: Range<u64>,
    each: &(impl Fn(&mut P::Scope<'_>, u64) -> u64 + Sync),
) -> u64 {
    match range.end - range.start {
        0 => 0,
        1 => each(scope, range.start),
        count => {
            let middle = range.start + count / 2;
            let (a, b) = P::join(
                scope,
                |scope| sum_over::<P>(scope, range.start..middle, each),
                |scope| sum_over::<P>(scope, middle..range.end, each),
            );
            a + b
        }
    }
}

/// Each actor has ten, down to leaves that know their number; all numbers are added.
pub(super) fn skynet<P: ForkJoin>(plan: &Plan) -> Result<Vec<f64>> {
    fn actor<P: ForkJoin>(scope: &mut P::Scope<'_>, first: u64, leaves: u64) -> u64 {
        if leaves == 1 {
            return first;
        }
        let part = leaves / 10;
        sum_over::<P>(scope, 0..10, &|scope: &mut P::Scope<'_>, index| {
            actor::<P>(scope, first + index * part, part)
        })
    }
    let leaves = plan.size(1_000_000, 1_000);
    let pool = P::start(plan.workers)?;
    repeat(plan, || {
        let (took, sum) = Took::by(|| pool.run(|scope| actor::<P>(scope, 0, black_box(leaves))));
        ensure!(sum == leaves * (leaves - 1) / 2, "the numbers add to {sum}");
        Ok(took)
    })
}

/// Counts the ways to place queens, one per row, none attacking another: an irregular tree.
pub(super) fn nqueens<P: ForkJoin>(plan: &Plan) -> Result<Vec<f64>> {
    /// Columns and diagonals under attack in the next row, as bits.
    fn place<P: ForkJoin>(
        scope: &mut P::Scope<'_>,
        size: u64,
        columns: u64,
        left: u64,
        right: u64,
    ) -> u64 {
        let all = (1 << size) - 1;
        if columns == all {
            return 1;
        }
        let free = all & !(columns | left | right);
        sum_over::<P>(scope, 0..size, &|scope: &mut P::Scope<'_>, column| {
            let queen = 1 << column;
            if free & queen == 0 {
                return 0;
            }
            let (left, right) = ((left | queen) << 1, (right | queen) >> 1);
            place::<P>(scope, size, columns | queen, left, right)
        })
    }
    let (size, expected) = plan.size((10, 724), (6, 4));
    let pool = P::start(plan.workers)?;
    repeat(plan, || {
        let work = |scope: &mut P::Scope<'_>| place::<P>(scope, black_box(size), 0, 0, 0);
        let (took, ways) = Took::by(|| pool.run(work));
        ensure!(ways == expected, "{expected} ways, not {ways}");
        Ok(took)
    })
}

/// A node of a balanced tree. Nodes lie in memory layer by layer, so that it is the same to a pool whether
/// it descends on the left first or on the right: in the order of one of these walks, as an allocator
/// would give them out, its pool would read memory in a row and the other would not.
struct Node {
    value: u64,
    children: Option<[u32; 2]>,
}

fn tree(layers: u32) -> Vec<Node> {
    let nodes = (1_u32 << layers) - 1;
    let inner = nodes / 2;
    let children = |at| (at < inner).then_some([2 * at + 1, 2 * at + 2]);
    let node = |at| Node {
        value: 1,
        children: children(at),
    };
    (0..nodes).map(node).collect()
}

/// The sum of a balanced binary tree in memory.
pub(super) fn tree_sum<P: ForkJoin>(plan: &Plan) -> Result<Vec<f64>> {
    fn sum<P: ForkJoin>(scope: &mut P::Scope<'_>, tree: &[Node], at: u32) -> u64 {
        let node = &tree[at as usize];
        let below = |scope: &mut P::Scope<'_>, side: usize| {
            let child = node.children.map(|children| children[side]);
            child.map_or(0, |child| sum::<P>(scope, tree, child))
        };
        let (left, right) = P::join(scope, |scope| below(scope, 0), |scope| below(scope, 1));
        node.value + left + right
    }
    let layers = plan.size(20, 10);
    let tree = tree(layers);
    let pool = P::start(plan.workers)?;
    repeat(plan, || {
        let (took, sum) = Took::by(|| pool.run(|scope| sum::<P>(scope, black_box(&tree), 0)));
        ensure!(sum == (1 << layers) - 1, "the nodes add to {sum}");
        Ok(took)
    })
}

/// Below this many, sorting in one piece is faster than dividing.
const SORT_WHOLE_MAX: usize = 512;

/// Random numbers, divided by the median of three.
pub(super) fn quicksort<P: ForkJoin>(plan: &Plan) -> Result<Vec<f64>> {
    fn sort<P: ForkJoin>(scope: &mut P::Scope<'_>, numbers: &mut [u64]) {
        if numbers.len() <= SORT_WHOLE_MAX {
            numbers.sort_unstable();
            return;
        }
        let pivot = partition(numbers);
        let (low, high) = numbers.split_at_mut(pivot);
        P::join(
            scope,
            |scope| sort::<P>(scope, low),
            |scope| sort::<P>(scope, &mut high[1..]),
        );
    }
    let mut random = Random::new(7);
    let unsorted: Vec<u64> = (0..plan.size(1_000_000, 5_000))
        .map(|_| random.next())
        .collect();
    let pool = P::start(plan.workers)?;
    repeat(plan, || {
        let mut numbers = unsorted.clone();
        let (took, ()) = Took::by(|| pool.run(|scope| sort::<P>(scope, &mut numbers)));
        ensure!(numbers.is_sorted(), "the numbers are not sorted");
        Ok(took)
    })
}

/// Puts a median of three in its place, what is less before it and the rest after; returns where.
fn partition(numbers: &mut [u64]) -> usize {
    let last = numbers.len() - 1;
    let mut candidates = [0, last / 2, last];
    candidates.sort_unstable_by_key(|index| numbers[*index]);
    numbers.swap(candidates[1], last);
    let pivot = numbers[last];
    let mut place = 0;
    for index in 0..last {
        if numbers[index] < pivot {
            numbers.swap(index, place);
            place += 1;
        }
    }
    numbers.swap(place, last);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_divides_at_its_pivot() {
        let mut random = Random::new(3);
        let mut numbers: Vec<u64> = (0..1_000).map(|_| random.next() % 50).collect();
        let place = partition(&mut numbers);
        let pivot = numbers[place];
        assert!(numbers[..place].iter().all(|number| *number < pivot));
        assert!(numbers[place..].iter().all(|number| *number >= pivot));
    }
}
