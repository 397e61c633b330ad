//! The command line as declared: commands, flags and the help that teaches
//! them. [`crate::settings`] turns what was parsed into what the server uses.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::settings::Given;
use crate::sim::SimArgs;

const ABOUT: &str = "A cache server that every Redis client can talk to";

const EXAMPLES: &str = "\
Examples:
  hallows serve                          serve this machine on 127.0.0.1:6379
  hallows serve --memory 4GiB            keep at most 4 GiB of keys and values
  hallows doctor                         what this machine offers, what to improve
  hallows sim --cores 8,64               the scheduler against its rivals, simulated
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
    /// Report what this machine offers, what is switched on, and what to improve
    Doctor(DoctorArgs),
    /// Simulate the scheduler and its rivals on 1 to 1,024 cores
    Sim(SimArgs),
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
