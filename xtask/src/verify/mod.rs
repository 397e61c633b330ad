//! `cargo xtask verify`: the long proofs of the lock-free structures, of what Beehive and the typed cache
//! add to them, and of the byte store's readers.
//!
//! - [`checks`]: model checking (loom), random schedules (shuttle), Miri, ThreadSanitizer, and the
//!   builds without an operating system;
//! - [`mutants`]: whether those would notice a memory ordering that is too weak;
//! - [`nightly`]: the toolchain that Miri and ThreadSanitizer need.
//!
//! `cargo xtask test` runs short versions of all but the mutants.

mod checks;
mod mutants;
mod nightly;
mod survivors;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::shell::Progress;
use crate::workspace::{Package, Workspace};

/// Where the structures are.
const FOLDER: &str = "lockfree";
/// The byte store, whose readers take no lock.
const STORE_FOLDER: &str = "ant-colony/store";
/// What it is called among the structures.
const STORE: &str = "store";
/// The typed cache, where a flight begins without a lock.
const CACHE_FOLDER: &str = "ant-colony/cache";
/// What it is called among the structures.
const CACHE: &str = "cache";

#[derive(Args)]
pub(crate) struct Options {
    /// What to verify; everything without it.
    #[arg(value_enum)]
    part: Option<Part>,
    /// As short as in `cargo xtask test`; of all parts, without the mutants.
    #[arg(long)]
    quick: bool,
    /// Only this structure: a module of lockfree/src, such as `deque`, the byte `store`, or the typed
    /// `cache`.
    #[arg(long, value_name = "STRUCTURE")]
    only: Option<String>,
}

/// One way to look for mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Every interleaving of small programs, by the model checker loom.
    Loom,
    /// Random schedules of larger programs, whose histories must be linearizable.
    Shuttle,
    /// Undefined behaviour, data races and leaks under weak memory, by Miri (nightly).
    Miri,
    /// Data races of the stress tests on real threads, by ThreadSanitizer (nightly).
    Tsan,
    /// Builds for machines without an operating system.
    Bare,
    /// Every memory ordering weakened: some test must fail, or a reason must be written down.
    Mutants,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Part::Loom => "lock-free, Beehive, caches: every interleaving (loom)",
            Part::Shuttle => "lock-free: random schedules (shuttle)",
            Part::Miri => "lock-free, Beehive, caches: undefined behaviour and leaks (Miri)",
            Part::Tsan => "lock-free, Beehive, caches: data races (ThreadSanitizer)",
            Part::Bare => "lock-free: without an operating system",
            Part::Mutants => "lock-free: orderings weakened (mutants)",
        }
    }
}

/// What the parts share.
struct Subject<'a> {
    workspace: &'a Workspace,
    package: &'a Package,
    quick: bool,
    only: Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn new(workspace: &'a Workspace, quick: bool, only: Option<&'a str>) -> Result<Subject<'a>> {
        let package = workspace.packages.iter().find(|it| it.folder == FOLDER);
        let Some(package) = package else {
            bail!("there is no package in {FOLDER}/");
        };
        let subject = Subject {
            workspace,
            package,
            quick,
            only,
        };
        let structures = mutants::structures(&subject.root())?;
        let known = || structures.iter().map(String::as_str).chain([STORE, CACHE]);
        if let Some(only) = only.filter(|&only| !known().any(|it| it == only)) {
            let known = known().collect::<Vec<_>>().join(", ");
            bail!("no structure is called {only}; there are {known}");
        }
        Ok(subject)
    }

    /// Whether structures of `lockfree/` are among what is verified.
    fn has_lockfree(&self) -> bool {
        self.only.is_none_or(|only| ![STORE, CACHE].contains(&only))
    }

    /// Whether the byte store is.
    fn has_store(&self) -> bool {
        self.only.is_none_or(|only| only == STORE)
    }

    /// Whether the typed cache is.
    fn has_cache(&self) -> bool {
        self.only.is_none_or(|only| only == CACHE)
    }

    fn root(&self) -> std::path::PathBuf {
        self.workspace.root.join(FOLDER)
    }

    fn run(&self, part: Part) -> Result<()> {
        match part {
            Part::Loom => checks::loom(self),
            Part::Shuttle => checks::shuttle(self),
            Part::Miri => checks::miri(self),
            Part::Tsan => checks::thread_sanitizer(self),
            Part::Bare => checks::bare(self.workspace, |package| package.folder == FOLDER),
            Part::Mutants => mutants::run(self),
        }
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let subject = Subject::new(workspace, options.quick, options.only.as_deref())?;
    let parts = match options.part {
        Some(part) => vec![part],
        None => Part::value_variants()
            .iter()
            .copied()
            .filter(|&part| !(options.quick && part == Part::Mutants))
            .collect(),
    };
    let mut progress = Progress::new(parts.len());
    for part in parts {
        progress.step(part.title(), || subject.run(part))?;
    }
    progress.summary();
    Ok(())
}

/// How many steps [`quick_steps`] are.
pub(crate) const QUICK_STEPS: usize = 4;

/// The short versions, as steps of a longer task. What needs a nightly toolchain is left out, and the
/// summary says so, where none is installed; unless `with_nightly`, then that is a failure.
pub(crate) fn quick_steps(
    workspace: &Workspace,
    progress: &mut Progress,
    with_nightly: bool,
) -> Result<()> {
    let subject = Subject::new(workspace, true, None)?;
    for part in [Part::Loom, Part::Shuttle] {
        progress.step(part.title(), || subject.run(part))?;
    }
    let missing = nightly::missing(workspace);
    for part in [Part::Miri, Part::Tsan] {
        let title = part.title();
        match &missing {
            Err(error) if !with_nightly => {
                progress.step(title, || Ok(()))?;
                progress.note(format!("{title} did NOT run: {error:#}"));
            }
            _ => progress.step(title, || subject.run(part))?,
        }
    }
    Ok(())
}

pub(crate) use checks::bare;
