//! The arguments of one request: spans over the bytes they were found in.
//!
//! `Args` is three words and `Copy`; handlers pass it by value. Invariant: every span lies within
//! `bytes` (the parser makes spans only over bytes it has seen).

use core::fmt;
use core::iter::FusedIterator;
use core::ops::{Index, Range, RangeFrom};

/// Where one argument lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The arguments of a request, the command's name first.
#[derive(Clone, Copy)]
pub struct Args<'b> {
    bytes: &'b [u8],
    spans: &'b [Span],
    in_input: bool,
}

impl<'b> Args<'b> {
    /// `in_input` says that `bytes` is the caller's input and not the parser's scratch space.
    #[inline]
    pub(crate) fn new(bytes: &'b [u8], spans: &'b [Span], in_input: bool) -> Self {
        Self {
            bytes,
            spans,
            in_input,
        }
    }

    /// How many arguments there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none; a request has at least one, its tail may have none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`, if there are so many.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'b [u8]> {
        let span = self.spans.get(index)?;
        self.bytes.get(span.start..span.end)
    }

    /// The arguments from `range.start` on; none if there are fewer.
    #[inline]
    #[must_use]
    pub fn from(&self, range: RangeFrom<usize>) -> Self {
        Self {
            spans: self.spans.get(range).unwrap_or(&[]),
            ..*self
        }
    }

    /// The arguments in their order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> ArgsIter<'b> {
        ArgsIter {
            bytes: self.bytes,
            spans: self.spans.iter(),
        }
    }

    /// The spans of all arguments in the input; `None` if they are no part of it.
    #[inline]
    pub(crate) fn input_spans(&self) -> Option<&'b [Span]> {
        self.in_input.then_some(self.spans)
    }

    /// Where the argument lies in the input that was parsed, counted from the request's first byte.
    ///
    /// With it a caller can keep an argument across the next call to the parser, which ends the
    /// borrow of these `Args` but not that of the input. `None` if there is no such argument, or if
    /// it was unescaped (an inline request with quotes) and thus is no part of the input.
    #[inline]
    #[must_use]
    pub fn input_span(&self, index: usize) -> Option<Range<usize>> {
        let span = self.spans.get(index)?;
        self.in_input.then_some(span.start..span.end)
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    /// # Panics
    ///
    /// If there is no such argument.
    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.bytes[span.start..span.end]
    }
}

impl<'b> IntoIterator for Args<'b> {
    type Item = &'b [u8];
    type IntoIter = ArgsIter<'b>;

    #[inline]
    fn into_iter(self) -> ArgsIter<'b> {
        self.iter()
    }
}

impl<'b> IntoIterator for &Args<'b> {
    type Item = &'b [u8];
    type IntoIter = ArgsIter<'b>;

    #[inline]
    fn into_iter(self) -> ArgsIter<'b> {
        self.iter()
    }
}

impl fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}\"{}\"", arg.escape_ascii())?;
        }
        Ok(())
    }
}

/// The arguments one after the other.
#[derive(Clone, Debug)]
pub struct ArgsIter<'b> {
    bytes: &'b [u8],
    spans: core::slice::Iter<'b, Span>,
}

impl<'b> Iterator for ArgsIter<'b> {
    type Item = &'b [u8];

    #[inline]
    fn next(&mut self) -> Option<&'b [u8]> {
        let span = self.spans.next()?;
        self.bytes.get(span.start..span.end)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for ArgsIter<'_> {}
impl FusedIterator for ArgsIter<'_> {}
