//! The consumers of a ring: a fixed number of seats, each with a cursor and a place to wait.
//!
//! A cursor is one word, [`FREE`] or a sequence shifted left with the lowest bit set, so that taking
//! a seat and setting its cursor are one step: the publisher never sees the cursor of who sat there
//! before. What the shift loses does not matter, because lags are far below 2^63.
//!
//! The seats are fixed so that the publisher walks over an array that nobody frees.

use alloc::boxed::Box;

use crossbeam_utils::CachePadded;

use super::JoinError;
use crate::spsc::signal::Signal;
use crate::sync::atomic::{AtomicU64, Ordering, fence};

const FREE: u64 = 0;

fn word(sequence: u64) -> u64 {
    sequence << 1 | 1
}

pub(super) struct Seats(Box<[Seat]>);

pub(super) struct Seat {
    cursor: CachePadded<AtomicU64>,
    /// The consumer waits here. Apart from the cursor, which changes with every read.
    pub(super) items: CachePadded<Signal>,
}

impl Seats {
    /// # Panics
    /// If `count` is 0.
    pub(super) fn new(count: usize) -> Self {
        assert!(
            count > 0,
            "a ring for 0 consumers was asked for; at least 1 is allowed"
        );
        let seat = |_| Seat {
            cursor: CachePadded::new(AtomicU64::new(FREE)),
            items: CachePadded::new(Signal::new()),
        };
        Self((0..count).map(seat).collect())
    }

    pub(super) fn get(&self, seat: usize) -> &Seat {
        &self.0[seat]
    }

    /// Takes a seat with the cursor at `sequence`.
    ///
    /// The caller fences before it moves the cursor: what the consumer before it read comes before
    /// what its cursor allows.
    pub(super) fn take(&self, sequence: u64) -> Result<usize, JoinError> {
        let free = |seat: &Seat| {
            seat.cursor
                .compare_exchange(FREE, word(sequence), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        let consumers_max = self.0.len();
        self.0
            .iter()
            .position(free)
            .ok_or(JoinError { consumers_max })
    }

    /// How far the slowest consumer is behind `tail`; 0 without consumers.
    pub(super) fn lag_max(&self, tail: u64) -> u64 {
        let lag = |seat: &Seat| {
            // Acquire: what the consumer read comes before the slots are written again.
            match seat.cursor.load(Ordering::Acquire) {
                FREE => 0,
                word => (tail << 1 | 1).wrapping_sub(word) >> 1,
            }
        };
        self.0.iter().map(lag).max().unwrap_or(0)
    }

    /// Wakes who waits for items.
    pub(super) fn notify(&self) {
        fence(Ordering::SeqCst);
        for seat in &self.0 {
            seat.items.notify_fenced();
        }
    }
}

impl Seat {
    /// All before `sequence` was read.
    #[inline(always)]
    pub(super) fn advance(&self, sequence: u64) {
        self.cursor.store(word(sequence), Ordering::Release);
    }

    /// Somebody else can sit here.
    pub(super) fn leave(&self) {
        self.cursor.store(FREE, Ordering::Release);
    }
}
