//! What a command handler works with: the shared engine, its session, the time,
//! and the buffer its reply goes to.
use alloc::vec::Vec;

use ant_colony_store::{Brief, Entry, Key, Millis, Part, Shard, Store};
use hallows_resp::{Protocol, Reply};

use crate::command::Command;
use crate::engine::Engine;
use crate::host::Now;
use crate::session::Session;

/// Everything a command may touch while it executes.
pub(crate) struct Context<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) session: &'a mut Session,
    pub(crate) now: Now,
    /// The command being executed, for messages that name it.
    pub(crate) command: Command,
    pub(crate) out: &'a mut Vec<u8>,
}

impl<'a> Context<'a> {
    /// The writer of the reply, in the session's protocol.
    #[inline]
    pub(crate) fn reply(&mut self) -> Reply<'_> {
        Reply::new(self.out, self.session.protocol)
    }

    #[inline]
    pub(crate) fn store(&self) -> &'a Store {
        &self.engine.store
    }

    /// Hashes a key of the selected database.
    #[inline]
    pub(crate) fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.engine.store.key(self.session.db, bytes)
    }

    /// Hashes several keys of the selected database.
    pub(crate) fn keys<'k>(&self, bytes: impl Iterator<Item = &'k [u8]>) -> Vec<Key<'k>> {
        bytes.map(|bytes| self.key(bytes)).collect()
    }

    /// Looks a key up for its value, as an access that the cache remembers unless the client has
    /// asked for `CLIENT NO-TOUCH`.
    #[inline]
    pub(crate) fn read<'s>(&self, shard: &'s mut Shard<'_>, key: &Key<'_>) -> Option<Entry<'s>> {
        if self.session.no_touch {
            shard.peek(key, self.now_ms())
        } else {
            shard.get(key, self.now_ms())
        }
    }

    /// [`Context::read`] of what is known of a key but its value, without a lock.
    pub(crate) fn read_brief(&self, key: &Key<'_>) -> Option<Brief> {
        if self.session.no_touch {
            self.store().brief(key, self.now_ms())
        } else {
            self.store().get_brief(key, self.now_ms())
        }
    }

    /// The time of the request in the unit of expiry.
    #[inline]
    pub(crate) fn now_ms(&self) -> Millis {
        self.now.unix_ms()
    }
}

/// Writes what is around a value that the store appends to the replies.
#[inline]
pub(crate) fn frame(out: &mut Vec<u8>, part: Part, protocol: Protocol) {
    let mut reply = Reply::new(out, protocol);
    match part {
        Part::Before(len) => reply.bulk_start(len),
        Part::After => reply.bulk_end(),
        Part::Absent => reply.null(),
    }
}
