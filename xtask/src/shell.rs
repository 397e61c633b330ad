//! Running other programs in plain sight: each command line is shown, its output goes through, and
//! a failure names the command. Long tasks consist of [`Progress`] steps.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The cargo that runs this task, so that nested calls use the same toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output on ours; fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !status.success() {
        bail!("`{line}` failed with {status}");
    }
    Ok(())
}

/// Runs `command` quietly and returns what it wrote to stdout; its stderr becomes part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed with {}\n{}", output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed invalid UTF-8"))
}

/// Whether `command` succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where `program` is on the PATH.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The steps of a long task: each is announced with its number, and timed for the summary.
pub(crate) struct Progress {
    total: usize,
    done: Vec<(String, f64)>,
    notes: Vec<String>,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Progress {
        Progress {
            total,
            done: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Announces and runs one step; its failure ends the task.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        eprintln!("\n[{}/{}] {name}", self.done.len() + 1, self.total);
        let start = Instant::now();
        work().with_context(|| format!("step `{name}`"))?;
        self.done
            .push((name.to_owned(), start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Remembers something the summary must not hide, such as a part that could not run here.
    pub(crate) fn note(&mut self, text: String) {
        eprintln!("note: {text}");
        self.notes.push(text);
    }

    pub(crate) fn summary(&self) {
        eprintln!("\nAll steps passed:");
        for (name, seconds) in &self.done {
            eprintln!("  {seconds:7.1} s  {name}");
        }
        for note in &self.notes {
            eprintln!("note: {note}");
        }
    }
}
