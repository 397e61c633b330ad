//! Reading and writing the records of a log.

use super::{Large, Log, SegmentId, Stage};
use crate::Millis;
use crate::index::Location;
use crate::log::deadness::Deadness;
use crate::prefetch::prefetch;
use crate::record::{FIXED_WORDS, Header, NEVER, Namespace, Stamp, expiry_of};
use crate::view::{Cells, fill, publish, renew};
use core::ops::Range;
use core::sync::atomic::AtomicU64;

const WORD: usize = size_of::<u64>();

/// When the record that starts `words` expires.
#[inline]
fn expiry_in(words: &[u64], epoch: Millis) -> Option<Millis> {
    let header = Header(words[0]);
    let far = if header.has(Header::FAR) {
        words[FIXED_WORDS]
    } else {
        0
    };
    expiry_of(header, words[1], far, epoch)
}

/// Whether two slices of the same length are equal. Short keys are compared by words,
/// here, because a call costs more than the comparison.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() > 64 || a.len() < WORD {
        return a == b;
    }
    let (a_words, _) = a.as_chunks::<WORD>();
    let (b_words, _) = b.as_chunks::<WORD>();
    let same = a_words
        .iter()
        .zip(b_words)
        .all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b));
    // The last word overlaps the one before, unless the length is a multiple.
    same && a.last_chunk::<WORD>() == b.last_chunk::<WORD>()
}

/// A record as it lies in the log.
#[derive(Clone, Copy)]
pub(crate) struct RecordRef<'a> {
    pub(crate) header: Header,
    pub(crate) stamp: Stamp,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The hash of the key, where it is at hand.
    pub(crate) hash: Option<u64>,
    /// What the record takes from the budget.
    pub(crate) bytes: usize,
}

/// What [`Log::read`] found.
pub(crate) struct Found {
    pub(crate) stamp: Stamp,
    pub(crate) expires_at: Option<Millis>,
    segment: SegmentId,
    /// The bytes of the value in the segment.
    value: Range<usize>,
}

/// What is known of a record before it is written.
pub(crate) struct NewRecord<'a> {
    pub(crate) header: Header,
    pub(crate) stamp: Stamp,
    /// The expiry in full, for a header that says FAR.
    pub(crate) expires_at: Option<Millis>,
    pub(crate) body: Body<'a>,
}

/// What follows the fixed words of a record.
pub(crate) enum Body<'a> {
    /// Key, value, and zeros up to the value's full length.
    Inline { key: &'a [u8], value: &'a [u8] },
    /// An object outside the log.
    Large(Large),
}

impl Log {
    #[inline]
    pub(crate) fn header(&self, at: Location) -> Header {
        Header(self.segment(self.segment_of(at)).span.words()[self.word_of(at)])
    }

    #[inline]
    pub(crate) fn stamp(&self, at: Location) -> Stamp {
        Stamp(self.segment(self.segment_of(at)).span.words()[self.word_of(at) + 1])
    }

    /// Stamp and expiry of the record at `at`, given the epoch of its shard.
    #[inline]
    pub(crate) fn times(&self, at: Location, epoch: Millis) -> (Stamp, Option<Millis>) {
        let words = &self.segment(self.segment_of(at)).span.words()[self.word_of(at)..];
        (Stamp(words[1]), expiry_in(words, epoch))
    }

    /// When the record at `at` expires, given the epoch of its shard.
    #[inline]
    pub(crate) fn expires_at(&self, at: Location, epoch: Millis) -> Option<Millis> {
        let words = &self.segment(self.segment_of(at)).span.words()[self.word_of(at)..];
        expiry_in(words, epoch)
    }

    /// The record at `word` of segment `id`, and the word after it; none at the end.
    pub(crate) fn record_at(&self, id: SegmentId, word: u32) -> Option<(Location, Header, u32)> {
        let segment = self.get_segment(id)?;
        if word >= segment.used {
            return None;
        }
        let header = Header(segment.span.words()[word as usize]);
        Some((
            self.location(id, word),
            header,
            word + header.words() as u32,
        ))
    }

    pub(crate) fn set_header(&mut self, at: Location, header: Header) {
        publish(&self.cells_at(at)[0], header.0);
    }

    pub(crate) fn set_stamp(&mut self, at: Location, stamp: Stamp) {
        publish(&self.cells_at(at)[1], stamp.0);
    }

    fn cells_at(&mut self, at: Location) -> &[AtomicU64] {
        let word = self.word_of(at);
        let id = self.segment_of(at);
        &self.segment_mut(id).span.cells()[word..]
    }

    /// Starts loading a record.
    #[inline]
    pub(crate) fn prefetch(&self, at: Location) {
        if let Some(segment) = self.get_segment(self.segment_of(at)) {
            let words = &segment.span.words()[self.word_of(at)..];
            prefetch(&words[0]);
            // A record of ordinary size spans two lines, or three.
            for line in [8, 16] {
                if let Some(word) = words.get(line) {
                    prefetch(word);
                }
            }
        }
    }

    /// Whether the record at `at` is the one of `key` in `namespace`.
    #[inline]
    pub(crate) fn is_key(&self, at: Location, namespace: Namespace, key: &[u8]) -> bool {
        let segment = self.segment(self.segment_of(at));
        let word = self.word_of(at);
        let header = Header(segment.span.words()[word]);
        if header.namespace() != namespace {
            return false;
        }
        if header.has(Header::LARGE) {
            return self.large(at).key() == key;
        }
        let start = (word + header.prefix_words()) * WORD;
        header.key_len() == key.len() && equal(&segment.span.bytes()[start..start + key.len()], key)
    }

    /// Finds the value at `at` if that is the record of `key` in `namespace` and lies in the log.
    #[inline]
    pub(crate) fn read(
        &self,
        at: Location,
        namespace: Namespace,
        key: &[u8],
        epoch: Millis,
    ) -> Option<Found> {
        let id = self.segment_of(at);
        let span = &self.segment(id).span;
        let word = self.word_of(at);
        let words = &span.words()[word..];
        let header = Header(words[0]);
        let start = (word + header.prefix_words()) * WORD;
        let value = start + key.len();
        let is_it = header.namespace() == namespace
            && header.key_len() == key.len()
            && !header.has(Header::LARGE)
            && equal(&span.bytes()[start..value], key);
        is_it.then(|| Found {
            stamp: Stamp(words[1]),
            expires_at: expiry_in(words, epoch),
            segment: id,
            value: value..value + header.value_len(),
        })
    }

    /// The value that was found, as long as nothing has changed since.
    #[inline]
    pub(crate) fn found_value(&self, found: &Found) -> &[u8] {
        &self.segment(found.segment).span.bytes()[found.value.clone()]
    }

    /// The record at `at`, given the epoch of its shard.
    #[inline]
    pub(crate) fn record(&self, at: Location, epoch: Millis) -> RecordRef<'_> {
        let segment = self.segment(self.segment_of(at));
        let word = self.word_of(at);
        let words = &segment.span.words()[word..];
        let header = Header(words[0]);
        let stamp = Stamp(words[1]);
        let expires_at = expiry_in(words, epoch);
        let bytes = header.words() * WORD;
        if header.has(Header::LARGE) {
            let large = self.large(at);
            return RecordRef {
                header,
                stamp,
                expires_at,
                key: large.key(),
                value: large.value(),
                hash: Some(large.hash),
                bytes: bytes + large.span.cost(),
            };
        }
        let start = (word + header.prefix_words()) * WORD;
        let body = &segment.span.bytes()[start..];
        let (key, rest) = body.split_at(header.key_len());
        RecordRef {
            header,
            stamp,
            expires_at,
            key,
            value: &rest[..header.value_len()],
            hash: None,
            bytes,
        }
    }

    /// Changes the expiry of a record; false if it has no room for one so far away.
    pub(crate) fn set_expiry(
        &mut self,
        at: Location,
        expires_at: Option<Millis>,
        epoch: Millis,
    ) -> bool {
        let far = Stamp::is_far(expires_at, epoch);
        let (header, stamp) = (self.header(at), self.stamp(at));
        let cells = self.cells_at(at);
        if header.has(Header::FAR) {
            publish(&cells[FIXED_WORDS], expires_at.unwrap_or(NEVER));
        } else if far {
            return false;
        } else {
            publish(&cells[1], stamp.with_expiry(expires_at, epoch).0);
        }
        self.view.sequence().advance();
        true
    }

    fn large_number(&self, at: Location) -> u32 {
        let word = self.word_of(at) + self.header(at).prefix_words();
        self.segment(self.segment_of(at)).span.words()[word] as u32
    }

    pub(crate) fn large(&self, at: Location) -> &Large {
        self.larges.get(self.large_number(at))
    }

    pub(crate) fn large_mut(&mut self, at: Location) -> &mut Large {
        let number = self.large_number(at);
        self.larges.get_mut(number)
    }

    /// Appends a record to the open segment `id`, which has room for it.
    pub(crate) fn append(&mut self, id: SegmentId, record: NewRecord<'_>) -> Location {
        let words = record.header.words();
        let segment = self.segment_mut(id);
        let word = segment.take(words);
        let queue = segment.queue as usize;
        self.live_bytes[queue] += words * WORD;
        let at = self.location(id, word);
        self.write(at, record);
        at
    }

    /// Writes a record over the dead one at `at`, which is as long as the header says. It
    /// counts as live when it [takes the place](Log::supersede) of another one.
    #[inline]
    pub(crate) fn reuse(&mut self, at: Location, record: NewRecord<'_>) {
        self.view.sequence().advance();
        self.write(at, record);
    }

    /// Writes a record that no reader can find yet.
    #[inline]
    fn write(&mut self, at: Location, record: NewRecord<'_>) {
        let header = record.header;
        renew();
        let cells = self.cells_at(at);
        fill(&cells[0], header.0);
        fill(&cells[1], record.stamp.0);
        if header.has(Header::FAR) {
            fill(&cells[FIXED_WORDS], record.expires_at.unwrap_or(NEVER));
        }
        let body = Cells(&cells[header.prefix_words()..]);
        match record.body {
            Body::Inline { key, value } => {
                body.store_pair(key, value);
                if value.len() < header.value_len() {
                    body.clear(key.len() + value.len(), header.value_len() - value.len());
                }
            }
            Body::Large(large) => {
                let cost = large.span.cost();
                let number = self.larges.insert(large);
                fill(&self.cells_at(at)[header.prefix_words()], u64::from(number));
                let id = self.segment_of(at);
                let segment = self.segment_mut(id);
                segment.large += cost;
                let queue = segment.queue as usize;
                self.live_bytes[queue] += cost;
                self.large_bytes += cost;
            }
        }
    }

    /// Stores bytes of the value at `at` that no reader can see yet.
    pub(crate) fn patch(&mut self, at: Location, offset: usize, bytes: &[u8]) {
        let (id, start) = self.value_start(at);
        renew();
        Cells(self.segment_mut(id).span.cells()).patch(start + offset, bytes);
    }

    /// Lets the value at `at` grow within its record: zeros up to `offset`, then `bytes`.
    /// What is there already stays; readers see the new end by one store.
    pub(crate) fn extend(&mut self, at: Location, offset: usize, bytes: &[u8], flag: u64) {
        let header = self.header(at);
        let (id, start) = self.value_start(at);
        let old_len = header.value_len();
        debug_assert!(offset >= old_len);
        renew();
        let cells = Cells(self.segment_mut(id).span.cells());
        cells.clear(start + old_len, offset - old_len);
        cells.patch(start + offset, bytes);
        let grown = header.with_lengths(header.key_len(), offset + bytes.len());
        self.set_header(at, grown.with_flag(flag));
        self.view.sequence().advance();
    }

    /// Marks a record dead. The large object that it refers to, if any, is returned.
    pub(crate) fn kill(&mut self, at: Location) -> Option<Large> {
        let header = self.header(at);
        let large = header.has(Header::LARGE).then(|| {
            let number = self.large_number(at);
            self.larges.remove(number)
        });
        let cost = large.as_ref().map_or(0, |large| large.span.cost());
        self.bury(at, header, cost);
        self.large_bytes -= cost;
        large
    }

    /// Copies a live record to the open segment `to`, which has room, and marks the old
    /// place dead. A large object stays where it is.
    pub(crate) fn relocate(&mut self, at: Location, to: SegmentId) -> Location {
        let header = self.header(at);
        let words = header.words();
        let from = self.segment_of(at);
        let start = self.word_of(at);
        let cost = if header.has(Header::LARGE) {
            self.large(at).span.cost()
        } else {
            0
        };
        let [source, target] = self
            .segments
            .get_disjoint_mut([from as usize, to as usize])
            .expect("a record moves to another segment");
        let source = source.as_ref().expect("the source is in use");
        let target = target.as_mut().expect("the target is in use");
        let word = target.take(words);
        renew();
        let source = &source.span.words()[start..start + words];
        for (cell, &word) in target.span.cells()[word as usize..].iter().zip(source) {
            fill(cell, word);
        }
        target.large += cost;
        let queue = target.queue as usize;
        self.live_bytes[queue] += words * WORD + cost;
        self.bury(at, header, cost);
        self.location(to, word)
    }

    /// Accounts for the death of the record at `at`, whose large object cost `cost`.
    fn bury(&mut self, at: Location, header: Header, cost: usize) {
        debug_assert!(!header.has(Header::DEAD));
        self.set_header(at, header.with_flag(Header::DEAD));
        let id = self.segment_of(at);
        let words = header.words();
        let segment = self.segment_mut(id);
        segment.live -= words as u32;
        segment.large -= cost;
        let queue = segment.queue as usize;
        self.live_bytes[queue] -= words * WORD + cost;
        self.dead_bytes += words * WORD;
        self.grade(id);
    }

    /// Accounts for the record at `new`, written over a dead one in the same queue, which lives
    /// from now on, and for that at `old`, not large, which is dead and leaves a hole. Answers
    /// whether it was the last one of its segment.
    #[inline]
    pub(crate) fn supersede(&mut self, old: Location, new: Location) -> bool {
        let header = self.header(old);
        self.set_header(old, header.with_flag(Header::DEAD));
        let (died, born) = (header.words(), self.header(new).words());
        let (from, to) = (self.segment_of(old), self.segment_of(new));
        self.segment_mut(to).live += born as u32;
        let segment = self.segment_mut(from);
        segment.live -= died as u32;
        let (queue, left) = (segment.queue as usize, segment.live);
        self.live_bytes[queue] = self.live_bytes[queue] + born * WORD - died * WORD;
        self.dead_bytes = self.dead_bytes + died * WORD - born * WORD;
        if from != to || born != died {
            self.grade(from);
            self.grade(to);
        }
        self.holes.add(died, old);
        left == 0
    }

    /// Notes how much of a sealed segment is dead.
    #[inline]
    fn grade(&mut self, id: SegmentId) {
        let segment = self.segment(id);
        if segment.stage == Stage::Sealed {
            let level = Deadness::level(segment.dead() as usize, self.shift);
            self.deadness.set(id, level);
        }
    }

    /// Copies the first `len` bytes of the value at `from` to the one at `to`, which no
    /// reader can find yet. Both have the same key.
    pub(crate) fn copy_value(&mut self, from: Location, to: Location, len: usize) {
        let (source, source_start) = self.value_start(from);
        let (target, target_start) = self.value_start(to);
        let (first, target_first) = (source_start / WORD, target_start / WORD);
        // The key lies in the same part of the first word.
        let end = source_start % WORD + len;
        renew();
        for i in 0..end / WORD {
            let word = self.segment(source).span.words()[first + i];
            fill(
                &self.segment_mut(target).span.cells()[target_first + i],
                word,
            );
        }
        let rest = end % WORD;
        if rest > 0 {
            let i = end / WORD;
            let word = self.segment(source).span.words()[first + i].to_ne_bytes();
            let cells = Cells(self.segment_mut(target).span.cells());
            cells.patch((target_first + i) * WORD, &word[..rest]);
        }
    }

    /// Segment and byte where the value of an inline record starts.
    fn value_start(&self, at: Location) -> (SegmentId, usize) {
        let header = self.header(at);
        debug_assert!(!header.has(Header::LARGE));
        let start = (self.word_of(at) + header.prefix_words()) * WORD + header.key_len();
        (self.segment_of(at), start)
    }

    /// Replaces the large object of the record at `at`; answers the old one.
    pub(crate) fn replace_large(&mut self, at: Location, large: Large) -> Large {
        let new = large.span.cost();
        let old_large = core::mem::replace(self.large_mut(at), large);
        let old = old_large.span.cost();
        let id = self.segment_of(at);
        let segment = self.segment_mut(id);
        segment.large = segment.large - old + new;
        let queue = segment.queue as usize;
        self.live_bytes[queue] = self.live_bytes[queue] - old + new;
        self.large_bytes = self.large_bytes - old + new;
        old_large
    }

    /// Remembers that no record of `id` before `word` is live.
    pub(crate) fn set_head(&mut self, id: SegmentId, word: u32) {
        self.segment_mut(id).head = word;
    }
}
