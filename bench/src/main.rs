//! The benchmark harness: one way to run rounds, one way to print a table, one way to write JSON.
//!
//! [`harness`] knows how to measure fairly and report; a suite ([`server`]) knows what to measure.
//! [`process`] and [`machine`] observe and place the measured programs, [`load`] drives them.
//!
//! Not for absolute figures: machines differ and are shared. Every row is a ratio between two
//! subjects measured in turns within one run.
#![forbid(unsafe_code)]

mod harness;
mod load;
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
}

fn main() -> ExitCode {
    let result = match Cli::parse().suite {
        Suite::Server(options) => server::run(&options),
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
