//! Splits, finished and not. The hash is the key, and all have the same tag.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::ptr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::search::{Hold, Search};
use super::super::table::Spot;
use super::super::visit::Visit;
use super::{Relaxed, Table, entries_max};

fn find(table: &Table, key: usize) -> Search<'_, ()> {
    table.search(key, key, |_| Hold::Is(()))
}

fn insert(table: &Table, key: usize) {
    let Search::Absent(seen) = find(table, key) else {
        panic!("{key} is there");
    };
    let locked = seen.home.lock(seen.version).expect("alone");
    table.insert(locked, key, key, ptr::null_mut);
}

/// Two buckets, and these keys.
fn table(keys: &[usize]) -> Table {
    let table = Table::new(2);
    keys.iter().for_each(|key| insert(&table, *key));
    table
}

/// Keys of bucket 0; half of them leave, and that is still more than a bucket has slots for.
fn even() -> Vec<usize> {
    (0..64).step_by(2).collect()
}

/// Splits off bucket `new` with a hash that panics after `calls` calls.
fn fail_to_split(table: &Table, new: usize, calls: usize) {
    let left = Cell::new(calls);
    let hash_of = |key| {
        left.set(left.get().checked_sub(1).expect("as it was told"));
        key
    };
    assert!(catch_unwind(AssertUnwindSafe(|| table.split(new, &hash_of))).is_err());
}

/// In a table that has grown to so many buckets.
fn finds_from_anywhere(begin: usize, buckets: usize) {
    let table = Table::new(begin);
    for _ in 0..buckets {
        table.grow(entries_max(buckets), |key| key);
    }
    assert_eq!(table.used.last.load(Relaxed) + 1, buckets);
    (0..64).for_each(|key| insert(&table, key));
    for key in 0..64_usize {
        assert!(matches!(find(&table, key), Search::Found(spot, ()) if spot.key == key));
        for bits in 0..=table.used.families.depth(buckets) {
            let once = key & ((1 << bits) - 1);
            // SAFETY: less than the number of buckets.
            let search = unsafe { table.search_from(once, key, key, |_| Hold::Is(())) };
            assert!(matches!(search, Search::Found(spot, ()) if spot.key == key));
        }
    }
    assert!(matches!(find(&table, 64), Search::Absent(_)));
}

#[test]
fn a_search_that_comes_from_any_bucket_that_once_was_right_finds_the_key() {
    // Even while a level is half split: hence several numbers of buckets.
    for (begin, buckets) in [
        (2, &[2, 3, 5, 6, 7, 12, 13, 16][..]),
        (3, &[3, 4, 6, 7, 12, 17]),
        (5, &[5, 6, 10, 11, 39, 40]),
    ] {
        for &buckets in buckets {
            finds_from_anywhere(begin, buckets);
        }
    }
}

#[test]
fn a_walk_in_the_middle_of_a_split_holds_no_pair_where_the_split_left_it() {
    let keys = even();
    let table = table(&keys);
    // SAFETY: there are two buckets.
    let home = unsafe { table.home(0) };
    let locked = home.lock(home.version()).expect("alone");
    // SAFETY: alone.
    let image = unsafe { table.homes.add(2) };
    let first = locked.version.link();
    home.set_tags(table.fill_image(home, first, image, |key| key & 3 == 2));
    table.used.extend(2, 1);
    let held = RefCell::new(Vec::new());
    let hold = |spot: &Spot<'_>| {
        held.borrow_mut().push(spot.key);
        Hold::Is(())
    };
    let mut met = Vec::new();
    Visit::new(&table, |key| key, hold).run(|key, _, ()| met.push(key));
    drop(locked);
    for mut each in [held.into_inner(), met] {
        each.sort_unstable();
        assert_eq!(each, keys);
    }
}

#[test]
fn what_a_panicking_hash_left_behind_is_gone_after_the_next_split() {
    let keys = even();
    let mut table = table(&keys);
    // Not in the first look at the keys, but when overflow buckets are gathered: the split has
    // happened, and the pairs that left are still in them.
    fail_to_split(&table, 2, keys.len());
    assert!(table.split(3, &|key| key) && table.split(4, &|key| key));
    for index in 0..5 {
        // SAFETY: there are five buckets.
        let home = unsafe { table.home(index) };
        let overflow = table.chain(home.own_link()).map(|(_, bucket)| bucket);
        for bucket in core::iter::once(home).chain(overflow) {
            for slot in bucket.own_tags().occupied() {
                let key = bucket.pairs[slot].key.load(Relaxed);
                assert_eq!(key & home.own_tags().mask(), index, "{key}");
            }
        }
    }
    assert!((keys.iter()).all(|key| matches!(find(&table, *key), Search::Found(..))));
    assert_eq!(table.pairs(|key| key).count(), keys.len());
}

#[test]
fn splits_that_panic_keep_no_overflow_buckets() {
    let keys = even();
    let table = table(&keys);
    // While the image is filled; and while the rest is gathered.
    (0..20).for_each(|_| fail_to_split(&table, 2, keys.len() - 1));
    fail_to_split(&table, 2, 2 * keys.len() - 8);
    let (index, _) = table.overflow.take();
    assert!(index < 12, "{index}");
}
