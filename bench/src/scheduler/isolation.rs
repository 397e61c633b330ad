//! Every measurement in a process of its own: a runtime that spins when it has nothing to do burns
//! its own time only, none inherits another's heap or threads, and one that the kernel refuses, that
//! crashes or that hangs takes nobody with it.
//!
//! The process is this program again, told by hidden arguments what to measure. It prints one value
//! per metric as JSON and exits, whatever its runtime's threads are doing.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Workload;
use super::plan::{Plan, Scale};

/// Slices of the time limit. A machine that was stopped meanwhile costs one of them, not all.
const SLICES: u32 = 20;

fn limit(scale: Scale) -> Duration {
    Duration::from_secs(match scale {
        Scale::Full => 240,
        Scale::Quick => 120,
        Scale::Tiny => 60,
    })
}

/// Runs the contender `subject` of a workload elsewhere; returns its values.
pub(super) fn measure(workload: Workload, subject: &str, plan: &Plan) -> Result<Vec<f64>> {
    let child = Command::new(std::env::current_exe()?)
        .args(["scheduler", "--only", workload.name(), "--subject", subject])
        .args(["--scale", plan.scale.name()])
        // Some runtimes learn the number of their threads only here.
        .env("SMOL_THREADS", plan.workers.to_string())
        .env("RAYON_NUM_THREADS", plan.workers.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("this program could not be started again")?;
    let text = finish(child, limit(plan.scale))?;
    serde_json::from_str(text.trim()).with_context(|| format!("not a list of numbers: {text}"))
}

/// What it printed; an error if it failed or did not end in time.
fn finish(mut child: Child, limit: Duration) -> Result<String> {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (send, ended) = sync_channel(1);
    let reader = std::thread::spawn(move || {
        let (mut output, mut complaint) = (String::new(), String::new());
        let read = stdout.as_mut().map(|pipe| pipe.read_to_string(&mut output));
        // A measuring process says little; its pipe has room for that until it ends.
        let also = stderr
            .as_mut()
            .map(|pipe| pipe.read_to_string(&mut complaint));
        // Nobody listens any more if the time is over.
        let _ = send.send(());
        read.transpose()?;
        also.transpose()?;
        std::io::Result::Ok((output, complaint))
    });
    let in_time =
        (0..SLICES).any(|_| ended.recv_timeout(limit / SLICES) != Err(RecvTimeoutError::Timeout));
    if !in_time {
        child.kill()?;
    }
    let status = child.wait()?;
    let (output, complaint) = reader.join().expect("the reader does not panic")?;
    if !in_time {
        bail!("it did not end within {limit:?}");
    }
    if !status.success() {
        bail!("{} ({status})", reason(&complaint));
    }
    Ok(output)
}

/// The first line that says why: a panic's message follows its place, an error its label.
fn reason(complaint: &str) -> &str {
    let lines = || complaint.lines().map(str::trim);
    let after_panic = lines()
        .skip_while(|line| !line.contains("panicked at"))
        .nth(1);
    let error = || lines().find_map(|line| line.strip_prefix("error: "));
    after_panic
        .or_else(error)
        .unwrap_or("it failed without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell")
    }

    #[test]
    fn a_process_that_hangs_is_ended_and_reported() {
        let error = finish(shell("exec sleep 100"), Duration::from_millis(20));
        let text = error.expect_err("it hangs").to_string();
        assert!(text.contains("did not end"), "{text}");
    }

    #[test]
    fn a_process_that_fails_says_why() {
        let error = finish(
            shell("echo 'error: no ring' >&2; exit 1"),
            Duration::from_secs(60),
        );
        let text = error.expect_err("it fails").to_string();
        assert!(text.contains("no ring"), "{text}");
    }

    #[test]
    fn the_message_of_a_panic_is_the_reason() {
        let complaint = "\nthread 'main' (7) panicked at src/x.rs:1:2:\nno room\nnote: run with";
        assert_eq!(reason(complaint), "no room");
    }
}
