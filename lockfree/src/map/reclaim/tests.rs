//! Nodes that are retired, and how they are read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::vec::Vec;

use super::super::layout::{Boxed, Entry, Store};
use super::super::search::{Hold, Search};
use super::super::table::Table;
use super::slots::Retired;
use super::{AtomicPtr, Box, Domain, FREE_EVERY, Node};
use crate::sync::atomic::Ordering::Relaxed;

/// Shares a count; its drop panics if it is told to.
struct Explosive(Arc<()>, bool);

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!self.1, "as it was told");
    }
}

/// Retires a node on a list, as a thread does that stops before it looks whether to free.
fn retire(list: &Retired<Explosive>, alive: &Arc<()>, explodes: bool) {
    list.add(Box::into_raw(Node::new(Explosive(alive.clone(), explodes))));
}

#[test]
fn a_drop_that_panics_with_the_domain_keeps_no_list_from_being_dropped() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    for (position, list) in domain.lists().enumerate() {
        (0..3).for_each(|number| retire(list, &alive, position == 1 && number == 1));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(domain))).is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_thread_that_stops_before_it_takes_its_list_leaves_it_to_the_next() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    for list in domain.lists() {
        (0..FREE_EVERY).for_each(|_| retire(list, &alive, false));
    }
    let node = Box::into_raw(Node::new(Explosive(alive.clone(), false)));
    // SAFETY: from a box, and in no map.
    unsafe { domain.retire(node) };
    let others = domain.lists().count() - 1;
    assert_eq!(Arc::strong_count(&alive), 1 + others * FREE_EVERY);
}

#[test]
fn who_finds_all_slots_taken_shows_a_node_in_another_block_and_it_is_not_freed() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    let node = || Box::into_raw(Node::new(Explosive(alive.clone(), false)));
    let (taken, read) = (node(), node());
    let slots = || -> Vec<&AtomicPtr<_>> {
        let owned = domain.owned.iter().flat_map(|own| &own.slots);
        let shared = domain.shared.lines.iter().flat_map(|line| &line.0);
        owned.chain(shared).collect()
    };
    slots().iter().for_each(|slot| slot.store(taken, Relaxed));
    let shown = domain.protect(read);
    for list in domain.lists() {
        list.count.store(FREE_EVERY - 1, Relaxed);
    }
    // SAFETY: from a box, and retired once.
    unsafe { domain.retire(read) };
    // SAFETY: as if it had been in a map when it was shown.
    let held = unsafe { shown.confirm(read) };
    assert_eq!(Arc::strong_count(&held.0), 3);
    drop(held);
    (slots().iter()).for_each(|slot| slot.store(core::ptr::null_mut(), Relaxed));
    // SAFETY: from a box; nobody reads it.
    drop(unsafe { Box::from_raw(taken) });
    drop(domain);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn what_one_thread_shows_is_not_freed_by_another() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    let node = Box::into_raw(Node::new(Explosive(alive.clone(), false)));
    let shown = domain.protect(node);
    // SAFETY: as if it had been in a map when it was shown.
    let held = unsafe { shown.confirm(node) };
    let node = AtomicPtr::new(node);
    let retire = || {
        for list in domain.lists() {
            list.count.store(FREE_EVERY, Relaxed);
        }
        // SAFETY: from a box, and retired once.
        unsafe { domain.retire(node.load(Relaxed)) };
    };
    thread::scope(|scope| scope.spawn(retire).join().expect("no panic"));
    assert_eq!(Arc::strong_count(&held.0), 2);
    drop(held);
    drop(domain);
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// Under Miri this shows whether a pointer is used that belongs to what was freed.
#[test]
fn an_entry_that_lies_where_another_was_freed_is_read_as_itself() {
    let domain = Domain::<(u64, u64)>::new();
    let word = |value| <Boxed as Store<u64, u64>>::into_word(Node::new((0, value)));
    for _ in 0..100 {
        let (table, first) = (Table::new(2), word(1));
        let Search::Absent(seen) = table.search(0, 0, |_| Hold::<()>::Changed) else {
            panic!("an empty table");
        };
        let locked = seen.home.lock(seen.version).expect("alone");
        table.insert(locked, 0, 0, || first);
        let Search::Found(spot, ()) = table.search(0, 0, |_| Hold::Is(())) else {
            panic!("just inserted");
        };
        // SAFETY: from a box; nothing reads it any more.
        drop(unsafe { Box::from_raw(first.cast::<Node<(u64, u64)>>()) });
        let words: Vec<_> = (0..20).map(|_| word(2)).collect();
        let same = words.iter().find(|word| word.addr() == first.addr());
        if let Some(same) = same {
            spot.pair().value.store(*same, Relaxed);
            // SAFETY: a spot of a table with such entries, which are not retired here.
            let held = unsafe { <Boxed as Store<u64, u64>>::hold(&domain, &spot, |_| true) };
            let Hold::Is(held) = held else {
                panic!("it is there");
            };
            assert_eq!(*Entry::value(&held), 2);
        }
        let found = same.is_some();
        for word in words {
            // SAFETY: from a box; nothing reads it any more.
            drop(unsafe { Box::from_raw(word.cast::<Node<(u64, u64)>>()) });
        }
        if found {
            return;
        }
    }
}

#[cfg(all(target_os = "linux", feature = "std", not(miri)))]
#[test]
fn what_cannot_be_freed_as_the_kernel_refuses_a_fence_waits_and_is_freed_later() {
    use crate::map::barrier::REFUSED;
    let (domain, alive) = (Domain::new(), Arc::new(()));
    let retire = |count: usize| {
        for _ in 0..count {
            let node = Box::into_raw(Node::new(Explosive(alive.clone(), false)));
            // SAFETY: from a box, and in no map.
            unsafe { domain.retire(node) };
        }
    };
    REFUSED.set(true);
    retire(3 * FREE_EVERY);
    assert_eq!(Arc::strong_count(&alive), 1 + 3 * FREE_EVERY);
    REFUSED.set(false);
    retire(FREE_EVERY);
    assert_eq!(Arc::strong_count(&alive), 1);
}
