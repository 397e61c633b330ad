//! How much of the cache the small queue gets: learned from what comes back too soon.
//!
//! An object that returns shortly after it was evicted says that its queue is too short.
//! Whenever a number of such returns were seen and one queue had clearly more of them,
//! it gets one percent of the cache from the other. Loops and scans of different lengths
//! ask for shares from a few percent to a half; no fixed share suits both.

/// The share of the small queue.
#[derive(Debug)]
pub(crate) struct Balance {
    small_percent: usize,
    small_returns: u32,
    main_returns: u32,
}

impl Balance {
    /// The share that S3-FIFO's authors found best if one is to serve all traces.
    const INITIAL_PERCENT: usize = 10;
    const PERCENT_MIN: usize = 1;
    const PERCENT_MAX: usize = 50;
    /// Returns that make one decision.
    const SAMPLE: u32 = 100;

    pub(crate) const fn new() -> Self {
        Self {
            small_percent: Self::INITIAL_PERCENT,
            small_returns: 0,
            main_returns: 0,
        }
    }

    /// Whether the small queue holds more than its share.
    pub(crate) fn small_is_long(&self, small_used: usize, capacity: usize) -> bool {
        small_used as u128 * 100 > capacity as u128 * self.small_percent as u128
    }

    /// An object came back shortly after the small queue let it go.
    pub(crate) fn on_small_return(&mut self) {
        self.small_returns += 1;
        self.decide();
    }

    /// An object came back shortly after the main queue let it go.
    pub(crate) fn on_main_return(&mut self) {
        self.main_returns += 1;
        self.decide();
    }

    fn decide(&mut self) {
        if self.small_returns + self.main_returns < Self::SAMPLE {
            return;
        }
        if self.small_returns > 2 * self.main_returns {
            self.small_percent = (self.small_percent + 1).min(Self::PERCENT_MAX);
        } else if self.main_returns > 2 * self.small_returns {
            self.small_percent = (self.small_percent - 1).max(Self::PERCENT_MIN);
        }
        self.small_returns = 0;
        self.main_returns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_whose_objects_return_more_often_grows_within_bounds() {
        let mut balance = Balance::new();
        for _ in 0..100_000 {
            balance.on_small_return();
        }
        assert_eq!(balance.small_percent, Balance::PERCENT_MAX);
        for _ in 0..100_000 {
            balance.on_main_return();
        }
        assert_eq!(balance.small_percent, Balance::PERCENT_MIN);
    }

    #[test]
    fn similar_numbers_of_returns_change_nothing() {
        let mut balance = Balance::new();
        for _ in 0..10_000 {
            balance.on_small_return();
            balance.on_main_return();
        }
        assert_eq!(balance.small_percent, Balance::INITIAL_PERCENT);
    }

    #[test]
    fn shares_are_exact_for_small_and_huge_capacities() {
        let balance = Balance::new();
        assert!(!balance.small_is_long(1, 10));
        assert!(balance.small_is_long(2, 10));
        assert!(balance.small_is_long(usize::MAX / 5, usize::MAX));
        assert!(!balance.small_is_long(usize::MAX / 20, usize::MAX));
    }
}
