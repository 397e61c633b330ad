//! COMMAND: what commands there are, what they do and where their keys are, for
//! clients that route, complete or check. The two descriptions of a command are
//! written in `command_info/describe.rs`.
mod categories;
mod describe;
mod keys;

use alloc::string::String;
use alloc::vec::Vec;

use hallows_resp::Args;

use self::keys::Found;
use super::{Categories, Command, Flags, Group, Outcome, Spec, help, table};
use crate::context::Context;
use crate::error::CommandError;
use crate::glob;

const ALWAYS: &[Flags] = &[Flags::LOADING, Flags::STALE];
const CONNECTION: &[Categories] = &[Categories::CONNECTION];
const PER_NAME: &str = "O(N) where N is the number of names given";
const PER_COMMAND: &str = "O(N) where N is the number of commands";
const PER_ARGUMENT: &str = "O(N) where N is the number of arguments";

pub(crate) const SPECS: &[Spec] = &[{
    let mut spec = described(
        Spec::new("command", -1, all).tips(&["nondeterministic_output_order"]),
        "2.8.13",
        PER_COMMAND,
        "Properties of all commands.",
    );
    spec.subcommands = SUBCOMMANDS;
    spec
}];

const fn described(
    spec: Spec,
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
) -> Spec {
    spec.flags(ALWAYS)
        .categories(CONNECTION)
        .doc(Group::Server, since, complexity, summary)
}

const SUBCOMMANDS: &[Spec] = &[
    described(
        Spec::new("count", 2, count),
        "2.8.13",
        "O(1)",
        "The number of commands.",
    ),
    described(
        Spec::new("info", -2, info).tips(&["nondeterministic_output_order"]),
        "2.8.13",
        PER_NAME,
        "Properties of the named commands, or of all.",
    ),
    described(
        Spec::new("docs", -2, docs).tips(&["nondeterministic_output_order"]),
        "7.0.0",
        PER_NAME,
        "Documentation of the named commands, or of all.",
    ),
    described(
        Spec::new("list", -2, list).tips(&["nondeterministic_output_order"]),
        "7.0.0",
        PER_COMMAND,
        "Names of the commands, subcommands included.",
    ),
    described(
        Spec::new("getkeys", -4, getkeys),
        "2.8.13",
        PER_ARGUMENT,
        "The keys among the arguments of a command.",
    ),
    described(
        Spec::new("getkeysandflags", -4, getkeysandflags),
        "7.0.0",
        PER_ARGUMENT,
        "The keys among the arguments of a command, and what is done with each.",
    ),
    described(
        Spec::new("help", 2, help),
        "5.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
];

/// All commands without their subcommands.
fn commands() -> impl Iterator<Item = Command> {
    every().filter(|command| command.parent.is_none())
}

/// All commands, each followed by its subcommands.
fn every() -> impl Iterator<Item = Command> {
    (0..table::COUNT as u16).map(table::by_id)
}

/// The command with this name, `container|subcommand` included.
fn by_full_name(name: &[u8]) -> Option<Command> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let container = table::find(words.next()?)?;
    match words.next() {
        Some(subcommand) => table::find_subcommand(container, subcommand),
        None => Some(container),
    }
}

fn all(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let mut reply = ctx.reply();
    reply.array(table::COMMANDS);
    for command in commands() {
        describe::info(&mut reply, command);
    }
    Ok(())
}

fn count(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    ctx.reply().integer(table::COMMANDS as i64);
    Ok(())
}

fn info(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if args.len() == 2 {
        return all(ctx, args);
    }
    let names = args.from(2..);
    let mut reply = ctx.reply();
    reply.array(names.len());
    for name in names {
        match by_full_name(name) {
            Some(command) => describe::info(&mut reply, command),
            None => reply.null(),
        }
    }
    Ok(())
}

fn docs(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let chosen: Vec<Command> = if args.len() == 2 {
        commands().collect()
    } else {
        args.from(2..).iter().filter_map(by_full_name).collect()
    };
    let mut reply = ctx.reply();
    reply.map(chosen.len());
    for command in chosen {
        reply.bulk(command.full_name().as_bytes());
        describe::docs(&mut reply, command);
    }
    Ok(())
}

fn list(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let filter = Filter::parse(args.from(2..))?;
    let names: Vec<String> = every()
        .filter(|command| filter.accepts(*command))
        .map(|command| command.full_name())
        .collect();
    let mut reply = ctx.reply();
    reply.array(names.len());
    for name in names {
        reply.bulk(name.as_bytes());
    }
    Ok(())
}

/// What COMMAND LIST shows.
enum Filter<'a> {
    Everything,
    /// There are no modules, hence nothing that comes from one.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        if args.is_empty() {
            return Ok(Self::Everything);
        }
        let (Some(option), Some(by), Some(value), 3) =
            (args.get(0), args.get(1), args.get(2), args.len())
        else {
            return Err(CommandError::Syntax);
        };
        if !option.eq_ignore_ascii_case(b"filterby") {
            return Err(CommandError::Syntax);
        }
        match by.to_ascii_lowercase().as_slice() {
            b"module" => Ok(Self::Module),
            b"aclcat" => Ok(Self::Category(value)),
            b"pattern" => Ok(Self::Pattern(value)),
            _ => Err(CommandError::Syntax),
        }
    }

    fn accepts(&self, command: Command) -> bool {
        match self {
            Self::Everything => true,
            Self::Module => false,
            Self::Category(name) => categories::of(command.spec)
                .any(|category| category.as_bytes().eq_ignore_ascii_case(name)),
            Self::Pattern(pattern) => glob::matches(pattern, command.full_name().as_bytes(), true),
        }
    }
}

fn getkeys(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let found = keys::find(args.from(2..))?;
    let mut reply = ctx.reply();
    reply.array(found.len());
    for Found { key, .. } in found {
        reply.bulk(key);
    }
    Ok(())
}

fn getkeysandflags(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let found = keys::find(args.from(2..))?;
    let mut reply = ctx.reply();
    reply.array(found.len());
    for Found { key, flags } in found {
        reply.array(2);
        reply.bulk(key);
        describe::key_flags(&mut reply, flags);
    }
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "COMMAND",
        &[
            "(no subcommand)",
            "    Answer with the properties of all commands.",
            "COUNT",
            "    Answer with the number of commands.",
            "DOCS [<command-name> ...]",
            "    Answer with the documentation of these commands, or of all.",
            "GETKEYS <full-command>",
            "    Answer with the keys among the arguments of a command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Answer with the keys and what the command does with each.",
            "INFO [<command-name> ...]",
            "    Answer with the properties of these commands, or of all.",
            "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
            "    Answer with the names of commands and subcommands.",
        ],
    )
}
