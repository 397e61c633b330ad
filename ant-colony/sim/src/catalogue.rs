//! All policies by name: the one place where a policy joins the comparison.

use std::sync::Arc;

use ant_colony_policy::Detail;

use crate::ant::Colony;
use crate::future::Future;
use crate::metadata::{self, Metadata};
use crate::rivals;
use crate::subject::Subject;
use crate::trace::Unit;
use crate::trails::Trailing;
use crate::yardstick::Yardstick;

/// What a subject is built for.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The budget, above 0.
    pub capacity: u64,
    /// What it counts.
    pub unit: Unit,
    /// Distinct objects of the trace: for tables indexed by object, not for decisions.
    pub objects: u32,
    /// Objects that the cache can be expected to hold.
    pub expected: usize,
    /// For policies that asked for it.
    pub future: Option<Arc<Future>>,
}

/// A policy that can be replayed.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// As on the command line.
    pub name: &'static str,
    /// Who published it.
    pub source: &'static str,
    /// Whether it must know the whole trace beforehand.
    pub needs_future: bool,
    /// What it keeps beside the objects.
    metadata: Metadata,
    /// An empty cache under it.
    pub build: fn(&Setting) -> Box<dyn Subject>,
}

impl Policy {
    /// One that knows nothing but the requests so far.
    const fn online(
        name: &'static str,
        source: &'static str,
        metadata: Metadata,
        build: fn(&Setting) -> Box<dyn Subject>,
    ) -> Self {
        Self {
            name,
            source,
            needs_future: false,
            metadata,
            build,
        }
    }

    /// Bytes that it takes for each object of a cache of a million, beside the object, its key and
    /// the index: a trace stands for a larger load, where what has a fixed size counts for little.
    #[must_use]
    pub fn metadata_bytes(&self) -> f64 {
        const OBJECTS: usize = 1_000_000;
        (self.metadata)(OBJECTS) / OBJECTS as f64
    }
}

/// Every policy that there is.
pub const POLICIES: &[Policy] = &[
    Policy::online("ant", "Ant Colony's default", metadata::ANT, |s| {
        Box::new(colony(s, Detail::Lean))
    }),
    Policy::online(
        "ant-full",
        "Ant Colony at full quality",
        metadata::ANT_FULL,
        |s| Box::new(colony(s, Detail::Full)),
    ),
    Policy::online(
        "ant-trails",
        "the default and successor trails",
        |n| metadata::ANT(n) + metadata::trails(n, 8),
        |s| {
            let cache = colony(s, Detail::Lean);
            Box::new(Trailing::new(cache, s.capacity, s.objects, s.expected * 8))
        },
    ),
    Policy::online(
        "ant-full-trails",
        "full quality and successor trails",
        |n| metadata::ANT_FULL(n) + metadata::trails(n, 24),
        |s| {
            let cache = colony(s, Detail::Full);
            Box::new(Trailing::new(cache, s.capacity, s.objects, s.expected * 24))
        },
    ),
    Policy::online(
        "s3fifo-adaptive",
        "S3-FIFO as in the byte store",
        metadata::YARDSTICK,
        |s| Box::new(Yardstick::new(s.capacity, s.objects, s.expected)),
    ),
    Policy::online("fifo", "first in, first out", metadata::NONE, |s| {
        Box::new(rivals::Fifo::new(s.capacity, s.objects))
    }),
    Policy::online("lru", "least recently used", metadata::LRU, |s| {
        Box::new(rivals::Lru::new(s.capacity, s.objects))
    }),
    Policy::online("clock", "Corbató 1968", metadata::CLOCK, |s| {
        Box::new(rivals::Clock::new(s.capacity, s.objects))
    }),
    Policy::online("slru", "Karedla et al., 1994", metadata::SLRU, |s| {
        Box::new(rivals::Slru::new(s.capacity, s.objects))
    }),
    Policy::online(
        "twoq",
        "Johnson and Shasha, VLDB 1994",
        metadata::TWO_Q,
        |s| Box::new(rivals::TwoQ::new(s.capacity, s.objects)),
    ),
    Policy::online("arc", "Megiddo and Modha, FAST 2003", metadata::ARC, |s| {
        Box::new(rivals::Arc::new(s.capacity, s.objects))
    }),
    Policy::online(
        "lirs",
        "Jiang and Zhang, SIGMETRICS 2002",
        metadata::LIRS,
        |s| Box::new(rivals::Lirs::new(s.capacity, s.objects)),
    ),
    Policy::online(
        "wtinylfu",
        "Einziger et al., ToS 2017",
        metadata::W_TINY_LFU,
        |s| Box::new(rivals::WTinyLfu::new(s.capacity, s.objects)),
    ),
    Policy::online("s3fifo", "Yang et al., SOSP 2023", metadata::S3_FIFO, |s| {
        Box::new(rivals::S3Fifo::new(s.capacity, s.objects))
    }),
    Policy::online("qdlp", "Yang et al., HotOS 2023", metadata::S3_FIFO, |s| {
        Box::new(rivals::Qdlp::new(s.capacity, s.objects))
    }),
    Policy::online("sieve", "Zhang et al., NSDI 2024", metadata::SIEVE, |s| {
        Box::new(rivals::Sieve::new(s.capacity, s.objects))
    }),
    Policy::online("clock2qplus", "VLDB 2026", metadata::CLOCK_2Q_PLUS, |s| {
        Box::new(rivals::clock2q_plus(s.capacity, s.objects))
    }),
    Policy {
        name: "belady",
        source: "Belady 1966, knows the future",
        needs_future: true,
        metadata: metadata::NONE,
        build: |s| {
            let future = s.future.clone().expect("whoever needs it gets it");
            Box::new(rivals::Belady::new(s.capacity, s.objects, future))
        },
    },
];

/// A cache under the learned policy, which where bytes count compares objects by the byte.
fn colony(setting: &Setting, detail: Detail) -> Colony {
    let Setting {
        capacity, objects, ..
    } = *setting;
    match (setting.unit, detail) {
        (Unit::Bytes, _) => Colony::by_bytes(capacity, objects, setting.expected, detail),
        (Unit::Objects, Detail::Lean) => Colony::lean(capacity, objects),
        (Unit::Objects, Detail::Full) => Colony::full(capacity, objects),
    }
}

/// The policy of this name.
#[must_use]
pub fn policy(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}
