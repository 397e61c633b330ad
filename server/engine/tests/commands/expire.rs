//! Setting, reading and removing expiry times.
use crate::harness::{Client, START_MS, Server};

#[test]
fn expiry_is_set_and_read_in_seconds_and_milliseconds() {
    let server = Server::new();
    let mut client = server.client();
    client.check(
        r#"
        EXPIRE k 10 => 0
        SET k v => OK
        EXPIRE k 5 => 1
        TTL k => 5
        PEXPIRE k 1499 => 1
        TTL k => 1
        PEXPIRE k 1500 => 1
        TTL k => 2
        PTTL k => 1500
        PEXPIRETIME k => 1700000001500
        EXPIRETIME k => 1700000002
        EXPIREAT k 1700000100 => 1
        TTL k => 100
        PEXPIREAT k 1700000000007 => 1
        PTTL k => 7
        "#,
    );
    server.sleep_ms(7);
    client.check("PTTL k => 0\n TTL k => 0\n GET k => \"v\"");
    server.sleep_ms(1);
    client.check("PTTL k => -2\n GET k => nil\n EXPIRE k 10 => 0\n PERSIST k => 0");
}

#[test]
fn keys_without_expiry_and_missing_keys_have_their_own_answers() {
    let mut client = Client::new();
    client.check("SET k v => OK");
    for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
        client.check(&format!("{command} k => -1\n {command} missing => -2"));
    }
}

#[test]
fn persist_takes_the_expiry_away_once() {
    Client::new().check(
        r#"
        SET k v EX 50 => OK
        PERSIST k => 1
        TTL k => -1
        PERSIST k => 0
        PERSIST missing => 0
        "#,
    );
}

#[test]
fn an_expiry_in_the_past_removes_the_key() {
    let mut client = Client::new();
    for command in [
        "EXPIRE k -1",
        "PEXPIRE k 0",
        "EXPIREAT k 0",
        "PEXPIREAT k -9223372036854770000",
    ] {
        client.check(&format!(
            "SET k v => OK\n {command} => 1\n EXISTS k => 0\n DBSIZE => 0"
        ));
    }
    client.check(&format!(
        "SET k v => OK\n PEXPIREAT k {START_MS} => 1\n GET k => nil"
    ));
}

#[test]
fn times_that_overflow_are_refused() {
    Client::new().check(
        r#"
        SET k v => OK
        EXPIRE k 9223370399119966 => -ERR invalid expire time in 'expire' command
        EXPIRE k 9223372036854776 => -ERR invalid expire time in 'expire' command
        EXPIRE k -9223372036854776 => -ERR invalid expire time in 'expire' command
        EXPIREAT k 10000000000000000 => -ERR invalid expire time in 'expireat' command
        PEXPIRE k 9223372036854770000 => -ERR invalid expire time in 'pexpire' command
        EXPIRE k x => -ERR value is not an integer or out of range
        TTL k => -1
        PEXPIREAT k 9223372036854770000 => 1
        PEXPIRETIME k => 9223372036854770000
        "#,
    );
}

#[test]
fn nx_and_xx_look_at_whether_there_is_an_expiry() {
    Client::new().check(
        r#"
        SET k v EX 100 => OK
        EXPIRE k 200 NX => 0
        EXPIRE k 200 xx => 1
        TTL k => 200
        SET k v => OK
        EXPIRE k 200 XX => 0
        EXPIRE k 200 NX => 1
        TTL k => 200
        EXPIRE missing 200 NX => 0
        "#,
    );
}

#[test]
fn gt_and_lt_compare_with_the_old_expiry() {
    Client::new().check(
        r#"
        SET k v EX 100 => OK
        EXPIRE k 100 GT => 0
        EXPIRE k 100 LT => 0
        EXPIRE k 200 GT => 1
        EXPIRE k 100 GT => 0
        EXPIRE k 300 LT => 0
        EXPIRE k 50 LT XX => 1
        TTL k => 50
        SET k v => OK
        EXPIRE k 200 GT => 0
        EXPIRE k 200 LT XX => 0
        TTL k => -1
        EXPIRE k 200 LT => 1
        TTL k => 200
        EXPIRE k -10 LT => 1
        EXISTS k => 0
        "#,
    );
}

#[test]
fn conditions_that_exclude_each_other_are_refused() {
    Client::new().check(
        r#"
        EXPIRE k 1 LT GT => -ERR GT and LT options at the same time are not compatible
        EXPIRE k 1 NX GT => -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE k 1 NX LT => -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE k 1 NX XX => -ERR NX and XX, GT or LT options at the same time are not compatible
        EXPIRE k 1 AB => -ERR Unsupported option AB
        EXPIRE k 1 XX AB => -ERR Unsupported option AB
        "#,
    );
}

#[test]
fn maintenance_removes_expired_keys_that_nobody_asks_for() {
    let server = Server::new();
    let mut client = server.client();
    for i in 0..1000 {
        client.check(&format!("PSETEX k{i} 500 v => OK"));
    }
    client.check("DBSIZE => 1000");
    server.sleep_ms(600);
    for shard in 0..100_000 {
        server.engine.maintain(shard, server.now(), 1000);
        if client.send("DBSIZE") == "0" {
            return;
        }
        server.sleep_ms(1);
    }
    panic!("expired keys are still counted");
}
