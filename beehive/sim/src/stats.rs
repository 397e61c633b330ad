//! What several runs say together: means and ratios with 95% confidence intervals.

use serde::Serialize;

/// A mean and the interval that holds the true one in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean of the samples; of ratios, the geometric mean.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// From samples that are independent of each other (Student's t); a single one says nothing
    /// about its spread.
    #[must_use]
    pub fn of(samples: &[f64]) -> Self {
        let count = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        let half = match samples.len() {
            0 | 1 => f64::INFINITY,
            n => student_95(n - 1) * (squares / (count - 1.0) / count).sqrt(),
        };
        Self {
            mean,
            low: mean - half,
            high: mean + half,
        }
    }

    /// From pairs of positive samples: how many times the second the first is.
    #[must_use]
    pub fn of_ratios(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let logs: Vec<_> = pairs.map(|(one, other)| (one / other).ln()).collect();
        let Self { mean, low, high } = Self::of(&logs);
        Self {
            mean: mean.exp(),
            low: low.exp(),
            high: high.exp(),
        }
    }
}

/// The geometric mean of positive numbers; one if there are none.
#[must_use]
pub fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0.0_f64, 0.0), |(count, sum), value| {
        (count + 1.0, sum + value.ln())
    });
    (sum / count.max(1.0)).exp()
}

/// The 97.5% quantile of Student's t distribution.
fn student_95(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    // Beyond the table, the first term of the expansion in 1/degrees.
    let tail = 1.960 + 2.4 / degrees as f64;
    TABLE.get(degrees - 1).copied().unwrap_or(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_known_samples_is_that_of_the_textbook() {
        let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((interval.mean - 3.0).abs() < 1e-12);
        assert!((interval.high - 4.963).abs() < 1e-3, "{}", interval.high);
        assert!((interval.low - 1.037).abs() < 1e-3, "{}", interval.low);
    }

    #[test]
    fn a_single_sample_proves_nothing() {
        let interval = Interval::of_ratios([(1.0, 2.0)].into_iter());
        assert!((interval.mean - 0.5).abs() < 1e-12);
        assert!(interval.low < 1e-12 && interval.high.is_infinite());
    }

    #[test]
    fn ratios_are_paired() {
        let pairs = [(10.0, 20.0), (1_000.0, 2_000.0), (1.0, 2.0)];
        let interval = Interval::of_ratios(pairs.into_iter());
        assert!((interval.high - 0.5).abs() < 1e-9);
    }
}
