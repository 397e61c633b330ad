//! Asks a server by RESP for its reports, one at a time, with a limit on every wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use hallows_resp::reply::{Value, decode};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::load::Load;

/// The longest wait for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// No report is larger.
const ANSWER_LEN_MAX: usize = 256 << 20;

/// A connection to a server.
pub(super) struct Client {
    address: String,
    stream: TcpStream,
}

impl Client {
    /// Connects, and authenticates if there is a password.
    ///
    /// # Errors
    /// If nobody listens there, or the password is wrong.
    pub(super) fn new(address: &str, password: Option<&str>) -> Result<Self, Failure> {
        let stream = connect(address)?;
        let mut client = Self {
            address: address.to_owned(),
            stream,
        };
        if let Some(password) = password {
            client.send(&["AUTH", password])?;
        }
        Ok(client)
    }

    /// What the workers do.
    pub(super) fn load(&mut self) -> Result<Load, Failure> {
        let text = self.ask("LOAD")?;
        parse(&self.address, &text)
    }

    /// A report in JSON.
    pub(super) fn ask(&mut self, report: &str) -> Result<String, Failure> {
        match self.send(&["HALLOWS", report])? {
            Value::Bulk(text) => String::from_utf8(text).map_err(|_| stranger(&self.address)),
            _ => Err(stranger(&self.address)),
        }
    }

    fn send(&mut self, words: &[&str]) -> Result<Value, Failure> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let sent = self.stream.write_all(request.as_bytes());
        sent.map_err(|error| self.lost(&error))?;
        match self.receive()? {
            Value::Error(text) => Err(self.refused(&String::from_utf8_lossy(&text))),
            value => Ok(value),
        }
    }

    fn receive(&mut self) -> Result<Value, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut received = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        // A report is read as a whole when the line with its length says that it is there.
        let mut wanted = 0;
        loop {
            if received.len() >= wanted {
                match decode(&received) {
                    Ok(Some((value, _))) => return Ok(value),
                    Ok(None) => wanted = bulk_len(&received),
                    Err(_) => return Err(stranger(&self.address)),
                }
            }
            if Instant::now() >= deadline || received.len() > ANSWER_LEN_MAX {
                return Err(self.lost(&ErrorKind::TimedOut.into()));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) if received.is_empty() => {
                    return Err(self.lost(&ErrorKind::UnexpectedEof.into()));
                }
                Ok(0) => return Err(stranger(&self.address)),
                Ok(count) => received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    fn lost(&self, error: &std::io::Error) -> Failure {
        let why = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer came in time".to_owned(),
            ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
            _ => error.to_string(),
        };
        Failure::failed(
            format!("{} does not answer: {why}", self.address),
            "Check with `hallows doctor` and its log that the server is well.",
        )
    }

    /// The server has answered with an error.
    fn refused(&self, text: &str) -> Failure {
        let address = &self.address;
        if text.starts_with("NOAUTH") {
            return Failure::failed(
                format!("{address} wants a password"),
                "Give it with --password, or in the environment variable HALLOWS_PASSWORD.",
            );
        }
        if text.starts_with("WRONGPASS") || text.contains("AUTH") {
            return Failure::failed(
                format!("{address} does not take this password: {text}"),
                "Give the right one with --password, or none.",
            );
        }
        if text.contains("unknown command") {
            return Failure::failed(
                format!("{address} is no hallows server: it does not know the command HALLOWS"),
                "Give the address of one with --connect; it may be another Redis, or an older \
                 hallows.",
            );
        }
        let text = text.strip_prefix("ERR ").unwrap_or(text);
        Failure::failed(format!("{address} refuses: {text}"), "")
    }
}

/// How long an answer that begins so will be at least, if it is one string.
fn bulk_len(received: &[u8]) -> usize {
    let line = received.split(|byte| *byte == b'\r').next();
    let digits = line.and_then(|line| line.strip_prefix(b"$"));
    let len = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    len.unwrap_or(0).min(ANSWER_LEN_MAX)
}

fn connect(address: &str) -> Result<TcpStream, Failure> {
    let unreachable = |error: std::io::Error| {
        Failure::failed(
            format!("cannot connect to {address}: {error}"),
            "Start a server with `hallows serve`, or name the running one with --connect HOST:PORT.",
        )
    };
    let resolved = address.to_socket_addrs().map_err(|error| {
        Failure::usage(
            format!("--connect {address}: {error}"),
            "Write host and port, for example --connect 127.0.0.1:6379.",
        )
    })?;
    let mut refused = std::io::Error::from(ErrorKind::NotFound);
    for candidate in resolved {
        match TcpStream::connect_timeout(&candidate, PATIENCE) {
            Ok(stream) => {
                let limited = stream.set_read_timeout(Some(PATIENCE));
                let limited = limited.and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
                return limited.map(|()| stream).map_err(unreachable);
            }
            Err(error) => refused = error,
        }
    }
    Err(unreachable(refused))
}

/// Reads a report.
pub(super) fn parse<T: DeserializeOwned>(address: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::failed(
            format!("the report of {address} cannot be read: {error}"),
            "The server is of another version; use the `hallows top` of that one.",
        )
    })
}

fn stranger(address: &str) -> Failure {
    Failure::failed(
        format!("{address} is no hallows server: what it answers is no reply to HALLOWS"),
        "Give the port for clients (--listen of `hallows serve`), not the one for metrics.",
    )
}
