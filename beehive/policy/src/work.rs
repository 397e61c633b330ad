//! How much of a worker one connection takes, and how many had work done for them lately.

use crate::Nanos;

/// The age at which work counts by 1/e: many times what one request takes, or a connection would look
/// heavy just because its last request has just ended.
const TIME_CONSTANT: Nanos = Nanos(200_000_000);
/// What is known of a connection after less than this says little: it is judged as if so long had
/// passed.
const OBSERVED_MIN: Nanos = Nanos(20_000_000);
/// Connections are counted over the last one to two of this: moves are given two of them to show.
const WINDOW: Nanos = Nanos(50_000_000);
/// With nothing done for any connection for so long, those of the last window rest as well.
const FORGOTTEN: Nanos = Nanos(2 * WINDOW.0);
/// One, in fixed-point numbers.
const ONE: u64 = 1 << 30;

/// The work done for one connection; it counts the less the longer ago it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Decayed sum of the time that it took.
    ns: u64,
    /// Decayed sum of the time in which it took that: what `ns` would be if it took a whole worker.
    observed_ns: u64,
    /// When something was last added.
    stamp: Option<Nanos>,
    /// The window in which [`Working`] last counted it.
    counted: Option<u32>,
}

/// How many connections a worker has worked for lately.
///
/// Receives do not tell: a connection with a pipeline of slow requests receives seldom and takes much.
#[derive(Debug, Clone, Copy, Default)]
pub struct Working {
    window: u32,
    since: Nanos,
    /// Connections of this window.
    counted: u32,
    /// Those of the window before that are not of this one.
    before: u32,
}

impl Working {
    /// Something has just been done for a connection.
    pub fn count(&mut self, work: &mut Work) {
        self.remove(work);
        self.counted += 1;
        work.counted = Some(self.window);
    }

    /// A turn of the worker is over, in which those that are ready have taken theirs. Returns how many
    /// connections there are.
    pub fn end_turn(&mut self, now: Nanos) -> u32 {
        let age = now.since(self.since);
        if self.counted == 0 && age > FORGOTTEN {
            self.before = 0;
        }
        let connections = self.counted + self.before;
        // Not within a turn: one connection with a long request would make a window of its own, and so
        // would none.
        if age >= WINDOW && self.counted > 0 {
            self.since = now;
            self.window = self.window.wrapping_add(1);
            self.before = core::mem::take(&mut self.counted);
        }
        connections
    }

    /// A connection has gone.
    pub fn remove(&mut self, work: &Work) {
        // None is below zero, but for who goes twice.
        if work.counted == Some(self.window) {
            self.counted = self.counted.saturating_sub(1);
        } else if work.counted == Some(self.window.wrapping_sub(1)) {
            self.before = self.before.saturating_sub(1);
        }
    }
}

impl Work {
    /// So much has just been done.
    pub fn add(&mut self, now: Nanos, time: Nanos) {
        (self.ns, self.observed_ns) = self.decayed(now);
        self.ns = self.ns.saturating_add(time.0).min(TIME_CONSTANT.0);
        self.stamp = Some(now);
    }

    /// In thousandths of a worker's time.
    #[must_use]
    pub fn permille(&self, now: Nanos) -> u32 {
        let (ns, observed_ns) = self.decayed(now);
        // Nobody takes more than a whole worker.
        (ns * 1_000 / observed_ns.max(OBSERVED_MIN.0)).min(1_000) as u32
    }

    /// Both sums at this time.
    fn decayed(&self, now: Nanos) -> (u64, u64) {
        let Some(stamp) = self.stamp else {
            return (0, 0);
        };
        let factor = decay(now.since(stamp));
        let left = |ns: u64| ns * factor / ONE;
        let unobserved_ns = TIME_CONSTANT.0 - self.observed_ns;
        (left(self.ns), TIME_CONSTANT.0 - left(unobserved_ns))
    }
}

/// `(1 - x/8)^8`, which is close to the exponential function as far as it matters.
fn decay(age: Nanos) -> u64 {
    let eighth = age.0.saturating_mul(ONE / 8) / TIME_CONSTANT.0;
    let mut factor = ONE.saturating_sub(eighth);
    for _ in 0..3 {
        factor = factor * factor / ONE;
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The least and the most that are counted by a worker that works for these connections in turn, for so
    /// long each, and looks for others after so many; once it has done so for a while.
    fn counts(
        working: &mut Working,
        works: &mut [Work],
        request_ms: u64,
        per_turn: usize,
    ) -> (u32, u32) {
        let mut now = working.since;
        let (mut least, mut most) = (u32::MAX, 0);
        for request in 0..300 {
            let last = request + 1 == 300;
            now.0 += request_ms * MS;
            working.count(&mut works[request % works.len()]);
            if request % per_turn == 0 || last {
                let found = working.end_turn(now);
                if request >= 150 {
                    (least, most) = (least.min(found), most.max(found));
                }
            }
        }
        (least, most)
    }

    #[test]
    fn who_has_been_worked_for_is_counted_once_however_often() {
        for (request_ms, per_turn) in [(1, 1), (1, 20), (5, 5), (10, 1), (200, 10)] {
            let mut works = [Work::default(); 5];
            let found = counts(&mut Working::default(), &mut works, request_ms, per_turn);
            assert_eq!(found, (5, 5), "{request_ms} ms");
        }
    }

    #[test]
    fn of_requests_longer_than_a_window_at_least_two_connections_are_seen() {
        let mut works = [Work::default(); 3];
        assert_eq!(counts(&mut Working::default(), &mut works, 300, 1), (2, 2));
        let mut alone = [Work::default()];
        assert_eq!(counts(&mut Working::default(), &mut alone, 300, 1), (1, 1));
    }

    #[test]
    fn who_has_gone_is_counted_no_longer_and_who_rests_soon_no_longer() {
        let mut works = [Work::default(); 4];
        let mut working = Working::default();
        counts(&mut working, &mut works, 5, 4);
        working.remove(&works[0]);
        assert_eq!(working.end_turn(working.since), 3);
        assert_eq!(counts(&mut working, &mut works[1..2], 5, 1), (1, 1));
        working.remove(&works[1]);
        working.remove(&works[2]);
        assert_eq!(
            working.end_turn(working.since),
            0,
            "one was counted no longer"
        );
    }

    #[test]
    fn of_connections_that_all_rest_none_is_counted_soon() {
        let mut works = [Work::default(); 4];
        let mut working = Working::default();
        counts(&mut working, &mut works, 5, 4);
        let later = |windows: u64| Nanos(working.since.0 + windows * WINDOW.0);
        let (soon, late) = (later(2), later(5));
        // Another one sends, and makes the window of the four the last one.
        working.count(&mut Work::default());
        assert_eq!(working.end_turn(soon), 5);
        assert_eq!(working.end_turn(soon), 1);
        assert_eq!(working.end_turn(late), 0);
        working.count(&mut works[0]);
        assert_eq!(working.end_turn(late), 1);
    }

    /// After a second in which each millisecond brought so much.
    fn after_a_second(ns: u64) -> (Work, Nanos) {
        let mut work = Work::default();
        (0..1_000).for_each(|ms| work.add(Nanos(ms * MS), Nanos(ns)));
        (work, Nanos(1_000 * MS))
    }

    #[test]
    fn steady_work_comes_to_its_share_of_a_worker() {
        for permille in [0, 10, 100, 500, 1_000] {
            let (work, now) = after_a_second(permille * MS / 1_000);
            let found = u64::from(work.permille(now));
            assert!(found.abs_diff(permille) <= 1 + permille / 20, "{found}");
        }
    }

    #[test]
    fn what_is_long_ago_counts_little_and_then_nothing() {
        let (work, now) = after_a_second(MS);
        let later = |ms: u64| work.permille(Nanos(now.0 + ms * MS));
        assert!((330..370).contains(&later(200)), "{}", later(200));
        assert!(later(600) < 60);
        assert_eq!(later(5_000), 0);
        assert_eq!(later(u64::MAX / MS / 2), 0);
    }

    #[test]
    fn a_share_is_known_early_and_also_where_requests_are_long() {
        // Four connections take turns of this length; after 60 ms, or three rounds, it is seen.
        for (turn, rounds) in [(1, 15), (5, 3), (20, 3), (50, 3)] {
            let mut work = Work::default();
            let mut now = Nanos(0);
            for round in 1..=rounds {
                now = Nanos(round * 4 * turn * MS);
                work.add(now, Nanos(turn * MS));
            }
            let share = work.permille(now);
            assert!((240..420).contains(&share), "{turn} ms: {share}");
        }
    }

    #[test]
    fn a_request_that_takes_an_hour_is_a_full_worker_and_the_first_short_one_is_not() {
        let mut work = Work::default();
        work.add(Nanos(1), Nanos(3_600_000 * MS));
        assert_eq!(work.permille(Nanos(1)), 1_000);
        let mut work = Work::default();
        work.add(Nanos(1), Nanos(MS));
        assert_eq!(work.permille(Nanos(1)), 50);
        assert_eq!(Work::default().permille(Nanos(1)), 0);
    }
}
