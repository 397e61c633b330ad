//! Every suite once, tiny: that it still runs to its end and writes what scripts rely on. The
//! figures of such a run mean nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const HARNESS: &str = env!("CARGO_BIN_EXE_hallows-bench");

/// Scripts know the workloads of the suite `lockfree` by these names.
const LOCKFREE: [&str; 18] = [
    "spsc_single",
    "spsc_chunk64",
    "spsc_rtt",
    "mpsc_2p1c",
    "mpmc_1p1c",
    "mpmc_2p2c",
    "deque_owner",
    "deque_steal",
    "map_95_5_1t",
    "map_95_5_2t",
    "map_50_50_2t",
    "map_bytes_per_entry",
    "map_worst_insert",
    "reply_slot",
    "admission",
    "latest_value",
    "ring_1p1c",
    "ring_1p2c",
];

/// Scripts know the workloads of the suite `cache` by these names.
const CACHE: [&str; 12] = [
    "hit_1t",
    "hit_2t",
    "hit_default_hash_1t",
    "get_or_insert_1t",
    "get_or_insert_2t",
    "batch_get_1m",
    "batch_get_128m",
    "batch_get_misses",
    "batch_get_chase",
    "loads_runs",
    "loads_zipf",
    "worst_pause",
];

/// Scripts know the workloads of the suite `scheduler` by these names.
const SCHEDULER: [&str; 25] = [
    "spawn_many_local",
    "spawn_many_remote_idle",
    "spawn_many_remote_busy1",
    "spawn_many_remote_busy2",
    "yield_many",
    "ping_pong",
    "chained_spawn",
    "remote_spawn_idle",
    "open_loop_exp_10us",
    "open_loop_exp_25us",
    "open_loop_exp_100us",
    "simulated_2_cores",
    "bimodal_p999_slowdown",
    "shares_error",
    "latency_probe_p99",
    "hotspot_rotating",
    "balanced_stream",
    "tcp_echo_cpu",
    "tcp_echo_rtt",
    "fib",
    "skynet",
    "nqueens",
    "tree_sum",
    "quicksort",
    "signal_cost",
];

/// Builds the measured program with the profile of this test, beside the harness.
fn build_hallows() -> PathBuf {
    let harness = Path::new(HARNESS);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "hallows"]);
    if harness
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "hallows does not build");
    harness.with_file_name("hallows")
}

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Every row that was written, each with figures.
fn rows_of(json: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(json).expect("rows were written");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("a list");
    for row in &rows {
        // An error may be none at all.
        let least = if row["unit"] == "%" {
            0.0
        } else {
            f64::MIN_POSITIVE
        };
        let none_of_ours = row["ours"] == 0.0;
        // Nothing is infinitely better than something, and JSON has no word for it.
        let ratio = (!none_of_ours).then_some("ratio");
        for figure in ["ours", "peer_value"].into_iter().chain(ratio) {
            let value = row[figure].as_f64();
            assert!(
                value.is_some_and(|value| value >= least),
                "{figure} of {row}"
            );
        }
    }
    rows
}

/// Runs a suite in its tiniest form; each of its workloads must give a row.
fn compares_something(suite: &str, workloads: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = folder.path().join("rows.json");
    let output = Command::new(HARNESS)
        .args([suite, "--tiny", "--json"])
        .arg(&json)
        .output()
        .expect("the harness runs");
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");

    let rows = rows_of(&json);
    for &workload in workloads {
        assert!(
            rows.iter().any(|row| row["workload"] == workload),
            "no row of {workload}:\n{progress}"
        );
    }
}

#[test]
fn the_lockfree_suite_compares_something_in_every_workload() {
    compares_something("lockfree", &LOCKFREE);
}

#[test]
fn the_cache_suite_compares_something_in_every_workload() {
    compares_something("cache", &CACHE);
}

#[test]
fn the_scheduler_suite_compares_something_in_every_workload() {
    compares_something("scheduler", &SCHEDULER);
}

#[test]
fn the_server_suite_runs_whole_and_its_rows_are_complete() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let json = folder.path().join("rows.json");
    let output = Command::new(HARNESS)
        .args(["server", "--tiny", "--json"])
        .arg(&json)
        .arg("--hallows")
        .arg(build_hallows())
        .output()
        .expect("the harness runs");
    let (table, progress) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{progress}{table}");

    let rows = rows_of(&json);
    let mut expected = vec!["p50_lone", "skewed_connections", "even_connections"];
    if installed("redis-server") && installed("redis-benchmark") {
        expected.extend(["set_p1", "get_p1", "set_p16", "get_p16"]);
        expected.extend(["bytes_per_key", "bytes_per_key_ttl", "churn"]);
        expected.extend(["hit_ratio_zipf", "hit_ratio_shift", "hit_ratio_scan"]);
    }
    for workload in expected {
        assert!(
            rows.iter().any(|row| row["workload"] == workload),
            "no row of {workload}:\n{progress}{table}"
        );
    }
}
