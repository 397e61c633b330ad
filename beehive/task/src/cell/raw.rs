//! The cell itself: its memory, and the steps that need the types inside.
//!
//! Invariants:
//! 1. A pointer to a cell is good for the whole cell as long as its holder has a reference (see
//!    [`state`](super::state)). A runnable has the world's.
//! 2. `stage` and `woke_itself` belong to the owner; the stage holds the future until the owner has
//!    dropped it, then the output if there is one. Once the state says so, the output is the join
//!    handle's.
//! 3. `joiner` belongs to the join handle or to whoever completes the task, as the state says.
//! 4. `live` belongs to the owner; it is `Some` exactly while the world has the task in a live set.
//! 5. `next` belongs to whoever has the runnable, and after it to the list that holds the runnable.

use alloc::boxed::Box;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::ptr::{NonNull, null_mut};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::state::{Completed, Next, State};
use super::{LiveKey, Member, Runnable, World};
use crate::sync::UnsafeCell;

/// What is the same in all cells.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    pub(super) joiner: UnsafeCell<Option<Waker>>,
    /// The future has woken its own task during the poll that is going on.
    woke_itself: UnsafeCell<bool>,
    live: UnsafeCell<Option<LiveKey>>,
    pub(crate) next: UnsafeCell<*mut Header>,
}

/// A header with what users attach to their tasks.
#[repr(C)]
pub(super) struct Prefix<M> {
    header: Header,
    pub(super) metadata: M,
}

#[repr(C)]
struct Cell<M, W, F, T> {
    prefix: Prefix<M>,
    world: W,
    stage: UnsafeCell<Stage<F, T>>,
}

/// Both begin where the stage begins, so a pointer to it is one to what it holds.
#[repr(C)]
union Stage<F, T> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<T>,
}

/// What can be done with a cell whose types are not known.
///
/// All are to be called with a pointer to a cell of the right types; by the owner: `run`, `cancel`
/// and `schedule`, which take the runnable's place; by the last holder: `free`.
pub(super) struct Vtable {
    pub(super) run: unsafe fn(NonNull<Header>),
    pub(super) cancel: unsafe fn(NonNull<Header>),
    pub(super) schedule: unsafe fn(NonNull<Header>),
    /// Where the output is, once there is one.
    pub(super) output: unsafe fn(NonNull<Header>) -> *mut (),
    pub(super) free: unsafe fn(NonNull<Header>),
}

/// Makes a cell with two references: of the world, which is the first runnable, and of the join handle.
pub(super) fn allocate<M, W, F>(metadata: M, world: W, future: F) -> NonNull<Header>
where
    W: World<M>,
    F: Future,
{
    let cell = Cell::<M, W, F, F::Output> {
        prefix: Prefix {
            header: Header {
                state: State::new(),
                vtable: &Cell::<M, W, F, F::Output>::VTABLE,
                joiner: UnsafeCell::new(None),
                woke_itself: UnsafeCell::new(false),
                live: UnsafeCell::new(None),
                next: UnsafeCell::new(null_mut()),
            },
            metadata,
        },
        world,
        stage: UnsafeCell::new(Stage {
            future: ManuallyDrop::new(future),
        }),
    };
    NonNull::from(Box::leak(Box::new(cell))).cast()
}

/// The header of a cell.
///
/// # Safety
///
/// The caller has a reference for as long as it uses the result.
#[inline(always)]
pub(super) unsafe fn header<'a>(task: NonNull<Header>) -> &'a Header {
    // SAFETY: invariant 1; a header is only ever accessed through shared references.
    unsafe { task.as_ref() }
}

/// Gives a reference back.
///
/// # Safety
///
/// It is the caller's, who uses the pointer no more.
#[inline]
pub(super) unsafe fn release(task: NonNull<Header>) {
    // SAFETY: the caller has a reference until here.
    let header = unsafe { header(task) };
    let free = header.vtable.free;
    if header.state.release() {
        // SAFETY: that was the last reference.
        unsafe { free(task) };
    }
}

/// Empties the slot of the joiner's waker.
///
/// # Safety
///
/// The slot is the caller's (invariant 3).
pub(super) unsafe fn take_joiner(header: &Header) -> Option<Waker> {
    header.joiner.with_mut(|slot| {
        // SAFETY: nobody else accesses the slot.
        let slot = unsafe { &mut *slot };
        slot.take()
    })
}

impl<M, W, F, T> Cell<M, W, F, T>
where
    W: World<M>,
    F: Future<Output = T>,
{
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        cancel: Self::cancel,
        schedule: Self::schedule,
        output: Self::output,
        free: Self::free,
    };

    const WAKER: RawWakerVTable = RawWakerVTable::new(
        Self::clone_waker,
        Self::wake,
        Self::wake_by_ref,
        Self::drop_waker,
    );

    /// # Safety
    ///
    /// As for [`header`].
    #[inline(always)]
    unsafe fn of<'a>(task: NonNull<Header>) -> &'a Self {
        // SAFETY: a header is the first thing in its cell (invariant 1).
        unsafe { task.cast::<Self>().as_ref() }
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe fn run(task: NonNull<Header>) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        let header = &cell.prefix.header;
        if header.state.begin_poll() == Next::Cancel {
            // SAFETY: the caller is the owner.
            return unsafe { Self::cancel(task) };
        }
        // SAFETY: the owner's (invariant 2).
        header.woke_itself.with_mut(|flag| unsafe { *flag = false });
        // SAFETY: the vtable is that of this cell, and the waker, which is never dropped, borrows the
        // owner's reference.
        let waker = ManuallyDrop::new(unsafe {
            Waker::from_raw(RawWaker::new(task.as_ptr().cast(), &Self::WAKER))
        });
        let cancel = OnUnwind(task, Self::cancel);
        let poll = cell.stage.with_mut(|stage| {
            // SAFETY: the future is there and the owner's (invariant 2).
            let future = unsafe { &mut *stage.cast::<F>() };
            // SAFETY: the future stays in its cell, and is dropped there.
            unsafe { Pin::new_unchecked(future) }.poll(&mut Context::from_waker(&waker))
        });
        core::mem::forget(cancel);
        match poll {
            // SAFETY: the caller is the owner.
            Poll::Ready(output) => unsafe { Self::finish(task, output) },
            // SAFETY: the caller is the owner.
            Poll::Pending => unsafe { Self::suspend(task) },
        }
    }

    /// The future has given its output.
    ///
    /// # Safety
    ///
    /// The caller is the owner.
    #[inline]
    unsafe fn finish(task: NonNull<Header>, output: T) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        let complete = OnUnwind(task, Self::complete_without_output);
        // SAFETY: the future is there and the owner's, and is not used again.
        cell.stage
            .with_mut(|stage| unsafe { stage.cast::<F>().drop_in_place() });
        let wanted = cell.prefix.header.state.has_handle();
        if !wanted {
            drop(output);
            core::mem::forget(complete);
            // SAFETY: the caller is the owner, and there is neither future nor output.
            return unsafe { Self::complete(task, false) };
        }
        core::mem::forget(complete);
        cell.stage.with_mut(|stage| {
            // SAFETY: the stage is the owner's and empty.
            unsafe { stage.cast::<T>().write(output) };
        });
        // SAFETY: the caller is the owner, and the output is in the stage.
        unsafe { Self::complete(task, true) };
    }

    /// The future waits for something.
    ///
    /// # Safety
    ///
    /// The caller is the owner.
    #[inline]
    unsafe fn suspend(task: NonNull<Header>) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        cell.world.polled_once(&cell.prefix.metadata);
        let header = &cell.prefix.header;
        // SAFETY: the owner's (invariant 2).
        if header.woke_itself.with(|flag| unsafe { *flag }) {
            let world = cell.world.clone();
            // SAFETY: the caller's right to the task goes on in the runnable.
            return world.requeue(unsafe { Runnable::from_raw(task) });
        }
        if !header.state.is_called() {
            // SAFETY: the caller is the owner.
            unsafe { Self::enter(task) };
        }
        match header.state.end_poll() {
            // From here on somebody else may be the owner.
            Next::Wait => {}
            // SAFETY: the caller is the owner.
            Next::Cancel => unsafe { Self::cancel(task) },
            // SAFETY: the caller is the owner.
            Next::Poll => unsafe { Self::schedule(task) },
        }
    }

    /// Enters the task into a live set, unless it is in one.
    ///
    /// # Safety
    ///
    /// The caller is the owner.
    #[inline]
    unsafe fn enter(task: NonNull<Header>) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        cell.prefix.header.live.with_mut(|live| {
            // SAFETY: the owner's (invariant 4); the world does not come back here.
            let live = unsafe { &mut *live };
            if live.is_none() {
                // SAFETY: the member is in a set only until `leave`, which comes before the world's
                // reference is given back.
                *live = Some(cell.world.enter(unsafe { Member::from_raw(task) }));
            }
        });
    }

    /// Drops the future of a task that ends before its time.
    ///
    /// # Safety
    ///
    /// See [`Vtable`]; the future has not been dropped.
    unsafe fn cancel(task: NonNull<Header>) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        // Also if the drop panics: nothing is left of the future then.
        let _complete = OnUnwind(task, Self::complete_without_output);
        // SAFETY: the future is there and the owner's, and is not used again.
        cell.stage
            .with_mut(|stage| unsafe { stage.cast::<F>().drop_in_place() });
    }

    /// # Safety
    ///
    /// As for [`complete`](Self::complete) without output.
    unsafe fn complete_without_output(task: NonNull<Header>) {
        // SAFETY: promised by the caller.
        unsafe { Self::complete(task, false) };
    }

    /// Ends the task.
    ///
    /// # Safety
    ///
    /// The caller is the owner, the future has been dropped, and the stage holds an output if
    /// `output`, else nothing.
    #[inline]
    unsafe fn complete(task: NonNull<Header>, output: bool) {
        // SAFETY: the owner has the world's reference.
        let cell = unsafe { Self::of(task) };
        let header = &cell.prefix.header;
        // SAFETY: the owner's (invariant 4).
        if let Some(key) = header.live.with_mut(|live| unsafe { (*live).take() }) {
            cell.world.leave(key);
        }
        let Completed {
            unwanted,
            joiner,
            reference,
            last,
        } = header.state.complete(output);
        if !reference {
            if last {
                // SAFETY: that was the last reference.
                unsafe { Self::free(task) };
            }
            return;
        }
        // Given back also if the output or the waker panics.
        let release = OnUnwind(task, release);
        if unwanted {
            // SAFETY: the output is there, and no join handle is.
            cell.stage
                .with_mut(|stage| unsafe { stage.cast::<T>().drop_in_place() });
        }
        if joiner {
            // SAFETY: the state gave the slot to the owner.
            let waker = unsafe { take_joiner(header) };
            waker.into_iter().for_each(Waker::wake);
        }
        drop(release);
    }

    /// # Safety
    ///
    /// See [`Vtable`].
    unsafe fn schedule(task: NonNull<Header>) {
        // Cloned, because the cell may be gone before the world is done with the runnable.
        // SAFETY: the owner has the world's reference.
        let world = unsafe { Self::of(task) }.world.clone();
        // SAFETY: the caller's right to the task goes on in the runnable.
        world.schedule(unsafe { Runnable::from_raw(task) });
    }

    /// # Safety
    ///
    /// As for [`header`].
    unsafe fn output(task: NonNull<Header>) -> *mut () {
        // SAFETY: promised by the caller.
        let cell = unsafe { Self::of(task) };
        cell.stage.with_mut(<*mut Stage<F, T>>::cast)
    }

    /// # Safety
    ///
    /// The caller had the last reference, and the stage is empty.
    unsafe fn free(task: NonNull<Header>) {
        // SAFETY: the cell came from a box, and nobody else has a pointer to it.
        drop(unsafe { Box::from_raw(task.cast::<Self>().as_ptr()) });
    }

    /// The cell of a waker.
    fn waker_task(task: *const ()) -> NonNull<Header> {
        // SAFETY: a waker's pointer was made from one that is not null.
        unsafe { NonNull::new_unchecked(task.cast_mut().cast()) }
    }

    unsafe fn clone_waker(task: *const ()) -> RawWaker {
        // SAFETY: a waker has a reference.
        unsafe { header(Self::waker_task(task)) }
            .state
            .add_reference();
        RawWaker::new(task, &Self::WAKER)
    }

    unsafe fn wake(task: *const ()) {
        // SAFETY: the waker has a reference.
        unsafe { Self::wake_by_ref(task) };
        // SAFETY: the waker's reference ends here.
        unsafe { Self::drop_waker(task) };
    }

    #[inline]
    unsafe fn wake_by_ref(task: *const ()) {
        let task = Self::waker_task(task);
        // SAFETY: the waker has a reference.
        let header = unsafe { header(task) };
        if W::polled() == task.as_ptr().cast() {
            // SAFETY: this thread polls the task, so it is the owner (invariant 2).
            header.woke_itself.with_mut(|flag| unsafe { *flag = true });
        } else if header.state.wake() {
            // SAFETY: the caller has become the owner.
            unsafe { Self::schedule(task) };
        }
    }

    unsafe fn drop_waker(task: *const ()) {
        // SAFETY: the waker's reference ends here.
        unsafe { release(Self::waker_task(task)) };
    }
}

/// Calls a function with a task when dropped.
struct OnUnwind(NonNull<Header>, unsafe fn(NonNull<Header>));

impl Drop for OnUnwind {
    fn drop(&mut self) {
        // SAFETY: whoever made this has the right to call the function, and does not do so itself.
        unsafe { (self.1)(self.0) };
    }
}
