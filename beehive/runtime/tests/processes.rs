//! Child processes on both reactors.

mod common;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use beehive::io::{AsyncReadExt, AsyncWriteExt};
use beehive::process::Command;
use beehive::spawn;
use beehive::time::{sleep, timeout};
use common::on_each_reactor;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn the_end_of_a_process_is_awaited() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            assert!(shell("exit 0").status().await.unwrap().success());
            let waiting: Vec<_> = (1..10)
                .map(|code| spawn(async move { shell(&format!("exit {code}")).status().await }))
                .collect();
            for (code, status) in (1..10).zip(waiting) {
                assert_eq!(status.await.unwrap().unwrap().code(), Some(code));
            }
            let missing = Command::new("/no/such/program").status().await;
            assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        });
    });
}

#[test]
fn both_outputs_are_collected_however_long() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 3";
            let output = shell(script).output().await.unwrap();
            assert_eq!(output.status.code(), Some(3));
            assert_eq!(
                (output.stdout.len(), output.stderr.len()),
                (300_000, 200_000)
            );
        });
    });
}

#[test]
fn a_process_is_talked_to_through_pipes() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let mut command = Command::new("cat");
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let (mut input, mut output) =
                (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let mut answer = [0; 4];
            for word in [b"ping", b"pong"] {
                input.write_all(word).await.unwrap();
                output.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, word);
            }
            assert!(child.try_wait().unwrap().is_none());
            drop(input);
            assert!(child.wait().await.unwrap().success());
            assert!(child.wait().await.unwrap().success(), "asked twice");
        });
    });
}

#[test]
fn a_process_is_killed_and_a_cancelled_wait_can_be_repeated() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let mut child = Command::new("sleep").arg("600").spawn().unwrap();
            assert!(
                timeout(Duration::from_millis(2), child.wait())
                    .await
                    .is_err()
            );
            child.kill().await.unwrap();
            assert!(!child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_dropped_child_is_collected_and_killed_if_so_asked() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            for kill in [true, false] {
                let seconds = if kill { "600" } else { "0.05" };
                let mut command = Command::new("sleep");
                let child = command.arg(seconds).kill_on_drop(kill).spawn().unwrap();
                let process = PathBuf::from(format!("/proc/{}", child.id()));
                drop(child);
                let gone = async {
                    while process.exists() {
                        sleep(Duration::from_millis(2)).await;
                    }
                };
                timeout(Duration::from_secs(20), gone).await.unwrap();
            }
        });
    });
}
