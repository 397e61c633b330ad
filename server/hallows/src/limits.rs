//! The limit on open files: raised for `--maxclients`, or the number of clients
//! lowered to what the system allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors the server needs besides its clients: listeners, rings, event
/// descriptors and metrics, for any sensible number of workers.
const RESERVED: u64 = 64;
/// Descriptors that each worker opens.
const PER_WORKER: u64 = 4;

/// How many clients may connect, after raising the limit where possible.
#[derive(Debug, PartialEq, Eq)]
enum Allowed {
    /// As many as wanted.
    Wanted,
    /// Fewer, because the system allows no more open files.
    Fewer {
        /// Clients that fit.
        clients: usize,
        /// Open files that the system allows.
        files: u64,
    },
}

/// Raises the limit on open files so that `clients` can connect; where that is
/// refused, says so and returns how many can.
pub(crate) fn make_room(clients: usize, workers: usize) -> usize {
    match raise_open_files(clients, workers) {
        Allowed::Wanted => clients,
        Allowed::Fewer {
            clients: fewer,
            files,
        } => {
            tracing::warn!(
                wanted = clients,
                allowed = fewer,
                nofile = files,
                "fewer clients than maxclients can connect: the system allows too few open \
                 files; raise the hard limit (ulimit -Hn, or LimitNOFILE in the systemd unit)"
            );
            fewer
        }
    }
}

/// Raises the soft limit, and the hard one where that is allowed.
fn raise_open_files(clients: usize, workers: usize) -> Allowed {
    let needed = needed(clients, workers);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Allowed::Wanted;
    }
    // A privileged process may raise its hard limit as well.
    let maximum = limit.maximum.map(|maximum| maximum.max(needed));
    let raised = Rlimit {
        current: Some(needed),
        maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        return Allowed::Wanted;
    }
    let files = limit.maximum.unwrap_or(needed).min(needed);
    let raised = Rlimit {
        current: Some(files),
        maximum: limit.maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => files,
        Err(_) => limit.current.unwrap_or(files),
    };
    allowed(clients, workers, files)
}

fn needed(clients: usize, workers: usize) -> u64 {
    (clients as u64).saturating_add(RESERVED + PER_WORKER * workers as u64)
}

fn allowed(clients: usize, workers: usize, files: u64) -> Allowed {
    if files >= needed(clients, workers) {
        return Allowed::Wanted;
    }
    let fit = files.saturating_sub(needed(0, workers)).max(1);
    Allowed::Fewer {
        clients: usize::try_from(fit).unwrap_or(usize::MAX),
        files,
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, allowed, needed};

    #[test]
    fn a_low_limit_leaves_room_for_the_server_itself() {
        assert_eq!(
            allowed(10_000, 2, 1024),
            Allowed::Fewer {
                clients: 952,
                files: 1024
            }
        );
        assert_eq!(allowed(952, 2, 1024), Allowed::Wanted);
        assert_eq!(
            allowed(10, 1, 20),
            Allowed::Fewer {
                clients: 1,
                files: 20
            }
        );
        assert_eq!(needed(10_000, 2), 10_072);
    }
}
