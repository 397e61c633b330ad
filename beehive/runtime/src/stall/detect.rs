//! When a poll counts as a stall: decisions from the times at which a worker's step was seen.

use std::time::Duration;

/// What is known of one worker's current step.
#[derive(Debug, Default)]
pub(super) struct Detector {
    step: Option<u64>,
    lasted: Duration,
    reported: bool,
}

/// What one look at a worker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It waits, or has made a step since the last look.
    Fine,
    /// It is in the same step as at the last look.
    Same,
    /// As `Same`, and for the first time the step has lasted for the threshold: for so long.
    Stalled(Duration),
    /// As `Same`, and the step has been reported.
    StillStalled,
}

impl Detector {
    /// The worker was seen in `step`, `since_last` after the last look.
    ///
    /// More than twice the time between two looks is not counted: then the looks themselves were held
    /// up, as by a stopped process, and with them perhaps the worker.
    pub(super) fn look(
        &mut self,
        step: Option<u64>,
        since_last: Duration,
        interval: Duration,
        threshold: Duration,
    ) -> Verdict {
        if step.is_none() || step != self.step {
            *self = Self {
                step,
                ..Self::default()
            };
            return Verdict::Fine;
        }
        self.lasted += since_last.min(2 * interval);
        if self.reported {
            Verdict::StillStalled
        } else if self.lasted >= threshold {
            self.reported = true;
            Verdict::Stalled(self.lasted)
        } else {
            Verdict::Same
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn look(detector: &mut Detector, step: Option<u64>, ms: u32) -> Verdict {
        detector.look(step, ms * MS, 5 * MS, 10 * MS)
    }

    #[test]
    fn a_step_that_lasts_is_reported_once() {
        let mut detector = Detector::default();
        let verdicts = [(); 5].map(|()| look(&mut detector, Some(1), 5));
        let expected = [
            Verdict::Fine,
            Verdict::Same,
            Verdict::Stalled(10 * MS),
            Verdict::StillStalled,
            Verdict::StillStalled,
        ];
        assert_eq!(verdicts, expected);
        let verdicts = [(); 3].map(|()| look(&mut detector, Some(2), 5));
        assert_eq!(verdicts, expected[..3]);
    }

    #[test]
    fn steps_and_waits_are_fine() {
        let mut detector = Detector::default();
        for step in [Some(1), Some(2), None, None, Some(2)] {
            assert_eq!(look(&mut detector, step, 100), Verdict::Fine);
        }
    }

    #[test]
    fn a_pause_of_the_whole_process_does_not_count() {
        let mut detector = Detector::default();
        let gaps = [0, 4, 60_000].map(|ms| look(&mut detector, Some(1), ms));
        let expected = [Verdict::Fine, Verdict::Same, Verdict::Stalled(14 * MS)];
        assert_eq!(gaps, expected);
        let mut detector = Detector::default();
        assert_eq!(look(&mut detector, Some(1), 0), Verdict::Fine);
        let once = detector.look(Some(1), 60_000 * MS, 5 * MS, 11 * MS);
        assert_eq!(once, Verdict::Same);
    }
}
