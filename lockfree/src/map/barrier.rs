//! An asymmetric fence by Linux's `membarrier`: the half that runs often costs nothing, because the other
//! half makes every thread of the process execute a full fence.
//!
//! Of a thread that stores, has the light half and loads, and one that stores, has the heavy half and
//! loads: at least one sees what the other has stored.

use core::sync::atomic::compiler_fence;

use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};

use crate::sync::atomic::{AtomicU8, Ordering::Relaxed, Ordering::SeqCst, fence};

const UNKNOWN: u8 = 0;
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

/// Relaxed: nothing is handed over but the answer.
static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// True if [`light`] may be used; the same in all threads at all times.
pub(super) fn is_asymmetric() -> bool {
    match STATE.load(Relaxed) {
        UNKNOWN => register(),
        state => state == PRESENT,
    }
}

/// Announces to the kernel that this process will ask for fences.
#[cold]
fn register() -> bool {
    // The query first: a sandbox that answers everything with success claims no command by that.
    let known = membarrier_query();
    let present = known.contains_command(MembarrierCommand::RegisterPrivateExpedited)
        && known.contains_command(MembarrierCommand::PrivateExpedited)
        && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
    let found = if present { PRESENT } else { ABSENT };
    // Whoever was first decides.
    match STATE.compare_exchange(UNKNOWN, found, Relaxed, Relaxed) {
        Ok(_) => present,
        Err(before) => before == PRESENT,
    }
}

/// The half that runs often.
#[inline(always)]
pub(super) fn light() {
    compiler_fence(SeqCst);
}

/// The half that waits for the other processors; also a sequentially consistent fence. False if the
/// kernel refuses, which it may do in a process that was forked or has been locked up since: then it
/// is no fence for who uses the light half.
pub(crate) fn heavy() -> bool {
    fence(SeqCst);
    #[cfg(test)]
    if REFUSED.get() {
        return false;
    }
    !is_asymmetric()
        || membarrier(MembarrierCommand::PrivateExpedited)
            .or_else(|_| {
                membarrier(MembarrierCommand::RegisterPrivateExpedited)?;
                membarrier(MembarrierCommand::PrivateExpedited)
            })
            .is_ok()
}

#[cfg(test)]
std::thread_local! {
    /// True where the kernel is to refuse this thread's [`heavy`] halves.
    pub(super) static REFUSED: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}
