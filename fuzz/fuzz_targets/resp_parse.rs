//! The request parser on any bytes, cut anywhere: no panic, and the pieces make no difference.
//!
//! The first byte chooses the client's limits, the second how the rest is cut; what must hold is
//! written down once, beside the tests of the crate.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../server/resp/tests/codec/checks.rs"]
mod checks;

fuzz_target!(|data: &[u8]| {
    let [flags, cut, input @ ..] = data else {
        return;
    };
    let limits = checks::tight_limits(flags & 1 == 0);
    let mut lens = cut
        .to_le_bytes()
        .into_iter()
        .chain(input.iter().copied())
        .cycle();
    checks::assert_pieces_make_no_difference(input, &limits, || {
        usize::from(lens.next().unwrap_or(1) % 32)
    });
});
