//! OBJECT and MEMORY.
use crate::harness::{Client, Server};

#[test]
fn encodings_are_those_of_redis() {
    let mut client = Client::new();
    let long = "x".repeat(44);
    client.send(&format!("SET embedded {long}"));
    client.send(&format!("SET long {long}x"));
    client.check(
        "SET number 9223372036854775807 => OK
         OBJECT ENCODING number => \"int\"
         SET number -0 => OK
         OBJECT ENCODING number => \"embstr\"
         SET number 9223372036854775808 => OK
         OBJECT ENCODING number => \"embstr\"
         OBJECT ENCODING embedded => \"embstr\"
         OBJECT ENCODING long => \"raw\"
         SET appended 1 => OK
         APPEND appended 2 => 2
         OBJECT ENCODING appended => \"raw\"
         INCR appended => 13
         OBJECT ENCODING appended => \"int\"
         OBJECT ENCODING missing => nil",
    );
}

#[test]
fn idle_time_counts_seconds_since_the_last_use() {
    let server = Server::new();
    let mut client = server.client();
    client.send("SET key value");
    server.sleep_ms(3_000);
    client.check("OBJECT IDLETIME key => 3");
    client.check("OBJECT IDLETIME key => 3");
    client.send("GET key");
    client.check(
        "OBJECT IDLETIME key => 0
         OBJECT IDLETIME missing => nil",
    );
}

#[test]
fn frequency_and_references_are_numbers_of_existing_keys() {
    let mut client = Client::new();
    client.send("SET key value");
    client.check(
        "OBJECT REFCOUNT key => 1
         OBJECT REFCOUNT missing => nil
         OBJECT FREQ missing => nil
         OBJECT FREQ => -ERR wrong number of arguments for 'object|freq' command
         OBJECT NOPE key => -ERR unknown subcommand 'NOPE'. Try OBJECT HELP.",
    );
    assert!(client.send("OBJECT FREQ key").parse::<u8>().is_ok());
}

#[test]
fn memory_usage_is_more_than_the_value() {
    let mut client = Client::new();
    client.send(&format!("SET key {}", "v".repeat(1000)));
    let bytes: usize = client.send("MEMORY USAGE key").parse().expect("a number");
    assert!((1000..1200).contains(&bytes), "{bytes}");
    client.check(
        "MEMORY USAGE missing => nil
         MEMORY USAGE missing SAMPLES 5 => nil
         MEMORY USAGE key SAMPLES -1 => -ERR syntax error
         MEMORY USAGE key SAMPLES x => -ERR value is not an integer or out of range
         MEMORY USAGE key SAMPLES => -ERR syntax error
         MEMORY USAGE key NOPE 1 => -ERR syntax error",
    );
}

#[test]
fn memory_stats_is_a_map_with_the_names_of_redis() {
    let mut client = Client::new();
    client.send("HELLO 3");
    client.send("SET key value");
    let stats = client.send("MEMORY STATS");
    for name in [
        "peak.allocated",
        "total.allocated",
        "keys.count",
        "dataset.bytes",
        "db.0",
    ] {
        assert!(
            stats.contains(&format!("\"{name}\": ")),
            "{name} in {stats}"
        );
    }
    assert!(stats.contains("\"keys.count\": 1"), "{stats}");
}
