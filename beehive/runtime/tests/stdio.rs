//! Standard input and output: a child process, this very program, copies one to the other.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use beehive::io::{copy, stderr, stdin, stdout};
use common::{Folder, on_each_reactor};

/// Set where the test below is to copy.
const CHILD: &str = "BEEHIVE_TEST_COPIES";

#[test]
fn copy_in_the_child_process() {
    let Ok(backend) = std::env::var(CHILD) else {
        return;
    };
    on_each_reactor(1, |runtime| {
        if runtime.backend().to_string() == backend {
            runtime.block_on(async {
                copy(&mut stdin().unwrap(), &mut stdout().unwrap())
                    .await
                    .unwrap();
                copy(&mut &b"done"[..], &mut stderr().unwrap())
                    .await
                    .unwrap();
            });
        }
    });
}

fn child(backend: &str, input: Stdio, output: Stdio) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "copy_in_the_child_process", "--nocapture"])
        .env(CHILD, backend)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn input_of_every_kind_is_copied_to_output_of_every_kind() {
    on_each_reactor(1, |runtime| {
        let backend = runtime.backend().to_string();
        let folder = Folder::new();
        let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();

        let mut copying = child(&backend, Stdio::piped(), Stdio::piped());
        let mut input = copying.stdin.take().unwrap();
        let sent = text.clone();
        let sender = std::thread::spawn(move || input.write_all(sent.as_bytes()).unwrap());
        let output = copying.wait_with_output().unwrap();
        sender.join().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains(&text));
        assert!(String::from_utf8(output.stderr).unwrap().contains("done"));

        std::fs::write(folder.path("input"), &text).unwrap();
        let input = File::open(folder.path("input")).unwrap();
        let output = File::create(folder.path("output")).unwrap();
        let copying = child(&backend, input.into(), output.into());
        assert!(copying.wait_with_output().unwrap().status.success());
        let mut copied = String::new();
        let mut output = File::open(folder.path("output")).unwrap();
        output.read_to_string(&mut copied).unwrap();
        assert!(copied.contains(&text));

        let copying = child(&backend, Stdio::null(), Stdio::null());
        let output = copying.wait_with_output().unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains("done"));
    });
}
