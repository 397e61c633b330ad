//! Streams of Beehive through the traits of tokio and of futures, and hyper's timer.

use std::time::{Duration, Instant};

use beehive::net::{TcpListener, TcpStream, UnixStream};
use beehive_adapters::Compat;
use hyper::rt::{Sleep, Timer};

const BYTES: usize = 1_000_000;

fn pattern() -> Vec<u8> {
    (0..BYTES).map(|index| (index % 251) as u8).collect()
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[beehive::test(workers = 2)]
async fn tokios_traits_carry_all_bytes_and_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (client, server) = tcp_pair().await;
    let sending = beehive::spawn(async move {
        let mut client = Compat::new(client);
        client.write_all(&pattern()).await.unwrap();
        client.shutdown().await.unwrap();
        client
    });
    let mut received = Vec::new();
    Compat::new(server)
        .read_to_end(&mut received)
        .await
        .unwrap();
    assert_eq!(received, pattern());
    drop(sending.await.unwrap());
}

#[beehive::test(workers = 2)]
async fn the_traits_of_futures_carry_all_bytes_and_the_end() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};

    let (left, right) = UnixStream::pair().unwrap();
    let sending = beehive::spawn(async move {
        let mut left = Compat::new(left);
        left.write_all(&pattern()).await.unwrap();
        left.close().await.unwrap();
        left.into_inner()
    });
    let mut received = Vec::new();
    Compat::new(right).read_to_end(&mut received).await.unwrap();
    assert_eq!(received, pattern());
    drop(sending.await.unwrap());
}

#[beehive::test]
async fn hypers_timer_sleeps_and_can_be_put_off() {
    let timer = beehive_adapters::hyper::Timer;
    let begin = Instant::now();
    let mut sleep = timer.sleep(Duration::from_secs(3_600));
    assert!(is_pending(&mut sleep).await);
    timer.reset(&mut sleep, begin + Duration::from_millis(5));
    sleep.await;
    assert!(begin.elapsed() >= Duration::from_millis(5));
}

async fn is_pending(sleep: &mut std::pin::Pin<Box<dyn Sleep>>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await
}
