//! What a policy keeps beside the objects, for comparisons at equal total memory.
//!
//! Not counted is what any cache has: keys, values, and the index that finds them. Of Ant Colony's
//! policies it is what they take in fact. Rivals are counted as favourably as a compact
//! implementation can be:
//!
//! - the order of a FIFO queue costs nothing, because objects can lie in it;
//! - a list that objects are taken out of the middle of takes two links of four bytes for each;
//! - a departed object takes four bytes: a fingerprint and when it left;
//! - counters take their bits, and those of W-TinyLFU's Bloom filter four each.

use ant_colony_policy::{Frequency, Mark, Policy as Yardstick, Settings, Trails};

/// Bytes of two links.
const LINKS: f64 = 8.0;
/// Bytes of a departed object.
const DEPARTED: f64 = 4.0;
/// Bytes of a bit.
const BIT: f64 = 1.0 / 8.0;

/// Of a cache of so many objects, in bytes.
pub(crate) type Metadata = fn(usize) -> f64;

pub(crate) const NONE: Metadata = |_| 0.0;
pub(crate) const LRU: Metadata = |objects| objects as f64 * LINKS;
pub(crate) const CLOCK: Metadata = |objects| objects as f64 * BIT;
/// Which of four lists.
pub(crate) const SLRU: Metadata = |objects| objects as f64 * (LINKS + 2.0 * BIT);
/// The main list alone, three quarters of all, has links; half as many departed objects as residents.
pub(crate) const TWO_Q: Metadata = |objects| objects as f64 * (0.75 * LINKS + BIT + 0.5 * DEPARTED);
pub(crate) const ARC: Metadata = |objects| objects as f64 * (LINKS + BIT + DEPARTED);
/// As many departed objects as residents, which stand in the stack and so have links.
pub(crate) const LIRS: Metadata = |objects| objects as f64 * (2.0 * LINKS + 2.0 * BIT + DEPARTED);
/// 14.4 counters for an object give one wrong count in 1,000.
pub(crate) const W_TINY_LFU: Metadata =
    |objects| objects as f64 * (LINKS + 2.0 * BIT + 14.4 * 4.0 * BIT);
/// Two bits of hits; departed objects for nine tenths of the cache.
pub(crate) const S3_FIFO: Metadata = |objects| objects as f64 * (2.0 * BIT + 0.9 * DEPARTED);
pub(crate) const SIEVE: Metadata = |objects| objects as f64 * (LINKS + BIT);
pub(crate) const CLOCK_2Q_PLUS: Metadata = |objects| objects as f64 * (BIT + 0.9 * DEPARTED);

/// Two bits of hits, and what the policy remembers.
pub(crate) const YARDSTICK: Metadata =
    |objects| objects as f64 * f64::from(Frequency::BITS) * BIT + Yardstick::bytes(objects) as f64;
pub(crate) const ANT: Metadata = |objects| learned(objects, Settings::lean);
pub(crate) const ANT_FULL: Metadata = |objects| learned(objects, Settings::full);

/// A mark for each resident, and what the policy remembers and has learned.
fn learned(objects: usize, settings: fn(usize) -> Settings) -> f64 {
    (objects * size_of::<Mark>() + settings(objects).bytes()) as f64
}

/// So many trails for each object of the cache, beside what the cache's own policy takes.
pub(crate) fn trails(objects: usize, per_object: usize) -> f64 {
    Trails::<u32>::bytes(objects * per_object) as f64
}

#[cfg(test)]
mod tests {
    use crate::catalogue::{POLICIES, policy};
    use crate::replay::Capacity;

    fn bytes(name: &str) -> f64 {
        policy(name).expect(name).metadata_bytes()
    }

    #[test]
    fn the_default_takes_at_most_twelve_bytes_and_three_times_as_much_as_the_yardstick() {
        assert!((11.0..12.0).contains(&bytes("ant")), "{}", bytes("ant"));
        assert!((4.4..4.5).contains(&bytes("s3fifo-adaptive")));
        assert!((3.8..3.9).contains(&bytes("s3fifo")));
        assert!(bytes("ant-trails") > bytes("ant") + 40.0);
    }

    #[test]
    fn objects_and_metadata_fill_the_same_memory_under_all_policies() {
        let memory = Capacity {
            capacity: 1_000_000,
            size_fraction: 0.5,
        };
        for policy in POLICIES {
            let held = memory.less_metadata(policy, 100.0);
            let used = held.capacity as f64 * (100.0 + policy.metadata_bytes());
            assert!((used / 1e8 - 1.0).abs() < 1e-5, "{}: {used}", policy.name);
            assert_eq!(held.size_fraction, 0.5);
        }
    }
}
