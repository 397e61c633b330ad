//! Several steps ahead: for mechanisms that fetch many objects for little more than one.
//!
//! From what is predicted next the walk goes on along the trails, as long as it is at least as likely
//! as not that all of it comes true. Each step is taken for as likely as predictions of its kind were
//! that began a walk. So where every other prediction is wrong one step is taken, where nine of ten
//! are right six are.
//!
//! What was ordered already, and is not used yet, does not end a walk, and is still a prediction that
//! may come true: so trails go on being judged in the middle of what one fetch has brought.

use alloc::vec::Vec;

use super::Trails;

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It would have to be fetched.
    Absent,
    /// It was prefetched, or is on its way, and nobody has asked for it yet.
    Ordered,
    /// It is there for another reason, or is not wanted.
    Held,
}

/// What the mechanism knows of an object by its key.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The hash by which its own trail is found.
    pub hash: u64,
    /// Whether it is there.
    pub presence: Presence,
}

impl<K: Copy + Eq + Default> Trails<K> {
    /// As [`on_fetch`](Trails::on_fetch), but answers up to `steps` objects that are predicted to be
    /// fetched one after the other. With 0 steps it only learns. A key that `known` does not know
    /// ends the walk.
    pub fn on_fetch_ahead(
        &mut self,
        workload: usize,
        hash: u64,
        key: K,
        steps: usize,
        mut known: impl FnMut(K) -> Option<Known>,
    ) -> Vec<K> {
        let presence = |successor| known(successor).map_or(Presence::Held, |known| known.presence);
        let mut ordered = Vec::new();
        let Some(first) = self.follow(workload, hash, key, presence) else {
            return ordered;
        };
        let (mut odds, mut successor) = (first.odds, first.successor);
        let records = &self.workloads[workload % self.workloads.len()].records;
        for step in 1..=steps {
            if !odds.pay() || successor == key || ordered.contains(&successor) {
                break;
            }
            let Some(Known { hash, presence }) = known(successor) else {
                break;
            };
            if presence == Presence::Absent {
                ordered.push(successor);
            }
            let Some(next) = self.table.find(hash) else {
                break;
            };
            odds = odds.and(records.odds(records.kind(step, next.confidence)));
            successor = next.successor;
        }
        self.account.issued += ordered.len() as u64;
        ordered
    }
}
