//! Results on standard output; a reader that goes away early (`| head`) is not
//! a failure.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Writes `text` to standard output.
pub(crate) fn write(text: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot write the result: {error}"),
            "Check where standard output goes.",
        )),
        _ => Ok(()),
    }
}

/// Writes `value` as JSON, for scripts.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| {
        Failure::failed(format!("cannot write the result as JSON: {error}"), "")
    })?;
    text.push(b'\n');
    write(&text)
}
