//! `cargo xtask test` and `cargo xtask ci`: everything the project tests, in one order: cheap and
//! structural first, slow and external last.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::judge;
use crate::prerequisites;
use crate::shell::{self, Progress};
use crate::tidy::{self, floors};
use crate::verify;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Install nothing: stop with the apt-get line if a package is missing.
    #[arg(long)]
    no_install: bool,
    /// Leave out Redis's own test suite, the only part that fetches from Debian's archive.
    #[arg(long)]
    skip_judge: bool,
    /// Fail where no nightly toolchain is installed, instead of leaving out what needs one.
    #[arg(long)]
    with_nightly: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let own_steps = if options.skip_judge { 7 } else { 8 };
    let mut progress = Progress::new(own_steps + verify::QUICK_STEPS);
    let mut python = PathBuf::new();
    progress.step("Debian packages", || {
        prerequisites::packages(!options.no_install)
    })?;
    progress.step("Rust targets for bare metal", || {
        prerequisites::bare_targets(workspace)
    })?;
    progress.step("Python client", || {
        python = prerequisites::python(workspace)?;
        Ok(())
    })?;
    progress.step("tidy", || tidy::run(workspace))?;
    progress.step("floors 1 and 2 without an operating system", || {
        verify::bare(workspace, |package| floors::is_bare(&package.folder))
    })?;
    progress.step("tests of the workspace", || {
        shell::run(
            shell::cargo()
                .current_dir(&workspace.root)
                .args(["test", "--workspace", "--no-fail-fast"])
                .env("HALLOWS_PYTHON", &python),
        )
    })?;
    progress.step("spans and events of Beehive", || {
        shell::run(shell::cargo().current_dir(&workspace.root).args([
            "test",
            "--package",
            "beehive",
            "--features",
            "tracing",
            "--test",
            "tracing",
        ]))
    })?;
    verify::quick_steps(workspace, &mut progress, options.with_nightly)?;
    if options.skip_judge {
        progress.note("Redis's own suite did not run: --skip-judge".to_owned());
    } else {
        judge_step(workspace, &mut progress)?;
    }
    progress.summary();
    Ok(())
}

/// A machine without Debian's archive can still test the rest; the summary says what was left out.
fn judge_step(workspace: &Workspace, progress: &mut Progress) -> Result<()> {
    let mut unavailable = None;
    progress.step("Redis's own suite", || match judge::fetch(workspace) {
        Ok(()) => judge::run(workspace, &judge::Options::debug_build()),
        Err(error) => {
            unavailable = Some(error);
            Ok(())
        }
    })?;
    if let Some(error) = unavailable {
        progress.note(format!(
            "Redis's own suite did NOT run, its source could not be fetched: {error:#}"
        ));
    }
    Ok(())
}

pub(crate) fn ci(workspace: &Workspace) -> Result<()> {
    shell::run(Command::new("bash").arg(workspace.root.join(".ci/run")))
}
