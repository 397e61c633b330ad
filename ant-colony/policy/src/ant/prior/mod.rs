//! What is expected before anything was seen: hazards averaged over generated traces.
//!
//! Real traces had no part in it. `cargo run -p ant-colony-sim --example prior` generates its traces,
//! lets an [`Experience`] see each, averages, and prints the [`table`].

mod experience;
mod table;

pub use experience::Experience;

use super::class::{CONTEXTS, Class, INTERVALS};
use super::rank::Hazards;

const FIRST_COUNT: usize = 1;
const FIRST_KIND: usize = FIRST_COUNT + Class::COUNTS;
/// All objects, those of each count, those of each kind.
const ROWS: usize = FIRST_KIND + NEW + (Class::COUNTS - 1) * INTERVALS as usize;
/// Kinds of what was asked for once: strangers by context, and the first objects of a cache.
const NEW: usize = CONTEXTS as usize + 1;

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
    row(row_of_kind(kind))
}

/// Of kinds that no class has, that of another.
const fn row_of_kind(kind: usize) -> usize {
    let intervals = INTERVALS as usize;
    let (count, rest) = (kind / 8, kind % 8);
    FIRST_KIND
        + match count {
            0 if rest < NEW => rest,
            0 => NEW - 1,
            _ if rest < intervals => NEW + (count - 1) * intervals + rest,
            _ => NEW + count * intervals - 1,
        }
}

/// The count of the kind that has this row.
const fn count_of_row(row: usize) -> usize {
    let rest = row - FIRST_KIND;
    match rest.checked_sub(NEW) {
        None => 0,
        Some(rest) => 1 + rest / INTERVALS as usize,
    }
}

fn row(index: usize) -> Hazards {
    table::TABLE[index].map(|level| HAZARDS[usize::from(level)])
}

/// By level: steps of an eighth of an octave below certainty.
const HAZARDS: [f32; 256] = {
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
    let mut hazards = [0.0; 256];
    let mut level = 0;
    while level < hazards.len() {
        let octave = f32::from_bits((127 - level as u32 / 8) << 23);
        hazards[level] = STEPS[level % 8] * octave;
        level += 1;
    }
    hazards
};

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
