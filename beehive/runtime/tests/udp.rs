//! UDP on both reactors.

mod common;

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use beehive::net::UdpSocket;
use beehive::spawn;
use beehive::time::timeout;
use common::on_each_reactor;

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

#[test]
fn datagrams_keep_their_bounds_and_tell_their_sender() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, other) = (socket().await, socket().await);
            let target = other.local_addr().unwrap();
            for message in [&b"one"[..], b"", b"three"] {
                assert_eq!(one.send_to(message, target).await.unwrap(), message.len());
            }
            let mut buffer = [0; 16];
            for message in [&b"one"[..], b"", b"three"] {
                let (count, sender) = other.recv_from(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..count], message);
                assert_eq!(sender, one.local_addr().unwrap());
            }
        });
    });
}

#[test]
fn a_connected_socket_hears_only_its_peer() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, other, stranger) = (socket().await, socket().await, socket().await);
            one.connect(other.local_addr().unwrap()).await.unwrap();
            let target = one.local_addr().unwrap();
            stranger.send_to(b"stranger", target).await.unwrap();
            other.send_to(b"peer", target).await.unwrap();
            let mut buffer = [0; 16];
            let count = one.recv(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], b"peer");
            assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
            one.send(b"answer").await.unwrap();
            assert_eq!(other.recv(&mut buffer).await.unwrap(), 6);
        });
    });
}

#[test]
fn a_datagram_that_reaches_nobody_is_an_error_of_a_connected_socket() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let one = socket().await;
            let gone = socket().await;
            one.connect(gone.local_addr().unwrap()).await.unwrap();
            drop(gone);
            one.send(b"hello?").await.unwrap();
            let error = one.recv(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn a_peeked_datagram_is_received_again() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (one, other) = (socket().await, socket().await);
            let target = other.local_addr().unwrap();
            assert_eq!(
                other.try_recv_from(&mut [0]).unwrap_err().kind(),
                ErrorKind::WouldBlock
            );
            one.send_to(b"twice", target).await.unwrap();
            let mut buffer = [0; 16];
            assert_eq!(other.peek_from(&mut buffer).await.unwrap().0, 5);
            other.readable().await.unwrap();
            assert_eq!(other.try_recv_from(&mut buffer).unwrap().0, 5);
            let more = timeout(Duration::from_millis(2), other.recv(&mut buffer)).await;
            assert!(more.is_err());
        });
    });
}

#[test]
fn many_tasks_share_a_socket() {
    on_each_reactor(4, |runtime| {
        runtime.block_on(async {
            let server = Arc::new(socket().await);
            let target = server.local_addr().unwrap();
            for _ in 0..4 {
                let server = server.clone();
                spawn(async move {
                    let mut buffer = [0; 64];
                    loop {
                        let (count, sender) = server.recv_from(&mut buffer).await.unwrap();
                        server.send_to(&buffer[..count], sender).await.unwrap();
                    }
                })
                .detach();
            }
            let clients: Vec<_> = (0..8_u8)
                .map(|number| {
                    spawn(async move {
                        let client = socket().await;
                        for round in 0..50 {
                            client.send_to(&[number, round], target).await.unwrap();
                            let mut answer = [0; 64];
                            let (count, _) = client.recv_from(&mut answer).await.unwrap();
                            assert_eq!(answer[..count], [number, round]);
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
        });
    });
}

#[test]
fn options_are_kept_and_groups_are_joined() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let one = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            one.set_broadcast(true).unwrap();
            one.set_ttl(7).unwrap();
            one.set_multicast_ttl_v4(3).unwrap();
            one.set_multicast_loop_v4(true).unwrap();
            assert!(one.broadcast().unwrap() && one.multicast_loop_v4().unwrap());
            assert_eq!(
                (one.ttl().unwrap(), one.multicast_ttl_v4().unwrap()),
                (7, 3)
            );
            let group = Ipv4Addr::new(224, 0, 0, 251);
            one.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
            let again = one.join_multicast_v4(group, Ipv4Addr::LOCALHOST);
            assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
            one.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        });
    });
}

#[test]
fn a_port_is_free_again_as_soon_as_its_socket_is_dropped() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let one = socket().await;
            let address = one.local_addr().unwrap();
            let waited = timeout(Duration::from_millis(2), one.recv(&mut [0])).await;
            assert!(waited.is_err());
            // On another thread than the one that watches it.
            std::thread::spawn(move || drop(one)).join().unwrap();
            UdpSocket::bind(address).await.unwrap();
        });
    });
}
