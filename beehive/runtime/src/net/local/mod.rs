//! TCP on one worker: the fastest sockets, for servers that place their connections themselves.
//!
//! A listener, and a stream that lives on the worker that made it: neither is `Send`, so a task that
//! owns one is spawned with [`spawn_local`](crate::spawn_local) or
//! [`Handle::spawn_on`](crate::Handle::spawn_on) and is never stolen. On io_uring they work by
//! completion (multishot accept and receive, sends that share a system call); a connection moves to
//! another worker only as a [`Socket`]. For tasks that may be stolen there is
//! [`net::TcpStream`](super::TcpStream).

mod epoll;
mod listener;
mod socket;
mod stream;
mod uring;

pub use listener::TcpListener;
pub use socket::Socket;
pub use stream::{Shutdown, ShutdownHandle, TcpStream};
