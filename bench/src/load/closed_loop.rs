//! Connections in closed loops: many with one poller, or a lone one with its latencies.
//!
//! Sockets stay blocking: epoll (level-triggered) says when a read has something to give, and a
//! batch is far smaller than a socket's send buffer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::epoll;

use super::Keys;
use super::dialect::{Dialect, Request};

/// One run of load.
pub(crate) struct Run {
    pub(crate) dialect: Dialect,
    pub(crate) request: Request,
    pub(crate) connections: usize,
    /// Requests per batch.
    pub(crate) pipeline: usize,
    /// In all; rounded up to whole batches.
    pub(crate) requests: usize,
    pub(crate) keys: Keys,
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    replies_due: usize,
}

impl Run {
    /// Drives the server until all replies are in; returns the time it took.
    pub(crate) fn drive(mut self, address: SocketAddr) -> Result<Duration> {
        let mut connections = (0..self.connections)
            .map(|_| Connection::open(address))
            .collect::<Result<Vec<_>>>()?;
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, connection) in connections.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poller, &connection.stream, data, epoll::EventFlags::IN)?;
        }
        let mut batches = self.requests.div_ceil(self.pipeline);
        let mut output = Vec::new();
        let start = Instant::now();
        let mut busy = 0;
        for connection in &mut connections {
            if batches > 0 {
                batches -= 1;
                busy += 1;
                self.send(connection, &mut output)?;
            }
        }
        let mut events = Vec::with_capacity(self.connections);
        while busy > 0 {
            epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None)?;
            for event in events.drain(..) {
                let connection = &mut connections[event.data.u64() as usize];
                connection.receive(self.dialect)?;
                if connection.replies_due > 0 {
                    continue;
                }
                if batches > 0 {
                    batches -= 1;
                    self.send(connection, &mut output)?;
                } else {
                    busy -= 1;
                }
            }
        }
        Ok(start.elapsed())
    }

    fn send(&mut self, connection: &mut Connection, output: &mut Vec<u8>) -> Result<()> {
        output.clear();
        for _ in 0..self.pipeline {
            self.dialect.write(output, self.request, self.keys.next());
        }
        connection.replies_due = self.pipeline;
        connection.stream.write_all(output)?;
        Ok(())
    }

    /// A lone connection that sends `requests` one by one; returns how long each took.
    pub(crate) fn latencies(mut self, address: SocketAddr) -> Result<Vec<Duration>> {
        let mut connection = Connection::open(address)?;
        let mut output = Vec::new();
        self.pipeline = 1;
        (0..self.requests)
            .map(|_| {
                let start = Instant::now();
                self.send(&mut connection, &mut output)?;
                while connection.replies_due > 0 {
                    connection.receive(self.dialect)?;
                }
                Ok(start.elapsed())
            })
            .collect()
    }
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Connection> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            input: Vec::new(),
            replies_due: 0,
        })
    }

    /// One read, and the replies it completes.
    fn receive(&mut self, dialect: Dialect) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        if count == 0 {
            bail!("the server closed a connection");
        }
        self.input.extend_from_slice(&chunk[..count]);
        let mut consumed = 0;
        while let Some(length) = dialect.reply_len(&self.input[consumed..])? {
            if self.replies_due == 0 {
                bail!("the server sent a reply that nobody asked for");
            }
            self.replies_due -= 1;
            consumed += length;
        }
        self.input.drain(..consumed);
        Ok(())
    }
}
