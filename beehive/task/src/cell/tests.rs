//! Task cells in the hands of several threads; small enough for Miri.

use super::*;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::Cell;
use core::task::Waker;
use std::sync::Mutex;
use std::thread;

/// The queue of one owner thread.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<VecDeque<Runnable>>>);

impl Queue {
    fn scheduler(&self) -> impl Fn(Runnable) + Send + Sync + 'static {
        let queue = self.0.clone();
        move |runnable| queue.lock().unwrap().push_back(runnable)
    }

    fn pop(&self) -> Option<Runnable> {
        self.0.lock().unwrap().pop_front()
    }

    fn run(&self) {
        while let Some(runnable) = self.pop() {
            runnable.run();
        }
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
    let (runnable, handle) = unsafe { pinned((), future, queue.scheduler()) };
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

#[test]
fn what_is_known_about_a_task_can_be_read_where_it_is_queued() {
    let seen = Arc::new(Mutex::new(None));
    let task_seen = seen.clone();
    let (runnable, _handle) = shared(7, async { Ok(()) }, move |runnable: Runnable<i32>| {
        *task_seen.lock().unwrap() = Some(*runnable.metadata());
    });
    assert_eq!(*runnable.metadata(), 7);
    runnable.schedule();
    assert_eq!(*seen.lock().unwrap(), Some(7));
}

#[test]
fn a_dropped_runnable_cancels_its_task() {
    let queue = Queue::default();
    let (runnable, mut handle) = shared((), async { Ok(1) }, queue.scheduler());
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
