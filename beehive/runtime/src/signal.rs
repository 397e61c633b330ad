//! Termination signals as a future.
//!
//! A thread of its own waits for the signals and wakes the tasks: it costs nothing while nothing
//! happens, and works the same for every reactor.

use std::future::poll_fn;
use std::io;
use std::sync::OnceLock;
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

#[derive(Default)]
struct Received {
    /// Signals since the start of the process.
    count: u64,
    waiting: Vec<Waker>,
}

static RECEIVED: Mutex<Received> = Mutex::new(Received {
    count: 0,
    waiting: Vec::new(),
});

/// Waits for the next SIGTERM or SIGINT.
///
/// From the first call on, these signals no longer end the process by themselves.
///
/// # Errors
///
/// If the handlers or their thread cannot be set up.
pub async fn terminate() -> io::Result<()> {
    static LISTENING: OnceLock<Result<(), String>> = OnceLock::new();
    let seen = RECEIVED.lock().count;
    LISTENING
        .get_or_init(|| listen().map_err(|error| error.to_string()))
        .clone()
        .map_err(|error| io::Error::other(format!("cannot listen for SIGTERM: {error}")))?;
    poll_fn(|cx| {
        let mut received = RECEIVED.lock();
        if received.count != seen {
            return Poll::Ready(Ok(()));
        }
        if !received
            .waiting
            .iter()
            .any(|waker| waker.will_wake(cx.waker()))
        {
            received.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    })
    .await
}

fn listen() -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new()
        .name("beehive-signals".into())
        .spawn(move || {
            for _ in signals.forever() {
                let waiting = {
                    let mut received = RECEIVED.lock();
                    received.count += 1;
                    std::mem::take(&mut received.waiting)
                };
                waiting.into_iter().for_each(Waker::wake);
            }
        })?;
    Ok(())
}
