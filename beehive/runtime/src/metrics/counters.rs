//! What a worker counts of itself, on cache lines that only it writes.

use beehive_policy::{Class, Nanos};

use super::Phase;
use super::figure::{Count, Stopwatch};

/// Stands for a time where nothing waits.
const NOTHING: u64 = u64::MAX;

/// One worker's figures. All but `stalls` are written by the worker only.
#[derive(Debug)]
pub(crate) struct Counters {
    /// In which phase the worker has been for how long.
    phases: [Stopwatch; Phase::COUNT],
    /// When the phase in progress began.
    phase_since: Count,
    /// For how long each class has run while others than normal were ready too.
    classes: [Stopwatch; Class::COUNT],
    /// Polls of all tasks.
    pub(crate) polls: Count,
    /// Polls by class while others than normal were ready too.
    pub(crate) class_polls: [Count; Class::COUNT],
    /// Slices of preemptible tasks, and the time that they took, in nanoseconds.
    pub(crate) slices: Count,
    pub(crate) slice_ns: Count,
    /// Tasks of each class that are queued and stay on this worker, and preemptible ones.
    pub(crate) queued: [Count; Class::COUNT],
    pub(crate) queued_slices: Count,
    /// Local tasks that have waited at least once.
    pub(crate) live: Count,
    /// Searches for tasks elsewhere, those among them that found some, and how many.
    pub(crate) searches: Count,
    pub(crate) steals: Count,
    pub(crate) stolen: Count,
    /// Jobs of fork-join that were another worker's.
    pub(crate) jobs: Count,
    pub(crate) parks: Count,
    pub(crate) wakes: Count,
    pub(crate) messages: Count,
    pub(crate) injected: Count,
    /// Connections that were sent to another worker.
    pub(crate) moved: Count,
    /// Waits that were measured, and their sum in nanoseconds.
    waits: Count,
    wait_ns: Count,
    /// Since when at least the oldest queued task has waited.
    oldest: Count,
    /// Polls that lasted too long; written by the monitor only.
    pub(crate) stalls: Count,
}

impl Counters {
    /// Of a worker that does not run yet; it counts as parked.
    pub(crate) fn new() -> Self {
        let counters = Self {
            phases: Default::default(),
            phase_since: Count::default(),
            classes: Default::default(),
            polls: Count::default(),
            class_polls: Default::default(),
            slices: Count::default(),
            slice_ns: Count::default(),
            queued: Default::default(),
            queued_slices: Count::default(),
            live: Count::default(),
            searches: Count::default(),
            steals: Count::default(),
            stolen: Count::default(),
            jobs: Count::default(),
            parks: Count::default(),
            wakes: Count::default(),
            messages: Count::default(),
            injected: Count::default(),
            moved: Count::default(),
            waits: Count::default(),
            wait_ns: Count::default(),
            oldest: Count::default(),
            stalls: Count::default(),
        };
        counters.phases[Phase::Parked.index()].start(Nanos(0));
        counters.note_oldest(None);
        counters
    }

    /// The worker leaves a phase and enters another one.
    #[inline]
    pub(crate) fn change_phase(&self, from: Phase, to: Phase, now: Nanos) {
        self.phases[from.index()].stop(now);
        self.phases[to.index()].start(now);
        self.phase_since.set(now.0);
    }

    /// The phase in progress, when it began, and how long each has lasted.
    pub(super) fn phases(&self, now: Nanos) -> (Phase, Nanos, [Nanos; Phase::COUNT]) {
        // In the moment between two phases there is none: the worker is on its way, so it runs.
        let current = Phase::ALL
            .into_iter()
            .find(|phase| self.phases[phase.index()].runs());
        let times = self.phases.each_ref().map(|phase| phase.elapsed(now));
        let since = Nanos(self.phase_since.get());
        (current.unwrap_or(Phase::Running), since, times)
    }

    /// The class whose turn it is changes; `None` while the worker does not run tasks by class.
    pub(crate) fn change_class(&self, from: Option<Class>, to: Option<Class>, now: Nanos) {
        if let Some(class) = from {
            self.classes[class.index()].stop(now);
        }
        if let Some(class) = to {
            self.classes[class.index()].start(now);
        }
    }

    /// Time and polls of a class, of `running` time in which tasks of any class ran.
    pub(super) fn class(&self, class: Class, running: Nanos, now: Nanos) -> (Nanos, u64) {
        let of = |class: Class| {
            let index = class.index();
            (
                self.classes[index].elapsed(now).0,
                self.class_polls[index].get(),
            )
        };
        if class != Class::Normal {
            let (time, polls) = of(class);
            return (Nanos(time), polls);
        }
        // What is left by the others.
        let others = [of(Class::Latency), of(Class::Background)];
        let time = others.iter().map(|(time, _)| time).sum::<u64>() + self.slice_ns.get();
        let polls = others.iter().map(|(_, polls)| polls).sum::<u64>() + self.slices.get();
        let polls = self.polls.get().saturating_sub(polls);
        (Nanos(running.0.saturating_sub(time)), polls)
    }

    /// A task has been seen to wait for so long in a queue.
    pub(crate) fn note_wait(&self, waited: Nanos) {
        self.waits.add(1);
        self.wait_ns.add(waited.0);
    }

    /// How many waits were measured, and their sum.
    pub(super) fn waits(&self) -> (u64, Nanos) {
        (self.waits.get(), Nanos(self.wait_ns.get()))
    }

    /// Since when at least the oldest queued task has waited.
    #[inline]
    pub(crate) fn note_oldest(&self, since: Option<Nanos>) {
        self.oldest.set(since.map_or(NOTHING, |since| since.0));
    }

    /// Since when at least the oldest queued task has waited.
    pub(super) fn oldest(&self) -> Option<Nanos> {
        let since = self.oldest.get();
        (since != NOTHING).then_some(Nanos(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_of_a_worker_add_up_to_all_its_time() {
        let counters = Counters::new();
        counters.change_phase(Phase::Parked, Phase::Running, Nanos(10));
        counters.change_phase(Phase::Running, Phase::Reactor, Nanos(40));
        counters.change_phase(Phase::Reactor, Phase::Searching, Nanos(50));
        counters.change_phase(Phase::Searching, Phase::Parked, Nanos(70));
        let (phase, since, times) = counters.phases(Nanos(100));
        assert_eq!((phase, since), (Phase::Parked, Nanos(70)));
        assert_eq!(times, [30, 10, 20, 40].map(Nanos));
    }

    #[test]
    fn normal_tasks_have_what_the_others_leave_them() {
        let counters = Counters::new();
        counters.change_class(None, Some(Class::Latency), Nanos(10));
        counters.change_class(Some(Class::Latency), Some(Class::Normal), Nanos(30));
        counters.change_class(Some(Class::Normal), None, Nanos(40));
        counters.polls.add(10);
        counters.class_polls[Class::Latency.index()].add(4);
        counters.slices.add(1);
        counters.slice_ns.add(5);
        let class = |class| counters.class(class, Nanos(100), Nanos(1_000));
        assert_eq!(class(Class::Latency), (Nanos(20), 4));
        assert_eq!(class(Class::Background), (Nanos(0), 0));
        assert_eq!(class(Class::Normal), (Nanos(75), 5));
    }
}
