//! The entries of a directory.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blocking::{self, unblock};
use crate::options::JoinHandle;

/// Entries read at once.
const ENTRIES: usize = 64;

/// Reads the entries of a directory.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let entries = unblock(move || std::fs::read_dir(path)).await?;
    Ok(ReadDir {
        read: VecDeque::new(),
        rest: Rest::Idle(entries),
    })
}

/// The entries of a directory, in no order, without `.` and `..`.
#[derive(Debug)]
pub struct ReadDir {
    read: VecDeque<io::Result<DirEntry>>,
    rest: Rest,
}

type Batch = (VecDeque<io::Result<DirEntry>>, Option<std::fs::ReadDir>);

#[derive(Debug)]
enum Rest {
    Idle(std::fs::ReadDir),
    Reading(JoinHandle<Batch>),
    None,
}

impl ReadDir {
    /// The next entry; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// No entry is lost when the future is dropped.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                return entry.map(Some);
            }
            match std::mem::replace(&mut self.rest, Rest::None) {
                Rest::None => return Ok(None),
                Rest::Idle(entries) => {
                    let batch = blocking::start(move || read_batch(entries))?;
                    self.rest = Rest::Reading(batch);
                }
                Rest::Reading(batch) => {
                    self.rest = Rest::Reading(batch);
                    self.finish_batch().await?;
                }
            }
        }
    }

    async fn finish_batch(&mut self) -> io::Result<()> {
        if let Rest::Reading(batch) = &mut self.rest {
            let joined = batch.await;
            self.rest = Rest::None;
            let (read, rest) = blocking::result(joined.map(Ok))?;
            self.read = read;
            self.rest = rest.map_or(Rest::None, Rest::Idle);
        }
        Ok(())
    }
}

fn read_batch(mut entries: std::fs::ReadDir) -> Batch {
    let read: VecDeque<_> = entries
        .by_ref()
        .take(ENTRIES)
        .map(|entry| entry.map(|entry| DirEntry(Arc::new(entry))))
        .collect();
    let rest = (read.len() == ENTRIES).then_some(entries);
    (read, rest)
}

/// An entry of a directory.
#[derive(Debug, Clone)]
pub struct DirEntry(Arc<std::fs::DirEntry>);

impl DirEntry {
    /// Its path: that of the directory and its name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Its name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// What the system knows about it; of a symbolic link, not of what it leads to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.0.clone();
        unblock(move || entry.metadata()).await
    }

    /// Whether it is a file, a directory or something else.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.0.clone();
        unblock(move || entry.file_type()).await
    }
}
