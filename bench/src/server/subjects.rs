//! The servers that are measured: how each is started so that all do the same work under the same
//! conditions: loopback, no persistence, one gigabyte.
//!
//! Servers are compared within a [`Setting`] only. Whether client and server share a core changes
//! both CPU time and latency by more than any server does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::load::Keys;
use crate::load::closed_loop::Run;
use crate::load::dialect::{Dialect, Request};
use crate::machine::{Cores, Place};
use crate::process::{Process, free_address};

/// What all may take where that is not what is measured.
const MEMORY: u64 = 1 << 30;

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Hallows(Reactor),
    /// `hallows` whose workers know nothing of each other.
    WithoutSignals,
    Redis,
    /// Redis that evicts, of all keys, the least frequently used ones.
    RedisLfu,
    /// The same, the least recently used ones.
    RedisLru,
    Memcached,
    Stub,
}

/// The `--io` of hallows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reactor {
    Auto,
    Epoll,
    IoUring,
}

/// How many threads work, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// One thread on one core, the client on another.
    Pinned,
    /// Two threads (where the program knows threads) on the same two cores as the client.
    Shared,
}

/// A program in a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) program: Program,
    pub(super) setting: Setting,
}

impl Setting {
    pub(super) const ALL: [Setting; 2] = [Setting::Pinned, Setting::Shared];

    fn threads(self) -> usize {
        match self {
            Setting::Pinned => 1,
            Setting::Shared => 2,
        }
    }

    fn server_place(self) -> Place {
        match self {
            Setting::Pinned => Place::Server,
            Setting::Shared => Place::Both,
        }
    }

    pub(super) fn client_place(self) -> Place {
        match self {
            Setting::Pinned => Place::Client,
            Setting::Shared => Place::Both,
        }
    }
}

impl Program {
    /// Everything that throughput and latency are measured of.
    const ALL: [Program; 5] = [
        Program::Hallows(Reactor::Epoll),
        Program::Hallows(Reactor::IoUring),
        Program::Redis,
        Program::Memcached,
        Program::Stub,
    ];

    pub(super) fn is_ours(self) -> bool {
        matches!(self, Program::Hallows(_))
    }

    pub(super) fn dialect(self) -> Dialect {
        match self {
            Program::Memcached => Dialect::Memcached,
            _ => Dialect::Resp,
        }
    }
}

impl Subject {
    pub(super) fn name(self) -> String {
        let workers = self.setting.threads();
        match self.program {
            Program::Hallows(Reactor::Auto) => format!("hallows-w{workers}"),
            Program::Hallows(reactor) => format!("hallows-w{workers}-{}", reactor.flag()),
            Program::WithoutSignals => format!("hallows-w{workers}-signals-off"),
            Program::Redis => "redis".into(),
            Program::RedisLfu => "redis-allkeys-lfu".into(),
            Program::RedisLru => "redis-allkeys-lru".into(),
            Program::Memcached => "memcached".into(),
            Program::Stub => "epoll-stub".into(),
        }
    }
}

impl Reactor {
    fn flag(self) -> &'static str {
        match self {
            Reactor::Auto => "auto",
            Reactor::Epoll => "epoll",
            Reactor::IoUring => "io_uring",
        }
    }
}

/// A subject at work.
pub(super) struct Server {
    pub(super) subject: Subject,
    pub(super) process: Process,
}

impl Server {
    pub(super) fn is_ours(&self) -> bool {
        self.subject.program.is_ours()
    }

    /// Writes the first `count` keys over a single connection.
    pub(super) fn fill(&self, cores: &Cores, request: Request, count: u64) -> Result<()> {
        self.write(cores, request, Keys::sequential(), count)
    }

    /// Writes one key so often, over a single connection, that the server's buffers are what they will
    /// be: some megabytes.
    pub(super) fn warm_up(&self, cores: &Cores, request: Request) -> Result<()> {
        const WRITES: u64 = 30_000;
        self.write(cores, request, Keys::random(1), WRITES)
    }

    fn write(&self, cores: &Cores, request: Request, keys: Keys, count: u64) -> Result<()> {
        let run = Run {
            dialect: self.subject.program.dialect(),
            request,
            connections: 1,
            pipeline: 50,
            requests: count as usize,
            keys,
        };
        let place = self.subject.setting.client_place();
        cores.run(place, || run.drive(self.process.address))??;
        Ok(())
    }
}

/// Starts servers, and remembers what could not be started.
pub(super) struct Starter<'a> {
    pub(super) cores: &'a Cores,
    hallows: PathBuf,
    stub: PathBuf,
    notes: Vec<String>,
}

impl<'a> Starter<'a> {
    pub(super) fn new(cores: &'a Cores, hallows: PathBuf, stub: PathBuf) -> Starter<'a> {
        Starter {
            cores,
            hallows,
            stub,
            notes: Vec::new(),
        }
    }

    /// Remembers something the reader of the figures must know; once is enough.
    pub(super) fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            eprintln!("note: {text}");
            self.notes.push(text);
        }
    }

    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Starts all programs that this machine has in this setting, each filled with `keys` keys.
    pub(super) fn start_all(&mut self, setting: Setting, keys: u64) -> Result<Vec<Server>> {
        let subjects = Program::ALL.map(|program| Subject { program, setting });
        let servers = self.start_some(&subjects)?;
        for server in &servers {
            server.fill(self.cores, Request::Set, keys)?;
        }
        Ok(servers)
    }

    /// Starts those of `subjects` that can be started; fails if none of ours can.
    pub(super) fn start_some(&mut self, subjects: &[Subject]) -> Result<Vec<Server>> {
        let mut servers = Vec::new();
        for subject in subjects {
            match self.start(*subject) {
                Ok(server) => servers.push(server),
                Err(error) => self.note(format!("{} not measured: {error:#}", subject.name())),
            }
        }
        if !servers.iter().any(Server::is_ours) {
            bail!("hallows does not start, so there is nothing to compare");
        }
        Ok(servers)
    }

    /// Whether a subject is there; if not, that is remembered.
    pub(super) fn can_start(&mut self, subject: Subject) -> bool {
        match self.start(subject) {
            Ok(_) => true,
            Err(error) => {
                self.note(format!("{} not measured: {error:#}", subject.name()));
                false
            }
        }
    }

    pub(super) fn start(&self, subject: Subject) -> Result<Server> {
        self.start_with(subject, MEMORY)
    }

    /// Starts a subject that may take `memory` bytes for what it holds.
    pub(super) fn start_with(&self, subject: Subject, memory: u64) -> Result<Server> {
        let address = free_address()?;
        let threads = subject.setting.threads();
        let command = match subject.program {
            Program::Hallows(reactor) => {
                let mut command = hallows(&self.hallows, address, memory);
                command
                    .args(["--workers", &threads.to_string()])
                    .args(["--io", reactor.flag()]);
                command
            }
            Program::WithoutSignals => {
                let mut command = hallows(&self.hallows, address, memory);
                command
                    .args(["--workers", &threads.to_string()])
                    .args(["--signals", "no"]);
                command
            }
            Program::Redis => redis(address, memory, "noeviction"),
            Program::RedisLfu => redis(address, memory, "allkeys-lfu"),
            Program::RedisLru => redis(address, memory, "allkeys-lru"),
            Program::Memcached => memcached(address, threads, memory),
            Program::Stub => {
                let mut command = Command::new(&self.stub);
                command.arg(address.port().to_string());
                command
            }
        };
        let place = subject.setting.server_place();
        let process = self
            .cores
            .run(place, || Process::start(command, address))??;
        Ok(Server { subject, process })
    }
}

fn hallows(program: &Path, address: SocketAddr, memory: u64) -> Command {
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", &address.to_string()])
        .args(["--memory", &memory.to_string()]);
    command
}

fn redis(address: SocketAddr, memory: u64, policy: &str) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1"])
        .args(["--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .args(["--maxmemory", &memory.to_string()])
        .args(["--maxmemory-policy", policy]);
    command
}

fn memcached(address: SocketAddr, threads: usize, memory: u64) -> Command {
    let mut command = Command::new("memcached");
    command
        .args(["-l", "127.0.0.1", "-U", "0"])
        .args(["-p", &address.port().to_string()])
        .args(["-t", &threads.to_string()])
        .args(["-m", &(memory >> 20).to_string()]);
    if rustix::process::geteuid().is_root() {
        // It refuses to be root without being told.
        command.args(["-u", "root"]);
    }
    command
}

/// The first line of `program --version`, for the record beside the figures; none if it is missing.
pub(super) fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}
