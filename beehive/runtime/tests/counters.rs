//! Counters of workers, with whatever this machine has of them.

use std::time::{Duration, Instant};

use beehive::counters::{self, Reading};
use beehive::{JoinSet, Runtime, yield_now};

fn runtime(workers: usize, counters: bool) -> Runtime {
    let builder = Runtime::builder().workers(workers).pin(false);
    builder.counters(counters).build().unwrap()
}

fn spin(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

#[test]
fn a_worker_with_counters_tells_what_it_has_used() {
    let runtime = runtime(1, true);
    let (before, after) = runtime.block_on(async {
        let before = counters::read();
        spin(Duration::from_millis(5));
        (before, counters::read())
    });
    let (before, after): (Reading, Reading) = before.zip(after).expect("counters are on");
    assert!(after.cpu > before.cpu);
    assert!(after.switches >= before.switches);
    let hardware = counters::probe().hardware.is_ok();
    assert_eq!(after.hardware.is_some(), hardware);
    if let (Some(before), Some(after)) = (before.hardware, after.hardware) {
        assert!(after.instructions > before.instructions);
    }
}

#[test]
fn without_them_nothing_is_counted() {
    assert_eq!(counters::read(), None);
    let runtime = runtime(1, false);
    assert_eq!(runtime.block_on(async { counters::read() }), None);
}

#[test]
fn tasks_that_are_stolen_run_as_well_with_counters() {
    let runtime = runtime(3, true);
    let sum = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..2_000_u64 {
            tasks.spawn(async move {
                for _ in 0..number % 5 {
                    spin(Duration::from_micros(2));
                    yield_now().await;
                }
                number
            });
        }
        let mut sum = 0;
        while let Some(number) = tasks.join_next().await {
            sum += number.unwrap();
        }
        sum
    });
    assert_eq!(sum, 1_999_000);
}
