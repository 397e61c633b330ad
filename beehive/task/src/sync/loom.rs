//! The model checker loom, and what it takes to make it try every order.
//!
//! Of each atomic, loom remembers only the last access. So a thread that loads a word before it writes
//! to it hides the loads of others, and what would have been had the write come before them is never
//! tried. Here each load first stores to a word of its own, which is never read, and stores depend on
//! each other: then no load hides another. `hallows-lockfree` does the same.

pub(crate) use loom::cell::UnsafeCell;

pub(crate) mod atomic {
    //! loom's atomics, with loads that depend on each other.

    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::{Ordering, fence};

    /// An atomic of loom's, and the word that its loads store to.
    #[derive(Debug)]
    pub(crate) struct Visible<A> {
        atomic: A,
        loads: atomic::AtomicBool,
    }

    impl<A> Visible<A> {
        fn of(atomic: A) -> Self {
            Self {
                atomic,
                loads: atomic::AtomicBool::new(false),
            }
        }

        fn loading(&self) -> &A {
            self.loads.store(true, Ordering::Relaxed);
            &self.atomic
        }
    }

    impl<A> core::ops::Deref for Visible<A> {
        type Target = A;

        fn deref(&self) -> &A {
            &self.atomic
        }
    }

    pub(crate) type AtomicUsize = Visible<atomic::AtomicUsize>;

    impl AtomicUsize {
        pub(crate) fn new(value: usize) -> Self {
            Self::of(atomic::AtomicUsize::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            self.loading().load(order)
        }
    }

    pub(crate) type AtomicU32 = Visible<atomic::AtomicU32>;

    impl AtomicU32 {
        pub(crate) fn new(value: u32) -> Self {
            Self::of(atomic::AtomicU32::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.loading().load(order)
        }
    }

    pub(crate) type AtomicU64 = Visible<atomic::AtomicU64>;

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> Self {
            Self::of(atomic::AtomicU64::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.loading().load(order)
        }
    }

    pub(crate) type AtomicPtr<T> = Visible<atomic::AtomicPtr<T>>;

    impl<T> AtomicPtr<T> {
        pub(crate) fn new(pointer: *mut T) -> Self {
            Self::of(atomic::AtomicPtr::new(pointer))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.loading().load(order)
        }
    }
}
