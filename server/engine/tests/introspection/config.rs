//! CONFIG.
use crate::harness::{Client, Server};

#[test]
fn get_answers_a_map_of_matching_settings() {
    let mut client = Client::new();
    client.check(
        "CONFIG GET maxclients => [\"maxclients\", \"10000\"]
         CONFIG GET save => [\"save\", \"\"]
         CONFIG GET appendonly => [\"appendonly\", \"no\"]
         CONFIG GET nothing => []
         CONFIG GET timeout TIMEOUT time* => [\"timeout\", \"0\"]
         CONFIG GET => -ERR wrong number of arguments for 'config|get' command",
    );
    client.send("HELLO 3");
    assert_eq!(
        client.send("CONFIG GET hz databases"),
        "{\"hz\": \"10\", \"databases\": \"16\"}"
    );
}

#[test]
fn set_changes_all_pairs_or_none() {
    Client::new().check(
        "CONFIG SET timeout 5 hz 20 => OK
         CONFIG GET timeout => [\"timeout\", \"5\"]
         CONFIG SET timeout 6 hz fast => -ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer
         CONFIG GET timeout hz => [\"timeout\", \"5\", \"hz\", \"20\"]
         CONFIG SET timeout 6 hz => -ERR syntax error
         CONFIG SET timeout => -ERR wrong number of arguments for 'config|set' command
         CONFIG SET foo 1 => -ERR Unknown option or number of arguments for CONFIG SET - 'foo'
         CONFIG SET daemonize yes => -ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config
         CONFIG SET dir /tmp => -ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config
         CONFIG SET hz 1 hz 2 => -ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter",
    );
}

#[test]
fn maxmemory_takes_units_and_shows_bytes() {
    Client::new().check(
        "CONFIG SET maxmemory 100mb => OK
         CONFIG GET maxmemory => [\"maxmemory\", \"104857600\"]
         CONFIG SET maxmemory 0 => -ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be between 1048576 and 18446744073709551615 inclusive",
    );
}

#[test]
fn requirepass_locks_out_new_clients_only() {
    let server = Server::new();
    let mut old = server.client();
    assert_eq!(old.send("CONFIG SET requirepass secret"), "OK");
    old.check("PING => PONG");
    server.client().check(
        "GET key => -NOAUTH Authentication required.
         AUTH wrong => -WRONGPASS invalid username-password pair or user is disabled.
         AUTH secret => OK
         CONFIG GET requirepass => [\"requirepass\", \"secret\"]",
    );
}

#[test]
fn proto_max_bulk_len_bounds_requests_at_once() {
    let server = Server::new();
    server.client().send("CONFIG SET proto-max-bulk-len 1mb");
    let (out, _) = server.client().raw(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n");
    assert_eq!(out, b"-ERR Protocol error: invalid bulk length\r\n");
}

#[test]
fn resetstat_sets_counters_back() {
    let mut client = Client::new();
    client.check(
        "GET missing => nil
         CONFIG RESETSTAT => OK",
    );
    let stats = client.send("INFO stats");
    assert!(stats.contains("keyspace_misses:0\\r\\n"), "{stats}");
    assert!(
        stats.contains("total_connections_received:0\\r\\n"),
        "{stats}"
    );
}

#[test]
fn rewrite_is_refused() {
    Client::new().check("CONFIG REWRITE => -ERR The server is running without a config file");
}
