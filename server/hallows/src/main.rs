//! The program `hallows`: a cache server for Redis clients. This file parses the
//! command line, runs one command and gives its exit status; `serve/` is the
//! server, `settings/` its configuration, `load/` what its workers do, `top/`
//! shows that, `doctor/` looks at the machine, `sim/` compares schedulers,
//! `replay/` cache policies.
#![forbid(unsafe_code)]

mod cli;
mod clock;
mod doctor;
mod failure;
mod host;
mod io;
mod limits;
mod load;
mod logging;
mod metrics;
mod replay;
mod serve;
mod settings;
mod sim;
mod stdout;
mod top;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use failure::Failure;
use settings::Settings;

/// The memory allocator, as INFO names it. The store maps its own pages, so what is
/// left to the allocator is buffers, and there the C library's keeps least: after
/// 200 clients had sent large values to a store of 64 MiB, 75 MiB were resident,
/// with mimalloc 98, with jemalloc 119.
const ALLOCATOR: &str = "libc";

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => {
            let settings = Settings::resolve(args.given, args.config.as_deref())?;
            let level = logging::install(settings.log_level, settings.log_format);
            serve::run(settings, level)
        }
        Command::Top(args) => top::run(&args),
        Command::Doctor(args) => doctor::run(args.json),
        Command::Sim(args) => sim::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "hallows", &mut script);
            stdout::write(&script)
        }
    }
}
