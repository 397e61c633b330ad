//! The seam between traces and policies.

/// One access to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The object's id as the trace has it.
    pub key: u64,
    /// The object's number by first appearance in the trace: below [`crate::Trace::objects`].
    pub object: u32,
    /// What it takes of the capacity: 1 where objects count, else its bytes, never 0.
    pub size: u32,
}

/// Whether the object was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was, whoever brought it.
    Hit,
    /// It was not, and had to be fetched because of this request.
    Miss,
}

/// What was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Misses {
    /// Accesses.
    pub requests: u64,
    /// What they asked for, in the unit of [`Request::size`].
    pub size: u64,
}

/// What a subject has fetched without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefetches {
    /// All of them.
    pub issued: u64,
    /// Those that were asked for before they were evicted.
    pub useful: u64,
}

/// A cache under a policy, as a replay sees it.
///
/// It holds at most its capacity at any time, counting prefetched objects. An object keeps the size
/// with which it came, and one that is larger than the capacity does not enter.
pub trait Subject: Send {
    /// One access: on a miss the object is fetched and, if the policy wants it, kept.
    fn access(&mut self, request: Request) -> Outcome;

    /// What was prefetched so far.
    fn prefetches(&self) -> Prefetches {
        Prefetches::default()
    }

    /// Accesses in order; which of them were misses. One dynamic call for many requests.
    fn replay(&mut self, requests: &[Request]) -> Misses {
        let mut misses = Misses::default();
        for &request in requests {
            if self.access(request) == Outcome::Miss {
                misses.requests += 1;
                misses.size += u64::from(request.size);
            }
        }
        misses
    }
}
