//! Termination signals; alone in its file, because signals go to the whole process.

mod common;

use std::time::Duration;

use beehive::signal::terminate;
use beehive::time::timeout;
use common::on_each_reactor;

#[test]
fn each_termination_signal_resolves_the_future_once() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
                let waiting = beehive::spawn_local(terminate());
                beehive::time::sleep(Duration::from_millis(5)).await;
                assert!(!waiting.is_finished());
                signal_hook::low_level::raise(signal).unwrap();
                let ended = timeout(Duration::from_secs(5), waiting).await;
                ended
                    .expect("the signal arrives")
                    .expect("the task ends")
                    .expect("no error");
            }
            assert!(
                timeout(Duration::from_millis(5), terminate())
                    .await
                    .is_err()
            );
        });
    });
}
