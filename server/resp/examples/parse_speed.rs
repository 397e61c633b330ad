//! Prints the time to parse one request, and to write one reply, in nanoseconds: the best of several
//! rounds on a warm cache.
//!
//! `cargo run --release -p hallows-resp --example parse_speed`
//!
//! Not for: the cost of a request in the server, which is that of memory and system calls.

use hallows_resp::{Limits, Parsed, Parser, Protocol, Reply};
use std::hint::black_box;
use std::time::Instant;

const REQUESTS_PER_ROUND: usize = 200_000;
const ROUNDS: usize = 15;

fn main() {
    let key = b"key:000000012345";
    let value = [b'v'; 64];
    let set = request(&[b"SET", key, &value]);
    let get = request(&[b"GET", key]);
    let set_px = request(&[b"SET", key, &value, b"PX", b"60000"]);
    let inline = b"GET key:000000012345\r\n".to_vec();
    report("parse SET key value", parse_ns(&set));
    report("parse GET key", parse_ns(&get));
    report("parse SET key value PX ms", parse_ns(&set_px));
    report("parse inline GET key", parse_ns(&inline));
    report(
        "write 0 or 1",
        write_ns(|reply| reply.integer(black_box(1))),
    );
    report(
        "write integer of 6 digits",
        write_ns(|reply| reply.integer(black_box(123_456))),
    );
    report(
        "write 64-byte bulk",
        write_ns(|reply| reply.bulk(black_box(&value))),
    );
}

fn report(what: &str, ns: f64) {
    println!("{what:28} {ns:7.1} ns");
}

fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Reply::new(&mut bytes, Protocol::Resp2);
    writer.array(args.len());
    for arg in args {
        writer.bulk(arg);
    }
    bytes
}

/// As a server sees it: a buffer with a pipeline of sixteen, parsed to its end.
fn parse_ns(request: &[u8]) -> f64 {
    let pipeline = request.repeat(16);
    let limits = Limits::default();
    let mut parser = Parser::new();
    best_ns(REQUESTS_PER_ROUND / 16 * 16, || {
        for _ in 0..REQUESTS_PER_ROUND / 16 {
            let mut input = black_box(&pipeline[..]);
            while let Ok(Parsed::Request { args, consumed }) = parser.parse(input, &limits) {
                for arg in args {
                    black_box(arg);
                }
                input = &input[consumed..];
            }
        }
    })
}

fn write_ns(write: impl Fn(&mut Reply<'_>)) -> f64 {
    let mut out = Vec::with_capacity(16 * 1024);
    best_ns(REQUESTS_PER_ROUND, || {
        for _ in 0..REQUESTS_PER_ROUND / 100 {
            out.clear();
            let mut reply = Reply::new(black_box(&mut out), Protocol::Resp2);
            for _ in 0..100 {
                write(&mut reply);
            }
        }
    })
}

fn best_ns(operations: usize, mut round: impl FnMut()) -> f64 {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_nanos() as f64 / operations as f64
        })
        .fold(f64::INFINITY, f64::min)
}
