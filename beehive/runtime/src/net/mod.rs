//! TCP: a listener that accepts on its worker, sockets that can be sent to the worker that will own
//! them, and streams that live on one worker.

mod epoll;
mod listener;
mod stream;
mod uring;

pub use listener::{Socket, TcpListener};
pub use stream::{Shutdown, ShutdownHandle, TcpStream};
