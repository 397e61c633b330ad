//! A listening socket whose options its connections inherit: no Nagle delay, and
//! keepalive probes. So an accepted connection costs no further system call.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use beehive::net::local::{Socket, TcpListener};
use rustix::net::sockopt;

/// Probes that may go unanswered before a peer counts as gone.
const PROBES: u32 = 3;

/// A socket that listens on the worker that made it.
pub(super) struct Listener {
    accepting: TcpListener,
    /// The same socket, for its options.
    socket: std::net::TcpListener,
    keepalive_s: u64,
}

impl Listener {
    /// Listens at `address`.
    pub(super) fn bind(address: SocketAddr, keepalive_s: u64) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        let accepting = TcpListener::from_std(socket.try_clone()?)?;
        let listener = Self {
            accepting,
            socket,
            keepalive_s,
        };
        listener.set_keepalive()?;
        Ok(listener)
    }

    /// The address it listens at.
    pub(super) fn local_addr(&self) -> SocketAddr {
        self.accepting.local_addr()
    }

    /// Waits for a connection. A change of `keepalive_s` holds from the call after
    /// it was made.
    pub(super) async fn accept(&mut self, keepalive_s: u64) -> io::Result<(Socket, SocketAddr)> {
        if keepalive_s != self.keepalive_s {
            self.keepalive_s = keepalive_s;
            self.set_keepalive()?;
        }
        self.accepting.accept().await
    }

    /// Probes after `keepalive_s` of silence, then at a third of that; 0 = never.
    fn set_keepalive(&self) -> io::Result<()> {
        let idle_s = self.keepalive_s;
        sockopt::set_socket_keepalive(&self.socket, idle_s > 0)?;
        if idle_s > 0 {
            let interval = Duration::from_secs((idle_s / u64::from(PROBES)).max(1));
            sockopt::set_tcp_keepidle(&self.socket, Duration::from_secs(idle_s))?;
            sockopt::set_tcp_keepintvl(&self.socket, interval)?;
            sockopt::set_tcp_keepcnt(&self.socket, PROBES)?;
        }
        Ok(())
    }
}
