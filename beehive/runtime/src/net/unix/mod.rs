//! Unix sockets: streams and datagrams between processes of one machine, by paths or abstract names.
//!
//! An abstract name is given as an address that
//! [`SocketAddrExt::from_abstract_name`](std::os::linux::net::SocketAddrExt::from_abstract_name)
//! makes; it lives as long as the socket.

mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::{PeerCred, UnixStream};
