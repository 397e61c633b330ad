//! What a panic of a task does, by policy, and misuse, which panics with advice.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use beehive::time::sleep;
use beehive::{Builder, PanicPolicy, Runtime, spawn, spawn_local, yield_now};

fn builder() -> Builder {
    Runtime::builder().workers(2).pin(false)
}

/// The text of the panic that this call ends with.
fn panic_of<T>(call: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else {
        panic!("it did not panic");
    };
    let text = payload.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap()
}

#[test]
fn the_hook_hears_of_panics_that_nobody_awaits() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    let runtime = builder()
        .on_panic(move |error| log.lock().unwrap().push(error.to_string()))
        .build()
        .unwrap();
    runtime.block_on(async {
        spawn(async { panic!("shared") }).detach();
        spawn_local(async { panic!("local") }).detach();
        while heard.lock().unwrap().len() < 2 {
            yield_now().await;
        }
        let error = spawn(async { panic!("awaited") }).await.unwrap_err();
        assert_eq!(error.message(), Some("awaited"));
    });
    let panic = panic_of(|| {
        runtime.scope(async |scope| drop(scope.spawn(async { panic!("scoped") })));
    });
    assert_eq!(panic, "scoped");
    let mut heard = heard.lock().unwrap().clone();
    heard.sort();
    let panics = ["awaited", "local", "scoped", "shared"];
    assert_eq!(
        heard,
        panics.map(|text| format!("the task panicked: {text}"))
    );
}

#[test]
fn a_hook_that_panics_takes_no_worker_down() {
    let runtime = builder().on_panic(|_| panic!("the hook")).build().unwrap();
    runtime.block_on(async {
        let error = spawn(async { panic!("the task") }).await.unwrap_err();
        assert_eq!(error.message(), Some("the task"));
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn by_the_policy_shutdown_a_panic_ends_the_runtime() {
    let runtime = builder()
        .panic_policy(PanicPolicy::Shutdown)
        .build()
        .unwrap();
    let token = runtime.handle().shutdown_token();
    let text = panic_of(|| {
        runtime.block_on(async {
            spawn(async { panic!("on purpose") }).detach();
            std::future::pending::<()>().await;
        });
    });
    assert!(text.contains("policy is to shut down"), "{text}");
    assert!(token.is_cancelled());
    let text = panic_of(|| runtime.block_on(async {}));
    assert!(text.contains("policy is to shut down"), "{text}");
    assert_eq!(
        runtime
            .shutdown_timeout(std::time::Duration::from_secs(60))
            .unresponsive,
        0
    );
}

#[test]
fn by_the_policy_abort_a_panic_ends_the_process() {
    const CHILD: &str = "BEEHIVE_TEST_ABORTS";
    if std::env::var_os(CHILD).is_some() {
        let runtime = builder().panic_policy(PanicPolicy::Abort).build().unwrap();
        let _ = runtime.block_on(async { spawn(async { panic!("on purpose") }).await });
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "by_the_policy_abort_a_panic_ends_the_process",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("panic policy is to abort"), "{text}");
}

#[test]
fn a_runtime_inside_a_task_is_refused_with_advice() {
    let [outer, inner] = [(); 2].map(|()| builder().build().unwrap());
    outer.block_on(async {
        for text in [
            panic_of(|| inner.block_on(async {})),
            panic_of(|| inner.scope(async |_| ())),
            panic_of(|| beehive::block_on(async {})),
        ] {
            assert!(text.contains("await the future instead"), "{text}");
        }
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(inner.block_on(async { 2 }), 2);
}

#[test]
fn spawning_outside_a_runtime_is_refused_with_advice() {
    for text in [
        panic_of(|| spawn(async {})),
        panic_of(|| spawn_local(async {})),
        panic_of(|| beehive::JoinSet::new().spawn(async {})),
    ] {
        assert!(text.contains("spawn by a `Handle`"), "{text}");
    }
}

#[test]
fn a_runtime_of_no_workers_is_refused_with_advice() {
    let refused = Runtime::builder().workers(0).build().map(drop).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("one for each core"), "{text}");
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("on purpose");
        }
    }
}

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_that_panics_takes_no_worker_down() {
    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            // Whoever catches it has the next panic when dropping it.
            std::panic::panic_any(Fragile);
        }
    }

    let runtime = builder().build().unwrap();
    runtime.block_on(async {
        let waker = Waker::from(Arc::new(Broken));
        let mut timers = [1, 2].map(|ms| Box::pin(sleep(Duration::from_millis(ms))));
        for timer in &mut timers {
            let polled = timer.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        sleep(Duration::from_millis(5)).await;
    });
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_takes_no_worker_down() {
    let runtime = builder().build().unwrap();
    runtime.block_on(async {
        let waker = Waker::from(Arc::new(Fragile));
        let mut timer = Box::pin(sleep(Duration::from_secs(3_600)));
        let polled = timer.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        // The worker is told, and drops the last waker.
        std::thread::spawn(|| drop(timer)).join().unwrap();
        sleep(Duration::from_millis(2)).await;
    });
}
