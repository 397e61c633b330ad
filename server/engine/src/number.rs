//! Numbers as they stand in arguments and values: integers in their one spelling,
//! and the errors Redis gives for anything else.
use hallows_resp::parse_integer;

use crate::DATABASES;
use crate::error::CommandError;

/// A 64-bit integer.
#[inline]
pub(crate) fn integer(text: &[u8]) -> Result<i64, CommandError> {
    parse_integer(text).ok_or(CommandError::NotInteger)
}

/// A 32-bit integer: what takes the index of a database reads one first.
pub(crate) fn small_integer(text: &[u8]) -> Result<i32, CommandError> {
    let value = integer(text)?;
    i32::try_from(value).map_err(|_| CommandError::NotSmallInteger)
}

/// The index of a database.
pub(crate) fn database(text: &[u8]) -> Result<u8, CommandError> {
    let index = small_integer(text)?;
    u8::try_from(index)
        .ok()
        .filter(|index| *index < DATABASES)
        .ok_or(CommandError::DbIndex)
}
