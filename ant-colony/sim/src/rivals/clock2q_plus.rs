//! Clock2Q+ (*Clock2Q+: a simple and efficient replacement algorithm for metadata cache in VMware
//! vSAN*, VLDB 2026): S3-FIFO that does not count hits which come right after the first access.

use super::S3Fifo;
use super::s3_fifo::Rules;

/// Correlated accesses say nothing about later ones: hits in the younger half of the small queue
/// are not counted. In its older half one hit is enough, and the main queue is a plain CLOCK.
pub(crate) fn clock2q_plus(capacity: u64, objects: u32) -> S3Fifo {
    let rules = Rules {
        promotion: 1,
        hits_max: 1,
        window: (capacity / 10).div_ceil(2),
    };
    S3Fifo::with_rules(capacity, objects, rules)
}
