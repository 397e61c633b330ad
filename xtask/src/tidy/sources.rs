//! Rules for single source files. Files are read as Rust tokens, so that words in comments and
//! strings do not count.
//!
//! - every file opens with `//!`: what it is for;
//! - no file is longer than [`LINES_MAX`];
//! - `unsafe` stands only in the crates of [`MAY_BE_UNSAFE`]; the roots of all others forbid it;
//! - libraries of floors 1 and 2 are `no_std`, and their code (tests aside) neither names `std` nor
//!   reads a clock;
//! - `dbg!`, `todo!` and `unimplemented!` stand nowhere.

mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::{Package, Workspace, relative};

use super::{Violation, files, floors};
use tokens::Facts;

/// Beyond this a file has more than one subject.
const LINES_MAX: usize = 600;

/// Rooms whose work cannot be done in safe Rust. Everything else forbids it.
const MAY_BE_UNSAFE: &[&str] = &[
    "lockfree",
    "beehive/task",
    "beehive/runtime",
    "ant-colony/store",
    "ant-colony/cache",
    "ant-colony/memory",
    "microkernel/arch",
    "microkernel/user",
    "compiler/passes",
    "compiler/profile",
];

pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        violations.extend(check_package(&workspace.root, package)?);
    }
    Ok(violations)
}

fn check_package(root: &Path, package: &Package) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut parsed = Vec::new();
    for path in files(&root.join(&package.folder), "rs")? {
        let text = fs::read_to_string(&path)?;
        let place = relative(root, &path);
        violations.extend(check_text(&place, &text));
        let facts = Facts::read(&text).with_context(|| place.clone())?;
        parsed.push((path, place, facts));
    }
    let hosted = hosted_files(&parsed);
    for (path, place, facts) in &parsed {
        let is_root = package.crate_roots.contains(path);
        let on_host = hosted.contains(path) || is_test_file(path, &root.join(&package.folder));
        violations.extend(check_facts(place, facts, &package.folder, is_root, on_host));
    }
    Ok(violations)
}

fn check_text(place: &str, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !text.starts_with("//!") {
        let text = "the first line must be `//!` and say what the file is for";
        violations.push(Violation::new(place, 1, text));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let text = format!("{lines} lines; split it by subject (at most {LINES_MAX})");
        violations.push(Violation::new(place, 0, text));
    }
    violations
}

/// `on_host`: compiled only for tests or with the `std` feature, where the host is at hand.
fn check_facts(
    place: &str,
    facts: &Facts,
    folder: &str,
    is_root: bool,
    on_host: bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |line: usize, text: String| {
        violations.push(Violation::new(place, line, text));
    };
    for (line, name) in &facts.banned_macros {
        report(*line, format!("`{name}!` must not stay in the code"));
    }
    if !MAY_BE_UNSAFE.contains(&folder) {
        for line in &facts.unsafe_lines {
            report(*line, format!("unsafe code is not for {folder}"));
        }
        if is_root && !facts.forbids_unsafe {
            report(1, "this crate's root must `#![forbid(unsafe_code)]`".into());
        }
    }
    if floors::is_bare(folder) && !on_host {
        for line in &facts.std_lines {
            report(
                *line,
                "this floor must not name `std` outside of tests".into(),
            );
        }
        for line in &facts.clock_lines {
            report(
                *line,
                "this floor must not read a clock: take the time as an argument".into(),
            );
        }
        if is_root && !facts.no_std {
            report(1, "this floor's crates must be `#![no_std]`".into());
        }
    }
    violations
}

/// Tests, benches and examples by where they are; build scripts run on the host as well.
fn is_test_file(path: &Path, package: &Path) -> bool {
    let inside = relative(package, path);
    let folders = ["tests/", "benches/", "examples/", "fuzz/"];
    folders.iter().any(|folder| inside.starts_with(folder)) || inside == "build.rs"
}

/// Files of modules declared for tests or for `std` only (`#[cfg(test)] mod model;`), with
/// everything below them.
fn hosted_files(parsed: &[(PathBuf, String, Facts)]) -> BTreeSet<PathBuf> {
    let mut hosted = BTreeSet::new();
    for (path, _, facts) in parsed {
        for module in &facts.hosted_modules {
            let folder = module_folder(path);
            let below = folder.join(module);
            for (candidate, _, _) in parsed {
                if *candidate == folder.join(format!("{module}.rs"))
                    || candidate.starts_with(&below)
                {
                    hosted.insert(candidate.clone());
                }
            }
        }
    }
    hosted
}

/// Where the submodules of this file are: beside `lib.rs`, `main.rs` and `mod.rs`, else below a
/// folder of the file's own name.
fn module_folder(path: &Path) -> PathBuf {
    let parent = path.parent().unwrap_or(path);
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") | None => parent.to_path_buf(),
        Some(stem) => parent.join(stem),
    }
}

#[cfg(test)]
mod tests;
