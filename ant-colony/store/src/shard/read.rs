//! Look-ups.

use super::{Shard, State};
use crate::Millis;
use crate::entry::Entry;
use crate::index::{Location, Place, Slot};
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

    /// [`Shard::get`] that leaves the counting to the caller.
    pub(crate) fn get_uncounted(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        let found = self.state.find(key)?;
        let slot = self.state.mark(found, key.hash, now)?;
        Some(self.state.entry(slot, now))
    }

    /// Looks a key up and leaves no trace, but that an expired object is removed.
    pub fn peek(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        let (_, slot) = self.state.find_live(key, now)?;
        Some(self.state.entry(slot, now))
    }

    /// Marks an access to a key; whether there is such a key.
    pub fn touch(&mut self, key: &Key<'_>, now: Millis) -> bool {
        let found = self.state.find(key);
        found.is_some_and(|found| self.state.mark(found, key.hash, now).is_some())
    }
}

impl State {
    #[inline]
    fn get(&mut self, key: &Key<'_>, now: Millis) -> Option<Entry<'_>> {
        let found = self.find(key);
        self.count(found, key.hash, now)
    }

    /// The value of a key that probably is at the place found earlier: what
    /// [`State::get`] does, in one pass over the record.
    #[inline]
    pub(crate) fn value(
        &mut self,
        key: &Key<'_>,
        candidate: Option<(Place, Slot)>,
        now: Millis,
    ) -> Option<&[u8]> {
        let namespace = self.namespaces[usize::from(key.db)];
        if let Some((place, slot)) = candidate
            && self.index.holds(place, slot)
            && let at = slot.location()
            && let Some(found) = self.log.read(at, namespace, key.bytes, self.epoch)
            && !is_expired(found.expires_at, now)
        {
            self.raise(place, slot);
            let accessed = found.stamp.accessed(now, self.epoch);
            if accessed != found.stamp {
                self.log.set_stamp(at, accessed);
            }
            self.stats.hits += 1;
            return Some(self.log.found_value(&found));
        }
        self.value_elsewhere(key, now)
    }

    /// The value of a key that was not where it probably is: it is absent, expired, large, or
    /// another key has the same tag.
    #[cold]
    fn value_elsewhere(&mut self, key: &Key<'_>, now: Millis) -> Option<&[u8]> {
        self.get(key, now).map(|entry| entry.value)
    }

    /// Counts a hit or a miss.
    #[inline]
    fn count(&mut self, found: Option<(Place, Slot)>, hash: u64, now: Millis) -> Option<Entry<'_>> {
        match found.and_then(|found| self.mark(found, hash, now)) {
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

    /// Raises the frequency of an object and sets its access time, unless it is expired.
    #[inline]
    fn mark(&mut self, (place, slot): (Place, Slot), hash: u64, now: Millis) -> Option<Slot> {
        let at = slot.location();
        let (stamp, expires_at) = self.log.times(at, self.epoch);
        if is_expired(expires_at, now) {
            self.expire(hash, place, at, now);
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

    /// Marks an access to the object at `at`, if it is still there.
    pub(crate) fn mark_at(&mut self, hash: u64, at: Location, now: Millis) {
        let found = self.index.find(hash, |location| location == at);
        if let Some(found) = found {
            self.mark(found, hash, now);
        }
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
