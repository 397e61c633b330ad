//! Loaders of tasks, polled by hand or on an executor that is no runtime: cancelled at every await.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use ant_colony::Cache;
use futures::executor::block_on;

use crate::Woken;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn fine(value: u64) -> Result<u64, Infallible> {
    Ok(value)
}

/// Never ready.
async fn slow() -> Result<u64, Infallible> {
    pending().await
}

#[test]
fn a_value_is_loaded_once_and_then_found() {
    let cache = Cache::new(10);
    let loaded = block_on(cache.get_or_try_insert_with(1, || fine(5)));
    assert_eq!(loaded, Ok(5));
    let found = block_on(cache.get_or_try_insert_with(1, || fine(6)));
    assert_eq!(found, Ok(5));
}

#[test]
fn who_waits_gets_the_value_of_who_loads() {
    let cache = Cache::new(10);
    let (sender, receiver) = futures::channel::oneshot::channel();
    let mut leader = pin!(cache.get_or_try_insert_with(1, || receiver));
    let mut waiter = pin!(cache.get_or_try_insert_with(1, || fine(9)));
    assert!(poll(leader.as_mut()).is_pending());
    assert!(poll(waiter.as_mut()).is_pending());
    sender.send(5).expect("is awaited");
    assert_eq!(poll(leader.as_mut()), Poll::Ready(Ok(5)));
    assert_eq!(poll(waiter.as_mut()), Poll::Ready(Ok(5)));
}

#[test]
fn who_waits_gets_the_value_even_if_it_was_not_kept() {
    let cache = Cache::new(10);
    let (sender, receiver) = futures::channel::oneshot::channel();
    let mut leader = pin!(cache.get_or_try_insert_with(1, || receiver));
    let mut waiter = pin!(cache.get_or_try_insert_with(1, || fine(9)));
    assert!(poll(leader.as_mut()).is_pending());
    assert!(poll(waiter.as_mut()).is_pending());
    cache.remove(&1);
    sender.send(5).expect("is awaited");
    assert_eq!(poll(leader.as_mut()), Poll::Ready(Ok(5)));
    assert_eq!(poll(waiter.as_mut()), Poll::Ready(Ok(5)));
    assert_eq!(cache.get(&1), None);
}

#[test]
fn a_loader_that_fails_keeps_its_error_and_hands_over() {
    let cache = Cache::new(10);
    let (sender, receiver) = futures::channel::oneshot::channel::<u64>();
    let mut leader = pin!(cache.get_or_try_insert_with(1, || receiver));
    let mut waiter = pin!(cache.get_or_try_insert_with(1, || fine(7)));
    assert!(poll(leader.as_mut()).is_pending());
    assert!(poll(waiter.as_mut()).is_pending());
    drop(sender);
    assert!(matches!(poll(leader.as_mut()), Poll::Ready(Err(_))));
    assert_eq!(poll(waiter.as_mut()), Poll::Ready(Ok(7)));
}

#[test]
fn a_cancelled_loader_hands_over_to_the_first_who_waits_and_so_on() {
    let cache = Cache::new(10);
    let mut leader = Box::pin(cache.get_or_try_insert_with(1, slow));
    let mut second = Box::pin(cache.get_or_try_insert_with(1, slow));
    let mut third = Box::pin(cache.get_or_try_insert_with(1, || fine(3)));
    assert!(poll(leader.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(leader);
    assert!(poll(second.as_mut()).is_pending(), "it loads now");
    drop(second);
    assert_eq!(poll(third.as_mut()), Poll::Ready(Ok(3)));
}

#[test]
fn a_waiter_that_is_cancelled_when_it_was_woken_passes_it_on() {
    let cache = Cache::new(10);
    let mut leader = Box::pin(cache.get_or_try_insert_with(1, slow));
    let wakers = [Arc::<Woken>::default(), Arc::default()];
    let mut waiters = wakers.each_ref().map(|woken| {
        let mut waiter = Box::pin(cache.get_or_try_insert_with(1, || fine(4)));
        assert!(poll(leader.as_mut()).is_pending());
        assert!(woken.poll(waiter.as_mut()).is_pending());
        Some(waiter)
    });
    drop(leader);
    let woken = wakers.each_ref().map(|woken| woken.take());
    assert_eq!(woken, [true, false], "one is to lead");
    waiters[0] = None;
    assert!(wakers[1].take(), "now the other one is");
    let left = waiters[1].as_mut().expect("not cancelled");
    assert_eq!(poll(left.as_mut()), Poll::Ready(Ok(4)));
}

/// A waker that lets another thread write to the cache meanwhile.
struct Writes(Arc<Cache<u64, u64>>, AtomicUsize);

impl Wake for Writes {
    fn wake(self: Arc<Self>) {
        let (cache, (sender, written)) = (Arc::clone(&self.0), mpsc::channel());
        thread::spawn(move || sender.send(cache.insert(2, 2)));
        written
            .recv_timeout(Duration::from_secs(10))
            .expect("no lock is held")
            .expect("no weigher");
        self.1.fetch_add(1, SeqCst);
    }
}

#[test]
fn nothing_is_locked_when_those_who_wait_are_woken() {
    let cache = Cache::builder().capacity(10).shards(1).build();
    let cache = Arc::new(cache.expect("a cache"));
    let writes = Arc::new(Writes(Arc::clone(&cache), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&writes));
    let mut leader = Box::pin(cache.get_or_try_insert_with(1, slow));
    let mut waiters = [(); 2].map(|()| Box::pin(cache.get_or_try_insert_with(1, slow)));
    assert!(poll(leader.as_mut()).is_pending());
    for waiter in &mut waiters {
        let polled = waiter.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    drop(leader);
    assert_eq!(writes.1.load(SeqCst), 1);
    let [first, _second] = waiters;
    drop(first);
    assert_eq!(writes.1.load(SeqCst), 2);
}

#[test]
fn a_flight_that_all_have_left_is_forgotten() {
    let cache = Cache::new(10);
    for _ in 0..3 {
        let mut leader = Box::pin(cache.get_or_try_insert_with(1, slow));
        let mut waiter = Box::pin(cache.get_or_try_insert_with(1, slow));
        assert!(poll(leader.as_mut()).is_pending());
        assert!(poll(waiter.as_mut()).is_pending());
        drop(leader);
        drop(waiter);
    }
    assert_eq!(cache.get_or_insert_with(1, || 8), 8);
}

#[test]
fn tasks_and_threads_with_loaders_that_fail_or_vanish_all_come_to_an_end() {
    let rounds = if cfg!(miri) { 5 } else { 2_000_u64 };
    let cache = Cache::new(64);
    let loads = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 0..4_u64 {
            let (cache, loads) = (&cache, &loads);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + 1);
                for key in 0..rounds {
                    let fate = random.u64(..4);
                    let load = async || {
                        loads.fetch_add(1, SeqCst);
                        match fate {
                            0 => Err(()),
                            1 => pending().await,
                            _ => Ok(key),
                        }
                    };
                    let mut asked = Box::pin(cache.get_or_try_insert_with(key, load));
                    if fate == 1 {
                        let polled = poll(asked.as_mut());
                        assert!(polled.is_pending() || polled == Poll::Ready(Ok(key)));
                    } else {
                        let found = block_on(asked);
                        assert!(found == Ok(key) || fate == 0 && found == Err(()));
                    }
                }
            });
        }
    });
    assert!(loads.load(SeqCst) as u64 >= rounds);
}

#[test]
fn the_future_of_a_sendable_loader_can_be_sent() {
    fn check<T: Send>(_: &T) {}
    let cache: Cache<String, String> = Cache::new(10);
    let future = cache.get_or_try_insert_with(String::new(), async || Ok::<_, ()>(String::new()));
    check(&future);
}
