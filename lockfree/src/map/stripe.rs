//! Which of a few cache lines a thread should use for what it writes often.

use crate::sync::MODELLED;

/// Number of stripes. (Miri, to which every step is dear, gets few.)
pub(super) const STRIPES: usize = if MODELLED {
    1
} else if cfg!(miri) {
    2
} else {
    16
};

/// A stripe that other threads probably do not use.
///
/// Without an operating system there are no thread-local variables, but every thread has a stack:
/// the address of a local variable tells threads apart well enough. Two threads with the same
/// stripe, or one thread with two, are only slower.
#[inline]
pub(super) fn stripe() -> usize {
    let marker = 0_u8;
    // Stacks are hardly closer to each other than 16 KiB.
    let stack = (&raw const marker).addr() >> 14;
    let mixed = (stack as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // The high bits are mixed best.
    (((mixed >> 32) * STRIPES as u64) >> 32) as usize
}
