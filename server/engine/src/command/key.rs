//! Commands on keys whatever their values: existence, removal, names, copies.
//! Those with two keys hold the locks of both.
use alloc::vec::Vec;

use ant_colony_store::{Key, Meta, Millis, Shard, ShardSet};
use hallows_resp::Args;

use super::{Categories, Flags, Group, KeySpec, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::number::database;

const fn key(
    spec: Spec,
    flags: &[Flags],
    keys: &'static [KeySpec],
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
) -> Spec {
    spec.flags(flags)
        .categories(&[Categories::KEYSPACE])
        .keys(keys)
        .doc(Group::Generic, since, complexity, summary)
}

const PER_KEY: &str = "O(N) in the number of keys";
const SUM_OVER_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

pub(crate) const SPECS: &[Spec] = &[
    key(
        Spec::new("del", -2, del).tips(SUM_OVER_SHARDS),
        &[Flags::WRITE],
        &[KeySpec::all(1, &["RM", "DELETE"])],
        "1.0.0",
        PER_KEY,
        "Removes keys.",
    ),
    key(
        Spec::new("unlink", -2, del).tips(SUM_OVER_SHARDS),
        &[Flags::WRITE, Flags::FAST],
        &[KeySpec::all(1, &["RM", "DELETE"])],
        "4.0.0",
        PER_KEY,
        "Removes keys; the same as DEL here.",
    ),
    key(
        Spec::new("exists", -2, exists).tips(SUM_OVER_SHARDS),
        &[Flags::READONLY, Flags::FAST],
        &[KeySpec::all(1, &["RO"])],
        "1.0.0",
        PER_KEY,
        "Counts how many of the keys exist.",
    ),
    key(
        Spec::new("touch", -2, touch).tips(SUM_OVER_SHARDS),
        &[Flags::READONLY, Flags::FAST],
        &[KeySpec::all(1, &["RO"])],
        "3.2.1",
        PER_KEY,
        "Marks keys as used and counts how many exist.",
    ),
    key(
        Spec::new("type", 2, type_of),
        &[Flags::READONLY, Flags::FAST],
        &[KeySpec::one(1, &["RO"])],
        "1.0.0",
        "O(1)",
        "Tells the type of a value.",
    ),
    key(
        Spec::new("rename", 3, rename),
        &[Flags::WRITE],
        &[
            KeySpec::one(1, &["RW", "ACCESS", "DELETE"]),
            KeySpec::one(2, &["OW", "UPDATE"]),
        ],
        "1.0.0",
        "O(N) in the length of the value",
        "Gives a key another name, over any key that has it.",
    ),
    key(
        Spec::new("renamenx", 3, renamenx),
        &[Flags::WRITE, Flags::FAST],
        &[
            KeySpec::one(1, &["RW", "ACCESS", "DELETE"]),
            KeySpec::one(2, &["OW", "INSERT"]),
        ],
        "1.0.0",
        "O(N) in the length of the value",
        "Gives a key another name unless a key has it.",
    ),
    key(
        Spec::new("copy", -3, copy),
        &[Flags::WRITE, Flags::DENYOOM],
        &[
            KeySpec::one(1, &["RO", "ACCESS"]),
            KeySpec::one(2, &["OW", "UPDATE"]),
        ],
        "6.2.0",
        "O(N) in the length of the value",
        "Copies a value and its expiry to another key.",
    ),
    key(
        Spec::new("move", 3, move_to),
        &[Flags::WRITE, Flags::FAST],
        &[KeySpec::one(1, &["RW", "ACCESS", "UPDATE"])],
        "1.0.0",
        "O(N) in the length of the value",
        "Moves a key to another database.",
    ),
];

/// Counts the keys for which `each` is true, all under one set of locks.
fn count_keys(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    each: impl Fn(&mut Shard, &Key<'_>, Millis) -> bool,
) {
    let now = ctx.now_ms();
    let count = if args.len() == 2 {
        let key = ctx.key(&args[1]);
        i64::from(each(&mut ctx.store().lock(&key), &key, now))
    } else {
        let keys = ctx.keys(args.iter().skip(1));
        let mut shards = ctx.store().lock_many(&keys);
        keys.iter()
            .map(|key| i64::from(each(shards.shard(key), key, now)))
            .sum()
    };
    ctx.reply().integer(count);
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is not general over the shard's lifetime, the closure is"
)]
fn del(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    count_keys(ctx, args, |shard, key, now| shard.remove(key, now));
    Ok(())
}

fn exists(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let now = ctx.now_ms();
    let count = if args.len() == 2 {
        let key = ctx.key(&args[1]);
        i64::from(ctx.store().brief(&key, now).is_some())
    } else {
        let keys = ctx.keys(args.iter().skip(1));
        let mut shards = ctx.store().lock_many_to_read(&keys);
        let exist = keys
            .iter()
            .filter(|key| shards.shard(key).peek(key, now).is_some());
        exist.count() as i64
    };
    ctx.reply().integer(count);
    Ok(())
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is not general over the shard's lifetime, the closure is"
)]
fn touch(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    count_keys(ctx, args, |shard, key, now| shard.touch(key, now));
    Ok(())
}

fn type_of(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let exists = ctx.store().brief(&key, ctx.now_ms()).is_some();
    ctx.reply().simple(if exists { "string" } else { "none" });
    Ok(())
}

/// A value on its way from one key to another.
struct Copied {
    value: Vec<u8>,
    meta: Meta,
}

fn copied(shards: &mut ShardSet<'_>, key: &Key<'_>, now: Millis) -> Option<Copied> {
    shards.shard(key).peek(key, now).map(|entry| Copied {
        value: entry.value.to_vec(),
        meta: Meta {
            expires_at: entry.expires_at,
            raw: entry.raw,
        },
    })
}

/// Puts the value of `source` under `target` as well. False if there is no value, or
/// if `target` exists and is not to be replaced.
fn copy_value(
    shards: &mut ShardSet<'_>,
    source: &Key<'_>,
    target: &Key<'_>,
    replace: bool,
    now: Millis,
) -> Result<bool, CommandError> {
    let Some(copied) = copied(shards, source, now) else {
        return Ok(false);
    };
    if !replace && shards.shard(target).peek(target, now).is_some() {
        return Ok(false);
    }
    shards
        .shard(target)
        .insert(target, &copied.value, copied.meta, now)?;
    Ok(true)
}

fn rename(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    rename_to(ctx, args, true)?;
    ctx.reply().ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let renamed = rename_to(ctx, args, false)?;
    ctx.reply().integer(i64::from(renamed));
    Ok(())
}

fn rename_to(ctx: &Context<'_>, args: Args<'_>, replace: bool) -> Result<bool, CommandError> {
    let now = ctx.now_ms();
    let [source, target] = [ctx.key(&args[1]), ctx.key(&args[2])];
    let mut shards = ctx.store().lock_many(&[source, target]);
    if shards.shard(&source).peek(&source, now).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    if args[1] == args[2] {
        return Ok(false);
    }
    let renamed = copy_value(&mut shards, &source, &target, replace, now)?;
    if renamed {
        shards.shard(&source).remove(&source, now);
    }
    Ok(renamed)
}

fn copy(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (mut replace, mut db) = (false, ctx.session.db);
    let options = args.from(3..);
    let mut words = options.iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"replace") {
            replace = true;
        } else if word.eq_ignore_ascii_case(b"db") {
            db = database(words.next().ok_or(CommandError::Syntax)?)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if db == ctx.session.db && args[1] == args[2] {
        return Err(CommandError::SameObject);
    }
    let (source, target) = (ctx.key(&args[1]), ctx.store().key(db, &args[2]));
    let mut shards = ctx.store().lock_many(&[source, target]);
    let copied = copy_value(&mut shards, &source, &target, replace, ctx.now_ms())?;
    ctx.reply().integer(i64::from(copied));
    Ok(())
}

fn move_to(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let db = database(&args[2])?;
    if db == ctx.session.db {
        return Err(CommandError::SameObject);
    }
    let now = ctx.now_ms();
    let (source, target) = (ctx.key(&args[1]), ctx.store().key(db, &args[1]));
    let mut shards = ctx.store().lock_many(&[source, target]);
    let moved = copy_value(&mut shards, &source, &target, false, now)?;
    if moved {
        shards.shard(&source).remove(&source, now);
    }
    ctx.reply().integer(i64::from(moved));
    Ok(())
}
