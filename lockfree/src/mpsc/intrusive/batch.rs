//! Nodes taken from an inbox.

use core::marker::PhantomData;
use core::ptr::{self, NonNull, null_mut};

use super::{Link, Linked};

/// Nodes that were sent, oldest first. Those not taken out are dropped with it.
pub struct Batch<P: Linked> {
    /// Null if there is none.
    first: *mut Link,
    /// Means something if there is a first.
    last: *mut Link,
    owners: PhantomData<P>,
}

// SAFETY: it owns what it hands out.
unsafe impl<P: Linked + Send> Send for Batch<P> {}
// SAFETY: it gives no shared access to what it owns.
unsafe impl<P: Linked + Send> Sync for Batch<P> {}

impl<P: Linked> Batch<P> {
    pub(super) fn empty() -> Self {
        Self {
            first: null_mut(),
            last: null_mut(),
            owners: PhantomData,
        }
    }

    /// The nodes that hang at `newest`, in the order in which they were sent.
    ///
    /// # Safety
    ///
    /// `newest` and all that hang there came from `P::into_link` and belong to the caller.
    pub(super) unsafe fn turned_around(newest: *mut Link) -> Self {
        let mut batch = Self::empty();
        batch.last = newest;
        let mut rest = newest;
        while let Some(link) = NonNull::new(rest) {
            // SAFETY: the node is ours.
            let node = unsafe { link.as_ref() };
            // The pointer may be of a node that was at this address before; the one that is there
            // now was exposed when it was sent.
            rest = ptr::with_exposed_provenance_mut(node.next().addr());
            node.set_next(batch.first);
            batch.first = link.as_ptr();
        }
        batch
    }

    /// Puts `later` behind.
    pub(super) fn append(&mut self, mut later: Self) {
        let first = core::mem::replace(&mut later.first, null_mut());
        if first.is_null() {
            return;
        }
        if self.is_empty() {
            self.first = first;
        } else {
            // SAFETY: the nodes of a batch belong to it.
            unsafe { &*self.last }.set_next(first);
        }
        self.last = later.last;
    }

    /// True if nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_null()
    }
}

impl<P: Linked> Iterator for Batch<P> {
    type Item = P;

    fn next(&mut self) -> Option<P> {
        let link = NonNull::new(self.first)?;
        // SAFETY: the nodes of a batch belong to it.
        self.first = unsafe { link.as_ref() }.next();
        // SAFETY: the node came from `into_link`, and is in the batch no more.
        Some(unsafe { P::from_link(link) })
    }
}

impl<P: Linked> Drop for Batch<P> {
    fn drop(&mut self) {
        /// Drops what is left, also after a panic in the drop of one.
        struct Rest<'a, P: Linked>(&'a mut Batch<P>);

        impl<P: Linked> Drop for Rest<'_, P> {
            fn drop(&mut self) {
                while self.0.next().is_some() {}
            }
        }

        let rest = Rest(self);
        while rest.0.next().is_some() {}
    }
}
