//! Histories of the sequenced rings against a numbered log.

use hallows_lockfree::sequenced::{ReadError, gated, lossy};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::linearize::{Model, Recorder};

const CAPACITY: u64 = 4;

/// A log of which the items are their numbers, with cursors.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Log {
    tail: u64,
    cursors: [Option<u64>; 2],
}

#[derive(Clone, Debug)]
enum Op {
    Publish,
    /// By which consumer.
    Join(usize),
    Read(usize),
    Leave(usize),
}

impl Model for Log {
    type Op = Op;
    type Ret = Option<u64>;

    fn apply(&mut self, op: &Op) -> Option<u64> {
        match *op {
            Op::Publish => {
                let slowest = self.cursors.iter().flatten().min();
                let room = slowest.is_none_or(|&cursor| self.tail - cursor < CAPACITY);
                room.then(|| {
                    self.tail += 1;
                    self.tail - 1
                })
            }
            Op::Join(consumer) => {
                self.cursors[consumer] = Some(self.tail);
                self.cursors[consumer]
            }
            Op::Read(consumer) => {
                let cursor = self.cursors[consumer].as_mut()?;
                (*cursor < self.tail).then(|| {
                    *cursor += 1;
                    *cursor - 1
                })
            }
            Op::Leave(consumer) => self.cursors[consumer].take(),
        }
    }
}

#[test]
fn a_gated_ring_with_consumers_that_come_and_go_is_a_log() {
    shuttle::check_random(
        || {
            let recorder = Recorder::<Log>::new();
            let mut publisher = gated::ring(CAPACITY as usize, 2, || 0);
            let consumers: Vec<_> = (0..2)
                .map(|me| {
                    let (recorder, joiner) = (recorder.clone(), publisher.joiner());
                    thread::spawn(move || {
                        for _ in 0..2 {
                            let mut consumer = None;
                            recorder.call(Op::Join(me), || {
                                let joined = consumer.insert(joiner.join().unwrap());
                                Some(joined.sequence())
                            });
                            let mut consumer = consumer.unwrap();
                            for _ in 0..thread_rng().gen_range(0..5) {
                                recorder.call(Op::Read(me), || {
                                    let mut item = None;
                                    let _ = consumer.visit(1, |_, &it| item = Some(it));
                                    item
                                });
                            }
                            recorder.call(Op::Leave(me), || {
                                let cursor = consumer.sequence();
                                drop(consumer);
                                Some(cursor)
                            });
                        }
                    })
                })
                .collect();
            for _ in 0..10 {
                let item = publisher.sequence();
                // Until there is room: a refusal is not in the model, because a consumer that is
                // just joining may cause one.
                recorder.call(Op::Publish, || {
                    loop {
                        match publisher.try_publish(item) {
                            Ok(sequence) => return Some(sequence),
                            Err(_) => thread::yield_now(),
                        }
                    }
                });
            }
            for consumer in consumers {
                consumer.join().unwrap();
            }
            recorder.check(Log {
                tail: 0,
                cursors: [None; 2],
            });
        },
        500,
    );
}

#[test]
fn waiting_gated_sides_pass_everything_on_and_end() {
    shuttle::check_random(
        || {
            let mut publisher = gated::channel(CAPACITY as usize, 2, || 0);
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let mut consumer = publisher.join().unwrap();
                    thread::spawn(move || {
                        let mut next = 0;
                        while block_on(consumer.has_item()).is_ok() {
                            let max = thread_rng().gen_range(1..4);
                            let read = consumer.visit(max, |sequence, &item| {
                                assert_eq!((sequence, item), (next, next));
                                next += 1;
                            });
                            assert!(read.is_ok());
                        }
                        assert_eq!(next, 20);
                    })
                })
                .collect();
            for item in 0..20 {
                assert_eq!(block_on(publisher.publish_one(item)), item);
            }
            drop(publisher);
            for reader in readers {
                reader.join().unwrap();
            }
        },
        500,
    );
}

#[test]
fn lossy_consumers_account_for_every_item() {
    shuttle::check_random(
        || {
            let mut publisher = lossy::channel(CAPACITY as usize, 2);
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let mut consumer = publisher.join().unwrap();
                    thread::spawn(move || {
                        let mut next = 0;
                        loop {
                            match block_on(consumer.read()) {
                                Ok(item) => {
                                    assert_eq!(item, [next, !next]);
                                    next += 1;
                                }
                                Err(ReadError::Lost(count)) => next += count,
                                Err(ReadError::Closed) => return assert_eq!(next, 20),
                                Err(ReadError::Empty) => panic!("a wait ended with nothing"),
                            }
                        }
                    })
                })
                .collect();
            for item in 0..20 {
                publisher.publish([item, !item]);
            }
            drop(publisher);
            for reader in readers {
                reader.join().unwrap();
            }
        },
        500,
    );
}
