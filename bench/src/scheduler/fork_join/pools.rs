//! The pools, each with as many threads as the plan has workers, the calling one among them where
//! the pool counts it so.

use std::num::NonZero;

use anyhow::{Result, anyhow};

/// A pool that runs two closures, maybe in parallel.
pub(super) trait ForkJoin: Sized {
    /// What a pool hands from a closure to those it forks.
    type Scope<'scope>;

    fn start(workers: usize) -> Result<Self>;

    /// Runs `work` in the pool.
    fn run<T: Send>(&self, work: impl FnOnce(&mut Self::Scope<'_>) -> T + Send) -> T;

    fn join<A: Send, B: Send>(
        scope: &mut Self::Scope<'_>,
        a: impl FnOnce(&mut Self::Scope<'_>) -> A + Send,
        b: impl FnOnce(&mut Self::Scope<'_>) -> B + Send,
    ) -> (A, B);
}

/// Ours: the workers of a runtime.
pub(super) struct Beehive(beehive::Runtime);

impl ForkJoin for Beehive {
    type Scope<'scope> = ();

    fn start(workers: usize) -> Result<Self> {
        Ok(Beehive(
            beehive::Runtime::builder().workers(workers).build()?,
        ))
    }

    fn run<T: Send>(&self, work: impl FnOnce(&mut ()) -> T + Send) -> T {
        self.0.install(|| work(&mut ()))
    }

    fn join<A: Send, B: Send>(
        _: &mut (),
        a: impl FnOnce(&mut ()) -> A + Send,
        b: impl FnOnce(&mut ()) -> B + Send,
    ) -> (A, B) {
        beehive::fork::join(|| a(&mut ()), || b(&mut ()))
    }
}

pub(super) struct Rayon(rayon::ThreadPool);

impl ForkJoin for Rayon {
    type Scope<'scope> = ();

    fn start(workers: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers);
        Ok(Rayon(pool.build()?))
    }

    fn run<T: Send>(&self, work: impl FnOnce(&mut ()) -> T + Send) -> T {
        self.0.install(|| work(&mut ()))
    }

    fn join<A: Send, B: Send>(
        _: &mut (),
        a: impl FnOnce(&mut ()) -> A + Send,
        b: impl FnOnce(&mut ()) -> B + Send,
    ) -> (A, B) {
        rayon::join(|| a(&mut ()), || b(&mut ()))
    }
}

pub(super) struct Chili(chili::ThreadPool);

impl ForkJoin for Chili {
    type Scope<'scope> = chili::Scope<'scope>;

    fn start(workers: usize) -> Result<Self> {
        // The calling thread works as well, and is one of those counted.
        let config = chili::Config {
            thread_count: NonZero::new(workers),
            ..chili::Config::default()
        };
        Ok(Chili(chili::ThreadPool::with_config(config)))
    }

    fn run<T: Send>(&self, work: impl FnOnce(&mut chili::Scope<'_>) -> T + Send) -> T {
        work(&mut self.0.scope())
    }

    fn join<A: Send, B: Send>(
        scope: &mut chili::Scope<'_>,
        a: impl FnOnce(&mut chili::Scope<'_>) -> A + Send,
        b: impl FnOnce(&mut chili::Scope<'_>) -> B + Send,
    ) -> (A, B) {
        scope.join(a, b)
    }
}

/// Its pools live as long as the program, so there is one.
pub(super) struct Forte(&'static forte::ThreadPool);

static FORTE: forte::ThreadPool = forte::ThreadPool::new();

impl ForkJoin for Forte {
    type Scope<'scope> = &'scope forte::Worker;

    fn start(workers: usize) -> Result<Self> {
        // The calling thread joins the pool while it works.
        let wanted = workers - 1;
        match FORTE.resize_to(wanted) {
            size if size >= wanted => Ok(Forte(&FORTE)),
            size => Err(anyhow!("the pool has {size} threads, not {wanted}")),
        }
    }

    fn run<T: Send>(&self, work: impl FnOnce(&mut &forte::Worker) -> T + Send) -> T {
        self.0.with_worker(|mut worker| work(&mut worker))
    }

    fn join<A: Send, B: Send>(
        worker: &mut &forte::Worker,
        a: impl FnOnce(&mut &forte::Worker) -> A + Send,
        b: impl FnOnce(&mut &forte::Worker) -> B + Send,
    ) -> (A, B) {
        worker.join(|mut worker| a(&mut worker), |mut worker| b(&mut worker))
    }
}
