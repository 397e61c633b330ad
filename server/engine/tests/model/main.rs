//! Random commands against a plain model: thousands of steps with a fake clock, and
//! every reply must be the model's, byte for byte.
//! `operation.rs` draws the commands, `redis.rs` is the model.
#[path = "../harness/mod.rs"]
mod harness;
mod operation;
mod redis;

use std::collections::BTreeSet;

use hallows_resp::reply::Value;

use fastrand::Rng;
use harness::{Client, Server, show};
use operation::Operation;
use redis::Model;

const STEPS: usize = 6000;

/// Runs one sequence of commands; every step is a function of the seed.
fn run(seed: u64) {
    let server = Server::new();
    let mut client = server.client();
    let mut model = Model::default();
    let mut random = Rng::with_seed(seed);
    for step in 0..STEPS {
        let now = server.now_ms();
        let operation = Operation::draw(&mut random, &model, now);
        let args = operation.args();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let expected = model.apply(&operation, now);
        let reply = client.call(&args);
        assert_eq!(
            show(&reply),
            show(&expected),
            "seed {seed}, step {step}, {}",
            show(&Value::Array(
                args.iter().map(|arg| Value::Bulk(arg.to_vec())).collect()
            ))
        );
        if random.u8(..40) == 0 {
            compare_keys(&mut client, &model, now);
        }
        if random.u8(..3) == 0 {
            server.sleep_ms(random.u64(..40));
        }
        if random.u8(..20) == 0 {
            server.engine.maintain(step, server.now(), 64);
        }
    }
}

/// What looks through a whole database has no fixed order, and DBSIZE may count keys
/// whose time is over but which nobody has met yet.
fn compare_keys(client: &mut Client, model: &Model, now: u64) {
    let live = model.live_keys(now);
    let Value::Array(keys) = client.call(&[b"KEYS", b"*"]) else {
        panic!("KEYS gives an array")
    };
    assert_eq!(keys.len(), live.len(), "KEYS names each key once");
    let keys: BTreeSet<Vec<u8>> = keys.into_iter().map(bytes).collect();
    assert_eq!(keys, live);
    assert_eq!(scan(client), live);
    match client.call(&[b"RANDOMKEY"]) {
        Value::NullBulk => assert!(live.is_empty()),
        key => assert!(live.contains(&bytes(key))),
    }
    let Value::Integer(size) = client.call(&[b"DBSIZE"]) else {
        panic!("DBSIZE gives a number")
    };
    assert!(
        (live.len()..=model.all_keys()).contains(&(size as usize)),
        "{size}"
    );
}

fn scan(client: &mut Client) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        let Value::Array(mut reply) = client.call(&[b"SCAN", &cursor, b"COUNT", b"3"]) else {
            panic!("SCAN gives an array")
        };
        let Some(Value::Array(keys)) = reply.pop() else {
            panic!("SCAN gives keys")
        };
        found.extend(keys.into_iter().map(bytes));
        cursor = bytes(reply.pop().expect("a cursor"));
        if cursor == b"0" {
            return found;
        }
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes,
        other => panic!("not a string: {other:?}"),
    }
}

#[test]
fn replies_are_those_of_a_plain_model() {
    for seed in 1..=8 {
        run(seed);
    }
}
