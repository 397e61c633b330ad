//! The latest value on the machine's own atomics.
#![cfg(not(any(feature = "loom", feature = "shuttle")))]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use hallows_lockfree::latest::{Closed, seqlock, signal, triple_buffer};
use hallows_lockfree::wait::block;

const WRITES: u64 = if cfg!(miri) { 200 } else { 50_000 };
/// Between two writes to the seqlock; for Miri each is a change of threads.
const PAUSES: u64 = if cfg!(miri) { 1 } else { 100 };

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Counts drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn the_latest_value_is_read_and_earlier_ones_are_skipped() {
    let (mut writer, mut reader) = triple_buffer(|| 0);
    assert_eq!(*reader.latest(), 0);
    assert!(!reader.fetch());
    writer.write(1);
    writer.write(2);
    assert_eq!(*reader.current(), 0);
    assert!(reader.fetch());
    assert_eq!(*reader.current(), 2);
    assert!(!reader.fetch());
    writer.write(3);
    assert_eq!(*reader.latest(), 3);
}

#[test]
fn values_are_never_torn_and_never_go_back() {
    let (mut writer, mut reader) = triple_buffer(|| [0; 20]);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for value in 1..=WRITES {
                writer.edit(|words| words.fill(value));
            }
        });
        let mut last = 0;
        while last < WRITES {
            let words = reader.latest();
            assert!(words.iter().all(|&word| word == words[0]));
            assert!(words[0] >= last);
            last = words[0];
        }
    });
}

#[test]
fn every_value_is_dropped_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (mut writer, mut reader) = triple_buffer(|| Counted(dropped.clone()));
    for write in 0..10 {
        writer.write(Counted(dropped.clone()));
        if write % 3 == 0 {
            reader.fetch();
        }
    }
    assert_eq!(dropped.load(SeqCst), 10, "three are alive");
    drop(reader);
    drop(writer);
    assert_eq!(dropped.load(SeqCst), 13);
}

#[test]
fn a_panic_publishes_nothing() {
    struct PanicsOnDrop(bool);
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            assert!(!std::mem::take(&mut self.0), "dropped");
        }
    }
    let (mut writer, mut reader) = triple_buffer(|| PanicsOnDrop(false));
    let edited = catch_unwind(AssertUnwindSafe(|| {
        writer.edit(|_| panic!("edited"));
    }));
    assert!(edited.is_err());
    assert!(!reader.fetch());
    writer.write(PanicsOnDrop(true));
    writer.write(PanicsOnDrop(false));
    assert!(reader.fetch());
    let dropped = catch_unwind(AssertUnwindSafe(|| writer.write(PanicsOnDrop(false))));
    assert!(dropped.is_err(), "the one that panics was overwritten");
    assert!(!reader.fetch());
    writer.write(PanicsOnDrop(false));
    assert!(reader.fetch());
}

#[test]
fn many_publications_wake_once() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let (mut writer, mut reader) = triple_buffer(|| 0);
    for round in 1..4 {
        assert_eq!(reader.poll_changed(&mut cx), Poll::Pending);
        writer.write(1);
        writer.write(2);
        assert_eq!(woken.0.load(SeqCst), round);
        assert_eq!(reader.poll_changed(&mut cx), Poll::Ready(Ok(())));
        assert_eq!(reader.poll_changed(&mut cx), Poll::Ready(Ok(())));
        assert!(reader.fetch());
    }
    assert_eq!(reader.poll_changed(&mut cx), Poll::Pending);
    writer.write(3);
    drop(writer);
    assert_eq!(woken.0.load(SeqCst), 4);
    assert_eq!(reader.poll_changed(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(*reader.latest(), 3);
    assert_eq!(reader.poll_changed(&mut cx), Poll::Ready(Err(Closed)));
    assert_eq!(*reader.latest(), 3);
}

#[test]
fn a_reader_that_waits_gets_the_last_value_of_a_thread() {
    let (mut writer, mut reader) = triple_buffer(|| 0);
    std::thread::scope(|scope| {
        scope.spawn(move || (1..=WRITES).for_each(|value| writer.write(value)));
        let mut last = 0;
        while block(|cx| reader.poll_changed(cx)).is_ok() {
            assert!(*reader.latest() > last);
            last = *reader.current();
        }
        assert_eq!(last, WRITES);
    });
}

/// Three buffers whatever the other end does: that is the bound on garbage.
#[test]
fn neither_end_is_held_up_by_the_other_that_stalls() {
    let (mut writer, mut reader) = triple_buffer(|| 0);
    let held = reader.latest();
    for value in 1..1000 {
        writer.write(value);
    }
    assert_eq!(*held, 0, "a value that is being read stays");
    for _ in 0..1000 {
        assert_eq!(*reader.latest(), 999);
    }
}

#[test]
fn a_seqlock_gives_words_that_belong_together() {
    let (mut writer, mut reader) = seqlock([0; 4]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (mut reader, done) = (reader.clone(), &done);
            scope.spawn(move || {
                let mut last = 0;
                while !done.load(SeqCst) {
                    let words = reader.read();
                    assert!(words.iter().all(|&word| word == words[0]));
                    assert!(words[0] >= last);
                    last = words[0];
                }
            });
        }
        for value in 1..=WRITES {
            writer.write([value; 4]);
            // The rate is limited, as the seqlock asks for.
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        done.store(true, SeqCst);
    });
    assert_eq!(reader.try_read(), Some([WRITES; 4]));
}

#[test]
fn many_notifications_wake_once() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let (notifier, mut listener) = signal();
    assert!(!listener.try_changed());
    for round in 1..4 {
        assert_eq!(listener.poll_changed(&mut cx), Poll::Pending);
        for _ in 0..10 {
            notifier.notify();
        }
        assert_eq!(woken.0.load(SeqCst), round);
        assert_eq!(listener.poll_changed(&mut cx), Poll::Ready(()));
    }
    notifier.clone().notify();
    assert!(listener.try_changed());
    assert!(!listener.try_changed());
}

#[test]
fn a_future_that_is_dropped_leaves_the_change_to_the_next() {
    let (notifier, mut listener) = signal();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut changed = std::pin::pin!(listener.changed());
        assert!(changed.as_mut().poll(&mut cx).is_pending());
        notifier.notify();
    }
    assert_eq!(listener.poll_changed(&mut cx), Poll::Ready(()));
    let (mut writer, mut reader) = triple_buffer(|| 0);
    {
        let mut changed = std::pin::pin!(reader.changed());
        assert!(changed.as_mut().poll(&mut cx).is_pending());
        writer.write(1);
    }
    assert_eq!(reader.poll_changed(&mut cx), Poll::Ready(Ok(())));
}

#[test]
fn a_listener_hears_the_last_of_several_notifiers() {
    let (notifier, mut listener) = signal();
    let sent = AtomicUsize::new(0);
    let total = 2 * WRITES as usize;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (notifier, sent) = (notifier.clone(), &sent);
            scope.spawn(move || {
                for _ in 0..WRITES {
                    sent.fetch_add(1, SeqCst);
                    notifier.notify();
                }
            });
        }
        while sent.load(SeqCst) < total {
            block(|cx| listener.poll_changed(cx));
        }
    });
}

#[test]
fn an_end_that_is_dropped_keeps_no_waker() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let (mut writer, mut reader) = triple_buffer(|| 0);
    let (notifier, mut listener) = signal();
    assert!(reader.poll_changed(&mut cx).is_pending());
    assert!(listener.poll_changed(&mut cx).is_pending());
    drop((reader, listener));
    assert_eq!(Arc::strong_count(&woken), 2, "the handle and the waker");
    writer.write(1);
    notifier.notify();
    assert_eq!(woken.0.load(SeqCst), 0);
}
