//! Prints findings: a table for people, JSON for scripts.

use std::fmt::Write;

use serde::Serialize;

use super::checks::{Finding, Status};

/// `{"findings": [{"name", "status", "found", "remedy"}]}`.
pub(super) fn json(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        findings: &'a [Finding],
    }
    let mut text = serde_json::to_string_pretty(&Report { findings })
        .expect("findings are plain strings and always serialise");
    text.push('\n');
    text
}

/// One line per finding, its remedy below it.
pub(super) fn text(findings: &[Finding]) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.status {
            Status::On => "on ",
            Status::Off => "off",
            Status::Unknown => "?  ",
        };
        let Finding { name, found, .. } = finding;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark}  {name:width$}  {found}");
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "     {:width$}  -> {remedy}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::checks::judge;
    use super::super::machine::Facts;
    use super::{json, text};

    #[test]
    fn both_forms_hold_every_finding() {
        let findings = judge(&Facts::default());
        let parsed: serde_json::Value = serde_json::from_str(&json(&findings)).expect("JSON");
        assert_eq!(
            parsed["findings"].as_array().expect("a list").len(),
            findings.len()
        );
        let table = text(&findings);
        for finding in &findings {
            assert!(table.contains(finding.name), "{table}");
            assert!(parsed["findings"].to_string().contains(finding.name));
        }
    }
}
