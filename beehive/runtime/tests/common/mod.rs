//! What the tests share: running a test body on every reactor that this machine has, an echo server,
//! clients, folders, a waker that panics.

use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};

use beehive::net::local::{Socket, TcpListener};
use beehive::{Backend, Handle, Io, Runtime};

/// Builds a runtime for each available reactor and hands it to the test.
#[allow(dead_code, reason = "each test file uses its share of this module")]
pub(crate) fn on_each_reactor(workers: usize, test: impl Fn(&Runtime)) {
    for (io, backend) in [(Io::Epoll, Backend::Epoll), (Io::IoUring, Backend::IoUring)] {
        match Runtime::builder()
            .workers(workers)
            .io(io)
            .pin(false)
            .build()
        {
            Ok(runtime) => test(&runtime),
            Err(error) if backend == Backend::IoUring => eprintln!("SKIPPED: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Starts an echo server on a free port: connections are placed on all workers.
#[allow(dead_code, reason = "each test file uses its share of this module")]
pub(crate) fn echo_server() -> io::Result<std::net::SocketAddr> {
    let mut listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr();
    let handle = Handle::current();
    beehive::spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            handle.spawn_on(handle.place(), || echo(socket)).detach();
        }
    })
    .detach();
    Ok(address)
}

async fn echo(socket: Socket) -> io::Result<()> {
    let mut stream = socket.into_stream()?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while stream.recv(&mut buffer).await? > 0 {
        let (result, sent) = stream.send(buffer).await;
        result?;
        buffer = sent;
        buffer.clear();
    }
    Ok(())
}

/// Runs blocking client code on a thread of its own and waits for it without blocking the worker.
#[allow(dead_code, reason = "each test file uses its share of this module")]
pub(crate) async fn client<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(body);
    while !thread.is_finished() {
        beehive::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A folder for one test, removed with everything in it.
#[allow(dead_code, reason = "each test file uses its share of this module")]
pub(crate) struct Folder(std::path::PathBuf);

#[allow(dead_code, reason = "each test file uses its share of this module")]
impl Folder {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        let name = format!("beehive-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Of an executor that is broken: it panics when it wakes.
#[allow(dead_code, reason = "each test file uses its share of this module")]
pub(crate) fn broken_waker() -> Waker {
    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }

    Waker::from(Arc::new(Broken))
}
