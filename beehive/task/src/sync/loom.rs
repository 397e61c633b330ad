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

    macro_rules! visible {
        ($($name:ident $(<$t:ident>)?: $value:ty;)*) => {$(
            pub(crate) type $name $(<$t>)? = Visible<atomic::$name $(<$t>)?>;

            impl $(<$t>)? $name $(<$t>)? {
                pub(crate) fn new(value: $value) -> Self {
                    Self {
                        atomic: atomic::$name::new(value),
                        loads: atomic::AtomicBool::new(false),
                    }
                }

                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.loading().load(order)
                }
            }
        )*};
    }

    visible! {
        AtomicBool: bool;
        AtomicU32: u32;
        AtomicU64: u64;
        AtomicUsize: usize;
        AtomicPtr<T>: *mut T;
    }
}
