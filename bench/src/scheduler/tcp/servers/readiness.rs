//! Runtimes on epoll.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::mpsc::SyncSender;

use anyhow::Result;
use smol::{Async, LocalExecutor};

use super::{ANY_PORT, BUFFER_BYTES};
use crate::scheduler::tcp::{Server, Service};

/// The multi-threaded scheduler.
pub(in crate::scheduler::tcp) struct Tokio;
pub(in crate::scheduler::tcp) struct TokioCurrentThread;
pub(in crate::scheduler::tcp) struct Smol;
pub(in crate::scheduler::tcp) struct Nio;

impl Server for Tokio {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_io()
            .build()?;
        // A task, so that it runs on a worker.
        runtime.block_on(async { tokio::spawn(tokio_accept::<S>(listening)).await? })
    }
}

impl Server for TokioCurrentThread {
    const ONE_THREAD: bool = true;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, _: usize) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        runtime.block_on(tokio_accept::<S>(listening))
    }
}

async fn tokio_accept<S: Service>(listening: SyncSender<SocketAddr>) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(ANY_PORT).await?;
    listening.send(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(tokio_connection(stream, S::default()));
    }
}

async fn tokio_connection<S: Service>(
    mut stream: tokio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while stream.read_buf(&mut buffer).await? > 0 {
        service.answer(&mut buffer);
        stream.write_all(&buffer).await?;
        buffer.clear();
    }
    Ok(())
}

impl Server for Smol {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        if workers > 1 {
            // On the threads of the global executor, as many as SMOL_THREADS says.
            return smol::block_on(smol_accept(listening, |stream| {
                smol::spawn(smol_connection(stream, S::default())).detach();
            }));
        }
        let executor = Rc::new(LocalExecutor::new());
        let spawner = executor.clone();
        smol::block_on(executor.run(smol_accept(listening, |stream| {
            let connection = smol_connection(stream, S::default());
            spawner.spawn(connection).detach();
        })))
    }
}

async fn smol_accept(
    listening: SyncSender<SocketAddr>,
    spawn: impl Fn(Async<std::net::TcpStream>),
) -> Result<()> {
    let listener = Async::<StdListener>::bind(ANY_PORT.parse::<SocketAddr>()?)?;
    listening.send(listener.get_ref().local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(stream);
    }
}

async fn smol_connection<S: Service>(
    mut stream: Async<std::net::TcpStream>,
    mut service: S,
) -> std::io::Result<()> {
    use smol::io::{AsyncReadExt, AsyncWriteExt};

    stream.get_ref().set_nodelay(true)?;
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

impl Server for Nio {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        let runtime = nio::RuntimeBuilder::new()
            .worker_threads(u8::try_from(workers)?)
            .rt()?;
        runtime.block_on(|| nio_accept::<S>(listening))
    }
}

async fn nio_accept<S: Service>(listening: SyncSender<SocketAddr>) -> Result<()> {
    let mut listener = nio::net::TcpListener::bind(ANY_PORT).await?;
    listening.send(listener.local_addr()?)?;
    loop {
        let connection = listener.accept().await?;
        nio::spawn_pinned(|| async move {
            connection.set_nodelay(true)?;
            nio_connection(connection.connect().await?, S::default()).await
        });
    }
}

async fn nio_connection<S: Service>(
    mut stream: nio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    let (mut input, mut output) = (vec![0; BUFFER_BYTES], Vec::with_capacity(BUFFER_BYTES));
    loop {
        let count = stream.read(&mut input).await?;
        if count == 0 {
            return Ok(());
        }
        output.extend_from_slice(&input[..count]);
        service.answer(&mut output);
        let mut sent = 0;
        while sent < output.len() {
            sent += stream.write(&output[sent..]).await?;
        }
        output.clear();
    }
}
