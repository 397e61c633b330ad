//! `cargo xtask judge redis`: Redis's own test suite, unmodified in what it asks, run against the
//! server from outside.
//!
//! The parts: [`source`] fetches and unpacks the suite, [`server`] starts the one that is judged,
//! [`skip`] reads which tests are out of scope and why, [`outcome`] reads the suite's output. The
//! verdict is honest only if the skip list is: `--server redis` runs the same selection against
//! Redis itself, which must pass it whole, and a line in the list that skips nothing is an error.

mod outcome;
mod server;
mod skip;
mod source;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::workspace::Workspace;
use outcome::{Event, Outcome};
use server::Server;
use skip::SkipList;

/// The units whose tests, where they touch only commands in scope, must pass.
const UNITS: &[&str] = &[
    "unit/type/string",
    "unit/type/incr",
    "unit/expire",
    "unit/keyspace",
    "unit/scan",
    "unit/protocol",
    "unit/querybuf",
];

/// Tests that count on what a skipped test before them leaves behind, with their unit. They run by
/// themselves, on an emptied server, after the rest.
const ALONE: &[(&str, &[&str])] = &[(
    "unit/keyspace",
    &[
        // Wants an empty database, which the skipped test of streams before it makes.
        "MOVE basic usage",
        // Wants the key that the one above moves.
        "MOVE against key existing in the target DB",
    ],
)];

/// Seconds without progress after which the suite gives up.
const SUITE_TIMEOUT_S: &str = "180";

#[derive(Args)]
pub(crate) struct Options {
    /// Who is judged. Redis itself must pass: that judges the skip list.
    #[arg(long, value_enum, default_value_t = Subject::Hallows)]
    server: Subject,
    /// Build and judge the unoptimised program, with its overflow checks.
    #[arg(long)]
    debug: bool,
    /// Only these units (may be repeated), such as unit/scan. Default: all in scope.
    #[arg(long, value_name = "UNIT")]
    unit: Vec<String>,
    /// Keep the unpacked suite and the logs in target/judge.
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Hallows,
    Redis,
}

impl Options {
    /// What the tests run: everything, against the build that `cargo test` has made anyway.
    pub(crate) fn debug_build() -> Options {
        Options {
            server: Subject::Hallows,
            debug: true,
            unit: Vec::new(),
            keep: false,
        }
    }
}

/// Downloads the suite unless it is there already.
pub(crate) fn fetch(workspace: &Workspace) -> Result<()> {
    source::fetch(&workspace.target.join("judge"))
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    for unit in &options.unit {
        if !UNITS.contains(&unit.as_str()) {
            bail!("unknown unit {unit}; in scope are {}", UNITS.join(", "));
        }
    }
    let list_path = workspace.root.join("xtask/judge/redis-skip.txt");
    let list = SkipList::parse(&fs::read_to_string(&list_path)?)
        .with_context(|| format!("{}", list_path.display()))?;
    let folder = workspace.target.join("judge");
    source::fetch(&folder)?;
    let suite = source::unpack(&folder)?;
    let server = match options.server {
        Subject::Hallows => Server::hallows(workspace, options.debug, &folder)?,
        Subject::Redis => Server::redis(&folder)?,
    };

    let units: Vec<&str> = if options.unit.is_empty() {
        UNITS.to_vec()
    } else {
        options.unit.iter().map(String::as_str).collect()
    };
    let mut log = fs::File::create(folder.join("suite.log"))?;
    let mut run = |arguments: &[&str]| run_suite(&suite, server.port(), arguments, &mut log);
    let outcome = judge(&list, &units, &suite.join("skip.txt"), &mut run)?;
    drop(server);
    let verdict = outcome.verdict(&units, options.unit.is_empty().then_some(&list));
    println!("{outcome}");
    if options.keep {
        println!("kept: {}", suite.display());
    } else {
        fs::remove_dir_all(&suite)?;
    }
    eprintln!("logs: {}/suite.log and server.log", folder.display());
    verdict
}

/// Two passes: all units without the skipped tests, then the tests that must run alone.
fn judge(
    list: &SkipList,
    units: &[&str],
    skip_file: &Path,
    run: &mut impl FnMut(&[&str]) -> Result<Outcome>,
) -> Result<Outcome> {
    let alone = ALONE.iter().filter(|(unit, _)| units.contains(unit));
    let tests_alone = alone.clone().flat_map(|(_, tests)| tests.iter().copied());
    let names = list.names().chain(tests_alone);
    fs::write(skip_file, names.collect::<Vec<_>>().join("\n"))?;
    let skip_file = skip_file.to_string_lossy();
    let mut arguments = vec!["--skipfile", &skip_file];
    arguments.extend(units.iter().flat_map(|unit| ["--single", unit]));
    let mut outcome = run(&arguments)?;
    for (unit, tests) in alone {
        let mut arguments = vec!["--single", unit];
        arguments.extend(tests.iter().flat_map(|test| ["--only", test]));
        outcome.add_alone(tests, run(&arguments)?);
    }
    Ok(outcome)
}

/// One run of the suite against the server at `port`: what matters is shown, all is logged.
fn run_suite(suite: &Path, port: u16, arguments: &[&str], log: &mut fs::File) -> Result<Outcome> {
    let mut child = Command::new("./runtest")
        .current_dir(suite)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--timeout", SUITE_TIMEOUT_S])
        // A reply the suite did not expect fails that test; without this it would end the run.
        .arg("--durable")
        .args(arguments)
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{}/runtest could not be started", suite.display()))?;
    let stdout = child.stdout.take().context("the suite has no stdout")?;
    let mut outcome = Outcome::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(log, "{line}")?;
        match outcome.read_line(&line) {
            Some(Event::Unit) => eprintln!("{line}"),
            Some(Event::Failure) => eprintln!("  {line}"),
            None => {}
        }
    }
    outcome.finished = child.wait()?.code();
    Ok(outcome)
}
