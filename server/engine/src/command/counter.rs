//! Commands that count: values that are read as numbers, changed, and written back
//! with their expiry kept.
use ant_colony_store::{Key, Meta, Millis, Shard};
use hallows_resp::Args;

use super::{Categories, Flags, Group, KeySpec, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::extended::Extended;
use crate::number::integer;

const KEY: &[KeySpec] = &[KeySpec::one(1, &["RW", "ACCESS", "UPDATE"])];

const fn counter(spec: Spec, since: &'static str, summary: &'static str) -> Spec {
    spec.flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .categories(&[Categories::STRING])
        .keys(KEY)
        .doc(Group::String, since, "O(1)", summary)
}

pub(crate) const SPECS: &[Spec] = &[
    counter(
        Spec::new("incr", 2, incr),
        "1.0.0",
        "Adds one to an integer value.",
    ),
    counter(
        Spec::new("decr", 2, decr),
        "1.0.0",
        "Takes one from an integer value.",
    ),
    counter(
        Spec::new("incrby", 3, incrby),
        "1.0.0",
        "Adds a number to an integer value.",
    ),
    counter(
        Spec::new("decrby", 3, decrby),
        "1.0.0",
        "Takes a number from an integer value.",
    ),
    counter(
        Spec::new("incrbyfloat", 3, incrbyfloat),
        "2.6.0",
        "Adds a number to a decimal value.",
    ),
];

fn incr(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    add(ctx, &args[1], 1)
}

fn decr(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    add(ctx, &args[1], -1)
}

fn incrby(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let amount = integer(&args[2])?;
    add(ctx, &args[1], amount)
}

fn decrby(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let amount = integer(&args[2])?
        .checked_neg()
        .ok_or(CommandError::Fixed("ERR decrement would overflow"))?;
    add(ctx, &args[1], amount)
}

fn add(ctx: &mut Context<'_>, key: &[u8], amount: i64) -> Outcome {
    let key = ctx.key(key);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let (old, expires_at) = match shard.peek(&key, now) {
        Some(entry) => (integer(entry.value)?, entry.expires_at),
        None => (0, None),
    };
    let value = old.checked_add(amount).ok_or(CommandError::Fixed(
        "ERR increment or decrement would overflow",
    ))?;
    let mut digits = itoa::Buffer::new();
    store(
        &mut shard,
        &key,
        digits.format(value).as_bytes(),
        expires_at,
        now,
    )?;
    ctx.reply().integer(value);
    Ok(())
}

fn incrbyfloat(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let (old, expires_at) = match shard.peek(&key, now) {
        Some(entry) => (number(entry.value)?, entry.expires_at),
        None => (Extended::ZERO, None),
    };
    let value = old.add(number(&args[2])?);
    if !value.is_finite() {
        return Err(CommandError::Fixed(
            "ERR increment would produce NaN or Infinity",
        ));
    }
    let text = value.to_text();
    store(&mut shard, &key, text.as_bytes(), expires_at, now)?;
    ctx.reply().bulk(text.as_bytes());
    Ok(())
}

fn number(text: &[u8]) -> Result<Extended, CommandError> {
    Extended::parse(text).ok_or(CommandError::NotFloat)
}

fn store(
    shard: &mut Shard,
    key: &Key<'_>,
    value: &[u8],
    expires_at: Option<Millis>,
    now: Millis,
) -> Outcome {
    Ok(shard.insert(
        key,
        value,
        Meta {
            expires_at,
            raw: false,
        },
        now,
    )?)
}
