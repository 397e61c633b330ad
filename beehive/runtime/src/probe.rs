//! What this machine's kernel offers: which reactors can be used, and why not.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use rustix::event::{EventfdFlags, epoll, eventfd};

use crate::builder::{Backend, Io};
use crate::reactor::uring::Uring;

const OPEN_FILES: &str = "raise the limit of open files (ulimit -n)";

/// Whether each reactor can be used.
#[derive(Debug, Clone)]
pub struct Report {
    /// io_uring with everything the runtime needs.
    pub io_uring: Result<(), Unavailable>,
    /// epoll.
    pub epoll: Result<(), Unavailable>,
}

/// Why a reactor cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// What failed.
    pub reason: String,
    /// What the user can do.
    pub remedy: &'static str,
}

impl Unavailable {
    pub(crate) fn new(reason: String, remedy: &'static str) -> Self {
        Self { reason, remedy }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

impl std::error::Error for Unavailable {}

/// Tries both reactors.
#[must_use]
pub fn probe() -> Report {
    Report {
        io_uring: probe_io_uring(),
        epoll: probe_epoll(),
    }
}

fn probe_epoll() -> Result<(), Unavailable> {
    match epoll::create(epoll::CreateFlags::CLOEXEC) {
        Ok(_) => Ok(()),
        Err(error) => Err(Unavailable::new(
            format!("epoll_create1 failed: {error}"),
            OPEN_FILES,
        )),
    }
}

fn probe_io_uring() -> Result<(), Unavailable> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC)
        .map_err(|error| Unavailable::new(format!("eventfd failed: {error}"), OPEN_FILES))?;
    match Uring::new(wake.as_fd()) {
        Ok(_) => Ok(()),
        Err(error) => Err(explain(&error)),
    }
}

/// What an error of setting up io_uring means.
fn explain(error: &io::Error) -> Unavailable {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .is_ok_and(|value| value.trim() != "0");
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) if disabled => {
            "set the sysctl kernel.io_uring_disabled to 0, or use epoll"
        }
        Some(libc::EPERM | libc::ENOSYS | libc::EACCES) => {
            "the kernel has no io_uring or a container's seccomp filter forbids it; allow the \
             io_uring_* system calls, or use epoll"
        }
        Some(libc::EINVAL) => "Linux 6.1 or later is needed; upgrade the kernel, or use epoll",
        Some(libc::ENOMEM) => "raise the limit of locked memory (ulimit -l), or use epoll",
        Some(libc::EMFILE | libc::ENFILE) => OPEN_FILES,
        _ => "use epoll",
    };
    Unavailable::new(format!("io_uring_setup failed: {error}"), remedy)
}

impl Report {
    /// The reactor to use for a wish.
    ///
    /// # Errors
    ///
    /// If it cannot be used; the message names the reactor, the cause and the remedy.
    pub fn choose(&self, io: Io) -> io::Result<Backend> {
        let uring = || named("io_uring", &self.io_uring).map(|()| Backend::IoUring);
        let epoll = || named("epoll", &self.epoll).map(|()| Backend::Epoll);
        match io {
            Io::IoUring => uring(),
            Io::Epoll => epoll(),
            Io::Auto => uring().or_else(|first| {
                epoll().map_err(|second| io::Error::other(format!("{first}; and {second}")))
            }),
        }
    }
}

fn named(name: &str, result: &Result<(), Unavailable>) -> io::Result<()> {
    result.as_ref().copied().map_err(|why| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{name} cannot be used: {why}"),
        )
    })
}
