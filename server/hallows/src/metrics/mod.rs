//! The Prometheus endpoint (`--metrics`): `http.rs` speaks HTTP, `text.rs`
//! writes the metrics, `workers.rs` those of the workers; this file moves bytes. It runs on the first worker beside
//! the clients, so it is bounded in connections, size and time.

mod http;
mod text;
mod workers;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use beehive::net::local::{Socket, TcpListener};
use hallows_engine::{Engine, Host};

use crate::host::LinuxHost;

/// Scrapers that may be connected at once; more are closed.
const CONNECTIONS_MAX: usize = 64;
/// Time for one scrape.
const SCRAPE: Duration = Duration::from_secs(5);
/// Pause after the system refused to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves metrics until the server ends.
pub(crate) async fn run(mut listener: TcpListener, engine: Arc<Engine>, host: Arc<LinuxHost>) {
    let open = Rc::new(Cell::new(0));
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            beehive::time::sleep(PAUSE).await;
            continue;
        };
        if open.get() >= CONNECTIONS_MAX {
            continue;
        }
        let (open, engine, host) = (Rc::clone(&open), Arc::clone(&engine), Arc::clone(&host));
        open.set(open.get() + 1);
        beehive::spawn_local(async move {
            // A scraper that is too slow is closed like one that is done.
            let _ = beehive::time::timeout(SCRAPE, answer(socket, &engine, &host)).await;
            open.set(open.get() - 1);
        })
        .detach();
    }
}

fn render(engine: &Engine, host: &LinuxHost) -> String {
    text::render(engine, &host.facts(), &host.runtime().metrics())
}

/// Reads one request and answers it.
async fn answer(socket: Socket, engine: &Engine, host: &LinuxHost) -> std::io::Result<()> {
    let mut stream = socket.into_stream()?;
    let mut received = Vec::with_capacity(http::HEAD_LEN_MAX);
    loop {
        let count = stream.recv(&mut received).await?;
        if let Some(answer) = http::respond(&received, || render(engine, host)) {
            return stream.send(answer).await.0;
        }
        if count == 0 {
            return Ok(());
        }
    }
}
