//! Commands that set, read and remove the time at which a key expires.
use ant_colony_store::Millis;
use hallows_resp::Args;

use super::{Categories, Flags, Group, KeySpec, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::number::integer;

const CHANGED: &[KeySpec] = &[KeySpec::one(1, &["RW", "UPDATE"])];
const READ: &[KeySpec] = &[KeySpec::one(1, &["RO", "ACCESS"])];

const fn change(spec: Spec, since: &'static str, summary: &'static str) -> Spec {
    spec.flags(&[Flags::WRITE, Flags::FAST])
        .categories(&[Categories::KEYSPACE])
        .keys(CHANGED)
        .doc(Group::Generic, since, "O(1)", summary)
}

const fn query(spec: Spec, since: &'static str, summary: &'static str) -> Spec {
    spec.flags(&[Flags::READONLY, Flags::FAST])
        .categories(&[Categories::KEYSPACE])
        .keys(READ)
        .doc(Group::Generic, since, "O(1)", summary)
}

const VARYING: &[&str] = &["nondeterministic_output"];

pub(crate) const SPECS: &[Spec] = &[
    change(
        Spec::new("expire", -3, expire),
        "1.0.0",
        "Lets a key expire after seconds.",
    ),
    change(
        Spec::new("pexpire", -3, pexpire),
        "2.6.0",
        "Lets a key expire after milliseconds.",
    ),
    change(
        Spec::new("expireat", -3, expireat),
        "1.2.0",
        "Lets a key expire at a Unix time.",
    ),
    change(
        Spec::new("pexpireat", -3, pexpireat),
        "2.6.0",
        "Lets a key expire at a Unix time in milliseconds.",
    ),
    change(
        Spec::new("persist", 2, persist),
        "2.2.0",
        "Lets a key stay for good.",
    ),
    query(
        Spec::new("ttl", 2, ttl).tips(VARYING),
        "1.0.0",
        "Tells the seconds a key has left.",
    ),
    query(
        Spec::new("pttl", 2, pttl).tips(VARYING),
        "2.6.0",
        "Tells the milliseconds a key has left.",
    ),
    query(
        Spec::new("expiretime", 2, expiretime),
        "7.0.0",
        "Tells the Unix time a key expires at.",
    ),
    query(
        Spec::new("pexpiretime", 2, pexpiretime),
        "7.0.0",
        "Tells the Unix time a key expires at, in milliseconds.",
    ),
];

const SECOND: i64 = 1000;
const MILLISECOND: i64 = 1;

fn expire(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let base = ctx.now_ms();
    set_expiry(ctx, args, SECOND, base)
}

fn pexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let base = ctx.now_ms();
    set_expiry(ctx, args, MILLISECOND, base)
}

fn expireat(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_expiry(ctx, args, SECOND, 0)
}

fn pexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_expiry(ctx, args, MILLISECOND, 0)
}

/// What must hold of the old expiry for it to be changed.
#[derive(Default)]
struct Conditions {
    /// There is none.
    absent: bool,
    /// There is one.
    present: bool,
    /// It is earlier than the new one. A key that never expires has none later.
    greater: bool,
    /// It is later than the new one.
    less: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for word in args {
            if word.eq_ignore_ascii_case(b"nx") {
                conditions.absent = true;
            } else if word.eq_ignore_ascii_case(b"xx") {
                conditions.present = true;
            } else if word.eq_ignore_ascii_case(b"gt") {
                conditions.greater = true;
            } else if word.eq_ignore_ascii_case(b"lt") {
                conditions.less = true;
            } else {
                return Err(CommandError::quoting("ERR Unsupported option ", word, ""));
            }
        }
        if conditions.absent && (conditions.present || conditions.greater || conditions.less) {
            return Err(CommandError::Fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if conditions.greater && conditions.less {
            return Err(CommandError::Fixed(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(conditions)
    }

    fn allow(&self, old: Option<Millis>, new: i64) -> bool {
        let old = old.map(|at| at as i64);
        !(self.absent && old.is_some()
            || self.present && old.is_none()
            || self.greater && old.is_none_or(|old| new <= old)
            || self.less && old.is_some_and(|old| new >= old))
    }
}

fn set_expiry(ctx: &mut Context<'_>, args: Args<'_>, unit_ms: i64, base: Millis) -> Outcome {
    let conditions = Conditions::parse(args.from(3..))?;
    let at = integer(&args[2])?
        .checked_mul(unit_ms)
        .and_then(|at| at.checked_add(base as i64))
        .ok_or(CommandError::InvalidExpire(ctx.command))?;
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let changed = match shard.peek(&key, now).map(|entry| entry.expires_at) {
        Some(old) if conditions.allow(old, at) => match u64::try_from(at) {
            Ok(at) if at > now => shard.set_expiry(&key, Some(at), now),
            _ => shard.remove(&key, now),
        },
        _ => false,
    };
    ctx.reply().integer(i64::from(changed));
    Ok(())
}

fn persist(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let volatile = shard
        .peek(&key, now)
        .is_some_and(|entry| entry.expires_at.is_some());
    if volatile {
        shard.set_expiry(&key, None, now);
    }
    ctx.reply().integer(i64::from(volatile));
    Ok(())
}

/// Replies with what `show` makes of the expiry, -1 if there is none, -2 if there is
/// no key.
fn reply_expiry(ctx: &mut Context<'_>, args: Args<'_>, show: impl Fn(Millis, Millis) -> i64) {
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let expiry = ctx.store().brief(&key, now).map(|brief| brief.expires_at);
    ctx.reply().integer(match expiry {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => show(at, now),
    });
}

fn ttl(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    reply_expiry(ctx, args, |at, now| rounded_seconds(at.saturating_sub(now)));
    Ok(())
}

fn pttl(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    reply_expiry(ctx, args, |at, now| at.saturating_sub(now) as i64);
    Ok(())
}

fn expiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    reply_expiry(ctx, args, |at, _| rounded_seconds(at));
    Ok(())
}

fn pexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    reply_expiry(ctx, args, |at, _| at as i64);
    Ok(())
}

fn rounded_seconds(millis: Millis) -> i64 {
    (millis.saturating_add(500) / 1000) as i64
}
