//! The benchmark harness: one way to run rounds, one way to print a table, one way to write JSON.
//!
//! [`harness`] knows how to measure fairly and report; a suite ([`server`], [`lockfree`],
//! [`scheduler`], [`cache`]) knows what to measure. [`team`] runs pinned threads that start together.
//! [`process`] and [`machine`] observe and place the measured programs, [`load`] drives them, by numbers
//! from [`random`].
//!
//! Not for absolute figures: machines differ and are shared. Every row is a ratio between two
//! subjects measured in turns within one run.
#![forbid(unsafe_code)]

mod cache;
mod harness;
mod load;
mod lockfree;
mod machine;
mod process;
mod random;
mod scheduler;
mod server;
mod team;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Paired benchmarks against the best peers.
///
/// Subjects take turns in every round; a row compares medians over the rounds, and its spread is
/// the interquartile range of the per-round ratios over their median. A ratio above 1 means ours is
/// better, whatever the metric's direction.
#[derive(Parser)]
#[command(name = "hallows-bench", version)]
struct Cli {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// The server beside redis, memcached and a bare epoll stub.
    ///
    /// set_p1, get_p1, set_p16, get_p16: 50 connections, 64-byte values, 100,000 random keys,
    /// pipelines of 1 and 16; CPU time of the server process per request, and requests per second.
    /// redis-benchmark is the client, except beside memcached, which it cannot speak to: there our
    /// own client drives both, and the subject's name ends in `-loadclient`.
    ///
    /// p50_lone: median latency of GET on a single connection that waits for each reply, pinned
    /// subjects only.
    ///
    /// bytes_per_key, bytes_per_key_ttl: growth of resident memory per key of 16 bytes with a
    /// value of 64 bytes, without and with a time to live.
    ///
    /// skewed_connections, even_connections: 16 connections that send by a schedule, the first of them ten
    /// times as much as each other one, or all alike; the 99th percentile of the others' latencies, and
    /// CPU time per request. Beside `hallows` without load signals, which leaves a connection where it is.
    ///
    /// churn: resident memory after a day of changes, pressed into minutes: in terms of what the server
    /// says that it uses, and of the keys and values that it has.
    ///
    /// hit_ratio: hit ratios beside redis' allkeys-lfu and allkeys-lru, whose memory limit is chosen such
    /// that their processes are as large; on generated traces (hit_ratio_zipf, hit_ratio_shift,
    /// hit_ratio_scan), or on those of --trace, which must have sizes.
    ///
    /// Subjects with one worker (`-w1`) are pinned to one core and the client to another, and so
    /// are the peers they are compared with. Subjects with two workers (`-w2`) share two cores with
    /// the client, and so do their peers. `epoll-stub` answers +OK and stores nothing: the limit of
    /// this path.
    Server(server::Options),
    /// Our lock-free structures beside the crates that users would otherwise take.
    ///
    /// spsc_single, spsc_chunk64, spsc_rtt: a ring between two cores, one by one, in chunks of 64,
    /// and there and back. mpsc_2p1c, mpmc_1p1c, mpmc_2p2c: queues with that many producers and
    /// consumers. deque_owner, deque_steal: the owner alone, and all that it pushes stolen.
    ///
    /// map_95_5_1t, map_95_5_2t, map_50_50_2t: percent of gets and of overwrites, and threads, on
    /// 1,000,000 entries, keys by Zipf's law. map_bytes_per_entry: growth of resident memory of a
    /// process of its own. map_worst_insert: CPU time of the worst insert while it grows to
    /// 1,000,000.
    ///
    /// reply_slot: make, send, receive, on one thread. admission: two threads through a gate with
    /// room. latest_value: a writer and a reader that never rest. ring_1p1c, ring_1p2c: every
    /// consumer sees every value.
    ///
    /// Threads are pinned to two cores, and share them where they are more than two. A figure is
    /// millions of operations per second of wall time, beside CPU time per operation; where four
    /// threads take turns (mpmc_2p2c), operations per second of CPU time come first. All results
    /// are checked.
    Lockfree(lockfree::Options),
    /// Beehive beside the runtimes that users would otherwise take, each on two workers.
    ///
    /// Every measurement is a process of its own, all threads on the same two cores. Runtimes of
    /// several workers are compared with each other; those of one thread (tokio's, glommio, monoio,
    /// compio) with ours on one worker (`beehive-local`). Who cannot do a workload, or is refused by
    /// the kernel, is named at the end.
    ///
    /// spawn_many_local, spawn_many_remote_idle, spawn_many_remote_busy1, spawn_many_remote_busy2,
    /// yield_many, ping_pong, chained_spawn: as in tokio's benches/rt_multi_threaded.rs. Runtimes of
    /// one thread cannot spawn from outside; spargio begins no new task while others yield (busy1).
    ///
    /// remote_spawn_idle: one task at a time from outside; time of the call, and until the task
    /// begins, with workers that have just become idle and with workers that sleep.
    ///
    /// open_loop_exp_10us, open_loop_exp_25us, open_loop_exp_100us: Poisson arrivals, exponential
    /// service times of that mean; the highest load at which 99% are answered within ten mean service
    /// times of their planned arrival, as a part of what two servers with one queue bear (0.752).
    /// simulated_2_cores: the same tasks of 100 us on the runtime and on as many simulated cores; mean and
    /// p99 latency in mean service times, at 50 and 70% of the capacity. The nearer the ratio is to 1, the
    /// better the simulator.
    ///
    /// bimodal_p999_slowdown: 99.5% of 0.5 us, 0.5% of 500 us, load 0.5; the p99.9 of latency over
    /// service time among the short ones. Ours as preemptible tasks with checkpoints in their loop, and
    /// without (`beehive-cooperative`); no peer can suspend a poll. Runtimes of one thread run twice, each with half of the
    /// arrivals.
    ///
    /// shares_error: tasks that never have enough in three classes of weights 4, 2, 1; the largest
    /// difference between a class's share of the time and its due, in percent of the time, over any
    /// 100 ms. latency_probe_p99: from the call that spawns a task of the first class from outside
    /// until it runs, while the other classes fill all workers. Peers
    /// have no classes. spargio does not take part: it begins no new task while others yield.
    ///
    /// hotspot_rotating, balanced_stream: 8 connections with frames of 4 KiB and some work in each,
    /// two workers; in each step another connection has 32 frames and the others 2, or all have 6.
    /// Runtimes of one thread run twice, each with half of the connections.
    ///
    /// Here and in the next two, `beehive` serves connections in tasks that may be stolen, and
    /// `beehive-local` in tasks that stay on their worker until they are asked to move.
    ///
    /// tcp_echo_cpu: 50 connections that wait for each reply of 64 bytes; CPU time of the server per
    /// request, and requests per second. tcp_echo_rtt: median round trip of a lone connection. One
    /// worker on one core, the client on another. spargio's shards do not sleep, so that its CPU
    /// time says little.
    ///
    /// fib, skynet, nqueens, tree_sum, quicksort: fork-join; 30, 1,000,000 leaves, 10 queens,
    /// 1,048,575 nodes, 1,000,000 numbers. Peers are rayon, chili and forte; runtimes whose tasks
    /// cannot borrow do not take part.
    ///
    /// signal_cost: CPU time of pairs of short tasks with load signals, and with the switch off.
    Scheduler(scheduler::Options),
    /// `ant-colony` beside quick_cache and moka: CPU time of an operation.
    ///
    /// hit_1t, hit_2t: gets of 50,000 keys in a cache with room for twice as many, by one thread and by
    /// two. get_or_insert_1t, get_or_insert_2t: a million keys by Zipf's law with exponent 0.99, in a
    /// cache with room for 1% of them; what misses is loaded at no cost. miss_ratio says how often.
    ///
    /// batch_get_1m, batch_get_128m, batch_get_misses, batch_get_chase: gets in batches of 32 keys, drawn
    /// evenly, from the map of `lockfree` and from the byte store, beside hashbrown, which holds nothing
    /// but the entries, in a tight loop and in one where each get depends on the one before, and beside
    /// an array whose places are known: the limit of the memory. hashbrown's table takes 1 MiB, or 128
    /// MiB; half of the keys are absent (misses); values of 32 bytes lie behind a pointer (chase).
    ///
    /// loads_runs, loads_zipf: calls of a loader, and keys it is called for, for each of a million
    /// accesses to 100,000 keys with room for a tenth of them; the typed cache with 100,000 trails
    /// and without, the others without. Keys in runs that repeat, with a stranger for each nine; and
    /// single keys.
    Cache(cache::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().suite {
        Suite::Server(options) => server::run(&options),
        Suite::Lockfree(options) => lockfree::run(&options),
        Suite::Scheduler(options) => scheduler::run(&options),
        Suite::Cache(options) => cache::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
