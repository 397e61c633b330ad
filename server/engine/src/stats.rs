//! Counters of the whole server, kept per stripe (one per worker) so that
//! workers do not write each other's cache lines; readers add the stripes up.
//! Connections fold what they counted once per batch of requests.
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::command::table;

/// Error prefixes that are counted by name; others count as the first.
const ERROR_PREFIXES: &[&str] = &[
    "ERR",
    "NOAUTH",
    "WRONGPASS",
    "OOM",
    "NOPROTO",
    "WRONGTYPE",
    "NOPERM",
];

/// One worker's counters.
#[repr(align(128))]
struct Stripe {
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    calls: [AtomicU64; table::COUNT],
}

impl Stripe {
    fn new() -> Self {
        Self {
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            calls: [const { AtomicU64::new(0) }; table::COUNT],
        }
    }
}

/// Counters since the start or the last CONFIG RESETSTAT.
pub struct Stats {
    /// A power of two of them, so that any index can be masked.
    stripes: Box<[Stripe]>,
    connections: AtomicU64,
    rejected_connections: AtomicU64,
    relocated_connections: AtomicU64,
    errors: [AtomicU64; ERROR_PREFIXES.len()],
}

impl Stats {
    pub(crate) fn new(stripes: usize) -> Self {
        Self {
            stripes: (0..stripes.next_power_of_two())
                .map(|_| Stripe::new())
                .collect(),
            connections: AtomicU64::new(0),
            rejected_connections: AtomicU64::new(0),
            relocated_connections: AtomicU64::new(0),
            errors: [const { AtomicU64::new(0) }; ERROR_PREFIXES.len()],
        }
    }

    /// Counts `calls` executions of the command with this id.
    #[inline]
    pub(crate) fn add_calls(&self, stripe: usize, id: u16, calls: u64) {
        self.stripe(stripe).calls[id as usize].fetch_add(calls, Relaxed);
    }

    /// Counts bytes that were consumed and produced.
    #[inline]
    pub(crate) fn add_bytes(&self, stripe: usize, input: u64, output: u64) {
        let stripe = self.stripe(stripe);
        stripe.input_bytes.fetch_add(input, Relaxed);
        stripe.output_bytes.fetch_add(output, Relaxed);
    }

    pub(crate) fn add_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Counts a connection that was refused, for instance above `maxclients`.
    pub fn add_rejected_connection(&self) {
        self.rejected_connections.fetch_add(1, Relaxed);
    }

    /// Counts a connection that has moved to another worker.
    pub fn add_relocated_connection(&self) {
        self.relocated_connections.fetch_add(1, Relaxed);
    }

    /// Counts an error reply, given without its leading `-`.
    pub(crate) fn add_error(&self, text: &[u8]) {
        let prefix = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let index = ERROR_PREFIXES
            .iter()
            .position(|known| known.as_bytes() == prefix)
            .unwrap_or(0);
        self.errors[index].fetch_add(1, Relaxed);
    }

    /// Commands executed.
    pub fn commands(&self) -> u64 {
        (0..table::COUNT as u16).map(|id| self.calls(id)).sum()
    }

    /// Executions of the command with this id.
    pub(crate) fn calls(&self, id: u16) -> u64 {
        self.stripes
            .iter()
            .map(|stripe| stripe.calls[id as usize].load(Relaxed))
            .sum()
    }

    /// Bytes of requests executed.
    pub fn input_bytes(&self) -> u64 {
        self.stripes
            .iter()
            .map(|stripe| stripe.input_bytes.load(Relaxed))
            .sum()
    }

    /// Bytes of replies produced.
    pub fn output_bytes(&self) -> u64 {
        self.stripes
            .iter()
            .map(|stripe| stripe.output_bytes.load(Relaxed))
            .sum()
    }

    /// Connections accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Connections refused.
    pub fn rejected_connections(&self) -> u64 {
        self.rejected_connections.load(Relaxed)
    }

    /// Connections that have moved to another worker.
    pub fn relocated_connections(&self) -> u64 {
        self.relocated_connections.load(Relaxed)
    }

    /// Error replies by prefix, those that occurred.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        ERROR_PREFIXES
            .iter()
            .zip(&self.errors)
            .map(|(prefix, count)| (*prefix, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// Sets every counter back to zero.
    pub(crate) fn reset(&self) {
        for stripe in &self.stripes {
            stripe.input_bytes.store(0, Relaxed);
            stripe.output_bytes.store(0, Relaxed);
            for calls in &stripe.calls {
                calls.store(0, Relaxed);
            }
        }
        self.connections.store(0, Relaxed);
        self.rejected_connections.store(0, Relaxed);
        self.relocated_connections.store(0, Relaxed);
        for errors in &self.errors {
            errors.store(0, Relaxed);
        }
    }

    #[inline]
    fn stripe(&self, index: usize) -> &Stripe {
        &self.stripes[index & (self.stripes.len() - 1)]
    }
}
