//! DEBUG, for tests of servers and clients: refused unless the setting
//! `enable-debug-command` allows it, which cannot change while the server runs.
use hallows_resp::{Args, Protocol, Reply};

use super::{Flags, Group, Outcome, Spec, help};
use crate::context::Context;
use crate::error::CommandError;
use crate::settings::Permission;

pub(crate) const SPECS: &[Spec] = &[Spec::new("debug", -2, debug)
    .flags(&[
        Flags::ADMIN,
        Flags::NOSCRIPT,
        Flags::LOADING,
        Flags::STALE,
        Flags::PROTECTED,
    ])
    .doc(
        Group::Server,
        "1.0.0",
        "Depends on subcommand.",
        "Aids for tests.",
    )];

const REFUSED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set \
    to \"local\", you can run it from a local connection, otherwise you need to set this option \
    in the configuration file, and then restart the server.";

fn debug(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let allowed = match ctx.engine.settings.debug_command() {
        Permission::Yes => true,
        Permission::Local => ctx.session.client.is_local(),
        Permission::No => false,
    };
    if !allowed {
        return Err(CommandError::Fixed(REFUSED));
    }
    match (args[1].to_ascii_lowercase().as_slice(), args.len()) {
        (b"sleep", 3) => sleep(ctx, &args[2]),
        (b"set-active-expire", 3) => {
            ctx.engine.settings.set_active_expire(&args[2] != b"0");
            ctx.reply().ok();
        }
        (b"protocol", 3) => protocol(ctx.reply(), &args[2])?,
        (b"error", 3) => ctx.reply().error_bytes(&args[2]),
        (b"help", 2) => help(ctx)?,
        _ => {
            let suffix = "'. Try DEBUG HELP.";
            let prefix = "ERR unknown subcommand or wrong number of arguments for '";
            return Err(CommandError::quoting(prefix, &args[1], suffix));
        }
    }
    Ok(())
}

/// Pauses this connection, and no other: time that cannot be read is no time, as
/// in Redis.
fn sleep(ctx: &mut Context<'_>, seconds: &[u8]) {
    let seconds: f64 = core::str::from_utf8(seconds)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    // The cast saturates, and turns negative numbers and NaN into 0.
    ctx.session.sleep_us = Some((seconds * 1e6) as u64);
    ctx.reply().ok();
}

/// A reply of the named type, for tests of clients.
#[expect(clippy::approx_constant, reason = "clients' tests expect these digits")]
fn protocol(mut reply: Reply<'_>, kind: &[u8]) -> Outcome {
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            numbers(&mut reply);
        }
        b"set" => {
            reply.set(3);
            numbers(&mut reply);
        }
        b"map" => {
            reply.map(3);
            for i in 0..3 {
                reply.integer(i);
                reply.boolean(i == 1);
            }
        }
        b"attrib" => attribute(&mut reply),
        b"push" if reply.protocol() == Protocol::Resp2 => {
            return Err(CommandError::Fixed(
                "ERR RESP2 is not supported by this command",
            ));
        }
        b"push" => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim(*b"txt", b"This is a verbatim\nstring"),
        _ => {
            return Err(CommandError::Fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

fn numbers(reply: &mut Reply<'_>) {
    for i in 0..3 {
        reply.integer(i);
    }
}

/// An attribute is no reply of its own: one follows.
fn attribute(reply: &mut Reply<'_>) {
    if reply.protocol() == Protocol::Resp3 {
        reply.out().extend_from_slice(b"|1\r\n");
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}

fn help(ctx: &mut Context<'_>) -> Outcome {
    help::reply(
        ctx,
        "DEBUG",
        &[
            "ERROR <string>",
            "    Answer with this error.",
            "PROTOCOL <type>",
            "    Answer with a value of the type: string, integer, double, bignum, null, array,",
            "    set, map, attrib, push, verbatim, true, false.",
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Stop or resume the removal of expired keys that nobody asks for.",
            "SLEEP <seconds>",
            "    Let this connection pause. Decimals allowed.",
        ],
    )
}
