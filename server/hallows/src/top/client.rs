//! Asks a server by RESP for its reports, one at a time, with a limit on every wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use hallows_resp::reply::{Value, decode};
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::load::Load;
use crate::load::text::harmless;
use crate::settings::ByteSize;

/// The longest wait for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// No answer of one line is longer.
const LINE_LEN_MAX: usize = 64 << 10;

/// No line with the length of a string is longer: 20 digits.
const LENGTH_LINE_MAX: usize = 32;

/// What a server can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Load,
    Tasks,
}

impl Report {
    fn name(self) -> &'static str {
        match self {
            Self::Load => "LOAD",
            Self::Tasks => "TASKS",
        }
    }

    /// Bytes that are read of it.
    fn len_max(self) -> usize {
        match self {
            // A worker takes about 1 KiB, and there are at most 1,024; so many kinds of tasks have room
            // even with types of several KiB.
            Self::Load => 4 << 20,
            // A task takes about 400 bytes, so these are more than 100,000.
            Self::Tasks => 64 << 20,
        }
    }
}

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
            client.send(&["AUTH", password], LINE_LEN_MAX)?;
        }
        Ok(client)
    }

    /// What the workers do.
    pub(super) fn load(&mut self) -> Result<Load, Failure> {
        let text = self.ask(Report::Load)?;
        parse(&self.address, &text)
    }

    /// A report in JSON.
    pub(super) fn ask(&mut self, report: Report) -> Result<String, Failure> {
        match self.send(&["HALLOWS", report.name()], report.len_max())? {
            Value::Bulk(text) => String::from_utf8(text).map_err(|_| stranger(&self.address)),
            _ => Err(stranger(&self.address)),
        }
    }

    fn send(&mut self, words: &[&str], len_max: usize) -> Result<Value, Failure> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let sent = self.stream.write_all(request.as_bytes());
        sent.map_err(|error| self.lost(&error))?;
        match self.receive(len_max)? {
            Value::Error(text) => Err(self.refused(&harmless(&String::from_utf8_lossy(&text)))),
            value => Ok(value),
        }
    }

    fn receive(&mut self, len_max: usize) -> Result<Value, Failure> {
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
            if wanted.max(received.len()) > len_max {
                return Err(self.too_long(len_max));
            }
            if Instant::now() >= deadline {
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
            if !is_answer(&received) {
                return Err(stranger(&self.address));
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

    fn too_long(&self, len_max: usize) -> Failure {
        let remedy = if len_max == Report::Tasks.len_max() {
            "It may have too many tasks for a list: look without --tasks."
        } else {
            "No hallows server has so much to tell: give the address of one with --connect."
        };
        let (address, limit) = (&self.address, ByteSize(len_max));
        Failure::failed(
            format!("the answer of {address} is longer than {limit}"),
            remedy,
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

/// Whether an answer of ours may begin so: it is a text, an error or a string, and has no parts that
/// would have to be looked through again and again until they are complete.
fn is_answer(received: &[u8]) -> bool {
    match received.first() {
        Some(b'$') => {
            received
                .iter()
                .take(LENGTH_LINE_MAX)
                .any(|&byte| byte == b'\r')
                || received.len() < LENGTH_LINE_MAX
        }
        Some(b'+' | b'-') => received.len() <= LINE_LEN_MAX,
        _ => false,
    }
}

/// How long an answer that begins so will be at least, if it is one string.
fn bulk_len(received: &[u8]) -> usize {
    let line = received.split(|byte| *byte == b'\r').next();
    let digits = line.and_then(|line| line.strip_prefix(b"$"));
    let len = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    len.unwrap_or(0)
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
        let error = harmless(&error.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What a client says of a server that answers so.
    fn told(answer: Vec<u8>, report: Report) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The client goes when it has read enough.
            let _ = stream.write_all(&answer);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let mut client = Client::new(&address, None).unwrap();
        let failure = client.ask(report).unwrap_err();
        drop(client);
        server.join().unwrap();
        failure.to_string()
    }

    #[test]
    fn an_answer_that_says_that_it_is_too_long_is_not_waited_for() {
        let text = told(b"$4194305\r\n{".to_vec(), Report::Load);
        assert!(text.contains("longer than 4MiB"), "{text}");
        assert!(!text.contains("--tasks"), "{text}");
        let text = told(b"$67108865\r\n[".to_vec(), Report::Tasks);
        assert!(text.contains("longer than 64MiB"), "{text}");
        assert!(text.contains("without --tasks"), "{text}");
    }

    #[test]
    fn an_answer_that_never_ends_is_not_read_for_ever() {
        let endless = |start: &[u8]| [start, &vec![b'1'; 8 << 20]].concat();
        for start in [b"$", b"+", b"-"] {
            let text = told(endless(start), Report::Load);
            assert!(text.contains("no hallows server"), "{text}");
        }
        let text = told(endless(b"$5000000\r\n"), Report::Load);
        assert!(text.contains("longer than 4MiB"), "{text}");
    }

    #[test]
    fn an_answer_with_parts_is_no_report_whatever_they_are() {
        let text = told(b"*1000000000\r\n:1\r\n".to_vec(), Report::Load);
        assert!(text.contains("no hallows server"), "{text}");
    }

    #[test]
    fn the_text_of_a_refusal_does_not_reach_the_terminal_raw() {
        let text = told(b"-ERR \x1b[2Jno\r\n".to_vec(), Report::Load);
        assert!(text.contains("\\u{1b}[2Jno"), "{text}");
    }
}
