//! Cache decisions of Ant Colony: pure values in, decisions out.
//!
//! There are two policies: [`Ant`] learns how soon objects of a kind return, see there;
//! [`Policy`] is simple, adapts one number, and is its yardstick. Beside either, [`Trails`] learns
//! which object follows which and says what to prefetch.
//!
//! The mechanism (a byte store, a typed cache, a simulator) owns the queues, the
//! memory and the objects. It tells a [`Policy`] what happens and does what the
//! policy answers:
//!
//! 1. a new object: [`Policy::on_insert`] names the queue it enters;
//! 2. an access: [`Frequency::hit`] on the object's own counter, nothing else;
//! 3. memory is needed: [`Policy::next_victim`] names the queue whose oldest object
//!    is to be looked at, and [`Policy::on_reclaim`] says whether that object stays.
//!
//! The simple policy is S3-FIFO (Yang et al., *FIFO queues are all you need for cache
//! eviction*, SOSP 2023): a small queue filters objects that are never asked for
//! again, a main queue gives objects another round for each hit, and a ghost list
//! of fingerprints remembers what the small queue let go, so that an object that
//! returns soon enters the main queue at once.
//!
//! This crate does no IO, reads no clock, holds no object and no queue. The same
//! events give the same decisions.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ant;
mod balance;
mod frequency;
mod ghosts;
mod s3fifo;
mod trails;

pub use ant::{Ant, Detail, Experience, Mark, Settings, Shortlist, Worth};
pub use frequency::Frequency;
pub use s3fifo::{Fate, Policy, Queue};
pub use trails::{Account, Known, Presence, Trails};
