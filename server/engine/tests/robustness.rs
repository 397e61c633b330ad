//! Whatever bytes arrive, in whatever pieces: no panic, no endless loop, and replies
//! that a client can read.
mod harness;

use fastrand::Rng;
use harness::{Server, feed, request};

/// Names and words that mean something to some command.
const WORDS: &str = "get set getex getdel getset setnx setex psetex mget mset msetnx append strlen \
    getrange setrange substr incr decr incrby decrby incrbyfloat lcs del unlink exists touch type \
    rename renamenx copy move randomkey keys scan expire pexpire expireat pexpireat ttl pttl \
    expiretime pexpiretime persist ping echo hello auth select quit reset dbsize flushdb flushall \
    swapdb time client config info command object memory debug nx xx gt lt ex px exat pxat keepttl \
    db replace count match id list kill setname getname setinfo no-evict no-touch reply on off \
    skip addr docs getkeys usage stats doctor encoding freq idletime refcount help rewrite resetstat \
    default * ? [a-z] 0 1 2 -1 3 15 16 100 9223372036854775807 -9223372036854775808 1.5 1e400 inf \
    nan a b c d key value commandstats everything maxmemory requirepass sleep jmap len idx \
    minmatchlen withmatchlen version sync async type string";

fn word(random: &mut Rng, words: &[&str]) -> Vec<u8> {
    match random.usize(..12) {
        0 => (0..random.usize(..20)).map(|_| random.u8(..)).collect(),
        1 => vec![b'x'; random.usize(..3000)],
        _ => words[random.usize(..words.len())].as_bytes().to_vec(),
    }
}

/// A request, well formed in most cases.
fn draw(random: &mut Rng, words: &[&str]) -> Vec<u8> {
    let args: Vec<Vec<u8>> = (0..1 + random.usize(..6))
        .map(|_| word(random, words))
        .collect();
    let slices: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let mut bytes = match random.usize(..4) {
        0 => [slices.join(&b' '), b"\r\n".to_vec()].concat(),
        _ => request(&slices),
    };
    if random.usize(..25) == 0 && !bytes.is_empty() {
        let at = random.usize(..bytes.len());
        bytes[at] = random.u8(..);
    }
    bytes
}

#[test]
fn random_requests_in_random_pieces_never_break_the_engine() {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    for seed in 1..=6 {
        let mut random = Rng::with_seed(seed);
        let server = Server::with(&[("enable-debug-command", "yes")]);
        let mut client = server.client();
        for _ in 0..1500 {
            let input: Vec<u8> = (0..1 + random.usize(..5))
                .flat_map(|_| draw(&mut random, &words))
                .collect();
            if !feed(&mut client, &input, |bound| random.usize(..bound)) {
                client = server.client();
            }
            server.sleep_ms(random.usize(..50) as u64);
        }
    }
}

#[test]
fn random_bytes_never_break_the_engine() {
    let mut random = Rng::with_seed(42);
    let server = Server::new();
    for _ in 0..3000 {
        let alphabet = b"*$0123\r\n getxGET\"'\\-\0\xff";
        let input: Vec<u8> = (0..random.usize(..200))
            .map(|_| alphabet[random.usize(..alphabet.len())])
            .collect();
        let mut client = server.client();
        feed(&mut client, &input, |bound| random.usize(..bound));
    }
}
