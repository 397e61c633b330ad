//! Clients on several threads: what one command does to several keys, no other client sees in
//! part, and no update is lost.
mod harness;

use std::thread;

use hallows_resp::reply::Value;

use harness::{Server, show};

const THREADS: usize = 4;
const ROUNDS: usize = 2000;

/// Runs `work` in several threads, each with its number.
fn in_threads(work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}

#[test]
fn mset_and_mget_see_all_keys_at_one_instant() {
    let server = Server::new();
    server.client().check("MSET a 0 b 0 c 0 d 0 => OK");
    in_threads(|number| {
        let mut client = server.client();
        for round in 0..ROUNDS {
            if number % 2 == 0 {
                let value = format!("{number}:{round}");
                client.send(&format!("MSET a {value} b {value} c {value} d {value}"));
            } else {
                let reply = client.call(&[b"MGET", b"d", b"b", b"a", b"c"]);
                let Value::Array(values) = &reply else {
                    panic!("not an array")
                };
                assert!(
                    values.iter().all(|value| *value == values[0]),
                    "{}",
                    show(&reply)
                );
            }
        }
    });
}

#[test]
fn pipelined_gets_see_all_keys_at_one_instant_or_in_order() {
    let server = Server::new();
    server.client().check("MSET a 0 b 0 => OK");
    in_threads(|number| {
        let mut client = server.client();
        for round in 1..=ROUNDS {
            if number == 0 {
                client.send(&format!("SET a {round}"));
                client.send(&format!("SET b {round}"));
            } else {
                let (out, _) = client.raw(b"GET b\r\nGET a\r\n");
                let numbers: Vec<usize> = String::from_utf8(out)
                    .unwrap()
                    .split("\r\n")
                    .filter_map(|line| line.parse().ok())
                    .collect();
                assert!(numbers[0] <= numbers[1], "{numbers:?}");
            }
        }
    });
}

#[test]
fn no_increment_is_lost() {
    let server = Server::new();
    in_threads(|_| {
        let mut client = server.client();
        for _ in 0..ROUNDS {
            client.send("INCR n");
            client.send("APPEND text x");
        }
    });
    let total = THREADS * ROUNDS;
    server
        .client()
        .check(&format!("GET n => \"{total}\"\n STRLEN text => {total}"));
}

#[test]
fn a_renamed_key_is_always_somewhere() {
    let server = Server::new();
    server.client().check("SET here v => OK");
    in_threads(|number| {
        let mut client = server.client();
        for _ in 0..ROUNDS {
            if number == 0 {
                client.check("RENAME here there => OK\n RENAME there here => OK");
            } else {
                client.check("EXISTS here there => 1");
            }
        }
    });
}
