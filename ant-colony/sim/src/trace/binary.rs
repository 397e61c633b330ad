//! Records of a fixed number of bytes, little-endian: columns and oracleGeneral.

use std::path::{Path, PathBuf};

use super::stream::{self, Stream};
use super::{Reader, Record, TraceError};

const IDS: &str = ".u64";
const SIZES: &str = ".sz.u32";

/// `NAME.u64`, ids, with sizes in `NAME.sz.u32` beside it where it has any; both may be compressed.
pub(super) struct Columns {
    ids: Fixed<8>,
    sizes: Option<Fixed<4>>,
}

impl Columns {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self {
            ids: Fixed::open(path)?,
            sizes: sizes_beside(path)
                .map(|sizes| Fixed::open(&sizes))
                .transpose()?,
        })
    }
}

fn sizes_beside(ids: &Path) -> Option<PathBuf> {
    let name = ids.file_name()?.to_str()?;
    let stem = &name[..name.rfind(IDS)?];
    let places = ["", ".zst"].map(|end| ids.with_file_name(format!("{stem}{SIZES}{end}")));
    places.into_iter().find(|place| place.is_file())
}

impl Reader for Columns {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let size = self.sizes.as_mut().map(Fixed::next).transpose()?;
        let (id, size) = match (self.ids.next()?, size) {
            (Some(id), Some(Some(size))) => (id, u32::from_le_bytes(size)),
            (Some(id), None) => (id, 1),
            (None, None | Some(None)) => return Ok(None),
            (Some(_), Some(None)) => return Err(self.ids.malformed("there is no size for it")),
            (None, Some(Some(_))) => return Err(self.ids.malformed("there are more sizes")),
        };
        let key = u64::from_le_bytes(id);
        Ok(Some(Record { key, size }))
    }
}

/// libCacheSim's format of 24 bytes: time (u32), id (u64), size (u32), next access (i64).
pub(super) struct OracleGeneral(Fixed<24>);

impl OracleGeneral {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self(Fixed::open(path)?))
    }
}

impl Reader for OracleGeneral {
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        let record = self.0.next()?;
        Ok(record.map(|bytes| {
            let (_, rest) = bytes.split_at(4);
            let (id, rest) = rest.split_first_chunk().unwrap_or((&[0; 8], rest));
            let (size, _) = rest.split_first_chunk().unwrap_or((&[0; 4], rest));
            Record {
                key: u64::from_le_bytes(*id),
                size: u32::from_le_bytes(*size),
            }
        }))
    }
}

/// Records of `N` bytes.
struct Fixed<const N: usize> {
    path: PathBuf,
    stream: Stream,
    /// Bytes so far, uncompressed.
    offset: u64,
}

impl<const N: usize> Fixed<N> {
    fn open(path: &Path) -> Result<Self, TraceError> {
        Ok(Self {
            path: path.to_owned(),
            stream: stream::open(path)?,
            offset: 0,
        })
    }

    fn next(&mut self) -> Result<Option<[u8; N]>, TraceError> {
        let mut record = [0; N];
        let mut filled = 0;
        while filled < N {
            let count = self.stream.read(&mut record[filled..]);
            match count.map_err(|source| TraceError::unreadable(&self.path, source))? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(self.malformed(&format!("{filled} bytes instead of {N}"))),
                count => filled += count,
            }
        }
        self.offset += N as u64;
        Ok(Some(record))
    }

    fn malformed(&self, problem: &str) -> TraceError {
        TraceError::Malformed {
            path: self.path.clone(),
            place: format!("byte {}", self.offset),
            problem: problem.to_owned(),
            remedy: "The file is cut off or of another format: fetch it again, or see --format.",
        }
    }
}
