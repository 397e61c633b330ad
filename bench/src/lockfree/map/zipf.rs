//! Operations drawn before they are timed: which entry, and whether it is read or overwritten.

use super::SESSION;

/// Draws per thread; longer runs begin again.
const COUNT: usize = 1 << 22;
const EXPONENT: f64 = 0.99;

/// The operations of one thread.
pub(super) struct Draws(Vec<Draw>);

/// An entry's number; the top bit says that it is overwritten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u32);

const WRITE: u32 = 1 << 31;

impl Draw {
    pub(super) fn id(self) -> u64 {
        u64::from(self.0 & !WRITE)
    }

    pub(super) fn is_read(self) -> bool {
        self.0 & WRITE == 0
    }
}

impl Draws {
    /// The same for the same arguments.
    pub(super) fn new(entries: u64, reads_percent: u32, seed: u64) -> Draws {
        let shares = cumulative_shares(entries);
        let total = shares.last().copied().unwrap_or(0.0);
        let mut random = Random(0x2545_f491_4f6c_dd1d ^ (seed + 1));
        let draw = || {
            let point = random.fraction() * total;
            let rank = shares.partition_point(|share| *share <= point);
            // Point and total may round to the same number.
            let id = rank.min(shares.len() - 1) as u32;
            let is_read = random.fraction() * 100.0 < f64::from(reads_percent);
            Draw(if is_read { id } else { id | WRITE })
        };
        let count = COUNT.min(entries.next_multiple_of(SESSION as u64) as usize * 8);
        Draws(std::iter::repeat_with(draw).take(count).collect())
    }

    /// All of them again and again, a session's worth at a time, from the session `first` on.
    pub(super) fn sessions(&self, first: usize) -> impl Iterator<Item = &[Draw]> {
        let sessions = self.0.chunks(SESSION);
        let skipped = first % sessions.len();
        sessions.cycle().skip(skipped)
    }
}

/// The weights of ranks 0, 1, ..., each added to those before.
fn cumulative_shares(entries: u64) -> Vec<f64> {
    (1..=entries)
        .scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-EXPONENT);
            Some(*sum)
        })
        .collect()
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    /// At least 0 and below 1.
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_law_and_the_mix() {
        let draws = Draws::new(1_000, 95, 0);
        let count = draws.0.len() as f64;
        let share = |of: &dyn Fn(&Draw) -> bool| {
            draws.0.iter().filter(|draw| of(draw)).count() as f64 / count
        };
        let total: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-0.99)).sum();
        assert!((share(&|draw| draw.id() == 0) - 1.0 / total).abs() < 0.02);
        assert!((share(&|draw| draw.is_read()) - 0.95).abs() < 0.02);
        assert!(draws.0.iter().all(|draw| draw.id() < 1_000));
    }
}
