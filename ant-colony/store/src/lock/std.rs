//! Locks that park their thread when contended (feature `std`).

pub(crate) use parking_lot::RawMutex as Raw;
