//! Properties of the parser over generated streams: requests come back as sent, and neither damage
//! nor the pieces in which bytes arrive lead to a panic or to different outcomes.

use crate::checks::{Event, assert_pieces_make_no_difference, events, tight_limits};
use fastrand::Rng;
use hallows_resp::{Limits, Protocol, Reply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const WHOLE: fn() -> usize = || usize::MAX / 2;

fn encode(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Reply::new(&mut bytes, Protocol::Resp2);
    for args in requests {
        writer.array(args.len());
        for arg in args {
            writer.bulk(arg);
        }
    }
    bytes
}

fn requests() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let arg = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 90..120)];
    vec(vec(arg, 1..24), 0..6)
}

/// What noise is made of: it looks like the protocol often enough to reach its corners.
const FRAGMENTS: &[&[u8]] = &[
    b"*",
    b"*1\r\n",
    b"*2\r\n",
    b"*-1\r\n",
    b"$",
    b"$1\r\nx\r\n",
    b"$4\r\nPING\r\n",
    b"$-1\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"0",
    b"17",
    b"99999999999",
    b"\"",
    b"'",
    b"\\x4",
    b" ",
    b"GET key\n",
    b"\xff",
    b"aaaaaaaaaaaaaaaaaaaaaaaa",
];

fn noise() -> impl Strategy<Value = Vec<u8>> {
    vec(select(FRAGMENTS), 0..24).prop_map(|fragments| fragments.concat())
}

/// Piece lengths, repeated for as long as needed.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), vec(1..40usize, 1..12)]
}

fn cycle(pieces: &[usize]) -> impl FnMut() -> usize {
    let mut lens = pieces.iter().copied().cycle();
    move || lens.next().unwrap_or(1)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_come_back_as_they_were_encoded(requests in requests(), pieces in pieces()) {
        let bytes = encode(&requests);
        let (found, consumed) = events(&bytes, &Limits::default(), cycle(&pieces));
        let expected: Vec<Event> = requests.into_iter().map(Event::Request).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(consumed, bytes.len());
    }

    #[test]
    fn quoted_words_come_back_as_they_were_escaped(words in vec(vec(any::<u8>(), 0..20), 1..8)) {
        let quoted: Vec<String> = words
            .iter()
            .map(|word| word.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>())
            .map(|escaped| format!("\"{escaped}\""))
            .collect();
        let line = quoted.join(" ") + "\r\n";
        let (found, _) = events(line.as_bytes(), &Limits::default(), WHOLE);
        prop_assert_eq!(found, vec![Event::Request(words)]);
    }

    #[test]
    fn the_pieces_in_which_noise_arrives_make_no_difference(
        noise in noise(),
        pieces in pieces(),
        authenticated in any::<bool>(),
    ) {
        assert_pieces_make_no_difference(&noise, &tight_limits(authenticated), cycle(&pieces));
    }

    #[test]
    fn the_pieces_in_which_random_bytes_arrive_make_no_difference(
        bytes in vec(any::<u8>(), 0..300),
        pieces in pieces(),
    ) {
        assert_pieces_make_no_difference(&bytes, &tight_limits(true), cycle(&pieces));
    }
}

/// The bounded cousin of the fuzz target: valid streams with a few bytes damaged.
#[test]
fn damaged_requests_never_panic_and_every_cut_agrees() {
    let mut random = Rng::with_seed(0x9E37_79B9_7F4A_7C15);
    for _ in 0..60_000 {
        let mut bytes = encode(&random_requests(&mut random));
        for _ in 0..random.usize(..4) {
            damage(&mut random, &mut bytes);
        }
        let limits = tight_limits(random.bool());
        let longest = 1 + random.usize(..30);
        assert_pieces_make_no_difference(&bytes, &limits, || 1 + random.usize(..longest));
    }
}

fn random_requests(random: &mut Rng) -> Vec<Vec<Vec<u8>>> {
    (0..1 + random.usize(..3))
        .map(|_| {
            (0..1 + random.usize(..5))
                .map(|_| (0..random.usize(..14)).map(|_| byte(random)).collect())
                .collect()
        })
        .collect()
}

/// Mostly bytes that mean something to the parser.
fn byte(random: &mut Rng) -> u8 {
    const MEANINGFUL: &[u8] = b"*$\r\n\0 \"'\\-0123456789xab";
    match random.u8(..8) {
        0 => random.u8(..),
        _ => MEANINGFUL[random.usize(..MEANINGFUL.len())],
    }
}

fn damage(random: &mut Rng, bytes: &mut Vec<u8>) {
    let at = random.usize(..bytes.len().max(1));
    match random.u8(..4) {
        0 => bytes.insert(at, byte(random)),
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 => bytes.truncate(at),
        _ if at < bytes.len() => bytes[at] = byte(random),
        _ => {}
    }
}
