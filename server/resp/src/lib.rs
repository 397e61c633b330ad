//! The Redis serialization protocol, RESP2 and RESP3, without IO: bytes in, requests out; replies in, bytes out.
//!
//! - [`Parser`] reads requests (arrays of bulk strings, or inline lines) from a buffer that the
//!   caller fills. It copies nothing but inline arguments with quotes: [`Args`] borrow the buffer.
//! - [`Pipeline`] gathers several parsed requests, to be looked at together.
//! - [`Reply`] appends replies to a buffer that the caller sends, in the [`Protocol`] that the
//!   client asked for.
//! - [`reply`] decodes replies, for clients: tests, benchmarks, the command line.
//!
//! What Redis 7.0 accepts is accepted, and what it refuses is refused with the same text
//! ([`ProtocolError`]), whatever the pieces in which the bytes arrive.
//!
//! Not here: sockets, buffers' growth, the meaning of a command. The crate does no IO, reads no
//! clock, and allocates only when a request has more arguments than any before it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod args;
mod double;
mod error;
mod inline;
mod integer;
mod limits;
mod parser;
mod pipeline;
pub mod reply;
mod writer;

pub use args::{Args, ArgsIter};
pub use error::ProtocolError;
pub use integer::parse_integer;
pub use limits::Limits;
pub use parser::{Parsed, Parser};
pub use pipeline::Pipeline;
pub use writer::{Protocol, Reply};
