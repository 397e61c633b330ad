//! The reply slot under random schedules: every use is a sequential one of a single answer.

use std::future::poll_fn;
use std::task::Poll;

use hallows_lockfree::reply::{Pool, TryRecvError};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

/// The state of one use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Slot {
    #[default]
    Open,
    Sent(u32),
    Closed,
    Cancelled,
}

#[derive(Clone, Debug)]
enum Op {
    Send(u32),
    DropSender,
    /// Looks for the cancellation.
    Watch,
    TryRecv,
    /// Waits; is recorded when it has an answer.
    Recv,
    Cancel,
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Done,
    Value(u32),
    Refused(u32),
    Empty,
    Closed,
}

impl Model for Slot {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Ret {
        match (op, *self) {
            (Op::Send(value), Self::Cancelled) => Ret::Refused(*value),
            (Op::Send(value), _) => {
                *self = Self::Sent(*value);
                Ret::Done
            }
            (Op::DropSender, Self::Cancelled) => Ret::Done,
            (Op::DropSender, _) => {
                *self = Self::Closed;
                Ret::Done
            }
            (Op::Watch, Self::Cancelled) => Ret::Closed,
            (Op::Watch, _) => Ret::Empty,
            (Op::TryRecv | Op::Recv, Self::Sent(value)) => {
                *self = Self::Closed;
                Ret::Value(value)
            }
            (Op::TryRecv | Op::Recv, Self::Closed) => Ret::Closed,
            (Op::TryRecv | Op::Recv, _) => Ret::Empty,
            (Op::Cancel, _) => {
                *self = Self::Cancelled;
                Ret::Done
            }
        }
    }
}

type Sender = hallows_lockfree::reply::Sender<'static, u32>;
type Receiver = hallows_lockfree::reply::Receiver<'static, u32>;

fn answer(mut sender: Sender, value: u32, history: &Recorder<Slot>) {
    for _ in 0..thread_rng().gen_range(0..3) {
        history.call(Op::Watch, || {
            let polled = block_on(poll_fn(|cx| Poll::Ready(sender.poll_cancelled(cx))));
            if polled.is_ready() {
                Ret::Closed
            } else {
                Ret::Empty
            }
        });
    }
    if thread_rng().gen_bool(0.7) {
        history.call(Op::Send(value), || match sender.send(value) {
            Ok(()) => Ret::Done,
            Err(back) => Ret::Refused(back.0),
        });
    } else {
        history.call(Op::DropSender, || {
            drop(sender);
            Ret::Done
        });
    }
}

/// Looks for the answer, by a poll that leaves a waker behind or without.
fn look(receiver: &mut Receiver, history: &Recorder<Slot>) -> Ret {
    history.call(Op::TryRecv, || {
        if thread_rng().gen_bool(0.5) {
            return match receiver.try_recv() {
                Ok(value) => Ret::Value(value),
                Err(TryRecvError::Empty) => Ret::Empty,
                Err(TryRecvError::Closed) => Ret::Closed,
            };
        }
        block_on(poll_fn(|cx| {
            Poll::Ready(match receiver.poll_recv(cx) {
                Poll::Ready(Ok(value)) => Ret::Value(value),
                Poll::Ready(Err(_)) => Ret::Closed,
                Poll::Pending => Ret::Empty,
            })
        }))
    })
}

fn receive(mut receiver: Receiver, history: &Recorder<Slot>) {
    for _ in 0..thread_rng().gen_range(0..4) {
        if look(&mut receiver, history) != Ret::Empty {
            return;
        }
    }
    if thread_rng().gen_bool(0.5) {
        history.call(Op::Recv, || match block_on(receiver) {
            Ok(value) => Ret::Value(value),
            Err(_) => Ret::Closed,
        });
    } else {
        history.call(Op::Cancel, || {
            drop(receiver);
            Ret::Done
        });
    }
}

/// Several uses of a small pool at once, each with its own history.
fn uses(rounds: u32) {
    let pool = Box::into_raw(Box::new(Pool::new(3)));
    {
        // SAFETY: the pool is freed when all threads have been joined.
        let pool: &'static Pool<u32> = unsafe { &*pool };
        let mut threads = Vec::new();
        let mut histories = Vec::new();
        for round in 0..rounds {
            let (sender, receiver) = loop {
                match pool.slot() {
                    Ok(ends) => break ends,
                    Err(_) => thread::yield_now(),
                }
            };
            let history = Recorder::new();
            let (one, other) = (history.clone(), history.clone());
            threads.push(thread::spawn(move || answer(sender, round, &one)));
            threads.push(thread::spawn(move || receive(receiver, &other)));
            histories.push(history);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        for history in histories {
            history.check(Slot::Open);
        }
        let all: Vec<_> = (0..3).map(|_| pool.slot().expect("free")).collect();
        drop(all);
    }
    // SAFETY: all threads have been joined, and the ends they had are gone.
    drop(unsafe { Box::from_raw(pool) });
}

#[test]
fn each_use_is_linearizable_and_slots_come_back() {
    shuttle::check_random(|| uses(8), 2000);
}

/// Each sender waits until its receiver has gone; slots are lent again while receivers still wake.
fn cancellations(rounds: u32) {
    let pool = Box::into_raw(Box::new(Pool::<u32>::new(2)));
    {
        // SAFETY: the pool is freed when all threads have been joined.
        let pool: &'static Pool<u32> = unsafe { &*pool };
        let mut threads = Vec::new();
        for round in 0..rounds {
            let (mut sender, mut receiver) = loop {
                match pool.slot() {
                    Ok(ends) => break ends,
                    Err(_) => thread::yield_now(),
                }
            };
            threads.push(thread::spawn(move || {
                block_on(sender.cancelled());
                assert_eq!(sender.send(round).map_err(|it| it.0), Err(round));
            }));
            threads.push(thread::spawn(move || {
                if thread_rng().gen_bool(0.5) {
                    assert!(
                        block_on(poll_fn(|cx| Poll::Ready(receiver.poll_recv(cx)))).is_pending()
                    );
                }
                drop(receiver);
            }));
        }
        for thread in threads {
            thread.join().unwrap();
        }
    }
    // SAFETY: all threads have been joined, and the ends they had are gone.
    drop(unsafe { Box::from_raw(pool) });
}

#[test]
fn each_sender_hears_of_its_cancellation() {
    shuttle::check_random(|| cancellations(6), 2000);
}
