//! Ordering mutants: whether the tests would notice a memory ordering that is too weak.
//!
//! Every ordering in `lockfree/src`, in what readers of the byte store meet and in the flights of the
//! typed cache is weakened, one at a time, in a copy of the crates. The loom tests of its structure must fail, or the Miri tests of its
//! structure; otherwise the ordering must be in the crate's `mutants.toml` with the reason why it may
//! not matter. The copy keeps only the tests of the structure in question, and one target folder serves
//! all mutants.

mod sites;
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::relative;

use super::survivors::{self, Survivor};
use super::{CACHE, CACHE_FOLDER, FOLDER, STORE, STORE_FOLDER, Subject};
use sites::Mutant;
use tests::Tests;

/// Crates with structures, and those that they import.
const CRATES: [&str; 4] = [FOLDER, STORE_FOLDER, CACHE_FOLDER, "ant-colony/policy"];

/// Where orderings are, and which tests must notice.
struct Structure {
    name: String,
    /// The crate.
    folder: &'static str,
    /// In the crate.
    source: String,
    /// What the names of its loom tests begin with.
    models: String,
}

impl Structure {
    fn of_lockfree(name: String) -> Self {
        let source = format!("src/{name}");
        let models = format!("{name}::");
        let folder = FOLDER;
        Self {
            name,
            folder,
            source,
            models,
        }
    }

    /// The protocol of readers without locks, which all loom tests of the crate are about.
    fn store() -> Self {
        Self {
            name: STORE.to_owned(),
            folder: STORE_FOLDER,
            source: "src/view".to_owned(),
            models: String::new(),
        }
    }

    /// The flights of the typed cache, which all loom tests of the crate are about.
    fn cache() -> Self {
        Self {
            name: CACHE.to_owned(),
            folder: CACHE_FOLDER,
            source: "src/flight".to_owned(),
            models: String::new(),
        }
    }
}

/// The modules of the crate: each has its own tests. What has no tests (the façade) is none.
pub(super) fn structures(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("src"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "sync" {
            names.push(name.into_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn run(subject: &Subject<'_>) -> Result<()> {
    let copy = Copy::new(subject)?;
    let names = structures(&subject.root())?;
    let others = [Structure::store(), Structure::cache()];
    let all = (names.into_iter().map(Structure::of_lockfree)).chain(others);
    let mut rows = Vec::new();
    for structure in all {
        if subject.only.is_none_or(|only| only == structure.name) {
            rows.extend(copy.judge(&structure)?);
        }
    }
    let counts = Verdict::ALL.map(|verdict| rows.iter().filter(|row| **row == verdict).count());
    for (verdict, count) in Verdict::ALL.iter().zip(counts) {
        eprintln!("{count:4} {}", verdict.text());
    }
    let unexplained = rows.iter().filter(|row| **row == Verdict::Survived).count();
    ensure!(
        unexplained == 0,
        "{unexplained} orderings can be weakened and no test notices: weaken them, write a test, or \
         give the reason in the crate's mutants.toml"
    );
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Loom,
    Miri,
    Excused,
    Survived,
}

impl Verdict {
    const ALL: [Verdict; 4] = [
        Verdict::Loom,
        Verdict::Miri,
        Verdict::Excused,
        Verdict::Survived,
    ];

    fn text(self) -> &'static str {
        match self {
            Verdict::Loom => "killed by loom",
            Verdict::Miri => "killed by Miri",
            Verdict::Excused => "survived, for the reason in mutants.toml",
            Verdict::Survived => "SURVIVED",
        }
    }
}

/// The crates in a workspace of their own, where their sources can be changed.
struct Copy<'a> {
    subject: &'a Subject<'a>,
    folder: PathBuf,
}

impl<'a> Copy<'a> {
    fn new(subject: &'a Subject<'a>) -> Result<Copy<'a>> {
        let folder = subject.workspace.target.join("mutants");
        let root = &subject.workspace.root;
        fs::create_dir_all(&folder)?;
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let (_, shared) = manifest
            .split_once("[workspace.package]")
            .context("the workspace's manifest has no [workspace.package]")?;
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = {CRATES:?}\n\n[workspace.package]{shared}"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        for name in CRATES {
            let copy = folder.join(name);
            if copy.exists() {
                fs::remove_dir_all(&copy)?;
            }
            copy_folder(&root.join(name), &copy)?;
        }
        Ok(Copy { subject, folder })
    }

    /// Weakens the orderings of one structure; prints a row for each.
    fn judge(&self, structure: &Structure) -> Result<Vec<Verdict>> {
        let Structure { name, folder, .. } = structure;
        let list = self
            .subject
            .workspace
            .root
            .join(folder)
            .join("mutants.toml");
        let survivors = survivors::read(&list)?;
        let work = self.work(structure)?;
        let total = work.len();
        eprintln!("\n{name}: {total} mutants");
        if total == 0 {
            return Ok(Vec::new());
        }
        if *folder == FOLDER {
            self.keep_tests_of(name)?;
        }
        let tests = Tests {
            copy: self,
            structure,
        };
        ensure!(
            tests.verdict()? == Verdict::Survived,
            "the tests of {name} fail without any mutant"
        );
        let mut verdicts = Vec::new();
        for (number, (file, mutant)) in work.iter().enumerate() {
            let place = format!("{folder}/{file}:{} {}", mutant.line, mutant.label);
            let path = self.folder.join(folder).join(file);
            let verdict = with(&path, mutant, || tests.verdict())
                .with_context(|| format!("{file}:{} {}", mutant.line, mutant.label))?;
            let excuse = survivors
                .iter()
                .find(|row| row.excuses(file, &mutant.text, &mutant.label))
                .filter(|_| verdict == Verdict::Survived);
            let text = excuse.map_or(verdict.text(), |row| &row.reason);
            eprintln!("[{}/{total}] {place}: {text}", number + 1);
            verdicts.push(excuse.map_or(verdict, |_| Verdict::Excused));
        }
        look_for_stale(structure, &work, &survivors)?;
        Ok(verdicts)
    }

    fn work(&self, structure: &Structure) -> Result<Vec<(String, Mutant)>> {
        let mut files = Vec::new();
        let root = self.folder.join(structure.folder);
        rust_files(&root.join(&structure.source), &mut files)?;
        files.sort();
        let mut work = Vec::new();
        for path in files {
            let file = relative(&root, &path);
            let mutants = sites::mutants(&fs::read_to_string(&path)?).context(file.clone())?;
            work.extend(mutants.into_iter().map(|mutant| (file.clone(), mutant)));
        }
        Ok(work)
    }

    /// Other structures' model tests would only be compiled.
    fn keep_tests_of(&self, structure: &str) -> Result<()> {
        let main = "tests/loom/main.rs";
        let all = fs::read_to_string(self.subject.root().join(main))?;
        let others = structures(&self.subject.root())?;
        let kept: Vec<&str> = all
            .lines()
            .filter(|line| {
                let module = line
                    .strip_prefix("mod ")
                    .and_then(|rest| rest.strip_suffix(';'));
                module.is_none_or(|name| name == structure || !others.iter().any(|it| it == name))
            })
            .collect();
        let path = self.folder.join(FOLDER).join(main);
        fs::write(path, kept.join("\n"))?;
        Ok(())
    }
}

/// Calls `judge` while the mutant is in the file at `path`.
fn with(path: &Path, mutant: &Mutant, judge: impl FnOnce() -> Result<Verdict>) -> Result<Verdict> {
    let text = fs::read_to_string(path)?;
    fs::write(path, mutant.apply(&text))?;
    let verdict = judge();
    fs::write(path, &text)?;
    verdict
}

/// A row that speaks of no ordering would excuse the next one that happens to look alike.
fn look_for_stale(
    structure: &Structure,
    work: &[(String, Mutant)],
    survivors: &[Survivor],
) -> Result<()> {
    let folder = format!("{}/", structure.source);
    for row in survivors.iter().filter(|row| row.file.starts_with(&folder)) {
        ensure!(
            work.iter()
                .any(|(file, mutant)| row.excuses(file, &mutant.text, &mutant.label)),
            "{}/mutants.toml: no {} in a line with `{}` of {}; remove the row",
            structure.folder,
            row.ordering,
            row.line_contains,
            row.file
        );
    }
    Ok(())
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
