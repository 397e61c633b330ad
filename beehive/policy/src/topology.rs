//! Where workers sit, as plain data: which of them share a core, a last-level cache, a memory node.
//!
//! Workers of one last-level cache form a [`Domain`] of at most [`DOMAIN_MAX`] members, so that
//! reading every signal of a domain costs the same on any machine; a larger cache holds several.
//! Domains of one node have consecutive numbers.

use core::ops::Range;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::WorkerId;

/// Most members of a domain.
pub const DOMAIN_MAX: usize = 16;

/// How far apart two workers are; each step makes a probe and a move dearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The same worker.
    Core,
    /// Two hardware threads of one core.
    Smt,
    /// One last-level cache.
    Llc,
    /// One memory node.
    Node,
    /// Different memory nodes.
    Far,
}

impl Tier {
    /// All tiers, the nearest first.
    pub const ALL: [Self; 5] = [Self::Core, Self::Smt, Self::Llc, Self::Node, Self::Far];
}

/// The hardware that a worker runs on; the numbers only need to be equal where it is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Memory node.
    pub node: u32,
    /// Last-level cache.
    pub llc: u32,
    /// Core, which may have several hardware threads.
    pub core: u32,
}

/// Names a domain: a number from zero up to the number of domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(u16);

impl Domain {
    /// The number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    place: Place,
    domain: u16,
    position: u16,
}

/// The places of all workers.
#[derive(Debug, Clone)]
pub struct Topology {
    seats: Box<[Seat]>,
    /// The members of all domains, one domain after the other.
    members: Box<[WorkerId]>,
    /// Where each domain begins in `members`; one more entry for the end.
    starts: Box<[usize]>,
    /// For each domain, the domains of its node.
    nodes: Box<[(u16, u16)]>,
}

impl Topology {
    /// The topology of workers at these places, worker 0 first.
    ///
    /// # Panics
    ///
    /// If there is no worker, or more than 65,536.
    #[must_use]
    pub fn new(places: &[Place]) -> Self {
        assert!(!places.is_empty(), "a topology needs at least one worker");
        let mut members: Vec<_> = (0..places.len()).map(WorkerId::new).collect();
        members.sort_by_key(|worker| (places[worker.index()], *worker));
        let place = |position: usize| places[members[position].index()];
        let cache = |position: usize| (place(position).node, place(position).llc);
        let mut starts = Vec::new();
        for position in 0..members.len() {
            let begins = match starts.last() {
                None => true,
                Some(&start) => cache(start) != cache(position) || position - start == DOMAIN_MAX,
            };
            if begins {
                starts.push(position);
            }
        }
        let domain_nodes: Vec<_> = starts.iter().map(|&start| place(start).node).collect();
        let nodes = domain_nodes
            .iter()
            .map(|node| {
                let first = domain_nodes.partition_point(|other| other < node);
                let end = domain_nodes.partition_point(|other| other <= node);
                (first as u16, end as u16)
            })
            .collect();
        starts.push(members.len());
        Self {
            seats: seats(places, &members, &starts),
            members: members.into_boxed_slice(),
            starts: starts.into_boxed_slice(),
            nodes,
        }
    }

    /// Workers that all share one last-level cache, each with a core of its own.
    #[must_use]
    pub fn uniform(workers: usize) -> Self {
        let place = |core: usize| Place {
            core: core as u32,
            ..Place::default()
        };
        Self::new(&(0..workers).map(place).collect::<Vec<_>>())
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.seats.len()
    }

    /// All domains.
    pub fn domains(&self) -> impl ExactSizeIterator<Item = Domain> + use<> {
        (0..self.nodes.len() as u16).map(Domain)
    }

    /// The domain of a worker.
    #[must_use]
    pub fn domain(&self, worker: WorkerId) -> Domain {
        Domain(self.seats[worker.index()].domain)
    }

    /// The bit that stands for a worker in a mask of its domain.
    #[must_use]
    pub fn bit(&self, worker: WorkerId) -> u64 {
        1 << self.seats[worker.index()].position
    }

    /// The workers of a domain, in the order of their bits.
    #[must_use]
    pub fn members(&self, domain: Domain) -> &[WorkerId] {
        &self.members[self.starts[domain.index()]..self.starts[domain.index() + 1]]
    }

    /// How far apart two workers are.
    #[must_use]
    pub fn tier(&self, a: WorkerId, b: WorkerId) -> Tier {
        let (one, other) = (self.seats[a.index()].place, self.seats[b.index()].place);
        if a == b {
            Tier::Core
        } else if one.node != other.node {
            Tier::Far
        } else if one.llc != other.llc {
            Tier::Node
        } else if one.core != other.core {
            Tier::Llc
        } else {
            Tier::Smt
        }
    }

    /// How far a worker is from the members of another domain.
    pub(crate) fn tier_of(&self, worker: WorkerId, domain: Domain) -> Tier {
        self.tier(worker, self.members(domain)[0]).max(Tier::Llc)
    }

    /// The domains of one node, as a range of numbers.
    pub(crate) fn node(&self, domain: Domain) -> Range<usize> {
        let (first, end) = self.nodes[domain.index()];
        usize::from(first)..usize::from(end)
    }

    /// The domain with this number.
    pub(crate) fn nth(&self, index: usize) -> Domain {
        debug_assert!(index < self.nodes.len(), "there is no such domain");
        Domain(index as u16)
    }
}

fn seats(places: &[Place], members: &[WorkerId], starts: &[usize]) -> Box<[Seat]> {
    let mut seats: Vec<_> = places
        .iter()
        .map(|&place| Seat {
            place,
            domain: 0,
            position: 0,
        })
        .collect();
    for (domain, bounds) in starts.windows(2).enumerate() {
        for position in bounds[0]..bounds[1] {
            let seat = &mut seats[members[position].index()];
            seat.domain = domain as u16;
            seat.position = (position - bounds[0]) as u16;
        }
    }
    seats.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes of two caches of two cores of two threads; siblings are eight apart, as on Linux.
    fn small() -> Topology {
        let place = |worker: u32| Place {
            node: worker % 8 / 4,
            llc: worker % 8 / 2,
            core: worker % 8,
        };
        Topology::new(&(0..16).map(place).collect::<Vec<_>>())
    }

    fn id(index: usize) -> WorkerId {
        WorkerId::new(index)
    }

    #[test]
    fn tiers_follow_the_hardware() {
        let topology = small();
        let tiers = [0, 8, 1, 2, 4].map(|other| topology.tier(id(0), id(other)));
        assert_eq!(tiers, Tier::ALL);
    }

    #[test]
    fn every_worker_is_the_member_of_its_domain_that_its_bit_names() {
        let topology = small();
        assert_eq!(topology.domains().len(), 4);
        for worker in (0..16).map(id) {
            let position = topology.bit(worker).trailing_zeros() as usize;
            assert_eq!(topology.members(topology.domain(worker))[position], worker);
        }
    }

    #[test]
    fn a_large_cache_is_divided_and_stays_near() {
        let topology = Topology::uniform(40);
        assert_eq!(topology.domains().len(), 3);
        assert_eq!(topology.tier(id(0), id(39)), Tier::Llc);
        assert_eq!(topology.node(topology.domain(id(20))), 0..3);
    }

    #[test]
    fn domains_of_a_node_have_consecutive_numbers() {
        let topology = small();
        assert_eq!(topology.node(topology.domain(id(5))), 2..4);
        assert_eq!(topology.tier_of(id(0), topology.domain(id(5))), Tier::Far);
    }
}
