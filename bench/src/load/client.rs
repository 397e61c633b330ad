//! One connection that sends what it likes and reads what the replies say: RESP only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, bail};

const BUFFER: usize = 64 * 1024;

/// A connection to a server that speaks RESP.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    output: Vec<u8>,
    line: Vec<u8>,
    bulk: Vec<u8>,
}

/// What a reply says, but for an error, which ends everything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply<'c> {
    Simple,
    Integer(u64),
    Bulk(&'c [u8]),
    Nil,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Client> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::with_capacity(BUFFER, stream),
            output: Vec::new(),
            line: Vec::new(),
            bulk: Vec::new(),
        })
    }

    /// Adds a request to those that will be sent.
    pub(crate) fn push(&mut self, arguments: &[&[u8]]) {
        let head = |mark: char, number: usize| format!("{mark}{number}\r\n").into_bytes();
        self.output.extend(head('*', arguments.len()));
        for argument in arguments {
            self.output.extend(head('$', argument.len()));
            self.output.extend_from_slice(argument);
            self.output.extend_from_slice(b"\r\n");
        }
    }

    /// Sends the requests. Their replies must be small, or read by now.
    pub(crate) fn send(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// The next reply.
    pub(crate) fn reply(&mut self) -> Result<Reply<'_>> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        let text = std::str::from_utf8(&self.line)?.trim_end();
        let number = || -> Result<u64> { Ok(text[1..].parse()?) };
        match self.line.first() {
            Some(b'+') => Ok(Reply::Simple),
            Some(b':') => Ok(Reply::Integer(number()?)),
            Some(b'$') if text == "$-1" => Ok(Reply::Nil),
            Some(b'$') => {
                let length = number()? as usize;
                self.bulk.resize(length + 2, 0);
                self.stream.read_exact(&mut self.bulk)?;
                Ok(Reply::Bulk(&self.bulk[..length]))
            }
            None => bail!("the server closed a connection"),
            _ => bail!("the server replied `{text}`"),
        }
    }

    /// Sends the requests and waits for the end of all their replies.
    pub(crate) fn send_and_forget(&mut self, requests: usize) -> Result<()> {
        self.send()?;
        for _ in 0..requests {
            self.reply()?;
        }
        Ok(())
    }

    /// A number that `INFO` tells under this name.
    pub(crate) fn info(&mut self, name: &str) -> Result<u64> {
        self.push(&[b"INFO"]);
        self.send()?;
        let Reply::Bulk(text) = self.reply()? else {
            bail!("INFO tells nothing");
        };
        let text = String::from_utf8_lossy(text);
        let value = text
            .lines()
            .find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
            .with_context(|| format!("INFO tells of no {name}"))?;
        Ok(value.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn requests_are_arrays_and_replies_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 24];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(&request, b"*2\r\n$3\r\nGET\r\n$5\r\nsnake\r\n");
                let replies = b"+OK\r\n:7\r\n$-1\r\n$2\r\nab\r\n$9\r\nx:1\r\nyy:2\r\n-no\r\n";
                stream.write_all(replies).unwrap();
                stream.read_exact(&mut request[..14]).unwrap();
            });
            let mut client = Client::connect(address).unwrap();
            client.push(&[b"GET", b"snake"]);
            client.send().unwrap();
            for expected in [
                Reply::Simple,
                Reply::Integer(7),
                Reply::Nil,
                Reply::Bulk(b"ab"),
            ] {
                assert_eq!(client.reply().unwrap(), expected);
            }
            assert_eq!(client.info("yy").unwrap(), 2);
            client.reply().unwrap_err();
            client.reply().unwrap_err();
        });
    }
}
