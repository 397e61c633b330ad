//! Whose turn it is among the classes of one worker: shares by weight, without starvation.
//!
//! Each class has a *lead*: how much more virtual time (time that it ran, divided by its weight) it
//! has used than the class that was served least. The ready class with the smallest lead runs next,
//! for one slice, and is charged what it really took, so polls that outlast the slice are paid for.
//! After each charge, leads are reduced so that the smallest among the ready classes is zero:
//!
//! - A lead is never negative, so a class that slept has no credit: it comes back on a par with the
//!   least served.
//! - A class that sleeps with a lead pays it off as the others run.
//! - Leads halve every [`HALF_LIFE`], so old debts fade, also where nobody else runs.
//!
//! # Bounds
//!
//! Let `q` be the slice, `p` the longest poll, and `w` the weights. Between two slices of a class
//! that stays ready, each other class runs for at most `(q + p) * (w_other / w_own + 1)`: until its
//! lead has outgrown that of the waiting class, which is at most one overrun slice. With the default
//! weights 16:4:1 and short polls, that is 0.6 ms for the background.
//!
//! Whatever the weights, the debts and the others do: a class that has waited for [`PATIENCE`] goes
//! ahead of all that waited less. So it waits at most `PATIENCE + 2 * (q + p)`: the slice in progress
//! and one of the third class, if that waited longer.
//!
//! A single ready class always runs: no time is ever reserved (work conservation). Over a long time
//! and with the same classes ready, the shares of time are those of the weights; over a window they
//! differ by at most a slice and a poll per class, at each end of the window.
//!
//! All is integer arithmetic on three classes: a decision takes a few instructions.
//!
//! After Waldspurger and Weihl, "Stride scheduling" (MIT 1995); that a sleeper gets no credit is as
//! in Goyal, Guo and Vin, "A hierarchical CPU scheduler" (OSDI 1996).

use crate::{Class, ClassSet, Nanos};

/// Time that a class runs before another's turn, if another is ready.
pub const SLICE: Nanos = Nanos(25_000);
/// A class that is ready and has waited for so long goes first.
pub const PATIENCE: Nanos = Nanos(1_000_000_000);
/// Leads halve in this time.
pub const HALF_LIFE: Nanos = Nanos(250_000_000);
/// More is not charged at once: no debt takes longer to pay than patience lasts.
const CHARGE_MAX: Nanos = PATIENCE;
/// Virtual time per nanosecond at weight one. `CHARGE_MAX` times this fits 62 bits.
const UNIT: u64 = 1 << 32;

/// What part of a worker's time each class gets while all are ready: in proportion to its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights([u16; Class::COUNT]);

impl Weights {
    /// Weights of the classes; `None` if one is zero, for such a class would starve.
    #[must_use]
    pub const fn new(latency: u16, normal: u16, background: u16) -> Option<Self> {
        if latency == 0 || normal == 0 || background == 0 {
            return None;
        }
        Some(Self([latency, normal, background]))
    }

    /// The weight of a class.
    #[must_use]
    pub const fn of(self, class: Class) -> u16 {
        self.0[class.index()]
    }
}

impl Default for Weights {
    /// 16 for latency, 4 for normal, 1 for background.
    fn default() -> Self {
        Self([16, 4, 1])
    }
}

/// The class that runs, and since when.
#[derive(Debug, Clone, Copy)]
struct Running {
    class: Class,
    since: Nanos,
}

/// One worker's account of its classes.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Virtual time per nanosecond of each class.
    strides: [u64; Class::COUNT],
    leads: [u64; Class::COUNT],
    /// Since when each class has been ready without running; `None` if it is not ready.
    waiting: [Option<Nanos>; Class::COUNT],
    running: Option<Running>,
    /// When leads were last halved.
    faded: Nanos,
}

impl Shares {
    /// An account in which nobody has run.
    #[must_use]
    pub fn new(weights: Weights) -> Self {
        Self {
            strides: Class::ALL.map(|class| UNIT / u64::from(weights.of(class))),
            leads: [0; Class::COUNT],
            waiting: [None; Class::COUNT],
            running: None,
            faded: Nanos(0),
        }
    }

    /// Ends the slice in progress and begins the next one: which of the ready classes runs; `None`
    /// only if none is ready.
    ///
    /// To be asked when the slice [is over](Self::is_over) or the set of ready classes has changed.
    pub fn next(&mut self, now: Nanos, ready: ClassSet) -> Option<Class> {
        self.stop(now, ready);
        let class = self.overdue(now).or_else(|| self.least_served(ready))?;
        self.waiting[class.index()] = Some(now);
        self.running = Some(Running { class, since: now });
        Some(class)
    }

    /// Whether the slice in progress has lasted its time; true if there is none.
    #[must_use]
    pub fn is_over(&self, now: Nanos) -> bool {
        self.running
            .is_none_or(|running| now.since(running.since) >= SLICE)
    }

    /// Ends the slice in progress, if any: the worker does something else than run tasks. The ready
    /// classes wait for it.
    pub fn stop(&mut self, now: Nanos, ready: ClassSet) {
        // What is charged now is not old.
        self.fade(now);
        if let Some(Running { class, since }) = self.running.take() {
            self.charge(class, now.since(since));
            self.waiting[class.index()] = Some(now);
        }
        for class in Class::ALL {
            let since = self.waiting[class.index()].unwrap_or(now);
            self.waiting[class.index()] = ready.contains(class).then_some(since);
        }
    }

    fn charge(&mut self, class: Class, time: Nanos) {
        let virtual_time = time.min(CHARGE_MAX).0 * self.strides[class.index()];
        let lead = &mut self.leads[class.index()];
        *lead = lead.saturating_add(virtual_time);
        // Until now, these were ready; among them the one that ran.
        let ready = self.waiting.iter().zip(self.leads);
        let leads = ready.filter_map(|(waiting, lead)| waiting.map(|_| lead));
        let least = leads.min().unwrap_or(0);
        for lead in &mut self.leads {
            *lead = lead.saturating_sub(least);
        }
    }

    fn fade(&mut self, now: Nanos) {
        let half_lives = now.since(self.faded).0 / HALF_LIFE.0;
        if half_lives > 0 {
            self.faded = Nanos(self.faded.0 + half_lives * HALF_LIFE.0);
            for lead in &mut self.leads {
                *lead >>= half_lives.min(63);
            }
        }
    }

    /// The class that has waited longest, if its patience is at an end.
    fn overdue(&self, now: Nanos) -> Option<Class> {
        let waiting = Class::ALL
            .into_iter()
            .filter_map(|class| Some((class, self.waiting[class.index()]?)));
        let (class, since) = waiting.min_by_key(|&(_, since)| since)?;
        (now.since(since) >= PATIENCE).then_some(class)
    }

    fn least_served(&self, ready: ClassSet) -> Option<Class> {
        ready.iter().min_by_key(|class| self.leads[class.index()])
    }
}

#[cfg(test)]
mod tests;
