//! Writing past the caches what nobody will read soon.
//!
//! An ordinary write fetches its line first and pushes another one out. A streaming (non-temporal) one
//! does neither: bulk copies, such as a snapshot or the moving of cold data, leave the caches to what is
//! hot. It is slower for what is read again at once.
//!
//! Invariants: all stores go to the destination, which is borrowed mutably for the whole call; aligned
//! stores only to aligned addresses; `sfence` before the call returns, because streaming stores are not
//! ordered with others (Intel SDM volume 1, section 10.4.6.2).

/// Shorter copies gain nothing.
const STREAMED_MIN: usize = 4096;

/// Copies `from` to `to`, past the caches where the processor can and the length is worth it.
///
/// # Panics
///
/// If the lengths differ.
pub fn copy_streaming(to: &mut [u8], from: &[u8]) {
    assert_eq!(
        to.len(),
        from.len(),
        "a copy needs as much room as it has bytes"
    );
    if to.len() < STREAMED_MIN {
        return to.copy_from_slice(from);
    }
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    x86::copy(x86::best(), to, from);
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    to.copy_from_slice(from);
}

/// How [`copy_streaming`] writes on this processor: `avx512`, `avx`, `sse2`, or `plain` where it knows
/// no better than an ordinary copy.
#[must_use]
pub fn streaming_kind() -> &'static str {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    return x86::best().name();
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    "plain"
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128,
        _mm256_loadu_si256, _mm256_stream_si256, _mm512_loadu_si512, _mm512_stream_si512,
    };

    /// Widths of a store.
    #[derive(Debug, Clone, Copy)]
    pub(super) enum Kind {
        Avx512,
        Avx,
        Sse2,
    }

    impl Kind {
        pub(super) fn name(self) -> &'static str {
            match self {
                Self::Avx512 => "avx512",
                Self::Avx => "avx",
                Self::Sse2 => "sse2",
            }
        }

        pub(super) fn is_here(self) -> bool {
            match self {
                Self::Avx512 => is_x86_feature_detected!("avx512f"),
                Self::Avx => is_x86_feature_detected!("avx"),
                Self::Sse2 => true,
            }
        }
    }

    pub(super) const KINDS: [Kind; 3] = [Kind::Avx512, Kind::Avx, Kind::Sse2];

    pub(super) fn best() -> Kind {
        let here = KINDS.into_iter().find(|kind| kind.is_here());
        here.unwrap_or(Kind::Sse2)
    }

    /// A copy with stores of one kind, which must be here.
    pub(super) fn copy(kind: Kind, to: &mut [u8], from: &[u8]) {
        assert!(kind.is_here());
        // The widest store wants an address that is a multiple of 64; the first bytes go apart.
        let head = to.as_ptr().align_offset(64).min(to.len());
        let body = (to.len() - head) / 64 * 64;
        let (to_head, to_rest) = to.split_at_mut(head);
        let (to_body, to_tail) = to_rest.split_at_mut(body);
        to_head.copy_from_slice(&from[..head]);
        to_tail.copy_from_slice(&from[head + body..]);
        let (to_body, from_body) = (to_body.as_mut_ptr(), from[head..head + body].as_ptr());
        match kind {
            // SAFETY: the processor has the instructions; both ranges are `body` bytes, which is a
            // multiple of 64, and the destination begins at a multiple of 64.
            Kind::Avx512 => unsafe { avx512(to_body, from_body, body) },
            // SAFETY: as above.
            Kind::Avx => unsafe { avx(to_body, from_body, body) },
            // SAFETY: as above.
            Kind::Sse2 => unsafe { sse2(to_body, from_body, body) },
        }
        // SAFETY: every x86-64 processor has it.
        unsafe { _mm_sfence() };
    }

    macro_rules! streamed {
        ($name:ident, $feature:literal, $vector:ty, $load:path, $store:path) => {
            /// # Safety
            /// The processor must have the feature; both ranges must be valid for `bytes`, a multiple of
            /// the vector's size, and not overlap; the destination must be aligned to a vector.
            #[target_feature(enable = $feature)]
            unsafe fn $name(to: *mut u8, from: *const u8, bytes: usize) {
                for offset in (0..bytes).step_by(size_of::<$vector>()) {
                    // SAFETY: the offset is less than `bytes`.
                    let from = unsafe { from.add(offset) };
                    // SAFETY: a whole vector is left in the range, as `bytes` is a multiple of it.
                    let vector = unsafe { $load(from.cast()) };
                    // SAFETY: as for the source.
                    let to = unsafe { to.add(offset) };
                    // SAFETY: as for the source; the address is aligned, as the first one and all steps are.
                    unsafe { $store(to.cast(), vector) };
                }
            }
        };
    }

    streamed!(
        avx512,
        "avx512f",
        __m512i,
        _mm512_loadu_si512,
        _mm512_stream_si512
    );
    streamed!(avx, "avx", __m256i, _mm256_loadu_si256, _mm256_stream_si256);
    streamed!(sse2, "sse2", __m128i, _mm_loadu_si128, _mm_stream_si128);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    /// All lengths around the limits, all alignments: nothing but the destination changes.
    fn check(copy: impl Fn(&mut [u8], &[u8])) {
        for len in [0, 1, 63, 64, 65, 200, 4095, 4096, 4097, 10_000] {
            for shift in [0, 1, 15, 32, 63] {
                let from = pattern(len + shift);
                let mut to = vec![0xee_u8; len + shift + 64];
                copy(&mut to[shift..shift + len], &from[shift..]);
                assert_eq!(to[shift..shift + len], from[shift..], "{len} {shift}");
                let around = to[..shift].iter().chain(&to[shift + len..]);
                assert!(around.copied().all(|byte| byte == 0xee), "{len} {shift}");
            }
        }
    }

    #[test]
    fn a_streamed_copy_equals_an_ordinary_one() {
        check(copy_streaming);
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn all_widths_that_are_here_copy_the_same() {
        for kind in x86::KINDS.into_iter().filter(|kind| kind.is_here()) {
            check(|to, from| x86::copy(kind, to, from));
        }
    }

    #[test]
    #[should_panic(expected = "as much room")]
    fn unequal_lengths_are_refused() {
        copy_streaming(&mut [0; 3], &[0; 4]);
    }
}
