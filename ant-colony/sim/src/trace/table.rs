//! CSV: a record per line, its id and perhaps its size in columns that have names or positions.

use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::stream::{self, Stream};
use super::{Reader, Record, TraceError, key};

/// Names by which the column of ids is known.
const ID_NAMES: [&str; 7] = ["id", "obj_id", "object_id", "object", "key", "lbn", "block"];
/// Names by which the column of sizes is known.
const SIZE_NAMES: [&str; 5] = ["size", "obj_size", "object_size", "bytes", "length"];

/// Which columns to read: names of the first line, or positions from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsvColumns {
    /// The ids; without it, a name that usually means them, or the only column.
    pub id: Option<String>,
    /// The sizes; without it, a name that usually means them, or there are none.
    pub size: Option<String>,
}

/// A table.
pub(super) struct Table {
    path: PathBuf,
    reader: csv::Reader<Stream>,
    record: ByteRecord,
    /// The first line was read, and is no header.
    is_ahead: bool,
    id: usize,
    size: Option<usize>,
}

impl Table {
    pub(super) fn open(path: &Path, columns: &CsvColumns) -> Result<Self, TraceError> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(stream::open(path)?);
        let mut first = ByteRecord::new();
        let read = reader.read_byte_record(&mut first);
        read.map_err(|error| malformed_csv(path, error))?;
        let names: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
        let found = Columns::find(&names, columns).map_err(|problem| TraceError::Malformed {
            path: path.to_owned(),
            place: "line 1".to_owned(),
            problem,
            remedy: "Name the columns or give positions from 1: --columns id=2,size=3",
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            record: first,
            is_ahead: !found.has_header,
            id: found.id,
            size: found.size,
        })
    }

    fn malformed(&self, problem: String) -> TraceError {
        let line = self.record.position().map_or(0, csv::Position::line);
        TraceError::Malformed {
            path: self.path.clone(),
            place: format!("line {line}"),
            problem,
            remedy: "Each line needs its columns, see --columns; sizes are whole numbers below 4 GiB.",
        }
    }
}

impl Reader for Table {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        if self.is_ahead {
            self.is_ahead = false;
        } else {
            let read = self.reader.read_byte_record(&mut self.record);
            if !read.map_err(|error| malformed_csv(&self.path, error))? {
                return Ok(None);
            }
        }
        if self.record.is_empty() {
            return Ok(None);
        }
        let Some(id) = self.record.get(self.id) else {
            return Err(self.malformed(format!("there is no column {}", self.id + 1)));
        };
        let size = match self.size {
            None => 1,
            Some(column) => {
                let text = self.record.get(column).map(String::from_utf8_lossy);
                let text = text.unwrap_or_default();
                let problem = || self.malformed(format!("`{text}` is not a size"));
                text.parse().map_err(|_| problem())?
            }
        };
        let key = key(id);
        Ok(Some(Record { key, size }))
    }
}

fn malformed_csv(path: &Path, error: csv::Error) -> TraceError {
    let place = error.position().map_or(0, csv::Position::line);
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => TraceError::unreadable(path, source),
        _ => TraceError::Malformed {
            path: path.to_owned(),
            place: format!("line {place}"),
            problem: text,
            remedy: "Check that the file is a table of comma-separated values.",
        },
    }
}

/// Where the columns are.
struct Columns {
    id: usize,
    size: Option<usize>,
    has_header: bool,
}

impl Columns {
    fn find(first: &[std::borrow::Cow<'_, str>], wanted: &CsvColumns) -> Result<Self, String> {
        let named = |names: &[&str]| {
            let is_name = |field: &std::borrow::Cow<'_, str>| {
                names.iter().any(|name| field.eq_ignore_ascii_case(name))
            };
            first.iter().position(is_name)
        };
        let given = |name: &str| match name.parse::<usize>() {
            Ok(position @ 1..) => Ok((position - 1, false)),
            _ => named(&[name])
                .map(|column| (column, true))
                .ok_or_else(|| format!("there is no column `{name}` among: {}", first.join(", "))),
        };
        let (id, id_is_named) = match &wanted.id {
            Some(name) => given(name)?,
            None => match named(&ID_NAMES) {
                Some(column) => (column, true),
                None if first.len() <= 1 => (0, false),
                None => return Err(format!("which column is the id? {}", first.join(", "))),
            },
        };
        let size = match &wanted.size {
            Some(name) => Some(given(name)?),
            None => named(&SIZE_NAMES).map(|column| (column, true)),
        };
        // By positions: a header is a line whose size, or else whose id, is no number.
        let telling = size.map_or(id, |(column, _)| column);
        let is_number = first
            .get(telling)
            .is_some_and(|field| field.parse::<u64>().is_ok());
        let size_is_known = wanted.size.is_some() && !is_number;
        let is_named = id_is_named || size.is_some_and(|(_, named)| named);
        Ok(Self {
            id,
            size: size.map(|(column, _)| column),
            has_header: is_named || size_is_known,
        })
    }
}
