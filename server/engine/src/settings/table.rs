//! Every setting by name: its kind, its default and whether it may change while
//! the server runs. `mod.rs` keeps the values.

/// Settings whose value is a number, a choice or a yes/no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    MaxMemory,
    MaxClients,
    Timeout,
    TcpKeepalive,
    TcpBacklog,
    BulkLenMax,
    QueryBufferMax,
    Hz,
    ProtectedMode,
    LogLevel,
    DebugCommand,
    Port,
    IoThreads,
}

/// How many [`Number`]s there are.
pub(super) const NUMBERS: usize = Number::IoThreads as usize + 1;

/// Settings whose value is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    RequirePass,
    Bind,
    Dir,
    LogFile,
}

/// How many [`Text`]s there are.
pub(super) const TEXTS: usize = Text::LogFile as usize + 1;

/// How the text of a number is read and written.
#[derive(Debug)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A decimal number within bounds.
    Integer(u64, u64),
    /// A number of bytes within bounds, a unit such as `mb` allowed.
    Memory(u64, u64),
    /// One of these words; the number is its index.
    Choice(&'static [&'static str]),
}

/// Where a value is kept and what it may be.
#[derive(Debug)]
pub(super) enum Slot {
    /// Place, kind and default.
    Number(Number, Kind, u64),
    /// Place and default.
    Text(Text, &'static str),
    OutputLimits,
    /// The only value, and why there is no other.
    Fixed(&'static str, &'static str),
}

/// Whether CONFIG SET may change a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Free,
    Immutable,
    Protected,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) slot: Slot,
    pub(super) access: Access,
}

impl Definition {
    /// Names are unique, so that they tell two rows apart.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn free(name: &'static str, slot: Slot) -> Definition {
    Definition {
        name,
        slot,
        access: Access::Free,
    }
}

const fn immutable(name: &'static str, slot: Slot) -> Definition {
    Definition {
        name,
        slot,
        access: Access::Immutable,
    }
}

const fn protected(name: &'static str, slot: Slot) -> Definition {
    Definition {
        name,
        slot,
        access: Access::Protected,
    }
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const INT_MAX: u64 = i32::MAX as u64;
const LONG_MAX: u64 = i64::MAX as u64;

const NO_PERSISTENCE: &str = "this server keeps its data in memory only";
const NO_NOTIFICATIONS: &str = "keyspace notifications are not supported";
const NO_SLOWLOG: &str = "there is no slow log";
const NO_LATENCY: &str = "latency tracking is not supported";
const NO_REPLICATION: &str = "replication is not supported";
const NO_TLS: &str = "TLS is not supported";
const NOT_NEEDED: &str = "the store needs no such tuning";
const ONE_POLICY: &str =
    "the store evicts by frequency and age among all keys, which 'allkeys-lfu' describes best";

pub(super) static TABLE: &[Definition] = &[
    // Memory.
    free(
        "maxmemory",
        Slot::Number(Number::MaxMemory, Kind::Memory(MIB, u64::MAX), 256 * MIB),
    ),
    free("maxmemory-policy", Slot::Fixed("allkeys-lfu", ONE_POLICY)),
    free(
        "maxmemory-clients",
        Slot::Fixed("0", "client memory is bounded per connection"),
    ),
    free("activedefrag", Slot::Fixed("no", NOT_NEEDED)),
    free("lazyfree-lazy-eviction", Slot::Fixed("no", NOT_NEEDED)),
    free("lazyfree-lazy-expire", Slot::Fixed("no", NOT_NEEDED)),
    free("lazyfree-lazy-server-del", Slot::Fixed("no", NOT_NEEDED)),
    free("lazyfree-lazy-user-del", Slot::Fixed("no", NOT_NEEDED)),
    free("lazyfree-lazy-user-flush", Slot::Fixed("no", NOT_NEEDED)),
    free("active-expire-effort", Slot::Fixed("1", NOT_NEEDED)),
    // Connections.
    free(
        "maxclients",
        Slot::Number(
            Number::MaxClients,
            Kind::Integer(1, u32::MAX as u64),
            10_000,
        ),
    ),
    free(
        "timeout",
        Slot::Number(Number::Timeout, Kind::Integer(0, INT_MAX), 0),
    ),
    free(
        "tcp-keepalive",
        Slot::Number(Number::TcpKeepalive, Kind::Integer(0, INT_MAX), 300),
    ),
    immutable(
        "tcp-backlog",
        Slot::Number(Number::TcpBacklog, Kind::Integer(0, INT_MAX), 511),
    ),
    free(
        "proto-max-bulk-len",
        Slot::Number(Number::BulkLenMax, Kind::Memory(MIB, LONG_MAX), 512 * MIB),
    ),
    free(
        "client-query-buffer-limit",
        Slot::Number(Number::QueryBufferMax, Kind::Memory(MIB, LONG_MAX), GIB),
    ),
    free("client-output-buffer-limit", Slot::OutputLimits),
    immutable(
        "port",
        Slot::Number(Number::Port, Kind::Integer(0, 65_535), 6379),
    ),
    immutable("bind", Slot::Text(Text::Bind, "127.0.0.1")),
    immutable(
        "unixsocket",
        Slot::Fixed("", "Unix sockets are not supported"),
    ),
    free("tls-port", Slot::Fixed("0", NO_TLS)),
    // Access.
    free("requirepass", Slot::Text(Text::RequirePass, "")),
    free(
        "protected-mode",
        Slot::Number(Number::ProtectedMode, Kind::Bool, 1),
    ),
    immutable(
        "enable-debug-command",
        Slot::Number(
            Number::DebugCommand,
            Kind::Choice(&["no", "yes", "local"]),
            0,
        ),
    ),
    immutable(
        "enable-protected-configs",
        Slot::Fixed("no", "they cannot be set at run time"),
    ),
    immutable("aclfile", Slot::Fixed("", "there is one user, 'default'")),
    // The process.
    free("hz", Slot::Number(Number::Hz, Kind::Integer(1, 500), 10)),
    free("dynamic-hz", Slot::Fixed("no", NOT_NEEDED)),
    free(
        "loglevel",
        Slot::Number(
            Number::LogLevel,
            Kind::Choice(&["debug", "verbose", "notice", "warning"]),
            2,
        ),
    ),
    immutable("logfile", Slot::Text(Text::LogFile, "")),
    protected("dir", Slot::Text(Text::Dir, "")),
    immutable(
        "databases",
        Slot::Fixed("16", "the number of databases is fixed"),
    ),
    immutable(
        "io-threads",
        Slot::Number(Number::IoThreads, Kind::Integer(1, 1024), 1),
    ),
    immutable(
        "daemonize",
        Slot::Fixed("no", "a service manager does that"),
    ),
    immutable(
        "supervised",
        Slot::Fixed("no", "a service manager needs no signal"),
    ),
    // What Redis has and this server has not.
    free("save", Slot::Fixed("", NO_PERSISTENCE)),
    free("appendonly", Slot::Fixed("no", NO_PERSISTENCE)),
    free("appendfsync", Slot::Fixed("no", NO_PERSISTENCE)),
    free(
        "stop-writes-on-bgsave-error",
        Slot::Fixed("no", NO_PERSISTENCE),
    ),
    free("notify-keyspace-events", Slot::Fixed("", NO_NOTIFICATIONS)),
    free("slowlog-log-slower-than", Slot::Fixed("-1", NO_SLOWLOG)),
    free("slowlog-max-len", Slot::Fixed("0", NO_SLOWLOG)),
    free("latency-monitor-threshold", Slot::Fixed("0", NO_LATENCY)),
    free("latency-tracking", Slot::Fixed("no", NO_LATENCY)),
    immutable(
        "cluster-enabled",
        Slot::Fixed("no", "cluster mode is not supported"),
    ),
    immutable("replicaof", Slot::Fixed("", NO_REPLICATION)),
    immutable("slaveof", Slot::Fixed("", NO_REPLICATION)),
    free("min-replicas-to-write", Slot::Fixed("0", NO_REPLICATION)),
];
