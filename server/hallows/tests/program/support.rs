//! Starts the real binary on a free loopback port, and speaks just enough RESP
//! to send what no client library would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for anything that should happen soon, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The program, not yet started, without settings from the outside.
pub(crate) fn hallows(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallows"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HALLOWS_")) {
        command.env_remove(name);
    }
    command.args(args);
    command
}

/// Runs the program to its end: status, standard output, standard error.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    finish(&mut hallows(args))
}

/// As [`run`], for a prepared command.
pub(crate) fn finish(command: &mut Command) -> (i32, String, String) {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// IO backends that this machine has; says so when one cannot be tested.
pub(crate) fn backends() -> Vec<&'static str> {
    let (_, report, _) = run(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let finding = findings
        .iter()
        .find(|f| f["name"] == "io_uring")
        .expect("io_uring");
    if finding["status"] == "on" {
        return vec!["epoll", "io_uring"];
    }
    eprintln!("SKIPPED: io_uring is not tested here: {}", finding["found"]);
    vec!["epoll"]
}

/// Whether a peer program or library that is missing fails the test.
pub(crate) fn peer_missing(what: &str) {
    let required = std::env::var("HALLOWS_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    assert!(!required, "{what} is missing, and HALLOWS_REQUIRE_PEERS=1");
    eprintln!("SKIPPED: {what} is missing");
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// First address it listens on.
    pub(crate) addr: SocketAddr,
    /// Address of the metrics endpoint, if it has one.
    pub(crate) metrics: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts `hallows serve` with `args` on a port that is free.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::launch(hallows(&["serve", "--listen", "127.0.0.1:0"]).args(args))
    }

    /// Starts a prepared command and waits until it serves.
    pub(crate) fn launch(command: &mut Command) -> Self {
        let mut child = command
            .args(["--log-format", "json"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().expect("a pipe"), Arc::clone(&log));
        let line = wait_for("the server to serve", || {
            let text = log.lock().unwrap();
            let line = text
                .lines()
                .find(|line| line.contains("\"message\":\"serving\""));
            line.map(str::to_owned).or_else(|| match child.try_wait() {
                Ok(Some(status)) => panic!("the server ended with {status}:\n{text}"),
                _ => None,
            })
        });
        let banner: serde_json::Value = serde_json::from_str(&line).expect("a JSON log line");
        let address = |field: &str| {
            let text = banner[field].as_str()?;
            Some(text.split(',').next()?.trim().parse().expect(field))
        };
        let (addr, metrics) = (address("listen").expect("an address"), address("metrics"));
        Self {
            child,
            addr,
            metrics,
            log,
        }
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    pub(crate) fn rss(&self) -> usize {
        let path = format!("/proc/{}/statm", self.pid());
        let text = std::fs::read_to_string(path).expect("a running server");
        let pages = text.split_ascii_whitespace().nth(1).expect("statm");
        pages.parse::<usize>().expect("pages") * rustix::param::page_size()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running server");
    }

    /// Waits for the end and gives the status.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the server to end", || {
            self.child.try_wait().expect("a child")
        })
    }

    /// A raw connection.
    pub(crate) fn connect(&self) -> Raw {
        Raw::new(self.addr)
    }

    /// A connection of the Rust client.
    pub(crate) fn client(&self) -> redis::Connection {
        self.client_with("")
    }

    /// As [`Server::client`], with `user:password@` before the address.
    pub(crate) fn client_with(&self, access: &str) -> redis::Connection {
        let url = format!("redis://{access}{}/", self.addr);
        let client = redis::Client::open(url).expect("a URL");
        client
            .get_connection_with_timeout(SOON)
            .expect("a connection")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, as some tests want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of the server:\n{}", self.log());
        }
    }
}

fn collect(stderr: ChildStderr, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// Polls until `check` gives something.
pub(crate) fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A socket that sends any bytes and reads replies by line.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self::try_new(addr).expect("a connection")
    }

    /// `None` when nobody listens.
    pub(crate) fn try_new(addr: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&addr, SOON).ok()?;
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Some(Self { stream })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a reader");
    }

    /// Waits until the server's kernel has acknowledged every byte sent: from then on the server
    /// has received it, whether it has looked or not.
    pub(crate) fn wait_until_received(&self) {
        let port = self.stream.local_addr().expect("an address").port();
        let local = format!(":{port:04X}");
        wait_for("the kernel to deliver what was sent", || {
            let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
            // Columns: number, local address, remote address, state, `unacknowledged:unread`.
            table.lines().skip(1).find_map(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                let (unacknowledged, _) = columns[4].split_once(':')?;
                (columns[1].ends_with(&local) && unacknowledged == "00000000").then_some(())
            })
        });
    }

    /// Reads exactly what is expected.
    pub(crate) fn expect(&mut self, reply: &str) {
        let mut buffer = vec![0; reply.len()];
        self.stream
            .read_exact(&mut buffer)
            .unwrap_or_else(|error| panic!("{reply:?}: {error}"));
        assert_eq!(String::from_utf8_lossy(&buffer), reply);
    }

    /// Reads to the end; a reset ends it too.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 65536];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return bytes,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
                Err(error) => panic!("the server should have closed: {error}"),
            }
        }
    }
}

/// A SET request.
pub(crate) fn set(key: &str, value: &[u8]) -> Vec<u8> {
    let (key_len, value_len) = (key.len(), value.len());
    let head = format!("*3\r\n$3\r\nSET\r\n${key_len}\r\n{key}\r\n${value_len}\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(value);
    request.extend_from_slice(b"\r\n");
    request
}
