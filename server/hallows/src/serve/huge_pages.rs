//! Makes huge pages of memory that the store has filled, on a thread of its own: the
//! system may wait for all cores, or for memory to be moved, before it makes one.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use hallows_engine::Engine;

/// Time between two pages. A request for something in the very page has to wait for it
/// (half a millisecond, or some in a virtual machine), so they are not made all at once:
/// 40 MiB in a second.
const PERIOD: Duration = Duration::from_millis(50);
/// The same while there are none to make.
const PERIOD_IDLE: Duration = Duration::from_millis(500);

/// Starts the thread, which ends with the engine.
pub(super) fn start(engine: &Arc<Engine>) {
    let engine = Arc::downgrade(engine);
    let started = thread::Builder::new()
        .name("huge-pages".to_owned())
        .spawn(move || run(&engine));
    if let Err(error) = started {
        tracing::warn!(%error, "no thread for huge pages: memory stays in small ones");
    }
}

fn run(engine: &Weak<Engine>) {
    while let Some(engine) = engine.upgrade() {
        let made = engine.store().collapse_pages(1);
        drop(engine);
        thread::sleep(if made == 0 { PERIOD_IDLE } else { PERIOD });
    }
}
