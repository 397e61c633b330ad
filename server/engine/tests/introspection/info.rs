//! INFO.
use crate::harness::{Client, Server};

/// The text of INFO with these arguments.
fn info(client: &mut Client, sections: &str) -> String {
    let shown = client.send(&format!("INFO {sections}"));
    shown
        .trim_matches('"')
        .replace("\\r\\n", "\n")
        .replace("\\\"", "\"")
}

fn titles(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect()
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn sections_come_by_name_by_default_and_all_together() {
    let mut client = Client::new();
    let default = [
        "Server",
        "Clients",
        "Memory",
        "Persistence",
        "Stats",
        "Replication",
        "CPU",
        "Modules",
        "Errorstats",
        "Cluster",
        "Keyspace",
    ];
    assert_eq!(titles(&info(&mut client, "")), default);
    assert_eq!(titles(&info(&mut client, "default")), default);
    assert_eq!(
        titles(&info(&mut client, "keyspace CPU")),
        ["CPU", "Keyspace"]
    );
    assert_eq!(titles(&info(&mut client, "nothing")), [""; 0]);
    for all in ["all", "EVERYTHING"] {
        let text = info(&mut client, all);
        assert_eq!(titles(&text).len(), 13);
        assert!(titles(&text).contains(&"Commandstats"));
    }
}

#[test]
fn sections_are_apart_by_an_empty_line() {
    let text = info(&mut Client::new(), "cluster keyspace");
    assert_eq!(text, "# Cluster\ncluster_enabled:0\n\n# Keyspace\n");
}

#[test]
fn every_line_is_a_title_or_a_field() {
    let text = info(&mut Client::new(), "everything");
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(
            line.starts_with("# ") || line.split_once(':').is_some(),
            "{line}"
        );
    }
}

#[test]
fn clients_that_wait_for_loading_or_look_at_the_role_find_a_ready_master() {
    let text = info(&mut Client::new(), "");
    assert_eq!(field(&text, "loading"), "0");
    assert_eq!(field(&text, "role"), "master");
    assert_eq!(field(&text, "redis_version"), "7.0.15");
    assert_eq!(field(&text, "redis_mode"), "standalone");
    assert_eq!(field(&text, "process_id"), "4711");
    assert_eq!(field(&text, "tcp_port"), "6379");
    assert!(!field(&text, "hallows_version").is_empty());
}

#[test]
fn stats_count_commands_connections_hits_and_errors() {
    let server = Server::new();
    let mut client = server.client();
    client.check(
        "SET key value => OK
         GET key => \"value\"
         GET missing => nil
         INCR key => -ERR value is not an integer or out of range",
    );
    let text = info(&mut client, "everything");
    assert_eq!(field(&text, "total_commands_processed"), "4");
    assert_eq!(field(&text, "total_connections_received"), "1");
    assert_eq!(field(&text, "connected_clients"), "1");
    assert_eq!(field(&text, "keyspace_hits"), "1");
    assert_eq!(field(&text, "keyspace_misses"), "1");
    assert_eq!(field(&text, "total_error_replies"), "1");
    assert_eq!(field(&text, "errorstat_ERR"), "count=1");
    assert_eq!(field(&text, "cmdstat_get"), "calls=2");
    let again = info(&mut client, "commandstats");
    assert_eq!(field(&again, "cmdstat_info"), "calls=1");
}

#[test]
fn rates_follow_the_background_work() {
    let server = Server::new();
    let mut client = server.client();
    for _ in 0..10 {
        for _ in 0..50 {
            client.send("PING");
        }
        server.sleep_ms(100);
        server.engine.maintain(0, server.now(), 16);
    }
    let text = info(&mut client, "stats");
    let rate: u64 = field(&text, "instantaneous_ops_per_sec").parse().unwrap();
    assert!((450..=550).contains(&rate), "{rate}");
}

#[test]
fn keyspace_lists_databases_that_hold_keys() {
    let mut client = Client::new();
    client.check(
        "SET a 1 => OK
         SET b 1 EX 100 => OK
         SELECT 5 => OK
         SET c 1 => OK",
    );
    let text = info(&mut client, "keyspace");
    assert_eq!(
        text,
        "# Keyspace\ndb0:keys=2,expires=1,avg_ttl=0\ndb5:keys=1,expires=0,avg_ttl=0\n"
    );
}

#[test]
fn memory_shows_the_limit_and_its_use() {
    let server = Server::with(&[("maxmemory", "32mb")]);
    let mut client = server.client();
    client.send("SET key value");
    let text = info(&mut client, "memory");
    assert_eq!(field(&text, "maxmemory"), "33554432");
    assert_eq!(field(&text, "maxmemory_human"), "32.00M");
    let used: u64 = field(&text, "used_memory").parse().unwrap();
    let peak: u64 = field(&text, "used_memory_peak").parse().unwrap();
    assert!(
        used > 0 && used <= peak && peak <= 33_554_432,
        "{used} {peak}"
    );
}
