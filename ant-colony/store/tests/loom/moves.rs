//! Slots that move: splits, merges, gaps that are filled.

use super::*;

/// A slot moves from one place to another that readers pass earlier: they may have passed it
/// before it came, and pass the old one when it is gone.
#[test]
fn a_slot_that_fills_a_gap_is_always_found() {
    model(|| {
        let shard = Shard::new();
        publish(&shard.slots[0], 0);
        publish(&shard.slots[1], 1);
        publish(&shard.root, 2);
        let reader = reader(&shard, |found| {
            assert_eq!(found, Some(vec![10]));
        });
        publish(&shard.slots[0], 1);
        shard.sequence.advance();
        fill(&shard.slots[1], 0);
        reader.join().unwrap();
    });
}

/// A slot moves to a place that only the new number of buckets leads to, then back.
#[test]
fn a_slot_that_is_split_off_and_merged_back_is_always_found() {
    model(|| {
        let shard = Shard::new();
        let reader = reader(&shard, |found| {
            assert_eq!(found, Some(vec![10]));
        });
        publish(&shard.slots[1], 1);
        publish(&shard.root, 2);
        shard.sequence.advance();
        fill(&shard.slots[0], 0);
        publish(&shard.slots[0], 1);
        publish(&shard.root, 1);
        shard.sequence.advance();
        fill(&shard.slots[1], 0);
        reader.join().unwrap();
    });
}

/// What is in a bucket that has just been linked is there when the link is found.
#[test]
fn a_new_bucket_is_empty_or_filled_and_never_what_it_was_before() {
    model(|| {
        let shard = Shard::new();
        // The second bucket was another's, and names a record that is none of this chain.
        publish(&shard.slots[0], 0);
        publish(&shard.slots[1], 1);
        let reader = reader(&shard, |found| {
            assert_eq!(found, None);
        });
        fill(&shard.slots[1], 0);
        publish(&shard.root, 2);
        reader.join().unwrap();
    });
}
