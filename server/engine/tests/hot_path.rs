//! The commands that make up nearly all traffic allocate nothing: not for the request, not for
//! the value (it has room where the old one was), and not for the reply once the buffer has grown.
mod harness;

use harness::{Server, request};

fn allocations(input: &[u8]) -> u64 {
    let server = Server::new();
    let mut client = server.client();
    let mut out = Vec::with_capacity(1 << 20);
    let mut run = |input: &[u8]| {
        let step = client
            .connection
            .process(server.now(), input, &mut out, 1 << 20);
        assert_eq!(step.consumed, input.len());
        assert!(!out.starts_with(b"-"), "{}", out.escape_ascii());
        out.clear();
    };
    for i in 0..100 {
        run(&request(&[
            b"SET",
            format!("key:{i}").as_bytes(),
            &[b'v'; 64],
        ]));
    }
    run(input);
    allocation_counter::measure(|| (0..10).for_each(|_| run(input))).count_total
}

fn pipeline(each: impl Fn(String) -> Vec<u8>) -> Vec<u8> {
    (0..100).flat_map(|i| each(format!("key:{i}"))).collect()
}

#[test]
fn gets_allocate_nothing_alone_or_in_a_pipeline() {
    assert_eq!(allocations(&request(&[b"GET", b"key:1"])), 0);
    assert_eq!(allocations(&request(&[b"GET", b"missing"])), 0);
    assert_eq!(
        allocations(&pipeline(|key| request(&[b"GET", key.as_bytes()]))),
        0
    );
}

#[test]
fn sets_allocate_nothing_alone_or_in_a_pipeline() {
    assert_eq!(allocations(&request(&[b"SET", b"key:1", &[b'w'; 64]])), 0);
    assert_eq!(
        allocations(&pipeline(|key| request(&[
            b"SET",
            key.as_bytes(),
            &[b'w'; 64]
        ]))),
        0
    );
    let expiring = |key: String| request(&[b"SET", key.as_bytes(), &[b'w'; 64], b"EX", b"100"]);
    assert_eq!(allocations(&pipeline(expiring)), 0);
}

#[test]
fn counters_and_small_commands_allocate_nothing() {
    for command in [
        "INCR n",
        "EXISTS key:1",
        "EXPIRE key:1 100",
        "TTL key:1",
        "PING",
        "STRLEN key:2",
    ] {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        assert_eq!(allocations(&request(&words)), 0, "{command}");
    }
}
