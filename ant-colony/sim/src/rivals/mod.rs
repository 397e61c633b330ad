//! The published policies that Ant Colony is compared with, each in one file that names its paper.
//! Their parameters are those of libCacheSim 0.3.5, so that they can be checked against it.

mod arc;
mod belady;
mod clock;
mod clock2q_plus;
mod fifo;
mod lirs;
mod lru;
mod qdlp;
mod s3_fifo;
mod sieve;
mod slru;
#[cfg(test)]
mod tests;
mod two_q;
mod w_tiny_lfu;

pub(crate) use arc::Arc;
pub(crate) use belady::Belady;
pub(crate) use clock::Clock;
pub(crate) use clock2q_plus::clock2q_plus;
pub(crate) use fifo::Fifo;
pub(crate) use lirs::Lirs;
pub(crate) use lru::Lru;
pub(crate) use qdlp::Qdlp;
pub(crate) use s3_fifo::S3Fifo;
pub(crate) use sieve::Sieve;
pub(crate) use slru::Slru;
pub(crate) use two_q::TwoQ;
pub(crate) use w_tiny_lfu::WTinyLfu;
