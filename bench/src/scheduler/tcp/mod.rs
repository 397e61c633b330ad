//! TCP servers, each a small program for its runtime ([`servers`]) around the same [`Service`]; and
//! what is asked of them: [`echo`] on one core, [`streams`] with work on both.

mod client;
mod echo;
mod servers;
mod streams;

use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::{Result, anyhow};

use crate::machine::{Cores, Place};

use client::Client;

pub(super) use echo::{cpu, round_trip};
pub(super) use streams::{balanced, hotspot};

/// What a server does for a connection between receiving and sending.
trait Service: Default + Send + 'static {
    /// Turns what was received into what is to be sent. It may keep the beginning of something
    /// unfinished until the rest arrives.
    fn answer(&mut self, bytes: &mut Vec<u8>);
}

/// A server on some runtime.
trait Server: 'static {
    /// Whether its runtime has only one thread.
    const ONE_THREAD: bool;

    /// Listens on a loopback port of the kernel's choice, tells it, and serves for ever.
    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()>;
}

/// Starts a server with its threads in `place`; returns where it listens.
fn start<R: Server, S: Service>(cores: Cores, place: Place, workers: usize) -> Result<SocketAddr> {
    let (listening, started) = sync_channel(1);
    let server = std::thread::spawn(move || -> Result<()> {
        cores.enter(place)?;
        R::serve::<S>(listening, workers)
    });
    if let Ok(address) = started.recv() {
        return Ok(address);
    }
    let ended = server.join().map_err(|_| anyhow!("the server panicked"))?;
    ended.and(Err(anyhow!("the server ended before it listened")))
}

/// Every server with the function `$measure`.
macro_rules! every_server {
    ($measure:ident) => {{
        use $crate::scheduler::contender::{ours, peer};
        use $crate::scheduler::tcp::servers::{
            Beehive, BeehiveLocal, Compio, Glommio, Monoio, Nio, Smol, Spargio, Tokio,
            TokioCurrentThread,
        };
        vec![
            ours("beehive", $measure::<Beehive>),
            ours("beehive-local", $measure::<BeehiveLocal>),
            peer("tokio", $measure::<Tokio>),
            peer("tokio-current-thread", $measure::<TokioCurrentThread>),
            peer("smol", $measure::<Smol>),
            peer("nio", $measure::<Nio>),
            peer("glommio", $measure::<Glommio>),
            peer("monoio", $measure::<Monoio>),
            peer("compio", $measure::<Compio>),
            peer("spargio", $measure::<Spargio>),
        ]
    }};
}

use every_server;
