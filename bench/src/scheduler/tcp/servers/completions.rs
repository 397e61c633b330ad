//! Runtimes on io_uring.

use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;

use anyhow::{Result, anyhow};

use super::{ANY_PORT, BUFFER_BYTES};
use crate::scheduler::tcp::{Server, Service};

pub(in crate::scheduler::tcp) struct Monoio;
pub(in crate::scheduler::tcp) struct Glommio;
pub(in crate::scheduler::tcp) struct Compio;
/// Its shards do not sleep.
pub(in crate::scheduler::tcp) struct Spargio;

impl Server for Monoio {
    const ONE_THREAD: bool = true;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, _: usize) -> Result<()> {
        let mut runtime = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new().build()?;
        runtime.block_on(async move {
            let listener = monoio::net::TcpListener::bind(ANY_PORT)?;
            listening.send(listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept().await?;
                monoio::spawn(monoio_connection(stream, S::default()));
            }
        })
    }
}

async fn monoio_connection<S: Service>(
    mut stream: monoio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    use monoio::io::{AsyncReadRent, AsyncWriteRentExt};

    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    loop {
        let (read, mut filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        service.answer(&mut filled);
        let (written, sent) = stream.write_all(filled).await;
        written?;
        buffer = sent;
        buffer.clear();
    }
}

impl Server for Glommio {
    const ONE_THREAD: bool = true;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, _: usize) -> Result<()> {
        let executor = glommio::LocalExecutorBuilder::default()
            .make()
            .map_err(|error| anyhow!("the executor could not be made: {error}"))?;
        executor.run(async move {
            let listener = told(glommio::net::TcpListener::bind(ANY_PORT))?;
            listening.send(told(listener.local_addr())?)?;
            loop {
                let stream = told(listener.accept().await)?;
                drop(glommio::spawn_local(glommio_connection(stream, S::default())).detach());
            }
        })
    }
}

/// Its errors are not `Sync`.
fn told<T>(result: Result<T, glommio::GlommioError<()>>) -> Result<T> {
    result.map_err(|error| anyhow!("{error}"))
}

async fn glommio_connection<S: Service>(
    mut stream: glommio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    use smol::io::{AsyncReadExt, AsyncWriteExt};

    stream.set_nodelay(true).map_err(std::io::Error::from)?;
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

impl Server for Compio {
    const ONE_THREAD: bool = true;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, _: usize) -> Result<()> {
        compio::runtime::Runtime::new()?.block_on(async move {
            let listener = compio::net::TcpListener::bind(ANY_PORT).await?;
            listening.send(listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept().await?;
                compio::runtime::spawn(compio_connection(stream, S::default())).detach();
            }
        })
    }
}

async fn compio_connection<S: Service>(
    mut stream: compio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    use compio::BufResult;
    use compio::io::{AsyncRead, AsyncWriteExt};

    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    loop {
        let BufResult(read, mut filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        service.answer(&mut filled);
        let BufResult(written, sent) = stream.write_all(filled).await;
        written?;
        buffer = sent;
        buffer.clear();
    }
}

impl Server for Spargio {
    const ONE_THREAD: bool = false;

    fn serve<S: Service>(listening: SyncSender<SocketAddr>, workers: usize) -> Result<()> {
        let builder = spargio::RuntimeBuilder::new().shards(workers);
        let served = smol::block_on(spargio::run_with(builder, move |handle| async move {
            let listener = std::net::TcpListener::bind(ANY_PORT)?;
            // Its connections inherit this; they cannot be told themselves.
            rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
            let listener = spargio::net::TcpListener::from_std(handle.clone(), listener);
            listening.send(listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept_round_robin().await?;
                let served = handle.spawn_stealable(spargio_connection(stream, S::default()));
                drop(served.map_err(|error| anyhow!("a task was refused: {error:?}"))?);
            }
        }));
        served.map_err(|error| anyhow!("the runtime could not be built: {error:?}"))?
    }
}

async fn spargio_connection<S: Service>(
    stream: spargio::net::TcpStream,
    mut service: S,
) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let (count, mut filled) = stream.recv_owned(buffer).await?;
        if count == 0 {
            return Ok(());
        }
        filled.truncate(count);
        service.answer(&mut filled);
        buffer = stream.write_all_owned(filled).await?;
        buffer.resize(BUFFER_BYTES, 0);
    }
}
