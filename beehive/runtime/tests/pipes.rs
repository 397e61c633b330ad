//! Pipes on both reactors.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use beehive::io::{AsyncReadExt, AsyncWriteExt};
use beehive::pipe::{self, Receiver, Sender, pipe};
use beehive::spawn;
use beehive::time::timeout;
use common::{Folder, on_each_reactor};

#[test]
fn what_goes_in_comes_out_until_the_sender_is_dropped() {
    on_each_reactor(2, |runtime| {
        runtime.block_on(async {
            let (mut sender, mut receiver) = pipe().unwrap();
            let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| (i / 3) as u8).collect();
            let sent = bytes.clone();
            let sending = spawn(async move { sender.write_all(&sent).await.unwrap() });
            let mut received = Vec::new();
            receiver.read_to_end(&mut received).await.unwrap();
            sending.await.unwrap();
            assert!(received == bytes);
        });
    });
}

#[test]
fn a_pipe_that_nobody_reads_is_broken() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut sender, receiver) = pipe().unwrap();
            let filling = spawn(async move { sender.write_all(&[0; 1 << 20]).await });
            assert!(
                timeout(Duration::from_millis(5), receiver.readable())
                    .await
                    .is_ok()
            );
            drop(receiver);
            let error = filling.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn a_cancelled_read_loses_nothing() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let (mut sender, mut receiver) = pipe().unwrap();
            let mut buffer = [0; 4];
            let early = timeout(Duration::from_micros(100), receiver.read(&mut buffer)).await;
            assert!(early.is_err());
            sender.write_all(b"late").await.unwrap();
            receiver.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"late");
        });
    });
}

#[test]
fn a_pipe_at_a_path_connects_those_who_open_it() {
    on_each_reactor(1, |runtime| {
        runtime.block_on(async {
            let folder = Folder::new();
            let path = folder.path("fifo");
            pipe::create(&path, 0o600).unwrap();
            assert!(Sender::open(&path).is_err(), "nobody reads");
            let mut receiver = Receiver::open(&path).unwrap();
            assert_eq!(receiver.read(&mut [0]).await.unwrap(), 0, "nobody writes");
            for message in [b"one", b"two"] {
                let mut sender = Sender::open(&path).unwrap();
                sender.write_all(message).await.unwrap();
                drop(sender);
                let mut received = Vec::new();
                receiver.read_to_end(&mut received).await.unwrap();
                assert_eq!(received, message);
            }
            let mut endless = Receiver::open_endless(&path).unwrap();
            drop(receiver);
            let mut byte = [0];
            let read = timeout(Duration::from_millis(2), endless.read(&mut byte)).await;
            assert!(read.is_err(), "it has ended: {read:?}");
            Sender::open(&path).unwrap().write_all(b"x").await.unwrap();
            assert_eq!(endless.read(&mut byte).await.unwrap(), 1);
            std::fs::write(folder.path("file"), "").unwrap();
            let error = Receiver::open(folder.path("file")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
}
