//! Accepts connections and places each on a worker. A listener has one task,
//! on the first worker; a connection begins where the policy puts it, and may move
//! later (see [`super::connection`]).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use beehive::net::local::{Shutdown, Socket};
use beehive::{Handle, WorkerId};
use hallows_engine::Connection;

use super::connection::Traveller;
use super::listener::Listener;
use super::worker::{Seat, Shared};
use crate::clock;

/// Pause after the system refused to accept, as it does without free descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// When the server ends: silence after which nobody waits to be accepted.
const LAST_CALL: Duration = Duration::from_millis(10);
/// Time to tell a client why it is not served.
const FAREWELL: Duration = Duration::from_secs(1);

const TOO_MANY: &str = "-ERR max number of clients reached\r\n";
const PROTECTED: &str = "-DENIED Hallows is running in protected mode without a password, and \
    accepts connections from this machine only. Set a password (CONFIG SET requirepass), or turn \
    protected mode off (CONFIG SET protected-mode no).\r\n";

/// Accepts until the server ends, and then those who connected before it did.
pub(super) async fn run(mut listener: Listener, shared: Arc<Shared>, handle: Handle) {
    let mut refused = false;
    while let Some(accepted) = next(&mut listener, &shared).await {
        match accepted {
            Ok((socket, peer)) => {
                refused = false;
                admit(socket, peer, listener.local_addr(), &shared, &handle);
            }
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                if !refused {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                }
                refused = true;
                beehive::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The next connection; `None` once the server is ending and nobody waits to be
/// accepted.
async fn next(
    listener: &mut Listener,
    shared: &Shared,
) -> Option<io::Result<(Socket, SocketAddr)>> {
    let keepalive_s = shared.engine.settings().tcp_keepalive_s();
    let mut accept = pin!(listener.accept(keepalive_s));
    let accepted = poll_fn(|cx| match accept.as_mut().poll(cx) {
        Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
        Poll::Pending => shared.ending.poll(cx).map(|()| None),
    });
    match accepted.await {
        Some(accepted) => Some(accepted),
        None => beehive::time::timeout(LAST_CALL, accept).await.ok(),
    }
}

/// The client gave up before it was accepted; the listener is well.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
    )
}

fn admit(
    socket: Socket,
    peer: SocketAddr,
    local: SocketAddr,
    shared: &Arc<Shared>,
    handle: &Handle,
) {
    let settings = shared.engine.settings();
    let refusal = match Seat::take(shared) {
        _ if is_stranger(peer) && settings.protected_mode() && !settings.password_required() => {
            PROTECTED
        }
        None => TOO_MANY,
        Some(seat) => {
            let shared = Arc::clone(shared);
            let worker = handle.place_movable();
            let serve = move || serve(socket, local, shared, seat, worker);
            handle.spawn_on(worker, serve).detach();
            return;
        }
    };
    shared.engine.stats().add_rejected_connection();
    beehive::spawn_local(refuse(socket, refusal)).detach();
}

fn is_stranger(peer: SocketAddr) -> bool {
    !canonical(peer).ip().is_loopback()
}

async fn refuse(socket: Socket, message: &'static str) {
    let Ok(mut stream) = socket.into_stream() else {
        return;
    };
    // A client that does not listen is not told.
    let _ = beehive::time::timeout(FAREWELL, stream.send(message.into())).await;
}

/// Serves one client on this worker.
async fn serve(socket: Socket, local: SocketAddr, shared: Arc<Shared>, seat: Seat, at: WorkerId) {
    let peer = canonical(socket.peer_addr());
    let local = canonical(precise(local, &socket));
    let now = clock::now();
    let connection = Connection::new(&shared.engine, &peer.to_string(), &local.to_string(), now);
    let hook = socket.shutdown_handle();
    connection.set_kill_hook(Box::new(move || hook.shutdown(Shutdown::Both)));
    Traveller::new(socket, connection, seat)
        .serve(&shared, at)
        .await;
}

/// The address that the client connected to, where the listener has any.
fn precise(listening: SocketAddr, socket: &Socket) -> SocketAddr {
    if listening.ip().is_unspecified() {
        return socket.local_addr().unwrap_or(listening);
    }
    listening
}

/// An IPv4 address that came through an IPv6 socket, as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
