//! Readiness of a file that tasks on any worker may use, while one worker gets its events, each of them
//! once (edge triggered): what is known of it, and who waits.
//!
//! # Protocol
//!
//! A task must never wait for an edge that has been.
//! 1. A task reads the state (acquire); if its direction is ready, it tries the operation.
//! 2. If that would block, it clears the direction, but only if no event has come since step 1, which
//!    the count of events in the state tells. It goes back to 1.
//! 3. If the direction is not ready, the task takes the lock of those who wait, looks at the state
//!    once more, and leaves its waker ([`Waiters::wait`]).
//! 4. An event first sets the state (release), then takes the lock and the wakers ([`Waiters::take`]).
//!
//! Either step 3 sees the state of step 4, or step 4 finds the waker of step 3. And who sees an event in
//! step 1 finds by its try what the event tells of; else step 2 would clear what nobody will tell again.
//! To clear a direction hands nothing over, so it needs no order.
//!
//! The lock around [`Waiters`] is the world's, and so is the file.

use alloc::vec::Vec;
use core::task::{Context, Waker};

use slab::Slab;

use crate::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The direction may be tried.
const READ: u64 = 1;
const WRITE: u64 = 1 << 1;
/// No further edge will come in this direction: the peer has closed, or an error is pending.
const READ_CLOSED: u64 = 1 << 2;
const WRITE_CLOSED: u64 = 1 << 3;
/// One in the count of events, which fills the upper bits.
const EVENT: u64 = 1 << 4;

/// One of the two directions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What comes from the file.
    Read,
    /// What goes to it.
    Write,
}

impl Direction {
    fn ready(self) -> u64 {
        match self {
            Self::Read => READ,
            Self::Write => WRITE,
        }
    }

    fn closed(self) -> u64 {
        match self {
            Self::Read => READ_CLOSED,
            Self::Write => WRITE_CLOSED,
        }
    }
}

/// What an event tells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Event(u64);

impl Event {
    /// Both directions are ready.
    pub const BOTH: Self = Self(READ | WRITE);

    /// And that the direction is ready.
    #[must_use]
    pub fn ready(self, direction: Direction) -> Self {
        Self(self.0 | direction.ready())
    }

    /// And that no further edge will come in this direction: a try will always find something out.
    #[must_use]
    pub fn closed(self, direction: Direction) -> Self {
        Self(self.0 | direction.ready() | direction.closed())
    }
}

/// The state by which a direction was found ready.
#[derive(Debug, Clone, Copy)]
pub struct Seen(u64);

/// An event that the state tells of, and those who wait do not know.
#[derive(Debug)]
#[must_use = "those who wait for it must be woken"]
pub struct Told(u64);

/// What is known of a file.
#[derive(Debug)]
pub struct State(AtomicU64);

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// Both directions count as ready until they prove not to be.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU64::new(READ | WRITE))
    }

    /// The present state, ready or not.
    #[must_use]
    pub fn now(&self) -> Seen {
        Seen(self.0.load(Acquire))
    }

    /// The present state if the direction may be tried (step 1).
    #[must_use]
    pub fn seen(&self, direction: Direction) -> Option<Seen> {
        let Seen(state) = self.now();
        (state & (direction.ready() | direction.closed()) != 0).then_some(Seen(state))
    }

    /// An operation would have blocked: the direction is not ready, unless an event came meanwhile
    /// (step 2).
    pub fn exhausted(&self, direction: Direction, seen: Seen) {
        self.clear(direction.ready() | direction.closed(), seen);
    }

    /// An operation did less than it could: the next one would block, unless the direction is closed,
    /// for which there will be no further edge.
    pub fn drained(&self, direction: Direction, seen: Seen) {
        if seen.0 & direction.closed() == 0 {
            self.clear(direction.ready(), seen);
        }
    }

    fn clear(&self, bits: u64, seen: Seen) {
        let same = |state: u64| (state / EVENT == seen.0 / EVENT).then_some(state & !bits);
        let _ = self.0.fetch_update(Relaxed, Relaxed, same);
    }

    /// An event has come (step 4).
    pub fn tell(&self, event: Event) -> Told {
        let add = |state: u64| Some((state | event.0).wrapping_add(EVENT));
        let _ = self.0.fetch_update(Release, Relaxed, add);
        Told(event.0)
    }
}

/// Where a task leaves its waker.
#[derive(Debug)]
pub enum Place<'a> {
    /// The one of the direction; it displaces another task's.
    Direction,
    /// The future's own, once it has one. It [forgets](Waiters::forget) it when it is dropped.
    Future(&'a mut Option<usize>),
}

/// Who waits for a file.
#[derive(Debug, Default)]
pub struct Waiters {
    /// Of `poll` methods, one for each direction.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Of futures, which leave when they are dropped.
    futures: Slab<(Direction, Option<Waker>)>,
}

impl Waiters {
    /// Leaves the task's waker; gives one that it displaces, which must be woken once the lock is free.
    ///
    /// # Errors
    ///
    /// If the direction is ready by now: by this state.
    pub fn wait(
        &mut self,
        state: &State,
        direction: Direction,
        cx: &Context<'_>,
        place: Place<'_>,
    ) -> Result<Option<Waker>, Seen> {
        if let Some(seen) = state.seen(direction) {
            return Err(seen);
        }
        let slot = match (place, direction) {
            (Place::Direction, Direction::Read) => &mut self.reader,
            (Place::Direction, Direction::Write) => &mut self.writer,
            (Place::Future(key), _) => {
                let key = *key.get_or_insert_with(|| self.futures.insert((direction, None)));
                &mut self.futures[key].1
            }
        };
        Ok(match slot {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            slot => slot.replace(cx.waker().clone()),
        })
    }

    /// Takes the wakers of those who wait for what was told, to be woken once the lock is free.
    #[expect(clippy::needless_pass_by_value, reason = "an event is handed out once")]
    pub fn take(&mut self, told: Told, ready: &mut Vec<Waker>) {
        let Told(set) = told;
        if set & READ != 0 {
            ready.extend(self.reader.take());
        }
        if set & WRITE != 0 {
            ready.extend(self.writer.take());
        }
        for (_, (direction, waker)) in &mut self.futures {
            if set & direction.ready() != 0 {
                ready.extend(waker.take());
            }
        }
    }

    /// A future no longer waits; gives its waker, to be dropped once the lock is free.
    pub fn forget(&mut self, key: usize) -> Option<Waker> {
        let (_, waker) = self.futures.try_remove(key)?;
        waker
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn waker() -> Waker {
        Waker::from(Arc::new(Bell::default()))
    }

    fn unready() -> State {
        let state = State::new();
        for direction in [Direction::Read, Direction::Write] {
            state.exhausted(direction, state.now());
        }
        state
    }

    #[test]
    fn what_was_tried_before_an_event_says_nothing_about_the_time_after_it() {
        let state = unready();
        assert!(state.seen(Direction::Read).is_none());
        let _ = state.tell(Event::default().ready(Direction::Read));
        let before = state.seen(Direction::Read).unwrap();
        let _ = state.tell(Event::default().ready(Direction::Write));
        state.exhausted(Direction::Read, before);
        let seen = state.seen(Direction::Read).unwrap();
        state.drained(Direction::Read, seen);
        assert!(state.seen(Direction::Read).is_none());
        assert!(state.seen(Direction::Write).is_some());
    }

    #[test]
    fn a_closed_direction_stays_ready_when_it_is_drained() {
        let state = unready();
        let _ = state.tell(Event::default().closed(Direction::Read));
        state.drained(Direction::Read, state.now());
        assert!(state.seen(Direction::Read).is_some());
        state.exhausted(Direction::Read, state.now());
        assert!(state.seen(Direction::Read).is_none());
    }

    #[test]
    fn an_event_takes_the_wakers_of_its_direction_only() {
        let (state, mut waiters, mut keys) = (unready(), Waiters::default(), [None, None]);
        let (waker, [first, second]) = (waker(), &mut keys);
        let cx = Context::from_waker(&waker);
        let places = [
            (Direction::Read, Place::Direction),
            (Direction::Read, Place::Future(first)),
            (Direction::Write, Place::Future(second)),
        ];
        for (direction, place) in places {
            assert!(
                waiters
                    .wait(&state, direction, &cx, place)
                    .unwrap()
                    .is_none()
            );
        }
        let mut ready = Vec::new();
        waiters.take(
            state.tell(Event::default().ready(Direction::Read)),
            &mut ready,
        );
        assert_eq!(ready.len(), 2);
        waiters.take(state.tell(Event::BOTH), &mut ready);
        assert_eq!(ready.len(), 3);
    }

    #[test]
    fn a_task_displaces_another_one_at_its_direction() {
        let (state, mut waiters) = (unready(), Waiters::default());
        let bells = [(); 2].map(|()| Arc::new(Bell::default()));
        let mut displaced = bells.clone().map(|bell| {
            let waker = Waker::from(bell);
            let cx = Context::from_waker(&waker);
            let left = waiters.wait(&state, Direction::Read, &cx, Place::Direction);
            left.unwrap()
        });
        assert!(displaced[0].is_none());
        displaced[1].take().unwrap().wake();
        let woken = bells.map(|bell| bell.0.load(Relaxed));
        assert_eq!(woken, [1, 0]);
    }

    #[test]
    fn a_future_that_forgets_its_place_is_not_woken() {
        let (state, mut waiters, mut key) = (unready(), Waiters::default(), None);
        let waker = waker();
        let cx = Context::from_waker(&waker);
        let left = waiters.wait(&state, Direction::Read, &cx, Place::Future(&mut key));
        assert!(left.unwrap().is_none());
        assert!(waiters.forget(key.unwrap()).is_some());
        assert!(waiters.forget(key.unwrap()).is_none());
        let mut ready = Vec::new();
        waiters.take(state.tell(Event::BOTH), &mut ready);
        assert!(ready.is_empty());
    }
}
