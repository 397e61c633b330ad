//! From what was given to what the server runs with: flags win over the
//! environment, that over the file, that over the defaults; then the values are
//! checked together (addresses resolve, the password is read, a public address
//! is protected). `given.rs` declares, `file.rs` reads, `protect.rs` guards.

mod file;
mod given;
mod protect;
mod size;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use given::{Workers, YesNo};

pub(crate) use given::{DebugCommand, Given, LogFormat, LogLevel, Reactor};
pub(crate) use size::ByteSize;

use crate::failure::Failure;

/// Less than this cannot hold one segment per size class.
const MEMORY_MIN: ByteSize = ByteSize(1 << 20);

/// Checked settings; every field has its final value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Where to serve; at least one.
    pub(crate) listen: Vec<SocketAddr>,
    /// Bound of the store with all its overhead.
    pub(crate) memory: ByteSize,
    /// Worker threads, at least one.
    pub(crate) workers: usize,
    /// Whether workers tell each other their load.
    pub(crate) signals: bool,
    /// Requested IO interface.
    pub(crate) io: Reactor,
    /// Password of the default user.
    pub(crate) password: Option<String>,
    /// Whether public addresses must be protected.
    pub(crate) protected_mode: bool,
    /// Who may use DEBUG.
    pub(crate) debug_command: DebugCommand,
    /// Connections at the same time.
    pub(crate) clients_max: usize,
    /// Idle time before a connection is closed; 0 = never.
    pub(crate) idle_s: u32,
    /// Idle time before the kernel probes the peer; 0 = never.
    pub(crate) keepalive_s: u32,
    /// Whether filled memory is put into huge pages.
    pub(crate) huge_pages: bool,
    /// Unread replies of one client; 0 = no limit.
    pub(crate) output_limit: ByteSize,
    /// Time a client may leave replies unread; 0 = no limit.
    pub(crate) output_timeout_s: u32,
    /// Unfinished request of one client.
    pub(crate) query_limit: ByteSize,
    /// Buffers of all clients; 0 = no limit.
    pub(crate) client_memory: ByteSize,
    /// Where to serve metrics.
    pub(crate) metrics: Option<SocketAddr>,
    /// Whether all tasks are listed.
    pub(crate) task_dump: bool,
    /// Least important message to log.
    pub(crate) log_level: LogLevel,
    /// Form of the log.
    pub(crate) log_format: LogFormat,
    /// The configuration file, if one was read.
    pub(crate) config_file: Option<PathBuf>,
}

impl Settings {
    /// Resolves `given` (flags over environment, as clap merged them) and the
    /// file at `config`.
    ///
    /// # Errors
    /// Says which setting is wrong and what to do.
    pub(crate) fn resolve(given: Given, config: Option<&Path>) -> Result<Self, Failure> {
        let from_file = config.map(file::read).transpose()?.unwrap_or_default();
        let given = given.or_with_password_source(from_file);
        let listen = given
            .listen
            .unwrap_or_else(|| vec!["127.0.0.1:6379".to_owned()]);
        let settings = Self {
            listen: addresses(&listen)?,
            memory: given.memory.unwrap_or(ByteSize(256 << 20)),
            workers: count(given.workers.unwrap_or(Workers::Auto)),
            signals: given.signals != Some(YesNo::No),
            io: given.io.unwrap_or(Reactor::Auto),
            password: password(given.requirepass, given.requirepass_file.as_deref())?,
            protected_mode: given.protected_mode != Some(YesNo::No),
            debug_command: given.enable_debug_command.unwrap_or(DebugCommand::No),
            clients_max: given.maxclients.unwrap_or(10_000),
            idle_s: given.timeout.unwrap_or(0),
            keepalive_s: given.tcp_keepalive.unwrap_or(300),
            huge_pages: given.huge_pages == Some(YesNo::Yes),
            output_limit: given.output_limit.unwrap_or(ByteSize(1 << 30)),
            output_timeout_s: given.output_timeout.unwrap_or(60),
            query_limit: given.query_limit.unwrap_or(ByteSize(1 << 30)),
            client_memory: given.client_memory.unwrap_or(ByteSize(1 << 30)),
            metrics: given
                .metrics
                .map(|text| address("--metrics", &text))
                .transpose()?,
            task_dump: given.task_dump == Some(YesNo::Yes),
            log_level: given.log_level.unwrap_or(LogLevel::Info),
            log_format: given.log_format.unwrap_or(LogFormat::Text),
            config_file: config.map(Path::to_path_buf),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Failure> {
        if self.memory < MEMORY_MIN {
            return Err(Failure::usage(
                format!("--memory {} is too small", self.memory),
                format!("Give at least {MEMORY_MIN}, for example --memory 256MiB."),
            ));
        }
        if self.clients_max == 0 {
            return Err(Failure::usage(
                "--maxclients 0 would refuse everybody",
                "Give at least 1; the default is 10000.",
            ));
        }
        if self.query_limit < MEMORY_MIN {
            return Err(Failure::usage(
                format!("--query-limit {} is too small", self.query_limit),
                format!("Give at least {MEMORY_MIN}; the default is 1GiB."),
            ));
        }
        protect::check(self)
    }
}

impl Given {
    /// As [`Given::or`], but a password from a stronger source replaces both
    /// forms of a weaker one: a flag with the password itself must not lose to,
    /// nor clash with, a password file named in the configuration file.
    fn or_with_password_source(self, mut file: Self) -> Self {
        if self.requirepass.is_some() || self.requirepass_file.is_some() {
            file.requirepass = None;
            file.requirepass_file = None;
        }
        self.or(file)
    }
}

fn addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    if texts.is_empty() {
        return Err(Failure::usage(
            "no address to listen on",
            "Give at least one, for example --listen 127.0.0.1:6379.",
        ));
    }
    let mut found = Vec::new();
    for text in texts {
        let address = address("--listen", text)?;
        if !found.contains(&address) || address.port() == 0 {
            found.push(address);
        }
    }
    Ok(found)
}

fn address(flag: &str, text: &str) -> Result<SocketAddr, Failure> {
    let text = text.trim();
    let wrong = |why: String| {
        Failure::usage(
            format!("{flag} {text}: {why}"),
            format!("Write host and port, for example {flag} 127.0.0.1:6379 or {flag} [::1]:6379."),
        )
    };
    let mut candidates = text
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?;
    candidates
        .next()
        .ok_or_else(|| wrong("the name has no address".to_owned()))
}

fn count(workers: Workers) -> usize {
    match workers {
        Workers::Count(count) => count,
        Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn password(given: Option<String>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let text = match (given, file) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "the password is given twice, by --requirepass and by --requirepass-file",
                "Keep one of the two; the file is safer, because flags show in `ps`.",
            ));
        }
        (Some(text), None) => text,
        (None, Some(path)) => first_line(path)?,
        (None, None) => return Ok(None),
    };
    Ok((!text.is_empty()).then_some(text))
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::failed(
            format!("cannot read the password file {}: {error}", path.display()),
            "Check the path given with --requirepass-file and who may read it.",
        )
    })?;
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Failure::usage(
            format!(
                "the first line of the password file {} is empty",
                path.display()
            ),
            "Write the password there, or leave --requirepass-file out.",
        )),
    }
}

#[cfg(test)]
mod tests;
