//! The tests of one structure, run against one mutant until the first of them fails.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Copy, Structure, Verdict};
use crate::shell;
use crate::verify::checks::limit_loom;
use crate::verify::nightly;

/// Time that loom explores each model for; those that are not finished by then notice nothing. Most
/// mutants are noticed at once: the others get the longer time.
const LOOM_SECONDS: [u32; 2] = [1, 8];
/// Tests that compute for longer wait for something that will never be visible: they have noticed.
/// It is more than all models of a structure may take.
const CPU_SECONDS_MAX: u32 = 400;
/// The same for Miri, whose seeds run in one process: the slab map's tests take three minutes for each.
const MIRI_CPU_SECONDS_MAX: u32 = 1_800;

pub(super) struct Tests<'a> {
    pub(super) copy: &'a Copy<'a>,
    pub(super) structure: &'a Structure,
}

impl Tests<'_> {
    pub(super) fn verdict(&self) -> Result<Verdict> {
        let models = self.build_models()?;
        for seconds in LOOM_SECONDS {
            if !self.loom(&models, seconds)? {
                return Ok(Verdict::Loom);
            }
        }
        Ok(if self.miri()? {
            Verdict::Survived
        } else {
            Verdict::Miri
        })
    }

    /// The test program with the loom tests.
    fn build_models(&self) -> Result<PathBuf> {
        let mut build = shell::cargo();
        build
            .args(["test", "--quiet", "--profile", "verify"])
            .args(["--features", "loom", "--test", "loom"])
            .args(["--no-run", "--message-format", "json"]);
        self.in_copy(&mut build);
        let messages = shell::output(&mut build).context("does not compile")?;
        messages
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
            .context("cargo named no test program")
    }

    /// Whether the loom tests pass. Ends at the first that does not.
    fn loom(&self, models: &Path, seconds: u32) -> Result<bool> {
        let mut command = limited(CPU_SECONDS_MAX);
        command.arg(models).arg(&self.structure.models);
        self.in_copy(&mut command);
        limit_loom(&mut command, seconds);
        let mut run = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`prlimit` could not be started")?;
        let Some(stdout) = run.stdout.take() else {
            bail!("`prlimit` has no output");
        };
        let failed = BufReader::new(stdout)
            .lines()
            .map_while(std::io::Result::ok)
            .any(|line| line.ends_with("FAILED"));
        if failed {
            run.kill()?;
        }
        Ok(run.wait()?.success())
    }

    /// Whether the native tests pass under Miri, with a few seeds.
    fn miri(&self) -> Result<bool> {
        let name = &self.structure.name;
        if !self.folder().join(format!("tests/{name}.rs")).exists() {
            return Ok(true);
        }
        let nightly = nightly::cargo(self.copy.subject.workspace)?;
        let mut command = limited(MIRI_CPU_SECONDS_MAX);
        command
            .arg(nightly.get_program())
            .args(nightly.get_args())
            .args(["miri", "test", "--quiet", "--test", name])
            .env("MIRIFLAGS", "-Zmiri-many-seeds=0..4");
        self.in_copy(&mut command);
        Ok(shell::succeeds(&mut command))
    }

    /// The crate.
    fn folder(&self) -> PathBuf {
        self.copy.folder.join(self.structure.folder)
    }

    fn in_copy(&self, command: &mut Command) {
        command
            .current_dir(self.folder())
            .env("CARGO_TARGET_DIR", self.copy.folder.join("target"))
            .stdin(Stdio::null());
    }
}

/// To be continued with a program and its arguments.
fn limited(cpu_seconds: u32) -> Command {
    let mut command = Command::new("prlimit");
    command.arg(format!("--cpu={cpu_seconds}"));
    command
}
