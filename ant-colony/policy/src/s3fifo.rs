//! The S3-FIFO decisions: which queue a new object enters, where the next victim is
//! looked for, and whether the object found there stays.

use crate::Frequency;
use crate::balance::Balance;
use crate::ghosts::Ghosts;

/// The two queues of objects that the mechanism keeps, each in order of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// New objects on probation.
    Small,
    /// Objects that were asked for again.
    Main,
}

/// What happens to the oldest object of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It moves to the young end of `queue`, with this counter.
    Keep {
        /// The queue it enters.
        queue: Queue,
        /// Its counter there.
        frequency: Frequency,
    },
    /// It leaves the cache.
    Evict,
}

/// Eviction decisions of one cache, or of one shard of it.
#[derive(Debug)]
pub struct Policy {
    /// What the small queue let go.
    ghosts: Ghosts,
    /// What the main queue let go lately.
    main_ghosts: Ghosts,
    /// Evictions after which a return is not early any more.
    early: u64,
    balance: Balance,
}

impl Policy {
    /// A return is early within as many evictions as one part in this many of the objects.
    const EARLY_SHARE: usize = 20;
    /// Hits that move an object from the small to the main queue.
    const PROMOTION: u8 = 2;
    /// The pressure at which nothing stays.
    pub const PRESSURE_MAX: u8 = Frequency::MAX.get() + 1;

    /// A policy that remembers `ghosts` evicted objects; as many as the cache holds
    /// objects is right. [`Policy::bytes`] says what that takes.
    #[must_use]
    pub fn new(ghosts: usize) -> Self {
        let mut policy = Self {
            ghosts: Ghosts::new(ghosts),
            main_ghosts: Ghosts::new(ghosts / Self::EARLY_SHARE),
            early: 0,
            balance: Balance::new(),
        };
        policy.set_objects(ghosts);
        policy
    }

    /// Lets the policy remember `ghosts` evicted objects or more, if it remembers fewer. It forgets
    /// nothing.
    pub fn grow(&mut self, ghosts: usize) {
        self.ghosts.grow(ghosts);
        self.main_ghosts.grow(ghosts / Self::EARLY_SHARE);
        self.set_objects(ghosts);
    }

    /// Memory that a policy with `ghosts` takes beside itself.
    #[must_use]
    pub const fn bytes(ghosts: usize) -> usize {
        Ghosts::bytes(ghosts) + Ghosts::bytes(ghosts / Self::EARLY_SHARE)
    }

    /// Tells how many objects the cache holds: ghosts are kept for as many evictions.
    pub fn set_objects(&mut self, objects: usize) {
        let early = objects / Self::EARLY_SHARE;
        self.ghosts.set_horizon(objects);
        self.main_ghosts.set_horizon(early);
        self.early = early as u64;
    }

    /// An object that the cache does not hold is about to enter it.
    #[inline(always)]
    pub fn on_insert(&mut self, hash: u64) -> Queue {
        if self.main_ghosts.take(hash).is_some() {
            self.balance.on_main_return();
        }
        let Some(age) = self.ghosts.take(hash) else {
            return Queue::Small;
        };
        if age < self.early {
            self.balance.on_small_return();
        }
        Queue::Main
    }

    /// Where to look for the next victim, given what the queues hold (in any one unit).
    #[inline]
    #[must_use]
    pub fn next_victim(&self, small_used: usize, main_used: usize, capacity: usize) -> Queue {
        if main_used == 0 || self.balance.small_is_long(small_used, capacity) {
            Queue::Small
        } else {
            Queue::Main
        }
    }

    /// The oldest object of `queue` was reached. Higher `pressure` keeps less, and at
    /// [`Policy::PRESSURE_MAX`] nothing stays, which bounds the work of the caller.
    #[inline(always)]
    pub fn on_reclaim(
        &mut self,
        queue: Queue,
        frequency: Frequency,
        hash: u64,
        pressure: u8,
    ) -> Fate {
        match queue {
            Queue::Small if frequency.get() >= Self::PROMOTION.saturating_add(pressure) => {
                Fate::Keep {
                    queue: Queue::Main,
                    frequency: Frequency::ZERO,
                }
            }
            Queue::Small => {
                self.ghosts.insert(hash);
                Fate::Evict
            }
            Queue::Main if frequency.get() > pressure => Fate::Keep {
                queue: Queue::Main,
                frequency: frequency.decay(),
            },
            Queue::Main => {
                self.main_ghosts.insert(hash);
                Fate::Evict
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_returns_after_eviction_enters_the_main_queue() {
        let mut policy = Policy::new(64);
        assert_eq!(policy.on_insert(42), Queue::Small);
        assert_eq!(
            policy.on_reclaim(Queue::Small, Frequency::ZERO, 42, 0),
            Fate::Evict
        );
        assert_eq!(policy.on_insert(42), Queue::Main);
        assert_eq!(policy.on_insert(42), Queue::Small);
    }

    #[test]
    fn two_hits_on_probation_lead_to_the_main_queue() {
        let mut policy = Policy::new(64);
        let twice = Frequency::ZERO.hit().hit();
        assert_eq!(
            policy.on_reclaim(Queue::Small, Frequency::ZERO.hit(), 1, 0),
            Fate::Evict
        );
        assert_eq!(
            policy.on_reclaim(Queue::Small, twice, 1, 0),
            Fate::Keep {
                queue: Queue::Main,
                frequency: Frequency::ZERO
            }
        );
    }

    #[test]
    fn each_hit_buys_one_round_in_the_main_queue() {
        let mut policy = Policy::new(64);
        let mut frequency = Frequency::MAX;
        for _ in 0..Frequency::MAX.get() {
            let Fate::Keep {
                queue,
                frequency: f,
            } = policy.on_reclaim(Queue::Main, frequency, 1, 0)
            else {
                panic!("evicted with hits left");
            };
            assert_eq!(queue, Queue::Main);
            frequency = f;
        }
        assert_eq!(policy.on_reclaim(Queue::Main, frequency, 1, 0), Fate::Evict);
    }

    #[test]
    fn at_full_pressure_nothing_stays() {
        let mut policy = Policy::new(64);
        for queue in [Queue::Small, Queue::Main] {
            assert_eq!(
                policy.on_reclaim(queue, Frequency::MAX, 1, Policy::PRESSURE_MAX),
                Fate::Evict
            );
        }
    }

    #[test]
    fn the_victim_comes_from_the_small_queue_while_it_exceeds_its_share() {
        let policy = Policy::new(0);
        assert_eq!(policy.next_victim(11, 89, 100), Queue::Small);
        assert_eq!(policy.next_victim(10, 90, 100), Queue::Main);
        assert_eq!(policy.next_victim(5, 0, 100), Queue::Small);
    }
}
