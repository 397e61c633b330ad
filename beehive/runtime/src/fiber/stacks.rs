//! The stacks of one worker's fibers: mapped on demand, reused, and never more than a bound.
//!
//! A stack is address space of which pages are used when touched. Below it lies a page that cannot
//! be accessed, so that overflow ends the process instead of spoiling other memory. Stacks of the
//! usual size are kept for the next fiber, which finds them in the cache; a bounded number, as
//! pages once touched stay with them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::task::Waker;

use corosensei::stack::{DefaultStack, StackPointer};

/// Size of a stack unless its task says otherwise, in bytes.
pub(crate) const USUAL_BYTES: usize = 256 << 10;
/// Smallest size: enough for the runtime's own frames and a panic.
pub(crate) const BYTES_MIN: usize = 16 << 10;
/// Unused stacks that a worker keeps.
const KEPT_MAX: usize = 64;
/// Stacks in use at once, by default: two mappings each, of the 65,530 that Linux allows a process.
const USED_MAX: usize = 1_024;

/// One worker's stacks.
pub(crate) struct Stacks {
    kept: RefCell<Vec<DefaultStack>>,
    used: Cell<usize>,
    used_max: usize,
    /// Fibers that found all stacks in use, in the order they came.
    waiting: RefCell<VecDeque<Waker>>,
}

impl Stacks {
    pub(crate) fn new() -> Rc<Self> {
        Self::with_bound(USED_MAX)
    }

    fn with_bound(used_max: usize) -> Rc<Self> {
        Rc::new(Self {
            kept: RefCell::default(),
            used: Cell::new(0),
            used_max,
            waiting: RefCell::default(),
        })
    }

    /// A stack of at least this size; `None` if as many as may be are in use: then `waker` is woken
    /// when one is free.
    ///
    /// # Panics
    ///
    /// If the system refuses memory and no fiber is there whose end would give some back.
    pub(crate) fn take(self: &Rc<Self>, bytes: usize, waker: &Waker) -> Option<Stack> {
        let used = self.used.get();
        let memory = if used < self.used_max {
            self.kept_or_new(bytes)
        } else {
            Err(std::io::ErrorKind::QuotaExceeded.into())
        };
        match memory {
            Ok(memory) => {
                self.used.set(used + 1);
                Some(Stack {
                    memory: ManuallyDrop::new(memory),
                    usual: bytes == USUAL_BYTES,
                    pool: self.clone(),
                })
            }
            Err(_) if used > 0 => {
                self.waiting.borrow_mut().push_back(waker.clone());
                None
            }
            Err(error) => panic!(
                "no memory for a stack of {bytes} bytes: {error}; see `ulimit -v` and the sysctl \
                 vm.max_map_count"
            ),
        }
    }

    fn kept_or_new(&self, bytes: usize) -> std::io::Result<DefaultStack> {
        let kept = (bytes == USUAL_BYTES).then(|| self.kept.borrow_mut().pop());
        kept.flatten().map_or_else(|| DefaultStack::new(bytes), Ok)
    }

    fn give_back(&self, memory: DefaultStack, usual: bool) {
        let mut kept = self.kept.borrow_mut();
        let surplus = if usual && kept.len() < KEPT_MAX {
            kept.push(memory);
            None
        } else {
            Some(memory)
        };
        drop(kept);
        drop(surplus);
        self.used.set(self.used.get() - 1);
        let next = self.waiting.borrow_mut().pop_front();
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

/// A stack in use; goes back to its pool when dropped.
pub(crate) struct Stack {
    /// Taken out by `drop` only.
    memory: ManuallyDrop<DefaultStack>,
    usual: bool,
    pool: Rc<Stacks>,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: this is the only place that takes the memory, and nothing uses it afterwards.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        self.pool.give_back(memory, self.usual);
    }
}

// SAFETY: base and limit are those of a `DefaultStack`, which has a guard page and the least size,
// and which this value owns until it is dropped.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> StackPointer {
        self.memory.base()
    }

    fn limit(&self) -> StackPointer {
        self.memory.limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corosensei::stack::Stack as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_stack_given_back_is_the_next_one_taken() {
        let stacks = Stacks::new();
        let take = || stacks.take(USUAL_BYTES, Waker::noop()).unwrap();
        let first = take();
        let base = first.base();
        assert_ne!(take().base(), base);
        drop(first);
        assert_eq!(take().base(), base);
    }

    #[test]
    fn stacks_of_unusual_size_are_not_kept() {
        let stacks = Stacks::new();
        let stack = stacks.take(2 * USUAL_BYTES, Waker::noop()).unwrap();
        assert!(stack.base().get() - stack.limit().get() > 2 * USUAL_BYTES);
        drop(stack);
        assert!(stacks.kept.borrow().is_empty());
    }

    #[test]
    fn no_more_stacks_are_kept_than_the_bound() {
        let stacks = Stacks::new();
        let all: Vec<_> = (0..KEPT_MAX + 3)
            .map(|_| stacks.take(USUAL_BYTES, Waker::noop()))
            .collect();
        drop(all);
        assert_eq!(stacks.kept.borrow().len(), KEPT_MAX);
        assert_eq!(stacks.used.get(), 0);
    }

    #[test]
    fn who_finds_all_stacks_in_use_is_woken_when_one_is_given_back() {
        let stacks = Stacks::with_bound(1);
        let only = stacks.take(USUAL_BYTES, Waker::noop());
        let woken = Arc::new(Woken::default());
        assert!(stacks.take(USUAL_BYTES, &woken.clone().into()).is_none());
        assert_eq!(woken.0.load(SeqCst), 0);
        drop(only);
        assert_eq!(woken.0.load(SeqCst), 1);
        assert!(stacks.take(USUAL_BYTES, Waker::noop()).is_some());
    }
}
