//! The reply slot: sending, receiving, waiting, dropping and lending again, in every order.
//!
//! Values are loom's `Arc`s: loom reports one that is lost or dropped twice.

use std::pin::pin;
use std::task::Poll;

use hallows_lockfree::reply::{Pool, Receiver, RecvError, Sender, TryRecvError};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

type Value = Arc<u32>;
type Ends = (Sender<'static, Value>, Receiver<'static, Value>);

/// Runs `model` in all interleavings with a pool that outlives its threads, and sees that every
/// slot came back.
fn check(capacity: usize, model: fn(&'static Pool<Value>)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let pool = Box::into_raw(Box::new(Pool::new(capacity)));
        // SAFETY: the pool is freed only after the model, which joins its threads.
        model(unsafe { &*pool });
        // SAFETY: no thread of the model is left, nor an end that it lent.
        let pool = unsafe { Box::from_raw(pool) };
        let all: Vec<_> = (0..capacity).map(|_| pool.slot().expect("free")).collect();
        drop(all);
    });
}

/// Lends a slot as soon as there is one.
fn lend(pool: &'static Pool<Value>) -> Ends {
    loop {
        match pool.slot() {
            Ok(ends) => return ends,
            Err(_) => thread::yield_now(),
        }
    }
}

/// Polls once and leaves a waker.
fn poll_once(receiver: &mut Receiver<'static, Value>) -> Option<Result<u32, RecvError>> {
    block_on(std::future::poll_fn(|cx| {
        Poll::Ready(match receiver.poll_recv(cx) {
            Poll::Ready(answer) => Some(answer.map(|value| *value)),
            Poll::Pending => None,
        })
    }))
}

#[test]
fn a_waiting_receiver_gets_the_answer() {
    check(1, |pool| {
        let (sender, receiver) = lend(pool);
        let other = thread::spawn(move || sender.send(Arc::new(7)).is_ok());
        assert_eq!(block_on(receiver).map(|value| *value), Ok(7));
        assert!(other.join().unwrap());
    });
}

#[test]
fn a_waiting_receiver_hears_that_the_sender_was_dropped() {
    check(1, |pool| {
        let (sender, receiver) = lend(pool);
        let other = thread::spawn(move || drop(sender));
        assert!(block_on(receiver).is_err());
        other.join().unwrap();
    });
}

#[test]
fn an_answer_and_a_cancellation_meet_in_any_order() {
    check(1, |pool| {
        let (sender, receiver) = lend(pool);
        let other = thread::spawn(move || {
            drop(sender.send(Arc::new(7)));
        });
        drop(receiver);
        other.join().unwrap();
    });
}

/// Polls for the cancellation once and leaves a waker.
fn watch_once(sender: &mut Sender<'static, Value>) -> bool {
    block_on(std::future::poll_fn(|cx| {
        Poll::Ready(sender.poll_cancelled(cx).is_ready())
    }))
}

#[test]
fn a_waiting_sender_hears_that_the_receiver_was_dropped() {
    check(1, |pool| {
        let (mut sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || {
            block_on(sender.cancelled());
            assert_eq!(sender.send(Arc::new(7)).map_err(|it| *it.0), Err(7));
        });
        poll_once(&mut receiver);
        drop(receiver);
        other.join().unwrap();
    });
}

#[test]
fn a_sender_may_begin_to_watch_while_the_receiver_waits_or_cancels() {
    check(1, |pool| {
        let (mut sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || {
            watch_once(&mut sender);
            drop(sender.send(Arc::new(7)));
        });
        if poll_once(&mut receiver).is_none() {
            poll_once(&mut receiver);
        }
        drop(receiver);
        other.join().unwrap();
    });
}

#[test]
fn an_answer_is_received_from_a_sender_that_watched() {
    check(1, |pool| {
        let (mut sender, receiver) = lend(pool);
        let other = thread::spawn(move || {
            let gone = watch_once(&mut sender);
            assert!(!gone && sender.send(Arc::new(7)).is_ok());
        });
        assert_eq!(block_on(receiver).map(|value| *value), Ok(7));
        other.join().unwrap();
    });
}

#[test]
fn a_receiver_that_still_wakes_does_not_keep_the_next_sender_from_hearing() {
    check(1, |pool| {
        let (mut sender, receiver) = lend(pool);
        watch_once(&mut sender);
        let other = thread::spawn(move || drop(receiver));
        drop(sender);
        let (mut sender, receiver) = lend(pool);
        drop(receiver);
        block_on(sender.cancelled());
        drop(sender);
        other.join().unwrap();
    });
}

#[test]
fn both_ends_may_be_dropped_at_once() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || drop(sender));
        poll_once(&mut receiver);
        drop(receiver);
        other.join().unwrap();
    });
}

#[test]
fn a_receiver_that_waited_may_be_dropped_while_the_answer_comes() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || {
            drop(sender.send(Arc::new(7)));
        });
        poll_once(&mut receiver);
        drop(receiver);
        other.join().unwrap();
    });
}

#[test]
fn a_receiver_may_change_its_waker_while_the_answer_comes() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || sender.send(Arc::new(7)).is_ok());
        let answer =
            poll_once(&mut receiver).unwrap_or_else(|| block_on(&mut receiver).map(|value| *value));
        assert_eq!(answer, Ok(7));
        assert!(other.join().unwrap());
    });
}

#[test]
fn an_answer_may_be_taken_while_the_sender_still_wakes() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || sender.send(Arc::new(7)).is_ok());
        if poll_once(&mut receiver).is_none() {
            loop {
                match receiver.try_recv() {
                    Ok(value) => break assert_eq!(*value, 7),
                    Err(TryRecvError::Empty) => thread::yield_now(),
                    Err(TryRecvError::Closed) => panic!("it was sent"),
                }
            }
        }
        // The slot may come back before or after the sender has woken; the next use waits too.
        let (sender, receiver) = lend(pool);
        let next = thread::spawn(move || sender.send(Arc::new(8)).is_ok());
        assert_eq!(block_on(receiver).map(|value| *value), Ok(8));
        assert!(next.join().unwrap());
        assert!(other.join().unwrap());
    });
}

#[test]
fn a_near_slot_is_lent_again_after_another_thread_let_go_of_it() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        assert!(sender.send(Arc::new(1)).is_ok());
        let other = thread::spawn(move || receiver.try_recv().map(|value| *value));
        let (sender, mut receiver) = lend(pool);
        assert!(sender.send(Arc::new(2)).is_ok());
        assert_eq!(receiver.try_recv().map(|value| *value), Ok(2));
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_slot_is_lent_again_after_a_sender_got_its_answer_back() {
    check(1, |pool| {
        let (sender, receiver) = lend(pool);
        drop(receiver);
        let other = thread::spawn(move || sender.send(Arc::new(1)).unwrap_err().0);
        let (sender, receiver) = lend(pool);
        drop(sender);
        assert!(block_on(receiver).is_err());
        assert_eq!(*other.join().unwrap(), 1);
    });
}

/// Two threads use a slot; a third one, which owns the pool, lends it again and touches its cells.
fn used_by_two_others(receive: fn(Receiver<'static, Value>)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let pool = Box::into_raw(Box::new(Pool::new(1)));
        {
            // SAFETY: the pool is freed when the threads have been joined.
            let pool: &'static Pool<Value> = unsafe { &*pool };
            let (sender, receiver) = lend(pool);
            let one = thread::spawn(move || drop(sender.send(Arc::new(1))));
            let other = thread::spawn(move || receive(receiver));
            let (sender, mut receiver) = lend(pool);
            assert_eq!(poll_once(&mut receiver), None);
            assert!(sender.send(Arc::new(2)).is_ok());
            assert_eq!(receiver.try_recv().map(|value| *value), Ok(2));
            one.join().unwrap();
            other.join().unwrap();
        }
        // SAFETY: the threads have been joined, and the ends that were lent are gone.
        drop(unsafe { Box::from_raw(pool) });
    });
}

#[test]
fn a_slot_is_lent_again_after_one_thread_woke_another() {
    used_by_two_others(|mut receiver| {
        if poll_once(&mut receiver).is_none() {
            // The sender may have answered and be about to wake.
            drop(receiver.try_recv());
        }
    });
}

#[test]
fn a_slot_is_lent_again_after_one_thread_answered_and_another_cancelled() {
    used_by_two_others(|mut receiver| {
        poll_once(&mut receiver);
        drop(receiver);
    });
}

#[test]
fn far_slots_are_returned_by_two_threads_and_lent_again() {
    check(3, |pool| {
        let near = lend(pool);
        let [first, second] = [1, 2].map(|value| {
            let (sender, mut receiver) = lend(pool);
            assert!(sender.send(Arc::new(value)).is_ok());
            thread::spawn(move || assert_eq!(*receiver.try_recv().unwrap(), value))
        });
        for value in [3, 4] {
            let (sender, mut receiver) = lend(pool);
            assert!(sender.send(Arc::new(value)).is_ok());
            assert_eq!(receiver.try_recv().map(|value| *value), Ok(value));
        }
        first.join().unwrap();
        second.join().unwrap();
        drop(near);
    });
}

#[test]
fn a_future_that_borrows_the_receiver_may_be_dropped_and_made_anew() {
    check(1, |pool| {
        let (sender, mut receiver) = lend(pool);
        let other = thread::spawn(move || sender.send(Arc::new(7)).is_ok());
        let early = block_on(async {
            let mut first = pin!(&mut receiver);
            std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await
        });
        let answer = match early {
            Poll::Ready(answer) => answer,
            Poll::Pending => block_on(&mut receiver),
        };
        assert_eq!(answer.map(|value| *value), Ok(7));
        assert!(other.join().unwrap());
    });
}
