//! All policies by name: the one place where a policy joins the comparison.

use std::sync::Arc;

use crate::ant::Colony;
use crate::future::Future;
use crate::rivals;
use crate::subject::Subject;
use crate::trails::Trailing;

/// What a subject is built for.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The budget, in the unit of [`crate::Request::size`]; above 0.
    pub capacity: u64,
    /// Distinct objects of the trace: for tables indexed by object, not for decisions.
    pub objects: u32,
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
    /// An empty cache under it.
    pub build: fn(&Setting) -> Box<dyn Subject>,
}

impl Policy {
    /// One that knows nothing but the requests so far.
    const fn online(
        name: &'static str,
        source: &'static str,
        build: fn(&Setting) -> Box<dyn Subject>,
    ) -> Self {
        Self {
            name,
            source,
            needs_future: false,
            build,
        }
    }
}

/// Every policy that there is.
pub const POLICIES: &[Policy] = &[
    Policy::online("ant", "Ant Colony's default", |s| {
        Box::new(Colony::lean(s.capacity, s.objects))
    }),
    Policy::online("ant-full", "Ant Colony at full quality", |s| {
        Box::new(Colony::full(s.capacity, s.objects))
    }),
    Policy::online("ant-trails", "the default and successor trails", |s| {
        let cache = Colony::lean(s.capacity, s.objects);
        Box::new(Trailing::new(cache, s.capacity, s.objects, trails(s, 8)))
    }),
    Policy::online(
        "ant-full-trails",
        "full quality and successor trails",
        |s| {
            let cache = Colony::full(s.capacity, s.objects);
            Box::new(Trailing::new(cache, s.capacity, s.objects, trails(s, 24)))
        },
    ),
    Policy::online("fifo", "first in, first out", |s| {
        Box::new(rivals::Fifo::new(s.capacity, s.objects))
    }),
    Policy::online("lru", "least recently used", |s| {
        Box::new(rivals::Lru::new(s.capacity, s.objects))
    }),
    Policy::online("clock", "Corbató 1968", |s| {
        Box::new(rivals::Clock::new(s.capacity, s.objects))
    }),
    Policy::online("slru", "Karedla et al., 1994", |s| {
        Box::new(rivals::Slru::new(s.capacity, s.objects))
    }),
    Policy::online("twoq", "Johnson and Shasha, VLDB 1994", |s| {
        Box::new(rivals::TwoQ::new(s.capacity, s.objects))
    }),
    Policy::online("arc", "Megiddo and Modha, FAST 2003", |s| {
        Box::new(rivals::Arc::new(s.capacity, s.objects))
    }),
    Policy::online("lirs", "Jiang and Zhang, SIGMETRICS 2002", |s| {
        Box::new(rivals::Lirs::new(s.capacity, s.objects))
    }),
    Policy::online("wtinylfu", "Einziger et al., ToS 2017", |s| {
        Box::new(rivals::WTinyLfu::new(s.capacity, s.objects))
    }),
    Policy::online("s3fifo", "Yang et al., SOSP 2023", |s| {
        Box::new(rivals::S3Fifo::new(s.capacity, s.objects))
    }),
    Policy::online("qdlp", "Yang et al., HotOS 2023", |s| {
        Box::new(rivals::Qdlp::new(s.capacity, s.objects))
    }),
    Policy::online("sieve", "Zhang et al., NSDI 2024", |s| {
        Box::new(rivals::Sieve::new(s.capacity, s.objects))
    }),
    Policy::online("clock2qplus", "VLDB 2026", |s| {
        Box::new(rivals::clock2q_plus(s.capacity, s.objects))
    }),
    Policy {
        name: "belady",
        source: "Belady 1966, knows the future",
        needs_future: true,
        build: |s| {
            let future = s.future.clone().expect("whoever needs it gets it");
            Box::new(rivals::Belady::new(s.capacity, s.objects, future))
        },
    },
];

/// So many trails for each object that the cache may hold.
fn trails(setting: &Setting, per_object: usize) -> usize {
    setting.capacity.min(u64::from(setting.objects)) as usize * per_object
}

/// The policy of this name.
#[must_use]
pub fn policy(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}
