//! The metrics in Prometheus's text form. Names follow its conventions: a
//! prefix, the unit, `_total` for what only grows.

use std::fmt::{Display, Write};

use beehive::metrics::RuntimeMetrics;
use hallows_engine::{DATABASES, Engine, HostFacts};

use super::workers;
use crate::clock;

/// Text under construction.
pub(super) struct Page(String);

impl Page {
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, value);
    }
}

/// All metrics as they are now.
pub(super) fn render(engine: &Engine, facts: &HostFacts, runtime: &RuntimeMetrics) -> String {
    let mut page = Page(String::with_capacity(8192));
    process(&mut page, facts);
    traffic(&mut page, engine);
    store(&mut page, engine);
    databases(&mut page, engine);
    workers::render(&mut page, runtime);
    page.0
}

fn process(page: &mut Page, facts: &HostFacts) {
    let name = "hallows_info";
    page.family(
        name,
        "gauge",
        "Version, IO backend and allocator of the server.",
    );
    let (version, io, allocator) = (
        env!("CARGO_PKG_VERSION"),
        &facts.io_backend,
        &facts.allocator,
    );
    let labels = format!("version=\"{version}\",io=\"{io}\",allocator=\"{allocator}\"");
    page.sample(&format!("{name}{{{labels}}}"), 1);
    let up_us = clock::now().mono_us.saturating_sub(facts.started_mono_us);
    page.gauge(
        "hallows_uptime_seconds",
        "Time since the start.",
        up_us / 1_000_000,
    );
    page.gauge("hallows_workers", "Worker threads.", facts.workers);
    page.gauge(
        "process_resident_memory_bytes",
        "Resident memory.",
        facts.rss,
    );
    let cpu_s = (facts.cpu_user_us + facts.cpu_sys_us) as f64 / 1e6;
    page.counter(
        "process_cpu_seconds_total",
        "CPU time, user and system.",
        cpu_s,
    );
}

fn traffic(page: &mut Page, engine: &Engine) {
    let stats = engine.stats();
    let clients = engine.clients().count();
    page.gauge("hallows_connected_clients", "Connections now.", clients);
    let limit = engine.settings().max_clients();
    page.gauge("hallows_maxclients", "Connections that may exist.", limit);
    page.counter(
        "hallows_connections_total",
        "Connections served.",
        stats.connections(),
    );
    let refused = stats.rejected_connections();
    page.counter(
        "hallows_rejected_connections_total",
        "Connections refused.",
        refused,
    );
    page.counter(
        "hallows_commands_total",
        "Commands executed.",
        stats.commands(),
    );
    page.counter(
        "hallows_input_bytes_total",
        "Bytes of requests.",
        stats.input_bytes(),
    );
    page.counter(
        "hallows_output_bytes_total",
        "Bytes of replies.",
        stats.output_bytes(),
    );
    let name = "hallows_error_replies_total";
    page.family(name, "counter", "Error replies by prefix.");
    for (prefix, count) in stats.errors() {
        page.sample(&format!("{name}{{error=\"{prefix}\"}}"), count);
    }
}

fn store(page: &mut Page, engine: &Engine) {
    let stats = engine.store().stats();
    page.counter(
        "hallows_keyspace_hits_total",
        "Reads that found their key.",
        stats.hits,
    );
    page.counter(
        "hallows_keyspace_misses_total",
        "Reads that did not.",
        stats.misses,
    );
    page.counter(
        "hallows_expired_keys_total",
        "Keys removed at their time.",
        stats.expired,
    );
    page.counter(
        "hallows_evicted_keys_total",
        "Keys removed for room.",
        stats.evicted,
    );
    let memory = engine.store().memory();
    page.gauge(
        "hallows_memory_limit_bytes",
        "Bound of the store.",
        memory.limit,
    );
    page.gauge(
        "hallows_memory_used_bytes",
        "Taken by the store, all in.",
        memory.used,
    );
    page.gauge(
        "hallows_memory_live_bytes",
        "Keys and values that can be read.",
        memory.live,
    );
}

fn databases(page: &mut Page, engine: &Engine) {
    let keys: Vec<(u8, usize)> = (0..DATABASES)
        .map(|db| (db, engine.store().len(db)))
        .filter(|(_, n)| *n > 0)
        .collect();
    page.family(
        "hallows_keys",
        "gauge",
        "Keys by database, the empty ones left out.",
    );
    for (db, count) in &keys {
        page.sample(&format!("hallows_keys{{db=\"{db}\"}}"), count);
    }
    page.family(
        "hallows_keys_with_expiry",
        "gauge",
        "Keys that will expire, by database.",
    );
    for (db, _) in &keys {
        let count = engine.store().expires(*db);
        page.sample(&format!("hallows_keys_with_expiry{{db=\"{db}\"}}"), count);
    }
}
