//! The command line as declared: commands, flags and the help that teaches
//! them. [`crate::settings`] turns what was parsed into what the server uses.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::replay::ReplayArgs;
use crate::settings::Given;
use crate::sim::SimArgs;

const ABOUT: &str = "A cache server that every Redis client can talk to";

const EXAMPLES: &str = "\
Examples:
  hallows serve                          serve this machine on 127.0.0.1:6379
  hallows serve --memory 4GiB            keep at most 4 GiB of keys and values
  hallows top                            watch its workers
  hallows doctor                         what this machine offers, what to improve
  hallows sim --cores 8,64               the scheduler against its rivals, simulated
  hallows replay web.csv                 the cache policy against its rivals, on a trace
  redis-cli -p 6379 set greeting hello   any Redis client will do";

const SERVE_EXAMPLES: &str = "\
Examples:
  hallows serve --memory 1GiB --workers 2
      A cache of 1 GiB on two cores, for this machine.

  hallows serve --listen 0.0.0.0:6379 --requirepass-file /etc/hallows.password
      For the network: clients must AUTH with the first line of that file.

  hallows serve --metrics 127.0.0.1:9121 --log-format json
      Watched by Prometheus, logs as one JSON object per line.

  HALLOWS_MEMORY=2GiB hallows serve --config /etc/hallows.toml
      Flags win over the environment, the environment over the file.

The file holds the same names as the flags:
  listen = [\"127.0.0.1:6379\", \"10.0.0.5:6379\"]
  memory = \"2GiB\"
  requirepass-file = \"hallows.password\"

Sizes take KiB, MiB, GiB (also kb, mb, gb with the same meaning, as in Redis).
SIGTERM and Ctrl-C answer what was received, then stop; a second one stops at once.
Exit status: 0 stopped as asked, 1 failure, 2 wrong usage.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "hallows", version, about = ABOUT, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve Redis clients until SIGTERM or Ctrl-C
    Serve(Box<ServeArgs>),
    /// Watch the workers of a running server: load, queues, waits, steals, hottest tasks
    Top(TopArgs),
    /// Report what this machine offers, what is switched on, and what to improve
    Doctor(DoctorArgs),
    /// Simulate the scheduler and its rivals on 1 to 1,024 cores
    Sim(SimArgs),
    /// Replay traces through cache policies, and count misses
    Replay(Box<ReplayArgs>),
    /// Print completions for a shell, for example: hallows completions bash
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

/// Flags of `serve`.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArgs {
    /// TOML file with any of these settings
    #[arg(long, env = "HALLOWS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Settings that the file may hold as well.
    #[command(flatten)]
    pub(crate) given: Given,
}

const TOP_EXAMPLES: &str = "\
Examples:
  hallows top
      Watch the server on 127.0.0.1:6379; q, Esc or Ctrl-C ends, space pauses.

  hallows top --connect 10.0.0.5:6379 --interval 0.5
      Another one, twice a second.

  hallows top --once
      One screen as text, for a log.

  hallows top --json | jq '.workers[].busy_permille'
      The figures themselves, counted since the server's start.

  hallows top --tasks
      All tasks and how long each waits; the server must have --task-dump yes.

Exit status: 0 ended as asked, 1 failure, 2 wrong usage.";

/// Flags of `top`.
#[derive(Args, Debug)]
#[command(after_help = TOP_EXAMPLES)]
pub(crate) struct TopArgs {
    /// The server
    #[arg(
        long,
        env = "HALLOWS_CONNECT",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:6379"
    )]
    pub(crate) connect: String,
    /// Its password
    #[arg(
        long,
        env = "HALLOWS_PASSWORD",
        value_name = "TEXT",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,
    /// Time between two looks, and over which rates are taken
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,
    /// Print one screen as text and end
    #[arg(long, conflicts_with = "json")]
    pub(crate) once: bool,
    /// Print the figures as JSON and end
    #[arg(long)]
    pub(crate) json: bool,
    /// Print all tasks instead and end
    #[arg(long, conflicts_with = "once")]
    pub(crate) tasks: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds")?;
    if !(0.05..=3600.0).contains(&seconds) {
        return Err("give 0.05 to 3600 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Flags of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Print the report as JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command};

    #[test]
    fn the_declaration_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn listen_may_be_repeated_or_separated_by_commas() {
        let line = ["hallows", "serve", "--listen", "a:1,b:2", "--listen", "c:3"];
        let Command::Serve(args) = Cli::parse_from(line).command else {
            panic!("not serve")
        };
        assert_eq!(args.given.listen.unwrap(), ["a:1", "b:2", "c:3"]);
    }

    #[test]
    fn every_setting_has_an_environment_variable_named_after_it() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments().filter(|a| a.get_id() != "help") {
            let name = argument
                .get_long()
                .unwrap()
                .to_uppercase()
                .replace('-', "_");
            let variable = argument
                .get_env()
                .unwrap_or_else(|| panic!("{name} has none"));
            assert_eq!(variable.to_str(), Some(format!("HALLOWS_{name}").as_str()));
        }
    }
}
