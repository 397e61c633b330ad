//! The children of a scope that runs inside its task: boxed futures of which only those are polled
//! that were woken.
//!
//! A child is taken out of its place while it is polled, so that it may spawn others meanwhile, and
//! no lock is held while code of others runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use slab::Slab;

use crate::group::ready::Ready;

/// Futures of type `D`, which is `dyn Future<Output = ()>` with or without `Send`.
pub(super) struct Children<D: ?Sized> {
    family: Mutex<Family<D>>,
    ready: Arc<Ready>,
}

struct Family<D: ?Sized> {
    places: Slab<Place<D>>,
    /// The scope has ended.
    closed: bool,
}

struct Place<D: ?Sized> {
    /// `None` while it is being polled.
    child: Option<Pin<Box<D>>>,
    waker: Waker,
}

impl<D: ?Sized> Default for Children<D> {
    fn default() -> Self {
        Self {
            family: Mutex::new(Family {
                places: Slab::new(),
                closed: false,
            }),
            ready: Arc::default(),
        }
    }
}

impl<D: ?Sized> Children<D> {
    /// Adds a child, to be polled at the next opportunity; drops it if the scope has ended.
    pub(super) fn add(&self, child: Pin<Box<D>>) {
        let mut family = self.family.lock();
        if family.closed {
            drop(family);
            drop(child);
            return;
        }
        let entry = family.places.vacant_entry();
        let waker = self.ready.waker(entry.key());
        entry.insert(Place {
            child: Some(child),
            waker: waker.clone(),
        });
        drop(family);
        waker.wake();
    }

    /// Drops all children, and those that come later.
    pub(super) fn close(&self) {
        let places = {
            let mut family = self.family.lock();
            family.closed = true;
            std::mem::take(&mut family.places)
        };
        drop(places);
    }
}

impl<D: Future<Output = ()> + ?Sized> Children<D> {
    /// Polls the children that were woken; ready when none is left.
    ///
    /// Each gets its turn about once per call, also if it wakes itself: then the task itself lets
    /// others run before it goes on.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let turns = self.family.lock().places.len() + 1;
        for _ in 0..turns {
            // Asked also while there are no children: one may be added on another thread.
            let Poll::Ready(number) = self.ready.poll_next(cx) else {
                return if self.family.lock().places.is_empty() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                };
            };
            self.poll_child(number);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Polls the child with this number, unless it is gone.
    fn poll_child(&self, number: usize) {
        let taken = {
            let mut family = self.family.lock();
            let place = family.places.get_mut(number);
            place.and_then(|place| Some((place.child.take()?, place.waker.clone())))
        };
        let Some((mut child, waker)) = taken else {
            return;
        };
        let polled = child.as_mut().poll(&mut Context::from_waker(&waker));
        let mut family = self.family.lock();
        if polled.is_pending() {
            family.places[number].child = Some(child);
        } else {
            family.places.remove(number);
            drop(family);
            drop(child);
        }
    }
}
