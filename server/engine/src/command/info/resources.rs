//! Sections about the process and what it holds: server, memory, persistence,
//! replication, CPU, cluster.
use alloc::string::String;
use core::fmt::{Result, Write};

use super::{Human, fields};
use crate::REDIS_VERSION;
use crate::command::memory::{fragmentation, overhead, percentage};
use crate::context::Context;

pub(super) fn server(ctx: &Context<'_>, out: &mut String) -> Result {
    let facts = ctx.engine.host.facts();
    let uptime_s = ctx.now.mono_us.saturating_sub(facts.started_mono_us) / 1_000_000;
    let hz = ctx.engine.settings.hz();
    fields! { out,
        "redis_version": "{}", REDIS_VERSION;
        "hallows_version": "{}", env!("CARGO_PKG_VERSION");
        "redis_git_sha1": "00000000";
        "redis_git_dirty": "0";
        "redis_mode": "standalone";
        "os": "{}", facts.os;
        "arch_bits": "{}", facts.arch_bits;
        "multiplexing_api": "{}", facts.io_backend;
        "process_id": "{}", facts.pid;
        "process_supervised": "no";
        "run_id": "{}", facts.run_id;
        "tcp_port": "{}", facts.port;
        "server_time_usec": "{}", ctx.now.unix_us;
        "uptime_in_seconds": "{}", uptime_s;
        "uptime_in_days": "{}", uptime_s / 86_400;
        "hz": "{}", hz;
        "configured_hz": "{}", hz;
        "lru_clock": "{}", ctx.now.unix_us / 1_000_000 % (1 << 24);
        "executable": "{}", facts.executable;
        "config_file": "{}", facts.config_file;
        "io_threads_active": "{}", u8::from(facts.workers > 1);
        "workers": "{}", facts.workers;
    }
}

pub(super) fn memory(ctx: &Context<'_>, out: &mut String) -> Result {
    let engine = ctx.engine;
    let facts = engine.host.facts();
    let memory = engine.store.memory();
    let used = memory.used;
    let resident = facts.rss;
    let peak = engine.rates.peak_memory(used);
    let clients: usize = engine
        .clients
        .all()
        .iter()
        .map(|client| client.snapshot().memory())
        .sum();
    fields! { out,
        "used_memory": "{}", used;
        "used_memory_human": "{}", Human(used as u64);
        "used_memory_rss": "{}", resident;
        "used_memory_rss_human": "{}", Human(resident as u64);
        "used_memory_peak": "{}", peak;
        "used_memory_peak_human": "{}", Human(peak as u64);
        "used_memory_peak_perc": "{:.2}%", percentage(used, peak);
        "used_memory_overhead": "{}", overhead(&memory);
        "used_memory_startup": "{}", memory.fixed;
        "used_memory_dataset": "{}", memory.live;
        "used_memory_dataset_perc": "{:.2}%", percentage(memory.live, used);
        "used_memory_segments": "{}", memory.segments;
        "used_memory_index": "{}", memory.index;
        "used_memory_large": "{}", memory.large;
        "used_memory_ghosts": "{}", memory.ghosts;
        "used_memory_huge_pages": "{}", memory.huge;
        "allocator_allocated": "{}", used;
        "allocator_active": "{}", resident;
        "allocator_resident": "{}", resident;
        "total_system_memory": "{}", facts.total_system_memory;
        "total_system_memory_human": "{}", Human(facts.total_system_memory as u64);
        "used_memory_lua": "0";
        "used_memory_lua_human": "0B";
        "used_memory_scripts": "0";
        "used_memory_scripts_human": "0B";
        "number_of_cached_scripts": "0";
        "maxmemory": "{}", memory.limit;
        "maxmemory_human": "{}", Human(memory.limit as u64);
        "maxmemory_policy": "allkeys-lfu";
        "mem_fragmentation_ratio": "{:.2}", fragmentation(resident, used);
        "mem_fragmentation_bytes": "{}", resident as i64 - used as i64;
        "mem_not_counted_for_evict": "0";
        "mem_replication_backlog": "0";
        "mem_clients_slaves": "0";
        "mem_clients_normal": "{}", clients;
        "mem_aof_buffer": "0";
        "mem_allocator": "{}", facts.allocator;
        "active_defrag_running": "0";
        "lazyfree_pending_objects": "0";
        "lazyfreed_objects": "0";
    }
}

/// Nothing is ever loaded or saved; clients wait for `loading:0` before they start.
pub(super) fn persistence(_: &Context<'_>, out: &mut String) -> Result {
    fields! { out,
        "loading": "0";
        "async_loading": "0";
        "rdb_changes_since_last_save": "0";
        "rdb_bgsave_in_progress": "0";
        "rdb_last_save_time": "0";
        "rdb_last_bgsave_status": "ok";
        "rdb_last_bgsave_time_sec": "-1";
        "rdb_current_bgsave_time_sec": "-1";
        "aof_enabled": "0";
        "aof_rewrite_in_progress": "0";
        "aof_rewrite_scheduled": "0";
        "aof_last_rewrite_time_sec": "-1";
        "aof_current_rewrite_time_sec": "-1";
        "aof_last_bgrewrite_status": "ok";
        "aof_last_write_status": "ok";
    }
}

/// A master without replicas.
pub(super) fn replication(ctx: &Context<'_>, out: &mut String) -> Result {
    fields! { out,
        "role": "master";
        "connected_slaves": "0";
        "master_failover_state": "no-failover";
        "master_replid": "{}", ctx.engine.host.facts().run_id;
        "master_replid2": "{:040}", 0;
        "master_repl_offset": "0";
        "second_repl_offset": "-1";
        "repl_backlog_active": "0";
        "repl_backlog_size": "0";
        "repl_backlog_first_byte_offset": "0";
        "repl_backlog_histlen": "0";
    }
}

pub(super) fn cpu(ctx: &Context<'_>, out: &mut String) -> Result {
    let facts = ctx.engine.host.facts();
    let parts = |time_us: u64| (time_us / 1_000_000, time_us % 1_000_000);
    let (sys_s, sys_us) = parts(facts.cpu_sys_us);
    let (user_s, user_us) = parts(facts.cpu_user_us);
    fields! { out,
        "used_cpu_sys": "{}.{:06}", sys_s, sys_us;
        "used_cpu_user": "{}.{:06}", user_s, user_us;
        "used_cpu_sys_children": "0.000000";
        "used_cpu_user_children": "0.000000";
    }
}

pub(super) fn cluster(_: &Context<'_>, out: &mut String) -> Result {
    fields! { out,
        "cluster_enabled": "0";
    }
}
