//! What `cargo metadata` says about this workspace: its packages, their sources and their edges.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// The workspace this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, with forward slashes: the room of the house.
    pub(crate) folder: String,
    /// Source files that are the root of a library or a program (not of tests or examples).
    pub(crate) crate_roots: Vec<PathBuf>,
    /// Edges to other members; the registry's crates are no concern of the floors.
    pub(crate) edges: Vec<Edge>,
}

/// A dependency of one member on another.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// Folder of the package depended on.
    pub(crate) folder: String,
    /// Only the tests need it.
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo. Works offline: nothing is resolved.
    pub(crate) fn load() -> Result<Workspace> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let json = shell::output(
            shell::cargo()
                .args(["metadata", "--no-deps", "--format-version=1"])
                .arg("--manifest-path")
                .arg(&manifest),
        )?;
        parse(&json).context("the output of `cargo metadata` is not as expected")
    }

    /// Where a program of this workspace is after a build with `profile` (`debug` or `release`).
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }
}

#[derive(Deserialize)]
struct RawMetadata {
    packages: Vec<RawPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<RawTarget>,
    dependencies: Vec<RawDependency>,
}

#[derive(Deserialize)]
struct RawTarget {
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct RawDependency {
    kind: Option<String>,
    path: Option<PathBuf>,
}

fn parse(json: &str) -> Result<Workspace> {
    let raw: RawMetadata = serde_json::from_str(json)?;
    let root = raw.workspace_root;
    let packages = raw
        .packages
        .into_iter()
        .map(|package| package_from(&root, package))
        .collect::<Result<Vec<_>>>()?;
    Ok(Workspace {
        root,
        target: raw.target_directory,
        packages,
    })
}

fn package_from(root: &Path, raw: RawPackage) -> Result<Package> {
    let directory = raw
        .manifest_path
        .parent()
        .context("a manifest without a folder")?;
    let is_crate = |target: &RawTarget| {
        let tests = ["test", "bench", "example", "custom-build"];
        !target
            .kind
            .iter()
            .any(|kind| tests.contains(&kind.as_str()))
    };
    let edges = raw
        .dependencies
        .iter()
        .filter_map(|dependency| {
            Some(Edge {
                folder: relative(root, dependency.path.as_deref()?),
                dev: dependency.kind.as_deref() == Some("dev"),
            })
        })
        .collect();
    Ok(Package {
        folder: relative(root, directory),
        crate_roots: raw
            .targets
            .into_iter()
            .filter(is_crate)
            .map(|target| target.src_path)
            .collect(),
        name: raw.name,
        edges,
    })
}

/// `path` below `root` with forward slashes; a path outside stays as it is, and so is unclassified.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_folders_roots_and_edges_between_members() {
        let json = r#"{
            "workspace_root": "/w", "target_directory": "/t",
            "packages": [{
                "name": "a", "manifest_path": "/w/x/a/Cargo.toml",
                "targets": [
                    {"kind": ["lib"], "src_path": "/w/x/a/src/lib.rs"},
                    {"kind": ["test"], "src_path": "/w/x/a/tests/t.rs"}
                ],
                "dependencies": [
                    {"kind": null, "path": "/w/x/b"},
                    {"kind": "dev", "path": "/w/c"},
                    {"kind": null, "path": null}
                ]
            }]
        }"#;
        let workspace = parse(json).expect("valid metadata");
        let package = &workspace.packages[0];
        assert_eq!(package.folder, "x/a");
        assert_eq!(package.crate_roots, [Path::new("/w/x/a/src/lib.rs")]);
        let edges: Vec<_> = package
            .edges
            .iter()
            .map(|edge| (edge.folder.as_str(), edge.dev))
            .collect();
        assert_eq!(edges, [("x/b", false), ("c", true)]);
    }
}
