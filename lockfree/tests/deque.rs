//! The work-stealing deque on the processor's own atomics: conservation, order, exactly-once drop,
//! refusals. Also under Miri and ThreadSanitizer.

#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use hallows_lockfree::deque::{Full, Steal, Stealer, Worker};

/// Values per stress test.
const VALUES: u32 = if cfg!(miri) { 300 } else { 300_000 };

/// Steals by `steal` until `ended`, and then until nothing is left.
fn plunder<T>(ended: &AtomicBool, mut steal: impl FnMut() -> Steal<T>) -> Vec<T> {
    let mut stolen = Vec::new();
    loop {
        let last = ended.load(SeqCst);
        match steal() {
            Steal::Success(value) => stolen.push(value),
            Steal::Empty if last => return stolen,
            Steal::Empty => thread::yield_now(),
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

fn plunder_halves(ended: &AtomicBool, victim: &Stealer<u32>) -> Vec<u32> {
    let own = Worker::new(16);
    let mut stolen = Vec::new();
    plunder(ended, || {
        let result = victim.steal_half(&own);
        stolen.extend(std::iter::from_fn(|| own.pop_front()));
        result
    });
    stolen
}

/// The owner pushes `0..VALUES` and pops some by `pop`, one thief steals single values, one halves;
/// returns what each got.
fn struggle(pop: fn(&Worker<u32>) -> Option<u32>) -> [Vec<u32>; 3] {
    let worker = Worker::new(32);
    let ended = AtomicBool::new(false);
    let (one, half) = (worker.stealer(), worker.stealer());
    thread::scope(|scope| {
        let one = scope.spawn(|| plunder(&ended, || one.steal()));
        let half = scope.spawn(|| plunder_halves(&ended, &half));
        let mut popped = Vec::new();
        for value in 0..VALUES {
            let mut refused = worker.push(value);
            while let Err(Full(value)) = refused {
                popped.extend(pop(&worker));
                thread::yield_now();
                refused = worker.push(value);
            }
            if value.is_multiple_of(3) {
                popped.extend(pop(&worker));
            }
        }
        ended.store(true, SeqCst);
        let thieves = [one, half].map(|thief| thief.join().expect("the thief has ended"));
        popped.extend(std::iter::from_fn(|| pop(&worker)));
        let [one, half] = thieves;
        [popped, one, half]
    })
}

#[test]
fn every_value_comes_out_once_and_in_order_at_the_front() {
    let parts = struggle(Worker::pop_front);
    for part in &parts {
        assert!(part.is_sorted(), "who takes the oldest gets them in order");
    }
    let mut all = parts.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..VALUES));
}

#[test]
fn every_value_comes_out_once_when_the_owner_pops_the_newest() {
    let mut all = struggle(Worker::pop_back).concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..VALUES));
}

#[test]
fn the_last_value_is_not_taken_twice() {
    let rounds = if cfg!(miri) { 30 } else { 20_000 };
    let (worker, together) = (Worker::new(2), Barrier::new(2));
    let (stealer, stolen) = (worker.stealer(), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                together.wait();
                let got = usize::from(stealer.steal().success().is_some());
                stolen.fetch_add(got, SeqCst);
                together.wait();
            }
        });
        for round in 0..rounds {
            worker.push(round).expect("it is empty");
            together.wait();
            let popped = if round % 2 == 0 {
                worker.pop_back()
            } else {
                worker.pop_front()
            };
            together.wait();
            let stolen = stolen.swap(0, SeqCst);
            let left = worker.pop_front();
            let count = usize::from(popped.is_some()) + stolen + usize::from(left.is_some());
            assert_eq!(count, 1, "in round {round}");
        }
    });
}

#[test]
fn workers_that_steal_from_each_other_lose_nothing() {
    let (left, right) = (Worker::new(64), Worker::new(64));
    let (from_left, from_right) = (left.stealer(), right.stealer());
    let taken = AtomicUsize::new(0);
    let run = |own: Worker<u32>, other: Stealer<u32>| {
        for _ in 0..VALUES {
            if own.push(1).is_err() {
                taken.fetch_add(usize::from(own.pop_back().is_some()), SeqCst);
                // The refused value counts as taken.
                taken.fetch_add(1, SeqCst);
            }
            let _ = other.steal_half(&own);
        }
        own
    };
    let left_over = thread::scope(|scope| {
        let left = scope.spawn(|| run(left, from_right));
        let right = scope.spawn(|| run(right, from_left));
        let workers = [left, right].map(|worker| worker.join().expect("it has ended"));
        workers.map(|worker| std::iter::from_fn(|| worker.pop_front()).count())
    });
    let all = taken.into_inner() + left_over.iter().sum::<usize>();
    assert_eq!(all, 2 * VALUES as usize);
}

#[test]
fn half_is_rounded_up_and_bounded_by_the_room() {
    let busy = Worker::new(16);
    for value in 0..15 {
        busy.push(value).expect("room for 16");
    }
    let small = Worker::new(4);
    assert_eq!(busy.stealer().steal_half(&small), Steal::Success(4));
    assert_eq!(busy.stealer().steal_half(&small), Steal::Empty, "no room");
    let large = Worker::new(16);
    assert_eq!(busy.stealer().steal_half(&large), Steal::Success(6));
    assert_eq!((small.len(), large.len(), busy.len()), (4, 6, 5));
    let oldest = [&small, &large, &busy].map(Worker::pop_front);
    assert_eq!(oldest, [0, 4, 10].map(Some));
}

#[test]
fn stealing_from_itself_only_turns_a_deque_around() {
    let worker = Worker::new(8);
    for value in 0..4 {
        worker.push(value).expect("room for 8");
    }
    assert_eq!(worker.stealer().steal_half(&worker), Steal::Success(2));
    let all: Vec<_> = std::iter::from_fn(|| worker.pop_front()).collect();
    assert_eq!(all, [2, 3, 0, 1]);
}

#[test]
fn a_full_deque_gives_the_value_back() {
    let worker = Worker::new(2);
    assert_eq!((worker.capacity(), worker.is_empty()), (2, true));
    worker.push("a").expect("room for 2");
    worker.push("b").expect("room for 2");
    assert_eq!(worker.push("c"), Err(Full("c")));
    assert_eq!((worker.len(), worker.stealer().len()), (2, 2));
    assert_eq!(worker.pop_front(), Some("a"));
    worker.push("c").expect("room again");
    assert_eq!(worker.stealer().steal(), Steal::Success("b"));
    assert_eq!(worker.pop_back(), Some("c"));
    assert!(worker.stealer().is_empty());
}

#[test]
#[should_panic(expected = "must be a power of two of at most 1073741824, not 3")]
fn a_capacity_that_is_no_power_of_two_is_refused() {
    let _ = Worker::<u8>::new(3);
}

/// Counts its drops; panics if told to.
struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        assert!(!self.panics, "as asked");
    }
}

#[test]
fn values_that_are_left_are_dropped_once_also_when_one_panics() {
    let drops = Arc::new(AtomicUsize::new(0));
    let worker = Worker::new(8);
    for index in 0..6 {
        let value = Counted {
            drops: drops.clone(),
            panics: index == 3,
        };
        assert!(worker.push(value).is_ok());
    }
    drop(worker.pop_front());
    let stealer = worker.stealer();
    drop(worker);
    drop(stealer.steal().success());
    assert_eq!(drops.load(SeqCst), 2, "a stealer keeps the rest alive");
    let caught = catch_unwind(AssertUnwindSafe(|| drop(stealer)));
    assert!(caught.is_err());
    assert_eq!(drops.load(SeqCst), 6);
}

#[test]
fn values_without_size_are_counted() {
    let worker = Worker::new(4);
    for _ in 0..4 {
        worker.push(()).expect("room for 4");
    }
    assert!(worker.push(()).is_err());
    let other = Worker::new(4);
    assert_eq!(worker.stealer().steal_half(&other), Steal::Success(2));
    assert_eq!((worker.len(), other.len()), (2, 2));
}

#[test]
fn the_oldest_value_keeps_its_name_until_it_is_taken() {
    let worker = Worker::new(4);
    let stealer = worker.stealer();
    assert_eq!(stealer.oldest(), None);
    worker.push(1).unwrap();
    let name = stealer.oldest();
    assert!(name.is_some());
    worker.push(2).unwrap();
    assert_eq!(stealer.oldest(), name);
    worker.pop_front();
    assert!(stealer.oldest().is_some_and(|next| Some(next) != name));
}
