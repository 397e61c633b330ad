//! The latest value: a writer that never rests and a reader that never rests, on two cores. An
//! operation is a read. How many of them find something new, and what the writer gets done meanwhile,
//! are figures of their own: who starves the other side shows there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use hallows_lockfree::latest;

use crate::harness::{Better, Measured, Metric};

use super::measure::{Figures, compare, ours, peer};
use super::wait::until;
use super::{Bench, Workload};
use crate::team::{Core, Team, Took};

/// A cache line. The writer fills it with one number, so that a torn read shows.
type Value = [u64; 8];

/// What happened while the reader did its reads.
struct Exchanged {
    took: Took,
    /// Reads that found another value than the one before.
    fresh: u64,
    writes: u64,
}

const FIGURES: Figures<Exchanged> = Figures {
    metrics: &[
        Metric {
            name: "million_reads_per_s",
            unit: "M/s",
            better: Better::Higher,
        },
        Metric {
            name: "million_fresh_per_s",
            unit: "M/s",
            better: Better::Higher,
        },
        Metric {
            name: "million_writes_per_s",
            unit: "M/s",
            better: Better::Higher,
        },
    ],
    values: |exchanged| {
        let million_per_s = |count| count as f64 / exchanged.took.wall.as_secs_f64() / 1e6;
        vec![
            exchanged.took.million_per_s(),
            million_per_s(exchanged.fresh),
            million_per_s(exchanged.writes),
        ]
    },
    wall: |exchanged| exchanged.took.wall,
};

pub(super) fn run(bench: &Bench, workload: Workload) -> Result<Measured> {
    let subjects = vec![
        ours("hallows", |reads| {
            let (mut writer, mut reader) = latest::triple_buffer(|| [0; 8]);
            exchange(
                bench,
                move |value| writer.write(value),
                move || *reader.latest(),
                reads,
            )
        }),
        peer("triple_buffer", |reads| {
            let (mut input, mut output) = triple_buffer::triple_buffer(&[0; 8]);
            exchange(
                bench,
                move |value| input.write(value),
                move || *output.read(),
                reads,
            )
        }),
        peer("std-mutex", |reads| {
            let cell = Mutex::new([0; 8]);
            let write = |value| *cell.lock().expect("nobody panics") = value;
            let read = || *cell.lock().expect("nobody panics");
            exchange(bench, write, read, reads)
        }),
    ];
    compare(bench, workload, &FIGURES, subjects)
}

fn exchange(
    bench: &Bench,
    mut write: impl FnMut(Value) + Send,
    mut read: impl FnMut() -> Value + Send,
    reads: u64,
) -> Result<Exchanged> {
    let done = AtomicBool::new(false);
    let mut team = Team::new(&bench.cores);
    let seen = &done;
    team.add(Core::First, move || {
        let mut writes = 0;
        while !seen.load(Ordering::Relaxed) {
            writes += 1;
            write([writes; 8]);
        }
        Side::Writer { writes }
    });
    team.add(Core::Second, move || {
        let (mut last, mut fresh, mut wrong) = (0, 0, 0);
        until(|| (read()[0] > 0).then_some(()));
        for _ in 0..reads {
            let value = read();
            let whole = value.iter().all(|word| *word == value[0]);
            wrong += u64::from(!whole || value[0] < last);
            fresh += u64::from(value[0] != last);
            last = value[0];
        }
        seen.store(true, Ordering::Relaxed);
        Side::Reader { fresh, wrong }
    });
    let (took, sides) = team.run(reads)?;
    let mut exchanged = Exchanged {
        took,
        fresh: 0,
        writes: 0,
    };
    for side in sides {
        match side {
            Side::Writer { writes } => exchanged.writes = writes,
            Side::Reader { fresh, wrong } => {
                ensure!(wrong == 0, "{wrong} reads were torn or went back in time");
                exchanged.fresh = fresh;
            }
        }
    }
    Ok(exchanged)
}

/// What each thread has counted.
enum Side {
    Writer { writes: u64 },
    Reader { fresh: u64, wrong: u64 },
}
