//! A policy whose decisions can be recorded, and the proof that the simulator would decide the same.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use beehive_policy::counters::Sample;
use beehive_policy::{
    Activity, Aggregate, Config, Domain, Help, LoadSignal, Moment, Move, Nanos, Occasion, Queue,
    Step, View, Wait, WorkerId,
};
use beehive_sim::replay::{Decision, Event, Record, Recorder};
use parking_lot::Mutex;

/// Whether policies that are made now record.
static RECORDING: AtomicBool = AtomicBool::new(false);
/// What policies have recorded that are gone.
static RECORDED: Mutex<Vec<(Config, Vec<Record>)>> = Mutex::new(Vec::new());

/// As `beehive_policy::Policy`.
pub(crate) enum Policy {
    Plain(beehive_policy::Policy),
    /// Empty only while it is dropped.
    Recorded(Option<Recorder>),
}

/// What of others a closure shows: their signals.
struct Signals<F>(F);

impl<F: Fn(WorkerId) -> LoadSignal> View for Signals<F> {
    fn signal(&self, worker: WorkerId) -> LoadSignal {
        (self.0)(worker)
    }

    fn aggregate(&self, _: Domain) -> Aggregate {
        unreachable!("this decision reads signals only")
    }

    fn claims(&self, _: WorkerId) -> u32 {
        unreachable!("this decision reads signals only")
    }

    fn parked(&self, _: Domain) -> u64 {
        unreachable!("this decision reads signals only")
    }

    fn resting(&self, _: Domain) -> u64 {
        unreachable!("this decision reads signals only")
    }
}

fn nothing() -> impl View {
    Signals(|_| unreachable!("this decision reads nothing"))
}

/// Passes a call to the plain policy, or records it as an event and unwraps the decision.
macro_rules! call {
    ($self:ident, $plain:ident($($argument:expr),*), $event:expr, $view:expr, $($decision:tt)+) => {
        match $self {
            Self::Plain(policy) => policy.$plain($($argument),*),
            Self::Recorded(recorder) => {
                let recorder = recorder.as_mut().expect("it is not being dropped");
                match recorder.decide($event, $view) {
                    $($decision)+,
                    other => unreachable!("another kind of decision: {other:?}"),
                }
            }
        }
    };
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Self {
        if RECORDING.load(SeqCst) {
            Self::Recorded(Some(Recorder::new(config)))
        } else {
            Self::Plain(beehive_policy::Policy::new(config))
        }
    }

    fn policy(&self) -> &beehive_policy::Policy {
        match self {
            Self::Plain(policy) => policy,
            Self::Recorded(recorder) => {
                recorder.as_ref().expect("it is not being dropped").policy()
            }
        }
    }

    pub(crate) fn busy_permille(&self) -> u32 {
        self.policy().busy_permille()
    }

    pub(crate) fn service_ns(&self) -> u32 {
        self.policy().service_ns()
    }

    pub(crate) fn lone_wait(&self) -> Option<Nanos> {
        self.policy().lone_wait()
    }

    pub(crate) fn on_counted(&mut self, sample: &Sample) {
        let event = Event::Counted(*sample);
        call!(self, on_counted(sample), event, &nothing(), Decision::Noted => ());
    }

    pub(crate) fn on_service(&mut self, service: Nanos) {
        let event = Event::Service(service);
        call!(self, on_service(service), event, &nothing(), Decision::Noted => ());
    }

    pub(crate) fn on_idle(&mut self, now: Nanos, hint: Option<WorkerId>) {
        let event = Event::Idle(now, hint);
        call!(self, on_idle(now, hint), event, &nothing(), Decision::Noted => ());
    }

    pub(crate) fn on_search(&mut self, now: Nanos, view: &impl View) -> Step {
        let event = Event::Search(now);
        call!(self, on_search(now, view), event, view, Decision::Step(step) => step)
    }

    pub(crate) fn on_visit(&mut self, left: Queue) -> Option<Queue> {
        let event = Event::Visit(left);
        call!(self, on_visit(left), event, &nothing(), Decision::Visit(left) => left)
    }

    pub(crate) fn on_help(
        &mut self,
        now: Nanos,
        moment: Moment,
        owner: WorkerId,
        queue: Queue,
        view: &impl View,
    ) -> Option<Help> {
        let event = Event::Help(now, moment, owner, queue);
        call!(self, on_help(now, moment, owner, queue, view), event, view,
            Decision::Help(help) => help)
    }

    pub(crate) fn on_unowned(
        &mut self,
        caller: Option<WorkerId>,
        view: &impl View,
    ) -> Option<WorkerId> {
        call!(self, on_unowned(caller, view), Event::Unowned(caller), view,
            Decision::Unowned(worker) => worker)
    }

    pub(crate) fn on_publish(&mut self, now: Nanos, occasion: Occasion) -> bool {
        let event = Event::Publish(now, occasion);
        call!(self, on_publish(now, occasion), event, &nothing(), Decision::Publish(yes) => yes)
    }

    pub(crate) fn on_events(&mut self, now: Nanos, waited: Nanos, activity: Activity) {
        let event = Event::Events(now, waited, activity);
        call!(self, on_events(now, waited, activity), event, &nothing(), Decision::Noted => ());
    }

    pub(crate) fn on_wait(&mut self, now: Nanos) -> Wait {
        let event = Event::Wait(now);
        call!(self, on_wait(now), event, &nothing(), Decision::Wait(wait) => wait)
    }

    pub(crate) fn on_balance(
        &mut self,
        now: Nanos,
        working: u32,
        read: impl Fn(WorkerId) -> LoadSignal,
    ) -> Option<Option<Move>> {
        let event = Event::Balance(now, working);
        call!(self, on_balance(now, working, read), event, &Signals(read), Decision::Balance(to) => to)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Self::Recorded(recorder) = self
            && let Some(recorder) = recorder.take()
        {
            RECORDED.lock().push(recorder.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Runtime, spawn, yield_now};

    /// Tasks that spawn others and yield, from inside and from outside.
    fn work() {
        let runtime = Runtime::builder().workers(3).build().unwrap();
        let handle = runtime.handle();
        let outside = std::thread::spawn(move || {
            (0..50)
                .map(|_| handle.spawn(yield_now()))
                .collect::<Vec<_>>()
        });
        runtime.block_on(async {
            let tasks: Vec<_> = (0..200)
                .map(|_| {
                    spawn(async {
                        let child = spawn(yield_now());
                        yield_now().await;
                        std::thread::sleep(Duration::from_micros(50));
                        child.await.unwrap();
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            for task in outside.join().unwrap() {
                task.await.unwrap();
            }
            for _ in 0..20 {
                // The others sleep by then.
                crate::time::sleep(Duration::from_millis(1)).await;
                spawn(yield_now()).await.unwrap();
            }
        });
    }

    #[test]
    fn what_real_workers_were_told_makes_the_simulator_decide_the_same() {
        RECORDING.store(true, SeqCst);
        work();
        RECORDING.store(false, SeqCst);
        let recorded = std::mem::take(&mut *RECORDED.lock());
        let mut probes = 0;
        let mut calls = 0;
        for (config, records) in &recorded {
            let decisions: Vec<_> = records.iter().map(Record::decision).collect();
            assert_eq!(beehive_sim::replay::replay(config, records), decisions);
            probes += count(&decisions, |d| matches!(d, Decision::Step(Step::Probe(_))));
            calls += count(&decisions, |d| {
                matches!(d, Decision::Help(Some(_)) | Decision::Unowned(Some(_)))
            });
        }
        assert!(
            probes > 0 && calls > 0,
            "{probes} probes, {calls} calls for help"
        );
    }

    fn count(decisions: &[Decision], is: impl Fn(&Decision) -> bool) -> usize {
        decisions.iter().filter(|decision| is(decision)).count()
    }
}
