//! The list of segments behind the queue for values: finding the slot of a ticket, and giving
//! segments back. The protocol is told in the [module's introduction](super).

use alloc::alloc::{Layout, handle_alloc_error};
use alloc::boxed::Box;
use core::ptr::{NonNull, null_mut};

use crossbeam_utils::CachePadded;

use super::slot::{STEP, Slot, position, reached};
use crate::sync::UnsafeCell;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicUsize};

/// Slots of a segment. A power of two.
pub(super) const SLOTS: usize = if crate::sync::MODELLED { 2 } else { 128 };

const SPAN: usize = SLOTS * STEP;

/// What is set while a segment has only one owner.
struct Place<T> {
    /// The position of the first slot.
    base: usize,
    /// The segment before. Dangles once that is given back, but then nobody's ticket leads there.
    previous: *mut Segment<T>,
}

/// Consecutive slots.
pub(super) struct Segment<T> {
    place: UnsafeCell<Place<T>>,
    next: AtomicPtr<Segment<T>>,
    /// Zero until `newest` has moved on from here; then odd, and `tail` as it was thereafter: a
    /// sender with that position or a later one does not come here any more.
    left: AtomicUsize,
    slots: [Slot<T>; SLOTS],
}

impl<T> Segment<T> {
    /// The position of the first slot.
    #[inline]
    pub(super) fn base(&self) -> usize {
        // SAFETY: nobody changes the place of a segment that others can reach.
        self.place.with(|place| unsafe { (*place).base })
    }

    fn previous(&self) -> *mut Self {
        // SAFETY: as in `base`.
        self.place.with(|place| unsafe { (*place).previous })
    }

    /// True if the slot of `position` is in this segment.
    #[inline]
    pub(super) fn has(&self, position: usize) -> bool {
        self.base() == position & !(SPAN - 1)
    }

    /// The slot of `position`, which must belong to this segment.
    #[inline]
    pub(super) fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position / STEP % SLOTS]
    }

    /// The segment after, if there is one.
    #[inline]
    pub(super) fn next(&self) -> *mut Self {
        self.next.load(Acquire)
    }

    /// True if no sender can come here any more when all positions before `head` are received.
    pub(super) fn is_left(&self, head: usize) -> bool {
        let left = self.left.load(Relaxed);
        left != 0 && reached(head, position(left))
    }

    /// A segment that nobody else knows, with stamps that are never odd.
    fn allocate(base: usize, previous: *mut Self) -> *mut Self {
        let layout = Layout::new::<Self>();
        // SAFETY: a segment has a size.
        let memory = unsafe { alloc::alloc::alloc(layout) }.cast::<Self>();
        let Some(segment) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        let segment = segment.as_ptr();
        let place = UnsafeCell::new(Place { base, previous });
        // SAFETY: the memory is ours and big enough; so in the following lines.
        let place_at = unsafe { &raw mut (*segment).place };
        // SAFETY: as above.
        unsafe { place_at.write(place) };
        // SAFETY: as above.
        let next_at = unsafe { &raw mut (*segment).next };
        // SAFETY: as above.
        unsafe { next_at.write(AtomicPtr::new(null_mut())) };
        // SAFETY: as above.
        let left_at = unsafe { &raw mut (*segment).left };
        // SAFETY: as above.
        unsafe { left_at.write(AtomicUsize::new(0)) };
        // SAFETY: as above.
        let slots_at = unsafe { &raw mut (*segment).slots }.cast::<Slot<T>>();
        for index in 0..SLOTS {
            // SAFETY: `index` is within the array.
            let slot_at = unsafe { slots_at.add(index) };
            // SAFETY: as above.
            unsafe { slot_at.write(Slot::new()) };
        }
        segment
    }

    /// Makes a segment that was used before a new one. Its stamps stay: they are of positions that
    /// are past.
    fn renew(&self, base: usize, previous: *mut Self) {
        self.place.with_mut(|place| {
            // SAFETY: the caller of `Segments::fresh` is its only owner.
            unsafe { *place = Place { base, previous } };
        });
        self.next.store(null_mut(), Relaxed);
        self.left.store(0, Relaxed);
    }
}

/// The segments of one queue, from the sender's side.
pub(super) struct Segments<T> {
    /// `STEP` times the tickets issued, and marks.
    pub(super) tail: CachePadded<AtomicUsize>,
    /// A segment near `tail`, never behind it by more than sends that are going on.
    newest: CachePadded<AtomicPtr<Segment<T>>>,
    /// A segment for the next use, or null.
    spare: AtomicPtr<Segment<T>>,
    /// The first segment not given back. Changed by the receiver.
    pub(super) oldest: AtomicPtr<Segment<T>>,
}

impl<T> Segments<T> {
    /// No tickets issued; the first is for `position`, which starts a segment.
    pub(super) fn new(position: usize) -> Self {
        assert!(
            position.is_multiple_of(SPAN),
            "positions start with a segment"
        );
        let first = Segment::allocate(position, null_mut());
        Self {
            tail: CachePadded::new(AtomicUsize::new(position)),
            newest: CachePadded::new(AtomicPtr::new(first)),
            spare: AtomicPtr::new(null_mut()),
            oldest: AtomicPtr::new(first),
        }
    }

    /// The segment of `position`.
    ///
    /// # Safety
    ///
    /// The caller owns the ticket of `position` and has not filled its slot.
    #[inline]
    pub(super) unsafe fn find(&self, position: usize) -> &Segment<T> {
        let base = position & !(SPAN - 1);
        let newest = self.newest.load(Acquire);
        // SAFETY: `newest` was loaded after the ticket was issued, so when it moves on from this
        // segment, `left` says a later position than ours: the segment is not given back before our
        // slot is received. The same is true of all between it and ours.
        let segment = unsafe { &*newest };
        if segment.base() == base {
            return segment;
        }
        // SAFETY: as above.
        unsafe { self.walk(newest, base) }
    }

    #[cold]
    unsafe fn walk(&self, from: *mut Segment<T>, base: usize) -> &Segment<T> {
        // SAFETY: by the caller's proof; so for `next` and `previous` below.
        let mut segment = unsafe { &*from };
        while !reached(base, segment.base()) {
            // SAFETY: segments from ours on are not given back.
            segment = unsafe { &*segment.previous() };
        }
        while segment.base() != base {
            let next = self.after(segment);
            self.move_on(segment, next);
            // SAFETY: as above.
            segment = unsafe { &*next };
        }
        segment
    }

    /// Moves `newest` on from `segment`, if it is there.
    fn move_on(&self, segment: &Segment<T>, next: *mut Segment<T>) {
        let here = core::ptr::from_ref(segment).cast_mut();
        if self.newest.load(Relaxed) == here
            && self
                .newest
                .compare_exchange(here, next, Release, Relaxed)
                .is_ok()
        {
            // A read-modify-write, so that each later ticket's is after it and sees `newest`.
            let tail = self.tail.fetch_add(0, Release);
            segment.left.store(tail | 1, Relaxed);
        }
    }

    /// The segment after `segment`, made if there is none.
    pub(super) fn after(&self, segment: &Segment<T>) -> *mut Segment<T> {
        let next = segment.next();
        if !next.is_null() {
            return next;
        }
        let base = segment.base().wrapping_add(SPAN);
        let fresh = self.fresh(base, core::ptr::from_ref(segment).cast_mut());
        match segment
            .next
            .compare_exchange(null_mut(), fresh, Release, Acquire)
        {
            Ok(_) => fresh,
            Err(next) => {
                // SAFETY: nobody has seen it.
                unsafe { self.give_back(fresh) };
                next
            }
        }
    }

    fn fresh(&self, base: usize, previous: *mut Segment<T>) -> *mut Segment<T> {
        if !self.spare.load(Relaxed).is_null() {
            let spare = self.spare.swap(null_mut(), Acquire);
            if !spare.is_null() {
                // SAFETY: whoever takes the spare segment is its only owner.
                unsafe { &*spare }.renew(base, previous);
                return spare;
            }
        }
        Segment::allocate(base, previous)
    }

    /// Keeps `segment` for the next use, in place of the one that was kept.
    ///
    /// # Safety
    ///
    /// Nobody else uses it, and no values are in it.
    pub(super) unsafe fn give_back(&self, segment: *mut Segment<T>) {
        let other = self.spare.swap(segment, AcqRel);
        if !other.is_null() {
            // SAFETY: it came from `allocate`, which used the layout of a box.
            drop(unsafe { Box::from_raw(other) });
        }
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
impl<T> Segments<T> {
    /// How many segments there are, without the spare one.
    pub(super) fn count(&self) -> usize {
        let mut segment = self.oldest.load(Relaxed);
        let mut count = 0;
        while !segment.is_null() {
            count += 1;
            // SAFETY: the tests call this while nobody else uses the segments.
            segment = unsafe { &*segment }.next();
        }
        count
    }
}

impl<T> Drop for Segments<T> {
    fn drop(&mut self) {
        let mut segment = self.oldest.load(Relaxed);
        while !segment.is_null() {
            // SAFETY: segments from the oldest on came from `allocate`, and nobody uses them.
            let owned = unsafe { Box::from_raw(segment) };
            segment = owned.next.load(Relaxed);
        }
        let spare = self.spare.load(Relaxed);
        if !spare.is_null() {
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(spare) });
        }
    }
}
