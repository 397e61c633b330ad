//! How objects are laid out in the log, and changed where they lie.

use super::state::State;
use crate::Millis;
use crate::entry::Meta;
use crate::index::{Location, Place, Slot};
use crate::key::Key;
use crate::log::{Body, Large, NewRecord, SegmentId};
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

    /// Writes a new value over the one at `at` if that fits well: false otherwise.
    pub(crate) fn overwrite(
        &mut self,
        at: Location,
        key: &Key<'_>,
        value: &[u8],
        meta: Meta,
        now: Millis,
    ) -> bool {
        let header = self.log.header(at);
        let shape = self.shape(key.bytes.len(), value.len(), meta.expires_at);
        let is_large = header.has(Header::LARGE);
        let fits = match shape {
            Shape::Inline { words, .. } => !is_large && fits_well(words, header.words()),
            Shape::Large => is_large && self.large_fits_well(at, value.len()),
        };
        if !fits {
            return false;
        }
        let expired_before = self.log.expires_at(at, self.epoch).is_some();
        let words = header.words();
        let header = self.header(key, shape, words, value.len(), meta.raw);
        if is_large {
            self.log.set_header(at, header);
            self.log.set_expiry(at, meta.expires_at, self.epoch);
            let stamp = self.log.stamp(at).accessed(now, self.epoch);
            self.log.set_stamp(at, stamp);
            let large = self.log.large_mut(at);
            large.value_len = value.len();
            large.value_mut().copy_from_slice(value);
        } else {
            let body = Body::Inline {
                key: key.bytes,
                value,
            };
            let record = self.new_record(header, meta.expires_at, body, now);
            self.log.overwrite(at, record);
        }
        self.expiry_changed(key.db, at, expired_before, meta.expires_at, now);
        true
    }

    fn large_fits_well(&self, at: Location, value_len: usize) -> bool {
        let max = self.log.large(at).value_len_max();
        value_len <= max && value_len >= max / 2
    }

    /// Changes the length of the value at `at` if there is room; new bytes are zero.
    pub(crate) fn resize_in_place(&mut self, at: Location, new_len: usize) -> bool {
        let header = self.log.header(at);
        if header.has(Header::LARGE) {
            let large = self.log.large_mut(at);
            if new_len > large.value_len_max() {
                return false;
            }
            let old_len = core::mem::replace(&mut large.value_len, new_len);
            large.value_mut()[old_len.min(new_len)..].fill(0);
            return true;
        }
        let (key_len, old_len) = (header.key_len(), header.value_len());
        let words = header.prefix_words() + (key_len + new_len).div_ceil(WORD);
        if words > header.words() {
            return false;
        }
        self.log
            .set_header(at, header.with_lengths(key_len, new_len));
        self.log.value_mut(at)[old_len.min(new_len)..].fill(0);
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
    pub(crate) fn fill(&self, large: &mut Large, slot: Slot) {
        let old = self.log.record(slot.location(), self.epoch).value;
        let kept = old.len().min(large.value_len);
        let (copied, zeros) = large.value_mut().split_at_mut(kept);
        copied.copy_from_slice(&old[..kept]);
        zeros.fill(0);
    }
}

/// Whether a record of `needed` words may stay in a place of `given` without much waste.
fn fits_well(needed: usize, given: usize) -> bool {
    needed <= given && (given - needed) * 4 <= given.max(16)
}
