//! The parts of the policy that can be switched off, to show by their absence what each is worth.

use crate::Nanos;

/// Which parts take part in decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elements {
    /// Signals are published and used; without them a search is one pass over all in random order.
    pub signals: bool,
    /// A thief corrects the signal of the worker that it has just visited.
    pub write_back: bool,
    /// Thieves on their way to a worker count as work that it no longer offers.
    pub claims: bool,
    /// A worker that is asked to help is told where.
    pub hints: bool,
    /// Work for which no help was found is published at once.
    pub cry: bool,
    /// A domain in which tasks wait far longer than in the own one is served first.
    pub age_pull: bool,
    /// Before it begins a task, a worker fetches one that has waited longer at a neighbour.
    pub pull_near: bool,
    /// The same from other domains, half a queue at once.
    pub pull_far: bool,
    /// Tasks that wait longer in another domain are fetched only if more of them wait there.
    pub downhill: bool,
    /// Queues are ranked by length and age; without it by length alone.
    pub age_key: bool,
    /// Half of a neighbour's queue is taken; without it one task.
    pub near_half: bool,
    /// Far domains are chosen by what they promise; without it only at random.
    pub far: bool,
    /// After a theft both queues are offered again.
    pub fan_out: bool,
    /// A worker that found nothing rests and looks at its domain's signals before it parks.
    pub linger: bool,
    /// Wakes and moves are weighed against their costs; without it any task that waits is reason
    /// enough.
    pub prices: bool,
    /// What a signal says of a queue halves with each such age.
    pub half_life: Option<Nanos>,
}

impl Elements {
    /// What the policy consists of.
    pub const ALL: Self = Self {
        signals: true,
        write_back: true,
        claims: true,
        hints: true,
        cry: true,
        age_pull: true,
        pull_near: true,
        pull_far: true,
        downhill: true,
        age_key: true,
        near_half: true,
        far: true,
        fan_out: true,
        linger: true,
        prices: true,
        half_life: None,
    };
}
