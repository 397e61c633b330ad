//! Moving numbers from producers to consumers, and checking by their sum that each arrived once.
//!
//! Producers sit on the first core and then in turn, consumers on the second and then in turn: one
//! of each never share a core, and with two of each every core has one of each.

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::machine::Cores;

use crate::team::{Core, Team, Took};

/// Values that move at once where chunks are moved.
pub(super) const CHUNK: usize = 64;

/// One by one: the producers share the messages, and so do the consumers.
pub(super) fn transfer<S, R>(
    cores: &Cores,
    senders: Vec<S>,
    receivers: Vec<R>,
    messages: u64,
) -> Result<Took>
where
    S: FnMut(u64) + Send,
    R: FnMut() -> u64 + Send,
{
    let sent_each = messages / senders.len() as u64;
    let received_each = messages / receivers.len() as u64;
    let mut team = Team::new(cores);
    for (index, mut send) in senders.into_iter().enumerate() {
        let first = index as u64 * sent_each;
        team.add(Core::in_turn(index), move || {
            for value in first..first + sent_each {
                send(value);
            }
            0
        });
    }
    for (index, mut receive) in receivers.into_iter().enumerate() {
        team.add(Core::in_turn(index + 1), move || {
            (0..received_each).fold(0_u64, |sum, _| sum.wrapping_add(receive()))
        });
    }
    let (took, sums) = team.run(messages)?;
    check(sums.iter().sum(), messages)?;
    Ok(took)
}

/// From one producer to one consumer, [`CHUNK`] values at a time.
pub(super) fn transfer_chunks(
    cores: &Cores,
    mut send: impl FnMut(Range<u64>) + Send,
    mut receive: impl FnMut() -> u64 + Send,
    messages: u64,
) -> Result<Took> {
    let mut team = Team::new(cores);
    team.add(Core::First, move || {
        for first in (0..messages).step_by(CHUNK) {
            send(first..first + CHUNK as u64);
        }
        0
    });
    team.add(Core::Second, move || {
        (0..messages / CHUNK as u64).fold(0_u64, |sum, _| sum.wrapping_add(receive()))
    });
    let (took, sums) = team.run(messages)?;
    check(sums.iter().sum(), messages)?;
    Ok(took)
}

/// A number goes there and comes back, and only then the next one goes.
pub(super) fn round_trips(
    cores: &Cores,
    (mut ask, mut hear): (impl FnMut(u64) + Send, impl FnMut() -> u64 + Send),
    (mut take, mut answer): (impl FnMut() -> u64 + Send, impl FnMut(u64) + Send),
    trips: u64,
) -> Result<Took> {
    let mut team = Team::new(cores);
    team.add(Core::First, move || {
        (0..trips).fold(0_u64, |sum, value| {
            ask(value);
            sum.wrapping_add(hear())
        })
    });
    team.add(Core::Second, move || {
        for _ in 0..trips {
            let value = take();
            answer(value);
        }
        0
    });
    let (took, sums) = team.run(trips)?;
    check(sums.iter().sum(), trips)?;
    Ok(took)
}

/// What some calls of a consumer received.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Received {
    pub(super) count: u64,
    pub(super) sum: u64,
}

impl Received {
    #[inline(always)]
    pub(super) fn and(self, value: u64) -> Received {
        Received {
            count: self.count + 1,
            sum: self.sum.wrapping_add(value),
        }
    }
}

/// From one producer to every consumer. `send` gets [`CHUNK`] values at a time, to send singly or
/// together; `receive` takes what is there, at least one.
pub(super) fn broadcast<R>(
    cores: &Cores,
    mut send: impl FnMut(Range<u64>) + Send,
    receivers: Vec<R>,
    messages: u64,
) -> Result<Took>
where
    R: FnMut() -> Received + Send,
{
    let mut team = Team::new(cores);
    team.add(Core::First, move || {
        for first in (0..messages).step_by(CHUNK) {
            send(first..first + CHUNK as u64);
        }
        None
    });
    for (index, mut receive) in receivers.into_iter().enumerate() {
        team.add(Core::in_turn(index + 1), move || {
            let mut all = Received::default();
            while all.count < messages {
                let some = receive();
                all.count += some.count;
                all.sum = all.sum.wrapping_add(some.sum);
            }
            Some(all)
        });
    }
    let (took, received) = team.run(messages)?;
    for all in received.into_iter().flatten() {
        ensure!(
            all.count == messages,
            "{} messages came of {messages}",
            all.count
        );
        check(all.sum, messages)?;
    }
    Ok(took)
}

/// The sum of 0, 1, ... tells lost, repeated and invented values.
pub(super) fn check(sum: u64, count: u64) -> Result<()> {
    let expected = count * (count - 1) / 2;
    ensure!(
        sum == expected,
        "what was received sums up to {sum}, not {expected}: values were lost or repeated"
    );
    Ok(())
}

/// As many senders or receivers as are wanted.
pub(super) fn each<T>(count: usize, make: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(make).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_value_is_sent_and_counted_once() {
        let cores = Cores::find().expect("an affinity");
        let (send, receive) = mpsc::channel();
        let senders = (0..2)
            .map(|_| send.clone())
            .map(|send| move |value| send.send(value).expect("the receiver lives"))
            .collect();
        let receivers = vec![move || receive.recv().expect("a sender lives")];
        let took = transfer(&cores, senders, receivers, 1_024).expect("nothing is lost");
        assert_eq!(took.operations, 1_024);
    }

    #[test]
    fn a_queue_that_repeats_values_is_found_out() {
        let cores = Cores::find().expect("an affinity");
        let result = transfer(&cores, vec![|_| ()], vec![|| 7], 1_024);
        assert!(result.is_err());
    }
}
