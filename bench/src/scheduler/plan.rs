//! How much of everything: the same for the process that compares and for those that measure.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::machine::Cores;

/// Length of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scale {
    /// For reading.
    Full,
    /// For a first look.
    Quick,
    /// Shows that everything runs.
    Tiny,
}

impl Scale {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Scale::Full => "full",
            Scale::Quick => "quick",
            Scale::Tiny => "tiny",
        }
    }
}

/// What a measuring process works by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) scale: Scale,
    /// Workers of each runtime of several: one for each core that this program uses.
    pub(super) workers: usize,
    pub(super) cores: Cores,
}

impl Plan {
    /// The first for a full or quick run, the second for a tiny one.
    pub(super) fn size<T>(&self, measured: T, tiny: T) -> T {
        match self.scale {
            Scale::Full | Scale::Quick => measured,
            Scale::Tiny => tiny,
        }
    }

    /// How long a contender repeats a workload in a round.
    fn time(&self) -> Duration {
        match self.scale {
            Scale::Full => Duration::from_millis(300),
            Scale::Quick => Duration::from_millis(120),
            Scale::Tiny => Duration::ZERO,
        }
    }

    /// Repeats `once` for its time, after a third of that to warm up; returns what each repetition
    /// gave.
    pub(super) fn repeat<T>(&self, mut once: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
        smol::block_on(self.repeat_async(async || once()))
    }

    /// The same within a runtime.
    pub(super) async fn repeat_async<T>(
        &self,
        mut once: impl AsyncFnMut() -> Result<T>,
    ) -> Result<Vec<T>> {
        let start = Instant::now();
        while start.elapsed() < self.time() / 3 {
            once().await?;
        }
        let start = Instant::now();
        let mut results = vec![once().await?];
        while start.elapsed() < self.time() {
            results.push(once().await?);
        }
        Ok(results)
    }
}
