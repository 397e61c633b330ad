//! Which format a file has: by its name, else by what is in it.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use super::{Reader, TraceError, binary, lines, stream, table};
use table::CsvColumns;

/// How requests are written down. Each may be compressed by zstd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `NAME.u64`: ids as little-endian 64-bit numbers; sizes of 32 bits in `NAME.sz.u32`.
    Columns,
    /// libCacheSim's binary records of 24 bytes.
    OracleGeneral,
    /// Comma-separated values.
    Csv,
    /// Block ranges as ARC's authors published them.
    Lis,
    /// An id per line.
    Text,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Columns,
        Self::OracleGeneral,
        Self::Csv,
        Self::Lis,
        Self::Text,
    ];

    /// As on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Columns => "u64",
            Self::OracleGeneral => "oracle-general",
            Self::Csv => "csv",
            Self::Lis => "lis",
            Self::Text => "text",
        }
    }

    /// The format of a file.
    ///
    /// # Errors
    ///
    /// If the name does not tell, and the file cannot be read or its beginning does not tell either.
    pub fn of(path: &Path) -> Result<Self, TraceError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match Self::by_name(&name) {
            Some(format) => Ok(format),
            None => Self::by_content(path),
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".zst").unwrap_or(&name);
        let (_, end) = name.rsplit_once('.')?;
        match end {
            "u64" => Some(Self::Columns),
            "csv" => Some(Self::Csv),
            "lis" => Some(Self::Lis),
            _ if name.contains("oraclegeneral") => Some(Self::OracleGeneral),
            _ => None,
        }
    }

    /// By the first kilobytes.
    fn by_content(path: &Path) -> Result<Self, TraceError> {
        let mut start = Vec::new();
        let read = stream::open(path)?.take(4_096).read_to_end(&mut start);
        read.map_err(|source| TraceError::unreadable(path, source))?;
        if start.contains(&0) {
            return if looks_like_oracle(&start) {
                Ok(Self::OracleGeneral)
            } else {
                Err(TraceError::unknown(path, "the file is binary"))
            };
        }
        let mut lines = start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let line = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        if line.contains(&b',') {
            Ok(Self::Csv)
        } else if words.clone().count() == 4 && lines::range(line).is_some() {
            Ok(Self::Lis)
        } else if words.count() <= 1 {
            Ok(Self::Text)
        } else {
            let line = String::from_utf8_lossy(line);
            Err(TraceError::unknown(
                path,
                &format!("it begins with `{line}`"),
            ))
        }
    }

    pub(super) fn open(
        self,
        path: &Path,
        columns: &CsvColumns,
    ) -> Result<Box<dyn Reader>, TraceError> {
        Ok(match self {
            Self::Columns => Box::new(binary::Columns::open(path)?),
            Self::OracleGeneral => Box::new(binary::OracleGeneral::open(path)?),
            Self::Csv => Box::new(table::Table::open(path, columns)?),
            Self::Lis => Box::new(lines::Lis::open(path)?),
            Self::Text => Box::new(lines::Text::open(path)?),
        })
    }
}

/// Whether times of 24-byte records do not fall, as they must, and sizes are not absurd.
fn looks_like_oracle(start: &[u8]) -> bool {
    let (records, _) = start.as_chunks::<24>();
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let times = records.iter().map(|record| number(&record[..4]));
    let sizes = records.iter().map(|record| number(&record[12..16]));
    records.len() >= 2 && times.is_sorted() && sizes.max().unwrap_or(0) < 1 << 31
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        let names = Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("there are: {names}"))
    }
}
