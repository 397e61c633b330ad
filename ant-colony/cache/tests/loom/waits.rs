//! Those who ask for a key that is being loaded: one loads, and nobody waits in vain.

use std::sync::Mutex;

use super::*;

/// Who has loaded: the keys.
type Loaded = Arc<Mutex<Vec<usize>>>;

fn value_of(key: usize) -> usize {
    key + 1
}

/// Loads a key and checks the value.
fn load(loaded: &Loaded, key: usize) -> impl FnOnce(&Cache) + use<> {
    let loaded = Arc::clone(loaded);
    move |cache| {
        let value = cache.load(key, || {
            loaded.lock().unwrap().push(key);
            Some(value_of(key))
        });
        assert_eq!(value, Some(value_of(key)));
    }
}

/// Threads that ask for `keys`, of which each is loaded once; the first thread fails, if `fails`.
fn ask(hashes: [usize; 2], keys: &'static [usize], fails: bool) {
    model(hashes, move |cache| {
        let loaded = Loaded::default();
        let threads: Vec<_> = (keys.iter())
            .map(|&key| spawn(&cache, load(&loaded, key)))
            .collect();
        if fails {
            cache.load(KEY, || None);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        let mut loaded = loaded.lock().unwrap().clone();
        loaded.sort_unstable();
        let mut each = keys.to_vec();
        each.sort_unstable();
        each.dedup();
        assert_eq!(loaded, each);
        for key in each {
            assert_eq!(cache.entry(key), value_of(key));
        }
    });
}

#[test]
fn of_two_who_ask_at_the_same_time_one_loads() {
    ask(APART, &[KEY, KEY], false);
}

#[test]
fn of_three_who_ask_at_the_same_time_one_loads() {
    ask(APART, &[KEY, KEY, KEY], false);
}

#[test]
fn two_keys_are_loaded_each_once() {
    ask(APART, &[KEY, OTHER], false);
    ask(APART, &[KEY, OTHER, KEY], false);
}

#[test]
fn keys_with_hashes_that_are_alike_get_their_own_values() {
    for hashes in ALIKE {
        ask(hashes, &[KEY, OTHER], false);
        ask(hashes, &[KEY, OTHER, KEY], false);
    }
}

#[test]
fn who_waits_for_a_loader_that_fails_loads() {
    ask(APART, &[KEY], true);
    ask(APART, &[KEY, KEY], true);
    ask(APART, &[KEY, OTHER], true);
    for hashes in ALIKE {
        ask(hashes, &[KEY, OTHER], true);
    }
}

/// It joins and waits while another thread loads what is written meanwhile.
#[test]
fn who_waits_gets_the_value_also_if_it_is_not_kept() {
    model(APART, |cache| {
        let Asked::Lead(lead) = cache.ask(KEY) else {
            panic!("nobody else loads");
        };
        let waits = spawn(&cache, |cache| {
            let asked = cache.ask(KEY);
            cache.write(KEY, 9);
            match asked {
                Asked::Wait(mut waiter) => assert_eq!(waiter.wait(), Some(1)),
                Asked::Value(value) => assert_eq!(value, 1),
                Asked::Lead(_) => panic!("another one has the value or loads it"),
            }
        });
        lead.finish(1);
        waits.join().unwrap();
        assert_eq!(cache.entry(KEY), 9);
    });
}

#[test]
fn who_waits_no_longer_wakes_another_in_its_place() {
    for others in [0, 1] {
        model(APART, move |cache| {
            let loaded = Loaded::default();
            let waits = (0..others).map(|_| spawn(&cache, load(&loaded, KEY)));
            let waits: Vec<_> = waits.collect();
            let leaves = spawn(&cache, |cache| {
                // Whatever it is, it is dropped.
                let _: Asked<'_> = cache.ask(KEY);
            });
            cache.load(KEY, || None);
            leaves.join().unwrap();
            for thread in waits {
                thread.join().unwrap();
                assert_eq!(cache.entry(KEY), value_of(KEY));
            }
        });
    }
}

#[test]
fn a_value_that_is_written_when_a_loader_has_failed_reaches_all_who_wait() {
    model(APART, |cache| {
        let loaded = Loaded::default();
        let lead = cache.claim(KEY).expect("nobody loads");
        let waits = [KEY; 2].map(|key| spawn(&cache, load(&loaded, key)));
        drop(lead);
        cache.write(KEY, value_of(KEY));
        for thread in waits {
            thread.join().unwrap();
        }
        assert_eq!(cache.entry(KEY), value_of(KEY));
    });
}
