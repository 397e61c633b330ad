//! CLIENT.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hallows_engine::{Action, Connection};

use crate::harness::{Client, Server, request};

/// The text of a verbatim or bulk reply.
fn text(client: &mut Client, words: &str) -> String {
    let shown = client.send(words);
    shown.trim_matches('"').replace("\\n", "\n")
}

/// A field of the line that CLIENT LIST shows for a client.
fn field(line: &str, name: &str) -> String {
    let prefix = format!("{name}=");
    let found = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix(&prefix));
    found
        .unwrap_or_else(|| panic!("no {name} in {line}"))
        .to_owned()
}

fn connect(server: &Server, addr: &str) -> Client {
    let connection = Connection::new(&server.engine, addr, "127.0.0.1:6379", server.now());
    Client {
        connection,
        server: server.clone(),
    }
}

#[test]
fn ids_grow_and_are_not_used_again() {
    let server = Server::new();
    assert_eq!(server.client().send("CLIENT ID"), "1");
    assert_eq!(server.client().send("CLIENT ID"), "2");
}

#[test]
fn info_has_the_fields_of_redis_in_their_order() {
    let mut client = Client::new();
    let line = text(&mut client, "CLIENT INFO");
    let names: Vec<&str> = line
        .split_whitespace()
        .map(|word| word.split_once('=').unwrap().0)
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "addr",
            "laddr",
            "fd",
            "name",
            "age",
            "idle",
            "flags",
            "db",
            "sub",
            "psub",
            "ssub",
            "multi",
            "qbuf",
            "qbuf-free",
            "argv-mem",
            "multi-mem",
            "rbs",
            "rbp",
            "obl",
            "oll",
            "omem",
            "tot-mem",
            "events",
            "cmd",
            "user",
            "redir",
            "resp",
        ]
    );
    assert!(line.ends_with('\n'));
}

#[test]
fn info_describes_the_asking_client_as_it_is_now() {
    let server = Server::new();
    let mut client = server.client();
    server.sleep_ms(5_000);
    client.check(
        "SELECT 3 => OK
         CLIENT SETNAME me => OK",
    );
    let line = text(&mut client, "CLIENT INFO");
    for (name, value) in [
        ("id", "1"),
        ("addr", "127.0.0.1:50000"),
        ("laddr", "127.0.0.1:6379"),
        ("name", "me"),
        ("age", "5"),
        ("idle", "0"),
        ("flags", "N"),
        ("db", "3"),
        ("multi", "-1"),
        ("qbuf", "26"),
        ("obl", "0"),
        ("events", "r"),
        ("cmd", "client|info"),
        ("user", "default"),
        ("redir", "-1"),
        ("resp", "2"),
    ] {
        assert_eq!(field(&line, name), value, "{name}");
    }
}

#[test]
fn list_shows_what_others_did_last_and_when() {
    let server = Server::new();
    let mut watcher = server.client();
    let mut other = server.client();
    let mut silent = server.client();
    other.send("HELLO 3");
    other.send("GET key");
    server.sleep_ms(2_500);
    let list = text(&mut watcher, "CLIENT LIST");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(field(lines[0], "cmd"), "client|list");
    assert_eq!(field(lines[1], "cmd"), "get");
    assert_eq!(field(lines[1], "idle"), "2");
    assert_eq!(field(lines[1], "resp"), "3");
    assert_eq!(field(lines[2], "cmd"), "NULL");
    drop(other);
    silent.send("QUIT");
    drop(silent);
    assert_eq!(text(&mut watcher, "CLIENT LIST").lines().count(), 1);
}

#[test]
fn list_filters_by_id_and_type() {
    let server = Server::new();
    let mut first = server.client();
    let _second = server.client();
    let ids = |list: String| {
        list.lines()
            .map(|line| field(line, "id"))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(text(&mut first, "CLIENT LIST ID 2 9 1")), ["2", "1"]);
    assert_eq!(ids(text(&mut first, "CLIENT LIST TYPE normal")), ["1", "2"]);
    first.check(
        "CLIENT LIST TYPE replica => \"\"
         CLIENT LIST ID -1 => \"\"
         CLIENT LIST ID x => -ERR Invalid client ID
         CLIENT LIST TYPE wrong => -ERR Unknown client type 'wrong'
         CLIENT LIST TYPE => -ERR syntax error
         CLIENT LIST nonsense => -ERR syntax error",
    );
}

#[test]
fn a_name_is_set_shown_and_taken_away() {
    Client::new().check(
        "CLIENT GETNAME => nil
         CLIENT SETNAME someone => OK
         CLIENT GETNAME => \"someone\"
         RESET => RESET
         CLIENT GETNAME => nil",
    );
    let mut client = Client::new();
    client.send("HELLO 2 SETNAME greeted");
    assert_eq!(client.send("CLIENT GETNAME"), "\"greeted\"");
    client.call(&[b"CLIENT", b"SETNAME", b""]);
    assert_eq!(client.send("CLIENT GETNAME"), "nil");
}

#[test]
fn a_name_that_would_break_the_list_is_refused() {
    let mut client = Client::new();
    for name in [&b"two words"[..], b"line\nbreak", b"\xc3\xa4", b"\x7f"] {
        let reply = client.call(&[b"CLIENT", b"SETNAME", name]);
        assert_eq!(
            crate::harness::show(&reply),
            "-ERR Client names cannot contain spaces, newlines or special characters."
        );
    }
    assert_eq!(client.send("CLIENT GETNAME"), "nil");
}

#[test]
fn the_library_is_shown_once_it_is_told() {
    let mut client = Client::new();
    client.check(
        "CLIENT SETINFO LIB-NAME redis-py => OK
         CLIENT SETINFO lib-ver 5.0.1 => OK
         CLIENT SETINFO lib-color red => -ERR Unrecognized option 'lib-color'
         CLIENT SETINFO LIB-NAME => -ERR wrong number of arguments for 'client|setinfo' command",
    );
    let reply = client.call(&[b"CLIENT", b"SETINFO", b"lib-name", b"a b"]);
    assert_eq!(
        crate::harness::show(&reply),
        "-ERR lib-name cannot contain spaces, newlines or special characters."
    );
    assert!(text(&mut client, "CLIENT INFO").ends_with("resp=2 lib-name=redis-py lib-ver=5.0.1\n"));
}

#[test]
fn no_evict_and_no_touch_show_as_flags() {
    let mut client = Client::new();
    client.check(
        "CLIENT NO-EVICT ON => OK
         CLIENT NO-TOUCH on => OK",
    );
    assert_eq!(field(&text(&mut client, "CLIENT INFO"), "flags"), "eT");
    client.check(
        "CLIENT NO-EVICT off => OK
         CLIENT NO-TOUCH OFF => OK
         CLIENT NO-EVICT maybe => -ERR syntax error
         CLIENT NO-TOUCH maybe => -ERR syntax error",
    );
    assert_eq!(field(&text(&mut client, "CLIENT INFO"), "flags"), "N");
}

#[test]
fn kill_by_address_answers_ok_or_that_there_is_none() {
    let server = Server::new();
    let mut killer = server.client();
    let mut victim = connect(&server, "10.0.0.7:1234");
    killer.check(
        "CLIENT KILL 10.0.0.7:9 => -ERR No such client
         CLIENT KILL 10.0.0.7:1234 => OK
         CLIENT KILL 10.0.0.7:1234 => -ERR No such client",
    );
    let (out, action) = victim.raw(&request(&[b"PING"]));
    assert!(out.is_empty(), "a killed client is not answered");
    assert_eq!(action, Action::Close);
    assert_eq!(text(&mut killer, "CLIENT LIST").lines().count(), 1);
}

#[test]
fn kill_calls_the_hook_of_the_host() {
    let server = Server::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let victim = server.client();
    let seen = Arc::clone(&calls);
    victim.connection.set_kill_hook(Box::new(move || {
        seen.fetch_add(1, Relaxed);
    }));
    assert_eq!(server.client().send("CLIENT KILL ID 1"), "1");
    assert_eq!(calls.load(Relaxed), 1);
}

#[test]
fn kill_with_options_counts_those_that_fit_all() {
    let server = Server::new();
    let mut killer = connect(&server, "10.0.0.1:1");
    let _clients: Vec<Client> = (2..6)
        .map(|port| connect(&server, &format!("10.0.0.2:{port}")))
        .collect();
    killer.check(
        "CLIENT KILL ID 2 ADDR 10.0.0.2:3 => 0
         CLIENT KILL ID 2 ADDR 10.0.0.2:2 => 1
         CLIENT KILL TYPE pubsub => 0
         CLIENT KILL TYPE normal ID 3 SKIPME no => 1
         CLIENT KILL LADDR 127.0.0.1:6379 USER default SKIPME yes => 2
         CLIENT KILL SKIPME yes => 0",
    );
}

#[test]
fn a_client_that_kills_itself_is_answered_then_closed() {
    for request in ["CLIENT KILL 127.0.0.1:50000", "CLIENT KILL ID 1 SKIPME no"] {
        let mut client = Client::new();
        let (out, action) = client.raw(format!("{request}\r\nPING\r\n").as_bytes());
        assert!(out == b"+OK\r\n" || out == b":1\r\n");
        assert_eq!(action, Action::Close);
    }
}

#[test]
fn kill_refuses_what_it_does_not_understand() {
    Client::new().check(
        "CLIENT KILL => -ERR wrong number of arguments for 'client|kill' command
         CLIENT KILL id 10 wrong_arg => -ERR syntax error
         CLIENT KILL id str => -ERR client-id should be greater than 0
         CLIENT KILL id -1 => -ERR client-id should be greater than 0
         CLIENT KILL id 0 => -ERR client-id should be greater than 0
         CLIENT KILL type wrong_type => -ERR Unknown client type 'wrong_type'
         CLIENT KILL user wrong_user => -ERR No such user 'wrong_user'
         CLIENT KILL skipme yes_or_no => -ERR syntax error",
    );
}

#[test]
fn replies_can_be_switched_off_skipped_and_on_again() {
    let mut client = Client::new();
    let mut replies = |input: &str| {
        let (out, _) = client.raw(input.replace(';', "\r\n").as_bytes());
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        replies("CLIENT REPLY OFF;PING;NONSENSE;CLIENT REPLY ON;PING;"),
        "+OK\r\n+PONG\r\n"
    );
    assert_eq!(replies("CLIENT REPLY SKIP;ECHO a;ECHO b;"), "$1\r\nb\r\n");
    assert_eq!(
        replies("CLIENT REPLY SKIP;CLIENT REPLY ON;PING;"),
        "+OK\r\n+PONG\r\n"
    );
    assert_eq!(
        replies("CLIENT REPLY OFF;CLIENT REPLY SKIP;PING;PING;CLIENT REPLY ON;"),
        "+OK\r\n"
    );
    assert_eq!(replies("CLIENT REPLY maybe;"), "-ERR syntax error\r\n");
}

#[test]
fn help_and_unknown_subcommands_answer_as_redis_does() {
    let mut client = Client::new();
    client.check(
        "CLIENT => -ERR wrong number of arguments for 'client' command
         CLIENT NOPE => -ERR unknown subcommand 'NOPE'. Try CLIENT HELP.",
    );
    let help = client.send("CLIENT HELP");
    let title = "[CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, ";
    assert!(help.starts_with(title), "{help}");
    assert!(help.ends_with("HELP,     Print this help.]"), "{help}");
}
