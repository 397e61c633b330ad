//! DEBUG.
use hallows_engine::{Action, Connection};

use crate::harness::{Client, Server, request};

const REFUSED: &str = "-ERR DEBUG command not allowed. If the enable-debug-command option is set \
    to \"local\", you can run it from a local connection, otherwise you need to set this option \
    in the configuration file, and then restart the server.";

fn permissive() -> Client {
    Server::with(&[("enable-debug-command", "yes")]).client()
}

#[test]
fn debug_is_refused_unless_it_was_enabled_at_the_start() {
    let mut client = Client::new();
    assert_eq!(client.send("DEBUG SLEEP 0"), REFUSED);
    client.check(
        "CONFIG SET enable-debug-command yes => -ERR CONFIG SET failed (possibly related to argument 'enable-debug-command') - can't set immutable config",
    );
}

#[test]
fn local_permission_is_for_the_loopback_interface() {
    let server = Server::with(&[("enable-debug-command", "local")]);
    assert_eq!(server.client().send("DEBUG SLEEP 0"), "OK");
    for (addr, allowed) in [
        ("[::1]:9", true),
        ("10.0.0.1:9", false),
        ("127.0.0.11:9", false),
    ] {
        let connection = Connection::new(&server.engine, addr, "[::]:6379", server.now());
        let mut client = Client {
            connection,
            server: server.clone(),
        };
        let expected = if allowed { "OK" } else { REFUSED };
        assert_eq!(client.send("DEBUG SLEEP 0"), expected, "{addr}");
    }
}

#[test]
fn sleep_pauses_the_connection_for_that_long() {
    for (seconds, us) in [("1.5", 1_500_000), ("0.001", 1000), ("-1", 0), ("soon", 0)] {
        let (_, action) = permissive().raw(&request(&[b"DEBUG", b"sleep", seconds.as_bytes()]));
        assert_eq!(action, Action::Sleep { us }, "{seconds}");
    }
}

#[test]
fn the_error_of_ones_choice_comes_back() {
    permissive().check("DEBUG ERROR MYCODE => -MYCODE");
}

#[test]
fn every_type_of_reply_can_be_asked_for() {
    let mut client = permissive();
    client.check(
        "DEBUG PROTOCOL string => \"Hello World\"
         DEBUG PROTOCOL integer => 12345
         DEBUG PROTOCOL double => \"3.141\"
         DEBUG PROTOCOL null => nil
         DEBUG PROTOCOL array => [0, 1, 2]
         DEBUG PROTOCOL set => [0, 1, 2]
         DEBUG PROTOCOL map => [0, 0, 1, 1, 2, 0]
         DEBUG PROTOCOL true => 1
         DEBUG PROTOCOL attrib => \"Some real reply following the attribute\"
         DEBUG PROTOCOL push => -ERR RESP2 is not supported by this command
         DEBUG PROTOCOL bignum => \"1234567999999999999999999999999999999\"",
    );
    assert!(
        client
            .send("DEBUG PROTOCOL nope")
            .starts_with("-ERR Wrong protocol type name.")
    );
    client.send("HELLO 3");
    client.check("DEBUG PROTOCOL set => ~[0, 1, 2]");
    let (out, _) = client.raw(&request(&[b"DEBUG", b"PROTOCOL", b"verbatim"]));
    assert_eq!(out, b"=29\r\ntxt:This is a verbatim\nstring\r\n");
    let (out, _) = client.raw(&request(&[b"DEBUG", b"PROTOCOL", b"attrib"]));
    assert!(
        out.starts_with(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\n")
    );
}

#[test]
fn active_expiry_can_be_stopped_and_resumed() {
    let mut client = permissive();
    let engine = client.server.engine.clone();
    client.check("DEBUG SET-ACTIVE-EXPIRE 0 => OK");
    assert!(!engine.settings().active_expire());
    client.check("DEBUG SET-ACTIVE-EXPIRE 1 => OK");
    assert!(engine.settings().active_expire());
}

#[test]
fn unknown_subcommands_are_named() {
    permissive().check(
        "DEBUG NOPE => -ERR unknown subcommand or wrong number of arguments for 'NOPE'. Try DEBUG HELP.",
    );
}
