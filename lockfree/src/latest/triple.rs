//! Triple buffer: one writer, one reader; neither waits for the other.
//!
//! # Protocol
//!
//! There are three buffers. The writer owns one, the reader one, and the third is the **back**
//! buffer, whose index is in an atomic word beside three bits.
//!
//! 1. *Publish.* The writer fills its buffer and swaps its index into the word together with `FRESH`.
//!    The buffer that it gets back is its next one. If the reader had not fetched that one yet it is
//!    overwritten: only the latest counts.
//! 2. *Fetch.* If `FRESH` is set the reader swaps its index into the word, without the bit, and owns
//!    the buffer that it gets back. Without the look it would get an old buffer the second time.
//! 3. *Wait.* The reader registers its waker and sets `WAITING`. If that shows `FRESH`, it does not
//!    wait. The next publication finds the bit in what its swap gives back, has cleared it with the
//!    same swap, and wakes: so any number of publications wake once, and a publication costs the
//!    same whether or not the reader ever waits. The bit stays when the reader found that it need
//!    not wait, so a publication before the next fetch may wake it once without need.
//! 4. *Close.* A writer that is dropped sets `CLOSED` and wakes a reader that waits. The reader's
//!    swap takes the bit out of the word, so the reader keeps what the swap gave.
//!
//! Each swap releases the buffer that is given and acquires the one that is taken. The look at `FRESH`
//! needs no order, because the swap follows. Setting `WAITING` releases the waker; a publication, and
//! the end, acquire it. `CLOSED` releases nothing: the last value is in the word since its swap.
//!
//! Invariant of the unsafe code: the indices of writer, reader and word are three different ones,
//! since each swap exchanges two of them; so nobody else has the buffer of an end. A buffer is
//! accessed through its end only. The writer gives access to its buffer through `&mut`; the reader also
//! through `&`, so a reader may be shared by threads only where `T` may: that is what its `PhantomData`
//! says.
//!
//! # Limits
//!
//! Publishing and fetching are wait-free. Waiting is lossless, but if the writer is stopped while it
//! wakes, polls of the reader return at once, woken by themselves, until it goes on; see
//! [`WakerCell`].
//!
//! # When not to use it
//!
//! When each value counts (a queue), for several readers ([`seqlock`](super::seqlock()), or a mutex), or
//! when three copies are too large. A buffer that comes back to the writer holds a value of some
//! publications ago; whoever draws only what has changed has to know that.
//!
//! The structure is the well-known one of graphics, with the word as in the crate `triple_buffer`;
//! waiting by the swap that publishes is our own.
//!
//! # Figures
//! Ratios to peers, above 1 is better; how they were measured is in the README.
//! - `latest_value`, million reads per second beside a writer: 0.99 to triple_buffer, 6.41 to
//!   std-mutex.

use core::error::Error;
use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::task::{Context, Poll, ready};

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{
    AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::sync::{Arc, UnsafeCell};
use crate::wait::{WakerCell, poll_budget};

/// The bits of the index.
const INDEX: u8 = 0b11;
/// The back buffer is newer than the reader's.
const FRESH: u8 = 1 << 2;
/// The reader's waker is registered.
const WAITING: u8 = 1 << 3;
/// The writer is gone. Nothing but the reader's fetch changes the word after that.
const CLOSED: u8 = 1 << 4;

struct Shared<T> {
    buffers: [CachePadded<UnsafeCell<T>>; 3],
    word: CachePadded<AtomicU8>,
    waker: WakerCell,
}

// SAFETY: each buffer is accessed by one end at a time, so `T` moves between threads; an end that is
// itself shared by threads shares no `T` that is not `Sync`.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// A triple buffer whose three values are made by `make`. The reader has the first one until
/// something is published.
pub fn triple_buffer<T>(mut make: impl FnMut() -> T) -> (Writer<T>, Reader<T>) {
    let shared = Arc::new(Shared {
        buffers: [(); 3].map(|()| CachePadded::new(UnsafeCell::new(make()))),
        word: CachePadded::new(AtomicU8::new(2)),
        waker: WakerCell::new(),
    });
    let writer = Writer {
        shared: shared.clone(),
        index: 1,
    };
    let reader = Reader {
        shared,
        taken: 0,
        shares: PhantomData,
    };
    (writer, reader)
}

/// The end that publishes; there is one.
pub struct Writer<T> {
    shared: Arc<Shared<T>>,
    index: u8,
}

impl<T> Writer<T> {
    /// Publishes `value`. What the buffer held is dropped here.
    #[inline]
    pub fn write(&mut self, value: T) {
        self.edit(|buffer| *buffer = value);
    }

    /// Changes the writer's buffer in place and publishes it. It holds an earlier value, not
    /// necessarily the latest. If `edit` panics nothing is published.
    #[inline]
    pub fn edit<R>(&mut self, edit: impl FnOnce(&mut T) -> R) -> R {
        let buffer = &self.shared.buffers[usize::from(self.index)];
        // SAFETY: nobody else has the writer's buffer.
        let result = buffer.with_mut(|buffer| edit(unsafe { &mut *buffer }));
        self.publish();
        result
    }

    #[inline]
    fn publish(&mut self) {
        let before = self.shared.word.swap(self.index | FRESH, AcqRel);
        self.index = before & INDEX;
        if before & WAITING != 0 {
            self.shared.waker.wake();
        }
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        if self.shared.word.fetch_or(CLOSED, Acquire) & WAITING != 0 {
            self.shared.waker.wake();
        }
    }
}

impl<T> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// The end that reads; there is one.
///
/// It may be shared by threads if its values may:
///
/// ```
/// fn is_shared<T: Sync>() {}
/// is_shared::<hallows_lockfree::latest::Reader<u32>>();
/// ```
///
/// ```compile_fail,E0277
/// fn is_shared<T: Sync>() {}
/// is_shared::<hallows_lockfree::latest::Reader<std::cell::Cell<u32>>>();
/// ```
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    /// What the last swap gave: the index of the reader's buffer, and the bits that were beside it.
    taken: u8,
    /// A shared reader gives shared access to a value.
    shares: PhantomData<T>,
}

/// The writer is gone, and its last value has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the writer is gone, and its last value has been read")
    }
}

impl Error for Closed {}

impl<T> Reader<T> {
    /// The latest value that was published.
    #[inline]
    pub fn latest(&mut self) -> &T {
        self.fetch();
        self.current()
    }

    /// Fetches the latest value; true if it is another publication than before.
    #[inline]
    pub fn fetch(&mut self) -> bool {
        if self.shared.word.load(Relaxed) & FRESH == 0 {
            return false;
        }
        self.taken = self.shared.word.swap(self.taken & INDEX, AcqRel);
        true
    }

    /// The value that was fetched last.
    #[inline]
    pub fn current(&self) -> &T {
        let buffer = &self.shared.buffers[usize::from(self.taken & INDEX)];
        // SAFETY: nobody else has the reader's buffer, and it keeps it while `self` is borrowed.
        buffer.with(|buffer| unsafe { &*buffer })
    }

    /// Ready when something has been published since the last fetch; otherwise the waker of `cx` is
    /// woken when that happens. Does not fetch.
    ///
    /// Many publications wake once. A wake may come late: for a publication that this, or a fetch,
    /// has found already.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the writer is gone and there is nothing new.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        ready!(poll_budget(cx));
        if self.taken & CLOSED != 0 {
            return Poll::Ready(Err(Closed));
        }
        let mut word = self.shared.word.load(Relaxed);
        if word & (FRESH | CLOSED) == 0 {
            self.shared.waker.register(cx.waker());
            word = self.shared.word.fetch_or(WAITING, Release);
        }
        if word & FRESH != 0 {
            Poll::Ready(Ok(()))
        } else if word & CLOSED != 0 {
            Poll::Ready(Err(Closed))
        } else {
            Poll::Pending
        }
    }

    /// Waits until something has been published since the last fetch.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the writer is gone and there is nothing new.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, as only [`Reader::fetch`] and [`Reader::latest`] fetch. Its
    /// waker is kept until it is woken or replaced, or the reader is dropped.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        // The writer may never wake again.
        drop(self.shared.waker.take());
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
