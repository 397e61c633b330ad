//! The checks that run the tests of `lockfree/`, of what Beehive and the typed cache build on it, and of
//! the byte store in other worlds.

use std::process::Command;

use anyhow::Result;

use crate::prerequisites::{self, BARE_TARGET, BARE_TARGET_ARM};
use crate::shell;
use crate::workspace::{Package, Workspace};

use super::{FOLDER, Subject, nightly};

/// The task cell and the fork-join jobs stand on protocols of their own.
const TASKS: &str = "beehive-task";
/// The workers: spawning, stealing, waking and stopping on real threads.
const RUNTIME: &str = "beehive";
/// Its tests that make workers meet; the long version runs all.
const RUNTIME_STRESS: [&str; 5] = ["tasks", "scope", "timers", "shutdown", "soak"];
/// The typed cache: its shards, flights and expiry over the slab map.
const CACHE: &str = "ant-colony";
/// Its tests in which threads meet; the long version of Miri runs all, once.
const CACHE_STRESS: [&str; 4] = ["linearize::", "threads::", "limits::no", "walking::"];
/// The byte store, whose readers take no lock.
const STORE_PACKAGE: &str = "ant-colony-store";
/// Its tests that Miri can run in minutes: the parts that readers meet, and readers that stop. Others
/// fill stores with more objects than an interpreter gets through.
const STORE_MIRI: [&str; 4] = ["view::", "memory::", "a_short_run", "readers::"];
/// The few of them that the short version runs.
const STORE_MIRI_QUICK: [&str; 3] = ["view::", "memory::", "a_reader_that_is_always"];
/// Its tests with several threads, one test after the other: ThreadSanitizer does not see that a store's
/// memory is unmapped, and takes the next store at the same address for the same one.
const STORE_THREADS: [&str; 3] = ["threads::", "readers::", "--test-threads=1"];
/// Threads, readers without locks among them, whose histories must be linearizable.
const STORE_HISTORIES: &str = "linearize";
/// ThreadSanitizer needs a standard library built with it, and so a target named.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// Time that each model of a test may be explored for in the short version, and in the long one:
/// the largest models would take days to the end.
const LOOM_SECONDS_QUICK: u32 = 2;
const LOOM_SECONDS: u32 = 300;
/// After how many interleavings loom looks at the clock, where it has a limit.
const LOOM_CLOCK_EVERY: u32 = 1_000;
/// Seeds of Miri's schedules and weak memory.
const MIRI_SEEDS: u32 = 32;
/// How often shuttle's tests run in the long version, with new random schedules each time.
const SHUTTLE_RUNS: u32 = 20;
/// What ThreadSanitizer reports of Beehive by mistake, each with its reason.
const TSAN_SUPPRESSIONS: &str = "xtask/src/verify/tsan.suppressions";
/// How often the stress tests run under ThreadSanitizer in the long version.
const TSAN_RUNS: u32 = 5;

pub(super) fn loom(subject: &Subject<'_>) -> Result<()> {
    let run = |mut command: Command| {
        if subject.quick {
            // For the tests that set no bound of their own.
            command.env("LOOM_MAX_PREEMPTIONS", "2");
            limit_loom(&mut command, LOOM_SECONDS_QUICK);
        } else {
            limit_loom(&mut command, LOOM_SECONDS);
        }
        shell::run(&mut command)
    };
    if subject.has_lockfree() {
        run(model_checked(subject, &subject.package.name, "loom"))?;
    }
    if subject.only.is_none() {
        run(model_checked(subject, TASKS, "loom"))?;
    }
    if subject.has_cache() {
        run(model_checked(subject, CACHE, "loom"))?;
    }
    if subject.has_store() {
        run(model_checked(subject, STORE_PACKAGE, "loom"))?;
    }
    Ok(())
}

/// Lets loom explore each model of the tests that `command` runs for so long.
pub(super) fn limit_loom(command: &mut Command, seconds: u32) {
    command
        .env("LOOM_MAX_DURATION", seconds.to_string())
        .env("LOOM_CHECKPOINT_INTERVAL", LOOM_CLOCK_EVERY.to_string());
}

pub(super) fn shuttle(subject: &Subject<'_>) -> Result<()> {
    let runs = match subject.quick {
        _ if !subject.has_lockfree() => 0,
        true => 1,
        false => SHUTTLE_RUNS,
    };
    for _ in 0..runs {
        shell::run(&mut model_checked(
            subject,
            &subject.package.name,
            "shuttle",
        ))?;
    }
    Ok(())
}

/// The tests of a feature that replaces the atomics; its test program has the same name.
fn model_checked(subject: &Subject<'_>, package: &str, feature: &str) -> Command {
    let mut command = shell::cargo();
    command
        .current_dir(&subject.workspace.root)
        .args(["test", "--profile", "verify"])
        .args(["--package", package])
        .args(["--features", feature, "--test", feature]);
    // Of the caches there is only one each, whose tests have names of their own.
    if let Some(only) = subject.only.filter(|_| subject.has_lockfree()) {
        command.args(["--", &format!("{only}::")]);
    }
    command
}

pub(super) fn miri(subject: &Subject<'_>) -> Result<()> {
    let cargo = || {
        let mut command = nightly::cargo(subject.workspace)?;
        command.args(["miri", "test"]);
        if !subject.quick {
            let seeds = format!("-Zmiri-many-seeds=0..{MIRI_SEEDS}");
            command.env("MIRIFLAGS", seeds);
        }
        Ok(command)
    };
    native_tests(subject, cargo)?;
    if subject.only.is_none() {
        shell::run(cargo()?.args(["--package", TASKS, "--lib"]))?;
    }
    if subject.has_cache() {
        let mut command = nightly::cargo(subject.workspace)?;
        command.args(["miri", "test", "--package", CACHE, "--tests"]);
        // Proptest asks for the environment and for entropy.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        if subject.quick {
            command.arg("--").args(CACHE_STRESS);
        }
        shell::run(&mut command)?;
    }
    if subject.has_store() {
        let cargo = || {
            let mut command = nightly::cargo(subject.workspace)?;
            command.args(["miri", "test"]);
            Ok(command)
        };
        let names: &[&str] = match subject.quick {
            true => &STORE_MIRI_QUICK,
            false => &STORE_MIRI,
        };
        store(&cargo, names)?;
    }
    Ok(())
}

/// The byte store's tests whose names hold one of `names`, and its histories, by `cargo`, which is
/// continued.
fn store(cargo: &impl Fn() -> Result<Command>, names: &[&str]) -> Result<()> {
    let mut unit = cargo()?;
    shell::run(
        unit.args(["--package", STORE_PACKAGE, "--lib", "--"])
            .args(names),
    )?;
    shell::run(cargo()?.args(["--package", STORE_PACKAGE, "--test", STORE_HISTORIES]))
}

pub(super) fn thread_sanitizer(subject: &Subject<'_>) -> Result<()> {
    let suppressions = subject.workspace.root.join(TSAN_SUPPRESSIONS);
    let cargo = || {
        let mut command = nightly::cargo(subject.workspace)?;
        command
            .args(["test", "--profile", "verify"])
            .args(["-Zbuild-std", "--target", HOST])
            .env("RUSTFLAGS", "-Zsanitizer=thread")
            .env(
                "TSAN_OPTIONS",
                format!("suppressions={}", suppressions.display()),
            );
        Ok(command)
    };
    let runs = if subject.quick { 1 } else { TSAN_RUNS };
    for _ in 0..runs {
        native_tests(subject, cargo)?;
        if subject.only.is_none() {
            workers(cargo, subject.quick)?;
        }
        if subject.has_cache() {
            let mut command = cargo()?;
            command.args(["--package", CACHE, "--tests"]);
            if subject.quick {
                command.arg("--").args(CACHE_STRESS);
            }
            shell::run(&mut command)?;
        }
        if subject.has_store() {
            store(&cargo, &STORE_THREADS)?;
        }
    }
    Ok(())
}

/// Beehive's tasks, jobs and workers, by `cargo`, which is continued.
///
/// The fences of its protocols need no care: they order looks with writes, and no data is handed over
/// by them, so ThreadSanitizer, which knows no fences, has nothing to report. Nor does it know the stacks
/// of preemptible tasks: it takes what they do for their worker's doing, which is right, as they never
/// change their thread; only the stacks in its reports would be mixed up.
fn workers(cargo: impl Fn() -> Result<Command>, quick: bool) -> Result<()> {
    shell::run(cargo()?.args(["--package", TASKS, "--lib"]))?;
    let mut command = cargo()?;
    command.args(["--package", RUNTIME]);
    if quick {
        for test in RUNTIME_STRESS {
            command.args(["--test", test]);
        }
    } else {
        command.arg("--tests");
    }
    shell::run(&mut command)
}

/// The tests on the processor's own atomics, by `cargo`, which is continued.
fn native_tests(subject: &Subject<'_>, cargo: impl Fn() -> Result<Command>) -> Result<()> {
    if !subject.has_lockfree() {
        return Ok(());
    }
    let run = |arguments: &[&str]| {
        shell::run(
            cargo()?
                .args(["--package", &subject.package.name])
                .args(arguments),
        )
    };
    let Some(only) = subject.only else {
        return run(&["--tests"]);
    };
    run(&["--lib", "--", &format!("{only}::")])?;
    let file = format!("tests/{only}.rs");
    if subject.root().join(file).exists() {
        run(&["--test", only])?;
    }
    Ok(())
}

/// The crates of floors 1 and 2 that `wanted` picks must not need an operating system; targets
/// without one are the proof. Each crate is built alone: built together, one crate's features could
/// hide another's need.
pub(crate) fn bare(workspace: &Workspace, wanted: impl Fn(&Package) -> bool) -> Result<()> {
    prerequisites::bare_targets(workspace)?;
    for package in workspace.packages.iter().filter(|it| wanted(it)) {
        let on = |verb: &str, target: &str| {
            shell::run(
                shell::cargo()
                    .current_dir(&workspace.root)
                    .args([verb, "--no-default-features", "--target", target])
                    .args(["--package", &package.name]),
            )
        };
        on("build", BARE_TARGET)?;
        if package.folder == FOLDER {
            on("check", BARE_TARGET_ARM)?;
        }
    }
    Ok(())
}
