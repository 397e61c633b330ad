//! How objects are laid out in the log, and what about them is changed where they lie.

use super::state::State;
use crate::Millis;
use crate::entry::Meta;
use crate::index::{Location, Place, Slot};
use crate::key::Key;
use crate::log::{Body, Large, NewRecord, SegmentId, class_of};
use crate::record::{FIXED_WORDS, Header, KEY_LEN_MAX, RECORD_WORDS_MAX, Stamp};
use ant_colony_policy::{Frequency, Queue};

const WORD: usize = size_of::<u64>();
/// A record larger than one part in this many of a segment goes out of the log.
const LARGE_SHARE: usize = 4;
/// Words of a record that refers to a large object: there is always room for a far expiry.
const LARGE_WORDS: usize = FIXED_WORDS + 2;

/// How an object is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Key and value in the log.
    Inline { words: usize, far: bool },
    /// A reference in the log, key and value elsewhere.
    Large,
}

impl Shape {
    /// Words that the record needs in the log.
    pub(crate) fn words(self) -> usize {
        match self {
            Self::Inline { words, .. } => words,
            Self::Large => LARGE_WORDS,
        }
    }
}

impl State {
    pub(crate) fn shape(
        &self,
        key_len: usize,
        value_len: usize,
        expires_at: Option<Millis>,
    ) -> Shape {
        let far = Stamp::is_far(expires_at, self.epoch);
        let words = FIXED_WORDS + usize::from(far) + (key_len + value_len).div_ceil(WORD);
        if words > self.inline_words_max() || key_len > KEY_LEN_MAX {
            Shape::Large
        } else {
            Shape::Inline { words, far }
        }
    }

    fn inline_words_max(&self) -> usize {
        (self.log.segment_bytes() / WORD / LARGE_SHARE).min(RECORD_WORDS_MAX)
    }

    /// Words to give to a value that grows, so that it does not move each time.
    pub(crate) fn with_headroom(&self, words: usize) -> usize {
        words.max((words + words / 2).min(self.inline_words_max()))
    }

    /// The header of a record of `words`, of which its shape may need fewer.
    pub(crate) fn header(
        &self,
        key: &Key<'_>,
        shape: Shape,
        words: usize,
        value_len: usize,
        raw: bool,
    ) -> Header {
        let namespace = self.namespaces[usize::from(key.db)];
        let raw = if raw { Header::RAW } else { 0 };
        match shape {
            Shape::Inline { far, .. } => {
                let far = if far { Header::FAR } else { 0 };
                Header::new(namespace, words, raw | far).with_lengths(key.bytes.len(), value_len)
            }
            Shape::Large => Header::new(namespace, words, raw | Header::FAR | Header::LARGE),
        }
    }

    fn new_record<'a>(
        &self,
        header: Header,
        expires_at: Option<Millis>,
        body: Body<'a>,
        now: Millis,
    ) -> NewRecord<'a> {
        NewRecord {
            header,
            stamp: Stamp::NONE
                .with_expiry(expires_at, self.epoch)
                .accessed(now, self.epoch),
            expires_at,
            body,
        }
    }

    /// Appends a record to a segment that has room for it.
    pub(crate) fn append(
        &mut self,
        id: SegmentId,
        header: Header,
        expires_at: Option<Millis>,
        body: Body<'_>,
        now: Millis,
    ) -> Location {
        let record = self.new_record(header, expires_at, body, now);
        let at = self.log.append(id, record);
        if let Some(expires_at) = expires_at {
            self.log.note_expiry(id, expires_at, now);
        }
        at
    }

    /// Makes the record at `at` the one of its key, which may have had another or not.
    pub(crate) fn link(&mut self, key: &Key<'_>, at: Location, frequency: Frequency, now: Millis) {
        match self.find(key) {
            Some((place, slot)) => self.link_instead(key, place, slot, at, frequency, now),
            None => self.link_new(key, at, frequency),
        }
    }

    /// Makes the record at `at` the first one of its key.
    pub(crate) fn link_new(&mut self, key: &Key<'_>, at: Location, frequency: Frequency) {
        self.count_expiring(key, at);
        self.counts[usize::from(key.db)].keys += 1;
        self.index
            .insert(key.hash, Slot::new(key.hash, frequency, at));
    }

    fn link_instead(
        &mut self,
        key: &Key<'_>,
        place: Place,
        slot: Slot,
        at: Location,
        frequency: Frequency,
        now: Millis,
    ) {
        self.count_expiring(key, at);
        let db = usize::from(key.db);
        self.counts[db].expiring -= usize::from(self.expires_at(slot).is_some());
        self.index
            .set(place, slot.with_location(at).with_frequency(frequency));
        drop(self.log.kill(slot.location()));
        // Before the segment may be put to another use, which takes its holes away.
        self.log.add_hole(slot.location());
        self.tidy(slot.location(), now);
    }

    fn count_expiring(&mut self, key: &Key<'_>, at: Location) {
        let expires = self.log.expires_at(at, self.epoch).is_some();
        self.counts[usize::from(key.db)].expiring += usize::from(expires);
    }

    /// Queue and frequency for a record of `key`: those of its present one, if any.
    pub(crate) fn standing(
        &mut self,
        key: &Key<'_>,
        found: Option<(Place, Slot)>,
    ) -> (Queue, Frequency) {
        match found {
            Some((place, _)) => {
                let slot = self.index.get(place);
                let id = self.log.segment_of(slot.location());
                (self.log.segment(id).queue, slot.frequency())
            }
            None => {
                self.purge_flushed(key.hash);
                (self.policy.on_insert(key.hash), Frequency::ZERO)
            }
        }
    }

    /// Counts an access to the object in `slot`.
    pub(crate) fn raise(&mut self, place: Place, slot: Slot) {
        let frequency = slot.frequency();
        if frequency.hit() != frequency {
            self.index.set(place, slot.with_frequency(frequency.hit()));
        }
    }

    pub(crate) fn expires_at(&self, slot: Slot) -> Option<Millis> {
        self.log.expires_at(slot.location(), self.epoch)
    }

    /// Replaces an object by a new one, which counts as an access, without taking memory if
    /// that is possible: false otherwise.
    pub(crate) fn replace(
        &mut self,
        (place, slot): (Place, Slot),
        shape: Shape,
        key: &Key<'_>,
        value: &[u8],
        meta: Meta,
        now: Millis,
    ) -> bool {
        let at = slot.location();
        let is_large = self.log.header(at).has(Header::LARGE);
        if shape != Shape::Large
            && !is_large
            && let Some(hole) = self.hole_for(at, shape.words(), meta.expires_at, now)
        {
            let header = self.log.header(hole);
            let header = self.header(key, shape, header.words(), value.len(), meta.raw);
            let body = Body::Inline {
                key: key.bytes,
                value,
            };
            let record = self.new_record(header, meta.expires_at, body, now);
            self.log.reuse(hole, record);
            let raised = slot.with_frequency(slot.frequency().hit());
            self.adopt(hole, (place, raised), key.db, meta.expires_at, now);
            return true;
        }
        self.raise(place, slot);
        shape == Shape::Large && is_large && self.replace_large(at, key, value, meta, now)
    }

    /// A dead record in whose place the successor of the one at `at` may be written.
    #[inline]
    fn hole_for(
        &mut self,
        at: Location,
        words: usize,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> Option<Location> {
        let segment = self.log.segment(self.log.segment_of(at));
        let queue = segment.queue;
        let classes = [segment.class, class_of(expires_at, now)];
        self.log
            .hole(words, queue, classes, |given| fits_well(words, given))
    }

    /// Writes the object in `slot`, changed, to the place of a dead record, if there is one.
    pub(crate) fn splice_in_hole(
        &mut self,
        (place, slot): (Place, Slot),
        key: &Key<'_>,
        (shape, words): (Shape, usize),
        splice: Splice<'_>,
        meta: Meta,
        now: Millis,
    ) -> bool {
        let old = slot.location();
        let old_header = self.log.header(old);
        if old_header.has(Header::LARGE) {
            return false;
        }
        let Some(hole) = self.hole_for(old, words, meta.expires_at, now) else {
            return false;
        };
        let given = self.log.header(hole).words();
        let header = self.header(key, shape, given, splice.len, meta.raw);
        let body = Body::Inline {
            key: key.bytes,
            value: &[],
        };
        let record = self.new_record(header, meta.expires_at, body, now);
        self.log.reuse(hole, record);
        let kept = old_header.value_len().min(splice.len);
        self.log.copy_value(old, hole, kept);
        self.log.patch(hole, splice.offset, splice.bytes);
        self.adopt(hole, (place, slot), key.db, meta.expires_at, now);
        true
    }

    /// Makes the record at `new`, written over a dead one, that of a key, and leaves the place of
    /// the old one, which `slot` names, to others.
    #[inline]
    fn adopt(
        &mut self,
        new: Location,
        (place, slot): (Place, Slot),
        db: u8,
        expires_at: Option<Millis>,
        now: Millis,
    ) {
        let old = slot.location();
        let expired_before = self.expires_at(slot).is_some();
        self.index.set(place, slot.with_location(new));
        self.expiry_changed(db, new, expired_before, expires_at, now);
        if self.log.supersede(old, new) {
            self.settle(self.log.segment_of(old));
        }
    }

    /// Writes a new value over that of a large object, if that fits well.
    fn replace_large(
        &mut self,
        at: Location,
        key: &Key<'_>,
        value: &[u8],
        meta: Meta,
        now: Millis,
    ) -> bool {
        if !self.large_fits_well(at, value.len()) {
            return false;
        }
        let expired_before = self.log.expires_at(at, self.epoch).is_some();
        let words = self.log.header(at).words();
        let header = self.header(key, Shape::Large, words, value.len(), meta.raw);
        self.log.set_header(at, header);
        self.log.set_expiry(at, meta.expires_at, self.epoch);
        let stamp = self.log.stamp(at).accessed(now, self.epoch);
        self.log.set_stamp(at, stamp);
        let large = self.log.large_mut(at);
        large.value_len = value.len();
        large.value_mut().copy_from_slice(value);
        self.expiry_changed(key.db, at, expired_before, meta.expires_at, now);
        true
    }

    pub(crate) fn value_len(&self, slot: Slot) -> usize {
        self.log.record(slot.location(), self.epoch).value.len()
    }

    fn large_fits_well(&self, at: Location, value_len: usize) -> bool {
        let max = self.log.large(at).value_len_max();
        value_len <= max && value_len >= max / 2
    }

    /// Makes `splice` in the value at `at` if that needs no other place: that of a large
    /// object has room, or one in the log has room and only grows.
    pub(crate) fn splice_in_place(
        &mut self,
        at: Location,
        splice: Splice<'_>,
        now: Millis,
    ) -> bool {
        let header = self.log.header(at);
        if header.has(Header::LARGE) {
            let large = self.log.large_mut(at);
            if splice.len > large.value_len_max() {
                return false;
            }
            let old_len = core::mem::replace(&mut large.value_len, splice.len);
            large.value_mut()[old_len.min(splice.len)..].fill(0);
            splice.apply(large.value_mut());
            self.log.set_header(at, header.with_flag(Header::RAW));
        } else {
            let words = header.prefix_words() + (header.key_len() + splice.len).div_ceil(WORD);
            let only_grows = splice.offset >= header.value_len() && splice.end() == splice.len;
            if !only_grows || words > header.words() {
                return false;
            }
            self.log
                .extend(at, splice.offset, splice.bytes, Header::RAW);
        }
        let stamp = self.log.stamp(at).accessed(now, self.epoch);
        self.log.set_stamp(at, stamp);
        true
    }

    /// Changes the expiry of the object in `slot`, if its record has room for it.
    pub(crate) fn set_expiry_in_place(
        &mut self,
        slot: Slot,
        expires_at: Option<Millis>,
        now: Millis,
    ) -> bool {
        let at = slot.location();
        let expired_before = self.expires_at(slot).is_some();
        if !self.log.set_expiry(at, expires_at, self.epoch) {
            return false;
        }
        let db = self.database_of(self.log.header(at)).unwrap_or(0) as u8;
        self.expiry_changed(db, at, expired_before, expires_at, now);
        true
    }

    fn expiry_changed(
        &mut self,
        db: u8,
        at: Location,
        expired_before: bool,
        expires_at: Option<Millis>,
        now: Millis,
    ) {
        let counts = &mut self.counts[usize::from(db)];
        counts.expiring -= usize::from(expired_before);
        if let Some(expires_at) = expires_at {
            counts.expiring += 1;
            self.log
                .note_expiry(self.log.segment_of(at), expires_at, now);
        }
    }

    /// Copies what fits of a value into the large object that will hold it; the rest is zero.
    pub(crate) fn fill(&self, large: &mut Large, found: Option<(Place, Slot)>) {
        let old = found.map_or(&[][..], |(_, slot)| {
            self.log.record(slot.location(), self.epoch).value
        });
        let kept = old.len().min(large.value_len);
        let (copied, zeros) = large.value_mut().split_at_mut(kept);
        copied.copy_from_slice(&old[..kept]);
        zeros.fill(0);
    }
}

/// What becomes of a value: so long, with what fits of the old bytes, then zeros, and `bytes`
/// from `offset` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splice<'a> {
    pub(crate) len: usize,
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

impl Splice<'_> {
    /// Changes nothing but the length.
    pub(crate) fn none(len: usize) -> Self {
        Self {
            len,
            offset: 0,
            bytes: &[],
        }
    }

    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }

    /// Puts the new bytes into a value of the right length.
    pub(crate) fn apply(&self, value: &mut [u8]) {
        value[self.offset..self.end()].copy_from_slice(self.bytes);
    }
}

/// Whether a record of `needed` words may be put in a place of `given` without much waste.
fn fits_well(needed: usize, given: usize) -> bool {
    needed <= given && (given - needed) * 4 <= given.max(16)
}
