//! Sizes in bytes as people write them (`256MiB`, `1gb`, `65536`), for flags,
//! environment and file alike.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) usize);

/// The units, largest first. `kb` means 1024 bytes and `k` means 1000, because
/// that is how Redis reads its own configuration.
const UNITS: [(&str, u64); 10] = [
    ("gib", 1 << 30),
    ("gb", 1 << 30),
    ("g", 1_000_000_000),
    ("mib", 1 << 20),
    ("mb", 1 << 20),
    ("m", 1_000_000),
    ("kib", 1 << 10),
    ("kb", 1 << 10),
    ("k", 1000),
    ("b", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit.is_empty() => 1,
            None => return Err(malformed(text)),
        };
        let number: u64 = number.parse().map_err(|_| malformed(text))?;
        number
            .checked_mul(factor)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .map(ByteSize)
            .ok_or_else(|| format!("`{text}` is larger than this machine can address"))
    }
}

fn malformed(text: &str) -> String {
    format!(
        "`{text}` is not a size; write a whole number with a unit, such as 256MiB, 1GiB or 64kb"
    )
}

impl fmt::Display for ByteSize {
    /// Exact: a unit is used only when it divides the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        for (name, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if bytes >= factor && bytes.is_multiple_of(factor) {
                return write!(f, "{}{name}", bytes / factor);
            }
        }
        write!(f, "{bytes}")
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a size: a string such as \"256MiB\", or bytes"
        )]
        enum Written {
            Bytes(usize),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(ByteSize(bytes)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    fn bytes(text: &str) -> Result<usize, String> {
        text.parse::<ByteSize>().map(|size| size.0)
    }

    #[test]
    fn every_unit_is_read_in_any_case() {
        assert_eq!(bytes("65536"), Ok(65536));
        assert_eq!(bytes("100b"), Ok(100));
        assert_eq!(bytes("2k"), Ok(2000));
        assert_eq!(bytes("2kb"), Ok(2048));
        assert_eq!(bytes("2KiB"), Ok(2048));
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("1 gb"), Ok(1 << 30));
        assert_eq!(bytes("3G"), Ok(3_000_000_000));
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_an_example() {
        for text in ["", "MiB", "-1", "1.5GiB", "12 parsecs", "0x10"] {
            assert!(bytes(text).unwrap_err().contains("256MiB"), "{text}");
        }
        assert!(bytes("99999999999GiB").unwrap_err().contains("larger"));
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_size() {
        for size in [0, 1, 1000, 1024, 256 << 20, (1 << 30) + 1, 5 << 30] {
            assert_eq!(bytes(&ByteSize(size).to_string()), Ok(size));
        }
    }
}
