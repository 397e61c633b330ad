//! Running one future without describing a runtime first.

use std::future::Future;

use crate::runtime::Runtime;

/// Runs a future on the calling thread, by a runtime of one worker that lives as long as the call.
/// Tasks that are left when it completes are dropped.
///
/// For programs, tests and examples; a program with several workers describes a
/// [`Runtime`] or uses `#[beehive::main]`.
///
/// ```
/// assert_eq!(beehive::block_on(async { 6 * 7 }), 42);
/// ```
///
/// # Panics
///
/// If the calling thread is a worker (await the future instead), or if the system refuses a reactor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    crate::runtime::refuse_worker("`beehive::block_on`");
    match Runtime::builder().workers(1).pin(false).build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("`beehive::block_on` cannot start a runtime: {error}"),
    }
}
