//! Look-ups without a lock (see `view` for the protocol), each key by itself.

use super::Store;
use crate::Millis;
use crate::index::Slot;
use crate::key::Key;
use crate::record::{Stamp, is_expired};
use crate::view::{Epoch, Seen, Sought, TRIES, View};
use alloc::vec::Vec;
use ant_colony_policy::Frequency;
use smallvec::SmallVec;

/// Look-ups of an ordinary batch are kept without allocation.
const BATCH_INLINE: usize = 32;

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

/// One key's way through a batch.
struct Lookup {
    begun: Option<Epoch>,
    candidate: Option<Slot>,
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
    /// [`Part::Before`] several times, each time with `out` as it was.
    pub fn get_into(
        &self,
        key: &Key<'_>,
        now: Millis,
        out: &mut Vec<u8>,
        mut frame: impl FnMut(&mut Vec<u8>, Part),
    ) -> bool {
        let view = self.view(key);
        let begun = view.sequence().begin();
        let hit = self.append(key, begun, None, now, out, &mut frame);
        self.tallies.add(u64::from(hit), u64::from(!hit));
        hit
    }

    /// [`Store::get_into`] for each of `keys`, in order, each at a time of its own. Their memory
    /// is asked for before any of it is read.
    pub fn get_each_into(
        &self,
        keys: &[Key<'_>],
        now: Millis,
        out: &mut Vec<u8>,
        mut frame: impl FnMut(&mut Vec<u8>, Part),
    ) {
        for key in keys {
            self.view(key).prefetch(key.hash);
        }
        let mut lookups: SmallVec<[Lookup; BATCH_INLINE]> = SmallVec::with_capacity(keys.len());
        for key in keys {
            let view = self.view(key);
            let begun = view.sequence().begin();
            let candidate = view.candidate(key.hash);
            if let Some(slot) = candidate {
                view.prefetch_record(slot.location());
            }
            lookups.push(Lookup { begun, candidate });
        }
        let mut hits = 0;
        for (key, lookup) in keys.iter().zip(&lookups) {
            let hit = self.append(key, lookup.begun, lookup.candidate, now, out, &mut frame);
            hits += u64::from(hit);
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
        let begun = self.view(key).sequence().begin();
        let read = |sought: &Sought<'_>, expires_at| Brief {
            value_len: sought.value_len(),
            expires_at,
        };
        match self.attempts(key, begun, None, now, read) {
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
        begun: Option<Epoch>,
        candidate: Option<Slot>,
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
        let finding = self.attempts(key, begun, candidate, now, read);
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
        begun: Option<Epoch>,
        candidate: Option<Slot>,
        now: Millis,
        mut read: impl FnMut(&Sought<'_>, Option<Millis>) -> T,
    ) -> Option<Finding<T>> {
        let view = self.view(key);
        let mut begun = begun?;
        let mut seen = view.seek(key, candidate);
        for _ in 0..TRIES {
            let finding = match seen {
                Seen::Absent => Some(Finding::Absent),
                Seen::Record(sought) => Some(examine(&sought, view, now, &mut read)),
                Seen::Locked => None,
            };
            if view.sequence().is_still(begun) {
                return finding;
            }
            begun = view.sequence().begin()?;
            seen = view.search(key);
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
