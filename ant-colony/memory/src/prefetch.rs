//! Asking for a cache line before it is read.

/// Starts to load the line at `target`; changes nothing but timing.
#[inline]
pub fn prefetch<T: ?Sized>(target: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has it; it has no effect on memory, and the address comes from
        // a reference.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = target;
}
