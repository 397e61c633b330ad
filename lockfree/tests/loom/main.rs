//! Every interleaving of small programs, one file per structure, and `guarded` for those of maps.

mod admission;
mod deque;
mod guarded;
mod latest;
mod map;
mod mpmc;
mod mpsc;
mod reply;
mod sequenced;
mod slab_map;
mod spsc;
mod wait;
