//! The benchmark harness: one way to run rounds, one way to print a table, one way to write JSON.
//!
//! [`harness`] knows how to measure fairly and report; a suite ([`server`], [`lockfree`]) knows what
//! to measure.
//! [`process`] and [`machine`] observe and place the measured programs, [`load`] drives them.
//!
//! Not for absolute figures: machines differ and are shared. Every row is a ratio between two
//! subjects measured in turns within one run.
#![forbid(unsafe_code)]

mod harness;
mod load;
mod lockfree;
mod machine;
mod process;
mod server;

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
}

fn main() -> ExitCode {
    let result = match Cli::parse().suite {
        Suite::Server(options) => server::run(&options),
        Suite::Lockfree(options) => lockfree::run(&options),
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
