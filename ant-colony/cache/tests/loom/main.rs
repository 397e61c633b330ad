//! Every interleaving of small programs that load, write and wait as the cache does.
//!
//! The flights are the cache's own: `flight` is its module, with loom's atomics. What is modelled is
//! how a shard uses them: a lock, and entries that are found without it. Each ordering in `flight` is
//! needed: weakened, it makes a model fail. If one waited in vain, loom would say that all threads are
//! blocked.
//!
//! ```text
//! cargo test --profile verify -p ant-colony --features loom --test loom
//! ```

#[path = "../../src/flight/mod.rs"]
#[allow(dead_code, reason = "the models use what they need")]
mod flight;

mod cache;
mod sync;
mod waits;
mod writes;

use std::sync::Arc;

use loom::thread;

use cache::{Asked, Cache, KEY, OTHER};

/// Explores what `run` may do with a cache; `hashes` are those of its keys.
fn model(hashes: [usize; 2], run: impl Fn(Arc<Cache>) + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Without a bound, three threads would take days.
    builder.preemption_bound = builder.preemption_bound.or(Some(4));
    builder.check(move || {
        let cache = Arc::new(Cache::new(hashes));
        run(Arc::clone(&cache));
        cache.check_is_idle();
    });
}

/// Of two keys that are told apart.
const APART: [usize; 2] = [8, 16];
/// Of two keys that the word of a shard does not tell apart: also if they are not quite the same.
const ALIKE: [[usize; 2]; 2] = [[8, 8], [8, 9]];

/// Does `run` in another thread.
fn spawn<T: 'static>(
    cache: &Arc<Cache>,
    run: impl FnOnce(&Cache) -> T + 'static,
) -> thread::JoinHandle<T> {
    let cache = Arc::clone(cache);
    thread::spawn(move || run(&cache))
}
