//! What every kernel tells a thread about itself, without permission: in place of software events.

use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::Reading;

/// Time on a core, involuntary switches and page faults of the calling thread since it began.
pub(super) fn read() -> Option<Reading> {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is valid for writing the structure.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    if result != 0 {
        return None;
    }
    // SAFETY: the call has succeeded and filled it.
    let usage = unsafe { usage.assume_init() };
    let count = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
    Some(Reading {
        cpu: Duration::new(count(time.tv_sec), time.tv_nsec as u32),
        switches: count(usage.ru_nivcsw),
        page_faults: count(usage.ru_minflt) + count(usage.ru_majflt),
        hardware: None,
    })
}
