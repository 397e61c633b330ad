//! The reports, made from what the runtime and the engine tell.

use std::panic::Location;
use std::time::Duration;

use beehive::dump::{TaskInfo, TaskKind, TaskState};
use beehive::metrics::{KindMetrics, Phase, WorkerMetrics};
use beehive::{Class, Handle};
use hallows_engine::{Engine, HostFacts};

use super::{ClassLoad, KINDS_MAX, Kind, Load, Task, WorkerLoad};

/// What the workers do. The figures of the engine are those that INFO gives.
pub(crate) fn load(runtime: &Handle, facts: &HostFacts, engine: &Engine) -> Load {
    let metrics = runtime.metrics();
    let kinds = runtime.task_kinds();
    let kinds = kinds.map(|all| all.iter().take(KINDS_MAX).map(kind).collect());
    Load {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: facts.pid,
        io: facts.io_backend.clone(),
        uptime_s: metrics.uptime.as_secs_f64(),
        cpu_s: (facts.cpu_user_us + facts.cpu_sys_us) as f64 / 1e6,
        resident_bytes: facts.rss,
        clients: engine.clients().count(),
        commands: engine.stats().commands(),
        entrance: metrics.entrance,
        live: metrics.live_tasks(),
        blocking: metrics.blocking,
        workers: metrics.workers.iter().map(worker).collect(),
        kinds,
    }
}

fn worker(worker: &WorkerMetrics) -> WorkerLoad {
    let phase = |phase| worker.times.of(phase).as_secs_f64();
    WorkerLoad {
        worker: worker.worker.index(),
        phase: worker.phase.name().to_owned(),
        phase_age_s: worker.phase_age.as_secs_f64(),
        running_s: phase(Phase::Running),
        reactor_s: phase(Phase::Reactor),
        searching_s: phase(Phase::Searching),
        parked_s: phase(Phase::Parked),
        latency: class(worker.class(Class::Latency)),
        normal: class(worker.class(Class::Normal)),
        background: class(worker.class(Class::Background)),
        slices: class(&worker.slices),
        searches: worker.searches,
        steals: worker.steals,
        stolen: worker.stolen,
        jobs: worker.jobs,
        parks: worker.parks,
        wakes: worker.wakes,
        messages: worker.messages,
        injected: worker.injected,
        moved: worker.moved,
        waits: worker.waits,
        wait_s: worker.wait_time.as_secs_f64(),
        oldest_wait_s: worker.oldest_wait.as_secs_f64(),
        live: worker.live,
        stalls: worker.stalls,
        connections: worker.signal.connections,
        busy_permille: worker.signal.busy_permille,
        signal_age_s: worker.signal_age.as_secs_f64(),
    }
}

fn class(kind: &KindMetrics) -> ClassLoad {
    ClassLoad {
        polls: kind.polls,
        time_s: kind.time.as_secs_f64(),
        queued: kind.queued_local + kind.queued_stealable,
    }
}

fn kind(kind: &TaskKind) -> Kind {
    Kind {
        name: kind.name.as_deref().unwrap_or(kind.future).to_owned(),
        place: place(kind.location),
        alive: kind.alive,
        ended: kind.ended,
        polls: kind.polls,
        busy_s: kind.busy.as_secs_f64(),
        queued_s: kind.queued.as_secs_f64(),
    }
}

/// All tasks; `None` if they are not recorded.
pub(crate) fn tasks(runtime: &Handle) -> Option<Vec<Task>> {
    let dump = runtime.tasks()?;
    Some(dump.tasks.iter().map(task).collect())
}

fn task(task: &TaskInfo) -> Task {
    let (state, time, worker) = match task.state {
        TaskState::Queued(time) => ("queued", time, None),
        TaskState::Running(worker, time) => ("running", time, Some(worker.index())),
        TaskState::Waiting(time) => ("waiting", time, None),
        _ => ("unknown", Duration::ZERO, None),
    };
    Task {
        id: task.id,
        name: task.name.as_deref().unwrap_or(task.future).to_owned(),
        place: place(task.location),
        class: task.class.name().to_owned(),
        state: state.to_owned(),
        state_s: time.as_secs_f64(),
        worker,
        age_s: task.age.as_secs_f64(),
        polls: task.polls,
        busy_s: task.busy.as_secs_f64(),
        queued_s: task.queued.as_secs_f64(),
    }
}

fn place(location: &Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}
