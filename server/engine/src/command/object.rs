//! OBJECT: how a value is kept and how it has been used. Nothing here marks the
//! key as used.
use hallows_resp::{Args, parse_integer};

use super::{Categories, Flags, Group, KeySpec, Outcome, Spec, help};
use crate::context::Context;

pub(crate) const SPECS: &[Spec] = &[Spec::container("object", SUBCOMMANDS).doc(
    Group::Generic,
    "2.2.3",
    "Depends on subcommand.",
    "How values are kept.",
)];

const KEY: &[KeySpec] = &[KeySpec::one(2, &["RO"])];

const fn reader(spec: Spec, since: &'static str, summary: &'static str) -> Spec {
    spec.flags(&[Flags::READONLY])
        .categories(&[Categories::KEYSPACE])
        .keys(KEY)
        .tips(&["nondeterministic_output"])
        .doc(Group::Generic, since, "O(1)", summary)
}

const SUBCOMMANDS: &[Spec] = &[
    reader(
        Spec::new("encoding", 3, encoding),
        "2.2.3",
        "The representation of a value.",
    ),
    reader(
        Spec::new("freq", 3, freq),
        "4.0.0",
        "How often a key was used lately.",
    ),
    reader(
        Spec::new("idletime", 3, idletime),
        "2.2.3",
        "Seconds since a key was used.",
    ),
    reader(
        Spec::new("refcount", 3, refcount),
        "2.2.3",
        "How many references a value has.",
    ),
    Spec::new("help", 2, help)
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::KEYSPACE])
        .doc(
            Group::Generic,
            "6.2.0",
            "O(1)",
            "Describes the subcommands.",
        ),
];

/// Longest string that Redis keeps in one piece with its header.
const EMBEDDED_LEN_MAX: usize = 44;

fn encoding(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let encoding = inspect(ctx, args, |entry| {
        if entry.raw {
            "raw"
        } else if parse_integer(entry.value).is_some() {
            "int"
        } else if entry.value.len() <= EMBEDDED_LEN_MAX {
            "embstr"
        } else {
            "raw"
        }
    });
    match encoding {
        Some(name) => ctx.reply().bulk(name.as_bytes()),
        None => ctx.reply().null(),
    }
    Ok(())
}

fn freq(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let frequency = inspect(ctx, args, |entry| i64::from(entry.frequency));
    integer_or_null(ctx, frequency)
}

fn idletime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let seconds = inspect(ctx, args, |entry| i64::from(entry.idle_s));
    integer_or_null(ctx, seconds)
}

/// Integers below this exist once in Redis, for all their keys.
const SHARED_INTEGERS: i64 = 10_000;

/// Values are never shared here. For those that Redis shares the answer is Redis's,
/// which stands for "too many to count".
fn refcount(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let references = inspect(ctx, args, |entry| {
        let shared = !entry.raw
            && parse_integer(entry.value).is_some_and(|n| (0..SHARED_INTEGERS).contains(&n));
        if shared { i64::from(i32::MAX) } else { 1 }
    });
    integer_or_null(ctx, references)
}

fn inspect<T>(
    ctx: &Context<'_>,
    args: Args<'_>,
    read: impl FnOnce(&ant_colony_store::Entry<'_>) -> T,
) -> Option<T> {
    let key = ctx.key(&args[2]);
    let mut shard = ctx.store().lock(&key);
    let entry = shard.peek(&key, ctx.now_ms())?;
    Some(read(&entry))
}

fn integer_or_null(ctx: &mut Context<'_>, value: Option<i64>) -> Outcome {
    match value {
        Some(value) => ctx.reply().integer(value),
        None => ctx.reply().null(),
    }
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "OBJECT",
        &[
            "ENCODING <key>",
            "    Answer with the representation of the value: int, embstr or raw.",
            "FREQ <key>",
            "    Answer with how often the key was used lately, on a small scale that decays.",
            "IDLETIME <key>",
            "    Answer with the seconds since the key was last used.",
            "REFCOUNT <key>",
            "    Answer with the number of references to the value.",
        ],
    )
}
