//! The promise of `--memory`: ten times the limit written with random sizes, and
//! the process stays within 1.15 times the limit plus 32 MiB.

use std::io::{Read, Write};

use fastrand::Rng;
use redis::Commands;

use crate::support::{Raw, Server, backends};

/// Sizes spread evenly over the powers of two from 1 byte to 256 KiB.
fn size(random: &mut Rng) -> usize {
    let bits = random.u32(..18);
    random.usize(..1 << bits) + 1
}

/// Writes `total` bytes of values in pipelines and counts the answers.
fn fill(addr: std::net::SocketAddr, seed: u64, total: usize) -> (usize, usize) {
    let mut raw = Raw::new(addr);
    let mut random = Rng::with_seed(seed);
    let (mut sent, mut written, mut answered) = (0, 0, 0);
    while written < total {
        let mut batch = Vec::new();
        let mut expected = 0;
        while batch.len() < 200_000 {
            let size = size(&mut random);
            let key = format!("key:{}:{}", seed, random.u32(..1_000_000));
            let (key_len, expiry) = (key.len(), random.u32(1_000..101_000));
            let head = format!("*5\r\n$3\r\nSET\r\n${key_len}\r\n{key}\r\n${size}\r\n",);
            batch.extend_from_slice(head.as_bytes());
            batch.resize(batch.len() + size, b'a' + (size % 26) as u8);
            let digits = expiry.to_string();
            let tail = format!("\r\n$2\r\nPX\r\n${}\r\n{digits}\r\n", digits.len());
            batch.extend_from_slice(tail.as_bytes());
            written += size;
            expected += 1;
        }
        raw.stream.write_all(&batch).expect("the server reads");
        let mut replies = vec![0; expected * 5];
        raw.stream
            .read_exact(&mut replies)
            .expect("every request is answered");
        answered += replies
            .chunks(5)
            .filter(|reply| *reply == b"+OK\r\n")
            .count();
        sent += expected;
    }
    (sent, answered)
}

#[test]
fn ten_times_the_limit_in_random_sizes_stays_within_the_promise() {
    for io in backends() {
        for limit_mib in [8, 64] {
            let memory = format!("{limit_mib}MiB");
            let server = Server::start(&["--io", io, "--memory", &memory, "--workers", "2"]);
            let limit = limit_mib << 20;
            let writers: Vec<_> = [3, 5]
                .map(|seed| {
                    let addr = server.addr;
                    std::thread::spawn(move || fill(addr, seed, 5 * limit))
                })
                .into_iter()
                .collect();
            for writer in writers {
                let (sent, answered) = writer.join().unwrap();
                assert_eq!(sent, answered, "every SET is answered with OK");
            }
            let rss = server.rss();
            let promise = limit * 115 / 100 + (32 << 20);
            eprintln!("{io}: limit {memory}, resident {} MiB", rss >> 20);
            assert!(rss <= promise, "resident {rss}, promised {promise}");
            let mut client = server.client();
            assert!(redis::cmd("DBSIZE").query::<usize>(&mut client).unwrap() > 0);
            let used: redis::InfoDict =
                redis::cmd("INFO").arg("memory").query(&mut client).unwrap();
            assert!(used.get::<usize>("used_memory").unwrap() > limit / 2);
        }
    }
}

#[test]
fn memory_comes_back_after_a_flush_and_after_the_limit_is_lowered() {
    let server = Server::start(&["--memory", "128MiB", "--workers", "2"]);
    fill(server.addr, 7, 200 << 20);
    let full = server.rss();
    let mut client = server.client();
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "16mb"])
        .query(&mut client)
        .unwrap();
    crate::support::wait_for("the store to shrink", || {
        let _: Option<String> = client.get("poke").unwrap();
        (server.rss() < (16 << 20) * 115 / 100 + (32 << 20)).then_some(())
    });
    let _: () = redis::cmd("FLUSHALL").query(&mut client).unwrap();
    assert!(server.rss() < full / 2);
}
