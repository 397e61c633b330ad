//! The request parser: an incremental reader of multibulk and inline requests.
//!
//! A request is `*<count>\r\n` and `count` times `$<len>\r\n<bytes>\r\n`, or else one line of words
//! (`inline`). The caller keeps the bytes of the current request and gives all of them to each call;
//! the parser remembers how far it came, so each byte is looked at a bounded number of times
//! however small the pieces are.
//!
//! Progress between calls:
//! - `remaining == 0`: the first line is not complete; `scanned` bytes of it hold no end.
//! - `remaining > 0`: so many arguments are missing; the next one begins at `at`: with its length
//!   line if `bulk_len` is `None` (no end before `scanned`), else with its bytes.
//!
//! Three habits of Redis are kept because clients can observe them: only the first byte of a line
//! end is checked, and the bytes of the line end after an argument are not; a NUL hides the rest of
//! its line (Redis searches with C string functions), so that the line runs into its limit.
//!
//! Memory follows what has arrived, never what was announced.

use crate::args::{Args, Span};
use crate::error::ProtocolError;
use crate::inline;
use crate::integer::{parse_integer, short_length};
use crate::limits::Limits;
use alloc::vec::Vec;

/// Argument slots and unescaped bytes that an idle parser may keep.
const RETAINED_SPANS_MAX: usize = 256;
const RETAINED_SCRATCH_MAX: usize = 1024;
/// Argument slots reserved when a count is announced; more come as arguments arrive.
const RESERVED_SPANS_MAX: usize = 16;
/// A length line of this many bytes is read whatever the limit on lines, so that
/// [`short_length`] need not know the limit.
const LENGTH_LINE_FLOOR: usize = 16;

/// Reads the requests of one connection.
#[derive(Debug, Default)]
pub struct Parser {
    spans: Vec<Span>,
    /// The words of an inline request with quotes.
    scratch: Vec<u8>,
    remaining: usize,
    at: usize,
    bulk_len: Option<usize>,
    scanned: usize,
}

/// What the input begins with.
#[derive(Debug)]
pub enum Parsed<'b> {
    /// A complete request.
    Request {
        /// Its arguments; at least one.
        args: Args<'b>,
        /// Its length in the input.
        consumed: usize,
    },
    /// A request without arguments (`*0`, a negative count, a blank line), which gets no reply.
    Empty {
        /// Its length in the input.
        consumed: usize,
    },
    /// A part of a request; to be parsed again, from the same first byte, with more bytes.
    Incomplete {
        /// At least so many bytes are missing. The number comes from the client: a caller that
        /// sizes a read by it must set a bound of its own.
        need: usize,
    },
}

impl Parser {
    /// A parser that expects the first byte of a request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the request at the start of `input`.
    ///
    /// After [`Parsed::Incomplete`] the next call must pass the same bytes with others appended
    /// (they may have moved in memory); after any other outcome, the bytes that follow `consumed`.
    /// A call between requests, even with an empty input, returns the memory of a huge request.
    ///
    /// # Errors
    ///
    /// The request breaks the protocol or a limit; the connection cannot go on.
    #[inline]
    pub fn parse<'b>(
        &'b mut self,
        input: &'b [u8],
        limits: &Limits,
    ) -> Result<Parsed<'b>, ProtocolError> {
        if self.remaining == 0 {
            self.clear();
            match input.first() {
                Some(b'*') => {}
                Some(_) => return self.inline(input, limits),
                None => return Ok(Parsed::Incomplete { need: 1 }),
            }
            let Some((count, next)) = self.count(input, limits)? else {
                return Ok(Parsed::Incomplete { need: 1 });
            };
            self.scanned = 0;
            if count == 0 {
                return Ok(Parsed::Empty { consumed: next });
            }
            self.spans.reserve(count.min(RESERVED_SPANS_MAX));
            self.remaining = count;
            self.at = next;
        }
        if let Some(need) = self.arguments(input, limits)? {
            return Ok(Parsed::Incomplete { need });
        }
        let consumed = self.at;
        self.scanned = 0;
        Ok(Parsed::Request {
            args: Args::new(input, &self.spans, true),
            consumed,
        })
    }

    /// Forgets a request that was read in part: the next call may pass other bytes.
    pub fn reset(&mut self) {
        self.remaining = 0;
        self.bulk_len = None;
        self.scanned = 0;
        self.clear();
    }

    /// Forgets the last request.
    #[inline]
    fn clear(&mut self) {
        self.spans.clear();
        self.scratch.clear();
        if self.spans.capacity() > RETAINED_SPANS_MAX
            || self.scratch.capacity() > RETAINED_SCRATCH_MAX
        {
            self.spans.shrink_to(RETAINED_SPANS_MAX);
            self.scratch.shrink_to(RETAINED_SCRATCH_MAX);
        }
    }

    /// The number of arguments, none if negative, and where the first begins; `None` if the line
    /// has no end yet.
    #[inline]
    fn count(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(usize, usize)>, ProtocolError> {
        let (count, next) = match short_length(&input[1..]) {
            Some((count, len)) => (count, 1 + len),
            None => {
                let too_big = ProtocolError::TooBigMultibulkCount;
                let Some(end) = self.length_line(input, 0, limits, too_big)? else {
                    return Ok(None);
                };
                let number = parse_integer(&input[1..end])
                    .ok_or(ProtocolError::InvalidMultibulkLength)?
                    .max(0);
                let count =
                    usize::try_from(number).map_err(|_| ProtocolError::InvalidMultibulkLength)?;
                (count, end + 2)
            }
        };
        if count > limits.array_len_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if !limits.authenticated && count > Limits::UNAUTHENTICATED_ARRAY_LEN_MAX {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(Some((count, next)))
    }

    /// Reads arguments until none remains, or returns how many bytes are missing at least.
    #[inline]
    fn arguments(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        while self.remaining > 0 {
            let len = match self.bulk_len {
                Some(len) => len,
                None => match self.bulk_len(input, limits)? {
                    Some((len, next)) => {
                        self.at = next;
                        len
                    }
                    None => return Ok(Some(1)),
                },
            };
            let end = self.at.saturating_add(len);
            let next = end.saturating_add(2);
            if next > input.len() {
                self.bulk_len = Some(len);
                return Ok(Some(next - input.len()));
            }
            self.spans.push(Span {
                start: self.at,
                end,
            });
            self.at = next;
            self.bulk_len = None;
            self.remaining -= 1;
        }
        Ok(None)
    }

    /// The length of the argument whose length line begins at `self.at`, and where its bytes begin;
    /// `None` if the line has no end yet.
    #[inline]
    fn bulk_len(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(usize, usize)>, ProtocolError> {
        let start = self.at;
        let short = match input.get(start..) {
            Some([b'$', line @ ..]) => short_length(line),
            _ => None,
        };
        let (len, next) = match short {
            Some((len, line_len)) => (len, start + 1 + line_len),
            None => {
                let too_big = ProtocolError::TooBigBulkCount;
                let Some(end) = self.length_line(input, start, limits, too_big)? else {
                    return Ok(None);
                };
                if input[start] != b'$' {
                    return Err(ProtocolError::ExpectedDollar { got: input[start] });
                }
                let len = parse_integer(&input[start + 1..end])
                    .and_then(|number| usize::try_from(number).ok())
                    .ok_or(ProtocolError::InvalidBulkLength)?;
                (len, end + 2)
            }
        };
        if len > limits.bulk_len_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if !limits.authenticated && len > Limits::UNAUTHENTICATED_BULK_LEN_MAX {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(Some((len, next)))
    }

    /// Where the `\r` is that ends the length line from `start` on, once the byte after it has
    /// arrived too.
    #[cold]
    fn length_line(
        &mut self,
        input: &[u8],
        start: usize,
        limits: &Limits,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let len_max = limits.inline_len_max.max(LENGTH_LINE_FLOOR);
        let end = self.find_line_end(input, start, b'\r', len_max, too_big)?;
        Ok(end.filter(|end| end + 1 < input.len()))
    }

    /// Where the first `delimiter` is at or after `start`; an error if `len_max` bytes are followed
    /// by another. Bytes seen by an earlier call are not looked at again.
    fn find_line_end(
        &mut self,
        input: &[u8],
        start: usize,
        delimiter: u8,
        len_max: usize,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let limit = start.saturating_add(len_max).saturating_add(1);
        let from = self.scanned.max(start);
        let unseen = input.get(from..input.len().min(limit)).unwrap_or(&[]);
        let found = unseen
            .iter()
            .position(|&byte| byte == delimiter || byte == 0);
        self.scanned = from + found.unwrap_or(unseen.len());
        if found.is_some() && input[self.scanned] == delimiter {
            return Ok(Some(self.scanned));
        }
        if input.len() >= limit {
            return Err(too_big);
        }
        Ok(None)
    }

    /// Reads a request that is one line of words.
    #[cold]
    fn inline<'b>(
        &'b mut self,
        input: &'b [u8],
        limits: &Limits,
    ) -> Result<Parsed<'b>, ProtocolError> {
        let too_big = ProtocolError::TooBigInline;
        let len_max = limits.inline_len_max;
        let Some(end) = self.find_line_end(input, 0, b'\n', len_max, too_big)? else {
            return Ok(Parsed::Incomplete { need: 1 });
        };
        self.scanned = 0;
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        let consumed = end + 1;
        let quoted = line.iter().any(|byte| matches!(byte, b'"' | b'\''));
        if quoted {
            inline::split_quoted(line, &mut self.scratch, &mut self.spans)?;
        } else {
            inline::split_plain(line, &mut self.spans);
        }
        if self.spans.is_empty() {
            return Ok(Parsed::Empty { consumed });
        }
        let bytes = if quoted { &self.scratch } else { input };
        Ok(Parsed::Request {
            args: Args::new(bytes, &self.spans, !quoted),
            consumed,
        })
    }
}

#[cfg(test)]
mod tests;
