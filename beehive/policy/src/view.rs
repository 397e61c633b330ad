//! What a worker can see of the others: published signals and a few words that all share.
//!
//! Not a platform: nothing can be done through it, and whatever it answers may be out of date.

use crate::topology::Domain;
use crate::{LoadSignal, Nanos, WorkerId};

/// The load of a domain in one cache line, so that a far one can be judged by one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aggregate {
    /// Tasks that wait in its workers' queues.
    pub queued: u32,
    /// Since when the oldest of them waits; `None` if none does.
    pub head: Option<Nanos>,
}

impl Aggregate {
    /// The aggregate of these signals.
    pub fn of(signals: impl Iterator<Item = LoadSignal>) -> Self {
        signals.fold(Self::default(), |sum, signal| Self {
            queued: sum.queued.saturating_add(signal.queued),
            head: match (sum.head, signal.waiting_since()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        })
    }
}

/// Read access to what workers publish. Masks hold a bit per member of the domain
/// (see [`Topology::bit`](crate::Topology::bit)).
pub trait View {
    /// The signal of a worker.
    fn signal(&self, worker: WorkerId) -> LoadSignal;

    /// The aggregate of a domain.
    fn aggregate(&self, domain: Domain) -> Aggregate;

    /// How many thieves are on their way to a worker.
    fn claims(&self, worker: WorkerId) -> u32;

    /// The members that are parked.
    fn parked(&self, domain: Domain) -> u64;

    /// The members that have found nothing, are not parked yet, and could follow a hint.
    fn resting(&self, domain: Domain) -> u64;
}
