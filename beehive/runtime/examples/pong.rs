//! Answers `+PONG` to every line it receives: the smallest server that `redis-benchmark -P 1
//! PING_INLINE` can talk to, for measuring what the runtime costs per request.
//!
//! `cargo run --release --example pong -- PORT [auto|io_uring|epoll] [WORKERS] [gather|first]`

use beehive::net::local::{Socket, TcpListener};
use beehive::{Handle, Io, Runtime};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| {
        arguments
            .get(index)
            .map_or(default, String::as_str)
            .to_owned()
    };
    let io = match argument(1, "auto").as_str() {
        "io_uring" => Io::IoUring,
        "epoll" => Io::Epoll,
        _ => Io::Auto,
    };
    let runtime = Runtime::builder()
        .workers(argument(2, "1").parse().map_err(std::io::Error::other)?)
        .io(io)
        .gather(argument(3, "gather") == "gather")
        .build()?;
    let port = argument(0, "21000");
    println!("{} on port {port}", runtime.backend());
    runtime.block_on(accept(format!("127.0.0.1:{port}")))
}

async fn accept(address: String) -> std::io::Result<()> {
    let mut listener = TcpListener::bind(address)?;
    let handle = Handle::current();
    loop {
        let (socket, _) = listener.accept().await?;
        handle.spawn_on(handle.place(), || serve(socket)).detach();
    }
}

async fn serve(socket: Socket) -> std::io::Result<()> {
    let mut stream = socket.into_stream()?;
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (Vec::with_capacity(16 * 1024), Vec::new());
    while stream.recv(&mut input).await? > 0 {
        for byte in input.drain(..) {
            if byte == b'\n' {
                output.extend_from_slice(b"+PONG\r\n");
            }
        }
        let (result, buffer) = stream.send(output).await;
        result?;
        output = buffer;
        output.clear();
    }
    Ok(())
}
