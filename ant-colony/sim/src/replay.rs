//! One pass over a trace for many subjects.
//!
//! A thread reads ahead; for each piece of the trace the workers take subjects one after the other
//! until all have seen the piece. So the trace is decoded once, and what is in memory of it is
//! bounded whatever its length.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::catalogue::{Policy, Setting};
use crate::future::Future;
use crate::subject::{Misses, Request, Subject};
use crate::trace::{Trace, TraceError, Unit};

/// Requests that are given to a subject at once: long enough that its state is warm for most of
/// them, short enough that a few pieces are no matter.
const PIECE: usize = 1 << 18;

/// Pieces that are read ahead.
const AHEAD: usize = 1;

/// A cache size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Capacity {
    /// In objects or bytes, whatever the replay's unit is.
    pub capacity: u64,
    /// In terms of the trace's distinct objects, or of their bytes.
    pub size_fraction: f64,
}

impl Capacity {
    /// What is left for objects of so many bytes where the same memory holds this policy's metadata
    /// too.
    #[must_use]
    pub fn less_metadata(self, policy: &Policy, object_bytes: f64) -> Self {
        let share = object_bytes / (object_bytes + policy.metadata_bytes());
        Self {
            capacity: ((self.capacity as f64 * share) as u64).max(1),
            ..self
        }
    }
}

/// A policy at a size.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Who.
    pub policy: &'static Policy,
    /// How large.
    pub capacity: Capacity,
}

impl Job {
    /// About how much memory it takes, beside the trace: tables by object, and what it tracks.
    #[must_use]
    pub fn memory_bytes(&self, trace: &Trace) -> u64 {
        const BY_OBJECT: u64 = 8;
        const TRACKED: u64 = 160;
        let objects = u64::from(trace.objects());
        let future = if self.policy.needs_future {
            4 * trace.len()
        } else {
            0
        };
        BY_OBJECT * objects + TRACKED * self.capacity.capacity.min(objects) + future
    }
}

/// What a job has found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The trace's name.
    pub trace: String,
    /// The policy's name.
    pub policy: &'static str,
    /// Its size.
    #[serde(flatten)]
    pub capacity: Capacity,
    /// Accesses.
    pub requests: u64,
    /// Accesses that had to wait for a fetch.
    pub misses: u64,
    /// The same as a share of the requests.
    pub miss_ratio: f64,
    /// Objects that were fetched without being asked for.
    pub prefetches: u64,
    /// Those of them that were asked for while they were there.
    pub useful_prefetches: u64,
    /// Bytes that were missed as a share of those asked for, where bytes count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_miss_ratio: Option<f64>,
    /// CPU time per access: no two runs agree on it, so it is not part of the data.
    #[serde(skip)]
    pub cpu_ns: f64,
}

struct Run {
    subject: Box<dyn Subject>,
    misses: Misses,
    cpu_ns: u64,
}

/// Replays a trace for all jobs, on as many `threads`; one row for each job, in their order.
/// `progress` is told after each piece how many accesses were made, over all jobs.
///
/// # Errors
///
/// If the trace cannot be read a second time.
pub fn replay(
    trace: &Trace,
    unit: Unit,
    jobs: &[Job],
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Row>, TraceError> {
    let future = if jobs.iter().any(|job| job.policy.needs_future) {
        Some(Arc::new(Future::of(trace)?))
    } else {
        None
    };
    let start = |job| start(job, trace, unit, future.as_ref());
    let runs: Vec<_> = jobs.iter().map(start).collect();
    let mut asked = 0;
    thread::scope(|scope| {
        let (sender, pieces) = mpsc::sync_channel(AHEAD);
        let reading = scope.spawn(move || read(trace, unit, &sender));
        for piece in pieces {
            asked += piece
                .iter()
                .map(|request| u64::from(request.size))
                .sum::<u64>();
            advance(&runs, &piece, threads, progress);
        }
        reading
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let bytes_asked = (unit == Unit::Bytes).then_some(asked);
    let rows = jobs.iter().zip(runs);
    Ok(rows
        .map(|(job, run)| row(trace, job, run, bytes_asked))
        .collect())
}

fn start(job: &Job, trace: &Trace, unit: Unit, future: Option<&Arc<Future>>) -> Mutex<Run> {
    let (capacity, objects) = (job.capacity.capacity, trace.objects());
    let whole = match unit {
        Unit::Objects => u64::from(objects),
        Unit::Bytes => trace.bytes(),
    };
    let share = (capacity as f64 / whole as f64).min(1.0);
    let setting = Setting {
        capacity,
        unit,
        objects,
        expected: ((share * f64::from(objects)) as usize).max(1),
        future: future.cloned(),
    };
    Mutex::new(Run {
        subject: (job.policy.build)(&setting),
        misses: Misses::default(),
        cpu_ns: 0,
    })
}

fn read(
    trace: &Trace,
    unit: Unit,
    sender: &mpsc::SyncSender<Arc<Vec<Request>>>,
) -> Result<(), TraceError> {
    let mut requests = trace.requests(unit)?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        requests.read(&mut piece)?;
        // Nobody listens any more only where a subject has panicked.
        if piece.is_empty() || sender.send(Arc::new(piece)).is_err() {
            return Ok(());
        }
    }
}

/// Shows a piece to all subjects.
fn advance(
    runs: &[Mutex<Run>],
    piece: &[Request],
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
            let before = thread_cpu_ns();
            let misses = run.subject.replay(piece);
            run.misses.requests += misses.requests;
            run.misses.size += misses.size;
            run.cpu_ns += thread_cpu_ns() - before;
            progress(piece.len() as u64);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(runs.len()) {
            scope.spawn(work);
        }
        work();
    });
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn row(trace: &Trace, job: &Job, run: Mutex<Run>, bytes_asked: Option<u64>) -> Row {
    let run = run.into_inner().unwrap_or_else(PoisonError::into_inner);
    let requests = trace.len();
    let per_request = |count: u64| count as f64 / requests.max(1) as f64;
    let prefetches = run.subject.prefetches();
    Row {
        trace: trace.name().to_owned(),
        policy: job.policy.name,
        capacity: job.capacity,
        requests,
        misses: run.misses.requests,
        miss_ratio: per_request(run.misses.requests),
        prefetches: prefetches.issued,
        useful_prefetches: prefetches.useful,
        byte_miss_ratio: bytes_asked.map(|asked| run.misses.size as f64 / asked as f64),
        cpu_ns: per_request(run.cpu_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{POLICIES, policy};
    use crate::trace::Record;

    fn capacity(capacity: u64) -> Capacity {
        Capacity {
            capacity,
            size_fraction: 0.5,
        }
    }

    #[test]
    fn rows_come_in_the_order_of_the_jobs_whatever_the_number_of_threads() {
        let record = |index: u64| Record {
            key: index * index % 1_009,
            size: 1 + (index % 7) as u32,
        };
        let trace = Trace::of("squares", (0..600_000).map(record).collect());
        let sizes = [3, 100, 400].into_iter().cycle();
        let jobs: Vec<_> = POLICIES
            .iter()
            .zip(sizes)
            .map(|(policy, size)| Job {
                policy,
                capacity: capacity(size),
            })
            .collect();
        let rows = |threads| {
            let counts = |row: Row| (row.policy, row.capacity.capacity, row.misses);
            let rows = replay(&trace, Unit::Bytes, &jobs, threads, &|_| ()).expect("in memory");
            rows.into_iter().map(counts).collect::<Vec<_>>()
        };
        let alone = rows(1);
        let names = jobs
            .iter()
            .map(|job| (job.policy.name, job.capacity.capacity));
        assert!(names.eq(alone.iter().map(|row| (row.0, row.1))));
        assert_eq!(alone, rows(4));
    }

    #[test]
    fn progress_adds_up_to_all_accesses() {
        let records = (0..300_000).map(|key| Record { key, size: 1 }).collect();
        let trace = Trace::of("once", records);
        let fifo = policy("fifo").expect("is there");
        let jobs = [1, 2].map(|size| Job {
            policy: fifo,
            capacity: capacity(size),
        });
        let told = std::sync::atomic::AtomicU64::new(0);
        let progress = |count| {
            told.fetch_add(count, Ordering::Relaxed);
        };
        let rows = replay(&trace, Unit::Objects, &jobs, 2, &progress).expect("in memory");
        assert_eq!(told.into_inner(), 600_000);
        assert!(
            rows.iter()
                .all(|row| row.misses == 300_000 && row.miss_ratio == 1.0)
        );
    }
}
