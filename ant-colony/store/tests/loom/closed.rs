//! Changes to several shards that readers see together.

use super::*;

/// Two shards are changed under both locks; who has seen one change sees the other.
#[test]
fn who_has_seen_one_of_two_changes_sees_the_other() {
    model(|| {
        let shards = [Shard::new(), Shard::new()];
        let reader = thread::spawn({
            let shards = shards.clone();
            move || {
                let seen = [&shards[0], &shards[1]].map(|shard| {
                    let found = shard.read(1).unwrap_or_else(|| {
                        // Closed, or changed: the lock decides.
                        let _held = shard.lock.lock().unwrap();
                        shard.search(1)
                    });
                    found.expect("the key is always there")[0]
                });
                assert!(seen[0] <= seen[1], "{seen:?}");
            }
        });
        let held = [&shards[0], &shards[1]].map(|shard| shard.lock.lock().unwrap());
        for shard in &shards {
            shard.sequence.close();
        }
        for shard in &shards {
            shard.records[1].write(1, 11);
            fill(&shard.slots[0], 2);
        }
        for shard in &shards {
            shard.sequence.open();
        }
        drop(held);
        reader.join().unwrap();
    });
}
