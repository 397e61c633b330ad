//! Random schedules of larger programs, one file per structure; histories are checked for
//! linearizability against a model.

#[path = "../linearize/mod.rs"]
mod linearize;

mod admission;
mod deque;
mod latest;
mod map;
mod mpmc;
mod mpsc;
mod reply;
mod sequenced;
mod slab_map;
mod spsc;
