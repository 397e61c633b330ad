//! Doubles as `%.17g` prints them in C: enough digits to read back the same value, no more zeros
//! than needed. Redis sends every double so.

use core::fmt;

/// Significant digits; 17 tell any two doubles apart.
const PRECISION: i32 = 17;

/// Displays its value in that format; infinities are `inf` and `-inf`.
pub(crate) struct Double(pub(crate) f64);

impl fmt::Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return f.write_str("nan");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "inf" } else { "-inf" });
        }
        let text = Digits::of(value)?;
        let (mantissa, exponent) = text.scientific().ok_or(fmt::Error)?;
        if (-4..PRECISION).contains(&exponent) {
            let decimals = usize::try_from(PRECISION - 1 - exponent).map_err(|_| fmt::Error)?;
            let fixed = Digits::fixed(value, decimals)?;
            return f.write_str(without_trailing_zeros(fixed.as_str()));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        let mantissa = without_trailing_zeros(mantissa);
        write!(f, "{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    }
}

fn without_trailing_zeros(text: &str) -> &str {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}

/// A number's text on the stack.
struct Digits {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Digits {
    /// Sign, "0.000", 17 digits are the longest fixed form; "-d.", 16 digits, "e-308" the longest
    /// scientific one.
    const CAPACITY: usize = 32;

    fn empty() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    fn of(value: f64) -> Result<Self, fmt::Error> {
        let mut text = Self::empty();
        let decimals = (PRECISION - 1) as usize;
        fmt::Write::write_fmt(&mut text, format_args!("{value:.decimals$e}"))?;
        Ok(text)
    }

    fn fixed(value: f64, decimals: usize) -> Result<Self, fmt::Error> {
        let mut text = Self::empty();
        fmt::Write::write_fmt(&mut text, format_args!("{value:.decimals$}"))?;
        Ok(text)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn scientific(&self) -> Option<(&str, i32)> {
        let (mantissa, exponent) = self.as_str().split_once('e')?;
        Some((mantissa, exponent.parse().ok()?))
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Double;
    use std::string::ToString;

    #[test]
    fn doubles_are_printed_as_c_does_with_17_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (1.5, "1.5"),
            (0.1, "0.10000000000000001"),
            (3.0e-4, "0.00029999999999999997"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (123456789.0, "123456789"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e17, "1.5e+17"),
            (-1.25e100, "-1.25e+100"),
            (99999999999999999.0, "1e+17"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(Double(value).to_string(), text);
        }
    }
}
