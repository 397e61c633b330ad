//! Positions and counts that start just before they wrap around, and a thief that is stopped.

use super::{Steal, Worker};

/// Every way in and out, over more positions than there are slots.
fn turn(worker: &Worker<u32>) {
    let stealer = worker.stealer();
    for round in 0..8 {
        for value in 0..4 {
            worker.push(round * 10 + value).expect("room for 4");
        }
        assert!(worker.push(99).is_err(), "4 are all there is room for");
        assert_eq!(worker.len(), 4);
        assert_eq!(worker.pop_back(), Some(round * 10 + 3));
        assert_eq!(stealer.steal(), Steal::Success(round * 10));
        assert_eq!(worker.pop_front(), Some(round * 10 + 1));
        assert_eq!(worker.pop_back(), Some(round * 10 + 2));
        assert_eq!(worker.pop_back(), None);
        assert_eq!(worker.pop_front(), None);
        assert_eq!(stealer.steal(), Steal::Empty);
    }
}

#[test]
fn positions_wrap_around() {
    for before in 0..10 {
        turn(&Worker::starting_at(4, u64::from(u32::MAX - before)));
    }
}

#[test]
fn the_count_of_pops_wraps_around() {
    for before in 0..10 {
        turn(&Worker::starting_at(4, u64::MAX - before));
        turn(&Worker::starting_at(
            4,
            u64::from(u32::MAX - before as u32) << 32,
        ));
    }
}

#[test]
fn half_is_stolen_across_the_end_of_the_positions() {
    for before in 0..8 {
        let busy = Worker::starting_at(8, u64::MAX - before);
        let idle = Worker::starting_at(8, u64::MAX - 2 * before);
        for value in 0..7 {
            busy.push(value).expect("room for 8");
        }
        assert_eq!(busy.stealer().steal_half(&idle), Steal::Success(4));
        let stolen: [_; 4] = core::array::from_fn(|_| idle.pop_front());
        assert_eq!(stolen, [0, 1, 2, 3].map(Some));
        let left: [_; 4] = core::array::from_fn(|_| busy.pop_front());
        assert_eq!(left, [Some(4), Some(5), Some(6), None]);
    }
}

#[test]
fn a_thief_that_is_stopped_while_it_copies_stops_nobody_else_until_the_room_is_used_up() {
    let worker = Worker::new(4);
    for value in 0..3 {
        worker.push(value).expect("room for 4");
    }
    // What `steal` does first; the thief is stopped there.
    let Steal::Success(claim) = worker.shared.claim(|_| 1) else {
        panic!("there are three values");
    };
    let other = worker.stealer();
    assert_eq!(other.steal(), Steal::Success(1));
    assert_eq!(worker.pop_front(), Some(2));
    worker.push(3).expect("the fourth slot is free");
    assert!(worker.push(4).is_err(), "slots from the claim on are held");
    assert_eq!(worker.pop_back(), Some(3));
    worker.push(5).expect("the slot of 3 is free again");
    assert_eq!(other.steal(), Steal::Success(5));
    worker.shared.release(&claim);
    for value in 6..10 {
        worker.push(value).expect("all four slots are free");
    }
}

#[test]
fn room_is_counted_from_the_last_look_that_found_no_thief_at_work() {
    let worker = Worker::new(4);
    for value in 0..3 {
        worker.push(value).expect("room for 4");
        assert_eq!(worker.pop_front(), Some(value));
    }
    worker.push(3).expect("the fourth slot was never used");
    // What `steal` does first; the thief is stopped there.
    let Steal::Success(claim) = worker.shared.claim(|_| 1) else {
        panic!("there is a value");
    };
    // Three slots have been free for long, but nobody had to look.
    assert!(worker.push(4).is_err());
    worker.shared.release(&claim);
    for value in 4..8 {
        worker.push(value).expect("all four slots are free");
    }
}
