//! The io_uring instance: queueing submissions, entering the kernel, and the count of operations
//! that the kernel still works on.
//!
//! The flags matter more than anything else here: without `DEFER_TASKRUN` and `SINGLE_ISSUER`,
//! completions interrupt the thread and half of the performance is lost. Both tie the instance to
//! the thread that made it.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use beehive_policy::Wait;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, squeue};

/// Submissions between two visits to the kernel; a full queue is submitted early.
const SUBMISSIONS: u32 = 256;
/// Completions that can wait to be taken; the kernel keeps what exceeds this, at a cost.
const COMPLETIONS: u32 = 4_096;

/// An io_uring instance with a count of its operations in flight.
pub(super) struct Ring {
    uring: IoUring,
    /// Submissions that found the queue full, oldest first.
    overflow: VecDeque<squeue::Entry>,
    /// Operations that will still have a completion.
    in_flight: usize,
    /// The kernel can wait for several completions with a limit in time of its own.
    min_wait: bool,
}

impl Ring {
    pub(super) fn new() -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let min_wait = uring.params().is_feature_min_timeout();
        Ok(Self {
            uring,
            overflow: VecDeque::new(),
            in_flight: 0,
            min_wait,
        })
    }

    pub(super) fn uring(&self) -> &IoUring {
        &self.uring
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Queues an operation that reports back.
    ///
    /// # Safety
    ///
    /// The file that the entry names is open until the entry is submitted, and any memory that it
    /// names stays valid and unmoved until its final completion has been taken.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) {
        self.in_flight += 1;
        // SAFETY: as promised by the caller.
        unsafe { self.push_uncounted(entry) };
    }

    /// Queues operations that report back and of which each starts when the one before it reports; false
    /// if there is no room for them now.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(super) unsafe fn push_chain(&mut self, entries: &[squeue::Entry]) -> bool {
        // SAFETY: as promised by the caller.
        let pushed = self.overflow.is_empty()
            && unsafe { self.uring.submission().push_multiple(entries) }.is_ok();
        if pushed {
            self.in_flight += entries.len();
        }
        pushed
    }

    /// Queues an operation whose completion does not matter.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(super) unsafe fn push_uncounted(&mut self, entry: &squeue::Entry) {
        if self.uring.submission().is_full() {
            // Where the kernel takes nothing now, because too many completions are untaken, the
            // entry waits for the next visit.
            let _ = self.uring.submit();
        }
        // SAFETY: as promised by the caller.
        let pushed =
            self.overflow.is_empty() && unsafe { self.uring.submission().push(entry) }.is_ok();
        if !pushed {
            self.overflow.push_back(entry.clone());
        }
    }

    fn push_overflow(&mut self) {
        let mut submissions = self.uring.submission();
        while let Some(entry) = self.overflow.front() {
            // SAFETY: whoever pushed the entry promised that it stays valid until submitted.
            if unsafe { submissions.push(entry) }.is_err() {
                break;
            }
            self.overflow.pop_front();
        }
    }

    /// Submits what is queued and waits for completions.
    pub(super) fn enter(&mut self, timeout: Option<Duration>, wait: Wait) -> io::Result<()> {
        self.push_overflow();
        let entered = match timeout {
            Some(Duration::ZERO) => self.enter_without_waiting(),
            // What did not fit into the queue must not wait for an event.
            _ if !self.overflow.is_empty() => self.enter_without_waiting(),
            _ => self.enter_and_wait(timeout, wait),
        };
        match entered.as_ref().map_err(io::Error::raw_os_error) {
            Ok(_) => Ok(()),
            // The time is over; a signal came; completions must be taken before more can be
            // submitted; or memory is short for the moment. The caller's loop comes back.
            Err(Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)) => Ok(()),
            Err(_) => entered.map(drop),
        }
    }

    fn enter_without_waiting(&mut self) -> io::Result<usize> {
        let submissions = self.uring.submission();
        let needless =
            submissions.is_empty() && !submissions.taskrun() && !submissions.cq_overflow();
        drop(submissions);
        if needless { Ok(0) } else { self.uring.submit() }
    }

    fn enter_and_wait(&mut self, timeout: Option<Duration>, wait: Wait) -> io::Result<usize> {
        let gather = Duration::from_micros(wait.gather_us.into());
        let mut args = SubmitArgs::new();
        let mut limit = timeout;
        if wait.min_events > 1 {
            if self.min_wait {
                args = args.min_wait_usec(wait.gather_us);
            } else {
                // An older kernel knows only one limit: the shorter one, with or without events.
                limit = Some(timeout.map_or(gather, |timeout| timeout.min(gather)));
            }
        }
        let limit = limit.map(Timespec::from);
        if let Some(limit) = &limit {
            args = args.timespec(limit);
        }
        self.uring
            .submitter()
            .submit_with_args(wait.min_events as usize, &args)
    }

    /// Takes the completions that have arrived, one by one.
    pub(super) fn completions(&mut self, mut visit: impl FnMut(&cqueue::Entry, bool)) {
        for completion in self.uring.completion() {
            visit(&completion, cqueue::more(completion.flags()));
        }
    }

    /// An operation has had its final completion.
    pub(super) fn ended(&mut self, operations: usize) {
        self.in_flight -= operations;
    }
}
