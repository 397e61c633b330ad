//! `client-output-buffer-limit`: how much unread reply data a client may pile
//! up, by class of client. Only the normal class has clients here; the others
//! are kept so that the setting reads and writes as in Redis.
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::value::{Reason, parse_memory};

/// Classes in the order in which they are shown.
const CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Hard bytes, soft bytes and soft seconds of each class.
pub(super) type ClassLimits = [[u64; 3]; CLASSES.len()];

const MIB: u64 = 1 << 20;
const DEFAULT: ClassLimits = [[0; 3], [256 * MIB, 64 * MIB, 60], [32 * MIB, 8 * MIB, 60]];

/// When a client that does not read its replies is closed. Zero bytes: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once beyond this many bytes.
    pub hard_bytes: u64,
    /// Closed when beyond this many bytes for `soft_s`.
    pub soft_bytes: u64,
    /// Seconds that the soft limit may be exceeded.
    pub soft_s: u64,
}

/// The limits in force.
#[derive(Debug)]
pub(super) struct OutputLimits([[AtomicU64; 3]; CLASSES.len()]);

impl Default for OutputLimits {
    fn default() -> Self {
        Self(DEFAULT.map(|class| class.map(AtomicU64::new)))
    }
}

impl OutputLimits {
    #[inline]
    pub(super) fn normal(&self) -> OutputLimit {
        let [hard, soft, seconds] = &self.0[0];
        OutputLimit {
            hard_bytes: hard.load(Relaxed),
            soft_bytes: soft.load(Relaxed),
            soft_s: seconds.load(Relaxed),
        }
    }

    pub(super) fn store(&self, limits: &ClassLimits) {
        for (class, values) in self.0.iter().zip(limits) {
            for (place, value) in class.iter().zip(values) {
                place.store(*value, Relaxed);
            }
        }
    }

    fn load(&self) -> ClassLimits {
        core::array::from_fn(|class| core::array::from_fn(|i| self.0[class][i].load(Relaxed)))
    }

    pub(super) fn print(&self) -> String {
        let mut text = String::new();
        for (name, [hard, soft, seconds]) in CLASSES.iter().zip(self.load()) {
            let gap = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{name} {hard} {soft} {seconds}");
        }
        text
    }

    /// Reads `class hard soft seconds` any number of times; classes that are not
    /// named keep their limits.
    pub(super) fn parse(&self, text: &[u8]) -> Result<ClassLimits, Reason> {
        let words: Vec<&[u8]> = text
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty())
            .collect();
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Reason::LimitCount);
        }
        let mut limits = self.load();
        for [class, hard, soft, seconds] in groups {
            let values = [
                parse_memory(hard),
                parse_memory(soft),
                parse_seconds(seconds),
            ];
            let [Some(hard), Some(soft), Some(seconds)] = values else {
                return Err(Reason::LimitValue);
            };
            limits[class_index(class)?] = [hard, soft, seconds];
        }
        Ok(limits)
    }
}

fn class_index(name: &[u8]) -> Result<usize, Reason> {
    if name.eq_ignore_ascii_case(b"replica") {
        return Ok(1);
    }
    CLASSES
        .iter()
        .position(|class| class.as_bytes().eq_ignore_ascii_case(name))
        .ok_or(Reason::LimitClass)
}

fn parse_seconds(text: &[u8]) -> Option<u64> {
    let seconds = hallows_resp::parse_integer(text)?;
    u64::try_from(seconds).ok()
}
