//! A fence on both sides, where the kernel has no asymmetric one or must not be asked.

use crate::sync::atomic::{Ordering::SeqCst, fence};

/// True if there may be threads with numbers: a model checker and Miri have them.
#[cfg(all(
    feature = "std",
    any(target_os = "linux", feature = "loom"),
    not(feature = "shuttle")
))]
pub(super) fn is_asymmetric() -> bool {
    true
}

#[inline(always)]
pub(super) fn light() {
    fence(SeqCst);
}

/// True: it is a fence.
pub(crate) fn heavy() -> bool {
    fence(SeqCst);
    true
}
