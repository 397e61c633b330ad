//! `hallows doctor`: what this machine offers, what is switched on, and the
//! remedy for what is missing. `machine.rs` reads facts, `checks.rs` judges them
//! without IO, `report.rs` prints the findings.

mod checks;
mod machine;
mod report;

use std::path::Path;

use crate::failure::Failure;

/// Looks at this machine and prints the findings to standard output.
pub(crate) fn run(json: bool) -> Result<(), Failure> {
    let facts = machine::Facts::read(Path::new("/"));
    let findings = checks::judge(&facts);
    let text = if json {
        report::json(&findings)
    } else {
        report::text(&findings)
    };
    crate::stdout::write(text.as_bytes())
}
