//! The reply writer: one method per reply type, appended to the caller's buffer.
//!
//! Types that RESP2 lacks become what Redis sends in their place: a map an array of twice the
//! length, a set or push an array, a double, big number or verbatim string a bulk string, a boolean
//! 0 or 1. Aggregates are only announced; the caller then writes that many elements.

use crate::double::Double;
use crate::error::{ProtocolError, printable};
use alloc::vec::Vec;
use core::fmt::{Display, Write};

/// The version of the protocol that a client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Version 2, which every connection starts with.
    #[default]
    Resp2,
    /// Version 3, after `HELLO 3`.
    Resp3,
}

/// Appends replies to a buffer.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    /// A writer that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The version in which replies are written.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The buffer, for bytes that are already encoded.
    #[inline]
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// `OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A short text; it must hold no line break.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error with its code, as in `ERR syntax error`.
    #[inline]
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// An error whose text quotes bytes of the client. Line breaks within become spaces, those at
    /// the ends are dropped.
    pub fn error_bytes(&mut self, text: &[u8]) {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let start = text.iter().position(|byte| !is_break(byte));
        let end = text.iter().rposition(|byte| !is_break(byte));
        let text = match (start, end) {
            (Some(start), Some(end)) => &text[start..=end],
            _ => &[],
        };
        self.out.push(b'-');
        self.out.extend(text.iter().copied().map(printable));
        self.out.extend_from_slice(b"\r\n");
    }

    /// The reply to a request that broke the protocol, after which the connection is closed.
    pub fn protocol_error(&mut self, error: &ProtocolError) {
        self.out.extend_from_slice(b"-ERR ");
        if let ProtocolError::ExpectedDollar { got } = *error {
            // Not through `Display`: the byte may be none of a UTF-8 text.
            self.out
                .extend_from_slice(b"Protocol error: expected '$', got '");
            self.out.extend_from_slice(&[printable(got), b'\'']);
        } else {
            self.text(error);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        match usize::try_from(value) {
            Ok(value @ 0..100) => self.header(b':', value),
            _ => self.line(b':', itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.bulk_start(bytes.len());
        self.out.extend_from_slice(bytes);
        self.bulk_end();
    }

    /// What comes before a string of `len` bytes, which somebody else appends.
    #[inline]
    pub fn bulk_start(&mut self, len: usize) {
        // Room for the two line ends, the type and the twenty digits of the longest length.
        self.out.reserve(len + 25);
        self.header(b'$', len);
    }

    /// What comes after a string that began with [`Reply::bulk_start`].
    #[inline]
    pub fn bulk_end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// A string that is formatted in place.
    pub fn bulk_display(&mut self, text: impl Display) {
        let start = self.out.len();
        self.text(&text);
        self.bulk_since(start);
    }

    /// Makes a string of everything that was appended to the buffer since it was `start` long.
    ///
    /// # Panics
    ///
    /// If the buffer is shorter than `start`.
    pub fn bulk_since(&mut self, start: usize) {
        self.insert_header(b'$', start, self.out.len() - start);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Nothing, in the place of a string or any other single value.
    #[inline]
    pub fn null(&mut self) {
        self.by_version(b"$-1\r\n", b"_\r\n");
    }

    /// Nothing, in the place of an array.
    #[inline]
    pub fn null_array(&mut self) {
        self.by_version(b"*-1\r\n", b"_\r\n");
    }

    /// An array of `len` elements.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// Makes an array of the `len` elements that were appended to the buffer since it was `start`
    /// long, for when their number is known only afterwards.
    ///
    /// # Panics
    ///
    /// If the buffer is shorter than `start`.
    pub fn array_since(&mut self, start: usize, len: usize) {
        self.insert_header(b'*', start, len);
    }

    /// A map of `pairs` keys, each followed by its value.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', pairs * 2),
            Protocol::Resp3 => self.header(b'%', pairs),
        }
    }

    /// A set of `len` elements.
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len);
    }

    /// A message of `len` elements that answers no request.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len);
    }

    /// A floating point number.
    pub fn double(&mut self, value: f64) {
        match self.protocol {
            Protocol::Resp2 => self.bulk_display(Double(value)),
            Protocol::Resp3 => {
                self.out.push(b',');
                self.text(&Double(value));
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// A truth value.
    pub fn boolean(&mut self, value: bool) {
        if value {
            self.by_version(b":1\r\n", b"#t\r\n");
        } else {
            self.by_version(b":0\r\n", b"#f\r\n");
        }
    }

    /// A text for people to read, with a format of three letters (`txt`, `mkd`).
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => {
                self.header(b'=', text.len() + 4);
                self.out.extend_from_slice(&format);
                self.out.push(b':');
                self.out.extend_from_slice(text);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// An integer of any size, in decimal digits.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    fn aggregate(&mut self, resp3: u8, len: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', len),
            Protocol::Resp3 => self.header(resp3, len),
        }
    }

    fn by_version(&mut self, resp2: &[u8], resp3: &[u8]) {
        let bytes = match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        };
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn header(&mut self, kind: u8, len: usize) {
        let digit = |value: usize| b'0' + (value % 10) as u8;
        // Appending an array of known size is a store or two; the common lengths get that.
        match len {
            0..10 => self
                .out
                .extend_from_slice(&[kind, digit(len), b'\r', b'\n']),
            10..100 => {
                let line = [kind, digit(len / 10), digit(len), b'\r', b'\n'];
                self.out.extend_from_slice(&line);
            }
            _ => self.line(kind, itoa::Buffer::new().format(len).as_bytes()),
        }
    }

    fn insert_header(&mut self, kind: u8, start: usize, len: usize) {
        let end = self.out.len();
        self.header(kind, len);
        let header_len = self.out.len() - end;
        self.out[start..].rotate_right(header_len);
    }

    #[inline]
    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn text(&mut self, text: &impl Display) {
        // Only a failing `Display` can fail here; it would leave its text cut short, as `to_string`
        // would by a panic.
        let _ = write!(Appender(self.out), "{text}");
    }
}

/// Lets the formatting machinery append to a byte buffer.
struct Appender<'a>(&'a mut Vec<u8>);

impl Write for Appender<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
