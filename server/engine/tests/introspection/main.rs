//! What the server tells about itself, its clients and its commands, and what can
//! be changed while it runs, seen by a client.
#[path = "../harness/mod.rs"]
mod harness;

mod client;
mod command;
mod config;
mod debug;
mod hallows;
mod info;
mod object;
