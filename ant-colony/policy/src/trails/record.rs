//! Which predictions are worth a fetch.
//!
//! Predictions are of a kind if their trails are of one confidence, and as many fetches in a row had
//! been predicted before. What was seen only once may be right by chance; where the same happens to
//! several objects in a row, a sequence is being repeated.

use super::open::Kind;
use super::table::LEVELS;

/// Runs of predicted fetches are told apart up to this length.
const RUNS: usize = 4;

/// How the predictions of a workload turned out.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    by_kind: [Record; LEVELS * RUNS],
    run: u8,
}

impl Records {
    /// The kind of a prediction that is made now, or after as many further steps have been right.
    pub(super) fn kind(&self, steps: usize, confidence: u8) -> Kind {
        let run = (usize::from(self.run) + steps).min(RUNS - 1);
        Kind((run * LEVELS) as u8 + confidence)
    }

    /// How likely one of this kind is right.
    pub(super) fn odds(&self, kind: Kind) -> Odds {
        self.by_kind[usize::from(kind.0)].odds()
    }

    /// One of this kind is made now.
    pub(super) fn made(&mut self, kind: Kind) {
        self.by_kind[usize::from(kind.0)].made();
    }

    /// One of this kind was right.
    pub(super) fn came_true(&mut self, kind: Kind) {
        self.by_kind[usize::from(kind.0)].right();
    }

    /// An object was fetched, and some had predicted it or nobody had.
    pub(super) fn continue_run(&mut self, is_foreseen: bool) {
        self.run = match is_foreseen {
            true => (self.run + 1).min(RUNS as u8 - 1),
            false => 0,
        };
    }
}

/// Recent predictions of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    right: u8,
    made: u8,
}

impl Record {
    /// So many decide, the older ones half as much and less.
    const MEMORY: u8 = 128;
    /// Nothing is issued before.
    const LEAST: u8 = 8;

    /// A prediction is wrong until it comes true, so that a change is noticed at once.
    fn made(&mut self) {
        self.made += 1;
        if self.made == Self::MEMORY {
            self.made /= 2;
            self.right /= 2;
        }
    }

    fn right(&mut self) {
        self.right = (self.right + 1).min(self.made);
    }

    fn odds(self) -> Odds {
        if self.made < Self::LEAST {
            return Odds(0);
        }
        Odds(Odds::CERTAIN * u32::from(self.right) / u32::from(self.made))
    }
}

/// How often what is predicted comes true, as was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odds(u32);

impl Odds {
    const CERTAIN: u32 = 1 << 15;

    /// At least every other one was right: then what is saved is not less than what is spent, even
    /// if each wasted prefetch costs a miss beside its fetch.
    pub(super) const fn pay(self) -> bool {
        self.0 * 2 >= Self::CERTAIN
    }

    /// That this comes true, and then another.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 * other.0 / Self::CERTAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURE: u8 = LEVELS as u8 - 1;

    fn right_and_wrong(records: &mut Records, right: u32, wrong: u32) -> u32 {
        let kind = records.kind(0, SURE);
        let mut issued = 0;
        for i in 0..right + wrong {
            issued += u32::from(records.odds(kind).pay());
            records.made(kind);
            if i < right {
                records.came_true(kind);
            }
        }
        issued
    }

    fn pays(records: &Records, confidence: u8) -> bool {
        records.odds(records.kind(0, confidence)).pay()
    }

    #[test]
    fn two_steps_pay_only_if_both_are_likely() {
        let odds = |percent: u32| Odds(Odds::CERTAIN * percent / 100);
        assert!(odds(80).and(odds(80)).pay());
        assert!(odds(60).pay() && !odds(60).and(odds(60)).pay());
    }

    #[test]
    fn nothing_pays_before_it_was_right_a_few_times() {
        let mut records = Records::default();
        assert_eq!(
            right_and_wrong(&mut records, u32::from(Record::LEAST), 0),
            0
        );
        assert!(pays(&records, SURE));
        assert!(!pays(&records, 0), "that was not proven");
    }

    #[test]
    fn what_was_always_right_is_switched_off_soon_after_it_is_always_wrong_and_on_again() {
        let mut records = Records::default();
        right_and_wrong(&mut records, 10_000, 0);
        let issued = right_and_wrong(&mut records, 0, 1_000);
        assert!(issued <= u32::from(Record::MEMORY), "{issued}");
        assert!(right_and_wrong(&mut records, 1_000, 0) > 800);
    }

    #[test]
    fn what_is_right_in_a_run_says_nothing_of_single_predictions() {
        let mut records = Records::default();
        records.continue_run(true);
        right_and_wrong(&mut records, 100, 0);
        assert!(pays(&records, SURE));
        records.continue_run(false);
        assert!(!pays(&records, SURE));
    }
}
