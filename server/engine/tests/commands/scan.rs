//! KEYS, SCAN and RANDOMKEY.
use std::collections::BTreeSet;

use hallows_resp::reply::Value;

use crate::harness::{Client, Server};

fn populate(client: &mut Client, count: usize) {
    for i in 0..count {
        client.check(&format!("SET key:{i} value => OK"));
    }
}

fn strings(value: Value) -> Vec<String> {
    let Value::Array(items) = value else {
        panic!("not an array: {value:?}")
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("not a string: {other:?}"),
        })
        .collect()
}

/// All keys of an iteration with these options.
fn scan_all(client: &mut Client, options: &[&[u8]]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut cursor = String::from("0");
    loop {
        let request = [&[b"SCAN", cursor.as_bytes()][..], options].concat();
        let Value::Array(mut reply) = client.call(&request) else {
            panic!("not an array")
        };
        found.extend(strings(reply.pop().unwrap()));
        let Some(Value::Bulk(next)) = reply.pop() else {
            panic!("the cursor is a string")
        };
        cursor = String::from_utf8(next).unwrap();
        if cursor == "0" {
            return found;
        }
    }
}

#[test]
fn keys_lists_what_matches_in_the_selected_database() {
    let mut client = Client::new();
    client.check("KEYS * => []\n MSET key_x 1 key_y 1 foo_a 1 => OK");
    let sorted = |value| {
        let mut keys = strings(value);
        keys.sort();
        keys
    };
    assert_eq!(
        sorted(client.call(&[b"KEYS", b"*"])),
        ["foo_a", "key_x", "key_y"]
    );
    assert_eq!(
        sorted(client.call(&[b"KEYS", b"key_?"])),
        ["key_x", "key_y"]
    );
    assert_eq!(
        sorted(client.call(&[b"KEYS", b"[fk]*[ax]"])),
        ["foo_a", "key_x"]
    );
    client.check("SELECT 9 => OK\n KEYS * => []");
}

#[test]
fn keys_leaves_out_what_has_expired() {
    let server = Server::new();
    let mut client = server.client();
    client.check("SET a 1 PX 10 => OK\n SET b 1 => OK");
    server.sleep_ms(11);
    client.check("KEYS * => [\"b\"]\n SCAN 0 => [\"0\", [\"b\"]]\n RANDOMKEY => \"b\"");
}

#[test]
fn scan_finds_every_key() {
    let mut client = Client::new();
    populate(&mut client, 1000);
    assert_eq!(scan_all(&mut client, &[]).len(), 1000);
    assert_eq!(scan_all(&mut client, &[b"COUNT", b"5"]).len(), 1000);
    assert_eq!(scan_all(&mut client, &[b"COUNT", b"100000"]).len(), 1000);
}

#[test]
fn scan_filters_by_pattern_and_type() {
    let mut client = Client::new();
    populate(&mut client, 1000);
    assert_eq!(scan_all(&mut client, &[b"MATCH", b"key:1??"]).len(), 100);
    assert_eq!(scan_all(&mut client, &[b"MATCH", b"*"]).len(), 1000);
    assert_eq!(scan_all(&mut client, &[b"TYPE", b"list"]).len(), 0);
    assert_eq!(
        scan_all(
            &mut client,
            &[b"type", b"String", b"match", b"key:*", b"count", b"10"]
        )
        .len(),
        1000
    );
}

#[test]
fn scan_finds_what_stays_while_other_keys_come_and_go() {
    let mut client = Client::new();
    populate(&mut client, 500);
    let mut found = BTreeSet::new();
    let mut cursor = String::from("0");
    for round in 0.. {
        for i in 0..5 {
            client.check(&format!("SET other:{round}:{i} v => OK"));
        }
        let Value::Array(mut reply) = client.call(&[b"SCAN", cursor.as_bytes()]) else {
            panic!("not an array")
        };
        found.extend(
            strings(reply.pop().unwrap())
                .into_iter()
                .filter(|key| key.starts_with("key:")),
        );
        let Some(Value::Bulk(next)) = reply.pop() else {
            panic!("the cursor is a string")
        };
        cursor = String::from_utf8(next).unwrap();
        if cursor == "0" {
            break;
        }
        assert!(round < 10_000, "the iteration ends");
    }
    assert_eq!(found.len(), 500);
}

#[test]
fn scan_refuses_malformed_cursors_and_options() {
    Client::new().check(
        r#"
        SCAN x => -ERR invalid cursor
        SCAN 18446744073709551616 => -ERR invalid cursor
        SCAN 0 COUNT 0 => -ERR syntax error
        SCAN 0 COUNT x => -ERR value is not an integer or out of range
        SCAN 0 COUNT => -ERR syntax error
        SCAN 0 BACKWARDS 1 => -ERR syntax error
        "#,
    );
}

#[test]
fn randomkey_names_every_key_sooner_or_later() {
    let mut client = Client::new();
    client.check("RANDOMKEY => nil\n MSET foo 1 bar 1 => OK");
    let seen: BTreeSet<String> = (0..200).map(|_| client.send("RANDOMKEY")).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["\"bar\"", "\"foo\""]);
    client.check("DEL foo bar => 2\n RANDOMKEY => nil");
}
