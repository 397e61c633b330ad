//! Commands that read and write whole values; `range.rs` has those for parts of them.
//! SET and GETEX parse their options in `string_options.rs`.
use ant_colony_store::{Key, Meta, Shard};
use hallows_resp::Args;

use super::string_options::{Condition, Expiry, GetexOptions, SetOptions, Unit, deadline};
use super::{Categories, Flags, Group, KeySpec, Outcome, Spec};
use crate::context::{Context, frame};
use crate::error::CommandError;

const READ: &[KeySpec] = &[KeySpec::one(1, &["RO", "ACCESS"])];
const OVERWRITE: &[KeySpec] = &[KeySpec::one(1, &["OW", "UPDATE"])];
const INSERT: &[KeySpec] = &[KeySpec::one(1, &["OW", "INSERT"])];
const SWAP: &[KeySpec] = &[KeySpec::one(1, &["RW", "ACCESS", "UPDATE"])];

pub(super) const fn string(
    spec: Spec,
    flags: &[Flags],
    keys: &'static [KeySpec],
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
) -> Spec {
    spec.flags(flags)
        .categories(&[Categories::STRING])
        .keys(keys)
        .doc(Group::String, since, complexity, summary)
}

pub(crate) const SPECS: &[Spec] = &[
    string(
        Spec::new("get", 2, get),
        &[Flags::READONLY, Flags::FAST],
        READ,
        "1.0.0",
        "O(1)",
        "Returns the value of a key.",
    ),
    string(
        Spec::new("set", -3, set),
        &[Flags::WRITE, Flags::DENYOOM],
        &[KeySpec::one(
            1,
            &["RW", "ACCESS", "UPDATE", "VARIABLE_FLAGS"],
        )],
        "1.0.0",
        "O(1)",
        "Stores a value, on conditions and with an expiry if wanted.",
    ),
    string(
        Spec::new("getex", -2, getex),
        &[Flags::WRITE, Flags::FAST],
        SWAP,
        "6.2.0",
        "O(1)",
        "Returns the value of a key and changes its expiry.",
    ),
    string(
        Spec::new("getdel", 2, getdel),
        &[Flags::WRITE, Flags::FAST],
        &[KeySpec::one(1, &["RW", "ACCESS", "DELETE"])],
        "6.2.0",
        "O(1)",
        "Returns the value of a key and removes the key.",
    ),
    string(
        Spec::new("getset", 3, getset),
        &[Flags::WRITE, Flags::DENYOOM, Flags::FAST],
        SWAP,
        "1.0.0",
        "O(1)",
        "Stores a value and returns the one before.",
    ),
    string(
        Spec::new("setnx", 3, setnx),
        &[Flags::WRITE, Flags::DENYOOM, Flags::FAST],
        INSERT,
        "1.0.0",
        "O(1)",
        "Stores a value unless the key exists.",
    ),
    string(
        Spec::new("setex", 4, setex),
        &[Flags::WRITE, Flags::DENYOOM],
        OVERWRITE,
        "2.0.0",
        "O(1)",
        "Stores a value that expires after seconds.",
    ),
    string(
        Spec::new("psetex", 4, psetex),
        &[Flags::WRITE, Flags::DENYOOM],
        OVERWRITE,
        "2.6.0",
        "O(1)",
        "Stores a value that expires after milliseconds.",
    ),
    string(
        Spec::new("mget", -2, mget),
        &[Flags::READONLY, Flags::FAST],
        &[KeySpec::all(1, &["RO", "ACCESS"])],
        "1.0.0",
        "O(N) in the number of keys",
        "Returns the values of several keys at one instant.",
    )
    .tips(&["request_policy:multi_shard"]),
    string(
        Spec::new("mset", -3, mset),
        &[Flags::WRITE, Flags::DENYOOM],
        &[KeySpec::all(2, &["OW", "UPDATE"])],
        "1.0.1",
        "O(N) in the number of keys",
        "Stores several values at one instant.",
    )
    .tips(&[
        "request_policy:multi_shard",
        "response_policy:all_succeeded",
    ]),
    string(
        Spec::new("msetnx", -3, msetnx),
        &[Flags::WRITE, Flags::DENYOOM],
        &[KeySpec::all(2, &["OW", "INSERT"])],
        "1.0.1",
        "O(N) in the number of keys",
        "Stores several values unless any of the keys exists.",
    )
    .tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
];

/// A value without expiry.
pub(super) const PLAIN: Meta = Meta {
    expires_at: None,
    raw: false,
};

/// Writes the value as the reply, or nothing; tells whether there was one.
fn reply_value(ctx: &mut Context<'_>, shard: &mut Shard, key: &Key<'_>) -> bool {
    let entry = ctx.read(shard, key);
    let mut reply = ctx.reply();
    match entry {
        Some(entry) => {
            reply.bulk(entry.value);
            true
        }
        None => {
            reply.null();
            false
        }
    }
}

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    if ctx.session.no_touch {
        reply_value(ctx, &mut ctx.store().lock(&key), &key);
        return Ok(());
    }
    let (now, protocol) = (ctx.now_ms(), ctx.session.protocol);
    ctx.store().get_into(&key, now, ctx.out, |out, part| {
        frame(out, part, protocol);
    });
    Ok(())
}

fn set(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if args.len() == 3 {
        let key = ctx.key(&args[1]);
        ctx.store()
            .lock(&key)
            .insert(&key, &args[2], PLAIN, ctx.now_ms())?;
        ctx.reply().ok();
        return Ok(());
    }
    let options = SetOptions::parse(args.from(3..))?;
    let expires_at = match options.expiry {
        Expiry::At(unit) => Some(deadline(ctx, unit)?),
        Expiry::None | Expiry::Keep => None,
    };
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    if options.get {
        reply_value(ctx, &mut shard, &key);
    }
    let old = shard.peek(&key, now).map(|entry| entry.expires_at);
    let refused = match options.condition {
        Condition::Always => false,
        Condition::Absent => old.is_some(),
        Condition::Present => old.is_none(),
    };
    if !refused {
        let expires_at = match options.expiry {
            Expiry::Keep => old.flatten(),
            Expiry::None | Expiry::At(_) => expires_at,
        };
        shard.insert(
            &key,
            &args[2],
            Meta {
                expires_at,
                raw: false,
            },
            now,
        )?;
    }
    match (options.get, refused) {
        (true, _) => {}
        (false, true) => ctx.reply().null(),
        (false, false) => ctx.reply().ok(),
    }
    Ok(())
}

fn setnx(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let absent = shard.peek(&key, now).is_none();
    if absent {
        shard.insert(&key, &args[2], PLAIN, now)?;
    }
    ctx.reply().integer(i64::from(absent));
    Ok(())
}

fn setex(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_for(ctx, args, Unit::Seconds)
}

fn psetex(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_for(ctx, args, Unit::Millis)
}

fn set_for(ctx: &mut Context<'_>, args: Args<'_>, unit: Unit) -> Outcome {
    let expires_at = Some(deadline(ctx, unit.after(&args[2]))?);
    let key = ctx.key(&args[1]);
    ctx.store().lock(&key).insert(
        &key,
        &args[3],
        Meta {
            expires_at,
            raw: false,
        },
        ctx.now_ms(),
    )?;
    ctx.reply().ok();
    Ok(())
}

fn getset(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let mut shard = ctx.store().lock(&key);
    reply_value(ctx, &mut shard, &key);
    shard.insert(&key, &args[2], PLAIN, ctx.now_ms())?;
    Ok(())
}

fn getdel(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let mut shard = ctx.store().lock(&key);
    if reply_value(ctx, &mut shard, &key) {
        shard.remove(&key, ctx.now_ms());
    }
    Ok(())
}

fn getex(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = GetexOptions::parse(args.from(2..))?;
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    if !reply_value(ctx, &mut shard, &key) {
        return Ok(());
    }
    match options {
        GetexOptions::Leave => {}
        GetexOptions::Persist => {
            shard.set_expiry(&key, None, now);
        }
        GetexOptions::At(time) => {
            let at = deadline(ctx, time)?;
            if at <= now {
                shard.remove(&key, now);
            } else {
                shard.set_expiry(&key, Some(at), now);
            }
        }
    }
    Ok(())
}

fn mget(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let keys = ctx.keys(args.iter().skip(1));
    let (store, now) = (ctx.store(), ctx.now_ms());
    let no_touch = ctx.session.no_touch;
    let mut reply = ctx.reply();
    reply.array(keys.len());
    let mut value = |value: Option<&[u8]>| match value {
        Some(value) => reply.bulk(value),
        None => reply.null(),
    };
    if no_touch {
        let mut shards = store.lock_many_to_read(&keys);
        for key in &keys {
            let entry = shards.shard(key).peek(key, now);
            value(entry.map(|entry| entry.value));
        }
    } else {
        store.get_many(&keys, now, value);
    }
    Ok(())
}

fn mset(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_pairs(ctx, args, Condition::Always)?;
    ctx.reply().ok();
    Ok(())
}

fn msetnx(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let stored = set_pairs(ctx, args, Condition::Absent)?;
    ctx.reply().integer(i64::from(stored));
    Ok(())
}

/// Stores all pairs under one set of locks. When memory runs out midway, the pairs
/// before stay: they may have overwritten values that cannot be brought back.
fn set_pairs(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    condition: Condition,
) -> Result<bool, CommandError> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(ctx.command));
    }
    let now = ctx.now_ms();
    let keys = ctx.keys(args.iter().skip(1).step_by(2));
    let mut shards = ctx.store().lock_many(&keys);
    if condition == Condition::Absent
        && keys
            .iter()
            .any(|key| shards.shard(key).peek(key, now).is_some())
    {
        return Ok(false);
    }
    for (key, value) in keys.iter().zip(args.iter().skip(2).step_by(2)) {
        shards.shard(key).insert(key, value, PLAIN, now)?;
    }
    Ok(true)
}
