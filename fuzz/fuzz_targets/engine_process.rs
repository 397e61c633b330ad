//! The engine on any bytes, cut anywhere, with reply buffers of any size: no panic, no endless
//! loop, and replies that a client can read.
//!
//! What must hold is written down once, beside the tests of the crate.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../server/engine/tests/harness/mod.rs"]
mod harness;

fuzz_target!(|data: &[u8]| {
    let [cut, step, input @ ..] = data else {
        return;
    };
    let server = harness::Server::with(&[("enable-debug-command", "yes")]);
    let mut state = usize::from(*cut);
    harness::feed(&mut server.client(), input, |bound| {
        state = state.wrapping_mul(31).wrapping_add(usize::from(*step) + 1);
        state % bound
    });
});
