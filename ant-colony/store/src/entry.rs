//! What a look-up shows of an object, and what an insert may say about one.

use crate::Millis;

/// An object as it lies in the store; borrowed from its shard.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The value's bytes.
    pub value: &'a [u8],
    /// Last millisecond of the object's life, if it has one.
    pub expires_at: Option<Millis>,
    /// Whether the value was written in parts ([`Shard::splice`](crate::Shard::splice)),
    /// or inserted with that mark.
    pub raw: bool,
    /// How often the object was accessed lately, saturating at 3.
    pub frequency: u8,
    /// Seconds since the last access.
    pub idle_s: u32,
    /// Bytes that the object takes, overhead included.
    pub memory: usize,
}

/// What an insert says about an object beside its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Last millisecond of the object's life; `None` and `Some(Millis::MAX)` never end.
    pub expires_at: Option<Millis>,
    /// Kept for the caller, and shown in [`Entry::raw`].
    pub raw: bool,
}

/// The object does not fit: it is larger than the store, or nothing can be evicted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for the object: raise the memory limit or store smaller objects")]
pub struct Full;

impl Meta {
    /// An expiry that never comes is none.
    pub(crate) fn normalised(self) -> Self {
        Self {
            expires_at: never_is_none(self.expires_at),
            ..self
        }
    }
}

/// `Millis::MAX` as an expiry means that there is none.
pub(crate) fn never_is_none(expires_at: Option<Millis>) -> Option<Millis> {
    expires_at.filter(|&at| at != Millis::MAX)
}
