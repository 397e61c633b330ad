//! What a command is: its [`Spec`] (name, arity, flags, keys, documentation) and
//! its handler. Each family of commands has a file that exposes `SPECS`;
//! `table.rs` joins them and finds a command by name.
pub(crate) mod client;
pub(crate) mod command_info;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod counter;
pub(crate) mod debug;
pub(crate) mod dispatch;
pub(crate) mod docs;
pub(crate) mod expire;
pub(crate) mod hallows;
pub(crate) mod help;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod lcs;
pub(crate) mod memory;
pub(crate) mod object;
pub(crate) mod range;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod string;
mod string_options;
pub(crate) mod table;

use alloc::string::String;

use hallows_resp::Args;

use crate::context::Context;
use crate::error::CommandError;

/// Outcome of a handler. On an error whatever the handler has written is
/// dropped and the error is the reply.
pub(crate) type Outcome = Result<(), CommandError>;

/// Executes a command. `args[0]` is the command's name as the client wrote it;
/// the arity has been checked.
pub(crate) type Handler = fn(&mut Context<'_>, Args<'_>) -> Outcome;

bitflags::bitflags! {
    /// Properties of a command, as COMMAND INFO reports them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Flags: u32 {
        const WRITE = 1 << 0;
        const READONLY = 1 << 1;
        /// Refused when memory is short.
        const DENYOOM = 1 << 2;
        const ADMIN = 1 << 3;
        const NOSCRIPT = 1 << 4;
        const LOADING = 1 << 5;
        const STALE = 1 << 6;
        const FAST = 1 << 7;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 8;
        const ALLOW_BUSY = 1 << 9;
        const NO_ASYNC_LOADING = 1 << 10;
        const NO_MULTI = 1 << 11;
        const PROTECTED = 1 << 12;
        const MOVABLE_KEYS = 1 << 13;
        const SKIP_MONITOR = 1 << 14;
        const SKIP_SLOWLOG = 1 << 15;
    }

    /// Access-control categories beyond those that follow from the flags.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Categories: u32 {
        const KEYSPACE = 1 << 0;
        const STRING = 1 << 1;
        const CONNECTION = 1 << 2;
        const DANGEROUS = 1 << 3;
        const SORTABLE = 1 << 4;
        const ADMIN = 1 << 5;
    }
}

/// The family of a command, as COMMAND DOCS reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Connection,
    Generic,
    Server,
    String,
}

/// Where a command's keys are, and what it does with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySpec {
    /// Redis's flags of a key specification, such as `RO` and `ACCESS`.
    pub(crate) flags: &'static [&'static str],
    /// Index of the first key among the arguments.
    pub(crate) first: i32,
    /// Last key relative to the first, or from the end when negative.
    pub(crate) last: i32,
    /// Distance between keys.
    pub(crate) step: i32,
}

impl KeySpec {
    /// A single key at `first`.
    pub(crate) const fn one(first: i32, flags: &'static [&'static str]) -> Self {
        Self {
            flags,
            first,
            last: 0,
            step: 1,
        }
    }

    /// Keys from the first argument to the last one, `step` apart.
    pub(crate) const fn all(step: i32, flags: &'static [&'static str]) -> Self {
        Self {
            flags,
            first: 1,
            last: -1,
            step,
        }
    }
}

/// A command or a subcommand.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    /// Lower-case name; of a subcommand, its own part only.
    pub(crate) name: &'static str,
    /// Number of arguments with the name (and the subcommand's); negative: at least.
    pub(crate) arity: i32,
    pub(crate) flags: Flags,
    pub(crate) categories: Categories,
    pub(crate) keys: &'static [KeySpec],
    pub(crate) tips: &'static [&'static str],
    pub(crate) group: Group,
    /// Redis release that brought the command.
    pub(crate) since: &'static str,
    pub(crate) complexity: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) handler: Handler,
    pub(crate) subcommands: &'static [Spec],
}

impl Spec {
    pub(crate) const fn new(name: &'static str, arity: i32, handler: Handler) -> Self {
        Self {
            name,
            arity,
            flags: Flags::empty(),
            categories: Categories::empty(),
            keys: &[],
            tips: &[],
            group: Group::Generic,
            since: "1.0.0",
            complexity: "O(1)",
            summary: "",
            handler,
            subcommands: &[],
        }
    }

    /// A command that does nothing without a subcommand.
    pub(crate) const fn container(name: &'static str, subcommands: &'static [Spec]) -> Self {
        let mut spec = Self::new(name, -2, unreachable_container);
        spec.subcommands = subcommands;
        spec
    }

    pub(crate) const fn flags(mut self, flags: &[Flags]) -> Self {
        let mut i = 0;
        while i < flags.len() {
            self.flags = self.flags.union(flags[i]);
            i += 1;
        }
        self
    }

    pub(crate) const fn categories(mut self, categories: &[Categories]) -> Self {
        let mut i = 0;
        while i < categories.len() {
            self.categories = self.categories.union(categories[i]);
            i += 1;
        }
        self
    }

    pub(crate) const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    pub(crate) const fn doc(
        mut self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        self.group = group;
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    /// Whether a request of `count` arguments fits.
    pub(crate) fn accepts(&self, count: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            count >= arity
        } else {
            count == arity
        }
    }
}

/// Dispatch resolves a container to its subcommand before it calls a handler;
/// this answers if a container were called all the same.
fn unreachable_container(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    Err(CommandError::WrongArity(ctx.command))
}

/// A command as found in the table.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    pub(crate) spec: &'static Spec,
    /// The container, for a subcommand.
    pub(crate) parent: Option<&'static Spec>,
    /// Dense number over all commands and subcommands, see [`table::COUNT`].
    pub(crate) id: u16,
}

impl Command {
    /// `get`, or `client|list` for a subcommand.
    pub(crate) fn full_name(&self) -> String {
        match self.parent {
            Some(parent) => alloc::format!("{}|{}", parent.name, self.spec.name),
            None => String::from(self.spec.name),
        }
    }
}

impl core::fmt::Debug for Command {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.full_name())
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Command {}
