//! The typed cache as its users see it.

mod building;
mod expiry;
mod garbage;
mod limits;
mod linearize;
mod listening;
mod loading;
mod model;
mod panics;
mod prefetched_keys;
mod prefetching;
mod prefetching_apart;
mod prefetching_tasks;
mod schedules;
mod tasks;
mod threads;
mod walking;

use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ant_colony::{Builder, Cache, Clock};

/// A clock that stands still until it is told to go on.
#[derive(Clone, Default)]
struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    fn advance(&self, time: Duration) {
        self.0.fetch_add(time.as_nanos() as u64, SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(SeqCst))
    }
}

/// A hasher without a random key: the same buckets in every run.
type Fixed = BuildHasherDefault<DefaultHasher>;

fn builder<K, V>() -> Builder<K, V, Fixed>
where
    K: Hash + Eq,
{
    Cache::builder().hasher(Fixed::default())
}

/// A waker that only remembers that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Woken {
    /// Whether it was woken since this was asked before.
    fn take(&self) -> bool {
        self.0.swap(false, SeqCst)
    }

    fn poll<F: Future + ?Sized>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(self))))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}
