//! Spans and events of the feature `tracing`, as a subscriber sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use beehive::{Class, Runtime, TaskOptions, spawn, spawn_local_with, spawn_with, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

/// What has been seen of one span or event.
#[derive(Default, Clone, Debug)]
struct Seen {
    metadata: Option<&'static Metadata<'static>>,
    target: String,
    fields: HashMap<String, String>,
    entered: u64,
    exited: u64,
    follows: bool,
    closed: bool,
}

impl Seen {
    fn of(metadata: &'static Metadata<'static>) -> Self {
        Self {
            metadata: Some(metadata),
            target: metadata.target().to_owned(),
            ..Self::default()
        }
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        self.fields
            .insert(field.name().to_owned(), text.trim_matches('"').to_owned());
    }
}

thread_local! {
    /// The spans that this thread is in.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// Collects all spans and events of the process.
#[derive(Default)]
struct Collector {
    last: AtomicU64,
    spans: Mutex<HashMap<u64, Seen>>,
    events: Mutex<Vec<Seen>>,
}

impl Collector {
    fn spans(&self) -> MutexGuard<'_, HashMap<u64, Seen>> {
        self.spans.lock().unwrap()
    }

    fn change(&self, span: &Id, change: impl FnOnce(&mut Seen)) {
        change(self.spans().get_mut(&span.into_u64()).unwrap());
    }

    /// The span of the task with this name.
    fn task(&self, name: &str) -> Seen {
        let spans = self.spans();
        let named = |seen: &&Seen| seen.fields.get("name").is_some_and(|it| it == name);
        spans.values().find(named).expect(name).clone()
    }
}

struct Shared(Arc<Collector>);

impl Subscriber for Shared {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("beehive") || metadata.target() == "test"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = Seen::of(span.metadata());
        span.record(&mut seen);
        let id = self.0.last.fetch_add(1, SeqCst) + 1;
        self.0.spans().insert(id, seen);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, span: &Id, _: &Id) {
        self.0.change(span, |seen| seen.follows = true);
    }

    fn event(&self, event: &Event<'_>) {
        let mut seen = Seen::of(event.metadata());
        event.record(&mut seen);
        self.0.events.lock().unwrap().push(seen);
    }

    fn enter(&self, span: &Id) {
        self.0.change(span, |seen| seen.entered += 1);
        ENTERED.with_borrow_mut(|entered| entered.push(span.clone()));
    }

    fn exit(&self, span: &Id) {
        self.0.change(span, |seen| seen.exited += 1);
        ENTERED.with_borrow_mut(|entered| assert_eq!(entered.pop().as_ref(), Some(span)));
    }

    fn current_span(&self) -> Current {
        let Some(span) = ENTERED.with_borrow(|entered| entered.last().cloned()) else {
            return Current::none();
        };
        let metadata = self.0.spans()[&span.into_u64()].metadata;
        Current::new(span, metadata.unwrap())
    }

    fn try_close(&self, span: Id) -> bool {
        self.0.change(&span, |seen| seen.closed = true);
        true
    }
}

/// The collector of this process, which sees all threads.
fn collector() -> &'static Collector {
    static COLLECTOR: OnceLock<Arc<Collector>> = OnceLock::new();
    COLLECTOR.get_or_init(|| {
        let collector = Arc::new(Collector::default());
        tracing::subscriber::set_global_default(Shared(collector.clone())).unwrap();
        collector
    })
}

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder().workers(workers).pin(false);
    builder.stall_threshold(None).build().unwrap()
}

#[test]
fn each_task_has_a_span_that_is_entered_for_each_poll_and_ends_with_it() {
    let seen = collector();
    runtime(1).block_on(async {
        let options = TaskOptions::new().name("twice").class(Class::Background);
        spawn_with(options, yield_now()).await.unwrap();
    });
    let span = seen.task("twice");
    assert_eq!(span.target, "beehive::task");
    assert_eq!(span.fields["class"], "Background");
    assert!(span.fields["location"].contains("tracing.rs"), "{span:?}");
    assert!(span.fields["future"].contains("yield_now"), "{span:?}");
    // Two polls, and the drop of the future.
    assert_eq!((span.entered, span.exited, span.closed), (3, 3, true));
    assert!(!span.follows);
}

#[test]
fn the_span_of_a_task_ends_also_when_it_is_cancelled() {
    let seen = collector();
    runtime(1).block_on(async {
        let options = TaskOptions::new().name("cancelled");
        let task = spawn_local_with(options, std::future::pending::<()>());
        yield_now().await;
        drop(task.cancel());
    });
    let span = seen.task("cancelled");
    assert_eq!(span.entered, span.exited);
    assert!(span.closed, "{span:?}");
}

#[test]
fn a_task_follows_from_the_span_in_which_it_is_spawned() {
    let seen = collector();
    runtime(1).block_on(async {
        let outer = tracing::info_span!(target: "test", "request");
        let options = TaskOptions::new().name("follower");
        let task = outer.in_scope(|| spawn_with(options, async {}));
        task.await.unwrap();
    });
    assert!(seen.task("follower").follows);
}

#[test]
fn workers_tell_when_they_park_and_when_they_steal() {
    let seen = collector();
    let runtime = runtime(2);
    runtime.block_on(async {
        let done = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let done = done.clone();
                spawn(async move { done.store(true, SeqCst) })
            })
            .collect();
        // Only the other worker can run one before this poll ends.
        while !done.load(SeqCst) {
            std::thread::yield_now();
        }
        for task in tasks {
            task.await.unwrap();
        }
        beehive::time::sleep(std::time::Duration::from_millis(1)).await;
    });
    drop(runtime);
    let events = seen.events.lock().unwrap();
    let told = |message| {
        let mut events = events.iter();
        events.any(|event| event.target == "beehive::worker" && event.fields["message"] == message)
    };
    for message in ["parks", "resumes", "stole"] {
        assert!(told(message), "{message}");
    }
}
