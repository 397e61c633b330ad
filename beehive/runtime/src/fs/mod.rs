//! Files and directories.
//!
//! No system has readiness for files. An open [`File`] is read, written and synced by the worker's
//! io_uring, which needs no thread when the bytes are in memory; on the epoll reactor, and for
//! everything about names, the calls run on the threads of
//! [`spawn_blocking`](crate::spawn_blocking).
//!
//! Dropping a future never leaves the kernel with memory that is gone: what an operation works on
//! belongs to the operation. It may still take effect.

pub(crate) mod cursor;
mod directory;
mod file;
mod open;
mod operation;

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use crate::blocking::unblock;

pub use directory::{DirEntry, ReadDir, read_dir};
pub use file::File;
pub use open::OpenOptions;

/// Reads a whole file.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::read(path)).await
}

/// Reads a whole file of text; `InvalidData` if it is not UTF-8.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::read_to_string(path)).await
}

/// Writes a whole file, new or in place of what it held.
///
/// # Errors
///
/// Those of the system; a part may have been written.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, bytes) = (path.as_ref().to_owned(), bytes.as_ref().to_vec());
    unblock(move || std::fs::write(path, bytes)).await
}

/// Copies a file with its permissions and tells how many bytes that were.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    unblock(move || std::fs::copy(from, to)).await
}

/// Makes a directory.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::create_dir(path)).await
}

/// Makes a directory and those above it that are missing.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::create_dir_all(path)).await
}

/// Removes a directory, which must be empty.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::remove_dir(path)).await
}

/// Removes a directory with all that is in it.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Any part may be removed if the future is dropped.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::remove_dir_all(path)).await
}

/// Removes a file.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::remove_file(path)).await
}

/// Renames a file or directory, in place of a file of the new name.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    unblock(move || std::fs::rename(from, to)).await
}

/// Gives a file another name.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn hard_link(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    unblock(move || std::fs::hard_link(from, to)).await
}

/// Makes a symbolic link at `to` that leads to `from`.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn symlink(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    unblock(move || std::os::unix::fs::symlink(from, to)).await
}

/// Where a symbolic link leads.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::read_link(path)).await
}

/// The absolute path, without links and dots.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::canonicalize(path)).await
}

/// What the system knows about a file or directory.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::metadata(path)).await
}

/// As [`metadata`], but of a symbolic link itself.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::symlink_metadata(path)).await
}

/// Changes who may do what with a file or directory.
///
/// # Errors
///
/// Those of the system.
///
/// # Cancel safety
///
/// It may happen or not if the future is dropped.
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::set_permissions(path, permissions)).await
}

/// Whether there is a file or directory at a path.
///
/// # Errors
///
/// Those of the system that leave the question open.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    unblock(move || path.try_exists()).await
}
