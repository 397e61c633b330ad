//! One command as COMMAND INFO and as COMMAND DOCS describe it. The shapes are
//! those of Redis 7.0; parts that it leaves out when they are empty are left out.
use hallows_resp::Reply;

use super::categories;
use crate::command::docs::{self, Argument, Deprecated};
use crate::command::{Command, Flags, Group, KeySpec, Spec, table};

/// Flags in Redis's order.
const FLAGS: &[(Flags, &str)] = &[
    (Flags::WRITE, "write"),
    (Flags::READONLY, "readonly"),
    (Flags::DENYOOM, "denyoom"),
    (Flags::ADMIN, "admin"),
    (Flags::NOSCRIPT, "noscript"),
    (Flags::LOADING, "loading"),
    (Flags::STALE, "stale"),
    (Flags::SKIP_MONITOR, "skip_monitor"),
    (Flags::SKIP_SLOWLOG, "skip_slowlog"),
    (Flags::FAST, "fast"),
    (Flags::NO_AUTH, "no_auth"),
    (Flags::NO_ASYNC_LOADING, "no_async_loading"),
    (Flags::NO_MULTI, "no_multi"),
    (Flags::MOVABLE_KEYS, "movablekeys"),
    (Flags::ALLOW_BUSY, "allow_busy"),
];

/// The ten fields of COMMAND INFO.
pub(super) fn info(reply: &mut Reply<'_>, command: Command) {
    let spec = command.spec;
    let (first, last, step) = key_range(spec.keys);
    reply.array(10);
    reply.bulk(command.full_name().as_bytes());
    reply.integer(i64::from(spec.arity));
    let flags = || FLAGS.iter().filter(|(flag, _)| spec.flags.contains(*flag));
    reply.set(flags().count());
    for (_, name) in flags() {
        reply.simple(name);
    }
    for number in [first, last, step] {
        reply.integer(i64::from(number));
    }
    reply.set(categories::of(spec).count());
    for category in categories::of(spec) {
        reply.simple(&alloc::format!("@{category}"));
    }
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(spec.keys.len());
    for keys in spec.keys {
        key_spec(reply, keys);
    }
    reply.array(spec.subcommands.len());
    for subcommand in subcommands(command) {
        info(reply, subcommand);
    }
}

/// First key, last key and step: one range for all key specifications, as it was
/// before there were several.
fn key_range(keys: &[KeySpec]) -> (i32, i32, i32) {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return (0, 0, 0);
    };
    let end = if last.last < 0 {
        last.last
    } else {
        last.first + last.last
    };
    (first.first, end, first.step)
}

fn key_spec(reply: &mut Reply<'_>, keys: &KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    key_flags(reply, keys.flags);
    reply.bulk(b"begin_search");
    kind_and_spec(reply, "index", &[("index", keys.first)]);
    reply.bulk(b"find_keys");
    let range = [("lastkey", keys.last), ("keystep", keys.step), ("limit", 0)];
    kind_and_spec(reply, "range", &range);
}

fn kind_and_spec(reply: &mut Reply<'_>, kind: &str, spec: &[(&str, i32)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(spec.len());
    for (name, number) in spec {
        reply.bulk(name.as_bytes());
        reply.integer(i64::from(*number));
    }
}

/// The flags of a key: how it is accessed in capitals, then what is done to the
/// value in small letters.
pub(super) fn key_flags(reply: &mut Reply<'_>, flags: &[&str]) {
    reply.set(flags.len());
    for flag in flags {
        if flag.len() == 2 {
            reply.simple(flag);
        } else {
            reply.simple(&flag.to_ascii_lowercase());
        }
    }
}

fn subcommands(command: Command) -> impl Iterator<Item = Command> {
    let first = command.id + 1;
    (first..first + command.spec.subcommands.len() as u16).map(table::by_id)
}

/// The map of COMMAND DOCS.
pub(super) fn docs(reply: &mut Reply<'_>, command: Command) {
    let spec = command.spec;
    let more = docs::find(&command.full_name());
    let arguments = more.map_or(&[][..], |docs| docs.arguments);
    let deprecated = more.and_then(|docs| docs.deprecated.as_ref());
    let internal = spec.flags.contains(Flags::PROTECTED);
    let texts = texts(spec, deprecated);
    let pairs = texts.iter().flatten().count()
        + usize::from(deprecated.is_some() || internal)
        + usize::from(!arguments.is_empty())
        + usize::from(!spec.subcommands.is_empty());
    reply.map(pairs);
    for (name, text) in texts.into_iter().flatten() {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if deprecated.is_some() || internal {
        reply.bulk(b"doc_flags");
        reply.set(1);
        reply.simple(if internal { "syscmd" } else { "deprecated" });
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        argument_list(reply, arguments);
    }
    if !spec.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(spec.subcommands.len());
        for subcommand in subcommands(command) {
            reply.bulk(subcommand.full_name().as_bytes());
            docs(reply, subcommand);
        }
    }
}

/// The entries that are plain text.
fn texts<'a>(
    spec: &'a Spec,
    deprecated: Option<&'a Deprecated>,
) -> [Option<(&'a str, &'a str)>; 6] {
    [
        Some(("summary", spec.summary)),
        Some(("since", spec.since)),
        Some(("group", group(spec.group))),
        Some(("complexity", spec.complexity)),
        deprecated.map(|deprecated| ("deprecated_since", deprecated.since)),
        deprecated.map(|deprecated| ("replaced_by", deprecated.replaced_by)),
    ]
}

fn group(group: Group) -> &'static str {
    match group {
        Group::Connection => "connection",
        Group::Generic => "generic",
        Group::Server => "server",
        Group::String => "string",
    }
}

fn argument_list(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        describe_argument(reply, argument);
    }
}

fn describe_argument(reply: &mut Reply<'_>, argument: &Argument) {
    let texts = [
        Some(("name", argument.name)),
        Some(("type", argument.kind.name())),
        argument.token.map(|token| ("token", token)),
        argument.since.map(|since| ("since", since)),
    ];
    let flags = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
    ];
    let flags = || flags.iter().filter(|(set, _)| *set);
    let pairs = texts.iter().flatten().count()
        + usize::from(argument.key_spec.is_some())
        + usize::from(flags().next().is_some())
        + usize::from(!argument.arguments.is_empty());
    reply.map(pairs);
    for (name, text) in texts.into_iter().flatten() {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if let Some(index) = argument.key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer(i64::from(index));
    }
    if flags().next().is_some() {
        reply.bulk(b"flags");
        reply.set(flags().count());
        for (_, name) in flags() {
            reply.simple(name);
        }
    }
    if !argument.arguments.is_empty() {
        reply.bulk(b"arguments");
        argument_list(reply, argument.arguments);
    }
}
