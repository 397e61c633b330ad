//! One slot: its word, the transitions between its states, and its cells.

use core::mem::MaybeUninit;
use core::ptr;
use core::task::Waker;

use super::returned::{END, Returned};
use crate::sync::UnsafeCell;
use crate::sync::atomic::{
    AtomicU32, Ordering, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::wait::WakerCell;

/// The value is in its cell; the sender touches it no more.
pub(super) const SENT: u32 = 1;
/// The sender was dropped instead. Never together with [`SENT`].
pub(super) const CLOSED: u32 = 1 << 1;
/// The receiver's waker is in its cell. Changes only while neither answer is there.
const WAITING: u32 = 1 << 2;
/// The sender has taken the waker out; it is set only after an answer that found [`WAITING`].
const WOKEN: u32 = 1 << 3;
/// The receiver has let go, and the sender had not.
const LEFT: u32 = 1 << 4;
/// The sender has left a waker. It is set once in a use, before the answer.
const WATCHED: u32 = 1 << 5;
/// The bits from this one on count the uses of the slot, and wrap.
const GENERATION: u32 = 1 << 6;

/// Either answer: nothing more will come.
pub(super) const ANSWERED: u32 = SENT | CLOSED;

/// The word at the start of the use that follows the one of `word`.
pub(super) const fn next_use(word: u32) -> u32 {
    (word & !(GENERATION - 1)).wrapping_add(GENERATION)
}

/// What the sender found when it answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiving {
    /// The receiver has the answer, or will look for it.
    Present,
    /// The receiver had left: the caller owns the cells and has to give the slot back.
    Gone,
}

/// A slot; see the module for who may touch which cell.
pub(super) struct Slot<T> {
    word: AtomicU32,
    index: u32,
    /// The slot below in the list of returned slots, or in the pool's own list.
    next: UnsafeCell<u32>,
    /// Where a far slot goes back to; null for near ones.
    home: UnsafeCell<*const Returned>,
    value: UnsafeCell<MaybeUninit<T>>,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    /// The sender's waker. Not under the protocol of the other cells: see the module.
    watcher: WakerCell,
}

// SAFETY: the protocol gives each cell to one end at a time, so `T` moves between threads but is
// never shared; `home` points to a list that is shared by design.
unsafe impl<T: Send> Send for Slot<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// A free slot whose first use has the generation of `word`.
    pub(super) fn new(index: u32, word: u32) -> Self {
        Self {
            word: AtomicU32::new(next_use(word)),
            index,
            next: UnsafeCell::new(END),
            home: UnsafeCell::new(ptr::null()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            watcher: WakerCell::new(),
        }
    }

    /// The word, with what the other end did before it wrote it.
    #[inline]
    pub(super) fn look(&self) -> u32 {
        self.word.load(Acquire)
    }

    /// True when the receiver had been dropped before the answer.
    pub(super) fn is_left(&self) -> bool {
        self.word.load(Relaxed) & LEFT != 0
    }

    /// True when the receiver had been dropped; otherwise `waker` is woken when it is.
    ///
    /// # Safety
    ///
    /// The caller is the sender and has not answered.
    pub(super) unsafe fn watch(&self, waker: &Waker) -> bool {
        if self.is_left() {
            return true;
        }
        self.watcher.register(waker);
        self.word.fetch_or(WATCHED, Relaxed) & LEFT != 0
    }

    /// Ends the sender's part with [`SENT`] or [`CLOSED`], and wakes who waits.
    #[inline]
    pub(super) fn answer(&self, how: u32) -> Receiving {
        let before = self.word.fetch_add(how, AcqRel);
        if before & (WAITING | LEFT) == 0 {
            Receiving::Present
        } else {
            self.answer_waiting(before)
        }
    }

    /// The rest of [`Slot::answer`] when the receiver had set a bit.
    #[cold]
    fn answer_waiting(&self, before: u32) -> Receiving {
        if before & LEFT != 0 {
            return Receiving::Gone;
        }
        // SAFETY: the answer found WAITING, so the cell holds a waker, and it is the sender's.
        let waker = unsafe { self.take_waker() };
        let before = self.word.fetch_add(WOKEN, AcqRel);
        if before & LEFT != 0 {
            // SAFETY: the receiver has left, and this is the last that the sender does.
            unsafe { self.give_back(before) };
        }
        waker.wake();
        Receiving::Present
    }

    /// Leaves `waker` to be woken by the answer. Returns the word if the answer has come.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, WAITING is clear, and `word` was read from the slot.
    pub(super) unsafe fn wait(&self, word: u32, waker: Waker) -> Option<u32> {
        self.waker.with_mut(|cell| {
            // SAFETY: the cell is the receiver's while WAITING is clear.
            unsafe { (*cell).write(waker) };
        });
        let answered = self.flip(word, WAITING, Release).err()?;
        // SAFETY: WAITING is still clear, and the waker was written above.
        drop(unsafe { self.take_waker() });
        Some(answered)
    }

    /// Takes the waker back, if there is one and the answer has not come, and gives the word after
    /// that.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    pub(super) unsafe fn stop_waiting(&self) -> (u32, Option<Waker>) {
        let word = self.word.load(Acquire);
        if word & WAITING == 0 || word & ANSWERED != 0 {
            return (word, None);
        }
        match self.flip(word, WAITING, Relaxed) {
            // SAFETY: WAITING was set, so there is a waker; it is clear now, and the sender has
            // not answered before that, so the cell is the receiver's.
            Ok(word) => (word, Some(unsafe { self.take_waker() })),
            Err(answered) => (answered, None),
        }
    }

    /// Flips a bit of the receiver's in `word`, which it has read from the slot, and gives the word
    /// after that; or the word with the answer, if that was first.
    #[inline]
    fn flip(&self, mut word: u32, bit: u32, order: Ordering) -> Result<u32, u32> {
        loop {
            match self.word.compare_exchange(word, word ^ bit, order, Acquire) {
                Ok(_) => return Ok(word ^ bit),
                Err(answered) if answered & ANSWERED != 0 => return Err(answered),
                // The sender has left a waker, which it does once.
                Err(watched) => word = watched,
            }
        }
    }

    /// Ends the receiver's part after the answer. `word` is what it saw of the answer.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, has taken the value, and touches the slot no more.
    #[inline]
    pub(super) unsafe fn leave(&self, word: u32) {
        if word & (WAITING | WATCHED) == 0 {
            // SAFETY: an answer that did not find WAITING was the last that the sender did, and it
            // has left no waker.
            unsafe { self.free(word) };
        } else {
            // SAFETY: as the caller promises.
            unsafe { self.leave_wakers(word) };
        }
    }

    /// The rest of [`Slot::leave`] when either end has left a waker.
    ///
    /// # Safety
    ///
    /// As for [`Slot::leave`].
    #[cold]
    unsafe fn leave_wakers(&self, word: u32) {
        let last = if word & WAITING == 0 {
            word
        } else {
            let before = self.word.fetch_add(LEFT, AcqRel);
            if before & WOKEN == 0 {
                return;
            }
            before
        };
        // SAFETY: the sender has let go, with WOKEN or with an answer that did not find WAITING; the
        // receiver by the caller's promise.
        unsafe { self.give_back(last) };
    }

    /// Ends the receiver's part before the answer. Returns the word if the answer has come, with
    /// WAITING clear; then the receiver has to take it and [`Slot::leave`].
    ///
    /// # Safety
    ///
    /// The caller is the receiver, has stopped waiting with `word`, and if this returns none it
    /// touches the slot no more.
    pub(super) unsafe fn cancel(&self, word: u32) -> Option<u32> {
        let left = match self.flip(word, LEFT, Release) {
            Ok(left) => left,
            Err(answered) => return Some(answered),
        };
        if left & WATCHED != 0 {
            // The slot may be in another use by now; whoever is woken looks again.
            self.watcher.wake();
        }
        None
    }

    /// Makes the slot free for the next use. Drops the sender's waker if it has left one.
    ///
    /// # Safety
    ///
    /// Both ends have let go, with `word` the last state; the caller saw it with acquire and
    /// touches the slot no more.
    pub(super) unsafe fn give_back(&self, word: u32) {
        let watcher = if word & WATCHED == 0 {
            None
        } else {
            self.watcher.take()
        };
        // SAFETY: as the caller promises.
        unsafe { self.free(word) };
        drop(watcher);
    }

    /// The rest of [`Slot::give_back`].
    ///
    /// # Safety
    ///
    /// As for [`Slot::give_back`], and the sender's waker has been taken out if it has left one.
    #[inline]
    unsafe fn free(&self, word: u32) {
        // SAFETY: only the owner of the pool writes `home`, and only while the slot is free.
        let home = self.home.with(|home| unsafe { *home });
        // SAFETY: `home` is null or was set by `set_home`, whose caller promised that it lives as
        // long as the ends of the slot; we are in a call of one of them.
        let Some(home) = (unsafe { home.as_ref() }) else {
            self.word.store(next_use(word), Release);
            return;
        };
        self.word.store(next_use(word), Relaxed);
        // SAFETY: as the caller promises, the slot is ours, and it is in no list while it is lent.
        unsafe { home.push(self) };
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// # Safety
    ///
    /// The slot is free and the caller owns the pool; `home` lives while the slot is lent.
    pub(super) unsafe fn set_home(&self, home: *const Returned) {
        // SAFETY: nobody else touches a free slot.
        self.home.with_mut(|cell| unsafe { *cell = home });
    }

    /// # Safety
    ///
    /// The caller holds the free slot alone.
    pub(super) unsafe fn set_next(&self, next: u32) {
        // SAFETY: nobody else touches the slot.
        self.next.with_mut(|cell| unsafe { *cell = next });
    }

    /// # Safety
    ///
    /// The caller holds the free slot alone.
    pub(super) unsafe fn next(&self) -> u32 {
        // SAFETY: nobody writes to the slot.
        self.next.with(|cell| unsafe { *cell })
    }

    /// # Safety
    ///
    /// The caller is the sender and has not answered.
    #[inline]
    pub(super) unsafe fn put(&self, value: T) {
        self.value.with_mut(|cell| {
            // SAFETY: the value cell is the sender's until the answer.
            unsafe { (*cell).write(value) };
        });
    }

    /// # Safety
    ///
    /// The answer was SENT, the value has not been taken, and the caller owns the cell.
    #[inline]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: SENT means that the value was written; it is moved out once.
        self.value.with(|cell| unsafe { cell.cast::<T>().read() })
    }

    /// # Safety
    ///
    /// The cell holds a waker that nobody has taken, and the caller owns the cell.
    unsafe fn take_waker(&self) -> Waker {
        // SAFETY: as the caller promises.
        self.waker
            .with(|cell| unsafe { cell.cast::<Waker>().read() })
    }
}
