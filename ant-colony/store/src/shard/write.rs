//! Inserts, changes and removals.
//!
//! Making room may evict or move any object, the one that is being changed included. So
//! room comes first, then the object is looked up again, and from there to the new slot
//! nothing else happens.

use super::Shard;
use super::place::{Shape, Splice};
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
        let shape = state.shape(key.bytes.len(), value.len(), meta.expires_at);
        if let Some((place, slot)) = found
            && state.replace((place, slot), shape, key, value, meta, now)
        {
            return Ok(());
        }
        let (queue, frequency) = state.standing(key, found);
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

    /// Makes a value `len` bytes long, keeping what fits of its bytes and its expiry, and puts
    /// `bytes` into it from `offset` on, all at once; other new bytes are zero. The value of
    /// an absent key is empty. The value is raw from then on.
    /// Values that grow again and again get some room in advance.
    ///
    /// # Errors
    /// [`Full`] if memory cannot be found; the value is unchanged then.
    ///
    /// # Panics
    /// If `bytes` do not end within `len`.
    pub fn splice(
        &mut self,
        key: &Key<'_>,
        len: usize,
        offset: usize,
        bytes: &[u8],
        now: Millis,
    ) -> Result<(), Full> {
        assert!(
            bytes.len() <= len && offset <= len - bytes.len(),
            "{} bytes at {offset} do not lie within {len}",
            bytes.len()
        );
        let splice = Splice { len, offset, bytes };
        self.state.set_epoch(now);
        let Some((place, slot)) = self.state.find_live(key, now) else {
            return self.rewrite(key, splice, None, true, now);
        };
        // Raised first, so that making room hardly takes this very object.
        self.state.raise(place, slot);
        if self.state.splice_in_place(slot.location(), splice, now) {
            return Ok(());
        }
        let expires_at = self.state.expires_at(slot);
        self.rewrite(key, splice, expires_at, true, now)
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
        let (len, raw) = (record.value.len(), record.header.has(Header::RAW));
        let moved = self.rewrite(key, Splice::none(len), expires_at, raw, now);
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

    /// Writes an object to another place, with a value and an expiry that cannot be had where
    /// it is. If it is evicted while room is made, nothing happens.
    fn rewrite(
        &mut self,
        key: &Key<'_>,
        splice: Splice<'_>,
        expires_at: Option<Millis>,
        raw: bool,
        now: Millis,
    ) -> Result<(), Full> {
        match self.state.shape(key.bytes.len(), splice.len, expires_at) {
            Shape::Large => self.rewrite_large(key, splice, expires_at, raw, now),
            shape => self.rewrite_inline(key, shape, splice, expires_at, raw, now),
        }
    }

    fn rewrite_inline(
        &mut self,
        key: &Key<'_>,
        shape: Shape,
        splice: Splice<'_>,
        expires_at: Option<Millis>,
        raw: bool,
        now: Millis,
    ) -> Result<(), Full> {
        let found = self.state.find(key);
        let grows = found.is_none_or(|(_, slot)| splice.len > self.state.value_len(slot));
        let words = if grows {
            self.state.with_headroom(shape.words())
        } else {
            shape.words()
        };
        let meta = Meta { expires_at, raw };
        if let Some(found) = found
            && self
                .state
                .splice_in_hole(found, key, (shape, words), splice, meta, now)
        {
            return Ok(());
        }
        let (queue, frequency) = self.state.standing(key, found);
        let id = self.room(queue, class_of(expires_at, now), words, key.hash, now)?;
        let state = &mut *self.state;
        let old = state.find(key).map(|(_, slot)| slot.location());
        if found.is_some() && old.is_none() {
            return Ok(());
        }
        let header = state.header(key, shape, words, splice.len, raw);
        let body = Body::Inline {
            key: key.bytes,
            value: &[],
        };
        let at = state.append(id, header, expires_at, body, now);
        if let Some(old) = old {
            let kept = state.log.header(old).value_len().min(splice.len);
            state.log.copy_value(old, at, kept);
        }
        state.log.patch(at, splice.offset, splice.bytes);
        state.link(key, at, frequency, now);
        Ok(())
    }

    fn rewrite_large(
        &mut self,
        key: &Key<'_>,
        splice: Splice<'_>,
        expires_at: Option<Millis>,
        raw: bool,
        now: Millis,
    ) -> Result<(), Full> {
        let existed = self.state.find(key).is_some();
        let span = self.growing_span(key.bytes.len() + splice.len, now)?;
        let mut large = Large::new(span, key, splice.len);
        let found = self.state.find(key);
        if existed && found.is_none() {
            return Ok(());
        }
        if let Some((_, slot)) = found
            && self.state.log.header(slot.location()).has(Header::LARGE)
        {
            let at = slot.location();
            self.state.fill(&mut large, found);
            splice.apply(large.value_mut());
            drop(self.state.log.replace_large(at, large));
            let flag = if raw { Header::RAW } else { 0 };
            let header = self.state.log.header(at).with_flag(flag);
            self.state.log.set_header(at, header);
            return Ok(());
        }
        let (queue, frequency) = self.state.standing(key, found);
        let class = class_of(expires_at, now);
        let words = Shape::Large.words();
        let id = self.room(queue, class, words, key.hash, now)?;
        let state = &mut *self.state;
        let found = state.find(key);
        if existed && found.is_none() {
            return Ok(());
        }
        state.fill(&mut large, found);
        splice.apply(large.value_mut());
        let header = state.header(key, Shape::Large, words, splice.len, raw);
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
