//! What each command does, seen by a client.
#[path = "../harness/mod.rs"]
mod harness;

mod connection;
mod counter;
mod expire;
mod key;
mod lcs;
mod protocol;
mod scan;
mod server;
mod string;
