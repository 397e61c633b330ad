//! The layout of an object in the log.
//!
//! ```text
//! word 0   header: value length 17, key length 10, size in words 14, namespace 16, flags 7
//! word 1   stamp: expiry 40 (ms since the shard's epoch, plus one; zero is none), access time 24 (s)
//! word 2   the full expiry, only if the header says FAR
//! ...      key bytes, value bytes; or, if the header says LARGE, the number of a large object
//! ```
//!
//! Readers without the lock see a record change in three ways only, each of them one store:
//! the stamp (or the full expiry); the header, when the value grows by bytes that were
//! written before, or the record dies. Everything else stays until its memory is used again.
//!
//! Every record has room for an expiry, so that EXPIRE and PERSIST never move one. An
//! expiry that 40 bits cannot hold (beyond 34 years, or before the epoch) is rare and
//! takes a word of its own.

use crate::Millis;
use crate::config::DATABASES;

/// Words before the optional far expiry.
pub(crate) const FIXED_WORDS: usize = 2;
/// Longest key that lies in the log.
pub(crate) const KEY_LEN_MAX: usize = (1 << Header::KEY_BITS) - 1;
/// Longest record, in words.
pub(crate) const RECORD_WORDS_MAX: usize = (1 << Header::SIZE_BITS) - 1;

/// Identifies the contents of a database between two flushes.
pub(crate) type Namespace = u16;

/// The namespaces of the databases, in their order.
pub(crate) type Namespaces = [Namespace; DATABASES];

/// The first word of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) u64);

impl Header {
    const VALUE_BITS: u32 = 17;
    const KEY_BITS: u32 = 10;
    const SIZE_BITS: u32 = 14;
    const KEY_SHIFT: u32 = Self::VALUE_BITS;
    const SIZE_SHIFT: u32 = Self::KEY_SHIFT + Self::KEY_BITS;
    const NAMESPACE_SHIFT: u32 = Self::SIZE_SHIFT + Self::SIZE_BITS;
    /// The value was written in parts, and is to be reported as raw bytes.
    pub(crate) const RAW: u64 = 1 << 57;
    /// Key and value are in a large object.
    pub(crate) const LARGE: u64 = 1 << 58;
    /// A third word holds the expiry.
    pub(crate) const FAR: u64 = 1 << 59;
    /// No slot of the index refers to this record any more.
    pub(crate) const DEAD: u64 = 1 << 60;

    pub(crate) fn new(namespace: Namespace, words: usize, flags: u64) -> Self {
        debug_assert!(words <= RECORD_WORDS_MAX);
        Self(
            flags
                | u64::from(namespace) << Self::NAMESPACE_SHIFT
                | (words as u64) << Self::SIZE_SHIFT,
        )
    }

    pub(crate) fn with_lengths(self, key: usize, value: usize) -> Self {
        debug_assert!(key <= KEY_LEN_MAX && value < 1 << Self::VALUE_BITS);
        let lengths = (1 << Self::SIZE_SHIFT) - 1;
        Self(self.0 & !lengths | (key as u64) << Self::KEY_SHIFT | value as u64)
    }

    pub(crate) fn with_flag(self, flag: u64) -> Self {
        Self(self.0 | flag)
    }

    #[inline]
    pub(crate) fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(crate) fn key_len(self) -> usize {
        (self.0 >> Self::KEY_SHIFT) as usize & KEY_LEN_MAX
    }

    #[inline]
    pub(crate) fn value_len(self) -> usize {
        self.0 as usize & ((1 << Self::VALUE_BITS) - 1)
    }

    /// Words that the record takes in the log.
    #[inline]
    pub(crate) fn words(self) -> usize {
        (self.0 >> Self::SIZE_SHIFT) as usize & RECORD_WORDS_MAX
    }

    #[inline]
    pub(crate) fn namespace(self) -> Namespace {
        (self.0 >> Self::NAMESPACE_SHIFT) as Namespace
    }

    /// Words before key and value.
    #[inline]
    pub(crate) fn prefix_words(self) -> usize {
        FIXED_WORDS + usize::from(self.has(Self::FAR))
    }
}

/// The second word of a record: near expiry and access time, relative to the epoch of
/// the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    const EXPIRY_BITS: u32 = 40;
    const EXPIRY_MASK: u64 = (1 << Self::EXPIRY_BITS) - 1;

    pub(crate) const NONE: Self = Self(0);

    /// The code of an expiry, if it can be held here. A far one has code zero.
    fn near(expires_at: Option<Millis>, epoch: Millis) -> Option<u64> {
        let Some(expires_at) = expires_at else {
            return Some(0);
        };
        let code = expires_at.checked_sub(epoch)?.checked_add(1)?;
        (code <= Self::EXPIRY_MASK).then_some(code)
    }

    /// The last expiry that is near.
    pub(crate) fn last_near(epoch: Millis) -> Millis {
        epoch.saturating_add(Self::EXPIRY_MASK - 1)
    }

    /// Whether an expiry needs a word of its own.
    pub(crate) fn is_far(expires_at: Option<Millis>, epoch: Millis) -> bool {
        Self::near(expires_at, epoch).is_none()
    }

    pub(crate) fn with_expiry(self, expires_at: Option<Millis>, epoch: Millis) -> Self {
        Self(self.0 & !Self::EXPIRY_MASK | Self::near(expires_at, epoch).unwrap_or(0))
    }

    #[inline]
    pub(crate) fn expiry(self, epoch: Millis) -> Option<Millis> {
        match self.0 & Self::EXPIRY_MASK {
            0 => None,
            // Without the lock, epoch and code may be of different times.
            code => Some(epoch.saturating_add(code - 1)),
        }
    }

    #[inline]
    pub(crate) fn accessed(self, now: Millis, epoch: Millis) -> Self {
        let seconds = now.saturating_sub(epoch) / 1000;
        Self(self.0 & Self::EXPIRY_MASK | seconds << Self::EXPIRY_BITS)
    }

    /// Seconds since the last access, which wraps after 194 days.
    pub(crate) fn idle_s(self, now: Millis, epoch: Millis) -> u32 {
        const ACCESS_MASK: u32 = (1 << (64 - Stamp::EXPIRY_BITS)) - 1;
        let seconds = (now.saturating_sub(epoch) / 1000) as u32;
        let idle = seconds.wrapping_sub((self.0 >> Self::EXPIRY_BITS) as u32) & ACCESS_MASK;
        // A clock that was set back makes the last access lie in the future.
        if idle > ACCESS_MASK / 2 { 0 } else { idle }
    }
}

/// The far expiry of a record that does not expire.
pub(crate) const NEVER: Millis = Millis::MAX;

/// When a record expires, given its first three words and the epoch of its shard. The third
/// only counts if the header says so.
#[inline]
pub(crate) fn expiry_of(header: Header, stamp: u64, far: u64, epoch: Millis) -> Option<Millis> {
    if header.has(Header::FAR) {
        Some(far).filter(|&at| at != NEVER)
    } else {
        Stamp(stamp).expiry(epoch)
    }
}

/// Whether an object with this expiry is gone at `now`; it lives through its last millisecond.
#[inline]
pub(crate) fn is_expired(expires_at: Option<Millis>, now: Millis) -> bool {
    expires_at.is_some_and(|at| now > at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_keeps_its_parts_apart() {
        let header = Header::new(0xffff, RECORD_WORDS_MAX, Header::RAW)
            .with_lengths(KEY_LEN_MAX, 131_071)
            .with_flag(Header::FAR);
        assert_eq!(header.namespace(), 0xffff);
        assert_eq!(header.words(), RECORD_WORDS_MAX);
        assert_eq!(header.key_len(), KEY_LEN_MAX);
        assert_eq!(header.value_len(), 131_071);
        assert_eq!(header.prefix_words(), 3);
        assert!(header.has(Header::RAW) && !header.has(Header::DEAD));
        let zero = header.with_lengths(0, 0);
        assert_eq!((zero.key_len(), zero.value_len()), (0, 0));
        assert_eq!(zero.words(), RECORD_WORDS_MAX);
    }

    #[test]
    fn an_expiry_survives_the_round_trip_exactly_or_is_far() {
        let epoch = 1_700_000_000_123;
        for at in [epoch, epoch + 1, Stamp::last_near(epoch)] {
            assert!(!Stamp::is_far(Some(at), epoch));
            let stamp = Stamp(u64::MAX).with_expiry(Some(at), epoch);
            assert_eq!(stamp.expiry(epoch), Some(at));
        }
        for at in [0, epoch - 1, epoch + (1 << 40) - 1, u64::MAX] {
            assert!(Stamp::is_far(Some(at), epoch));
        }
        assert!(!Stamp::is_far(None, epoch));
        assert_eq!(Stamp(u64::MAX).with_expiry(None, epoch).expiry(epoch), None);
    }

    #[test]
    fn idle_time_counts_seconds_and_ignores_a_clock_set_back() {
        let stamp = Stamp::NONE
            .with_expiry(Some(5000), 1000)
            .accessed(61_000, 1000);
        assert_eq!(stamp.expiry(1000), Some(5000));
        assert_eq!(stamp.idle_s(61_999, 1000), 0);
        assert_eq!(stamp.idle_s(64_000, 1000), 3);
        assert_eq!(stamp.idle_s(50_000, 1000), 0);
    }
}
