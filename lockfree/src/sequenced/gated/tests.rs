//! What needs a ring whose numbers start where a program would take years to get.

use std::vec::Vec;

use super::{Publisher, start};
use crate::sequenced::Full;

fn near_the_end() -> Publisher<u64> {
    start(4, 2, || 0, u64::MAX - 5)
}

#[test]
fn numbers_wrap_around_without_notice() {
    let mut publisher = near_the_end();
    let mut consumer = publisher.join().unwrap();
    let mut next = u64::MAX - 5;
    for _ in 0..5 {
        for _ in 0..4 {
            let sequence = publisher.sequence();
            assert_eq!(publisher.try_publish(sequence), Ok(sequence));
        }
        assert_eq!(publisher.try_publish(0), Err(Full(0)));
        let mut late = publisher.join().unwrap();
        assert_eq!(late.items(), 0);
        let read = consumer.visit(9, |sequence, item| {
            assert_eq!((sequence, *item), (next, next));
            next = next.wrapping_add(1);
        });
        assert_eq!(read, Ok(4));
    }
}

#[test]
fn the_gate_holds_across_the_wrap_around_and_half_way() {
    for first in [u64::MAX - 1, (1 << 63) - 2, (1 << 62) - 2] {
        let mut publisher: Publisher<u64> = start(4, 1, || 0, first);
        let mut consumer = publisher.join().unwrap();
        assert_eq!(publisher.claim(4).unwrap().fill(0..4), 4);
        assert_eq!(publisher.room(), 0);
        let view = consumer.read(3).unwrap();
        let (head, tail) = view.as_slices();
        assert_eq!([head, tail].concat(), Vec::from_iter(0..3));
        view.release(3);
        assert_eq!(publisher.room(), 3);
    }
}
