//! Miss ratios on real traces, against published policies.
//!
//! The traces lie beside the repository, not in it; without them the test says so and
//! passes. The yardstick is the mean reduction of the miss ratio against FIFO over all
//! traces, as libCacheSim measured it for S3-FIFO (`reference-miss-ratios.csv`), at
//! caches of 0.1%, 1% and 10% of the distinct objects.

use ant_colony_policy::{Fate, Frequency, Policy, Queue};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A simulated cache of whole objects, driven by the policy.
struct Cache {
    policy: Policy,
    capacity: usize,
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    /// Counter of each object in the cache.
    objects: Vec<Option<Frequency>>,
}

impl Cache {
    fn new(capacity: usize, ids: usize) -> Self {
        Self {
            policy: Policy::new(capacity),
            capacity,
            small: VecDeque::new(),
            main: VecDeque::new(),
            objects: vec![None; ids],
        }
    }

    /// Whether the object was there.
    fn request(&mut self, id: u32) -> bool {
        if let Some(frequency) = &mut self.objects[id as usize] {
            *frequency = frequency.hit();
            return true;
        }
        let queue = self.policy.on_insert(hash(id));
        while self.small.len() + self.main.len() >= self.capacity {
            self.reclaim();
        }
        self.push(queue, id, Frequency::ZERO);
        false
    }

    fn push(&mut self, queue: Queue, id: u32, frequency: Frequency) {
        self.objects[id as usize] = Some(frequency);
        match queue {
            Queue::Small => self.small.push_back(id),
            Queue::Main => self.main.push_back(id),
        }
    }

    fn reclaim(&mut self) {
        let (small, main) = (self.small.len(), self.main.len());
        let queue = self.policy.next_victim(small, main, self.capacity);
        let victim = match queue {
            Queue::Small => self.small.pop_front().map(|id| (Queue::Small, id)),
            Queue::Main => self.main.pop_front().map(|id| (Queue::Main, id)),
        };
        let other = || panic!("the policy named an empty queue");
        let (queue, id) = victim.unwrap_or_else(other);
        let frequency = self.objects[id as usize]
            .take()
            .expect("a queued object is cached");
        match self.policy.on_reclaim(queue, frequency, hash(id), 0) {
            Fate::Keep { queue, frequency } => self.push(queue, id, frequency),
            Fate::Evict => {}
        }
    }
}

fn hash(id: u32) -> u64 {
    let x = u64::from(id)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

fn miss_ratio(requests: &[u32], ids: usize, capacity: usize) -> f64 {
    let mut cache = Cache::new(capacity, ids);
    let misses = requests.iter().filter(|&&id| !cache.request(id)).count();
    misses as f64 / requests.len() as f64
}

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no traces at {}", folder.display());
    None
}

/// The requests of a trace as dense numbers, and how many there are of those.
fn read(path: &Path) -> (Vec<u32>, usize) {
    let file = std::fs::File::open(path).expect("the trace can be opened");
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(std::io::BufReader::new(file))
        .expect("a trace is a zstd stream");
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).expect("the trace is whole");
    let mut numbers = HashMap::new();
    let requests = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|id| {
            let next = numbers.len() as u32;
            *numbers.entry(u64::from_le_bytes(*id)).or_insert(next)
        })
        .collect();
    (requests, numbers.len())
}

/// Published miss ratios by trace, size and policy, and the cache sizes in objects.
struct Reference {
    ratios: HashMap<(String, String, String), f64>,
    sizes: Vec<(String, String, usize)>,
}

impl Reference {
    fn read(folder: &Path) -> Self {
        let path = folder.join("reference-miss-ratios.csv");
        let text = std::fs::read_to_string(path).expect("the reference can be read");
        let mut reference = Self {
            ratios: HashMap::new(),
            sizes: Vec::new(),
        };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [trace, size, objects, policy, ratio] = fields[..] else {
                panic!("unexpected line: {line}");
            };
            // Its misses are nearly all compulsory, as the folder's index says.
            if trace == "mem_mcf" {
                continue;
            }
            let key = (trace.to_owned(), size.to_owned(), policy.to_owned());
            reference
                .ratios
                .insert(key, ratio.parse().expect("a ratio is a number"));
            if policy == "fifo" {
                let objects = objects.parse().expect("a size is a number");
                reference
                    .sizes
                    .push((trace.to_owned(), size.to_owned(), objects));
            }
        }
        reference
    }

    fn ratio(&self, trace: &str, size: &str, policy: &str) -> f64 {
        self.ratios[&(trace.to_owned(), size.to_owned(), policy.to_owned())]
    }
}

/// Gain over FIFO at one size of one trace: ours, and that of S3-FIFO as published.
struct Gain {
    size: String,
    ours: f64,
    published: f64,
}

fn gains_on(trace: &str, folder: &Path, reference: &Reference) -> Vec<Gain> {
    let (requests, ids) = read(&folder.join(format!("{trace}.u64.zst")));
    let sizes = reference.sizes.iter().filter(|(of, ..)| of == trace);
    sizes
        .map(|(_, size, objects)| {
            let fifo = reference.ratio(trace, size, "fifo");
            let ratio = miss_ratio(&requests, ids, *objects);
            let gain = Gain {
                size: size.clone(),
                ours: 100.0 * (1.0 - ratio / fifo),
                published: 100.0 * (1.0 - reference.ratio(trace, size, "s3fifo") / fifo),
            };
            println!(
                "{trace:<16} {size:>5}: {ratio:.4}, {:5.1}% below FIFO, S3-FIFO {:5.1}%",
                gain.ours, gain.published
            );
            gain
        })
        .collect()
}

#[test]
fn the_mean_gain_over_fifo_is_at_least_that_of_s3_fifo() {
    let Some(folder) = folder() else { return };
    let reference = Reference::read(&folder);
    let traces: BTreeSet<&str> = reference.sizes.iter().map(|size| &*size.0).collect();
    let gains: Vec<Gain> = std::thread::scope(|scope| {
        let (folder, reference) = (&folder, &reference);
        let runs: Vec<_> = traces
            .into_iter()
            .map(|trace| scope.spawn(move || gains_on(trace, folder, reference)))
            .collect();
        let joined = runs
            .into_iter()
            .map(|run| run.join().expect("a replay ends"));
        joined.flatten().collect()
    });
    for size in ["0.001", "0.01", "0.1"] {
        let of_size = || gains.iter().filter(|gain| gain.size == size);
        let mean =
            |value: fn(&Gain) -> f64| of_size().map(value).sum::<f64>() / of_size().count() as f64;
        let (ours, published) = (mean(|gain| gain.ours), mean(|gain| gain.published));
        println!("mean at {size}: {ours:.2}% below FIFO, S3-FIFO {published:.2}%");
        assert!(
            ours >= published,
            "at {size}: {ours} is less than {published}"
        );
    }
}
