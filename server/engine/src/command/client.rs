//! CLIENT: what a connection says about itself, and what it may see of others and
//! do to them. The lines of CLIENT LIST are made in `client/list.rs`, the filters
//! of CLIENT KILL read in `client/kill.rs`.
mod kill;
mod list;

use hallows_resp::{Args, parse_integer};

use self::kill::Kind;
use super::{Categories, Flags, Group, Outcome, Spec, help};
use crate::clients::{ClientFlags, InvalidName};
use crate::context::Context;
use crate::error::CommandError;
use crate::session::ReplyMode;

pub(crate) const SPECS: &[Spec] = &[Spec::container("client", SUBCOMMANDS).doc(
    Group::Connection,
    "2.4.0",
    "Depends on subcommand.",
    "Connections of clients.",
)];

const OWN: &[Flags] = &[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE];
const ADMIN: &[Flags] = &[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE];
const PER_CLIENT: &str = "O(N) where N is the number of connections";

const fn subcommand(
    spec: Spec,
    flags: &[Flags],
    since: &'static str,
    complexity: &'static str,
    summary: &'static str,
) -> Spec {
    spec.flags(flags).categories(&[Categories::CONNECTION]).doc(
        Group::Connection,
        since,
        complexity,
        summary,
    )
}

const SUBCOMMANDS: &[Spec] = &[
    subcommand(
        Spec::new("id", 2, id),
        OWN,
        "5.0.0",
        "O(1)",
        "The number of this connection.",
    ),
    subcommand(
        Spec::new("info", 2, info).tips(&["nondeterministic_output"]),
        OWN,
        "6.2.0",
        "O(1)",
        "The line of CLIENT LIST about this connection.",
    ),
    subcommand(
        Spec::new("list", -2, list).tips(&["nondeterministic_output"]),
        ADMIN,
        "2.4.0",
        PER_CLIENT,
        "One line about each connection.",
    ),
    subcommand(
        Spec::new("kill", -3, kill),
        ADMIN,
        "2.4.0",
        PER_CLIENT,
        "Closes connections chosen by address, id, type or user.",
    ),
    subcommand(
        Spec::new("setname", 3, setname),
        OWN,
        "2.6.9",
        "O(1)",
        "Gives this connection a name.",
    ),
    subcommand(
        Spec::new("getname", 2, getname),
        OWN,
        "2.6.9",
        "O(1)",
        "The name of this connection.",
    ),
    subcommand(
        Spec::new("setinfo", 4, setinfo),
        OWN,
        "7.2.0",
        "O(1)",
        "Tells the name or the version of the client's library.",
    ),
    subcommand(
        Spec::new("reply", 3, reply),
        OWN,
        "3.2.0",
        "O(1)",
        "Switches the replies to this connection on or off.",
    ),
    subcommand(
        Spec::new("no-evict", 3, no_evict),
        ADMIN,
        "7.0.0",
        "O(1)",
        "Protects this connection when client memory is short.",
    ),
    subcommand(
        Spec::new("no-touch", 3, no_touch),
        OWN,
        "7.2.0",
        "O(1)",
        "Lets this connection read keys without marking them as used.",
    ),
    subcommand(
        Spec::new("help", 2, help),
        &[Flags::LOADING, Flags::STALE],
        "5.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
];

fn id(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let id = ctx.session.client.id();
    ctx.reply().integer(id as i64);
    Ok(())
}

fn info(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    list::note_own(ctx, args);
    let text = list::line(&ctx.session.client, ctx.now);
    ctx.reply().verbatim(*b"txt", text.as_bytes());
    Ok(())
}

fn list(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let filter = list::Filter::parse(args.from(2..))?;
    list::note_own(ctx, args);
    let text = filter.lines(&ctx.engine.clients, ctx.now);
    ctx.reply().verbatim(*b"txt", text.as_bytes());
    Ok(())
}

fn kill(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let by_address = args.len() == 3;
    let filter = kill::Filter::parse(args.from(2..))?;
    let mut killed = 0;
    for client in ctx.engine.clients.all() {
        let own = client.id() == ctx.session.client.id();
        if !filter.accepts(&client, own) {
            continue;
        }
        if own {
            // The reply must still be written.
            ctx.session.close = true;
            client.set_flags(ClientFlags::CLOSING, true);
        } else {
            ctx.engine.clients.kill(&client);
        }
        killed += 1;
    }
    match (by_address, killed) {
        (true, 0) => return Err(CommandError::Fixed("ERR No such client")),
        (true, _) => ctx.reply().ok(),
        (false, count) => ctx.reply().integer(count),
    }
    Ok(())
}

fn setname(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    set_name(ctx, &args[2])?;
    ctx.reply().ok();
    Ok(())
}

/// Names the connection, without a reply; HELLO does it too.
pub(crate) fn set_name(ctx: &mut Context<'_>, name: &[u8]) -> Outcome {
    ctx.session.client.set_name(name)?;
    Ok(())
}

fn getname(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let name = ctx.session.client.names().name;
    if name.is_empty() {
        ctx.reply().null();
    } else {
        ctx.reply().bulk(name.as_bytes());
    }
    Ok(())
}

fn setinfo(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (attribute, value) = (&args[2], &args[3]);
    let client = &ctx.session.client;
    let outcome = if attribute.eq_ignore_ascii_case(b"lib-name") {
        client.set_library(value)
    } else if attribute.eq_ignore_ascii_case(b"lib-ver") {
        client.set_library_version(value)
    } else {
        return Err(CommandError::quoting(
            "ERR Unrecognized option '",
            attribute,
            "'",
        ));
    };
    outcome.map_err(|_| {
        let suffix = " cannot contain spaces, newlines or special characters.";
        CommandError::quoting("ERR ", attribute, suffix)
    })?;
    ctx.reply().ok();
    Ok(())
}

fn reply(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mode = &args[2];
    if mode.eq_ignore_ascii_case(b"on") {
        ctx.session.reply = ReplyMode::On;
        ctx.reply().ok();
    } else if mode.eq_ignore_ascii_case(b"off") {
        ctx.session.reply = ReplyMode::Off;
    } else if mode.eq_ignore_ascii_case(b"skip") {
        if ctx.session.reply != ReplyMode::Off {
            ctx.session.reply = ReplyMode::SkipNext;
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

fn no_evict(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let on = switch(&args[2])?;
    ctx.session.client.set_flags(ClientFlags::NO_EVICT, on);
    ctx.reply().ok();
    Ok(())
}

fn no_touch(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let on = switch(&args[2])?;
    ctx.session.no_touch = on;
    ctx.session.client.set_flags(ClientFlags::NO_TOUCH, on);
    ctx.reply().ok();
    Ok(())
}

fn switch(text: &[u8]) -> Result<bool, CommandError> {
    if text.eq_ignore_ascii_case(b"on") {
        Ok(true)
    } else if text.eq_ignore_ascii_case(b"off") {
        Ok(false)
    } else {
        Err(CommandError::Syntax)
    }
}

/// The id of a client, refused with `message`.
fn client_id(text: &[u8], message: &'static str) -> Result<i64, CommandError> {
    parse_integer(text).ok_or(CommandError::Fixed(message))
}

impl From<InvalidName> for CommandError {
    fn from(error: InvalidName) -> Self {
        Self::Text(alloc::format!("ERR {error}").into_bytes())
    }
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    help::reply(
        ctx,
        "CLIENT",
        &[
            "GETNAME",
            "    Answer with the name of this connection.",
            "ID",
            "    Answer with the number of this connection.",
            "INFO",
            "    Describe this connection.",
            "KILL <ip:port>",
            "    Close the connection from this address.",
            "KILL <option> <value> [<option> <value> ...]",
            "    Close the connections that fit all options:",
            "    * ADDR <ip:port>: the client's address.",
            "    * LADDR <ip:port>: the server's address.",
            "    * ID <client-id>: the number of the connection.",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB): the kind of client.",
            "    * USER <username>: the authenticated user.",
            "    * SKIPME (YES|NO): spare this connection (default: yes).",
            "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> ...]",
            "    Describe the connections, one line each.",
            "NO-EVICT (ON|OFF)",
            "    Protect this connection when client memory is short.",
            "NO-TOUCH (ON|OFF)",
            "    Do not mark keys as used when this connection reads them.",
            "REPLY (ON|OFF|SKIP)",
            "    Choose whether commands of this connection are answered.",
            "SETINFO (LIB-NAME|LIB-VER) <value>",
            "    Tell what library the client uses.",
            "SETNAME <name>",
            "    Give this connection a name.",
        ],
    )
}
