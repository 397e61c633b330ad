//! Look-ups without a lock (see `view` for the protocol), each key by itself.

use super::Store;
use crate::Millis;
use crate::index::Slot;
use crate::key::Key;
use crate::record::{Stamp, is_expired};
use crate::view::{Seen, Sought, TRIES, View};
use alloc::vec::Vec;
use ant_colony_policy::Frequency;

/// What is to be written around a value, or in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A value of this length follows.
    Before(usize),
    /// The value has been appended.
    After,
    /// The key is absent.
    Absent,
}

/// What there is to know of an object but its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Length of the value.
    pub value_len: usize,
    /// Last millisecond of the object's life, if it has one.
    pub expires_at: Option<Millis>,
}

/// Whether a look-up is an access, that is counted and marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trace {
    Leave,
    None,
}

/// What a reader that is content does for others afterwards.
enum Finding<T> {
    Absent,
    /// The key's time is over.
    Expired,
    Present {
        value: T,
        slot: Slot,
        stamp: Stamp,
    },
}

impl Store {
    /// Appends the value of `key` to `out`, with what `frame` writes around it; counts and
    /// marks the access as [`Shard::get`](crate::Shard::get) does, though a mark is lost if the
    /// shard is locked at the moment. Whether there was such a key.
    ///
    /// Takes no lock, unless the value is a large object, several keys of the shard are being
    /// changed together, or writers get in between again and again. So `frame` may be asked for
    /// [`Part::Before`] several times, each time with `out` as it was. The caller must not hold
    /// the lock of a shard.
    pub fn get_into(
        &self,
        key: &Key<'_>,
        now: Millis,
        out: &mut Vec<u8>,
        mut frame: impl FnMut(&mut Vec<u8>, Part),
    ) -> bool {
        let hit = self.append(key, now, out, &mut frame);
        self.tallies.add(u64::from(hit), u64::from(!hit));
        hit
    }

    /// [`Store::get_into`] for each of `keys`, one after the other, each at a time of its own. Their
    /// memory is asked for before any of it is read; nothing that is met then is kept, as a look-up
    /// may not be older than the one before it.
    pub fn get_each_into(
        &self,
        keys: &[Key<'_>],
        now: Millis,
        out: &mut Vec<u8>,
        mut frame: impl FnMut(&mut Vec<u8>, Part),
    ) {
        self.prefetch(keys);
        let mut hits = 0;
        for key in keys {
            hits += u64::from(self.append(key, now, out, &mut frame));
        }
        self.tallies.add(hits, keys.len() as u64 - hits);
    }

    /// Looks a key up for what is known of it but its value, and leaves no trace, but that an
    /// expired object is removed. Takes no lock, as [`Store::get_into`].
    pub fn brief(&self, key: &Key<'_>, now: Millis) -> Option<Brief> {
        self.look_at(key, Trace::None, now)
    }

    /// [`Store::brief`] that counts and marks the access.
    pub fn get_brief(&self, key: &Key<'_>, now: Millis) -> Option<Brief> {
        let found = self.look_at(key, Trace::Leave, now);
        let hits = u64::from(found.is_some());
        self.tallies.add(hits, 1 - hits);
        found
    }

    fn look_at(&self, key: &Key<'_>, trace: Trace, now: Millis) -> Option<Brief> {
        let read = |sought: &Sought<'_>, expires_at| Brief {
            value_len: sought.value_len(),
            expires_at,
        };
        match self.attempts(key, now, read) {
            Some(finding) => self.conclude(key, finding, trace, now),
            None => {
                let mut shard = self.lock(key);
                let entry = match trace {
                    Trace::Leave => shard.get_uncounted(key, now),
                    Trace::None => shard.peek(key, now),
                };
                entry.map(|entry| Brief {
                    value_len: entry.value.len(),
                    expires_at: entry.expires_at,
                })
            }
        }
    }

    #[inline]
    fn append(
        &self,
        key: &Key<'_>,
        now: Millis,
        out: &mut Vec<u8>,
        frame: &mut impl FnMut(&mut Vec<u8>, Part),
    ) -> bool {
        let start = out.len();
        let read = |sought: &Sought<'_>, _| {
            // What a former attempt appended may have been of another time.
            out.truncate(start);
            frame(out, Part::Before(sought.value_len()));
            sought.append_value(out);
        };
        let finding = self.attempts(key, now, read);
        let hit = match finding {
            Some(finding) => self.conclude(key, finding, Trace::Leave, now).is_some(),
            None => {
                out.truncate(start);
                self.append_locked(key, now, out, frame)
            }
        };
        if hit {
            frame(out, Part::After);
        } else {
            out.truncate(start);
            frame(out, Part::Absent);
        }
        hit
    }

    /// Reads under the lock: what is large, or being changed.
    #[cold]
    fn append_locked(
        &self,
        key: &Key<'_>,
        now: Millis,
        out: &mut Vec<u8>,
        frame: &mut impl FnMut(&mut Vec<u8>, Part),
    ) -> bool {
        let mut shard = self.lock(key);
        let Some(entry) = shard.get_uncounted(key, now) else {
            return false;
        };
        frame(out, Part::Before(entry.value.len()));
        out.extend_from_slice(entry.value);
        true
    }

    /// Searches for `key` until the sequence says that all that was read belongs together;
    /// nothing if only the holder of the lock can tell, or writers got in between too often.
    #[inline]
    fn attempts<T>(
        &self,
        key: &Key<'_>,
        now: Millis,
        mut read: impl FnMut(&Sought<'_>, Option<Millis>) -> T,
    ) -> Option<Finding<T>> {
        let view = self.view(key);
        for _ in 0..TRIES {
            let begun = view.sequence().begin()?;
            let finding = match view.search(key) {
                Seen::Absent => Some(Finding::Absent),
                Seen::Record(sought) => Some(examine(&sought, view, now, &mut read)),
                Seen::Locked => None,
            };
            if view.sequence().is_still(begun) {
                return finding;
            }
        }
        None
    }

    /// Does what a look-up leaves to be done, if the lock is free; answers what was found.
    #[inline]
    fn conclude<T>(
        &self,
        key: &Key<'_>,
        finding: Finding<T>,
        trace: Trace,
        now: Millis,
    ) -> Option<T> {
        match finding {
            Finding::Absent => None,
            Finding::Expired => {
                self.remove_expired(key, now);
                None
            }
            Finding::Present { value, slot, stamp } => {
                let view = self.view(key);
                // Most accesses fall into the second of the one before, and most objects that
                // are asked for often are known to be: then there is nothing to mark.
                if trace == Trace::Leave
                    && (slot.frequency() != Frequency::MAX
                        || stamp.accessed(now, view.epoch()) != stamp)
                {
                    self.mark(key, slot, now);
                }
                Some(value)
            }
        }
    }

    #[cold]
    fn remove_expired(&self, key: &Key<'_>, now: Millis) {
        if let Some(mut shard) = self.try_lock_shard(self.shard_of(key)) {
            let _ = shard.peek(key, now);
        }
    }

    /// Marks an access to the object that `slot` named, if it still does and the lock is free.
    fn mark(&self, key: &Key<'_>, slot: Slot, now: Millis) {
        if let Some(mut shard) = self.try_lock_shard(self.shard_of(key)) {
            shard.state.mark_at(key.hash, slot.location(), now);
        }
    }

    #[inline]
    pub(super) fn view(&self, key: &Key<'_>) -> &View {
        &self.shared.views[self.shard_of(key)]
    }
}

#[inline]
fn examine<T>(
    sought: &Sought<'_>,
    view: &View,
    now: Millis,
    read: &mut impl FnMut(&Sought<'_>, Option<Millis>) -> T,
) -> Finding<T> {
    let (stamp, expires_at) = sought.times(view.epoch());
    if is_expired(expires_at, now) {
        return Finding::Expired;
    }
    Finding::Present {
        value: read(sought, expires_at),
        slot: sought.slot,
        stamp,
    }
}
