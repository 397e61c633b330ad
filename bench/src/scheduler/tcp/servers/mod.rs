//! One server per runtime, on the calling thread where the runtime allows it, written as its
//! authors' examples are: a task per connection and a buffer that is used again.

mod completions;
mod ours;
mod readiness;

pub(super) use completions::{Compio, Glommio, Monoio, Spargio};
pub(super) use ours::{Beehive, BeehiveLocal};
pub(super) use readiness::{Nio, Smol, Tokio, TokioCurrentThread};

/// Room for what one read gives.
const BUFFER_BYTES: usize = 16 * 1024;
const ANY_PORT: &str = "127.0.0.1:0";
