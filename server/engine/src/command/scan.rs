//! Commands that look through a whole database: KEYS, SCAN, RANDOMKEY.
use hallows_resp::Args;

use super::{Categories, Flags, Group, Outcome, Spec};
use crate::context::Context;
use crate::error::CommandError;
use crate::glob;
use crate::number::integer;

pub(crate) const SPECS: &[Spec] = &[
    Spec::new("keys", 2, keys)
        .flags(&[Flags::READONLY])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .doc(
            Group::Generic,
            "1.0.0",
            "O(N) in the number of keys of the database",
            "Lists all keys that match a pattern.",
        ),
    Spec::new("scan", -2, scan)
        .flags(&[Flags::READONLY])
        .categories(&[Categories::KEYSPACE])
        .tips(&["nondeterministic_output", "request_policy:special"])
        .doc(
            Group::Generic,
            "2.8.0",
            "O(1) for each call, O(N) for a whole iteration",
            "Lists the keys of the database in portions.",
        ),
    Spec::new("randomkey", 1, randomkey)
        .flags(&[Flags::READONLY])
        .categories(&[Categories::KEYSPACE])
        .tips(&["request_policy:all_shards", "nondeterministic_output"])
        .doc(
            Group::Generic,
            "1.0.0",
            "O(1)",
            "Names some key of the database.",
        ),
];

/// Keys that KEYS visits under one lock.
const KEYS_STEP: usize = 1024;

/// Patterns that match everything are not tried.
fn pattern(text: &[u8]) -> Option<&[u8]> {
    (text != b"*").then_some(text)
}

fn keys(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let pattern = pattern(&args[1]);
    let (store, db, now) = (ctx.store(), ctx.session.db, ctx.now_ms());
    let mut reply = ctx.reply();
    let start = reply.out().len();
    let mut found = 0;
    let mut cursor = 0;
    loop {
        cursor = store.scan(db, cursor, KEYS_STEP, now, |key, _| {
            if pattern.is_none_or(|pattern| glob::matches(pattern, key, false)) {
                reply.bulk(key);
                found += 1;
            }
        });
        if cursor == 0 {
            break;
        }
    }
    reply.array_since(start, found);
    Ok(())
}

/// Options of SCAN.
struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    /// Only keys of the type that all keys have are wanted, or of none at all.
    strings: bool,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self {
            count: 10,
            pattern: None,
            strings: true,
        };
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or(CommandError::Syntax)?;
            if word.eq_ignore_ascii_case(b"count") {
                options.count = match integer(value)? {
                    count @ 1.. => count as usize,
                    _ => return Err(CommandError::Syntax),
                };
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = pattern(value);
            } else if word.eq_ignore_ascii_case(b"type") {
                options.strings = value.eq_ignore_ascii_case(b"string");
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn scan(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let cursor = cursor(&args[1])?;
    let options = Options::parse(args.from(2..))?;
    let (store, db, now) = (ctx.store(), ctx.session.db, ctx.now_ms());
    let mut reply = ctx.reply();
    let start = reply.out().len();
    let mut found = 0;
    let next = store.scan(db, cursor, options.count, now, |key, _| {
        let wanted = options
            .pattern
            .is_none_or(|pattern| glob::matches(pattern, key, false));
        if wanted && options.strings {
            reply.bulk(key);
            found += 1;
        }
    });
    reply.array_since(start, found);
    let end = reply.out().len();
    reply.array(2);
    reply.bulk_display(next);
    let head = reply.out().len() - end;
    reply.out()[start..].rotate_right(head);
    Ok(())
}

/// A cursor, with the liberties of C's `strtoul`: nothing at all is zero, and a minus
/// sign counts from the other end.
fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    const INVALID: CommandError = CommandError::Fixed("ERR invalid cursor");
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    let digits = core::str::from_utf8(digits).map_err(|_| INVALID)?;
    let value: u64 = digits.parse().map_err(|_| INVALID)?;
    Ok(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

fn randomkey(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let (engine, db, now) = (ctx.engine, ctx.session.db, ctx.now_ms());
    let mut reply = ctx.reply();
    if !engine
        .store
        .random(db, engine.random(), now, |key, _| reply.bulk(key))
    {
        reply.null();
    }
    Ok(())
}
