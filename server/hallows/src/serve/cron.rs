//! The background task of each worker, ten times a second by default: expiry,
//! shrinking, connections that are idle or slow, receive buffers that are too
//! large, and the limit on all buffers together. Each tick is short.

use std::rc::Rc;
use std::time::Duration;

use super::slot::{End, INPUT_BASE, Phase, Slot};
use super::worker::Worker;
use crate::clock;

/// Entries examined for expiry before other tasks get their turn.
const STEP_BUDGET: usize = 256;
/// Part of a tick that background work may take.
const TICK_SHARE: u64 = 4;

/// Runs until the worker stops.
pub(super) async fn run(worker: Rc<Worker>, index: usize, workers: usize) {
    for tick in 0.. {
        let hz = worker.shared.engine.settings().hz().max(1);
        let period_us = 1_000_000 / hz;
        beehive::time::sleep(Duration::from_micros(period_us)).await;
        let hz = usize::try_from(hz).unwrap_or(usize::MAX);
        watch(&worker, tick, hz);
        limit_client_memory(&worker);
        maintain(&worker, index, workers, period_us / TICK_SHARE).await;
    }
}

/// Looks at those connections whose turn it is; each is seen at least once a second.
fn watch(worker: &Worker, tick: usize, ticks_max: usize) {
    let now_us = clock::now().mono_us;
    let settings = worker.shared.engine.settings();
    let idle_us = settings.idle_timeout_s() * 1_000_000;
    let output = settings.output_limit();
    for slot in worker.due(tick, ticks_max) {
        let still_us = now_us.saturating_sub(slot.active_us.get());
        match slot.phase.get() {
            Phase::Reading if idle_us > 0 && still_us >= idle_us => slot.end(End::Idle),
            Phase::Writing(len)
                if output.soft_bytes > 0
                    && len as u64 >= output.soft_bytes
                    && still_us >= output.soft_s * 1_000_000 =>
            {
                slot.end(End::SlowReader);
            }
            _ => slot.consider_trim(now_us),
        }
    }
}

/// Ends this worker's largest connection while the buffers of all connections
/// are larger than allowed.
fn limit_client_memory(worker: &Worker) {
    if !worker.shared.over_client_memory() {
        return;
    }
    let largest = worker
        .all()
        .into_iter()
        .max_by_key(|slot| slot.charged.get());
    if let Some(slot) = largest.filter(|slot: &Rc<Slot>| slot.charged.get() > INPUT_BASE) {
        slot.end(End::ClientMemory);
    }
}

/// Removes expired keys in this worker's share of the store, and gives memory
/// back after the limit was lowered or much was freed, for at most `budget_us`.
async fn maintain(worker: &Worker, index: usize, workers: usize, budget_us: u64) {
    let engine = &worker.shared.engine;
    let started_us = clock::now().mono_us;
    let mut shard = index;
    while shard < engine.store().shards() {
        let now = clock::now();
        if now.mono_us - started_us > budget_us {
            return;
        }
        if !engine.maintain(shard, now, STEP_BUDGET) {
            shard += workers;
        }
        beehive::yield_now().await;
    }
    while clock::now().mono_us - started_us <= budget_us && engine.shrink(clock::now()) {
        beehive::yield_now().await;
    }
}
