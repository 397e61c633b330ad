//! Scopes whose children run inside the task that awaits them.
//!
//! There are two, because of types only: the future of [`scope`] is `Send` if what the body holds is,
//! so its children must be; those of [`scope_local`] need not be.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::children::Children;
use super::packet::Packet;

/// Runs `body` and the children that it spawns, all inside the calling task: they take turns at their
/// awaits and never run in parallel. Ends when all of them have ended, with the value of `body`.
///
/// Children may borrow what outlives the scope. A panic of a child is a panic of the task, so no child
/// is overlooked. Only children that were woken are polled.
///
/// ```
/// # beehive::block_on(async {
/// let words = vec![String::from("borrowed"), String::from("not moved")];
/// let length = beehive::scope(async |scope| {
///     let tasks = [0, 1].map(|n| {
///         let word = &words[n];
///         scope.spawn(async move { word.len() })
///     });
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await;
///     }
///     sum
/// })
/// .await;
/// assert_eq!(length, words[0].len() + words[1].len());
/// # });
/// ```
///
/// What the body itself holds cannot be borrowed by children, as it may end before them:
///
/// ```compile_fail,E0597
/// # beehive::block_on(async {
/// beehive::scope(async |scope| {
///     let word = String::from("too short a life");
///     scope.spawn(async { word.len() });
/// })
/// .await;
/// # });
/// ```
///
/// # Cancel safety
///
/// Dropping the future drops `body` and all children, wherever they wait.
pub fn scope<'env, F, B>(body: F) -> impl Future<Output = B::Output>
where
    F: FnOnce(TaskScope<'env>) -> B,
    B: Future,
{
    let children = Arc::<Children<dyn Future<Output = ()> + Send + 'env>>::default();
    let body = body(TaskScope {
        children: children.clone(),
    });
    run(children, body)
}

/// As [`scope()`], for children that are not `Send`. Its own future is not `Send` either, so it is for
/// tasks that stay on their worker.
///
/// # Cancel safety
///
/// Dropping the future drops `body` and all children, wherever they wait.
pub fn scope_local<'env, F, B>(body: F) -> impl Future<Output = B::Output>
where
    F: FnOnce(LocalScope<'env>) -> B,
    B: Future,
{
    let children = Arc::<Children<dyn Future<Output = ()> + 'env>>::default();
    let body = body(LocalScope {
        children: children.clone(),
    });
    run(children, body)
}

/// Drops the children with the scope's future: they may own the scope, and it owns them.
struct Close<'a, D: ?Sized>(&'a Children<D>);

impl<D: ?Sized> Drop for Close<'_, D> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Polls body and children until all have ended.
async fn run<D, B>(children: Arc<Children<D>>, body: B) -> B::Output
where
    D: Future<Output = ()> + ?Sized,
    B: Future,
{
    let close = Close(&children);
    let mut body = pin!(body);
    let mut value = None;
    let value = poll_fn(|cx| {
        if value.is_none()
            && let Poll::Ready(ended) = body.as_mut().poll(cx)
        {
            value = Some(ended);
        }
        if children.poll(cx).is_pending() {
            return Poll::Pending;
        }
        value.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    drop(close);
    value
}

/// Spawns the children of a [`scope()`]. Clones belong to the same scope, so a child that owns one can
/// spawn others.
pub struct TaskScope<'env> {
    children: Arc<Children<dyn Future<Output = ()> + Send + 'env>>,
}

impl Clone for TaskScope<'_> {
    fn clone(&self) -> Self {
        Self {
            children: self.children.clone(),
        }
    }
}

impl<'env> TaskScope<'env> {
    /// Runs a child of this scope; see [`scope()`]. A child that is spawned when the scope has ended
    /// is not run.
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'env,
        F::Output: Send + 'env,
    {
        let (child, handle) = child(future);
        self.children.add(Box::pin(child));
        handle
    }
}

/// Spawns the children of a [`scope_local`]. Clones belong to the same scope.
pub struct LocalScope<'env> {
    children: Arc<Children<dyn Future<Output = ()> + 'env>>,
}

impl Clone for LocalScope<'_> {
    fn clone(&self) -> Self {
        Self {
            children: self.children.clone(),
        }
    }
}

impl<'env> LocalScope<'env> {
    /// Runs a child of this scope; see [`scope_local`]. A child that is spawned when the scope has
    /// ended is not run.
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let (child, handle) = child(future);
        self.children.add(Box::pin(child));
        handle
    }
}

fn child<F: Future>(future: F) -> (impl Future<Output = ()>, Child<F::Output>) {
    let packet = Arc::new(Packet::new());
    let handle = Child {
        packet: packet.clone(),
    };
    let giver = Giver(packet);
    (async move { giver.0.put(future.await) }, handle)
}

/// The child's side of its packet. A child that is dropped says that there will be no value.
struct Giver<T>(Arc<Packet<T>>);

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Waits for the value of a child. Dropping it lets the child go on until its scope ends.
///
/// # Panics
///
/// Polling it panics if the child has no value to give: it was dropped with its scope, or the value
/// has been taken.
#[must_use = "futures do nothing unless polled"]
pub struct Child<T> {
    packet: Arc<Packet<T>>,
}

impl<T> Child<T> {
    /// Whether the child has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.packet.is_done()
    }
}

impl<T> Future for Child<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.packet.poll_take(cx).map(|value| {
            value.expect("the child was dropped with its scope, or its value has been taken")
        })
    }
}
