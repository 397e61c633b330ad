//! The way out. The first signal stops accepting and shuts down the read side of
//! every connection, so that each answers what it has received and closes. That
//! may take a bounded time; a second signal ends the wait.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use beehive::{Handle, JoinHandle};

use super::worker::{Shared, Worker};
use crate::failure::Failure;

/// Time for clients to take their last replies.
const GRACE: Duration = Duration::from_secs(5);
/// Time for the last connections to be accepted.
const ACCEPT_MAX: Duration = Duration::from_millis(500);
/// How often the wait looks whether the last client has gone.
const LOOK: Duration = Duration::from_millis(5);

/// The news that the server is ending, for tasks that wait for something else.
#[derive(Default)]
pub(super) struct Ending {
    begun: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Ending {
    /// Whether the server is ending.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(SeqCst)
    }

    /// Ready once the server is ending.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: `begin` wakes whoever is in the list before it.
        if self.has_begun() {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn begin(&self) {
        self.begun.store(true, SeqCst);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).for_each(Waker::wake);
    }
}

/// Waits for a signal, then ends the service in good order.
pub(super) async fn wait(
    handle: &Handle,
    shared: &Arc<Shared>,
    accepting: Vec<JoinHandle<()>>,
) -> Result<(), Failure> {
    signal().await?;
    let clients = shared.seats.load(Relaxed);
    tracing::info!(clients, "ending: answering what was received");
    // The second signal is listened to from here on: nothing below may delay it.
    let why = first_of(drain(handle, shared, accepting), signal()).await;
    match (shared.seats.load(Relaxed), why) {
        (0, _) => tracing::info!("ended: every client was answered"),
        (clients, First::Drained) => {
            tracing::warn!(
                clients,
                "ended: some clients did not take their replies in time"
            );
        }
        (clients, First::Signal) => tracing::warn!(clients, "ended at once, as asked"),
    }
    Ok(())
}

/// Accepts those who connected before, then lets every connection answer and close;
/// returns when the last has gone, or the time for that is over.
async fn drain(handle: &Handle, shared: &Arc<Shared>, accepting: Vec<JoinHandle<()>>) {
    let deadline = Instant::now() + GRACE;
    shared.ending.begin();
    for mut task in accepting {
        // A flood of new connections must not keep the listener open.
        if beehive::time::timeout(ACCEPT_MAX, &mut task).await.is_err() {
            let _ = task.cancel().await;
        }
    }
    drain_all(handle, shared);
    while shared.seats.load(Relaxed) > 0 && Instant::now() < deadline {
        beehive::time::sleep(LOOK).await;
    }
}

enum First {
    Drained,
    Signal,
}

/// Which of the two comes first.
async fn first_of(drained: impl Future<Output = ()>, signal: impl Future) -> First {
    let (mut drained, mut signal) = (pin!(drained), pin!(signal));
    poll_fn(|cx| {
        if signal.as_mut().poll(cx).is_ready() {
            return Poll::Ready(First::Signal);
        }
        drained.as_mut().poll(cx).map(|()| First::Drained)
    })
    .await
}

/// Asks every connection to answer what it has received and to close.
fn drain_all(handle: &Handle, shared: &Arc<Shared>) {
    for worker in handle.workers() {
        let shared = Arc::clone(shared);
        let drain = move || async move {
            Worker::current(&shared)
                .all()
                .iter()
                .for_each(|slot| slot.drain());
        };
        handle.spawn_on(worker, drain).detach();
    }
}

async fn signal() -> Result<(), Failure> {
    beehive::signal::terminate().await.map_err(|error| {
        Failure::failed(
            error.to_string(),
            "Raise the limits on threads and open files.",
        )
    })
}
