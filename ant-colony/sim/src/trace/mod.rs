//! Traces: where requests come from.
//!
//! A trace is read at least twice: the survey counts its requests and numbers its objects, then
//! each replay streams it. In memory stay the ids of its objects, never its requests (unless they
//! were there before: [`Trace::of`]).

mod binary;
mod error;
mod format;
mod generate;
mod lines;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::subject::Request;

pub use error::TraceError;
pub use format::Format;
pub use generate::{GENERATED, SUITE};
pub use table::CsvColumns;

/// An access as the trace has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The object's id.
    pub key: u64,
    /// Its size in bytes; 1 where the trace has no sizes.
    pub size: u32,
}

/// What a capacity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Each object takes one, whatever its size.
    Objects,
    /// Each object takes its bytes, at least one.
    Bytes,
}

/// Reads a trace from its beginning.
trait Reader: Send {
    /// The next records; `None` at the end.
    fn next(&mut self) -> Result<Option<Record>, TraceError>;
}

enum Source {
    Memory(Arc<[Record]>),
    File {
        path: PathBuf,
        format: Format,
        columns: CsvColumns,
    },
}

/// A sequence of requests, surveyed.
pub struct Trace {
    name: String,
    source: Source,
    numbers: HashMap<u64, u32, foldhash::fast::FixedState>,
    requests: u64,
    bytes: u64,
}

impl Trace {
    /// The trace in a file, of the format that its name or its content tell.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what it seems to be.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        Self::open_as(path, Format::of(path)?, CsvColumns::default())
    }

    /// The trace in a file of a known format.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not of this format.
    pub fn open_as(path: &Path, format: Format, columns: CsvColumns) -> Result<Self, TraceError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split('.').next().unwrap_or_default().to_owned();
        let source = Source::File {
            path: path.to_owned(),
            format,
            columns,
        };
        Self::survey(name, source)
    }

    /// A generated trace, such as `gen:loop,times=1.5`; see [`GENERATED`].
    ///
    /// # Errors
    ///
    /// If there is none of this name, or a parameter is wrong.
    pub fn generated(name: &str) -> Result<Self, TraceError> {
        let records = generate::records(name).map_err(|problem| TraceError::NotGenerated {
            name: name.to_owned(),
            problem,
        })?;
        Self::survey(name.to_owned(), Source::Memory(records.into()))
    }

    /// A trace in memory.
    ///
    /// # Panics
    ///
    /// Without records, or with more than 4,294,967,294 distinct objects.
    #[must_use]
    pub fn of(name: &str, records: Vec<Record>) -> Self {
        Self::survey(name.to_owned(), Source::Memory(records.into()))
            .expect("there are records, and not too many objects for the memory")
    }

    fn survey(name: String, source: Source) -> Result<Self, TraceError> {
        let mut reader = source.reader()?;
        let mut numbers = HashMap::default();
        let (mut requests, mut bytes) = (0, 0);
        while let Some(record) = reader.next()? {
            requests += 1;
            let next = numbers.len();
            numbers.entry(record.key).or_insert_with(|| {
                bytes += u64::from(record.size.max(1));
                next as u32
            });
            if next > u32::MAX as usize - 2 {
                return Err(TraceError::TooManyObjects { trace: name });
            }
        }
        if requests == 0 {
            return Err(TraceError::Empty { trace: name });
        }
        Ok(Self {
            name,
            source,
            numbers,
            requests,
            bytes,
        })
    }

    /// What rows call it: the file's name up to its first dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many requests there are, at least one.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a trace without requests cannot be made"
    )]
    pub fn len(&self) -> u64 {
        self.requests
    }

    /// How many distinct objects are asked for.
    #[must_use]
    pub fn objects(&self) -> u32 {
        self.numbers.len() as u32
    }

    /// What they take together, each at the size with which it appears first.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The requests from the first on.
    ///
    /// # Errors
    ///
    /// If the trace cannot be opened any more.
    pub fn requests(&self, unit: Unit) -> Result<Requests<'_>, TraceError> {
        Ok(Requests {
            trace: self,
            unit,
            reader: self.source.reader()?,
        })
    }

    /// Shows every request, counted in objects.
    pub(crate) fn for_each(&self, mut show: impl FnMut(Request)) -> Result<(), TraceError> {
        let mut requests = self.requests(Unit::Objects)?;
        let mut piece = Vec::with_capacity(1 << 16);
        loop {
            piece.clear();
            requests.read(&mut piece)?;
            if piece.is_empty() {
                return Ok(());
            }
            piece.iter().copied().for_each(&mut show);
        }
    }
}

impl Source {
    fn reader(&self) -> Result<Box<dyn Reader>, TraceError> {
        match self {
            Self::Memory(records) => Ok(Box::new(Memory {
                records: records.clone(),
                next: 0,
            })),
            Self::File {
                path,
                format,
                columns,
            } => format.open(path, columns),
        }
    }
}

/// The requests of a trace, in order.
pub struct Requests<'a> {
    trace: &'a Trace,
    unit: Unit,
    reader: Box<dyn Reader>,
}

impl Requests<'_> {
    /// Fills `piece` up to its capacity; what is not full then was the end.
    ///
    /// # Errors
    ///
    /// If the trace cannot be read, or has changed since it was surveyed.
    pub fn read(&mut self, piece: &mut Vec<Request>) -> Result<(), TraceError> {
        while piece.len() < piece.capacity()
            && let Some(record) = self.reader.next()?
        {
            let Some(&object) = self.trace.numbers.get(&record.key) else {
                let trace = self.trace.name.clone();
                return Err(TraceError::Changed { trace });
            };
            let size = match self.unit {
                Unit::Objects => 1,
                Unit::Bytes => record.size.max(1),
            };
            piece.push(Request {
                key: record.key,
                object,
                size,
            });
        }
        Ok(())
    }
}

struct Memory {
    records: Arc<[Record]>,
    next: usize,
}

impl Reader for Memory {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let record = self.records.get(self.next).copied();
        self.next += 1;
        Ok(record)
    }
}

/// An id as 64 bits: a number is itself, other text is hashed.
fn key(id: &[u8]) -> u64 {
    let number = std::str::from_utf8(id)
        .ok()
        .and_then(|text| text.parse().ok());
    // `007` is not `7`, and `+7` is neither.
    let is_plain = id
        .first()
        .is_some_and(|&first| matches!(first, b'1'..=b'9'))
        || id == b"0";
    match number {
        Some(number) if is_plain => number,
        _ => foldhash::quality::FixedState::with_seed(0).hash_one(id),
    }
}
