//! Medians and spreads of small samples.

/// The value at `fraction` of the sorted sample, interpolated between neighbours.
///
/// # Panics
/// On an empty sample: a measurement without rounds is a mistake of the suite.
pub(crate) fn quantile(sample: &[f64], fraction: f64) -> f64 {
    assert!(!sample.is_empty(), "a quantile needs at least one value");
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = fraction * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    let weight = position - below as f64;
    sorted[below] * (1.0 - weight) + sorted[above] * weight
}

pub(crate) fn median(sample: &[f64]) -> f64 {
    quantile(sample, 0.5)
}

/// The interquartile range over the median: the width of the middle half, free of units and of a
/// single bad round.
pub(crate) fn relative_spread(sample: &[f64]) -> f64 {
    (quantile(sample, 0.75) - quantile(sample, 0.25)) / median(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn one_outlier_in_five_rounds_does_not_move_the_spread() {
        assert_eq!(relative_spread(&[1.0, 1.0, 1.0, 1.0, 9.0]), 0.0);
        assert_eq!(relative_spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 3.0);
    }
}
