//! From the words of a request to the handler of its command, and the refusals
//! on the way: unknown names, wrong counts of arguments, missing authentication.
use alloc::vec::Vec;

use hallows_resp::Args;

use super::{Command, Flags, Outcome, table};
use crate::context::Context;
use crate::error::CommandError;

/// GET, which the connection executes past the general path where a pipeline has nothing else.
pub(crate) const GET: Command = table::const_find(b"get");

/// Most bytes of a name, and of the arguments together, that an error quotes.
const QUOTED_MAX: usize = 128;

/// Why no command was found.
pub(crate) enum Unknown {
    /// A line of HTTP: a web page makes a browser speak to the server. The
    /// connection must end before a command hidden in the body is read.
    Attack,
    Error(CommandError),
}

/// Whether the name is GET's.
#[inline]
pub(crate) fn is_get(name: &[u8]) -> bool {
    matches!(name, [b'g' | b'G', b'e' | b'E', b't' | b'T'])
}

/// Finds the command or subcommand that a request names.
#[inline]
pub(crate) fn find(args: &Args<'_>) -> Result<Command, Unknown> {
    let Some(command) = table::find(&args[0]) else {
        return Err(unknown_command(args));
    };
    if command.spec.subcommands.is_empty() {
        return Ok(command);
    }
    match args.get(1) {
        Some(name) => {
            table::find_subcommand(command, name).ok_or_else(|| unknown_subcommand(command, name))
        }
        None => Ok(command),
    }
}

/// Checks a request against its command and executes it.
#[inline]
pub(crate) fn call(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let spec = ctx.command.spec;
    if !spec.accepts(args.len()) {
        return Err(CommandError::WrongArity(ctx.command));
    }
    if !ctx.session.authenticated
        && ctx.engine.settings.password_required()
        && !spec.flags.contains(Flags::NO_AUTH)
    {
        return Err(CommandError::NoAuth);
    }
    (spec.handler)(ctx, args)
}

#[cold]
fn unknown_command(args: &Args<'_>) -> Unknown {
    let name = &args[0];
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        return Unknown::Attack;
    }
    let mut text = Vec::from(b"ERR unknown command '");
    text.extend_from_slice(quoted(name, QUOTED_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    let start = text.len();
    for arg in args.iter().skip(1) {
        let Some(room) = QUOTED_MAX
            .checked_sub(text.len() - start)
            .filter(|room| *room > 0)
        else {
            break;
        };
        text.push(b'\'');
        text.extend_from_slice(quoted(arg, room));
        text.extend_from_slice(b"' ");
    }
    Unknown::Error(CommandError::Text(text))
}

#[cold]
fn unknown_subcommand(container: Command, name: &[u8]) -> Unknown {
    let after = alloc::format!("'. Try {} HELP.", container.spec.name.to_ascii_uppercase());
    Unknown::Error(CommandError::quoting(
        "ERR unknown subcommand '",
        &name[..name.len().min(QUOTED_MAX)],
        &after,
    ))
}

/// The part of client bytes that an error quotes: Redis formats them as C strings,
/// which end at a NUL.
fn quoted(bytes: &[u8], max: usize) -> &[u8] {
    let end = bytes
        .iter()
        .take(max)
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len().min(max));
    &bytes[..end]
}
