//! The rivals against published miss ratios: libCacheSim 0.3.5 with its default parameters.
//!
//! Traces and ratios lie beside the repository, not in it; without them these tests say so and pass.

use std::path::{Path, PathBuf};

use ant_colony_sim::{Capacity, Job, Trace, Unit, policy, replay};

/// Relative difference that is agreement.
const TOLERANCE: f64 = 0.005;

/// Traces that are replayed quickly.
const SHORT: &[&str] = &["arc_OLTP", "c2k_web12", "cp_w92", "lirs_sprite"];

/// A line of the reference.
struct Published {
    trace: String,
    size_fraction: f64,
    objects: u64,
    policy: String,
    miss_ratio: f64,
}

/// The traces beside the repository, or beside a folder that it is in.
fn folder() -> Option<PathBuf> {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.find_map(|folder| {
        let traces = folder.join("shared/traces");
        traces.is_dir().then_some(traces)
    });
    if found.is_none() {
        println!("SKIPPED: no folder shared/traces above the repository");
    }
    found
}

fn published(folder: &Path) -> Vec<Published> {
    let path = folder.join("reference-miss-ratios.csv");
    let text = std::fs::read_to_string(path).expect("the reference can be read");
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [trace, size_fraction, objects, policy, miss_ratio] = fields[..] else {
            panic!("unexpected line: {line}");
        };
        Published {
            trace: trace.to_owned(),
            size_fraction: size_fraction.parse().expect("a number"),
            objects: objects.parse().expect("a number"),
            policy: policy.to_owned(),
            miss_ratio: miss_ratio.parse().expect("a number"),
        }
    };
    text.lines().skip(1).map(line).collect()
}

/// Prints how each rival compares on these traces; the lines of those that differ.
fn differences(folder: &Path, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let published = published(folder);
    let mut names: Vec<&str> = published.iter().map(|line| &*line.trace).collect();
    names.dedup();
    names.retain(|name| is_meant(name));
    let mut different = Vec::new();
    for name in names {
        let trace = Trace::open(&folder.join(format!("{name}.u64.zst"))).expect("a trace");
        let known = published.iter().filter(|line| line.trace == name);
        let (lines, jobs): (Vec<_>, Vec<_>) = known
            .filter_map(|line| {
                let capacity = Capacity {
                    capacity: line.objects,
                    size_fraction: line.size_fraction,
                };
                let policy = policy(&line.policy)?;
                Some((line, Job { policy, capacity }))
            })
            .unzip();
        let rows = replay(&trace, Unit::Objects, &jobs, 2, &|_| ()).expect("readable twice");
        for (line, row) in lines.iter().zip(rows) {
            let (ours, theirs) = (row.miss_ratio, line.miss_ratio);
            let off = ours / theirs - 1.0;
            let text = format!(
                "{name:16} {:6} {:12} {ours:.4} {theirs:.4} {:+.2}%",
                line.size_fraction,
                row.policy,
                100.0 * off
            );
            println!("{text}");
            if off.abs() > TOLERANCE {
                different.push(text);
            }
        }
    }
    different
}

#[test]
fn rivals_agree_with_the_reference_on_short_traces() {
    let Some(folder) = folder() else { return };
    let different = differences(&folder, |name| SHORT.contains(&name));
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
#[ignore = "a minute"]
fn rivals_agree_with_the_reference_on_all_traces() {
    let Some(folder) = folder() else { return };
    let different = differences(&folder, |_| true);
    assert!(different.is_empty(), "{different:#?}");
}
