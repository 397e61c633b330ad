//! Groups of counters by `perf_event_open`: opened together, on the processor together, read by one
//! system call. See perf_event_open(2).
//!
//! The structure is the first version of the kernel's, of 64 bytes, which every later kernel takes: it
//! has all that is needed here. Crates with the whole interface exist; they are thousands of lines.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Cycles,
    Instructions,
    CacheReferences,
    CacheMisses,
    /// Time on a core, in nanoseconds.
    TaskClock,
    ContextSwitches,
    PageFaults,
}

impl Event {
    /// Type and number in the kernel's interface.
    const fn numbers(self) -> (u32, u64) {
        const HARDWARE: u32 = 0;
        const SOFTWARE: u32 = 1;
        match self {
            Self::Cycles => (HARDWARE, 0),
            Self::Instructions => (HARDWARE, 1),
            Self::CacheReferences => (HARDWARE, 2),
            Self::CacheMisses => (HARDWARE, 3),
            Self::TaskClock => (SOFTWARE, 1),
            Self::PageFaults => (SOFTWARE, 2),
            Self::ContextSwitches => (SOFTWARE, 3),
        }
    }
}

/// Where is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In user mode: allowed to everybody up to `perf_event_paranoid` 2.
    User,
    /// Also what the kernel does: up to 1.
    UserAndKernel,
}

/// The kernel's `perf_event_attr`, version 0.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_kind: u32,
    breakpoint_address: u64,
}

/// In `flags`: do not count in the kernel, or in the hypervisor.
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
/// In `read_format`: how long the group was wanted and how long it counted, before all its counts.
const TIMES_AND_GROUP: u64 = 1 | 1 << 1 | 1 << 3;
/// Of the call: closed when another program is executed.
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// Opens a counter of the calling thread, on whichever core it runs.
fn open(event: Event, scope: Scope, leader: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let (kind, config) = event.numbers();
    let kernel = match scope {
        Scope::User => EXCLUDE_KERNEL,
        Scope::UserAndKernel => 0,
    };
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        config,
        read_format: TIMES_AND_GROUP,
        flags: kernel | EXCLUDE_HYPERVISOR,
        ..Attributes::default()
    };
    let (this_thread, any_core): (libc::pid_t, libc::c_int) = (0, -1);
    let group: RawFd = leader.map_or(-1, |leader| leader.as_raw_fd());
    // SAFETY: the arguments are those of the call; the structure says its own size and outlives it.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            this_thread,
            any_core,
            group,
            CLOSE_ON_EXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded: this is a new file that nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Counters that count together.
#[derive(Debug)]
pub(super) struct Group<const N: usize> {
    /// The first is the leader. All must stay open.
    fds: [OwnedFd; N],
}

/// What precedes the counts: their number, and the two times.
const HEAD_WORDS: usize = 3;
/// The longest answer.
const WORDS_MAX: usize = HEAD_WORDS + 4;

impl<const N: usize> Group<N> {
    /// Opens all of them on the calling thread, or none. They count from now on.
    pub(super) fn open(events: [Event; N], scope: Scope) -> io::Result<Self> {
        const { assert!(0 < N && HEAD_WORDS + N <= WORDS_MAX) };
        let mut fds: Vec<OwnedFd> = Vec::with_capacity(N);
        for event in events {
            let counter = open(event, scope, fds.first().map(AsFd::as_fd))?;
            fds.push(counter);
        }
        match fds.try_into() {
            Ok(fds) => Ok(Self { fds }),
            Err(_) => unreachable!("one counter was opened for each event"),
        }
    }

    /// What `make` makes of each counter.
    pub(super) fn each_fd<T>(&self, make: impl Fn(BorrowedFd<'_>) -> T) -> [T; N] {
        self.fds.each_ref().map(|fd| make(fd.as_fd()))
    }

    /// The counts so far, by one system call; those are unknown that have never run.
    pub(super) fn read(&self) -> io::Result<[Option<u64>; N]> {
        let mut bytes = [0; WORDS_MAX * 8];
        let wanted = &mut bytes[..(HEAD_WORDS + N) * 8];
        let length = wanted.len();
        if rustix::io::read(&self.fds[0], wanted)? != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let word = |place: usize| {
            let bytes = bytes[place * 8..].first_chunk();
            bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
        };
        let (enabled, running) = (word(1), word(2));
        Ok(std::array::from_fn(|place| {
            scaled(word(HEAD_WORDS + place), enabled, running)
        }))
    }
}

/// What would have been counted if the counter had run all the time that it was wanted: the processor
/// has few, and the kernel lets events take turns. `None` if it was wanted but has not run yet.
pub(super) fn scaled(count: u64, enabled: u64, running: u64) -> Option<u64> {
    if running >= enabled {
        return Some(count);
    }
    let whole = (u128::from(count) * u128::from(enabled)).checked_div(u128::from(running))?;
    Some(u64::try_from(whole).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_size_of_the_kernels_first_version() {
        assert_eq!(size_of::<Attributes>(), 64);
    }

    #[test]
    fn a_counter_that_shared_its_place_is_scaled_up() {
        assert_eq!(scaled(500, 1_000, 250), Some(2_000));
        assert_eq!(scaled(500, 1_000, 1_000), Some(500));
        assert_eq!(scaled(u64::MAX, u64::MAX, 1), Some(u64::MAX));
    }

    #[test]
    fn of_a_counter_that_has_not_run_nothing_is_known() {
        assert_eq!(scaled(0, 1_000, 0), None);
        assert_eq!(scaled(0, 0, 0), Some(0));
    }

    #[test]
    fn a_group_whose_leader_is_no_counter_is_refused() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let opened = open(Event::TaskClock, Scope::User, Some(file.as_fd()));
        assert!(opened.is_err());
    }
}
