//! Sockets: TCP, UDP and Unix, by names or addresses.
//!
//! The types here are `Send` and `Sync`. A task that owns one may be spawned anywhere and stolen at
//! any time: the socket stays watched by the worker where it first had to wait, which wakes the task
//! wherever it is by then, and no byte, connection or wake-up is lost by a move. Should that worker
//! stop while others go on, the socket finds another. Dropping a socket closes it at once, on any
//! thread.
//!
//! The types in [`local`] are bound to one worker and faster there.

mod addr;
pub mod local;
mod split;
mod stream;
mod tcp;
mod udp;
mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use std::net::Shutdown;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{PeerCred, UnixDatagram, UnixListener, UnixStream};
