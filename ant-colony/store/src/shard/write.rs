//! Inserts, changes and removals.
//!
//! Making room may evict or move any object, the one that is being changed included. So
//! room comes first, then the object is looked up again, and from there to the new slot
//! nothing else happens.

use super::Shard;
use super::place::Shape;
use super::state::Reason;
use crate::Millis;
use crate::entry::{Full, Meta, never_is_none};
use crate::key::Key;
use crate::log::{Body, Large, class_of};
use crate::memory::Span;
use crate::record::{Header, Stamp};

/// Most bytes that a growing large value gets beyond what was asked for.
const HEADROOM_MAX: usize = 1 << 20;

impl Shard<'_> {
    /// Stores an object, in place of the one that the key had.
    ///
    /// # Errors
    /// [`Full`] if memory cannot be found for it; the old object stays then, unless it
    /// was evicted in the search.
    pub fn insert(
        &mut self,
        key: &Key<'_>,
        value: &[u8],
        meta: Meta,
        now: Millis,
    ) -> Result<(), Full> {
        let meta = meta.normalised();
        let state = &mut *self.state;
        state.set_epoch(now);
        let found = state.find_live(key, now);
        if let Some((place, slot)) = found {
            state.raise(place, slot);
            if state.overwrite(slot.location(), key, value, meta, now) {
                return Ok(());
            }
        }
        let (queue, frequency) = state.standing(key, found);
        let shape = state.shape(key.bytes.len(), value.len(), meta.expires_at);
        let body = match shape {
            Shape::Inline { .. } => Body::Inline {
                key: key.bytes,
                value,
            },
            Shape::Large => {
                let span = self.large_span(key.bytes.len() + value.len(), now)?;
                let mut large = Large::new(span, key, value.len());
                large.value_mut().copy_from_slice(value);
                Body::Large(large)
            }
        };
        let class = class_of(meta.expires_at, now);
        let id = self.room(queue, class, shape.words(), key.hash, now)?;
        let state = &mut *self.state;
        let header = state.header(key, shape, shape.words(), value.len(), meta.raw);
        let at = state.append(id, header, meta.expires_at, body, now);
        match found {
            Some(_) => state.link(key, at, frequency, now),
            // Making room never adds a key, so it is still absent.
            None => state.link_new(key, at, frequency),
        }
        Ok(())
    }

    /// Changes the length of a value, keeping what fits of its bytes and its expiry, and
    /// gives it out to be written. New bytes are zero; the value is raw from then on.
    /// Values that grow again and again get some room in advance.
    ///
    /// # Errors
    /// [`Full`] if memory cannot be found; the value is unchanged then.
    pub fn resize(
        &mut self,
        key: &Key<'_>,
        new_len: usize,
        now: Millis,
    ) -> Result<Option<&mut [u8]>, Full> {
        let Some((place, slot)) = self.state.find_live(key, now) else {
            return Ok(None);
        };
        // Raised first, so that making room hardly takes this very object.
        self.state.raise(place, slot);
        if !self.state.resize_in_place(slot.location(), new_len) {
            let expires_at = self.state.expires_at(slot);
            self.rewrite(key, new_len, expires_at, now)?;
        }
        let state = &mut *self.state;
        let Some((_, slot)) = state.find(key) else {
            return Ok(None);
        };
        let at = slot.location();
        let stamp = state.log.stamp(at).accessed(now, state.epoch);
        state.log.set_stamp(at, stamp);
        let header = state.log.header(at).with_flag(Header::RAW);
        state.log.set_header(at, header);
        Ok(Some(state.log.value_mut(at)))
    }

    /// Sets or removes the end of a key's life; whether there is such a key.
    pub fn set_expiry(&mut self, key: &Key<'_>, expires_at: Option<Millis>, now: Millis) -> bool {
        let expires_at = never_is_none(expires_at);
        let Some((_, slot)) = self.state.find_live(key, now) else {
            return false;
        };
        if self.state.set_expiry_in_place(slot, expires_at, now) {
            return true;
        }
        let record = self.state.log.record(slot.location(), self.state.epoch);
        let len = record.value.len();
        let moved = self.rewrite(key, len, expires_at, now);
        let Some((_, slot)) = self.state.find(key) else {
            return false;
        };
        if moved.is_err() {
            // No memory for a record with a far expiry: the last near one is 34 years away.
            let last = Stamp::last_near(self.state.epoch);
            self.state.set_expiry_in_place(slot, Some(last), now);
        }
        true
    }

    /// Removes a key; whether it was there.
    pub fn remove(&mut self, key: &Key<'_>, now: Millis) -> bool {
        let state = &mut *self.state;
        let Some((place, slot)) = state.find_live(key, now) else {
            return false;
        };
        state.discard(key.hash, place, slot.location(), Reason::Removed);
        state.tidy(slot.location(), now);
        true
    }

    /// Writes an object to another place, with a value of `new_len` and an expiry that
    /// do not fit where it is. If it is evicted while room is made, nothing happens.
    fn rewrite(
        &mut self,
        key: &Key<'_>,
        new_len: usize,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> Result<(), Full> {
        match self.state.shape(key.bytes.len(), new_len, expires_at) {
            Shape::Large => self.rewrite_large(key, new_len, expires_at, now),
            shape => self.rewrite_inline(key, shape, new_len, expires_at, now),
        }
    }

    fn rewrite_inline(
        &mut self,
        key: &Key<'_>,
        shape: Shape,
        new_len: usize,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> Result<(), Full> {
        let words = self.state.with_headroom(shape.words());
        let found = self.state.find(key);
        let (queue, frequency) = self.state.standing(key, found);
        let id = self.room(queue, class_of(expires_at, now), words, key.hash, now)?;
        let state = &mut *self.state;
        let Some((_, slot)) = state.find(key) else {
            return Ok(());
        };
        let old = slot.location();
        let old_header = state.log.header(old);
        let raw = old_header.has(Header::RAW);
        let header = state.header(key, shape, words, new_len, raw);
        let body = Body::Inline {
            key: key.bytes,
            value: &[],
        };
        let at = state.append(id, header, expires_at, body, now);
        let kept = old_header.value_len().min(new_len);
        state.log.copy_value(old, at, kept);
        state.link(key, at, frequency, now);
        Ok(())
    }

    fn rewrite_large(
        &mut self,
        key: &Key<'_>,
        new_len: usize,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> Result<(), Full> {
        let span = self.growing_span(key.bytes.len() + new_len, now)?;
        let mut large = Large::new(span, key, new_len);
        let found = self.state.find(key);
        let Some((_, slot)) = found else {
            return Ok(());
        };
        if self.state.log.header(slot.location()).has(Header::LARGE) {
            self.state.fill(&mut large, slot);
            drop(self.state.log.replace_large(slot.location(), large));
            return Ok(());
        }
        let (queue, frequency) = self.state.standing(key, found);
        let class = class_of(expires_at, now);
        let words = Shape::Large.words();
        let id = self.room(queue, class, words, key.hash, now)?;
        let state = &mut *self.state;
        let Some((_, slot)) = state.find(key) else {
            return Ok(());
        };
        state.fill(&mut large, slot);
        let raw = state.log.header(slot.location()).has(Header::RAW);
        let header = state.header(key, Shape::Large, words, new_len, raw);
        let at = state.append(id, header, expires_at, Body::Large(large), now);
        state.link(key, at, frequency, now);
        Ok(())
    }

    /// Pages for a large object that will probably grow further.
    fn growing_span(&mut self, bytes: usize, now: Millis) -> Result<Span, Full> {
        let headroom = (bytes / 4).min(HEADROOM_MAX);
        self.large_span(bytes + headroom, now)
            .or_else(|Full| self.large_span(bytes, now))
    }
}
