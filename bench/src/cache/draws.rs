//! Which keys are asked for, drawn before anything is timed.

use crate::random::Random;

const EXPONENT: f64 = 0.99;

const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Times [`SCATTER`], this is 1.
const GATHER: u64 = 0xf1de_83e1_9937_733d;

/// Keys are all over the number range, as hashes or addresses are.
pub(super) fn key(id: usize) -> u64 {
    (id as u64).wrapping_mul(SCATTER)
}

/// The id of a key.
pub(super) fn id(key: u64) -> u64 {
    key.wrapping_mul(GATHER)
}

/// Each of the first `ids` as often as the others.
pub(super) fn uniform(ids: usize, count: usize, seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed + 1);
    let draw = || key((random.next() % ids as u64) as usize);
    std::iter::repeat_with(draw).take(count).collect()
}

/// Zipf's law.
pub(super) fn zipf(ids: usize, count: usize, seed: u64) -> Vec<u64> {
    let shares: Vec<f64> = (1..=ids)
        .scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-EXPONENT);
            Some(*sum)
        })
        .collect();
    let total = shares.last().copied().unwrap_or(0.0);
    let mut random = Random::new(seed + 1);
    let draw = || {
        let point = random.fraction() * total;
        // Point and total may round to the same number.
        key(shares.partition_point(|share| *share <= point).min(ids - 1))
    };
    std::iter::repeat_with(draw).take(count).collect()
}

/// Documents by Zipf's law, each of 4 to 36 keys that are read from the first to the last; one key in
/// ten comes in between, by Zipf's law too.
pub(super) fn runs(ids: usize, count: usize) -> Vec<u64> {
    const STRANGERS: u64 = 10;
    let mut random = Random::new(1);
    let mut ends = Vec::new();
    let mut end = 0;
    while end < ids {
        end = (end + 4 + (random.next() % 33) as usize).min(ids);
        ends.push(end);
    }
    let documents = zipf(ends.len(), count, 2)
        .into_iter()
        .map(|key| id(key) as usize);
    // Popular documents lie anywhere.
    let place = |document: usize| document * 7_919 % ends.len();
    let documents = documents.flat_map(|document| {
        let place = place(document);
        let begin = place.checked_sub(1).map_or(0, |before| ends[before]);
        (begin..ends[place]).map(key)
    });
    let mut strangers = zipf(ids, count, 3).into_iter();
    let mut draws = Vec::with_capacity(count);
    for own in documents {
        if random.next().is_multiple_of(STRANGERS) {
            draws.extend(strangers.next());
        }
        draws.push(own);
        if draws.len() >= count {
            break;
        }
    }
    draws.truncate(count);
    draws
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_id() {
        assert!((0..1_000).all(|it| id(key(it)) == it as u64));
    }

    #[test]
    fn draws_follow_their_law() {
        let count = 100_000;
        let share = |draws: &[u64], id| {
            draws.iter().filter(|&&it| it == key(id)).count() as f64 / count as f64
        };
        let even = uniform(100, count, 0);
        assert!((share(&even, 0) - 0.01).abs() < 0.002);
        let skewed = zipf(1_000, count, 0);
        let total: f64 = (1..=1_000)
            .map(|rank| f64::from(rank).powf(-EXPONENT))
            .sum();
        assert!((share(&skewed, 0) - 1.0 / total).abs() < 0.01);
        assert!(skewed.iter().all(|&it| (0..1_000).any(|id| key(id) == it)));
    }
}
