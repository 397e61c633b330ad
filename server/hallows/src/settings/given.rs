//! What the user gave, each setting once: the same declaration is the flag, the
//! environment variable and the key of the configuration file. Nothing is
//! resolved here; see [`super::Settings`] for what the server runs with.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::size::ByteSize;

/// Generates `Given::or`, which a missing field would silently break.
macro_rules! given {
    ($(#[$outer:meta])* struct $name:ident { $($(#[$inner:meta])* $field:ident: Option<$type:ty>,)* }) => {
        $(#[$outer])*
        pub(crate) struct $name { $($(#[$inner])* pub(crate) $field: Option<$type>,)* }

        impl $name {
            /// Takes from `fallback` what is not given here.
            pub(crate) fn or(self, fallback: Self) -> Self {
                Self { $($field: self.$field.or(fallback.$field),)* }
            }
        }
    };
}

given! {
    /// Settings as given, all optional.
    #[derive(Args, Clone, Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
    struct Given {
        /// Address to serve on; repeat it, or separate with commas, for several [default: 127.0.0.1:6379]
        #[arg(long, env = "HALLOWS_LISTEN", value_name = "HOST:PORT", value_delimiter = ',', help_heading = "Serving")]
        #[serde(deserialize_with = "one_or_many")]
        listen: Option<Vec<String>>,

        /// Memory for keys and values with all overhead; the least useful keys are evicted beyond it [default: 256MiB]
        #[arg(long, env = "HALLOWS_MEMORY", value_name = "SIZE", help_heading = "Serving")]
        memory: Option<ByteSize>,

        /// Put memory that is filled into 2 MiB pages: less CPU per request in caches above some 100 MiB; while a page is made, requests for what lies in it may wait some milliseconds [default: no]
        #[arg(long, env = "HALLOWS_HUGE_PAGES", help_heading = "Serving")]
        huge_pages: Option<YesNo>,

        /// Worker threads, one per core with `auto` [default: auto]
        #[arg(long, env = "HALLOWS_WORKERS", value_name = "N|auto", help_heading = "Serving")]
        workers: Option<Workers>,

        /// Workers tell each other their load, and connections move by it; `no` is for comparison [default: yes]
        #[arg(long, env = "HALLOWS_SIGNALS", help_heading = "Serving")]
        signals: Option<YesNo>,

        /// How the kernel is asked for network IO; `auto` takes io_uring where it is allowed [default: auto]
        #[arg(long, env = "HALLOWS_IO", help_heading = "Serving")]
        io: Option<Reactor>,

        /// Password that clients must send with AUTH (a flag shows in `ps`: prefer --requirepass-file)
        #[arg(long, env = "HALLOWS_REQUIREPASS", value_name = "PASSWORD", hide_env_values = true, help_heading = "Access")]
        requirepass: Option<String>,

        /// File whose first line is the password
        #[arg(long, env = "HALLOWS_REQUIREPASS_FILE", value_name = "FILE", help_heading = "Access")]
        requirepass_file: Option<PathBuf>,

        /// Refuse a public --listen address while no password is set [default: yes]
        #[arg(long, env = "HALLOWS_PROTECTED_MODE", help_heading = "Access")]
        protected_mode: Option<YesNo>,

        /// Who may use DEBUG [default: no]
        #[arg(long, env = "HALLOWS_ENABLE_DEBUG_COMMAND", help_heading = "Access")]
        enable_debug_command: Option<DebugCommand>,

        /// Connections at the same time [default: 10000]
        #[arg(long, env = "HALLOWS_MAXCLIENTS", value_name = "N", help_heading = "Clients")]
        maxclients: Option<usize>,

        /// Close a connection that is idle for so many seconds; 0 never does [default: 0]
        #[arg(long, env = "HALLOWS_TIMEOUT", value_name = "SECONDS", help_heading = "Clients")]
        timeout: Option<u32>,

        /// Probe idle connections after so many seconds; 0 never does [default: 300]
        #[arg(long, env = "HALLOWS_TCP_KEEPALIVE", value_name = "SECONDS", help_heading = "Clients")]
        tcp_keepalive: Option<u32>,

        /// Close a client that has more unread replies than this; 0 sets no limit [default: 1GiB]
        #[arg(long, env = "HALLOWS_OUTPUT_LIMIT", value_name = "SIZE", help_heading = "Clients")]
        output_limit: Option<ByteSize>,

        /// Close a client that leaves replies unread for so many seconds; 0 never does [default: 60]
        #[arg(long, env = "HALLOWS_OUTPUT_TIMEOUT", value_name = "SECONDS", help_heading = "Clients")]
        output_timeout: Option<u32>,

        /// Close a client whose unfinished request is larger than this [default: 1GiB]
        #[arg(long, env = "HALLOWS_QUERY_LIMIT", value_name = "SIZE", help_heading = "Clients")]
        query_limit: Option<ByteSize>,

        /// Buffers of all clients together; beyond it the largest are closed; 0 sets no limit [default: 1GiB]
        #[arg(long, env = "HALLOWS_CLIENT_MEMORY", value_name = "SIZE", help_heading = "Clients")]
        client_memory: Option<ByteSize>,

        /// Serve Prometheus metrics over HTTP on this address [default: off]
        #[arg(long, env = "HALLOWS_METRICS", value_name = "HOST:PORT", help_heading = "Observing")]
        metrics: Option<String>,

        /// Keep a list of all tasks, for `hallows top` [default: no]
        #[arg(long, env = "HALLOWS_TASK_DUMP", help_heading = "Observing")]
        task_dump: Option<YesNo>,

        /// Least important message to log [default: info]
        #[arg(long, env = "HALLOWS_LOG_LEVEL", help_heading = "Observing")]
        log_level: Option<LogLevel>,

        /// Form of the log on standard error [default: text]
        #[arg(long, env = "HALLOWS_LOG_FORMAT", help_heading = "Observing")]
        log_format: Option<LogFormat>,
    }
}

/// Declares an enum whose variants are the words a user may write.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[value(rename_all = "snake_case")]
        pub(crate) enum $name { $($(#[$inner])* $variant,)* }
    };
}

words! {
    /// A switch.
    YesNo { Yes, No, }
}
words! {
    /// Which kernel interface carries network IO.
    Reactor {
        /// io_uring where the kernel allows it, else epoll
        Auto,
        IoUring,
        Epoll,
    }
}
words! {
    /// Who may use DEBUG.
    DebugCommand {
        /// Nobody
        No,
        /// Clients on this machine
        Local,
        /// Everybody
        Yes,
    }
}
words! {
    /// Importance of a log message.
    LogLevel { Error, Warn, Info, Debug, Trace, }
}
words! {
    /// Form of a log message.
    LogFormat { Text, Json, }
}

/// Number of worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// One per core this process may run on.
    Auto,
    /// Exactly so many.
    Count(usize),
}

/// More workers than this is a slip of the keyboard.
const WORKERS_MAX: usize = 1024;

impl std::str::FromStr for Workers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Workers::Auto);
        }
        match text.parse() {
            Ok(count @ 1..=WORKERS_MAX) => Ok(Workers::Count(count)),
            _ => Err(format!(
                "`{text}` is neither `auto` nor a number from 1 to {WORKERS_MAX}"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"auto\" or a number of workers")]
        enum Written {
            Count(usize),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Count(count) => count.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Lets a file say `listen = "a:1"` as well as `listen = ["a:1", "b:2"]`.
fn one_or_many<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an address or a list of addresses")]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::One(address) => vec![address],
        Written::Many(addresses) => addresses,
    }))
}
