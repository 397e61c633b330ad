//! Signals; alone in its file, because signals go to the whole process.

mod common;

use std::io::ErrorKind;
use std::task::Context;
use std::time::Duration;

use beehive::signal::{SignalKind, signal};
use beehive::time::timeout;
use common::{broken_waker, on_each_reactor};

const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(5);

fn raise(kind: SignalKind) {
    signal_hook::low_level::raise(kind.as_raw()).unwrap();
}

#[test]
fn everyone_who_listens_receives_the_signal_once() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut one = signal(SignalKind::USER_DEFINED_1).unwrap();
            let mut other = signal(SignalKind::USER_DEFINED_1).unwrap();
            let mut different = signal(SignalKind::USER_DEFINED_2).unwrap();
            for _ in 0..3 {
                raise(SignalKind::USER_DEFINED_1);
                timeout(SOON, one.recv()).await.unwrap();
                timeout(SOON, other.recv()).await.unwrap();
                assert!(timeout(SILENCE, one.recv()).await.is_err());
                assert!(timeout(SILENCE, different.recv()).await.is_err());
            }
            drop(one);
            let waiting = beehive::spawn(async move { other.recv().await });
            beehive::yield_now().await;
            raise(SignalKind::USER_DEFINED_1);
            timeout(SOON, waiting).await.unwrap().unwrap();
            // A signal that came while nobody asked is still there.
            raise(SignalKind::USER_DEFINED_2);
            timeout(SOON, different.recv()).await.unwrap();
        });
    });
}

#[test]
fn signals_that_nobody_can_listen_to_are_refused() {
    for number in [9, 11, 19, 0, -1, 1_000] {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_waker_that_panics_keeps_no_signal_from_others() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let mut broken = signal(SignalKind::HANGUP).unwrap();
            let mut other = signal(SignalKind::HANGUP).unwrap();
            let waker = broken_waker();
            let polled = broken.poll_recv(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            for _ in 0..2 {
                let waiting = async {
                    raise(SignalKind::HANGUP);
                    other.recv().await;
                };
                timeout(SOON, waiting).await.unwrap();
            }
        });
    });
}
