//! Many connections, and connections that misbehave: 10,000 at once, those that
//! vanish in the middle of a command, that never read, that send a byte at a
//! time. The others must not notice.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use redis::Commands;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Raw, Server, backends, set, wait_for};

const WANTED: usize = 10_000;

/// How many connections this process may open, after raising its limit.
fn connections_possible() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("a soft limit can be raised to the hard one");
    let files = limit
        .maximum
        .map_or(usize::MAX, |files| usize::try_from(files).unwrap());
    let possible = WANTED.min(files.saturating_sub(500));
    if possible < WANTED {
        eprintln!("REDUCED: {possible} connections instead of {WANTED}: nofile is {files}");
    }
    possible
}

#[test]
fn ten_thousand_connections_are_all_answered() {
    let count = connections_possible();
    for io in backends() {
        let server = Server::start(&["--io", io, "--maxclients", "10000"]);
        // One is left for the client that counts.
        let mut connections: Vec<Raw> = (1..count).map(|_| server.connect()).collect();
        for connection in &mut connections {
            connection.send(b"*1\r\n$4\r\nPING\r\n");
        }
        for connection in &mut connections {
            connection.expect("+PONG\r\n");
        }
        let info: String = redis::cmd("INFO")
            .arg("clients")
            .query(&mut server.client())
            .unwrap();
        assert!(
            info.contains(&format!("connected_clients:{count}")),
            "{info}"
        );
        drop(connections);
        wait_for("the connections to go", || {
            let info: redis::InfoDict = redis::cmd("INFO").query(&mut server.client()).ok()?;
            (info.get::<usize>("connected_clients")? == 1).then_some(())
        });
    }
}

#[test]
fn clients_that_vanish_in_the_middle_of_a_command_leave_no_trace() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let request = set("half", &[b'x'; 100_000]);
        for cut in [1, 5, 20, 30, 1000, request.len() - 1] {
            for abort in [false, true] {
                let mut raw = server.connect();
                raw.send(&request[..cut]);
                if abort {
                    // Closing with unread data sends a reset instead of an end.
                    raw.send(b"");
                    raw.stream.shutdown(std::net::Shutdown::Read).unwrap();
                }
            }
        }
        let mut client = server.client();
        assert!(!client.exists::<_, bool>("half").unwrap());
        wait_for("the vanished to be forgotten", || {
            let info: redis::InfoDict = redis::cmd("INFO").query(&mut client).unwrap();
            (info.get::<usize>("connected_clients")? == 1).then_some(())
        });
    }
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_is_answered_and_stops_nobody() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "1"]);
        let mut slow = server.connect();
        let mut client = server.client();
        for byte in set("slow", b"patience").iter().chain(b"PING\r\n") {
            slow.send(&[*byte]);
            std::thread::sleep(Duration::from_millis(5));
            let started = Instant::now();
            let _: () = client.set("quick", "1").unwrap();
            assert!(started.elapsed() < Duration::from_secs(1));
        }
        slow.expect("+OK\r\n+PONG\r\n");
        assert_eq!(client.get::<_, String>("slow").unwrap(), "patience");
    }
}

/// Sends GETs of a large value without ever reading, until the server stops
/// taking them or closes.
fn flood(raw: &mut Raw) {
    raw.stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let requests = b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n".repeat(1000);
    while raw.stream.write_all(&requests).is_ok() {}
}

#[test]
fn clients_that_never_read_are_held_back_and_then_closed() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "1", "--output-timeout", "1"]);
        let mut client = server.client();
        let _: () = client.set("large", vec![b'x'; 100_000]).unwrap();
        let mut deaf: Vec<Raw> = (0..5).map(|_| server.connect()).collect();
        let before = server.rss();
        for raw in &mut deaf {
            flood(raw);
            let started = Instant::now();
            assert_eq!(client.get::<_, Vec<u8>>("large").unwrap().len(), 100_000);
            assert!(started.elapsed() < Duration::from_secs(1));
        }
        let grown = server.rss().saturating_sub(before);
        assert!(grown < 32 << 20, "unread replies took {grown} bytes");
        wait_for("the deaf to be closed", || {
            let info: redis::InfoDict = redis::cmd("INFO").query(&mut client).unwrap();
            (info.get::<usize>("connected_clients")? == 1).then_some(())
        });
    }
}

#[test]
fn a_pipeline_of_any_depth_is_answered_in_order() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut raw = server.connect();
        let mut reader = Raw {
            stream: raw.stream.try_clone().unwrap(),
        };
        let count = 50_000;
        let writer = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for i in 0..count {
                requests.extend_from_slice(format!("ECHO {i}\r\n").as_bytes());
            }
            raw.send(&requests);
            raw
        });
        for i in 0..count {
            let text = i.to_string();
            reader.expect(&format!("${}\r\n{text}\r\n", text.len()));
        }
        writer.join().unwrap();
    }
}

/// Far more than a turn of one connection, none of it long: a receive buffer that grew only by what
/// the next argument lacks would parse it thousands of times and miss the client's time limit.
#[test]
fn a_request_of_very_many_short_arguments_is_answered() {
    const PAIRS: usize = 50_000;
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut request = format!("*{}\r\n$4\r\nMSET\r\n", 1 + 2 * PAIRS).into_bytes();
        for i in 0..PAIRS {
            let key = format!("k{i}");
            request.extend(format!("${}\r\n{key}\r\n$1\r\nv\r\n", key.len()).bytes());
        }
        let mut raw = server.connect();
        raw.send(&request);
        raw.expect("+OK\r\n");
        raw.send(b"DBSIZE\r\n");
        raw.expect(&format!(":{PAIRS}\r\n"));
    }
}

#[test]
fn debug_sleep_is_answered_after_the_sleep() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--enable-debug-command", "local"]);
        let mut raw = server.connect();
        let started = Instant::now();
        raw.send(b"DEBUG SLEEP 0.2\r\n");
        raw.expect("+OK\r\n");
        assert!(started.elapsed() >= Duration::from_millis(200), "{io}");
    }
}

#[test]
fn replies_larger_than_any_buffer_arrive_whole() {
    for io in backends() {
        let server = Server::start(&["--io", io]);
        let mut client = server.client();
        let value: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
        let _: () = client.set("large", &value).unwrap();
        assert!(client.get::<_, Vec<u8>>("large").unwrap() == value);
        let _: usize = client.append("large", "tail").unwrap();
        assert_eq!(client.strlen::<_, usize>("large").unwrap(), value.len() + 4);
    }
}

#[test]
fn a_flood_of_pipelines_does_not_keep_others_waiting() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "1"]);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for id in 0..4 {
                let (stop, server) = (&stop, &server);
                scope.spawn(move || {
                    let mut raw = server.connect();
                    let requests = set(&format!("flood:{id}"), b"x").repeat(5000);
                    while !stop.load(Relaxed) {
                        raw.send(&requests);
                        raw.expect(&"+OK\r\n".repeat(5000));
                    }
                });
            }
            let mut client = server.client();
            let mut longest = Duration::ZERO;
            for i in 0..50 {
                let started = Instant::now();
                let _: () = client.set("calm", i).unwrap();
                longest = longest.max(started.elapsed());
            }
            stop.store(true, Relaxed);
            assert!(longest < Duration::from_secs(1), "{io}: waited {longest:?}");
        });
    }
}

/// Sets a flag when it is dropped.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn connections_of_a_worker_with_too_much_to_do_move_and_lose_nothing() {
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "2"]);
        let clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
        let mut admin = server.client();
        let text = |step: usize| -> String {
            let letter = |i: usize| char::from(b'a' + (i * step % 23) as u8);
            (0..200).map(letter).collect()
        };
        let _: () = admin.mset(&[("a", text(3)), ("b", text(7))]).unwrap();
        let expected: usize = redis::cmd("LCS")
            .arg(&["a", "b", "LEN"])
            .query(&mut admin)
            .unwrap();
        let (done, heavy) = (AtomicBool::new(false), AtomicBool::new(true));
        std::thread::scope(|scope| {
            for mut raw in clients {
                let (done, heavy) = (&done, &heavy);
                scope.spawn(move || {
                    let mut round = 0_usize;
                    while !done.load(Relaxed) {
                        let digits = round.to_string();
                        let mut request = format!("ECHO {round}\r\n");
                        let mut reply = format!("${}\r\n{digits}\r\n", digits.len());
                        let mut depth = 3;
                        if heavy.load(Relaxed) {
                            // Also in the middle of a pipeline.
                            depth = 20;
                            request.insert_str(0, "LCS a b LEN\r\n");
                            reply.insert_str(0, &format!(":{expected}\r\n"));
                        } else {
                            // Light also where other programs have most of the machine.
                            std::thread::sleep(Duration::from_millis(20));
                        }
                        // Requests cut anywhere, so that unfinished ones move, too.
                        let requests = request.repeat(depth);
                        let (first, second) = requests.split_at(round % requests.len());
                        raw.send(first.as_bytes());
                        raw.send(second.as_bytes());
                        raw.expect(&reply.repeat(depth));
                        round += 1;
                    }
                });
            }
            // The clients end also when this fails.
            let _ended = SetAtEnd(&done);
            let started = Instant::now();
            wait_for("a connection to move", || {
                // A heavy load spreads them, unless they already are; then a light one gathers them.
                heavy.store(started.elapsed().as_secs().is_multiple_of(3), Relaxed);
                let info: redis::InfoDict = redis::cmd("INFO").query(&mut admin).unwrap();
                let moved: u64 = info.get("relocated_connections")?;
                (moved > 0).then_some(())
            });
            std::thread::sleep(Duration::from_millis(300));
        });
        let seen: usize = redis::cmd("LCS")
            .arg(&["a", "b", "LEN"])
            .query(&mut admin)
            .unwrap();
        assert_eq!(seen, expected);
    }
}

#[test]
fn pipelines_of_slow_requests_move_before_they_end() {
    const REQUESTS: usize = 100_000;
    const CLIENTS: usize = 3;
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "2"]);
        let mut admin = server.client();
        let _: () = admin
            .mset(&[("a", "ab".repeat(80)), ("b", "ba".repeat(80))])
            .unwrap();
        let clients = wait_for("clients at one worker", || {
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
            for client in &mut clients {
                client.send(b"PING\r\n");
                client.expect("+PONG\r\n");
            }
            (of_worker(&mut admin, 1, "connections") == 0).then_some(clients)
        });
        for client in &clients {
            let mut stream = client.stream.try_clone().unwrap();
            // It is cut off at the end of the test.
            std::thread::spawn(move || {
                let _ = stream.write_all("LCS a b LEN\r\n".repeat(REQUESTS).as_bytes());
            });
        }
        wait_for("a connection to move", || {
            // Seldom, so that only the pipelines' own requests can show who is active.
            std::thread::sleep(Duration::from_millis(500));
            // This client may move as well, but it would leave the other worker idle.
            let busy_permille = of_worker(&mut admin, 1, "busy_permille");
            let info: redis::InfoDict = redis::cmd("INFO").query(&mut admin).unwrap();
            let moved: u64 = info.get("relocated_connections")?;
            (moved > 0 && busy_permille > 500).then_some(())
        });
        let stats: redis::InfoDict = redis::cmd("INFO")
            .arg("commandstats")
            .query(&mut admin)
            .unwrap();
        let calls: String = stats.get("cmdstat_lcs").expect("requests of a pipeline");
        let calls = calls.split(',').next().unwrap_or_default();
        assert_ne!(calls, format!("calls={}", CLIENTS * REQUESTS), "{io}");
    }
}

/// A figure of the load of a worker.
fn of_worker(admin: &mut redis::Connection, worker: usize, figure: &str) -> u64 {
    let load: String = redis::cmd("HALLOWS").arg("LOAD").query(admin).unwrap();
    let load: serde_json::Value = serde_json::from_str(&load).unwrap();
    load["workers"][worker][figure].as_u64().unwrap()
}

#[test]
fn a_pipeline_of_slow_requests_lets_others_in() {
    const SLOW: usize = 400;
    for io in backends() {
        let server = Server::start(&["--io", io, "--workers", "1"]);
        let mut fill = Vec::new();
        (0..20_000).for_each(|number| fill.extend(set(&format!("key:{number}"), b"x")));
        let mut greedy = server.connect();
        greedy.send(&fill);
        greedy.expect(&"+OK\r\n".repeat(20_000));
        let mut other = server.client();
        greedy.send("SCAN 0 MATCH no:* COUNT 10000\r\n".repeat(SLOW).as_bytes());
        greedy.wait_until_received();
        let stats: redis::InfoDict = redis::cmd("INFO")
            .arg("commandstats")
            .query(&mut other)
            .unwrap();
        let scans: String = stats.get("cmdstat_scan").unwrap_or_default();
        let calls = scans.split(',').next().unwrap_or_default();
        assert_ne!(
            calls,
            format!("calls={SLOW}"),
            "{io}: the other client waited for all"
        );
    }
}
