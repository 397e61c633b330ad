//! Records that are replaced, whose places are used again, and that grow.

use super::*;

/// An overwrite writes to the place that another has left, then names it, and leaves its own to
/// the next one, which is of another key.
#[test]
fn a_value_is_the_old_or_the_new_one_while_places_are_used_again() {
    model(|| {
        let shard = Shard::new();
        let reader = reader(&shard, |found| {
            assert!(
                found == Some(vec![10]) || found == Some(vec![11]),
                "{found:?}"
            );
        });
        shard.records[1].write(1, 11);
        publish(&shard.slots[0], 2);
        shard.sequence.advance();
        shard.records[0].write(2, 20);
        publish(&shard.root, 2);
        publish(&shard.slots[1], 1);
        reader.join().unwrap();
    });
}

/// Back and forth between two places, as one key that is overwritten does.
#[test]
fn a_place_that_comes_back_shows_no_older_value() {
    model(|| {
        let shard = Shard::new();
        let reader = thread::spawn({
            let shard = Arc::clone(&shard);
            move || {
                let seen = [shard.read(1), shard.read(1)].map(|found| match found {
                    Some(found) => found.expect("the key is always there")[0],
                    None => 0,
                });
                assert!(
                    seen.iter()
                        .all(|&value| value == 0 || (10..=12).contains(&value))
                );
                assert!(seen[1] == 0 || seen[0] <= seen[1], "{seen:?}");
            }
        });
        shard.sequence.advance();
        shard.records[1].write(1, 11);
        publish(&shard.slots[0], 2);
        shard.sequence.advance();
        shard.records[0].write(1, 12);
        publish(&shard.slots[0], 1);
        reader.join().unwrap();
    });
}

/// The memory of one shard is given to another one, whose sequence says nothing to this reader.
#[test]
fn memory_that_went_to_another_shard_is_not_taken_for_a_value() {
    model(|| {
        let shard = Shard::new();
        let next_owner = thread::spawn({
            let shard = Arc::clone(&shard);
            move || {
                let given = shard.lock.lock().unwrap();
                if look(&shard.slots[1]) == 9 {
                    protocol::renew();
                    // A value that looks like a record of the key.
                    fill(&shard.records[0].words[0], 99);
                }
                drop(given);
            }
        });
        let reader = reader(&shard, |found| {
            assert!(found == Some(vec![10]) || found.is_none(), "{found:?}");
        });
        let give = shard.lock.lock().unwrap();
        publish(&shard.slots[0], 0);
        shard.sequence.advance();
        // Beyond what readers look at: tells the next owner.
        fill(&shard.slots[1], 9);
        drop(give);
        reader.join().unwrap();
        next_owner.join().unwrap();
    });
}

/// A value that grows in its place: the bytes first, then the length.
#[test]
fn a_value_that_grows_is_seen_with_what_it_grew_by() {
    model(|| {
        let shard = Shard::new();
        let reader = reader(&shard, |found| {
            assert!(
                found == Some(vec![10]) || found == Some(vec![10, 7]),
                "{found:?}"
            );
        });
        fill(&shard.records[0].words[1], 7);
        publish(&shard.records[0].header, header(1, 2));
        shard.sequence.advance();
        reader.join().unwrap();
    });
}

/// A key that is removed, and whose slot is given to another key, does not come back.
#[test]
fn what_was_removed_before_a_look_up_began_is_not_found() {
    model(|| {
        let shard = Shard::new();
        let done = Arc::new(AtomicU64::new(0));
        let reader = thread::spawn({
            let (shard, done) = (Arc::clone(&shard), Arc::clone(&done));
            move || {
                let removed = follow(&done) == 1;
                if let Some(found) = shard.read(1) {
                    assert!(found.is_none() || !removed);
                    assert!(found.is_none_or(|value| value == [10]));
                }
            }
        });
        publish(&shard.slots[0], 0);
        publish(&done, 1);
        shard.sequence.advance();
        shard.records[0].write(2, 20);
        publish(&shard.slots[0], 1);
        reader.join().unwrap();
    });
}
