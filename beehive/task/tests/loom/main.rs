//! The protocol of the task cell under the schedules that C11's memory model allows; those of the other
//! modules in files of their own.
//!
//! `cargo test -p beehive-task --features loom --release --test loom`

mod class;
mod drain;
mod idle;
mod job;
mod progress;
mod readiness;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc as Plain;
use std::task::{Context, Poll, Wake, Waker};

use beehive_task::cell::{JoinHandle, LiveKey, Member, Outcome, Runnable, World, shared};
use beehive_task::list::TaskList;
use beehive_task::live::LiveSet;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// Tries every schedule with up to this many preemptions: more take hours.
const PREEMPTIONS_MAX: usize = 3;

fn model(test: impl Fn() + Send + Sync + 'static) {
    model_with(PREEMPTIONS_MAX, test);
}

fn model_with(preemptions_max: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.check(test);
}

/// A world whose tasks any thread can run.
struct Queue<M = ()>(Arc<Inner<M>>);

struct Inner<M> {
    ready: TaskList<M>,
    live: Mutex<LiveSet<M>>,
}

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

// SAFETY: (1) members are in `live` from `enter` to `leave`. (2) `polled` is always null.
unsafe impl<M: Send + Sync + 'static> World<M> for Queue<M> {
    fn schedule(&self, task: Runnable<M>) {
        self.0.ready.push(task);
    }

    fn enter(&self, task: Member<M>) -> LiveKey {
        let place = self.0.live.lock().unwrap().insert(task);
        LiveKey { set: 0, place }
    }

    fn leave(&self, key: LiveKey) {
        self.0.live.lock().unwrap().remove(key.place);
    }
}

impl<M> Queue<M> {
    fn new() -> Self {
        Self(Arc::new(Inner {
            ready: TaskList::new(),
            live: Mutex::new(LiveSet::new()),
        }))
    }
}

impl Queue {
    fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> JoinHandle<T> {
        let (runnable, handle) = shared((), future, self.clone());
        runnable.schedule();
        handle
    }

    /// Polls all tasks that are ready once.
    fn turn(&self) {
        let mut batch = self.0.ready.take_all();
        while let Some(task) = batch.pop() {
            task.run();
        }
    }

    /// Ends all tasks.
    fn stop(&self) {
        loop {
            drop(self.0.ready.take_all());
            let live = self.0.live.lock().unwrap();
            let (waiting, empty) = (live.claim_all(), live.is_empty());
            drop(live);
            drop(waiting);
            if empty && self.0.ready.is_empty() {
                break;
            }
            thread::yield_now();
        }
    }
}

/// Memory that loom watches: in the future of a task, or in its output.
struct Watched(UnsafeCell<u32>);

// SAFETY: loom reports what is wrong with it.
unsafe impl Send for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn touch(&self) -> u32 {
        self.0.with_mut(|value| {
            // SAFETY: loom reports if another thread accesses it.
            let value = unsafe { &mut *value };
            *value += 1;
            *value
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.touch();
    }
}

/// Counts its wakes.
struct Joiner(AtomicUsize);

impl Wake for Joiner {
    fn wake(self: Plain<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn joiner() -> (Plain<Joiner>, Waker) {
    let joiner = Plain::new(Joiner(AtomicUsize::new(0)));
    (joiner.clone(), Waker::from(joiner))
}

fn poll<T, M>(handle: &mut JoinHandle<T, M>, waker: &Waker) -> Poll<Option<T>> {
    Pin::new(handle)
        .poll(&mut Context::from_waker(waker))
        .map(Result::ok)
}

type Slot = Arc<Mutex<Option<Waker>>>;

/// Leaves its waker in `slot` and waits for `event` to be non-zero.
async fn wait_for(slot: Slot, event: Arc<AtomicUsize>) {
    poll_fn(|cx| {
        *slot.lock().unwrap() = Some(cx.waker().clone());
        // Relaxed: it is the wake that must make it visible.
        if event.load(Relaxed) > 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn a_wake_that_races_with_the_poll_is_not_lost_and_what_came_before_it_is_seen() {
    model(|| {
        let queue = Queue::new();
        let (slot, event) = (Slot::default(), Arc::new(AtomicUsize::new(0)));
        let watched = Watched::new();
        let (task_slot, task_event) = (slot.clone(), event.clone());
        let mut handle = queue.spawn(async move {
            watched.touch();
            // The waker is taken before the event is looked at, so one of the two sees the other.
            wait_for(task_slot, task_event).await;
            Ok(watched.touch())
        });
        queue.turn();
        let other = thread::spawn(move || {
            let waker = slot.lock().unwrap().clone();
            event.store(1, Relaxed);
            waker.into_iter().for_each(Waker::wake);
        });
        queue.turn();
        other.join().unwrap();
        queue.turn();
        assert_eq!(poll(&mut handle, Waker::noop()), Poll::Ready(Some(2)));
    });
}

#[test]
fn two_wakes_during_a_poll_lead_to_a_poll_that_sees_what_came_before_both() {
    model(|| {
        let queue = Queue::new();
        let (first, second) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let slot = Slot::default();
        let (task_slot, a, b) = (slot.clone(), first.clone(), second.clone());
        let mut handle = queue.spawn(async move {
            poll_fn(|cx| {
                *task_slot.lock().unwrap() = Some(cx.waker().clone());
                if a.load(Relaxed) + b.load(Relaxed) == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            Ok(())
        });
        queue.turn();
        let waker = slot.lock().unwrap().clone().unwrap();
        let (other_waker, other_queue) = (waker.clone(), queue.clone());
        let other = thread::spawn(move || {
            first.store(1, Relaxed);
            other_waker.wake();
            other_queue.turn();
        });
        second.store(1, Relaxed);
        waker.wake();
        queue.turn();
        other.join().unwrap();
        queue.turn();
        assert_eq!(poll(&mut handle, Waker::noop()), Poll::Ready(Some(())));
    });
}

#[test]
fn the_poll_of_a_queued_task_sees_what_came_before_each_of_two_wakes_or_another_follows() {
    // With three threads there are too many schedules for more preemptions.
    model_with(1, || {
        let queue = Queue::new();
        let events = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let [first, second] = events.clone();
        let slot = Slot::default();
        let task_slot = slot.clone();
        let mut handle = queue.spawn(async move {
            poll_fn(|cx| {
                *task_slot.lock().unwrap() = Some(cx.waker().clone());
                if first.load(Relaxed) + second.load(Relaxed) == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            Ok(())
        });
        queue.turn();
        let waker = slot.lock().unwrap().clone().unwrap();
        waker.wake_by_ref();
        let others = events.map(|event| {
            let waker = waker.clone();
            thread::spawn(move || {
                event.store(1, Relaxed);
                waker.wake();
            })
        });
        queue.turn();
        for other in others {
            other.join().unwrap();
        }
        // Joining has made both events visible here: only a poll that is still to come may see that.
        let batch = queue.0.ready.take_all();
        let mut queued = batch.len();
        drop(batch);
        queued += usize::from(poll(&mut handle, Waker::noop()) == Poll::Ready(Some(())));
        assert_eq!(queued, 1, "the task waits although both events have come");
    });
}

#[test]
fn what_a_task_carries_is_freed_after_all_use() {
    model(|| {
        let queue = Queue::<Shown>::new();
        let slot = Slot::default();
        let task_slot = slot.clone();
        let future = async move {
            poll_fn(|cx| {
                *task_slot.lock().unwrap() = Some(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            Ok(())
        };
        let (runnable, mut handle) = shared(Shown(Watched::new()), future, queue.clone());
        let (_joiner, waker) = joiner();
        assert!(poll(&mut handle, &waker).is_pending());
        let other = thread::spawn(move || {
            runnable.metadata().0.touch();
            runnable.run();
        });
        drop(handle);
        let waker = slot.lock().unwrap().take();
        drop(waker);
        other.join().unwrap();
    });
}

/// As what is attached to a task. One thread at a time accesses it, or loom reports that.
struct Shown(Watched);

// SAFETY: loom reports what is wrong with it.
unsafe impl Sync for Shown {}

#[test]
fn the_joiner_sees_the_end_or_is_woken_and_gets_the_output() {
    model(|| {
        let queue = Queue::new();
        let mut handle = queue.spawn(async move { Ok(Watched::new()) });
        let other_queue = queue.clone();
        let other = thread::spawn(move || other_queue.turn());
        let (first, first_waker) = joiner();
        let (second, second_waker) = joiner();
        let mut result = poll(&mut handle, &first_waker);
        if result.is_pending() {
            result = poll(&mut handle, &second_waker);
        }
        other.join().unwrap();
        if result.is_pending() {
            assert_eq!(first.0.load(Relaxed) + second.0.load(Relaxed), 1);
            result = poll(&mut handle, &second_waker);
        }
        let Poll::Ready(Some(output)) = result else {
            panic!("no output")
        };
        assert_eq!(output.touch(), 1);
    });
}

#[test]
fn a_handle_that_goes_while_the_task_ends_leaves_nothing() {
    model(|| {
        let queue = Queue::new();
        let mut handle = queue.spawn(async move { Ok(Watched::new()) });
        let (joiner, waker) = joiner();
        let pending = poll(&mut handle, &waker);
        assert!(pending.is_pending());
        drop(waker);
        let other_queue = queue.clone();
        let other = thread::spawn(move || other_queue.turn());
        drop(handle);
        other.join().unwrap();
        // The slot's waker is gone, whoever dropped it.
        assert_eq!(Plain::strong_count(&joiner), 1);
    });
}

#[test]
fn a_cell_that_outlives_its_task_keeps_no_waker_of_the_joiner() {
    model(|| {
        let queue = Queue::new();
        let slot = Slot::default();
        let task_slot = slot.clone();
        let future = poll_fn(move |cx| {
            *task_slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::Ready(Ok(()))
        });
        let mut handle = queue.spawn(future);
        let other_queue = queue.clone();
        let other = thread::spawn(move || other_queue.turn());
        let (joiner, waker) = joiner();
        // It finds the end, or is woken by it.
        let _ = poll(&mut handle, &waker);
        drop(waker);
        other.join().unwrap();
        assert!(slot.lock().unwrap().is_some());
        assert_eq!(Plain::strong_count(&joiner), 1);
    });
}

#[test]
fn a_cancellation_that_races_with_a_poll_and_a_wake_drops_the_future_once() {
    model(|| {
        let queue = Queue::new();
        let (slot, event) = (Slot::default(), Arc::new(AtomicUsize::new(0)));
        let watched = Watched::new();
        let task_slot = slot.clone();
        let handle = queue.spawn(async move {
            wait_for(task_slot, event).await;
            Ok(watched.touch())
        });
        let other_queue = queue.clone();
        let other = thread::spawn(move || {
            other_queue.turn();
            let waker = slot.lock().unwrap().take();
            waker.into_iter().for_each(Waker::wake);
        });
        let mut cancelled = pin!(handle.cancel());
        queue.turn();
        other.join().unwrap();
        queue.turn();
        let result = cancelled
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(result, Poll::Ready(None)));
    });
}

#[test]
fn shutdown_ends_tasks_that_are_woken_and_polled_meanwhile() {
    model(|| {
        let queue = Queue::new();
        let (slot, event) = (Slot::default(), Arc::new(AtomicUsize::new(0)));
        let watched = Watched::new();
        let task_slot = slot.clone();
        queue
            .spawn(async move {
                wait_for(task_slot, event).await;
                Ok(watched.touch())
            })
            .detach();
        queue.turn();
        let other = thread::spawn(move || {
            let waker = slot.lock().unwrap().take();
            waker.into_iter().for_each(Waker::wake);
        });
        queue.stop();
        other.join().unwrap();
        queue.stop();
        assert!(queue.0.live.lock().unwrap().is_empty());
    });
}

#[test]
fn a_list_loses_no_task_and_keeps_the_order_of_each_thread() {
    model(|| {
        let queue = Queue::new();
        let done = Arc::new(Mutex::new(Vec::new()));
        let other_queue = queue.clone();
        let other_done = done.clone();
        let task = |done: Arc<Mutex<Vec<u32>>>, number| async move {
            done.lock().unwrap().push(number);
            Ok(())
        };
        let other = thread::spawn(move || {
            other_queue.spawn(task(other_done.clone(), 1)).detach();
            other_queue.spawn(task(other_done, 2)).detach();
        });
        queue.turn();
        queue.spawn(task(done.clone(), 3)).detach();
        queue.turn();
        other.join().unwrap();
        queue.turn();
        let done = done.lock().unwrap().clone();
        assert_eq!(done.len(), 3);
        let place = |number| done.iter().position(|&each| each == number);
        assert!(place(1) < place(2));
    });
}
