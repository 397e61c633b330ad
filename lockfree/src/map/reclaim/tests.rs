//! Nodes that are retired, and how they are read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::vec::Vec;

use super::super::layout::{Boxed, Entry, Store};
use super::super::table::{Hold, Search, Table};
use super::{Box, Domain, FREE_EVERY, Node, Relaxed, STRIPES};

/// Shares a count; its drop panics if it is told to.
struct Explosive(Arc<()>, bool);

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(!self.1, "as it was told");
    }
}

/// Retires a node on a stripe, as a thread does that stops before it looks whether to free.
fn retire(domain: &Domain<Explosive>, stripe: usize, alive: &Arc<()>, explodes: bool) {
    let retired = &domain.retired[stripe];
    retired.push(Box::into_raw(Node::new(Explosive(alive.clone(), explodes))));
    retired.count.fetch_add(1, Relaxed);
}

#[test]
fn a_drop_that_panics_with_the_domain_keeps_no_stripe_from_being_dropped() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    for stripe in 0..STRIPES {
        (0..3).for_each(|number| retire(&domain, stripe, &alive, stripe == 1 && number == 1));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(domain))).is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_thread_that_stops_before_it_takes_its_list_leaves_it_to_the_next() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    for stripe in 0..STRIPES {
        (0..FREE_EVERY).for_each(|_| retire(&domain, stripe, &alive, false));
    }
    let node = Box::into_raw(Node::new(Explosive(alive.clone(), false)));
    // SAFETY: from a box, and in no map.
    unsafe { domain.retire(node) };
    assert_eq!(Arc::strong_count(&alive), 1 + (STRIPES - 1) * FREE_EVERY);
}

#[test]
fn who_finds_all_slots_taken_shows_a_node_in_another_block_and_it_is_not_freed() {
    let (domain, alive) = (Domain::new(), Arc::new(()));
    let node = || Box::into_raw(Node::new(Explosive(alive.clone(), false)));
    let (taken, read) = (node(), node());
    let slots = || domain.slots.lines.iter().flat_map(|line| &line.0);
    slots().for_each(|slot| slot.store(taken, Relaxed));
    let shown = domain.protect(read);
    for stripe in &domain.retired {
        stripe.count.store(FREE_EVERY - 1, Relaxed);
    }
    // SAFETY: from a box, and retired once.
    unsafe { domain.retire(read) };
    // SAFETY: as if it had been in a map when it was shown.
    let held = unsafe { shown.confirm(read) };
    assert_eq!(Arc::strong_count(&held.0), 3);
    drop(held);
    slots().for_each(|slot| slot.store(core::ptr::null_mut(), Relaxed));
    // SAFETY: from a box; nobody reads it.
    drop(unsafe { Box::from_raw(taken) });
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
