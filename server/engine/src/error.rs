//! Errors that commands answer with. Their texts are Redis's, since clients and
//! scripts compare them.
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hallows_resp::Reply;

use crate::command::Command;

/// Why a command was refused; `Display` is the reply after the leading `-`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    NotSmallInteger,
    #[error("ERR value is not a valid float")]
    NotFloat,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR source and destination objects are the same")]
    SameObject,
    #[error("ERR DB index is out of range")]
    DbIndex,
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    TooLong,
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    #[error("ERR invalid expire time in '{}' command", .0.full_name())]
    InvalidExpire(Command),
    #[error("ERR wrong number of arguments for '{}' command", .0.full_name())]
    WrongArity(Command),
    /// A fixed text, its prefix (such as `ERR`) included.
    #[error("{0}")]
    Fixed(&'static str),
    /// A text made for the occasion, its prefix included; what it quotes of the
    /// client stands in it byte for byte.
    #[error("{}", String::from_utf8_lossy(.0))]
    Text(Vec<u8>),
}

impl CommandError {
    /// A text that quotes the request between `before` and `after`. The quote ends at a
    /// NUL, as it does where Redis formats it as a C string.
    pub(crate) fn quoting(before: &str, quoted: &[u8], after: &str) -> Self {
        let quoted = quoted.split(|byte| *byte == 0).next().unwrap_or_default();
        Self::Text([before.as_bytes(), quoted, after.as_bytes()].concat())
    }

    /// Appends the error as a reply.
    pub(crate) fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Fixed(text) => reply.error(text),
            Self::Text(text) => reply.error_bytes(text),
            other => reply.error(&other.to_string()),
        }
    }
}

impl From<ant_colony_store::Full> for CommandError {
    fn from(_: ant_colony_store::Full) -> Self {
        Self::OutOfMemory
    }
}
