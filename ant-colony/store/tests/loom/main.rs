//! Every interleaving of small programs that read and write as the store does.
//!
//! The orders of memory are the store's own: `protocol` and `directory` are its files, with loom's
//! atomics. What is modelled is where they are used: a slot, the record that it names, the blocks of
//! memory that they lie in, and what happens to them.
//! Each ordering there is needed: weakened, it makes a model fail (`cargo xtask verify mutants --only
//! store`). But that `begin` is more than an acquire is for what processors do between a lock and a
//! load, which loom does not know.
//!
//! ```text
//! cargo test --profile verify -p ant-colony-store --features loom --test loom
//! ```

extern crate alloc;

#[path = "../../src/view/directory.rs"]
mod directory;
#[path = "../../src/view/protocol.rs"]
#[allow(dead_code, reason = "the models use what they need")]
mod protocol;

mod blocks;
mod closed;
mod moves;
mod records;

/// loom's atomics, with loads that depend on each other.
///
/// loom remembers of each atomic only the last access, whoever made it, so that a load may hide
/// the loads of others. Here each load first stores to a word of its own; stores depend on
/// each other. The word is never read, so this adds no happens-before.
mod atomic {
    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::{Ordering, fence};

    macro_rules! with_dependent_loads {
        ($name:ident $(<$of:ident>)?, $value:ty) => {
            #[derive(Debug)]
            pub(crate) struct $name $(<$of>)? {
                word: atomic::$name $(<$of>)?,
                loads: atomic::AtomicBool,
            }

            impl $(<$of>)? $name $(<$of>)? {
                pub(crate) fn new(value: $value) -> Self {
                    Self {
                        word: atomic::$name::new(value),
                        loads: atomic::AtomicBool::new(false),
                    }
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.loads.store(true, Ordering::Relaxed);
                    self.word.load(order)
                }

                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.word.store(value, order);
                }
            }
        };
    }

    with_dependent_loads!(AtomicU64, u64);
    with_dependent_loads!(AtomicUsize, usize);
    with_dependent_loads!(AtomicPtr<T>, *mut T);
}

use atomic::AtomicU64;
use loom::sync::{Arc, Mutex};
use loom::thread;
use protocol::{Sequence, fill, follow, look, publish};

/// A shard of a few slots and records, as readers see it. Whoever writes holds the lock.
struct Shard {
    sequence: Sequence,
    /// Tells where slots are looked for: buckets in use, or a link.
    root: AtomicU64,
    slots: [AtomicU64; 2],
    records: [Record; 2],
    lock: Mutex<()>,
}

/// A record of one key: `length` says how many words of the value count.
struct Record {
    header: AtomicU64,
    words: [AtomicU64; 2],
}

impl Record {
    fn new(key: u64, value: u64) -> Self {
        Self {
            header: AtomicU64::new(header(key, 1)),
            words: [AtomicU64::new(value), AtomicU64::new(0)],
        }
    }

    /// Writes a record that no reader can find yet.
    fn write(&self, key: u64, value: u64) {
        fill(&self.header, header(key, 1));
        fill(&self.words[0], value);
    }
}

fn header(key: u64, length: u64) -> u64 {
    key << 8 | length
}

/// What a reader found: the words of the value.
type Found = Option<Vec<u64>>;

impl Shard {
    /// Key 1 with value 10 in record 0, which slot 0 names; the other record holds nothing.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sequence: Sequence::new(),
            root: AtomicU64::new(1),
            slots: [AtomicU64::new(1), AtomicU64::new(0)],
            records: [Record::new(1, 10), Record::new(0, 0)],
            lock: Mutex::new(()),
        })
    }

    /// One attempt of a reader; nothing if it is not content.
    fn read(&self, key: u64) -> Option<Found> {
        let begun = self.sequence.begin()?;
        let found = self.search(key);
        self.sequence.is_still(begun).then_some(found)
    }

    fn search(&self, key: u64) -> Found {
        let in_use = follow(&self.root) as usize;
        for slot in &self.slots[..in_use] {
            let Some(location) = follow(slot).checked_sub(1) else {
                continue;
            };
            let record = &self.records[location as usize];
            let header = follow(&record.header);
            if header >> 8 == key {
                let length = header as u8 as usize;
                return Some(record.words[..length].iter().map(look).collect());
            }
        }
        None
    }
}

/// A thread that looks key 1 up, and checks what it finds if it is content.
fn reader(
    shard: &Arc<Shard>,
    check: impl FnOnce(Found) + Send + 'static,
) -> thread::JoinHandle<()> {
    let shard = Arc::clone(shard);
    thread::spawn(move || {
        if let Some(found) = shard.read(1) {
            check(found);
        }
    })
}

/// Explores what `run` may do.
fn model(run: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(run);
}
