//! Unix sockets on both reactors.

mod common;

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use beehive::io::{AsyncReadExt, AsyncWriteExt, copy};
use beehive::net::{UnixDatagram, UnixListener, UnixStream};
use beehive::spawn;
use common::on_each_reactor;

fn unique() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!(
        "beehive-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Relaxed)
    )
}

fn path() -> PathBuf {
    std::env::temp_dir().join(unique())
}

fn abstract_name() -> SocketAddr {
    SocketAddr::from_abstract_name(unique()).unwrap()
}

async fn ask(mut stream: UnixStream) {
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"there and back");
}

fn serve(listener: UnixListener, connections: usize) -> beehive::JoinHandle<()> {
    spawn(async move {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = stream.split();
            copy(&mut read, &mut write).await.unwrap();
        }
    })
}

#[test]
fn streams_connect_by_path_and_by_abstract_name() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let path = path();
            let server = serve(UnixListener::bind(&path).unwrap(), 1);
            ask(UnixStream::connect(&path).await.unwrap()).await;
            server.await.unwrap();
            std::fs::remove_file(&path).unwrap();

            let name = abstract_name();
            let server = serve(UnixListener::bind_addr(&name).unwrap(), 1);
            ask(UnixStream::connect_addr(&name).await.unwrap()).await;
            server.await.unwrap();
        });
    });
}

#[test]
fn a_connection_waits_for_a_listener_whose_queue_is_full() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let name = abstract_name();
            // More connections than the standard library's backlog of 4,096 (or the kernel's limit).
            let listener = UnixListener::bind_addr(&name).unwrap();
            rustix::net::listen(&listener, 1).unwrap();
            let clients: Vec<_> = (0..20)
                .map(|_| {
                    let name = name.clone();
                    spawn(async move { ask(UnixStream::connect_addr(&name).await.unwrap()).await })
                })
                .collect();
            let server = serve(listener, clients.len());
            for client in clients {
                client.await.unwrap();
            }
            server.await.unwrap();
        });
    });
}

#[test]
fn a_pair_knows_its_process_and_ends_when_one_is_dropped() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            let peer = one.peer_cred().unwrap();
            assert_eq!(peer.pid.cast_unsigned(), std::process::id());
            let large = vec![7; 1 << 20];
            let sent = large.clone();
            let writer = spawn(async move {
                other.write_all(&sent).await.unwrap();
            });
            let mut received = Vec::new();
            one.read_to_end(&mut received).await.unwrap();
            assert!(received == large);
            writer.await.unwrap();
            let error = one.write_all(b"late").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn nobody_at_a_path_or_name_is_an_error() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let error = UnixStream::connect(path()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let error = UnixStream::connect_addr(&abstract_name())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn datagrams_arrive_in_order_by_path_and_name_and_between_a_pair() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (path, name) = (path(), abstract_name());
            let at_path = UnixDatagram::bind(&path).unwrap();
            let at_name = UnixDatagram::bind_addr(&name).unwrap();
            let sender = UnixDatagram::unbound().unwrap();
            let mut buffer = [0; 16];
            for message in [b"one", b"two"] {
                sender.send_to(message, &path).await.unwrap();
                sender.send_to_addr(message, &name).await.unwrap();
            }
            for message in [b"one", b"two"] {
                assert_eq!(at_path.recv(&mut buffer).await.unwrap(), 3);
                assert_eq!(&buffer[..3], message);
                assert_eq!(at_name.recv(&mut buffer).await.unwrap(), 3);
                assert_eq!(&buffer[..3], message);
            }
            at_path.connect_addr(&name).unwrap();
            at_path.send(b"from path").await.unwrap();
            let (count, sender) = at_name.recv_from(&mut buffer).await.unwrap();
            assert_eq!((count, sender.as_pathname()), (9, Some(path.as_path())));
            std::fs::remove_file(&path).unwrap();

            let (one, other) = UnixDatagram::pair().unwrap();
            one.send(b"pair").await.unwrap();
            assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        });
    });
}

#[test]
fn senders_wait_for_a_receiver_whose_queue_is_full() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            const COUNT: u32 = 500;
            let name = abstract_name();
            let receiver = UnixDatagram::bind_addr(&name).unwrap();
            let connected = UnixDatagram::unbound().unwrap();
            connected.connect_addr(&name).unwrap();
            let sending = spawn(async move {
                for number in 0..COUNT {
                    connected.send(&number.to_ne_bytes()).await.unwrap();
                }
                let unconnected = UnixDatagram::unbound().unwrap();
                for number in COUNT..2 * COUNT {
                    let bytes = number.to_ne_bytes();
                    unconnected.send_to_addr(&bytes, &name).await.unwrap();
                }
            });
            for number in 0..2 * COUNT {
                let mut bytes = [0; 4];
                receiver.recv(&mut bytes).await.unwrap();
                assert_eq!(u32::from_ne_bytes(bytes), number);
            }
            sending.await.unwrap();
        });
    });
}
