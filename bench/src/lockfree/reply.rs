//! A reply slot: made, sent to and received from, by one thread. What a request costs that is
//! answered at once.

use std::hint::black_box;

use anyhow::Result;
use hallows_lockfree::reply::Pool;

use crate::harness::Measured;

use super::measure::{THROUGHPUT, compare, ours, peer};
use super::transfer::check;
use super::{Bench, Workload};
use crate::team::{Core, Team, Took};

/// Slots in a pool.
const CAPACITY: usize = 64;

pub(super) fn run(bench: &Bench, workload: Workload) -> Result<Measured> {
    let subjects = vec![
        ours("hallows", |replies| {
            let pool = Pool::new(CAPACITY);
            ask(bench, replies, move |value| {
                let (send, mut receive) = black_box(pool.slot().expect("one is lent at a time"));
                send.send(value).expect("the receiver lives");
                receive.try_recv().expect("it was sent")
            })
        }),
        peer("oneshot", |replies| {
            ask(bench, replies, |value| {
                let (send, receive) = black_box(oneshot::channel());
                send.send(value).expect("the receiver lives");
                receive.try_recv().expect("it was sent")
            })
        }),
        peer("tokio", |replies| {
            ask(bench, replies, |value| {
                let (send, mut receive) = black_box(tokio::sync::oneshot::channel());
                send.send(value).expect("the receiver lives");
                receive.try_recv().expect("it was sent")
            })
        }),
        peer("std-sync-channel", |replies| {
            ask(bench, replies, |value| {
                let (send, receive) = black_box(std::sync::mpsc::sync_channel(1));
                send.send(value).expect("the receiver lives");
                receive.recv().expect("it was sent")
            })
        }),
    ];
    compare(bench, workload, &THROUGHPUT, subjects)
}

fn ask(bench: &Bench, replies: u64, mut one: impl FnMut(u64) -> u64 + Send) -> Result<Took> {
    let mut team = Team::new(&bench.cores);
    team.add(Core::First, move || {
        (0..replies).fold(0_u64, |sum, value| sum.wrapping_add(one(black_box(value))))
    });
    let (took, sums) = team.run(replies)?;
    check(sums[0], replies)?;
    Ok(took)
}
