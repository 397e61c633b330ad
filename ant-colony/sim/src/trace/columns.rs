//! `NAME.u64.zst`, little-endian ids, with sizes in `NAME.sz.u32.zst` beside it where it has any.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use ruzstd::decoding::StreamingDecoder;

use super::{Reader, Record, TraceError};

const SUFFIX: &str = ".u64.zst";

/// Ids, and sizes if they are there.
pub(super) struct Columns {
    ids: Column<8>,
    sizes: Option<Column<4>>,
}

impl Columns {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let name = path.to_string_lossy();
        let sizes = PathBuf::from(format!("{}.sz.u32.zst", name.trim_end_matches(SUFFIX)));
        Ok(Self {
            ids: Column::open(path)?,
            sizes: if sizes.exists() {
                Some(Column::open(&sizes)?)
            } else {
                None
            },
        })
    }
}

impl Reader for Columns {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let Some(id) = self.ids.next()? else {
            return Ok(None);
        };
        let size = match &mut self.sizes {
            None => 1,
            Some(sizes) => match sizes.next()? {
                Some(size) => u32::from_le_bytes(size),
                None => {
                    return Err(sizes.malformed("there are fewer sizes than ids".to_owned()));
                }
            },
        };
        Ok(Some(Record {
            key: u64::from_le_bytes(id),
            size,
        }))
    }
}

/// Numbers of `N` bytes in a compressed stream.
struct Column<const N: usize> {
    path: PathBuf,
    stream: BufReader<Box<dyn Read + Send>>,
    read: u64,
}

impl<const N: usize> Column<N> {
    fn open(path: &Path) -> Result<Self, TraceError> {
        let unreadable = |source| TraceError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = BufReader::new(File::open(path).map_err(unreadable)?);
        let decoder = StreamingDecoder::new(file).map_err(|e| unreadable(io::Error::other(e)))?;
        Ok(Self {
            path: path.to_owned(),
            stream: BufReader::with_capacity(1 << 16, Box::new(decoder)),
            read: 0,
        })
    }

    fn next(&mut self) -> Result<Option<[u8; N]>, TraceError> {
        let mut number = [0; N];
        let mut filled = 0;
        while filled < N {
            match self.stream.read(&mut number[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.malformed(format!("{filled} of {N} bytes"))),
                Ok(count) => filled += count,
                Err(source) => {
                    return Err(TraceError::Unreadable {
                        path: self.path.clone(),
                        source,
                    });
                }
            }
        }
        self.read += N as u64;
        Ok(Some(number))
    }

    fn malformed(&self, problem: String) -> TraceError {
        TraceError::Malformed {
            path: self.path.clone(),
            place: format!("offset {}", self.read),
            problem,
            remedy: "The file may be cut off: fetch it again.",
        }
    }
}
