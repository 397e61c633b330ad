//! Decimal integers as Redis reads them: one spelling per number.
//!
//! No leading zeros, no plus sign, no spaces, no minus zero. [`parse_integer`] is the rule;
//! [`short_length`] is its fast case, the few digits and the line end of nearly every length.

/// The number that `text` spells, if it is the canonical spelling of a 64-bit signed integer.
#[inline]
#[must_use]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let value = match *digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => digits,
        _ => return None,
    };
    // Nineteen digits stay below u64::MAX; the sum cannot overflow.
    let mut magnitude = 0u64;
    for digit in value {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Reads a length of at most eight digits and its line end from the start of `line`. Returns the
/// length and the number of bytes read, or `None` if `line` is anything else (longer, cut off,
/// wrong): then the slow path decides.
///
/// Only the `\r` is looked at: Redis skips the byte after it unseen.
#[inline]
pub(crate) fn short_length(line: &[u8]) -> Option<(usize, usize)> {
    const DIGITS_MAX: usize = 8;
    let first = line.first()?.wrapping_sub(b'0');
    if first > 9 {
        return None;
    }
    let mut value = usize::from(first);
    let mut at = 1;
    loop {
        let byte = *line.get(at)?;
        if byte == b'\r' {
            break;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at == DIGITS_MAX || value == 0 {
            return None;
        }
        value = value * 10 + usize::from(digit);
        at += 1;
    }
    (at + 1 < line.len()).then_some((value, at + 2))
}

#[cfg(test)]
mod tests {
    use super::{parse_integer, short_length};
    use std::format;

    #[test]
    fn every_integer_is_read_from_its_canonical_spelling() {
        for value in [0, 1, -1, 9, 10, 1_000_000, i64::MAX, i64::MIN, i64::MIN + 1] {
            assert_eq!(parse_integer(format!("{value}").as_bytes()), Some(value));
        }
    }

    #[test]
    fn no_other_spelling_is_read() {
        for text in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1a",
            "a1",
            "--1",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_short_length_is_read_with_its_line_end_or_left_to_the_slow_path() {
        assert_eq!(short_length(b"0\r\nx"), Some((0, 3)));
        assert_eq!(short_length(b"64\r\n"), Some((64, 4)));
        assert_eq!(short_length(b"12345678\r\n"), Some((12_345_678, 10)));
        for line in [
            "",
            "\r\n",
            "1",
            "1\r",
            "01\r\n",
            "-1\r\n",
            "1x\r\n",
            "123456789\r\n",
        ] {
            assert_eq!(short_length(line.as_bytes()), None, "{line:?}");
        }
    }
}
