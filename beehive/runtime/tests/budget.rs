//! Tasks that find everything ready: they give way to their neighbours, and lose nothing by it.

mod common;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use beehive::cancel::{Either, race};
use beehive::channel::{admission, broadcast, latest, mpmc, mpsc, oneshot, reply, spsc};
use beehive::io::{AsyncReadExt, AsyncWriteExt};
use beehive::net::{UnixDatagram, UnixStream};
use beehive::time::{sleep, sleep_until, timeout};
use beehive::{Class, JoinSet, Runtime, TaskOptions, unconstrained, yield_if_due, yield_now};
use beehive::{spawn_local, spawn_local_with};
use common::on_each_reactor;

/// Long enough for a neighbour to be polled on any machine.
const STARVED: Duration = Duration::from_secs(30);
/// Many times a slice.
const LONG: Duration = Duration::from_millis(5);

/// A task that is always ready as well, and wants to be polled three times.
struct Neighbour {
    polls: Rc<Cell<u32>>,
    start: Instant,
}

impl Neighbour {
    fn new() -> Self {
        let polls = Rc::new(Cell::new(0));
        let counter = polls.clone();
        spawn_local(async move {
            while counter.get() < 3 {
                counter.set(counter.get() + 1);
                yield_now().await;
            }
        })
        .detach();
        let start = Instant::now();
        Self { polls, start }
    }

    fn waits(&self) -> bool {
        assert!(self.start.elapsed() < STARVED, "the neighbour starves");
        self.polls.get() < 3
    }
}

fn alone(test: impl AsyncFnOnce()) {
    let runtime = Runtime::builder().workers(1).pin(false).build().unwrap();
    runtime.block_on(test());
}

#[test]
fn inboxes_that_are_never_empty_starve_nobody() {
    alone(async || {
        let (sender, mut receiver) = mpsc::unbounded();
        let neighbour = Neighbour::new();
        for number in 0_u64.. {
            sender.send(number).unwrap();
            assert_eq!(receiver.recv().await, Some(number));
            if !neighbour.waits() {
                break;
            }
        }
        let (sender, mut receiver) = mpsc::bounded(1);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            sender.send(()).await.unwrap();
            receiver.try_recv().unwrap();
        }
        let neighbour = Neighbour::new();
        let mut values = Vec::new();
        while neighbour.waits() {
            sender.try_send(()).unwrap();
            assert_eq!(receiver.recv_many(&mut values, 8).await, 1);
        }
    });
}

#[test]
fn streams_that_are_never_empty_or_full_starve_nobody() {
    alone(async || {
        let (mut sender, mut receiver) = spsc::channel(1);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            sender.push(()).await.unwrap();
            receiver.try_pop().unwrap();
        }
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            sender.try_push(()).unwrap();
            receiver.pop().await.unwrap();
        }
    });
}

#[test]
fn a_shared_queue_that_is_never_empty_or_full_starves_nobody() {
    alone(async || {
        let queue = mpmc::WaitQueue::new(1);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            queue.push(()).await;
            queue.try_pop().unwrap();
        }
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            queue.try_push(()).unwrap();
            queue.pop().await;
        }
    });
}

#[test]
fn news_that_never_end_starve_nobody() {
    alone(async || {
        let (notifier, mut listener) = latest::signal();
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            notifier.notify();
            listener.changed().await;
        }
        let (mut writer, mut reader) = latest::triple_buffer(|| 0);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            writer.write(1);
            reader.changed().await.unwrap();
        }
    });
}

#[test]
fn broadcasts_that_never_end_starve_nobody() {
    alone(async || {
        let mut publisher = broadcast::gated::channel(4, 1, || 0);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            publisher.publish_one(1).await;
        }
        let mut consumer = publisher.join().unwrap();
        publisher.publish_one(1).await;
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            consumer.has_item().await.unwrap();
        }
        let mut publisher = broadcast::lossy::channel::<1>(4, 1);
        let mut consumer = publisher.join().unwrap();
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            publisher.publish([1]);
            consumer.read().await.unwrap();
        }
    });
}

#[test]
fn permits_and_answers_that_are_always_there_starve_nobody() {
    alone(async || {
        let gate = admission::Gate::new(1, 1);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            drop(gate.acquire(u64::MAX).await.unwrap());
        }
        let pool = reply::Pool::new(4);
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            let (sender, receiver) = pool.slot().unwrap();
            sender.send(()).unwrap();
            receiver.await.unwrap();
        }
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            let (sender, receiver) = oneshot::channel();
            sender.send(()).unwrap();
            receiver.await.unwrap();
        }
    });
}

#[test]
fn timers_that_are_due_and_tasks_that_have_ended_starve_nobody() {
    alone(async || {
        let past = Instant::now();
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            sleep_until(past).await;
        }
        let mut set = JoinSet::new();
        (0..50_000).for_each(|_| drop(set.spawn_local(async {})));
        // Behind them.
        spawn_local(async {}).await.unwrap();
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            set.join_next().await.expect("enough tasks").unwrap();
        }
    });
}

#[test]
fn sockets_that_are_always_ready_starve_nobody() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut near, mut far) = UnixStream::pair().unwrap();
            let neighbour = Neighbour::new();
            let mut byte = [7];
            while neighbour.waits() {
                near.write_all(&byte).await.unwrap();
                far.read_exact(&mut byte).await.unwrap();
            }
            let (near, far) = UnixDatagram::pair().unwrap();
            let neighbour = Neighbour::new();
            while neighbour.waits() {
                near.send(&byte).await.unwrap();
                far.recv(&mut byte).await.unwrap();
            }
        });
    });
}

#[test]
fn loops_of_ones_own_give_way_when_it_is_due() {
    alone(async || {
        let neighbour = Neighbour::new();
        while neighbour.waits() {
            yield_if_due().await;
        }
    });
}

#[test]
fn tasks_of_all_classes_give_way() {
    for class in Class::ALL {
        alone(async || {
            let hog = async {
                let neighbour = Neighbour::new();
                while neighbour.waits() {
                    yield_if_due().await;
                }
            };
            let options = TaskOptions::new().class(class);
            spawn_local_with(options, hog).await.unwrap();
        });
    }
}

#[test]
fn an_unconstrained_future_is_not_interrupted() {
    alone(async || {
        let neighbour = Neighbour::new();
        let (sender, mut receiver) = mpsc::unbounded();
        unconstrained(async {
            let start = Instant::now();
            while start.elapsed() < LONG {
                sender.send(()).unwrap();
                receiver.recv().await.unwrap();
            }
        })
        .await;
        assert_eq!(neighbour.polls.get(), 0);
        while neighbour.waits() {
            yield_if_due().await;
        }
    });
}

#[test]
fn nothing_is_lost_or_reordered_by_giving_way() {
    const VALUES: u64 = 300_000;
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (first, mut middle) = mpsc::unbounded();
            let (mut next, mut last) = spsc::channel(64);
            let source = beehive::spawn(async move {
                for number in 0..VALUES {
                    first.send(number).unwrap();
                    yield_if_due().await;
                }
            });
            let relay = beehive::spawn(async move {
                while let Some(number) = middle.recv().await {
                    next.push(number).await.unwrap();
                }
            });
            for number in 0..VALUES {
                assert_eq!(last.pop().await, Some(number));
            }
            assert_eq!(last.pop().await, None);
            source.await.unwrap();
            relay.await.unwrap();
        });
    });
}

#[test]
fn futures_that_are_raced_and_dropped_lose_nothing() {
    alone(async || {
        let (sender, mut receiver) = mpsc::unbounded();
        let (other, mut others) = mpsc::unbounded();
        let (mut received, mut turns) = ([0_u64; 2], 0);
        let start = Instant::now();
        while start.elapsed() < LONG {
            turns += 1;
            sender.send(turns).unwrap();
            other.send(turns).unwrap();
            for _ in 0..2 {
                match race(others.recv(), receiver.recv()).await {
                    Either::First(number) => {
                        received[0] += 1;
                        assert_eq!(number, Some(received[0]));
                    }
                    Either::Second(number) => {
                        received[1] += 1;
                        assert_eq!(number, Some(received[1]));
                    }
                }
            }
        }
        let left = |receiver: &mut mpsc::UnboundedReceiver<u64>| receiver.len() as u64;
        assert_eq!(received[0] + left(&mut others), turns);
        assert_eq!(received[1] + left(&mut receiver), turns);
    });
}

#[test]
fn a_time_limit_ends_what_never_waits() {
    alone(async || {
        let (sender, mut receiver) = mpsc::unbounded();
        let endless = async {
            loop {
                sender.send(()).unwrap();
                receiver.recv().await.unwrap();
            }
        };
        assert!(timeout(LONG, endless).await.is_err());
        // Also if it is over before it is looked at for the first time.
        let endless = async {
            loop {
                yield_if_due().await;
            }
        };
        let limit = sleep(Duration::ZERO);
        assert!(matches!(race(endless, limit).await, Either::Second(())));
    });
}

#[test]
fn a_future_that_is_waited_for_inside_of_a_poll_gets_there() {
    alone(async || {
        let (sender, mut receiver) = mpsc::unbounded();
        hallows_lockfree::wait::block_on(async {
            let start = Instant::now();
            while start.elapsed() < LONG {
                sender.send(()).unwrap();
                receiver.recv().await.unwrap();
            }
        });
    });
}

#[test]
fn threads_that_are_no_workers_have_no_budget() {
    alone(async || {});
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let start = Instant::now();
    while start.elapsed() < LONG {
        let mut due = pin!(yield_if_due());
        assert_eq!(due.as_mut().poll(&mut cx), Poll::Ready(()));
    }
}

#[test]
fn a_poll_of_many_futures_goes_on_where_each_of_them_stood() {
    alone(async || {
        let mut counters: Vec<_> = (0..50)
            .map(|_| {
                Box::pin(async {
                    for _ in 0..1_000 {
                        yield_if_due().await;
                    }
                })
            })
            .collect();
        poll_fn(|cx| {
            counters.retain_mut(|counter| counter.as_mut().poll(cx).is_pending());
            if counters.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    });
}
