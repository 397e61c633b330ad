//! TCP bound to workers, on both reactors, with plain blocking sockets as the other side.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown as StdShutdown, TcpStream as StdStream};
use std::time::Duration;

use beehive::net::local::{Shutdown, Socket, TcpListener, TcpStream};
use beehive::time::{sleep, timeout};
use common::{client, echo_server, on_each_reactor};

/// A connected pair: the runtime's side and the client's.
async fn pair() -> (TcpStream, StdStream) {
    let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = StdStream::connect(listener.local_addr()).unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    (socket.into_stream().unwrap(), other)
}

async fn receive_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while stream.recv(&mut bytes).await.unwrap() > 0 {}
    bytes
}

#[test]
fn what_is_sent_comes_back() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let address = echo_server().unwrap();
            client(move || {
                let mut stream = StdStream::connect(address).unwrap();
                for round in 0..100_u8 {
                    let message = vec![round; 1 + usize::from(round) * 37];
                    stream.write_all(&message).unwrap();
                    let mut answer = vec![0; message.len()];
                    stream.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, message);
                }
            })
            .await;
        });
    });
}

#[test]
fn megabytes_pass_both_ways_at_once() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let address = echo_server().unwrap();
            client(move || {
                let stream = StdStream::connect(address).unwrap();
                let message: Vec<u8> = (0..8 << 20).map(|i: u32| (i / 7) as u8).collect();
                let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
                let sent = message.clone();
                let sender = std::thread::spawn(move || writer.write_all(&sent).unwrap());
                let mut answer = vec![0; message.len()];
                reader.read_exact(&mut answer).unwrap();
                sender.join().unwrap();
                assert!(answer == message);
            })
            .await;
        });
    });
}

#[test]
fn a_thousand_connections_are_served_at_once() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let address = echo_server().unwrap();
            let handle = runtime.handle();
            client(move || {
                let mut streams: Vec<_> = (0..1_000)
                    .map(|_| StdStream::connect(address).unwrap())
                    .collect();
                for round in 0..3_u8 {
                    streams
                        .iter_mut()
                        .for_each(|stream| stream.write_all(&[round; 32]).unwrap());
                    for stream in &mut streams {
                        let mut answer = [0; 32];
                        stream.read_exact(&mut answer).unwrap();
                        assert_eq!(answer, [round; 32]);
                    }
                }
                let connections: Vec<_> = handle
                    .signals()
                    .iter()
                    .map(|signal| signal.connections)
                    .collect();
                assert_eq!(connections, [500, 500]);
            })
            .await;
            wait_until(|| {
                runtime
                    .handle()
                    .signals()
                    .iter()
                    .all(|s| s.connections == 0)
            })
            .await;
        });
    });
}

async fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("the condition did not become true within two seconds");
}

#[test]
fn a_peer_that_stops_sending_still_receives() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut stream, mut other) = pair().await;
            other.write_all(b"request").unwrap();
            other.shutdown(StdShutdown::Write).unwrap();
            assert_eq!(receive_to_end(&mut stream).await, b"request");
            assert_eq!(stream.recv(&mut Vec::new()).await.unwrap(), 0);
            stream.send(b"answer".to_vec()).await.0.unwrap();
            drop(stream);
            let answer = client(move || {
                let mut answer = Vec::new();
                other.read_to_end(&mut answer).unwrap();
                answer
            })
            .await;
            assert_eq!(answer, b"answer");
        });
    });
}

#[test]
fn recv_takes_no_more_than_fits_and_loses_nothing() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut stream, mut other) = pair().await;
            let message: Vec<u8> = (0..=255).collect();
            other.write_all(&message).unwrap();
            let mut received = Vec::new();
            while received.len() < message.len() {
                let mut buffer = Vec::with_capacity(7);
                let capacity = buffer.capacity();
                let count = stream.recv(&mut buffer).await.unwrap();
                assert!(count == buffer.len() && count <= capacity);
                received.extend(buffer);
            }
            assert_eq!(received, message);
        });
    });
}

#[test]
fn a_cancelled_recv_loses_no_bytes() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut stream, mut other) = pair().await;
            let writer = std::thread::spawn(move || {
                for byte in 0..100_u8 {
                    other.write_all(&[byte]).unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let mut received = Vec::with_capacity(1024);
            while received.len() < 100 {
                let _ = timeout(Duration::from_micros(300), stream.recv(&mut received)).await;
            }
            writer.join().unwrap();
            assert_eq!(received, (0..100).collect::<Vec<u8>>());
        });
    });
}

#[test]
fn a_peer_that_vanishes_in_the_middle_of_a_send_gives_an_error() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut stream, mut other) = pair().await;
            other.write_all(b"x").unwrap();
            let sending = beehive::spawn_local(async move { stream.send(vec![7; 64 << 20]).await });
            sleep(Duration::from_millis(20)).await;
            assert!(!sending.is_finished());
            // Closing with unread bytes resets the connection.
            drop(other);
            let (result, buffer) = sending.await.unwrap();
            let kind = result.unwrap_err().kind();
            assert!(
                matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                "{kind:?}"
            );
            assert_eq!(buffer.len(), 64 << 20);
        });
    });
}

#[test]
fn a_stream_dropped_with_operations_in_flight_closes_the_connection() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            for _ in 0..20 {
                let (mut stream, mut other) = pair().await;
                let task = beehive::spawn_local(async move {
                    let (result, _) = stream.send(vec![1; 16 << 20]).await;
                    drop(result);
                    stream.recv(&mut Vec::new()).await
                });
                sleep(Duration::from_millis(2)).await;
                task.cancel().await;
                let total = client(move || {
                    let mut bytes = Vec::new();
                    let _ = other.read_to_end(&mut bytes);
                    assert!(bytes.iter().all(|&byte| byte == 1));
                    bytes.len()
                })
                .await;
                assert!(total < 16 << 20);
            }
        });
    });
}

#[test]
fn a_send_after_an_abandoned_one_comes_after_its_bytes() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut stream, mut other) = pair().await;
            let first = timeout(Duration::from_millis(20), stream.send(vec![1; 16 << 20])).await;
            assert!(first.is_err());
            let reader = std::thread::spawn(move || {
                let mut bytes = Vec::new();
                other.read_to_end(&mut bytes).unwrap();
                bytes
            });
            stream.send(vec![2; 1_000]).await.0.unwrap();
            drop(stream);
            let bytes = client(move || reader.join().unwrap()).await;
            let ones = bytes.iter().take_while(|&&byte| byte == 1).count();
            assert!(ones > 0);
            assert_eq!(bytes[ones..], vec![2; 1_000]);
        });
    });
}

#[test]
fn any_thread_can_shut_a_connection_down() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            for how in [Shutdown::Read, Shutdown::Both] {
                let (mut stream, other) = pair().await;
                let shutdown = stream.shutdown_handle();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(10));
                    shutdown.shutdown(how);
                });
                assert_eq!(stream.recv(&mut Vec::new()).await.unwrap(), 0);
                let sent = stream.send(b"late".to_vec()).await.0;
                assert_eq!(sent.is_ok(), how == Shutdown::Read);
                drop(other);
            }
        });
    });
}

#[test]
fn a_shutdown_handle_does_not_keep_the_connection_open() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (stream, mut other) = pair().await;
            let shutdown = stream.shutdown_handle();
            drop(stream);
            let end = client(move || other.read(&mut [0]).unwrap()).await;
            assert_eq!(end, 0);
            shutdown.shutdown(Shutdown::Both);
        });
    });
}

#[test]
fn a_client_that_never_stops_sending_does_not_starve_others() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut greedy, mut other) = pair().await;
            let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let stopped = stop.clone();
            let sender = std::thread::spawn(move || {
                while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                    if other.write_all(&[0; 65_536]).is_err() {
                        break;
                    }
                }
            });
            let reading = beehive::spawn_local(async move {
                let mut buffer = Vec::with_capacity(16);
                while greedy.recv(&mut buffer).await.unwrap() > 0 {
                    buffer.clear();
                }
            });
            let address = echo_server().unwrap();
            client(move || {
                let mut stream = StdStream::connect(address).unwrap();
                for _ in 0..100 {
                    stream.write_all(b"ping").unwrap();
                    stream.read_exact(&mut [0; 4]).unwrap();
                }
            })
            .await;
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            reading.cancel().await;
            // On a thread of its own: the worker may have to close the connection first.
            client(move || sender.join().unwrap()).await;
        });
    });
}

#[test]
fn connections_with_unread_bytes_do_not_keep_others_from_receiving() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let mut held = Vec::new();
            for _ in 0..600 {
                let (mut stream, mut other) = pair().await;
                // The first receive makes the reactor receive ahead; the rest stays unread.
                other.write_all(b"a").unwrap();
                let mut byte = Vec::with_capacity(1);
                stream.recv(&mut byte).await.unwrap();
                other.write_all(b"bcd").unwrap();
                held.push((stream, other));
            }
            let address = echo_server().unwrap();
            client(move || {
                let mut stream = StdStream::connect(address).unwrap();
                stream.write_all(b"ping").unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
            })
            .await;
            for (mut stream, other) in held {
                drop(other);
                assert_eq!(receive_to_end(&mut stream).await, b"bcd");
            }
        });
    });
}

#[test]
fn a_socket_moves_to_the_worker_that_will_own_it() {
    on_each_reactor(2, |runtime| {
        let handle = runtime.handle();
        runtime.block_on(async {
            let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut other = StdStream::connect(listener.local_addr()).unwrap();
            let (socket, peer): (Socket, _) = listener.accept().await.unwrap();
            assert_eq!(peer, other.local_addr().unwrap());
            let second = handle.workers().nth(1).unwrap();
            let task = handle.spawn_on(second, move || async move {
                let mut stream = socket.into_stream().unwrap();
                stream.send(b"hello".to_vec()).await.0.unwrap();
                beehive::worker_id()
            });
            assert_eq!(task.await.unwrap(), Some(second));
            let mut greeting = String::new();
            other.read_to_string(&mut greeting).unwrap();
            assert_eq!(greeting, "hello");
        });
    });
}

#[test]
fn a_stream_that_outlives_its_runtime_reports_an_error() {
    on_each_reactor(1, |runtime| {
        let (mut stream, _other) = runtime.block_on(pair());
        let result = runtime.block_on(async { stream.recv(&mut Vec::new()).await });
        assert!(result.unwrap_err().to_string().contains("has stopped"));
    });
}

#[test]
fn an_address_in_use_is_an_error() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let again = TcpListener::bind(listener.local_addr()).err().unwrap();
            assert_eq!(again.kind(), ErrorKind::AddrInUse);
        });
    });
}

/// Echoes, and moves to the other worker after every message.
async fn echo_and_wander(socket: Socket, at: usize) -> std::io::Result<()> {
    let mut stream = socket.into_stream()?;
    let mut buffer = Vec::with_capacity(1_000);
    if stream.recv(&mut buffer).await? == 0 {
        return Ok(());
    }
    let (sent, _) = stream.send(buffer).await;
    sent?;
    let socket = stream.into_socket().await?;
    let handle = beehive::Handle::current();
    let workers: Vec<_> = handle.workers().collect();
    let next = (at + 1) % workers.len();
    let go_on = move || async move {
        // Boxed, because the future contains itself.
        let _ = Box::pin(echo_and_wander(socket, next)).await;
    };
    handle.spawn_on(workers[next], go_on).detach();
    Ok(())
}

#[test]
fn a_connection_that_moves_between_workers_loses_no_byte() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr();
            beehive::spawn_local(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    beehive::spawn_local(echo_and_wander(socket, 0)).detach();
                }
            })
            .detach();
            client(move || {
                let streams: Vec<_> = (0..8)
                    .map(|_| StdStream::connect(address).unwrap())
                    .collect();
                std::thread::scope(|scope| {
                    for mut stream in streams {
                        scope.spawn(move || {
                            let mut writer = stream.try_clone().unwrap();
                            let message: Vec<u8> =
                                (0..300_000_u32).map(|i| (i / 11) as u8).collect();
                            let sent = message.clone();
                            // Never waits for an answer: bytes arrive in the middle of each move.
                            scope.spawn(move || {
                                for part in sent.chunks(777) {
                                    writer.write_all(part).unwrap();
                                }
                            });
                            let mut answer = vec![0; message.len()];
                            stream.read_exact(&mut answer).unwrap();
                            assert!(answer == message);
                        });
                    }
                });
            })
            .await;
        });
    });
}

#[test]
fn a_moved_connection_is_still_shut_down_by_the_handle_taken_before() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (stream, mut other) = pair().await;
            let handle = stream.shutdown_handle();
            other.write_all(b"before").unwrap();
            let mut stream = stream.into_socket().await.unwrap().into_stream().unwrap();
            handle.shutdown(Shutdown::Both);
            assert_eq!(receive_to_end(&mut stream).await, b"before");
        });
    });
}
