//! The two protocols the load client speaks: how a request is written and where its reply ends.
//!
//! Replies are measured, not interpreted, except that an error reply ends the run: a server that
//! refuses is fast.

use anyhow::{Context, Result, bail};

use super::{VALUE, push_key};

/// The language of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Resp,
    Memcached,
}

/// What a run asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    Get,
    Set,
    /// SET with a time to live in seconds.
    SetFor(u32),
}

impl Dialect {
    pub(crate) fn write(self, out: &mut Vec<u8>, request: Request, key: u64) {
        match (self, request) {
            (Dialect::Resp, Request::Get) => {
                out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$16\r\n");
                push_key(out, key);
            }
            (Dialect::Resp, Request::Set) => {
                out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$16\r\n");
                push_key(out, key);
                out.extend_from_slice(b"\r\n$64\r\n");
                out.extend_from_slice(&VALUE);
            }
            (Dialect::Resp, Request::SetFor(seconds)) => {
                out.extend_from_slice(b"*5\r\n$3\r\nSET\r\n$16\r\n");
                push_key(out, key);
                out.extend_from_slice(b"\r\n$64\r\n");
                out.extend_from_slice(&VALUE);
                let digits = seconds.to_string();
                let expiry = format!("\r\n$2\r\nEX\r\n${}\r\n{digits}", digits.len());
                out.extend_from_slice(expiry.as_bytes());
            }
            (Dialect::Memcached, Request::Get) => {
                out.extend_from_slice(b"get ");
                push_key(out, key);
            }
            (Dialect::Memcached, Request::Set) => write_memcached_set(out, key, 0),
            (Dialect::Memcached, Request::SetFor(seconds)) => {
                write_memcached_set(out, key, seconds);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Length of the reply at the start of `input`; `None` while it is incomplete.
    pub(crate) fn reply_len(self, input: &[u8]) -> Result<Option<usize>> {
        let Some(line) = input.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let (head, line_len) = (&input[..line], line + 1);
        let total = match (self, head.first()) {
            (Dialect::Resp, Some(b'*')) => {
                let mut end = line_len;
                for _ in 0..number(&head[1..])? {
                    match self.reply_len(&input[end..])? {
                        Some(length) => end += length,
                        None => return Ok(None),
                    }
                }
                end
            }
            (Dialect::Resp, Some(b'+' | b':')) => line_len,
            (Dialect::Resp, Some(b'$')) if head.starts_with(b"$-1") => line_len,
            (Dialect::Resp, Some(b'$')) => line_len + number(&head[1..])? + 2,
            (Dialect::Memcached, _) if head.starts_with(b"STORED") => line_len,
            (Dialect::Memcached, _) if head.starts_with(b"END") => line_len,
            (Dialect::Memcached, _) if head.starts_with(b"VALUE ") => {
                let length = head.rsplit(|byte| *byte == b' ').next();
                line_len + number(length.unwrap_or_default())? + b"\r\nEND\r\n".len()
            }
            _ => bail!(
                "the server replied `{}`",
                String::from_utf8_lossy(head).trim()
            ),
        };
        Ok((input.len() >= total).then_some(total))
    }
}

fn write_memcached_set(out: &mut Vec<u8>, key: u64, expiry_s: u32) {
    out.extend_from_slice(b"set ");
    push_key(out, key);
    out.extend_from_slice(format!(" 0 {expiry_s} {}\r\n", VALUE.len()).as_bytes());
    out.extend_from_slice(&VALUE);
}

fn number(digits: &[u8]) -> Result<usize> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.trim_end().parse().ok())
        .context("the server sent a length that is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dialect: Dialect, request: Request) -> String {
        let mut out = Vec::new();
        dialect.write(&mut out, request, 7);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn requests_are_written_as_each_protocol_wants_them() {
        let value = "x".repeat(64);
        assert_eq!(
            written(Dialect::Resp, Request::SetFor(3600)),
            format!(
                "*5\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$64\r\n{value}\r\n$2\r\nEX\r\n$4\r\n3600\r\n"
            )
        );
        assert_eq!(
            written(Dialect::Memcached, Request::Set),
            format!("set key:000000000007 0 0 64\r\n{value}\r\n")
        );
        assert_eq!(
            written(Dialect::Memcached, Request::Get),
            "get key:000000000007\r\n"
        );
    }

    #[test]
    fn a_reply_is_recognised_exactly_when_its_last_byte_is_there() {
        let replies: [(Dialect, &[u8]); 7] = [
            (Dialect::Resp, b"+OK\r\n"),
            (Dialect::Resp, b"*2\r\n$2\r\n42\r\n*0\r\n"),
            (Dialect::Resp, b"$-1\r\n"),
            (Dialect::Resp, b"$5\r\nhello\r\n"),
            (Dialect::Memcached, b"STORED\r\n"),
            (Dialect::Memcached, b"END\r\n"),
            (Dialect::Memcached, b"VALUE k 0 5\r\nhello\r\nEND\r\n"),
        ];
        for (dialect, reply) in replies {
            let mut input = reply.to_vec();
            input.extend_from_slice(b"next");
            for end in 0..input.len() {
                let expected = (end >= reply.len()).then_some(reply.len());
                let found = dialect.reply_len(&input[..end]).expect("no error reply");
                assert_eq!(found, expected, "{dialect:?} {end}");
            }
        }
    }

    #[test]
    fn an_error_reply_is_an_error() {
        Dialect::Resp.reply_len(b"-OOM no\r\n").unwrap_err();
        Dialect::Memcached
            .reply_len(b"SERVER_ERROR no\r\n")
            .unwrap_err();
    }
}
