//! The two kernel interfaces for network IO, in the words of the command line:
//! what is available, what was chosen, and why.

use beehive::Backend;

use crate::settings::Reactor;

/// The runtime's word for the user's.
pub(crate) fn wanted(io: Reactor) -> beehive::Io {
    match io {
        Reactor::Auto => beehive::Io::Auto,
        Reactor::IoUring => beehive::Io::IoUring,
        Reactor::Epoll => beehive::Io::Epoll,
    }
}

/// Why `chosen` is used, for the log.
pub(crate) fn why(io: Reactor, chosen: Backend) -> String {
    match (io, chosen) {
        (Reactor::IoUring | Reactor::Epoll, _) => "asked for".to_owned(),
        (Reactor::Auto, Backend::IoUring) => "the kernel allows it".to_owned(),
        (Reactor::Auto, Backend::Epoll) => match beehive::probe().io_uring {
            Err(refusal) => format!("io_uring is refused: {}", refusal.reason),
            Ok(()) => "the runtime prefers it".to_owned(),
        },
    }
}
