//! Every interleaving of small programs, one file per structure.

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
mod wait;
