//! What needs a ring whose positions start where a program would take years to get.

use super::{PopError, PushError, pair};

#[test]
fn positions_wrap_around_without_notice() {
    let (mut producer, mut consumer) = pair::<_, true>(3, usize::MAX - 4);
    for round in 0..10 {
        for item in 0..3 {
            producer.try_push(round + item).unwrap();
        }
        assert_eq!(producer.try_push(0), Err(PushError::Full(0)));
        assert_eq!(producer.room(), 0);
        assert_eq!(consumer.items(), 3);
        for item in 0..3 {
            assert_eq!(consumer.try_pop(), Ok(round + item));
        }
        assert_eq!(consumer.try_pop(), Err(PopError::Empty));
    }
}

#[test]
fn chunks_cross_the_wrap_around() {
    let (mut producer, mut consumer) = pair::<_, false>(5, usize::MAX - 2);
    assert_eq!(producer.reserve(5).unwrap().fill(0..), 5);
    let chunk = consumer.read(5).unwrap();
    let (first, second) = chunk.as_slices();
    assert_eq!((first, second), (&[0, 1, 2][..], &[3, 4][..]));
    chunk.release(4);
    producer.try_push(5).unwrap();
    assert!(consumer.read(2).unwrap().into_iter().eq([4, 5]));
}

#[test]
fn what_is_left_across_the_wrap_around_is_dropped_once() {
    let item = std::rc::Rc::new(());
    let (mut producer, consumer) = pair::<_, false>(4, usize::MAX - 1);
    producer
        .reserve(4)
        .unwrap()
        .fill(std::iter::repeat_with(|| item.clone()));
    assert_eq!(std::rc::Rc::strong_count(&item), 5);
    drop((producer, consumer));
    assert_eq!(std::rc::Rc::strong_count(&item), 1);
}
