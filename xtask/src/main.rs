//! `cargo xtask`: everything the project does to itself, in one place.
//!
//! Each task is a module: [`mod@test`] (what must hold), [`verify`] (the long proofs of the lock-free
//! structures), [`tidy`] (structure), [`judge`] (Redis's own suite), [`mod@bench`] (measurements). They share [`workspace`] (what `cargo metadata` says),
//! [`prerequisites`] (what the machine must have) and [`shell`] (running commands visibly).
//!
//! Exit status: 0 success, 1 failure, 2 bad usage.
#![forbid(unsafe_code)]

mod bench;
mod judge;
mod prerequisites;
mod shell;
mod test;
mod tidy;
mod verify;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, then test everything.
    ///
    /// Debian packages are installed when root or when sudo asks for no password; otherwise the
    /// exact apt-get line is printed and the task stops. Then, in this order: tidy; floors 1 and 2
    /// for x86_64-unknown-none; all tests of the workspace (a tiny run of each benchmark among
    /// them); the short version of `verify`; Redis's own test suite.
    Test(test::Options),
    /// Prove the lock-free structures: the long versions of what `test` does, and ordering mutants.
    Verify(verify::Options),
    /// What CI runs: test, then formatting, clippy and documentation with warnings denied.
    ///
    /// Runs the script .ci/run, so that CI and this task cannot differ.
    Ci,
    /// Check the structure of the workspace: floors, unsafe, file introductions, sizes, links.
    Tidy,
    /// Measure: build in release, then run a suite of the benchmark harness.
    ///
    /// Everything after the suite goes to the harness:
    /// `cargo xtask bench server --quick --json rows.json`; `cargo xtask bench server --help` lists
    /// what it takes.
    Bench {
        /// The suite: `server`, `lockfree`, `scheduler` or `cache`.
        suite: String,
        /// Arguments of the suite, such as --quick, --json FILE, --only WORKLOAD,.. or --rounds N.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Let somebody else's test suite judge the server.
    Judge {
        #[command(subcommand)]
        suite: Suite,
    },
}

#[derive(Subcommand)]
enum Suite {
    /// Redis 7.0.15's own test suite, from Debian's source package, in external mode.
    ///
    /// Tests that need commands outside the server's scope are named, each with its reason, in
    /// xtask/judge/redis-skip.txt.
    Redis(judge::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::load()?;
    match task {
        Task::Test(options) => test::run(&workspace, &options),
        Task::Verify(options) => verify::run(&workspace, &options),
        Task::Ci => test::ci(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Bench { suite, arguments } => bench::run(&workspace, &suite, &arguments),
        Task::Judge {
            suite: Suite::Redis(options),
        } => judge::run(&workspace, &options),
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

    #[test]
    fn arguments_after_a_suite_reach_the_harness_untouched() {
        let cli = Cli::parse_from(["cargo xtask", "bench", "server", "--quick", "--json", "f"]);
        let Task::Bench { suite, arguments } = cli.task else {
            panic!("parsed as another task");
        };
        assert_eq!(suite, "server");
        assert_eq!(arguments, ["--quick", "--json", "f"]);
    }
}
