//! The ways in which a request can break the protocol, with Redis's texts.
//!
//! Each is fatal for its connection: after it nothing says where the next request begins. The
//! server replies with [`Reply::protocol_error`](crate::Reply::protocol_error) and closes.

/// A request that cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number after `*` is none, or above the limit.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The number after `$` is none, negative, or above the limit.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An argument does not begin with `$`. A line break shows as a space; a byte outside ASCII
    /// goes to the client as it came, and shows here as the Latin-1 character of that number.
    #[error("Protocol error: expected '$', got '{}'", printable(*.got) as char)]
    ExpectedDollar {
        /// The byte in its place.
        got: u8,
    },
    /// An inline request leaves a quote open, or goes on directly after a closing one.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// An inline request without an end within the limit.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// A line that begins with `*` without an end within the limit.
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// The line before an argument without an end within the limit.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// More arguments than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
}

/// The byte as it can stand in an error reply, which is one line.
pub(crate) fn printable(byte: u8) -> u8 {
    match byte {
        b'\r' | b'\n' => b' ',
        other => other,
    }
}
