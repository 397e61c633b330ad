//! `hallows serve`: builds the runtime and the engine, listens, and ends in good
//! order. `setup.rs` makes the engine, `accept.rs` places connections, `connection.rs`
//! serves one, `worker.rs` and `slot.rs` hold what a worker knows of its
//! connections, `cron.rs` is the background task, `ending.rs` the way out;
//! `huge_pages.rs` serves the setting of that name.

mod accept;
mod connection;
mod cron;
mod ending;
mod huge_pages;
mod listener;
mod setup;
mod slot;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use beehive::net::local::TcpListener;
use beehive::{Handle, Runtime};

use crate::failure::Failure;
use crate::host::LinuxHost;
use crate::logging::LevelControl;
use crate::settings::Settings;
use crate::{io, limits, metrics};
use listener::Listener;
use worker::{Shared, Worker};

/// How often an address that is in use is tried again, and after what pause.
const ADDRESS_TRIES: u32 = 10;
const ADDRESS_PAUSE: Duration = Duration::from_millis(50);

/// Serves until a signal ends it.
///
/// # Errors
/// When the server cannot start; once it serves, it ends well.
pub(crate) fn run(mut settings: Settings, level: LevelControl) -> Result<(), Failure> {
    settings.clients_max = limits::make_room(settings.clients_max, settings.workers);
    let runtime = Runtime::builder()
        .workers(settings.workers)
        .io(io::wanted(settings.io))
        .signals(settings.signals)
        .task_dump(settings.task_dump)
        .build()
        .map_err(|error| {
            let remedy =
                "`hallows doctor` tells what this machine offers; --io epoll always works.";
            Failure::failed(format!("the runtime cannot start: {error}"), remedy)
        })?;
    let result = runtime.block_on(serve(settings, level, &runtime));
    // The process ends now. Stopping the workers in order would only let one that is
    // busy delay the end.
    std::mem::forget(runtime);
    result
}

async fn serve(settings: Settings, level: LevelControl, runtime: &Runtime) -> Result<(), Failure> {
    let keepalive_s = u64::from(settings.keepalive_s);
    let listeners = settings
        .listen
        .iter()
        .map(|address| bind("--listen", *address, |at| Listener::bind(at, keepalive_s)))
        .collect::<Result<Vec<_>, _>>()?;
    let scraped = settings
        .metrics
        .map(|address| bind("--metrics", address, TcpListener::bind))
        .transpose()?;
    let first = listeners[0].local_addr();
    let backend = runtime.backend();
    let io = backend.to_string();
    let handle = runtime.handle();
    let (port, runtime) = (first.port(), handle.clone());
    let host = Arc::new(LinuxHost::new(&settings, port, &io, level, runtime));
    let engine = setup::engine(&settings, Arc::clone(&host), first)?;
    let shared = Arc::new(Shared::new(engine, settings.client_memory.0));

    if settings.huge_pages {
        huge_pages::start(&shared.engine);
    }
    start_background(&handle, &shared);
    tracing::info!(
        listen = join(&listeners),
        memory = %settings.memory,
        workers = settings.workers,
        io,
        io_why = io::why(settings.io, backend),
        metrics = scraped.as_ref().map(|listener| listener.local_addr().to_string()),
        maxclients = settings.clients_max,
        pid = std::process::id(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            beehive::spawn_local(accept::run(listener, Arc::clone(&shared), handle.clone()))
        })
        .collect();
    if let Some(listener) = scraped {
        let engine = Arc::clone(&shared.engine);
        beehive::spawn_local(metrics::run(listener, engine, Arc::clone(&host))).detach();
    }
    ending::wait(&handle, &shared, accepting).await
}

/// Starts the background task of each worker.
fn start_background(handle: &Handle, shared: &Arc<Shared>) {
    let workers = handle.workers().len();
    for worker in handle.workers() {
        let shared = Arc::clone(shared);
        let run = move || cron::run(Worker::current(&shared), worker.index(), workers);
        handle.spawn_on(worker, run).detach();
    }
}

/// Tries again for a while if the address is in use. Of a server that was killed, the kernel takes its
/// io_uring apart a moment after its end, and with it the listening socket.
fn patiently<T>(listen: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    for _ in 0..ADDRESS_TRIES {
        match listen() {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                std::thread::sleep(ADDRESS_PAUSE);
            }
            bound => return bound,
        }
    }
    listen()
}

fn bind<T>(
    flag: &str,
    address: SocketAddr,
    listen: impl Fn(SocketAddr) -> std::io::Result<T>,
) -> Result<T, Failure> {
    patiently(|| listen(address)).map_err(|error| {
        let port = address.port();
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "Another program has port {port} (`ss -ltnp` shows which): \
                 end it, or give another port with {flag}."
            ),
            std::io::ErrorKind::PermissionDenied => {
                format!("Ports below 1024 need privileges: give a higher one with {flag}.")
            }
            std::io::ErrorKind::AddrNotAvailable => {
                format!("This machine has no such address (`ip addr` lists them): change {flag}.")
            }
            _ => format!("Give another address with {flag}."),
        };
        Failure::failed(format!("cannot listen on {address}: {error}"), remedy)
    })
}

fn join(listeners: &[Listener]) -> String {
    let addresses: Vec<String> = listeners
        .iter()
        .map(|listener| listener.local_addr().to_string())
        .collect();
    addresses.join(", ")
}
