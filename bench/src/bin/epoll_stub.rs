//! The limit of the path: the least a server can do for a request that arrives over a Linux socket.
//!
//! One thread, epoll, level-triggered; counts the RESP commands in what it read and answers each
//! with `+OK`. It stores nothing, allocates nothing per request and understands no command. What a
//! real server costs beyond this is its own doing; what this costs is the kernel's.
//!
//! Usage: `epoll-stub PORT`, on 127.0.0.1.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use rustix::event::epoll;

/// Larger than any batch of the benchmarks, so that one read takes it whole.
const READ_BYTES: usize = 64 * 1024;
const REPLY: &[u8] = b"+OK\r\n";
/// As many replies as the smallest commands (`*1`, `$1`) that fit into one read.
const REPLIES_MAX: usize = READ_BYTES / b"*1\r\n$1\r\nx\r\n".len();
/// The listener's mark among the events; connections are marked with their descriptor.
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    /// The beginning of a command whose end has not arrived.
    partial: Vec<u8>,
}

fn main() -> Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| {
            eprintln!("usage: epoll-stub PORT");
            std::process::exit(2);
        });
    serve(&TcpListener::bind(("127.0.0.1", port))?)
}

fn serve(listener: &TcpListener) -> Result<()> {
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mark = epoll::EventData::new_u64(LISTENER);
    epoll::add(&poller, listener, mark, epoll::EventFlags::IN)?;
    // Indexed by descriptor: the kernel hands out the smallest free ones.
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    let replies = REPLY.repeat(REPLIES_MAX);
    let mut events = Vec::with_capacity(128);
    loop {
        epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let mark = event.data.u64();
            if mark == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                let slot = stream.as_raw_fd() as usize;
                let data = epoll::EventData::new_u64(slot as u64);
                epoll::add(&poller, &stream, data, epoll::EventFlags::IN)?;
                if connections.len() <= slot {
                    connections.resize_with(slot + 1, || None);
                }
                let partial = Vec::new();
                connections[slot] = Some(Connection { stream, partial });
                continue;
            }
            let slot = &mut connections[mark as usize];
            let open = slot
                .as_mut()
                .is_some_and(|connection| connection.answer(&mut buffer, &replies));
            if !open {
                // Dropping the stream closes it, which also takes it out of the poller.
                *slot = None;
            }
        }
    }
}

impl Connection {
    /// Reads once and answers the commands that are complete; false when the connection is over.
    fn answer(&mut self, buffer: &mut [u8], replies: &[u8]) -> bool {
        let kept = self.partial.len();
        buffer[..kept].copy_from_slice(&self.partial);
        let filled = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => return false,
            Ok(count) => kept + count,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        let (count, consumed) = commands(&buffer[..filled]);
        self.partial.clear();
        self.partial.extend_from_slice(&buffer[consumed..filled]);
        // A client that does not read its replies is none of the benchmarks' clients.
        self.stream
            .write_all(&replies[..count * REPLY.len()])
            .is_ok()
            && filled < buffer.len()
    }
}

/// How many whole commands `input` begins with, and their length.
fn commands(input: &[u8]) -> (usize, usize) {
    let (mut count, mut consumed) = (0, 0);
    while let Some(length) = command_len(&input[consumed..]) {
        count += 1;
        consumed += length;
    }
    (count, consumed)
}

/// Length of the multibulk command at the start of `input`, if it is complete.
fn command_len(input: &[u8]) -> Option<usize> {
    let (arguments, mut at) = header(input)?;
    for _ in 0..arguments {
        let (length, header_len) = header(&input[at..])?;
        at += header_len + length + 2;
        if at > input.len() {
            return None;
        }
    }
    Some(at)
}

/// The number after the type byte, and the length of the line.
fn header(input: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in input.iter().enumerate().skip(1) {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            _ => return (input.len() >= index + 2).then_some((value, index + 2)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_commands_are_counted_and_a_partial_one_is_left() {
        let one = b"*2\r\n$3\r\nGET\r\n$4\r\nkey1\r\n";
        let mut input = one.repeat(3);
        assert_eq!(commands(&input), (3, 3 * one.len()));
        input.pop();
        assert_eq!(commands(&input), (2, 2 * one.len()));
        for end in 0..one.len() {
            assert_eq!(commands(&one[..end]), (0, 0), "{end}");
        }
    }
}
