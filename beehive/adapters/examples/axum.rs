//! A web service by axum, served by hyper on Beehive, that ends gracefully on SIGTERM or Ctrl-C.
//!
//! `cargo run --release -p beehive-adapters --example axum -- [PORT] [WORKERS]`, then
//! `curl localhost:PORT/hello/world`.

use std::io;
use std::pin::pin;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use beehive::cancel::{CancellationToken, Either, race};
use beehive::net::{TcpListener, TcpStream};
use beehive::{JoinSet, Runtime};
use beehive_adapters::Compat;
use beehive_adapters::hyper::Timer;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "8080".into());
    let mut runtime = Runtime::builder();
    if let Some(workers) = arguments.next() {
        runtime = runtime.workers(workers.parse().map_err(io::Error::other)?);
    }
    runtime
        .build()?
        .block_on(serve(format!("127.0.0.1:{port}")))
}

fn service() -> Router {
    Router::new()
        .route("/", get(async || "Beehive\n"))
        .route(
            "/hello/{name}",
            get(async |Path(name): Path<String>| format!("Hello, {name}!\n")),
        )
        .route("/echo", post(async |body: String| body))
}

/// Accepts connections until a signal comes, then lets those that are open finish their request.
async fn serve(address: String) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    let (stop, service) = (CancellationToken::new(), service());
    let mut connections = JoinSet::new();
    let mut terminate = pin!(beehive::signal::terminate());
    loop {
        match race(terminate.as_mut(), listener.accept()).await {
            Either::First(signal) => break signal?,
            Either::Second(Ok((stream, _))) => {
                connections.spawn(connection(stream, service.clone(), stop.child_token()));
            }
            Either::Second(Err(error)) => eprintln!("cannot accept: {error}"),
        }
    }
    stop.cancel();
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn connection(stream: TcpStream, service: Router, stop: CancellationToken) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(Timer)
            .serve_connection(Compat::new(stream), TowerToHyperService::new(service))
    );
    let ended = match race(connection.as_mut(), stop.cancelled()).await {
        Either::First(ended) => ended,
        Either::Second(()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        eprintln!("a connection ended early: {error}");
    }
}
