//! Bounds on what a request may announce, with Redis's defaults.
//!
//! They bound single announcements. The size of a whole request is bounded by the caller, who owns
//! the buffer in which the request is collected.

/// What the parser accepts from one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest bulk string, in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: usize,
    /// Most arguments in one request.
    pub array_len_max: usize,
    /// Longest line, in bytes, without its line feed: an inline request or a length.
    pub inline_len_max: usize,
    /// Whether the client may use the limits above. One that still owes a password gets
    /// [`Self::UNAUTHENTICATED_ARRAY_LEN_MAX`] and [`Self::UNAUTHENTICATED_BULK_LEN_MAX`] as well.
    pub authenticated: bool,
}

impl Limits {
    /// Most arguments in a request of a client that has not authenticated.
    pub const UNAUTHENTICATED_ARRAY_LEN_MAX: usize = 10;
    /// Longest bulk string, in bytes, of a client that has not authenticated.
    pub const UNAUTHENTICATED_BULK_LEN_MAX: usize = 16 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_len_max: 512 * 1024 * 1024,
            array_len_max: i32::MAX as usize,
            inline_len_max: 64 * 1024,
            authenticated: true,
        }
    }
}
