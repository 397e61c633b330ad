//! The latest value under random schedules: a triple buffer and a seqlock are registers, a signal is a
//! flag.

use hallows_lockfree::latest::{seqlock, signal, triple_buffer};
use shuttle::future::block_on;
use shuttle::thread;

use crate::linearize::{Model, Recorder};

/// A register: what is read was written last.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct Register(u64);

#[derive(Clone, Debug)]
enum Op {
    Write(u64),
    Read,
}

impl Model for Register {
    type Op = Op;
    type Ret = u64;

    fn apply(&mut self, op: &Op) -> u64 {
        if let Op::Write(value) = op {
            self.0 = *value;
        }
        self.0
    }
}

const WRITES: u64 = 12;

#[test]
fn a_triple_buffer_is_a_register() {
    shuttle::check_random(
        || {
            let (mut writer, mut reader) = triple_buffer(|| 0);
            let history = Recorder::<Register>::new();
            let written = history.clone();
            let other = thread::spawn(move || {
                for value in 1..=WRITES {
                    written.call(Op::Write(value), || {
                        writer.write(value);
                        value
                    });
                }
            });
            for _ in 0..WRITES {
                history.call(Op::Read, || *reader.latest());
            }
            other.join().unwrap();
            history.check(Register(0));
        },
        1000,
    );
}

#[test]
fn a_seqlock_is_a_register_when_it_is_read() {
    shuttle::check_random(
        || {
            let (mut writer, reader) = seqlock([0, 0]);
            let history = Recorder::<Register>::new();
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let (mut reader, history) = (reader.clone(), history.clone());
                    thread::spawn(move || {
                        for _ in 0..WRITES {
                            history.call(Op::Read, || {
                                let [one, two] = loop {
                                    match reader.try_read() {
                                        Some(value) => break value,
                                        None => thread::yield_now(),
                                    }
                                };
                                assert_eq!(one, two);
                                one
                            });
                        }
                    })
                })
                .collect();
            for value in 1..=WRITES {
                history.call(Op::Write(value), || {
                    writer.write([value, value]);
                    value
                });
            }
            for reader in readers {
                reader.join().unwrap();
            }
            history.check(Register(0));
        },
        1000,
    );
}

#[test]
fn a_listener_sees_the_last_value_that_was_announced() {
    shuttle::check_random(
        || {
            let (mut writer, mut reader) = triple_buffer(|| 0);
            let (notifier, mut listener) = signal();
            let other = thread::spawn(move || {
                for value in 1..=WRITES {
                    writer.write(value);
                    notifier.notify();
                }
            });
            while *reader.latest() < WRITES {
                block_on(listener.changed());
            }
            other.join().unwrap();
        },
        1000,
    );
}
