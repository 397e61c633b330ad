//! When each request's object is asked for again: what only an oracle knows.

use crate::trace::{Trace, TraceError};

/// For each request of a trace the number of the next one for the same object; 4 bytes each.
#[derive(Debug)]
pub struct Future {
    next_uses: Vec<u32>,
}

impl Future {
    /// The object is not asked for again.
    pub const NEVER: u32 = u32::MAX;

    /// Reads a trace to its end.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is so long that requests cannot be numbered by 32 bits.
    pub fn of(trace: &Trace) -> Result<Self, TraceError> {
        if trace.len() >= u64::from(Self::NEVER) {
            let trace = trace.name().to_owned();
            return Err(TraceError::TooLongForOracle { trace });
        }
        let mut next_uses = vec![Self::NEVER; trace.len() as usize];
        let mut last_uses = vec![Self::NEVER; trace.objects() as usize];
        let mut now = 0;
        trace.for_each(|request| {
            let last = std::mem::replace(&mut last_uses[request.object as usize], now);
            if last != Self::NEVER {
                next_uses[last as usize] = now;
            }
            now += 1;
        })?;
        Ok(Self { next_uses })
    }

    /// The next request for the object of this one.
    #[must_use]
    pub fn next_use(&self, request: usize) -> u32 {
        self.next_uses[request]
    }
}
