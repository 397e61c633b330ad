//! The worst pause: how long one operation keeps its caller while a cache of variable-sized byte strings
//! grows from empty to its limit and beyond, while a quarter of all expires at one time, and when all of
//! it is removed at once.
//!
//! Time is the thread's CPU time. What the machine itself adds now and then falls on another operation
//! each time, while a pause of the structure's own comes back at the same one: the sequence is run
//! several times, always with the same seed of the hash, and of each operation the shortest time counts.
//!
//! Beside the byte store, moka by weight, and a `HashMap` of standard boxes which has no limit at all:
//! what it costs to grow one is what a server pays that keeps one.

use std::sync::Arc;
use std::time::Duration;

use ant_colony_store::{Config, Meta, Store};
use anyhow::{Context as _, Result};
use foldhash::fast::FixedState;

use super::{Plan, Workload};
use crate::harness::{Better, Contender, Experiment, Measured, Metric};
use crate::machine::Cores;
use crate::random::Random;
use crate::team::{Core, Team, thread_cpu};

const METRICS: &[Metric] = &[
    Metric {
        name: "worst_us",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "clear_us",
        unit: "us",
        better: Better::Lower,
    },
];

/// Times that the sequence is run.
const REPEATS: usize = 3;
/// Longest value.
const VALUE_BYTES_MAX: usize = 1024;
/// Lengths are even up to this power of two below the longest, or up to twice as much, and so on, each
/// as often: half a kilobyte takes long to copy, ten bytes make many objects of a segment.
const VALUE_SCALES: u64 = 8;
/// Operations back that what is asked for came at most.
const RECENT: u64 = 1 << 17;
/// Operations for each that a server's clock makes.
const TICK: usize = 64;
/// Objects that one such operation may look at, as in `hallows serve`.
const EXPIRY_BUDGET: usize = 256;
/// Milliseconds of Unix time at the first operation; each takes one.
const START: u64 = 1_750_000_000_000;

pub(super) fn measure(workload: Workload, plan: &Plan, cores: &Cores) -> Result<Measured> {
    let contenders = vec![
        contender::<ByteStore>("byte store", true, plan, cores),
        contender::<Moka>("moka", false, plan, cores),
        contender::<Unbounded>("hashbrown", false, plan, cores),
    ];
    let experiment = Experiment {
        workload: workload.name(),
        metrics: METRICS,
        contenders,
    };
    experiment.run(plan.rounds)
}

fn contender<'a, C: ByteCache>(
    name: &str,
    ours: bool,
    plan: &'a Plan,
    cores: &'a Cores,
) -> Contender<'a> {
    let memory = plan.pause_memory;
    let measure = move || {
        let mut team = Team::new(cores);
        let operations = 16 * memory / VALUE_BYTES_MAX;
        team.add(Core::First, move || pauses::<C>(memory, operations));
        let (_, mut found) = team.run(operations as u64)?;
        found.pop().context("one thread ran")?
    };
    Contender {
        name: name.to_owned(),
        ours,
        measure: Box::new(measure),
    }
}

/// A bounded cache of bytes under measurement.
trait ByteCache: Sized {
    fn new(memory: usize) -> Result<Self>;
    fn insert(&mut self, key: &[u8], value: &[u8], expires_at: Option<u64>, now: u64)
    -> Result<()>;
    fn remove(&mut self, key: &[u8], now: u64);
    fn get(&mut self, key: &[u8], now: u64) -> bool;
    /// What a server does now and then.
    fn tick(&mut self, turn: usize, now: u64);
    fn clear(&mut self);
}

/// The longest operation, and the removal of all, in microseconds.
fn pauses<C: ByteCache>(memory: usize, operations: usize) -> Result<Vec<f64>> {
    let mut shortest = vec![Duration::MAX; operations];
    let mut clear = Duration::MAX;
    for _ in 0..REPEATS {
        let mut cache = C::new(memory)?;
        let mut random = Random::new(1);
        let mut before = thread_cpu();
        for (number, shortest) in shortest.iter_mut().enumerate() {
            operation(&mut cache, number, operations, &mut random)?;
            let after = thread_cpu();
            *shortest = (*shortest).min(after.saturating_sub(before));
            before = after;
        }
        cache.clear();
        clear = clear.min(thread_cpu().saturating_sub(before));
    }
    let worst = shortest.into_iter().max().unwrap_or_default();
    Ok([worst, clear].map(|time| time.as_secs_f64() * 1e6).to_vec())
}

fn operation<C: ByteCache>(
    cache: &mut C,
    number: usize,
    operations: usize,
    random: &mut Random,
) -> Result<()> {
    static VALUE: [u8; VALUE_BYTES_MAX] = [7; VALUE_BYTES_MAX];
    let now = START + number as u64;
    let (draw, choice) = (random.next(), random.next() % 100);
    let scale = random.next() % VALUE_SCALES;
    let value = &VALUE[..1 + draw as usize % (VALUE_BYTES_MAX >> scale)];
    let earlier = (draw >> 32) % (number as u64 + 1);
    let key = |id: u64| id.to_be_bytes();
    if number.is_multiple_of(TICK) {
        cache.tick(number / TICK, now);
        return Ok(());
    }
    match choice {
        0..55 => {
            let middle = START + operations as u64 / 2;
            let expires_at = draw.is_multiple_of(4).then_some(middle);
            let expires_at = expires_at.filter(|&at| at > now);
            cache.insert(&key(number as u64), value, expires_at, now)
        }
        55..62 => cache.insert(&key(earlier), value, None, now),
        62..70 => {
            cache.remove(&key(earlier), now);
            Ok(())
        }
        _ => {
            // What has just come is asked for several times, so that nothing of it is let go at once.
            let recent = number as u64 - earlier % (number as u64 + 1).min(RECENT);
            std::hint::black_box(cache.get(&key(recent), now));
            std::hint::black_box(cache.get(&key(recent), now));
            Ok(())
        }
    }
}

struct ByteStore(Store);

impl ByteCache for ByteStore {
    fn new(memory: usize) -> Result<Self> {
        let config = Config {
            memory,
            workers: 2,
            seed: 1,
        };
        Ok(ByteStore(Store::new(config)?))
    }

    fn insert(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_at: Option<u64>,
        now: u64,
    ) -> Result<()> {
        let key = self.0.key(0, key);
        let meta = Meta {
            expires_at,
            raw: false,
        };
        let done = self.0.lock(&key).insert(&key, value, meta, now);
        done.map_err(|full| anyhow::anyhow!("{full:?}"))
    }

    fn remove(&mut self, key: &[u8], now: u64) {
        let key = self.0.key(0, key);
        self.0.lock(&key).remove(&key, now);
    }

    fn get(&mut self, key: &[u8], now: u64) -> bool {
        let key = self.0.key(0, key);
        self.0.lock(&key).get(&key, now).is_some()
    }

    fn tick(&mut self, turn: usize, now: u64) {
        self.0.expire_step(turn, now, EXPIRY_BUDGET);
        self.0.shrink_step(now);
    }

    fn clear(&mut self) {
        self.0.flush(None);
    }
}

/// Weighs keys and values; nothing expires, which is less work.
struct Moka(moka::sync::Cache<Arc<[u8]>, Arc<[u8]>, FixedState>);

impl ByteCache for Moka {
    fn new(memory: usize) -> Result<Self> {
        let builder = moka::sync::Cache::builder()
            .max_capacity(memory as u64)
            .weigher(|key: &Arc<[u8]>, value: &Arc<[u8]>| (key.len() + value.len()) as u32);
        Ok(Moka(builder.build_with_hasher(FixedState::default())))
    }

    fn insert(&mut self, key: &[u8], value: &[u8], _: Option<u64>, _: u64) -> Result<()> {
        self.0.insert(key.into(), value.into());
        Ok(())
    }

    fn remove(&mut self, key: &[u8], _: u64) {
        self.0.invalidate(key);
    }

    fn get(&mut self, key: &[u8], _: u64) -> bool {
        self.0.get(key).is_some()
    }

    fn tick(&mut self, _: usize, _: u64) {}

    /// Its memory is freed by later operations, as that of the byte store is.
    fn clear(&mut self) {
        self.0.invalidate_all();
    }
}

/// Grows without a limit, so that nothing is evicted, and nothing expires.
struct Unbounded(hashbrown::HashMap<Box<[u8]>, Box<[u8]>, FixedState>);

impl ByteCache for Unbounded {
    fn new(_: usize) -> Result<Self> {
        Ok(Unbounded(hashbrown::HashMap::default()))
    }

    fn insert(&mut self, key: &[u8], value: &[u8], _: Option<u64>, _: u64) -> Result<()> {
        self.0.insert(key.into(), value.into());
        Ok(())
    }

    fn remove(&mut self, key: &[u8], _: u64) {
        self.0.remove(key);
    }

    fn get(&mut self, key: &[u8], _: u64) -> bool {
        self.0.contains_key(key)
    }

    fn tick(&mut self, _: usize, _: u64) {}

    fn clear(&mut self) {
        self.0.clear();
    }
}
