//! Finding out that no task is left, without counting tasks when they come and go.
//!
//! A task that exists is either queued, or waits and is in a live set, or is being polled. Each worker
//! counts what it has of the first two when a task of the census asks it to, together with the number
//! of polls that it has made; what is queued or waits for no worker in particular is counted beside.
//!
//! One round that counts zero proves nothing: a task may have moved from a worker that was asked later
//! to one that was asked before. Two rounds in a row do, if between them no worker has polled anything
//! but the census: a task that is being polled keeps its worker from answering, and one that is not
//! cannot have moved, come or gone without a poll. Tasks that other threads spawn meanwhile are not
//! counted if they come after the second round, as with any shutdown.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::Report;
use crate::handle::Handle;
use crate::time::{timeout, timeout_at};
use crate::worker::{Worker, with_current};

/// The longest pause between two rounds.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// How often, and how long each time, answers are waited for after the deadline.
const WAITS: u32 = 10;
const WAIT: Duration = Duration::from_millis(10);

/// What one round has found.
struct Round {
    tasks: usize,
    /// Sum over the workers, which wraps around.
    polls: u64,
    /// Workers that have answered; of a runtime that failed, the others have ended.
    answers: u64,
    unresponsive: usize,
}

/// Waits until no task is left, at most until the deadline. To be run by `block_on`, not as a task.
pub(crate) async fn drain(handle: &Handle, deadline: Instant) -> Report {
    let mut pause = Duration::from_micros(100);
    let mut before: Option<Round> = None;
    loop {
        let round = ask(handle, deadline).await;
        let quiet = before.is_some_and(|before| {
            let polls = round.polls.wrapping_sub(before.polls);
            before.tasks == 0 && before.answers == round.answers && polls == round.answers
        });
        let empty = quiet && round.tasks == 0 && round.unresponsive == 0;
        if empty || Instant::now() >= deadline {
            return Report {
                drained: empty,
                alive: round.tasks,
                unresponsive: round.unresponsive,
            };
        }
        before = (round.unresponsive == 0).then_some(round);
        let left = deadline.saturating_duration_since(Instant::now());
        crate::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Asks every worker, and waits for the answers until a moment after the deadline.
async fn ask(handle: &Handle, deadline: Instant) -> Round {
    let count = || async { with_current(Worker::census) };
    let answers: Vec<_> = handle
        .workers()
        .map(|worker| handle.spawn_on(worker, count))
        .collect();
    let mut round = Round {
        tasks: handle.shared().waiting_anywhere(),
        polls: 0,
        answers: 0,
        unresponsive: 0,
    };
    let mut waits = 0..WAITS;
    for answer in answers {
        match patiently(answer, deadline, &mut waits).await {
            Some(Ok((tasks, polls))) => {
                round.tasks += tasks;
                round.polls = round.polls.wrapping_add(polls);
                round.answers += 1;
            }
            Some(Err(_)) => {}
            None => round.unresponsive += 1,
        }
    }
    round
}

/// Waits until the deadline, and then as many times as are left.
///
/// Several short waits rather than a long one: when a machine stands still that ends one of them, and
/// those who are to answer stood still as well.
async fn patiently<T>(
    answer: impl Future<Output = T>,
    deadline: Instant,
    waits: &mut impl Iterator,
) -> Option<T> {
    let mut answer = pin!(answer);
    let mut answered = timeout_at(deadline, answer.as_mut()).await;
    while answered.is_err() && waits.next().is_some() {
        answered = timeout(WAIT, answer.as_mut()).await;
    }
    answered.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Runtime;

    #[test]
    fn workers_that_are_asked_long_after_the_deadline_have_time_to_answer() {
        let runtime = Runtime::builder().workers(2).pin(false).build().unwrap();
        let handle = runtime.handle();
        let passed = Instant::now();
        std::thread::sleep(2 * WAITS * WAIT);
        let report = runtime.block_on(drain(&handle, passed));
        assert_eq!(report.unresponsive, 0);
    }
}
