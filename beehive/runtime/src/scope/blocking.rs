//! Scopes whose children run on all workers while the calling thread waits.
//!
//! Protocol. No child outlives the call, whatever happens:
//! 1. A child is counted before it exists as a task. Its future carries the count's guard as its last
//!    field, so that everything which may borrow is dropped before the child counts as gone.
//! 2. The guard's drop takes the child off the count under a lock and wakes who waits. It touches
//!    nothing of the frame: the count is on the heap.
//! 3. The call returns or unwinds only when the count is zero. It catches a panic of the body and
//!    waits then as well. If the waiting itself fails, which would be a broken reactor, the process
//!    ends, because neither going on nor unwinding would be sound.
//!
//! A child can only be added by the body or by another child, as `&'scope Scope` lives no longer; so a
//! count of zero after the body has ended stays zero. A child whose future is leaked by somebody keeps
//! the call waiting for ever, which is safe.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use beehive_task::JoinError;
use parking_lot::Mutex;

use super::packet::Packet;
use crate::handle::Handle;

type Payload = Box<dyn Any + Send>;

/// Spawns children that may borrow what outlives the scope. See
/// [`Runtime::scope`](crate::Runtime::scope).
pub struct Scope<'scope, 'env: 'scope> {
    handle: Handle,
    census: Arc<Census>,
    /// Invariant in both, as `std::thread::Scope` is.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Runs a child that may move between workers.
    ///
    /// If it panics, who awaits its handle gets the panic; if nobody does, the scope panics at its
    /// end.
    #[track_caller]
    pub fn spawn<F>(&'scope self, future: F) -> ScopedTask<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        let result = Arc::new(Outcome {
            packet: Packet::new(),
            census: self.census.clone(),
        });
        let child = Counted {
            child: child(future, Giver(result.clone())),
            _member: Census::enter(&self.census),
        };
        let child: Pin<Box<dyn Future<Output = ()> + Send + 'scope>> = Box::pin(child);
        // SAFETY: (1) Only the lifetime changes. (2) What lives for 'scope lives until the count is
        // zero (3 of the protocol), and nothing of the child that borrows is used after the child
        // was taken off the count: `Counted` drops its guard last, and what remains of the task (its
        // cell, its wakers) borrows nothing, since its output is `()`.
        let child: Pin<Box<dyn Future<Output = ()> + Send>> = unsafe { std::mem::transmute(child) };
        self.handle.spawn(child).detach();
        ScopedTask {
            result,
            scope: PhantomData,
        }
    }
}

async fn child<F: Future>(future: F, giver: Giver<F::Output>) {
    let result = catch(future).await.map_err(crate::panic::caught);
    giver.0.packet.put(result);
}

/// Awaits a future and catches its panic. It is dropped when this is ready.
async fn catch<F: Future>(future: F) -> Result<F::Output, Payload> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(payload)),
        },
    )
    .await
}

pin_project_lite::pin_project! {
    /// A child that is counted until all of it is gone.
    struct Counted<F> {
        #[pin]
        child: F,
        // Dropped last.
        _member: Member,
    }
}

impl<F: Future<Output = ()>> Future for Counted<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().child.poll(cx)
    }
}

/// Counts the children that exist.
#[derive(Default)]
struct Census(Mutex<Count>);

#[derive(Default)]
struct Count {
    children: usize,
    waiting: Option<Waker>,
    /// The first panic that nobody asked for.
    panic: Option<Payload>,
}

impl Census {
    fn enter(census: &Arc<Self>) -> Member {
        census.0.lock().children += 1;
        Member(census.clone())
    }

    /// Ready when there are no children.
    fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        let mut count = self.0.lock();
        if count.children == 0 {
            return Poll::Ready(());
        }
        let previous = count.waiting.replace(cx.waker().clone());
        drop(count);
        drop(previous);
        Poll::Pending
    }
}

/// One child in the count.
struct Member(Arc<Census>);

impl Drop for Member {
    fn drop(&mut self) {
        let waiting = {
            let mut count = self.0.0.lock();
            count.children -= 1;
            let last = count.children == 0;
            last.then(|| count.waiting.take()).flatten()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// A child's result on its way to the handle. A panic that nobody takes becomes the scope's.
struct Outcome<T> {
    packet: Packet<Result<T, Payload>>,
    census: Arc<Census>,
}

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        if let Some(Err(payload)) = self.packet.take() {
            self.census.0.lock().panic.get_or_insert(payload);
        }
    }
}

/// The child's side of its result. A child that is dropped says that there will be none.
struct Giver<T>(Arc<Outcome<T>>);

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.packet.abandon();
    }
}

/// Waits for the result of a child. Dropping it lets the child go on; the scope waits for it anyway.
#[must_use = "futures do nothing unless polled"]
pub struct ScopedTask<'scope, T> {
    result: Arc<Outcome<T>>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedTask<'_, T> {
    /// Whether the child has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.result.packet.is_done()
    }
}

impl<T> Future for ScopedTask<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.result.packet.poll_take(cx).map(|taken| match taken {
            Some(result) => result.map_err(JoinError::Panicked),
            None => Err(JoinError::Cancelled),
        })
    }
}

/// Ends the process if it is dropped while children exist.
struct NoneLeft(Arc<Census>);

impl Drop for NoneLeft {
    fn drop(&mut self) {
        if self.0.0.lock().children > 0 {
            eprintln!("a worker failed while tasks borrow from its thread: the process must end");
            std::process::abort();
        }
    }
}

/// Runs a scope whose children are spawned by `handle`; `block_on` runs a future to its end.
pub(crate) fn run<'env, F, T>(
    handle: Handle,
    body: F,
    block_on: impl FnOnce(Pin<&mut dyn Future<Output = ()>>),
) -> T
where
    F: for<'scope> AsyncFnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        handle,
        census: Arc::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let none_left = NoneLeft(scope.census.clone());
    let mut ended = None;
    let all = async {
        ended = Some(catch(async { body(&scope).await }).await);
        poll_fn(|cx| scope.census.poll_empty(cx)).await;
    };
    block_on(pin!(all));
    drop(none_left);
    let unasked = scope.census.0.lock().panic.take();
    match ended {
        Some(Ok(value)) => match unasked {
            None => value,
            Some(payload) => resume_unwind(payload),
        },
        Some(Err(payload)) => resume_unwind(payload),
        None => unreachable!("the future was run to its end"),
    }
}
