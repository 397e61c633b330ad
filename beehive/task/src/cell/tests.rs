//! Task cells in the hands of several threads; small enough for Miri.

use super::*;
use crate::list::TaskList;
use crate::live::LiveSet;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

/// The queue of one owner thread.
#[derive(Clone, Default)]
struct Queue(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ready: Mutex<VecDeque<Runnable>>,
    live: Mutex<LiveSet>,
}

std::thread_local! {
    static POLLED: Cell<*const ()> = const { Cell::new(null()) };
}

// SAFETY: (1) members are in `live` from `enter` to `leave`. (2) `run` says what it polls.
unsafe impl World<()> for Queue {
    fn schedule(&self, task: Runnable) {
        self.0.ready.lock().unwrap().push_back(task);
    }

    fn polled() -> *const () {
        POLLED.get()
    }

    fn enter(&self, task: Member) -> LiveKey {
        let place = self.0.live.lock().unwrap().insert(task);
        LiveKey { set: 0, place }
    }

    fn leave(&self, key: LiveKey) {
        self.0.live.lock().unwrap().remove(key.place);
    }
}

impl Queue {
    fn pop(&self) -> Option<Runnable> {
        self.0.ready.lock().unwrap().pop_front()
    }

    fn run(&self) {
        while let Some(runnable) = self.pop() {
            POLLED.set(runnable.id());
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runnable.run()));
            POLLED.set(null());
        }
    }

    fn stop(&self) {
        while let Some(runnable) = self.pop() {
            drop(runnable);
        }
        let waiting = self.0.live.lock().unwrap().claim_all();
        drop(waiting);
    }
}

/// Leaves its waker where another thread finds it, and is pending until `done`.
async fn wait_for(waker: Arc<Mutex<Option<Waker>>>, done: impl Fn() -> bool) {
    core::future::poll_fn(|cx| {
        if done() {
            return Poll::Ready(());
        }
        *waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

fn poll<T>(handle: &mut JoinHandle<T>) -> Poll<Result<T, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(Waker::noop()))
}

/// A pinned task on `queue`, whose owner is the calling thread.
fn pinned_here<T: 'static>(
    queue: &Queue,
    future: impl Future<Output = Outcome<T>> + 'static,
) -> JoinHandle<T> {
    // SAFETY: these tests run and drop the runnables of a queue on the thread that called this.
    let (runnable, handle) = unsafe { pinned((), future, queue.clone()) };
    runnable.schedule();
    handle
}

#[test]
fn a_pinned_task_woken_elsewhere_runs_at_home() {
    let queue = Queue::default();
    let waker = Arc::default();
    let done = Rc::new(Cell::new(false));
    let (task_waker, task_done) = (Arc::clone(&waker), done.clone());
    let mut handle = pinned_here(&queue, async move {
        wait_for(task_waker, || task_done.get()).await;
        Ok(thread::current().id())
    });
    queue.run();
    done.set(true);
    let other = thread::spawn(move || waker.lock().unwrap().take().unwrap().wake());
    other.join().unwrap();
    queue.run();
    let Poll::Ready(Ok(ran_on)) = poll(&mut handle) else {
        panic!("the task has not ended")
    };
    assert_eq!(ran_on, thread::current().id());
}

#[test]
fn a_pinned_task_cancelled_elsewhere_is_dropped_at_home() {
    let queue = Queue::default();
    let held = Rc::new(());
    let task_held = held.clone();
    let handle = pinned_here::<()>(&queue, async move {
        core::future::pending::<()>().await;
        drop(task_held);
        Ok(())
    });
    queue.run();
    thread::spawn(move || drop(handle.cancel())).join().unwrap();
    assert_eq!(Rc::strong_count(&held), 2);
    queue.run();
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_result_can_be_taken_on_another_thread() {
    let queue = Queue::default();
    let mut handle = pinned_here(&queue, async { Ok(alloc::vec![1, 2, 3]) });
    queue.run();
    let taken = thread::spawn(move || poll(&mut handle).map(Result::unwrap))
        .join()
        .unwrap();
    assert_eq!(taken, Poll::Ready(alloc::vec![1, 2, 3]));
}

/// A world that drops every task that becomes ready, and counts by metadata.
#[derive(Clone)]
struct Sink(Arc<AtomicUsize>);

// SAFETY: (1) members are dropped. (2) Nothing is run.
unsafe impl World<usize> for Sink {
    fn schedule(&self, task: Runnable<usize>) {
        self.0.fetch_add(*task.metadata(), SeqCst);
    }

    fn enter(&self, _: Member<usize>) -> LiveKey {
        LiveKey { set: 0, place: 0 }
    }

    fn leave(&self, _: LiveKey) {}
}

#[test]
fn what_is_known_about_a_task_can_be_read_where_it_is_queued() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (runnable, _handle) = shared(7, async { Ok(()) }, Sink(seen.clone()));
    assert_eq!(*runnable.metadata(), 7);
    runnable.schedule();
    assert_eq!(seen.load(SeqCst), 7);
}

#[test]
fn a_dropped_runnable_cancels_its_task() {
    let queue = Queue::default();
    let (runnable, mut handle) = shared((), async { Ok(1) }, queue.clone());
    thread::spawn(move || drop(runnable)).join().unwrap();
    assert!(matches!(
        poll(&mut handle),
        Poll::Ready(Err(JoinError::Cancelled))
    ));
}

#[test]
fn a_detached_task_goes_on() {
    let queue = Queue::default();
    let ended = Rc::new(Cell::new(false));
    let task_ended = ended.clone();
    drop(pinned_here(&queue, async move {
        task_ended.set(true);
        Ok(())
    }));
    queue.run();
    assert!(ended.get());
}

#[test]
fn a_panic_payload_reaches_the_handle_as_text() {
    let queue = Queue::default();
    let mut handle = pinned_here::<()>(&queue, async { Err(Box::new("broken") as _) });
    queue.run();
    let Poll::Ready(Err(error)) = poll(&mut handle) else {
        panic!("the task has not ended")
    };
    assert_eq!(std::format!("{error}"), "the task panicked: broken");
}

#[test]
fn a_task_that_yields_is_polled_again_and_counts_no_reference() {
    let queue = Queue::default();
    let mut left = 3;
    let mut handle = pinned_here(&queue, async move {
        core::future::poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            let waker = cx.waker().clone();
            waker.wake();
            if left > 0 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        Ok(())
    });
    queue.run();
    assert!(queue.0.live.lock().unwrap().is_empty());
    assert!(matches!(poll(&mut handle), Poll::Ready(Ok(()))));
}

#[test]
fn a_future_that_panics_ends_its_task_and_wakes_the_joiner() {
    let queue = Queue::default();
    let mut handle = pinned_here::<()>(&queue, async { panic!("on purpose") });
    let mut joiner = pinned_here(&queue, async {
        core::future::pending::<()>().await;
        Ok(())
    });
    let woken = Arc::new(AtomicUsize::new(0));
    let waker = Waker::from(Arc::new(CountWakes(woken.clone())));
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
    queue.run();
    assert_eq!(woken.load(SeqCst), 1);
    assert!(matches!(
        poll(&mut handle),
        Poll::Ready(Err(JoinError::Cancelled))
    ));
    queue.stop();
    assert!(matches!(
        poll(&mut joiner),
        Poll::Ready(Err(JoinError::Cancelled))
    ));
}

struct CountWakes(Arc<AtomicUsize>);

impl alloc::task::Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_handle_that_goes_takes_its_waker_and_the_output_with_it() {
    let queue = Queue::default();
    let held = Arc::new(());
    for ended in [false, true] {
        let task_held = held.clone();
        let mut handle = pinned_here(&queue, async move { Ok(task_held) });
        let wakes = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(CountWakes(wakes.clone())));
        assert!(
            Pin::new(&mut handle)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        if ended {
            queue.run();
        }
        drop(handle);
        assert_eq!(Arc::strong_count(&wakes), 1);
        queue.run();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn a_task_that_nobody_can_wake_is_found_in_the_live_set() {
    let queue = Queue::default();
    let held = Rc::new(());
    let task_held = held.clone();
    pinned_here::<()>(&queue, async move {
        core::future::pending::<()>().await;
        drop(task_held);
        Ok(())
    })
    .detach();
    queue.run();
    assert_eq!(
        (Rc::strong_count(&held), queue.0.live.lock().unwrap().len()),
        (2, 1)
    );
    queue.stop();
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(queue.0.live.lock().unwrap().is_empty());
}

#[test]
fn a_list_gives_tasks_in_the_order_they_came() {
    let list = TaskList::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let task = |number| shared(number, async { Ok(()) }, Sink(seen.clone())).0;
    list.push(task(1));
    list.push(task(2));
    let mut taken = list.take_all();
    assert!(list.is_empty());
    list.push(task(3));
    taken.push(task(4));
    taken.append(list.take_all());
    taken.push(task(5));
    assert_eq!(taken.len(), 5);
    for number in [1, 2, 4, 3] {
        assert_eq!(taken.pop().map(|task| *task.metadata()), Some(number));
    }
    drop(taken);
    list.push(task(6));
    drop(list);
    assert_eq!(Arc::strong_count(&seen), 1);
}

#[test]
fn a_reference_sees_a_task_from_its_first_queue_to_its_end_and_outlives_it() {
    let queue = Queue::default();
    let waker = Arc::default();
    let (task_waker, ready) = (Arc::clone(&waker), Arc::new(AtomicUsize::new(0)));
    let task_ready = ready.clone();
    let (runnable, handle) = shared(
        (),
        async move {
            wait_for(task_waker, || task_ready.load(SeqCst) == 1).await;
            Ok(())
        },
        queue.clone(),
    );
    let reference = runnable.reference();
    let seen = || (reference.is_owned(), reference.has_ended());
    assert_eq!(seen(), (true, false));
    runnable.schedule();
    queue.run();
    assert_eq!(seen(), (false, false));
    ready.store(1, SeqCst);
    waker.lock().unwrap().take().unwrap().wake();
    assert_eq!(seen(), (true, false));
    queue.run();
    assert_eq!(seen(), (false, true));
    drop((handle, queue));
    thread::spawn(move || assert_eq!(*reference.metadata(), ()))
        .join()
        .unwrap();
}
