//! loom's atomics, with loads that depend on each other, and an event made of its lock.
//!
//! loom remembers of each atomic only the last access, whoever made it, so that a load may hide
//! the loads of others. Here each load first stores to a word of its own; stores depend on
//! each other. The word is never read, so this adds no happens-before.

use std::sync::Arc;

use loom::sync::atomic::{self, Ordering};
use loom::sync::{Condvar, Mutex};

#[derive(Debug, Default)]
pub(crate) struct AtomicUsize {
    word: atomic::AtomicUsize,
    loads: atomic::AtomicBool,
}

impl AtomicUsize {
    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.loads.store(true, Ordering::Relaxed);
        self.word.load(order)
    }

    pub(crate) fn store(&self, value: usize, order: Ordering) {
        self.word.store(value, order);
    }

    pub(crate) fn fetch_or(&self, value: usize, order: Ordering) -> usize {
        self.word.fetch_or(value, order)
    }

    pub(crate) fn compare_exchange(
        &self,
        known: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        self.word.compare_exchange(known, new, success, failure)
    }
}

/// What `event_listener` promises.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    all: Mutex<Vec<Listening>>,
    notified: Condvar,
}

struct Listening {
    number: usize,
    /// Once it is notified: whether as an additional one.
    notified: Option<bool>,
}

impl Event {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn listen(&self) -> EventListener {
        let mut all = self.0.all.lock().unwrap();
        let number = all.last().map_or(0, |last| last.number + 1);
        all.push(Listening {
            number,
            notified: None,
        });
        EventListener {
            event: self.clone(),
            number,
        }
    }

    /// So many are to be notified in all.
    pub(crate) fn notify(&self, count: usize) {
        let all = self.0.all.lock().unwrap();
        let before = all.iter().filter(|it| it.notified.is_some()).count();
        self.notify_first(all, count.saturating_sub(before), false);
    }

    /// So many are to be notified who were not.
    pub(crate) fn notify_additional(&self, count: usize) {
        let all = self.0.all.lock().unwrap();
        self.notify_first(all, count, true);
    }

    fn notify_first(
        &self,
        mut all: loom::sync::MutexGuard<'_, Vec<Listening>>,
        count: usize,
        additional: bool,
    ) {
        let waiting = all.iter_mut().filter(|it| it.notified.is_none());
        for listening in waiting.take(count) {
            listening.notified = Some(additional);
        }
        self.0.notified.notify_all();
    }
}

pub(crate) struct EventListener {
    event: Event,
    number: usize,
}

impl EventListener {
    pub(crate) fn wait(self) {
        let Listeners { all, notified } = &*self.event.0;
        let mut all = all.lock().unwrap();
        loop {
            let place = all.iter().position(|it| it.number == self.number);
            let place = place.expect("it listens until it is dropped");
            if all[place].notified.is_some() {
                all.remove(place);
                return;
            }
            all = notified.wait(all).unwrap();
        }
    }
}

impl Drop for EventListener {
    /// If it was notified and has not heard of it, another one is.
    fn drop(&mut self) {
        let mut all = self.event.0.all.lock().unwrap();
        let Some(place) = all.iter().position(|it| it.number == self.number) else {
            return;
        };
        let unheard = all.remove(place).notified;
        drop(all);
        match unheard {
            Some(true) => self.event.notify_additional(1),
            Some(false) => self.event.notify(1),
            None => {}
        }
    }
}
