//! The 80-bit extended floats with which Redis computes INCRBYFLOAT on x86: read
//! from decimal text, added, and written with 17 digits after the point, each
//! step rounded to nearest even as the hardware and the C library do it. Doubles
//! would give other last digits.
//!
//! A number is `mantissa * 2^exponent` with the top bit of the 64-bit mantissa
//! set, or zero. Denormals are rounded like normal numbers: they lie below
//! 10^-4931 and always print as zero.
mod big;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;

use self::big::Big;

/// Longest text that is read, as in Redis.
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;
/// Powers of ten beyond which a number overflows or vanishes, whatever its digits.
const POWER_OF_TEN_MAX: i64 = 4933;
const POWER_OF_TEN_MIN: i64 = -4951;
/// Exponent of two of the largest finite number.
const EXPONENT_MAX: i32 = 16_383 - 63;
/// Exponent of two of a number below which half the smallest denormal lies.
const EXPONENT_MIN: i32 = -16_445 - 64;
/// Digits after the point in text.
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 100_000_000_000_000_000;

/// An extended float, finite or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extended {
    Finite {
        negative: bool,
        mantissa: u64,
        exponent: i32,
    },
    Infinite {
        negative: bool,
    },
}

impl Extended {
    pub(crate) const ZERO: Self = Self::Finite {
        negative: false,
        mantissa: 0,
        exponent: 0,
    };

    /// Reads the whole text as a number; `None` for anything else, and for numbers
    /// whose magnitude the format cannot hold.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite { negative });
        }
        if let [b'0', b'x' | b'X', digits @ ..] = unsigned {
            return parse_hexadecimal(negative, digits);
        }
        let decimal = Decimal::parse(unsigned)?;
        if decimal.digits.is_empty() {
            return Some(Self::Finite {
                negative,
                mantissa: 0,
                exponent: 0,
            });
        }
        let power_of_first_digit = decimal.power + decimal.digits.len() as i64 - 1;
        if !(POWER_OF_TEN_MIN..POWER_OF_TEN_MAX).contains(&power_of_first_digit) {
            return None;
        }
        match decimal.to_binary(negative) {
            Self::Infinite { .. } => None,
            finite => Some(finite),
        }
    }

    pub(crate) fn is_finite(self) -> bool {
        matches!(self, Self::Finite { .. })
    }

    /// The sum, rounded; anything plus an infinity is not finite.
    pub(crate) fn add(self, other: Self) -> Self {
        let (
            Self::Finite {
                negative: a_negative,
                mantissa: a,
                exponent: a_exponent,
            },
            Self::Finite {
                negative: b_negative,
                mantissa: b,
                exponent: b_exponent,
            },
        ) = (self, other)
        else {
            return Self::Infinite { negative: false };
        };
        if a == 0 {
            return other;
        }
        if b == 0 {
            return self;
        }
        if (a_exponent, a) < (b_exponent, b) {
            return other.add(self);
        }
        // One bit of headroom for the carry; the rest of the 128 holds what the
        // smaller number has below the larger one's last bit.
        const LOW_BITS: i32 = 63;
        let large = u128::from(a) << LOW_BITS;
        let shift = a_exponent - b_exponent;
        let (small, sticky) = shift_right(u128::from(b) << LOW_BITS, shift as u32);
        let sum = if a_negative == b_negative {
            large + (small | u128::from(sticky))
        } else {
            large - (small | u128::from(sticky))
        };
        if sum == 0 {
            return Self::ZERO;
        }
        Self::rounded(a_negative, sum, a_exponent - LOW_BITS, false)
    }

    /// The nearest number to `value * 2^exponent`, where `sticky` says that a
    /// little more than `value` is meant.
    fn rounded(negative: bool, value: u128, exponent: i32, sticky: bool) -> Self {
        let excess = 64 - value.leading_zeros() as i32;
        let (mut mantissa, mut exponent) = if excess <= 0 {
            ((value << -excess) as u64, exponent + excess)
        } else {
            let (kept, _) = shift_right(value, excess as u32);
            let rest = value & ((1 << excess) - 1);
            let half = 1 << (excess - 1);
            let up = match rest.cmp(&half) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => sticky || kept & 1 == 1,
            };
            let (mantissa, carried) = (kept as u64).overflowing_add(u64::from(up));
            if carried {
                (1 << 63, exponent + excess + 1)
            } else {
                (mantissa, exponent + excess)
            }
        };
        if mantissa == 0 {
            (mantissa, exponent) = (0, 0);
        }
        if exponent > EXPONENT_MAX {
            return Self::Infinite { negative };
        }
        Self::Finite {
            negative,
            mantissa,
            exponent,
        }
    }

    /// Decimal text without exponent: at most 17 digits after the point, without
    /// trailing zeros, and no minus zero. Infinities are never written.
    pub(crate) fn to_text(self) -> String {
        let Self::Finite {
            negative,
            mantissa,
            exponent,
        } = self
        else {
            return String::from("inf");
        };
        let mut text = if exponent >= 0 {
            let mut big = Big::from(mantissa);
            big.shift_left(exponent as u32);
            big.to_decimal()
        } else {
            fraction_text(mantissa, exponent)
        };
        if negative && text != "0" {
            text.insert(0, '-');
        }
        text
    }
}

/// Text of `mantissa * 2^exponent` for a negative exponent.
fn fraction_text(mantissa: u64, exponent: i32) -> String {
    let scaled = u128::from(mantissa) * FRACTION_SCALE;
    let shift = exponent.unsigned_abs();
    let (mut kept, _) = shift_right(scaled, shift);
    if shift <= 127 {
        let rest = scaled & ((1 << shift) - 1);
        let half = 1 << (shift - 1);
        if rest > half || (rest == half && kept & 1 == 1) {
            kept += 1;
        }
    }
    let digits = alloc::format!("{kept:0>width$}", width = FRACTION_DIGITS + 1);
    let trimmed = digits[digits.len() - FRACTION_DIGITS..]
        .trim_end_matches('0')
        .len();
    let whole = digits.len() - FRACTION_DIGITS;
    if trimmed == 0 {
        digits[..whole].to_string()
    } else {
        alloc::format!("{}.{}", &digits[..whole], &digits[whole..whole + trimmed])
    }
}

/// The shifted value and whether a one was shifted out.
fn shift_right(value: u128, by: u32) -> (u128, bool) {
    match value.checked_shr(by) {
        Some(kept) => (kept, kept << by != value),
        None => (0, value != 0),
    }
}

/// `digits * 10^power`: significant digits without zeros at either end, none for zero.
struct Decimal {
    digits: Vec<u8>,
    power: i64,
}

impl Decimal {
    /// Reads `123`, `1.5`, `.5`, `5.`, each with an optional exponent.
    fn parse(text: &[u8]) -> Option<Self> {
        let mantissa_len = text
            .iter()
            .position(|byte| matches!(byte, b'e' | b'E'))
            .unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(mantissa_len);
        let point = mantissa
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(mantissa.len());
        let whole = &mantissa[..point];
        let fraction = mantissa.get(point + 1..).unwrap_or_default();
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits: Vec<u8> = [whole, fraction].concat();
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut power = match exponent {
            [] => 0,
            [_, exponent @ ..] => signed_exponent(exponent)?,
        } - fraction.len() as i64;
        while digits.last() == Some(&b'0') {
            digits.pop();
            power += 1;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        Some(Self { digits, power })
    }

    fn to_binary(&self, negative: bool) -> Extended {
        let mut numerator = Big::from_decimal(&self.digits);
        let mut denominator = Big::from(1);
        if self.power >= 0 {
            numerator.multiply_power_of_ten(self.power as u32);
        } else {
            denominator.multiply_power_of_ten(self.power.unsigned_abs() as u32);
        }
        let (quotient, exponent, sticky) = numerator.divide(denominator);
        Extended::rounded(negative, quotient, exponent, sticky)
    }
}

/// Reads what follows `0x`: hexadecimal digits, with a point and a power of two if
/// wanted. Nobody writes numbers so, but the C library reads them, and so does Redis.
fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<Extended> {
    /// Digits that certainly fit; those after them only decide how to round.
    const EXACT_DIGITS: i64 = 28;
    let (digits, power) = match text.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        Some(end) => (&text[..end], signed_exponent(&text[end + 1..])?),
        None => (text, 0),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (mut value, mut sticky, mut count, mut exponent) = (0_u128, false, 0, power);
    for (i, byte) in digits.iter().enumerate().filter(|(i, _)| Some(*i) != point) {
        let digit = char::from(*byte).to_digit(16)?;
        let behind_point = point.is_some_and(|point| i > point);
        if value >> (4 * EXACT_DIGITS) == 0 {
            value = (value << 4) | u128::from(digit);
            exponent -= if behind_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if behind_point { 0 } else { 4 };
        }
        count += 1;
    }
    if count == 0 {
        return None;
    }
    let exponent = i32::try_from(exponent).ok()?;
    match Extended::rounded(negative, value, exponent, sticky) {
        Extended::Finite {
            mantissa: 1..,
            exponent: ..EXPONENT_MIN,
            ..
        }
        | Extended::Infinite { .. } => None,
        number => Some(number),
    }
}

/// The digits after an `e` or `p`; numbers too large to matter are cut off.
fn signed_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    const CUT: i64 = 1_000_000;
    let value = digits.iter().fold(0, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(CUT)
    });
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        let a = Extended::parse(a.as_bytes()).expect("a number");
        let b = Extended::parse(b.as_bytes()).expect("a number");
        a.add(b).to_text()
    }

    /// Results of the C library's `long double` on x86.
    #[test]
    fn sums_have_the_digits_of_extended_precision() {
        assert_eq!(sum("0", "1.5"), "1.5");
        assert_eq!(sum("1", "-1.1"), "-0.1");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("17179869184", "1.5"), "17179869185.5");
        assert_eq!(sum("3.0e-3", "0"), "0.003");
        assert_eq!(sum("0x10", "0x.8"), "16.5");
        assert_eq!(sum("1e19", "1"), "10000000000000000001");
        assert_eq!(sum("1e20", "1"), "100000000000000000000");
        assert_eq!(sum("1e22", "0"), "10000000000000000000000");
        assert_eq!(
            sum("123456789.123456789", "0.000000001"),
            "123456789.12345678999554366"
        );
    }

    #[test]
    fn opposite_numbers_cancel_to_a_plain_zero() {
        assert_eq!(sum("0.024390243902439025", "-0.024390243902439025"), "0");
        assert_eq!(sum("-0", "0"), "0");
        assert_eq!(sum("-1e-30", "0"), "0");
    }

    #[test]
    fn spellings_of_the_c_library_are_read() {
        for text in [
            "5.", ".5", "+5", "5e0", "5E+00", "00005", "-.5e-1", "0x1F", "0X.8p1",
        ] {
            assert!(Extended::parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "", ".", "e5", "5e", "5e+", " 5", "5 ", "5\0", "--5", "nan", "1.2.3", "0x",
        ] {
            assert!(Extended::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn magnitudes_beyond_the_format_are_refused() {
        assert!(Extended::parse(b"1e5000").is_none());
        assert!(Extended::parse(b"1e-5000").is_none());
        assert!(Extended::parse(b"1e4932").is_some());
        assert!(
            !Extended::parse(b"1e4932")
                .unwrap()
                .add(Extended::parse(b"1e4932").unwrap())
                .is_finite()
        );
        assert_eq!(Extended::parse(b"0e999999999").unwrap().to_text(), "0");
    }

    #[test]
    fn infinities_are_read_but_no_sum_is_made_of_them() {
        let infinite = Extended::parse(b"+inf").unwrap();
        assert!(!infinite.add(Extended::ZERO).is_finite());
        assert!(Extended::parse(b"-Infinity").is_some());
    }
}
