//! The policy of one worker: its decisions, each a function of its state and its arguments.

use crate::balance::{Balance, Meter, Move};
use crate::random::Random;
use crate::search::Search;
use crate::signal::{LoadSignal, Publisher};
use crate::wait::{Activity, Gather, Wait};
use crate::{Nanos, WorkerId};

/// What a policy is built from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The worker that decides.
    pub me: WorkerId,
    /// How many workers there are.
    pub workers: usize,
    /// Seed of its random choices.
    pub seed: u64,
    /// Whether load signals are published and used; off for comparison.
    pub signals: bool,
    /// Whether waits are prolonged when many connections are active.
    pub gather: bool,
    /// Whether connections that can move are gathered on as few workers as their load needs.
    pub balance: bool,
    /// Shortest time between two publications of an ordinary change.
    pub publish_interval: Nanos,
}

impl Config {
    /// Defaults for one of several workers.
    #[must_use]
    pub fn new(me: WorkerId, workers: usize) -> Self {
        Self {
            me,
            workers,
            seed: me.index() as u64,
            signals: true,
            gather: true,
            balance: true,
            publish_interval: Nanos(50_000),
        }
    }
}

/// One worker's decisions.
#[derive(Debug, Clone)]
pub struct Policy {
    me: WorkerId,
    workers: usize,
    signals: bool,
    random: Random,
    publisher: Publisher,
    gather: Gather,
    meter: Meter,
    /// `None` if connections stay where they are.
    balance: Option<Balance>,
    /// Connections of the last events.
    active: u32,
}

impl Policy {
    /// A policy in its initial state.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            me: config.me,
            workers: config.workers,
            signals: config.signals,
            random: Random::new(config.seed),
            publisher: Publisher::new(config.publish_interval),
            gather: Gather::new(config.gather),
            meter: Meter::new(),
            balance: (config.balance && config.workers > 1)
                .then(|| Balance::new(config.me, config.workers)),
            active: 0,
        }
    }

    /// The worker has nothing to run: the order in which to look at the others before parking.
    pub fn on_idle(&mut self, read: impl Fn(WorkerId) -> LoadSignal) -> Search {
        let signals: Option<&dyn Fn(WorkerId) -> LoadSignal> =
            if self.signals { Some(&read) } else { None };
        Search::new(self.me, self.workers, &mut self.random, signals)
    }

    /// A task was queued where others may take it: whom to wake, if anybody.
    ///
    /// `searching` workers are already looking for work and will find it. `parked` gives the set of
    /// parked workers, 64 to a word.
    pub fn on_enqueue(
        &mut self,
        searching: usize,
        parked: impl Fn(usize) -> u64,
    ) -> Option<WorkerId> {
        if searching > 0 {
            return None;
        }
        let words = self.workers.div_ceil(64);
        let start = if self.workers > 1 {
            self.random.below(self.workers)
        } else {
            0
        };
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let bits = parked(word);
            // From the random start upwards at first; the last step sees the rest of that word.
            let bits = if step == 0 {
                bits & (u64::MAX << (start % 64))
            } else {
                bits
            };
            (bits != 0).then(|| WorkerId::new(word * 64 + bits.trailing_zeros() as usize))
        })
    }

    /// Whether the worker should publish this signal now.
    pub fn on_publish(&mut self, now: Nanos, signal: &LoadSignal) -> bool {
        self.signals && self.publisher.decide(now, signal)
    }

    /// A visit to the reactor has ended and brought this; the worker has waited for `waited` of
    /// the time since the last call.
    pub fn on_events(&mut self, now: Nanos, waited: Nanos, activity: Activity) {
        self.gather.observe(now, activity);
        self.meter.waited(waited);
        self.active = activity.active;
    }

    /// The worker is about to wait for IO.
    pub fn on_wait(&mut self, now: Nanos) -> Wait {
        self.gather.decide(now)
    }

    /// Asked once per turn: where connections that become active should go. `Some` is a new answer,
    /// which holds until the next one.
    pub fn on_balance(
        &mut self,
        now: Nanos,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Option<Move>> {
        if !self.meter.observe(now) {
            return None;
        }
        let balance = self.balance.as_mut()?;
        Some(balance.decide(now, self.meter.busy_permille(), self.active, read))
    }

    /// How busy this worker was lately, in thousandths of its time.
    #[must_use]
    pub fn busy_permille(&self) -> u32 {
        self.meter.busy_permille()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn policy(workers: usize, seed: u64) -> Policy {
        Policy::new(&Config {
            seed,
            ..Config::new(WorkerId::new(0), workers)
        })
    }

    #[test]
    fn nobody_is_woken_while_somebody_searches() {
        assert_eq!(policy(8, 1).on_enqueue(1, |_| u64::MAX), None);
    }

    #[test]
    fn only_a_parked_worker_is_woken_wherever_it_sits() {
        for parked in [0, 63, 64, 129] {
            for seed in 0..100 {
                let woken = policy(130, seed).on_enqueue(0, |word| {
                    if word == parked / 64 {
                        1 << (parked % 64)
                    } else {
                        0
                    }
                });
                assert_eq!(woken, Some(WorkerId::new(parked)));
            }
        }
        assert_eq!(policy(130, 1).on_enqueue(0, |_| 0), None);
    }

    /// Every decision for a pseudo-random stream of events, as text.
    fn decisions(seed: u64) -> Vec<std::string::String> {
        let mut policy = policy(16, seed);
        let mut random = Random::new(99);
        let mut now = 0;
        (0..2_000)
            .map(|_| {
                now += random.below(40_000) as u64;
                let queued = random.below(40) as u32;
                let signal = LoadSignal {
                    queued,
                    ..LoadSignal::default()
                };
                match random.below(5) {
                    0 => std::format!("{:?}", policy.on_idle(|_| signal).next_victim()),
                    1 => std::format!("{:?}", policy.on_enqueue(0, |_| u64::from(queued))),
                    2 => std::format!("{:?}", policy.on_publish(Nanos(now), &signal)),
                    3 => std::format!("{:?}", policy.on_balance(Nanos(now), |_| signal)),
                    _ => {
                        policy.on_events(
                            Nanos(now),
                            Nanos(0),
                            Activity {
                                events: queued,
                                active: queued,
                            },
                        );
                        std::format!("{:?}", policy.on_wait(Nanos(now + 1)))
                    }
                }
            })
            .collect()
    }

    #[test]
    fn one_recorded_stream_of_events_gives_identical_decisions() {
        assert_eq!(decisions(7), decisions(7));
        assert_ne!(decisions(7), decisions(8));
    }
}
