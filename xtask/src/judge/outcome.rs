//! Reading the suite's output: lines such as `[ok]: NAME (3 ms)`, and what they add up to.

use std::fmt;

use anyhow::{Result, bail};

use super::skip::SkipList;

/// What the suite reported.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
    ignored: usize,
    units_done: Vec<String>,
    /// The suite's exit status, when it ended by itself.
    pub(crate) finished: Option<i32>,
}

/// Lines worth showing while the suite runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Unit,
    Failure,
}

impl Outcome {
    pub(crate) fn read_line(&mut self, line: &str) -> Option<Event> {
        if line.starts_with("Testing unit/") {
            return Some(Event::Unit);
        }
        let (status, rest) = line.strip_prefix('[')?.split_once("]: ")?;
        match status {
            "ok" => self.passed += 1,
            "skip" => self.skipped.push(rest.to_owned()),
            "ignore" => self.ignored += 1,
            "err" | "exception" | "TIMEOUT" => {
                self.failed.push(rest.to_owned());
                return Some(Event::Failure);
            }
            // `[3/7 done]: unit/scan (4 seconds)`
            _ if status.ends_with(" done") => {
                let unit = rest.split(' ').next().unwrap_or(rest);
                self.units_done.push(unit.to_owned());
                return Some(Event::Unit);
            }
            _ => {}
        }
        None
    }

    /// Adds a run of only these tests, which this run had skipped. One that neither passed nor
    /// failed there is gone or renamed, which is a failure too.
    pub(crate) fn add_alone(&mut self, tests: &[&str], alone: Outcome) {
        self.skipped
            .retain(|skipped| !tests.contains(&skipped.as_str()));
        if alone.passed + alone.failed.len() < tests.len() {
            self.failed.push(format!("not all of {tests:?} ran"));
        }
        self.passed += alone.passed;
        self.failed.extend(alone.failed);
        if self.finished == Some(0) {
            self.finished = alone.finished;
        }
    }

    /// Passes only if every unit ran to its end, nothing failed, and (when `whole` is given, which
    /// is when all units ran) no line of the skip list was without effect.
    pub(crate) fn verdict(&self, units: &[&str], whole: Option<&SkipList>) -> Result<()> {
        let unfinished: Vec<_> = units
            .iter()
            .filter(|unit| !self.units_done.iter().any(|done| done == *unit))
            .collect();
        if !unfinished.is_empty() {
            bail!("units that did not run to their end: {unfinished:?}");
        }
        if !self.failed.is_empty() {
            bail!("{} tests failed", self.failed.len());
        }
        if self.finished != Some(0) {
            bail!("the suite ended with {:?} instead of 0", self.finished);
        }
        if self.passed == 0 {
            bail!("no test ran");
        }
        let stale: Vec<_> = whole
            .into_iter()
            .flat_map(SkipList::names)
            .filter(|name| !self.skipped.iter().any(|skipped| skipped == name))
            .collect();
        if !stale.is_empty() {
            bail!("lines of the skip list that skip nothing: {stale:?}");
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "passed {}, failed {}, skipped {} (by the skip list), ignored {} (by the suite: they start servers of their own)",
            self.passed,
            self.failed.len(),
            self.skipped.len(),
            self.ignored
        )?;
        for failure in &self.failed {
            writeln!(f, "  failed: {failure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(lines: &[&str]) -> Outcome {
        let mut outcome = Outcome {
            finished: Some(0),
            ..Outcome::default()
        };
        for line in lines {
            outcome.read_line(line);
        }
        outcome
    }

    const DONE: &str = "[1/1 done]: unit/scan (4 seconds)";

    #[test]
    fn a_complete_run_without_failures_passes() {
        let outcome = outcome(&["[ok]: a (0 ms)", "[skip]: b", "[ignore]: c: Tag: x", DONE]);
        outcome.verdict(&["unit/scan"], None).expect("passes");
        let text = outcome.to_string();
        assert!(text.contains("passed 1, failed 0, skipped 1"), "{text}");
    }

    #[test]
    fn a_failure_a_crash_and_a_missing_unit_each_fail_the_verdict() {
        let failed = outcome(&["[ok]: a (0 ms)", "[err]: b in tests/x.tcl", DONE]);
        failed.verdict(&["unit/scan"], None).unwrap_err();
        let crashed = outcome(&["[ok]: a (0 ms)", "[exception]: boom", DONE]);
        crashed.verdict(&["unit/scan"], None).unwrap_err();
        let cut_short = outcome(&["[ok]: a (0 ms)"]);
        cut_short.verdict(&["unit/scan"], None).unwrap_err();
        let empty = outcome(&[DONE]);
        empty.verdict(&["unit/scan"], None).unwrap_err();
    }

    #[test]
    fn a_test_that_runs_alone_counts_once_and_must_run() {
        let mut whole = outcome(&["[ok]: a (0 ms)", "[skip]: b", DONE]);
        whole.add_alone(&["b"], outcome(&["[skip]: a", "[ok]: b (1 ms)", DONE]));
        assert!(
            whole.to_string().contains("passed 2, failed 0, skipped 0"),
            "{whole}"
        );
        whole.verdict(&["unit/scan"], None).expect("passes");
        whole.add_alone(&["c"], outcome(&["[skip]: a", DONE]));
        whole.verdict(&["unit/scan"], None).unwrap_err();
    }

    #[test]
    fn a_skip_line_without_effect_fails_the_verdict_of_a_whole_run() {
        let list = SkipList::parse("gone # no such test").expect("a valid list");
        let outcome = outcome(&["[ok]: a (0 ms)", DONE]);
        let error = outcome.verdict(&["unit/scan"], Some(&list)).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
