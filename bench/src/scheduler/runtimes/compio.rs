//! compio: one thread, io_uring.

use std::future::Future;

use anyhow::Result;
use compio::runtime::Runtime;

use super::Local;

pub(in crate::scheduler) struct Compio;

impl Local for Compio {
    fn run<F: Future + 'static>(future: F) -> Result<F::Output>
    where
        F::Output: 'static,
    {
        Ok(Runtime::new()?.block_on(future))
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        compio::runtime::spawn(future).detach();
    }
}
