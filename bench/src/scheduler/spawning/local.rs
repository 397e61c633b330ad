//! On one thread: tasks that need not be `Send`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::{Result, ensure};
use tokio::sync::oneshot;

use super::{CHAIN, PINGS, SPAWNS, YIELDING, YIELDS};
use crate::scheduler::clock::Took;
use crate::scheduler::plan::Plan;
use crate::scheduler::runtimes::Local;

/// Counts down; the last one wakes the waiting task.
struct Countdown {
    left: Cell<usize>,
    done: RefCell<Option<oneshot::Sender<()>>>,
}

impl Countdown {
    fn new(count: usize) -> (Rc<Countdown>, oneshot::Receiver<()>) {
        let (done, all) = oneshot::channel();
        let countdown = Countdown {
            left: Cell::new(count),
            done: RefCell::new(Some(done)),
        };
        (Rc::new(countdown), all)
    }

    fn one(&self) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            let done = self.done.take().expect("it ends once");
            done.send(()).expect("it is waited for");
        }
    }
}

/// Runs the repetitions of a workload inside the runtime; `once` is one of them.
fn repeat<R: Local>(plan: &Plan, once: impl AsyncFn() -> Result<()> + 'static) -> Result<Vec<f64>> {
    let plan = *plan;
    let took = R::run(async move {
        plan.repeat_async(async || {
            let (took, result) = Took::by_async(&once).await;
            result.map(|()| took)
        })
        .await
    })??;
    Ok(Took::medians_us(took))
}

pub(super) fn spawn_many<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
    repeat::<R>(plan, async || {
        let (countdown, done) = Countdown::new(SPAWNS);
        for _ in 0..SPAWNS {
            let countdown = countdown.clone();
            R::spawn(async move { countdown.one() });
        }
        Ok(done.await?)
    })
}

pub(super) fn yield_many<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
    let yields = plan.size(YIELDS, 10);
    repeat::<R>(plan, async move || {
        let (countdown, done) = Countdown::new(YIELDING);
        for _ in 0..YIELDING {
            let countdown = countdown.clone();
            R::spawn(async move {
                for _ in 0..yields {
                    R::yield_now().await;
                }
                countdown.one();
            });
        }
        Ok(done.await?)
    })
}

pub(super) fn ping_pong<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
    repeat::<R>(plan, async || {
        let (countdown, done) = Countdown::new(PINGS);
        for _ in 0..PINGS {
            let countdown = countdown.clone();
            R::spawn(async move {
                let (ping, pinged) = oneshot::channel();
                let (pong, ponged) = oneshot::channel();
                R::spawn(async move {
                    pong.send(pinged.await.expect("a ping"))
                        .expect("it is waited for");
                });
                ping.send(7).expect("it is waited for");
                assert_eq!(ponged.await, Ok(7));
                countdown.one();
            });
        }
        Ok(done.await?)
    })
}

pub(super) fn chained_spawn<R: Local>(plan: &Plan) -> Result<Vec<f64>> {
    fn next<R: Local>(done: oneshot::Sender<usize>, links: usize) {
        if links == CHAIN {
            done.send(links).expect("it is waited for");
        } else {
            R::spawn(async move { next::<R>(done, links + 1) });
        }
    }
    repeat::<R>(plan, async || {
        let (done, end) = oneshot::channel();
        R::spawn(async move { next::<R>(done, 0) });
        let links = end.await?;
        ensure!(links == CHAIN, "the chain broke after {links} links");
        Ok(())
    })
}
