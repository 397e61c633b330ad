//! Objects that are too large for the log: key and value in pages of their own.

use crate::key::Key;
use crate::memory::Span;
use alloc::vec::Vec;

/// One large object.
pub(crate) struct Large {
    pub(crate) span: Span,
    /// Kept because hashing the key again would take as long as the key is long.
    pub(crate) hash: u64,
    pub(crate) key_len: usize,
    pub(crate) value_len: usize,
}

impl Large {
    /// An object in `span`, which is long enough, with its key copied and its value
    /// still to be written.
    pub(crate) fn new(mut span: Span, key: &Key<'_>, value_len: usize) -> Self {
        let key_len = key.bytes.len();
        span.bytes_mut()[..key_len].copy_from_slice(key.bytes);
        Self {
            span,
            hash: key.hash,
            key_len,
            value_len,
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.span.bytes()[..self.key_len]
    }

    pub(crate) fn value(&self) -> &[u8] {
        &self.span.bytes()[self.key_len..self.key_len + self.value_len]
    }

    pub(crate) fn value_mut(&mut self) -> &mut [u8] {
        &mut self.span.bytes_mut()[self.key_len..self.key_len + self.value_len]
    }

    /// The longest value that the pages hold.
    pub(crate) fn value_len_max(&self) -> usize {
        self.span.bytes().len() - self.key_len
    }
}

/// The large objects of a shard, by number.
#[derive(Default)]
pub(crate) struct Larges {
    objects: Vec<Option<Large>>,
    free: Vec<u32>,
}

impl Larges {
    pub(crate) fn insert(&mut self, large: Large) -> u32 {
        if let Some(number) = self.free.pop() {
            self.objects[number as usize] = Some(large);
            return number;
        }
        self.objects.push(Some(large));
        self.objects.len() as u32 - 1
    }

    pub(crate) fn remove(&mut self, number: u32) -> Large {
        self.free.push(number);
        self.objects[number as usize]
            .take()
            .expect("a live record refers to its large object")
    }

    /// Takes any of the objects, whose number nobody may use again.
    pub(crate) fn pop(&mut self) -> Option<Large> {
        core::iter::from_fn(|| self.objects.pop()).flatten().next()
    }

    pub(crate) fn get(&self, number: u32) -> &Large {
        self.objects[number as usize]
            .as_ref()
            .expect("a live record refers to its large object")
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut Large {
        self.objects[number as usize]
            .as_mut()
            .expect("a live record refers to its large object")
    }
}
