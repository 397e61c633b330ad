//! Nothing is left behind. These tests count the open files of the process, so they have a file of
//! their own and run one after the other.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::{client, echo_server, on_each_reactor};

/// Held by the test that runs.
static ALONE: Mutex<()> = Mutex::new(());

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One connection that ends in one of several bad ways.
fn misbehave(address: SocketAddr, way: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    match way % 6 {
        // Vanishes without a word.
        0 => {}
        // Closes with the answer unread, which resets the connection.
        1 => stream.write_all(&[1; 50_000]).unwrap(),
        // Asks for more than the buffers hold and never reads.
        2 => {
            stream.set_nonblocking(true).unwrap();
            while stream.write(&[2; 65_536]).is_ok() {}
        }
        // Stops sending, reads a part.
        3 => {
            stream.write_all(&[3; 100_000]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
        }
        // Behaves.
        4 => {
            stream.write_all(b"hello").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
        }
        // Sends one byte at a time.
        _ => (0..20).for_each(|byte| stream.write_all(&[byte]).unwrap()),
    }
}

#[test]
fn connections_that_end_badly_leave_no_open_files() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let address = echo_server().unwrap();
            let before = open_files();
            client(move || {
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        std::thread::spawn(move || {
                            (0..90).for_each(|way| misbehave(address, thread + way));
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
            })
            .await;
            let started = Instant::now();
            while open_files() > before || runtime.handle().signals()[0].connections > 0 {
                let files = open_files();
                assert!(
                    started.elapsed() < Duration::from_secs(10),
                    "{files} files, {before} before"
                );
                beehive::time::sleep(Duration::from_millis(5)).await;
            }
        });
    });
}

#[test]
fn a_runtime_that_is_dropped_leaves_no_open_files() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = open_files();
    for _ in 0..5 {
        on_each_reactor(2, |runtime| {
            runtime.block_on(async {
                let address = echo_server().unwrap();
                client(move || misbehave(address, 4)).await;
            });
        });
    }
    // The kernel closes an io_uring instance in the background.
    let started = Instant::now();
    while open_files() > before {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{} files",
            open_files()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Uses one of everything that has a file, and drops it at once, used or while a task waits for it.
async fn use_everything(folder: &std::path::Path) {
    use beehive::io::{AsyncReadExt, AsyncWriteExt};
    use beehive::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
    use beehive::time::timeout;

    const SHORTLY: Duration = Duration::from_micros(200);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (other, _) = listener.accept().await.unwrap();
    let (_read, mut write) = other.into_split();
    write.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    let _ = timeout(SHORTLY, stream.read(&mut [0])).await;
    let _ = timeout(SHORTLY, listener.accept()).await;
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let _ = timeout(SHORTLY, udp.recv(&mut [0])).await;
    let path = folder.join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let _one = UnixStream::connect(&path).await.unwrap();
    let _ = unix.accept().await.unwrap();
    let _ = UnixStream::connect(folder.join("nobody")).await;
    let (datagram, _peer) = UnixDatagram::pair().unwrap();
    let _ = timeout(SHORTLY, datagram.recv(&mut [0])).await;
    std::fs::remove_file(path).unwrap();
    let (_sender, mut receiver) = beehive::pipe::pipe().unwrap();
    let _ = timeout(SHORTLY, receiver.read(&mut [0])).await;
    let file = beehive::fs::File::create(folder.join("file")).await;
    let _ = timeout(Duration::ZERO, file.unwrap().write_at(vec![1; 10_000], 0)).await;
    let mut entries = beehive::fs::read_dir(folder).await.unwrap();
    let _ = timeout(Duration::ZERO, entries.next_entry()).await;
    let output = beehive::process::Command::new("true").output().await;
    assert!(output.unwrap().status.success());
    drop(beehive::io::stdin().unwrap());
    // A task that is still waiting when the runtime is dropped.
    beehive::spawn(async move { stream.read(&mut [0]).await }).detach();
}

#[test]
fn sockets_pipes_files_and_processes_leave_no_open_files() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = common::Folder::new();
    let before = open_files();
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            for _ in 0..10 {
                let folder = folder.path("");
                beehive::spawn(async move { use_everything(&folder).await })
                    .await
                    .unwrap();
            }
        });
    });
    let started = Instant::now();
    while open_files() > before {
        let files = open_files();
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{files} files, {before} before"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
