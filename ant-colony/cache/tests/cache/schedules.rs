//! Every schedule of a few tasks that ask for the same key: which is polled when, which is cancelled,
//! which loader succeeds, fails or panics, and a removal of the key at any moment. A task is polled
//! only after it was woken, so a wake-up that is lost shows as a task that waits for ever.
//!
//! A schedule is a row of choices. Each run follows those of the run before up to the last that had
//! another alternative, takes that, and goes on with first alternatives, until there are none left.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};

use ant_colony::Cache;

use crate::Woken;

const KEY: u64 = 1;

/// The choices of a run, each with the number of alternatives that there were.
#[derive(Default)]
struct Choices {
    made: Vec<(usize, usize)>,
    next: usize,
}

impl Choices {
    fn choose(&mut self, alternatives: usize) -> usize {
        if self.next == self.made.len() {
            self.made.push((0, alternatives));
        }
        let (choice, of) = self.made[self.next];
        assert_eq!(of, alternatives, "the same choices lead to the same state");
        self.next += 1;
        choice
    }

    /// Goes to the next run, if there is one.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some((choice, of)) = self.made.pop() {
            if choice + 1 < of {
                self.made.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Succeeds,
    Fails,
    Panics,
}

/// What is known of a task's loader.
#[derive(Default)]
struct Loader {
    /// Begun, and neither ended nor dropped.
    runs: Cell<bool>,
    fate: Cell<Option<Fate>>,
}

/// Pending until it is told its fate; it is polled then.
struct Load {
    loader: Rc<Loader>,
    value: u64,
}

impl Future for Load {
    type Output = Result<u64, u64>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<u64, u64>> {
        match self.loader.fate.get() {
            None => Poll::Pending,
            Some(Fate::Succeeds) => Poll::Ready(Ok(self.value)),
            Some(Fate::Fails) => Poll::Ready(Err(self.value)),
            // Without a message on the terminal.
            Some(Fate::Panics) => resume_unwind(Box::new("as it was told")),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.loader.runs.set(false);
    }
}

type Asked<'c> = Pin<Box<dyn Future<Output = Result<u64, u64>> + 'c>>;

struct Task<'c> {
    number: u64,
    /// None when it has ended or was cancelled.
    asked: Option<Asked<'c>>,
    woken: Arc<Woken>,
    loader: Rc<Loader>,
}

impl<'c> Task<'c> {
    fn new(cache: &'c Cache<u64, u64>, number: u64) -> Self {
        let loader = Rc::<Loader>::default();
        let own = loader.clone();
        let asked = cache.get_or_try_insert_with(KEY, move || {
            own.runs.set(true);
            Load {
                loader: own,
                value: number,
            }
        });
        let woken = Arc::<Woken>::default();
        woken.0.store(true, SeqCst);
        Self {
            number,
            asked: Some(Box::pin(asked)),
            woken,
            loader,
        }
    }

    fn is_woken(&self) -> bool {
        self.asked.is_some() && self.woken.0.load(SeqCst)
    }

    fn awaits_its_fate(&self) -> bool {
        self.loader.runs.get() && self.loader.fate.get().is_none()
    }

    /// Polls; the value, if it ends with one.
    fn poll(&mut self) -> Option<u64> {
        self.woken.0.store(false, SeqCst);
        let (asked, woken) = (self.asked.as_mut(), &self.woken);
        let asked = asked.expect("it has not ended").as_mut();
        let polled = catch_unwind(AssertUnwindSafe(|| woken.poll(asked)));
        let fate = self.loader.fate.get();
        let value = match polled {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(Ok(value))) => Some(value),
            Ok(Poll::Ready(Err(whose))) => {
                assert_eq!((whose, fate), (self.number, Some(Fate::Fails)));
                None
            }
            Err(_) => {
                assert_eq!(fate, Some(Fate::Panics), "a panic of its own loader");
                None
            }
        };
        self.asked = None;
        value
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Poll(usize),
    Cancel(usize),
    /// The loader of a task is told its fate.
    End(usize, Fate),
    Remove,
}

/// How often what may happen in one run.
#[derive(Clone, Copy)]
struct Bounds {
    tasks: u64,
    cancellations: usize,
    removals: usize,
}

/// What may happen next. What must happen if nothing else does comes first.
fn steps(tasks: &[Task<'_>], left: Bounds) -> Vec<Step> {
    let mut steps = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        if task.is_woken() {
            steps.push(Step::Poll(number));
        }
        if task.awaits_its_fate() {
            let fates = [Fate::Succeeds, Fate::Fails, Fate::Panics];
            steps.extend(fates.map(|fate| Step::End(number, fate)));
        }
    }
    let alive = |task: &Task<'_>| task.asked.is_some();
    assert!(
        !steps.is_empty() || !tasks.iter().any(alive),
        "a task waits for ever"
    );
    if steps.is_empty() {
        return steps;
    }
    for (number, _) in tasks.iter().enumerate().filter(|(_, task)| alive(task)) {
        if left.cancellations > 0 {
            steps.push(Step::Cancel(number));
        }
    }
    if left.removals > 0 {
        steps.push(Step::Remove);
    }
    steps
}

fn run(choices: &mut Choices, bounds: Bounds) {
    let cache = Cache::new(10);
    let mut tasks: Vec<_> = (0..bounds.tasks).map(|n| Task::new(&cache, n)).collect();
    let (mut left, mut kept) = (bounds, None);
    loop {
        let steps = steps(&tasks, left);
        if steps.is_empty() {
            break;
        }
        match steps[choices.choose(steps.len())] {
            Step::Poll(number) => {
                let value = tasks[number].poll();
                if value == Some(tasks[number].number) && left.removals == bounds.removals {
                    kept = value;
                }
                assert!(value.is_none_or(|whose| {
                    tasks[whose as usize].loader.fate.get() == Some(Fate::Succeeds)
                }));
            }
            Step::Cancel(number) => {
                tasks[number].asked = None;
                left.cancellations -= 1;
            }
            Step::End(number, fate) => {
                tasks[number].loader.fate.set(Some(fate));
                tasks[number].woken.0.store(true, SeqCst);
            }
            Step::Remove => {
                cache.remove(&KEY);
                left.removals -= 1;
            }
        }
        let running = tasks.iter().filter(|task| task.loader.runs.get()).count();
        let removals = bounds.removals - left.removals;
        assert!(running <= 1 + removals, "{running} loaders at once");
    }
    if left.removals == bounds.removals {
        assert_eq!(cache.get(&KEY), kept);
    }
    // No flight is left behind that would have to be waited for.
    let mut last = Task::new(&cache, bounds.tasks);
    last.loader.fate.set(Some(Fate::Succeeds));
    assert!(last.poll().is_some());
}

fn explore(bounds: Bounds) -> usize {
    let (mut choices, mut runs) = (Choices::default(), 0);
    loop {
        run(&mut choices, bounds);
        runs += 1;
        if !choices.advance() {
            return runs;
        }
    }
}

#[test]
fn whatever_becomes_of_two_askers_neither_waits_for_ever_and_only_one_loads() {
    let runs = explore(Bounds {
        tasks: 2,
        cancellations: if cfg!(miri) { 1 } else { 2 },
        removals: if cfg!(miri) { 0 } else { 1 },
    });
    assert!(runs > 50, "only {runs} schedules");
}

#[cfg(not(miri))]
#[test]
fn whatever_becomes_of_three_askers_none_waits_for_ever_and_only_one_loads() {
    let runs = explore(Bounds {
        tasks: 3,
        cancellations: 1,
        removals: 0,
    });
    assert!(runs > 1_000, "only {runs} schedules");
}
