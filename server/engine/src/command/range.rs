//! Commands that read, write or measure a part of a value.
use hallows_resp::Args;

use super::string::{PLAIN, string};
use super::{Flags, KeySpec, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::number::integer;

const READ: &[KeySpec] = &[KeySpec::one(1, &["RO", "ACCESS"])];

pub(crate) const SPECS: &[Spec] = &[
    string(
        Spec::new("append", 3, append),
        &[Flags::WRITE, Flags::DENYOOM, Flags::FAST],
        &[KeySpec::one(1, &["RW", "INSERT"])],
        "2.0.0",
        "O(N) in the length of the value",
        "Adds bytes to the end of a value.",
    ),
    string(
        Spec::new("strlen", 2, strlen),
        &[Flags::READONLY, Flags::FAST],
        &[KeySpec::one(1, &["RO"])],
        "2.2.0",
        "O(1)",
        "Returns the length of a value.",
    ),
    string(
        Spec::new("getrange", 4, getrange),
        &[Flags::READONLY],
        READ,
        "2.4.0",
        "O(N) in the number of bytes returned",
        "Returns a part of a value.",
    ),
    string(
        Spec::new("substr", 4, getrange),
        &[Flags::READONLY],
        READ,
        "1.0.0",
        "O(N) in the number of bytes returned",
        "Returns a part of a value; the old name of GETRANGE.",
    ),
    string(
        Spec::new("setrange", 4, setrange),
        &[Flags::WRITE, Flags::DENYOOM],
        &[KeySpec::one(1, &["RW", "UPDATE"])],
        "2.2.0",
        "O(N) in the length of the value",
        "Overwrites a part of a value.",
    ),
];

fn append(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let tail = &args[2];
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let old_len = shard.peek(&key, now).map(|entry| entry.value.len());
    let len = match old_len {
        None => {
            shard.insert(&key, tail, PLAIN, now)?;
            tail.len()
        }
        Some(old_len) => {
            let len = checked_len(ctx, old_len, tail.len())?;
            shard.splice(&key, len, old_len, tail, now)?;
            len
        }
    };
    ctx.reply().integer(len as i64);
    Ok(())
}

/// The sum of two lengths, if a value may be so long.
fn checked_len(ctx: &Context<'_>, a: usize, b: usize) -> Result<usize, CommandError> {
    a.checked_add(b)
        .filter(|len| *len <= ctx.engine.settings.bulk_len_max())
        .ok_or(CommandError::TooLong)
}

fn strlen(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = ctx.key(&args[1]);
    let len = ctx.read_brief(&key).map_or(0, |brief| brief.value_len);
    ctx.reply().integer(len as i64);
    Ok(())
}

fn getrange(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (start, end) = (integer(&args[2])?, integer(&args[3])?);
    let key = ctx.key(&args[1]);
    let mut shard = ctx.store().lock(&key);
    let value = ctx
        .read(&mut shard, &key)
        .map_or(&[][..], |entry| entry.value);
    ctx.reply().bulk(part(value, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn part(value: &[u8], start: i64, end: i64) -> &[u8] {
    let len = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_end = |index: i64| {
        if index < 0 {
            index.saturating_add(len).max(0)
        } else {
            index
        }
    };
    let start = from_end(start);
    let end = from_end(end).min(len - 1);
    if start > end {
        &[]
    } else {
        &value[start as usize..=end as usize]
    }
}

fn setrange(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let Ok(offset) = usize::try_from(integer(&args[2])?) else {
        return Err(CommandError::Fixed("ERR offset is out of range"));
    };
    let patch = &args[3];
    let key = ctx.key(&args[1]);
    let now = ctx.now_ms();
    let mut shard = ctx.store().lock(&key);
    let old_len = shard.peek(&key, now).map(|entry| entry.value.len());
    if patch.is_empty() {
        ctx.reply().integer(old_len.unwrap_or(0) as i64);
        return Ok(());
    }
    let end = checked_len(ctx, offset, patch.len())?;
    let len = end.max(old_len.unwrap_or(0));
    shard.splice(&key, len, offset, patch, now)?;
    ctx.reply().integer(len as i64);
    Ok(())
}
