//! `hallows replay`: Ant Colony's policy against its rivals on recorded traces.
//!
//! `args` turns flags into traces, sizes and policies, `ant-colony-sim` replays them, `summary`
//! compares them with FIFO over all traces, `table` and `plot` show what came out.

mod args;
mod plot;
mod summary;
mod table;

use ant_colony_sim::{Job, Row, Trace, TraceError, replay};
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use args::ReplayArgs;

use crate::failure::Failure;
use crate::stdout;

/// Runs the command.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let origins = args.origins();
    let mut rows = Vec::new();
    let mut text = String::new();
    for (index, origin) in origins.iter().enumerate() {
        let progress = progress(index + 1, origins.len());
        let trace = args.open(origin).map_err(|error| failure(&error))?;
        let of_trace = replay_one(args, &trace, &progress)?;
        progress.finish_and_clear();
        table::trace(&mut text, &trace, &of_trace, args.counts_metadata());
        rows.extend(of_trace);
    }
    if let Some(file) = &args.svg {
        plot::draw(&rows, file)?;
    }
    if args.against_fifo {
        let gains = summary::against_fifo(&rows, &args.sizes());
        return if args.json {
            stdout::json(&gains)
        } else {
            stdout::write(table::gains(&gains, args.counts_metadata()).as_bytes())
        };
    }
    if args.json {
        stdout::json(&rows)
    } else {
        stdout::write(text.as_bytes())
    }
}

fn replay_one(
    args: &ReplayArgs,
    trace: &Trace,
    progress: &ProgressBar,
) -> Result<Vec<Row>, Failure> {
    let capacities = args.capacities(trace)?;
    let object_bytes = args.object_bytes(trace)?;
    let policies = args.policies();
    let of_policy = |policy| {
        let capacities = capacities.iter();
        capacities.map(move |&memory| Job {
            policy,
            capacity: object_bytes.map_or(memory, |bytes| memory.less_metadata(policy, bytes)),
        })
    };
    let jobs: Vec<Job> = policies.into_iter().flat_map(of_policy).collect();
    progress.set_length(trace.len() * jobs.len() as u64);
    let mut rows = Vec::new();
    for some in passes(&jobs, args.memory.0 as u64, |job| job.memory_bytes(trace)) {
        let found = replay(trace, args.unit(), some, args.threads(), &|count| {
            progress.inc(count);
        });
        rows.extend(found.map_err(|error| failure(&error))?);
    }
    Ok(rows)
}

/// Jobs that fit into the memory together, at least one at a time.
fn passes(jobs: &[Job], memory: u64, takes: impl Fn(&Job) -> u64) -> Vec<&[Job]> {
    let mut passes = Vec::new();
    let (mut start, mut taken) = (0, 0);
    for (index, job) in jobs.iter().enumerate() {
        let bytes = takes(job);
        if index > start && taken + bytes > memory {
            passes.push(&jobs[start..index]);
            (start, taken) = (index, 0);
        }
        taken += bytes;
    }
    passes.push(&jobs[start..]);
    passes
}

fn failure(error: &TraceError) -> Failure {
    Failure::failed(error.to_string(), error.remedy())
}

/// A bar on standard error; nothing where that is not a terminal.
fn progress(trace: usize, traces: usize) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(format!("trace {trace} of {traces}"));
    match ProgressStyle::with_template("{msg} {bar:40} {percent}%, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use ant_colony_sim::{Capacity, POLICIES};

    use super::*;

    #[test]
    fn a_pass_takes_as_many_jobs_as_fit_and_at_least_one() {
        let job = |capacity| Job {
            policy: &POLICIES[0],
            capacity: Capacity {
                capacity,
                size_fraction: 1.0,
            },
        };
        let jobs = [4, 5, 2, 30, 1].map(job);
        let passes = passes(&jobs, 10, |job| job.capacity.capacity);
        let sizes: Vec<_> = passes.iter().map(|pass| pass.len()).collect();
        assert_eq!(sizes, [2, 1, 1, 1]);
    }
}
