//! Successor trails on recorded traces: what they save, and that they cost nothing where they cannot.
//!
//! Traces lie beside the repository, not in it; without them these tests say so and pass.

use std::path::{Path, PathBuf};

use ant_colony_sim::{Capacity, Job, Row, Trace, Unit, policy, replay};

/// The trace beside the repository, or beside a folder that it is in.
fn trace(name: &str) -> Option<Trace> {
    let file: PathBuf = format!("shared/traces/{name}.u64.zst").into();
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.find_map(|folder| {
        let path = folder.join(&file);
        path.is_file().then_some(path)
    });
    if found.is_none() {
        println!("SKIPPED: no {} above the repository", file.display());
    }
    found.map(|path| Trace::open(&path).expect("a trace"))
}

/// The policies at a share of the trace's objects, at least 100.
fn rows<const N: usize>(trace: &Trace, size_fraction: f64, policies: [&str; N]) -> [Row; N] {
    let share = f64::from(trace.objects()) * size_fraction;
    let capacity = Capacity {
        capacity: (share.round() as u64).max(100),
        size_fraction,
    };
    let jobs = policies.map(|name| Job {
        policy: policy(name).expect(name),
        capacity,
    });
    let rows = replay(trace, Unit::Objects, &jobs, 2, &|_| ()).expect("readable twice");
    rows.try_into().expect("one for each")
}

fn accuracy(row: &Row) -> f64 {
    row.useful_prefetches as f64 / row.prefetches as f64
}

/// Full quality with trails has fewer demand misses than the best without prefetching.
fn beats_belady(name: &str, accuracy_least: f64) {
    let Some(trace) = trace(name) else { return };
    let [trails, belady] = rows(&trace, 0.01, ["ant-full-trails", "belady"]);
    let accuracy = accuracy(&trails);
    println!(
        "{name}: {} of {}, accuracy {accuracy:.2}",
        trails.misses, belady.misses
    );
    assert!(trails.misses < belady.misses);
    assert!(accuracy >= accuracy_least);
}

#[test]
fn a_file_system_misses_less_than_without_prefetching_is_possible() {
    beats_belady("lirs_sprite", 0.8);
}

#[test]
#[ignore = "a minute"]
fn a_database_and_recommendations_miss_less_than_without_prefetching_is_possible() {
    beats_belady("c2k_orm_busy", 0.8);
    beats_belady("kv_scarab_recs", 0.6);
}

#[test]
fn where_nothing_follows_regularly_trails_do_no_harm_and_fetch_nothing() {
    let Some(trace) = trace("c2k_web12") else {
        return;
    };
    for size in [0.001, 0.01, 0.1] {
        let [ant, trails] = rows(&trace, size, ["ant", "ant-trails"]);
        let unused = trails.prefetches - trails.useful_prefetches;
        println!(
            "at {size}: {} and {}, {unused} wasted",
            ant.misses, trails.misses
        );
        assert!(trails.misses * 1_000 <= ant.misses * 1_005);
        assert!(unused * 50 <= ant.misses);
    }
}

/// Percent below FIFO, mean over the traces whose misses differ at all.
#[test]
#[ignore = "minutes"]
fn the_mean_over_all_traces_is_below_fifo_by_more_than_eviction_alone_can_do() {
    const TRACES: [&str; 8] = [
        "arc_OLTP",
        "arc_P12",
        "arc_P3",
        "c2k_orm_busy",
        "c2k_web12",
        "cp_w92",
        "kv_scarab_recs",
        "lirs_sprite",
    ];
    let mut sums = [0.0; 3];
    for name in TRACES {
        let Some(trace) = trace(name) else { return };
        for (sum, size) in sums.iter_mut().zip([0.001, 0.01, 0.1]) {
            let [fifo, trails] = rows(&trace, size, ["fifo", "ant-full-trails"]);
            *sum += 100.0 * (1.0 - trails.miss_ratio / fifo.miss_ratio);
        }
    }
    let means = sums.map(|sum| sum / TRACES.len() as f64);
    println!("{means:.2?}");
    let reached = means.iter().zip([13.0, 18.0, 29.0]);
    assert!(reached.into_iter().all(|(mean, target)| *mean >= target));
}
