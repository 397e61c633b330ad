//! Randomised schedules by shuttle. It runs everything as sequentially consistent.

#[path = "cell.rs"]
mod cell;

pub(crate) use cell::UnsafeCell;
pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::Arc;
pub(crate) mod atomic {
    pub(crate) use shuttle::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}
