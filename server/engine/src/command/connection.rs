//! Commands about the connection itself: PING ECHO AUTH HELLO SELECT QUIT RESET.
use hallows_resp::{Args, Protocol, parse_integer};

use super::{Categories, Flags, Group, Outcome, Spec, client};
use crate::REDIS_VERSION;
use crate::context::Context;
use crate::error::CommandError;
use crate::number::database;
use crate::session::ReplyMode;

const fn connection(
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

/// Allowed before authentication and whatever state the server is in.
const ALWAYS: &[Flags] = &[
    Flags::NOSCRIPT,
    Flags::LOADING,
    Flags::STALE,
    Flags::FAST,
    Flags::NO_AUTH,
    Flags::ALLOW_BUSY,
];
const IN_ANY_STATE: &[Flags] = &[Flags::LOADING, Flags::STALE, Flags::FAST];

pub(crate) const SPECS: &[Spec] = &[
    connection(
        Spec::new("ping", -1, ping),
        &[Flags::FAST],
        "1.0.0",
        "O(1)",
        "Answers.",
    )
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    connection(
        Spec::new("echo", 2, echo),
        IN_ANY_STATE,
        "1.0.0",
        "O(1)",
        "Answers with its argument.",
    ),
    connection(
        Spec::new("auth", -2, auth),
        ALWAYS,
        "1.0.0",
        "O(N) in the number of passwords",
        "Gives the password that the server asks for.",
    ),
    connection(
        Spec::new("hello", -1, hello),
        ALWAYS,
        "6.0.0",
        "O(1)",
        "Chooses the version of the protocol and introduces both sides.",
    ),
    connection(
        Spec::new("select", 2, select),
        IN_ANY_STATE,
        "1.0.0",
        "O(1)",
        "Chooses the database for the commands that follow.",
    ),
    connection(
        Spec::new("quit", -1, quit),
        ALWAYS,
        "1.0.0",
        "O(1)",
        "Closes the connection.",
    ),
    connection(
        Spec::new("reset", 1, reset),
        ALWAYS,
        "6.2.0",
        "O(1)",
        "Makes the connection as it was when it began.",
    ),
];

fn ping(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match args.len() {
        1 => ctx.reply().simple("PONG"),
        2 => ctx.reply().bulk(&args[1]),
        _ => return Err(CommandError::WrongArity(ctx.command)),
    }
    Ok(())
}

fn echo(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    ctx.reply().bulk(&args[1]);
    Ok(())
}

/// The one user there is.
const USER: &[u8] = b"default";

fn auth(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match args.len() {
        2 if !ctx.engine.settings.password_required() => {
            return Err(CommandError::Fixed(
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?",
            ));
        }
        2 => authenticate(ctx, USER, &args[1])?,
        3 => authenticate(ctx, &args[1], &args[2])?,
        _ => return Err(CommandError::Syntax),
    }
    ctx.reply().ok();
    Ok(())
}

/// Without a configured password any password of the one user is right, as in Redis.
fn authenticate(ctx: &mut Context<'_>, user: &[u8], password: &[u8]) -> Outcome {
    let settings = &ctx.engine.settings;
    let right = !settings.password_required() || settings.password_matches(password);
    if user != USER || !right {
        return Err(CommandError::WrongPassword);
    }
    ctx.session.authenticated = true;
    Ok(())
}

fn hello(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let protocol = match args.get(1).map(parse_integer) {
        None => ctx.session.protocol,
        Some(Some(2)) => Protocol::Resp2,
        Some(Some(3)) => Protocol::Resp3,
        Some(Some(_)) => {
            return Err(CommandError::Fixed("NOPROTO unsupported protocol version"));
        }
        Some(None) => {
            return Err(CommandError::Fixed(
                "ERR Protocol version is not an integer or out of range",
            ));
        }
    };
    let options = args.from(2..);
    let mut words = options.iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"auth") && words.len() >= 2 {
            let (user, password) = (words.next(), words.next());
            authenticate(ctx, user.unwrap_or_default(), password.unwrap_or_default())?;
        } else if word.eq_ignore_ascii_case(b"setname") && words.len() >= 1 {
            client::set_name(ctx, words.next().unwrap_or_default())?;
        } else {
            return Err(CommandError::quoting(
                "ERR Syntax error in HELLO option '",
                word,
                "'",
            ));
        }
    }
    if !ctx.session.authenticated {
        return Err(CommandError::Fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
             the RESP protocol version at the same time",
        ));
    }
    ctx.session.set_protocol(protocol);
    introduce(ctx);
    Ok(())
}

fn introduce(ctx: &mut Context<'_>) {
    let id = ctx.session.client.id();
    let version = ctx.session.protocol_version();
    let mut reply = ctx.reply();
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(i64::from(version));
    reply.bulk(b"id");
    reply.integer(id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

fn select(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let db = database(&args[1])?;
    ctx.session.select(db);
    ctx.reply().ok();
    Ok(())
}

fn quit(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    ctx.session.close = true;
    ctx.reply().ok();
    Ok(())
}

fn reset(ctx: &mut Context<'_>, _: Args<'_>) -> Outcome {
    let session = &mut ctx.session;
    session.select(0);
    session.set_protocol(Protocol::Resp2);
    session.reply = ReplyMode::On;
    session.authenticated = !ctx.engine.settings.password_required();
    session.no_touch = false;
    session.client.reset();
    ctx.reply().simple("RESET");
    Ok(())
}
