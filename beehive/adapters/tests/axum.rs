//! An axum service on Beehive: keep-alive, bodies that are streams both ways, and graceful shutdown,
//! asked by plain blocking sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use beehive::cancel::{CancellationToken, Either, race};
use beehive::channel::mpsc;
use beehive::net::{TcpListener, TcpStream};
use beehive::{Io, JoinSet, Runtime};
use beehive_adapters::Compat;
use beehive_adapters::hyper::Timer;
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;

/// A body whose chunks come from a channel.
struct Chunks(mpsc::BoundedReceiver<Bytes>);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(Ok))
    }
}

/// Ten chunks, each a moment after the other.
async fn count() -> Body {
    let (sender, receiver) = mpsc::bounded(1);
    beehive::spawn(async move {
        for number in 0..10 {
            beehive::time::sleep(Duration::from_millis(1)).await;
            let chunk = Bytes::from(format!("chunk {number}\n"));
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    })
    .detach();
    Body::from_stream(Chunks(receiver))
}

/// Counts the bytes of a body frame by frame.
async fn measure(mut body: Body) -> String {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    bytes.to_string()
}

async fn slow() -> &'static str {
    beehive::time::sleep(Duration::from_millis(100)).await;
    "late"
}

async fn serve(listener: TcpListener, stop: CancellationToken) {
    let service = Router::new()
        .route("/", get(async || "hello"))
        .route("/slow", get(slow))
        .route("/count", get(count))
        .route("/measure", post(measure));
    let mut connections = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, _) = accepted.unwrap();
        connections.spawn(connection(stream, service.clone(), stop.clone()));
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        ended.unwrap();
    }
}

async fn connection(stream: TcpStream, service: Router, stop: CancellationToken) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(Timer)
            .serve_connection(Compat::new(stream), TowerToHyperService::new(service))
    );
    if let Either::Second(()) = race(connection.as_mut(), stop.cancelled()).await {
        connection.as_mut().graceful_shutdown();
        connection.await.unwrap();
    }
}

/// Runs the service while `client` asks it from another thread, then shuts it down.
fn with_service(client: impl Fn(SocketAddr, &CancellationToken) + Send + Sync) {
    for io in [Io::Epoll, Io::Auto] {
        let runtime = Runtime::builder()
            .workers(2)
            .io(io)
            .pin(false)
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        std::thread::scope(|threads| {
            let (address, known) = std::sync::mpsc::channel();
            let (client, asking) = (&client, stop.clone());
            let thread = threads.spawn(move || {
                // Also if an assertion fails: the service must end then, too.
                let _stop = asking.clone().drop_guard();
                client(known.recv().unwrap(), &asking);
            });
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address.send(listener.local_addr().unwrap()).unwrap();
                beehive::spawn(serve(listener, stop)).await.unwrap();
            });
            thread.join().unwrap();
        });
    }
}

/// A client's connection.
struct Client(BufReader<StdStream>);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = StdStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Status line, headers in small letters, and body.
    fn response(&mut self) -> (String, Vec<String>, String) {
        let status = self.line();
        let headers: Vec<_> = std::iter::repeat_with(|| self.line().to_lowercase())
            .take_while(|line| !line.is_empty())
            .collect();
        let length = headers
            .iter()
            .find_map(|it| it.strip_prefix("content-length: "));
        let body = match length {
            Some(length) => self.exactly(length.parse().unwrap()),
            None => self.chunks(),
        };
        (status, headers, body)
    }

    fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).unwrap();
            body += &self.exactly(length);
            self.line();
            if length == 0 {
                return body;
            }
        }
    }

    fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn a_connection_serves_many_requests() {
    with_service(|address, _| {
        let mut client = Client::connect(address);
        for _ in 0..50 {
            client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
            let (status, _, body) = client.response();
            assert_eq!(
                (status.as_str(), body.as_str()),
                ("HTTP/1.1 200 OK", "hello")
            );
        }
        client.send("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(client.response().0.contains("404"));
    });
}

#[test]
fn bodies_are_streams_in_both_directions() {
    with_service(|address, _| {
        let mut client = Client::connect(address);
        client.send("GET /count HTTP/1.1\r\nhost: x\r\n\r\n");
        let (_, headers, body) = client.response();
        assert!(headers.iter().any(|it| it == "transfer-encoding: chunked"));
        assert_eq!(body.lines().count(), 10);
        assert!(body.ends_with("chunk 9\n"), "{body}");

        client.send("POST /measure HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
        let piece = "x".repeat(100_000);
        for _ in 0..10 {
            client.send(&format!("{:x}\r\n{piece}\r\n", piece.len()));
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.response().2, "1000000");
    });
}

#[test]
fn many_connections_at_once_are_served_on_both_workers() {
    with_service(|address, _| {
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let mut client = Client::connect(address);
                    for _ in 0..20 {
                        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
                        assert_eq!(client.response().2, "hello");
                    }
                });
            }
        });
    });
}

#[test]
fn a_graceful_shutdown_lets_a_request_finish_and_closes_idle_connections() {
    with_service(|address, stop| {
        let mut idle = Client::connect(address);
        idle.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(idle.response().2, "hello");
        let mut busy = Client::connect(address);
        busy.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n");
        std::thread::sleep(Duration::from_millis(30));
        stop.cancel();
        let (status, headers, body) = busy.response();
        assert_eq!(
            (status.as_str(), body.as_str()),
            ("HTTP/1.1 200 OK", "late")
        );
        assert!(headers.iter().any(|it| it == "connection: close"));
        for client in [&mut idle, &mut busy] {
            assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "not closed");
        }
    });
}
