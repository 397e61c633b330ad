//! TCP: a listener that accepts on its worker, sockets that can be sent to the worker that will own
//! them, and streams that live on one worker.

mod epoll;
mod listener;
mod socket;
mod stream;
mod uring;

pub use listener::TcpListener;
pub use socket::Socket;
pub use stream::{Shutdown, ShutdownHandle, TcpStream};
