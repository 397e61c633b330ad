//! Fetching the suite: Debian's source package of redis, by apt and so with its signatures
//! verified, in an apt state of our own. The system's package lists and sources stay untouched,
//! and no rights beyond the user's are needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{self, find_program};

/// The version whose behaviour the server follows.
const VERSION: &str = "7.0.15";

/// Downloads the upstream tarball into `folder` unless it is there.
pub(crate) fn fetch(folder: &Path) -> Result<()> {
    if tarball(folder).exists() {
        return Ok(());
    }
    let apt = folder.join("apt");
    let sources = apt.join("sources");
    for needed in ["sources", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(needed))?;
    }
    let count = write_sources(Path::new("/etc/apt"), &sources)?;
    if count == 0 {
        bail!("no Debian source is configured in /etc/apt to derive a deb-src line from");
    }
    let apt_get = |arguments: &[&str]| {
        let option = |name: &str, path: &Path| format!("-o{name}={}", path.display());
        let mut command = Command::new("apt-get");
        command
            .current_dir(folder)
            .arg("-oDir::Etc::sourcelist=/dev/null")
            .arg(option("Dir::Etc::sourceparts", &sources))
            .arg(option("Dir::State::lists", &apt.join("lists")))
            .arg(option("Dir::Cache", &apt.join("cache")))
            // As root, apt would change to a user that may not write here.
            .arg("-oAPT::Sandbox::User=root")
            .arg("-q")
            .args(arguments);
        command
    };
    shell::run(&mut apt_get(&["update"]))?;
    shell::run(&mut apt_get(&["source", "--download-only", "redis"]))?;
    if !tarball(folder).exists() {
        bail!("Debian's source package of redis is not version {VERSION}; Debian 12 has that one");
    }
    Ok(())
}

fn tarball(folder: &Path) -> PathBuf {
    folder.join(format!("redis_{VERSION}.orig.tar.gz"))
}

/// Writes a deb-src twin of each Debian source below `etc` into `into`; returns how many.
fn write_sources(etc: &Path, into: &Path) -> Result<usize> {
    let mut found = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        found.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    let mut written = 0;
    for path in found {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let (name, twin) = match path.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => ("sources", source_stanzas(&text)),
            Some("list") => ("list", source_lines(&text)),
            _ => continue,
        };
        if !twin.is_empty() {
            fs::write(into.join(format!("judge-{written}.{name}")), twin)?;
            written += 1;
        }
    }
    Ok(written)
}

/// Sources of other vendors have no redis to offer and may have no source packages at all.
fn is_debian(text: &str) -> bool {
    text.contains("debian")
}

/// The deb822 form: stanzas separated by blank lines, `Types: deb` becomes `Types: deb-src`.
fn source_stanzas(text: &str) -> String {
    text.split("\n\n")
        .filter(|stanza| is_debian(stanza) && stanza.lines().any(|line| line.starts_with("Types:")))
        .map(|stanza| {
            stanza
                .lines()
                .map(|line| {
                    if line.starts_with("Types:") {
                        "Types: deb-src\n".to_owned()
                    } else {
                        format!("{line}\n")
                    }
                })
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The one-line form: `deb URI SUITE COMPONENTS` becomes `deb-src ...`.
fn source_lines(text: &str) -> String {
    text.lines()
        .filter(|line| is_debian(line))
        .filter_map(|line| line.trim_start().strip_prefix("deb "))
        .map(|rest| format!("deb-src {rest}\n"))
        .collect()
}

/// Unpacks a fresh copy of the suite and makes it ready; returns its folder.
pub(crate) fn unpack(folder: &Path) -> Result<PathBuf> {
    let suite = folder.join(format!("redis-{VERSION}"));
    if suite.exists() {
        fs::remove_dir_all(&suite)?;
    }
    shell::output(
        Command::new("tar")
            .current_dir(folder)
            .arg("--extract")
            .arg("--file")
            .arg(tarball(folder)),
    )?;
    link_programs(&suite)?;
    tolerate_missing_functions(&suite)?;
    Ok(suite)
}

/// The suite expects Redis's programs where a build would put them.
fn link_programs(suite: &Path) -> Result<()> {
    for program in ["redis-cli", "redis-benchmark", "redis-server"] {
        let installed = find_program(program).with_context(|| {
            format!("{program} is not installed; `cargo xtask test` installs it")
        })?;
        std::os::unix::fs::symlink(installed, suite.join("src").join(program))?;
    }
    Ok(())
}

/// The one change to the suite: before each block of tests it empties the server with FLUSHALL and
/// FUNCTION FLUSH. A server without scripting has no functions to flush, and its error reply
/// outside of any test would end the whole run.
fn tolerate_missing_functions(suite: &Path) -> Result<()> {
    let path = suite.join("tests/support/server.tcl");
    let text = fs::read_to_string(&path)?;
    let changed = text.replace("    r function flush\n", "    catch {r function flush}\n");
    if changed == text {
        bail!(
            "{} does not flush functions as it is known to",
            path.display()
        );
    }
    Ok(fs::write(&path, changed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_stanzas_become_source_stanzas_and_others_are_left_out() {
        let text = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n\n\
                    Types: deb\nURIs: https://deb.nodesource.com/node_20.x\nSuites: nodistro\n";
        let twin = source_stanzas(text);
        assert_eq!(
            twin,
            "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm\n"
        );
    }

    #[test]
    fn one_line_sources_become_source_lines() {
        let text = "# deb http://mirror.example/debian old main\n\
                    deb http://mirror.example/debian bookworm main\n\
                    deb-src http://mirror.example/debian bookworm main\n\
                    deb https://example.org/x y z\n";
        assert_eq!(
            source_lines(text),
            "deb-src http://mirror.example/debian bookworm main\n"
        );
    }
}
