//! What the machine must have before the tests can run, and how it gets there: Debian packages,
//! the bare-metal Rust targets, and a Python environment with the redis client.
//!
//! Nothing is installed that is already there. Without the rights to install, the exact command is
//! printed instead and the task fails: a test that silently did not run is worse.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{self, find_program};
use crate::workspace::Workspace;

/// The target that proves floors 1 and 2 need no operating system.
pub(crate) const BARE_TARGET: &str = "x86_64-unknown-none";
/// Another such target, with a weaker memory model.
pub(crate) const BARE_TARGET_ARM: &str = "aarch64-unknown-none";

/// The Python client the tests connect with; pinned, so that a new release cannot break a build.
const REDIS_PY: &str = "8.1.0";

/// A Debian package and how to see that what it provides is there.
struct Need {
    package: &'static str,
    present: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        package: "redis-server",
        present: || find_program("redis-server").is_some(),
    },
    Need {
        package: "redis-tools",
        present: || {
            find_program("redis-cli").is_some() && find_program("redis-benchmark").is_some()
        },
    },
    Need {
        package: "memcached",
        present: || find_program("memcached").is_some(),
    },
    Need {
        package: "tcl",
        present: || find_program("tclsh").is_some(),
    },
    Need {
        package: "python3-venv",
        present: || shell::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    },
];

/// Installs or demands the Debian packages.
pub(crate) fn packages(install: bool) -> Result<()> {
    let missing = missing_packages();
    if missing.is_empty() {
        eprintln!("all there");
        return Ok(());
    }
    let line = format!(
        "apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    let root = shell::output(Command::new("id").arg("-u"))?.trim() == "0";
    let sudo = !root && shell::succeeds(Command::new("sudo").args(["-n", "true"]));
    if !install || find_program("apt-get").is_none() || !(root || sudo) {
        bail!("packages are missing; install them with\n  sudo {line}\nand run this again");
    }
    let privileged = |arguments: &[&str]| {
        let mut command = if root {
            Command::new("env")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "env"]);
            sudo
        };
        command
            .arg("DEBIAN_FRONTEND=noninteractive")
            .args(arguments);
        command
    };
    shell::run(&mut privileged(&["apt-get", "update", "-q"]))?;
    shell::run(
        privileged(&["apt-get", "install", "-y", "-q"])
            .arg("--no-install-recommends")
            .args(&missing),
    )?;
    stop_services(&missing, privileged)?;
    let still = missing_packages();
    if !still.is_empty() {
        bail!(
            "installed, yet not found on the PATH: what {} provide",
            still.join(", ")
        );
    }
    Ok(())
}

fn missing_packages() -> Vec<&'static str> {
    NEEDS
        .iter()
        .filter(|need| !(need.present)())
        .map(|need| need.package)
        .collect()
}

/// Debian starts the servers it installs. The tests start their own, and a redis on port 6379 would
/// be in the way of `hallows serve`; what this task just brought, it also stops.
fn stop_services(installed: &[&str], privileged: impl Fn(&[&str]) -> Command) -> Result<()> {
    if !Path::new("/run/systemd/system").exists() {
        return Ok(());
    }
    for service in ["redis-server", "memcached"] {
        if installed.contains(&service) {
            shell::run(&mut privileged(&["systemctl", "disable", "--now", service]))?;
        }
    }
    Ok(())
}

/// Adds the bare-metal targets to the toolchain in use.
pub(crate) fn bare_targets(workspace: &Workspace) -> Result<()> {
    let rustup = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.current_dir(&workspace.root).args(arguments);
        command
    };
    let installed = shell::output(&mut rustup(&["target", "list", "--installed"]))
        .context("rustup is needed to add the targets for the bare-metal builds")?;
    let there = |target: &str| installed.lines().any(|line| line.trim() == target);
    let targets = [BARE_TARGET, BARE_TARGET_ARM];
    if targets.into_iter().all(there) {
        eprintln!("all there");
        return Ok(());
    }
    shell::run(rustup(&["target", "add"]).args(targets))
}

/// Makes a Python environment with the redis client below the target folder; returns its python.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("venv");
    let python = folder.join("bin/python");
    let usable = |python: &Path| {
        let check = format!("import redis; assert redis.__version__ == '{REDIS_PY}'");
        shell::succeeds(Command::new(python).args(["-c", &check]))
    };
    if usable(&python) {
        eprintln!("all there");
        return Ok(python);
    }
    shell::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    shell::run(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg(format!("redis=={REDIS_PY}")),
    )
    .context("the tests need the Python client from PyPI: is there a network?")?;
    if !usable(&python) {
        bail!(
            "{} does not import redis {REDIS_PY} after installing it",
            python.display()
        );
    }
    Ok(python)
}
