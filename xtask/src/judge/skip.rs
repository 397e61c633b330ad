//! The skip list: one line per test, `NAME # reason`. The reason is not optional: the list is the
//! public record of what the server does not do.

use anyhow::{Result, bail};

/// Test names that are not run, in the order of the file.
#[derive(Debug)]
pub(crate) struct SkipList {
    names: Vec<String>,
}

impl SkipList {
    /// Reads the list; lines that begin with `#` and blank lines separate its sections.
    pub(crate) fn parse(text: &str) -> Result<SkipList> {
        let mut names: Vec<String> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // From the right: names may hold a hash, reasons may not.
            let (name, reason) = line.rsplit_once(" # ").unwrap_or((line, ""));
            let name = name.trim();
            if reason.trim().is_empty() {
                bail!(
                    "line {}: `{name}` has no reason; write `NAME # reason`",
                    index + 1
                );
            }
            if name.starts_with('/') {
                bail!("line {}: `{name}` is a pattern; name each test", index + 1);
            }
            if names.iter().any(|known| known == name) {
                bail!("line {}: `{name}` is listed twice", index + 1);
            }
            names.push(name.to_owned());
        }
        Ok(SkipList { names })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_their_reasons() {
        let list = SkipList::parse("# lists\n\nLPUSH works # needs lists\na #1 b # why\n")
            .expect("a valid list");
        assert_eq!(list.names().collect::<Vec<_>>(), ["LPUSH works", "a #1 b"]);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        let error = SkipList::parse("LPUSH works\n").unwrap_err().to_string();
        assert!(
            error.contains("line 1") && error.contains("no reason"),
            "{error}"
        );
        SkipList::parse("LPUSH works # \n").unwrap_err();
    }

    #[test]
    fn patterns_and_repetitions_are_refused() {
        SkipList::parse("/LPUSH.* # lists\n").unwrap_err();
        SkipList::parse("a # x\na # y\n").unwrap_err();
    }
}
