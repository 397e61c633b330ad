//! Generated traces: loops, scans beside a hot set, skewed popularity, and changes of taste.
//!
//! A name says all: `gen:KIND,PARAMETER=VALUE,...`. The same name gives the same requests. Ids are
//! scattered, so that neighbours say nothing about each other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use super::Record;

/// The kinds with their parameters, for help texts.
pub const GENERATED: &str = "\
gen:loop    objects asked for in turn, again and again: times=1.5 (of the capacity)
gen:scan    a hot set, and scans of new objects that pass once: times=0.5, share=0.3, run=200
gen:zipf    objects of skewed popularity: times=10, skew=0.9
gen:shift   the same, with other popular objects after every=5000 requests: times=10, skew=0.9
gen:visits  objects that come, are asked for a while at intervals of their own, and go: times=10
            (the longest interval)
All take capacity=1000 (what times refers to), requests=20000, seed=1.";

/// Short traces full of loops, for caches of 1,000 objects: what a policy that learns must not be
/// bad at before it has learned.
pub const SUITE: &[&str] = &[
    "gen:loop,times=1.1,requests=5000",
    "gen:loop,times=1.1,requests=100000",
    "gen:loop,times=1.5,requests=20000",
    "gen:loop,times=2,requests=10000",
    "gen:loop,times=2,requests=100000",
    "gen:loop,times=4,requests=20000",
    "gen:loop,times=10,requests=50000",
    "gen:scan,times=0.5,share=0.3,requests=5000",
    "gen:scan,times=0.5,share=0.6,run=2000,requests=20000",
    "gen:scan,times=0.9,share=0.5,run=500,requests=100000",
    "gen:scan,times=1.5,share=0.3,requests=50000",
    "gen:zipf,skew=0.7,requests=20000",
    "gen:zipf,skew=1,requests=100000",
    "gen:shift,every=2000,requests=20000",
    "gen:shift,every=10000,requests=100000",
];

/// More do not belong into memory.
const REQUESTS_MAX: f64 = 1e8;

struct Parameters {
    capacity: f64,
    times: f64,
    requests: f64,
    seed: f64,
    share: f64,
    run: f64,
    skew: f64,
    every: f64,
}

impl Parameters {
    fn of(kind: &str) -> Self {
        Self {
            capacity: 1_000.0,
            times: match kind {
                "loop" => 1.5,
                "scan" => 0.5,
                _ => 10.0,
            },
            requests: 20_000.0,
            seed: 1.0,
            share: 0.3,
            run: 200.0,
            skew: 0.9,
            every: 5_000.0,
        }
    }

    /// The parameter of this name where the kind has it, and the values that it may take.
    fn named(&mut self, kind: &str, name: &str) -> Option<(&mut f64, f64, f64)> {
        let skewed = matches!(kind, "zipf" | "shift");
        match name {
            "capacity" => Some((&mut self.capacity, 1.0, 1e8)),
            "times" => Some((&mut self.times, 0.01, 1_000.0)),
            "requests" => Some((&mut self.requests, 1.0, REQUESTS_MAX)),
            "seed" => Some((&mut self.seed, 0.0, 9e15)),
            "share" if kind == "scan" => Some((&mut self.share, 0.0, 1.0)),
            "run" if kind == "scan" => Some((&mut self.run, 1.0, 1e8)),
            "skew" if skewed => Some((&mut self.skew, 0.0, 4.0)),
            "every" if kind == "shift" => Some((&mut self.every, 1.0, 1e8)),
            _ => None,
        }
    }

    fn objects(&self) -> u64 {
        ((self.capacity * self.times).round() as u64).max(1)
    }
}

/// The records of a generated trace, or what is wrong with its name.
pub(super) fn records(name: &str) -> Result<Vec<Record>, String> {
    let mut parts = name.strip_prefix("gen:").unwrap_or(name).split(',');
    let kind = parts.next().unwrap_or_default();
    let next: fn(&Parameters) -> Generator = match kind {
        "loop" => looping,
        "scan" => scanning,
        "zipf" => zipf,
        "shift" => shifting,
        "visits" => visiting,
        _ => return Err("the kinds are loop, scan, zipf, shift and visits".to_owned()),
    };
    let mut parameters = Parameters::of(kind);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some((parameter, low, high)) = parameters.named(kind, name) else {
            return Err(format!("{kind} has no parameter `{name}`"));
        };
        match value.parse::<f64>() {
            Ok(number) if (low..=high).contains(&number) => *parameter = number,
            _ => return Err(format!("{name} is a number from {low} to {high}")),
        }
    }
    let mut random = Rng::with_seed(parameters.seed as u64);
    let mask = random.u64(..);
    let mut next = next(&parameters);
    let count = parameters.requests as u64;
    let record = |now| Record {
        key: (next(now, &mut random) ^ mask).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        size: 1,
    };
    Ok((0..count).map(record).collect())
}

/// Gives the number of the object that is asked for at a time.
type Generator = Box<dyn FnMut(u64, &mut Rng) -> u64>;

fn looping(parameters: &Parameters) -> Generator {
    let objects = parameters.objects();
    Box::new(move |now, _| now % objects)
}

fn scanning(parameters: &Parameters) -> Generator {
    let (hot, share) = (parameters.objects(), parameters.share);
    let run = parameters.run;
    let (mut stranger, mut left) = (hot, 0_u64);
    // A run begins so often that its requests are the share that was asked for.
    let begin = share / (share + run * (1.0 - share));
    Box::new(move |_, random| {
        if left == 0 && random.f64() < begin {
            left = run as u64;
        }
        if left == 0 {
            return random.u64(0..hot);
        }
        left -= 1;
        stranger += 1;
        stranger
    })
}

fn zipf(parameters: &Parameters) -> Generator {
    let ranks = Ranks::new(parameters.objects(), parameters.skew);
    Box::new(move |_, random| ranks.draw(random))
}

fn shifting(parameters: &Parameters) -> Generator {
    let objects = parameters.objects();
    let ranks = Ranks::new(objects, parameters.skew);
    let every = parameters.every as u64;
    // The most popular ones become unpopular, and others take their places.
    Box::new(move |now, random| (ranks.draw(random) + now / every * (objects / 3)) % objects)
}

/// Half of the objects are asked for once; how often the others are follows Pareto's law. Each has a
/// mean interval of its own, of any order of magnitude up to the longest.
fn visiting(parameters: &Parameters) -> Generator {
    const VISITS_MAX: f64 = 1_000.0;
    struct Visitor {
        left: u32,
        interval: f64,
    }
    let longest = parameters.objects() as f64;
    let mut visitors: Vec<Visitor> = Vec::new();
    let mut due: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    Box::new(move |now, random| {
        let returning = due.peek().is_some_and(|Reverse((time, _))| *time <= now);
        let number = if let (true, Some(Reverse((_, number)))) = (returning, due.pop()) {
            number
        } else {
            let visits = (1.0 / (1.0 - random.f64())).min(VISITS_MAX);
            visitors.push(Visitor {
                left: visits as u32,
                interval: longest.powf(random.f64()),
            });
            visitors.len() - 1
        };
        let visitor = &mut visitors[number];
        visitor.left -= 1;
        if visitor.left > 0 {
            let interval = -(1.0 - random.f64()).ln() * visitor.interval;
            due.push(Reverse((now + 1 + interval as u64, number)));
        }
        number as u64
    })
}

/// Ranks drawn by Zipf's law.
struct Ranks {
    /// Summed weights up to each rank.
    sums: Vec<f64>,
}

impl Ranks {
    fn new(objects: u64, skew: f64) -> Self {
        let mut sum = 0.0;
        let weight = |rank: u64| {
            sum += (rank as f64).powf(-skew);
            sum
        };
        Self {
            sums: (1..=objects).map(weight).collect(),
        }
    }

    fn draw(&self, random: &mut Rng) -> u64 {
        let total = self.sums.last().copied().unwrap_or(0.0);
        let drawn = random.f64() * total;
        self.sums.partition_point(|&sum| sum <= drawn) as u64
    }
}
