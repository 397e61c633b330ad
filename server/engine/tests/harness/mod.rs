//! A server in a test: an engine with a fake clock, and clients whose requests go
//! through [`Connection::process`] as bytes and come back as decoded replies.
#![allow(dead_code, reason = "each test program uses a part of the harness")]
use std::sync::{Arc, Mutex};

use hallows_engine::{Action, Connection, Engine, EngineConfig, Host, HostFacts, Now, Settings};
use hallows_resp::reply::{Value, decode};

/// Replies are written as soon as they are this long.
const OUT_MAX: usize = 1 << 20;
/// The fake clock starts at this Unix time.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

struct FakeHost;

impl Host for FakeHost {
    fn facts(&self) -> HostFacts {
        HostFacts {
            pid: 4711,
            port: 6379,
            workers: 1,
            ..HostFacts::default()
        }
    }

    fn load(&self, _: &Engine) -> Option<String> {
        Some(r#"{"workers":[]}"#.to_owned())
    }
}

/// An engine and its clock, shared by all clients of a test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    now_us: Arc<Mutex<u64>>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A server with settings other than the defaults.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let memory = ("maxmemory", "67108864");
        let settings = Settings::new([memory].into_iter().chain(settings.iter().copied()))
            .expect("the settings are valid");
        let config = EngineConfig {
            workers: 1,
            seed: 7,
            settings,
        };
        let engine = Engine::new(config, Box::new(FakeHost)).expect("an engine");
        Self {
            engine: Arc::new(engine),
            now_us: Arc::new(Mutex::new(START_MS * 1000)),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let unix_us = *self.now_us.lock().unwrap();
        Now {
            unix_us,
            mono_us: unix_us - START_MS * 1000 + 1_000_000,
        }
    }

    /// The clock in milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now().unix_ms()
    }

    /// Lets time pass.
    pub(crate) fn sleep_ms(&self, ms: u64) {
        *self.now_us.lock().unwrap() += ms * 1000;
    }

    pub(crate) fn client(&self) -> Client {
        let connection = Connection::new(
            &self.engine,
            "127.0.0.1:50000",
            "127.0.0.1:6379",
            self.now(),
        );
        Client {
            connection,
            server: self.clone(),
        }
    }
}

/// A connected client.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) server: Server,
}

impl Client {
    /// A client of a server of its own.
    pub(crate) fn new() -> Self {
        Server::new().client()
    }

    /// Sends bytes and returns the bytes of all replies, and what is to be done then.
    pub(crate) fn raw(&mut self, input: &[u8]) -> (Vec<u8>, Action) {
        let mut out = Vec::new();
        let mut at = 0;
        loop {
            let now = self.server.now();
            let mut part = Vec::new();
            let step = self
                .connection
                .process(now, &input[at..], &mut part, OUT_MAX);
            out.append(&mut part);
            at += step.consumed;
            if step.action != Action::Flush {
                return (out, step.action);
            }
        }
    }

    /// Sends a request of any bytes and returns its reply.
    pub(crate) fn call(&mut self, args: &[&[u8]]) -> Value {
        let (out, _) = self.raw(&request(args));
        let (value, len) = decode(&out).expect("a valid reply").expect("a whole reply");
        assert_eq!(len, out.len(), "one request has one reply");
        value
    }

    /// Sends a request written in words and returns its reply as text, see [`show`].
    pub(crate) fn send(&mut self, words: &str) -> String {
        let args: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
        show(&self.call(&args))
    }

    /// Sends requests and checks their replies: `SET a 1 => OK`, one a line.
    #[track_caller]
    pub(crate) fn check(&mut self, script: &str) {
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (request, expected) = line.split_once("=>").expect("a line has `=>`");
            assert_eq!(self.send(request).trim_end(), expected.trim(), "{request}");
        }
    }
}

/// A request as an array of bulk strings.
pub(crate) fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A reply in short: `OK`, `"bulk"`, `17`, `nil`, `[1, "a"]`, `{"k": 1}`, `-ERR text`.
pub(crate) fn show(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(show).collect::<Vec<_>>().join(", ");
    match value {
        Value::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        Value::Integer(number) => number.to_string(),
        Value::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Value::NullBulk | Value::NullArray | Value::Null => String::from("nil"),
        Value::Array(values) => format!("[{}]", list(values)),
        Value::Set(values) => format!("~[{}]", list(values)),
        Value::Push(values) => format!(">[{}]", list(values)),
        Value::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", show(key), show(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// Feeds the input in pieces of lengths that `below` draws under a bound, and checks that
/// the replies can be read. Tells whether the connection is still open.
pub(crate) fn feed(
    client: &mut Client,
    input: &[u8],
    mut below: impl FnMut(usize) -> usize,
) -> bool {
    let server = client.server.clone();
    let mut out = Vec::new();
    let (mut start, mut end) = (0, 0);
    let open = loop {
        let out_max = 1 + below(20_000);
        let mut part = Vec::new();
        let step = client
            .connection
            .process(server.now(), &input[start..end], &mut part, out_max);
        out.append(&mut part);
        start += step.consumed;
        assert!(start <= end, "no more is consumed than was given");
        match step.action {
            Action::Read { need } => {
                assert!(need > 0);
                if end == input.len() {
                    break true;
                }
                end = (end + 1 + below(200)).min(input.len());
            }
            Action::Flush => assert!(step.consumed > 0, "a flush makes progress"),
            Action::Sleep { us } => server.sleep_ms(us / 1000 % 1000),
            Action::Close => break false,
        }
    };
    let mut replies = &out[..];
    while !replies.is_empty() {
        let (_, len) = decode(replies)
            .expect("a valid reply")
            .expect("a whole reply");
        replies = &replies[len..];
    }
    open
}
