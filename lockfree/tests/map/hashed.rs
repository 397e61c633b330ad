//! Operations by hash: whoever calls them decides which entry is meant.

use std::sync::Arc;
use std::thread;

use hallows_lockfree::map::Map;

#[test]
fn an_entry_is_found_replaced_and_taken_by_what_its_caller_says_of_it() {
    let map: Map<String, u64> = Map::new();
    let hash = map.hash("a");
    assert!(map.put(hash, |_, _| true, "a".to_owned(), 1).is_none());
    assert_eq!(map.get("a"), Some(1));
    assert_eq!(map.find_with(hash, |_, value| *value == 2, |_, _| ()), None);
    let before = map.put(hash, |_, value| *value == 1, "a".to_owned(), 2);
    let before = before.expect("replaced");
    assert_eq!((before.key().as_str(), *before.value()), ("a", 1));
    assert_eq!(map.len(), 1);
    assert!(map.take_if(hash, |_, value| *value == 1).is_none());
    let taken = map.take_if(hash, |key, _| key == "a").expect("taken");
    assert_eq!(*taken.value(), 2);
    assert!(map.is_empty());
}

#[test]
fn a_taken_entry_is_dropped_only_after_it_was_given_up() {
    let map: Map<u64, Arc<()>> = Map::new();
    let value = Arc::new(());
    let hash = map.hash(&1);
    map.put(hash, |_, _| false, 1, Arc::clone(&value));
    let taken = map.take_if(hash, |_, _| true).expect("taken");
    assert_eq!(Arc::strong_count(&value), 2);
    drop(taken);
    drop(map);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn of_many_who_take_a_value_one_gets_it_and_no_other_value() {
    let map: Map<u64, u64> = Map::new();
    let hash = map.hash(&1);
    let rounds = if cfg!(miri) { 20 } else { 5_000 };
    let (taken, replaced): (u64, u64) = thread::scope(|scope| {
        let takers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let take = |round: &u64| {
                        let taken = map.take_if(hash, |_, value| value == round);
                        taken
                            .map(|taken| assert_eq!(taken.value(), round))
                            .is_some()
                    };
                    (0..rounds).filter(take).count() as u64
                })
            })
            .collect();
        let put = |round: &u64| map.put(hash, |_, _| true, 1, *round).is_some();
        let replaced = (0..rounds).filter(put).count() as u64;
        let taken = takers.into_iter().map(|t| t.join().expect("no panic"));
        (taken.sum(), replaced)
    });
    assert_eq!(taken + replaced + map.len() as u64, rounds);
}
