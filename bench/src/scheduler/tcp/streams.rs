//! Streams of frames with work in each, after spargio's `net_stream_hotspot_rotation_4k`: eight
//! connections, frames of 4 KiB that the server folds many times over before it answers.
//!
//! In steps that end when all frames of all connections are answered. With a hotspot, one connection
//! has most of a step's frames, another one each step; balanced, all have as many. The client shares
//! the two cores with the server, and its few calls per frame are small beside the server's work.

use std::hint::black_box;

use anyhow::Result;

use super::{Client, Server, Service, every_server, start};
use crate::harness::{Better, Metric};
use crate::machine::Place;
use crate::scheduler::clock::Took;
use crate::scheduler::contender::League;
use crate::scheduler::plan::{Plan, Scale};

const FRAME_BYTES: usize = 4_096;
const CONNECTIONS: usize = 8;
/// Frames of a connection that may be on their way at once.
const WINDOW: usize = 8;
/// Passes over a frame: tens of microseconds, much beside what a system call costs.
const PASSES: u64 = 32;
/// Frames of the connection that is hot in a step, of the others, and of each when balanced.
const HOT: usize = 32;
const COLD: usize = 2;
const EVEN: usize = 6;

/// Answers each frame with its digest, followed by the rest of the frame.
#[derive(Default)]
struct Digests {
    /// Less than a frame.
    kept: Vec<u8>,
}

impl Service for Digests {
    fn answer(&mut self, bytes: &mut Vec<u8>) {
        if !self.kept.is_empty() {
            self.kept.append(bytes);
            std::mem::swap(&mut self.kept, bytes);
        }
        let whole = bytes.len() - bytes.len() % FRAME_BYTES;
        self.kept.extend(bytes.drain(whole..));
        bytes.chunks_exact_mut(FRAME_BYTES).for_each(answer);
    }
}

fn answer(frame: &mut [u8]) {
    let mut digest = 0;
    for pass in 0..PASSES {
        digest = fold(digest ^ pass, black_box(frame));
    }
    frame[..8].copy_from_slice(&digest.to_le_bytes());
}

/// Each word depends on the one before, so this takes time and not only bandwidth.
fn fold(seed: u64, frame: &[u8]) -> u64 {
    frame.chunks_exact(8).fold(seed, |digest, word| {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        (digest ^ word)
            .rotate_left(5)
            .wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}

const METRICS: &[Metric] = &[
    Metric {
        name: "wall_us_per_step",
        unit: "us",
        better: Better::Lower,
    },
    Metric {
        name: "cpu_us_per_step",
        unit: "us",
        better: Better::Lower,
    },
];

pub(in crate::scheduler) fn hotspot() -> Vec<League> {
    fn measure<R: Server>(plan: &Plan) -> Result<Vec<f64>> {
        steps::<R>(plan, |step, connection| {
            if step % CONNECTIONS == connection {
                HOT
            } else {
                COLD
            }
        })
    }
    vec![League {
        metrics: METRICS,
        contenders: every_server!(measure),
    }]
}

pub(in crate::scheduler) fn balanced() -> Vec<League> {
    fn measure<R: Server>(plan: &Plan) -> Result<Vec<f64>> {
        steps::<R>(plan, |_, _| EVEN)
    }
    vec![League {
        metrics: METRICS,
        contenders: every_server!(measure),
    }]
}

/// `frames` says how many a connection sends in a step.
fn steps<R: Server>(plan: &Plan, frames: fn(usize, usize) -> usize) -> Result<Vec<f64>> {
    let addresses = if R::ONE_THREAD && plan.workers > 1 {
        // One for each core, and the connections divided between them.
        let places = [Place::Server, Place::Client];
        let start = |place| start::<R, Digests>(plan.cores, place, 1);
        places.into_iter().map(start).collect::<Result<_>>()?
    } else {
        vec![start::<R, Digests>(plan.cores, Place::Both, plan.workers)?]
    };
    let mut client = Client::connect(&addresses, CONNECTIONS, |index| {
        let sent = vec![index as u8 + 1; FRAME_BYTES];
        let mut expected = sent.clone();
        answer(&mut expected);
        (sent, expected)
    })?;
    let steps = match plan.scale {
        Scale::Full => 400,
        Scale::Quick => 160,
        Scale::Tiny => 8,
    };
    for step in 0..steps / 4 {
        client.drive(|connection| frames(step, connection), WINDOW)?;
    }
    let (took, result) = Took::by(|| -> Result<()> {
        for step in 0..steps {
            client.drive(|connection| frames(step, connection), WINDOW)?;
        }
        Ok(())
    });
    result?;
    let per_step = |time: std::time::Duration| time.as_secs_f64() * 1e6 / steps as f64;
    Ok(vec![per_step(took.wall), per_step(took.cpu)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_pieces_are_answered_like_whole_ones() {
        let frames: Vec<u8> = (0..3 * FRAME_BYTES).map(|byte| byte as u8).collect();
        let mut whole = frames.clone();
        Digests::default().answer(&mut whole);
        assert_eq!(whole.len(), frames.len());
        let mut service = Digests::default();
        let mut pieces = Vec::new();
        for piece in frames.chunks(1_000) {
            let mut piece = piece.to_vec();
            service.answer(&mut piece);
            pieces.append(&mut piece);
        }
        assert_eq!(pieces, whole);
    }
}
