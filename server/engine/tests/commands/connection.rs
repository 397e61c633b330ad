//! Greeting, authentication, protocol versions, and the end of a connection.
use hallows_engine::Action;
use hallows_resp::reply::Value;

use crate::harness::{Client, Server, show};

#[test]
fn ping_and_echo_answer() {
    Client::new().check(
        r#"
        PING => PONG
        ping hello => "hello"
        PING a b => -ERR wrong number of arguments for 'ping' command
        ECHO hello => "hello"
        "#,
    );
}

#[test]
fn hello_switches_the_protocol() {
    let mut client = Client::new();
    assert_eq!(client.call(&[b"GET", b"k"]), Value::NullBulk);
    assert!(
        client
            .send("HELLO")
            .starts_with("[\"server\", \"redis\", \"version\", \"7.")
    );
    let reply = client.send("HELLO 3");
    assert!(reply.starts_with("{\"server\": \"redis\", "), "{reply}");
    assert!(reply.contains("\"proto\": 3, "), "{reply}");
    assert!(
        reply.ends_with("\"mode\": \"standalone\", \"role\": \"master\", \"modules\": []}"),
        "{reply}"
    );
    assert_eq!(client.call(&[b"GET", b"k"]), Value::Null);
    assert!(client.send("HELLO 2").starts_with("[\"server\""));
    assert_eq!(client.call(&[b"GET", b"k"]), Value::NullBulk);
}

#[test]
fn hello_refuses_what_it_does_not_know() {
    Client::new().check(
        r#"
        HELLO 1 => -NOPROTO unsupported protocol version
        HELLO 4 => -NOPROTO unsupported protocol version
        HELLO three => -ERR Protocol version is not an integer or out of range
        HELLO 3 LOUD => -ERR Syntax error in HELLO option 'LOUD'
        HELLO 3 AUTH default => -ERR Syntax error in HELLO option 'AUTH'
        HELLO 3 SETNAME => -ERR Syntax error in HELLO option 'SETNAME'
        "#,
    );
}

#[test]
fn a_password_is_asked_for_before_anything_else() {
    let mut client = Server::with(&[("requirepass", "secret")]).client();
    client.check(
        r#"
        GET k => -NOAUTH Authentication required.
        PING => -NOAUTH Authentication required.
        NONSENSE => -ERR unknown command 'NONSENSE', with args beginning with:
        AUTH wrong => -WRONGPASS invalid username-password pair or user is disabled.
        AUTH nobody secret => -WRONGPASS invalid username-password pair or user is disabled.
        AUTH default secret more => -ERR syntax error
        GET k => -NOAUTH Authentication required.
        AUTH secret => OK
        GET k => nil
        RESET => RESET
        GET k => -NOAUTH Authentication required.
        AUTH default secret => OK
        GET k => nil
        "#,
    );
}

#[test]
fn hello_can_authenticate() {
    let mut client = Server::with(&[("requirepass", "secret")]).client();
    assert!(
        client
            .send("HELLO 3")
            .starts_with("-NOAUTH HELLO must be called with the client already")
    );
    client.check("HELLO 3 AUTH default wrong => -WRONGPASS invalid username-password pair or user is disabled.");
    assert!(
        client
            .send("HELLO 3 AUTH default secret SETNAME me")
            .starts_with("{\"server\"")
    );
    client.check("GET k => nil");
}

#[test]
fn auth_without_a_configured_password_says_so() {
    let mut client = Client::new();
    let reply = client.send("AUTH secret");
    assert!(
        reply.starts_with("-ERR AUTH <password> called without any password configured"),
        "{reply}"
    );
    client.check("AUTH default anything => OK");
}

#[test]
fn requests_are_small_until_the_password_is_given() {
    let mut client = Server::with(&[("requirepass", "secret")]).client();
    let (out, action) = client.raw(b"*11\r\n");
    assert_eq!(
        out,
        b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    );
    assert_eq!(action, Action::Close);
}

#[test]
fn quit_answers_and_closes_without_looking_further() {
    let mut client = Client::new();
    let (out, action) = client.raw(b"SET k v\r\nQUIT\r\nSET k w\r\n");
    assert_eq!(out, b"+OK\r\n+OK\r\n");
    assert_eq!(action, Action::Close);
    client.server.client().check("GET k => \"v\"");
}

#[test]
fn reset_makes_the_connection_new() {
    let mut client = Client::new();
    client.send("HELLO 3");
    client.check("SELECT 4 => OK\n SET k v => OK\n RESET => RESET\n GET k => nil");
    assert_eq!(client.call(&[b"GET", b"k"]), Value::NullBulk);
}

#[test]
fn a_browser_that_was_tricked_into_speaking_to_the_server_is_cut_off() {
    for line in ["POST / HTTP/1.1\r\n", "Host: localhost:6379\r\n"] {
        let mut client = Client::new();
        let (out, action) = client.raw(format!("{line}SET k v\r\n").as_bytes());
        assert_eq!((out, action), (Vec::new(), Action::Close));
        client.server.client().check("EXISTS k => 0");
    }
}

#[test]
fn every_connection_has_its_own_database_and_protocol() {
    let server = Server::new();
    let (mut a, mut b) = (server.client(), server.client());
    a.check("SELECT 2 => OK\n SET k a => OK");
    a.send("HELLO 3");
    b.check("GET k => nil");
    assert_eq!(show(&a.call(&[b"GET", b"k"])), "\"a\"");
    assert_eq!(b.call(&[b"GET", b"k"]), Value::NullBulk);
}
