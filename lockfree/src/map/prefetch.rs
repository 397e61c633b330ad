//! Asking for memory before it is read.

const LINE_BYTES: usize = 64;
/// More of a long value is not asked for: the processor sees by itself that it is read in order.
const LINES_MAX: usize = 4;

/// Asks the processor to bring `bytes` bytes from `start` on into its first cache.
#[inline(always)]
pub(crate) fn prefetch<T>(start: *const T, bytes: usize) {
    each_line(start, bytes, ask::first);
}

/// The same into its second cache. It can wait for more lines at a time there, but may forget some when
/// there are many.
#[inline(always)]
pub(super) fn prefetch_second<T>(start: *const T, bytes: usize) {
    each_line(start, bytes, ask::second);
}

#[inline(always)]
fn each_line<T>(start: *const T, bytes: usize, ask: impl Fn(*const i8)) {
    // From the beginning of its line on: what is shorter than a line may still lie in two.
    let before = match align_of::<T>() {
        LINE_BYTES.. => 0,
        _ => start.addr() % LINE_BYTES,
    };
    let first = start.cast::<i8>().wrapping_sub(before);
    for line in 0..(before + bytes).div_ceil(LINE_BYTES).min(LINES_MAX) {
        ask(first.wrapping_add(line * LINE_BYTES));
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse", not(miri)))]
mod ask {
    use core::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};

    #[inline(always)]
    pub(super) fn first(line: *const i8) {
        // SAFETY: a prefetch has no effect that the program could see, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
    }

    #[inline(always)]
    pub(super) fn second(line: *const i8) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line) };
    }
}

/// Where there is no instruction for it that is known here.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse", not(miri))))]
mod ask {
    pub(super) fn first(_: *const i8) {}

    pub(super) fn second(_: *const i8) {}
}
