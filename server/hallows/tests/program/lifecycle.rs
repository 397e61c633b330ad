//! How a server ends and comes back: SIGTERM answers what was received, a second
//! signal does not wait, kill -9 leaves nothing that hinders a restart.

use std::time::{Duration, Instant};

use redis::Commands;
use rustix::process::Signal;

use crate::support::{Raw, Server, backends, hallows, wait_for};

#[test]
fn sigterm_answers_a_pipeline_in_flight_and_exits_with_0() {
    for io in backends() {
        for signal in [Signal::TERM, Signal::INT] {
            let mut server = Server::start(&["--io", io, "--workers", "2"]);
            let mut clients: Vec<Raw> = (0..20).map(|_| server.connect()).collect();
            let count = 2000;
            for raw in &mut clients {
                raw.send(&b"INCR counter\r\n".repeat(count));
            }
            clients.iter().for_each(Raw::wait_until_received);
            server.signal(signal);
            for raw in &mut clients {
                let replies = raw.rest();
                let answered = replies.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(answered, count, "{io}: every request gets its reply");
            }
            assert_eq!(server.wait().code(), Some(0), "{}", server.log());
            assert!(
                Raw::try_new(server.addr).is_none(),
                "nobody listens any more"
            );
        }
    }
}

#[test]
fn idle_and_stuck_connections_do_not_delay_the_end_beyond_its_bound() {
    for io in backends() {
        let mut server = Server::start(&["--io", io, "--enable-debug-command", "local"]);
        let _idle = server.connect();
        let mut half = server.connect();
        half.send(b"*3\r\n$3\r\nSET\r\n");
        let mut deaf = server.connect();
        let _: () = server
            .client()
            .set("large", vec![b'x'; 30_000_000])
            .unwrap();
        deaf.send(b"GET large\r\n");
        std::thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    for io in backends() {
        let mut server = Server::start(&["--io", io]);
        let mut deaf = server.connect();
        let _: () = server
            .client()
            .set("large", vec![b'x'; 30_000_000])
            .unwrap();
        deaf.send(b"GET large\r\n");
        std::thread::sleep(Duration::from_millis(100));
        server.signal(Signal::TERM);
        // Two signals that come before the first is seen are one to the kernel.
        wait_for("the first signal to be seen", || {
            server.log().contains("ending").then_some(())
        });
        let started = Instant::now();
        server.signal(Signal::TERM);
        server.wait();
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{}",
            server.log()
        );
    }
}

#[test]
fn after_kill_9_the_same_address_serves_again() {
    for io in backends() {
        let mut server = Server::start(&["--io", io]);
        let mut client = server.client();
        let _: () = client.set("x", "1").unwrap();
        server.signal(Signal::KILL);
        assert!(!server.wait().success());
        let addr = server.addr.to_string();
        let again = Server::launch(&mut hallows(&["serve", "--io", io, "--listen", &addr]));
        assert_eq!(again.addr, server.addr);
        assert_eq!(again.client().get::<_, Option<String>>("x").unwrap(), None);
    }
}

#[test]
fn the_banner_tells_address_memory_workers_and_backend() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--memory", "64MiB", "--workers", "2"]);
        let log = server.log();
        let line = log
            .lines()
            .find(|line| line.contains("serving"))
            .expect("a banner");
        let banner: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(banner["listen"], server.addr.to_string());
        assert_eq!(banner["memory"], "64MiB");
        assert_eq!(banner["workers"], 2);
        assert_eq!(banner["io"], io);
    }
}

#[test]
fn the_log_level_follows_config_set() {
    let server = Server::start(&["--log-level", "info"]);
    let mut client = server.client();
    drop(server.client());
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "loglevel", "debug"])
        .query(&mut client)
        .unwrap();
    assert!(!server.log().contains("client closed"), "{}", server.log());
    drop(server.client());
    wait_for("a message of the new level", || {
        server.log().contains("client closed").then_some(())
    });
}
