//! What processor and kernel count of a worker's thread: cycles, instructions and cache misses where
//! there are counters for them; the time that it had a core, and how often it lost it, everywhere.
//!
//! The figures go into the policy as numbers of events (`beehive_policy::counters`): what a task costs,
//! without the time that its worker had no core, and what it loses by moving. They never decide about
//! correctness. Switched on by [`Builder::counters`](crate::Builder::counters).
//!
//! Two kinds of counters, each by the best access that there is:
//!
//! | | best | else | else |
//! |---|---|---|---|
//! | hardware: cycles, instructions, references to the last cache, misses there | the instruction `rdpmc` (`page`) | one system call for all (`perf`) | not at all |
//! | software: time on a core, switches, page faults | one system call for all (`perf`) | two (`account`) | |
//!
//! All belong to the thread that opens them.

mod account;
mod page;
mod perf;

use std::fmt;
use std::io;
use std::time::Duration;

use crate::probe::Unavailable;
use crate::worker;
use page::Page;
use perf::{Event, Group, Scope};

const HARDWARE: [Event; 4] = [
    Event::Cycles,
    Event::Instructions,
    Event::CacheReferences,
    Event::CacheMisses,
];
const SOFTWARE: [Event; 3] = [Event::TaskClock, Event::ContextSwitches, Event::PageFaults];

/// How the hardware's counters are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By an instruction, about 30 ns each.
    Rdpmc,
    /// By a system call for all of them.
    Call,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rdpmc => "rdpmc",
            Self::Call => "a system call",
        })
    }
}

/// Which counters a thread of this process can use.
#[derive(Debug, Clone)]
pub struct Support {
    /// Those of the processor.
    pub hardware: Result<Access, Unavailable>,
    /// The kernel's software events. Without them `getrusage` tells nearly the same.
    pub software: Result<(), Unavailable>,
}

/// Tries all counters on the calling thread.
#[must_use]
pub fn probe() -> Support {
    let hardware = Hardware::open().map(|hardware| hardware.access());
    Support {
        hardware: hardware.map_err(|error| explain(&error)),
        software: open_software().map(drop).map_err(|error| explain(&error)),
    }
}

/// What has been counted of a thread; only differences mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Time that the thread had a core.
    pub cpu: Duration,
    /// How often it was taken from its core, or gave it away (`getrusage` tells only of the former).
    pub switches: u64,
    /// Pages that were not there when they were used.
    pub page_faults: u64,
    /// What the processor counts, if it can be read.
    pub hardware: Option<HardwareReading>,
}

/// What the processor counts, in user mode only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardwareReading {
    /// Cycles of the core.
    pub cycles: u64,
    /// Instructions that were completed.
    pub instructions: u64,
    /// Uses of the last cache.
    pub cache_references: u64,
    /// Uses of the last cache that found nothing there.
    pub cache_misses: u64,
}

/// What has been counted of the calling worker; `None` if the calling thread is not a worker, or its
/// runtime was built without [`counters`](crate::Builder::counters).
#[must_use]
pub fn read() -> Option<Reading> {
    worker::try_with_current(|worker| worker?.counters.as_ref()?.read())
}

/// The counters of the thread that opened them.
pub(crate) struct Counters(Source);

enum Source {
    Thread {
        hardware: Option<Hardware>,
        software: Option<Group<3>>,
    },
    /// Gives these readings one after the other.
    #[cfg(test)]
    Fake(std::cell::RefCell<std::collections::VecDeque<Reading>>),
}

impl Counters {
    /// The best that there are.
    pub(crate) fn open() -> Self {
        Self(Source::Thread {
            hardware: Hardware::open().ok(),
            software: open_software().ok(),
        })
    }

    /// Counters that give these readings one after the other.
    #[cfg(test)]
    pub(crate) fn fake(readings: impl IntoIterator<Item = Reading>) -> Self {
        Self(Source::Fake(std::cell::RefCell::new(
            readings.into_iter().collect(),
        )))
    }

    /// `None` if the kernel refuses to tell.
    pub(crate) fn read(&self) -> Option<Reading> {
        match &self.0 {
            Source::Thread { hardware, software } => {
                let mut reading = match software {
                    Some(group) => software_reading(group)?,
                    None => account::read()?,
                };
                reading.hardware = hardware.as_ref().and_then(Hardware::read);
                Some(reading)
            }
            #[cfg(test)]
            Source::Fake(readings) => readings.borrow_mut().pop_front(),
        }
    }
}

fn open_software() -> io::Result<Group<3>> {
    // What the kernel does for the thread includes its switches.
    Group::open(SOFTWARE, Scope::UserAndKernel)
}

fn software_reading(group: &Group<3>) -> Option<Reading> {
    let [cpu, switches, page_faults] = group.read().ok()?;
    Some(Reading {
        cpu: Duration::from_nanos(cpu?),
        switches: switches?,
        page_faults: page_faults?,
        hardware: None,
    })
}

/// The counters of the processor.
struct Hardware {
    group: Group<4>,
    /// Of each counter, if it can be read by an instruction.
    pages: Option<[Page; 4]>,
}

impl Hardware {
    fn open() -> io::Result<Self> {
        let group = Group::open(HARDWARE, Scope::User)?;
        let pages = group.each_fd(Page::map);
        let readable = pages.iter().flatten().filter(|page| page.is_readable());
        let pages = (readable.count() == HARDWARE.len()).then(|| pages.map(Result::ok));
        let pages = pages.and_then(|[a, b, c, d]| Some([a?, b?, c?, d?]));
        Ok(Self { group, pages })
    }

    fn access(&self) -> Access {
        match self.pages {
            Some(_) => Access::Rdpmc,
            None => Access::Call,
        }
    }

    fn read(&self) -> Option<HardwareReading> {
        let counts = match &self.pages {
            Some(pages) => pages.each_ref().map(Page::count),
            None => self.group.read().ok()?,
        };
        let [cycles, instructions, cache_references, cache_misses] = counts;
        Some(HardwareReading {
            cycles: cycles?,
            instructions: instructions?,
            cache_references: cache_references?,
            cache_misses: cache_misses?,
        })
    }
}

/// What an error of opening a counter means.
fn explain(error: &io::Error) -> Unavailable {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok();
    explain_at(error, level.and_then(|text| text.trim().parse().ok()))
}

/// With `kernel.perf_event_paranoid` at this level.
fn explain_at(error: &io::Error, paranoid: Option<i64>) -> Unavailable {
    let reason = |text: &str| format!("{text} (perf_event_open: {error})");
    match (error.raw_os_error(), paranoid) {
        (Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV), _) => Unavailable::new(
            reason("the kernel sees no such counters"),
            "usual in virtual machines: ask for a machine type with a virtual PMU",
        ),
        (Some(libc::EACCES | libc::EPERM), Some(level @ 2..)) => Unavailable::new(
            reason(&format!("kernel.perf_event_paranoid is {level}")),
            "sysctl kernel.perf_event_paranoid=1, or give the process CAP_PERFMON",
        ),
        (Some(libc::EACCES | libc::EPERM | libc::ENOSYS), _) => Unavailable::new(
            reason("the kernel or a container's seccomp filter forbids counters"),
            "allow the system call perf_event_open",
        ),
        (Some(libc::EMFILE | libc::ENFILE), _) => Unavailable::new(
            reason("there are too many open files"),
            "raise the limit of open files (ulimit -n)",
        ),
        (Some(libc::EBUSY | libc::ENOSPC), _) => Unavailable::new(
            reason("another program has taken the counters"),
            "stop other profilers",
        ),
        _ => Unavailable::new(reason("they cannot be opened"), "do without them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Keeps the thread busy.
    fn work(length: Duration) {
        let start = Instant::now();
        while start.elapsed() < length {
            std::hint::spin_loop();
        }
    }

    fn keeps_account(read: impl Fn() -> Option<Reading>) {
        let first = read().expect("this machine tells");
        work(Duration::from_millis(5));
        std::thread::sleep(Duration::from_millis(50));
        let last = read().expect("this machine tells");
        assert!(last.cpu > first.cpu, "{first:?} {last:?}");
        assert!(last.page_faults >= first.page_faults, "{first:?} {last:?}");
        assert!(last.switches >= first.switches, "{first:?} {last:?}");
    }

    #[test]
    fn the_counters_of_this_machine_count_the_calling_thread() {
        let counters = Counters::open();
        keeps_account(|| counters.read());
    }

    #[test]
    fn without_any_counter_the_threads_own_account_is_kept() {
        let none = Counters(Source::Thread {
            hardware: None,
            software: None,
        });
        keeps_account(|| none.read());
        assert_eq!(none.read().and_then(|reading| reading.hardware), None);
    }

    #[test]
    fn sleeping_is_not_time_on_a_core() {
        let counters = Counters::open();
        let before = counters.read().unwrap().cpu;
        std::thread::sleep(Duration::from_millis(200));
        let slept = counters.read().unwrap().cpu - before;
        assert!(slept < Duration::from_millis(100), "{slept:?}");
    }

    #[test]
    fn what_is_missing_comes_with_its_cause_and_a_remedy() {
        let Support { hardware, software } = probe();
        for refused in [hardware.err(), software.err()].into_iter().flatten() {
            assert!(refused.reason.contains("perf_event_open"), "{refused}");
            assert!(!refused.remedy.is_empty());
        }
    }

    #[test]
    fn each_refusal_is_told_from_the_others() {
        let explained = |errno, level| {
            let error = io::Error::from_raw_os_error(errno);
            explain_at(&error, level).to_string()
        };
        let cases = [
            (libc::ENOENT, Some(2), "virtual PMU"),
            (libc::EACCES, Some(3), "paranoid is 3"),
            (libc::EPERM, Some(1), "seccomp"),
            (libc::ENOSYS, None, "seccomp"),
            (libc::EMFILE, Some(2), "ulimit"),
            (libc::EBUSY, Some(2), "profilers"),
            (libc::EINVAL, Some(2), "do without"),
        ];
        for (errno, level, expected) in cases {
            let text = explained(errno, level);
            assert!(text.contains(expected), "{errno}: {text}");
        }
    }
}
