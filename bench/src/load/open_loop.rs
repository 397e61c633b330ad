//! Connections that send when their schedule says so, whether or not replies have come: what a slow
//! server keeps waiting is counted from when it should have been sent.
//!
//! One thread serves all connections and sleeps between two requests, so that it leaves the cores to the
//! server. Sockets do not block: what one connection cannot send must not hold up the others.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::epoll;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

use crate::random::Random;

use super::dialect::Dialect;

/// How long a server may take for what is left at the end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Number of the timer among the polled files.
const TIMER: u64 = u64::MAX;

/// One that came back.
pub(crate) struct Reply {
    /// When its request was to be sent.
    pub(crate) due: Duration,
    /// How long it took from then.
    pub(crate) latency: Duration,
}

/// When each request is to be sent, and on which connection; in order.
pub(crate) struct Schedule {
    arrivals: Vec<(Duration, usize)>,
    connections: usize,
}

impl Schedule {
    /// Poisson arrivals for so long: for each connection so many per second.
    pub(crate) fn poisson(rates: &[f64], length: Duration) -> Schedule {
        let mut arrivals = Vec::new();
        for (connection, rate) in rates.iter().enumerate() {
            let mut random = Random::new(connection as u64);
            let mut at = random.exponential(1.0 / rate);
            while at < length.as_secs_f64() {
                arrivals.push((Duration::from_secs_f64(at), connection));
                at += random.exponential(1.0 / rate);
            }
        }
        arrivals.sort_unstable();
        Schedule {
            arrivals,
            connections: rates.len(),
        }
    }

    /// So many requests in all, each as soon as possible.
    pub(crate) fn at_once(requests: usize, connections: usize) -> Schedule {
        let arrival = |index| (Duration::ZERO, index % connections);
        Schedule {
            arrivals: (0..requests).map(arrival).collect(),
            connections,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.arrivals.len()
    }

    /// Sends `request` as scheduled, until all replies are in; gives these by connection.
    pub(crate) fn drive(
        &self,
        dialect: Dialect,
        request: &[u8],
        address: SocketAddr,
    ) -> Result<Vec<Vec<Reply>>> {
        let mut connections = (0..self.connections)
            .map(|_| Connection::open(dialect, address))
            .collect::<Result<Vec<_>>>()?;
        let poller = Poller::new(&connections)?;
        let mut events = Vec::with_capacity(self.connections + 1);
        let (start, mut sent, mut replies) = (Instant::now(), 0, 0);
        while replies < self.arrivals.len() {
            let now = start.elapsed();
            while let Some(&(due, connection)) = self.arrivals.get(sent).filter(|at| at.0 <= now) {
                connections[connection].send(request, due)?;
                sent += 1;
            }
            let next = self.arrivals.get(sent).map(|at| at.0);
            let end = self.arrivals.last().map_or(PATIENCE, |at| at.0 + PATIENCE);
            ensure!(now < end, "no reply within {PATIENCE:?}");
            poller.wait(next.unwrap_or(end).saturating_sub(now), &mut events)?;
            for event in events.drain(..) {
                if let Some(connection) = connections.get_mut(event.data.u64() as usize) {
                    connection.flush()?;
                    replies += connection.receive(start)?;
                }
            }
        }
        Ok(connections.into_iter().map(|it| it.replies).collect())
    }
}

struct Poller {
    epoll: std::os::fd::OwnedFd,
    timer: std::os::fd::OwnedFd,
}

impl Poller {
    fn new(connections: &[Connection]) -> Result<Poller> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), edges)?;
        for (index, connection) in connections.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            let both = edges | epoll::EventFlags::OUT;
            epoll::add(&epoll, &connection.stream, data, both)?;
        }
        Ok(Poller { epoll, timer })
    }

    /// Waits for events, at most so long.
    fn wait(&self, at_most: Duration, events: &mut Vec<epoll::Event>) -> Result<()> {
        // A timer of zero would never ring.
        let at_most = at_most.max(Duration::from_nanos(1));
        let timer = Itimerspec {
            it_interval: Timespec::default(),
            it_value: at_most.try_into()?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer)?;
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), None)?;
        Ok(())
    }
}

struct Connection {
    dialect: Dialect,
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Scheduled times of the requests without a reply.
    due: VecDeque<Duration>,
    replies: Vec<Reply>,
}

impl Connection {
    fn open(dialect: Dialect, address: SocketAddr) -> Result<Connection> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            dialect,
            stream,
            input: Vec::new(),
            output: Vec::new(),
            due: VecDeque::new(),
            replies: Vec::new(),
        })
    }

    fn send(&mut self, request: &[u8], due: Duration) -> Result<()> {
        self.due.push_back(due);
        self.output.extend_from_slice(request);
        self.flush()
    }

    /// Sends what the socket takes.
    fn flush(&mut self) -> Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.stream.write(&self.output[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.output.drain(..sent);
        Ok(())
    }

    /// Takes in what has come; gives the number of replies it completes.
    fn receive(&mut self, start: Instant) -> Result<usize> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let (now, before, mut consumed) = (start.elapsed(), self.replies.len(), 0);
        while let Some(length) = self.dialect.reply_len(&self.input[consumed..])? {
            let due = self.due.pop_front();
            let due = due.context("the server sent a reply that nobody asked for")?;
            let latency = now.saturating_sub(due);
            self.replies.push(Reply { due, latency });
            consumed += length;
        }
        self.input.drain(..consumed);
        Ok(self.replies.len() - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn each_connection_has_the_rate_that_was_asked_for() {
        let schedule = Schedule::poisson(&[1_000.0, 10_000.0], Duration::from_secs(10));
        let of_first = schedule.arrivals.iter().filter(|at| at.1 == 0).count();
        assert!((9_500..10_500).contains(&of_first), "{of_first}");
        assert!((108_000..112_000).contains(&schedule.requests()));
        assert!(schedule.arrivals.is_sorted());
    }

    #[test]
    fn every_request_is_answered_on_its_own_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let schedule = Schedule::at_once(7, 2);
        let replies = std::thread::scope(|scope| {
            for _ in 0..2 {
                let accepting = listener.try_clone().unwrap();
                scope.spawn(move || {
                    let (mut stream, _) = accepting.accept().unwrap();
                    let mut byte = [0];
                    while stream.read(&mut byte).is_ok_and(|count| count == 1) {
                        stream.write_all(b"+OK\r\n").unwrap();
                    }
                });
            }
            schedule.drive(Dialect::Resp, b"x", address).unwrap()
        });
        assert_eq!(replies.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3]);
    }
}
