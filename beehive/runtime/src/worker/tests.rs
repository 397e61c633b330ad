//! Which worker is woken when, seen from the inside.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use beehive_policy::{Config, Moment, Nanos, Place, Prices, Queue, Topology, Weights, WorkerId};
use hallows_lockfree::deque::Worker as Deque;

use super::{Kept, Worker};
use crate::blocking::{Limits, Pool};
use crate::builder::Backend;
use crate::handle::Handle;
use crate::policy::Policy;
use crate::queues::ClassQueues;
use crate::remote::Remote;
use crate::shared::Shared;

const FIRST: WorkerId = WorkerId::new(0);
const SECOND: WorkerId = WorkerId::new(1);

/// Two workers that share a cache, or do not, with what they need to run; none of them does.
fn two_workers(caches: [u32; 2]) -> (Shared, Vec<Kept>, Config) {
    let topology = Arc::new(Topology::new(&caches.map(|llc| Place {
        llc,
        core: llc,
        ..Place::default()
    })));
    let config = Config {
        prices: Prices {
            wake: Nanos(1_000_000),
            ..Prices::NEAR_IS_FREE
        },
        ..Config::new(FIRST, topology.clone())
    };
    let (mut remotes, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let stealable = Deque::new(8);
        let (remote, inbox) = Remote::new(stealable.stealer()).unwrap();
        remotes.push(Arc::new(remote));
        kept.push(Kept::new(stealable, inbox));
    }
    let blocking = Pool::new(Limits::default());
    let shared = Shared::new(remotes, topology, Policy::new(&config), false, blocking);
    (shared, kept, config)
}

/// The first of two workers that share a cache. The second one is parked, and a task is queued.
fn worker_with_task_elsewhere() -> (Worker, Arc<Shared>) {
    let (shared, kept, config) = two_workers([0, 0]);
    let shared = Arc::new(shared);
    let remote = &shared.remotes[0];
    let driver = Rc::new(Backend::Epoll.driver(remote).unwrap());
    let queues = ClassQueues::new(remote.clone(), Weights::default(), &shared.clock);
    let kept = kept.into_iter().next().unwrap();
    let policy = Policy::new(&config);
    let worker = Worker::new(FIRST, shared.clone(), kept, driver, policy, queues);
    let handle = Handle {
        shared: shared.clone(),
    };
    handle.spawn(async {}).detach();
    shared.enter_parked(SECOND);
    (worker, shared)
}

#[test]
fn a_wake_that_costs_too_much_is_refused_only_where_a_monitor_notices_long_polls() {
    for monitored in [true, false] {
        let (mut shared, _kept, config) = two_workers([0, 1]);
        shared.monitored = monitored;
        shared.enter_parked(SECOND);
        let now = Nanos(1_000);
        let alone = || Queue {
            length: 1,
            head: now,
        };
        let policy = &mut Policy::new(&config);
        let sent = shared.offer(policy, now, Moment::Push, FIRST, alone);
        assert_eq!(sent, !monitored);
    }
}

#[test]
fn who_owes_a_look_has_somebody_search_before_it_polls_the_main_future() {
    let (worker, shared) = worker_with_task_elsewhere();
    worker.owes_look.set(true);
    worker.begin_main_poll();
    assert!(!shared.leave_parked(SECOND), "nobody was sent");
    shared.close();
}

#[test]
fn who_owes_no_look_sends_nobody_before_it_polls_the_main_future() {
    let (worker, shared) = worker_with_task_elsewhere();
    worker.begin_main_poll();
    assert!(shared.leave_parked(SECOND));
    shared.close();
}

#[test]
fn a_worker_whose_reactor_panics_is_parked_no_more() {
    let (worker, shared) = worker_with_task_elsewhere();
    let in_use = worker.ready.borrow_mut();
    let parked = catch_unwind(AssertUnwindSafe(|| worker.park()));
    assert!(parked.is_err(), "the wakers were in use");
    drop(in_use);
    assert!(!shared.leave_parked(FIRST));
    shared.close();
}
