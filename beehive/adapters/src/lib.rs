//! Beehive for code that was written against other interfaces:
//!
//! - [`Compat`] puts a stream of Beehive behind the IO traits of tokio, futures-io and hyper 1;
//! - [`hyper`] has the executor and the timer that hyper asks for.
//!
//! Each ecosystem is a feature (`tokio`, `futures`, `hyper`; all are on by default), and all of it is
//! a crate of its own, so that a program that needs none of them compiles none of them. No runtime of
//! others runs: what is adapted are traits.
//!
//! An HTTP server by axum is the example `axum` of this crate.

#![forbid(unsafe_code)]

mod compat;
#[cfg(feature = "futures")]
mod futures;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

pub use compat::Compat;
