//! `cargo xtask tidy`: the structure of the house, checked by machine so that review is free for
//! what matters.
//!
//! - [`floors`]: who may depend on whom.
//! - [`sources`]: introductions, sizes, unsafe and banned constructs, read as Rust tokens.
//! - [`links`]: Markdown links that lead nowhere.
//!
//! Each check returns what it found as [`Violation`]s; an empty list is a pass. The real workspace
//! is checked by a test here too, so `cargo test` alone enforces it.

pub(crate) mod floors;
mod links;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// One thing that is not as it must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Relative to the root; a package's folder or a file.
    place: String,
    /// 1-based; 0 when the whole place is meant.
    line: usize,
    text: String,
}

impl Violation {
    fn new(place: &str, line: usize, text: impl Into<String>) -> Violation {
        Violation {
            place: place.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.place, self.text),
            line => write!(f, "{}:{line}: {}", self.place, self.text),
        }
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let violations = check(workspace)?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => eprintln!(
            "tidy: {} packages as they should be",
            workspace.packages.len()
        ),
        1 => bail!("tidy: 1 violation"),
        count => bail!("tidy: {count} violations"),
    }
    Ok(())
}

fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut violations = floors::check(&workspace.packages);
    violations.extend(sources::check(workspace)?);
    violations.extend(links::check(&workspace.root)?);
    Ok(violations)
}

/// All files below `folder` with this extension, sorted; build output, hidden folders and folders
/// that hold another package are not entered.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, extension, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let other_package = path.join("Cargo.toml").exists() && extension == "rs";
            if !name.starts_with('.') && name != "target" && !other_package {
                collect(&path, extension, found)?;
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let workspace = Workspace::load().expect("cargo metadata");
        let violations = check(&workspace).expect("readable sources");
        let listing: String = violations.iter().map(|v| format!("{v}\n")).collect();
        assert!(violations.is_empty(), "{listing}");
    }
}
