//! The nightly toolchain, with what Miri and ThreadSanitizer need of it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// How to get it, as `.ci/run` does.
const INSTALL: &str =
    "rustup toolchain install nightly --profile minimal --component miri --component rust-src";

/// `Err` says what is missing and how to install it.
pub(crate) fn missing(workspace: &Workspace) -> Result<()> {
    let mut list = Command::new("rustup");
    list.current_dir(&workspace.root).args([
        "component",
        "list",
        "--toolchain",
        "nightly",
        "--installed",
    ]);
    let Ok(installed) = shell::output(&mut list) else {
        bail!("no nightly toolchain is installed; to install one:\n  {INSTALL}");
    };
    for component in ["miri", "rust-src"] {
        if !installed.lines().any(|line| line.starts_with(component)) {
            bail!("the nightly toolchain has no {component}; to add it:\n  {INSTALL}");
        }
    }
    Ok(())
}

/// Nightly's cargo in the workspace. (`cargo +nightly` needs rustup's proxy, which `CARGO` is not.)
pub(crate) fn cargo(workspace: &Workspace) -> Result<Command> {
    missing(workspace)?;
    let mut command = Command::new("rustup");
    command
        .current_dir(&workspace.root)
        .args(["run", "nightly", "cargo"]);
    Ok(command)
}
