//! The latest value: triple buffer, seqlock and signal, in all interleavings.

use std::future::poll_fn;
use std::task::Poll;

use hallows_lockfree::latest::{Reader, seqlock, signal, triple_buffer};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

/// A reader that is polled while its waker is being taken out is woken at once, again and again until
/// the writer goes on; loom has to be told that it should.
fn yielding<T>(poll: Poll<T>) -> Poll<T> {
    if poll.is_pending() {
        thread::yield_now();
    }
    poll
}

/// What a notification announces, or what is published: loom watches it.
struct Announced(UnsafeCell<u32>);

// SAFETY: written before a notification or by its writer, read after it or by its reader; that is what
// loom checks.
unsafe impl Sync for Announced {}

fn check(model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Loom's `Arc`, so that a value that is lost or dropped twice is reported.
fn latest(reader: &mut Reader<Arc<u32>>) -> u32 {
    **reader.latest()
}

#[test]
fn values_are_read_whole_and_in_order() {
    check(|| {
        let (mut writer, mut reader) = triple_buffer(|| Arc::new(0));
        let other = thread::spawn(move || {
            for value in 1..=3 {
                writer.write(Arc::new(value));
            }
        });
        let first = latest(&mut reader);
        let second = latest(&mut reader);
        assert!(first <= second);
        other.join().unwrap();
        assert_eq!(latest(&mut reader), 3);
        assert!(!reader.fetch());
    });
}

#[test]
fn a_value_is_edited_in_place_while_another_is_read() {
    check(|| {
        let (mut writer, mut reader) = triple_buffer(|| [0, 0]);
        let other = thread::spawn(move || {
            for value in 1..=2 {
                writer.edit(|pair| *pair = [value, value]);
            }
        });
        for _ in 0..2 {
            let [one, two] = *reader.latest();
            assert_eq!(one, two);
        }
        other.join().unwrap();
    });
}

#[test]
fn a_value_stays_while_it_is_read() {
    check(|| {
        let (mut writer, mut reader) = triple_buffer(|| Announced(UnsafeCell::new(0)));
        let other = thread::spawn(move || {
            for value in 1..=2 {
                // SAFETY: the writer has the buffer alone; loom reports it if not.
                writer.edit(|it| it.0.with_mut(|word| unsafe { *word = value }));
            }
        });
        for _ in 0..2 {
            let value = reader.latest();
            let [one, two] = [(); 2].map(|()| {
                thread::yield_now();
                // SAFETY: nobody writes what the reader has; loom reports it if not.
                value.0.with(|word| unsafe { *word })
            });
            assert_eq!(one, two);
        }
        other.join().unwrap();
    });
}

#[test]
fn a_waiting_reader_hears_of_each_change_and_of_the_end() {
    check(|| {
        let (mut writer, mut reader) = triple_buffer(|| Arc::new(0));
        let other = thread::spawn(move || {
            writer.write(Arc::new(1));
            writer.write(Arc::new(2));
        });
        let mut last = 0;
        while block_on(poll_fn(|cx| yielding(reader.poll_changed(cx)))).is_ok() {
            let now = latest(&mut reader);
            assert!(now > last);
            last = now;
        }
        assert_eq!(last, 2);
        other.join().unwrap();
    });
}

#[test]
fn either_end_may_be_dropped_first() {
    check(|| {
        let (mut writer, reader) = triple_buffer(|| Arc::new(0));
        let other = thread::spawn(move || drop(reader));
        writer.write(Arc::new(1));
        drop(writer);
        other.join().unwrap();
    });
}

#[test]
fn words_that_are_read_belong_together() {
    check(|| {
        let (mut writer, mut reader) = seqlock([0, 0]);
        let other = thread::spawn(move || {
            writer.write([1, 1]);
            writer.write([2, 2]);
        });
        if let Some([one, two]) = reader.try_read() {
            assert_eq!(one, two);
        }
        let [one, two] = reader.read();
        assert_eq!(one, two);
        other.join().unwrap();
        assert_eq!(reader.read(), [2, 2]);
    });
}

#[test]
fn two_readers_share_a_seqlock() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let (mut writer, mut reader) = seqlock([0, 0]);
        let mut clone = reader.clone();
        let other = thread::spawn(move || {
            if let Some([one, two]) = clone.try_read() {
                assert_eq!(one, two);
            }
        });
        let third = thread::spawn(move || writer.write([1, 1]));
        let [one, two] = reader.read();
        assert_eq!(one, two);
        other.join().unwrap();
        third.join().unwrap();
    });
}

#[test]
fn what_was_changed_before_a_notification_is_seen_after_it() {
    check(|| {
        let (notifier, mut listener) = signal();
        let value = Arc::new(Announced(UnsafeCell::new(0)));
        let written = value.clone();
        let other = thread::spawn(move || {
            // SAFETY: the listener reads after the notification only.
            written.0.with_mut(|value| unsafe { *value = 1 });
            notifier.notify();
        });
        block_on(listener.changed());
        // SAFETY: the notification came after the write.
        assert_eq!(value.0.with(|value| unsafe { *value }), 1);
        assert!(!listener.try_changed());
        other.join().unwrap();
    });
}

#[test]
fn each_notifier_is_heard_and_many_coalesce() {
    check(|| {
        let (notifier, mut listener) = signal();
        let values = Arc::new([(); 2].map(|()| Announced(UnsafeCell::new(0))));
        let others = [0, 1].map(|index| {
            let (values, notifier) = (values.clone(), notifier.clone());
            thread::spawn(move || {
                // SAFETY: each notifier has its own value; it is read when both have ended.
                values[index].0.with_mut(|value| unsafe { *value = 1 });
                notifier.notify();
            })
        });
        block_on(listener.changed());
        for other in others {
            other.join().unwrap();
        }
        listener.try_changed();
        assert!(!listener.try_changed());
        for value in values.iter() {
            // SAFETY: both notifiers have ended.
            assert_eq!(value.0.with(|value| unsafe { *value }), 1);
        }
    });
}

#[test]
fn the_last_of_several_notifications_is_not_lost() {
    check(|| {
        let (notifier, mut listener) = signal();
        let value = Arc::new(Announced(UnsafeCell::new(0)));
        let written = value.clone();
        let other = thread::spawn(move || {
            notifier.notify();
            // SAFETY: the listener reads when it has heard of the end only.
            written.0.with_mut(|value| unsafe { *value = 1 });
            notifier.notify();
        });
        block_on(listener.changed());
        other.join().unwrap();
        // Either it is still there, or the first change has answered both.
        listener.try_changed();
        // SAFETY: the notifier has ended.
        assert_eq!(value.0.with(|value| unsafe { *value }), 1);
    });
}
