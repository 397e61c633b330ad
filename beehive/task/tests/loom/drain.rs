//! Work that threads leave to one that is at it gets done, by one at a time.

use beehive_task::drain::Drain;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::model;

#[derive(Default)]
struct Shared {
    drain: Drain,
    left: AtomicUsize,
    done: UnsafeCell<usize>,
}

// SAFETY: loom reports what is wrong with it.
unsafe impl Sync for Shared {}

#[test]
fn what_is_left_to_who_is_at_work_is_done() {
    model(|| {
        let shared = Arc::new(Shared::default());
        let leave = |shared: &Shared| {
            shared.left.fetch_add(1, Relaxed);
            shared.drain.run(
                || shared.left.load(Relaxed) > 0,
                || {
                    let left = shared.left.swap(0, Relaxed);
                    // SAFETY: loom reports if two are at work.
                    shared.done.with_mut(|done| unsafe { *done += left });
                },
            );
        };
        let threads = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || leave(&shared))
        });
        leave(&shared);
        threads.into_iter().for_each(|it| it.join().unwrap());
        // SAFETY: as above.
        assert_eq!(shared.done.with(|done| unsafe { *done }), 3);
    });
}
