//! What is expected before anything was seen: hazards averaged over traces of all kinds.
//!
//! The average gives each of 24 replays (the open traces without `mem_mcf`, at caches of 0.1%, 1%
//! and 10%) the same weight where it saw at least 500 objects. Figures for a trace whose share was
//! left out are in the crate's README.

mod table;

use super::age::BUCKETS;
use super::class::Class;
use super::rank::Hazards;

/// Intervals of a count above zero.
const INTERVALS: usize = 7;
const FIRST_COUNT: usize = 1;
const FIRST_KIND: usize = FIRST_COUNT + Class::COUNTS;

/// Of all objects.
pub(crate) fn of_all() -> Hazards {
    row(0)
}

/// Of all with this level of the count.
pub(crate) fn of_count(count: usize) -> Hazards {
    row(FIRST_COUNT + count)
}

/// Of a kind.
pub(crate) fn of_kind(kind: usize) -> Hazards {
    let (count, interval) = (kind / 8, kind % 8);
    row(match count {
        0 => FIRST_KIND,
        _ => FIRST_KIND + 1 + (count - 1) * INTERVALS + interval.min(INTERVALS - 1),
    })
}

fn row(index: usize) -> Hazards {
    /// Steps of an eighth of an octave.
    const STEPS: [f32; 8] = [
        1.0,
        0.917_004,
        0.840_896_4,
        0.771_105_4,
        core::f32::consts::FRAC_1_SQRT_2,
        0.648_419_8,
        0.594_603_6,
        0.545_253_9,
    ];
    let row = &table::TABLE[index];
    let mut hazards = [0.0; BUCKETS];
    for (hazard, &level) in hazards.iter_mut().zip(row) {
        let octave = f32::from_bits((127 - u32::from(level / 8)) << 23);
        *hazard = STEPS[usize::from(level % 8)] * octave;
    }
    hazards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_hazards_between_nothing_and_certainty() {
        let kinds = (0..Class::KINDS).map(of_kind);
        let counts = (0..Class::COUNTS).map(of_count);
        for hazards in kinds.chain(counts).chain([of_all()]) {
            assert!(hazards.iter().all(|&hazard| hazard > 0.0 && hazard <= 1.0));
        }
    }

    #[test]
    fn objects_that_were_asked_for_often_are_expected_sooner() {
        let sum = |hazards: Hazards| hazards.iter().sum::<f32>();
        assert!(sum(of_count(0)) < sum(of_count(3)));
    }
}
