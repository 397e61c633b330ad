//! What needs a ring whose numbers start where a program would take years to get.

use super::{Publisher, start};
use crate::sequenced::ReadError;

#[test]
fn numbers_wrap_around_without_notice() {
    for first in [u64::MAX - 2, (1 << 63) - 3, 1] {
        let mut publisher: Publisher<1> = start(4, 1, first);
        let mut consumer = publisher.join().unwrap();
        assert_eq!(consumer.try_read(), Err(ReadError::Empty));
        for item in 0..9 {
            publisher.publish([item]);
            assert_eq!(consumer.try_read(), Ok([item]));
            assert_eq!(consumer.try_read(), Err(ReadError::Empty));
        }
    }
}

#[test]
fn losses_are_counted_across_the_wrap_around() {
    for first in [u64::MAX - 2, (1 << 63) - 3, 1] {
        let mut publisher: Publisher<1> = start(4, 1, first);
        let mut consumer = publisher.join().unwrap();
        for item in 0..7 {
            publisher.publish([item]);
        }
        assert_eq!(consumer.try_read(), Err(ReadError::Lost(5)));
        assert_eq!(consumer.sequence(), first.wrapping_add(5));
        assert_eq!(consumer.try_read(), Ok([5]));
        assert_eq!(consumer.try_read(), Ok([6]));
        assert_eq!(consumer.try_read(), Err(ReadError::Empty));
    }
}
