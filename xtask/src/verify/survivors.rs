//! The `mutants.toml` of a crate: orderings that no test can be made to miss, each with its reason.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Survivor {
    /// Relative to the crate.
    pub(super) file: String,
    /// Part of the line, so that the row stays true when lines move.
    pub(super) line_contains: String,
    /// `Acquire`, or one half of a stronger one: `AcqRel to Acquire`.
    pub(super) ordering: String,
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

pub(super) fn read(path: &Path) -> Result<Vec<Survivor>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(file.survivor)
}

impl Survivor {
    /// Whether this row speaks of the mutant of `line` in `file` whose label is `label`.
    pub(super) fn excuses(&self, file: &str, line: &str, label: &str) -> bool {
        let ordering = label.split(' ').next().unwrap_or_default();
        self.file == file
            && line.contains(&self.line_contains)
            && (self.ordering == label || self.ordering == ordering)
    }
}
