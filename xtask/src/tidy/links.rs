//! Markdown links to files of this repository must lead somewhere.
//!
//! Inline links and images `[text](target)` are followed, outside of code. Links to the web are
//! not: a check that fails when somebody else's site is down checks nothing of ours.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::workspace::relative;

use super::{Violation, files};

pub(crate) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for path in files(root, "md")? {
        let text = fs::read_to_string(&path)?;
        let folder = path.parent().unwrap_or(root);
        for (line, target) in local_links(&text) {
            if !folder.join(&target).exists() {
                let text = format!("link to {target}, which does not exist");
                violations.push(Violation::new(&relative(root, &path), line, text));
            }
        }
    }
    Ok(violations)
}

/// Line and target (without its anchor) of each link that names a file.
fn local_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose = without_code(line);
        for rest in prose.split("](").skip(1) {
            let Some((target, _)) = rest.split_once(')') else {
                continue;
            };
            let file = target.split(['#', ' ']).next().unwrap_or_default();
            if !file.is_empty() && !file.contains(':') {
                links.push((index + 1, file.to_owned()));
            }
        }
    }
    links
}

/// The line without its `code spans`: every second piece between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_fails_and_one_to_a_present_file_passes() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let text = "See [the map](MAP.md#rooms), ![](img/a.png) and\n[nothing](gone.md).\n";
        fs::write(tree.path().join("README.md"), text).expect("write");
        fs::write(tree.path().join("MAP.md"), "").expect("write");
        let found = check(tree.path()).expect("readable");
        let listing: Vec<_> = found.iter().map(Violation::to_string).collect();
        assert_eq!(
            listing,
            [
                "README.md:1: link to img/a.png, which does not exist",
                "README.md:2: link to gone.md, which does not exist"
            ]
        );
    }

    #[test]
    fn web_links_anchors_and_code_are_not_followed() {
        let text = "[a](https://x.org/y) [b](#here) `[c](d.md)`\n```\n[e](f.md)\n```\n";
        assert_eq!(local_links(text), []);
    }
}
