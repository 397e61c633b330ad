//! Beehive's, twice: connections that any worker may serve, in tasks that may be stolen; and those
//! that stay on one worker, and are sent to another between two messages when they are asked to.

use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;

use anyhow::Result;
use beehive::io::{AsyncReadExt, AsyncWriteExt};
use beehive::net::{self, local};
use beehive::{Handle, Runtime};

use super::{ANY_PORT, BUFFER_BYTES};
use crate::scheduler::tcp::{Server, Service};

pub(in crate::scheduler::tcp) struct Beehive;
pub(in crate::scheduler::tcp) struct BeehiveLocal;

impl Server for Beehive {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        let runtime = Runtime::builder().workers(workers).build()?;
        runtime.block_on(async move {
            let listener = net::TcpListener::bind(ANY_PORT).await?;
            listening.send(listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept().await?;
                beehive::spawn(connection(stream, S::default())).detach();
            }
        })
    }
}

async fn connection<S: Service>(mut stream: net::TcpStream, mut service: S) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (vec![0; BUFFER_BYTES], Vec::with_capacity(BUFFER_BYTES));
    loop {
        let count = stream.read(&mut input).await?;
        if count == 0 {
            return Ok(());
        }
        output.extend_from_slice(&input[..count]);
        service.answer(&mut output);
        stream.write_all(&output).await?;
        output.clear();
    }
}

impl Server for BeehiveLocal {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        let runtime = Runtime::builder().workers(workers).build()?;
        runtime.block_on(async move {
            let mut listener = local::TcpListener::bind(ANY_PORT)?;
            listening.send(listener.local_addr())?;
            let handle = Handle::current();
            loop {
                let (socket, _) = listener.accept().await?;
                let worker = handle.place_movable();
                let connection = move || local_connection(socket, S::default());
                handle.spawn_on(worker, connection).detach();
            }
        })
    }
}

async fn local_connection<S: Service>(
    socket: local::Socket,
    mut service: S,
) -> std::io::Result<()> {
    let mut stream = socket.into_stream()?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while stream.recv(&mut buffer).await? > 0 {
        service.answer(&mut buffer);
        if !buffer.is_empty() {
            let (result, sent) = stream.send(buffer).await;
            result?;
            buffer = sent;
            buffer.clear();
        }
        if let Some(worker) = stream.relocation() {
            let socket = stream.into_socket().await?;
            let connection = move || Box::pin(local_connection(socket, service));
            Handle::current().spawn_on(worker, connection).detach();
            return Ok(());
        }
    }
    Ok(())
}
