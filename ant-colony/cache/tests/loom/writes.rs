//! Writes while values are loaded: what is loaded may be older, and then must not stay.

use std::sync::atomic::Ordering::Relaxed;

use super::*;

const OLD: usize = 1;
const NEW: usize = 2;

/// Loads what the source has.
fn load(cache: &Cache) -> Option<usize> {
    cache.load(KEY, || Some(cache.source.load(Relaxed)))
}

/// Changes the source and then writes the key, or removes it.
fn change(cache: &Cache, written: usize) {
    cache.source.store(NEW, Relaxed);
    cache.write(KEY, written);
}

#[test]
fn what_was_inserted_stays_whatever_is_loaded_meanwhile() {
    model(APART, |cache| {
        cache.source.store(OLD, Relaxed);
        let loads = spawn(&cache, load);
        change(&cache, NEW);
        loads.join().unwrap();
        assert_eq!(cache.entry(KEY), NEW);
    });
}

#[test]
fn what_was_loaded_from_before_a_removal_does_not_stay() {
    model(APART, |cache| {
        cache.source.store(OLD, Relaxed);
        let loads = spawn(&cache, load);
        change(&cache, 0);
        loads.join().unwrap();
        assert_ne!(cache.entry(KEY), OLD);
    });
}

#[test]
fn who_asks_after_a_write_gets_nothing_older() {
    for written in [0, NEW] {
        model(APART, move |cache| {
            cache.source.store(OLD, Relaxed);
            let loads = spawn(&cache, load);
            change(&cache, written);
            assert_eq!(load(&cache), Some(NEW));
            loads.join().unwrap();
        });
    }
}

#[test]
fn of_two_loaders_and_a_writer_the_writer_is_heard() {
    for written in [0, NEW] {
        model(APART, move |cache| {
            cache.source.store(OLD, Relaxed);
            let loads = [load; 2].map(|load| spawn(&cache, load));
            change(&cache, written);
            for thread in loads {
                thread.join().unwrap();
            }
            assert_ne!(cache.entry(KEY), OLD);
            assert!(written == 0 || cache.entry(KEY) == NEW);
        });
    }
}

#[test]
fn a_writer_of_another_key_keeps_no_value_out_unless_their_hashes_are_alike() {
    for hashes in [APART, ALIKE[0], ALIKE[1]] {
        model(hashes, move |cache| {
            cache.source.store(OLD, Relaxed);
            let loads = spawn(&cache, load);
            cache.write(OTHER, NEW);
            loads.join().unwrap();
            assert_eq!(cache.entry(OTHER), NEW);
            assert!(cache.entry(KEY) == OLD || hashes != APART);
        });
    }
}

#[test]
fn a_key_that_is_written_while_another_is_too_is_not_loaded_from_before() {
    model(APART, |cache| {
        cache.source.store(OLD, Relaxed);
        let loads = spawn(&cache, load);
        let writes = spawn(&cache, |cache| cache.write(OTHER, NEW));
        change(&cache, 0);
        loads.join().unwrap();
        writes.join().unwrap();
        assert_ne!(cache.entry(KEY), OLD);
    });
}

#[test]
fn who_removes_everything_leaves_nothing_that_was_loaded_before() {
    model(APART, |cache| {
        cache.source.store(OLD, Relaxed);
        let loads = spawn(&cache, load);
        cache.source.store(NEW, Relaxed);
        cache.clear();
        loads.join().unwrap();
        assert_ne!(cache.entry(KEY), OLD);
    });
}

/// Its flight was begun under the lock, and others write, and load, before it says that it is over.
#[test]
fn who_panics_when_the_flight_has_ended_ends_no_other() {
    model(APART, |cache| {
        let claimed = cache.claim(OTHER).expect("nobody loads");
        let Asked::Lead(led) = cache.ask(KEY) else {
            panic!("nobody else loads the key");
        };
        claimed.finish(OLD);
        let others = spawn(&cache, |cache| {
            cache.write(OTHER, NEW);
            cache.load(KEY, || {
                cache.write(KEY, NEW);
                Some(OLD)
            });
        });
        led.fail_to_finish();
        others.join().unwrap();
        assert_eq!(cache.entry(KEY), NEW);
    });
}
