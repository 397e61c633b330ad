//! `hallows top` against a running server, against none, and against strangers.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc;

use redis::Commands;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{Server, hallows, run, wait_for};

fn top(server: &Server, args: &[&str]) -> (i32, String, String) {
    let address = server.addr.to_string();
    run(&[&["top", "--connect", &address], args].concat())
}

#[test]
fn figures_come_as_json_and_as_a_screen_of_text() {
    let server = Server::start(&["--workers", "2"]);
    let mut client = server.client();
    let _: () = client.set("x", "1").unwrap();
    let (status, json, message) = top(&server, &["--json"]);
    assert_eq!(status, 0, "{message}");
    let load: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let workers = load["workers"].as_array().expect("workers");
    assert_eq!(workers.len(), 2, "{json}");
    assert_eq!(load["pid"], server.pid());
    assert_eq!(load["kinds"], serde_json::Value::Null);
    let polls = |worker: &serde_json::Value| worker["normal"]["polls"].as_u64().expect("a count");
    assert!(workers.iter().map(polls).sum::<u64>() > 0, "{json}");
    let (status, text, message) = top(&server, &["--once", "--interval", "0.1"]);
    assert_eq!(status, 0, "{message}");
    for word in ["hallows ", "worker", "class", "latency", "--task-dump yes"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn tasks_are_listed_if_the_server_keeps_a_list() {
    let server = Server::start(&["--task-dump", "yes"]);
    let client = server.client();
    let (status, text, message) = top(&server, &["--tasks"]);
    assert_eq!(status, 0, "{message}");
    assert!(
        text.contains("waiting") && text.contains("accept"),
        "{text}"
    );
    let (status, json, message) = top(&server, &["--tasks", "--json"]);
    assert_eq!(status, 0, "{message}");
    let tasks: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(tasks.as_array().expect("a list").len() >= 2, "{json}");
    let (_, screen, _) = top(&server, &["--once", "--interval", "0.1"]);
    assert!(screen.contains("hottest tasks"), "{screen}");
    drop(client);
    let plain = Server::start(&[]);
    let (status, _, message) = top(&plain, &["--tasks"]);
    assert_eq!(status, 1);
    assert!(message.contains("--task-dump yes"), "{message}");
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let server = Server::start(&["--requirepass", "secret"]);
    let (status, _, message) = top(&server, &["--json"]);
    assert_eq!(status, 1);
    assert!(message.contains("--password"), "{message}");
    let (status, _, message) = top(&server, &["--json", "--password", "wrong"]);
    assert_eq!(status, 1);
    assert!(message.contains("does not take this password"), "{message}");
    let (status, _, message) = top(&server, &["--json", "--password", "secret"]);
    assert_eq!(status, 0, "{message}");
}

#[test]
fn where_nobody_listens_the_message_says_how_to_start_a_server() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let (status, _, message) = run(&["top", "--once", "--connect", &address]);
    assert_eq!(status, 1);
    assert!(message.contains(&address) && message.contains("hallows serve"));
    let (status, _, message) = run(&["top", "--once", "--connect", "nowhere"]);
    assert_eq!(status, 2, "{message}");
}

/// Answers the first request of each connection with these bytes, and closes it.
fn stranger(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // The client may be gone already.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[test]
fn strangers_are_told_from_a_server_of_ours() {
    for (answer, what) in [
        (
            &b"-ERR unknown command 'HALLOWS'\r\n"[..],
            "no hallows server",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no hallows server"),
        (b"+OK\r\n", "no hallows server"),
        (b"$100\r\nno more", "no hallows server"),
        (b"", "does not answer"),
        (b"$2\r\n{}\r\n", "cannot be read"),
        (b"$99999999\r\n", "longer than 4MiB"),
    ] {
        let address = stranger(answer);
        let (status, _, message) = run(&["top", "--json", "--connect", &address]);
        assert_eq!(status, 1, "{message}");
        assert!(message.contains(what), "{message}");
    }
}

/// Answers every request of each connection with this report.
fn liar(report: &str) -> String {
    let answer = format!("${}\r\n{report}\r\n", report.len());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            while let Ok(1..) = stream.read(&mut [0; 1024]) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    address
}

#[test]
fn a_server_cannot_write_to_the_terminal_of_who_looks_at_it() {
    let server = Server::start(&["--task-dump", "yes"]);
    let (_, load, _) = top(&server, &["--json"]);
    let (_, tasks, _) = top(&server, &["--json", "--tasks"]);
    // A clear screen, a title, and a sequence that begins with one character instead of two.
    let evil = "\\u001b[2J\\u001b]0;x\\u0007\u{9b}31m";
    let load = load.replace(env!("CARGO_PKG_VERSION"), evil);
    let tasks = tasks.replace("accept", evil);
    for (report, how) in [
        (&load, &["--json"][..]),
        (&load, &["--once", "--interval", "0.1"]),
        (&tasks, &["--tasks"]),
        (&tasks, &["--tasks", "--json"]),
        (&load, &["--tasks"]),
    ] {
        let address = liar(report.trim());
        let (_, shown, message) = run(&[&["top", "--connect", &address], how].concat());
        let text = shown + &message;
        assert!(text.contains("[2J") || text.contains("cannot be read"));
        let raw = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(raw), "{how:?}: {text:?}");
    }
}

#[test]
fn without_a_terminal_the_live_view_is_refused_with_what_to_use_instead() {
    let server = Server::start(&[]);
    let (status, _, message) = top(&server, &[]);
    assert_eq!(status, 2);
    assert!(message.contains("--once") && message.contains("--json"));
}

/// A terminal of 132 columns, with the program in it and what it writes.
struct Screen {
    child: Child,
    keyboard: File,
    slave: OwnedFd,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    fn new(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let slave = ioctl_tiocgptpeer(&master, flags).expect("a terminal");
        let size = Winsize {
            ws_row: 40,
            ws_col: 132,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).expect("a size");
        let end = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let mut command = hallows(args);
        let command = command.env("TERM", "xterm").stdin(end()).stdout(end());
        let child = command.stderr(end()).spawn().expect("the program starts");
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("a descriptor");
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keyboard,
            slave,
            output,
            seen: String::new(),
        }
    }

    fn wait_for(&mut self, text: &str) {
        wait_for(text, || {
            for bytes in self.output.try_iter() {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
            self.seen.contains(text).then_some(())
        });
    }

    fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.slave).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It has ended unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_live_view_quits_by_q_or_control_c_and_leaves_the_terminal_as_it_was() {
    let server = Server::start(&[]);
    let address = server.addr.to_string();
    for key in [b"q", b"\x03"] {
        let mut screen = Screen::new(&["top", "--connect", &address, "--interval", "0.1"]);
        screen.wait_for("q quits");
        assert!(!screen.is_cooked(), "keys come one by one");
        screen.keyboard.write_all(key).expect("a reader");
        let status = wait_for("the end", || screen.child.try_wait().expect("a child"));
        assert!(status.success(), "{}", screen.seen);
        assert!(screen.is_cooked());
        screen.wait_for("\x1b[?1049l");
    }
}

#[test]
fn the_live_view_outlives_its_server() {
    let server = Server::start(&[]);
    let address = server.addr.to_string();
    let mut screen = Screen::new(&["top", "--connect", &address, "--interval", "0.1"]);
    screen.wait_for("q quits");
    drop(server);
    screen.wait_for("trying again");
    screen.keyboard.write_all(b"q").expect("a reader");
    let status = wait_for("the end", || screen.child.try_wait().expect("a child"));
    assert!(status.success());
}
