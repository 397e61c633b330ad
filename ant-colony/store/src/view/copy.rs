//! Bytes in words that others read at the same time.

use super::protocol::{fill, look};
use super::{AtomicU64, WORD};
use alloc::vec::Vec;

/// Words that their only writer changes, while readers may look at them.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a>(pub(crate) &'a [AtomicU64]);

impl Cells<'_> {
    /// Stores `first` and `second`, one behind the other, from the first word on. What
    /// follows in the last word is lost.
    #[inline]
    pub(crate) fn store_pair(self, first: &[u8], second: &[u8]) {
        let rest = self.store_words(first);
        let cells = &self.0[first.len() / WORD..];
        if rest.is_empty() {
            return Cells(cells).store(second);
        }
        // The word in which one ends and the other begins.
        let (head, second) = second.split_at(second.len().min(WORD - rest.len()));
        let mut word = [0; WORD];
        word[..rest.len()].copy_from_slice(rest);
        word[rest.len()..rest.len() + head.len()].copy_from_slice(head);
        fill(&cells[0], u64::from_ne_bytes(word));
        Cells(&cells[1..]).store(second);
    }

    /// Stores `bytes` from the first word on. What follows in the last word is lost.
    #[inline]
    fn store(self, bytes: &[u8]) {
        let rest = self.store_words(bytes);
        if !rest.is_empty() {
            let mut word = [0; WORD];
            word[..rest.len()].copy_from_slice(rest);
            fill(&self.0[bytes.len() / WORD], u64::from_ne_bytes(word));
        }
    }

    /// Stores whole words of `bytes`; answers what is left.
    #[inline]
    fn store_words(self, bytes: &[u8]) -> &[u8] {
        let (words, rest) = bytes.as_chunks();
        for (cell, &word) in self.0[..words.len()].iter().zip(words) {
            fill(cell, u64::from_ne_bytes(word));
        }
        rest
    }

    /// Stores `bytes` from byte `start` on; all others stay.
    pub(crate) fn patch(self, start: usize, bytes: &[u8]) {
        self.change(start, bytes.len(), |target, done| {
            target.copy_from_slice(&bytes[done..done + target.len()]);
        });
    }

    /// Stores `len` zeros from byte `start` on; all others stay.
    pub(crate) fn clear(self, start: usize, len: usize) {
        self.change(start, len, |target, _| target.fill(0));
    }

    /// Changes `len` bytes from `start` on, in parts that lie in one word; `change` is told
    /// how many come before each.
    #[inline]
    fn change(self, start: usize, len: usize, mut change: impl FnMut(&mut [u8], usize)) {
        let mut done = 0;
        while done < len {
            let (cell, skip) = (&self.0[(start + done) / WORD], (start + done) % WORD);
            let part = (WORD - skip).min(len - done);
            let mut word = look(cell).to_ne_bytes();
            change(&mut word[skip..skip + part], done);
            fill(cell, u64::from_ne_bytes(word));
            done += part;
        }
    }
}

/// Appends `len` bytes to `out`, which begin `start` bytes after the first word.
#[inline]
pub(crate) fn append_to(out: &mut Vec<u8>, words: &[AtomicU64], start: usize, len: usize) {
    let from = out.len();
    out.resize(from + len, 0);
    let target = &mut out[from..];
    let (words, skip) = (&words[start / WORD..], start % WORD);
    let (head, rest) = target.split_at_mut(len.min((WORD - skip) % WORD));
    let words = if head.is_empty() {
        words
    } else {
        let word = look(&words[0]).to_ne_bytes();
        head.copy_from_slice(&word[skip..skip + head.len()]);
        &words[1..]
    };
    let (whole, tail) = rest.as_chunks_mut();
    let whole_words = whole.len();
    for (target, word) in whole.iter_mut().zip(&words[..whole_words]) {
        *target = look(word).to_ne_bytes();
    }
    if !tail.is_empty() {
        let word = look(&words[whole.len()]).to_ne_bytes();
        tail.copy_from_slice(&word[..tail.len()]);
    }
}

/// Whether the words begin with `bytes`.
#[inline]
pub(crate) fn begins_with(words: &[AtomicU64], bytes: &[u8]) -> bool {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    let Some(words) = words.get(..bytes.len().div_ceil(WORD)) else {
        return false;
    };
    for (i, &bytes) in whole.iter().enumerate() {
        if u64::from_ne_bytes(bytes) != look(&words[i]) {
            return false;
        }
    }
    rest.is_empty() || look(&words[whole.len()]).to_ne_bytes()[..rest.len()] == *rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<AtomicU64> {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(WORD) + WORD, 0xee);
        let (chunks, _) = padded.as_chunks();
        chunks
            .iter()
            .map(|&chunk| AtomicU64::new(u64::from_ne_bytes(chunk)))
            .collect()
    }

    fn bytes(words: &[AtomicU64], start: usize, len: usize) -> Vec<u8> {
        let mut out = std::vec![7];
        append_to(&mut out, words, start, len);
        assert_eq!(out[0], 7);
        out[1..].to_vec()
    }

    #[test]
    fn bytes_at_any_place_are_read_as_they_were_written() {
        let text: Vec<u8> = (0..40).collect();
        for start in 0..20 {
            for len in 0..20 {
                let part = &text[start..start + len];
                assert_eq!(bytes(&words(&text), start, len), part);
                assert!(begins_with(&words(part), part));
                let joined = words(&[0xee; 48]);
                Cells(&joined).store_pair(&text[..start], part);
                assert_eq!(bytes(&joined, 0, start), text[..start]);
                assert_eq!(bytes(&joined, start, len), part);
                let patched = words(&[0xee; 48]);
                Cells(&patched).patch(start, part);
                assert_eq!(bytes(&patched, 0, start), [0xee; 20][..start]);
                assert_eq!(bytes(&patched, start, len), part);
                assert_eq!(bytes(&patched, start + len, 2), [0xee; 2]);
                Cells(&patched).clear(start, len);
                assert_eq!(bytes(&patched, start, len), [0; 20][..len]);
                assert_eq!(bytes(&patched, start + len, 2), [0xee; 2]);
            }
        }
    }

    #[test]
    fn a_prefix_that_differs_or_is_too_short_is_refused() {
        let text: Vec<u8> = (0..24).collect();
        let stored = words(&text);
        for i in 0..text.len() {
            let mut other = text.clone();
            other[i] ^= 1;
            assert!(!begins_with(&stored, &other));
            assert!(begins_with(&stored, &other[..i]));
        }
        assert!(!begins_with(&stored, &[0; 40]));
    }
}
