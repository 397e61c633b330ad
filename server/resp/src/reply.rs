//! The reply decoder, for the client's side: tests, benchmarks, the command line.
//!
//! Every RESP2 and RESP3 type that Redis 7.0 sends in a reply. [`decode`] owns what it returns and
//! starts over on each call: it is made for whole replies at hand, not for the fast path. It is
//! bounded: nesting by [`DEPTH_MAX`], memory by the bytes present.

use crate::integer::parse_integer;
use alloc::vec::Vec;

/// How deep aggregates may nest.
pub const DEPTH_MAX: usize = 32;

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`: a short text.
    Simple(Vec<u8>),
    /// `-`: an error with its code; `!` likewise.
    Error(Vec<u8>),
    /// `:`: an integer.
    Integer(i64),
    /// `$`: a string of any bytes.
    Bulk(Vec<u8>),
    /// `$-1`: RESP2's nothing in the place of a string.
    NullBulk,
    /// `*-1`: RESP2's nothing in the place of an array.
    NullArray,
    /// `_`: RESP3's nothing.
    Null,
    /// `*`: an array.
    Array(Vec<Value>),
    /// `%`: keys with their values, in the order sent.
    Map(Vec<(Value, Value)>),
    /// `~`: a set, in the order sent.
    Set(Vec<Value>),
    /// `>`: a message that answers no request.
    Push(Vec<Value>),
    /// `,`: a floating point number.
    Double(f64),
    /// `#`: a truth value.
    Boolean(bool),
    /// `(`: an integer of any size, in its digits.
    BigNumber(Vec<u8>),
    /// `=`: a text for people, with its format.
    Verbatim {
        /// Three letters.
        format: [u8; 3],
        /// The text.
        text: Vec<u8>,
    },
}

/// Bytes that are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first byte names no type.
    #[error(
        "a reply begins with byte {0:#04x}, which is no reply type; is the peer a Redis server?"
    )]
    Type(u8),
    /// A length or number cannot be read.
    #[error("a reply of type '{}' has a malformed length or value", *.0 as char)]
    Malformed(u8),
    /// Aggregates nest deeper than [`DEPTH_MAX`].
    #[error("a reply nests deeper than {DEPTH_MAX} levels")]
    Depth,
}

/// Reads the reply at the start of `input`, and returns it with its length; `None` if its end has
/// not arrived.
///
/// # Errors
///
/// The bytes are no reply.
pub fn decode(input: &[u8]) -> Result<Option<(Value, usize)>, DecodeError> {
    let mut reader = Reader { input, at: 0 };
    let value = reader.value(DEPTH_MAX)?;
    Ok(value.map(|value| (value, reader.at)))
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Option<Value>, DecodeError> {
        let Some(&kind) = self.input.get(self.at) else {
            return Ok(None);
        };
        match kind {
            b'$' | b'!' | b'=' => self.string(kind),
            b'*' | b'~' | b'>' | b'%' => self.aggregate(kind, depth),
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => self.scalar(kind),
            other => Err(DecodeError::Type(other)),
        }
    }

    /// The types that are one line.
    fn scalar(&mut self, kind: u8) -> Result<Option<Value>, DecodeError> {
        let Some(line) = self.line() else {
            return Ok(None);
        };
        let value = match (kind, line) {
            (b'+', text) => Some(Value::Simple(text.to_vec())),
            (b'-', text) => Some(Value::Error(text.to_vec())),
            (b':', digits) => parse_integer(digits).map(Value::Integer),
            (b'(', digits) => is_integer(digits).then(|| Value::BigNumber(digits.to_vec())),
            (b',', number) => double(number).map(Value::Double),
            (b'#', b"t") => Some(Value::Boolean(true)),
            (b'#', b"f") => Some(Value::Boolean(false)),
            (b'_', b"") => Some(Value::Null),
            _ => None,
        };
        value.map(Some).ok_or(DecodeError::Malformed(kind))
    }

    /// The types that are a length and so many bytes.
    fn string(&mut self, kind: u8) -> Result<Option<Value>, DecodeError> {
        let malformed = DecodeError::Malformed(kind);
        let Some(line) = self.line() else {
            return Ok(None);
        };
        if (kind, line) == (b'$', b"-1") {
            return Ok(Some(Value::NullBulk));
        }
        let len = length(line).ok_or(malformed)?;
        let rest = &self.input[self.at..];
        let (Some(bytes), Some(end)) = (rest.get(..len), rest.get(len..len.saturating_add(2)))
        else {
            return Ok(None);
        };
        if end != b"\r\n" {
            return Err(malformed);
        }
        self.at += len + 2;
        Ok(Some(match (kind, bytes) {
            (b'$', bytes) => Value::Bulk(bytes.to_vec()),
            (b'!', bytes) => Value::Error(bytes.to_vec()),
            (_, &[a, b, c, b':', ref text @ ..]) => Value::Verbatim {
                format: [a, b, c],
                text: text.to_vec(),
            },
            _ => return Err(malformed),
        }))
    }

    /// The types that are a count and so many replies.
    fn aggregate(&mut self, kind: u8, depth: usize) -> Result<Option<Value>, DecodeError> {
        let Some(line) = self.line() else {
            return Ok(None);
        };
        if (kind, line) == (b'*', b"-1") {
            return Ok(Some(Value::NullArray));
        }
        let len = length(line).ok_or(DecodeError::Malformed(kind))?;
        let depth = depth.checked_sub(1).ok_or(DecodeError::Depth)?;
        if kind == b'%' {
            let pairs = self.elements(len, |reader| {
                let Some(key) = reader.value(depth)? else {
                    return Ok(None);
                };
                Ok(reader.value(depth)?.map(|value| (key, value)))
            })?;
            return Ok(pairs.map(Value::Map));
        }
        let elements = self.elements(len, |reader| reader.value(depth))?;
        Ok(elements.map(match kind {
            b'~' => Value::Set,
            b'>' => Value::Push,
            _ => Value::Array,
        }))
    }

    fn elements<T>(
        &mut self,
        len: usize,
        mut element: impl FnMut(&mut Self) -> Result<Option<T>, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        // No reservation: the count is only a claim, the elements are the proof.
        let mut elements = Vec::new();
        for _ in 0..len {
            match element(self)? {
                Some(value) => elements.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(elements))
    }

    /// The rest of the line after the type byte.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.input[self.at + 1..];
        let len = rest.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += 1 + len + 2;
        Some(&rest[..len])
    }
}

fn length(text: &[u8]) -> Option<usize> {
    usize::try_from(parse_integer(text)?).ok()
}

fn double(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
