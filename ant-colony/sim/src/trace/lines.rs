//! Traces of lines: plain ids, and the block ranges of ARC's authors.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::stream::{self, Stream};
use super::{Reader, Record, TraceError, key};

/// A longer line is no trace.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// Lines with something on them.
struct Lines {
    path: PathBuf,
    stream: Stream,
    line: Vec<u8>,
    /// The number of the line read last, from 1.
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self {
            path: path.to_owned(),
            stream: stream::open(path)?,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line into `self.line`; false at the end.
    fn next(&mut self) -> Result<bool, TraceError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
            let count = limited.read_until(b'\n', &mut self.line);
            let count = count.map_err(|source| TraceError::unreadable(&self.path, source))?;
            if count as u64 == LINE_BYTES_MAX {
                let problem = format!("longer than {LINE_BYTES_MAX} bytes");
                return Err(self.malformed(problem, "Say which --format the file has."));
            }
            if count == 0 {
                return Ok(false);
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn malformed(&self, problem: String, remedy: &'static str) -> TraceError {
        TraceError::Malformed {
            path: self.path.clone(),
            place: format!("line {}", self.number),
            problem,
            remedy,
        }
    }
}

/// One id per line, a number or any other text.
pub(super) struct Text(Lines);

impl Text {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        Lines::open(path).map(Self)
    }
}

impl Reader for Text {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let there = self.0.next()?;
        Ok(there.then(|| Record {
            key: key(self.0.line.trim_ascii()),
            size: 1,
        }))
    }
}

/// `FIRST COUNT IGNORED REQUEST`: accesses to `COUNT` blocks one after the other.
pub(super) struct Lis {
    lines: Lines,
    next: u64,
    left: u64,
}

impl Lis {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self {
            lines: Lines::open(path)?,
            next: 0,
            left: 0,
        })
    }
}

impl Reader for Lis {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        while self.left == 0 {
            if !self.lines.next()? {
                return Ok(None);
            }
            let Some((first, count)) = range(&self.lines.line) else {
                let line = String::from_utf8_lossy(self.lines.line.trim_ascii()).into_owned();
                let remedy = "A line of a .lis file has two numbers or more: first block, blocks.";
                return Err(self.lines.malformed(format!("`{line}`"), remedy));
            };
            (self.next, self.left) = (first, count);
        }
        let record = Record {
            key: self.next,
            size: 1,
        };
        self.next = self.next.wrapping_add(1);
        self.left -= 1;
        Ok(Some(record))
    }
}

/// The first block of a line and how many there are.
pub(super) fn range(line: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let first = numbers.next()?.parse().ok()?;
    let count: u32 = numbers.next()?.parse().ok()?;
    let mut rest = numbers.take(2);
    rest.all(|number| number.parse::<u64>().is_ok())
        .then_some((first, u64::from(count)))
}
