//! The processor's own.

#[path = "cell.rs"]
mod cell;

pub(crate) use alloc::sync::Arc;
pub(crate) use cell::UnsafeCell;
pub(crate) use core::hint::spin_loop;
pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}
