//! Inline requests: one line, words between blanks, with quotes as in a shell.
//!
//! Within double quotes `\n \r \t \b \a` and `\xHH` stand for their bytes and a backslash takes
//! any other byte literally; within single quotes only `\'` is special. A quote may open in the
//! middle of a word, but a closing one ends the word. The line holds neither line feed nor NUL.

use crate::args::Span;
use crate::error::ProtocolError;
use alloc::vec::Vec;

/// Splits a line without quotes into words, as spans of the line.
pub(crate) fn split_plain(line: &[u8], spans: &mut Vec<Span>) {
    let mut at = 0;
    while let Some(start) = next_word(line, at) {
        let end = line[start..]
            .iter()
            .position(|&byte| ends_word(byte))
            .map_or(line.len(), |len| start + len);
        spans.push(Span { start, end });
        at = end;
    }
}

/// Splits a line with quotes into words, written one after the other to `words`; the spans refer to
/// `words`.
pub(crate) fn split_quoted(
    line: &[u8],
    words: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), ProtocolError> {
    let mut at = 0;
    while let Some(first) = next_word(line, at) {
        let start = words.len();
        at = word(line, first, words)?;
        spans.push(Span {
            start,
            end: words.len(),
        });
    }
    Ok(())
}

/// Appends the word that begins at `at` and returns where it ends.
fn word(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Result<usize, ProtocolError> {
    loop {
        let close = match line.get(at) {
            Some(b'"') => double_quoted(line, at + 1, words),
            Some(b'\'') => single_quoted(line, at + 1, words),
            Some(&byte) if !ends_word(byte) => {
                words.push(byte);
                at += 1;
                continue;
            }
            _ => return Ok(at),
        };
        let end = close.ok_or(ProtocolError::UnbalancedQuotes)?;
        return match line.get(end) {
            Some(&byte) if !is_blank(byte) => Err(ProtocolError::UnbalancedQuotes),
            _ => Ok(end),
        };
    }
}

/// Appends what stands between double quotes, and returns where the line goes on after the closing
/// one; `None` if it is missing.
fn double_quoted(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Option<usize> {
    loop {
        let (byte, len) = match line.get(at..)? {
            [] => return None,
            [b'"', ..] => return Some(at + 1),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_digit(*high) << 4 | hex_digit(*low), 4)
            }
            [b'\\', escaped, ..] => (unescape(*escaped), 2),
            [byte, ..] => (*byte, 1),
        };
        words.push(byte);
        at += len;
    }
}

/// As [`double_quoted`], for single quotes.
fn single_quoted(line: &[u8], mut at: usize, words: &mut Vec<u8>) -> Option<usize> {
    loop {
        let (byte, len) = match line.get(at..)? {
            [] => return None,
            [b'\'', ..] => return Some(at + 1),
            [b'\\', b'\'', ..] => (b'\'', 2),
            [byte, ..] => (*byte, 1),
        };
        words.push(byte);
        at += len;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        letter => (letter | 0x20) - b'a' + 10,
    }
}

fn next_word(line: &[u8], at: usize) -> Option<usize> {
    let blanks = line.get(at..)?.iter().position(|&byte| !is_blank(byte))?;
    Some(at + blanks)
}

/// Vertical tab and form feed are blanks before a word and after a closing quote...
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// ...but part of a word once it has begun.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
