//! The reply slot on the machine's own atomics.
#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};

use hallows_lockfree::reply::{Exhausted, Pool, RecvError, SendError, TryRecvError};
use hallows_lockfree::wait::{block, block_on};

/// More than the near slots, so that both kinds are used.
const CAPACITY: usize = 20;
const REQUESTS: usize = if cfg!(miri) { 200 } else { 200_000 };

/// Counts how often it was woken; its strong count shows who still holds it.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Counts drops.
struct Counted<'c>(&'c AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// All slots can be lent.
fn assert_nothing_is_lent<T>(pool: &Pool<T>) {
    let all: Vec<_> = (0..pool.capacity()).map(|_| pool.slot().unwrap()).collect();
    assert!(pool.slot().is_err());
    drop(all);
}

#[test]
fn an_exhausted_pool_says_its_capacity_and_lends_again_what_comes_back() {
    let pool = Pool::<u8>::new(CAPACITY);
    let mut all: Vec<_> = (0..CAPACITY).map(|_| pool.slot().unwrap()).collect();
    let error = pool.slot().unwrap_err();
    assert_eq!(error, Exhausted { capacity: CAPACITY });
    assert_eq!(error.to_string(), "all 20 reply slots of the pool are lent");
    for one in [3, 17] {
        drop(all.remove(one));
        all.push(pool.slot().unwrap());
        assert!(pool.slot().is_err());
    }
}

#[test]
#[should_panic(expected = "a pool of 0 reply slots was asked for, 1 to 4294967295 are allowed")]
fn a_pool_without_slots_is_refused() {
    drop(Pool::<u8>::new(0));
}

#[test]
fn a_slot_is_lent_until_both_ends_have_let_go() {
    let pool = Pool::<u8>::new(1);
    let (sender, mut receiver) = pool.slot().unwrap();
    sender.send(1).unwrap();
    assert!(pool.slot().is_err());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(pool.slot().is_ok());
    let (sender, receiver) = pool.slot().unwrap();
    drop(receiver);
    assert!(pool.slot().is_err());
    assert!(sender.is_cancelled());
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert!(pool.slot().is_ok());
}

#[test]
fn an_answer_is_received_once() {
    let pool = Pool::new(1);
    let (sender, mut receiver) = pool.slot().unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(5).unwrap();
    assert_eq!(receiver.try_recv(), Ok(5));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(block_on(&mut receiver), Err(RecvError));
    let (sender, mut receiver) = pool.slot().unwrap();
    drop(sender);
    for _ in 0..2 {
        assert_eq!(block_on(&mut receiver), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}

/// What happens between two polls; dropping the receiver may follow any of them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Poll,
    PollWithAnotherWaker,
    Watch,
    Send,
    DropSender,
}

/// Does `steps`, then drops the receiver, then what is left.
fn cancel_after(steps: &[Step]) {
    let wakers = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let watcher = Arc::new(Woken::default());
    let dropped = AtomicUsize::new(0);
    let pool = Pool::new(1);
    let (sender, receiver) = pool.slot().unwrap();
    let (mut sender, mut receiver) = (Some(sender), Some(receiver));
    let mut sent = 0;
    let mut waiting = None;
    let mut watches = false;
    for step in steps {
        match step {
            Step::Watch => {
                if let Some(sender) = &mut sender {
                    let waker = Waker::from(watcher.clone());
                    let mut cx = Context::from_waker(&waker);
                    assert!(sender.poll_cancelled(&mut cx).is_pending());
                    watches = true;
                }
            }
            Step::Poll | Step::PollWithAnotherWaker => {
                let which = usize::from(*step == Step::PollWithAnotherWaker);
                let waker = Waker::from(wakers[which].clone());
                let Some(polled) = &mut receiver else {
                    continue;
                };
                match polled.poll_recv(&mut Context::from_waker(&waker)) {
                    Poll::Pending => waiting = Some(which),
                    Poll::Ready(_) => receiver = None,
                }
            }
            Step::Send => {
                if let Some(sender) = sender.take() {
                    assert!(sender.send(Counted(&dropped)).is_ok());
                    sent = 1;
                }
            }
            Step::DropSender => drop(sender.take()),
        }
    }
    let woken = wakers.each_ref().map(|waker| waker.0.load(SeqCst));
    let expected = [0, 1].map(|which| usize::from(sender.is_none() && waiting == Some(which)));
    assert_eq!(woken, expected, "woken after {steps:?}");
    assert_eq!(watcher.0.load(SeqCst), 0, "nobody has left");
    drop(receiver);
    let hears = usize::from(sender.is_some() && watches);
    assert_eq!(watcher.0.load(SeqCst), hears, "the end of {steps:?}");
    for waker in &wakers {
        assert_eq!(Arc::strong_count(waker), 1, "a waker is kept: {steps:?}");
    }
    drop(sender);
    assert_eq!(
        Arc::strong_count(&watcher),
        1,
        "the sender's is kept: {steps:?}"
    );
    assert_eq!(dropped.load(SeqCst), sent, "drops after {steps:?}");
    assert_nothing_is_lent(&pool);
}

#[test]
fn nothing_is_lost_by_a_cancellation_after_any_step() {
    let steps = [
        Step::Poll,
        Step::PollWithAnotherWaker,
        Step::Watch,
        Step::Send,
        Step::DropSender,
    ];
    cancel_after(&[]);
    for a in steps {
        cancel_after(&[a]);
        for b in steps {
            cancel_after(&[a, b]);
            for c in steps {
                cancel_after(&[a, b, c]);
            }
        }
    }
}

#[test]
fn a_sender_that_waits_for_the_cancellation_hears_of_each() {
    let pool = Pool::new(CAPACITY);
    std::thread::scope(|scope| {
        let (senders, inbox) = mpsc::channel::<hallows_lockfree::reply::Sender<'_, usize>>();
        scope.spawn(move || {
            for (number, mut sender) in inbox.into_iter().enumerate() {
                block_on(sender.cancelled());
                assert!(sender.is_cancelled());
                block_on(sender.cancelled());
                assert_eq!(sender.send(number), Err(SendError(number)));
            }
        });
        for number in 0..REQUESTS / 10 {
            let (sender, mut receiver) = loop {
                match pool.slot() {
                    Ok(ends) => break ends,
                    Err(_) => std::thread::yield_now(),
                }
            };
            senders.send(sender).unwrap();
            if number % 2 == 0 {
                let mut cx = Context::from_waker(Waker::noop());
                assert!(receiver.poll_recv(&mut cx).is_pending());
            }
            drop(receiver);
        }
    });
    assert_nothing_is_lent(&pool);
}

#[test]
fn a_value_that_panics_when_dropped_does_not_keep_its_slot() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let pool = Pool::new(1);
    let (sender, receiver) = pool.slot().unwrap();
    assert!(sender.send(Panics).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    assert_nothing_is_lent(&pool);
}

#[test]
fn values_of_every_size_and_alignment_arrive() {
    #[repr(align(256))]
    #[derive(Debug, PartialEq)]
    struct Wide([u8; 1000]);
    let pool = Pool::new(2);
    let (sender, mut receiver) = pool.slot().unwrap();
    sender.send(Wide([7; 1000])).unwrap();
    assert_eq!(receiver.try_recv(), Ok(Wide([7; 1000])));
    let pool = Pool::new(2);
    let (sender, mut receiver) = pool.slot().unwrap();
    sender.send(()).unwrap();
    assert_eq!(receiver.try_recv(), Ok(()));
}

/// Answers, drops or lingers, by the number of the request; the requests wait, poll or cancel.
#[test]
fn every_answer_is_received_or_dropped_once() {
    let dropped = AtomicUsize::new(0);
    let mut received = 0;
    let pool = Pool::new(CAPACITY);
    std::thread::scope(|scope| {
        let (requests, inbox) = mpsc::channel();
        let dropped = &dropped;
        scope.spawn(move || {
            let mut late = Vec::new();
            for (number, sender) in inbox {
                match number % 7 {
                    0 => drop(sender),
                    1 => late.push(sender),
                    _ => drop(hallows_lockfree::reply::Sender::send(
                        sender,
                        (number, Counted(dropped)),
                    )),
                }
                if late.len() == 5 {
                    late.clear();
                }
            }
        });
        let mut open = Vec::new();
        for number in 0..REQUESTS {
            let (sender, mut receiver) = loop {
                match pool.slot() {
                    Ok(ends) => break ends,
                    Err(_) => open.clear(),
                }
                std::thread::yield_now();
            };
            requests.send((number, sender)).unwrap();
            match number % 5 {
                0 => drop(receiver),
                1 if number % 7 != 1 => {
                    match block(|cx| receiver.poll_recv(cx)) {
                        Ok((answered, _)) => assert_eq!(answered, number),
                        Err(RecvError) => assert_eq!(number % 7, 0),
                    }
                    received += usize::from(number % 7 > 1);
                }
                _ => open.push(receiver),
            }
        }
        drop(requests);
    });
    let sent = (0..REQUESTS).filter(|number| number % 7 > 1).count();
    assert_eq!(dropped.load(SeqCst), sent);
    assert!(received > 0);
    assert_nothing_is_lent(&pool);
}

/// A stalled end keeps its one slot: the garbage is bounded by the number of stalled ends.
#[test]
fn others_go_on_while_a_sender_and_a_receiver_stall() {
    let pool = Pool::new(CAPACITY);
    let (stalled_sender, _idle) = pool.slot().unwrap();
    let (sender, stalled_receiver) = pool.slot().unwrap();
    sender.send(0).unwrap();
    for round in 0..5 {
        let others: Vec<_> = (2..CAPACITY).map(|_| pool.slot().unwrap()).collect();
        assert!(pool.slot().is_err());
        for (sender, mut receiver) in others {
            sender.send(round).unwrap();
            assert_eq!(receiver.try_recv(), Ok(round));
        }
    }
    drop(stalled_sender);
    drop(stalled_receiver);
}

#[test]
fn a_worker_may_take_its_pool_along() {
    let pool = Pool::new(2);
    let lend = |pool: &Pool<_>| {
        let (sender, mut receiver) = pool.slot().unwrap();
        sender.send(1).unwrap();
        receiver.try_recv()
    };
    assert_eq!(lend(&pool), Ok(1));
    let pool = std::thread::spawn(move || {
        assert_eq!(lend(&pool), Ok(1));
        pool
    });
    assert_nothing_is_lent(&pool.join().unwrap());
}
