//! Commands on whole databases and the server's clock.
use hallows_resp::Args;

use super::{Categories, Flags, Group, Outcome, Spec};
use crate::DATABASES;
use crate::context::Context;
use crate::error::CommandError;
use crate::number::integer;

const EVERY_SHARD: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

pub(crate) const SPECS: &[Spec] = &[
    Spec::new("dbsize", 1, dbsize)
        .flags(&[Flags::READONLY, Flags::FAST])
        .categories(&[Categories::KEYSPACE])
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .doc(
            Group::Server,
            "1.0.0",
            "O(1)",
            "Counts the keys of the database.",
        ),
    Spec::new("flushdb", -1, flushdb)
        .flags(&[Flags::WRITE])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .tips(EVERY_SHARD)
        .doc(
            Group::Server,
            "1.0.0",
            "O(N) in the number of keys of the database",
            "Removes all keys of the database.",
        ),
    Spec::new("flushall", -1, flushall)
        .flags(&[Flags::WRITE])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .tips(EVERY_SHARD)
        .doc(
            Group::Server,
            "1.0.0",
            "O(N) in the number of keys of all databases",
            "Removes all keys of all databases.",
        ),
    Spec::new("swapdb", 3, swapdb)
        .flags(&[Flags::WRITE, Flags::FAST])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .doc(
            Group::Server,
            "4.0.0",
            "O(1)",
            "Exchanges the contents of two databases.",
        ),
    Spec::new("time", 1, time)
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .tips(&["nondeterministic_output"])
        .doc(Group::Server, "2.6.0", "O(1)", "Tells the server's time."),
];

fn dbsize(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let keys = ctx.store().len(ctx.session.db);
    ctx.reply().integer(keys as i64);
    Ok(())
}

fn flushdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let db = ctx.session.db;
    flush(ctx, args, Some(db))
}

fn flushall(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    flush(ctx, args, None)
}

/// SYNC and ASYNC are accepted and make no difference: keys vanish at once either
/// way.
fn flush(ctx: &mut Context<'_>, args: Args<'_>, db: Option<u8>) -> Outcome {
    match args.get(1) {
        None => {}
        Some(mode)
            if args.len() == 2
                && (mode.eq_ignore_ascii_case(b"sync") || mode.eq_ignore_ascii_case(b"async")) => {}
        Some(_) => return Err(CommandError::Syntax),
    }
    ctx.store().flush(db);
    ctx.reply().ok();
    Ok(())
}

fn swapdb(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let index = |text: &[u8], error: &'static str| {
        integer(text)
            .ok()
            .and_then(|index| i32::try_from(index).ok())
            .ok_or(CommandError::Fixed(error))
    };
    let first = index(&args[1], "ERR invalid first DB index")?;
    let second = index(&args[2], "ERR invalid second DB index")?;
    let database = |index: i32| {
        u8::try_from(index)
            .ok()
            .filter(|db| *db < DATABASES)
            .ok_or(CommandError::DbIndex)
    };
    ctx.store().swap(database(first)?, database(second)?);
    ctx.reply().ok();
    Ok(())
}

fn time(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let now_us = ctx.now.unix_us;
    let mut reply = ctx.reply();
    reply.array(2);
    reply.bulk_display(now_us / 1_000_000);
    reply.bulk_display(now_us % 1_000_000);
    Ok(())
}
