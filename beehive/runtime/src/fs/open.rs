//! How a file is to be opened.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::blocking::unblock;
use crate::fs::File;

/// How a file is to be opened, as [`std::fs::OpenOptions`].
#[derive(Debug, Clone)]
pub struct OpenOptions(std::fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Neither for reading nor for writing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(std::fs::OpenOptions::new())
    }

    /// For reading.
    #[must_use]
    pub fn read(mut self, read: bool) -> Self {
        self.0.read(read);
        self
    }

    /// For writing.
    #[must_use]
    pub fn write(mut self, write: bool) -> Self {
        self.0.write(write);
        self
    }

    /// For writing, always at the end: the offset of a write means nothing then, and reading after
    /// a write begins with a [`seek`](File::seek).
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.0.append(append);
        self
    }

    /// Empties the file.
    #[must_use]
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.0.truncate(truncate);
        self
    }

    /// Makes the file if there is none.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.0.create(create);
        self
    }

    /// Makes the file, which must not exist.
    #[must_use]
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.0.create_new(create_new);
        self
    }

    /// Who may do what with a file that is made, as `chmod` takes it; 0o666 by default.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.0.mode(mode);
        self
    }

    /// Further flags of `open`, such as `O_DIRECT`.
    #[must_use]
    pub fn custom_flags(mut self, flags: i32) -> Self {
        self.0.custom_flags(flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// The file is closed again if the future is dropped; it may have been made or emptied.
    pub async fn open(self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref().to_owned();
        unblock(move || self.0.open(path)).await.map(File::from_std)
    }
}
