//! What the kernel says about a thread of this process: whether it computes or is blocked, and where.

use std::fmt;
use std::fs;

/// What a worker's thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It computes.
    Computing,
    /// It is ready, but other threads have had the core for most of the time. Then the machine is
    /// overloaded, and the task may be innocent.
    Descheduled,
    /// It is blocked in the kernel, in the system call of this number where the kernel tells it.
    Blocked(Option<u32>),
    /// The kernel does not tell: `/proc` is not there.
    Unknown,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computing => f.write_str("computes"),
            Self::Descheduled => f.write_str("waits for its core, which other threads have"),
            Self::Blocked(Some(call)) => write!(f, "is blocked in system call {call}"),
            Self::Blocked(None) => f.write_str("is blocked in the kernel"),
            Self::Unknown => f.write_str("does not say where it is"),
        }
    }
}

/// How long a thread has run and waited for a core, in nanoseconds; since it began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    ran: u64,
    waited: u64,
}

impl Times {
    fn waited_more_than_run_since(self, before: Self) -> bool {
        let waited = self.waited.saturating_sub(before.waited);
        waited > self.ran.saturating_sub(before.ran)
    }
}

/// The thread's times until now; `None` if the kernel does not tell.
pub(super) fn times(thread: i32) -> Option<Times> {
    let text = read(thread, "schedstat")?;
    let mut numbers = text.split_ascii_whitespace();
    Some(Times {
        ran: numbers.next()?.parse().ok()?,
        waited: numbers.next()?.parse().ok()?,
    })
}

/// What the thread does now; `before` are its times at an earlier look.
pub(super) fn doing(thread: i32, before: Option<Times>) -> Doing {
    // The name in brackets may hold anything; the state follows its last bracket.
    let state = read(thread, "stat").and_then(|text| {
        let (_, rest) = text.rsplit_once(')')?;
        rest.trim_start().chars().next()
    });
    match state {
        Some('R') => match (before, times(thread)) {
            (Some(before), Some(now)) if now.waited_more_than_run_since(before) => {
                Doing::Descheduled
            }
            _ => Doing::Computing,
        },
        Some(_) => Doing::Blocked(read(thread, "syscall").and_then(|text| {
            let (call, _) = text.split_once(' ')?;
            call.parse().ok()
        })),
        None => Doing::Unknown,
    }
}

fn read(thread: i32, file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn this_thread() -> i32 {
        rustix::thread::gettid().as_raw_nonzero().get()
    }

    #[test]
    fn the_calling_thread_computes() {
        assert_eq!(doing(this_thread(), None), Doing::Computing);
    }

    #[test]
    fn who_waited_longer_than_it_ran_was_descheduled() {
        let times = |ran, waited| Times { ran, waited };
        assert!(times(11, 50).waited_more_than_run_since(times(10, 40)));
        assert!(!times(30, 50).waited_more_than_run_since(times(10, 40)));
    }

    #[test]
    fn a_thread_that_waits_is_blocked() {
        let (say, said) = channel();
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            say.send(this_thread()).unwrap();
            stopped.recv().unwrap();
        });
        let blocked = said.recv().unwrap();
        while !matches!(doing(blocked, None), Doing::Blocked(_)) {
            std::thread::yield_now();
        }
        stop.send(()).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn nothing_is_known_of_a_thread_that_is_not_there() {
        assert_eq!(doing(i32::MAX, None), Doing::Unknown);
        assert!(times(i32::MAX).is_none());
    }
}
