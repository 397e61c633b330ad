//! All policies by name: the one place where a policy joins the comparison.

use crate::rivals::{Clock, Fifo, Lru, Sieve};
use crate::subject::Subject;

/// What a subject is built for.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The budget, in the unit of [`crate::Request::size`]; above 0.
    pub capacity: u64,
    /// Distinct objects of the trace: for tables indexed by object, not for decisions.
    pub objects: u32,
}

/// A policy that can be replayed.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// As on the command line.
    pub name: &'static str,
    /// Who published it.
    pub source: &'static str,
    /// An empty cache under it.
    pub build: fn(&Setting) -> Box<dyn Subject>,
}

/// Every policy that there is.
pub const POLICIES: &[Policy] = &[
    Policy {
        name: "fifo",
        source: "first in, first out",
        build: |setting| Box::new(Fifo::new(setting.capacity, setting.objects)),
    },
    Policy {
        name: "lru",
        source: "least recently used",
        build: |setting| Box::new(Lru::new(setting.capacity, setting.objects)),
    },
    Policy {
        name: "clock",
        source: "Corbató 1968",
        build: |setting| Box::new(Clock::new(setting.capacity, setting.objects)),
    },
    Policy {
        name: "sieve",
        source: "Zhang et al., NSDI 2024",
        build: |setting| Box::new(Sieve::new(setting.capacity, setting.objects)),
    },
];

/// The policy of this name.
#[must_use]
pub fn policy(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}
