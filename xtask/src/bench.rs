//! `cargo xtask bench SUITE`: builds the measured programs as users get them, then hands over to
//! the harness in `bench/`, which owns the suites and their arguments.

use std::ffi::OsString;

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, suite: &str, arguments: &[OsString]) -> Result<()> {
    // Only this suite measures a program; the others are in the harness itself.
    let packages: &[&str] = match suite {
        "server" => &["hallows", "hallows-bench"],
        _ => &["hallows-bench"],
    };
    // One by one: built together they would share features that users' builds do not have.
    for package in packages {
        shell::run(shell::cargo().current_dir(&workspace.root).args([
            "build",
            "--release",
            "--package",
            package,
        ]))?;
    }
    // The caller's folder stays current: `--json FILE` is relative to where the user is.
    let mut harness = std::process::Command::new(workspace.program("release", "hallows-bench"));
    shell::run(harness.arg(suite).args(arguments))
}
