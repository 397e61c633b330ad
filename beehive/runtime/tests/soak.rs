//! A soak: tasks of all kinds that yield, sleep, panic, move, talk and are cancelled at random, until
//! a shutdown at a random moment. Every task is accounted for: each future that was made is dropped,
//! and each join handle gives a value, a panic or a cancellation.
//!
//! Each round is made from a seed, which a failure names. (What the scheduler makes of it is not.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use beehive::cancel::{AbortOnDrop, CancellationToken};
use beehive::channel::mpsc;
use beehive::{Handle, Io, JoinError, JoinSet, Runtime, spawn, spawn_local, yield_now};
use fastrand::Rng;

/// How long the whole soak lasts.
const DURATION: Duration = Duration::from_secs(3);
/// Tasks that one round begins with.
const ROOTS: u64 = 60;
/// How deep tasks spawn others.
const DEPTH: u32 = 3;

/// What happened to tasks.
#[derive(Default)]
struct Books {
    made: AtomicUsize,
    dropped: AtomicUsize,
    finished: AtomicUsize,
    panicked: AtomicUsize,
}

/// Held by a task for as long as its future exists.
struct Entry(Arc<Books>);

impl Entry {
    fn new(books: &Arc<Books>) -> Self {
        books.made.fetch_add(1, SeqCst);
        Self(books.clone())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

/// What all tasks of a round share.
#[derive(Clone)]
struct Round {
    books: Arc<Books>,
    token: CancellationToken,
    inbox: mpsc::UnboundedSender<u64>,
}

/// One task; a box, because it spawns others of its kind.
fn task(
    round: &Round,
    random: Rng,
    depth: u32,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    let (round, entry) = (round.clone(), Entry::new(&round.books));
    Box::pin(async move {
        let books = entry.0.clone();
        act(&round, random, depth).await;
        books.finished.fetch_add(1, SeqCst);
        drop(entry);
    })
}

async fn act(round: &Round, mut random: Rng, depth: u32) {
    for _ in 0..random.u64(..8) {
        match random.u64(..12) {
            0..=3 => yield_now().await,
            4 => beehive::time::sleep(Duration::from_micros(random.u64(..3_000))).await,
            5 => drop(round.inbox.send(random.u64(..))),
            6 if depth > 0 => children(round, &mut random, depth - 1).await,
            7 if depth > 0 => {
                spawn(task(round, random.fork(), depth - 1)).detach();
            }
            8 if depth > 0 => {
                let handle = Handle::current();
                let to = random.usize(..handle.workers().len());
                let there = handle.workers().nth(to).unwrap();
                let child = task(round, random.fork(), depth - 1);
                handle.spawn_on(there, || child).detach();
            }
            9 => {
                let limit = Duration::from_micros(random.u64(..500));
                let never = round
                    .token
                    .run_until_cancelled(std::future::pending::<()>());
                let _ = beehive::time::timeout(limit, never).await;
            }
            10 if random.u64(..8) == 0 => {
                round.books.panicked.fetch_add(1, SeqCst);
                std::panic::panic_any(Deliberate);
            }
            11 if random.u64(..8) == 0 => round.token.cancelled().await,
            _ => {}
        }
    }
}

/// What tasks of the soak panic with: no message is printed for it.
struct Deliberate;

/// Several children, of which some are awaited, some aborted and some left behind.
async fn children(round: &Round, random: &mut Rng, depth: u32) {
    let mut set = JoinSet::new();
    for _ in 0..random.u64(..5) {
        let abort = set.spawn(task(round, random.fork(), depth));
        if random.u64(..4) == 0 {
            abort.abort();
        }
    }
    let tied = AbortOnDrop::new(spawn(task(round, random.fork(), depth)));
    let cancelled = spawn_on_here(round, random.fork(), depth);
    for _ in 0..random.u64(..4) {
        check(set.join_next().await.unwrap_or(Ok(())));
    }
    if random.u64(..2) == 0 {
        check(tied.await);
    }
    if let Some(result) = cancelled.cancel().await {
        check(result);
    }
}

/// A local task, by a function of its own: its handle is not held across the spawn.
fn spawn_on_here(round: &Round, random: Rng, depth: u32) -> beehive::JoinHandle<()> {
    spawn_local(task(round, random, depth))
}

fn check(result: Result<(), JoinError>) {
    if let Err(JoinError::Panicked(payload)) = result {
        assert!(payload.is::<Deliberate>(), "a panic that is not the soak's");
    }
}

fn soak_once(io: Io, workers: usize, seed: u64) -> Option<usize> {
    let mut random = Rng::with_seed(seed);
    let builder = Runtime::builder().workers(workers).io(io).pin(false);
    let runtime = builder.build().ok()?;
    let (inbox, mut letters) = mpsc::unbounded();
    let round = Round {
        books: Arc::default(),
        token: runtime.handle().shutdown_token(),
        inbox,
    };
    let books = round.books.clone();
    let mut handles = Vec::new();
    let handle = runtime.handle();
    for _ in 0..ROOTS {
        handles.push(handle.spawn(task(&round, random.fork(), DEPTH)));
    }
    drop(round);
    let clean = match random.u64(..3) {
        // The roots end by themselves; only then comes the end.
        0 => {
            handle.shutdown();
            runtime.block_on(async {
                for root in handles.drain(..) {
                    check(root.await);
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(60)).drained
        }
        // The drain has time for all.
        1 => runtime.shutdown_timeout(Duration::from_secs(60)).drained,
        // In the middle of everything.
        _ => {
            let limit = Duration::from_micros(random.u64(..5_000));
            runtime.shutdown_timeout(limit);
            true
        }
    };
    assert!(
        clean,
        "seed {seed}: tasks were left although there was time"
    );
    for root in handles {
        check(beehive::block_on(root));
    }
    let made = books.made.load(SeqCst);
    assert_eq!(
        books.dropped.load(SeqCst),
        made,
        "seed {seed}: a future was lost"
    );
    let ended = books.finished.load(SeqCst) + books.panicked.load(SeqCst);
    assert!(ended <= made, "seed {seed}: a task ended twice");
    while letters.try_recv().is_ok() {}
    Some(made)
}

#[test]
fn every_task_of_a_random_life_is_accounted_for() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Deliberate>() {
            print(panic);
        }
    }));
    let (begin, mut made) = (Instant::now(), 0);
    for seed in 0.. {
        let io = if seed % 2 == 0 { Io::Epoll } else { Io::Auto };
        made += soak_once(io, 1 + seed as usize % 3, seed).unwrap();
        // At least one round of each kind, however slow the machine is.
        if seed >= 6 && begin.elapsed() > DURATION {
            break;
        }
    }
    assert!(made > 6 * ROOTS as usize);
}
