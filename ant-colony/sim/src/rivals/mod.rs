//! The published policies that Ant Colony is compared with, each in one file that names its paper.

mod clock;
mod fifo;
mod lru;
mod sieve;

pub(crate) use clock::Clock;
pub(crate) use fifo::Fifo;
pub(crate) use lru::Lru;
pub(crate) use sieve::Sieve;
