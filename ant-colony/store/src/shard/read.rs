//! Look-ups.

use super::{Shard, State};
use crate::Millis;
use crate::entry::Entry;
use crate::index::Slot;
use crate::key::Key;
use crate::record::{Header, is_expired};

/// What a key costs in the index, at its usual density.
const INDEX_BYTES: usize = 13;

impl Shard<'_> {
    /// Looks a key up, counts the hit or miss, and marks the access.
    #[inline]
    pub fn get(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        self.state.get(key, now)
    }

    /// Looks a key up and leaves no trace, but that an expired object is removed.
    pub fn peek(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        let (_, slot) = self.state.find_live(key, now)?;
        Some(self.state.entry(slot, now))
    }

    /// Marks an access to a key; whether there is such a key.
    pub fn touch(&mut self, key: &Key<'_>, now: Millis) -> bool {
        self.state.mark(key, now).is_some()
    }
}

impl State {
    #[inline]
    pub(crate) fn get(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        match self.mark(key, now) {
            Some(slot) => {
                self.stats.hits += 1;
                Some(self.entry(slot, now))
            }
            None => {
                self.stats.misses += 1;
                None
            }
        }
    }

    /// Finds a live key, raises its frequency and sets its access time.
    #[inline]
    fn mark(&mut self, key: &Key<'_>, now: Millis) -> Option<Slot> {
        let (place, slot) = self.find(key)?;
        let at = slot.location();
        let (stamp, expires_at) = self.log.times(at, self.epoch);
        if is_expired(expires_at, now) {
            self.expire(key.hash, place, at, now);
            return None;
        }
        self.raise(place, slot);
        let accessed = stamp.accessed(now, self.epoch);
        // Most accesses fall into the second of the one before: no write then.
        if accessed != stamp {
            self.log.set_stamp(at, accessed);
        }
        Some(slot)
    }

    /// What is shown of the object in `slot`.
    #[inline]
    pub(crate) fn entry(&self, slot: Slot, now: Millis) -> Entry<'_> {
        self.keyed_entry(slot, now).1
    }

    /// Key and entry of the object in `slot`.
    #[inline]
    pub(crate) fn keyed_entry(&self, slot: Slot, now: Millis) -> (&[u8], Entry<'_>) {
        let record = self.log.record(slot.location(), self.epoch);
        let entry = Entry {
            value: record.value,
            expires_at: record.expires_at,
            raw: record.header.has(Header::RAW),
            frequency: slot.frequency().get(),
            idle_s: record.stamp.idle_s(now, self.epoch),
            memory: record.bytes + INDEX_BYTES,
        };
        (record.key, entry)
    }
}
