//! Sections about what clients do: clients, stats, calls and errors by name, keys.
use alloc::string::String;
use core::fmt::{Result, Write};

use super::fields;
use crate::DATABASES;
use crate::command::table;
use crate::context::Context;

pub(super) fn clients(ctx: &Context<'_>, out: &mut String) -> Result {
    let engine = ctx.engine;
    let states = engine.clients.all();
    let buffers = || states.iter().map(|client| client.snapshot());
    let input_max = buffers().map(|state| state.query_len).max().unwrap_or(0);
    let output_max = buffers().map(|state| state.output_len).max().unwrap_or(0);
    fields! { out,
        "connected_clients": "{}", engine.clients.count();
        "cluster_connections": "0";
        "maxclients": "{}", engine.settings.max_clients();
        "client_recent_max_input_buffer": "{}", input_max;
        "client_recent_max_output_buffer": "{}", output_max;
        "blocked_clients": "0";
        "tracking_clients": "0";
        "clients_in_timeout_table": "0";
    }
}

pub(super) fn stats(ctx: &Context<'_>, out: &mut String) -> Result {
    let engine = ctx.engine;
    let stats = &engine.stats;
    let store = engine.store.stats();
    let rates = engine.rates.per_second();
    let errors: u64 = stats.errors().map(|(_, count)| count).sum();
    let kilobytes = |bytes: u64| bytes as f64 / 1024.0;
    fields! { out,
        "total_connections_received": "{}", stats.connections();
        "total_commands_processed": "{}", stats.commands();
        "instantaneous_ops_per_sec": "{}", rates.commands;
        "total_net_input_bytes": "{}", stats.input_bytes();
        "total_net_output_bytes": "{}", stats.output_bytes();
        "total_net_repl_input_bytes": "0";
        "total_net_repl_output_bytes": "0";
        "instantaneous_input_kbps": "{:.2}", kilobytes(rates.input_bytes);
        "instantaneous_output_kbps": "{:.2}", kilobytes(rates.output_bytes);
        "rejected_connections": "{}", stats.rejected_connections();
        "relocated_connections": "{}", stats.relocated_connections();
        "sync_full": "0";
        "sync_partial_ok": "0";
        "sync_partial_err": "0";
        "expired_keys": "{}", store.expired;
        "evicted_keys": "{}", store.evicted;
        "evicted_clients": "0";
        "keyspace_hits": "{}", store.hits;
        "keyspace_misses": "{}", store.misses;
        "pubsub_channels": "0";
        "pubsub_patterns": "0";
        "pubsubshard_channels": "0";
        "latest_fork_usec": "0";
        "total_forks": "0";
        "migrate_cached_sockets": "0";
        "slave_expires_tracked_keys": "0";
        "active_defrag_hits": "0";
        "active_defrag_misses": "0";
        "active_defrag_key_hits": "0";
        "active_defrag_key_misses": "0";
        "tracking_total_keys": "0";
        "tracking_total_items": "0";
        "tracking_total_prefixes": "0";
        "unexpected_error_replies": "0";
        "total_error_replies": "{}", errors;
    }
}

/// Calls only: timing each command would cost more than many commands do.
pub(super) fn commandstats(ctx: &Context<'_>, out: &mut String) -> Result {
    for id in 0..table::COUNT as u16 {
        let calls = ctx.engine.stats.calls(id);
        if calls > 0 {
            write!(
                out,
                "cmdstat_{}:calls={calls}\r\n",
                table::by_id(id).full_name()
            )?;
        }
    }
    Ok(())
}

pub(super) fn errorstats(ctx: &Context<'_>, out: &mut String) -> Result {
    for (prefix, count) in ctx.engine.stats.errors() {
        write!(out, "errorstat_{prefix}:count={count}\r\n")?;
    }
    Ok(())
}

/// Databases that hold something. The mean time to live is not known.
pub(super) fn keyspace(ctx: &Context<'_>, out: &mut String) -> Result {
    let store = &ctx.engine.store;
    for db in 0..DATABASES {
        let (keys, expires) = (store.len(db), store.expires(db));
        if keys > 0 {
            write!(out, "db{db}:keys={keys},expires={expires},avg_ttl=0\r\n")?;
        }
    }
    Ok(())
}
