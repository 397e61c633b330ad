//! Whole databases and the clock.
use crate::harness::{Client, Server};

#[test]
fn databases_are_apart_from_each_other() {
    Client::new().check(
        r#"
        SET k zero => OK
        SELECT 15 => OK
        GET k => nil
        SET k fifteen => OK
        SET l fifteen => OK
        DBSIZE => 2
        SELECT 0 => OK
        GET k => "zero"
        DBSIZE => 1
        SELECT 16 => -ERR DB index is out of range
        SELECT -1 => -ERR DB index is out of range
        SELECT x => -ERR value is not an integer or out of range
        SELECT 3000000000 => -ERR value is out of range, value must between -2147483648 and 2147483647
        GET k => "zero"
        "#,
    );
}

#[test]
fn flushdb_empties_one_database_and_flushall_all() {
    Client::new().check(
        r#"
        SET k 1 => OK
        SELECT 1 => OK
        SET k 1 => OK
        FLUSHDB => OK
        DBSIZE => 0
        SET k 1 => OK
        SELECT 0 => OK
        DBSIZE => 1
        FLUSHDB sometime => -ERR syntax error
        FLUSHALL ASYNC SYNC => -ERR syntax error
        FLUSHALL ASYNC => OK
        DBSIZE => 0
        SELECT 1 => OK
        DBSIZE => 0
        SET k 1 => OK
        FLUSHDB SYNC => OK
        GET k => nil
        "#,
    );
}

#[test]
fn swapdb_exchanges_databases_under_connected_clients() {
    let server = Server::new();
    let mut other = server.client();
    other.check("SELECT 1 => OK\n SET k one => OK");
    server.client().check(
        r#"
        SET k zero => OK
        SWAPDB 0 1 => OK
        GET k => "one"
        SWAPDB 3 3 => OK
        SWAPDB a 1 => -ERR invalid first DB index
        SWAPDB 1 b => -ERR invalid second DB index
        SWAPDB 0 16 => -ERR DB index is out of range
        "#,
    );
    other.check("GET k => \"zero\"");
}

#[test]
fn time_is_told_in_seconds_and_microseconds() {
    let server = Server::new();
    server.sleep_ms(1234);
    server
        .client()
        .check("TIME => [\"1700000001\", \"234000\"]");
}
