//! How the learned policy's prior is made: from generated traces alone.
//!
//! What the real traces show is not used, so that figures on them say what a policy does that has
//! never met them. The mix has each kind of generated trace at several parameters, none of them
//! in [`SUITE`](crate::SUITE).

use ant_colony_policy::Experience;

use crate::trace::{Trace, TraceError};

/// What the traces are generated for.
const CAPACITY: usize = 1_000;

const MIX: &[&str] = &[
    "gen:loop,times=1.2,requests=20000",
    "gen:loop,times=1.7,requests=30000",
    "gen:loop,times=3,requests=60000",
    "gen:loop,times=6,requests=100000",
    "gen:scan,times=0.3,share=0.5,run=100,requests=50000",
    "gen:scan,times=0.3,share=0.5,run=500,requests=50000",
    "gen:scan,times=0.3,share=0.5,run=2000,requests=50000",
    "gen:scan,times=0.3,share=0.5,run=5000,requests=50000",
    "gen:scan,times=0.6,share=0.5,run=100,requests=50000",
    "gen:scan,times=0.6,share=0.5,run=500,requests=50000",
    "gen:scan,times=0.6,share=0.5,run=2000,requests=50000",
    "gen:scan,times=0.6,share=0.5,run=5000,requests=50000",
    "gen:scan,times=0.9,share=0.5,run=100,requests=50000",
    "gen:scan,times=0.9,share=0.5,run=500,requests=50000",
    "gen:scan,times=0.9,share=0.5,run=2000,requests=50000",
    "gen:scan,times=0.9,share=0.5,run=5000,requests=50000",
    "gen:scan,times=1.5,share=0.5,run=100,requests=50000",
    "gen:scan,times=1.5,share=0.5,run=500,requests=50000",
    "gen:scan,times=1.5,share=0.5,run=2000,requests=50000",
    "gen:scan,times=1.5,share=0.5,run=5000,requests=50000",
    "gen:zipf,times=3,skew=0.8,requests=100000",
    "gen:zipf,times=30,skew=0.6,requests=200000",
    "gen:zipf,times=30,skew=0.9,requests=200000",
    "gen:zipf,times=30,skew=1.2,requests=200000",
    "gen:zipf,times=300,skew=0.9,requests=200000",
    "gen:shift,times=5,skew=0.8,every=3000,requests=100000",
    "gen:shift,times=30,skew=1,every=20000,requests=200000",
    "gen:visits,times=1,requests=100000",
    "gen:visits,times=3,requests=100000",
    "gen:visits,times=10,requests=200000",
    "gen:visits,times=30,requests=200000",
    "gen:visits,times=100,requests=200000",
];

/// The prior's table: hazards in steps of an eighth of an octave below certainty.
///
/// # Errors
///
/// If a trace cannot be read, which those in memory always can.
pub fn prior_table() -> Result<Vec<Vec<u8>>, TraceError> {
    let experiences: Result<Vec<_>, _> = MIX.iter().map(|name| experience(name)).collect();
    let level = |hazard: &f32| (-8.0 * f64::from(*hazard).log2()).round() as u8;
    let rows = Experience::average(&experiences?);
    Ok(rows
        .iter()
        .map(|row| row.iter().map(level).collect())
        .collect())
}

fn experience(name: &str) -> Result<Experience, TraceError> {
    let trace = Trace::generated(name)?;
    let mut experience = Experience::new(CAPACITY);
    let mut marks = vec![None; trace.objects() as usize];
    let mut now = 0;
    trace.for_each(|request| {
        now += 1;
        let mark = &mut marks[request.object as usize];
        *mark = Some(experience.on_access(*mark, now));
    })?;
    for mark in marks.into_iter().flatten() {
        experience.on_end(mark, now);
    }
    Ok(experience)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_prior_is_what_the_generated_traces_give() {
        let source = include_str!("../../policy/src/ant/prior/table.rs");
        let (_, numbers) = source.split_once(" = [").expect("a table");
        let compiled: Vec<u8> = numbers
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let made = prior_table().expect("in memory").concat();
        assert_eq!(compiled.len(), made.len());
        // Logarithms and powers may differ in the last bit from machine to machine.
        let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 1;
        let different = compiled
            .iter()
            .zip(&made)
            .filter(|pair| differs(*pair))
            .count();
        assert_eq!(
            different, 0,
            "run `cargo run -p ant-colony-sim --example prior`"
        );
    }
}
