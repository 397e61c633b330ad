//! GET and SET with their relatives, and parts of values.
use hallows_resp::reply::Value;

use crate::harness::{Client, START_MS, Server};

#[test]
fn set_and_get_any_bytes() {
    let mut client = Client::new();
    client.check(
        r#"
        GET missing => nil
        SET x foobar => OK
        GET x => "foobar"
        set X upper => OK
        GET x => "foobar"
        "#,
    );
    for value in [&b""[..], b"\0\r\n\xff", &[7; 4_000_000]] {
        assert_eq!(
            client.call(&[b"SET", b"k", value]),
            Value::Simple(b"OK".into())
        );
        assert_eq!(client.call(&[b"GET", b"k"]), Value::Bulk(value.into()));
    }
    assert_eq!(
        client.call(&[b"SET", b"", b"empty key"]),
        Value::Simple(b"OK".into())
    );
    assert_eq!(
        client.call(&[b"GET", b""]),
        Value::Bulk(b"empty key".into())
    );
}

#[test]
fn set_obeys_its_conditions() {
    Client::new().check(
        r#"
        SET k 1 XX => nil
        SET k 1 NX => OK
        SET k 2 nx => nil
        GET k => "1"
        SET k 3 xx => OK
        GET k => "3"
        SET k 4 XX NX => -ERR syntax error
        SET k 4 NX XX => -ERR syntax error
        SET k 4 NX NX => nil
        SET k 4 nonsense => -ERR syntax error
        "#,
    );
}

#[test]
fn set_with_get_returns_the_old_value() {
    Client::new().check(
        r#"
        SET k 1 GET => nil
        SET k 2 GET => "1"
        SET k 3 GET XX => "2"
        SET k 4 NX GET => "3"
        GET k => "3"
        SET other 1 XX GET => nil
        EXISTS other => 0
        SET other 1 NX GET => nil
        GET other => "1"
        "#,
    );
}

#[test]
fn set_takes_an_expiry_in_four_ways() {
    let mut client = Client::new();
    let seconds = START_MS / 1000;
    client.check("SET k v EX 10 => OK\n PTTL k => 10000");
    client.check("SET k v PX 1500 => OK\n PTTL k => 1500");
    client.check(&format!(
        "SET k v EXAT {} => OK\n TTL k => 20",
        seconds + 20
    ));
    client.check(&format!(
        "SET k v pxat {} => OK\n PTTL k => 30",
        START_MS + 30
    ));
    client.check("SET k v EX 10 EX 20 => OK\n TTL k => 20");
    client.check("SET k v XX EX 7 GET => \"v\"\n TTL k => 7");
}

#[test]
fn set_refuses_expiries_that_make_no_sense() {
    Client::new().check(
        r#"
        SET k v EX 0 => -ERR invalid expire time in 'set' command
        SET k v EX -9999999999999999 => -ERR invalid expire time in 'set' command
        SET k v EX 10000000000000000 => -ERR invalid expire time in 'set' command
        SET k v PX 9223372036854775807 => -ERR invalid expire time in 'set' command
        SET k v EX ten => -ERR value is not an integer or out of range
        SET k v EX => -ERR syntax error
        SET k v EX 10 PX 10 => -ERR syntax error
        SET k v EX 10 KEEPTTL => -ERR syntax error
        SET k v KEEPTTL EX 10 => -ERR syntax error
        SET k v PERSIST => -ERR syntax error
        EXISTS k => 0
        SETEX k 0 v => -ERR invalid expire time in 'setex' command
        PSETEX k -1 v => -ERR invalid expire time in 'psetex' command
        "#,
    );
}

#[test]
fn set_drops_the_expiry_unless_told_to_keep_it() {
    Client::new().check(
        r#"
        SET k v EX 100 => OK
        SET k w KEEPTTL => OK
        TTL k => 100
        SET k v => OK
        TTL k => -1
        SET k w KEEPTTL => OK
        TTL k => -1
        "#,
    );
}

#[test]
fn values_vanish_when_their_time_is_over() {
    let server = Server::new();
    let mut client = server.client();
    client.check("SETEX a 1 x => OK\n PSETEX b 1500 y => OK\n SET c z PXAT 5 => OK");
    client.check("GET a => \"x\"\n GET c => nil");
    server.sleep_ms(1000);
    client.check("GET a => \"x\"");
    server.sleep_ms(1);
    client.check("GET a => nil\n SETNX a new => 1\n TTL a => -1\n GET b => \"y\"");
    server.sleep_ms(500);
    client.check("MGET a b c => [\"new\", nil, nil]");
}

#[test]
fn setnx_writes_only_new_keys() {
    Client::new().check("SETNX k 1 => 1\n SETNX k 2 => 0\n GET k => \"1\"");
}

#[test]
fn getset_swaps_the_value_and_drops_the_expiry() {
    Client::new().check(
        r#"
        GETSET k 1 => nil
        EXPIRE k 10 => 1
        GETSET k 2 => "1"
        GET k => "2"
        TTL k => -1
        "#,
    );
}

#[test]
fn getdel_returns_the_value_once() {
    Client::new().check("SET k v => OK\n GETDEL k => \"v\"\n GETDEL k => nil\n EXISTS k => 0");
}

#[test]
fn getex_changes_the_expiry() {
    let mut client = Client::new();
    client.check(
        r#"
        GETEX k EX 10 => nil
        SET k v => OK
        GETEX k => "v"
        TTL k => -1
        GETEX k EX 10 => "v"
        TTL k => 10
        GETEX k => "v"
        TTL k => 10
        GETEX k PX 10000 => "v"
        PTTL k => 10000
        GETEX k PERSIST => "v"
        TTL k => -1
        GETEX k nonsense => -ERR syntax error
        GETEX k EX => -ERR syntax error
        GETEX k PERSIST EX 10 => -ERR syntax error
        GETEX k EX 10 PERSIST => -ERR syntax error
        GETEX k KEEPTTL => -ERR syntax error
        GETEX k EX 10000000000000000 => -ERR invalid expire time in 'getex' command
        GETEX => -ERR wrong number of arguments for 'getex' command
        GETEX k PXAT 1 => "v"
        EXISTS k => 0
        GETEX k EX nonsense => nil
        "#,
    );
    client.check(&format!(
        "SET k v => OK\n GETEX k EXAT {} => \"v\"\n TTL k => 5",
        START_MS / 1000 + 5
    ));
}

#[test]
fn mget_returns_values_in_order() {
    let mut client = Client::new();
    client.check(
        r#"
        MSET a 1 b 2 a 3 => OK
        MGET a missing b a => ["3", nil, "2", "3"]
        MSET a 1 b => -ERR wrong number of arguments for 'mset' command
        MSETNX a 1 b => -ERR wrong number of arguments for 'msetnx' command
        "#,
    );
    let keys: Vec<String> = (0..500).map(|i| format!("key:{i}")).collect();
    let mut set = vec![&b"MSET"[..]];
    let mut get = vec![&b"MGET"[..]];
    for key in &keys {
        set.extend([key.as_bytes(), key.as_bytes()]);
        get.push(key.as_bytes());
    }
    client.call(&set);
    let expected = keys
        .iter()
        .map(|key| Value::Bulk(key.as_bytes().into()))
        .collect();
    assert_eq!(client.call(&get), Value::Array(expected));
}

#[test]
fn msetnx_sets_all_or_nothing() {
    Client::new().check(
        r#"
        SET x 1 => OK
        MSETNX a 1 x 2 => 0
        EXISTS a => 0
        MSETNX a 1 b 2 => 1
        MSETNX c 1 c 2 => 1
        GET c => "2"
        "#,
    );
}

#[test]
fn append_extends_a_value_and_keeps_its_expiry() {
    Client::new().check(
        r#"
        APPEND k foo => 3
        EXPIRE k 100 => 1
        APPEND k bar => 6
        GET k => "foobar"
        TTL k => 100
        STRLEN k => 6
        STRLEN missing => 0
        "#,
    );
}

#[test]
fn append_grows_a_value_piece_by_piece() {
    let mut client = Client::new();
    let piece = [b'p'; 1000];
    for count in 1..=200 {
        assert_eq!(
            client.call(&[b"APPEND", b"k", &piece]),
            Value::Integer(count * 1000)
        );
    }
    assert_eq!(
        client.call(&[b"GET", b"k"]),
        Value::Bulk(vec![b'p'; 200_000])
    );
}

#[test]
fn setrange_overwrites_and_pads_with_zeros() {
    Client::new().check(
        r#"
        SETRANGE k 1 foo => 4
        GET k => "\x00foo"
        SETRANGE k 2 bar => 5
        GET k => "\x00fbar"
        SETRANGE k 7 x => 8
        GET k => "\x00fbar\x00\x00x"
        SETRANGE k -1 x => -ERR offset is out of range
        SETRANGE k one x => -ERR value is not an integer or out of range
        SETRANGE k 536870908 world => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE k 9223372036854775807 A => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE new 536870908 world => -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        EXISTS new => 0
        "#,
    );
}

#[test]
fn setrange_with_nothing_changes_nothing() {
    let mut client = Client::new();
    assert_eq!(
        client.call(&[b"SETRANGE", b"k", b"5", b""]),
        Value::Integer(0)
    );
    client.check("EXISTS k => 0\n SET k foo EX 10 => OK");
    assert_eq!(
        client.call(&[b"SETRANGE", b"k", b"5", b""]),
        Value::Integer(3)
    );
    client.check("GET k => \"foo\"\n SETRANGE k 0 b => 3\n GET k => \"boo\"\n TTL k => 10");
}

#[test]
fn getrange_counts_from_either_end() {
    let mut client = Client::new();
    client.call(&[b"SET", b"k", b"Hello World"]);
    client.check(
        r#"
        GETRANGE missing 0 -1 => ""
        GETRANGE k 0 3 => "Hell"
        GETRANGE k 0 -1 => "Hello World"
        GETRANGE k -4 -1 => "orld"
        GETRANGE k 5 3 => ""
        GETRANGE k 5 5000 => " World"
        GETRANGE k -5000 10000 => "Hello World"
        GETRANGE k -1 -5000 => ""
        GETRANGE k -5000 -5000 => "H"
        GETRANGE k -9223372036854775808 9223372036854775807 => "Hello World"
        GETRANGE k a 1 => -ERR value is not an integer or out of range
        SUBSTR k 1 2 => "el"
        SET e x => OK
        GETRANGE e -100 -50 => "x"
        "#,
    );
}

#[test]
fn what_does_not_fit_into_memory_is_refused_and_changes_nothing() {
    let mut client = Server::with(&[("maxmemory", "4194304")]).client();
    let large = vec![b'x'; 5_000_000];
    let refused = Value::Error(b"OOM command not allowed when used memory > 'maxmemory'.".into());
    client.check("SET k v EX 100 => OK");
    assert_eq!(client.call(&[b"SET", b"k", &large, b"GET"]), refused);
    assert_eq!(client.call(&[b"APPEND", b"k", &large]), refused);
    client.check(
        r#"
        SETRANGE k 5000000 x => -OOM command not allowed when used memory > 'maxmemory'.
        SETRANGE new 5000000 x => -OOM command not allowed when used memory > 'maxmemory'.
        EXISTS new => 0
        GET k => "v"
        TTL k => 100
        "#,
    );
}

#[test]
fn old_values_make_room_for_new_ones() {
    let mut client = Server::with(&[("maxmemory", "4194304")]).client();
    let value = [b'x'; 1000];
    for i in 0..20_000 {
        let key = format!("key:{i}");
        assert_eq!(
            client.call(&[b"SET", key.as_bytes(), &value]),
            Value::Simple(b"OK".into())
        );
    }
    client.check("EXISTS key:19999 => 1");
    let Value::Integer(size) = client.call(&[b"DBSIZE"]) else {
        panic!("DBSIZE gives a number")
    };
    assert!((1000..4200).contains(&size), "{size}");
}
