//! From the text of a setting to its value and back. Refusals carry Redis's
//! texts where Redis has one.
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::output_limit::{ClassLimits, OutputLimits};
use super::table::{Definition, Kind, Number, Slot, Text};
use hallows_resp::parse_integer;

/// Why a value was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The texts say it.
pub enum Reason {
    #[error("can't set immutable config")]
    Immutable,
    #[error("can't set protected config")]
    Protected,
    #[error("duplicate parameter")]
    Duplicate,
    #[error("argument must be 'yes' or 'no'")]
    NotBool,
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    #[error("argument must be a memory value")]
    NotMemory,
    #[error("argument must be between {0} and {1} inclusive")]
    OutOfBounds(u64, u64),
    #[error("argument(s) must be one of the following: {0}")]
    NotChoice(String),
    #[error("Wrong number of arguments in buffer limit configuration.")]
    LimitCount,
    #[error("Invalid client class specified in buffer limit configuration.")]
    LimitClass,
    #[error("Error in hard, soft or soft_seconds setting in buffer limit configuration.")]
    LimitValue,
    #[error("only '{only}' is possible: {why}")]
    Fixed {
        only: &'static str,
        why: &'static str,
    },
}

/// A checked value, on its way to where it is kept.
pub(super) enum Value {
    Number(Number, u64),
    Text(Text, Vec<u8>),
    OutputLimits(ClassLimits),
    Unchanged,
}

impl Value {
    /// Reads the text that CONFIG SET gave for `definition`; `limits` are those
    /// in force, for the client classes that the text leaves out.
    pub(super) fn parse(
        definition: &Definition,
        text: &[u8],
        limits: &OutputLimits,
    ) -> Result<Self, Reason> {
        match definition.slot {
            Slot::Number(at, ref kind, _) => Ok(Self::Number(at, kind.parse(text)?)),
            Slot::Text(at, _) => Ok(Self::Text(at, text.into())),
            Slot::OutputLimits => Ok(Self::OutputLimits(limits.parse(text)?)),
            Slot::Fixed(only, why) => {
                if only.as_bytes().eq_ignore_ascii_case(text) {
                    Ok(Self::Unchanged)
                } else {
                    Err(Reason::Fixed { only, why })
                }
            }
        }
    }
}

impl Kind {
    fn parse(&self, text: &[u8]) -> Result<u64, Reason> {
        match *self {
            Self::Bool => match position(&["no", "yes"], text) {
                Some(value) => Ok(value),
                None => Err(Reason::NotBool),
            },
            Self::Integer(min, max) => {
                let number = parse_integer(text).ok_or(Reason::NotInteger)?;
                match u64::try_from(number) {
                    Ok(number) if (min..=max).contains(&number) => Ok(number),
                    _ => Err(Reason::OutOfBounds(min, max)),
                }
            }
            Self::Memory(min, max) => {
                let bytes = parse_memory(text).ok_or(Reason::NotMemory)?;
                if (min..=max).contains(&bytes) {
                    Ok(bytes)
                } else {
                    Err(Reason::OutOfBounds(min, max))
                }
            }
            Self::Choice(words) => {
                position(words, text).ok_or_else(|| Reason::NotChoice(words.join(", ")))
            }
        }
    }

    /// The text of a value, as CONFIG GET shows it.
    pub(super) fn print(&self, value: u64) -> String {
        match self {
            Self::Bool => String::from(if value == 0 { "no" } else { "yes" }),
            Self::Integer(..) | Self::Memory(..) => value.to_string(),
            Self::Choice(words) => {
                String::from(words.get(value as usize).copied().unwrap_or_default())
            }
        }
    }
}

fn position(words: &[&str], text: &[u8]) -> Option<u64> {
    let at = words
        .iter()
        .position(|word| word.as_bytes().eq_ignore_ascii_case(text))?;
    Some(at as u64)
}

/// A number of bytes with an optional unit: `k`, `m` and `g` are powers of 1000,
/// `kb`, `mb` and `gb` powers of 1024; case does not matter.
pub(super) fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number: u64 = core::str::from_utf8(number).ok()?.parse().ok()?;
    number.checked_mul(factor)
}
