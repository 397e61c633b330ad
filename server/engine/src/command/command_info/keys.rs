//! COMMAND GETKEYS: which arguments of a request are keys.
use alloc::vec::Vec;

use hallows_resp::Args;

use crate::command::{KeySpec, table};
use crate::error::CommandError;

/// A key among the arguments.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) key: &'a [u8],
    /// What the command does with it.
    pub(super) flags: &'static [&'static str],
}

/// The keys of `request`, whose first argument is the name of a command.
pub(super) fn find<'a>(request: Args<'a>) -> Result<Vec<Found<'a>>, CommandError> {
    let unknown = CommandError::Fixed("ERR Invalid command specified");
    let Some(mut command) = request.get(0).and_then(table::find) else {
        return Err(unknown);
    };
    if let (false, Some(name)) = (command.spec.subcommands.is_empty(), request.get(1)) {
        command = table::find_subcommand(command, name).ok_or(unknown)?;
    }
    if command.spec.keys.is_empty() {
        return Err(CommandError::Fixed("ERR The command has no key arguments"));
    }
    if !command.spec.accepts(request.len()) {
        return Err(CommandError::Fixed(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let mut found = Vec::new();
    let options = request.from(1..);
    for spec in command.spec.keys {
        let invalid = CommandError::Fixed("ERR Invalid arguments specified for command");
        let indices = indices(spec, request.len()).ok_or(invalid)?;
        let flags = actual_flags(spec, options);
        found.extend(indices.filter_map(|i| {
            Some(Found {
                key: request.get(i)?,
                flags,
            })
        }));
    }
    Ok(found)
}

/// What this very request does with the keys, where that depends on its options:
/// SET reads the old value only with GET.
fn actual_flags(spec: &KeySpec, options: Args<'_>) -> &'static [&'static str] {
    if !spec.flags.contains(&"VARIABLE_FLAGS") {
        return spec.flags;
    }
    let mut options = options.from(2..).iter();
    if options.any(|option| option.eq_ignore_ascii_case(b"get")) {
        &["RW", "ACCESS", "UPDATE"]
    } else {
        &["OW", "UPDATE"]
    }
}

/// Where the keys of a specification are in a request of `count` arguments.
fn indices(spec: &KeySpec, count: usize) -> Option<impl Iterator<Item = usize> + use<>> {
    let first = usize::try_from(spec.first).ok()?;
    let last = match usize::try_from(spec.last) {
        Ok(distance) => first + distance,
        Err(_) => count.checked_sub(spec.last.unsigned_abs() as usize)?,
    };
    let step = usize::try_from(spec.step).ok()?.max(1);
    (first <= last && last < count).then(|| (first..=last).step_by(step))
}
