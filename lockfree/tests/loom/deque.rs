//! The work-stealing deque: every pair of operations, with as few values as make them meet.

use hallows_lockfree::deque::{Steal, Stealer, Worker};
use loom::sync::Arc;
use loom::thread;

fn with_values(capacity: usize, values: &[u32]) -> Worker<u32> {
    let worker = Worker::new(capacity);
    for &value in values {
        worker.push(value).expect("there is room");
    }
    worker
}

/// One attempt in a thread of its own.
fn thief(stealer: Stealer<u32>) -> thread::JoinHandle<Option<u32>> {
    thread::spawn(move || stealer.steal().success())
}

/// One attempt to steal half in a thread of its own, which returns what it got.
fn thief_of_half(stealer: Stealer<u32>) -> thread::JoinHandle<Vec<u32>> {
    thread::spawn(move || {
        let own = Worker::new(4);
        let count = stealer.steal_half(&own).success().unwrap_or(0);
        let stolen: Vec<_> = std::iter::from_fn(|| own.pop_front()).collect();
        assert_eq!(stolen.len(), count);
        stolen
    })
}

/// Every value of `expected` came out once, in `parts` or by popping what is left.
fn conserved(worker: &Worker<u32>, parts: &[&[u32]], expected: &[u32]) {
    let mut all: Vec<u32> = parts.concat();
    all.extend(std::iter::from_fn(|| worker.pop_front()));
    all.sort_unstable();
    assert_eq!(all, expected);
}

#[test]
fn a_pushed_value_is_stolen_whole_or_not_yet() {
    loom::model(|| {
        let worker = with_values(2, &[]);
        let thief = thief(worker.stealer());
        worker.push(1).expect("there is room");
        worker.push(2).expect("there is room");
        let stolen = thief.join().unwrap();
        assert!(stolen.is_none_or(|value| value == 1));
        conserved(&worker, &[stolen.as_slice()], &[1, 2]);
    });
}

#[test]
fn the_last_value_goes_to_the_owners_back_or_to_a_thief() {
    loom::model(|| {
        let worker = with_values(2, &[1]);
        let thief = thief(worker.stealer());
        let popped = worker.pop_back();
        let stolen = thief.join().unwrap();
        conserved(&worker, &[popped.as_slice(), stolen.as_slice()], &[1]);
    });
}

#[test]
fn the_last_value_goes_to_the_owners_front_or_to_a_thief() {
    loom::model(|| {
        let worker = with_values(2, &[1]);
        let thief = thief(worker.stealer());
        let popped = worker.pop_front();
        worker.push(2).expect("there is room");
        let stolen = thief.join().unwrap();
        conserved(&worker, &[popped.as_slice(), stolen.as_slice()], &[1, 2]);
    });
}

#[test]
fn a_thief_that_saw_values_which_are_popped_since_does_not_get_them() {
    loom::model(|| {
        let worker = with_values(4, &[1, 2, 3]);
        let thief = thief_of_half(worker.stealer());
        let mut popped: Vec<_> = (0..3).filter_map(|_| worker.pop_back()).collect();
        worker.push(4).expect("there is room");
        popped.extend(worker.pop_back());
        let stolen = thief.join().unwrap();
        conserved(&worker, &[&popped, &stolen], &[1, 2, 3, 4]);
    });
}

#[test]
fn a_thief_learns_of_older_values_from_a_pop_too() {
    loom::model(|| {
        let worker = with_values(4, &[]);
        let thief = thief(worker.stealer());
        worker.push(1).expect("there is room");
        worker.push(2).expect("there is room");
        let popped = worker.pop_back();
        let stolen = thief.join().unwrap();
        conserved(&worker, &[popped.as_slice(), stolen.as_slice()], &[1, 2]);
    });
}

#[test]
fn a_value_pushed_where_one_was_popped_is_stolen_whole() {
    loom::model(|| {
        let worker = with_values(2, &[1]);
        let thief = thief(worker.stealer());
        let popped = worker.pop_back();
        worker.push(2).expect("there is room");
        let stolen = thief.join().unwrap();
        conserved(&worker, &[popped.as_slice(), stolen.as_slice()], &[1, 2]);
    });
}

#[test]
fn a_deque_that_is_never_empty_never_seems_to_be() {
    let looks: [fn(&Stealer<u32>) -> bool; 3] = [
        |stealer| stealer.is_empty(),
        |stealer| stealer.oldest().is_none(),
        |stealer| matches!(stealer.steal(), Steal::Empty),
    ];
    for seems_empty in looks {
        loom::model(move || {
            let worker = with_values(4, &[1, 2]);
            let stealer = worker.stealer();
            let thief = thread::spawn(move || seems_empty(&stealer));
            worker.push(3).expect("there is room");
            assert!(worker.pop_front().is_some());
            // The thief may have got the other.
            worker.pop_front();
            assert!(!thief.join().unwrap());
        });
    }
}

#[test]
fn a_slot_is_not_overwritten_while_a_thief_copies_it() {
    loom::model(|| {
        let worker = with_values(2, &[1, 2]);
        let thief = thief(worker.stealer());
        let fits = worker.push(3).is_ok();
        let stolen = thief.join().unwrap();
        let expected: &[u32] = if fits { &[1, 2, 3] } else { &[1, 2] };
        conserved(&worker, &[stolen.as_slice()], expected);
        worker.push(4).expect("all is free");
    });
}

#[test]
fn both_ends_and_a_thief_of_half_share_what_there_is() {
    loom::model(|| {
        let worker = with_values(4, &[1, 2, 3]);
        let thief = thief_of_half(worker.stealer());
        let front = worker.pop_front();
        let back = worker.pop_back();
        let stolen = thief.join().unwrap();
        let parts = [front.as_slice(), back.as_slice(), &stolen];
        conserved(&worker, &parts, &[1, 2, 3]);
    });
}

#[test]
fn two_thieves_copy_at_a_time_and_the_owner_reuses_their_slots() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let worker = with_values(2, &[1, 2]);
        let thieves = [thief(worker.stealer()), thief(worker.stealer())];
        let fits = worker.push(3).is_ok();
        let stolen = thieves.map(|thief| thief.join().unwrap());
        let expected: &[u32] = if fits { &[1, 2, 3] } else { &[1, 2] };
        let parts = [stolen[0].as_slice(), stolen[1].as_slice()];
        conserved(&worker, &parts, expected);
    });
}

#[test]
fn two_thieves_and_a_pop_at_the_back_get_different_values() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let worker = with_values(2, &[1, 2]);
        let one = thief(worker.stealer());
        let half = thief_of_half(worker.stealer());
        let popped = [worker.pop_back(), worker.pop_back()];
        let (one, half) = (one.join().unwrap(), half.join().unwrap());
        let parts = [
            popped[0].as_slice(),
            popped[1].as_slice(),
            one.as_slice(),
            &half,
        ];
        conserved(&worker, &parts, &[1, 2]);
    });
}

#[test]
fn what_was_stolen_can_be_stolen_again() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        let first = with_values(2, &[1, 2]);
        let second = Worker::new(2);
        let robber = thief(second.stealer());
        let victim = first.stealer();
        let middle = thread::spawn(move || {
            let count = victim.steal_half(&second).success();
            (count, second)
        });
        let popped = first.pop_front();
        let (count, second) = middle.join().unwrap();
        let robbed = robber.join().unwrap();
        assert!(count.is_some() || robbed.is_none());
        let kept: Vec<_> = std::iter::from_fn(|| second.pop_front()).collect();
        let parts = [popped.as_slice(), robbed.as_slice(), &kept];
        conserved(&first, &parts, &[1, 2]);
    });
}

#[test]
fn values_left_behind_are_dropped_by_whoever_leaves_last() {
    loom::model(|| {
        // Loom's Arc reports a leak, and a use after the last drop.
        let value = Arc::new(());
        let worker = Worker::new(2);
        worker.push(value.clone()).expect("there is room");
        worker.push(value.clone()).expect("there is room");
        let stealer = worker.stealer();
        let thief = thread::spawn(move || {
            let stolen = stealer.steal();
            assert!(!matches!(stolen, Steal::Empty));
        });
        drop(worker);
        thief.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}
