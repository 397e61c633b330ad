//! Connections that send a message again and again, each with its own, and check each answer. One
//! thread serves all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::event::epoll;
use rustix::fd::OwnedFd;

pub(super) struct Client {
    poller: OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    /// Blocking: epoll says when there is something to read, and what is on its way always fits
    /// into the sockets' buffers.
    stream: TcpStream,
    message: Vec<u8>,
    expected: Vec<u8>,
    received: Vec<u8>,
    /// Bytes of the answer that are there.
    filled: usize,
    to_send: usize,
    on_the_way: usize,
}

impl Client {
    /// Connects to the addresses in turn. `talk` gives a connection's message and its answer, which
    /// is as long.
    pub(super) fn connect(
        addresses: &[SocketAddr],
        connections: usize,
        talk: impl Fn(usize) -> (Vec<u8>, Vec<u8>),
    ) -> Result<Client> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let open = |index: usize| -> Result<Connection> {
            let stream = TcpStream::connect(addresses[index % addresses.len()])?;
            stream.set_nodelay(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poller, &stream, data, epoll::EventFlags::IN)?;
            let (message, expected) = talk(index);
            Ok(Connection {
                stream,
                received: vec![0; expected.len()],
                message,
                expected,
                filled: 0,
                to_send: 0,
                on_the_way: 0,
            })
        };
        let connections = (0..connections).map(open).collect::<Result<_>>()?;
        Ok(Client {
            poller,
            connections,
        })
    }

    /// Each connection sends as many messages as `messages` says, at most `window` before the first
    /// of them is answered; returns the time until the last answer is there.
    pub(super) fn drive(
        &mut self,
        messages: impl Fn(usize) -> usize,
        window: usize,
    ) -> Result<Duration> {
        let start = Instant::now();
        let mut waiting = 0;
        for (index, connection) in self.connections.iter_mut().enumerate() {
            connection.to_send = messages(index);
            waiting += connection.to_send;
            connection.fill(window)?;
        }
        let mut events = Vec::with_capacity(self.connections.len());
        while waiting > 0 {
            let room = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.poller, room, None)?;
            for event in events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                if connection.receive()? {
                    waiting -= 1;
                    connection.fill(window)?;
                }
            }
        }
        Ok(start.elapsed())
    }

    /// Sends messages one by one on the first connection; returns how long each took.
    pub(super) fn round_trips(&mut self, messages: usize) -> Result<Vec<Duration>> {
        let connection = &mut self.connections[0];
        (0..messages)
            .map(|_| {
                let start = Instant::now();
                connection.to_send = 1;
                connection.fill(1)?;
                while !connection.receive()? {}
                Ok(start.elapsed())
            })
            .collect()
    }
}

impl Connection {
    /// Sends as much as may be on its way.
    fn fill(&mut self, window: usize) -> Result<()> {
        while self.to_send > 0 && self.on_the_way < window {
            self.stream.write_all(&self.message)?;
            self.to_send -= 1;
            self.on_the_way += 1;
        }
        Ok(())
    }

    /// One read; whether it completes an answer.
    fn receive(&mut self) -> Result<bool> {
        let count = self.stream.read(&mut self.received[self.filled..])?;
        ensure!(count > 0, "the server closed a connection");
        self.filled += count;
        if self.filled < self.received.len() {
            return Ok(false);
        }
        self.filled = 0;
        self.on_the_way -= 1;
        ensure!(
            self.received == self.expected,
            "the answer is not what it should be"
        );
        Ok(true)
    }
}
