//! What the store is said to be: some names in two databases, and a clock.
//!
//! Each call brings the time, and may be late: the clock may have moved on since it was read. So an
//! object whose time is over by the clock may be gone or not; but no call meets one whose time is
//! over by its own.
//!
//! If the store evicts, any key may become absent at any time, and does in the model when it is
//! seen to be; what was absent must not come back.

use super::linearize::Model;
use ant_colony_store::Millis;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::slice;
use std::sync::Arc;

pub(crate) const DATABASES: usize = 2;
pub(crate) const NAMES: usize = 2;

/// A database, and a name in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) db: usize,
    pub(crate) name: usize,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Arc<[u8]>);

impl Bytes {
    /// What is most probably different in another value.
    fn extract(&self) -> (&[u8], usize, &[u8]) {
        let (bytes, len) = (&self.0, self.0.len());
        (&bytes[..len.min(8)], len, &bytes[len.saturating_sub(8)..])
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, len, last) = self.extract();
        write!(f, "{len} bytes {first:02x?} .. {last:02x?}")
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.extract().hash(state);
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A millisecond passes.
    Tick,
    /// Looks all these up at one point in time.
    Get(Vec<Key>),
    /// Length and end of life.
    Brief(Key),
    /// Stores a value under all these at one point in time.
    Insert(Vec<Key>, Bytes, Option<Millis>),
    /// Changes a value and leaves its expiry; shows what was there, which counts as empty if it
    /// was absent.
    Change(Key, Change),
    SetExpiry(Key, Option<Millis>),
    Remove(Key),
    /// Removes all keys of one database, or of both and of all others.
    Flush(Option<usize>),
    /// Exchanges the two databases.
    Swap,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Append(Vec<u8>),
    /// Writes the last byte over.
    Patch,
    /// Counts up in the first eight bytes.
    Increment,
}

impl Change {
    pub(crate) fn of(&self, old: &[u8]) -> Vec<u8> {
        let mut value = old.to_vec();
        match self {
            Self::Append(tail) => value.extend_from_slice(tail),
            Self::Patch => {
                value.pop();
                value.push(b'!');
            }
            Self::Increment => match value.first_chunk_mut::<8>() {
                Some(count) => *count = (u64::from_le_bytes(*count) + 1).to_le_bytes(),
                None => value = 1_u64.to_le_bytes().to_vec(),
            },
        }
        value
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Values(Vec<Option<Bytes>>),
    Brief(Option<(usize, Option<Millis>)>),
    There(bool),
    Done,
}

impl Seen {
    /// Whether the call found nothing under the `i`th of its keys.
    fn is_absent(&self, i: usize) -> bool {
        match self {
            Self::Values(values) => values[i].is_none(),
            Self::Brief(brief) => brief.is_none(),
            Self::There(there) => !there,
            Self::Done => false,
        }
    }
}

/// A call, and the time that its caller took it to be.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) call: Call,
    pub(crate) now: Millis,
}

impl Op {
    fn keys(&self) -> &[Key] {
        match &self.call {
            Call::Get(keys) | Call::Insert(keys, ..) => keys,
            Call::Brief(key) | Call::Change(key, _) => slice::from_ref(key),
            Call::SetExpiry(key, _) | Call::Remove(key) => slice::from_ref(key),
            Call::Tick | Call::Flush(_) | Call::Swap => &[],
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Object {
    value: Bytes,
    expires_at: Option<Millis>,
}

impl Object {
    fn is_over(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| now > at)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    clock: Millis,
    evicts: bool,
    objects: [[Option<Object>; NAMES]; DATABASES],
}

impl World {
    pub(crate) fn new(clock: Millis, evicts: bool) -> Self {
        Self {
            clock,
            evicts,
            objects: Default::default(),
        }
    }

    fn object(&mut self, key: Key) -> &mut Option<Object> {
        &mut self.objects[key.db][key.name]
    }

    /// What a call meets under a key. An object whose time is over may stay, as it is left by who
    /// takes no lock, and be met by those who are late.
    fn met(&mut self, key: Key, now: Millis) -> Option<Object> {
        let object = self.object(key).as_ref();
        object.filter(|object| !object.is_over(now)).cloned()
    }
}

impl Model for World {
    type Op = Op;
    type Ret = Seen;

    fn settle(&mut self, op: &Op, seen: &Seen) {
        let (clock, evicts) = (self.clock, self.evicts);
        for (i, &key) in op.keys().iter().enumerate() {
            if seen.is_absent(i) {
                let gone = |object: &mut Object| {
                    !object.is_over(op.now) && (evicts || object.is_over(clock))
                };
                self.object(key).take_if(gone);
            }
        }
    }

    fn apply(&mut self, &Op { ref call, now }: &Op) -> Seen {
        match call {
            Call::Tick => self.clock += 1,
            Call::Get(keys) => {
                let met = keys.iter().map(|&key| self.met(key, now));
                return Seen::Values(met.map(|met| met.map(|met| met.value)).collect());
            }
            &Call::Brief(key) => {
                let met = self.met(key, now);
                return Seen::Brief(met.map(|met| (met.value.0.len(), met.expires_at)));
            }
            Call::Insert(keys, value, expires_at) => {
                for &key in keys {
                    *self.object(key) = Some(Object {
                        value: value.clone(),
                        expires_at: *expires_at,
                    });
                }
            }
            Call::Change(key, change) => {
                let met = self.met(*key, now);
                let old = met.as_ref().map_or(&[][..], |met| &met.value.0);
                *self.object(*key) = Some(Object {
                    value: Bytes(change.of(old).into()),
                    expires_at: met.as_ref().and_then(|met| met.expires_at),
                });
                return Seen::Values(vec![met.map(|met| met.value)]);
            }
            &Call::SetExpiry(key, expires_at) => {
                let met = self.met(key, now);
                let there = met.is_some();
                *self.object(key) = met.map(|met| Object { expires_at, ..met });
                return Seen::There(there);
            }
            &Call::Remove(key) => {
                let there = self.met(key, now).is_some();
                *self.object(key) = None;
                return Seen::There(there);
            }
            Call::Flush(None) => self.objects = Default::default(),
            &Call::Flush(Some(db)) => self.objects[db] = Default::default(),
            Call::Swap => self.objects.swap(0, 1),
        }
        Seen::Done
    }
}
