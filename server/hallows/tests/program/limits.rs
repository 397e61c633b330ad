//! Limits on clients: their number, idle time, buffers, access from outside.

use std::time::Duration;

use redis::Commands;

use crate::support::{Raw, Server, backends, set, wait_for};

#[test]
fn a_client_too_many_is_told_so_and_others_go_on() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--maxclients", "3"]);
        let mut held: Vec<Raw> = (0..3).map(|_| server.connect()).collect();
        for raw in &mut held {
            raw.send(b"PING\r\n");
            raw.expect("+PONG\r\n");
        }
        let mut surplus = server.connect();
        surplus.expect("-ERR max number of clients reached\r\n");
        assert!(surplus.rest().is_empty());
        held[0].send(b"CONFIG SET maxclients 4\r\n");
        held[0].expect("+OK\r\n");
        let mut fourth = server.connect();
        fourth.send(b"PING\r\n");
        fourth.expect("+PONG\r\n");
        drop(fourth);
        held.pop();
        wait_for("a place to become free", || {
            let mut raw = server.connect();
            // Refused, it would get an error; either is five bytes or more.
            let _ = std::io::Write::write_all(&mut raw.stream, b"PING\r\n");
            let mut reply = [0; 5];
            std::io::Read::read_exact(&mut raw.stream, &mut reply).ok()?;
            (&reply == b"+PONG").then_some(())
        });
    }
}

#[test]
fn idle_connections_are_closed_and_active_ones_stay() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--timeout", "1"]);
        let mut idle = server.connect();
        let mut active = server.client();
        for _ in 0..30 {
            let _: () = redis::cmd("PING").query(&mut active).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(idle.rest().is_empty());
        let _: () = redis::cmd("PING").query(&mut active).unwrap();
    }
}

#[test]
fn a_reply_beyond_the_output_limit_closes_the_client_that_does_not_read() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--output-limit", "1MiB"]);
        let mut client = server.client();
        let _: () = client.set("large", vec![b'x'; 500_000]).unwrap();
        assert_eq!(client.get::<_, Vec<u8>>("large").unwrap().len(), 500_000);
        let mut greedy = server.connect();
        greedy.send(b"MGET large large large large\r\n");
        assert!(greedy.rest().len() < 2_000_000);
        wait_for("the reason in the log", || {
            server.log().contains("--output-limit").then_some(())
        });
    }
}

#[test]
fn a_request_beyond_the_query_limit_closes_its_client() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--query-limit", "1MiB"]);
        let mut raw = server.connect();
        let request = set("large", &vec![b'x'; 3_000_000]);
        // The server may close before all is written.
        let _ = std::io::Write::write_all(&mut raw.stream, &request);
        assert!(raw.rest().is_empty());
        assert!(!server.client().exists::<_, bool>("large").unwrap());
    }
}

#[test]
fn buffers_beyond_the_total_close_the_largest_client_only() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--client-memory", "4MiB", "--workers", "1"]);
        let mut client = server.client();
        let mut hog = server.connect();
        let mut request = set("hog", &vec![b'x'; 8 << 20]);
        request.truncate(7 << 20);
        let _ = std::io::Write::write_all(&mut hog.stream, &request);
        assert!(hog.rest().is_empty());
        let _: () = client.set("small", "1").unwrap();
    }
}

#[test]
fn buffers_grow_with_a_request_and_are_given_back() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut observer = server.client();
        let mut buffer = |name: &str| {
            let list: String = redis::cmd("CLIENT")
                .arg("LIST")
                .query(&mut observer)
                .unwrap();
            let line = list
                .lines()
                .find(|line| line.contains(&format!("name={name} ")))
                .unwrap();
            let field = |key: &str| {
                let value = line
                    .split(' ')
                    .find_map(|field| field.strip_prefix(key))
                    .unwrap();
                value.parse::<usize>().unwrap()
            };
            field("qbuf=") + field("qbuf-free=")
        };
        let mut raw = server.connect();
        raw.send(b"CLIENT SETNAME subject\r\n");
        raw.expect("+OK\r\n");
        assert!((16384..32768).contains(&buffer("subject")));
        raw.send(&set("x", &[b'x'; 400_000]));
        raw.expect("+OK\r\n");
        let large = buffer("subject");
        assert!(large > 32768, "{large}");
        wait_for("the buffer to shrink", || {
            raw.send(&set("x", &[b'x'; 100]));
            raw.expect("+OK\r\n");
            let now = buffer("subject");
            (0 < now && now < large).then_some(())
        });
        wait_for("an idle buffer to be given back", || {
            (buffer("subject") == 0).then_some(())
        });
        raw.send(b"PING\r\n");
        raw.expect("+PONG\r\n");
    }
}

#[test]
fn a_killed_client_is_closed_at_once() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut victim = server.connect();
        victim.send(b"CLIENT ID\r\n");
        victim.expect(":1\r\n");
        let mut client = server.client();
        let killed: usize = redis::cmd("CLIENT")
            .arg(&["KILL", "ID", "1"])
            .query(&mut client)
            .unwrap();
        assert_eq!(killed, 1);
        assert!(victim.rest().is_empty());
        let mut own = server.connect();
        own.send(b"CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n");
        let reply = own.rest();
        assert!(
            reply.starts_with(b":"),
            "{}",
            String::from_utf8_lossy(&reply)
        );
        assert!(!reply.ends_with(b"+PONG\r\n"));
    }
}

#[test]
fn without_a_password_strangers_are_refused_in_protected_mode() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut raw = server.connect();
    raw.send(b"GET x\r\nAUTH wrong\r\nAUTH secret\r\nGET x\r\n");
    raw.expect("-NOAUTH Authentication required.\r\n");
    raw.expect("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    raw.expect("+OK\r\n$-1\r\n");
}
