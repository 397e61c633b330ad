//! Signals to the process, as streams.
//!
//! A thread of its own waits for the signals that anybody listens to and wakes the tasks: it costs
//! nothing while nothing happens, and works the same for every reactor.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use signal_hook::consts;
use signal_hook::iterator::{Handle, Signals};
use slab::Slab;

use crate::panic;

/// A signal, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// SIGALRM: a timer of the process.
    pub const ALARM: Self = Self(consts::SIGALRM);
    /// SIGCHLD: a child process has ended or stopped.
    pub const CHILD: Self = Self(consts::SIGCHLD);
    /// SIGHUP: the terminal is gone; by convention, read the configuration again.
    pub const HANGUP: Self = Self(consts::SIGHUP);
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: Self = Self(consts::SIGINT);
    /// SIGPIPE: a write to a pipe that nobody reads.
    pub const PIPE: Self = Self(consts::SIGPIPE);
    /// SIGQUIT: Ctrl-\.
    pub const QUIT: Self = Self(consts::SIGQUIT);
    /// SIGTERM: please end.
    pub const TERMINATE: Self = Self(consts::SIGTERM);
    /// SIGUSR1.
    pub const USER_DEFINED_1: Self = Self(consts::SIGUSR1);
    /// SIGUSR2.
    pub const USER_DEFINED_2: Self = Self(consts::SIGUSR2);
    /// SIGWINCH: the terminal has another size.
    pub const WINDOW_CHANGE: Self = Self(consts::SIGWINCH);

    /// Any other signal, such as one for real time.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

/// The signals that Linux knows.
const NUMBERS: RangeInclusive<i32> = 1..=64;

/// One who listens.
struct Listener {
    kind: SignalKind,
    /// The signal has come since it was last asked for.
    pending: bool,
    waker: Option<Waker>,
}

static LISTENERS: Mutex<Slab<Listener>> = Mutex::new(Slab::new());

/// Listens to a signal from now on.
///
/// From then on the signal no longer does what it does by default, such as ending the process, for
/// as long as the process runs. Signals of one kind that come before they are received count as one.
///
/// # Errors
///
/// `InvalidInput` for a signal that does not exist or that nobody can listen to (SIGKILL, SIGSTOP, and
/// the faults SIGSEGV, SIGILL and SIGFPE), and those of the system.
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    if !NUMBERS.contains(&kind.0) || consts::FORBIDDEN.contains(&kind.0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("nobody can listen to signal {}; choose another", kind.0),
        ));
    }
    let listener = Listener {
        kind,
        pending: false,
        waker: None,
    };
    let signal = Signal {
        key: LISTENERS.lock().insert(listener),
    };
    watcher()?.add_signal(kind.0)?;
    Ok(signal)
}

/// The thread that waits for signals.
fn watcher() -> io::Result<&'static Handle> {
    static WATCHER: OnceLock<Result<Handle, String>> = OnceLock::new();
    let watcher = WATCHER.get_or_init(|| start().map_err(|error| error.to_string()));
    watcher
        .as_ref()
        .map_err(|error| io::Error::other(format!("cannot listen for signals: {error}")))
}

fn start() -> io::Result<Handle> {
    let mut signals = Signals::new([0; 0])?;
    let handle = signals.handle();
    std::thread::Builder::new()
        .name("beehive-signals".into())
        .spawn(move || {
            for number in signals.forever() {
                deliver(SignalKind(number));
            }
        })?;
    Ok(handle)
}

fn deliver(kind: SignalKind) {
    let wakers: Vec<Waker> = {
        let mut listeners = LISTENERS.lock();
        let concerned = listeners.iter_mut().map(|(_, listener)| listener);
        concerned
            .filter(|listener| listener.kind == kind)
            .filter_map(|listener| {
                listener.pending = true;
                listener.waker.take()
            })
            .collect()
    };
    panic::each(wakers.into_iter(), Waker::wake);
}

/// The signals of one kind, as they come.
pub struct Signal {
    key: usize,
}

impl Signal {
    /// Waits for the signal.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost when the future is dropped.
    pub async fn recv(&mut self) {
        poll_fn(|cx| self.poll_recv(cx)).await;
    }

    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut listeners = LISTENERS.lock();
        let listener = &mut listeners[self.key];
        if std::mem::take(&mut listener.pending) {
            return Poll::Ready(());
        }
        let previous = listener.waker.replace(cx.waker().clone());
        drop(listeners);
        drop(previous);
        Poll::Pending
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let listener = LISTENERS.lock().remove(self.key);
        drop(listener);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}

/// Waits for the next Ctrl-C (SIGINT), which no longer ends the process by itself from the first
/// call on.
///
/// # Errors
///
/// If the handler or its thread cannot be set up.
///
/// # Cancel safety
///
/// A signal that comes after the future is dropped and before the next call is lost: use
/// [`signal`] to hear all.
pub async fn ctrl_c() -> io::Result<()> {
    signal(SignalKind::INTERRUPT)?.recv().await;
    Ok(())
}

/// Waits for the next SIGTERM or SIGINT.
///
/// From the first call on, these signals no longer end the process by themselves.
///
/// # Errors
///
/// If the handlers or their thread cannot be set up.
///
/// # Cancel safety
///
/// A signal that comes after the future is dropped and before the next call is lost: use
/// [`signal`] to hear all.
pub async fn terminate() -> io::Result<()> {
    let mut terminate = signal(SignalKind::TERMINATE)?;
    let mut interrupt = signal(SignalKind::INTERRUPT)?;
    poll_fn(|cx| {
        if terminate.poll_recv(cx).is_ready() {
            return Poll::Ready(());
        }
        interrupt.poll_recv(cx)
    })
    .await;
    Ok(())
}
