//! MEMORY: what a key costs, and where the memory of the server is.
use alloc::format;
use alloc::string::String;

use ant_colony_store::Memory;
use hallows_resp::{Args, Reply, parse_integer};

use super::{Flags, Group, KeySpec, Outcome, Spec, help};
use crate::DATABASES;
use crate::context::Context;
use crate::error::CommandError;

pub(crate) const SPECS: &[Spec] = &[Spec::container("memory", SUBCOMMANDS).doc(
    Group::Server,
    "4.0.0",
    "Depends on subcommand.",
    "Use of memory.",
)];

const SUBCOMMANDS: &[Spec] = &[
    Spec::new("usage", -3, usage)
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::one(2, &["RO"])])
        .doc(
            Group::Server,
            "4.0.0",
            "O(1)",
            "Bytes that a key and its value take.",
        ),
    Spec::new("stats", 2, stats)
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .doc(
            Group::Server,
            "4.0.0",
            "O(1)",
            "Where the memory of the server is.",
        ),
    Spec::new("doctor", 2, doctor)
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .doc(
            Group::Server,
            "4.0.0",
            "O(1)",
            "What may be wrong with the use of memory.",
        ),
    Spec::new("help", 2, help)
        .flags(&[Flags::LOADING, Flags::STALE])
        .doc(Group::Server, "4.0.0", "O(1)", "Describes the subcommands."),
];

/// The number of samples has no influence: a string is in one piece.
fn usage(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = args.from(3..);
    for i in (0..options.len()).step_by(2) {
        let samples = match (options.get(i), options.get(i + 1)) {
            (Some(option), Some(count)) if option.eq_ignore_ascii_case(b"samples") => count,
            _ => return Err(CommandError::Syntax),
        };
        if parse_integer(samples).ok_or(CommandError::NotInteger)? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    let key = ctx.key(&args[2]);
    let bytes = ctx
        .store()
        .lock(&key)
        .peek(&key, ctx.now_ms())
        .map(|entry| entry.memory as i64);
    match bytes {
        Some(bytes) => ctx.reply().integer(bytes),
        None => ctx.reply().null(),
    }
    Ok(())
}

/// Bytes that are not keys and values.
pub(super) fn overhead(memory: &Memory) -> usize {
    memory.used.saturating_sub(memory.live)
}

/// `part` of `whole` in percent; 0 of nothing.
pub(super) fn percentage(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

/// Resident bytes for each byte in use; 0 if nothing is.
pub(super) fn fragmentation(resident: usize, used: usize) -> f64 {
    if used == 0 {
        0.0
    } else {
        resident as f64 / used as f64
    }
}

fn stats(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let engine = ctx.engine;
    let memory = engine.store.memory();
    let resident = engine.host.facts().rss;
    let peak = engine.rates.peak_memory(memory.used);
    let clients: usize = engine
        .clients
        .all()
        .iter()
        .map(|client| client.snapshot().memory())
        .sum();
    let databases = (0..DATABASES)
        .filter(|db| engine.store.len(*db) > 0)
        .count();
    let integers = [
        ("peak.allocated", peak),
        ("total.allocated", memory.used),
        ("startup.allocated", memory.fixed),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", clients),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", 0),
        ("functions.caches", 0),
        ("overhead.total", overhead(&memory)),
        ("keys.count", memory.objects),
        (
            "keys.bytes-per-key",
            memory.used.checked_div(memory.objects).unwrap_or(0),
        ),
        ("dataset.bytes", memory.live),
        ("allocator.allocated", memory.used),
        ("allocator.active", resident),
        ("allocator.resident", resident),
        ("fragmentation.bytes", resident.saturating_sub(memory.used)),
    ];
    let ratios = [
        ("dataset.percentage", percentage(memory.live, memory.used)),
        ("peak.percentage", percentage(memory.used, peak)),
        ("fragmentation", fragmentation(resident, memory.used)),
    ];
    let mut reply = ctx.reply();
    reply.map(integers.len() + ratios.len() + databases);
    for (name, bytes) in integers {
        reply.bulk(name.as_bytes());
        reply.integer(bytes as i64);
    }
    for db in (0..DATABASES).filter(|db| engine.store.len(*db) > 0) {
        database(&mut reply, db);
    }
    for (name, ratio) in ratios {
        reply.bulk(name.as_bytes());
        reply.double(ratio);
    }
    Ok(())
}

/// All databases share one index, so that none has an overhead of its own.
fn database(reply: &mut Reply<'_>, db: u8) {
    reply.bulk_display(format_args!("db.{db}"));
    reply.map(3);
    for name in ["main", "expires", "slot-to-keys"] {
        reply.bulk_display(format_args!("overhead.hashtable.{name}"));
        reply.integer(0);
    }
}

fn doctor(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let facts = ctx.engine.host.facts();
    let report = diagnosis(
        &ctx.engine.store.memory(),
        facts.rss,
        facts.total_system_memory,
    );
    ctx.reply().verbatim(*b"txt", report.as_bytes());
    Ok(())
}

/// Resident memory that is in order whatever the data: program, stacks, buffers.
const RESIDENT_BASE: usize = 64 << 20;

fn diagnosis(memory: &Memory, resident: usize, machine: usize) -> String {
    let mut report = String::new();
    if machine > 0 && memory.limit > machine {
        report += &format!(
            "* maxmemory ({} bytes) is more than this machine has ({machine} bytes): lower it \
             before the system runs out of memory.\n",
            memory.limit
        );
    }
    if resident > memory.used + memory.used / 2 + RESIDENT_BASE {
        report += &format!(
            "* Resident memory ({resident} bytes) is far above what the store uses ({} bytes): \
             look for clients with large buffers in CLIENT LIST (qbuf, obl).\n",
            memory.used
        );
    }
    let index = memory.index + memory.ghosts;
    if memory.objects > 1000 && index > memory.live {
        report += &format!(
            "* Bookkeeping ({index} bytes) takes more than the data ({} bytes): values are very \
             small, fewer and larger ones would hold more.\n",
            memory.live
        );
    }
    if report.is_empty() {
        report += "No memory problem found.\n";
    }
    report
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "MEMORY",
        &[
            "DOCTOR",
            "    Look for problems with the use of memory.",
            "STATS",
            "    Answer with where the memory of the server is.",
            "USAGE <key> [SAMPLES <count>]",
            "    Answer with the bytes that the key and its value take.",
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory {
            limit: 1 << 28,
            used: 1 << 27,
            live: 1 << 26,
            ..Memory::default()
        }
    }

    #[test]
    fn the_doctor_finds_nothing_wrong_with_ordinary_use() {
        assert_eq!(
            diagnosis(&memory(), 1 << 27, 1 << 33),
            "No memory problem found.\n"
        );
    }

    #[test]
    fn the_doctor_reports_a_limit_beyond_the_machine() {
        assert!(diagnosis(&memory(), 1 << 27, 1 << 20).contains("lower it"));
    }

    #[test]
    fn the_doctor_reports_resident_memory_far_above_the_store() {
        assert!(diagnosis(&memory(), 1 << 30, 1 << 33).contains("CLIENT LIST"));
    }

    #[test]
    fn the_doctor_reports_bookkeeping_above_the_data() {
        let memory = Memory {
            objects: 1_000_000,
            index: 1 << 27,
            ..memory()
        };
        assert!(diagnosis(&memory, 1 << 27, 1 << 33).contains("Bookkeeping"));
    }
}
