//! TCP that any task may own, on both reactors.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use beehive::io::{AsyncReadExt, AsyncWriteExt, copy};
use beehive::net::{Shutdown, TcpListener, TcpSocket, TcpStream};
use beehive::time::{sleep, timeout};
use beehive::{spawn, yield_now};
use common::on_each_reactor;

/// A connected pair.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).await;
    let (other, _) = listener.accept().await.unwrap();
    (one.unwrap(), other)
}

#[test]
fn tasks_that_may_be_stolen_own_their_connections() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("localhost:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    spawn(async move {
                        let (mut read, mut write) = stream.into_split();
                        copy(&mut read, &mut write).await.unwrap();
                    })
                    .detach();
                }
            });
            let clients: Vec<_> = (0..50_usize)
                .map(|number| {
                    spawn(async move {
                        let mut stream = TcpStream::connect(address).await.unwrap();
                        for round in 0..20 {
                            let message = vec![number as u8; 1 + round * number * 10];
                            let mut answer = vec![0; message.len()];
                            stream.write_all(&message).await.unwrap();
                            // Lets another worker steal it between the two.
                            yield_now().await;
                            stream.read_exact(&mut answer).await.unwrap();
                            assert!(answer == message);
                        }
                        stream.shutdown().await.unwrap();
                        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
            server.cancel().await;
        });
    });
}

#[test]
fn megabytes_pass_both_ways_at_once() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (one, other) = pair().await;
            let echo = spawn(async move {
                let (mut read, mut write) = other.into_split();
                copy(&mut read, &mut write).await.unwrap()
            });
            let message: Arc<Vec<u8>> = Arc::new((0..8_u32 << 20).map(|i| (i / 7) as u8).collect());
            let (mut read, mut write) = one.into_split();
            let sent = message.clone();
            let sender = spawn(async move { write.write_all(&sent).await.unwrap() });
            let mut answer = Vec::new();
            assert_eq!(read.read_to_end(&mut answer).await.unwrap(), message.len());
            sender.await.unwrap();
            assert_eq!(echo.await.unwrap(), message.len() as u64);
            assert!(answer == *message);
        });
    });
}

#[test]
fn a_cancelled_read_loses_no_bytes_and_a_cancelled_write_has_not_happened() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            let reader = spawn(async move {
                let mut received = Vec::new();
                let mut buffer = [0; 1_000];
                loop {
                    let read = one.read(&mut buffer);
                    match timeout(Duration::from_micros(200), read).await {
                        Ok(Ok(0)) => return received,
                        Ok(count) => received.extend_from_slice(&buffer[..count.unwrap()]),
                        Err(_) => {}
                    }
                }
            });
            let message: Vec<u8> = (0..1_000_000_u32).map(|i| (i / 5) as u8).collect();
            let mut sent = 0;
            while sent < message.len() {
                let write = other.write(&message[sent..]);
                if let Ok(count) = timeout(Duration::from_micros(200), write).await {
                    sent += count.unwrap();
                }
            }
            drop(other);
            assert!(reader.await.unwrap() == message);
        });
    });
}

#[test]
fn a_peer_that_stops_sending_still_receives() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            one.write_all(b"request").await.unwrap();
            one.shutdown().await.unwrap();
            let mut request = Vec::new();
            other.read_to_end(&mut request).await.unwrap();
            other.write_all(b"answer").await.unwrap();
            drop(other);
            let mut answer = String::new();
            one.read_to_string(&mut answer).await.unwrap();
            assert_eq!((request, answer), (b"request".to_vec(), "answer".into()));
        });
    });
}

#[test]
fn a_dropped_write_half_ends_the_stream_and_reunited_halves_do_not() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, mut other) = pair().await;
            let (read, write) = one.into_split();
            let one = read.reunite(write).unwrap();
            let mut byte = [0];
            let early = timeout(Duration::from_millis(5), other.read(&mut byte)).await;
            assert!(early.is_err(), "the stream has ended: {early:?}");
            let (mut read, write) = one.into_split();
            drop(write);
            assert_eq!(other.read(&mut byte).await.unwrap(), 0);
            other.write_all(b"x").await.unwrap();
            assert_eq!(read.read(&mut byte).await.unwrap(), 1);
        });
    });
}

#[test]
fn halves_of_different_streams_are_given_back() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, other) = pair().await;
            let (one_read, one_write) = one.into_split();
            let (other_read, other_write) = other.into_split();
            let refused = one_read.reunite(other_write).unwrap_err();
            assert!(refused.to_string().contains("same stream"));
            assert!(other_read.reunite(refused.1).is_ok());
            assert!(refused.0.reunite(one_write).is_ok());
        });
    });
}

#[test]
fn one_task_reads_and_writes_at_once_through_borrowed_halves() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            let echo = spawn(async move {
                let (mut read, mut write) = other.split();
                copy(&mut read, &mut write).await.unwrap();
            });
            one.write_all(b"there and back").await.unwrap();
            one.shutdown().await.unwrap();
            let mut answer = Vec::new();
            one.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"there and back");
            echo.await.unwrap();
        });
    });
}

#[test]
fn many_tasks_receive_from_one_stream() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let (one, mut other) = pair().await;
            let one = Arc::new(one);
            let readers: Vec<_> = (0..8)
                .map(|_| {
                    let one = one.clone();
                    spawn(async move {
                        let mut total = 0;
                        loop {
                            match one.recv(&mut [0; 100]).await.unwrap() {
                                0 => return total,
                                count => total += count,
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..100 {
                other.write_all(&[1; 777]).await.unwrap();
                yield_now().await;
            }
            drop(other);
            let mut total = 0;
            for reader in readers {
                total += reader.await.unwrap();
            }
            assert_eq!(total, 77_700);
        });
    });
}

#[test]
fn peeked_bytes_are_received_again() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            assert_eq!(
                one.try_recv(&mut [0]).unwrap_err().kind(),
                ErrorKind::WouldBlock
            );
            other.write_all(b"abc").await.unwrap();
            one.readable().await.unwrap();
            let mut buffer = [0; 2];
            assert_eq!(one.peek(&mut buffer).await.unwrap(), 2);
            assert_eq!(one.try_recv(&mut buffer).unwrap(), 2);
            assert_eq!(&buffer, b"ab");
            one.read_exact(&mut buffer[..1]).await.unwrap();
            assert_eq!(buffer[0], b'c');
            one.writable().await.unwrap();
            assert_eq!(one.try_send(b"d").unwrap(), 1);
        });
    });
}

#[test]
fn a_refused_connection_and_a_wrong_name_are_errors() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(listener);
            let refused = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let nonsense = TcpStream::connect("no port here").await.unwrap_err();
            assert_eq!(nonsense.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_connection_that_nobody_accepts_times_out() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let full = socket.listen(0).unwrap();
            let address = full.local_addr().unwrap();
            let mut waiting = Vec::new();
            let refused = loop {
                let limit = Duration::from_millis(50);
                match TcpStream::connect_timeout(address, limit).await {
                    Ok(stream) => waiting.push(stream),
                    Err(error) => break error,
                }
                assert!(waiting.len() < 100, "the backlog has no end");
            };
            assert_eq!(refused.kind(), ErrorKind::TimedOut);
        });
    });
}

#[test]
fn listeners_that_say_so_share_an_address() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let shared = |address| {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_reuseport(true).unwrap();
                socket.bind(address).unwrap();
                socket.listen(16).unwrap()
            };
            let one = shared("127.0.0.1:0".parse().unwrap());
            let address = one.local_addr().unwrap();
            let other = shared(address);
            assert_eq!(
                TcpListener::bind(address).await.unwrap_err().kind(),
                ErrorKind::AddrInUse
            );
            drop((one, other));
            TcpListener::bind(address).await.unwrap();
        });
    });
}

#[test]
fn options_are_kept() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, other) = pair().await;
            one.set_nodelay(true).unwrap();
            one.set_linger(Some(Duration::from_secs(3))).unwrap();
            one.set_ttl(9).unwrap();
            assert!(one.nodelay().unwrap());
            assert_eq!(one.linger().unwrap(), Some(Duration::from_secs(3)));
            assert_eq!(one.ttl().unwrap(), 9);
            assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
            assert!(one.take_error().unwrap().is_none());
        });
    });
}

#[test]
fn a_lingerless_close_resets_the_connection() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, mut other) = pair().await;
            one.set_linger(Some(Duration::ZERO)).unwrap();
            drop(one);
            let error = other.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        });
    });
}

#[test]
fn a_read_that_waits_ends_when_another_task_shuts_the_stream_down() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (one, _other) = pair().await;
            let one = Arc::new(one);
            let reading = one.clone();
            let reader = spawn(async move { reading.recv(&mut [0]).await.unwrap() });
            sleep(Duration::from_millis(2)).await;
            one.shutdown_now(Shutdown::Read).unwrap();
            assert_eq!(reader.await.unwrap(), 0);
        });
    });
}

#[test]
fn a_stream_goes_to_the_standard_library_and_to_a_worker_and_back() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            other.write_all(b"1").await.unwrap();
            one.read_exact(&mut [0]).await.unwrap();
            let mut again = TcpStream::from_std(one.into_std()).unwrap();
            other.write_all(b"2").await.unwrap();
            again.read_exact(&mut [0]).await.unwrap();
            let mut local = again.into_local().unwrap();
            other.write_all(b"3").await.unwrap();
            assert_eq!(local.recv(&mut Vec::new()).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_socket_outlives_the_worker_that_watched_it() {
    on_each_reactor(2, |runtime| {
        // Both ends wait on worker 0, which stops with the first `block_on`.
        let (mut one, mut other) = runtime.block_on(async {
            let (mut one, mut other) = pair().await;
            let mut byte = [0];
            let silence = Duration::from_millis(2);
            assert!(timeout(silence, one.read(&mut byte)).await.is_err());
            assert!(timeout(silence, other.read(&mut byte)).await.is_err());
            (one, other)
        });
        let echo = runtime.handle().spawn(async move {
            let mut byte = [0];
            other.read_exact(&mut byte).await.unwrap();
            other.write_all(&byte).await.unwrap();
        });
        runtime.block_on(async {
            sleep(Duration::from_millis(2)).await;
            one.write_all(b"x").await.unwrap();
            one.read_exact(&mut [0]).await.unwrap();
            echo.await.unwrap();
        });
    });
}

#[test]
fn a_shared_task_goes_on_reading_when_block_on_has_ended() {
    on_each_reactor(2, |runtime| {
        let (task, mut other) = runtime.block_on(async {
            let (mut one, other) = pair().await;
            let task = spawn(async move { one.read(&mut [0; 8]).await });
            sleep(Duration::from_millis(5)).await;
            (task, other)
        });
        let sent = runtime
            .handle()
            .spawn(async move { other.write_all(b"late").await });
        let read = runtime.block_on(timeout(Duration::from_secs(5), task));
        assert_eq!(read.unwrap().unwrap().unwrap(), 4);
        runtime.block_on(sent).unwrap().unwrap();
    });
}

#[test]
fn outside_the_runtime_waiting_is_an_error_that_says_so() {
    on_each_reactor(1, |runtime| {
        let (mut one, _other) = runtime.block_on(pair());
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(Err(error)) =
            beehive::io::AsyncRead::poll_read(&mut one, cx, &mut [0])
        else {
            panic!("it waits for nobody")
        };
        assert!(error.to_string().contains("Runtime::block_on"), "{error}");
    });
}

#[test]
fn a_runtime_stops_while_its_tasks_wait_for_sockets() {
    for _ in 0..10 {
        on_each_reactor(2, |runtime| {
            let peers = runtime.block_on(async {
                let mut peers = Vec::new();
                for _ in 0..10 {
                    let (mut one, other) = pair().await;
                    spawn(async move { one.read(&mut [0]).await }).detach();
                    peers.push(other);
                }
                sleep(Duration::from_millis(1)).await;
                peers
            });
            drop(peers);
        });
    }
}
