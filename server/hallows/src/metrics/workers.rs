//! The workers' part of the metrics page.

use beehive::Class;
use beehive::metrics::{KindMetrics, Phase, RuntimeMetrics, WorkerMetrics};

use super::text::Page;

/// A figure: name, kind, help, value.
type Figure<T> = (&'static str, &'static str, &'static str, fn(&T) -> f64);

const FIGURES: &[Figure<WorkerMetrics>] = &[
    (
        "hallows_worker_searches_total",
        "counter",
        "Searches at other workers for something to run.",
        |worker| worker.searches as f64,
    ),
    (
        "hallows_worker_steals_total",
        "counter",
        "Searches that brought tasks.",
        |worker| worker.steals as f64,
    ),
    (
        "hallows_worker_stolen_tasks_total",
        "counter",
        "Tasks taken from other workers.",
        |worker| worker.stolen as f64,
    ),
    (
        "hallows_worker_parks_total",
        "counter",
        "Waits for events.",
        |worker| worker.parks as f64,
    ),
    (
        "hallows_worker_wakes_total",
        "counter",
        "Waits that another thread ended.",
        |worker| worker.wakes as f64,
    ),
    (
        "hallows_worker_messages_total",
        "counter",
        "Tasks and notes sent by other threads.",
        |worker| worker.messages as f64,
    ),
    (
        "hallows_worker_injected_tasks_total",
        "counter",
        "Tasks taken of those from outside.",
        |worker| worker.injected as f64,
    ),
    (
        "hallows_worker_moved_connections_total",
        "counter",
        "Connections sent to other workers.",
        |worker| worker.moved as f64,
    ),
    (
        "hallows_worker_stalls_total",
        "counter",
        "Polls that lasted too long.",
        |worker| worker.stalls as f64,
    ),
    (
        "hallows_worker_oldest_wait_seconds",
        "gauge",
        "Wait so far of the task that has been ready longest.",
        |worker| worker.oldest_wait.as_secs_f64(),
    ),
    (
        "hallows_worker_connections",
        "gauge",
        "Connections that live there.",
        |worker| f64::from(worker.signal.connections),
    ),
    (
        "hallows_worker_signal_age_seconds",
        "gauge",
        "Age of the published load.",
        |worker| worker.signal_age.as_secs_f64(),
    ),
];

/// The figures that each worker has by class of task.
const BY_CLASS: &[Figure<KindMetrics>] = &[
    (
        "hallows_worker_class_seconds_total",
        "counter",
        "Time by class of task.",
        |kind| kind.time.as_secs_f64(),
    ),
    (
        "hallows_worker_polls_total",
        "counter",
        "Polls by class of task.",
        |kind| kind.polls as f64,
    ),
    (
        "hallows_worker_queued_tasks",
        "gauge",
        "Ready tasks by class.",
        |kind| (kind.queued_local + kind.queued_stealable) as f64,
    ),
];

/// Writes the figures of all workers.
pub(super) fn render(page: &mut Page, metrics: &RuntimeMetrics) {
    for (name, kind, help, value) in FIGURES {
        page.family(name, kind, help);
        for worker in &metrics.workers {
            let labels = format!("worker=\"{}\"", worker.worker.index());
            page.sample(&format!("{name}{{{labels}}}"), value(worker));
        }
    }
    phases(page, metrics);
    waits(page, metrics);
    for figure in BY_CLASS {
        by_class(page, metrics, figure);
    }
    page.gauge(
        "hallows_entrance_tasks",
        "Ready tasks that no worker has taken, at least.",
        metrics.entrance,
    );
    page.gauge(
        "hallows_live_tasks",
        "Tasks that have waited and not ended.",
        metrics.live_tasks(),
    );
    page.gauge(
        "hallows_blocking_work",
        "Blocking work queued or going on.",
        metrics.blocking,
    );
}

fn phases(page: &mut Page, metrics: &RuntimeMetrics) {
    let name = "hallows_worker_phase_seconds_total";
    page.family(name, "counter", "Time by what the worker did.");
    for worker in &metrics.workers {
        for phase in Phase::ALL {
            let index = worker.worker.index();
            let labels = format!("worker=\"{index}\",phase=\"{}\"", phase.name());
            let seconds = worker.times.of(phase).as_secs_f64();
            page.sample(&format!("{name}{{{labels}}}"), seconds);
        }
    }
}

fn waits(page: &mut Page, metrics: &RuntimeMetrics) {
    let name = "hallows_worker_queue_wait_seconds";
    page.family(name, "summary", "Waits of ready tasks, as far as measured.");
    for worker in &metrics.workers {
        let labels = format!("worker=\"{}\"", worker.worker.index());
        let seconds = worker.wait_time.as_secs_f64();
        page.sample(&format!("{name}_sum{{{labels}}}"), seconds);
        page.sample(&format!("{name}_count{{{labels}}}"), worker.waits);
    }
}

fn by_class(page: &mut Page, metrics: &RuntimeMetrics, figure: &Figure<KindMetrics>) {
    let (name, kind, help, value) = figure;
    page.family(name, kind, help);
    for worker in &metrics.workers {
        let classes = Class::ALL.map(|class| (class.name(), worker.class(class)));
        for (class, kind) in classes.into_iter().chain([("slices", &worker.slices)]) {
            let index = worker.worker.index();
            let labels = format!("worker=\"{index}\",class=\"{class}\"");
            page.sample(&format!("{name}{{{labels}}}"), value(kind));
        }
    }
}
