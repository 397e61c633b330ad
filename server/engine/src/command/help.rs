//! The reply to HELP, which every container has.
use super::Outcome;
use crate::context::Context;

/// Lines that every HELP ends with.
const FOOTER: [&str; 2] = ["HELP", "    Print this help."];

/// Answers with what the subcommands of the current command are: `lines` in
/// pairs of usage and, indented, meaning.
pub(crate) fn reply(ctx: &mut Context<'_>, container: &str, lines: &[&str]) -> Outcome {
    let title =
        alloc::format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut reply = ctx.reply();
    reply.array(1 + lines.len() + FOOTER.len());
    reply.simple(&title);
    for line in lines.iter().chain(&FOOTER) {
        reply.simple(line);
    }
    Ok(())
}
