//! Time slices of preemptible tasks: how long one may run at once, and when it runs again.
//!
//! Where service times differ by orders of magnitude, no placement of tasks helps: a short task that
//! comes behind a long one waits for all of it. So nothing preemptible runs longer than a slice at
//! once, and what has used its slice goes behind what has not (feedback queues with several levels,
//! after Corbató et al., "An experimental time-sharing system", 1962; the limit of many levels, least
//! attained service first, is optimal for heavy-tailed laws, see Nuyens and Wierman, "The
//! foreground-background queue", 2008). What a task costs need not be known beforehand.
//!
//! 1. Fresh work, which has not used a slice, comes first.
//! 2. Then the tasks that wait for another slice, by level: the less a task has run, the higher its
//!    level; the oldest first within one. Long tasks thereby share in turn.
//! 3. Before both comes the task that has waited longest, if it has waited longer than
//!    [`SliceConfig::aging`]; but such tasks get at most a quarter of the time as long as there is
//!    other work. So nobody starves, and nobody who has been starving takes it all.
//!
//! Bound: with `n` waiting tasks, slices that end after at most `s` and fresh polls of at most `f`, a
//! task waits no longer than `aging + n * (4 * s + max(s, f))`.

use crate::Nanos;

/// Levels of tasks that have used at least one slice.
pub const LEVELS: usize = 3;

/// Time that a task has run when it leaves the first and the second level.
const LEVEL_END: [Nanos; LEVELS - 1] = [Nanos(100_000), Nanos(1_000_000)];

/// After an aged task has run, others have precedence for this many times as long.
const PAUSE_FACTOR: u64 = 3;

/// Lengths of slices, and how long a task may wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceConfig {
    /// A task's first slice. Most tasks should end within it.
    pub first: Nanos,
    /// Each further slice. A fresh task waits for the rest of one.
    pub later: Nanos,
    /// A task that has waited longer than this may pass fresh work.
    pub aging: Nanos,
}

impl Default for SliceConfig {
    /// 5 µs, 10 µs and 2 ms: a switch costs some 0.2 µs.
    fn default() -> Self {
        Self {
            first: Nanos(5_000),
            later: Nanos(10_000),
            aging: Nanos(2_000_000),
        }
    }
}

/// What is known of one preemptible task: how long it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attained(Nanos);

impl Attained {
    /// The time that the task has run.
    #[must_use]
    pub const fn time(self) -> Nanos {
        self.0
    }
}

/// What a worker should run next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Work that has not used a slice.
    Fresh,
    /// The task that has waited longest at this level, which is below [`LEVELS`].
    Level(usize),
}

/// One worker's decisions about slices.
#[derive(Debug, Clone)]
pub struct Slicing {
    config: SliceConfig,
    /// The slice that runs, or ran last, was given because of aging.
    aged: bool,
    /// Until then, tasks that have aged have no precedence.
    pause_end: Nanos,
}

impl Slicing {
    /// Decisions by these lengths.
    #[must_use]
    pub const fn new(config: SliceConfig) -> Self {
        Self {
            config,
            aged: false,
            pause_end: Nanos(0),
        }
    }

    /// How long a task may run that begins or resumes now.
    #[must_use]
    pub const fn slice(&self, task: Attained) -> Nanos {
        if task.0.0 == 0 {
            self.config.first
        } else {
            self.config.later
        }
    }

    /// A task has run until `now`, for this long. Returns the level at which it waits if it has not
    /// ended.
    pub fn on_run(&mut self, now: Nanos, task: &mut Attained, ran: Nanos) -> usize {
        if self.aged {
            self.aged = false;
            let pause = ran.0.saturating_mul(PAUSE_FACTOR);
            self.pause_end = Nanos(now.0.saturating_add(pause));
        }
        task.0 = Nanos(task.0.0.saturating_add(ran.0.max(1)));
        LEVEL_END.iter().take_while(|end| task.0 >= **end).count()
    }

    /// What to run: `fresh` says whether there is fresh work, `waiting_since` since when the oldest
    /// task of each level waits. `None` if there is nothing.
    pub fn on_pick(
        &mut self,
        now: Nanos,
        fresh: bool,
        waiting_since: &[Option<Nanos>; LEVELS],
    ) -> Option<Pick> {
        self.aged = false;
        let highest = waiting_since.iter().position(Option::is_some);
        let Some(highest) = highest else {
            return fresh.then_some(Pick::Fresh);
        };
        if let Some(level) = self.oldest_aged(now, waiting_since) {
            self.aged = true;
            return Some(Pick::Level(level));
        }
        Some(if fresh {
            Pick::Fresh
        } else {
            Pick::Level(highest)
        })
    }

    /// The level of the task that has waited longest, if it may pass others.
    fn oldest_aged(&self, now: Nanos, waiting_since: &[Option<Nanos>; LEVELS]) -> Option<usize> {
        if now < self.pause_end {
            return None;
        }
        let heads = waiting_since.iter().enumerate();
        let (since, level) = heads
            .filter_map(|(level, since)| since.map(|since| (since, level)))
            .min()?;
        (now.since(since) >= self.config.aging).then_some(level)
    }
}

#[cfg(test)]
mod tests;
